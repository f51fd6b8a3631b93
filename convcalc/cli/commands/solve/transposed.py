"""``transposed``: sizes and parameters of transposed convolutions, overlap, costs, alternatives."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

import convcalc
from convcalc.calculators.transposed.settings import MAX_DILATION
from convcalc.cli.options import (
    EXACT,
    FORM,
    GRAPH,
    LAYER,
    MAYBE_SPEC,
    RANK,
    SIZES,
    SORT,
    TOP,
    Common,
    MaxDilation,
    command,
)
from convcalc.cli.output import UsageProblem
from convcalc.cli.rows import chosen, without_spec
from convcalc.cli.values import alone, axes, sizes
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(MAYBE_SPEC, RANK, *GRAPH, LAYER, SORT, TOP, EXACT, *FORM, pictures=True, words=SIZES)
def transposed(
    common: Common,
    size: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SIZE",
            help="Size that goes in, without channels; with --like, into that layer.",
        ),
    ] = None,
    out: Annotated[str | None, typer.Option("--to", metavar="SIZE", help="Size that should leave.")] = None,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", metavar="K", help="Taps: 4 or 3x5.")] = None,
    stride: Annotated[str | None, typer.Option("--stride", "-s", metavar="S", help="Stride.")] = None,
    padding: Annotated[str | None, typer.Option("--padding", "-p", metavar="P", help="Padding.")] = None,
    output_padding: Annotated[
        str | None, typer.Option("--output-padding", metavar="OP", help="Output padding.")
    ] = None,
    dilation: Annotated[
        str | None, typer.Option("--dilation", "-d", metavar="D", help="Dilation: from tap to tap.")
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="LAYER", help="The convolution to invert: 'conv 64 k5 s2 p2'."),
    ] = None,
    channels: Annotated[
        str | None, typer.Option("--channels", "-c", metavar="IN->OUT", help="Channels, for the costs.")
    ] = None,
    groups: Annotated[
        int, typer.Option("--groups", "-g", metavar="G", min=1, help="Groups of channels.")
    ] = 1,
    max_dilation: MaxDilation = MAX_DILATION,
    every: Annotated[bool, typer.Option("--all", help="Show every setting.")] = False,
    map: Annotated[
        bool, typer.Option("--map", help="Map in text: how many products each pixel gets.")
    ] = False,
) -> Answer:
    """Transposed convolutions between two sizes, their overlap and costs.

    With --from and --to: every stride, padding, output padding and dilation that gets there.
    With --like: the one that inverts a layer's shape. With SPEC: those of a network.
    """
    from convcalc.render.pictures.grid import drawn
    from convcalc.render.pictures.questions import overlap
    from convcalc.render.views.solve import transposed as render

    if common.spec is not None:
        alone(
            {
                "--from": size, "--to": out, "--kernel": kernel, "--stride": stride, "--padding": padding,
                "--output-padding": output_padding, "--dilation": dilation, "--like": like,
                "--channels": channels, "--groups": groups != 1, "--rank": common.rank,
                "--max-dilation": max_dilation != MAX_DILATION, "--all": every, "--map": map,
            }
        )  # fmt: skip
        graph = common.load()
        layers = convcalc.check_transposed(graph)
        if not layers:  # there is nothing to choose among
            table = render.layers_table(layers, graph.name)
            return Answer([table], lambda: {"name": graph.name, "layers": []})
        found = chosen(common, render.layers_table(layers, graph.name), "executed", graph.name)
        return Answer(
            [found.table],
            lambda: {"name": graph.name, "layers": found.records([layer.to_dict() for layer in layers])},
            picture=lambda: overlap.of_network(layers, graph.name),
        )
    without_spec(common)
    given = sizes(common, size)
    if given is None:
        raise UsageProblem(
            "nothing to solve",
            expected="--from 32 --to 64, --like 'conv 64 k5 s2 p2' --from 64, or a SPEC",
        )
    solution = convcalc.solve_transposed(
        given,
        axes(out, "--to"),
        axes(kernel, "--kernel"),
        stride=axes(stride, "--stride"),
        padding=axes(padding, "--padding"),
        output_padding=axes(output_padding, "--output-padding"),
        dilation=axes(dilation, "--dilation"),
        like=like,
        channels=_channels(channels, common, like is not None),
        groups=groups,
        rank=common.rank,
        max_dilation=MAX_DILATION if max_dilation is None else max_dilation,
    )
    grid = drawn(solution.overlap, "the same executed, with borders", map)
    if map:
        phases = Text("\n".join(render.phase_lines(solution)), drawn=True)
        grid[:0] = [Text("products per output pixel, one period of phases"), phases]
    tables = render.solution_tables(solution, every=every, exact=common.exact)
    return Answer(
        chain(tables, grid),
        lambda: solution.to_dict(grid=map),
        picture=lambda: overlap.executed(solution),
    )


def _channels(text: str | None, common: Common, like: bool) -> tuple[int, int] | None:
    """``64->32``, or the first number of ``--input`` for both.

    Raises:
        UsageProblem: it is neither.
    """
    if text is not None:
        parts = text.split("->")
        found = [axes(part, "--channels") for part in parts if part.strip().isdecimal()]
        if len(parts) != 2 or len(found) != 2:
            raise UsageProblem(f"--channels {text!r} is no pair", expected="--channels '64->32'")
        return found[0], found[1]
    if common.input and "x" in common.input[0]:
        first = int(axes(common.input[0], "--input")[0])
        return (1, first) if like else (first, first)
    return None

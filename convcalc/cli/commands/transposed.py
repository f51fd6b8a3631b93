"""``transposed``: sizes and parameters of transposed convolutions, overlap, costs, alternatives."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import typer

import convcalc
from convcalc.cli.options import EXACT, FORM, GRAPH, MAYBE_SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.values import alone, axes, sizes
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(MAYBE_SPEC, *GRAPH, EXACT, *FORM)
def transposed(
    common: Common,
    size: Annotated[
        str | None,
        typer.Option("--in", metavar="SIZE", help="Size that goes in; with --like, into that layer."),
    ] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="SIZE", help="Size that should leave.")] = None,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", metavar="K", help="Taps: 4 or 3x5.")] = None,
    stride: Annotated[str | None, typer.Option("--stride", "-s", metavar="S", help="Stride.")] = None,
    padding: Annotated[str | None, typer.Option("--padding", "-p", metavar="P", help="Padding.")] = None,
    output_padding: Annotated[
        str | None, typer.Option("--output-padding", "-op", metavar="OP", help="Output padding.")
    ] = None,
    dilation: Annotated[str | None, typer.Option("--dilation", "-d", metavar="D", help="Dilation.")] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", metavar="LAYER", help="The convolution to invert: 'conv 64 k5 s2 p2'."),
    ] = None,
    channels: Annotated[
        str | None, typer.Option("--channels", "-c", metavar="IN->OUT", help="Channels, for the costs.")
    ] = None,
    groups: Annotated[int, typer.Option("--groups", "-g", metavar="G", help="Groups of channels.")] = 1,
    rank: Annotated[int | None, typer.Option("--rank", metavar="N", help="Number of axes; 2.")] = None,
    max_dilation: Annotated[
        int | None, typer.Option("--max-dilation", metavar="D", help="Largest dilation that is tried; 64.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every setting.")] = False,
    map: Annotated[bool, typer.Option("--map", help="Show how many products each pixel gets.")] = False,
) -> Answer:
    """Transposed convolutions between two sizes, their overlap and costs.

    With --in and --out: every stride, padding, output padding and dilation that gets there.
    With --like: the one that inverts a layer's shape. With SPEC: those of a network.
    """
    from convcalc.render.pictures.grid import drawn
    from convcalc.render.pictures.heatmap import grid_files
    from convcalc.render.views import transposed as render

    if common.spec is not None:
        alone(
            {
                "--in": size, "--out": out, "--kernel": kernel, "--stride": stride, "--padding": padding,
                "--output-padding": output_padding, "--dilation": dilation, "--like": like,
                "--channels": channels, "--groups": groups != 1, "--rank": rank,
                "--max-dilation": max_dilation, "--all": every, "--map": map,
            }
        )  # fmt: skip
        graph = common.load()
        layers = convcalc.check_transposed(graph)
        return Answer(
            [render.layers_table(layers, graph.name)],
            lambda: {"name": graph.name, "layers": [layer.to_dict() for layer in layers]},
        )
    given = sizes(common, size)
    if given is None:
        raise UsageProblem(
            "nothing to solve",
            expected="--in 32 --out 64 --kernel 4, --like 'conv 64 k5 s2 p2' --in 64, or a SPEC",
        )
    solution = convcalc.solve_transposed(
        given,
        axes(out, "--out"),
        axes(kernel, "--kernel"),
        stride=axes(stride, "--stride"),
        padding=axes(padding, "--padding"),
        output_padding=axes(output_padding, "--output-padding"),
        dilation=axes(dilation, "--dilation"),
        like=like,
        channels=_channels(channels, common, like is not None),
        groups=groups,
        rank=rank,
        **({} if max_dilation is None else {"max_dilation": max_dilation}),
    )
    heading, label = "the same executed, with borders", "products per output pixel"
    grid = drawn(solution.overlap, heading, map, common.picture)
    if map:
        phases = Text("\n".join(render.phase_lines(solution)), drawn=True)
        grid[:0] = [Text("products per output pixel, one period of phases"), phases]
    tables = render.solution_tables(solution, every=every, exact=common.exact)
    return Answer(
        chain(tables, grid),
        lambda: solution.to_dict(grid=map),
        files=grid_files(solution.overlap, solution.spec, label),
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

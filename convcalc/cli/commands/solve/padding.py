"""``padding``: the padding for a wanted size, or the check of a whole spec."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from convcalc.cli.options import FORM, GRAPH, LAYER, MAYBE_SPEC, RANK, SIZES, SORT, TOP, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.rows import chosen, without_spec
from convcalc.cli.values import alone, axes, pairs, sizes
from convcalc.render.answer import Answer

FOUND = 1
"""Exit code of ``--strict`` where something was found."""


@command(MAYBE_SPEC, RANK, *GRAPH, LAYER, SORT, TOP, *FORM, words=SIZES)
def padding(
    common: Common,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", metavar="K", help="Taps: 3 or 3x5.")] = None,
    dilation: Annotated[
        str, typer.Option("--dilation", "-d", metavar="D", help="Dilation: from tap to tap.")
    ] = "1",
    stride: Annotated[str, typer.Option("--stride", "-s", metavar="S", help="Stride.")] = "1",
    size: Annotated[
        str | None,
        typer.Option("--from", metavar="SIZE", help="Size that goes in, without channels: 65x65."),
    ] = None,
    out: Annotated[str | None, typer.Option("--to", metavar="SIZE", help="Size that should leave.")] = None,
    mode: Annotated[
        Literal["same", "same_lower", "valid", "full", "causal"] | None,
        typer.Option("--mode", help="Convention; same where no size is wanted."),
    ] = None,
    given: Annotated[
        str | None, typer.Option("--padding", "-p", metavar="P", help="Padding to judge: 1 or 0:1.")
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Take nothing that differs between the two sides.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="With SPEC: exit code 1 where something was found.")
    ] = False,
) -> Answer:
    """The padding for a wanted size, or the check of a SPEC.

    With --kernel: which padding keeps the size (or gives --to), with the formula, and what the
    frameworks do. With SPEC: layers that lose borders, drop rows, multiply padding.
    """
    import convcalc
    from convcalc.render.views.solve.padding import report_table, solution_tables

    if common.spec is not None:
        alone(
            {
                "--kernel": kernel, "--from": size, "--to": out, "--mode": mode, "--padding": given,
                "--dilation": dilation != "1", "--stride": stride != "1", "--symmetric": symmetric,
                "--rank": common.rank,
            }
        )  # fmt: skip
        report = convcalc.check_padding(common.load())
        found = chosen(common, report_table(report), "wasted", report.name)

        def data() -> dict[str, Any]:
            return {**report.to_dict(), "layers": found.records([row.to_dict() for row in report.layers])}

        return Answer([found.table], data, FOUND if strict and report.findings else 0)
    without_spec(common)
    if kernel is None:
        raise UsageProblem(
            "nothing to solve", expected="--kernel K, such as --kernel 3 --dilation 16, or a SPEC to check"
        )
    solution = convcalc.solve_padding(
        axes(kernel, "--kernel"),
        dilation=axes(dilation, "--dilation"),
        stride=axes(stride, "--stride"),
        input=sizes(common, size),
        output=axes(out, "--to"),
        mode=mode,
        padding=pairs(given, "--padding"),
        symmetric=symmetric,
        rank=common.rank,
    )
    return Answer(solution_tables(solution), solution.to_dict)

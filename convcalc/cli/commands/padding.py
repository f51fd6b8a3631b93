"""``padding``: the padding for a wanted size, or the check of a whole spec."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import FORM, GRAPH, MAYBE_SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.values import alone, axes, pairs, sizes
from convcalc.render.answer import Answer

FOUND = 1
"""Exit code of ``--strict`` where something was found."""


@command(MAYBE_SPEC, *GRAPH, *FORM)
def padding(
    common: Common,
    kernel: Annotated[str | None, typer.Option("--kernel", "-k", metavar="K", help="Taps: 3 or 3x5.")] = None,
    dilation: Annotated[str, typer.Option("--dilation", "-d", metavar="D", help="Atrous rate.")] = "1",
    stride: Annotated[str, typer.Option("--stride", "-s", metavar="S", help="Stride.")] = "1",
    size: Annotated[
        str | None, typer.Option("--in", metavar="SIZE", help="Size that goes in, without channels: 65x65.")
    ] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="SIZE", help="Size that should leave.")] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", metavar="MODE", help="same, same_lower, valid, full or causal.")
    ] = None,
    given: Annotated[
        str | None, typer.Option("--padding", "-p", metavar="P", help="A padding to judge: 1 or 0:1.")
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Take nothing that differs between the two sides.")
    ] = False,
    rank: Annotated[int | None, typer.Option("--rank", metavar="N", help="Number of axes.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With SPEC: exit code 1 where something was found.")
    ] = False,
) -> Answer:
    """The padding for a wanted size, or the check of a SPEC.

    With --kernel: which padding keeps the size (or gives --out), with the formula, and what the
    frameworks do. With SPEC: layers that lose borders, drop rows, multiply padding.
    """
    import convcalc
    from convcalc.render.views.padding import report_table, solution_tables

    if common.spec is not None:
        alone(
            {
                "--kernel": kernel, "--in": size, "--out": out, "--mode": mode, "--padding": given,
                "--dilation": dilation != "1", "--stride": stride != "1", "--symmetric": symmetric,
                "--rank": rank,
            }
        )  # fmt: skip
        report = convcalc.check_padding(common.load())
        return Answer([report_table(report)], report.to_dict, FOUND if strict and report.findings else 0)
    if kernel is None:
        raise UsageProblem(
            "nothing to solve", expected="--kernel K, such as --kernel 3 --dilation 16, or a SPEC to check"
        )
    solution = convcalc.solve_padding(
        axes(kernel, "--kernel"),
        dilation=axes(dilation, "--dilation"),
        stride=axes(stride, "--stride"),
        input=sizes(common, size),
        output=axes(out, "--out"),
        mode=mode,
        padding=pairs(given, "--padding"),
        symmetric=symmetric,
        rank=rank,
    )
    return Answer(solution_tables(solution), solution.to_dict)

"""``fit``: the largest value of a variable within limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.cli import completion
from convcalc.cli.commands.check import (
    FAILED,
    Limits,
    MaxFlops,
    MaxMacs,
    MaxMemory,
    MaxParams,
    MinField,
    given,
)
from convcalc.cli.options import EXACT, FORM, GRAPH, SIZED, SPEC, Common, command
from convcalc.cli.output import INTERRUPTED, UsageProblem
from convcalc.cli.progress import progress
from convcalc.render.answer import Answer


@command(SPEC, *GRAPH, *SIZED, EXACT, *FORM)
def fit(
    common: Common,
    var: Annotated[
        list[str] | None,
        typer.Option(
            "--var",
            metavar="NAME=LOW..HIGH[:STEP]",
            help="What to vary. Numbers with a point: any value; whole ones: steps of 1.",
            autocompletion=completion.ranges,
        ),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option("--resolution", metavar="LOW..HIGH", help="Vary the spatial sizes of the input."),
    ] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="N", help="Steps of the resolution; 1 by default.")
    ] = None,
    compound: Annotated[
        str | None,
        typer.Option(
            "--compound",
            metavar="RULES",
            help='Vary several at once: "alpha=1.2**p,resolution=224*1.15**p" with --var p=0..7.',
        ),
    ] = None,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_flops: MaxFlops = None,
    max_memory: MaxMemory = None,
    min_rf: MinField = None,
    limit: Limits = None,
) -> Answer:
    """The largest width or resolution within limits.

    The answer stands between the next smaller and the next larger network. The exit code is 1 where
    nothing in the range fits.
    """
    import convcalc
    from convcalc.render.views.fit import table

    limits = given(
        limit,
        max_params=max_params,
        max_macs=max_macs,
        max_flops=max_flops,
        max_memory=max_memory,
        min_rf=min_rf,
    )
    with progress() as advance:
        result = convcalc.fit(
            common.source(),
            _vary(var, resolution, step),
            limits,
            compound=compound,
            batch=common.batch,
            dtype=common.dtype,
            input=common.shapes(),
            set=common.assignments(),
            progress=advance,
        )
    code = (0 if result else FAILED) if result.complete else INTERRUPTED
    return Answer([table(result, exact=common.exact)], result.to_dict, code)


def _vary(texts: list[str] | None, resolution: str | None, step: str | None) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, range_ = text.partition("=")
        if not equals or not name.strip() or not range_.strip():
            raise UsageProblem(
                f"--var {text!r} has no range", expected="NAME=LOW..HIGH[:STEP], such as alpha=0.25..1.4"
            )
        if name.strip() in found:
            raise UsageProblem(f"--var {name.strip()} is given twice")
        found[name.strip()] = range_.strip()
    if resolution is not None:
        found["resolution"] = f"{resolution}:{step}" if step is not None else resolution
    elif step is not None:
        raise UsageProblem("--step is for --resolution", expected="--var NAME=LOW..HIGH:STEP for a variable")
    return found or None

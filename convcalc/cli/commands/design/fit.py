"""``fit``: the largest value of a variable within limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from convcalc.cli import completion
from convcalc.cli.commands.design.check import (
    FAILED,
    Limits,
    MaxFlops,
    MaxMacs,
    MaxMemory,
    MaxParams,
    MaxTraining,
    MinField,
    given,
)
from convcalc.cli.options import EXACT, FORM, GRAPH, SIZED, SPEC, Common, command
from convcalc.cli.output import INTERRUPTED, UsageProblem
from convcalc.cli.progress import progress
from convcalc.cli.training import Asked, Checkpoint, Optimizer, Precision, Training
from convcalc.render.answer import Answer


@command(SPEC, *GRAPH, *SIZED, EXACT, *FORM, bare=("--batch",))
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
    max_training_memory: MaxTraining = None,
    training: Training = False,
    optimizer: Optimizer = None,
    precision: Precision = None,
    checkpoint: Checkpoint = None,
    min_rf: MinField = None,
    limit: Limits = None,
) -> Answer:
    """The largest width, resolution or training batch within limits.

    The answer stands between the next smaller and the next larger network. With --training, --max-memory is
    of training, and where nothing else varies the batch does. The exit code is 1 where nothing in the range
    fits.
    """
    import convcalc
    from convcalc.render.views.design.fit import table

    said = Asked(training, optimizer, precision, checkpoint)
    if max_training_memory is None:
        said.check(common)
    if training:
        if max_memory is not None and max_training_memory is not None:
            raise UsageProblem(
                "--max-memory with --training is --max-training-memory", expected="one of them"
            )
        max_memory, max_training_memory = None, max_training_memory or max_memory
        if not (var or resolution or compound):
            others = (max_params, max_macs, max_flops, min_rf, limit)
            return _batch(common, said, max_training_memory, any(one is not None for one in others))
    limits = given(
        limit,
        max_training_memory=max_training_memory,
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
            training=said.given(),
        )
    code = (0 if result else FAILED) if result.complete else INTERRUPTED
    return Answer([table(result, exact=common.exact)], result.to_dict, code)


def _batch(common: Common, said: Asked, most: str | None, others: bool) -> Answer:
    """The largest batch."""
    import convcalc
    from convcalc.render.views.count.training import batch_table

    if most is None:
        raise UsageProblem("--training needs a limit", expected="--training --max-memory 24GB")
    if others:
        raise UsageProblem(
            "of these limits only that of memory depends on the batch",
            expected="--training --max-memory alone, or --resolution or --var beside it",
        )
    if common.batch != 1:
        raise UsageProblem(
            "the batch is what is looked for", expected="no --batch, or --resolution or --var beside it"
        )
    found = convcalc.largest_batch(common.load(), most, **said.given())
    return Answer([batch_table(found, exact=common.exact)], found.to_dict, 0 if found else FAILED)


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

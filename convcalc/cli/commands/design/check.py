"""``check``: hold a network to its limits, for use in CI."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from convcalc.cli.options import COUNT, EXACT, FORM, GRAPH, SPECS, Common, command
from convcalc.cli.output import INTERRUPTED, UsageProblem
from convcalc.cli.progress import progress
from convcalc.cli.training import Asked, Checkpoint, Optimizer, Precision
from convcalc.render.answer import Answer, File
from convcalc.render.table import Table, Text

if TYPE_CHECKING:
    from convcalc.calculators.check.baseline import Baseline
    from convcalc.calculators.check.verdict import Check
    from convcalc.render.views.design.ci import Place
    from convcalc.spec.source import Source

FAILED = 1
"""Exit code where a limit does not hold."""

MaxParams = Annotated[str | None, typer.Option("--max-params", metavar="N", help="Parameters, such as 5M.")]
MaxMacs = Annotated[str | None, typer.Option("--max-macs", metavar="N", help="MACs, such as 300M.")]
MaxFlops = Annotated[str | None, typer.Option("--max-flops", metavar="N", help="FLOPs, such as 1.2G.")]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="BYTES",
        help="Parameters, buffers and the peak of live activations together, such as 8MB or 8MiB.",
    ),
]
MaxTraining = Annotated[
    str | None,
    typer.Option(
        "--max-training-memory",
        metavar="BYTES",
        help="The peak over a training step, such as 24GB; see memory --training.",
    ),
]
MaxTime = Annotated[
    str | None,
    typer.Option(
        "--max-time-bound",
        metavar="TIME on DEVICE",
        help="The least time that it can take, such as '5ms on a100'; see cost.",
    ),
]
MinField = Annotated[
    int | None, typer.Option("--min-rf", metavar="PIXELS", help="Receptive field of the output.")
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=N",
        help="Any other: max_ or min_ with params, trainable, frozen, buffers, macs, valid_macs, flops, "
        "activations, param_memory, peak_memory, memory, training_memory, time_bound, rf or layers.",
    ),
]


def given(more: list[str] | None, **named: str | int | None) -> dict[str, str | int]:
    """The limits of a call by name.

    Raises:
        UsageProblem: ``--limit`` holds no assignment.
    """
    found = {name: value for name, value in named.items() if value is not None}
    for text in more or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise UsageProblem(
                f"--limit {text!r} is not an assignment", expected="NAME=N, such as max_layers=50"
            )
        found[name.strip().replace("-", "_")] = value.strip()
    return found


@command(SPECS, *GRAPH, *COUNT, EXACT, *FORM, files=(".xml",))
def check(
    common: Common,
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_flops: MaxFlops = None,
    max_memory: MaxMemory = None,
    max_training_memory: MaxTraining = None,
    optimizer: Optimizer = None,
    precision: Precision = None,
    checkpoint: Checkpoint = None,
    max_time_bound: MaxTime = None,
    min_rf: MinField = None,
    limit: Limits = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="BASELINE",
            help="Not more parameters, MACs, FLOPs and peak memory than this had: JSON of summary or check; "
            "than this SPEC has; or than the file of the same name has in this folder.",
        ),
    ] = None,
    grow: Annotated[
        list[str] | None,
        typer.Option(
            "--grow",
            metavar="[NAME=]N%",
            help="How much more than the baseline is allowed: 5%; params=2%, macs=10M of one count.",
        ),
    ] = None,
    format: Annotated[
        Literal["table", "junit", "github"],
        typer.Option(
            "--format",
            help="junit: JUnit XML, as -o FILE.xml writes it; github: annotations of a workflow.",
        ),
    ] = "table",
) -> Answer:
    """Hold networks to limits, or to a baseline; exit 1 where one fails.

    Limits are given here, or as `budget:` in the document.
    """
    from convcalc.render.views.design.check import tables

    if format != "table" and common.shown is not None:
        both = f"--format {format} and --{common.shown}"
        raise UsageProblem(f"{both} cannot go together", expected="one of them")
    if grow and against is None:
        raise UsageProblem("--grow is for a baseline", expected="--against BASELINE beside it")
    named = {
        "params": max_params,
        "macs": max_macs,
        "flops": max_flops,
        "memory": max_memory,
        "training_memory": max_training_memory,
        "time_bound": max_time_bound,
    }
    said = Asked(True, optimizer, precision, checkpoint)
    limits = given(limit, **{f"max_{name}": value for name, value in named.items()}, min_rf=min_rf)
    checks, places = _checked(common, limits, against, grow or [], said.given())
    for name, value in (("optimizer", optimizer), ("precision", precision), ("checkpoint", checkpoint)):
        if value and not any("training_memory" in row.limit.name for one in checks for row in one.rows):
            raise UsageProblem(
                f"--{name} is of memory in training, and no limit is",
                expected=f"--max-training-memory 24GB beside --{name}",
            )

    def junit() -> str:
        from convcalc.render.views.design import ci

        return ci.junit(checks, places)

    def written(path: str) -> str:
        from convcalc.files import write_whole

        write_whole(path, junit().encode())
        failed = sum(len(one.failed) for one in checks)
        return f"JUnit XML, {sum(len(one.rows) for one in checks)} limits, {failed} failed"

    parts: Iterable[Table | Text] = tables(
        checks, exact=common.exact, of=len(common.specs), specs=common.specs
    )
    if format == "junit":
        parts = [Text(junit())]
    elif format == "github":
        from convcalc.render.views.design import ci

        parts = [Text(ci.github(checks, places))]
    code = 0 if all(one.ok for one in checks) else FAILED
    if len(checks) < len(common.specs):
        code = INTERRUPTED
    return Answer(parts, lambda: _data(checks, common.specs), code, files={".xml": File(written, True)})


def _checked(
    common: Common,
    limits: dict[str, str | int],
    against: str | None,
    grow: list[str],
    training: dict[str, Any],
) -> tuple[list[Check], list[Place]]:
    """Every network with where it stands; as many as there was time for where it is interrupted."""
    import convcalc
    from convcalc.budget import apart
    from convcalc.calculators.check.baseline import chosen, growths_of, read_baselines

    checks: list[Check] = []
    places: list[Place] = []
    count = len(common.specs)
    growths_of(grow)  # a wrong one is told before anything is worked out

    @apart
    def one(spec: str) -> Check:
        source = common.source(spec)
        graph = common.built(source)
        places.append(_place(spec, source))
        held = None
        if folder is not None:
            held = _earlier(folder, spec, common)
            if held is None:
                new = f"{spec} is new: it does not stand in {folder}."
                sizes: dict[str, Any] = {"batch": common.batch, "dtype": common.dtype}
                found = convcalc.check(graph, limits, **sizes, unlimited=True, training=training)
                return replace(found, notes=(*found.notes, new))
        elif baselines:
            alone = count == 1 or not baselines[0].stored
            held = chosen(baselines, graph.name, alone)
        return convcalc.check(
            graph,
            limits,
            batch=common.batch,
            dtype=common.dtype,
            against=held,
            grow=grow if held else (),
            training=training,
        )

    with progress() as advance:
        baselines = []
        folder = against if against is not None and os.path.isdir(against) else None
        if against is not None and folder is None:
            sizes = {"input": common.shapes(), "set": common.assignments()}
            baselines = apart(read_baselines)(against, **sizes, batch=common.batch, dtype=common.dtype)
        for number, spec in enumerate(common.specs):
            if advance is not None:
                advance(number, count, spec)
            try:
                checks.append(one(spec))
            except KeyboardInterrupt:
                if not checks:
                    raise
                break
    return checks, places[: len(checks)]


def _earlier(folder: str, spec: str, common: Common) -> Baseline | None:
    """The baseline of a file: the file of the same name in a folder; None where there is none."""
    from convcalc.calculators.check.baseline import read_baselines

    path = os.path.normpath(spec)
    if os.path.isabs(path) or path.startswith("..") or not os.path.exists(spec):
        raise UsageProblem(
            f"--against {folder} is a folder, in which {spec} cannot stand",
            expected="files below this folder, or the baseline itself",
        )
    path = os.path.join(folder, path)
    if not os.path.exists(path):
        return None
    sizes = {"input": common.shapes(), "set": common.assignments()}
    return read_baselines(path, **sizes, batch=common.batch, dtype=common.dtype)[0]


def _place(spec: str, source: Source) -> Place:
    """Where a network stands: in a file, or nowhere."""
    from convcalc.render.views.design.ci import Place

    file = "" if source.name.startswith(("<", "zoo:", "torch:")) else source.name
    return Place(spec, file, source.text if file else "")


def _data(checks: list[Check], specs: list[str]) -> dict[str, Any]:
    """What JSON holds: of one network its check, of several those of all with what was asked for."""
    if len(specs) == 1:
        return checks[0].to_dict()
    ok = all(one.ok for one in checks)
    networks = [{**one.to_dict(), "spec": spec} for one, spec in zip(checks, specs, strict=False)]
    return {"ok": ok, "complete": len(checks) == len(specs), "networks": networks}

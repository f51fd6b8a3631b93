"""``summary``, ``params``, ``flops``, ``shapes`` and ``memory``: the tables of one report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AS, COUNT, EXACT, FORM, GRAPH, NOTATION, ROWS, SPEC, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.cli.rows import asked, laid_out, more, refuse
from convcalc.cli.training import Asked, Checkpoint, InPlace, Optimizer, Precision, Training, answer
from convcalc.render import numbers
from convcalc.render.answer import Answer
from convcalc.render.views.count.report import VIEWS, table, tree, with_shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcalc.calculators.count.report import Report
    from convcalc.graph import Graph
    from convcalc.render.pictures.drawing import Drawing
    from convcalc.render.tree import Tree

SHARED = (SPEC, *GRAPH, *COUNT, *ROWS, EXACT, NOTATION, *FORM)
COSTS = (SPEC, *GRAPH, *COUNT, AS, *ROWS, EXACT, NOTATION, *FORM)
"""Of those that count multiply-accumulates too."""


def _report(common: Common, view: str, merge: Callable[[Graph], Graph] | None = None) -> Answer:
    report = common.analyze(listed=view == "params")
    plain = report
    if merge is not None:
        from convcalc.calculators.count.report import analyze

        report = analyze(merge(report.graph), batch=common.batch, dtype=common.dtype, partial=common.partial)
    others = common.bridges(report)
    what = asked(common.layer, [row.name for row in report.layers])
    rows = report.layers if common.depth is None else report.fold(common.depth + what.levels)
    shown = table(report, view, exact=common.exact, rows=rows, notation=common.notation, others=others)
    if merge is not None:
        shown.title = f"{shown.title}, merged"
        shown.facts = (*shown.facts, *_difference(plain, common.exact))
    main = VIEWS[view].main
    order = [i for i in common.choose(shown, main) if what.holds(rows[i].name)][: common.top]

    def data() -> dict[str, Any]:
        told: dict[str, Any] = {"counted_as": [one.head() for one in others]} if others else {}
        if merge is not None:
            told["as_written"] = plain.totals.to_dict()
        cells = shown.records()
        layers = [with_shown(rows[i].to_dict(), cells[i]) for i in order]
        return {**report.to_dict(), **told, "layers": layers}

    def drawn() -> Tree:
        whole = table(report, view, exact=common.exact, notation=common.notation, others=others)
        inside = whole.rows_at([i for i, row in enumerate(report.layers) if what.holds(row.name)])
        return tree(
            report, view, inside, others, depth=common.depth, root=what.block, more=more(inside, main)
        )

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.cost import VIEWS as KEYS
        from convcalc.render.pictures.questions.cost import by_layer
        from convcalc.render.pictures.questions.memory import timeline

        if view == "memory":
            return timeline(report)
        in_order = common.sort is None and common.top is None
        words = "in the order of execution" if in_order else "in the order that was asked for"
        return by_layer(report, KEYS[view], [rows[i] for i in order], words)

    return Answer([laid_out(common, shown, order, what, drawn)], data, picture=picture)


def _difference(plain: Report, exact: bool) -> list[tuple[str, str]]:
    """What the network takes as it is written, beside what it takes as it is run."""
    form = numbers.exact if exact else numbers.human_bytes
    totals = plain.totals
    return [
        ("as written", f"parameters {form(totals.param_bytes)}, buffers {form(totals.buffer_bytes)}, "
         f"peak {form(totals.peak_memory_bytes)}"),
    ]  # fmt: skip


@command(*COSTS, pictures=True)
def summary(common: Common) -> Answer:
    """Shapes, parameters, MACs and FLOPs of each layer."""
    return _report(common, "summary")


@command(*SHARED, pictures=True)
def params(common: Common) -> Answer:
    """Parameters of each layer: weights, biases, buffers."""
    return _report(common, "params")


@command(*COSTS, pictures=True)
def flops(common: Common, training: Training = False, checkpoint: Checkpoint = None) -> Answer:
    """MACs, FLOPs and operations by kind of each layer."""
    said = Asked(training, checkpoint=checkpoint)
    said.check(common)
    return answer(common, said, False, costs=True) if training else _report(common, "flops")


@command(*SHARED, pictures=True)
def shapes(common: Common) -> Answer:
    """What goes into each layer and what comes out."""
    return _report(common, "shapes")


@command(*SHARED, pictures=True)
def memory(
    common: Common,
    by_resolution: Annotated[
        bool, typer.Option("--by-resolution", help="The largest tensor held at each spatial resolution.")
    ] = False,
    fused: Annotated[
        list[str] | None,
        typer.Option("--fused", metavar="NAME", help="With it: output of this layer or block is not held."),
    ] = None,
    training: Training = False,
    optimizer: Optimizer = None,
    precision: Precision = None,
    checkpoint: Checkpoint = None,
    in_place: InPlace = False,
    merged: Annotated[
        bool,
        typer.Option(
            "--merged",
            help="As frameworks run it at inference: batch norm in the weights, activations in place.",
        ),
    ] = False,
) -> Answer:
    """Bytes of parameters and of live activations."""
    said = Asked(training, optimizer, precision, checkpoint)
    said.check(common)
    asked_for = {"--training": training, "--by-resolution": by_resolution, "--merged": merged}
    several = [name for name, value in asked_for.items() if value]
    if len(several) > 1:
        raise UsageProblem(f"{' and '.join(several)} cannot go together", expected="one of them")
    if fused and not by_resolution:
        raise UsageProblem("--fused goes with --by-resolution")
    if in_place and not training:
        raise UsageProblem(
            "--in-place goes with --training", expected="--merged, which runs activations in place as well"
        )
    if training:
        return answer(common, said, in_place)
    if not by_resolution:
        from convcalc.calculators.count.merged import merged as merge

        return _report(common, "memory", merge if merged else None)
    refuse(common, "--by-resolution", "layer", "tree", "flat")
    from convcalc.calculators.count.resolutions import resolutions
    from convcalc.render.views.count.resolutions import table as by_size

    found = resolutions(
        common.load(), depth=common.depth, fused=fused or (), batch=common.batch, dtype=common.dtype
    )
    shown = by_size(found, exact=common.exact)
    return Answer([shown.rows_at(common.choose(shown, "bytes"))])

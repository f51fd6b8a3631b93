"""What ``convcalc dilation`` shows: a judgement, the runs of a network, or designs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcalc.layers.base import axis_names, joined, show
from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.solve.dilation import AxisJudgement, DesignedRun, DilationJudgement, RunJudgement


def _join(values: Any) -> str:
    return " ".join(map(str, values))


def _verdict(holes: bool) -> str:
    return "holes" if holes else "no holes"


def judgement_tables(judged: DilationJudgement) -> Iterator[Table]:
    """Layer by layer, the rules, and the executed coverage that decides."""
    done: list[tuple[Any, ...]] = []
    names = axis_names(len(judged.axes))
    same = len({(axis.rules.kernels, axis.rules.rates) for axis in judged.axes}) == 1
    for name, axis in zip(names, judged.axes, strict=True):
        look = (axis.rules.kernels, axis.rules.rates)
        if look in done:
            continue
        done.append(look)
        title = f"rates {_join(axis.rules.rates)}, kernel {_kernels(axis.rules.kernels)}"
        yield _layers(axis, title if same else f"{name}: {title}")
        yield _rules(axis)
    facts = [
        ("field", show(judged.field)),
        ("coverage", _coverage(judged.covered, judged.total)),
        ("verdict", _verdict(judged.has_holes)),
    ]
    notes = [] if judged.counts is not None else ["The field is large: each axis was executed by itself."]
    yield Table((), (), facts=facts, notes=notes)


def _kernels(kernels: tuple[int, ...]) -> str:
    return str(kernels[0]) if len(set(kernels)) == 1 else _join(kernels)


def _coverage(covered: int, total: int) -> str:
    share = numbers.share(numbers.Share(covered, total))
    return f"{covered:,} of {total:,} pixels ({share}), by execution"


def _layers(axis: AxisJudgement, title: str) -> Table:
    rules = axis.rules
    steps = {step.layer: step for step in rules.distances}
    columns = (
        Column("layer", "layer", numbers.exact),
        Column("kernel", "kernel", numbers.exact),
        Column("rate", "rate", numbers.exact),
        Column("effective", "effective kernel", numbers.exact),
        Column("field", "field", numbers.exact),
        Column("M", "M", numbers.other),
        Column("formula", "how", numbers.label, "left"),
    )
    rows, at = [], 0
    for number, (k, r, extent, field) in enumerate(
        zip(rules.kernels, rules.rates, rules.extents, rules.fields, strict=True), 1
    ):
        at += k > 1
        step = steps.get(at) if k > 1 else None
        rows.append((number, k, r, extent, field, None if step is None else step.value,
                     "" if step is None else f"M{at} = {step.formula}"))  # fmt: skip
    return Table(columns, rows, title=title)


def _rules(axis: AxisJudgement) -> Table:
    rules = axis.rules
    reached = len(axis.counts) - len(axis.holes)
    factor = rules.common_factor
    facts = [
        ("criterion", rules.sentence() + "  (Wang et al. 2018: no holes where M2 <= K)"),
        ("common factor", "none" if factor <= 1 else f"{factor}: only every {factor}th pixel can be reached"),
        ("execution", f"{reached} of {rules.field} offsets reached: {_verdict(bool(axis.holes))}"),
    ]
    if factor > 1:
        ordinal = {2: "2nd", 3: "3rd"}.get(factor, f"{factor}th")
        facts[1] = ("common factor", f"{factor}: only every {ordinal} pixel can be reached")
    said = axis.disagreement()
    return Table((), (), facts=facts, notes=[f"Rule and execution disagree: {said}."] if said else [])


def runs_table(runs: Sequence[RunJudgement], name: str) -> Table:
    """One line per run, and below it where rule and execution disagree."""
    columns = (
        Column("first", "first layer", numbers.label, "left", 20, 14, True),
        Column("last", "last layer", numbers.label, "left", 0, 14, True),
        Column("rates", "rates", numbers.label, "left", 0, 20),
        Column("kernels", "kernel", numbers.label, "right", 10),
        Column("field", "field", numbers.label, "right"),
        Column("criterion", "criterion", numbers.label, "left", 5),
        Column("path", "path covers", numbers.share, "right", 8),
        Column("network", "network covers", numbers.share, "right"),
        Column("verdict", "verdict", numbers.label, "left"),
    )
    rows, notes = [], []
    for one in runs:
        rows.append(
            (
                one.run.names[0],
                one.run.names[-1],
                _join(map(joined, one.run.rates)),
                joined([joined(k) for k in one.run.kernels]) if len(set(one.run.kernels)) == 1
                else _join(map(joined, one.run.kernels)),
                joined(one.path.field),
                joined([axis.rules.sentence() for axis in one.path.axes]),
                numbers.Share(one.path.covered, one.path.total),
                numbers.Share(one.covered, one.total),
                _verdict(one.has_holes),
            )
        )  # fmt: skip
        notes += [
            f"{one.run.names[-1]}: {said}."
            for said in dict.fromkeys(axis.disagreement() for axis in one.path.axes)
            if said
        ]
        if one.path.has_holes and not one.has_holes:
            notes.append(f"{one.run.names[-1]}: shortcuts fill the holes of the path.")
        if one.reason:
            notes.append(f"{one.run.names[-1]}: judged along its path alone, because {one.reason}.")
    if not rows:
        notes = ["No layer is dilated."]
    return Table(
        columns if rows else (), rows, title=name, facts=[] if rows else [("runs", "0")], notes=notes
    )


def designs_table(found: Sequence[DesignedRun], reach: int, rank: int) -> Table:
    """Hole-free sequences of rates with their cost and executed coverage, cheapest first."""
    columns = (
        Column("rates", "rates", _join, "left"),
        Column("kernels", "kernels", _join, "left"),
        Column("layers", "layers", numbers.exact),
        Column("params", "params", numbers.exact),
        Column("field", "field", numbers.exact),
        Column("M2", "M2", numbers.other),
        Column("covered", "covered, executed", numbers.label),
    )
    rows = [
        (
            one.design.rates,
            one.design.kernels,
            len(one.design.rates),
            one.design.params,
            one.design.field,
            one.to_dict()["M2"],
            f"{len(one.proof.counts) - len(one.proof.holes)} of {one.design.field}",
        )
        for one in found
    ]
    notes = [
        f"params: for one channel in and one out, in {rank} dimension{'s' * (rank != 1)}; "
        "times channels squared for a stack of equal width.",
        "Every sequence was executed: all offsets of its field reach the output. Any order of the layers "
        "covers the same pixels.",
    ]
    notes += [
        f"{_join(one.design.rates)}: {said}."
        for one in found
        if (said := one.proof.disagreement()) is not None
    ]
    return Table(columns, rows, title=f"hole-free rates with a field of {reach} or more", notes=notes)

"""What ``convcalc dilation`` shows: a judgement, the runs of a network, or designs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcalc.layers.values import axis_names, joined, show
from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.solve.dilated_runs import RunJudgement
    from convcalc.solve.dilation import AxisJudgement, DesignedRun, DilationJudgement


def _join(values: Any) -> str:
    return " ".join(map(str, values))


def _verdict(holes: bool) -> str:
    return "holes" if holes else "no holes"


def judgement_tables(judged: DilationJudgement) -> Iterator[Table]:
    """The verdict, by execution, with what to do about it; then layer by layer, and the rules."""
    yield verdict(judged)
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


def verdict(judged: DilationJudgement) -> Table:
    """The answer: whether there are holes, why, and rates that leave none."""
    if judged.has_holes:
        share = numbers.share(numbers.Share(judged.covered, judged.total))
        seen = f"{share} of the {_pixels(judged.field)} are seen ({judged.covered:,} of {judged.total:,})"
        title = f"holes: {seen}"
    else:
        title = f"no holes: all {_pixels(judged.field)} are seen"
    facts = [("why", text) for text in judged.why]
    facts += [("try", text) for text in map(_try, judged.closing)]
    notes = [] if judged.counts is not None else ["The field is large: each axis was executed by itself."]
    return Table(
        (), (), title=numbers.toned(title, "bad" if judged.has_holes else "good"), facts=facts, notes=notes
    )


def _pixels(field: Sequence[int]) -> str:
    return f"{show(field)} pixels"


def _try(judged: DilationJudgement) -> str:
    """Rates without holes, what they reach, and how to ask about them."""
    rates = _join(map(joined, judged.rates))
    kernels = [joined(k) for k in judged.kernels]
    kernel = kernels[0] if len(set(kernels)) == 1 else ",".join(kernels)
    rank = f" --rank {len(judged.field)}" if len(judged.field) != 2 else ""
    asked = rates + (f" --kernel {kernel}" if kernel != "3" else "") + rank
    return f"{rates}  {show(judged.field)}, no holes  (convcalc dilation {asked})"


def _kernels(kernels: tuple[int, ...]) -> str:
    return str(kernels[0]) if len(set(kernels)) == 1 else _join(kernels)


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
        Column("formula", "how", numbers.label, "left", shrink=20, wrap=True),
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
    said = axis.disagreement()
    facts = [
        (
            "criterion",
            rules.sentence() + "  (Wang et al. 2018: no holes where M2 <= K and no factor is shared)",
        ),
        ("common factor", "none" if factor <= 1 else str(factor)),
        ("execution", f"{reached} of {rules.field} offsets reached"),
    ]
    if axis.holes:
        facts[2] = ("execution", f"{facts[2][1]}, {len(axis.holes)} holes")
    return Table((), (), facts=facts, notes=[f"{said[0].upper()}{said[1:]}."] if said else [])


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
        if one.has_holes and (closing := one.path.closing):
            notes.append(f"{one.run.names[-1]}: try rates {_try(closing[0])}.")
        if one.path.has_holes and not one.has_holes:
            notes.append(f"{one.run.names[-1]}: shortcuts fill the holes of the path.")
        if one.reason:
            notes.append(f"{one.run.names[-1]}: judged along its path alone, because {one.reason}.")
    if not rows:
        notes = ["No layer is dilated."]
    holed = sum(one.has_holes for one in runs)
    many = f"{len(runs)} dilated run{'s' * (len(runs) != 1)}"
    title = f"{name}: " + (f"holes in {holed} of {many}" if holed else f"no holes in {many}")
    return Table(
        columns if rows else (),
        rows,
        title=numbers.toned(title, "bad" if holed else "good") if rows else f"{name}: no layer is dilated",
        facts=[] if rows else [("runs", "0")],
        notes=notes,
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
    title = f"hole-free rates with a field of {reach} or more"
    if found:
        best = found[0].design
        layers = f"{len(best.rates)} layer{'s' * (len(best.rates) != 1)}"
        title = f"rates {_join(best.rates)}: {best.field} pixels without holes in {layers}\n\n{title}"
    return Table(columns, rows, title=title, notes=notes)

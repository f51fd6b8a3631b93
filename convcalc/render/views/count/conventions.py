"""Counters side by side: what each prints of a network, and the way there from our multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convcalc.dims import UNKNOWN, is_symbolic
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.count.report import heading
from convcalc.render.views.design.compare import Written, ratio, signed, written

if TYPE_CHECKING:
    from convcalc.calculators.conventions.bridge import Bridge, Step
    from convcalc.calculators.count.report import Report

OURS = "our MACs"


def tables(
    report: Report, bridges: Sequence[Bridge], *, exact: bool = False, sources: bool = False
) -> Iterator[Table]:
    """All tools side by side, then the steps from our number to each of theirs.

    Args:
        report: our counts.
        bridges: theirs.
        exact: every digit instead of human units.
        sources: the line of the tool that each rule was read from.
    """
    form = numbers.exact if exact else numbers.human
    yield side_by_side(report, bridges, form)
    yield steps(bridges, form, sources)


def side_by_side(report: Report, bridges: Sequence[Bridge], form: numbers.Format) -> Table:
    """What each tool prints, and how much of our number that is."""
    columns = (
        Column("tool", "as", numbers.label, "left"),
        Column("title", "counter", numbers.label, "left", 40, 14),
        Column("version", "version", numbers.label, "left", 30, 8),
        Column("total", "prints", form),
        Column("unit", "called", numbers.label, "left"),
        Column("ratio", "of our MACs", ratio),
        *([Column("activations", "activations", _some(form), priority=20)] if _acts(bridges) else []),
    )
    rows: list[list[Any]] = [
        [
            one.tool,
            one.title,
            one.version,
            one.total,
            one.unit,
            one.ratio,
            *([one.activations] * _acts(bridges)),
        ]
        for one in bridges
    ]
    facts = [(OURS, form(report.totals.macs))]
    if report.totals.flops is not UNKNOWN and not is_symbolic(report.totals.flops):
        facts.append(("our FLOPs", f"{form(report.totals.flops)}  (2 a multiply-accumulate, and all else)"))
    for one in bridges:
        if one.span:
            low, high = map(form, one.span)
            facts.append((one.tool, f"{low} to {high}, as functions or as modules"))
    notes = list(dict.fromkeys(note for one in bridges for note in one.notes))
    return Table(columns, rows, title=heading(report), facts=facts, notes=notes)


def _acts(bridges: Sequence[Bridge]) -> bool:
    return any(one.activations is not None for one in bridges)


def _some(form: numbers.Format) -> numbers.Format:
    return lambda value: "-" if value is None else form(value)


def steps(bridges: Sequence[Bridge], form: numbers.Format, sources: bool = False) -> Table:
    """From our multiply-accumulates to each total, a step a row; they add up."""
    columns = (
        Column("tool", "as", written, "left"),
        Column("step", "", numbers.label, "left", 0, 30),
        Column("amount", "", written),
        *([Column("source", "source", numbers.label, "left")] if sources else []),
    )
    rows: list[list[Any]] = []
    for one in bridges:
        end = f"= {one.title}"
        lines: list[tuple[str, Any, str]] = [(OURS, Written(one.macs, form), "")]
        lines += [
            (in_words(step, form), Written(step.amount, _plus(form)), step.source) for step in one.steps
        ]
        lines.append((end, Written(one.total, form), one.convention.source))
        for number, (words, amount, source) in enumerate(lines):
            head = Written(one.tool, numbers.label if number == 0 else lambda _: "")
            rows.append([head, words, amount, *([source] if sources else [])])
    return Table(columns, rows)


def in_words(step: Step, form: numbers.Format = numbers.human) -> str:
    """A step as a sentence's part: ``bias: 54 conv``; ``not seen: 18 linear of 14.8 G``."""
    kinds = f"{step.layers} {step.op}" if step.op else f"{step.layers} layers"
    unseen = step.seen is False and type(step.amount) is int
    return f"{step.what}: {kinds}{f' of {form(-step.amount)}' if unseen else ''}"


def _plus(form: numbers.Format) -> numbers.Format:
    return signed(form)

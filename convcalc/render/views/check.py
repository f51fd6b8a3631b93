"""The table of a check: what was allowed, what is, and by how much."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.dims import UNKNOWN
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.compare import Written, signed, written

if TYPE_CHECKING:
    from convcalc.calculators.check.verdict import Check, Verdict


def form_of(unit: str, exact: bool) -> Callable[[Any], str]:
    """The format of values of a unit: in human units, or every digit; pixels always in full."""
    whole = numbers.exact if exact or unit == "pixels" else numbers.human
    if unit == "bytes" and not exact:
        whole = numbers.human_bytes

    def apply(value: Any) -> str:
        return f"{float(value):,g}" if isinstance(value, Fraction) else whole(value)

    return apply


def table(check: Check, *, exact: bool = False) -> Table:
    """A row per limit; ``exceeded`` where it does not hold."""
    columns = (
        Column("limit", "limit", numbers.label, "left"),
        Column("bound", "allowed", written),
        Column("value", "is", written),
        Column("margin", "room", written, priority=10),
        Column("verdict", "", numbers.label, "left"),
    )
    failed = [row for row in check.rows if not row.ok]
    facts = [("verdict", "every limit holds" if check.ok else f"{len(failed)} of {len(check.rows)} fail")]
    return Table(
        columns, [_row(row, exact) for row in check.rows], title=numbers.label(check.name), facts=facts
    )


def _row(row: Verdict, exact: bool) -> list[Any]:
    form = form_of(row.limit.kind.unit, exact)
    value: Any = Written(row.value, form)
    if row.value is None:
        value = Written("everything", numbers.label)
    if row.at_least is not None:
        value = Written(f">= {form(row.at_least)}", numbers.label)
    verdict = "ok"
    if row.ok is None:
        verdict = "cannot be known"
    elif not row.ok:
        verdict = "EXCEEDED" if row.limit.most else "TOO SMALL"
        if row.at_least is not None:
            pass
        elif type(row.margin) is int and row.limit.bound:
            verdict += f" by {percent(Fraction(-row.margin) / row.limit.bound)}"
    return [
        f"{'at most' if row.limit.most else 'at least'} {row.limit.kind.title}",
        Written(row.limit.bound, lambda bound: row.limit.text or form(bound)),
        value if row.value is not UNKNOWN or row.at_least is not None else Written(UNKNOWN, form),
        Written(row.margin, signed(form)),
        verdict,
    ]


def percent(part: Fraction) -> str:
    """A part as a percentage that never reads as nothing: ``12.5%``, ``<0.1%``."""
    number = float(part) * 100
    if number >= 100:
        return f"{number:,.0f}%"
    return f"{number:.1f}%" if number >= 0.05 else "<0.1%"

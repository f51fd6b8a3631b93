"""The table of replacements of a convolution, with a bar for each cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.receptive_field.output import show_field
from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.render.views.design.compare import Written, better, ratio_in_words, written

if TYPE_CHECKING:
    from convcalc.calculators.variants.convolution import Variant, Variants

BAR: Final = 10
"""Characters of the longest bar."""


def bar(value: Any, largest: Any, character: str) -> str:
    """A bar as long as its part of the largest; at least one character of what is not nothing."""
    if type(value) is not int or type(largest) is not int or largest <= 0 or value <= 0:
        return ""
    return character * max(1, (2 * value * BAR + largest) // (2 * largest))


def table(variants: Variants, *, exact: bool = False, character: str = "#") -> Table:
    """A row per replacement.

    Args:
        variants: what to show.
        exact: every digit instead of human units.
        character: what bars are made of.
    """
    count = numbers.exact if exact else numbers.human
    rows = variants.rows
    most = {key: max(getattr(row.report.totals, key) for row in rows) for key in ("params", "macs")}
    fields = any(row.field is not None for row in rows)
    columns = [
        Column("name", "variant", numbers.label, "left"),
        Column("params", "parameters", count),
        Column("params_bar", "", numbers.label, "left", 40),
        Column("params_ratio", "than given", ratio_in_words, priority=30, tone=better),
        Column("macs", "MACs", count),
        Column("macs_bar", "", numbers.label, "left", 50),
        Column("macs_ratio", "than given", ratio_in_words, priority=5, tone=better),
        Column("flops", "FLOPs", count, priority=60),
        Column("activations", "activations", count, priority=70),
        *([Column("receptive_field", "field", written, priority=10)] if fields else []),
        Column("source", "source", numbers.label, "left"),
        Column("note", "note", numbers.label, "left"),
    ]
    return Table(
        columns,
        [_row(row, most, character, fields) for row in rows],
        title=f"{variants.layer}: {numbers.shape(variants.input)} to {numbers.shape(variants.output)}",
        narrow=_noted_below,
    )


def _noted_below(whole: Table) -> Table:
    """The same with sources and notes below the table; what several variants share is said once."""
    keys = [column.key for column in whole.columns]
    kept = [i for i, key in enumerate(keys) if key not in ("source", "note")]
    said: dict[str, list[str]] = {}
    for row in whole.rows:
        found = dict(zip(keys, row, strict=True))
        text = "; ".join(part for part in (found["source"], found["note"]) if part)
        said.setdefault(text, []).append(found["name"])
    below = Table(
        [whole.columns[i] for i in kept],
        [[row[i] for i in kept] for row in whole.rows],
        title=whole.title,
        facts=[*whole.facts, *((_together(names), text) for text, names in said.items() if text)],
        notes=whole.notes,
    )
    below.notation = whole.notation
    return below


def _together(names: list[str]) -> str:
    """Several variants by what they have in common: those of 2, 4 and 8 groups are "grouped"."""
    stems = {name.partition(",")[0] for name in names}
    return stems.pop() if len(names) > 1 and len(stems) == 1 else "; ".join(names)


def _row(row: Variant, most: dict[str, Any], character: str, fields: bool) -> list[Any]:
    totals = row.report.totals
    field = (
        [] if not fields else [Written("-" if row.field is None else show_field(row.field), numbers.label)]
    )
    return [
        row.name,
        totals.params,
        bar(totals.params, most["params"], character),
        row.params_ratio,
        totals.macs,
        bar(totals.macs, most["macs"], character),
        row.macs_ratio,
        totals.flops,
        totals.activations,
        *field,
        row.source,
        row.note,
    ]


def specs(variants: Variants, order: list[int]) -> str:
    """One spec per line, its name behind it as a comment of the language."""
    rows = [variants.rows[i] for i in order]
    widest = max((len(row.spec) for row in rows if len(row.spec) <= 80), default=0)
    return "".join(f"{row.spec:<{widest}}  # {row.name}\n" for row in rows)

"""The table of the sizes that work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcalc.render import numbers
from convcalc.render.table import Column, Table
from convcalc.spec.sizes.quote import written

if TYPE_CHECKING:
    from convcalc.calculators.sizes.sizes import AxisSizes, Sizes


def table(found: Sizes) -> Table:
    """A row for each axis: which sizes work, and the nearest to the one asked about."""
    columns = (
        Column("axis", "axis", numbers.label, "left"),
        Column("sizes", "sizes that work", numbers.label, "left"),
        Column("smallest", "smallest", _number),
        Column("size", "size", _number, priority=10),
        Column("works", "works", numbers.label, "left"),
        Column("below", "below", _number),
        Column("above", "above", _number),
    )
    facts, title = [], numbers.label(found.name)
    if found.works:
        title = numbers.toned(f"{title}: {written(found.inputs)} works", "good")
    elif found.works is False:
        near = ", ".join(map(written, found.nearest))
        said = f"the nearest that do: {near}" if near else "none near it was found"
        title = numbers.toned(f"{title}: {written(found.inputs)} does not work; {said}", "bad")
        facts.append(("why", str(found.reason)))
        facts += [("try", f"--input {written(shape)}") for shape in found.nearest[:2]]
    notes = []
    if not found.axes:
        notes.append("The input has no spatial axes.")
    if any(axis.sizes.limit is not None for axis in found.axes):
        notes.append("How it goes on beyond the sizes that were looked at is not certain.")
    return Table(columns, list(map(_row, found.axes)), title=title, facts=facts, notes=notes)


def _row(axis: AxisSizes) -> list[Any]:
    works = "" if axis.works is None else "yes" if axis.works else "no"
    near = (None, None) if axis.works else (axis.below, axis.above)
    return [axis.name, str(axis.sizes), axis.smallest, axis.size, works, *near]


def _number(value: int | None) -> str:
    return "" if value is None else numbers.exact(value)

"""The tables of what convcalc knows by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.spec.catalog import Entry


def tables(entries: Sequence[Entry], *, exact: bool = False) -> Iterator[Table]:
    """A table for each kind: networks with what they cost, the others with what they take."""
    for kind in dict.fromkeys(entry.kind for entry in entries):
        found = [entry for entry in entries if entry.kind == kind]
        rest = [] if kind == "network" else [_arguments()]
        counted = _counted(exact) if kind == "network" else []
        heading = f"{len(found)} {kind}{'s' * (len(found) != 1)}"
        yield _table([Column("name", heading, numbers.label, "left"), *counted, _about(kind), *rest], found)


def whole(entries: Sequence[Entry], *, exact: bool = False) -> Table:
    """Everything in one table, for a program."""
    kinds = {entry.kind for entry in entries}
    columns = [
        Column("kind", "kind", numbers.label, "left"),
        Column("name", "name", numbers.label, "left"),
        _about(""),
        _arguments(),
        *(_counted(exact) if "network" in kinds else ()),
    ]
    return _table(columns, entries)


def _table(columns: Sequence[Column], entries: Sequence[Entry]) -> Table:
    return Table(columns, [tuple(getattr(entry, column.key) for column in columns) for entry in entries])


def _counted(exact: bool) -> list[Column]:
    count = numbers.exact if exact else numbers.human
    return [
        Column("year", "year", numbers.other, priority=30),
        Column("input", "input", numbers.label, "left", 25),
        Column("params", "parameters", count),
        Column("macs", "MACs", count),
    ]


def _about(kind: str) -> Column:
    return Column("about", "published" if kind == "network" else "about", numbers.label, "left", 60, 20)


def _arguments() -> Column:
    return Column("arguments", "arguments", numbers.label, "left", 70, 20)

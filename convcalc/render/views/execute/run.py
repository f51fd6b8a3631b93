"""The table of a run: the shape and the statistics of every tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.executor.trace import Run
    from convcalc.render.tree import Tree

COLUMNS: Final = (
    Column("name", "name", numbers.label, "left", 0, 12, True),
    Column("op", "layer", numbers.label, "left", 50, join=numbers.layers),
    Column("output_shape", "output", numbers.shape, join=numbers.last),
    Column("mean", "mean", numbers.other, priority=10, join=numbers.last),
    Column("std", "std", numbers.other, priority=20, join=numbers.last),
    Column("min", "min", numbers.other, priority=30, join=numbers.last),
    Column("max", "max", numbers.other, priority=30, join=numbers.last),
    Column("zeros", "zeros", numbers.share, priority=40, bar=True, join=numbers.last),
)
"""A block has what leaves it."""


def table(run: Run) -> Table:
    """What went through the network, tensor by tensor.

    A value that is infinite or no number is said in a note; the statistics are of the others.
    """
    rows: list[tuple[Any, ...]] = []
    for row in run.layers:
        s = row.statistics
        elements = run.batch
        for size in row.shape:
            elements *= size
        zeros = numbers.Share(s.zeros, elements)
        rows.append((row.name, row.op, row.shape, s.mean, s.std, s.min, s.max, zeros))
    broken = [row for row in run.layers if row.statistics.nonfinite]
    notes = []
    if broken:
        first = broken[0]
        notes.append(
            f"{first.name} is the first of {len(broken)} tensors with values that are infinite or no number"
            f" ({first.statistics.nonfinite:,} of them); statistics leave them out."
        )
    facts = [(f"output {name}", numbers.shape(array.shape)) for name, array in run.outputs.items()]
    made = Table(COLUMNS, rows, title=numbers.toned(_broken_off(run), "warn"), facts=facts, notes=notes)
    made.tree = lambda: tree(run, made)
    return made


def _broken_off(run: Run) -> str:
    """That a run was interrupted, and how far it came; empty where it came to its end."""
    if run.asked is None:
        return ""
    last = numbers.label(run.layers[-1].name)
    return f"interrupted behind {last}: {len(run.layers)} of {run.asked} tensors were written"


def tree(run: Run, table: Table, **settings: Any) -> Tree:
    """The layers of a table under the blocks they stand in; a block has what leaves it."""
    from convcalc.render.tree import Tree

    sizes = ", ".join(f"input {numbers.shape(row.shape)}" for row in run.inputs)
    title = f"{numbers.label(run.name)}: {sizes}, {run.dtype}, batch {run.batch}"
    if run.asked is not None:
        title = numbers.toned(f"{title}, {_broken_off(run)}", "warn")
    return Tree(table, whole=run.name, title=title, **settings)

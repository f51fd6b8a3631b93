"""The table of the largest tensor at each resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.render import numbers
from convcalc.render.table import Column, Table

if TYPE_CHECKING:
    from convcalc.calculators.count.resolutions import Resolution


def table(rows: Sequence[Resolution], *, exact: bool = False) -> Table:
    """One row per resolution.

    Args:
        rows: what :func:`convcalc.resolutions` gave.
        exact: bytes to the last one instead of binary units.
    """
    form = numbers.exact if exact else numbers.human_bytes
    columns = (
        Column("size", "resolution", numbers.shape, "left"),
        Column("channels", "channels", numbers.exact),
        Column("bytes", "largest", form),
        Column("layer", "written by", numbers.label, "left", 0, 12, True),
        Column("tensors", "tensors", numbers.exact, priority=10),
    )
    return Table(columns, [(r.size, r.channels, r.bytes, r.layer, r.tensors) for r in rows])

"""Branches that meet with their fields centred on different input positions."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.calculators.answers import tidy
from convcalc.calculators.receptive_field.axis import AxisField, same
from convcalc.dims import Dim, Shape, is_known, is_symbolic
from convcalc.records import Record


@dataclass(frozen=True, slots=True)
class Misaligned(Record):
    """Branches that meet with their fields centred on different input positions.

    Attributes:
        layer: where they meet.
        branches: the two layers whose fields lie furthest apart.
        input: the input that is seen.
        axis: the spatial axis.
        by: distance of the two centres at the first output, in input pixels (over the phases: mean).
        at_end: the same at the last output, where it differs; else None.
    """

    KEYS = "layer branches input axis pixels=by pixels_at_end=at_end"

    layer: str
    branches: tuple[str, str]
    input: str
    axis: int
    by: Any
    at_end: Any

    def __str__(self) -> str:
        where = f"{self.layer}: {self.branches[0]} and {self.branches[1]} are misaligned"
        if self.at_end is None:
            return f"{where} by {self.by} pixels on axis {self.axis}"
        return f"{where} by {self.by} pixels at the start of axis {self.axis} and {self.at_end} at its end"


class Branch(NamedTuple):
    """One of the branches that meet, along one axis.

    Attributes:
        name: of its last layer.
        field: what it sees.
        anchor: the same with one-sided windows taken as their last tap.
        cut: whether it is a sequence whose beginning was cut off.
    """

    name: str
    field: AxisField
    anchor: AxisField
    cut: bool


def comparable(field: AxisField) -> bool:
    """Whether a field is made of runs at known numbers, and moves with an axis of the output."""
    return (
        field.local
        and isinstance(field.driver, int)
        and all(start is not None for start in field.starts)
        and is_known(*field.starts, *field.sizes, field.advance)
        and not any(map(is_symbolic, (*field.starts, *field.sizes, field.advance)))
    )


def furthest(parts: list[Branch], out: Shape) -> tuple[tuple[str, str], Any, Any] | None:
    """The two branches furthest apart, by how much at the first and at the last output.

    Rows and columns of a product move with axes of their own: nothing is apart there.
    """
    worst: tuple[tuple[str, str], Any, Any] | None = None
    first, *rest = parts
    base = first.field
    for branch in rest:
        field = branch.field
        if field is base or field.driver != base.driver or _one_sided(first, branch):
            continue
        strides = base.stride, field.stride
        if None not in strides and same(*strides):
            by, end = abs(_offset(base) - _offset(field)), None
        else:
            assert isinstance(base.driver, int)
            size = out[base.driver]
            last = size - 1 if type(size) is int else 0
            by, end = (abs(_middle(base, j) - _middle(field, j)) for j in (0, last))
        if (by or end) and (worst is None or max(by, end or 0) > max(worst[1], worst[2] or 0)):
            worst = (first.name, branch.name), tidy(by), None if end is None else tidy(end)
    return worst


def _one_sided(a: Branch, b: Branch) -> bool:
    """Whether two branches end at the same position, as causal layers and their shortcuts are meant to.

    They do so because their windows read nothing behind their own position, or because the beginning of
    a sequence was cut off to meet windows without padding.
    """
    if a.field.periodic and b.field.periodic:
        if a.field.period != b.field.period or a.field.advance != b.field.advance:
            return False
        same_ends = _ends(a.field) == _ends(b.field)
    else:  # what a recurrent layer sees grows with the position
        count = max(a.field.period, b.field.period)
        same_ends = all(_end(a.field, j) == _end(b.field, j) for j in range(count))
    if not same_ends:
        return False
    if a.cut or b.cut:
        return True
    meant = a.anchor is not a.field or b.anchor is not b.field
    known = comparable(a.anchor) and comparable(b.anchor)
    return meant and known and _offset(a.anchor) == _offset(b.anchor)


def _ends(field: AxisField) -> list[Dim]:
    """The index behind the run of each phase."""
    return [start + size for start, size in zip(field.starts, field.sizes, strict=True)]


def _end(field: AxisField, j: int) -> Dim:
    """The index behind the run of one position."""
    run = field.run(j)
    return None if run is None else run[0] + run[1]


def _middle(field: AxisField, j: int) -> Fraction:
    return Fraction(field.middle(j))


def _offset(field: AxisField) -> Fraction:
    """Where the centres of the runs lie, less what the stride accounts for: the mean over the phases."""
    stride = Fraction(field.advance, field.period)
    return sum((_middle(field, p) - p * stride for p in range(field.period)), Fraction(0)) / field.period

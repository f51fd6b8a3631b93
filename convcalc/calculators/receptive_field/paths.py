"""Fields of several paths together, and through layers: where branches meet, and where two tensors do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm, prod
from typing import Any

from convcalc.budget import spend
from convcalc.calculators.receptive_field.axis import (
    EVERYTHING,
    LIMIT,
    LONGEST,
    AxisField,
    Digits,
    Indexed,
    in_numbers,
    same,
    unknown,
)
from convcalc.calculators.receptive_field.compose import compose, shortest
from convcalc.calculators.receptive_field.tables import (
    asked,
    least_known,
    most_known,
    numeric,
    settled,
    tabled,
)
from convcalc.dims import UNKNOWN, Dim, Shape, maximum, minimum
from convcalc.layers.reads import (
    ALL,
    ONE,
    Axis,
    Reads,
    Rule,
    Whole,
)


class Joint(AxisField):
    """What an index sees by several paths each of which follows other axes, as a product of two tensors does.

    Their table would have an entry for every pair of indices, so the paths are kept apart. ``starts`` and
    ``sizes`` are those of all indices together along the axes that the paths do not share.

    Attributes:
        parts: the fields of the paths.
        out: shape of the output.
    """

    __slots__ = ("_shown", "out", "parts")

    def __init__(self, parts: Sequence[AxisField], out: Shape) -> None:
        self.parts = tuple(parts)
        self.out = out
        self.driver = tuple(sorted({driver for part in parts for driver in part.drivers}))
        self.advance = 0
        self.everything = False
        self.periodic = False
        self._shown: AxisField | None = None

    @property
    def shown(self) -> AxisField:
        """The field along the axes that all paths share."""
        if self._shown is None:
            common = set(self.drivers).intersection(*(part.drivers for part in self.parts))
            way = tuple(Axis(a, ONE) if a in common else ALL for a in range(len(self.out)))
            whole = [
                tabled(part, [way[d] for d in part.drivers], self.out, self.out, False) for part in self.parts
            ]
            self._shown = hull(whole, self.out)
        return self._shown

    @property
    def starts(self) -> tuple[Dim | None, ...]:  # type: ignore[override]
        """See :class:`Joint`."""
        return self.shown.starts

    @property
    def sizes(self) -> tuple[Dim, ...]:  # type: ignore[override]
        """See :class:`Joint`."""
        return self.shown.sizes

    @property
    def local(self) -> bool:
        """Every path sees a part."""
        return True

    def run(self, j: int) -> tuple[Dim, Dim] | None:
        """First index and size of what all paths together see."""
        place = {}
        for driver in reversed(self.drivers):
            j, place[driver] = divmod(j, self.out[driver])
        runs = []
        for part in self.parts:
            at = 0
            for driver in part.drivers:
                at = at * self.out[driver] + place[driver]
            runs.append(part.run(at))
        seen = [run for run in runs if run is not None]
        if not seen:
            return None
        low = min(start for start, _ in seen)
        return low, max(start + size for start, size in seen) - low


def through(field: AxisField, way: Reads, shape: Shape, out: Shape) -> AxisField:
    """The field of a layer's output, from that of its input and how the layer reads it.

    Args:
        field: of the input.
        way: how the layer reads the input.
        shape: of the input.
        out: of the output.
    """
    if isinstance(field, Joint):
        return hull([through(part, way, shape, out) for part in field.parts], out)
    found = _followed(field, way, shape, out)
    for number, axis in enumerate(way):
        partial = isinstance(axis.rule, Whole) and number not in field.drivers
        if partial and type(axis.output) is int and axis.output:  # all channels are one
            found = _only_at(found, axis.output, axis.rule, out)
    return found


def _only_at(field: AxisField, output: int, rule: Rule, out: Shape) -> AxisField:
    """A field of the outputs that a rule about another axis lets read anything; the others see nothing."""
    if not field.local or isinstance(field, Joint) or output in field.drivers or not in_numbers(field):
        return field
    outputs = sorted((*field.drivers, output))
    count = prod(n if type(n) is int else 0 for n in (out[o] for o in outputs))
    if not 0 < count <= LONGEST or not numeric(rule):
        return field
    spend(1 + count // 4)
    at = asked(Axis(output, ONE), outputs, out)
    of = asked(Axis(field.driver, ONE), outputs, out) if field.drivers else [0] * count
    runs = [field.run(j) if rule.taps(i) else None for i, j in zip(at, of, strict=True)]
    starts = [None if run is None else run[0] for run in runs]
    sizes = [0 if run is None else run[1] for run in runs]
    return settled(outputs, [out[o] for o in outputs], starts, sizes, field.everything)


def _followed(field: AxisField, way: Reads, shape: Shape, out: Shape) -> AxisField:
    """The field of the output by the axes that drive it."""
    drivers = field.drivers
    if not drivers:
        return field
    if len(drivers) == 1:
        axis = way[drivers[0]]
        if not isinstance(axis.output, tuple):
            written = None if axis.output is None else out[axis.output]
            return compose(field, axis, shape[drivers[0]], written)
    axes = [way[driver] for driver in drivers]
    plain = field.local and not isinstance(field, Indexed)
    if plain and all(axis.rule is ONE and type(axis.output) is int for axis in axes):
        outputs = tuple(axis.outputs[0] for axis in axes)
        if list(outputs) == sorted(set(outputs)):
            return replace(field, driver=outputs)
    return tabled(field, axes, shape, out)


def hull(fields: list[AxisField], out: Shape) -> AxisField:
    """The field of several paths together.

    Args:
        fields: of the paths.
        out: shape of the output, for paths of different strides.
    """
    first = fields[0]
    if all(field is first for field in fields):
        return first
    everything = any(field.everything for field in fields)
    parts = [field for field in fields if field.local]
    if not parts:
        return EVERYTHING if everything else first
    drivers = {field.driver for field in parts if field.driver is not None}
    if len(drivers) > 1 or any(isinstance(driver, tuple) for driver in drivers):
        return _hull_of_tables(parts, everything, out)
    driver = next(iter(drivers), None)
    assert not isinstance(driver, tuple)
    written = 1 if driver is None else out[driver]
    if driver is not None and any(_is_table(field, written) for field in parts):
        return _table_of_all(sorted(parts, key=lambda part: part.driver is None), everything, out)
    found = parts[0]
    for field in parts[1:]:
        if field is not found:
            found = _both(found, field, driver, written)
    if found.everything != everything or found.driver != driver:
        found = replace(found, driver=driver, everything=everything)
    return found


def _hull_of_tables(fields: Sequence[AxisField], everything: bool, out: Shape) -> AxisField:
    """The field of several paths of which some follow several axes, or each another one."""
    paths = [part for field in fields for part in (field.parts if isinstance(field, Joint) else (field,))]
    paths = sorted(dict.fromkeys(paths), key=lambda path: -len(path.drivers))
    groups: list[list[AxisField]] = []
    for path in paths:  # those together of which one follows all axes that the others do
        for group in groups:
            if set(path.drivers) <= set(group[0].drivers):
                group.append(path)
                break
        else:
            groups.append([path])
    found = [_table_of_all(group, everything, out) for group in groups]
    if len(found) == 1:
        return found[0]
    if everything:
        return EVERYTHING
    if not all(map(in_numbers, found)):
        return unknown(tuple(sorted({driver for field in found for driver in field.drivers})))
    return Joint(found, out)


def _marked(field: AxisField, everything: bool) -> AxisField:
    """The same field, with or without a path that sees everything."""
    if isinstance(field, Indexed):
        return Indexed(field.starts, field.sizes, field.digits, field.out, everything)
    return replace(field, everything=everything)


def _table_of_all(fields: Sequence[AxisField], everything: bool, out: Shape) -> AxisField:
    """The field of several paths of which the first follows all axes that the others do."""
    first, *others = fields
    if not others:
        return first if first.everything == everything else _marked(first, everything)
    if isinstance(first, Indexed) and (found := _by_its_digits(first, others, everything)) is not None:
        return found
    outputs = first.drivers
    written = [out[o] for o in outputs]
    if len(outputs) == 1 and not any(_is_table(field, written[0]) for field in fields):
        found = first
        for field in others:
            found = _both(found, field, outputs[0], written[0])
        return found if found.everything == everything else replace(found, everything=everything)
    count = prod(n if type(n) is int else 0 for n in written)
    if not 0 < count <= LONGEST or not all(map(in_numbers, fields)):
        return unknown(first.driver)
    starts: list[list[int | None]] = []
    ends: list[list[int | None]] = []
    for field in fields:
        spend(1 + count // 4)
        runs = [field.run(j) for j in asked(Axis(field.driver, ONE), outputs, out)]
        starts.append([None if run is None else run[0] for run in runs])
        ends.append([None if run is None else run[0] + run[1] for run in runs])
    lows = [least_known(column) for column in zip(*starts, strict=True)]
    highs = [most_known(column) for column in zip(*ends, strict=True)]
    sizes = [0 if a is None or b is None else b - a for a, b in zip(lows, highs, strict=True)]
    return settled(outputs, written, lows, sizes, everything)


def _by_its_digits(field: Indexed, others: Sequence[AxisField], everything: bool) -> AxisField | None:
    """A field together with others each of which depends on one of its digits; None where one does not."""
    counts = [digit.many for digit in field.digits]
    starts, sizes = list(field.starts), list(field.sizes)
    for other in others:
        found = _by_digit(other, field.digits)
        if found is None:
            return None
        place, runs = found
        inner = prod(counts[place + 1 :])
        for entry, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            run = runs.get(entry // inner % counts[place])
            if run is None:
                continue
            if start is None:
                starts[entry], sizes[entry] = run
            else:
                starts[entry] = min(start, run[0])
                sizes[entry] = max(start + size, run[0] + run[1]) - min(start, run[0])
    return Indexed(starts, sizes, field.digits, field.out, everything)


def _by_digit(field: AxisField, digits: Sequence[Digits]) -> tuple[int, dict[int, Any]] | None:
    """Which digit a field depends on alone, and what it sees by that digit."""
    for place, digit in enumerate(digits):
        if field.drivers == digit.outputs:
            spend(1 + len(digit.of) // 2)
            runs: dict[int, Any] = {}
            if all(runs.setdefault(i, run := field.run(j)) == run for j, i in enumerate(digit.of)):
                return place, runs
    return None


def _is_table(field: AxisField, written: Dim) -> bool:
    """Whether a field says of every index by itself what it sees."""
    return not field.periodic and type(written) is int and field.period == written


def _both(a: AxisField, b: AxisField, driver: int | None, written: Dim) -> AxisField:
    if len(a.starts) == len(b.starts) == 1 and same(a.advance, b.advance):
        start, other = a.starts[0], b.starts[0]
        if start is UNKNOWN or other is UNKNOWN:
            # Padding that depends on a size nobody stated: branches are taken as aligned.
            return AxisField(driver, (UNKNOWN,), (maximum(a.sizes[0], b.sizes[0]),), a.advance)
        if same(start, other):
            return AxisField(driver, a.starts, (maximum(a.sizes[0], b.sizes[0]),), a.advance)
        low = minimum(start, other)
        size = maximum(start + a.sizes[0], other + b.sizes[0]) - low
        return AxisField(driver, (low,), (size,), a.advance)
    if not (in_numbers(a) and in_numbers(b)):
        return unknown(driver)
    count = lcm(a.period, b.period)
    periodic = a.periodic and b.periodic and a.advance * b.period == b.advance * a.period and count <= LIMIT
    if periodic:
        advance = a.advance * (count // a.period)
    else:
        if type(written) is not int or written > LONGEST:
            return unknown(driver)
        count = written
        steepest = max(Fraction(a.advance, a.period), Fraction(b.advance, b.period))
        advance = int(steepest * count)
    starts: list[int | None] = []
    sizes: list[int] = []
    spend(3 * count)
    for j in range(count):
        runs = [run for run in (a.run(j), b.run(j)) if run is not None]
        low = min((start for start, _ in runs), default=None)
        starts.append(low)
        sizes.append(0 if low is None else max(start + size for start, size in runs) - low)
    return shortest(AxisField(driver, tuple(starts), tuple(sizes), advance, periodic=periodic))


def sees_all(field: AxisField, size: Dim, shape: Shape) -> bool:
    """Whether every output that sees anything of an axis sees all of it, from its first index to its last.

    Args:
        field: along the axis.
        size: of the axis.
        shape: of the output.
    """
    if field.everything:
        return True
    if isinstance(field, Joint):
        return any(sees_all(part, size, shape) for part in field.parts)
    if isinstance(field, Indexed) and type(size) is int:
        return all(
            start is None or (start <= 0 and start + many >= size)
            for start, many in zip(field.starts, field.sizes, strict=True)
        )
    count = prod(shape[driver] for driver in field.drivers)
    if not (type(size) is type(count) is int and in_numbers(field)):
        return False
    # The phases of the first turn and of the last: between them the run only moves one way.
    ends = {*range(min(field.period, count)), *range(max(0, count - field.period), count)}
    spend(1 + len(ends) // 4)
    runs = (run for run in map(field.run, ends) if run is not None)
    return all(start <= 0 and start + length >= size for start, length in runs)


def least(fields: list[AxisField]) -> AxisField:
    """The smallest of several paths' fields."""
    found = fields[0]
    for field in fields[1:]:
        if _extent(field) < _extent(found):
            found = field
    return found


def _extent(field: AxisField) -> float:
    if not field.local:
        return float("inf")
    size = field.size
    return size if type(size) is int else float("inf")

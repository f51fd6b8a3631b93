"""The receptive field along one axis, as a function of the output index, and how layers compose it.

A field says for every output index ``j`` which run of input indices it sees, as if both axes had
no end. Ordinary networks have one run of fixed size that moves on by a stride (Araujo, Norris &
Sim 2019): ``j`` sees ``[j*S - P, j*S - P + R - 1]``. After transposed convolutions and resizing,
the run depends on the phase of ``j``: the field holds one start and one size per phase, and how far
a whole period moves on. Composition takes the runs of exactly those indices that a layer reads,
so the ends are exact at every phase; fields of one phase are composed in plain arithmetic, which
works for closed forms too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm, prod
from typing import Any, Final

from convcalc.budget import spend
from convcalc.calculators.answers import tidy
from convcalc.dims import UNKNOWN, Dim, Shape, is_known, is_symbolic, maximum, minimum
from convcalc.layers.reads import (
    ALL,
    ONE,
    Axis,
    Decided,
    Every,
    Flipped,
    From,
    Part,
    Reads,
    Resample,
    Rule,
    Slide,
    Spread,
    Unstated,
    UpTo,
    Whole,
)

LIMIT: Final = 4096
"""Phases that are told apart; beyond, a field is a table of its output's indices."""

LONGEST: Final = 1 << 17
"""Longest such table."""


@dataclass(slots=True, eq=False)
class AxisField:
    """What an output index sees along one axis of an input.

    Attributes:
        driver: the axis of the output tensor that ``j`` runs along (0 is the channels); None where
            every output sees the same. Several axes, in ascending order, where what is seen depends on all
            of them: ``j`` counts their entries off together, the last of them fastest, and the runs are a
            table.
        starts: first input index seen by output indices 0, 1, ..., one per phase; None where a phase
            sees nothing.
        sizes: how many indices there are from the first to the last, one per phase.
        advance: how far the run moves on in one period.
        everything: a path leads through an operation over the whole axis. ``starts`` and ``sizes``
            are then those of the other paths, if there are any.
        periodic: the phases repeat; else they are a table of the indices of this output.
    """

    driver: int | tuple[int, ...] | None
    starts: tuple[Dim | None, ...]
    sizes: tuple[Dim, ...]
    advance: Dim
    everything: bool = False
    periodic: bool = True

    @property
    def drivers(self) -> tuple[int, ...]:
        """The axes of the output tensor that ``j`` runs along."""
        if self.driver is None:
            return ()
        return self.driver if isinstance(self.driver, tuple) else (self.driver,)

    def at(self, position: Sequence[int], shape: Shape) -> tuple[Dim, Dim] | None:
        """What a position of a tensor sees: first index and size; None where that is nothing.

        Args:
            position: one index per axis behind the first.
            shape: that of the tensor.
        """
        j = 0
        for axis in self.drivers:
            j = j * shape[axis] + position[axis - 1]
        return self.run(j)

    @property
    def period(self) -> int:
        """Phases after which the run is the same again, moved on."""
        return len(self.starts)

    @property
    def local(self) -> bool:
        """Whether there is a path that sees only a part."""
        return self.starts[0] is not None or any(start is not None for start in self.starts)

    @property
    def known(self) -> bool:
        """Whether the size is a number or a closed form."""
        return is_known(*self.sizes)

    @property
    def size(self) -> Dim:
        """Size in input indices, the largest over the phases; of the paths that see a part."""
        return self.sizes[0] if len(self.sizes) == 1 else max(self.sizes)

    @property
    def smallest(self) -> Dim:
        """The smallest size over the phases."""
        return self.sizes[0] if len(self.sizes) == 1 else min(self.sizes)

    @property
    def stride(self) -> Dim | Fraction | None:
        """Effective stride: input indices per output index, exact; None where it is not constant."""
        if not self.local or not self.periodic:
            return None
        if len(self.starts) == 1:
            return self.advance
        return tidy(Fraction(self.advance, len(self.starts)))

    @property
    def padding(self) -> Dim | None:
        """Effective padding: how far before the input the first output's run starts."""
        start = self.starts[0]
        return None if start is None else 0 - start

    @property
    def center(self) -> Dim | Fraction | None:
        """Centre of the first output's run, in input indices."""
        return self.middle(0)

    def middle(self, j: int) -> Any:
        """Centre of the run of output ``j``; None where it sees nothing."""
        run = self.run(j)
        if run is None:
            return None
        start, size = run
        if start is UNKNOWN or size is UNKNOWN:
            return UNKNOWN
        if is_symbolic(start) or is_symbolic(size):
            return start + (size - 1) / 2
        return tidy(start + Fraction(size - 1, 2))

    def run(self, j: int) -> tuple[Dim, Dim] | None:
        """First index and size of what output ``j`` sees; None where that is nothing."""
        count = len(self.starts)
        if self.periodic:
            turns, phase = divmod(j, count)
            start = self.starts[phase]
            return None if start is None else (start + turns * self.advance, self.sizes[phase])
        phase = min(max(j, 0), count - 1)
        start = self.starts[phase]
        if start is None:
            return None
        return start + (j - phase) * self.advance // count, self.sizes[phase]

    def regular(self) -> bool:
        """Whether both ends never move back and every index sees something."""
        if len(self.starts) == 1:
            return self.starts[0] is not None
        if not self.periodic or any(start is None for start in self.starts):
            return False
        starts = [*self.starts, self.starts[0] + self.advance]
        ends = [start + size for start, size in zip(starts, (*self.sizes, self.sizes[0]), strict=True)]
        return all(a <= b for a, b in pairwise(starts)) and all(a <= b for a, b in pairwise(ends))


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
                _tabled(part, [way[d] for d in part.drivers], self.out, self.out, False)
                for part in self.parts
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


EVERYTHING: Final = AxisField(None, (None,), (0,), 0, everything=True)
"""Every output sees the whole axis."""


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
    count = prod(shape[driver] for driver in field.drivers)
    if not (type(size) is type(count) is int and _in_numbers(field)):
        return False
    # The phases of the first turn and of the last: between them the run only moves one way.
    ends = {*range(min(field.period, count)), *range(max(0, count - field.period), count)}
    spend(1 + len(ends) // 4)
    runs = (run for run in map(field.run, ends) if run is not None)
    return all(start <= 0 and start + length >= size for start, length in runs)


def unknown(driver: int | tuple[int, ...] | None) -> AxisField:
    """A field that depends on a size nobody stated, or on what an input decides."""
    return AxisField(driver, (UNKNOWN,), (UNKNOWN,), UNKNOWN)


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
        if isinstance(axis.rule, Whole) and type(axis.output) is int and number not in field.drivers:
            found = (
                _only_at(found, axis.output, axis.rule, out) if axis.output else found
            )  # all channels are one
    return found


def _only_at(field: AxisField, output: int, rule: Whole, out: Shape) -> AxisField:
    """A field of the outputs that a rule about another axis lets read anything; the others see nothing."""
    if not field.local or isinstance(field, Joint) or output in field.drivers or not _in_numbers(field):
        return field
    outputs = sorted((*field.drivers, output))
    count = prod(n if type(n) is int else 0 for n in (out[o] for o in outputs))
    if not 0 < count <= LONGEST or not _numeric(rule):
        return field
    spend(1 + count // 4)
    at = _asked(Axis(output, ONE), outputs, out)
    of = _asked(Axis(field.driver, ONE), outputs, out) if field.drivers else [0] * count
    runs = [field.run(j) if rule.taps(i) else None for i, j in zip(at, of, strict=True)]
    starts = [None if run is None else run[0] for run in runs]
    sizes = [0 if run is None else run[1] for run in runs]
    return _settled(outputs, [out[o] for o in outputs], starts, sizes, field.everything)


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
    if field.local and all(axis.rule is ONE and type(axis.output) is int for axis in axes):
        outputs = tuple(axis.outputs[0] for axis in axes)
        if list(outputs) == sorted(set(outputs)):
            return replace(field, driver=outputs)
    return _tabled(field, axes, shape, out)


def _tabled(
    field: AxisField, axes: Sequence[Axis], shape: Shape, out: Shape, whole: bool = True
) -> AxisField:
    """A field that several axes decide, of the input or of the output, index by index.

    Where ``whole``, what is read of all indices is everything, whatever those see.
    """
    drivers = field.drivers
    sizes = [shape[driver] for driver in drivers]
    outputs = [o for o in sorted({o for axis in axes for o in axis.outputs}) if out[o] != 1]
    written = [out[o] for o in outputs]
    if not outputs:
        return field if prod(sizes) == 1 and not field.local else _alone(field, axes, sizes, whole)
    driver = tuple(outputs) if len(outputs) > 1 else outputs[0]
    if not field.local:
        return replace(field, driver=driver)
    count = prod(n if type(n) is int else 0 for n in written)
    if (
        not 0 < count <= LONGEST
        or not all(type(n) is int for n in sizes)
        or any(isinstance(axis.rule, Decided | Unstated) or not _numeric(axis.rule) for axis in axes)
        or not _in_numbers(field)
    ):
        return unknown(driver)
    alone = len(drivers) == 1
    kept = [axis.output for axis in axes if not isinstance(axis.rule, Every)]
    if not alone and kept == outputs and all(a.rule is ONE or isinstance(a.rule, Every) for a in axes):
        return _over_some(field, [isinstance(axis.rule, Every) for axis in axes], sizes, outputs)
    taps = [_taps_of(axis, n, axis.count(out), not alone) for axis, n in zip(axes, sizes, strict=True)]
    asked = [_asked(axis, outputs, out) for axis in axes]
    if all(len(one) == 1 for of in taps for one in of):
        entries = [0] * count
        for of, js, size in zip(taps, asked, sizes, strict=True):
            at = [one[0] for one in of]
            entries = [entry * int(size) + at[j] for entry, j in zip(entries, js, strict=True)]
        spend(1 + count // 8)
        seen = {i: field.run(i) for i in set(entries)}
        moved = [seen[i] for i in entries]
        first = [None if run is None else run[0] for run in moved]
        many = [0 if run is None else run[1] for run in moved]
        return _settled(outputs, written, first, many, field.everything)
    starts: list[int | None] = []
    spans: list[int] = []
    for place in zip(*asked, strict=True):
        runs_here = _runs(field, [of[j] for of, j in zip(taps, place, strict=True)], sizes)
        low = min((start for start, _ in runs_here), default=None)
        starts.append(low)
        spans.append(0 if low is None else max(start + size for start, size in runs_here) - low)
    return _settled(outputs, written, starts, spans, field.everything)


def _asked(axis: Axis, outputs: Sequence[int], out: Shape) -> list[int]:
    """What a rule is asked for by every entry of the output, counted off along the axes that decide."""
    found = [0]
    for output, weight in zip(outputs, _weights(axis, outputs, out), strict=True):
        steps = [weight * i for i in range(out[output])]
        found = [j + step for j in found for step in steps]
    return found


def _over_some(
    field: AxisField, gone: Sequence[bool], sizes: Sequence[Dim], outputs: Sequence[int]
) -> AxisField:
    """What all indices along some of the axes that decide see together, for each index of the others."""
    starts: list[int | None] = list(field.starts)
    sees = [start is not None for start in starts]
    ends = [s + n if s is not None else None for s, n in zip(starts, field.sizes, strict=True)]
    spend(1 + len(starts) // 8)
    inner = 1
    for size, goes in zip(reversed(sizes), reversed(gone), strict=True):
        if not goes:
            inner *= int(size)
            continue
        block = inner * int(size)
        rows = [
            [values[at + k : at + k + inner] for k in range(0, block, inner)]
            for values in (starts, ends)
            for at in range(0, len(values), block)
        ]
        half = len(rows) // 2
        least, most = (min, max) if all(sees) else (_least_known, _most_known)
        starts = [least(column) for row in rows[:half] for column in zip(*row, strict=True)]
        ends = [most(column) for row in rows[half:] for column in zip(*row, strict=True)]
    found = [0 if s is None or e is None else e - s for s, e in zip(starts, ends, strict=True)]
    written = [int(size) for size, goes in zip(sizes, gone, strict=True) if not goes]
    return _settled(outputs, written, starts, found, field.everything)


def _least_known(values: Sequence[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _most_known(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _alone(field: AxisField, axes: Sequence[Axis], sizes: Sequence[Dim], whole: bool) -> AxisField:
    """A field that no axis of the output decides: of everything, or of one entry."""
    if all(type(n) is int for n in sizes) and prod(sizes) == 1:
        first, size = field.run(0) or (None, 0)
        return AxisField(None, (first,), (size,), 0, field.everything)
    if (whole and any(isinstance(axis.rule, Every) for axis in axes)) or not _in_numbers(field):
        return EVERYTHING
    chosen = [axis.rule.of(0, int(n)) for axis, n in zip(axes, sizes, strict=True)]
    runs = _runs(field, chosen, sizes)
    if not runs:
        return AxisField(None, (None,), (0,), 0, field.everything)
    first = min(start for start, _ in runs)
    return AxisField(None, (first,), (max(s + n for s, n in runs) - first,), 0, field.everything)


def _taps_of(axis: Axis, read: int, written: Dim, within: bool) -> list[Sequence[int]]:
    """What each index of the output reads of one driver; within its ends, or as if it had none."""
    rule = axis.rule
    if isinstance(rule, Every):
        return [range(read)] * int(written)
    spend(int(written))
    return [rule.of(j, read) if within else rule.taps(j) for j in range(int(written))]


def _weights(axis: Axis, outputs: Sequence[int], out: Shape) -> list[int]:
    """How much a step along each axis of the output moves the count that a rule is asked for."""
    found = dict.fromkeys(outputs, 0)
    inner = 1
    for output in reversed(axis.outputs):
        found[output] = inner
        inner *= out[output]
    return [found[output] for output in outputs]


def _runs(field: AxisField, chosen: Sequence[Sequence[int]], sizes: Sequence[Dim]) -> list[tuple[int, int]]:
    """The runs of the entries that are chosen along each driver."""
    entries: Iterable[int] = chosen[0]
    for more, size in zip(chosen[1:], sizes[1:], strict=True):
        entries = [i * int(size) + k for i in entries for k in more]
    found = [run for i in entries if (run := field.run(i)) is not None]
    spend(1 + len(found) // 4)
    return found


def _settled(
    outputs: Sequence[int],
    written: Sequence[int],
    starts: Sequence[int | None],
    sizes: Sequence[int],
    everything: bool,
) -> AxisField:
    """A field from its table: over no more axes than decide, and in phases where one does and runs repeat."""
    for place in range(len(outputs) if len(outputs) > 1 else 0):
        inner = prod(written[place + 1 :])
        block = inner * written[place]
        spend(1 + len(starts) // 16)
        if all(
            values[at : at + inner] == values[at + step : at + step + inner]
            for values in (starts, sizes)
            for at in range(0, len(values), block)
            for step in range(inner, block, inner)
        ):
            left = [[*axes[:place], *axes[place + 1 :]] for axes in (outputs, written)]
            blocks = range(0, len(starts), block)
            first = [start for at in blocks for start in starts[at : at + inner]]
            many = [size for at in blocks for size in sizes[at : at + inner]]
            return _settled(left[0], left[1], first, many, everything)
    driver = tuple(outputs) if len(outputs) > 1 else outputs[0]
    count = len(starts)
    known = [(j, start) for j, start in enumerate(starts) if start is not None]
    rise = 0
    if len(known) > 1:
        (a, low), (b, high) = known[0], known[-1]
        rise = int(Fraction((high - low) * count, b - a))
    table = AxisField(driver, tuple(starts), tuple(sizes), rise, everything, periodic=False)
    if not isinstance(driver, int) or len(known) < count:
        return table
    spend(count)
    for short in range(1, count // 2 + 1):
        step = known[short][1] - known[0][1]
        if count % short == 0 and all(
            sizes[p] == sizes[p - short] and known[p][1] == known[p - short][1] + step
            for p in range(short, count)
        ):
            return AxisField(driver, tuple(starts[:short]), tuple(sizes[:short]), step, everything)
    return table


def compose(field: AxisField, axis: Axis, read: Dim, written: Dim) -> AxisField:
    """The field of a layer's output along one axis, from that of its input and how the layer reads it.

    Args:
        field: of the input.
        axis: how the layer reads the axis that drives the field.
        read: size of that axis of the input.
        written: size of the axis of the output, where there is one.
    """
    driver, rule = axis
    assert not isinstance(driver, tuple)
    if rule is ONE or rule == ONE:
        return field if driver == field.driver else replace(field, driver=driver)
    if isinstance(rule, Every):
        return _over_all(field, read)
    if isinstance(rule, Spread) and type(rule.stride) is int and rule.stride == 1:
        turned = (rule.count - 1) * rule.dilation - rule.before
        rule = Slide(rule.count, 1, rule.dilation, turned)  # the convolution with the kernel turned round
    if isinstance(rule, Slide) and len(field.starts) == 1:
        return _slid(field, driver, rule)
    if isinstance(rule, Flipped) and len(field.starts) == 1 and type(field.advance) is int:
        return _slid(field, driver, Slide(1, -1, 1, 1 - rule.size))
    if isinstance(rule, Resample):
        if type(read) is int and type(written) is int:
            if rule.whole_line(read, written):
                return EVERYTHING
        elif rule.kind == "spline":
            return unknown(driver)
    if isinstance(rule, (Decided, Unstated)) or not _numeric(rule) or not _in_numbers(field):
        return unknown(driver)
    if driver is None and type(read) is int:
        return _alone(field, [axis], [read], whole=False)
    if isinstance(rule, (From, UpTo)) and type(read) is int and read <= LONGEST:
        return _running(field, driver, read, isinstance(rule, From))
    return _by_phase(field, driver, rule, written)


def _slid(field: AxisField, driver: int | None, rule: Slide) -> AxisField:
    """A window over a field of one phase, in plain arithmetic."""
    start = field.starts[0]
    if start is None:
        return field if field.everything else replace(field, driver=driver)
    step = field.advance
    first, reach = start - rule.before * step, (rule.count - 1) * rule.dilation * step
    if type(step) is int and step < 0:  # turned round: the last tap reads first
        first, reach = first + reach, -reach
    return AxisField(
        driver,
        (first,),
        (field.sizes[0] + reach,),
        step * rule.stride,
        field.everything,
        field.periodic,
    )


def _over_all(field: AxisField, read: Dim) -> AxisField:
    if type(read) is int and read == 1:
        run = field.run(0)
        if run is None:
            return EVERYTHING if field.everything else AxisField(None, (None,), (0,), 0)
        return AxisField(None, (run[0],), (run[1],), 0, field.everything)
    if len(field.starts) == 1 and type(field.advance) is int and field.advance == 0:
        return replace(field, driver=None)
    return EVERYTHING


def _numeric(rule: Rule) -> bool:
    values: list[object] = []
    for value in (getattr(rule, name) for name in getattr(rule, "__slots__", ())):
        values += value if isinstance(value, tuple) else (value,)
    return all(_numeric(v) if isinstance(v, Rule) else isinstance(v, int | str | Fraction) for v in values)


def _in_numbers(field: AxisField) -> bool:
    return (
        type(field.advance) is int
        and all(type(size) is int for size in field.sizes)
        and all(start is None or type(start) is int for start in field.starts)
    )


def _by_phase(field: AxisField, driver: int | None, rule: Rule, written: Dim) -> AxisField:
    """A field composed phase by phase; index by index where the phases are too many or do not repeat."""
    turn = rule.period()
    count, periodic, advance = 0, False, 0
    if turn is not None and field.periodic:
        t, a = turn
        turns = field.period // gcd(field.period, a) if a else 1
        count, periodic = t * turns, True
        advance = field.advance * (a * turns // field.period)
    if not periodic or count > LIMIT:
        if type(written) is not int or written > LONGEST:
            return unknown(driver)
        t, a = turn or (1, 1)
        count, periodic = written, False
        advance = int(Fraction(field.advance * a * written, field.period * t))
    if isinstance(rule, Part) and not periodic:
        spend(1 + count // 4)
        inside = range(max(rule.first, 0), min(rule.first + rule.size, count))
        seen = [field.run(j - rule.first + rule.to) for j in inside]
        before, behind = inside.start, count - inside.stop
        return AxisField(
            driver,
            (*[None] * before, *(None if run is None else run[0] for run in seen), *[None] * behind),
            (*[0] * before, *(0 if run is None else run[1] for run in seen), *[0] * behind),
            advance,
            field.everything,
            periodic=False,
        )
    ends_only = field.regular()
    starts: list[int | None] = []
    sizes: list[int] = []
    spend(3 * count)
    for j in range(count):
        taps = rule.taps(j)
        first = last = None
        for i in (taps[0], taps[-1]) if ends_only and len(taps) > 1 else taps:
            run = field.run(i)
            if run is None:
                continue
            start, size = run
            if first is None or start < first:
                first = start
            if last is None or start + size > last:
                last = start + size
        starts.append(first)
        sizes.append(0 if first is None or last is None else last - first)
    return _shortest(AxisField(driver, tuple(starts), tuple(sizes), advance, field.everything, periodic))


def _running(field: AxisField, driver: int | None, count: int, backwards: bool) -> AxisField:
    """The field where index ``j`` reads all of ``count`` indices up to its own, or from its own on."""
    starts: list[int | None] = []
    sizes: list[int] = []
    first = last = None
    spend(3 * count)
    for j in reversed(range(count)) if backwards else range(count):
        run = field.run(j)
        if run is not None:
            first = run[0] if first is None else min(first, run[0])
            last = run[0] + run[1] if last is None else max(last, run[0] + run[1])
        starts.append(first)
        sizes.append(0 if first is None or last is None else last - first)
    order = slice(None, None, -1 if backwards else 1)
    advance = int(Fraction(field.advance * count, field.period))
    return AxisField(
        driver, tuple(starts[order]), tuple(sizes[order]), advance, field.everything, periodic=False
    )


def _shortest(field: AxisField) -> AxisField:
    """The same field with the shortest period."""
    count, starts, sizes, advance = field.period, field.starts, field.sizes, field.advance
    if not field.periodic or count == 1:
        return field
    spend(count)
    for short in range(1, count // 2 + 1):
        if count % short or advance * short % count:
            continue
        step = advance * short // count
        if all(
            sizes[p] == sizes[p - short]
            and (starts[p] is None) == (starts[p - short] is None)
            and (starts[p] is None or starts[p] == starts[p - short] + step)
            for p in range(short, count)
        ):
            return AxisField(field.driver, starts[:short], sizes[:short], step, field.everything)
    return field


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
    if not all(map(_in_numbers, found)):
        return unknown(tuple(sorted({driver for field in found for driver in field.drivers})))
    return Joint(found, out)


def _table_of_all(fields: Sequence[AxisField], everything: bool, out: Shape) -> AxisField:
    """The field of several paths of which the first follows all axes that the others do."""
    first, *others = fields
    if not others:
        return first if first.everything == everything else replace(first, everything=everything)
    outputs = first.drivers
    written = [out[o] for o in outputs]
    if len(outputs) == 1 and not any(_is_table(field, written[0]) for field in fields):
        found = first
        for field in others:
            found = _both(found, field, outputs[0], written[0])
        return found if found.everything == everything else replace(found, everything=everything)
    count = prod(n if type(n) is int else 0 for n in written)
    if not 0 < count <= LONGEST or not all(map(_in_numbers, fields)):
        return unknown(first.driver)
    starts: list[list[int | None]] = []
    ends: list[list[int | None]] = []
    for field in fields:
        spend(1 + count // 4)
        runs = [field.run(j) for j in _asked(Axis(field.driver, ONE), outputs, out)]
        starts.append([None if run is None else run[0] for run in runs])
        ends.append([None if run is None else run[0] + run[1] for run in runs])
    lows = [_least_known(column) for column in zip(*starts, strict=True)]
    highs = [_most_known(column) for column in zip(*ends, strict=True)]
    sizes = [0 if a is None or b is None else b - a for a, b in zip(lows, highs, strict=True)]
    return _settled(outputs, written, lows, sizes, everything)


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
    if not (_in_numbers(a) and _in_numbers(b)):
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
    return _shortest(AxisField(driver, tuple(starts), tuple(sizes), advance, periodic=periodic))


def same(a: Dim, b: Dim) -> bool:
    """Whether two dimensions are known to be equal."""
    return a is not UNKNOWN and b is not UNKNOWN and bool(a == b)


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

"""Fields that several axes decide: tables of what every index sees, kept by digits where they can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod

from convcalc.budget import spend
from convcalc.calculators.receptive_field.axis import (
    EVERYTHING,
    LONGEST,
    AxisField,
    Digits,
    Indexed,
    in_numbers,
    unknown,
)
from convcalc.dims import Dim, Shape
from convcalc.layers.reads import (
    ONE,
    Axis,
    Decided,
    Every,
    Rule,
    Unstated,
)


def numeric(rule: Rule) -> bool:
    """Whether a rule is told by numbers alone."""
    values: list[object] = []
    for value in (getattr(rule, name) for name in getattr(rule, "__slots__", ())):
        values += value if isinstance(value, tuple) else (value,)
    return all(numeric(v) if isinstance(v, Rule) else isinstance(v, int | str | Fraction) for v in values)


def tabled(field: AxisField, axes: Sequence[Axis], shape: Shape, out: Shape, whole: bool = True) -> AxisField:
    """A field that several axes decide, of the input or of the output, index by index.

    Where ``whole``, what is read of all indices is everything, whatever those see.
    """
    drivers = field.drivers
    sizes = [shape[driver] for driver in drivers]
    outputs = [o for o in sorted({o for axis in axes for o in axis.outputs}) if out[o] != 1]
    written = [out[o] for o in outputs]
    if not outputs:
        return field if prod(sizes) == 1 and not field.local else alone(field, axes, sizes, whole)
    driver = tuple(outputs) if len(outputs) > 1 else outputs[0]
    if not field.local:
        return replace(field, driver=driver)
    count = prod(n if type(n) is int else 0 for n in written)
    if (
        not count
        or not all(type(n) is int for n in sizes)
        or any(isinstance(axis.rule, Decided | Unstated) or not numeric(axis.rule) for axis in axes)
        or not in_numbers(field)
    ):
        return unknown(driver)
    single = len(drivers) == 1
    if not single and (found := _by_digits(field, axes, sizes, out)) is not None:
        return found
    if count > LONGEST:
        return unknown(driver)
    taps = [_taps_of(axis, n, axis.count(out), not single) for axis, n in zip(axes, sizes, strict=True)]
    every = [asked(axis, outputs, out) for axis in axes]
    if all(len(one) <= 1 for of in taps for one in of):
        entries = [0] * count
        beside: set[int] = set()  # what reads nothing along some axis
        for of, js, size in zip(taps, every, sizes, strict=True):
            at = [one[0] if one else 0 for one in of]
            entries = [entry * int(size) + at[j] for entry, j in zip(entries, js, strict=True)]
            if not all(of):
                beside.update(i for i, j in enumerate(js) if not of[j])
        spend(1 + count // 8)
        seen = {i: field.run(i) for i in set(entries)}
        moved = [None if i in beside else seen[entry] for i, entry in enumerate(entries)]
        first = [None if run is None else run[0] for run in moved]
        many = [0 if run is None else run[1] for run in moved]
        return settled(outputs, written, first, many, field.everything)
    starts: list[int | None] = []
    spans: list[int] = []
    for place in zip(*every, strict=True):
        runs_here = _runs(field, [of[j] for of, j in zip(taps, place, strict=True)], sizes)
        low = min((start for start, _ in runs_here), default=None)
        starts.append(low)
        spans.append(0 if low is None else max(start + size for start, size in runs_here) - low)
    return settled(outputs, written, starts, spans, field.everything)


def asked(axis: Axis, outputs: Sequence[int], out: Shape) -> list[int]:
    """What a rule is asked for by every entry of the output, counted off along the axes that decide."""
    found = [0]
    for output, weight in zip(outputs, _weights(axis, outputs, out), strict=True):
        steps = [weight * i for i in range(out[output])]
        found = [j + step for j in found for step in steps]
    return found


def _by_digits(field: AxisField, axes: Sequence[Axis], sizes: Sequence[Dim], out: Shape) -> AxisField | None:
    """The field where every axis that decides is read at one index each, or as a whole; else None."""
    if isinstance(field, Indexed):
        digits = list(field.digits)
    else:
        digits = [Digits(int(n), (d,), range(int(n))) for d, n in zip(field.drivers, sizes, strict=True)]
    read = dict(zip(field.drivers, zip(axes, sizes, strict=True), strict=True))
    gone: list[bool] = []
    moved: list[Digits] = []
    for digit in digits:
        several = [read[driver] for driver in digit.outputs]
        whole = [isinstance(axis.rule, Every) for axis, _ in several]
        gone.append(all(whole))
        if all(whole):
            moved.append(digit)
            continue
        if any(whole):
            return None
        at: list[int] = [0]
        outputs: tuple[int, ...] = ()
        for axis, size in several:
            indices: Sequence[int] = range(int(axis.count(out)))
            if axis.rule is not ONE or len(indices) > int(size):
                taps = _taps_of(axis, int(size), len(indices), within=True)
                if not all(len(one) == 1 for one in taps):
                    return None
                indices = [one[0] for one in taps]
            at = [before * int(size) + i for before in at for i in indices]
            outputs += axis.outputs
        if len(set(outputs)) < len(outputs):
            return None
        spend(1 + len(at) // 8)
        moved.append(_trimmed(Digits(digit.many, outputs, [digit.of[i] for i in at]), out))
    counts = [digit.many for digit in digits]
    starts, many = _over_some(field, gone, counts)
    left = [digit for digit, goes in zip(moved, gone, strict=True) if not goes]
    kept = _deciding(starts, many, [digit.many for digit in left])
    starts, many = _at_first(starts, many, [digit.many for digit in left], kept)
    left = [digit for digit, decides in zip(left, kept, strict=True) if decides]
    decide = sorted({o for digit in left for o in digit.outputs if out[o] != 1})
    if not decide:
        return AxisField(None, (starts[0],), (many[0],), 0, field.everything)
    written = [out[o] for o in decide]
    if len(decide) > 1 and prod(written) > len(starts):
        return Indexed(starts, many, left, out, field.everything)
    entries = [0] * prod(written)
    for digit in left:
        js = asked(Axis(digit.outputs, ONE), decide, out)
        entries = [entry * digit.many + digit.of[j] for entry, j in zip(entries, js, strict=True)]
    spend(1 + len(entries) // 8)
    return settled(
        decide, written, [starts[i] for i in entries], [many[i] for i in entries], field.everything
    )


def _trimmed(digit: Digits, out: Shape) -> Digits:
    """The same digit, looked up by no more axes than decide it."""
    counts = [out[o] for o in digit.outputs]
    kept = _deciding(digit.of, digit.of, counts)
    of, _ = _at_first(digit.of, digit.of, counts, kept)
    outputs = tuple(o for o, keep in zip(digit.outputs, kept, strict=True) if keep)
    return Digits(digit.many, outputs, of)  # type: ignore[arg-type]


def _over_some(
    field: AxisField, gone: Sequence[bool], counts: Sequence[int]
) -> tuple[list[int | None], list[int]]:
    """A table of what all indices along some of the axes that decide see together, for each of the others."""
    starts: list[int | None] = list(field.starts)
    if not any(gone):
        return starts, list(field.sizes)
    sees = [start is not None for start in starts]
    ends = [s + n if s is not None else None for s, n in zip(starts, field.sizes, strict=True)]
    spend(1 + len(starts) // 8)
    inner = 1
    for size, goes in zip(reversed(counts), reversed(gone), strict=True):
        if not goes:
            inner *= size
            continue
        block = inner * size
        rows = [
            [values[at + k : at + k + inner] for k in range(0, block, inner)]
            for values in (starts, ends)
            for at in range(0, len(values), block)
        ]
        half = len(rows) // 2
        least, most = (min, max) if all(sees) else (least_known, most_known)
        starts = [least(column) for row in rows[:half] for column in zip(*row, strict=True)]
        ends = [most(column) for row in rows[half:] for column in zip(*row, strict=True)]
    return starts, [0 if s is None or e is None else e - s for s, e in zip(starts, ends, strict=True)]


def _deciding(starts: Sequence[int | None], sizes: Sequence[int], counts: Sequence[int]) -> list[bool]:
    """Which of the digits of a table change what is seen."""
    found = []
    for place, count in enumerate(counts):
        inner = prod(counts[place + 1 :])
        block = inner * count
        spend(1 + len(starts) // 16)
        same_all = all(
            values[at : at + inner] == values[at + step : at + step + inner]
            for values in ((starts,) if starts is sizes else (starts, sizes))
            for at in range(0, len(values), block)
            for step in range(inner, block, inner)
        )
        found.append(not same_all)
    return found


def _at_first(
    starts: Sequence[int | None], sizes: Sequence[int], counts: Sequence[int], kept: Sequence[bool]
) -> tuple[list[int | None], list[int]]:
    """A table at the first of those of its digits that are not kept."""
    entries = [0]
    for count, keep in zip(counts, kept, strict=True):
        entries = [entry * count + i for entry in entries for i in (range(count) if keep else (0,))]
    return [starts[i] for i in entries], [sizes[i] for i in entries]


def least_known(values: Sequence[int | None]) -> int | None:
    """The smallest of those that are there."""
    return min((value for value in values if value is not None), default=None)


def most_known(values: Sequence[int | None]) -> int | None:
    """The largest of those that are there."""
    return max((value for value in values if value is not None), default=None)


def alone(field: AxisField, axes: Sequence[Axis], sizes: Sequence[Dim], whole: bool) -> AxisField:
    """A field that no axis of the output decides: of everything, or of one entry."""
    if all(type(n) is int for n in sizes) and prod(sizes) == 1:
        first, size = field.run(0) or (None, 0)
        return AxisField(None, (first,), (size,), 0, field.everything)
    if (whole and any(isinstance(axis.rule, Every) for axis in axes)) or not in_numbers(field):
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


def settled(
    outputs: Sequence[int],
    written: Sequence[int],
    starts: Sequence[int | None],
    sizes: Sequence[int],
    everything: bool,
) -> AxisField:
    """A field from its table: over no more axes than decide, and in phases where one does and runs repeat."""
    if len(outputs) > 1:
        kept = _deciding(starts, sizes, written)
        if not any(kept):
            return AxisField(None, (starts[0],), (sizes[0],), 0, everything)
        if not all(kept):
            starts, sizes = _at_first(starts, sizes, written, kept)
            outputs = [output for output, keep in zip(outputs, kept, strict=True) if keep]
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
        if (
            (step or short == 1)
            and count % short == 0
            and all(
                sizes[p] == sizes[p - short] and known[p][1] == known[p - short][1] + step
                for p in range(short, count)
            )
        ):
            return AxisField(driver, tuple(starts[:short]), tuple(sizes[:short]), step, everything)
    return table

"""The field behind one layer along one axis: phase by phase, in plain arithmetic where there is one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import gcd

from convcalc.budget import spend
from convcalc.calculators.receptive_field.axis import (
    EVERYTHING,
    LIMIT,
    LONGEST,
    AxisField,
    in_numbers,
    unknown,
)
from convcalc.calculators.receptive_field.tables import alone, numeric
from convcalc.dims import Dim
from convcalc.layers.reads import (
    ONE,
    Axis,
    Decided,
    Every,
    Flipped,
    From,
    Part,
    Resample,
    Rule,
    Slide,
    Spread,
    Unstated,
    UpTo,
)


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
    if isinstance(rule, (Decided, Unstated)) or not numeric(rule) or not in_numbers(field):
        return unknown(driver)
    if driver is None and type(read) is int:
        return alone(field, [axis], [read], whole=False)
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
    if isinstance(rule, Slide) and rule.count == rule.stride == 1 and not (field.periodic or periodic):
        part = slice(-rule.before, count - rule.before)
        if 0 <= part.start <= part.stop <= field.period:
            spend(1 + count // 16)
            table = field.starts[part], field.sizes[part]
            return AxisField(driver, *table, advance, field.everything, periodic=False)
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
    return shortest(AxisField(driver, tuple(starts), tuple(sizes), advance, field.everything, periodic))


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


def shortest(field: AxisField) -> AxisField:
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

"""The roofline of a device, with the layers of networks under it (Williams, Waterman & Patterson 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, log2
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.printable import one_line
from convcalc.render.pictures.charts import LEFT, RIGHT, SMALL, WIDTH, Box, Labels, LogScale, cut
from convcalc.render.pictures.drawing import Drawing, Point
from convcalc.render.views.count.cost import number, part, rate, seconds, unit_of

if TYPE_CHECKING:
    from convcalc.calculators.count.report import Report
    from convcalc.calculators.hardware.roofline import Cost, LayerCost

ROLES: Final = ("series1", "series2", "series3")
HEIGHT: Final = 300
LANE: Final = 74
"""Height of the strip of a network."""
BINS: Final = 2
"""Columns of a strip for each doubling."""
NEAR: Final = 4
"""Dots no further apart than about so much are one."""
LARGEST: Final = 15.0
"""Radius of the dot of a layer that takes all the time."""


def roofline(found: Sequence[Cost]) -> Drawing:
    """The roof of a device, the layers on it, and where each network spends its time.

    A layer's dot stands at its intensity, at the operations a second that it can reach at best; its area is
    its share of the time. A network's square stands where all its layers together are.

    Raises:
        Unreachable: there is no device, nothing takes time, or there are too many networks for the colours.
    """
    first = found[0]
    if first.device is None or first.peak is None or first.bandwidth is None:
        raise Unreachable("there is no roofline without a device", expected="--device a100")
    if len(found) > len(ROLES):
        raise Unreachable(f"{len(found)} networks in one roofline", expected=f"at most {len(ROLES)}")
    if not all(one.time for one in found):
        raise Unreachable(
            "operations and bytes that are no numbers cannot be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    device, peak, lane = first.device, first.peak, first.bandwidth
    ridge = float(first.ridge or 1)
    points = [
        (one, row, float(row.intensity), float(row.achievable))
        for one in found
        for row in one.timed
        if _drawn(row)
    ]
    if not points:
        raise Unreachable("no layer does an operation", expected="a network with layers that compute")
    xs = [x for _, _, x, _ in points]
    x = LogScale.of(min(*xs, ridge), 1.01 * max(*xs, ridge), LEFT, WIDTH - RIGHT)
    lowest = min(y for *_, y in points)
    y = LogScale.of(min(lowest, peak.rate), 1.01 * peak.rate, HEIGHT - 8, 16)
    bottom = HEIGHT + LANE * len(found)
    names = ", ".join(one_line(one.name) for one in found)
    drawing = Drawing(
        WIDTH, bottom + 36, f"{cut(names, WIDTH - 160, 14)} on {one_line(device.title)}", "", "roofline"
    )
    _axes(drawing, x, y, bottom)
    top = min(x.high, max(ridge, x.low))
    start = max(x.low, y.low / lane.rate)
    corners = [(x(start), y(start * lane.rate)), (x(top), y(top * lane.rate)), (x(x.high), y(peak.rate))]
    drawing.line(corners, "text", width=2)
    drawing.line([(x(top), 16), (x(top), bottom)], "muted", width=1, dashed=True)
    labels = Labels(drawing, Box(LEFT, 0, WIDTH - LEFT - RIGHT, HEIGHT))
    for one, role in zip(found, ROLES, strict=False):
        for (px, py), rows in _places([(x(p[2]), y(p[3]), p[1]) for p in points if p[0] is one]):
            time = sum((row.time for row in rows), Fraction(0))
            share = float(time / one.time)
            like = f" and {len(rows) - 1:,} more" if len(rows) > 1 else ""
            over = f"{one_line(rows[0].name)}{like}: {seconds(time)}, {part(time / one.time)} of the time"
            with drawing.group(data={"layer": rows[0].name} if len(found) == 1 else None):
                drawing.dot(px, py, round(max(LARGEST * share**0.5, 2.5), 2), role, title=over)
    for one, role in zip(found, ROLES, strict=False):
        at, height = _whole(one)
        px, py = x(at), y(height)
        drawing.rect(px - 5, py - 5, 10, 10, role, title=f"{one_line(one.name)} as a whole")
        labels.taken.append(Box(px - 6, py - 6, 12, 12))
        words = f"{cut(one.name, 160)}: {seconds(one.time)}"
        labels.put(
            [(px + 10, py + 16, "start"), (px, py + 24, "middle"), (px + 10, py + 32, "start")],
            words,
            "text",
            must=True,
        )
    labels.put(
        [(WIDTH - RIGHT - 2, y(peak.rate) - 6, "end")],
        f"{rate(peak.rate)}{unit_of(peak)} {peak.name}",
        "text",
        must=True,
    )
    sx, sy = x((start * top) ** 0.5), y((start * top) ** 0.5 * lane.rate)
    labels.put(
        [(sx - 12, sy - 8, "end"), (sx + 10, sy + 24, "start")],
        f"{rate(lane.rate)}B/s {lane.name}",
        "text",
        must=True,
    )
    for place, (one, role) in enumerate(zip(found, ROLES, strict=False)):
        _strip(drawing, one, role, x, HEIGHT + LANE * place, place == 0)
    drawing.legend(
        [
            ("text", "the most that the device can do"),
            *(
                (role, f"layers of {cut(one.name, 200)}, the area their share of the time")
                for one, role in zip(found, ROLES, strict=False)
            ),
        ]
    )
    drawing.caption = _caption(found, ridge)
    return drawing


def _drawn(row: LayerCost) -> bool:
    """Whether a layer has a place: it does operations, and moves bytes, as numbers."""
    return type(row.flops) is int and row.flops > 0 and type(row.bytes) is int and row.bytes > 0


def _places(points: Sequence[tuple[float, float, LayerCost]]) -> list[tuple[Point, list[LayerCost]]]:
    """Layers by where their dots stand, those together that cannot be told apart; the longest first."""
    found: dict[tuple[int, int], list[tuple[float, float, LayerCost]]] = {}
    for point in points:
        found.setdefault((round(point[0] / NEAR), round(point[1] / NEAR)), []).append(point)
    together = [
        (rows[0][:2], sorted((row for *_, row in rows), key=lambda row: -row.time)) for rows in found.values()
    ]
    return sorted(together, key=lambda place: -sum(row.time for row in place[1]))


def of_report(report: Report, device: str = "a100") -> Drawing:
    """The roofline of a network that was counted.

    Raises:
        Unreachable: its sizes are no numbers, or the device has no peak of its number type.
    """
    from convcalc.calculators.hardware.roofline import costs

    return roofline([costs(report, device)])


def _whole(one: Cost) -> tuple[float, float]:
    flops: Any = one.sum("flops")
    return float(Fraction(flops, one.sum("bytes"))), float(Fraction(flops) / one.time)


def _axes(drawing: Drawing, x: LogScale, y: LogScale, bottom: float) -> None:
    for value in x.powers():
        drawing.line([(x(value), 16), (x(value), bottom)], "grid", width=1)
        drawing.text(x(value), bottom + 15, f"{value:,.10g}", "muted", anchor="middle", size=SMALL)
    for value in y.powers():
        drawing.line([(LEFT, y(value)), (WIDTH - RIGHT, y(value))], "grid", width=1)
        drawing.text(LEFT - 6, y(value) + 4, _power(value), "muted", anchor="end", size=SMALL)
    drawing.line([(LEFT, HEIGHT - 8), (WIDTH - RIGHT, HEIGHT - 8)], "axis", width=1)
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawing.text(middle, bottom + 32, "operations a byte", "muted", anchor="middle", size=SMALL)
    drawing.text(12, HEIGHT / 2, "operations a second", "muted", anchor="middle", size=SMALL, rotate=-90)


def _power(value: float) -> str:
    return rate(Fraction(value).limit_denominator(10**6)).replace(".00", "").replace(".0", "")


def _strip(drawing: Drawing, one: Cost, role: str, x: LogScale, top: float, first: bool) -> None:
    """The share of the time at each intensity, as columns."""
    columns: dict[int, Fraction] = {}
    for row in one.timed:
        if _drawn(row):
            place = floor(BINS * log2(float(row.intensity)))
            columns[place] = columns.get(place, Fraction(0)) + row.time / one.time
    base, room = top + LANE - 12, LANE - 30
    most = max(columns.values())
    for place, share in sorted(columns.items()):
        left, right = x(max(2 ** (place / BINS), x.low)), x(min(2 ** ((place + 1) / BINS), x.high))
        height = round(float(share / most) * room, 2)
        ends = f"{number(2 ** (place / BINS))} to {number(2 ** ((place + 1) / BINS))}"
        over = f"{ends} operations a byte: {part(share)} of the time"
        drawing.rect(
            left + 0.5, round(base - height, 2), round(max(right - left - 1, 1), 2), height, role, title=over
        )
    drawing.line([(LEFT, base), (WIDTH - RIGHT, base)], "axis", width=1)
    held = sum((row.time for row in one.bound_by("memory")), Fraction(0)) / one.time
    words = f"{cut(one.name, 220)}: {part(held)} of the time bound by memory"
    drawing.text(LEFT + 4, top + 12, words, "text", size=SMALL)
    drawing.text(
        WIDTH - RIGHT - 4, top + 12, "time by intensity" if first else "", "muted", anchor="end", size=SMALL
    )


def _caption(found: Sequence[Cost], ridge: float) -> str:
    device, peak, lane = found[0].device, found[0].peak, found[0].bandwidth
    assert device is not None and peak is not None and lane is not None
    sources = "; ".join(dict.fromkeys(filter(None, (peak.source, lane.source, device.source))))
    told = f" ({sources})" if sources else ""
    what = f"{rate(peak.rate)}{unit_of(peak)} and {rate(lane.rate)}B/s{told}"
    return (
        f"Roofline of {one_line(device.title)}: {what}, which meet at {number(Fraction(ridge))} operations a "
        "byte. Left of it memory bounds a layer, right of it compute. Squares are whole networks, one layer "
        "after the other. A bound, no latency."
    )

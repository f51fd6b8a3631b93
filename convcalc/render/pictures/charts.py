"""Charts: axes with whole numbers on them, lines, areas, columns and bars, ruled lines and marks with words.

A chart is data (:class:`Chart`, :class:`Bars`) that is drawn into a box of a drawing, so a picture holds one
chart or several. Nothing but the standard library is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log, log10
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from convcalc.printable import one_line
from convcalc.render.numbers import BYTE_UNIT_NAMES, UNIT_NAMES
from convcalc.render.pictures.drawing import text_width

if TYPE_CHECKING:
    from convcalc.render.pictures.drawing import Anchor, Drawing

Kind = Literal["step", "area", "band"]

WIDTH: Final = 720
"""Width of a picture that holds charts."""

SMALL: Final = 11
"""Size of the text along axes and beside marks."""

STEPS: Final = (1, 2, 5)


class Box(NamedTuple):
    """A rectangle of a drawing."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height

    def meets(self, other: Box) -> bool:
        """Whether two rectangles have a point in common that is inside both."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether another rectangle lies inside this one."""
        inside = self.x <= other.x and other.right <= self.right
        return inside and self.y <= other.y and other.bottom <= self.bottom


class Scale(NamedTuple):
    """Where a value has its place along one axis of a drawing.

    Attributes:
        low, high: the values at the ends.
        start, end: their places.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        part = (value - self.low) / (self.high - self.low)
        return round(self.start + part * (self.end - self.start), 2)


class LogScale(NamedTuple):
    """The same of an axis on which equal steps are equal ratios; its values are above 0."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        part = log(value / self.low) / log(self.high / self.low)
        return round(self.start + part * (self.end - self.start), 2)

    @classmethod
    def of(cls, smallest: float, largest: float, start: float, end: float) -> LogScale:
        """One whose ends are powers of ten that hold the values."""
        low = 10.0 ** floor(log10(smallest))
        return cls(low, max(10.0 ** ceil(log10(largest)), low * 10), start, end)

    def powers(self) -> list[float]:
        """The powers of ten on it."""
        first, last = round(log10(self.low)), round(log10(self.high))
        return [10.0**power for power in range(first, last + 1)]


class Ticks(NamedTuple):
    """Where an axis has its marks, and what stands there: whole numbers, in one unit.

    Attributes:
        values: the marks, ascending, from 0 on.
        labels: the same as texts, in the unit.
        unit: ``MiB``, ``K``, or nothing.
    """

    values: tuple[int, ...]
    labels: tuple[str, ...]
    unit: str


def ticks(largest: float, most: int = 6, *, binary: bool = False, plain: bool = False) -> Ticks:
    """Whole-numbered marks from 0 to ``largest`` or just beyond.

    Args:
        largest: the largest value that is shown.
        most: most steps between marks.
        binary: whether units are powers of 1024 (bytes), not of 1000.
        plain: without a unit, every digit.
    """
    unit, name = 1, 0
    if binary:
        while largest / unit >= 1024 * 4 and name + 1 < len(BYTE_UNIT_NAMES):
            unit, name = unit * 1024, name + 1
    step = unit * _whole_step(largest / unit / most)
    while not (binary or plain) and step >= 1000 * unit and name + 1 < len(UNIT_NAMES):
        unit, name = unit * 1000, name + 1
    values = tuple(range(0, max(1, ceil(largest / step)) * step + 1, step))
    labels = tuple(f"{value // unit:,}" for value in values)
    return Ticks(values, labels, (BYTE_UNIT_NAMES if binary else UNIT_NAMES)[name])


def _whole_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is no less."""
    power = 1
    while True:
        for digit in STEPS:
            if digit * power >= least:
                return digit * power
        power *= 10


def cut(text: str, width: float, size: float = SMALL) -> str:
    """A name in so much room: its middle goes first, as ends tell names apart."""
    text = one_line(text)
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = kept // 2
        short = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if text_width(short, size) <= width:
            return short
    return ""


class Band(NamedTuple):
    """Positions along an axis that belong together, such as the layers of a block.

    Attributes:
        first: the first position.
        end: that after the last.
        name: what stands below; empty where the positions have no name together.
    """

    first: int
    end: int
    name: str


MOST_BANDS: Final = 36
"""Blocks along an axis that are told apart."""


def bands(names: Sequence[str]) -> list[Band]:
    """The blocks of layers in their order: those of the level at which the network falls into parts.

    The outermost level, or where one block of it holds most of the layers, that inside it. Layers that
    stand in no block have a band without a name.
    """
    found = _bands(names, 1)
    for depth in range(2, 6):
        widest = max((one.end - one.first for one in found if one.name), default=0)
        finer = _bands(names, depth)
        if widest <= 0.6 * len(names) or _named(finer) > MOST_BANDS or len(finer) == len(found):
            break
        found = finer
    return found if _named(found) <= MOST_BANDS else [Band(0, len(names), "")]


def _named(found: Sequence[Band]) -> int:
    return sum(bool(one.name) for one in found)


def _bands(names: Sequence[str], depth: int) -> list[Band]:
    found: list[Band] = []
    for number, name in enumerate(names):
        block = ".".join(name.split(".")[:-1][:depth])
        if found and found[-1].name == block:
            found[-1] = found[-1]._replace(end=number + 1)
        else:
            found.append(Band(number, number + 1, block))
    return found


class Labels:
    """The texts of a drawing that are already placed, so that no other is written over them."""

    def __init__(self, drawing: Drawing, room: Box) -> None:
        self.drawing = drawing
        self.room = room
        self.taken: list[Box] = []

    def box(self, x: float, y: float, text: str, anchor: Anchor, size: float) -> Box:
        """The room that a text takes whose base line starts, ends or has its middle at a point."""
        width = text_width(text, size)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        return Box(left, y - size * 0.85, width, size * 1.15)

    def put(
        self,
        places: Iterable[tuple[float, float, Anchor]],
        text: str,
        role: str = "muted",
        size: float = SMALL,
        *,
        must: bool = False,
    ) -> bool:
        """Write a text at the first of the places where it fits; ``must``: at the last if at none."""
        place = None
        for x, y, anchor in places:
            place = (x, y, anchor)
            box = self.box(x, y, text, anchor, size)
            if self.room.holds(box) and not any(box.meets(other) for other in self.taken):
                break
        else:
            if not must or place is None:
                return False
        x, y, anchor = place
        box = self.box(x, y, text, anchor, size)
        self.taken.append(box)
        self.drawing.rect(box.x, box.y, round(box.width, 1), round(box.height, 1), "paper", shade=0.8)
        self.drawing.text(x, y, text, role, anchor=anchor, size=size)
        return True


@dataclass(frozen=True)
class Series:
    """Values in their order, drawn in one way.

    Attributes:
        name: what they are, for the legend.
        values: one per position; None where there is none. Each spans the room up to the next position.
        role: how they look.
        kind: ``step``, ``area`` (down to the axis) or ``band`` (down to ``low``).
        low: where each value is the upper end of a range, the lower ends.
    """

    name: str
    values: Sequence[float | None]
    role: str = "series1"
    kind: Kind = "step"
    low: Sequence[float | None] = ()


class Mark(NamedTuple):
    """A point of a chart that words belong to; of a layer, whose name a page may ask for."""

    x: float
    y: float
    words: str
    layer: str = ""


class Rule(NamedTuple):
    """A value that a line goes through from end to end, with words; of y, or ``upright`` of x."""

    value: float
    words: str
    upright: bool = False


LEFT: Final = 58
"""Room left of a chart for its numbers and its title."""
RIGHT: Final = 14
TOP: Final = 26
BOTTOM: Final = 46
TURNED: Final = 30
"""Up to so many names stand below their positions, turned where they are too wide."""


@dataclass(frozen=True)
class Chart:
    """Values over positions, and how to draw them.

    Attributes:
        series: what is drawn, the first below.
        x_title: what the positions are.
        y_title: what the values are; the unit is added.
        bands: blocks along the axis; without them it has numbers.
        names: of the positions, written below where there is room for all.
        ruled: values with a line of their own.
        marked: points with words.
        binary: whether values are bytes.
        plain: whether they are written with every digit, as sizes are.
        heading: words above.
        above: whether the words of marks stand above the chart, not beside their points.
    """

    series: Sequence[Series]
    x_title: str
    y_title: str
    bands: Sequence[Band] = ()
    names: Sequence[str] = ()
    ruled: Sequence[Rule] = ()
    marked: Sequence[Mark] = ()
    binary: bool = False
    plain: bool = False
    heading: str = ""
    above: bool = False

    @property
    def largest(self) -> float:
        """The largest value that is shown, ruled ones among them."""
        seen = [value for one in self.series for value in one.values if value is not None]
        return max([*seen, *(rule.value for rule in self.ruled if not rule.upright)], default=1) or 1

    @property
    def count(self) -> int:
        """How many positions there are."""
        return max(max((len(one.values) for one in self.series), default=0), 1)

    def y_ticks(self) -> Ticks:
        """The marks of the upright axis."""
        return ticks(self.largest, binary=self.binary, plain=self.plain)

    def scales(self, box: Box) -> tuple[Scale, Scale]:
        """Where positions and values have their places in a box."""
        plot = self.plot(box)
        return (
            Scale(0, self.count, plot.x, plot.right),
            Scale(0, self.y_ticks().values[-1], plot.bottom, plot.y),
        )

    def plot(self, box: Box) -> Box:
        """The part of a box that holds the values."""
        strip = 14 * len(self._told_above())
        top = TOP + strip
        plot = Box(box.x + LEFT, box.y + top, box.width - LEFT - RIGHT, box.height - top - BOTTOM)
        return plot._replace(height=plot.height - self._turned(plot.width)[1])

    def _told_above(self) -> list[tuple[float, float | None, str]]:
        """What stands in lines above the chart: place along it, the value where that is a mark, words."""
        if not self.above:
            return []
        told: list[tuple[float, float | None, str]] = [(m.x, m.y, m.words) for m in self.marked if m.words]
        return told + [(rule.value, None, rule.words) for rule in self.ruled if rule.upright]

    def _turned(self, width: float) -> tuple[bool | None, float]:
        """Whether names of positions are turned (None: there are none), and the room that takes below."""
        if not self.names or len(self.names) > TURNED or any(band.name for band in self.bands):
            return None, 0
        widest = max(text_width(cut(name, 110), SMALL) for name in self.names)
        if widest <= width / len(self.names) - 4:
            return False, 0
        return True, round(max(0.0, 0.7 * widest - 16), 1)

    def draw(self, drawing: Drawing, box: Box) -> None:
        """Draw it into a box of a drawing."""
        x, y = self.scales(box)
        plot, marks = self.plot(box), self.y_ticks()
        labels = Labels(drawing, Box(plot.x, box.y, plot.width, plot.bottom - box.y))
        if self.heading:
            drawing.text(box.x, box.y + 12, self.heading, "text", size=12)
            labels.taken.append(labels.box(box.x, box.y + 12, self.heading, "start", 12))
        for value, label in zip(marks.values, marks.labels, strict=True):
            drawing.line([(plot.x, y(value)), (plot.right, y(value))], "grid", width=1)
            drawing.text(plot.x - 6, y(value) + 4, label, "muted", anchor="end", size=SMALL)
        unit = f" ({marks.unit})" if marks.unit else ""
        drawing.text(
            box.x + 12, (plot.y + plot.bottom) / 2, self.y_title + unit, "muted",
            anchor="middle", size=SMALL, rotate=-90,
        )  # fmt: skip
        self._x_axis(drawing, plot, x)
        for one in self.series:
            _draw_series(drawing, one, x, y)
        drawing.line([(plot.x, plot.bottom), (plot.right, plot.bottom)], "axis", width=1)
        for rule in self.ruled:
            if rule.upright:
                at = x(rule.value)
                drawing.line([(at, plot.y), (at, plot.bottom)], "muted", width=1, dashed=True)
            else:
                at = y(rule.value)
                drawing.line([(plot.x, at), (plot.right, at)], "accent", width=1, dashed=True)
        self._marks(drawing, labels, plot, x, y)
        for rule in self.ruled:
            if self.above and rule.upright:
                continue
            labels.put(_along(rule, x, y, plot), rule.words, "text", must=True)

    def _marks(self, drawing: Drawing, labels: Labels, plot: Box, x: Scale, y: Scale) -> None:
        for mark in self.marked:
            with drawing.group(data={"layer": mark.layer} if mark.layer else None):
                drawing.dot(x(mark.x), y(mark.y), 3.5, "accent", title=mark.layer)
            labels.taken.append(Box(x(mark.x) - 4, y(mark.y) - 4, 8, 8))
        for mark in self.marked if not self.above else ():
            if mark.words:
                labels.put(_around(x(mark.x), y(mark.y)), mark.words, "text", must=True)
        told = self._told_above()
        for number, (place, value, words) in enumerate(told):
            at, line = x(place), plot.y - 8 - 14 * (len(told) - 1 - number)
            drawing.line([(at, line + 3), (at, plot.y if value is None else y(value))], "muted", width=0.75)
            places: list[tuple[float, float, Anchor]] = [(at + 3, line, "start"), (at + 3, line, "end")]
            labels.put([*places, (plot.right, line, "end")], words, "text", must=True)

    def _x_axis(self, drawing: Drawing, plot: Box, x: Scale) -> None:
        below = plot.bottom + 15
        turned, _ = self._turned(plot.width)
        if turned is not None:
            for number, name in enumerate(self.names):
                middle = x(number + 0.5)
                if turned:
                    drawing.text(middle + 4, below - 3, cut(name, 110), "muted", "end", SMALL, -45)
                else:
                    drawing.text(middle, below, name, "muted", anchor="middle", size=SMALL)
            return
        if any(band.name for band in self.bands):
            self._band_names(drawing, plot, x)
            return
        marks = ticks(x.high, 10)
        for value, label in zip(marks.values, marks.labels, strict=True):
            if value <= x.high:
                drawing.line([(x(value), plot.bottom), (x(value), plot.bottom + 4)], "axis", width=1)
                drawing.text(x(value), below + 2, label, "muted", anchor="middle", size=SMALL)
        self._x_title(drawing, plot)

    def _x_title(self, drawing: Drawing, plot: Box) -> None:
        middle = (plot.x + plot.right) / 2
        drawing.text(middle, plot.bottom + 36, self.x_title, "muted", anchor="middle", size=SMALL)

    def _band_names(self, drawing: Drawing, plot: Box, x: Scale) -> None:
        """The blocks, each name in the room of its band; in two rows where they are narrow."""
        edges = sorted({band.first for band in self.bands} | {band.end for band in self.bands})
        for edge in edges:
            drawing.line([(x(edge), plot.y), (x(edge), plot.bottom + 5)], "grid", width=1)
        ends = [plot.x - 30.0, plot.x - 30.0]
        for band in self.bands:
            if not band.name:
                continue
            middle, room = (x(band.first) + x(band.end)) / 2, x(band.end) - x(band.first)
            # a narrow band may use the room beside it, in the row that is free
            short = band.name.rpartition(".")[2]
            for name in dict.fromkeys((band.name, short, cut(short, max(room, 44)))):
                wide = text_width(name, SMALL)
                left = min(max(middle - wide / 2, plot.x - 24), plot.right + RIGHT - wide)
                row = next((row for row in (0, 1) if left >= ends[row] + 5), None)
                if row is not None and (wide <= room or name != band.name or short == band.name):
                    drawing.text(left, plot.bottom + 16 + 13 * row, name, "muted", size=SMALL)
                    ends[row] = left + wide
                    break
        drawing.text(plot.right, plot.bottom + 42, self.x_title, "muted", anchor="end", size=SMALL)


def _draw_series(drawing: Drawing, one: Series, x: Scale, y: Scale) -> None:
    for first, end in _runs(one.values):
        upper = _steps(one.values, first, end, x, y)
        if one.kind == "area":
            drawing.area([(upper[0][0], y(0)), *upper, (upper[-1][0], y(0))], one.role)
            continue
        if one.low and any(one.low[n] != one.values[n] for n in range(first, end)):
            drawing.area([*upper, *reversed(_steps(one.low, first, end, x, y))], one.role)
        drawing.line(upper, one.role, width=1 if one.kind == "band" else 1.5)


def _runs(values: Sequence[float | None]) -> list[tuple[int, int]]:
    """Where values stand without a gap: the first of each run, and the position after its last."""
    found, first = [], None
    for number, value in enumerate([*values, None]):
        if value is None and first is not None:
            found.append((first, number))
            first = None
        elif value is not None and first is None:
            first = number
    return found


def _steps(
    values: Sequence[float | None], first: int, end: int, x: Scale, y: Scale
) -> list[tuple[float, float]]:
    """The corners of a line of steps; equal neighbours are one step."""
    points: list[tuple[float, float]] = []
    for number in range(first, end):
        height = y(float(values[number] or 0))
        if not points or points[-1][1] != height:
            points.append((x(number), height))
            points.append((x(number + 1), height))
        else:
            points[-1] = (x(number + 1), height)
    return points


def _around(x: float, y: float) -> list[tuple[float, float, Anchor]]:
    """Where the words of a point may stand."""
    return [
        (x - 4, y - 8, "start"), (x + 4, y - 8, "end"), (x, y - 8, "middle"), (x - 4, y - 22, "start"),
        (x + 4, y - 22, "end"), (x + 7, y + 4, "start"), (x - 7, y + 4, "end"), (x + 7, y + 18, "start"),
        (x - 7, y + 18, "end"), (x, y - 8, "middle"),
    ]  # fmt: skip


def _along(rule: Rule, x: Scale, y: Scale, plot: Box) -> list[tuple[float, float, Anchor]]:
    """Where the words of a line may stand."""
    places: list[tuple[float, float, Anchor]] = []
    if rule.upright:
        at = x(rule.value)
        for step in range(int(plot.height // 14)):
            height = plot.y + 12 + 14 * step
            places += [(at + 5, height, "start"), (at - 5, height, "end")]
        return places
    at = y(rule.value)
    for line in (at - 4, at + 12):
        places += [(plot.right - 4, line, "end"), (plot.x + 6, line, "start")]
    return [*places, (plot.x + plot.width / 2, at - 4, "middle"), places[0]]


class Row(NamedTuple):
    """One line of bars.

    Attributes:
        name: left of it; its middle is cut where it is long.
        values: one per series; None where there is none.
        words: what stands behind each bar.
        group: whether a line is drawn above it, as a new group starts.
        layer: the layer or block that it is, for a page to ask.
    """

    name: str
    values: Sequence[float | None]
    words: Sequence[str]
    group: bool = False
    layer: str = ""


@dataclass(frozen=True)
class Bars:
    """Horizontal bars: one line per row, one panel or one colour per series.

    Attributes:
        rows: from above.
        names: of the series.
        roles: how each looks.
        panels: whether each series has a panel of its own with its own scale, not a bar below the other.
        each: whether every row has a scale of its own (measures with several units).
        binary: for each series, whether it counts bytes.
        titles: what stands below the axis of a panel.
        marked: whether bars of a row are numbered, as there are more series than colours.
    """

    rows: Sequence[Row]
    names: Sequence[str]
    roles: Sequence[str]
    panels: bool = True
    each: bool = False
    binary: Sequence[bool] = ()
    titles: Sequence[str] = ()
    marked: bool = False

    LINE: Final = 18
    THIN: Final = 15

    @property
    def row_height(self) -> int:
        """Height of a row."""
        return self.LINE if self.panels else self.THIN * len(self.names) + 12

    @property
    def height(self) -> int:
        """Height that all rows and the axis take."""
        return self.row_height * len(self.rows) + 20 + (0 if self.each else 36)

    def draw(self, drawing: Drawing, box: Box) -> None:
        """Draw it into a box of a drawing, which is :attr:`height` high."""
        longest = max((text_width(row.name, 12) for row in self.rows), default=0)
        left = min(longest + 10, 0.34 * box.width)
        top, line = box.y + 18, self.row_height
        for number, row in enumerate(self.rows):
            y = top + number * line
            if row.group and number:
                drawing.line([(box.x, y), (box.right, y)], "grid", width=1)
            name = cut(row.name, left - 8, 12)
            drawing.text(box.x + left - 8, y + line / 2 + 4, name, "text", anchor="end", size=12)
        count = len(self.names) if self.panels else 1
        gap = 18
        room = (box.width - left - gap * (count - 1)) / count
        for panel in range(count):
            part = Box(box.x + left + panel * (room + gap), top, room, line * len(self.rows))
            self._panel(drawing, part, range(len(self.names)) if not self.panels else [panel])

    def _panel(self, drawing: Drawing, box: Box, series: Sequence[int]) -> None:
        seen = [value for row in self.rows for n in series if (value := row.values[n]) is not None]
        widest = max((text_width(row.words[n], SMALL) for row in self.rows for n in series), default=0)
        bar_room = max(box.width - widest - 10, 30)
        largest = max(seen, default=1) or 1
        if not self.each:
            marks = ticks(largest, 4, binary=bool(self.binary) and self.binary[series[0]])
            scale = Scale(0, largest, box.x, box.x + bar_room)
            for mark, label in zip(marks.values, marks.labels, strict=True):
                if mark > largest and mark > marks.values[1]:
                    break
                drawing.line([(scale(mark), box.y), (scale(mark), box.bottom)], "grid", width=1)
                drawing.text(scale(mark), box.bottom + 14, label, "muted", anchor="middle", size=SMALL)
            unit = f" ({marks.unit})" if marks.unit else ""
            title = (self.titles[series[0]] if self.titles else self.names[series[0]]) + unit
            drawing.text(box.x, box.bottom + 30, title, "muted", size=SMALL)
        thick = 11.0
        for number, row in enumerate(self.rows):
            if self.each:
                own = [row.values[n] for n in series]
                scale = Scale(
                    0, max([v for v in own if v is not None], default=1) or 1, box.x, box.x + bar_room
                )
            middle = box.y + (number + 0.5) * self.row_height
            for place, n in enumerate(series):
                y = middle + (place - (len(series) - 1) / 2) * self.THIN
                value = row.values[n]
                end = box.x if not value else scale(value)
                if value:
                    drawing.rect(
                        box.x, round(y - thick / 2, 2), round(end - box.x, 2), thick, self.roles[n],
                        title=f"{one_line(row.name)}: {row.words[n]}",
                        data={"layer": row.layer} if row.layer else None,
                    )  # fmt: skip
                words = f"{n + 1}: {row.words[n]}" if self.marked else row.words[n]
                drawing.text(end + 5, y + 4, words, "muted", size=SMALL)
        drawing.line([(box.x, box.y), (box.x, box.bottom)], "axis", width=1)

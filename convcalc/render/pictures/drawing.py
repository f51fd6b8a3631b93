"""A picture as shapes with roles: what it shows is said once, and each backend says how it looks.

A role says what a shape means (``input``, ``pad``, ``kernel``, ``series1``), never its colour: colours stand
in :mod:`convcalc.render.pictures.theme`. The canvas grows to hold what is drawn, so nothing is cut off;
title, legend and caption stand above and below, wrapped to the width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import cos, radians, sin
from typing import Final, Literal, NamedTuple
from unicodedata import combining, east_asian_width

from convcalc.printable import one_line, visible

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

MARGIN: Final = 14
LEADING: Final = 1.35
"""From line to line of a text, in its size."""

NARROWEST: Final = 340
"""Width to which title and caption are wrapped where the picture is smaller."""


class Rect(NamedTuple):
    """A rectangle; ``shade`` is how much of its colour it takes, 0 to 1; ``title`` tells more of it."""

    x: float
    y: float
    width: float
    height: float
    role: str
    title: str = ""
    data: Mapping[str, str] = {}
    shade: float = 1


class Cells(NamedTuple):
    """Squares of one size and role, by their upper left corners: one shape, however many they are."""

    corners: tuple[Point, ...]
    size: float
    role: str
    shade: float = 1


class Line(NamedTuple):
    """A line through points, with a head at its end where it is an arrow."""

    points: tuple[Point, ...]
    role: str
    arrow: bool = False
    width: float = 1.5
    dashed: bool = False


class Area(NamedTuple):
    """A filled outline."""

    points: tuple[Point, ...]
    role: str


class Dot(NamedTuple):
    """A disc."""

    x: float
    y: float
    radius: float
    role: str
    title: str = ""


class Words(NamedTuple):
    """Lines of text; ``y`` is the base line of the first, ``rotate`` in degrees, clockwise."""

    x: float
    y: float
    lines: tuple[str, ...]
    role: str = "text"
    anchor: Anchor = "start"
    size: float = 12
    rotate: float = 0
    bold: bool = False

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what it covers, by an estimate that is rather too wide."""
        width = max(text_width(line, self.size, self.bold) for line in self.lines)
        left = -width * {"start": 0, "middle": 0.5, "end": 1}[self.anchor]
        top, bottom = -0.8 * self.size, (len(self.lines) - 1) * LEADING * self.size + 0.25 * self.size
        turn = radians(self.rotate)
        corners = [
            (x * cos(turn) - y * sin(turn), x * sin(turn) + y * cos(turn))
            for x in (left, left + width)
            for y in (top, bottom)
        ]
        xs, ys = zip(*corners, strict=True)
        return self.x + min(xs), self.y + min(ys), self.x + max(xs), self.y + max(ys)


class Image(NamedTuple):
    """A bitmap: the bytes of a PNG."""

    x: float
    y: float
    width: float
    height: float
    png: bytes


class Group(NamedTuple):
    """Shapes that belong together.

    Attributes:
        shapes: what it holds, the first at the back.
        name: its id, empty for none.
        classes: words that a page may look for.
        data: what a page may ask, without the ``data-`` before each key.
        frame: the step of an animation in which alone it is seen; None for always.
        at: where its upper left corner stands.
    """

    shapes: list[Shape]
    name: str = ""
    classes: str = ""
    data: Mapping[str, str] = {}
    frame: int | None = None
    at: Point = (0, 0)


Shape = Rect | Cells | Line | Area | Dot | Words | Image | Group


class Canvas(NamedTuple):
    """A drawing laid out: the shapes with all that stands around them, and the box that holds them."""

    shapes: list[Shape]
    left: float
    top: float
    width: float
    height: float


class Drawing:
    """A picture being drawn, in units of a pixel, from the upper left corner.

    Args:
        width: of what is drawn; the picture is wider where something reaches further, and by a margin.
        height: the same downwards.
        title: what it is, above it.
        caption: what it shows, in sentences that one can cite; below it.
        kind: the kind of picture in a word, such as ``convolution``.

    Attributes:
        steps: how many steps an animation has; 1 for a picture that stands still.
        still: the step that is shown where nothing moves.
        seconds: how long each step stands.
        legends: what each role means, in order.
    """

    def __init__(self, width: float, height: float, title: str, caption: str, kind: str) -> None:
        self.width, self.height = width, height
        self.title, self.caption, self.kind = title, caption, kind
        self.shapes: list[Shape] = []
        self.legends: list[tuple[str, str]] = []
        self.steps, self.still, self.seconds = 1, 0, 0.8
        self._open = [self.shapes]

    def add(self, shape: Shape) -> None:
        """Draw a shape, in front of what was drawn before."""
        self._open[-1].append(shape)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        role: str,
        *,
        title: str = "",
        data: Mapping[str, object] | None = None,
        shade: float = 1,
    ) -> None:
        """A rectangle; ``title`` appears over it, ``data`` is what a page may ask of it."""
        known = _data(data)
        self.add(Rect(x, y, width, height, role, title, known, shade))

    def cells(self, corners: Sequence[Point], size: float, role: str, *, shade: float = 1) -> None:
        """Squares of one role, as one shape."""
        if corners:
            self.add(Cells(tuple(corners), size, role, shade))

    def line(
        self,
        points: Sequence[Point],
        role: str,
        *,
        arrow: bool = False,
        width: float = 1.5,
        dashed: bool = False,
    ) -> None:
        """A line through points."""
        self.add(Line(tuple(points), role, arrow, width, dashed))

    def area(self, points: Sequence[Point], role: str) -> None:
        """What lies within an outline, pale."""
        self.add(Area(tuple(points), role))

    def dot(self, x: float, y: float, radius: float, role: str, *, title: str = "") -> None:
        """A disc about a point."""
        self.add(Dot(x, y, radius, role, title))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        role: str = "text",
        anchor: Anchor = "start",
        size: float = 12,
        rotate: float = 0,
        *,
        bold: bool = False,
        wrap: float | None = None,
    ) -> float:
        """Words at a point of their base line, broken into lines where they are wider than ``wrap``.

        Returns:
            the height of the lines.
        """
        lines = (one_line(words),) if wrap is None else tuple(wrapped(words, wrap, size, bold))
        self.add(Words(x, y, lines, role, anchor, size, rotate, bold))
        return len(lines) * LEADING * size

    def image(self, x: float, y: float, width: float, height: float, png: bytes) -> None:
        """A bitmap, its pixels as they are."""
        self.add(Image(x, y, width, height, png))

    @contextmanager
    def group(
        self, name: str = "", classes: str = "", data: Mapping[str, object] | None = None
    ) -> Iterator[None]:
        """What is drawn inside belongs together."""
        with self._inside(Group([], name, classes, _data(data))):
            yield

    @contextmanager
    def frame(self, step: int) -> Iterator[None]:
        """What is drawn inside is seen in one step of the animation alone."""
        with self._inside(Group([], frame=step)):
            yield

    @contextmanager
    def moved(self, x: float, y: float) -> Iterator[None]:
        """What is drawn inside is moved to the right and down."""
        with self._inside(Group([], at=(x, y))):
            yield

    @contextmanager
    def _inside(self, group: Group) -> Iterator[None]:
        self.add(group)
        self._open.append(group.shapes)
        try:
            yield
        finally:
            self._open.pop()

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Say what roles mean; they stand below the picture."""
        self.legends += [entry for entry in entries if entry not in self.legends]

    def laid_out(self, *, captioned: bool = True) -> Canvas:
        """The shapes with legend, title and caption, and the box that holds them all.

        Args:
            captioned: with title and caption; a page that has its own leaves them away.
        """
        left, top, right, bottom = _bounds(self.shapes, (0, 0, self.width, self.height))
        wide = max(right - left, NARROWEST)
        around = Drawing(0, 0, "", "", "")
        y = bottom
        if self.legends:
            y = _legend(around, self.legends, left, y + 16, wide)
        if captioned:
            if self.caption:
                y += 24
                y += around.text(left, y, self.caption, "text", wrap=wide) - LEADING * 12
            if self.title:
                lines = tuple(wrapped(self.title, wide, 14, True))
                above = top - 12 - (len(lines) - 1) * LEADING * 14
                around.add(Words(left, above, lines, "text", "start", 14, 0, True))
        left, top, right, bottom = _bounds(around.shapes, (left, top, right, max(bottom, y)))
        return Canvas(
            [*self.shapes, *around.shapes],
            left - MARGIN,
            top - MARGIN,
            right - left + 2 * MARGIN,
            bottom - top + 2 * MARGIN,
        )


SWATCH: Final = 14
LINES: Final = frozenset({"axis", "grid", "accent", "warn", "good", "series1", "series2", "series3"})
"""Roles whose sample in a legend is a line."""


def _legend(
    drawing: Drawing, entries: Sequence[tuple[str, str]], left: float, top: float, width: float
) -> float:
    """Samples with words, as many in a row as fit; where it ends."""
    x, y = left, top
    for role, words in entries:
        most = width - SWATCH - 8
        lines = wrapped(words, most, 12)
        needs = SWATCH + 8 + max(text_width(line, 12) for line in lines)
        if x > left and x + needs > left + width:
            x, y = left, y + 20
        if role in LINES:
            drawing.line([(x, y + SWATCH / 2), (x + SWATCH, y + SWATCH / 2)], role, width=2.5)
        elif role:
            drawing.rect(x, y, SWATCH, SWATCH, role)
        drawing.add(Words(x + SWATCH + 6, y + 11, tuple(lines)))
        y += (len(lines) - 1) * LEADING * 12
        x += needs + 18
    return y + SWATCH + 4


def _bounds(
    shapes: Sequence[Shape], around: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    left, top, right, bottom = around
    for shape in shapes:
        found: tuple[float, float, float, float]
        if isinstance(shape, Group):
            if not shape.shapes:
                continue
            inner, (x, y) = _bounds(shape.shapes, (1e9, 1e9, -1e9, -1e9)), shape.at
            found = (inner[0] + x, inner[1] + y, inner[2] + x, inner[3] + y)
        elif isinstance(shape, Words):
            found = shape.box()
        elif isinstance(shape, (Rect, Image)):
            found = (shape.x, shape.y, shape.x + shape.width, shape.y + shape.height)
        elif isinstance(shape, Cells):
            xs, ys = [x for x, _ in shape.corners], [y for _, y in shape.corners]
            found = (min(xs), min(ys), max(xs) + shape.size, max(ys) + shape.size)
        elif isinstance(shape, Dot):
            r = shape.radius
            found = (shape.x - r, shape.y - r, shape.x + r, shape.y + r)
        else:
            xs, ys = [x for x, _ in shape.points], [y for _, y in shape.points]
            edge = 5 if isinstance(shape, Line) and shape.arrow else 1
            found = (min(xs) - edge, min(ys) - edge, max(xs) + edge, max(ys) + edge)
        left, top = min(left, found[0]), min(top, found[1])
        right, bottom = max(right, found[2]), max(bottom, found[3])
    return left, top, right, bottom


_KEY: Final = re.compile(r"[a-z][a-z0-9-]*")


def _data(data: Mapping[str, object] | None) -> dict[str, str]:
    found = {key: str(value) for key, value in (data or {}).items()}
    for key in found:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of data: small letters, digits and hyphens")
    return found


_WIDTHS: Final = {
    **dict.fromkeys("ijl'|", 0.3),
    **dict.fromkeys(" .,:;!fIt()[]/\\-rJ", 0.42),
    **dict.fromkeys("mwMWO@%QGDHNU#&<>=+~^_", 0.86),
    "m": 0.98,
    "W": 1.0,
    "M": 0.88,
    "@": 1.0,
    "%": 0.96,
}


def text_width(words: str, size: float, bold: bool = False) -> float:
    """About how wide words are in a common sans serif; rather more than less."""
    units = 0.0
    for letter in words:
        if letter in _WIDTHS:
            units += _WIDTHS[letter]
        elif combining(letter):
            continue
        elif east_asian_width(letter) in "WF" or ord(letter) > 0x1F000:
            units += 1.05
        else:
            units += 0.7 if letter.isupper() or ord(letter) > 127 else 0.64
    return units * size * (1.08 if bold else 1)


def wrapped(words: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Words in lines no wider than ``width``; a word that is wider alone is broken."""
    lines: list[str] = []
    for part in visible(words).split("\n"):
        line = ""
        for word in one_line(part).split():
            longer = f"{line} {word}" if line else word
            if text_width(longer, size, bold) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while text_width(word, size, bold) > width and len(word) > 1:
                fits = next(
                    n
                    for n in range(len(word) - 1, 0, -1)
                    if n == 1 or text_width(word[:n], size, bold) <= width
                )
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines

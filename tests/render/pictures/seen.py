"""Reads pictures back from their SVG text: cells by role, their indices, words, frames of an animation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NamedTuple

from convcalc.render.pictures.drawing import LEADING, text_width

SVG = "{http://www.w3.org/2000/svg}"


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    words: str


class Seen(NamedTuple):
    """One map: where it stands, and what its first cell is."""

    x: float
    y: float
    cell: float
    first: tuple[int, ...]

    def index(self, corner: tuple[float, float]) -> tuple[int, ...]:
        """The cell at a corner, of a map of one or two axes that is shown without gaps."""
        column = round((corner[0] - self.x) / self.cell) + self.first[-1]
        row = round((corner[1] - self.y) / self.cell)
        return (column,) if len(self.first) == 1 else (row + self.first[-2], column)


def root(text: str) -> ET.Element:
    found = ET.fromstring(text)
    assert found.tag == f"{SVG}svg"
    return found


def corners(element: ET.Element, name: str) -> list[tuple[float, float]]:
    """The upper left corners of the cells of a role below an element."""
    found = []
    for path in element.iter(f"{SVG}path"):
        if path.get("class") == f"cc-{name}":
            found += [(float(x), float(y)) for x, y in re.findall(r"M(\S+) (\S+?)h", path.get("d", ""))]
    return found


def maps(element: ET.Element, name: str) -> list[Seen]:
    """Maps of a name: ``input``, ``output``, or a number of a chain."""
    found = []
    for group in element.iter(f"{SVG}g"):
        if group.get("data-map") == name:
            x, y, cell = (float(group.get(f"data-{key}", "")) for key in ("x", "y", "cell"))
            first = tuple(map(int, group.get("data-first", "").split(",")))
            found.append(Seen(x, y, cell, first))
    return found


def frames(element: ET.Element) -> list[ET.Element]:
    """The steps of an animation, in order of their delays."""
    steps = [group for group in element.iter(f"{SVG}g") if "animation-delay" in group.get("style", "")]
    return sorted(steps, key=lambda g: float(re.findall(r"-?[\d.]+", g.get("style", ""))[0]))


def words(element: ET.Element) -> list[str]:
    return [" ".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def text_boxes(element: ET.Element) -> Iterator[Box]:
    """What every text covers, by an estimate; the lines of one text are one box."""
    for text in element.iter(f"{SVG}text"):
        lines = [line.text or "" for line in text] or [text.text or ""]
        size = float(text.get("font-size", ""))
        width = max(text_width(line, size) for line in lines) * 0.9
        x, y = float(text.get("x", "")), float(text.get("y", ""))
        left = x - width * {"middle": 0.5, "end": 1.0}.get(text.get("text-anchor", ""), 0)
        top, bottom = y - 0.75 * size, y + (len(lines) - 1) * LEADING * size + 0.2 * size
        if "-90" in text.get("transform", ""):
            yield Box(x - 0.75 * size, y - width, x + 0.2 * size, y, lines[0])
        else:
            yield Box(left, top, left + width, bottom, " ".join(lines))


def overlaps(element: ET.Element) -> list[tuple[str, str]]:
    """Pairs of texts that stand over each other; what a cell holds is written anew where it is read."""
    boxes = [box for box in text_boxes(element) if box.words.strip()]
    return [
        (a.words, b.words)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if min(a.right, b.right) - max(a.left, b.left) > 0.5
        and min(a.bottom, b.bottom) - max(a.top, b.top) > 0.5
        and not (a.words == b.words and abs(a.left - b.left) < 4 and abs(a.top - b.top) < 4)
    ]


def outside(element: ET.Element) -> list[str]:
    """Texts and boxes that reach over the edge of the picture."""
    x, y, width, height = map(float, element.get("viewBox", "").split())
    found = [
        box.words
        for box in text_boxes(element)
        if box.left < x or box.top < y or box.right > x + width or box.bottom > y + height
    ]
    for rect in element.iter(f"{SVG}rect"):
        left, top, w, h = (float(rect.get(key, "nan")) for key in ("x", "y", "width", "height"))
        if left < x or top < y or left + w > x + width + 0.02 or top + h > y + height + 0.02:
            found.append(f"{rect.get('class')}")
    return found

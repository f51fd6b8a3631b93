"""Reads numbers back from the text of an SVG picture: what a person would measure with a ruler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree import ElementTree

NS = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]


def parsed(text: str) -> Any:
    """The root element."""
    return ElementTree.fromstring(text)


def texts(root: Any) -> list[Any]:
    """Every text element."""
    return list(root.iter(f"{NS}text"))


def said(element: Any) -> str:
    """The words of an element."""
    return "".join(element.itertext())


def lines(root: Any, role: str) -> Iterator[list[Point]]:
    """The points of every line of a role."""
    for path in root.iter(f"{NS}path"):
        if path.get("class") == f"cc-line-{role}":
            yield _points(path.get("d"))


def areas(root: Any, role: str) -> Iterator[list[Point]]:
    """The points of every area of a role."""
    for path in root.iter(f"{NS}path"):
        if path.get("class") == f"cc-ink-{role}":
            yield _points(path.get("d").removesuffix("z"))


def _points(path: str) -> list[Point]:
    """The corners of a path of straight lines."""
    found: list[Point] = []
    for command, numbers in re.findall(r"([MLHV])([^MLHV]+)", path):
        first, *second = map(float, numbers.split())
        x, y = found[-1] if found else (0.0, 0.0)
        found.append({"H": (first, y), "V": (x, first)}.get(command) or (first, *second))  # type: ignore[arg-type]
    return found


class Upright(NamedTuple):
    """An upright axis, as the labels at its left say: places of its marks and what they stand for."""

    places: list[float]
    values: list[int]

    def value(self, y: float) -> float:
        """What a place stands for."""
        (y0, y1), (v0, v1) = (self.places[0], self.places[-1]), (self.values[0], self.values[-1])
        return v0 + (y - y0) / (y1 - y0) * (v1 - v0)


UNITS = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def upright(root: Any, title: str) -> Upright:
    """The axis whose title starts so: its whole-numbered labels, with the unit of the title."""
    (named,) = [one for one in texts(root) if one.get("transform") and said(one).startswith(title)]
    unit = re.search(r"\(([KMG]?i?B?)\)$", said(named))
    marks = sorted(
        (int(said(one).replace(",", "")), float(one.get("y")) - 4)
        for one in texts(root)
        if one.get("text-anchor") == "end" and re.fullmatch(r"[\d,]+", said(one))
    )
    times = UNITS[unit[1]] if unit else 1
    return Upright([place for _, place in marks], [value * times for value, _ in marks])


def stepped(points: list[Point], left: float, right: float, count: int) -> list[float | None]:
    """The height of a line of steps over each of so many positions."""
    found: list[float | None] = [None] * count
    for (x0, y0), (x1, _) in zip(points[::2], points[1::2], strict=True):
        first, end = (round((x - left) / (right - left) * count) for x in (x0, x1))
        found[first:end] = [y0] * (end - first)
    return found

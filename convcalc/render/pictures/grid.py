"""A grid of counts, drawn in text."""

from __future__ import annotations

from math import log
from typing import Any, Final

from convcalc.render.pictures import heatmap
from convcalc.render.pictures.heatmap import plane
from convcalc.render.table import Text

HOLE: Final = "."
RAMP: Final = ":-=+*%#@"
MAX_WIDTH: Final = 160
"""Widest grid that is written as text."""


def check(grid: Any, text: bool, path: str | None) -> None:
    """Refuse what cannot be drawn before anything is shown.

    Args:
        grid: the counts; None where there are none.
        text: whether they are to be written as text.
        path: the file of a plot, if there is one.

    Raises:
        ValueError: there is no grid, it is too wide for text, or the file cannot be drawn.
    """
    if grid is None and (text or path is not None):
        raise ValueError("the field is too large to draw; --rank 1 draws one axis of it")
    if text and plane(grid)[0].shape[1] > MAX_WIDTH:
        rows, columns = plane(grid)[0].shape
        raise ValueError(f"a map of {rows}x{columns} is too wide for text; -o FILE.svg draws it")
    if path is not None:
        heatmap.check(path)


def drawn(grid: Any, heading: str, as_text: bool, path: str | None = None) -> list[Text]:
    """A grid as text, where that is asked for; what cannot be drawn is refused.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn. None where there are
            too many.
        heading: above the text.
        as_text: draw it in text.
        path: the file of a heat map, if one is to be written.

    Raises:
        ValueError: as :func:`check`.
    """
    check(grid, as_text, path)
    if not as_text:
        return []
    lines, legend = text_map(grid)
    return [Text(f"{heading}: {legend}"), Text("\n".join(lines), drawn=True)]


def text_map(grid: Any) -> tuple[list[str], str]:
    """Lines of a map, one character per cell, and its legend.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is shown.

    Raises:
        ValueError: the grid is wider than :data:`MAX_WIDTH`.
    """
    check(grid, True, None)
    cells, left_out = plane(grid)
    values = [[int(n) for n in row] for row in cells]
    largest = max(map(max, values))
    lines = ["".join(_cell(n, largest) for n in row) for row in values]
    legend = f"{HOLE} nothing"
    if largest <= 9:
        legend += ", else the number"
    else:
        legend += f", {RAMP[0]} 1 to {RAMP[-1]} {largest} (logarithmic)"
    return lines, f"{legend}; {left_out}" if left_out else legend


def _cell(count: int, largest: int) -> str:
    if count == 0:
        return HOLE
    if largest <= 9:
        return str(count)
    return RAMP[min(int(log(count) / log(largest) * len(RAMP)), len(RAMP) - 1)]

"""A grid of counts, drawn in text."""

from __future__ import annotations

from math import log
from typing import Any, Final

from convcalc.render.pictures.maps import plane
from convcalc.render.table import Text

HOLE: Final = "."
RAMP: Final = ":-=+*%#@"
MAX_WIDTH: Final = 160
"""Widest grid that is written as text."""


def drawn(grid: Any, heading: str, as_text: bool) -> list[Text]:
    """A grid as text, where that is asked for.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn. None where there are
            too many.
        heading: above the text.
        as_text: draw it in text.

    Raises:
        ValueError: it is asked for, and there is no grid, or it is too wide.
    """
    if not as_text:
        return []
    if grid is None:
        raise ValueError("the field is too large to draw; --rank 1 draws one axis of it")
    lines, legend = text_map(grid)
    return [Text(f"{heading}: {legend}"), Text("\n".join(lines), drawn=True)]


def text_map(grid: Any) -> tuple[list[str], str]:
    """Lines of a map, one character per cell, and its legend.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is shown.

    Raises:
        ValueError: the grid is wider than :data:`MAX_WIDTH`.
    """
    cells, left_out = plane(grid)
    if cells.shape[1] > MAX_WIDTH:
        raise ValueError(
            f"a map of {cells.shape[0]}x{cells.shape[1]} is too wide for text; -o FILE.svg draws it"
        )
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

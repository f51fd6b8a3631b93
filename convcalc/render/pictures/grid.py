"""A grid of counts, drawn in text."""

from __future__ import annotations

from math import log
from typing import Any, Final

from convcalc.render.pictures.maps import plane
from convcalc.render.table import Text

HOLE: Final = "."
RAMP: Final = ":-=+*%#@"
PARTLY: Final = "o"
"""A block of cells some of which are nothing: holes stay visible, however large the blocks are."""

MAX_WIDTH: Final = 160
"""Widest grid that is written a character a cell; of a wider one a character is a block of cells."""


def drawn(grid: Any, heading: str, as_text: bool) -> list[Text]:
    """A grid as text, where that is asked for.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn. None where there are
            too many.
        heading: above the text.
        as_text: draw it in text.

    Raises:
        ValueError: it is asked for, and there is no grid.
    """
    if not as_text:
        return []
    if grid is None:
        raise ValueError("the field is too large to draw; --rank 1 draws one axis of it")
    lines, legend = text_map(grid)
    return [Text(f"{heading}: {legend}"), Text("\n".join(lines), drawn=True)]


def text_map(grid: Any) -> tuple[list[str], str]:
    """Lines of a map, one character per cell (or block of cells), and its legend.

    A block shows its largest number where all of it has one, and that some of it is nothing where some is.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is shown.
    """
    cells, left_out = plane(grid)
    rows, columns = cells.shape
    step = -(-columns // MAX_WIDTH)
    blocks = [
        [[int(n) for row in cells[y : y + step] for n in row[x : x + step]] for x in range(0, columns, step)]
        for y in range(0, rows, step)
    ]
    largest = max(max(block) for line in blocks for block in line)
    lines = ["".join(_block(block, largest) for block in line) for line in blocks]
    legend = f"{HOLE} nothing"
    if any(PARTLY in line for line in lines):
        legend += f", {PARTLY} nothing in part"
    if largest <= 9:
        legend += ", else the number"
    else:
        legend += f", {RAMP[0]} 1 to {RAMP[-1]} {largest} (logarithmic)"
    if step > 1:
        high = min(step, rows)
        legend += f"; a character is {high}x{step} of {rows}x{columns} cells, by the largest"
    return lines, f"{legend}; {left_out}" if left_out else legend


def _block(counts: list[int], largest: int) -> str:
    """The character of a block of cells."""
    return PARTLY if any(counts) and not all(counts) else _cell(max(counts), largest)


def _cell(count: int, largest: int) -> str:
    if count == 0:
        return HOLE
    if largest <= 9:
        return str(count)
    return RAMP[min(int(log(count) / log(largest) * len(RAMP)), len(RAMP) - 1)]

"""A grid of counts as text, and as a heat map in a PNG or SVG file."""

from __future__ import annotations

from math import log
from typing import Any, Final

HOLE: Final = "."
RAMP: Final = ":-=+*%#@"
MAX_WIDTH: Final = 160
"""Widest grid that is written as text."""

FORMATS: Final = ("png", "svg", "pdf")


def plane(grid: Any) -> tuple[Any, str]:
    """The plane of a grid that can be drawn, and what was left out of a third axis."""
    if grid.ndim == 1:
        return grid[None, :], ""
    if grid.ndim == 2:
        return grid, ""
    middle = grid.shape[0] // 2
    return grid[middle], f"slice {middle} of {grid.shape[0]} along the first axis"


def text_map(grid: Any) -> tuple[list[str], str]:
    """Lines of a map, one character a cell, and its legend.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is shown.

    Raises:
        ValueError: the grid is wider than :data:`MAX_WIDTH`.
    """
    cells, left_out = plane(grid)
    rows, columns = cells.shape
    if columns > MAX_WIDTH:
        raise ValueError(f"a map of {rows}x{columns} is too wide for text; --plot FILE draws it")
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


def plot_map(grid: Any, path: str, title: str, label: str) -> None:
    """Write a heat map; cells of zero stay white.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn.
        path: the file; its ending says which format: ``.png``, ``.svg`` or ``.pdf``.
        title: above the map.
        label: what the numbers are.

    Raises:
        ValueError: the ending is none of these, or matplotlib is not installed.
        OSError: the file cannot be written.
    """
    ending = path.rpartition(".")[2].lower()
    if ending not in FORMATS:
        raise ValueError(f"cannot tell the format of {path!r}: expected a name ending in .png, .svg or .pdf")
    try:
        from matplotlib.colors import LogNorm
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("plots need matplotlib: pip install 'convcalc[plot]'") from None
    import numpy as np

    cells, left_out = plane(grid)
    shown = np.ma.masked_equal(np.asarray(cells, dtype=float), 0)
    largest = max(float(shown.max() or 1), 1.0)
    figure = Figure(figsize=(6, 5) if cells.shape[0] > 1 else (8, 1.8), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(
        shown, norm=LogNorm(1, max(largest, 1.0001)), cmap="viridis", interpolation="nearest", aspect="auto"
        if cells.shape[0] == 1 else "equal",
    )  # fmt: skip
    axes.set_title(f"{title}\n{left_out}" if left_out else title, fontsize=10)
    if cells.shape[0] == 1:
        axes.set_yticks([])
    figure.colorbar(image, label=label)
    figure.savefig(path, dpi=150)

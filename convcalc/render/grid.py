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


def check(grid: Any, text: bool, path: str | None) -> None:
    """Refuse what cannot be drawn before anything is shown.

    Args:
        grid: the counts; None where there are none.
        text: whether they are to be written as text.
        path: the file of a plot, if there is one.

    Raises:
        ValueError: there is no grid, it is too wide for text, or the file has no known ending.
    """
    if grid is None and (text or path is not None):
        raise ValueError("the field is too large to draw; --rank 1 draws one axis of it")
    if text and plane(grid)[0].shape[1] > MAX_WIDTH:
        rows, columns = plane(grid)[0].shape
        raise ValueError(f"a map of {rows}x{columns} is too wide for text; --plot FILE draws it")
    if path is not None and path.rpartition(".")[2].lower() not in FORMATS:
        raise ValueError(f"cannot tell the format of {path!r}: expected a name ending in .png, .svg or .pdf")


def text_map(grid: Any) -> tuple[list[str], str]:
    """Lines of a map, one character a cell, and its legend.

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
    check(grid, False, path)
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

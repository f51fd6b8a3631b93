"""A grid of counts as text, and as a heat map in a PNG or SVG file (Matplotlib, the ``plot`` extra)."""

from __future__ import annotations

from math import log
from typing import Any, Final

from convcalc.render.pictures import heatmap

HOLE: Final = "."
RAMP: Final = ":-=+*%#@"
MAX_WIDTH: Final = 160
"""Widest grid that is written as text."""


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
        ValueError: there is no grid, it is too wide for text, or the file cannot be drawn.
    """
    if grid is None and (text or path is not None):
        raise ValueError("the field is too large to draw; --rank 1 draws one axis of it")
    if text and plane(grid)[0].shape[1] > MAX_WIDTH:
        rows, columns = plane(grid)[0].shape
        raise ValueError(f"a map of {rows}x{columns} is too wide for text; --plot FILE draws it")
    if path is not None:
        heatmap.check(path)


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
    """Write a heat map; cells of zero stay white. The file appears whole or not at all.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn.
        path: the file, ``.png`` or ``.svg``; it is replaced if it exists.
        title: above the map.
        label: what the numbers are.

    Raises:
        Unreachable: as :func:`convcalc.render.pictures.heatmap.check`.
        OSError: the file cannot be written.
    """
    kind = heatmap.check(path)
    import matplotlib
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.figure import Figure

    cells, left_out = plane(grid)
    shown = np.ma.masked_equal(np.asarray(cells, dtype=float), 0)
    line = cells.shape[0] == 1
    # The same picture gives the same bytes: no random ids, no date.
    with matplotlib.rc_context({"svg.hashsalt": "convcalc"}):
        figure = Figure(figsize=(8, 1.8) if line else (6, 5), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        largest = float(cells.max())
        norm = LogNorm(1, largest) if largest > 100 else Normalize(0, max(largest, 1))
        image = axes.imshow(
            shown, norm=norm, cmap="viridis", interpolation="nearest", aspect="auto" if line else "equal"
        )
        axes.set_title(f"{title}\n{left_out}" if left_out else title, fontsize=10)
        if line:
            axes.set_yticks([])
        figure.colorbar(image, label=label)
        heatmap.save(figure, path, kind)

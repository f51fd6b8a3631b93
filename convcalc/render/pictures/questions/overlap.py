"""Products that output pixels of transposed convolutions get: even, or a checkerboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.layers.values import show
from convcalc.printable import one_line
from convcalc.render.pictures import maps
from convcalc.render.pictures.charts import cut
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.transposed.check import TransposedLayer
    from convcalc.solve.transposed import TransposedSolution

MOST: Final = 6
"""Layers of a network whose overlap is drawn."""

SIDE: Final = 8
"""Output pixels per axis that are drawn of each."""


def executed(solution: TransposedSolution) -> Drawing:
    """The output of one transposed convolution, every pixel by the products it gets, borders included.

    Raises:
        Unreachable: the output is too large.
    """
    grid: Any = solution.overlap
    shape = () if grid is None else grid.shape
    caption = (
        f"Products that each output pixel of {one_line(solution.spec)} gets from one channel, by execution: "
    )
    if solution.is_even:
        caption += f"even, {solution.most} away from the borders."
    else:
        caption += f"from {solution.least} to {solution.most} away from the borders, a checkerboard."
    output = tuple(axis.output for axis in solution.axes)
    if tuple(shape) != output:
        caption += f" Shown are {show(shape)} of {show(output)} pixels, all phases among them."
    return maps.counts(grid, one_line(solution.spec), "products", caption, "overlap")


def of_network(layers: Sequence[TransposedLayer], name: str) -> Drawing:
    """The transposed convolutions of a network, each by the products its output pixels get away from borders.

    Raises:
        Unreachable: there are none whose sizes are numbers.
    """
    import numpy as np

    known = [layer for layer in layers if layer.axes]
    if not known:
        raise Unreachable("there is no transposed convolution to draw", expected="a network with one")
    shown = known[:MOST]
    drawing = Drawing(0, 0, f"{one_line(name)}: products per output pixel", "", "overlap")
    x = y = 0.0
    for number, layer in enumerate(shown):
        grid: Any = np.ones((), dtype=np.int64)
        for one in layer.overlaps[-2:]:
            times = -(-SIDE // len(one.counts))
            grid = np.multiply.outer(grid, np.tile(one.counts, times)[:SIDE])
        rest = int(np.prod([max(one.counts) for one in layer.overlaps[:-2]], dtype=np.int64))
        grid = grid * rest
        least, most = int(grid.min()), int(grid.max())
        verdict = "even" if layer.is_even else "uneven"
        heading = f"{cut(layer.name, 200, 12)}: {verdict}"
        read = grid != 0
        heat = maps.Heat(
            heading, grid, read, (0,) * grid.ndim, str(least), str(most), "products", numbers=True
        )
        if number and number % 2 == 0:
            x, y = 0.0, drawing.height + 14
        wide, high = maps.draw_at(drawing, x, y, heat)
        drawing.height = max(drawing.height, y + high)
        x += wide + 30
        drawing.width = max(drawing.width, x - 30)
    uneven = sum(layer.is_even is False for layer in layers)
    drawing.caption = (
        f"Products that output pixels of the transposed convolutions of {one_line(name)} get from one "
        f"channel, away from the borders: {uneven} of {len(layers)} "
        f"{'is' if uneven == 1 else 'are'} uneven{', which shows as a checkerboard' if uneven else ''}."
    )
    if len(shown) < len(layers):
        drawing.caption += f" The first {len(shown)} are drawn."
    return drawing

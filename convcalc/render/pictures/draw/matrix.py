"""A convolution as the matrix that takes its input to its output, beside the transpose.

Rows are outputs and columns inputs, both counted along the last axis first; an entry is the weight by which
the input enters the output, and most are zero. The transpose takes a map of the output's size back to one of
the input's: it is the matrix of the transposed convolution (Dumoulin & Visin 2016, chapter 4).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

from convcalc.calculators.answers import Unreachable
from convcalc.exporters.text import format_layer
from convcalc.layers.products.weights import Weighted
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.draw.picture import Picture, Place, Question, joined
from convcalc.render.pictures.draw.window import tracks, weight_name
from convcalc.render.pictures.drawing import Drawing, text_width

if TYPE_CHECKING:
    from convcalc.render.pictures.draw.tracks import Track

MOST: Final = 256
"""Most rows and columns of a matrix."""

NAMED: Final = 36
"""Most rows and columns of one whose entries are named."""

Entries = dict[tuple[int, int], list[Place]]
"""The taps of the kernel that stand in each row and column; several where padding copies the input."""


def entries(axes: list[Track], turned: bool) -> Entries:
    """The matrix of one channel: where an input stands in the window of an output, by which tap.

    Args:
        axes: the axes of the window.
        turned: whether the window holds the kernel turned by 180 degrees, as a transposed one does.
    """
    inner, outer = [axis.inputs for axis in axes], [axis.outputs for axis in axes]
    found: Entries = {}
    counts = [len(axis.taps(0)) for axis in axes]
    for row, place in enumerate(product(*map(range, outer))):
        windows = [axis.taps(j) for axis, j in zip(axes, place, strict=True)]
        for tap in product(*map(range, counts)):
            held = [axis.at(taps[t])[1] for axis, taps, t in zip(axes, windows, tap, strict=True)]
            column = 0
            for i, n in zip(held, inner, strict=True):
                if i is None:
                    break
                column = column * n + i
            else:
                own = tuple(n - 1 - t for t, n in zip(tap, counts, strict=True)) if turned else tap
                found.setdefault((row, column), []).append(own)
    return found


def matrix(question: Question) -> Picture | None:
    """The matrix of the one layer that has weights and a window; None where it is no such layer.

    Raises:
        Unreachable: the matrix is too large.
    """
    if len(question.windows) != 1 or not isinstance(question.windows[0].layer, Weighted):
        return None
    node = question.windows[0]
    axes = tracks(question.graph, node)
    if axes is None:
        return None
    shape = question.graph.input_shapes(node)[0]
    inner, outer = shape[1:], node.outputs[0][1:]
    columns, rows = prod(inner), prod(outer)
    if max(columns, rows) > MOST:
        raise Unreachable(
            f"the matrix has {rows:,} rows and {columns:,} columns: too large to draw",
            expected=f"at most {MOST} of each, such as --input 1x4x4",
        )
    turned = isinstance(node.layer, ConvTranspose)
    found = entries(axes, turned)
    zeros = rows * columns - len(found)
    place = question.place
    caption = f"{format_layer(node.layer)} as the matrix C of {rows} outputs and {columns} inputs: "
    caption += f"{sizes_text(inner)} to {sizes_text(outer)}, {zeros} of {rows * columns} entries are zero; "
    caption += f"output {joined(place)} is its outlined row. It computes y = C x; "
    caption += "its transpose takes y back to the size of x, "
    caption += (
        "as the convolution does that it transposes" if turned else "as the transposed convolution does"
    )
    drawing = Drawing(0, 0, format_layer(node.layer), caption, "matrix")
    named = max(rows, columns) <= NAMED
    size = 26.0 if named else max(3.0, min(12.0, 520 / max(rows, columns)))
    row = 0
    for i, n in zip(place, outer, strict=True):
        row = row * n + i
    width, height = _grid(drawing, 0, "C", found, (rows, columns), (outer, inner), size, named, (row, None))
    back = {(column, row): taps for (row, column), taps in found.items()}
    right = width + 40
    more, tall = _grid(
        drawing, right, "C transposed", back, (columns, rows), (inner, outer), size, named, (None, row)
    )
    drawing.width, drawing.height = right + more, max(height, tall)
    words = "wij: row i, column j of the kernel" if len(inner) > 1 else "wi: entry i of the kernel"
    if shape[0] * node.outputs[0][0] > 1:
        words += "; of one input channel and one output channel"
    drawing.legend(
        [
            ("input" if named else "input hit", words if named else "an entry of the kernel"),
            ("zero", "zero"),
            ("kernel", f"output {joined(place)}"),
        ]
    )
    reads = tuple(spot for number, spot in enumerate(product(*map(range, inner))) if (row, number) in found)
    return Picture("matrix", caption, place, reads, tuple(inner), tuple(outer), drawing)


def _grid(
    drawing: Drawing,
    x: float,
    title: str,
    found: Entries,
    counts: tuple[int, int],
    sizes: tuple[Place, Place],
    size: float,
    named: bool,
    outlined: tuple[int | None, int | None],
) -> tuple[float, float]:
    """A matrix with the positions that its rows and columns stand for; how wide and how tall it is."""
    rows, columns = counts
    down = [joined(place) for place in product(*map(range, sizes[0]))]
    along = [joined(place) for place in product(*map(range, sizes[1]))]
    left = max(text_width(label, 9) for label in down) + 6 if named else 0.0
    top = 22 + (max(text_width(label, 9) for label in along) + 6 if named else 0.0)
    drawing.text(x, 12, f"{title}: {rows} x {columns}", bold=True)
    every = product(range(rows), range(columns))
    spots = {(row, column): (x + left + column * size, top + row * size) for row, column in every}
    if named:
        drawing.cells([spot for place, spot in spots.items() if place not in found], size, "zero")
    else:
        drawing.rect(x + left, top, columns * size, rows * size, "zero")
    drawing.cells([spots[place] for place in found], size, "input" if named else "input hit")
    if named:
        for number, label in enumerate(down):
            drawing.text(x + left - 4, top + number * size + size / 2 + 3, label, "muted", "end", 9)
        for number, label in enumerate(along):
            at = x + left + number * size + size / 2 + 3
            drawing.text(at, top - 4, label, "muted", "start", 9, -90)
        for place, taps in found.items():
            label = weight_name(taps[0]) if len(taps) == 1 else f"{len(taps)} w"
            letter = 10.0
            while letter > 6 and text_width(label, letter) > size - 1:
                letter -= 1
            spot = spots[place]
            drawing.text(spot[0] + size / 2, spot[1] + size / 2 + 4, label, "text", "middle", letter)
    row, column = outlined
    if row is not None:
        drawing.rect(x + left, top + row * size, columns * size, size, "kernel")
    if column is not None:
        drawing.rect(x + left + column * size, top, size, rows * size, "kernel")
    return left + columns * size, top + rows * size

"""Pictures of one convolution at work, as SVG text: windows, inserted zeros, dilation, gridding.

In the manner of Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning: the map
that is read beside the map that is written, one cell a position, the cells of one output
highlighted. A transposed convolution is shown as the convolution it is: over its input with zeros
between, padding ``k_eff - 1 - p`` around. A stack of layers is shown as a map of its input, each
pixel by the number of its paths to one output; pixels that have none are the holes of gridding.
Nothing but the standard library draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from xml.sax.saxutils import escape

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable
from convcalc.graph import as_graph
from convcalc.layers.reads import ONE, Slide, Spread
from convcalc.layers.values import show
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import Sliding
from convcalc.printable import one_line
from convcalc.records import Record
from convcalc.render.numbers import shape as sizes_text

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node, Spec

Place = tuple[int, ...]

CELL: Final = 20
GAP: Final = 56
MARGIN: Final = 14
LINE: Final = 18
LONGEST: Final = 96
"""Most cells along a side: more would not be told apart."""

TRACED: Final = 20_000_000
"""Most elements of a tensor through which a picture follows what is read."""

STYLE: Final = """
  .in { fill: #bcd7f2; stroke: #fff } .out { fill: #bfe3cb; stroke: #fff }
  .pad { fill: none; stroke: #9aa5b1; stroke-dasharray: 2 2 } .zero { fill: #eef1f4; stroke: #fff }
  .in.hit { fill: #2166ac } .out.hit { fill: #1b7837 } .pad.hit, .zero.hit { fill: #c9ced6 }
  .window { fill: none; stroke: #d6604d; stroke-width: 2 } .hole { fill: #fff; stroke: #9aa5b1 }
  text { font: 12px sans-serif; fill: #57606a }
"""


@dataclass(frozen=True, repr=False)
class Picture(Record):
    """A picture and what it shows.

    Attributes:
        kind: ``convolution``, ``transposed`` or ``gridding``.
        svg: the picture.
        caption: what it shows, in a line.
        position: the output position that is highlighted.
        reads: input positions that reach it, in order.
        input: spatial sizes of the input.
        output: spatial sizes of the output.
    """

    KEYS = "kind caption position reads input output svg"

    kind: str
    svg: str
    caption: str
    position: Place
    reads: tuple[Place, ...]
    input: Place
    output: Place

    def __str__(self) -> str:
        return self.svg

    def _repr_svg_(self) -> str:
        return self.svg


class _Axis(NamedTuple):
    """The map that a window slides over, along one axis.

    Attributes:
        cells: what each cell is: ``in``, ``pad`` or ``zero``.
        source: for each cell the input index it holds, or None.
        start: first cell of the window of the highlighted output.
        taps: cells of that window that are read.
        extent: cells of that window.
    """

    cells: list[str]
    source: list[int | None]
    start: int
    taps: list[int]
    extent: int


_ONE_ROW: Final = _Axis(["in"], [0], 0, [0], 1)
"""The vertical axis of a map that has none."""


@question
def draw(
    graph: Spec,
    position: Sequence[int] | None = None,
    *,
    gridding: bool = False,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Picture:
    """Draw how an output is made.

    Args:
        graph: one convolution, transposed convolution or pooling (layers that work on one entry at a
            time may stand around it); or a stack, whose gridding map is drawn. One or two axes. A spec
            is loaded with ``input`` and ``set``.
        position: the output position to highlight; the middle one when not given.
        gridding: draw the gridding map of a single layer too.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: the graph has three axes, sizes that are not numbers, a side too long to draw, or
            no such position.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    source, target = graph.nodes[graph.inputs[0]].outputs[0], graph.shape(graph.outputs[0])
    for shape in (source, target):
        _check(shape)
    if len(graph.inputs) != 1:
        raise Unreachable(f"the graph has {len(graph.inputs)} inputs", expected="one input")
    place = _place(position, target[1:])
    windows = [node for node in graph.nodes if not node.is_input and not _pointwise(graph, node)]
    if len(windows) == 1 and not gridding:
        rules = _rules(graph, windows[0])
        plain = all(isinstance(rule, Slide) and rule.mode == "zeros" for rule in rules)
        if plain and isinstance(windows[0].layer, Sliding):
            return _sliding(graph, windows[0], rules, place)
        if isinstance(windows[0].layer, ConvTranspose):
            return _transposed(graph, windows[0], rules, place)
    return _gridding(graph, place)


def _place(position: Sequence[int] | None, sizes: Place) -> Place:
    """The position to highlight; the middle one when none was given."""
    place = tuple(n // 2 for n in sizes) if position is None else tuple(position)
    if len(place) != len(sizes) or not all(0 <= p < n for p, n in zip(place, sizes, strict=True)):
        where = ",".join(map(str, place))
        raise Unreachable(
            f"there is no position {where} in an output of {sizes_text(sizes)}",
            expected=f"one index per axis, up to {','.join(str(n - 1) for n in sizes)}",
        )
    return place


def _check(shape: Sequence[Any]) -> None:
    sizes = shape[1:]
    if not sizes or len(sizes) > 2:
        raise Unreachable(f"{len(sizes)} spatial axes cannot be drawn", expected="one or two")
    if not all(type(n) is int for n in sizes):
        raise Unreachable("sizes are not numbers here", expected="the shape of the input, such as 1x7x7")
    if max(sizes) > LONGEST:
        raise Unreachable(
            f"a map of {sizes_text(sizes)} is too large to draw", expected=f"at most {LONGEST} cells a side"
        )


def _pointwise(graph: Graph, node: Node) -> bool:
    """Whether every output position reads the one input position it stands at."""
    if len(node.inputs) != 1 or node.outputs[0][1:] != graph.input_shapes(node)[0][1:]:
        return False
    if hasattr(node.layer, "kernel") and not isinstance(node.layer, Sliding):
        return False  # a shift is a window even where it has too few channels to move any
    return all(rule == ONE for rule in _rules(graph, node))


def _rules(graph: Graph, node: Node) -> list[Any]:
    """How a layer reads each spatial axis of its input."""
    reads = node.layer.reads(graph.input_shapes(node), node.outputs)
    return [rule for _, rule in reads[0][0][1:]]


def _sliding(graph: Graph, node: Node, rules: Sequence[Slide], place: Place) -> Picture:
    inner, outer = graph.input_shapes(node)[0][1:], node.outputs[0][1:]
    pads = node.layer.pads(graph.input_shapes(node)[0])  # type: ignore[attr-defined]
    axes = []
    for rule, n, m, j, (_, after) in zip(rules, inner, outer, place, pads, strict=True):
        extent = (rule.count - 1) * rule.dilation + 1
        end = max(n + after, (m - 1) * rule.stride - rule.before + extent)
        held = [i if 0 <= i < n else None for i in range(-rule.before, end)]
        start = j * rule.stride
        taps = [start + t * rule.dilation for t in range(rule.count)]
        axes.append(_Axis(["pad" if i is None else "in" for i in held], held, start, taps, extent))
    words = f"{_said(node)}: {sizes_text(inner)} to {sizes_text(outer)}"
    return _window_picture("convolution", words, axes, inner, outer, place)


def _transposed(graph: Graph, node: Node, rules: Sequence[Spread], place: Place) -> Picture:
    inner, outer = graph.input_shapes(node)[0][1:], node.outputs[0][1:]
    axes = []
    for rule, n, m, j in zip(rules, inner, outer, place, strict=True):
        extent = (rule.count - 1) * rule.dilation + 1
        # Cell c of the stretched map stands at c - (extent - 1 - before); entry i at i * stride.
        first = -(extent - 1 - rule.before)
        cells, held = [], []
        for at in range(first, first + m + extent - 1):
            inside = 0 <= at <= (n - 1) * rule.stride
            held.append(at // rule.stride if inside and at % rule.stride == 0 else None)
            cells.append("in" if held[-1] is not None else "zero" if inside else "pad")
        taps = [j + t * rule.dilation for t in range(rule.count)]
        axes.append(_Axis(cells, held, j, taps, extent))
    strides = [rule.stride for rule in rules]
    zeros = show(s - 1 for s in dict.fromkeys(strides))
    noun = "zero" if zeros == "1" else "zeros"
    words = f"{_said(node)}: {sizes_text(inner)} to {sizes_text(outer)}, {zeros} {noun} between"
    return _window_picture("transposed", words, axes, inner, outer, place)


def _said(node: Node) -> str:
    from convcalc.exporters.text import format_layer

    return format_layer(node.layer)


def _window_picture(
    kind: str, words: str, axes: Sequence[_Axis], inner: Place, outer: Place, place: Place
) -> Picture:
    """The map with its window on the left, the output on the right."""
    rows, columns = (_ONE_ROW, *axes)[-2:]
    canvas = _Canvas()
    reads = []
    for r, c in product(range(len(rows.cells)), range(len(columns.cells))):
        kinds = (rows.cells[r], columns.cells[c])
        what = "pad" if "pad" in kinds else "zero" if "zero" in kinds else "in"
        hit = r in rows.taps and c in columns.taps
        held = (rows.source[r], columns.source[c])[-len(axes) :]
        if hit and None not in held:
            reads.append(held)
        canvas.cell(r, c, what, hit, ",".join(map(str, held)) if what == "in" else "")
    canvas.window(rows.start, columns.start, rows.extent, columns.extent)
    canvas.beside(len(rows.cells), len(columns.cells), outer)
    for spot in product(*map(range, outer)):
        r, c = (0, *spot)[-2:]
        canvas.cell(r, c, "out", spot == place, ",".join(map(str, spot)))
    where = ",".join(map(str, place))
    caption = f"{words}; output {where} reads {_many(len(reads), 'position')}"
    found = tuple(tuple(int(i) for i in spot if i is not None) for spot in reads)
    return Picture(kind, canvas.svg(caption), caption, place, found, inner, outer)


def _gridding(graph: Graph, place: Place) -> Picture:
    """The input, each pixel by the number of its paths to the output position."""
    import numpy as np

    from convcalc.executor import ExecutionError, paths, taint

    inner = graph.nodes[graph.inputs[0]].outputs[0][1:]
    outer = graph.shape(graph.outputs[0])[1:]
    for widest in (shape for node in graph.nodes for shape in node.outputs):
        if not all(type(n) is int for n in widest) or prod(widest) <= TRACED:
            continue
        raise Unreachable(
            f"a tensor of {sizes_text(widest)} is too large to draw through",
            expected=f"at most {TRACED:,} elements",
        )
    reached = taint(graph, [place])[0]
    try:
        counts = np.where(reached, paths(graph, place), 0)
    except ExecutionError:
        counts = reached.astype(int)
    found = [tuple(int(i) for i in spot) for spot in np.argwhere(reached)]
    most = max((int(counts[spot]) for spot in found), default=1)
    box = [(min(axis), max(axis)) for axis in zip(*found, strict=True)] if found else []
    canvas = _Canvas()
    holes = 0
    for spot in product(*map(range, inner)):
        r, c = (0, *spot)[-2:]
        inside = bool(box) and all(low <= i <= high for i, (low, high) in zip(spot, box, strict=True))
        at = ",".join(map(str, spot))
        if reached[spot]:
            canvas.shaded(r, c, int(counts[spot]) / most, at)
        else:
            holes += inside
            canvas.cell(r, c, "hole" if inside else "zero", False, at)
    if box:
        (top, bottom), (left, right) = ((0, 0), *box)[-2:]
        canvas.window(top, left, bottom - top + 1, right - left + 1)
    size = show(high - low + 1 for low, high in box) or "nothing"
    where = ",".join(map(str, place))
    caption = f"what output {where} of {sizes_text(outer)} sees of {sizes_text(inner)}: {size}, "
    caption += f"{_many(len(found), 'pixel')}, {_many(holes, 'hole')}"
    return Picture("gridding", canvas.svg(caption), caption, place, tuple(found), inner, outer)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Canvas:
    """Cells in their places, and the text around them."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.left = self.top = MARGIN
        self.width = self.height = 0

    def _box(self, row: int, column: int, height: int = 1, width: int = 1) -> str:
        x, y = self.left + column * CELL, self.top + row * CELL
        self.width = max(self.width, x + width * CELL)
        self.height = max(self.height, y + height * CELL)
        return f'x="{x}" y="{y}" width="{width * CELL}" height="{height * CELL}"'

    def cell(self, row: int, column: int, what: str, hit: bool, at: str) -> None:
        """One cell; ``at`` is the index it stands for, empty for padding and zeros."""
        name = f' data-at="{at}"' if at else ""
        kind = f"{what} hit" if hit else what
        self.parts.append(f'<rect class="{kind}" {self._box(row, column)}{name}/>')

    def shaded(self, row: int, column: int, share: float, at: str) -> None:
        """A cell that is reached, darker the more paths lead there."""
        opacity = f"{0.25 + 0.75 * share:.3f}"
        box = self._box(row, column)
        self.parts.append(f'<rect class="in hit" {box} fill-opacity="{opacity}" data-at="{at}"/>')

    def window(self, row: int, column: int, height: int, width: int) -> None:
        """The outline of a window whose first cell is given."""
        self.parts.append(f'<rect class="window" {self._box(row, column, height, width)}/>')

    def beside(self, height: int, width: int, outer: Sequence[int]) -> None:
        """Go on to the right of a map of that size, centred on its height; an arrow leads there."""
        rows = outer[0] if len(outer) == 2 else 1
        x, y = self.left + width * CELL + 10, self.top + height * CELL // 2
        self.parts.append(
            f'<path d="M{x} {y}h{GAP - 24}m-6 -5l6 5l-6 5" fill="none" stroke="#57606a" stroke-width="1.5"/>'
        )
        self.left += width * CELL + GAP
        self.top = MARGIN + max(0, (height - rows) * CELL // 2)
        self.height = max(self.height, MARGIN + height * CELL)

    def svg(self, caption: str) -> str:
        """The picture as SVG, with what it shows as title and below it."""
        caption = one_line(caption)
        words = escape(caption)
        width = max(self.width + MARGIN, MARGIN * 2 + int(6.6 * len(caption)))
        height = self.height + LINE + MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                f'height="{height}" role="img">',
                f"<title>{words}</title>",
                f"<style>{STYLE}</style>",
                *self.parts,
                f'<text x="{MARGIN}" y="{self.height + LINE}">{words}</text>',
                "</svg>",
                "",
            ]
        )

"""One layer at work: its window on the map that it reads, beside the map that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.calculators.answers import Unreachable
from convcalc.exporters.text import format_layer
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import Sliding
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.draw import formulas
from convcalc.render.pictures.draw.maps import SMALL, Map, cell_size
from convcalc.render.pictures.draw.picture import Picture, Place, Question, joined, many
from convcalc.render.pictures.draw.tracks import (
    PLAIN,
    ROOM,
    WHOLE,
    Track,
    View,
    around,
    everything,
    runs,
    track,
)
from convcalc.render.pictures.drawing import Drawing, Point, text_width

if TYPE_CHECKING:
    from convcalc.graph import Graph, Node
    from convcalc.render.pictures.draw.numbers import Numbers

FRAMES: Final = 256
"""Most steps of an animation; of larger maps a part is shown."""

MOST_TAPS: Final = 40_000
"""Most taps of a window that is drawn."""

ARROW: Final = 46
BESIDE: Final = 24

ROLES: Final = ["input", "zero", "pad"]
"""What a cell of several axes is: the last of these that it is along any of them."""


def tracks(graph: Graph, node: Node) -> list[Track] | None:
    """The axes along which a layer's window slides; None where it is no such layer."""
    layer: Any = node.layer
    if len(node.inputs) != 1 or not isinstance(layer, (Sliding, ConvTranspose)):
        return None
    shape = graph.input_shapes(node)[0]
    rules = [rule for _, rule in layer.reads((shape,), node.outputs)[0][0][1:]]
    pads = layer.pads(shape) if isinstance(layer, Sliding) else ((0, 0),) * len(rules)
    found = [
        track(rule, n, m, after)
        for rule, n, m, (_, after) in zip(rules, shape[1:], node.outputs[0][1:], pads, strict=True)
    ]
    known = [one for one in found if one is not None]
    return known if len(known) == len(found) and 1 <= len(found) <= 3 else None


def window(question: Question) -> Picture | None:
    """The picture of the one layer that has a window; None where there is none, or more."""
    if len(question.windows) != 1:
        return None
    node = question.windows[0]
    axes = tracks(question.graph, node)
    return None if axes is None else _Window(question, node, axes).picture()


class _Window:
    """The picture being made."""

    def __init__(self, question: Question, node: Node, axes: list[Track]) -> None:
        self.question, self.node, self.axes = question, node, axes
        self.graph, self.place = question.graph, question.place
        self.rank = len(axes)
        self.transposed = isinstance(node.layer, ConvTranspose)
        shape = self.graph.input_shapes(node)[0]
        self.inner, self.outer = tuple(shape[1:]), tuple(node.outputs[0][1:])
        self.channels, self.read = shape[0], _channels_read(self.graph, node)
        self.kernel: tuple[int, ...] = getattr(node.layer, "kernel")  # noqa: B009 - both kinds have one
        self.numbers: Numbers | None = None
        if question.values:
            from convcalc.render.pictures.draw.numbers import numbers

            self.numbers = numbers(self.graph, node, self.read)
        self.known: dict[tuple[int, ...], tuple[str, tuple[int, ...] | None]] = {}
        self.views = self._views()
        self.size = cell_size(
            [n for view in self.views[-2:] for n in (len(view.cells), len(view.outputs))], question.values
        )

    def _views(self) -> list[View]:
        most = WHOLE[self.rank] if not self.question.values else min(WHOLE[self.rank], 14)
        views = [
            everything(axis) if max(axis.total, axis.outputs) <= most else around(axis, j, ROOM[self.rank])
            for axis, j in zip(self.axes, self.place, strict=True)
        ]
        if self.question.moving and prod(len(view.outputs) for view in views) > FRAMES:
            views = [
                view if axis.total <= ROOM[self.rank] else around(axis, j, ROOM[self.rank])
                for axis, view, j in zip(self.axes, views, self.place, strict=True)
            ]
        return views

    def picture(self) -> Picture:
        """Everything in its place."""
        reads = self._reads(self.place)
        kind = "transposed" if self.transposed else "convolution"
        drawing = Drawing(0, 0, format_layer(self.node.layer), self._caption(len(reads)), kind)
        maps = [self._input_map(channel) for channel in range(len(self.read) if self.numbers else 1)]
        output, kernels = self._output_map(), self._kernels()
        bottom = self._place_maps(maps, output, kernels)
        everyone = [*maps, output, *(kernel.map for kernel in kernels)]
        drawing.width = max(one.x + one.width for one in everyone)
        self._draw_maps(drawing, maps, output)
        for kernel in kernels:
            self._draw_kernel(drawing, kernel)
        bottom = self._channel_bars(drawing, maps, output, bottom) + 10
        for line in formulas.sizes(self.graph, self.node):
            bottom += drawing.text(0, bottom + 12, line, wrap=max(drawing.width, 340)) + 2
        steps = self._steps()
        drawing.steps, drawing.still = len(steps), steps.index(self.place)
        drawing.seconds = 2.0 if self.numbers else min(0.9, max(0.15, 30 / len(steps)))
        sums = 0.0
        for step, place in enumerate(steps):
            if len(steps) == 1:
                sums = self._at(drawing, maps, output, place, bottom)
                continue
            with drawing.frame(step):
                sums = max(sums, self._at(drawing, maps, output, place, bottom))
        self._zeros(drawing, maps)
        drawing.height = bottom + sums
        self._legend(drawing)
        return Picture(kind, drawing.caption, self.place, reads, self.inner, self.outer, drawing)

    def _steps(self) -> list[Place]:
        """The outputs that the window walks over: all that are shown."""
        shown = zip(self.axes, self.views, strict=True)
        if not self.question.moving or any(axis.extent > len(view.cells) for axis, view in shown):
            return [self.place]
        return list(product(*(view.outputs for view in self.views)))

    def _cell(self, cell: tuple[int, ...]) -> tuple[str, tuple[int, ...] | None]:
        """What a cell is, and the position of the input that it holds."""
        known = self.known.get(cell)
        if known is None:
            known = self.known[cell] = self._found(cell)
        return known

    def _found(self, cell: Sequence[int]) -> tuple[str, tuple[int, ...] | None]:
        kinds, held = [], []
        for axis, c in zip(self.axes, cell, strict=True):
            kind, source = axis.at(c)
            kinds.append(kind)
            held.append(source)
        kind = max(kinds, key=ROLES.index)
        found = tuple(i for i in held if i is not None)
        return kind, found if len(found) == len(held) else None

    def _taps(self, place: Place) -> list[tuple[int, ...]]:
        return list(product(*(axis.taps(j) for axis, j in zip(self.axes, place, strict=True))))

    def _reads(self, place: Place) -> tuple[Place, ...]:
        taps = prod(len(axis.taps(0)) for axis in self.axes)
        if taps > MOST_TAPS:
            raise Unreachable(
                f"the window has {taps:,} taps: too many to draw", expected=f"at most {MOST_TAPS:,}"
            )
        per_axis = [
            sorted({i for c in axis.taps(j) if (i := axis.at(c)[1]) is not None})
            for axis, j in zip(self.axes, place, strict=True)
        ]
        return tuple(product(*per_axis))

    def _caption(self, reads: int) -> str:
        words = f"{format_layer(self.node.layer)}: {sizes_text(self.inner)} to {sizes_text(self.outer)}"
        if self.transposed:
            strides = dict.fromkeys(axis.stretch - 1 for axis in self.axes)
            noun = "zero" if [*strides] == [1] else "zeros"
            words += f", {'x'.join(map(str, strides))} {noun} between"
        where = joined(self.place)
        words += f"; output {where} reads {many(reads, 'position')}"
        if self.numbers:
            words += " (numbers by the executor)"
        return words

    def _input_map(self, channel: int) -> Map:
        title = f"input {sizes_text(self.inner)}"
        if self.transposed and any(axis.stretch > 1 for axis in self.axes):
            title += (
                f", stretched to {sizes_text([(axis.inputs - 1) * axis.stretch + 1 for axis in self.axes])}"
            )
        if self.numbers and len(self.read) > 1:
            title += f", channel {self.read[channel]}"
        notes = []
        pads = [_ends(axis) for axis in self.axes]
        if any(map(any, pads)):
            same = {side for pad in pads for side in pad}
            words = str(same.pop()) if len(same) == 1 else " x ".join(f"{a}:{b}" for a, b in pads)
            mode = self.axes[0].mode
            notes.append(f"padding {words}" + ("" if mode in PLAIN else f", {mode}"))
        notes += self._left_out([view.cells for view in self.views], inputs=True)
        axes = [(view.cells, axis.total) for view, axis in zip(self.views, self.axes, strict=True)]
        return Map(title, notes, axes, self.size, self._index, self._slice_name)

    def _slice_name(self, depth: int) -> str:
        kind, source = self.axes[0].at(depth)
        held = "" if source is None else str(source)
        return {"input": f"depth {held}", "zero": "zeros"}.get(kind, f"padding {held}".rstrip())

    def _index(self, axis: int, cell: int) -> str:
        source = self.axes[axis].at(cell)[1]
        return "" if source is None else str(source)

    def _output_map(self) -> Map:
        title = f"output {sizes_text(self.outer)}"
        axes = [(view.outputs, axis.outputs) for view, axis in zip(self.views, self.axes, strict=True)]
        notes = self._left_out([view.outputs for view in self.views], inputs=False)
        return Map(title, notes, axes, self.size, lambda _, cell: str(cell))

    def _left_out(self, shown: Sequence[Sequence[int]], inputs: bool) -> list[str]:
        """``rows 10-20 of 224`` for every axis of which a part is shown."""
        names = ["depths", "rows", "columns"][-self.rank :] if self.rank > 1 else ["positions"]
        found = []
        for name, axis, view, cells in zip(names, self.axes, self.views, shown, strict=True):
            if view.whole(axis):
                continue
            held = sorted({i for c in cells if (i := axis.at(c)[1]) is not None}) if inputs else [*cells]
            total = axis.inputs if inputs else axis.outputs
            if held and len(held) < total:
                words = f"{name} {_ranges(held)} of {total}"
                found.append(words)
        return [", ".join(found)] if found else []

    def _kernels(self) -> list[_Kernel]:
        """The kernel as it is stored, and turned as it slides, where that is worth a map."""
        stored = self.numbers is not None and self.numbers.kernel is not None
        if not (self.transposed or stored) or max(self.kernel) > 7 or prod(self.kernel) > 64:
            return []
        size = max(self.size, 26.0)
        axes = [(range(k), k) for k in self.kernel]
        turned_by = "turned 180\u00b0" if self.rank == 2 else "reversed on every axis"
        titles = ["kernel w", turned_by] if self.transposed else ["kernel w"]
        found = []
        for channel in range(len(self.read) if self.numbers else 1):
            which = f", channel {self.read[channel]}" if self.numbers and len(self.read) > 1 else ""
            for turned, title in enumerate(titles):
                one = Map(title + which, [], axes, size, lambda _, cell: str(cell))
                found.append(_Kernel(one, channel, bool(turned)))
        return found

    def _draw_kernel(self, drawing: Drawing, kernel: _Kernel) -> None:
        kernel.map.draw(drawing, lambda _: "weight")
        for tap in product(*map(range, self.kernel)):
            own = self._turned(tap) if kernel.turned else tap
            if self.numbers:
                _write(drawing, kernel.map, tap, self.numbers.tap(kernel.channel, own), "text")
            else:
                _write(drawing, kernel.map, tap, weight_name(own), "text", 10)
        rows = (0, self.kernel[-2] - 1) if self.rank > 1 else (0, 0)
        for depth in kernel.map.deep:
            if box := kernel.map.box(depth, rows, (0, self.kernel[-1] - 1)):
                drawing.rect(*box, "kernel")

    def _turned(self, tap: Sequence[int]) -> tuple[int, ...]:
        return tuple(k - 1 - t for t, k in zip(tap, self.kernel, strict=True))

    def _place_maps(self, maps: list[Map], output: Map, kernels: list[_Kernel]) -> float:
        """Inputs on the left, kernels in the middle, the output on the right, slices below each other.

        Returns:
            where they end.
        """
        if self.rank != 2:  # a row or slices are wide: what is written stands below what is read
            y = 0.0
            for one in [*maps, *(kernel.map for kernel in kernels), output]:
                one.put(0, y)
                y += one.height + BESIDE
            return y - BESIDE
        columns = [maps, [kernel.map for kernel in kernels], [output]]
        columns = [column for column in columns if column]
        tall = [sum(one.height for one in column) + BESIDE * (len(column) - 1) for column in columns]
        x = 0.0
        for column, height in zip(columns, tall, strict=True):
            y = (max(tall) - height) / 2
            for one in column:
                one.put(x, y)
                y += one.height + BESIDE
            x += max(one.width for one in column) + ARROW
        return max(tall)

    def _arrow(self, drawing: Drawing, maps: list[Map], output: Map) -> None:
        if self.rank == 2:
            y = output.middle
            drawing.line([(output.x - ARROW + 8, y), (output.x - 8, y)], "axis", arrow=True)
        else:
            x = output.x + output.left + min(output.columns.length, 160) / 2
            drawing.line([(x, output.y - BESIDE + 2), (x, output.y - 2)], "axis", arrow=True)

    def _draw_maps(self, drawing: Drawing, maps: list[Map], output: Map) -> None:
        for channel, one in enumerate(maps):
            with drawing.group(classes="cc-map", data={"map": "input", **one.data()}):
                one.draw(drawing, lambda cell: self._cell(cell)[0])
                for cell in product(*(view.cells for view in self.views)) if self.numbers else ():
                    self._number(drawing, one, channel, cell, "text")
        with drawing.group(classes="cc-map", data={"map": "output", **output.data()}):
            output.draw(drawing, lambda _: "output")
            if self.numbers:
                for place in product(*(view.outputs for view in self.views)):
                    _write(drawing, output, place, self.numbers.result(place), "text")
        self._arrow(drawing, maps, output)

    def _number(self, drawing: Drawing, one: Map, channel: int, cell: tuple[int, ...], role: str) -> None:
        """What a cell of the input holds."""
        numbers, (kind, source) = self.numbers, self._cell(cell)
        if numbers and source is not None:
            _write(drawing, one, cell, numbers.at(channel, source), role if kind == "input" else "text")
        elif numbers and (kind == "zero" or numbers.kernel is not None):
            _write(drawing, one, cell, "0", "muted" if role == "text" else "text")

    def _zeros(self, drawing: Drawing, maps: Sequence[Map]) -> None:
        """The zeros that are put between the entries, in front of the window."""
        if self.numbers is None and self.size >= 12:
            for cell in product(*(view.cells for view in self.views)):
                if self._cell(cell)[0] == "zero":
                    _write(drawing, maps[0], cell, "0", "text", SMALL)

    def _at(self, drawing: Drawing, maps: list[Map], output: Map, place: Place, y: float) -> float:
        """The window of one output, and the sum that it makes.

        Returns:
            the height of that sum.
        """
        taps = self._taps(place)
        for channel, one in enumerate(maps):
            roles: dict[str, list[Point]] = {}
            for tap in taps:
                corner = one.corner(tap)
                if corner is not None:
                    roles.setdefault(f"{self._cell(tap)[0]} hit", []).append(corner)
            for role, corners in roles.items():
                drawing.cells(corners, one.size, role)
            for tap in taps if self.numbers else ():
                self._number(drawing, one, channel, tap, "inverse")
            self._outline(drawing, one, place)
        corner = output.corner(place)
        if corner is not None:
            drawing.cells([corner], output.size, "output hit")
        if not self.numbers:
            return 0.0
        _write(drawing, output, place, self.numbers.result(place), "inverse")
        return drawing.text(0, y + 14, self._sum(place), wrap=max(drawing.width, 340)) + 4

    def _outline(self, drawing: Drawing, one: Map, place: Place) -> None:
        """The window from its first to its last tap, in every slice that it reads."""
        ranges = [axis.taps(j) for axis, j in zip(self.axes, place, strict=True)]
        depths, rows, columns = ([range(1), range(1), *ranges])[-3:]
        for depth in depths:
            box = one.box(depth, (rows[0], rows[-1]), (columns[0], columns[-1]))
            if box is not None:
                drawing.rect(*box, "kernel")

    def _sum(self, place: Place) -> str:
        """``output 1,2 = 3*2 + 0*1 + 1 = 7``, or what a layer without weights takes together."""
        numbers = self.numbers
        assert numbers is not None
        result = numbers.result(place)
        if numbers.kernel is None:
            held = [self._cell(tap)[1] for tap in self._taps(place)]
            values = ", ".join("pad" if at is None else numbers.at(0, at) for at in held)
            return f"output {joined(place)} = {self.node.op} of {values} = {result}"
        terms = []
        for channel in range(len(self.read)):
            for tap, cell in zip(product(*map(range, self.kernel)), self._taps(place), strict=True):
                source = self._cell(cell)[1]
                entry = "0" if source is None else numbers.at(channel, source)
                own = self._turned(tap) if self.transposed else tap
                terms.append(f"{entry}*{numbers.tap(channel, own)}")
        bias = "" if numbers.bias is None else f" + {numbers.bias} (bias)"
        return f"output {joined(place)} = {' + '.join(terms)}{bias} = {result}"

    def _channel_bars(self, drawing: Drawing, maps: list[Map], output: Map, y: float) -> float:
        """Which channels the first channel of the output reads, where there are several; where it ends."""
        out = self.node.outputs[0][0]
        if self.channels == out == 1:
            return y
        side = 9.0
        written = self.channels <= MOST_SQUARES and out <= MOST_SQUARES
        y += 18
        if written:
            for number, x, role, hits in (
                (self.channels, maps[0].x, "input", self.read),
                (out, output.x or maps[0].x + side * (self.channels + 3), "output", [0]),
            ):
                for channel in range(number):
                    name = f"{role} hit" if channel in hits else role
                    drawing.rect(x + channel * side, y, side, side, name)
            y += side + 4
        reads = "all" if len(self.read) == self.channels else f"{len(self.read)} of"
        words = f"channels: output channel 0 of {out} reads {reads} {self.channels}"
        return y + drawing.text(0, y + 10, words, "muted", size=11, wrap=max(drawing.width, 340)) - 2

    def _legend(self, drawing: Drawing) -> None:
        kinds = {self._cell(cell)[0] for cell in product(*(view.cells for view in self.views))}
        entries = [
            ("input", "input"),
            ("input hit", "read for the output"),
            ("kernel", "window of the kernel"),
        ]
        if "pad" in kinds:
            copied = self.axes[0].mode not in PLAIN
            entries.append(("pad", "padding, a copy of the input" if copied else "padding"))
        if "zero" in kinds:
            entries.append(("zero", "zeros put between"))
        entries += [("output", "output"), ("output hit", f"output {joined(self.place)}")]
        if self.question.moving and drawing.steps > 1:
            entries[-1] = ("output hit", "the output that is made")
        drawing.legend(entries)


class _Kernel(NamedTuple):
    """A kernel to be drawn: of which channel that is read, and whether it is turned."""

    map: Map
    channel: int
    turned: bool


MOST_SQUARES: Final = 32
"""Channels that are drawn as squares."""


def weight_name(tap: Sequence[int]) -> str:
    """How an entry of the kernel is called: ``w12``, or ``w1,12`` where an index has two digits."""
    return "w" + ("" if max(tap, default=0) < 10 else ",").join(map(str, tap))


def _write(drawing: Drawing, one: Map, cell: Sequence[int], label: str, role: str, size: float = 12) -> None:
    """A word in the middle of a cell, smaller where it is long."""
    corner = one.corner(cell)
    if corner is None:
        return
    while size > 6 and text_width(label, size) > one.size - 1:
        size -= 1
    drawing.text(corner[0] + one.size / 2, corner[1] + one.size / 2 + 4, label, role, "middle", size)


def _channels_read(graph: Graph, node: Node) -> list[int]:
    """The channels of the input that the first channel of the output reads."""
    shape = graph.input_shapes(node)[0]
    axis, rule = node.layer.reads((shape,), node.outputs)[0][0][0]
    return [*rule.of(0, shape[0])] if axis == 0 else [*range(shape[0])]


def _ends(axis: Track) -> tuple[int, int]:
    """Cells of padding before the first and after the last entry."""
    return max(-axis.first, 0), max(axis.total + axis.first - (axis.inputs - 1) * axis.stretch - 1, 0)


def _ranges(indices: Sequence[int]) -> str:
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in runs(indices))

"""Receptive fields of every tensor of a graph: layer windows composed from the inputs onwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.receptive_field.axis import AxisField, same
from convcalc.calculators.receptive_field.misaligned import Branch, Misaligned, comparable, furthest
from convcalc.calculators.receptive_field.paths import hull, least, through
from convcalc.calculators.receptive_field.region import regions
from convcalc.dims import Dim, Shape, is_known, prod
from convcalc.graph import Edge, Graph, Node
from convcalc.layers.reads import ONE, Axis, Reads, Slide, UpTo, Windows
from convcalc.layers.windows.window import Sliding, effective

Axes = tuple[AxisField, ...]


class Seen(NamedTuple):
    """What a tensor sees of one source, axis by axis.

    Attributes:
        field: over all paths together.
        least: over the path that sees least (Richter et al. 2021 call it the minimum field).
        anchor: where windows that read only what lies before count as their last tap, which is the
            position that they stand at; the same object as ``field`` where there are none.
    """

    field: Axes
    least: Axes
    anchor: Axes


State = list["Seen | None"]
"""One entry per source; None where the source does not reach the tensor."""


class Walk:
    """The states of all tensors of a graph, with the places where branches are misaligned.

    Attributes:
        sources: the tensors whose indices count as pixels.
        names: a name for each of them.
        states: by tensor.
        misaligned: in order of the graph.
        unseeing: layers whose every position lies beside the input: in padding, or where it was cut off.
    """

    def __init__(self, graph: Graph, sources: Sequence[Edge], names: Sequence[str]) -> None:
        self.graph = graph
        self.sources = tuple(sources)
        self.names = tuple(names)
        self.states: dict[Edge, State] = {}
        self.misaligned: list[Misaligned] = []
        self.unseeing: list[str] = []
        # Repeats share their layers: most windows were asked for before.
        self._windows: dict[tuple[int, tuple[Shape, ...], int], Windows] = {}
        for number in range(len(graph.nodes)):
            self._visit(number)

    def _visit(self, number: int) -> None:
        node = self.graph.nodes[number]
        states, many = self.states, len(self.sources)
        spend(2 * many)
        own = [number == source.node for source in self.sources]
        inputs = [states[edge] for edge in node.inputs]
        outputs = range(len(node.outputs))
        if not inputs or all(seen is None for state in inputs for seen in state):
            found: State = [None] * many
            for o in outputs:
                states[Edge(number, o)] = found
        elif node.layer.elementwise:
            for o in outputs:
                states[Edge(number, o)] = inputs[0]
        else:
            shapes = self.graph.input_shapes(node)
            found = []
            for o in outputs:
                if o == 0 or o not in node.layer.index_outputs:  # places are read as the values beside them
                    windows = self._read(node, shapes, o)
                    causal = self._causal(node, windows, shapes)
                    found = [
                        self._through(windows, causal, inputs, source, shapes, node.outputs[o])
                        for source in range(many)
                    ]
                    for source in range(many):
                        if self._beside(found[source], Edge(number, o), source):
                            found[source] = None
                            self.unseeing.append(node.name)
                states[Edge(number, o)] = found
            if len(inputs) - len(node.layer.index_inputs) > 1:
                self._compare(number, windows, inputs, shapes)
        if any(own):
            for o in outputs:
                edge = Edge(number, o)
                if edge in self.sources:
                    start = list(states[edge])
                    start[self.sources.index(edge)] = _itself(self.graph.shape(edge))
                    states[edge] = start

    def _read(self, node: Node, shapes: tuple[Shape, ...], output: int) -> Windows:
        key = (id(node.layer), shapes, output)
        try:
            found = self._windows.get(key)
        except TypeError:  # arrays cannot be keys
            return node.layer.reads(shapes, node.outputs, output)
        if found is None:
            found = self._windows[key] = node.layer.reads(shapes, node.outputs, output)
        return found

    def _through(
        self,
        windows: Sequence[Sequence[Reads]],
        causal: Sequence[Sequence[Reads]],
        inputs: Sequence[State],
        source: int,
        shapes: Sequence[Shape],
        out: Shape,
    ) -> Seen | None:
        fields: list[Axes] = []
        leasts: list[Axes] = []
        anchors: list[Axes] = []
        for ways, last, state, shape in zip(windows, causal, inputs, shapes, strict=True):
            seen = state[source]
            if seen is None:
                continue
            field = _composed(ways, seen.field, shape, out)
            fields.append(field)
            leasts.append(field if seen.least is seen.field else _composed(ways, seen.least, shape, out))
            same = last is ways and seen.anchor is seen.field
            anchors.append(field if same else _composed(last, seen.anchor, shape, out))
        if not fields:
            return None
        if len(fields) == 1:
            return Seen(fields[0], leasts[0], anchors[0])
        field = tuple(hull(list(parts), out) for parts in zip(*fields, strict=True))
        anchor = field
        if any(a is not f for a, f in zip(anchors, fields, strict=True)):
            anchor = tuple(hull(list(parts), out) for parts in zip(*anchors, strict=True))
        return Seen(field, tuple(least(list(parts)) for parts in zip(*leasts, strict=True)), anchor)

    def _causal(
        self, node: Node, windows: Sequence[Sequence[Reads]], shapes: Sequence[Shape]
    ) -> Sequence[Sequence[Reads]]:
        """The windows, with the last tap alone of those that read nothing behind their own position.

        They are padded by all of their reach in front, by themselves or by the layer before them.
        """
        if (len(windows) != 1 and not isinstance(node.layer, Sliding)) or len(windows[0]) != 1:
            return windows
        way = list(windows[0][0])
        if not isinstance(node.layer, Sliding):
            if not any(isinstance(axis.rule, UpTo) for axis in way):
                return windows
            return ((tuple(Axis(o, ONE) if isinstance(rule, UpTo) else Axis(o, rule) for o, rule in way),),)
        found = False
        for axis, (output, rule) in enumerate(way):
            if not isinstance(rule, Slide) or not all(
                type(n) is int for n in (rule.count, rule.dilation, rule.before)
            ):
                continue
            reach = (rule.count - 1) * rule.dilation
            if reach and reach == rule.before + self._moved(node.inputs[0], axis):
                way[axis] = Axis(output, Slide(1, rule.stride, 1, rule.before - reach))
                found = True
        return ((tuple(way),), *windows[1:]) if found else windows

    def _moved(self, edge: Edge, axis: int) -> int:
        """How far the layer that writes a tensor moves what it reads back along an axis; else 0."""
        node = self.graph.nodes[edge.node]
        if len(node.inputs) != 1 or node.layer.elementwise:
            return 0
        ways = self._read(node, self.graph.input_shapes(node), edge.output)[0]
        if len(ways) != 1 or axis >= len(ways[0]):
            return 0
        output, rule = ways[0][axis]
        shift = isinstance(rule, Slide) and output == axis and type(rule.before) is int
        if not shift or not isinstance(rule, Slide) or not (rule.count == 1 and rule.stride == 1):
            return 0
        return int(rule.before)

    def _beside(self, seen: Seen | None, edge: Edge, source: int) -> bool:
        """Whether every position of a tensor lies beside the source, so that it reads nothing of it."""
        if seen is None:
            return False
        sizes = self.graph.shape(self.sources[source])[1:]
        out = self.graph.shape(edge)
        if not any(_outside(field, n, out) for field, n in zip(seen.field, sizes, strict=True)):
            return False
        try:
            region = regions(self.graph, edge, (None,) * (len(out) - 1), (self.sources[source],))[0]
        except Unreachable:  # sizes that are no numbers, or too long
            return False
        return not region.boxes

    def _compare(
        self,
        number: int,
        windows: Sequence[Sequence[Reads]],
        inputs: Sequence[State],
        shapes: Sequence[Shape],
    ) -> None:
        """Note where the branches that meet in a node are centred on different pixels."""
        node = self.graph.nodes[number]
        out = node.outputs[0]
        for source, name in enumerate(self.names):
            sizes = self.graph.shape(self.sources[source])[1:]
            branches = [
                (
                    edge,
                    _composed(ways, seen.field, shape, out),
                    _composed(ways, seen.anchor, shape, out),
                )
                for i, (edge, ways, state, shape) in enumerate(
                    zip(node.inputs, windows, inputs, shapes, strict=True)
                )
                if i not in node.layer.index_inputs and (seen := state[source]) is not None
            ]
            if len(branches) < 2:
                continue
            for axis in range(len(branches[0][1])):
                parts = [
                    Branch(self.graph.nodes[edge.node].name, axes[axis], last[axis], self._cut(edge))
                    for edge, axes, last in branches
                    if comparable(axes[axis]) and not _around(axes[axis], sizes[axis], out)
                ]
                found = furthest(parts, out) if len(parts) > 1 else None
                if found is not None:
                    self.misaligned.append(Misaligned(node.name, found[0], name, axis, *found[1:]))

    def _cut(self, edge: Edge) -> bool:
        """Whether a tensor is a sequence whose beginning was cut off, and nothing else."""
        node, shape = self.graph.nodes[edge.node], self.graph.shape(edge)
        if len(shape) != 2 or len(node.inputs) != 1:
            return False
        before = self._moved(edge, 1)
        return before < 0 and same(shape[1], self.graph.shape(node.inputs[0])[1] + before)


def _itself(shape: Shape) -> Seen:
    axes = tuple(AxisField(axis, (0,), (1,), 1) for axis in range(1, len(shape)))
    return Seen(axes, axes, axes)


def _outside(field: AxisField, size: Dim, out: Shape) -> bool:
    """Whether no run of a field touches an input of a size, as far as its ends say."""
    if field.everything or type(size) is not int or not is_known(*field.sizes) or 0 in field.drivers:
        return False
    if not field.local:
        return True
    count = prod(out[driver] for driver in field.drivers)
    runs = [(a, n) for a, n in zip(field.starts, field.sizes, strict=True) if a is not None]
    if not all(type(n) is int for n in (count, field.advance, *(n for run in runs for n in run))):
        return False
    if not runs:
        return True
    moved = (count - 1) // field.period * field.advance if field.periodic else 0
    first = min(start for start, _ in runs) + min(moved, 0)
    last = max(start + length for start, length in runs) + max(moved, 0)
    return bool(last <= 0 or first >= size)


def _composed(ways: Sequence[Reads], axes: Axes, shape: Shape, out: Shape) -> Axes:
    """Fields of an output by one input, read in one way or in several."""
    if len(ways) == 1:
        return tuple(through(field, ways[0], shape, out) for field in axes)
    return tuple(hull([through(field, way, shape, out) for way in ways], out) for field in axes)


def _grown(field: AxisField, size: Dim) -> bool:
    """Whether what some position sees is all of an axis and would grow with it, so that it has no centre."""
    still = not field.periodic or field.advance == 0
    return still and type(size) is int and type(field.size) is int and field.size >= size


def _around(field: AxisField, size: Dim, out: Shape) -> bool:
    """Whether the first and the last position see all of an axis, as where a shift joins its ends."""
    if (field.periodic and field.advance != 0) or type(size) is not int:
        return False
    last = prod(out[driver] for driver in field.drivers) - 1
    runs = field.run(0), field.run(last)
    return all(run is not None and run[0] <= 0 and run[0] + run[1] >= size for run in runs)


def context(walk: Walk, number: int, source: int) -> list[tuple[int, Dim, bool]]:
    """What a convolution works on, along each spatial axis of the source.

    Returns:
        The axis; the size that its input sees by the path which sees least (Richter et al. 2021),
        None where that is everything; whether the kernel reaches beyond one position.
    """
    node = walk.graph.nodes[number]
    layer = node.layer
    if not isinstance(layer, Sliding) or not layer.has_macs:
        return []
    seen = walk.states[node.inputs[0]][source]
    if seen is None:
        return []
    found = []
    for axis, field in enumerate(seen.least):
        driver = field.driver
        whole = walk.graph.shape(walk.sources[source])[axis + 1]
        if (not field.local and field.everything) or _grown(field, whole):
            spread = any(effective(k, d) != 1 for k, d in zip(layer.kernel, layer.dilation, strict=True))
            found.append((axis, None, spread))
        elif isinstance(driver, int) and driver > 0:
            spread = effective(layer.kernel[driver - 1], layer.dilation[driver - 1]) != 1
            found.append((axis, field.size, spread))
    return found


def find_edge(graph: Graph, name: str) -> Edge:
    """The tensor of that name, as :meth:`Graph.find` knows it: a layer, an output of one, or a block.

    Raises:
        Unreachable: there is none.
    """
    try:
        return graph.find(name)
    except LookupError as error:
        message = str(error)
    from convcalc.spec.errors import nearest_name

    known = [node.name for node in graph.nodes]
    nearest = nearest_name(name, known) or next((k for k in known if k.endswith("." + name)), None)
    raise Unreachable(
        message,
        expected="the name of a layer, as 'convcalc rf' lists them, or of a block",
        nearest=nearest,
    )

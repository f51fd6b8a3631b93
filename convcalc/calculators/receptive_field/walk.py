"""Receptive fields of every tensor of a graph: layer windows composed from the inputs onwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from convcalc.budget import spend
from convcalc.calculators.answers import Unreachable, tidy
from convcalc.calculators.receptive_field.axis import AxisField, compose, hull, least, same
from convcalc.dims import Dim, Shape, is_known, is_symbolic
from convcalc.graph import Edge, Graph, Node
from convcalc.layers.reads import Reads, Windows
from convcalc.layers.window import Sliding, effective
from convcalc.records import Record

Axes = tuple[AxisField, ...]


class Seen(NamedTuple):
    """What a tensor sees of one source, axis by axis.

    Attributes:
        field: over all paths together.
        least: over the path that sees least (Richter et al. 2021 call it the minimum field).
    """

    field: Axes
    least: Axes


State = list["Seen | None"]
"""One entry per source; None where the source does not reach the tensor."""


@dataclass(frozen=True, slots=True)
class Misaligned(Record):
    """Branches that meet with their fields centred on different input positions.

    Attributes:
        layer: where they meet.
        branches: the two layers whose fields lie furthest apart.
        input: the input that is seen.
        axis: the spatial axis.
        by: distance of the two centres at the first output, in input pixels (over the phases: mean).
        at_end: the same at the last output, where it differs; else None.
    """

    KEYS = "layer branches input axis pixels=by pixels_at_end=at_end"

    layer: str
    branches: tuple[str, str]
    input: str
    axis: int
    by: Any
    at_end: Any

    def __str__(self) -> str:
        where = f"{self.layer}: {self.branches[0]} and {self.branches[1]} are misaligned"
        if self.at_end is None:
            return f"{where} by {self.by} pixels on axis {self.axis}"
        return f"{where} by {self.by} pixels at the start of axis {self.axis} and {self.at_end} at its end"


class Walk:
    """The states of all tensors of a graph, with the places where branches are misaligned.

    Attributes:
        sources: the tensors whose indices count as pixels.
        names: a name for each of them.
        states: by tensor.
        misaligned: in order of the graph.
    """

    def __init__(self, graph: Graph, sources: Sequence[Edge], names: Sequence[str]) -> None:
        self.graph = graph
        self.sources = tuple(sources)
        self.names = tuple(names)
        self.states: dict[Edge, State] = {}
        self.misaligned: list[Misaligned] = []
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
                if o not in node.layer.index_outputs:  # places are read as the values are
                    windows = self._read(node, shapes, o)
                    found = [
                        self._through(windows, inputs, source, shapes, node.outputs[o])
                        for source in range(many)
                    ]
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
        inputs: Sequence[State],
        source: int,
        shapes: Sequence[Shape],
        out: Shape,
    ) -> Seen | None:
        fields: list[Axes] = []
        leasts: list[Axes] = []
        for ways, state, shape in zip(windows, inputs, shapes, strict=True):
            seen = state[source]
            if seen is None:
                continue
            field = _composed(ways, seen.field, shape, out)
            fields.append(field)
            leasts.append(field if seen.least is seen.field else _composed(ways, seen.least, shape, out))
        if not fields:
            return None
        if len(fields) == 1:
            return Seen(fields[0], leasts[0])
        field = tuple(_together(list(parts), out) for parts in zip(*fields, strict=True))
        return Seen(field, tuple(least(list(parts)) for parts in zip(*leasts, strict=True)))

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
            branches = [
                (self.graph.nodes[edge.node].name, _composed(ways, seen.field, shape, out))
                for i, (edge, ways, state, shape) in enumerate(
                    zip(node.inputs, windows, inputs, shapes, strict=True)
                )
                if i not in node.layer.index_inputs and (seen := state[source]) is not None
            ]
            if len(branches) < 2:
                continue
            for axis in range(len(branches[0][1])):
                parts = [(who, axes[axis]) for who, axes in branches if _comparable(axes[axis])]
                found = _furthest(parts, out) if len(parts) > 1 else None
                if found is not None:
                    self.misaligned.append(Misaligned(node.name, found[0], name, axis, *found[1:]))


def _itself(shape: Shape) -> Seen:
    axes = tuple(AxisField(axis, (0,), (1,), 1) for axis in range(1, len(shape)))
    return Seen(axes, axes)


def _composed(ways: Sequence[Reads], axes: Axes, shape: Shape, out: Shape) -> Axes:
    """Fields of an output by one input, read in one way or in several."""
    if len(ways) == 1:
        return tuple(_one(ways[0], field, shape, out) for field in axes)
    return tuple(_together([_one(way, field, shape, out) for way in ways], out) for field in axes)


def _one(way: Reads, field: AxisField, shape: Shape, out: Shape) -> AxisField:
    driver = field.driver
    if driver is None:
        return field
    axis = way[driver]
    return compose(field, axis, shape[driver], None if axis.output is None else out[axis.output])


def _together(fields: list[AxisField], out: Shape) -> AxisField:
    driver = next((f.driver for f in fields if f.driver is not None), None)
    return hull(fields, 1 if driver is None else out[driver])


def _comparable(field: AxisField) -> bool:
    return (
        field.local
        and field.driver is not None
        and all(start is not None for start in field.starts)
        and is_known(*field.starts, *field.sizes, field.advance)
        and not any(map(is_symbolic, (*field.starts, *field.sizes, field.advance)))
    )


def _furthest(parts: list[tuple[str, AxisField]], out: Shape) -> tuple[tuple[str, str], Any, Any] | None:
    """The two branches furthest apart, by how much at the first and at the last output."""
    worst: tuple[tuple[str, str], Any, Any] | None = None
    (first, base), *rest = parts
    for who, field in rest:
        if field is base:
            continue
        strides = base.stride, field.stride
        if None not in strides and same(*strides):
            by, end = abs(_offset(base) - _offset(field)), None
        else:
            assert base.driver is not None
            size = out[base.driver]
            last = size - 1 if type(size) is int else 0
            by, end = (abs(_middle(base, j) - _middle(field, j)) for j in (0, last))
        if (by or end) and (worst is None or max(by, end or 0) > max(worst[1], worst[2] or 0)):
            worst = (first, who), tidy(by), None if end is None else tidy(end)
    return worst


def _middle(field: AxisField, j: int) -> Fraction:
    return Fraction(field.middle(j))


def _offset(field: AxisField) -> Fraction:
    """Where the centres of the runs lie, less what the stride accounts for: the mean over the phases."""
    stride = Fraction(field.advance, field.period)
    return sum((_middle(field, p) - p * stride for p in range(field.period)), Fraction(0)) / field.period


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
        if not field.local and field.everything:
            spread = any(effective(k, d) != 1 for k, d in zip(layer.kernel, layer.dilation, strict=True))
            found.append((axis, None, spread))
        elif driver is not None and driver > 0:
            spread = effective(layer.kernel[driver - 1], layer.dilation[driver - 1]) != 1
            found.append((axis, field.size, spread))
    return found


def find_edge(graph: Graph, name: str) -> Edge:
    """The tensor of that name: a layer, or ``layer.output`` for a named output of one.

    Raises:
        Unreachable: there is none.
    """
    try:
        return graph.find(name)
    except LookupError as error:
        message = str(error)
    from convcalc.spec.errors import nearest_name

    known = [node.name for node in graph.nodes]
    within = [k for k in known if k.startswith(name + ".")]
    if within:
        raise Unreachable(
            f"{name!r} is a block of {len(within)} layers",
            expected="the name of a layer, as 'convcalc rf' lists them",
            nearest=f"{within[-1]}, its last",
        )
    nearest = nearest_name(name, known) or next((k for k in known if k.endswith("." + name)), None)
    raise Unreachable(
        message,
        expected="the name of a layer, as 'convcalc rf' lists them",
        nearest=nearest,
    )

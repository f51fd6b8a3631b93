"""Receptive fields of a graph: what every layer sees, where branches are misaligned, which inputs fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from convcalc.budget import question, spend
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.dilation.holes import Holes, holes
from convcalc.calculators.receptive_field.axis import AxisField
from convcalc.calculators.receptive_field.misaligned import Misaligned
from convcalc.calculators.receptive_field.paths import sees_all, through
from convcalc.calculators.receptive_field.region import check_position, ends, regions
from convcalc.calculators.receptive_field.rows import (
    Extent,
    InputRange,
    LayerField,
    PositionField,
)
from convcalc.calculators.receptive_field.walk import Walk, context, find_edge
from convcalc.collector import collector_paused
from convcalc.dims import Shape, maximum
from convcalc.graph import Edge, Graph, Spec, as_graph
from convcalc.layers.reads import ALL, ONE, Axis
from convcalc.records import Record, record
from convcalc.shown import Shown, table


class ReceptiveField(Record, Shown):
    """Receptive fields of all layers of a graph.

    Attributes:
        graph: the graph.
        name: what the spec calls the network.
        start: the layer that fields are measured from; empty for the inputs of the graph.
        layers: one row per layer and input, in execution order; layers that see no pixel are no rows.
        misaligned: places where branches with different centres meet.
        decided: layers of which an input decides, when they run, what is read, with what that is; from
            there on fields are unknown.
        ranges: productive range of sizes, one per input.
        unseeing: layers that read nothing of any input: all of it is padding or was cut off.
    """

    KEYS = "name from=start? inputs layers misaligned range=ranges sees_nothing=unseeing holes"

    def __init__(self, graph: Graph, start: str | None = None) -> None:
        self.graph = graph
        self.name = graph.name
        self.start = start or ""
        if start is None:
            sources = [Edge(i) for i in graph.inputs]
            names = [graph.nodes[i].name for i in graph.inputs]
        else:
            sources, names = [find_edge(graph, start)], [start]
        self._walk = Walk(graph, sources, names)
        self.misaligned: list[Misaligned] = self._walk.misaligned
        # what a layer chooses from the network's own tensors alone is no pixel, whatever decides
        self.decided = {
            n.name: n.layer.decided_by
            for n in graph.nodes
            if n.layer.decided_by
            and any(any(self._walk.states[e]) for e in (n.inputs if n.layer.opaque else n.inputs[:1]))
        }
        self.unseeing: list[str] = self._walk.unseeing
        self.layers: list[LayerField] = []
        self._by_name: dict[str, list[LayerField]] = {}
        self.ranges: list[InputRange] = []
        smallest: list[dict[int, Any]] = [{} for _ in sources]
        largest: list[dict[int, Any]] = [{} for _ in sources]
        for number in range(len(graph.nodes)):
            spend(len(sources))
            for source in range(len(sources)):
                self._add(number, source, smallest[source], largest[source])
        for name, edge, low, high in zip(names, sources, smallest, largest, strict=True):
            sizes = graph.shape(edge)[1:]
            axes = range(len(sizes))
            self.ranges.append(
                InputRange(name, tuple(low.get(a) for a in axes), tuple(high.get(a) for a in axes), sizes)
            )

    def table(self, rows: Sequence[LayerField] | None = None) -> Any:
        """The table that the command line prints: of every layer, or of some of the rows."""
        return table(self, rows)

    def _add(self, number: int, source: int, smallest: dict[int, Any], largest: dict[int, Any]) -> None:
        walk = self._walk
        edge = Edge(number)
        if walk.sources[source].node == number:
            return
        row = self._row(edge, source)
        if row is None:
            return
        sizes = row.input_shape[1:]
        judged: list[bool | None] = []
        for axis, size, spread in context(walk, number, source):
            if not spread:
                continue
            whole = sizes[axis]
            judged.append(
                False if size is None else size <= whole if type(size) is type(whole) is int else None
            )
            if size is not None:
                _largest(smallest, axis, size)
                _largest(largest, axis, row.axes[axis].size)
        if judged and (any(judged) or None not in judged):
            row.adds_context = any(judged)
        self.layers.append(row)
        self._by_name.setdefault(row.name, []).append(row)

    def _row(self, edge: Edge, source: int) -> LayerField | None:
        seen = self._walk.states[edge][source]
        if seen is None or not seen.field:
            return None
        node, shape = self.graph.nodes[edge.node], self.graph.shape(edge)
        name = node.name if edge.output == 0 else f"{node.name}.{node.layer.output_names()[edge.output]}"
        origin = self._walk.sources[source]
        axes = tuple(_at_positions(field, shape) if 0 in field.drivers else field for field in seen.field)
        return LayerField(name, node.op, shape, self._walk.names[source], self.graph.shape(origin), axes)

    @cached_property
    def holes(self) -> list[Holes]:
        """Dilated runs of the network that step over positions of what they read, by formula."""
        return holes(self.graph)

    @cached_property
    def all_from(self) -> dict[str, str]:
        """By input, the first layer from which on every position that comes from it sees all of it.

        A layer whose output has one position, as a global pooling, is none; nor is there one for an input of
        two axes, of which the first may be steps or tokens.
        """
        found: dict[str, str] = {}
        if self.start:
            return found
        for source, (name, edge) in enumerate(zip(self._walk.names, self._walk.sources, strict=True)):
            sizes = self.graph.shape(edge)[1:]
            first = self._first_of_all(source, sizes) if len(sizes) > 1 else None
            if first is not None:
                found[name] = first
        return found

    def _first_of_all(self, source: int, sizes: Shape) -> str | None:
        first = None
        known: dict[int, bool] = {}
        for number in range(len(self.graph.nodes) - 1, self._walk.sources[source].node, -1):
            for output, shape in enumerate(self.graph.nodes[number].outputs):
                edge = Edge(number, output)
                seen = self._walk.states[edge][source]
                if seen is None or not seen.field:
                    continue
                for field, size in zip(seen.field, sizes, strict=True):
                    if id(field) not in known:
                        known[id(field)] = sees_all(field, size, shape)
                    if not known[id(field)]:
                        return self._without_holes(first, source, sizes)
                if any(n != 1 for n in shape[1:]):
                    first = edge
        return self._without_holes(first, source, sizes)

    def _without_holes(self, edge: Edge | None, source: int, sizes: Shape) -> str | None:
        """The layer, if its first position reads every index between the ends of what it sees."""
        if edge is None:
            return None
        try:
            place = (0,) * (len(self.graph.shape(edge)) - 1)
            region = regions(self.graph, edge, place, (self._walk.sources[source],))[0]
        except Unreachable:  # sizes that are no numbers, or too long
            return None
        whole = all(region.axis(axis + 1).bit_count() == size for axis, size in enumerate(sizes))
        return self.graph.nodes[edge.node].name if whole else None

    @property
    def output(self) -> LayerField | None:
        """What the first output of the graph sees of its first input; None where that is no pixel."""
        rows = self.of(None)
        return rows[0] if rows else None

    def of(self, layer: str | None = None) -> list[LayerField]:
        """What one layer sees, one row per input.

        Args:
            layer: its name, or ``name.output`` for a named output; the first output of the graph
                when not given.

        Raises:
            Unreachable: there is no such layer.
        """
        edge = self.graph.outputs[0] if layer is None else find_edge(self.graph, layer)
        if edge.output == 0:
            return list(self._by_name.get(self.graph.nodes[edge.node].name, ()))
        rows = (self._row(edge, source) for source in range(len(self._walk.sources)))
        return [row for row in rows if row is not None]

    def at(self, position: Sequence[int], layer: str | None = None) -> list[PositionField]:
        """The exact input region of an output position, one per input that it sees.

        Args:
            position: one index per spatial axis of the output, from 0.
            layer: as for :meth:`of`.

        Raises:
            Unreachable: there is no such layer or position, or a size is not a number.
        """
        edge = self.graph.outputs[0] if layer is None else find_edge(self.graph, layer)
        place = tuple(position)
        sources = self._walk.sources
        shapes = [self.graph.shape(source) for source in sources]
        for shape in (self.graph.shape(edge), *shapes):
            check_position((0,) * (len(shape) - 1), shape[1:])
        found = regions(self.graph, edge, place, sources)
        result = []
        for source, region in enumerate(found):
            row = self._row(edge, source)
            if row is None:
                continue
            axes = tuple(
                _extent(field, place, self.graph.shape(edge), n, region.axis(axis + 1))
                for axis, (field, n) in enumerate(zip(row.axes, shapes[source][1:], strict=True))
            )
            result.append(PositionField(row.name, place, row.input, shapes[source], axes, region.exact))
        return result

    def misaligned_before(self, layer: str) -> list[Misaligned]:
        """Places where misaligned branches meet on the way to a layer.

        Raises:
            Unreachable: there is no such layer.
        """
        nodes = self.graph.nodes
        wanted = {find_edge(self.graph, layer).node}
        for number in range(max(wanted), -1, -1):
            if number in wanted:
                wanted.update(edge.node for edge in nodes[number].inputs)
        names = {nodes[number].name for number in wanted}
        return [item for item in self.misaligned if item.layer in names]

    def decided_before(self, layer: str) -> list[str]:
        """Those of :attr:`decided` that lie on the way to a layer, itself among them."""
        if not self.decided:
            return []
        names = {self.graph.nodes[number].name for number in self.graph.ancestors(layer)}
        return [name for name in self.decided if name in names]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON holds it."""
        shapes = map(self.graph.shape, self._walk.sources)
        more = {"decided": self.decided, "all_from": self.all_from}
        inputs = dict(zip(self._walk.names, shapes, strict=True))
        return record(self, inputs=inputs, **{key: value for key, value in more.items() if value})


def _at_positions(field: AxisField, shape: Shape) -> AxisField:
    """The field of all channels of a position together."""
    together = (ALL, *(Axis(axis, ONE) for axis in range(1, len(shape))))
    return through(field, together, shape, shape)


def _extent(field: AxisField, place: Sequence[int], shape: Shape, n: int, bits: int) -> Extent:
    read = ends(bits)
    if field.everything or not field.known:
        first, last = (0, n - 1) if field.everything else read or (None, None)
        return Extent(first, last, read, bits.bit_count(), n, field.everything)
    run = field.at(place, shape)
    if run is None:
        return Extent(None, None, read, bits.bit_count(), n, False)
    return Extent(run[0], run[0] + run[1] - 1, read, bits.bit_count(), n, False)


def _largest(table: dict[int, Any], axis: int, value: Any) -> None:
    table[axis] = maximum(table[axis], value) if axis in table else value


@question
def receptive_field(
    graph: Spec,
    *,
    start: str | None = None,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> ReceptiveField:
    """What every layer of a graph sees: size, effective stride, effective padding, centre.

    In the convention of Araujo, Norris & Sim 2019 (Computing receptive fields of convolutional
    neural networks): along an axis, output ``i`` sees ``[i*S - P, i*S - P + R - 1]``, in input
    pixels, padding included, as if the input had no end. ``S`` is a fraction where transposed
    convolutions or resizing make it one; where the size depends on the phase of ``i``, the
    smallest and the largest size and the period are given. Branches are taken together (the hull).

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``. Sizes may be unknown or symbols;
            what depends on them is unknown then, or a closed form.
        start: layer whose output counts as the input; the inputs of the graph when not given.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: there is no layer ``start``.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    with collector_paused():
        return ReceptiveField(graph, start)

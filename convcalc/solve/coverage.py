"""Which pixels of a receptive field really contribute: the field by formula, what lies in it by execution.

:mod:`convcalc.calculators.receptive_field` gives the box of a field. The executor is the second witness and
gives, by running the network backwards, what lies in the box: which pixels are read at all (dilated
convolutions leave holes: the gridding effect of Wang et al. 2018), how many paths lead to each, and how much
gradient arrives at each (the effective receptive field of Luo et al. 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import gcd, hypot, prod
from typing import Any, Final

import numpy as np

from convcalc.budget import apart
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.receptive_field.graph import ReceptiveField, receptive_field
from convcalc.calculators.receptive_field.region import check_numbers, check_position
from convcalc.calculators.receptive_field.rows import Extent, LayerField, PositionField
from convcalc.calculators.receptive_field.walk import find_edge
from convcalc.dims import Shape, is_known
from convcalc.executor import ExecutionError, MemoryLimitError, gradient, paths, taint
from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.counting import random_inputs
from convcalc.executor.indices import bounds
from convcalc.executor.memory import memory_limit
from convcalc.graph import Edge, Graph, Node, Spec, as_graph, input_node
from convcalc.records import Record, record
from convcalc.solve.sizes import own_inputs, reload

SHARES: Final = (0.5, 0.9, 0.9545, 0.99)
"""Shares of the gradient's mass whose radius is given; 0.9545 is two deviations of a Gaussian."""

TRIED: Final = 4096
"""Outputs along an axis among which one is sought whose field lies inside the input."""


@dataclass(frozen=True)
class Effective(Record):
    """The effective receptive field: how the gradient of an output is spread over the input.

    Attributes:
        mass: magnitude of the gradient per input pixel, summed over channels, mean over the samples;
            its sum is one.
        center: the mean position of the mass, per axis.
        radii: for each of :data:`SHARES` the smallest distance from the centre, in pixels, within
            which that share of the mass lies.
        samples: random inputs and weights that were averaged.
        deviation: root mean square distance of the mass from the centre, per axis.
    """

    KEYS = "center radii deviation samples"

    mass: Array
    center: tuple[float, ...]
    radii: tuple[float, ...]
    samples: int
    deviation: tuple[float, ...]

    def share(self, radius: float) -> float:
        """Share of the mass within a distance of the centre, 0 to 1."""
        return float(self.mass[distances(self.mass.shape, self.center) <= radius + 1e-9].sum())

    def to_dict(self) -> dict[str, Any]:
        """The spread as JSON holds it, without the map."""
        return record(
            self, radii=[{"share": s, "radius": r} for s, r in zip(SHARES, self.radii, strict=True)]
        )


@dataclass(frozen=True, repr=False)
class Coverage(Record):
    """What one output position really reads of an input.

    Attributes:
        field: its field, worked out by formula.
        box: first and last index per axis of the part of the field that lies inside the input, and of
            what is read beside it.
        reached: booleans over the input: whether the pixel contributes.
        paths: integers over the input: paths from the pixel to the position, one tap of every window
            and one channel of every layer; None where they cannot be counted.
        reason: why they cannot.
        effective: the effective field, where it was asked for.
    """

    KEYS = "box box_pixels=pixels reached=count fraction paths effective"

    field: PositionField
    box: tuple[tuple[int, int], ...]
    reached: Array
    paths: Array | None
    reason: str
    effective: Effective | None

    @property
    def pixels(self) -> int:
        """Pixels of the box."""
        return int(np.prod([last - first + 1 for first, last in self.box])) if self.box else 0

    @property
    def count(self) -> int:
        """Pixels that contribute."""
        return int(np.count_nonzero(self.reached))

    @property
    def fraction(self) -> float:
        """Share of the pixels of the box that contribute, 0 to 1."""
        return self.count / self.pixels if self.pixels else 0.0

    @property
    def unit(self) -> int:
        """What all numbers of paths are multiples of."""
        if self.paths is None:
            return 1
        return gcd(*(int(n) for n in self.paths[self.reached].flat)) or 1

    def crop(self, array: Array) -> Array:
        """The part of an array over the input that lies in the box."""
        inside: Array = array[tuple(slice(first, last + 1) for first, last in self.box)]
        return inside

    def to_dict(self, *, maps: bool = False) -> dict[str, Any]:
        """The coverage as JSON holds it; with ``maps`` the numbers of paths in the box."""
        numbers = None
        if self.paths is not None and self.count:
            seen = [int(n) for n in self.paths[self.reached].flat]
            numbers = {"least": min(seen), "most": max(seen), "unit": self.unit}
        result = self.field.to_dict() | record(self, paths=numbers)
        if maps:
            shown = self.reached.astype(int) if self.paths is None else self.paths
            result["map"] = self.crop(shown).tolist()
            if self.effective is not None:
                result["effective_map"] = self.crop(self.effective.mass).tolist()
        return result


def distances(shape: Sequence[int], center: Sequence[float]) -> Array:
    """Distance of every position from a centre."""
    grids = np.meshgrid(*(np.arange(n) - c for n, c in zip(shape, center, strict=True)), indexing="ij")
    return np.sqrt(sum((grid**2 for grid in grids), np.zeros(tuple(shape))))


@apart
def coverage(
    graph: Spec,
    position: Sequence[int] | None = None,
    *,
    layer: str | None = None,
    input: str | None = None,
    start: str | None = None,
    samples: int = 0,
    seed: int = 0,
    set: Mapping[str, Any] | None = None,
) -> Coverage:
    """Which pixels of a receptive field contribute, how many paths reach each, and how much gradient.

    Args:
        graph: a graph, or a spec to load with ``set``; its channels are numbers. Where its sizes are not
            stated, an input is taken in which a whole field lies.
        position: the output position, one index per axis; when not given, that nearest to the middle
            whose field lies inside the input, or the middle.
        layer: the layer asked about; the first output of the graph when not given.
        input: the input asked about; the first that the layer sees when not given.
        start: layer whose output counts as the input.
        samples: random inputs and weights over which gradients are averaged; none when 0.
        seed: of the first sample.
        set: for a spec; see :func:`convcalc.load`. Another shape than its own takes a graph loaded so.

    Returns:
        A :class:`Coverage`.

    Raises:
        Unreachable: there is no such layer, input or position, or the layer sees no pixel.
        ExecutionError: the graph cannot be executed.
        MemoryLimitError: gradients would need more memory than there is.
    """
    if samples < 0:
        raise Unreachable(f"samples {samples}", expected="0 or more")
    graph = _sized(as_graph(graph, set=set), layer, input)
    if start is not None:
        graph, layer, input = _cut(graph, start, layer), None, start
    fields = receptive_field(graph)
    row = _row(fields, layer, input)
    edge = graph.outputs[0] if layer is None else find_edge(graph, layer)
    for node in graph.nodes[: edge.node + 1]:
        check_numbers(node.name, node.outputs[0])
    _check_marks(graph, edge)
    sizes = graph.shape(edge)[1:]
    place = _nearest_whole(row, sizes) if position is None else tuple(position)
    check_position(place, sizes)
    field = next(found for found in fields.at(place, layer) if found.input == row.input)
    tensor = row.name if layer is None and edge.output == 0 else layer
    reached = taint(graph, [place], output=tensor, input=row.input)[0]
    counted: Array | None = None
    reason = ""
    try:
        counted = paths(graph, place, output=tensor, input=row.input)
    except ExecutionError as error:
        reason = str(error)
    box = tuple(map(_span, field.axes))
    effective = _effective(graph, field, edge, tensor, samples, seed) if samples else None
    return Coverage(field, box, reached, counted, reason, effective)


def _span(axis: Extent) -> tuple[int, int]:
    """First and last index of the field inside the input, and of what is read beside it.

    Padding that goes round or reflects, and resizing at an end, read pixels that no end cuts off.
    """
    if axis.everything or axis.first is None or axis.last is None:
        return (0, axis.size - 1)
    first, last = max(axis.first, 0), min(axis.last, axis.size - 1)
    if axis.read is None:
        return (min(first, axis.size - 1), max(last, 0))
    return (min(first, axis.read[0]), max(last, axis.read[1]))


def _row(fields: ReceptiveField, layer: str | None, input: str | None) -> LayerField:
    rows = fields.of(layer)
    if not rows:
        raise Unreachable("the layer sees no pixel", expected="a layer that reads an input with spatial axes")
    if input is None:
        return rows[0]
    for row in rows:
        if row.input == input:
            return row
    raise Unreachable(
        f"{rows[0].name} sees no input {input!r}", expected=", ".join(row.input for row in rows)
    )


def _sized(graph: Graph, layer: str | None, input: str | None) -> Graph:
    """The graph, or where its sizes are not stated, the graph at an input that holds a field."""
    if all(is_known(*shape) for shape in own_inputs(graph)):
        return graph
    row = _row(receptive_field(graph), layer, input)
    sizes = []
    for axis in row.axes:
        size, stride = (axis.size, axis.stride) if axis.known and axis.local else (1, 1)
        sizes.append(size + 2 * -(-(stride or 1) // 1))
    shapes: list[Shape] = []
    for shape in own_inputs(graph):
        own = sizes if len(sizes) == len(shape) - 1 else [max(sizes, default=1)] * (len(shape) - 1)
        shapes.append((shape[0], *(n if type(n) is int else m for n, m in zip(shape[1:], own, strict=True))))
    for _ in range(8):
        found = reload(graph, shapes)
        if found is not None and _whole(found, layer, input):
            return found
        shapes = [(shape[0], *(n + max(1, n // 2) for n in shape[1:])) for shape in shapes]
    raise Unreachable("the sizes of the input are not stated, and none was found", expected="--input CxHxW")


def _whole(graph: Graph, layer: str | None, input: str | None) -> bool:
    """Whether some position's field lies inside the input."""
    row = _row(receptive_field(graph), layer, input)
    edge = graph.outputs[0] if layer is None else find_edge(graph, layer)
    shape = graph.shape(edge)
    place = _nearest_whole(row, shape[1:])
    for axis, n in zip(row.axes, row.input_shape[1:], strict=True):
        run = axis.at(place, shape)
        if axis.everything or run is None or run[0] < 0 or run[0] + run[1] > n:
            return axis.everything
    return True


def _cut(graph: Graph, start: str, layer: str | None) -> Graph:
    """The part of a graph after a layer, with that layer as an input."""
    source = find_edge(graph, start)
    edge = graph.outputs[0] if layer is None else find_edge(graph, layer)
    if source.output or edge.node <= source.node:
        raise Unreachable(f"{layer or 'the output'} does not come after {start}", expected="an earlier layer")
    # The new input comes first. Who reads another output of the layer still reads the layer.
    nodes = [input_node(start, graph.shape(source))]
    for number, node in enumerate(graph.nodes):
        edges = tuple(Edge(0) if edge == source else Edge(edge.node + 1, edge.output) for edge in node.inputs)
        name = f"{start} itself" if number == source.node else node.name
        nodes.append(Node(name, node.layer, edges, node.outputs, node.frozen, node.shares))
    inputs = (0, *(number + 1 for number in graph.inputs))
    part = Graph(graph.name, nodes, inputs, ()).part(Edge(edge.node + 1, edge.output))
    needed = tuple(i for i, node in enumerate(part.nodes) if node.is_input)
    return Graph(graph.name, part.nodes, needed, part.outputs)


def _nearest_whole(row: LayerField, sizes: Sequence[int]) -> tuple[int, ...]:
    """The output position nearest to the middle whose field lies inside the input, where there is one."""
    place = [n // 2 for n in sizes]
    for axis, n in zip(row.axes, row.input_shape[1:], strict=True):
        if not isinstance(axis.driver, int) or axis.everything or not axis.known:
            continue
        count, middle = sizes[axis.driver - 1], sizes[axis.driver - 1] // 2
        near = range(max(0, middle - TRIED // 2), min(count, middle + TRIED // 2))
        for j in sorted(near, key=lambda j, middle=middle: abs(j - middle)):  # type: ignore[misc]
            run = axis.run(j)
            if run is not None and run[0] >= 0 and run[0] + run[1] <= n and run[1] == axis.size:
                place[axis.driver - 1] = j
                break
    return tuple(place)


def _effective(
    graph: Graph, field: PositionField, edge: Edge, layer: str | None, samples: int, seed: int
) -> Effective:
    """Gradients averaged over random inputs and weights."""
    _check_memory(graph, edge)
    total: Array | None = None
    chosen = [graph.nodes[i].name for i in bounds(graph)]
    for sample in range(seed, seed + samples):
        rng = np.random.default_rng(sample)
        inputs = {
            graph.nodes[i].name: rng.standard_normal((1, *shape), dtype=np.float32)
            for i, shape in zip(graph.inputs, own_inputs(graph), strict=True)
        }
        if chosen:  # entries are looked up by these
            drawn = random_inputs(graph, seed=sample)
            inputs.update((name, drawn[name]) for name in chosen)
        position = field.position or None
        found = gradient(graph, inputs, position=position, output=layer, seed=sample)[field.input]
        part = np.abs(found.astype(np.float64)).sum(axis=(0, 1))
        whole = part.sum()
        part = part / whole if np.isfinite(whole) and whole > 0 else np.zeros_like(part)
        total = part if total is None else total + part
    assert total is not None
    mass = total / max(float(total.sum()), 1e-300)
    grids = np.meshgrid(*(np.arange(n) for n in mass.shape), indexing="ij")
    mean = [float((grid * mass).sum()) for grid in grids]
    spread = tuple(
        float(np.sqrt(((grid - m) ** 2 * mass).sum())) for grid, m in zip(grids, mean, strict=True)
    )
    center = tuple(mean)
    return Effective(mass, center, _radii(mass, center), samples, spread)


def _radii(mass: Array, center: Sequence[float]) -> tuple[float, ...]:
    far = distances(mass.shape, center).reshape(-1)
    order = np.argsort(far, kind="stable")
    summed = np.cumsum(mass.reshape(-1)[order])
    last = len(summed) - 1
    places = (min(int(np.searchsorted(summed, share * summed[-1] - 1e-12)), last) for share in SHARES)
    return tuple(float(far[order[place]]) for place in places)


def _check_marks(graph: Graph, edge: Edge) -> None:
    """Marks and numbers of paths over the largest map, and copies of them.

    Raises:
        MemoryLimitError: they take more than there is.
    """
    node = max(graph.nodes[: edge.node + 1], key=lambda node: prod(node.outputs[0][1:]))
    needed, allowed = 32 * prod(node.outputs[0][1:]), memory_limit()
    if needed > allowed:
        raise MemoryLimitError(node.name, needed, allowed)


def _check_memory(graph: Graph, edge: Edge) -> None:
    """All activations stay, and as much again is needed for their gradients.

    Raises:
        MemoryLimitError: that is more than there is.
    """
    part = graph.part(edge)
    sizes = [int(np.prod(shape)) * 4 for node in part.nodes for shape in node.outputs]
    needed, allowed = sum(sizes) + 4 * max(sizes), memory_limit()
    if needed > allowed:
        raise MemoryLimitError(graph.nodes[edge.node].name, needed, allowed)


def inscribed(field: PositionField) -> float:
    """Radius of the largest circle in a field; half the diagonal of the input where it is everything."""
    if any(axis.everything for axis in field.axes):
        return hypot(*(axis.size for axis in field.axes)) / 2
    return min(axis.length for axis in field.axes) / 2

"""Reading a receptive field off traced regions: its size, stride and padding."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np

from convcalc.budget import OverBudgetError
from convcalc.calculators.receptive_field.axis import AxisField
from convcalc.calculators.receptive_field.graph import ReceptiveField, receptive_field
from convcalc.calculators.receptive_field.rows import LayerField
from convcalc.executor import taint
from convcalc.executor.arithmetic.arith import Array
from convcalc.graph import Graph
from convcalc.layers.values import joined
from convcalc.solve.sizes import own_inputs, reload

LONGEST: Final = 12
"""Phases of a field up to which a whole period is traced."""

ELEMENTS: Final = 50_000_000
"""Elements of all tensors, up to which a larger input is tried to find fields that no end of it cuts."""


class Target(NamedTuple):
    """A tensor to trace: name of its layer, its own name, and its shape."""

    layer: str
    tensor: str
    shape: tuple[int, ...]


def extent(mark: Array, axis: int) -> tuple[tuple[int, int] | None, int]:
    """First and last index read along an axis, and how many."""
    other = tuple(i for i in range(mark.ndim) if i != axis)
    seen = np.flatnonzero(mark.any(axis=other))
    return ((int(seen[0]), int(seen[-1])) if len(seen) else None), len(seen)


def elements(graph: Graph) -> int:
    """Elements of all tensors of a graph."""
    return sum(prod(shape) for node in graph.nodes for shape in node.outputs)


class Larger:
    """The graph at inputs large enough for a field to lie inside, and its fields."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.elements = elements(graph)
        self.made: dict[tuple[Any, ...], tuple[Graph, ReceptiveField] | None] = {}

    def at_least(self, extent: int) -> tuple[Graph, ReceptiveField] | None:
        """The graph at inputs of some twice that extent; None where it does not go on them."""
        pools = any(node.layer.index_inputs for node in self.graph.nodes)
        for further in range(3 if pools else 1):
            key = self._shapes(extent, further)
            if key is None:
                return None
            if key not in self.made:
                graph = reload(self.graph, key)
                fits = graph is not None and _parts(graph) == _parts(self.graph) and _places_exist(graph)
                try:
                    self.made[key] = (graph, receptive_field(graph)) if fits and graph is not None else None
                except OverBudgetError:  # too large to be worked out: the own size is what there is
                    self.made[key] = None
            if self.made[key] is not None:
                return self.made[key]
        return None

    def _shapes(self, extent: int, further: int) -> tuple[tuple[int, ...], ...] | None:
        """Inputs of twice an extent and so many steps more; None where they are too large to trace.

        A step is a power of two: what strides of two divided, they still do.
        """
        shapes = []
        for shape in own_inputs(self.graph):
            sizes: list[int] = []
            for size in shape[1:]:
                step = 1 << max(0, min(6, size.bit_length() - 1))
                more = max(0, 2 * extent + 8 - size)
                sizes.append(size + (-(-more // step) + further) * step)
            if prod(sizes) / max(1, prod(shape[1:])) * self.elements > ELEMENTS:
                return None
            shapes.append((shape[0], *sizes))
        return tuple(shapes)


def _parts(graph: Graph) -> list[int]:
    """How many tensors every node writes, which may depend on the input."""
    return [len(node.outputs) for node in graph.nodes]


def _places_exist(graph: Graph) -> bool:
    """Whether the indices of every pool are places of the map that values are put back into by them.

    They are not where windows of the pool left some of its map out and nothing states the size.
    """
    for node in graph.nodes:
        for number in node.layer.index_inputs:
            edge = node.inputs[number]
            pool = graph.nodes[edge.node]
            if edge.output in pool.layer.index_outputs and graph.input_shapes(pool)[0] != node.outputs[0]:
                return False
    return True


def describe(row: LayerField) -> str:
    """Size, stride and padding per axis: ``7x7 s2 p3``."""
    return text([stated(axis) for axis in row.axes])


class FieldAxis(NamedTuple):
    """A field along one axis; ``size`` is None where it is everything."""

    sizes: tuple[int, ...] | None
    stride: Any
    padding: Any


def stated(axis: AxisField) -> FieldAxis:
    """What the formula says of one axis."""
    if axis.everything or not axis.local:
        return FieldAxis(None, None, None)
    sizes = tuple(sorted(set(axis.sizes), key=str))
    return FieldAxis(sizes if axis.periodic else sizes[-1:], axis.stride, axis.padding)


def text(axes: Sequence[FieldAxis]) -> str:
    """One number where all axes have the same."""
    sizes = ["all" if axis.sizes is None else "/".join(map(str, axis.sizes)) for axis in axes]
    if all(size == "all" for size in sizes):
        return "all"
    moves = [axis for axis in axes if axis.sizes is not None]
    return f"{'x'.join(sizes)} s{joined([a.stride for a in moves])} p{joined([a.padding for a in moves])}"


def traced_field(
    graph: Graph, target: Target, row: LayerField, lines: bool = False
) -> tuple[list[FieldAxis] | None, bool]:
    """The field as tracing shows it, and whether every run traced lies in the one that is stated.

    Args:
        graph: a graph whose sizes are numbers.
        target: the tensor whose positions are traced.
        row: its field, by formula.
        lines: whether to trace whole lines of positions, one index along one axis and all along the
            others, even where single positions seem enough.

    Returns:
        one entry per axis; None where every position is cut by an end of the input.
    """
    firsts: dict[int, int] = {}
    for number, (axis, n) in enumerate(zip(row.axes, row.input_shape[1:], strict=True)):
        if axis.everything or not axis.local:
            continue
        if axis.driver != number + 1 or not axis.periodic or not axis.known or axis.period > LONGEST:
            return None, True
        first = _interior(axis, n, target.shape[number + 1])
        if first is None:
            return None, True
        firsts[number] = first
    if not firsts:
        return None, True
    found, inside = [], True
    runs = _runs(graph, target, row, firsts, lines)
    for number, axis in enumerate(row.axes):
        if number not in firsts:
            found.append(FieldAxis(None, None, None))
            continue
        ends, first = runs[number], firsts[number]
        if not any(ends):  # along another axis nothing is seen, and so nothing at all
            return None, True
        for line, seen in enumerate(ends, first):
            run = axis.run(line)
            if seen is not None:
                inside = inside and run is not None and run[0] <= seen[0] and seen[1] < run[0] + run[1]
        found.append(_read_off(ends, first, axis.period))
    return found, inside


def _runs(
    graph: Graph, target: Target, row: LayerField, firsts: dict[int, int], lines: bool
) -> dict[int, list[tuple[int, int] | None]]:
    """First and last index that two periods of outputs read along each axis."""
    counts = {number: 2 * row.axes[number].period for number in firsts}
    if lines or any(size == 0 for number in firsts for size in row.axes[number].sizes):
        # A position that sees nothing along one axis sees nothing at all: ask for whole lines.
        return {
            number: [
                extent(mark, 0)[0]
                for mark in taint(
                    graph,
                    list(range(first, first + counts[number])),
                    axis=number,
                    output=target.tensor,
                    input=row.input,
                )
            ]
            for number, first in firsts.items()
        }
    positions = []
    for t in range(max(counts.values())):
        place = [n // 2 for n in target.shape[1:]]
        for number, first in firsts.items():
            place[number] = first + min(t, counts[number] - 1)
        positions.append(tuple(place))
    traced = taint(graph, positions, output=target.tensor, input=row.input)
    return {number: [extent(mark, number)[0] for mark in traced[: counts[number]]] for number in firsts}


def _interior(axis: AxisField, n: int, outputs: int) -> int | None:
    """A first output, at a whole number of periods, whose next two periods lie inside the input."""
    period = axis.period
    middle = max(0, (outputs // 2 // period - 1) * period)
    for first in dict.fromkeys((middle, middle - period, middle + period)):
        if first < 0 or first + 2 * period > outputs:
            continue
        runs = [axis.run(first + t) for t in range(2 * period)]
        if all(run is None or (run[0] >= 0 and run[0] + run[1] <= n) for run in runs):
            return first
    return None


def _read_off(ends: Sequence[tuple[int, int] | None], first: int, period: int) -> FieldAxis:
    """Size, stride and padding of the runs of two periods of outputs."""
    counts = [0 if run is None else run[1] - run[0] + 1 for run in ends]
    sizes = tuple(sorted(set(counts), key=str))
    pairs = [(a, b) for a, b in zip(ends, ends[period:], strict=False) if a is not None and b is not None]
    if not pairs or counts[:period] != counts[period:]:
        return FieldAxis(sizes, None, None)
    one, two = pairs[0]
    advance = two[0] - one[0]
    stride = Fraction(advance, period)
    padding = None if ends[0] is None else first // period * advance - ends[0][0]
    return FieldAxis(sizes, stride.numerator if stride.denominator == 1 else stride, padding)

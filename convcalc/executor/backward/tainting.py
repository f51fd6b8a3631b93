"""Which input pixels reach which output, by running the graph.

:func:`taint` runs the kernels backwards on marks: exact for every graph, whatever the values.
:func:`poison` is the blunt witness of that witness: it sets input entries to NaN and looks where
NaN comes out. :func:`paths` counts the ways from each pixel to an output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TypeAlias

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.arithmetic.dry import DRY
from convcalc.executor.arithmetic.poison import POISONED
from convcalc.executor.call import at
from convcalc.executor.counting import random_inputs
from convcalc.executor.kernels import operation
from convcalc.executor.marks import Reach, Shape, combine
from convcalc.executor.run import Runner, find_edge, input_shape
from convcalc.executor.weights import init_weights, stored_indices, weight_shapes
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph

Positions: TypeAlias = Sequence[Sequence[int]] | Sequence[int]

MARK_BYTES = 64 << 20
"""Marks are carried for so many positions at once that the largest tensor of them stays below this."""


def taint(
    graph: Graph,
    positions: Positions | None = None,
    *,
    axis: int | None = None,
    output: str | None = None,
    input: str | None = None,
    sizes: Sequence[int] | None = None,
    channels: Sequence[int] | None = None,
    reads: bool = False,
) -> Array:
    """Which input pixels reach given output positions: exact boolean influence.

    A pixel reaches a position if any of its channels is used, through any branch, for any of the
    position's channels, whatever the values of weights and activations: through a rectifier, a
    maximum or a zero weight as well. Max-unpooling may write a value anywhere into its window, so
    all of the window counts.

    Args:
        graph: the graph.
        positions: output positions, tuples of spatial indices; all of them when not given. With
            ``axis``, indices along that axis.
        axis: trace lines instead of positions: a line is everything at one index of that spatial
            axis, in the output as in the input.
        output: the layer (or ``layer.output``) whose output is traced; the first output of the
            graph when not given.
        input: the input that is traced to; the first when not given.
        sizes: spatial sizes of the inputs, where they should differ from those of the graph.
        channels: output channels that are traced; all when not given.
        reads: count samples that interpolation reads with a weight of zero.

    Returns:
        Booleans (positions, *input spatial sizes); with ``axis`` (positions, size of the axis).

    Raises:
        ExecutionError: there is no such layer or position, or a layer cannot be executed.
    """
    question = _Question(graph, output, input, sizes, reads)
    chosen = question.positions(positions, axis)
    step = max(1, MARK_BYTES // question.widest)
    found = []
    for start in range(0, max(len(chosen), 1), step):
        seed = question.seed(chosen[start : start + step], axis, channels, np.dtype(bool))
        other = () if axis is None else (i + 2 for i in range(len(question.input_sizes)) if i != axis)
        found.append(np.any(question.carry_back(seed), axis=(1, *other)))
    return np.concatenate(found)


def paths(
    graph: Graph,
    position: Sequence[int],
    *,
    output: str | None = None,
    input: str | None = None,
    sizes: Sequence[int] | None = None,
    channels: Sequence[int] | None = None,
) -> Array:
    """How many paths lead from each input pixel to an output position.

    A path takes one tap of every window and one channel of every layer on its way: the value of
    the position if all weights and the pixel were one and everything else zero. Elementwise layers
    pass, pooling is a window of ones.

    Returns:
        Integers (*input spatial sizes), summed over input channels; of dtype object where they
        exceed 64 bits.

    Raises:
        ExecutionError: as :func:`taint`, and for layers through which no paths are counted
            (products of branches, softmax, normalisation by statistics of the activations).
    """
    question = _Question(graph, output, input, sizes, reads=False)
    chosen = question.positions([position], None)
    mark = question.carry_back(question.seed(chosen, None, channels, np.dtype(np.int64)))
    many = question.inputs[question.input][0] if mark.shape[1] == 1 else 1
    counts = mark.sum(axis=1)[0] * many
    return np.asarray(counts)


def shapes(graph: Graph, sizes: Sequence[int] | None = None) -> list[tuple[Shape, ...]]:
    """Shape of every output of every node, without the batch, by running the kernels dry.

    Args:
        graph: the graph.
        sizes: spatial sizes of the inputs, where they should differ from those of the graph.

    Raises:
        ExecutionError: a layer does not fit the arrays that arrive.
    """
    chosen = stored_indices(graph)
    weights = {
        name: np.broadcast_to(np.int64(0) if name in chosen else np.float32(1.0), shape)
        for name, shape in weight_shapes(graph).items()
    }
    inputs = []
    for index in graph.inputs:
        shape = input_shape(graph.nodes[index], sizes)
        inputs.append(np.zeros((1, *shape), np.float32))
    found = []
    indices = [Edge(i, 1) for i, node in enumerate(graph.nodes) if operation(node.layer).writes_indices]
    for step in Runner(graph, weights, DRY, keep=indices, reuse=False).steps(inputs):
        found.append(tuple(() if array is None else array.shape[1:] for array in step.outputs))
    return found


class _Question:
    """One output and one input of a graph, with the shapes of every tensor between."""

    def __init__(
        self, graph: Graph, output: str | None, input: str | None, sizes: Sequence[int] | None, reads: bool
    ) -> None:
        edge = find_edge(graph, output)
        source = graph.inputs[0] if input is None else find_edge(graph, input).node
        if source not in graph.inputs:
            raise ExecutionError(f"{input!r} is not an input of the graph")
        self.input = graph.inputs.index(source)
        self.graph = graph.part(edge)
        self.shapes = shapes(self.graph, sizes)
        self.inputs = [input_shape(self.graph.nodes[i], sizes) for i in self.graph.inputs]
        self.input_sizes = self.inputs[self.input][1:]
        self.edge = self.graph.outputs[0]
        self.channels, *self.out_sizes = self.shapes[self.edge.node][self.edge.output]
        self.reads = reads
        self.widest = max(prod(shape) for outputs in self.shapes for shape in outputs)

    def positions(self, wanted: Positions | None, axis: int | None) -> list[tuple[int, ...]]:
        """Positions to trace, checked; with ``axis`` one-element tuples."""
        sizes = self.out_sizes if axis is None else [self._along(axis)]
        if wanted is None:
            return [tuple(int(i) for i in spot) for spot in np.ndindex(*sizes)]
        chosen = []
        for one in wanted:
            position = (int(one),) if isinstance(one, int | np.integer) else tuple(int(i) for i in one)
            fits = len(position) == len(sizes)
            if not fits or not all(0 <= i < n for i, n in zip(position, sizes, strict=True)):
                raise ExecutionError(f"there is no position {position} in an output of {tuple(sizes)}")
            chosen.append(position)
        return chosen

    def _along(self, axis: int) -> int:
        """How many lines of the output there are along an axis."""
        if not 0 <= axis < len(self.input_sizes):
            raise ExecutionError(f"the input has no spatial axis {axis}")
        return self.out_sizes[axis] if axis < len(self.out_sizes) else 1

    def seed(
        self,
        positions: list[tuple[int, ...]],
        axis: int | None,
        channels: Sequence[int] | None,
        dtype: np.dtype[np.generic],
    ) -> Array:
        """Marks on the output, one per position."""
        seed = np.zeros((len(positions), 1 if channels is None else self.channels, *self.out_sizes), dtype)
        for i, position in enumerate(positions):
            place: list[int | slice] = list(position)
            if axis is not None:
                place = [slice(None)] * len(self.out_sizes)
                place[axis : axis + 1] = position[: len(place) - axis]
            for channel in (0,) if channels is None else channels:
                seed[at(i, channel, *place)] = 1
        return seed

    def carry_back(self, seed: Array) -> Array:
        """Carry marks from the output back to the input."""
        marks: dict[Edge, list[Array]] = {self.edge: [seed]}
        for index in range(len(self.graph.nodes) - 1, -1, -1):
            node = self.graph.nodes[index]
            if not node.inputs:
                continue
            here = [marks.pop(Edge(index, i), None) for i in range(len(self.shapes[index]))]
            if all(mark is None for mark in here):
                continue
            arriving = [_safe(combine(mark)) if mark else None for mark in here]
            inputs = [self.shapes[e.node][e.output] for e in node.inputs]
            try:
                reach = Reach(node.layer, arriving, inputs, self.shapes[index], self.reads)
                passed = operation(node.layer).backward(reach)
            except ExecutionError as error:
                raise ExecutionError(f"{node.name}: {error}") from error
            for edge, mark in zip(node.inputs, passed, strict=True):
                marks.setdefault(edge, []).append(mark)
        shape = self.inputs[self.input]
        found = marks.get(Edge(self.graph.inputs[self.input]))
        if found is None:
            return np.zeros((len(seed), 1, *shape[1:]), seed.dtype)
        return combine(found)


def _safe(mark: Array) -> Array:
    """Path counts as Python integers before they could overflow 64 bits within one layer."""
    if mark.dtype == np.int64 and mark.size and int(mark.max()) > 1 << 31:
        return mark.astype(object)
    return mark


def poison(
    graph: Graph,
    *,
    axis: int | None = None,
    output: str | None = None,
    input: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Array:
    """Where NaN comes out when it goes in: one forward run per input pixel, or per input line.

    Slow and blunt: for small graphs, and to check :func:`taint`. A weight of zero still passes
    NaN, so compare with ``taint(..., reads=True)``; indices of max-pooling pass none.

    Returns:
        Booleans (output positions in order, *input spatial sizes); with ``axis`` (size of the
        output axis, size of the input axis).
    """
    question = _Question(graph, output, input, None, reads=True)
    part = question.graph
    weights = init_weights(part, seed, "float64")
    plain = [array.astype(np.float64) for array in random_inputs(part, seed=seed).values()]
    sizes = question.input_sizes
    spots = list(np.ndindex(*sizes)) if axis is None else [(i,) for i in range(sizes[axis])]
    columns = []
    for done, spot in enumerate(spots):
        arrays = [array.copy() for array in plain]
        if axis is None:
            arrays[question.input][at(0, slice(None), *spot)] = np.nan
        else:
            np.moveaxis(arrays[question.input], axis + 2, 0)[spot[0]] = np.nan
        runner = Runner(part, weights, POISONED)
        with np.errstate(invalid="ignore"):
            for _ in runner.steps(arrays):
                pass
        seen = np.isnan(runner.tensors[question.edge][0]).any(axis=0)
        if axis is not None and seen.ndim > axis:
            seen = seen.any(axis=tuple(i for i in range(seen.ndim) if i != axis))
        columns.append(seen.reshape(-1))
        if progress is not None:
            progress(done + 1, len(spots))
    table = np.stack(columns, axis=1)
    return table if axis is not None else table.reshape(len(table), *sizes)

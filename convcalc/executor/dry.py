"""Running the kernels without computing: shapes as they come out of the arrays.

Kernels allocate and move as always, only their arithmetic does nothing. Fresh arrays that nobody
writes to take address space, not memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array, Axes
from convcalc.executor.run import Runner
from convcalc.executor.weights import weight_shapes
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph, Node

Shape = tuple[int, ...]


def _blank(a: Any, b: Any, out: Array | None) -> Array:
    if out is not None:
        return out
    like = a if isinstance(a, np.ndarray) else b
    return np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)), like.dtype)


class DryArith(Arith):
    """Arithmetic whose results have the right shape and no meaning."""

    shared = False

    def add(self, a: Any, b: Any, out: Array | None = None) -> Array:
        """Nothing of the sum."""
        return _blank(a, b, out)

    subtract = multiply = divide = maximum = minimum = add

    def greater(self, a: Any, b: Any) -> Array:
        """False everywhere."""
        return np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)), bool)

    def absolute(self, a: Array, out: Array | None = None) -> Array:
        """Nothing of the absolute value."""
        return _blank(a, a, out)

    exp = tanh = sqrt = absolute

    def erf(self, a: Array) -> Array:
        """Nothing of the error function."""
        return _blank(a, a, None)

    def power(self, a: Array, exponent: float, out: Array | None = None) -> Array:
        """Nothing of the power."""
        return _blank(a, a, out)

    def sum(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        """Nothing of the sum."""
        axes = (axis,) if isinstance(axis, int) else axis
        kept = [1 if i in axes else n for i, n in enumerate(a.shape) if keepdims or i not in axes]
        return np.zeros(kept, a.dtype)

    max = sum

    def matmul(self, a: Array, b: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Nothing of the matrix product."""
        if a.shape[-1] != b.shape[-2]:
            raise ExecutionError(f"a matrix of {a.shape[-1]} columns meets one of {b.shape[-2]} rows")
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return out if out is not None else np.zeros((*batch, a.shape[-2], b.shape[-1]), b.dtype)

    def products(self, weight: Array, x: Array, out: Array | None = None, real: Array | None = None) -> Array:
        """Nothing of the products."""
        return _blank(weight, x, out)

    def accumulate(self, total: Array, part: Array) -> None:
        """Nothing."""


def shapes(graph: Graph, sizes: Sequence[int] | None = None) -> list[tuple[Shape, ...]]:
    """Shape of every output of every node, without the batch, by running the kernels dry.

    Args:
        graph: the graph.
        sizes: spatial sizes of the inputs, where they should differ from those of the graph.

    Raises:
        ExecutionError: a layer does not fit the arrays that arrive.
    """
    weights = {name: np.broadcast_to(np.float32(1.0), shape) for name, shape in weight_shapes(graph).items()}
    inputs = []
    for index in graph.inputs:
        shape = input_shape(graph.nodes[index], sizes)
        inputs.append(np.zeros((1, *shape), np.float32))
    found = []
    every = (Edge(i, 1) for i, node in enumerate(graph.nodes) if node.layer.op == "maxpool")
    for step in Runner(graph, weights, DryArith(), keep=every, reuse=False).steps(inputs):
        found.append(tuple(() if array is None else array.shape[1:] for array in step.outputs))
    return found


def input_shape(node: Node, sizes: Sequence[int] | None = None) -> Shape:
    """Shape of an input, with other spatial sizes if given.

    Raises:
        ExecutionError: a dimension is not a number.
    """
    shape = tuple(node.layer.shape)  # type: ignore[attr-defined]
    if sizes is not None:
        if len(sizes) != len(shape) - 1:
            raise ExecutionError(f"input {node.name!r} has {len(shape) - 1} spatial axes, not {len(sizes)}")
        shape = (shape[0], *sizes)
    if not all(isinstance(n, int) for n in shape):
        raise ExecutionError(f"input {node.name!r} has the shape {shape}, which is not numeric")
    return shape


def ancestors(graph: Graph, edge: Edge) -> Graph:
    """The part of a graph that one tensor depends on, with that tensor as its only output.

    The inputs of the graph all stay.
    """
    needed = {*graph.inputs, edge.node}
    for index in range(edge.node, -1, -1):
        if index in needed:
            needed.update(e.node for e in graph.nodes[index].inputs)
    number = {old: new for new, old in enumerate(sorted(needed))}
    nodes = []
    for old in sorted(needed):
        node = graph.nodes[old]
        inputs = tuple(Edge(number[e.node], e.output) for e in node.inputs)
        nodes.append(Node(node.name, node.layer, inputs, node.outputs))
    outputs = (Edge(number[edge.node], edge.output),)
    return Graph(graph.name, nodes, tuple(number[i] for i in graph.inputs), outputs)

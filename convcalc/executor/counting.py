"""Counting by execution: run a graph and count what was executed.

No formula of a layer is used: multiplications, additions, comparisons, divisions and special
functions are counted from what the kernels computed, parameters from the arrays they read,
memory from the arrays that were alive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.arithmetic.tally import CountingArith, ScalarArith
from convcalc.executor.indices import LARGEST, bounds
from convcalc.executor.run import (
    Outputs,
    Runner,
    Step,
    check_memory,
    input_arrays,
    input_shape,
    prepare_weights,
)
from convcalc.executor.weights import BUFFERS, COMPUTED
from convcalc.graph import Graph, Node


@dataclass(frozen=True)
class NodeCount:
    """What executing one layer took, for the whole batch (``params`` and ``buffers`` excepted).

    Attributes:
        name: of the node.
        op: registered name of its layer.
        outputs: shapes of the arrays it wrote, without the batch; ``()`` for one that is not
            written because nobody reads it.
        params: elements of the learned arrays that it was the first to read.
        trainable: those of a layer that is trained.
        frozen: those of a layer that is not.
        buffers: elements of the arrays that it was the first to read, stored and not learned.
        indices: elements of the stored indices that it was the first to read.
        macs: products of a weight with an activation, accumulated.
        valid_macs: those whose activation was not padding and whose sum was not cropped.
        add: additions outside the multiply-accumulates (subtractions too).
        mul: multiplications.
        cmp: comparisons.
        div: divisions.
        special: exponentials, roots, powers, tanh, erf.
        activations: elements of its first output, if it multiplied weights with activations.
        live: bytes of all tensors alive while it ran.
        unread: arrays given for the node that its kernel did not read.
        shared: arrays it read that a node before it had read: the very same, not equal ones; each
            with the name of the first node that did.
    """

    name: str
    op: str
    outputs: tuple[tuple[int, ...], ...]
    params: int = 0
    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    indices: int = 0
    macs: int = 0
    valid_macs: int = 0
    add: int = 0
    mul: int = 0
    cmp: int = 0
    div: int = 0
    special: int = 0
    activations: int = 0
    live: int = 0
    unread: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()

    @property
    def ops(self) -> dict[str, int]:
        """Operations outside the multiply-accumulates, by kind."""
        return {kind: getattr(self, kind) for kind in ("add", "mul", "cmp", "div", "special")}

    @property
    def flops(self) -> int:
        """Two for each multiply-accumulate, one for each other operation."""
        return 2 * self.macs + sum(self.ops.values())


@dataclass(frozen=True)
class Counts:
    """What executing a graph took.

    Attributes:
        nodes: one entry per node, in order.
        peak_memory: most bytes of tensors alive at once.
        unread: names of all arrays that no kernel read.
        complete: whether all of the graph was run; else it was interrupted behind the last node.
    """

    nodes: tuple[NodeCount, ...]
    peak_memory: int
    unread: tuple[str, ...]
    complete: bool = True

    def __getitem__(self, name: str) -> NodeCount:
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def total(self, what: str) -> int:
        """Sum of one quantity (a field of :class:`NodeCount`, or ``flops``) over all nodes."""
        return sum(getattr(node, what) for node in self.nodes)

    @property
    def totals(self) -> dict[str, int]:
        """Sums of every quantity that adds up."""
        kinds = [f.name for f in fields(NodeCount) if f.type == "int" and f.name != "live"]
        return {kind: self.total(kind) for kind in (*kinds, "flops")}


def count(
    graph: Graph,
    inputs: Array | Mapping[str, Array] | None = None,
    weights: Any = None,
    *,
    scalar: bool = False,
    batch: int = 1,
    dtype: str = "float32",
    seed: int = 0,
    progress: Callable[[Node, Outputs], None] | None = None,
    max_memory: int | None = None,
) -> Counts:
    """Run a graph once and count what was executed.

    Args:
        graph: the graph; its dimensions are numbers.
        inputs: arrays as for :func:`~convcalc.executor.execute`; random when not given.
        weights: arrays by name or an ``.npz`` file; random when not given.
        scalar: count every scalar operation as it happens, by the naive kernels on arrays of
            counting scalars (slow: for small layers) instead of from the operands of the fast ones.
        batch: samples of the random input.
        dtype: of the random input; memory is counted in it.
        seed: of random inputs and weights.
        progress: called after each layer with its node and its outputs.
            A KeyboardInterrupt ends the run with what was counted, once there is a layer.
        max_memory: bytes the run may need.

    Returns:
        Counts by node. Memory is measured with no array overwritten in place.

    Raises:
        ExecutionError: inputs or weights do not fit, or a layer cannot be executed.
        MemoryLimitError: the run would need more than ``max_memory``.
    """
    if max_memory is not None:
        check_memory(graph, batch, dtype, max_memory)
    arrays = input_arrays(graph, random_inputs(graph, batch, dtype, seed) if inputs is None else inputs)
    prepared = prepare_weights(graph, weights, seed, str(arrays[0].dtype))
    t = ScalarArith() if scalar else CountingArith()
    item = arrays[0].itemsize
    if isinstance(t, ScalarArith):
        arrays = [t.wrap(array) for array in arrays]
    form = "naive" if scalar else "fast"
    runner = Runner(graph, prepared, t, form=form, reuse=False, object_bytes=item)
    nodes = []
    readers: dict[int, tuple[str, Array]] = {}
    complete = True
    try:
        for step in runner.steps(arrays):
            given = runner.by_node.get(step.node.name, {})
            unread = tuple(name for name in given if name not in step.params.read)
            nodes.append(_node_count(step, t, unread, readers))
            t.tally.clear()
            if progress is not None:
                progress(step.node, step.outputs)
    except KeyboardInterrupt:
        if len(nodes) <= len(graph.inputs):
            raise
        complete = False
    never = tuple(f"{node.name}.{name}" for node in nodes for name in node.unread)
    return Counts(tuple(nodes), max(node.live for node in nodes), never, complete)


def _node_count(
    step: Step, t: CountingArith | ScalarArith, unread: tuple[str, ...], readers: dict[int, tuple[str, Array]]
) -> NodeCount:
    """What one step took; ``readers`` holds every array by its identity, with who read it first."""
    tally = t.tally
    shared, read = {}, {}
    for name, array in step.params.read.items():
        reader, _ = readers.setdefault(id(array), (step.node.name, array))
        if reader == step.node.name:
            read[name] = array
        else:
            shared[name] = reader
    written = [array for array in step.outputs if array is not None]
    kept = {name: array for name, array in read.items() if name not in COMPUTED}
    stored = {name: array.size for name, array in kept.items() if array.dtype.kind not in "iu"}
    learned = sum(size for name, size in stored.items() if name not in BUFFERS)
    return NodeCount(
        step.node.name,
        step.node.layer.op,
        tuple(() if array is None else array.shape[1:] for array in step.outputs),
        learned,
        0 if step.node.frozen else learned,
        learned if step.node.frozen else 0,
        sum(size for name, size in stored.items() if name in BUFFERS),
        sum(array.size for name, array in kept.items() if name not in stored),
        tally.macs,
        tally.valid,
        tally.add,
        tally.mul,
        tally.cmp,
        tally.div,
        tally.special,
        written[0].size if tally.macs else 0,
        step.live,
        unread,
        tuple(sorted(shared.items())),
    )


def random_inputs(graph: Graph, batch: int = 1, dtype: str = "float32", seed: int = 0) -> dict[str, Array]:
    """Random arrays for the inputs: normal, or whole numbers where entries are looked up by them.

    Raises:
        ExecutionError: an input has dimensions that are not numbers.
    """
    result = {}
    whole = bounds(graph)
    for i, index in enumerate(graph.inputs):
        node = graph.nodes[index]
        rng = np.random.default_rng((seed, i))
        shape = (batch, *input_shape(node))
        drawn: Array
        if index in whole:
            drawn = rng.integers(0, min(whole[index].entries.size, LARGEST), shape)
        else:
            drawn = rng.standard_normal(shape, dtype=np.float32)
        result[node.name] = drawn.astype(dtype, copy=False)
    return result

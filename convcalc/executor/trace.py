"""A run that is looked at: the shape and the statistics of every tensor as it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.counting import random_inputs
from convcalc.executor.memory import MemoryEstimate, memory_limit
from convcalc.executor.run import (
    Runner,
    check_memory,
    in_dtype,
    input_arrays,
    inputs_by_name,
    output_names,
    prepare_weights,
)
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.shown import Told

DTYPES = ("float32", "float64")
BLOCK = 1 << 16
"""Entries that statistics look at together, so that they need no second copy of a tensor."""


@dataclass(frozen=True)
class Statistics:
    """What the entries of a tensor are like. All but ``nonfinite`` are over the finite ones.

    Attributes:
        mean: their mean; None if there are none.
        std: their standard deviation (of the entries themselves, not an estimate from a sample).
        min: the smallest.
        max: the largest.
        zeros: how many are zero.
        nonfinite: how many entries are infinite or no number.
    """

    mean: float | None
    std: float | None
    min: float | None
    max: float | None
    zeros: int
    nonfinite: int


@dataclass(frozen=True)
class TensorRun:
    """One tensor that a run wrote.

    Attributes:
        name: of the layer; ``layer.output`` for a second output.
        op: registered name of the layer.
        shape: channels, then sizes; no batch.
        statistics: over the whole batch.
    """

    name: str
    op: str
    shape: tuple[int, ...]
    statistics: Statistics

    @property
    def block(self) -> str:
        """Dotted path of the block that the layer stands in."""
        return self.name.rpartition(".")[0]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it."""
        return {
            "name": self.name,
            "op": self.op,
            "block": self.block,
            "output_shape": list(self.shape),
            **asdict(self.statistics),
        }


@dataclass(frozen=True, repr=False)
class Run(Told):
    """A graph that was executed.

    Attributes:
        name: of the graph.
        inputs: what went in, one entry per input.
        batch: samples.
        dtype: ``float32`` or ``float64``.
        layers: every tensor that was written, in order.
        outputs: the arrays (N, C, *spatial) that the graph returns, by name.
        memory: what the run was expected to need at its fullest, and the layer where that is.
        asked: tensors in all, where it was interrupted before the last of them; else None.
    """

    name: str
    inputs: tuple[TensorRun, ...]
    batch: int
    dtype: str
    layers: tuple[TensorRun, ...]
    outputs: dict[str, Array]
    memory: MemoryEstimate
    asked: int | None = None

    @property
    def complete(self) -> bool:
        """Whether it came to its end; else it was interrupted, and has no outputs."""
        return self.asked is None

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON holds it: statistics, not the arrays."""
        return {
            "name": self.name,
            "input": list(self.inputs[0].shape),
            "batch": self.batch,
            "dtype": self.dtype,
            "inputs": [row.to_dict() for row in self.inputs],
            "layers": [row.to_dict() for row in self.layers],
            "outputs": [{"name": name, "shape": list(a.shape)} for name, a in self.outputs.items()],
            "memory_bytes": self.memory.needed,
            "memory_at": self.memory.layer,
            "complete": self.complete,
        }


def statistics(array: Array) -> Statistics:
    """Mean, deviation, extremes and zeros of an array of any shape, in float64 arithmetic."""
    flat = array.reshape(-1)
    low, high, total, zeros, finite = np.inf, -np.inf, 0.0, 0, 0
    blocks = [flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK)]
    for block in blocks:
        part = _finite(block)
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
            total += float(part.sum(dtype=np.float64))
            zeros += part.size - int(np.count_nonzero(part))
            finite += part.size
    if finite == 0:
        return Statistics(None, None, None, None, 0, flat.size)
    mean = total / finite
    squares = 0.0
    for block in blocks:
        away = _finite(block).astype(np.float64) - mean
        squares += float(np.dot(away, away))
    return Statistics(mean, sqrt(squares / finite), low, high, zeros, flat.size - finite)


def _finite(block: Array) -> Array:
    known = np.isfinite(block)
    return block if known.all() else block[known]


def run(
    graph: Spec,
    inputs: Array | Mapping[str, Array] | None = None,
    weights: Any = None,
    *,
    seed: int = 0,
    batch: int = 1,
    dtype: str = "float32",
    max_memory: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Run:
    """Run a graph and note the shape and the statistics of every tensor it writes.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``; its dimensions are numbers.
        inputs: one array (N, C, *spatial) or, by input name, several; drawn from a standard normal
            distribution by ``seed`` when not given. A missing batch axis is taken as a batch of 1.
        weights: arrays by name, or the path of an ``.npz`` file. Where they are not given, those that the
            graph was read with; else created from ``seed``, as by :func:`convcalc.init_weights`.
        seed: a non-negative integer.
        batch: samples of inputs that are drawn.
        dtype: ``float32`` or ``float64``: what everything is computed in.
        max_memory: bytes the run may need; half of what the machine has when not given.
        progress: called after each layer with the layers done, all layers, and the next one's name. A
            KeyboardInterrupt then ends the run with the tensors that were written.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Returns:
        A :class:`Run`.

    Raises:
        ExecutionError: inputs do not fit the graph, or a layer cannot be executed.
        WeightsError: weights do not fit the graph.
        MemoryLimitError: the run would need more than ``max_memory``; nothing was allocated.
    """
    if dtype not in DTYPES:
        raise ExecutionError(f"a run computes in {' or '.join(DTYPES)}, not in {dtype!r}")
    if seed < 0 or batch < 1:
        what = f"seed is {seed}, expected 0 or more" if seed < 0 else f"batch is {batch}, expected 1 or more"
        raise ExecutionError(what)
    graph = as_graph(graph, input=input, set=set)
    if inputs is not None:
        inputs = _batched(graph, inputs)
        first = next(iter(inputs.values()))
        batch = len(first) if np.ndim(first) else 1
    limit = memory_limit() if max_memory is None else max_memory
    memory = check_memory(graph, batch, dtype, limit)
    drawn = random_inputs(graph, batch, dtype, seed) if inputs is None else inputs
    arrays = in_dtype(graph, input_arrays(graph, drawn), dtype)
    prepared = prepare_weights(graph, weights, seed, dtype, limit)
    runner = Runner(graph, prepared)
    rows: list[TensorRun] = []
    entered: list[TensorRun] = []
    nodes = graph.nodes
    try:
        for done, step in enumerate(runner.steps(arrays)):
            node = step.node
            for suffix, array in zip(_suffixes(node), step.outputs, strict=False):
                if array is not None:
                    row = TensorRun(node.name + suffix, node.layer.op, array.shape[1:], statistics(array))
                    (entered if done in graph.inputs else rows).append(row)
            if progress is not None:
                progress(done + 1, len(nodes), nodes[done + 1].name if done + 1 < len(nodes) else "")
    except KeyboardInterrupt:
        if not rows:
            raise
        asked = len(nodes) - len(graph.inputs)
        return Run(graph.name, tuple(entered), len(arrays[0]), dtype, tuple(rows), {}, memory, asked)
    found = {
        name: runner.tensors[edge] for name, edge in zip(output_names(graph), graph.outputs, strict=True)
    }
    return Run(graph.name, tuple(entered), len(arrays[0]), dtype, tuple(rows), found, memory)


def _suffixes(node: Node) -> list[str]:
    """What tells the outputs of a node apart; its first goes by its own name."""
    return ["" if i == 0 else f".{name}" for i, name in enumerate(node.layer.output_names())]


def _batched(graph: Graph, inputs: Array | Mapping[str, Array]) -> dict[str, Array]:
    """Inputs by name, with a batch axis."""
    ranks = {graph.nodes[i].name: len(graph.nodes[i].outputs[0]) for i in graph.inputs}
    return {
        name: array[None] if array.ndim == ranks.get(name) else array
        for name, array in (
            (name, np.asarray(array)) for name, array in inputs_by_name(graph, inputs).items()
        )
    }

"""What a run needs, before it allocates anything."""

from __future__ import annotations

import os
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convcalc.executor.kernels import operation
from convcalc.executor.operation import Sizes
from convcalc.executor.parallel import threads
from convcalc.executor.weights import stored_indices, weight_shapes
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Graph, Node

INDEX_BYTES = 8
"""Bytes of an entry of a stored index."""


class MemoryLimitError(ExecutionError, MemoryError):
    """A run would need more memory than it may have.

    Attributes:
        layer: name of the node that needs most.
        needed: bytes the run needs there: weights, live activations and working space.
        allowed: bytes it may have.
    """

    hint = "a smaller input or batch, or more memory allowed (max_memory)"

    def __init__(self, layer: str, needed: int, allowed: int) -> None:
        super().__init__(f"{layer} needs {needed:,} bytes, {allowed:,} are allowed")
        self.layer = layer
        self.needed = needed
        self.allowed = allowed


class MemoryEstimate(NamedTuple):
    """Bytes a run needs at its fullest, and the node where that is."""

    needed: int
    layer: str


def memory_limit() -> int:
    """Bytes a run may need unless told otherwise: half of what the machine has.

    A container's own limit counts as the machine's; memory that others hold is not there to take.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30
    with suppress(OSError, ValueError):  # no container, or "max"
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    free = total
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    return min(total // 2, free)


def estimate_memory(graph: Graph, batch: int = 1, dtype: str = "float32") -> MemoryEstimate:
    """What executing the graph needs at its fullest, from the shapes alone.

    Weights, activations that are still to be read, and working space (a padded copy of the input,
    column buffers, intermediate results) together; not the few megabytes that Python and NumPy
    take. Never less than what is allocated, and the more threads there are, the more.

    Raises:
        ExecutionError: a shape of the graph is not numeric.
    """
    item = np.dtype(dtype).itemsize
    indices = stored_indices(graph)
    fixed = sum(
        prod(shape) * (INDEX_BYTES if name in indices else item)
        for name, shape in weight_shapes(graph).items()
    )
    live = _live_bytes(graph, batch, item)
    if any(getattr(node.layer, "inplace", False) for node in graph.nodes):
        # inputs are copied, as they may be written over
        fixed += sum(prod(graph.nodes[i].outputs[0]) for i in graph.inputs) * item * batch
    worst = MemoryEstimate(0, "")
    for node, alive in zip(graph.nodes, live, strict=True):
        needed = fixed + alive + working_bytes(graph, node, batch, item)
        if needed > worst.needed:
            worst = MemoryEstimate(needed, node.name)
    return worst


def working_bytes(graph: Graph, node: Node, batch: int, item: int) -> int:
    """Bytes a kernel allocates besides what it writes."""
    how = operation(node.layer)
    if how.is_view(node.layer):
        return 0
    indices = how.writes_indices and _read(graph, node, 1)
    shapes = graph.input_shapes(node)
    return how.working_bytes(Sizes(node.layer, shapes, node.outputs, batch, item, threads(), indices))


def _read(graph: Graph, node: Node, output: int) -> bool:
    return any(
        graph.nodes[edge.node] is node and edge.output == output
        for reader in graph.nodes
        for edge in reader.inputs
    ) or any(graph.nodes[edge.node] is node and edge.output == output for edge in graph.outputs)


def _live_bytes(graph: Graph, batch: int, item: int) -> list[int]:
    """Bytes of live tensors while each node runs."""
    last: dict[int, int] = {}
    root = list(range(len(graph.nodes)))
    repeated: set[int] = set()  # of which a view may have to be a copy
    for i, node in enumerate(graph.nodes):
        view = node.inputs and operation(node.layer).is_view(node.layer)
        if view and node.inputs[0].node not in repeated:
            root[i] = root[node.inputs[0].node]
            if operation(node.layer).repeats:
                repeated.add(i)
        for edge in node.inputs:
            last[root[edge.node]] = i
    for edge in graph.outputs:
        last[root[edge.node]] = len(graph.nodes)
    live: list[int] = []
    total = 0
    sizes = [0] * len(graph.nodes)
    for i, node in enumerate(graph.nodes):
        if root[i] == i and (node.inputs or not operation(node.layer).is_view(node.layer)):
            for output, shape in enumerate(node.outputs):
                if not all(isinstance(n, int) for n in shape):
                    raise ExecutionError(f"{node.name} has the shape {shape}, which is not numeric")
                if output == 1 and operation(node.layer).writes_indices:  # written if they are read
                    sizes[i] += prod(shape) * batch * 8 * _read(graph, node, 1)
                else:
                    wide = operation(node.layer).gives_indices
                    sizes[i] += prod(shape) * batch * (8 if wide else item)
            total += sizes[i]
        if root[i] == i:
            last.setdefault(i, i)
        live.append(total)
        for r in {root[i], *(root[edge.node] for edge in node.inputs)}:
            if last[r] == i:
                total -= sizes[r]
    return live

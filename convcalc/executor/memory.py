"""What a run needs, before it allocates anything."""

from __future__ import annotations

import os
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.kernels import VIEWS
from convcalc.executor.kernels.conv import COLUMN_BYTES, LEAST_WIDTH
from convcalc.executor.kernels.transposed import canvas
from convcalc.executor.parallel import BLOCK_BYTES, threads
from convcalc.executor.weights import weight_shapes
from convcalc.executor.windows import ExecutionError, conv_padding, transposed_padding
from convcalc.graph import Graph, Node


class MemoryLimitError(ExecutionError, MemoryError):
    """A run would need more memory than it may have.

    Attributes:
        layer: name of the node that needs most.
        needed: bytes the run needs there: weights, live activations and working space.
        allowed: bytes it may have.
    """

    hint = "a smaller input or batch, or more memory allowed (--max-memory)"

    def __init__(self, layer: str, needed: int, allowed: int) -> None:
        """Keep the three figures."""
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
    fixed = sum(prod(shape) for shape in weight_shapes(graph).values()) * item
    worst = MemoryEstimate(0, "")
    for node, live in zip(graph.nodes, _live_bytes(graph, batch, item), strict=True):
        needed = fixed + live + working_bytes(graph, node, batch, item)
        if needed > worst.needed:
            worst = MemoryEstimate(needed, node.name)
    return worst


def working_bytes(graph: Graph, node: Node, batch: int, item: int) -> int:
    """Bytes a kernel allocates besides what it writes."""
    layer: Any = node.layer
    op = layer.op
    shapes = graph.input_shapes(node)
    arriving = sum(prod(shape) for shape in shapes) * item * batch
    written = prod(node.outputs[0]) * item * batch
    hands = threads()
    block = min(BLOCK_BYTES, max(arriving, written))
    if op == "input" or op in VIEWS:
        return 0
    if op == "conv":
        return _padded(shapes[0], layer) * item * batch + hands * _columns(shapes[0], node, item)
    if op == "convT":
        pads, extra = transposed_padding(
            layer.padding, layer.kernel, layer.stride, layer.dilation, layer.output_padding
        )
        room, _ = canvas(shapes[0][1:], layer.kernel, layer.stride, layer.dilation, pads, extra)
        position = layer.out_channels * prod(layer.kernel) * item  # what one input position gives
        columns = min(max(COLUMN_BYTES, position), position * prod(shapes[0][1:]))
        return int(layer.out_channels * prod(room) * item * batch + hands * columns)
    if op in ("dwconv", "maxpool", "avgpool", "lppool"):
        if op == "maxpool" and _read(graph, node, 1):  # all at once, with indices and masks
            return 3 * _padded(shapes[0], layer) * item * batch + 3 * written
        planes = _padded((1, *shapes[0][1:]), layer) + prod(node.outputs[0][1:])
        return hands * 3 * max(2 * BLOCK_BYTES, planes * item) + (written if op == "avgpool" else 0)
    if op in ("bn", "ln", "gn", "instancenorm", "lrn", "softmax"):
        return 2 * hands * block if op == "bn" and layer.track else 4 * arriving
    if op == "upsample":
        return (8 if layer.mode == "spline" else 4) * max(arriving, written)
    if op == "linear":
        return 2 * (arriving + written)
    many = 24 if op == "gelu" else 6  # the error function is worked out in float64
    return hands * many * block + (written if op in ("shuffle", "pixelshuffle", "pixelunshuffle") else 0)


def _padded(shape: tuple[int, ...], layer: Any) -> int:
    """Elements of the padded copy of an input; 0 where there is none."""
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    pads = conv_padding(layer.padding, shape[1:], layer.kernel, layer.stride, dilation)
    axes = list(zip(shape[1:], pads, layer.kernel, layer.stride, dilation, strict=True))
    # With room for a last window that pooling adds by rounding up.
    ceil = getattr(layer, "ceil", False)
    sizes = [n + b + a + (s + (k - 1) * d if ceil else 0) for n, (b, a), k, s, d in axes]
    strided = all(k == 1 for k in layer.kernel) and any(s > 1 for s in layer.stride)
    if not ceil and not strided and not any(map(any, pads)):
        return 0
    return int(shape[0] * prod(sizes))


def _columns(shape: tuple[int, ...], node: Node, item: int) -> int:
    layer: Any = node.layer
    if all(k == 1 for k in layer.kernel):
        return 0
    positions = prod(node.outputs[0][1:])
    depth = shape[0] * prod(layer.kernel)
    sums = (
        layer.out_channels * min(positions, LEAST_WIDTH) if depth * LEAST_WIDTH * item > COLUMN_BYTES else 0
    )
    return int(min(max(COLUMN_BYTES, prod(layer.kernel) * item), depth * positions * item) + sums * item)


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
    for i, node in enumerate(graph.nodes):
        if node.layer.op in VIEWS:
            root[i] = root[node.inputs[0].node]
        for edge in node.inputs:
            last[root[edge.node]] = i
    for edge in graph.outputs:
        last[root[edge.node]] = len(graph.nodes)
    live: list[int] = []
    total = 0
    sizes = [0] * len(graph.nodes)
    for i, node in enumerate(graph.nodes):
        if root[i] == i:
            for output, shape in enumerate(node.outputs):
                if not all(isinstance(n, int) for n in shape):
                    raise ExecutionError(f"{node.name} has the shape {shape}, which is not numeric")
                if node.layer.op == "maxpool" and output == 1:  # indices, written if they are read
                    sizes[i] += prod(shape) * batch * 8 * _read(graph, node, 1)
                else:
                    sizes[i] += prod(shape) * batch * item
            total += sizes[i]
            last.setdefault(i, i)
        live.append(total)
        for r in {root[i], *(root[edge.node] for edge in node.inputs)}:
            if last[r] == i:
                total -= sizes[r]
    return live

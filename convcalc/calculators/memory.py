"""Peak activation memory: the largest sum of live tensors over the execution order."""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import UNKNOWN, Dim, is_array, is_symbolic, maximum, prod
from convcalc.graph import Graph

DTYPES: Final[dict[str, int]] = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}
"""Bytes of one element."""
INDEX_BYTES: Final = 8


def itemsize(dtype: str) -> int:
    """Bytes of one element.

    Raises:
        ValueError: the dtype is not one of :data:`DTYPES`.
    """
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    return DTYPES[dtype]


class Liveness:
    """Which tensor is written where and read last where.

    Attributes:
        sizes: elements of every stored tensor, by node and output; views are not among them.
        bytes: bytes an element of each, None for the chosen dtype.
        last: number of the node that reads it last; graph outputs live to the end.
        owner: for every tensor the stored tensor it is, or is a view of.
    """

    def __init__(self, graph: Graph) -> None:
        self.sizes: dict[tuple[int, int], Dim] = {}
        self.bytes: dict[tuple[int, int], int | None] = {}
        self.last: dict[tuple[int, int], int] = {}
        self.owner: dict[tuple[int, int], tuple[int, int]] = {}
        end = len(graph.nodes)
        read: set[tuple[int, int]] = {(e.node, e.output) for node in graph.nodes for e in node.inputs}
        read |= {(e.node, e.output) for e in graph.outputs}
        for number, node in enumerate(graph.nodes):
            for edge in node.inputs:
                self.last[self.owner[edge]] = number
            if node.layer.view and node.inputs:
                self.owner[number, 0] = self.owner[node.inputs[0]]
                continue
            for output, shape in enumerate(node.outputs):
                key = (number, output)
                self.owner[key] = key
                if output and node.layer.op == "maxpool" and key not in read:
                    continue
                self.sizes[key] = prod(shape)
                self.bytes[key] = INDEX_BYTES if output and node.layer.op == "maxpool" else None
                self.last[key] = number
        for edge in graph.outputs:
            self.last[self.owner[edge]] = end


def peak_memory(graph: Graph, batch: int, item: int) -> tuple[Dim, str]:
    """Largest sum of live tensors in bytes, and the node at which it is reached.

    A tensor lives from the node that writes it (inputs of the graph: from the start) to the node
    that reads it last; outputs of the graph live to the end. Views own nothing.
    """
    live = Liveness(graph)
    ends: dict[int, list[tuple[int, int]]] = {}
    starts: dict[int, list[tuple[int, int]]] = {}
    inputs = set(graph.inputs)
    current: Dim = 0
    cost: dict[tuple[int, int], Dim] = {}
    for key, size in live.sizes.items():
        cost[key] = size * batch * (live.bytes[key] or item)
        ends.setdefault(live.last[key], []).append(key)
        if key[0] in inputs:
            current = current + cost[key]
        else:
            starts.setdefault(key[0], []).append(key)
    if any(value is UNKNOWN for value in cost.values()):
        return UNKNOWN, ""
    if any(is_symbolic(v) or is_array(v) for v in cost.values()):
        return _peak_of_any(graph, starts, ends, cost, current)
    peak, at = 0, ""
    for number, node in enumerate(graph.nodes):
        for key in starts.get(number, ()):
            current += cost[key]
        if current > peak:
            peak, at = current, node.name
        for key in ends.get(number, ()):
            current -= cost[key]
    return peak, at


def _peak_of_any(graph: Graph, starts: Any, ends: Any, cost: Any, current: Dim) -> tuple[Dim, str]:
    """The peak of symbols or arrays: the maximum over all nodes, at no one node."""
    peaks: list[Dim] = []
    for number in range(len(graph.nodes)):
        for key in starts.get(number, ()):
            current = current + cost[key]
        peaks.append(current)
        for key in ends.get(number, ()):
            current = current - cost[key]
    if any(is_symbolic(p) for p in peaks):
        import sympy

        expanded = {sympy.expand(p) for p in peaks}
        return (
            sympy.Max(*expanded, evaluate=len(expanded) <= 12) if len(expanded) > 1 else expanded.pop()
        ), ""
    result = peaks[0]
    for peak in peaks[1:]:
        result = maximum(result, peak)
    return result, ""

"""The dilated runs of a network: convolutions in a row at one resolution, some of them dilated."""

from __future__ import annotations

from typing import Any, NamedTuple

from convcalc.graph import Edge, Graph, Node
from convcalc.layers.windows.window import Sliding


class DilatedRun(NamedTuple):
    """Convolutions in a row, along the path whose field grows most.

    Attributes:
        start: the tensor that the run reads.
        nodes: indices of its layers with windows larger than one pixel, in order.
        names: of these layers.
        kernels, rates: of these layers, one number per axis.
        end: the node whose output the run writes: its last layer, or what joins it with a shortcut.
        inside: indices of all nodes that lie on any way from the start to the end at the same
            resolution (shortcuts included).
    """

    start: Edge
    nodes: tuple[int, ...]
    names: tuple[str, ...]
    kernels: tuple[tuple[int, ...], ...]
    rates: tuple[tuple[int, ...], ...]
    end: int
    inside: tuple[int, ...]


class _State(NamedTuple):
    start: Edge
    chain: tuple[int, ...]
    reach: int


def dilated_runs(graph: Graph) -> list[DilatedRun]:
    """Every run with a dilated layer that no longer run contains.

    A run starts after a layer that changes the resolution (or at an input) and goes through layers
    of stride 1; where branches join, along the branch whose field grows most.
    """
    states: list[_State] = []
    for index, node in enumerate(graph.nodes):
        states.append(_state(graph, index, node, states))
    chains = [
        chain
        for i, (_, chain, _) in enumerate(states)
        if chain[-1:] == (i,) and any(_rate(window) > 1 for window in _windows(graph, chain))
    ]
    # Twins (the gate and the filter of a unit) and beginnings of longer runs are one run.
    inner: set[Any] = set()
    kept: dict[Any, tuple[int, ...]] = {}
    for chain in chains:
        kept.setdefault(_look(graph, states, chain), chain)
        inner |= {_look(graph, states, chain[:length]) for length in range(1, len(chain))}
    return [_run(graph, states, chain) for look, chain in kept.items() if look not in inner]


def _look(graph: Graph, states: list[_State], chain: tuple[int, ...]) -> Any:
    """Where a chain starts, and its kernels and rates."""
    return states[chain[-1]].start, tuple((w.kernel, w.dilation) for w in _windows(graph, chain))


def _state(graph: Graph, index: int, node: Node, states: list[_State]) -> _State:
    fresh = _State(Edge(index), (), 0)
    if not node.inputs or len(node.outputs[0]) < 2:
        return fresh
    layer = node.layer
    if layer.decided_by:  # its taps stand anywhere
        return fresh
    if isinstance(layer, Sliding):
        if any(s != 1 for s in layer.stride):
            return fresh
        if not all(type(n) is int for n in (*layer.kernel, *layer.dilation)):
            return fresh
        before = states[node.inputs[0].node]
        start = before.start if before.chain or before.start.node != node.inputs[0].node else node.inputs[0]
        if all(k == 1 for k in layer.kernel):
            return _State(start, before.chain, before.reach)
        grown = max(d * (k - 1) for k, d in zip(layer.kernel, layer.dilation, strict=True))
        return _State(start, (*before.chain, index), before.reach + grown)
    if layer.elementwise or layer.keeps_positions:
        arriving = [states[edge.node] for edge in node.inputs]
        ranks = [len(graph.shape(edge)) for edge in node.inputs]
        if max(ranks) > min(ranks):  # positions of one are no positions of the other
            return fresh
        best = max(range(len(arriving)), key=lambda i: arriving[i].reach)
        if arriving[best].chain or arriving[best].start.node != node.inputs[best].node:
            return arriving[best]
        return _State(node.inputs[best], (), 0)
    return fresh


def _run(graph: Graph, states: list[_State], chain: tuple[int, ...]) -> DilatedRun:
    start = states[chain[-1]].start
    sizes = graph.nodes[chain[-1]].outputs[0][1:]
    end = max(
        i for i, state in enumerate(states) if state.chain == chain and graph.nodes[i].outputs[0][1:] == sizes
    )
    inside, todo = set(), [end]
    while todo:
        index = todo.pop()
        if index in inside or index == start.node or states[index].start != start:
            continue
        inside.add(index)
        todo += [edge.node for edge in graph.nodes[index].inputs]
    windows = _windows(graph, chain)
    return DilatedRun(
        start,
        chain,
        tuple(graph.nodes[i].name for i in chain),
        tuple(window.kernel for window in windows),
        tuple(window.dilation for window in windows),
        end,
        tuple(sorted(inside)),
    )


def _windows(graph: Graph, chain: tuple[int, ...]) -> list[Sliding]:
    """The layers of a chain, every one of which has a window."""
    return [layer for i in chain if isinstance(layer := graph.nodes[i].layer, Sliding)]


def _rate(window: Sliding) -> int:
    """The largest rate among the axes on which there is more than one tap."""
    return max((d for k, d in zip(window.kernel, window.dilation, strict=True) if k != 1), default=1)

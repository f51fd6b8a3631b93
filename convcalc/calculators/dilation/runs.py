"""The dilated runs of a network: convolutions in a row at one resolution, some of them dilated."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from convcalc.graph import Edge, Graph, Node

WINDOWS: Final = frozenset({"conv", "dwconv", "maxpool", "avgpool", "lppool"})
"""Layers that read a window; at stride 1 they are part of a run."""

POINTWISE: Final = frozenset(
    {
        *("bn", "ln", "gn", "instancenorm", "lrn", "scale"),
        *("relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "gelu", "silu"),
        *("hardswish", "hardsigmoid", "sigmoid", "tanh", "softmax"),
        *("dropout", "identity", "shuffle", "concat", "add", "mul", "pad", "crop", "slice", "split"),
    }
)
"""Layers that pass positions on: a run goes through them."""


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
        states[i].chain
        for i in range(len(states))
        if states[i].chain[-1:] == (i,) and any(_rate(graph, n) > 1 for n in states[i].chain)
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
    nodes = [graph.nodes[i] for i in chain]
    return states[chain[-1]].start, tuple((_kernel(node), _dilation(node)) for node in nodes)


def _state(graph: Graph, index: int, node: Node, states: list[_State]) -> _State:
    fresh = _State(Edge(index), (), 0)
    if not node.inputs or len(node.outputs[0]) < 2:
        return fresh
    if node.op in WINDOWS:
        if any(s != 1 for s in node.layer.stride):  # type: ignore[attr-defined]
            return fresh
        if not all(type(n) is int for n in (*_kernel(node), *_dilation(node))):
            return fresh
        before = states[node.inputs[0].node]
        start = before.start if before.chain or before.start.node != node.inputs[0].node else node.inputs[0]
        if all(k == 1 for k in _kernel(node)):
            return _State(start, before.chain, before.reach)
        grown = max(d * (k - 1) for k, d in zip(_kernel(node), _dilation(node), strict=True))
        return _State(start, (*before.chain, index), before.reach + grown)
    if node.op in POINTWISE:
        arriving = [states[edge.node] for edge in node.inputs]
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
    nodes = [graph.nodes[i] for i in chain]
    return DilatedRun(
        start,
        chain,
        tuple(node.name for node in nodes),
        tuple(_kernel(node) for node in nodes),
        tuple(_dilation(node) for node in nodes),
        end,
        tuple(sorted(inside)),
    )


def _kernel(node: Node) -> tuple[int, ...]:
    found: tuple[int, ...] = node.layer.kernel  # type: ignore[attr-defined]
    return found


def _dilation(node: Node) -> tuple[int, ...]:
    kernel = _kernel(node)
    found: tuple[int, ...] = getattr(node.layer, "dilation", (1,) * len(kernel))
    return found


def _rate(graph: Graph, index: int) -> int:
    """The largest rate of an axis on which there is more than one tap."""
    node = graph.nodes[index]
    return max((d for k, d in zip(_kernel(node), _dilation(node), strict=True) if k != 1), default=1)

"""The tensors of a network through which every path goes, and what one output reads of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.calculators.receptive_field.region import regions
from convcalc.exporters.text import format_layer
from convcalc.graph import Edge, Graph, Node


class Stop(NamedTuple):
    """A tensor on the way.

    Attributes:
        edge: the tensor.
        between: the layers that lead to it from the stop before.
    """

    edge: Edge
    between: list[Node]


def spine(graph: Graph) -> list[Stop]:
    """The input, every tensor after it through which all paths to the output go, and the output."""
    target = graph.outputs[0]
    needed = graph.ancestors(target)
    last = {target.node: target.node}  # the last reader of each node among them
    for number in needed:
        for edge in graph.nodes[number].inputs:
            last[edge.node] = max(last.get(edge.node, 0), number)
    stops: list[Stop] = []
    between: list[Node] = []
    reach = 0
    for number in needed:
        node = graph.nodes[number]
        if not node.is_input:
            between.append(node)
        # nothing that was written before is read later than here
        if reach <= number and (node.is_input or node.inputs):
            edge = target if number == target.node else Edge(number)
            stops.append(Stop(edge, between))
            between = []
        reach = max(reach, last.get(number, number))
    return stops


def longest(graph: Graph) -> list[Edge]:
    """The tensors of the path with most layers from the input to the output."""
    target = graph.outputs[0]
    best: dict[int, tuple[int, Edge | None]] = {}
    for number in graph.ancestors(target):
        node = graph.nodes[number]
        reached = [(best[edge.node][0] + 1, edge) for edge in node.inputs if edge.node in best]
        if node.is_input:
            best[number] = (0, None)
        elif reached:
            best[number] = max(reached, key=lambda one: one[0])
    path: list[Edge] = []
    edge: Edge | None = target
    while edge is not None:
        path.append(edge)
        edge = best[edge.node][1]
    return path[::-1]


def cells_read(graph: Graph, place: Sequence[int], edges: Sequence[Edge]) -> list[list[tuple[int, ...]]]:
    """Per tensor, for every box of positions that an output reads of it, one set of bits per axis."""
    found = regions(graph, graph.outputs[0], place, edges, through=True)
    return [[tuple(box[1:]) for box in region.boxes] for region in found]


def said(nodes: Sequence[Node]) -> str:
    """What stands between two stops, in a line: ``conv 1->8 k3, relu``."""
    if len(nodes) > 3:
        return f"{format_layer(nodes[0].layer)} ... {len(nodes)} layers"
    return ", ".join(format_layer(node.layer) for node in nodes)

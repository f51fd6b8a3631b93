"""The graph of a page: for every block its children in ranks, and the edges between them.

Where boxes stand is worked out in the browser; here is what does not depend on their sizes: in which rank
a child stands, in which order, and which edges pass ranks over (skips).

Ranks follow from the graph: a child stands below all that it reads. The order in a rank is that of the graph,
which is how people wrote it down; of blocks it crosses hardly any edges (measured over the zoo: in HRNet and
in Inception's flat lists alone). Where it does and ``fast-sugiyama`` is installed, which is Rust and so not
to be had in a browser, its order is taken if it crosses fewer.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from importlib import import_module
from itertools import groupby
from typing import Any, Final

from convcalc.budget import spend
from convcalc.graph import Edge, Graph
from convcalc.page.tree import Tree
from convcalc.render import numbers

LONGEST: Final = 50_000
"""Ranks that all edges of a block may pass together, if their crossings are counted."""
IN: Final = "in"
OUT: Final = "out"


class _Group:
    """The children of one block, and the edges between them and through its border."""

    def __init__(self, children: list[str]) -> None:
        self.children = children
        self.ports: dict[str, dict[str, Any]] = {}
        self.edges: dict[tuple[str, str, Edge], dict[str, Any]] = {}
        self._by_tensor: dict[tuple[str, Edge], str] = {}
        self._next: dict[str, list[str]] = {}

    def port(self, side: str, tensor: Edge, shape: str, name: str) -> str:
        """The port by which a tensor enters (``in``) or leaves (``out``)."""
        known = self._by_tensor.get((side, tensor))
        if known is None:
            count = sum(port["side"] == side for port in self.ports.values())
            known = side if not count else f"{side}:{count + 1}"
            while known in self.children:
                known = f":{known}"
            self._by_tensor[side, tensor] = known
            self.ports[known] = {"id": known, "side": side, "shape": shape, "name": name}
        return known

    def join(self, source: str, target: str, tensor: Edge, shape: str, name: str) -> None:
        """Add an edge; the same tensor from one child to another is drawn once."""
        self.edges.setdefault(
            (source, target, tensor),
            {"from": source, "to": target, "shape": shape, "skip": False, "name": name},
        )

    def _over_others(self, source: str, rank: dict[str, int], last: int) -> set[str]:
        """What a child reaches over others above a rank: an edge that leads there as well is a skip."""
        if not self._next:
            for edge in self.edges.values():
                if not edge.get("back"):
                    self._next.setdefault(edge["from"], []).append(edge["to"])
        found: set[str] = set()
        todo = list(self._next.get(source, ()))
        seen = set(todo)
        while todo:
            spend(1)
            at = todo.pop()
            if rank.get(at, last) >= last:
                continue
            for other in self._next.get(at, ()):
                found.add(other)
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return found

    def finish(self) -> dict[str, Any]:
        """The group as JSON holds it."""
        order = {child: number for number, child in enumerate(self.children)}
        rank = dict.fromkeys(self.children, 0)
        forward: dict[str, list[str]] = {}
        for edge in self.edges.values():
            a, b = edge["from"], edge["to"]
            if a in order and b in order and order[a] < order[b]:
                forward.setdefault(a, []).append(b)
        for child in self.children:  # which stand in an order in which they run
            for other in forward.get(child, ()):
                rank[other] = max(rank[other], rank[child] + 1)
        ranks: list[list[str]] = [[] for _ in range(max(rank.values(), default=-1) + 1)]
        for child in self.children:
            ranks[rank[child]].append(child)
        ranks = untangled(ranks, [(a, b) for a, many in forward.items() for b in dict.fromkeys(many)])
        far: dict[str, int] = {}  # by source of an edge that passes a rank over, the lowest rank it leads to
        passing = []
        for edge in self.edges.values():
            start, stop = rank.get(edge["from"], -1), rank.get(edge["to"], len(ranks))
            if stop <= start:
                edge["back"] = True
            elif stop - start > 1:
                passing.append(edge)
                far[edge["from"]] = max(stop, far.get(edge["from"], 0))
        over = {source: self._over_others(source, rank, last) for source, last in far.items()}
        for edge in passing:
            edge["skip"] = edge["to"] in over[edge["from"]]
        return {"ranks": ranks, "edges": [*self.edges.values()], "ports": [*self.ports.values()]}


def untangled(ranks: list[list[str]], edges: list[tuple[str, str]]) -> list[list[str]]:
    """The same ranks, each in the order in which fewer edges cross, where a library finds one.

    Args:
        ranks: what stands in each, from the top down.
        edges: from an upper rank to a lower one.
    """
    rank = {child: n for n, inside in enumerate(ranks) for child in inside}
    if len(ranks) == len(rank) or sum(rank[b] - rank[a] for a, b in edges) > LONGEST:
        return ranks
    now = crossings(ranks, edges)
    if not now:
        return ranks
    try:
        library = import_module("fast_sugiyama")
    except ImportError:
        return ranks
    number = {child: n for n, child in enumerate(child for inside in ranks for child in inside)}
    places: dict[int, tuple[int, float]] = {}
    parts = library.from_edges([(number[a], number[b]) for a, b in edges])
    for first, part in sorted((min(n for n, _ in part[0]), part[0]) for part in parts):
        places |= {n: (first, x) for n, (x, _) in part}
    last = (len(number), 0.0)
    found = [sorted(inside, key=lambda child: places.get(number[child], last)) for inside in ranks]
    return found if crossings(found, edges) < now else ranks


def crossings(ranks: list[list[str]], edges: list[tuple[str, str]]) -> int:
    """How many pairs of edges cross, if each runs straight from its rank to the other one."""
    at = {
        child: (n, (place + 0.5) / len(rank))
        for n, rank in enumerate(ranks)
        for place, child in enumerate(rank)
    }
    between: list[list[tuple[float, float]]] = [[] for _ in ranks]
    for a, b in edges:
        (top, x), (bottom, y) = at[a], at[b]
        spend(bottom - top)
        step = (y - x) / (bottom - top)
        for n in range(bottom - top):
            between[top + n].append((x + n * step, x + (n + 1) * step))
    count = 0
    for lines in between:
        lines.sort()
        ends: list[float] = []  # of those further left, in order
        for _, group in groupby(lines, key=lambda line: line[0]):
            stops = [stop for _, stop in group]
            count += sum(len(ends) - bisect_right(ends, stop) for stop in stops)
            for stop in stops:
                insort(ends, stop)
    return count


def groups(graph: Graph, tree: Tree) -> dict[str, Any]:
    """One group a block, and one of the whole network, under ``""``.

    Returns:
        ``groups``, by id of the block. Each has ``ranks``, lists of ids from the top down; ``edges``, each
        with ``from``, ``to``, ``shape``, ``skip`` (it passes others over that lead there too), ``name`` (of
        the output, where a layer has several) and ``back`` where blocks read one another in turns and it
        runs upwards; and ``ports``, each with ``id``, ``side`` (``in``, ``out``), ``shape`` and ``name`` of
        the tensor that enters or leaves there.
    """
    children: dict[str, list[str]] = {"": []}
    for place in tree.places.values():
        children.setdefault(place.parent or "", []).append(place.id)
    made = {id: _Group(inside) for id, inside in children.items()}
    above = {id: tree.above(id) for id in tree.of_node}

    def add(tensor: Edge, path: list[str], other: list[str]) -> None:
        """The edges of one tensor from one path of places to another; no path is the outside."""
        spend(len(path) + len(other))
        node = graph.nodes[tensor.node]
        shape = numbers.shape(graph.shape(tensor))
        names = node.layer.output_names()
        name = names[tensor.output] if tensor.output < len(names) else ""
        same = 0
        while same < min(len(path), len(other)) - 1 and path[same] == other[same]:
            same += 1
        for at in range(len(path) - 1, same, -1):  # out of the blocks around the source
            group = made[path[at - 1]]
            group.join(path[at], group.port(OUT, tensor, shape, name), tensor, shape, name)
        meeting = made[path[same - 1] if same else ""]
        target = other[same] if other else meeting.port(OUT, tensor, shape, name)
        meeting.join(path[same], target, tensor, shape, name)
        for at in range(same + 1, len(other)):  # into the blocks around the target
            group = made[other[at - 1]]
            group.join(group.port(IN, tensor, shape, name), other[at], tensor, shape, name)

    for number, node in enumerate(graph.nodes):
        for tensor in node.inputs:
            add(tensor, above[tree.of_node[tensor.node]], above[tree.of_node[number]])
    for tensor, name in zip(graph.outputs, graph.named_outputs(), strict=False):
        add(tensor, above[tree.of_node[tensor.node]], [])
        port = made[""].port(OUT, tensor, "", "")
        made[""].ports[port]["name"] = numbers.label(name)
    return {"groups": {id: group.finish() for id, group in made.items()}}

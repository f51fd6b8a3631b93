"""Equal repeats: blocks and layers that stand one after the other and are the same."""

from __future__ import annotations

from typing import Any, NamedTuple

from convcalc.graph import Graph
from convcalc.page.tree import Tree


class Repeat(NamedTuple):
    """A row among equal neighbours.

    Attributes:
        times: how many there are, of the first of them; 1 of the others.
        same: id of the first of them; None of itself.
    """

    times: int
    same: str | None


def repeats(graph: Graph, tree: Tree, groups: dict[str, Any], texts: dict[str, str]) -> dict[str, Repeat]:
    """The rows that stand among equal neighbours, by id.

    Two are equal if they are layers of one text that read and write the same shapes, or blocks of equal
    children of the same names, wired the same. What they hold beside others in memory may differ.

    Args:
        graph: the network.
        tree: its rows.
        groups: what :func:`convcalc.page.layout.groups` gives of them.
        texts: each layer as the spec language writes it, by id.
    """
    known: dict[Any, int] = {}
    kinds: dict[str, int] = {}
    children: dict[str | None, list[str]] = {}
    for id, place in reversed(tree.places.items()):  # what is inside a block stands after it
        if place.number is not None:
            node = graph.nodes[place.number]
            key: Any = texts[id], str(graph.input_shapes(node)), str(node.outputs), node.is_input and id
        else:
            inside = children[id][::-1]
            short = {child: tree.places[child].label for child in inside}
            wired = [
                (short.get(edge["from"], edge["from"]), short.get(edge["to"], edge["to"]), edge["shape"])
                for edge in groups[id]["edges"]
            ]
            key = tuple((short[child], kinds[child]) for child in inside), tuple(wired)
        kinds[id] = known.setdefault(key, len(known))
        children.setdefault(place.parent, []).append(id)
    found: dict[str, Repeat] = {}
    for backwards in children.values():
        ids = backwards[::-1]
        start = 0
        for at in range(1, len(ids) + 1):
            if at < len(ids) and kinds[ids[at]] == kinds[ids[start]]:
                continue
            if at - start > 1:
                found[ids[start]] = Repeat(at - start, None)
                found |= {id: Repeat(1, ids[start]) for id in ids[start + 1 : at]}
            start = at
    return found

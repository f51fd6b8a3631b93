"""The tree of blocks: every layer, input and block once, with an id of its own."""

from __future__ import annotations

from typing import NamedTuple

from convcalc.budget import spend
from convcalc.calculators.count.report import LayerReport, Report


class Place(NamedTuple):
    """One row of the tree.

    Attributes:
        id: unique among all rows: the dotted name. Where a layer and a block have one name, that of the
            block ends in a slash.
        parent: id of the block around it; None at the top.
        label: its name inside that block.
        depth: how many blocks it stands in.
        number: number of the node of the graph; None of a block.
        counts: the row of the report; None of an input.
    """

    id: str
    parent: str | None
    label: str
    depth: int
    number: int | None
    counts: LayerReport | None


class Tree(NamedTuple):
    """All places, a block before its children, children in the order in which they run.

    Attributes:
        places: by id.
        of_node: by number of the node, its id.
    """

    places: dict[str, Place]
    of_node: list[str]

    def above(self, id: str) -> list[str]:
        """The blocks around a place, from the outermost; the place itself is the last."""
        found = [id]
        while (parent := self.places[found[-1]].parent) is not None:
            found.append(parent)
        return found[::-1]


def tree(report: Report) -> Tree:
    """The tree of a report's layers, with the inputs of the graph."""
    graph = report.graph
    layers = {node.name for node in graph.nodes}
    counted = {row.name: row for row in report.layers}
    sums = _blocks(report)
    children: dict[str | None, list[Place]] = {}
    ids: dict[str, str] = {}
    of_node: list[str] = []
    for number, node in enumerate(graph.nodes):
        parent, path = None, ""
        *around, label = node.name.split(".")
        for depth, part in enumerate(around):
            spend(1)
            path = f"{path}.{part}" if path else part
            if path not in ids:
                id = path
                while id in layers:
                    id += "/"
                layers.add(id)
                ids[path] = id
                sum_ = sums.get(path) or LayerReport(path, "block", (), node.outputs[0], None, 0)  # of inputs
                children.setdefault(parent, []).append(Place(id, parent, part, depth, None, sum_))
            parent = ids[path]
        of_node.append(node.name)
        counts = counted.get(node.name)
        children.setdefault(parent, []).append(Place(node.name, parent, label, len(around), number, counts))
    places: dict[str, Place] = {}
    todo = children.get(None, [])[::-1]
    while todo:
        place = todo.pop()
        places[place.id] = place
        if place.number is None:
            todo += children[place.id][::-1]
    return Tree(places, of_node)


def _blocks(report: Report) -> dict[str, LayerReport]:
    """The sums of every block, by its dotted path."""
    deepest = max((row.name.count(".") for row in report.layers), default=0)
    found: dict[str, LayerReport] = {}
    for depth in range(1, deepest + 1):
        spend(len(report.layers))
        found |= {row.name: row for row in report.fold(depth) if row.node is None and row.name not in found}
    return found

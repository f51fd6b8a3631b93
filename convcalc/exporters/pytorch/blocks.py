"""A graph as blocks in one another, found by the names of its nodes, in an order to call them in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from convcalc.graph import Edge, Graph

FEW = 6
"""Nodes of a block without weights that is written out where it stands."""


@dataclass(eq=False)
class Unit:
    """A layer, or a block of units.

    Attributes:
        name: within the unit that holds it; with dots where the blocks between were opened.
        path: from the top.
        node: number of the layer's node; None for a block.
        units: of a block, in the order in which they are called.
        nodes: numbers of all nodes, ascending.
        reads: the tensors from outside, in the order in which they are first read.
        writes: the tensors that are read outside.
    """

    name: str
    path: str
    node: int | None = None
    units: list[Unit] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    reads: tuple[Edge, ...] = ()
    writes: tuple[Edge, ...] = ()

    @property
    def height(self) -> int:
        """How many blocks stand in one another; 0 for a layer."""
        return 0 if self.node is not None else 1 + max((unit.height for unit in self.units), default=0)

    def blocks(self) -> Iterator[Unit]:
        """All blocks within, and the block itself."""
        if self.node is None:
            yield self
            for unit in self.units:
                yield from unit.blocks()


class Blocks:
    """The blocks of a graph.

    Args:
        graph: the graph.
        module: whether a node can stand in a sequence of modules.
        stores: whether a node has arrays of its own.
    """

    def __init__(self, graph: Graph, module: Callable[[int], bool], stores: Callable[[int], bool]) -> None:
        self.graph, self.module, self.stores = graph, module, stores
        needed: set[int] = set()
        for edge in graph.outputs:
            if edge.node not in needed:
                needed.update(graph.ancestors(edge))
        self.alive = needed
        self.readers: dict[Edge, list[int]] = {}
        for number, node in enumerate(graph.nodes):
            if number in needed:
                for edge in node.inputs:
                    self.readers.setdefault(edge, []).append(number)
        for edge in graph.outputs:
            self.readers.setdefault(edge, []).append(-1)
        self.top = self._tree()
        self._arrange(self.top)

    def wanted(self, number: int) -> frozenset[int]:
        """The outputs of a node that somebody reads."""
        many = len(self.graph.nodes[number].outputs)
        return frozenset(i for i in range(many) if Edge(number, i) in self.readers)

    def _tree(self) -> Unit:
        top = Unit("", "")
        names = {node.name for node in self.graph.nodes}
        blocks = {"": top}
        for number, node in enumerate(self.graph.nodes):
            if node.is_input:
                continue
            parts = node.name.split(".")
            parent, depth = top, 0
            for depth in range(1, len(parts)):
                path = ".".join(parts[:depth])
                if path in names or "" in parts[:depth]:
                    depth -= 1
                    break
                if path not in blocks:
                    blocks[path] = Unit(parts[depth - 1], path)
                    parent.units.append(blocks[path])
                parent = blocks[path]
            else:
                depth = len(parts) - 1
            parent.units.append(Unit(".".join(parts[depth:]), node.name, number, [], [number]))
        _number(top)
        return top

    def _edges(self, unit: Unit) -> None:
        own = set(unit.nodes)
        reads: dict[Edge, None] = {}
        writes = []
        for number in unit.nodes:
            if number not in self.alive:
                continue
            node = self.graph.nodes[number]
            for edge in node.inputs:
                if edge.node not in own:
                    reads.setdefault(edge)
            for output in range(len(node.outputs)):
                edge = Edge(number, output)
                if any(reader not in own for reader in self.readers.get(edge, ())):
                    writes.append(edge)
        unit.reads, unit.writes = tuple(reads), tuple(writes)

    def _arrange(self, unit: Unit) -> None:
        """Open the blocks that cannot be called as one, and put the units of a block in order."""
        while True:
            for child in unit.units:
                self._edges(child)
            opened = next((child for child in unit.units if self._opens(child)), None)
            if opened is None:
                opened = self._order(unit)
            if opened is None:
                break
            at = unit.units.index(opened)
            for inner in opened.units:
                inner.name = f"{opened.name}.{inner.name}"
            unit.units[at : at + 1] = opened.units
        for child in unit.units:
            if child.node is None:
                self._arrange(child)

    def _opens(self, unit: Unit) -> bool:
        if unit.node is not None:
            return False
        if not any(number in self.alive for number in unit.nodes):
            return False
        if not any(map(self.stores, unit.nodes)) and len(unit.nodes) <= FEW:
            return True
        return any(child.name.isdigit() for child in unit.units) and not self.chain(unit)

    def chain(self, unit: Unit) -> bool:
        """Whether a block calls one module after the other, each on what the one before gives."""
        for child in unit.units:
            self._edges(child)
        units = sorted(unit.units, key=lambda child: child.nodes[0])
        before: tuple[Edge, ...] | None = None
        for child in units:
            if len(child.reads) != 1 or len(child.writes) != 1:
                return False
            if child.node is not None and not self.module(child.node):
                return False
            if before is not None:
                readers = self.readers[before[0]]
                if child.reads != before or not all(reader in child.nodes for reader in readers):
                    return False
            before = child.writes
        return bool(units)

    def _order(self, unit: Unit) -> Unit | None:
        """Put the units in an order in which each has what it reads; else the block to open first."""
        home = {number: child for child in unit.units for number in child.nodes}
        waits: dict[Unit, set[Unit]] = {}
        for child in unit.units:
            found = {home[edge.node] for edge in child.reads if edge.node in home}
            waits[child] = found
        left = sorted(unit.units, key=lambda child: child.nodes[0])
        ordered: list[Unit] = []
        done: set[Unit] = set()
        while left:
            ready = next((child for child in left if waits[child] <= done), None)
            if ready is None:
                return min((c for c in left if c.node is None), key=lambda child: len(child.nodes))
            ordered.append(ready)
            done.add(ready)
            left.remove(ready)
        unit.units = ordered
        return None


def _number(unit: Unit) -> list[int]:
    if unit.node is None:
        unit.nodes = sorted(number for child in unit.units for number in _number(child))
    return unit.nodes

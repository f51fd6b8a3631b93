"""Rows of layers as the tree of their blocks: what is folded, what is equal, and how it is drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any, Final, NamedTuple

from convcalc.budget import spend
from convcalc.printable import one_line
from convcalc.render import numbers
from convcalc.render.table import Name, Table


class Group(NamedTuple):
    """Rows that stand as one: a block, or equal repeats.

    Attributes:
        path: dotted name of the block, or of the first of the repeats.
        rows: numbers of the rows of layers in it.
        leaf: whether it is a layer (or equal ones) and no block.
        times: how many equal ones it stands for.
        open: whether what is in it is shown below.
    """

    path: str
    rows: Sequence[int]
    leaf: bool
    times: int
    open: bool


Values = Callable[[Sequence[Group]], Sequence[Sequence[Any]]]
"""Raw values of groups, one a column; the name among them is not looked at."""


class Node:
    """A layer or a block in the tree."""

    __slots__ = ("children", "label", "levels", "path", "row", "rows", "same")

    def __init__(self, label: str, path: str, row: int | None = None) -> None:
        self.label = label
        self.path = path
        self.row = row
        self.rows: list[int] = [] if row is None else [row]
        self.children: list[Node] = []
        self.levels = 0
        self.same: Any = None


class Shown(NamedTuple):
    """One row of the tree as it is drawn."""

    group: Group
    label: str
    guides: tuple[bool, ...]


class Tree:
    """Layers under the blocks they stand in.

    Attributes:
        table: one row a layer, their dotted names first.
        depth: levels of blocks that are shown; None for as many as fit.
        more: how a reader sees what is folded.
        root: the block that is shown alone; empty for all.
        whole: the name of the whole, which is shown at depth 0.
        title: lines above it; empty for those of the table that is shown where nobody sees a tree.
    """

    def __init__(
        self,
        table: Table,
        values: Values | None = None,
        *,
        depth: int | None = None,
        more: str = "print() shows all of them",
        root: str = "",
        whole: str = "all",
        title: str = "",
    ) -> None:
        self.table = table
        self.values = values or (lambda groups: [joined(table, group) for group in groups])
        self.depth = depth
        self.more = more
        self.root = root
        self.whole = whole
        self.title = title

    def shown(self, base: Table, lines: int | None) -> Table:
        """The tree as a table with the title, the facts and the notes of another.

        Args:
            base: the table of the same layers that is shown where nobody sees a tree.
            lines: lines of the screen; None shows all.
        """
        drawn, complete = self._chosen(base, lines)
        made = copy(base)
        made.columns = self.table.columns
        made.title = self.title or base.title
        with numbers.written_in(base.notation):
            found = self.values([one.group for one in drawn])
        rows = []
        for one, values in zip(drawn, found, strict=True):
            name = Name(_guides(one.guides), one_line(one.label), _times(one.group.times))
            name.tone = "" if one.group.open or not _dominant(values) else "strong"
            rows.append((name, *values[1:]))
        made.rows = rows
        repeats = any(one.group.times > 1 for one in drawn)
        hidden = len(self.table.rows) - sum(one.group.leaf for one in drawn)
        if repeats:
            made.notes = (*made.notes, "x N: N equal ones in one row; what they cost is of all N.")
        if hidden and not complete:
            folded = f"{hidden:,} of {len(self.table.rows):,} layers folded"
            made.more = f"{folded}; {self.more}" if self.more else f"{folded}."
        return made

    def _chosen(self, base: Table, lines: int | None) -> tuple[list[Shown], bool]:
        """What is shown, and whether that is all."""
        top = self._grown()
        if self.depth is not None:
            return list(self._walk(top, self.depth, False)), False
        deepest = top.levels
        if lines is None:
            return list(self._walk(top, deepest, False)), True
        beside = 8 + len(base.facts) + 2 * len(base.notes)
        if len(self.table.rows) <= lines:
            everything = list(self._walk(top, deepest, False))
            if len(everything) + beside <= lines:
                return everything, True
        found: list[Shown] = []
        for depth in range(1, deepest + 1):
            least = 2 * lines - beside
            wider = []
            for one in self._walk(top, depth, True):
                wider.append(one)
                if found and len(wider) > least:
                    return found, False
            found = wider
        return found, False

    def _grown(self) -> Node:
        """The tree of all rows, with what tells equal nodes."""
        rows = self.table.rows
        spend(2 * len(rows))
        top = Node("", "")
        top.path = self.root
        order: list[Node] = []
        blocks: dict[str, Node] = {"": top}
        cut = len(self.root) + 1 if self.root else 0
        for number, row in enumerate(rows):
            name = str(row[0])
            parent, at = top, cut
            parent.rows.append(number)
            while (dot := name.find(".", at)) >= 0:
                path = name[:dot]
                block = blocks.get(path)
                if block is None:
                    block = blocks[path] = Node(name[at:dot], path)
                    parent.children.append(block)
                    order.append(block)
                block.rows.append(number)
                parent, at = block, dot + 1
            leaf = Node(name[at:], name, number)
            parent.children.append(leaf)
            order.append(leaf)
        known: dict[Any, int] = {}
        for node in reversed(order):  # what is inside a block was made after it
            if node.row is not None:
                key: Any = tuple(rows[node.row][1:])
                try:
                    node.same = known.setdefault(key, len(known))
                except TypeError:
                    node.same = known.setdefault(tuple(map(str, key)), len(known))
            else:
                inside = tuple((child.label, child.same) for child in node.children)
                node.same = known.setdefault(inside, len(known))
                node.levels = 1 + max((child.levels for child in node.children), default=0)
        top.levels = 1 + max((node.levels for node in top.children), default=0)
        return top

    def _walk(self, top: Node, depth: int, merged: bool) -> Iterator[Shown]:
        """The rows to draw, from top to bottom."""
        headed = depth == 0 or bool(self.root)
        if headed:
            yield Shown(Group(self.root, top.rows, False, 1, depth > 0), self.root or self.whole, ())
        stack = [] if depth == 0 else _below([top], 1, (), headed, merged)
        while stack:
            nodes, label, level, guides = stack.pop()
            first = nodes[0]
            opened = first.row is None and level < depth
            rows = [row for node in nodes for row in node.rows]
            yield Shown(Group(first.path, rows, first.row is not None, len(nodes), opened), label, guides)
            if opened:
                stack += _below(nodes, level + 1, guides, True, merged)


def folded(name: str, depth: int) -> str:
    """The block in which a layer stands, so many levels down; its own name where it is less deep."""
    return ".".join(name.split(".", depth)[:depth]) if name.count(".") >= depth else name


def folded_table(table: Table, depth: int, whole: str) -> tuple[Table, list[list[int]]]:
    """A table of layers with the rows of each block, so many levels of blocks down, joined in one.

    Args:
        table: one row a layer, their names first.
        depth: levels of blocks that are kept.
        whole: what all together are called, at depth 0.

    Returns:
        the table, and for each of its rows the numbers of those it was made of.
    """
    parts: dict[tuple[str, bool], list[int]] = {}
    for number, row in enumerate(table.rows):
        name = folded(str(row[0]), depth)
        parts.setdefault((name, name == row[0]), []).append(number)
    made = copy(table)
    made.rows = [
        joined(table, Group(name or whole, rows, own, 1, False)) for (name, own), rows in parts.items()
    ]
    return made, list(parts.values())


def joined(table: Table, group: Group) -> Sequence[Any]:
    """Values of a group by how each column joins them; the name first, nothing where a column joins none."""
    rows = [table.rows[row] for row in group.rows]
    made: list[Any] = [group.path]
    for i, column in enumerate(table.columns[1:], 1):
        values = [row[i] for row in rows]
        if group.leaf and (len(rows) == 1 or column.join is not numbers.summed):
            made.append(values[0])
        elif column.join is None or (group.open and column.join is numbers.layers):
            made.append(numbers.Text(""))
        else:
            made.append(column.join(values))
    return made


def _below(
    nodes: list[Node], level: int, guides: tuple[bool, ...], guided: bool, merged: bool
) -> list[tuple[list[Node], str, int, tuple[bool, ...]]]:
    """What stands in equal nodes, the last first: equal children one after the other as one."""
    children = nodes[0].children
    found: list[tuple[list[Node], str, int, tuple[bool, ...]]] = []
    first = 0
    while first < len(children):
        end = first + 1
        if merged:
            while end < len(children) and _alike(children[first], children[end]):
                end += 1
        equal = [node.children[i] for node in nodes for i in range(first, end)]
        label = children[first].label if end == first + 1 else _run(children[first:end])
        last = end == len(children)
        found.append((equal, label, level, (*guides, last) if guided else ()))
        first = end
    return found[::-1]


_COUNTED: Final = re.compile(r"\d+$")


def _alike(one: Node, other: Node) -> bool:
    """Whether two nodes have the same in them, and names that only a number tells apart."""
    same = one.same == other.same and (one.row is None) == (other.row is None)
    return same and _COUNTED.sub("", one.label) == _COUNTED.sub("", other.label)


def _run(nodes: Sequence[Node]) -> str:
    """What equal nodes are called together: ``bottleneck2..8``."""
    first, last = nodes[0].label, nodes[-1].label
    number = _COUNTED.search(last)
    return f"{first}..{number[0] if number else last}"


def _guides(guides: tuple[bool, ...]) -> str:
    """The lines before a name: ``│ ├ ``."""
    if not guides:
        return ""
    return "".join("  " if last else "│ " for last in guides[:-1]) + ("└ " if guides[-1] else "├ ")


def _times(times: int) -> str:
    return f"  x {times:,}" if times > 1 else ""


def _dominant(values: Sequence[Any]) -> bool:
    return any(isinstance(value, numbers.Share) and numbers.is_large(value) for value in values)

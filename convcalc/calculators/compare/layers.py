"""Two versions of one network, layer by layer: what was added, removed and changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from convcalc.calculators.count.counts import count
from convcalc.dims import Dim
from convcalc.exporters.text import format_placed
from convcalc.graph import Graph, Node
from convcalc.records import Record

MOST_CELLS: Final = 1_000_000
"""Largest product of two numbers of layers that are aligned by the best score, not by names alone."""


class Entry(NamedTuple):
    """One layer of one of the versions."""

    name: str
    op: str
    text: str
    shape: tuple[Dim, ...]
    params: Dim
    macs: Dim


@dataclass(frozen=True)
class Change(Record):
    """One difference.

    Attributes:
        kind: ``added``, ``removed`` or ``changed``.
        name: of the layer, or of a block that was added or removed as a whole; where a changed
            layer was renamed too, ``old -> new``.
        before: the layer as the spec language writes it, or None.
        after: the same, of the second version.
        layers: how many layers this is.
        params: parameters it adds (negative: saves).
        macs: multiply-accumulates it adds, for one sample.
    """

    kind: str
    name: str
    before: str | None
    after: str | None
    layers: int
    params: Dim
    macs: Dim


@dataclass(frozen=True)
class Difference(Record):
    """All differences of two versions, in the order of the network.

    Attributes:
        changes: what was added, removed and changed.
        same: layers that stand in both as they are.
        resized: those of ``same`` whose output has another shape.
        renamed: those of ``same`` that have another name.
    """

    changes: tuple[Change, ...]
    same: int
    resized: int
    renamed: int


def alike(first: Graph, second: Graph) -> bool:
    """Whether more than half of the layers of two graphs, by name and kind, stand in both."""
    ours = {(node.name, node.op) for node in first.nodes if not node.is_input}
    theirs = {(node.name, node.op) for node in second.nodes if not node.is_input}
    return 2 * len(ours & theirs) > max(len(ours), len(theirs))


def difference(first: Graph, second: Graph) -> Difference:
    """What changed from one graph to another.

    Layers are aligned in order, by the best sum over pairs: the same name and the same layer count
    most, then the same layer, then the same name and kind, then the same kind in the same block.
    """
    ours, theirs = _entries(first), _entries(second)
    pairs = _align(ours, theirs)
    removed = {ours[i].name for i, j in pairs if i is not None and j is None}
    added = {theirs[j].name for i, j in pairs if i is None and j is not None}
    whole = {"removed": _whole_blocks(ours, removed), "added": _whole_blocks(theirs, added)}
    changes: list[Change] = []
    places: dict[tuple[str, str], int] = {}
    same = resized = renamed = 0
    for i, j in pairs:
        a, b = None if i is None else ours[i], None if j is None else theirs[j]
        if a is not None and b is not None:
            if a.text == b.text:
                same += 1
                resized += a.shape != b.shape
                renamed += a.name != b.name
                continue
            name = a.name if a.name == b.name else f"{a.name} -> {b.name}"
            changes.append(Change("changed", name, a.text, b.text, 1, b.params - a.params, b.macs - a.macs))
        elif (entry := a or b) is not None:
            kind, sign = ("removed", -1) if b is None else ("added", 1)
            block = whole[kind].get(entry.name)
            before, after = (None if one is None or block else one.text for one in (a, b))
            change = Change(
                kind, block or entry.name, before, after, 1, sign * entry.params, sign * entry.macs
            )
            place = places.setdefault((kind, block), len(changes)) if block else len(changes)
            if place == len(changes):
                changes.append(change)
            else:  # another layer of a block that was added or removed as a whole
                old = changes[place]
                params, macs = old.params + change.params, old.macs + change.macs
                changes[place] = replace(old, layers=old.layers + 1, params=params, macs=macs)
    return Difference(tuple(changes), same, resized, renamed)


def aligned(first: Graph, second: Graph) -> list[tuple[Entry | None, Entry | None]]:
    """The layers of two graphs that belong together, in order; None where a layer has no partner."""
    ours, theirs = _entries(first), _entries(second)
    pairs = _align(ours, theirs)
    return [(None if i is None else ours[i], None if j is None else theirs[j]) for i, j in pairs]


def _entries(graph: Graph) -> list[Entry]:
    texts: dict[Any, str] = {}
    lent = graph.lent()
    found = []
    for number, node in enumerate(graph.nodes):
        if number in graph.inputs:
            continue
        key = id(node.layer), node.frozen, node.shares
        text = texts.get(key)
        if text is None:
            text = texts[key] = format_placed(node, graph.input_shapes(node))
        found.append(_entry(graph, node, text, lent.get(number, ())))
    return found


def _entry(graph: Graph, node: Node, text: str, lent: Collection[str]) -> Entry:
    counts = count(node, graph.input_shapes(node), 1, lent)
    return Entry(node.name, node.op, text, node.outputs[0], counts.params, counts.macs)


Pair = tuple[int | None, int | None]


def _align(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[Pair]:
    """Numbers of layers that belong together, in order; None where a layer has no partner."""
    start = 0
    while start < min(len(ours), len(theirs)) and _same(ours[start], theirs[start]):
        start += 1
    end = 0
    while end < min(len(ours), len(theirs)) - start and _same(ours[-1 - end], theirs[-1 - end]):
        end += 1
    left, right = ours[start : len(ours) - end], theirs[start : len(theirs) - end]
    middle = _best(left, right) if len(left) * len(right) <= MOST_CELLS else _by_name(left, right)
    pairs: list[Pair] = [(n, n) for n in range(start)]
    pairs += [(i if i is None else i + start, j if j is None else j + start) for i, j in middle]
    pairs += [(len(ours) - end + n, len(theirs) - end + n) for n in range(end)]
    return pairs


def _same(a: Entry, b: Entry) -> bool:
    return a.text == b.text and a.name == b.name


def _score(a: Entry, b: Entry) -> int:
    """How well two layers belong together; 0 is not at all."""
    if a.op != b.op:
        return 0
    if a.text == b.text:
        return 10 if a.name == b.name else 7
    if a.name == b.name:
        return 6
    return 3 if a.name.rpartition(".")[0] == b.name.rpartition(".")[0] else 1


def _best(left: Sequence[Entry], right: Sequence[Entry]) -> list[Pair]:
    """The alignment with the largest sum of scores (Needleman & Wunsch 1970, gaps free)."""
    rows, columns = len(left), len(right)
    table = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        here, below, a = table[i], table[i + 1], left[i]
        for j in range(columns - 1, -1, -1):
            score = _score(a, right[j])
            here[j] = max(below[j], here[j + 1], score + below[j + 1] if score else 0)
    pairs: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        score = _score(left[i], right[j])
        if score and table[i][j] == score + table[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif table[i][j] == table[i + 1][j]:
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs + [(n, None) for n in range(i, rows)] + [(None, n) for n in range(j, columns)]


def _by_name(left: Sequence[Entry], right: Sequence[Entry]) -> list[Pair]:
    """The longest alignment by names: as these are unique, the longest increasing subsequence."""
    from bisect import bisect_left

    places = {(entry.name, entry.op): n for n, entry in enumerate(right)}
    both = [(n, j) for n, one in enumerate(left) if (j := places.get((one.name, one.op))) is not None]
    ends: list[int] = []  # the smallest place at which an alignment of each length can end
    last: list[int] = []  # which of ``both`` that is
    before: list[int | None] = []
    for number, (_, j) in enumerate(both):
        at = bisect_left(ends, j)
        before.append(last[at - 1] if at else None)
        ends[at : at + 1], last[at : at + 1] = [j], [number]
    chosen: list[tuple[int, int]] = []
    walk = last[-1] if last else None
    while walk is not None:
        chosen.append(both[walk])
        walk = before[walk]
    pairs: list[Pair] = []
    i = j = 0
    for a, b in [*reversed(chosen), (len(left), len(right))]:
        pairs += [(n, None) for n in range(i, a)] + [(None, n) for n in range(j, b)]
        pairs += [(a, b)] if a < len(left) else []
        i, j = a + 1, b + 1
    return pairs


def _whole_blocks(entries: Sequence[Entry], chosen: set[str]) -> dict[str, str]:
    """For layers that were added or removed: the outermost block that was so as a whole."""
    kept: set[str] = set()
    sizes: dict[str, int] = {}
    for entry in entries:
        for block in _blocks(entry.name):
            sizes[block] = sizes.get(block, 0) + 1
            if entry.name not in chosen:
                kept.add(block)
    found = {}
    for name in chosen:
        for block in _blocks(name):
            if block not in kept and sizes[block] > 1:
                found[name] = block
                break
    return found


def _blocks(name: str) -> list[str]:
    """The blocks a layer stands in, outermost first."""
    parts = name.split(".")[:-1]
    return [".".join(parts[: n + 1]) for n in range(len(parts))]

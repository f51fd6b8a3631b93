"""Networks side by side: the table of their totals, and which layers and blocks belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from convcalc.calculators.compare.layers import aligned
from convcalc.calculators.compare.networks import Comparison, letters
from convcalc.graph import Graph
from convcalc.page.tree import Tree

Pair = tuple[str | None, str | None, bool]
"""The id of a row in each of two networks, and whether they are the same."""


def comparison(found: Comparison) -> dict[str, Any]:
    """The table of a comparison as a reader sees it.

    Returns:
        ``title``, ``columns`` (each with ``key``, ``title`` and ``align``), ``rows`` (a text a column),
        ``facts`` (pairs of texts) and ``notes``.
    """
    from convcalc.render.views.design.compare import table

    shown = table(found)
    cells = shown.cells()
    return {
        "title": shown.title,
        "columns": [{"key": c.key, "title": c.title, "align": c.align} for c in cells.columns],
        "rows": [list(row) for row in cells.rows],
        "facts": [list(fact) for fact in shown.facts],
        "notes": list(shown.notes),
    }


def labels(texts: Sequence[str]) -> list[str]:
    """A name for each network: as it was asked for, where that is short and there once; else a letter."""
    plain = all(0 < len(text) <= 24 and " " not in text and text.isprintable() for text in texts)
    return list(texts) if plain and len(set(texts)) == len(texts) else letters(len(texts))


def matches(first: Graph, first_tree: Tree, second: Graph, second_tree: Tree) -> list[dict[str, Any]]:
    """Which rows of two networks belong together, in the order of the first.

    Layers are aligned as :func:`convcalc.compare` does: in order, by name and text, then by text, then by
    kind. A block belongs to the one in which most of its layers' partners stand.

    Returns:
        of each ``a`` and ``b``, ids or None, and ``state``: ``same``, ``changed``, ``only a``, ``only b``.
        A layer is the same if its text and its output are; a block if all its layers are and there are no
        others.
    """
    pairs: list[Pair] = []
    ours, theirs = ([graph.nodes[i] for i in graph.inputs] for graph in (first, second))
    for n in range(max(len(ours), len(theirs))):
        a, b = (nodes[n] if n < len(nodes) else None for nodes in (ours, theirs))
        same = a is not None and b is not None and a.outputs == b.outputs
        pairs.append((a.name if a else None, b.name if b else None, same))
    for x, y in aligned(first, second):
        same = x is not None and y is not None and (x.text, x.shape) == (y.text, y.shape)
        pairs.append((x.name if x else None, y.name if y else None, same))
    pairs = _blocks(pairs, first_tree, second_tree) + pairs
    ordered = _in_order(pairs, first_tree, second_tree)
    return [{"a": a, "b": b, "state": _state(a, b, same)} for a, b, same in ordered]


def _state(a: str | None, b: str | None, same: bool) -> str:
    if a is None or b is None:
        return "only b" if a is None else "only a"
    return "same" if same else "changed"


def _blocks(pairs: list[Pair], ours: Tree, theirs: Tree) -> list[Pair]:
    """The pairs of blocks that follow from those of their layers."""
    votes: Counter[tuple[str, str]] = Counter()
    differs: set[str] = set()
    other: set[str] = set()
    for a, b, same in pairs:
        above = ours.above(a)[:-1] if a is not None else []
        below = theirs.above(b)[:-1] if b is not None else []
        votes.update(zip(reversed(above), reversed(below), strict=False))
        if not same:
            differs.update(above)
            other.update(below)
    partner: dict[str, str] = {}
    taken: dict[str, str] = {}
    for (a, b), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0][0] != vote[0][1])):
        if a not in partner and b not in taken:
            partner[a], taken[b] = b, a
    found: list[Pair] = []
    for id, place in ours.places.items():
        if place.number is None:
            b = partner.get(id)
            found.append((id, b, b is not None and id not in differs and b not in other))
    for id, place in theirs.places.items():
        if place.number is None and id not in taken:
            found.append((None, id, False))
    return found


def _in_order(pairs: list[Pair], ours: Tree, theirs: Tree) -> list[Pair]:
    """The pairs in the order of the first network; what only the second has, behind what stands before it."""
    mine = {id: n for n, id in enumerate(ours.places)}
    partner = {b: mine[a] for a, b, _ in pairs if a is not None and b is not None}
    place: dict[str, tuple[int, int]] = {}
    last = -1
    for n, id in enumerate(theirs.places):
        last = partner.get(id, last)
        place[id] = last, n

    def key(pair: Pair) -> tuple[int, int]:
        a, b, _ = pair
        return (mine[a], -1) if a is not None else place[b or ""]

    return sorted(pairs, key=key)

"""Whole numbers by which layers look up what they write: checked, and bounded before a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.operation import Entries, moves, operation
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph

LARGEST = 1 << 24
"""Whole numbers up to this are what they are in float32 too."""


class Bound(NamedTuple):
    """What an input must hold: whole numbers that choose from so many entries, for the layer of that name."""

    entries: Entries
    reader: str


def bounds(graph: Graph) -> dict[int, Bound]:
    """The inputs, by the number of their node, that layers look things up by, as they are or moved."""
    found: dict[Edge, Bound] = {}

    def limit(edge: Edge, bound: Bound) -> None:
        known = found.setdefault(edge, bound)
        smaller = bound if bound.entries.size < known.entries.size else known
        negative = bound.entries.negative and known.entries.negative
        found[edge] = smaller._replace(entries=Entries(smaller.entries.size, negative))

    for number in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[number]
        for place, entries in operation(node.layer).looks_up(node.layer).items():
            if place < len(node.inputs):
                limit(node.inputs[place], Bound(entries, node.name))
        if found and moves(node.layer):
            edges = [edge for edge in (Edge(number, o) for o in range(len(node.outputs))) if edge in found]
            for edge in node.inputs:
                for one in edges:
                    limit(edge, found[one])
    return {number: found[Edge(number)] for number in graph.inputs if Edge(number) in found}


def as_indices(values: Array, entries: Entries) -> tuple[Array, Array | None]:
    """Whole numbers from an array of numbers, and where it holds no number (0 stands there).

    Args:
        values: integers, floats, or objects that are numbers.
        entries: what they choose from.

    Returns:
        integers from 0 to ``size - 1``; booleans where NaN stood, None where nowhere.

    Raises:
        ExecutionError: a fraction, an infinity, or a number outside.
    """
    size = entries.size
    low = -size if entries.negative else 0
    due = f"where a whole number from {low} to {size - 1} is due"
    missing = None
    if values.dtype.kind not in "iu":
        values = values.astype(np.float64)
        holes = np.isnan(values)
        if holes.any():
            missing, values = holes, np.where(holes, 0.0, values)
        odd = values[(values != np.floor(values)) | np.isinf(values)]
        if odd.size:
            raise ExecutionError(f"an index is {odd.flat[0]:g}, {due}")
    outside = values[(values < low) | (values >= size)]
    if outside.size:
        raise ExecutionError(f"an index is {int(outside.flat[0])}, {due}")
    index = values.astype(np.int64)
    return np.where(index < 0, index + size, index) if entries.negative else index, missing

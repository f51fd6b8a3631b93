"""The receptive field of a network's output, in numbers for other calculators."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from convcalc.calculators.receptive_field.graph import ReceptiveField, receptive_field
from convcalc.dims import Dim, is_symbolic
from convcalc.graph import Graph


class OutputField(NamedTuple):
    """Receptive field of a network on its first input.

    Attributes:
        size: input positions per axis, the most over the phases of the output: of the output, or,
            where a global operation makes the output see everything, the largest of a layer before
            it. None on an axis along which no layer sees only a part.
        stride: effective stride per axis; None where it is not constant.
        everything: whether the output itself sees the whole input.
    """

    size: tuple[Dim | None, ...]
    stride: tuple[Any, ...]
    everything: bool


def show_field(field: OutputField) -> str:
    """The field as people write it: ``5x5``; ``all`` where nothing sees only a part."""
    sizes = ["all" if n is None else str(n) for n in field.size]
    if all(size == "all" for size in sizes):
        return "all"
    return (" x " if any(is_symbolic(n) for n in field.size) else "x").join(sizes)


def field_of(graph: Graph, fields: ReceptiveField | None = None) -> OutputField | None:
    """The field of a network; None where its output sees no pixel of the input, or its size is unknown.

    Args:
        graph: the network.
        fields: its receptive fields, where they have been worked out.
    """
    found = receptive_field(graph) if fields is None else fields
    output = found.output
    if output is None or not output.axes:
        return None
    everything = all(axis.everything for axis in output.axes)
    row = output
    if any(n is None for n in output.local):
        rows = [
            layer
            for layer in found.layers
            if layer.input == output.input and all(type(n) is int for n in layer.local)
        ]
        row = max(rows, key=lambda layer: prod(layer.local), default=output)
    if not all(axis.known for axis in row.axes if axis.local):
        return None
    return OutputField(row.local, row.stride, everything)

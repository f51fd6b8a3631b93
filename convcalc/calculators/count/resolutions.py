"""The largest tensor that has to be held at each spatial resolution (Sandler et al. 2018, Table 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.count.memory import itemsize
from convcalc.calculators.count.report import folded
from convcalc.dims import prod
from convcalc.graph import Graph, Spec, as_graph
from convcalc.records import Record

_OUTSIDE: Final = "*"
"""Stands for whoever reads an output of the graph; no layer has this name."""


NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Resolution(Record):
    """The largest tensor of one resolution.

    Attributes:
        size: the spatial sizes.
        channels: its channels.
        bytes: its size in memory, for the whole batch.
        layer: the layer or block that writes it; the input of the graph has its own name.
        tensors: how many tensors of this resolution are held, at one time or another.
    """

    size: tuple[int, ...]
    channels: int
    bytes: int
    layer: str
    tensors: int


@question
def resolutions(
    graph: Spec,
    *,
    depth: int | None = None,
    fused: Sequence[str] = (),
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> list[Resolution]:
    """The largest tensor held at each resolution, from the input onwards.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``; its sizes must be numbers.
        depth: blocks this many levels down are computed piece by piece (Sandler et al. 2018, section
            5.1), so that only what one of them hands to another is held; every tensor when not given.
        fused: layers or blocks whose output is never held: whoever reads it computes it again.
        batch: samples in one pass.
        dtype: element type of the bytes.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Returns:
        one row per resolution, in order of first appearance. Tensors without spatial axes are left out.

    Raises:
        Unreachable: a size is not a number, or ``fused`` names no layer or block.
        ValueError: the depth or the batch is negative, or the dtype is unknown.
        SpecError: the spec cannot be read.
    """
    if depth is not None and depth < 0:
        raise ValueError(f"depth must be 0 or more, got {depth}")
    if batch < 1:
        raise ValueError(f"batch must be a whole number of at least 1, got {batch}")
    item = itemsize(dtype)
    graph = as_graph(graph, input=input, set=set)
    inputs = frozenset(graph.inputs)
    places = [
        node.name if depth is None or number in inputs else folded(node.name, depth)
        for number, node in enumerate(graph.nodes)
    ]
    for name in fused:
        if not any(_within(node.name, name) for node in graph.nodes):
            raise Unreachable(f"there is no layer or block {name!r}", expected="a name that summary shows")
    readers = _readers(graph, places)
    found: dict[tuple[int, ...], list[tuple[int, int, str]]] = {}
    for number, (node, place) in enumerate(zip(graph.nodes, places, strict=True)):
        if node.layer.view or any(_within(node.name, name) for name in fused):
            continue
        for output, shape in enumerate(node.outputs):
            if len(shape) < 2 or not readers.get((number, output), NOBODY) - {place}:
                continue
            if not all(type(n) is int for n in shape):
                raise Unreachable("sizes are not numbers here", expected="the shape of the input")
            found.setdefault(shape[1:], []).append((prod(shape) * item * batch, shape[0], place))
    rows = []
    for size, tensors in found.items():
        most, channels, place = max(tensors, key=lambda tensor: tensor[0])
        rows.append(Resolution(size, channels, most, place or graph.name, len(tensors)))
    return rows


def _readers(graph: Graph, places: Sequence[str]) -> dict[tuple[int, int], set[str]]:
    """The layers or blocks that read each tensor; who reads a view reads the tensor that it is a view of."""
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    found: dict[tuple[int, int], set[str]] = {}
    for number, (node, place) in enumerate(zip(graph.nodes, places, strict=True)):
        for edge in node.inputs:
            found.setdefault(owner.get(edge, edge), set()).add(place)
        if node.layer.view and node.inputs:
            owner[number, 0] = owner.get(node.inputs[0], node.inputs[0])
    for edge in graph.outputs:
        found.setdefault(owner.get(edge, edge), set()).add(_OUTSIDE)
    return found


def _within(layer: str, name: str) -> bool:
    """Whether a layer is the one of that name, or stands in the block of that name."""
    return layer == name or layer.startswith(f"{name}.")

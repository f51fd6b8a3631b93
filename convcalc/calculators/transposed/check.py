"""The transposed convolutions of a network: the overlap they make and what they cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convcalc.budget import question
from convcalc.calculators.transposed.costs import Costs, costs
from convcalc.calculators.transposed.settings import Overlap, TransposedAxis, describe
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.records import Record


@dataclass(frozen=True, slots=True)
class TransposedLayer(Record):
    """One transposed convolution.

    Attributes:
        name: of the layer.
        node: of the graph.
        axes: what :func:`convcalc.calculators.transposed.settings.describe` says of each axis; None where
            a size is not a number.
        costs: its multiply-accumulates, three ways; None as well.
    """

    KEYS = "name even=is_even axes costs"

    name: str
    node: Node
    axes: tuple[TransposedAxis, ...] | None
    costs: Costs | None

    @property
    def overlaps(self) -> tuple[Overlap, ...]:
        """The overlap along each axis; nothing where a size is not a number."""
        return tuple(axis.overlap for axis in self.axes or ())

    @property
    def is_even(self) -> bool | None:
        """Whether every output pixel gets as many products, borders aside; None where unknown."""
        return all(one.is_even for one in self.overlaps) if self.axes is not None else None


@question
def check_transposed(
    graph: Spec,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> list[TransposedLayer]:
    """Overlap and costs of every transposed convolution of a network, in execution order.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    return [_layer(graph, node, node.layer) for node in graph.nodes if isinstance(node.layer, ConvTranspose)]


def _layer(graph: Graph, node: Node, layer: ConvTranspose) -> TransposedLayer:
    sizes = graph.input_shapes(node)[0][1:]
    crops = layer.crops()
    numbers = (*sizes, *layer.kernel, *layer.stride, *layer.dilation, *(n for crop in crops for n in crop))
    counted = (layer.in_channels, layer.out_channels, layer.groups)
    if not all(type(n) is int for n in (*numbers, *counted)):
        return TransposedLayer(node.name, node, None, None)
    axes = tuple(
        describe(i, k, s, before, after, extra, d)
        for i, k, s, d, (before, after, extra) in zip(
            sizes, layer.kernel, layer.stride, layer.dilation, crops, strict=True
        )
    )
    channels = (layer.in_channels, layer.out_channels)
    return TransposedLayer(node.name, node, axes, costs(axes, channels, layer.groups))

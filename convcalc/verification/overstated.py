"""Layers after which more is stated to be read than is read, though no end of the input cuts it.

The formulas follow one field for all channels of a tensor together. That is more than what is read where
channels that see different pixels are taken apart again, where a map was cropped, or made of one pixel, and
then padded, and after a reshape that cuts axes. All of it is derived from the index windows that the layers
state (:meth:`convcalc.layers.base.Layer.reads`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convcalc.dims import Shape
from convcalc.graph import Graph, Node
from convcalc.layers.base import NO_OPS
from convcalc.layers.reads import Chain, Every, Reads, Resample, Slide, Spread, Whole


def reads_less(graph: Graph, numbers: Sequence[int]) -> bool:
    """Whether positions of the last of these nodes may read less than the indices that are stated.

    Args:
        graph: the graph.
        numbers: the nodes that a node depends on, itself the last, in order.
    """
    flat = False
    for node in (graph.nodes[number] for number in numbers):
        cuts = _cuts_axes(graph, node)
        if (cuts and len(node.outputs[0]) > 1) or (flat and _takes_channels_apart(graph, node)):
            return True
        flat = flat or cuts or _gathers(graph, node)
    return False


def field_is_smaller(graph: Graph, numbers: Sequence[int]) -> bool:
    """Whether the field of the last of these nodes may be smaller than the one that is stated."""
    if reads_less(graph, numbers):
        return True
    differ = laid_out = False
    for number in numbers:
        node = graph.nodes[number]
        if (differ and _takes_channels_apart(graph, node)) or (laid_out and _reads_beside(graph, node)):
            return True
        if _crops_map(graph, node):
            return True
        if number != numbers[-1] and (_crops_result(node) or _stands_still(graph, node)):
            return True
        differ = differ or _channels_differ(graph, node)
        laid_out = laid_out or _makes_axes(graph, node)
    return False


def reads_beside(graph: Graph, numbers: Sequence[int]) -> bool:
    """Whether a window of one of these nodes reads beside the map."""
    return any(_reads_beside(graph, graph.nodes[number]) for number in numbers)


def reads_nothing_between(graph: Graph, numbers: Sequence[int]) -> bool:
    """Whether some positions of one of these nodes read nothing of one of its inputs.

    It spreads what it reads so far apart that others lie between, or joins inputs along an axis of its own.
    """
    return any(
        len(window) > len(read)
        for number in numbers
        for window, read, _ in _windows(graph, graph.nodes[number])
    ) or any(
        isinstance(axis.rule, Spread) and not all(axis.rule.taps(j) for j in range(axis.rule.stride))
        for number in numbers
        for window, _, _ in _windows(graph, graph.nodes[number])
        for axis in window[1:]
    )


def _windows(graph: Graph, node: Node) -> Iterator[tuple[Reads, Shape, Shape]]:
    """Every window of a layer, with the shape that it reads and the shape that it writes."""
    inputs = graph.input_shapes(node)
    for output, written in enumerate(node.outputs):
        for shape, ways in zip(inputs, node.layer.reads(inputs, node.outputs, output), strict=True):
            for window in ways:
                yield window, shape, written


def _cuts_axes(graph: Graph, node: Node) -> bool:
    """Whether a layer cuts or regroups axes, and is yet stated to read several places along one."""
    return (node.layer.regroups or node.layer.cuts_axes) and any(
        isinstance(axis.rule, (Chain, Every)) or (isinstance(axis.rule, Slide) and axis.rule.stride > 1)
        for window, _, _ in _windows(graph, node)
        for axis in window
    )


def _gathers(graph: Graph, node: Node) -> bool:
    """Whether a layer that only moves values is stated to read several at once: each channel reads fewer."""
    layer, inputs = node.layer, graph.input_shapes(node)
    if layer.has_macs or layer.elementwise or layer.ops(inputs, node.outputs) != NO_OPS:
        return False
    return any(
        len(axis.rule.of(j, n)) > 1
        for window, read, written in _windows(graph, node)
        for axis, n in zip(window[: len(read)], read, strict=True)
        for j in (0, axis.count(written) // 2)
    )


def _channels_differ(graph: Graph, node: Node) -> bool:
    """Whether channels that a layer writes see different positions or inputs.

    Some window writes part of the channels only, or the channels run along an axis of the map.
    """
    return any(
        any(0 in axis.outputs for axis in window[1:])
        or (window[0].outputs == (0,) and any(not window[0].rule.of(j, read[0]) for j in range(written[0])))
        for window, read, written in _windows(graph, node)
    )


def _takes_channels_apart(graph: Graph, node: Node) -> bool:
    """Whether some window of a layer reads part of the channels only, or reads them along the map."""
    for window, read, written in _windows(graph, node):
        axis = window[0]
        if any(axis.outputs):
            return True
        seen = {i for j in range(axis.count(written)) for i in axis.rule.of(j, read[0])}
        if len(seen) < read[0]:
            return True
    return False


def _makes_axes(graph: Graph, node: Node) -> bool:
    """Whether an axis of the map that a layer writes grows with no size of the input.

    No axis of the map runs along it, or it is put together of parts that read all of another one.
    """
    return any(
        not {o for axis in window[1:] if not isinstance(axis.rule, Whole) for o in axis.outputs}.issuperset(
            range(1, len(written))
        )
        for window, _, written in _windows(graph, node)
    )


def _reads_beside(graph: Graph, node: Node) -> bool:
    """Whether some window reads beside the map: beside an axis so made lies no pixel of any input."""
    return any(
        isinstance(axis.rule, (Slide, Spread)) and not all(0 <= tap < n for tap in axis.rule.taps(j))
        for window, read, written in _windows(graph, node)
        for axis, n in zip(window[1 : len(read)], read[1:], strict=True)
        for j in (0, axis.count(written) - 1)
    )


def _crops_map(graph: Graph, node: Node) -> bool:
    """Whether a layer reads an axis of the map index for index and leaves some out, or reads one of them."""
    return any(
        isinstance(axis.rule, Slide)
        and (
            size > 1
            if axis.output is None
            else any(axis.outputs)
            and (axis.rule.count, axis.rule.stride, axis.rule.dilation) == (1, 1, 1)
            and axis.count(written) < size
        )
        for window, read, written in _windows(graph, node)
        for axis, size in zip(window[1 : len(read)], read[1:], strict=True)
    )


def _stands_still(graph: Graph, node: Node) -> bool:
    """Whether all positions along an axis read the same index: padding after it lies nowhere in the input."""
    return any(
        isinstance(axis.rule, (Resample, Slide)) and axis.rule.period()[1] == 0
        for window, _, _ in _windows(graph, node)
        for axis in window[1:]
    )


def _crops_result(node: Node) -> bool:
    """Whether a transposed convolution crops what it writes."""
    crops = getattr(node.layer, "crops", None)
    return crops is not None and any(before or after for before, after, _ in crops())

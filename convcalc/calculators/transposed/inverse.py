"""The transposed convolution that leads from what a convolution writes back to what it read."""

from __future__ import annotations

from typing import Any, NamedTuple

from convcalc.calculators.answers import Unreachable, whole
from convcalc.calculators.transposed.settings import Setting, Settings, TransposedAxis, describe, size
from convcalc.dims import UNKNOWN
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph, Node
from convcalc.layers.windows.conv import Conv
from convcalc.spec import SpecError, load


class Inverse(NamedTuple):
    """A transposed convolution that restores the sizes of a convolution's input.

    Attributes:
        axes: it, along each axis.
        settings: the one setting of each axis, which follows from the convolution.
        channels: in and out.
        groups: of channels.
        like: the convolution, as text.
    """

    axes: tuple[TransposedAxis, ...]
    settings: tuple[Settings, ...]
    channels: tuple[int, int]
    groups: int
    like: str


def inverse(like: str, input: Any, channels: tuple[int, int] | None, rank: int | None) -> Inverse:
    """The transposed convolution that inverts the shape of a convolution (Dumoulin & Visin 2016, section 4).

    Args:
        like: one convolution in the spec language.
        input: size that goes into the convolution, one for all axes or one per axis.
        channels: of the transposed convolution, in and out; those of the convolution where None.
        rank: number of axes, where ``input`` does not say it.

    Raises:
        Unreachable: the spec is no single convolution, or its sizes are no numbers.
        SpecError: the spec cannot be read.
    """
    layer, sizes, outputs = _convolution(like, input, channels, rank)
    axes = []
    pads = layer.pads((layer.in_channels, *sizes))
    for i, o, k, s, d, (before, after) in zip(
        sizes, outputs, layer.kernel, layer.stride, layer.dilation, pads, strict=True
    ):
        # With s added, so that something is left of the output whatever the padding crops.
        missing = i - (size(o, k, s, before, after, s, d) - s)
        axes.append(describe(o, k, s, before, after, missing, d))
    settings = tuple(
        Settings((Setting(axis.stride, axis.before, axis.output_padding, axis.dilation),), True)
        for axis in axes
    )
    into = (layer.out_channels, layer.in_channels)
    return Inverse(tuple(axes), settings, into, layer.groups, format_layer(layer))


def _convolution(
    like: str, input: Any, channels: tuple[int, int] | None, rank: int | None
) -> tuple[Conv, tuple[int, ...], tuple[int, ...]]:
    """The one convolution of a spec, the sizes it reads and those it writes."""
    sizes = tuple(input) if isinstance(input, (tuple, list)) else (input,)
    for n in sizes:
        whole(n, "input", 1)
    ranks = (len(sizes),) if len(sizes) > 1 else (rank,) if rank is not None else (2, 3, 1)

    def read(arriving: Any) -> tuple[Graph, Node]:
        problem = None
        for count in ranks:
            try:
                graph = load(like, input=(arriving, *(sizes * count if len(sizes) == 1 else sizes)))
            except SpecError as error:
                problem = problem or error
                continue
            nodes = [node for node in graph.nodes if node.inputs]
            if len(nodes) != 1 or not isinstance(nodes[0].layer, Conv):
                raise Unreachable(
                    f"{like!r} is not one convolution", expected="one layer, such as 'conv 64 k5 s2 p2'",
                    field="like",
                )  # fmt: skip
            return graph, nodes[0]
        assert problem is not None
        raise problem

    graph, node = read(UNKNOWN if channels is None else channels[1])
    layer = node.layer
    assert isinstance(layer, Conv)
    if layer.in_channels is UNKNOWN:  # as few as there can be
        graph, node = read(layer.groups if layer.groups is not UNKNOWN else _whole_or_one(layer.out_channels))
    shape = graph.input_shapes(node)[0][1:]
    layer = node.layer
    assert isinstance(layer, Conv)
    if not all(type(n) is int for n in (*layer.kernel, *layer.stride, *layer.dilation, *shape)):
        raise Unreachable(f"{like!r} has sizes that are no numbers", field="like")
    return layer, shape, node.outputs[0][1:]


def _whole_or_one(value: Any) -> int:
    return value if type(value) is int else 1

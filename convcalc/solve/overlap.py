"""Transposed convolutions executed: products per output pixel, and the equivalent convolution.

The layer is run on ones for its overlap; it and its equivalent convolution are run on the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

import numpy as np

from convcalc.calculators.transposed.costs import layer_of
from convcalc.calculators.transposed.settings import TransposedAxis, describe
from convcalc.executor import execute
from convcalc.executor.arithmetic.arith import Array
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph
from convcalc.layers.windows.window import effective
from convcalc.spec import load

MAX_PRODUCTS: Final = 1 << 26
"""Most products for which the overlap is executed."""


def executed_range(axes: Sequence[TransposedAxis], short: Sequence[TransposedAxis]) -> tuple[int, int]:
    """Fewest and most products of an output pixel; of a long input the short one has the same."""
    counts = [
        executed_overlap([min(pair, key=lambda axis: axis.input)]) for pair in zip(axes, short, strict=True)
    ]
    return prod(int(one.min()) for one in counts), prod(int(one.max()) for one in counts)


def shortened(axis: TransposedAxis) -> TransposedAxis:
    """The axis on an input just long enough to have every phase away from the borders."""
    span = effective(axis.kernel, axis.dilation)
    enough = -(-(2 * span + 2 * axis.stride + axis.before + axis.after) // axis.stride) + 2
    crops = (axis.before, axis.after, axis.output_padding, axis.dilation)
    return describe(enough, axis.kernel, axis.stride, *crops)


def _graph(axes: Sequence[TransposedAxis]) -> Graph:
    spec = format_layer(layer_of(tuple(axes), (1, 1), 1))
    return load(spec, input=(1, *(axis.input for axis in axes)))


def executed_overlap(axes: Sequence[TransposedAxis]) -> Array:
    """Products that each output pixel gets: the layer run on ones with weights of one."""
    graph = _graph(axes)
    ones = np.ones((1, 1, *(axis.input for axis in axes)))
    weight = np.ones((1, 1, *(axis.kernel for axis in axes)))
    found = execute(graph, ones, {f"{graph.nodes[-1].name}.weight": weight})
    counts: Array = np.rint(found[0, 0]).astype(np.int64)
    return counts


def as_counted(axes: Sequence[TransposedAxis], overlap: Array) -> bool:
    """Whether the executed overlap is that of the phases wherever no border is near."""
    inner, wanted = [], np.ones((), dtype=np.int64)
    for axis in axes:
        positions = shortened(axis).inner
        inner.append(slice(positions.start, positions.stop))
        counts = [axis.overlap.counts[y % axis.stride] for y in positions]
        wanted = np.multiply.outer(wanted, np.asarray(counts))
    return wanted.size > 0 and bool(np.array_equal(overlap[tuple(inner)], wanted))


def same_as_convolution(axes: Sequence[TransposedAxis], seed: int = 0) -> bool:
    """Whether the transposed and the equivalent convolution give the same numbers.

    Executed axis by axis (the layers are separable in their sizes) on whole numbers, so that equal
    means equal: zeros inserted, padded (or cropped, where the padding is negative), kernel rotated.
    """
    rng = np.random.default_rng(seed)
    for axis in dict.fromkeys(axes):
        short = axis if axis.output * axis.kernel <= MAX_PRODUCTS else shortened(axis)
        x = rng.integers(-9, 10, (1, 1, short.input)).astype(np.float64)
        weight = rng.integers(-9, 10, (1, 1, axis.kernel)).astype(np.float64)
        graph = _graph([short])
        direct = execute(graph, x, {f"{graph.nodes[-1].name}.weight": weight})
        stretched = np.zeros((1, 1, short.equivalent.stretched))
        stretched[..., :: axis.stride] = x
        pads = (short.equivalent.before, short.equivalent.after)
        padded = np.pad(stretched, ((0, 0), (0, 0), (max(pads[0], 0), max(pads[1], 0))))
        padded = padded[..., max(-pads[0], 0) : padded.shape[-1] - max(-pads[1], 0)]
        ordinary = load(f"conv 1 k{axis.kernel} d{axis.dilation} bias=false", input=(1, padded.shape[-1]))
        rotated = np.ascontiguousarray(weight[..., ::-1])
        again = execute(ordinary, padded, {f"{ordinary.nodes[-1].name}.weight": rotated})
        if not np.array_equal(direct, again):
            return False
    return True

"""Transposed convolution, the fast form.

One matrix product a group gives every product; each tap is then added where it lands.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.kernels.conv import COLUMN_BYTES, FEW, add_bias, check_channels
from convcalc.executor.parallel import each, scratch, spans
from convcalc.executor.windows import ExecutionError, blocks, extent, taps, transposed_padding


def conv_transposed(call: Call) -> Array:
    """Transposed convolution of ``x (N, I, *spatial)`` with ``weight (I, O/groups, *kernel)``.

    Every input entry times the kernel is added to the output at stride steps; the padding is then
    cropped from the result, and the output padding appended (as rows nothing may have landed on).
    """
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    groups, kernel = layer.groups, weight.shape[2:]
    stride, dilation = layer.stride, layer.dilation
    check_channels(x, len(weight))
    n, channels, *sizes = x.shape
    pads, extra = transposed_padding(layer.padding, kernel, stride, dilation, layer.output_padding)
    canvas_sizes, keep = canvas(sizes, kernel, stride, dilation, pads, extra)
    depth, per_group, many = channels // groups, weight.shape[1], prod(kernel)
    matrix = weight.reshape(groups, depth, per_group * many).swapaxes(1, 2)
    flat = x.reshape(n, groups, depth, prod(sizes))
    total = np.zeros((n, groups, per_group, *canvas_sizes), x.dtype)

    def some(piece: tuple[int, slice, slice]) -> None:
        """All of the input, for some groups and some of their output channels."""
        i, g, o = piece
        sums, factors = total[i, g, o], matrix[g, o.start * many : o.stop * many]
        rows = prod(sums.shape[:2]) * many
        done = 0
        for block in blocks(sizes, max(1, COLUMN_BYTES // (rows * x.itemsize))):
            shape = tuple(b.stop - b.start for b in block)
            width = prod(shape)
            columns = scratch(rows * width, x.dtype).reshape(len(factors), -1, width)
            t.matmul(factors, flat[i, g, :, done : done + width], out=columns)
            parts = columns.reshape(*sums.shape[:2], *kernel, *shape)
            for tap in taps(kernel):
                lands = tuple(
                    slice(k * d + b.start * s, k * d + (b.stop - 1) * s + 1, s)
                    for k, d, s, b in zip(tap, dilation, stride, block, strict=True)
                )
                t.accumulate(sums[at(..., *lands)], parts[at(slice(None), slice(None), *tap)])
            done += width

    step = -(-per_group // FEW) if groups == 1 else per_group
    cuts = product(range(n), spans(groups, -(-groups // FEW)), spans(per_group, step))
    each(some, cuts, t.shared)
    if t.counting:
        t.cropped(_lost(sizes, kernel, stride, dilation, canvas_sizes, keep) * n * channels * per_group)
    everything = total.reshape(n, groups * per_group, *canvas_sizes)
    y = everything[at(slice(None), slice(None), *keep)]
    # A copy even where the crop is contiguous: a view would keep what was cropped alive.
    y = everything if y.shape == everything.shape else y.copy()
    if layer.bias:
        add_bias(t, y, call.params["bias"])
    return y


def _lost(
    sizes: list[int],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    room: tuple[int, ...],
    keep: tuple[slice, ...],
) -> int:
    """Pairs of an input position and a tap that land where the output is cropped."""
    landed = np.zeros(room, np.int64)
    for tap in taps(kernel):
        axes = zip(tap, dilation, stride, sizes, strict=True)
        landed[tuple(slice(k * d, k * d + (n - 1) * s + 1, s) for k, d, s, n in axes)] += 1
    return int(landed.sum()) - int(landed[keep].sum())


def canvas(
    sizes: list[int] | tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    extra: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Room for everything a transposed convolution writes, and which of it is the output."""
    room, keep = [], []
    for n, k, s, d, (before, after), more in zip(sizes, kernel, stride, dilation, pads, extra, strict=True):
        written = range(0, n * s, s)[-1] + extent(k, d)
        stop = written - after + more
        if stop <= before:
            raise ExecutionError(f"padding {before}:{after} crops all {written} positions")
        room.append(max(written, stop))
        keep.append(slice(before, stop))
    return tuple(room), tuple(keep)

"""Transposed convolution.

The fast form: one matrix product per group gives every product; each tap is then added where it
lands.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, Params, at, check_channels
from convcalc.executor.kernels.products.weights import arriving, correlate, one_filter
from convcalc.executor.kernels.windows.conv import COLUMN_BYTES, LEAST_TILES, add_bias
from convcalc.executor.marks import (
    Reach,
    all_channels,
    from_groups,
    no_marks,
    sum_over_space,
    sum_windows,
    to_groups,
)
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes, Sizes, run_kernel
from convcalc.executor.parallel import each, scratch, spans
from convcalc.executor.windows import (
    ExecutionError,
    blocks,
    extent,
    pad,
    tap_place,
    tap_slices,
    taps,
    transposed_padding,
)


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
    canvas_sizes, keep = canvas(layer, sizes, kernel)
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

    step = -(-per_group // LEAST_TILES) if groups == 1 else per_group
    cuts = product(range(n), spans(groups, -(-groups // LEAST_TILES)), spans(per_group, step))
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
    layer: Any, sizes: Sequence[int], kernel: Sequence[int]
) -> tuple[tuple[int, ...], tuple[slice, ...]]:
    """Room for everything a transposed convolution writes, and which of it is the output."""
    stride, dilation = layer.stride, layer.dilation
    pads, extra = transposed_padding(layer.padding, kernel, stride, dilation, layer.output_padding)
    room, keep = [], []
    for n, k, s, d, (before, after), more in zip(sizes, kernel, stride, dilation, pads, extra, strict=True):
        written = range(0, n * s, s)[-1] + extent(k, d)
        stop = written - after + more
        if stop <= before:
            raise ExecutionError(f"padding {before}:{after} crops all {written} positions")
        room.append(max(written, stop))
        keep.append(slice(before, stop))
    return tuple(room), tuple(keep)


def naive_conv_transposed(call: Call) -> Array:
    """Transposed convolution: every input entry times the kernel is added at stride steps."""
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    channels, per_group, *kernel = weight.shape
    check_channels(x, channels)
    sizes, stride, dilation = x.shape[2:], layer.stride, layer.dilation
    room, keep = canvas(layer, sizes, kernel)
    total = call.zeros((len(x), layer.groups * per_group, *room))
    for i in range(len(x)):
        for c in range(channels):
            first = c // (channels // layer.groups) * per_group  # first output channel of the group
            for p in taps(sizes):
                for o in range(per_group):
                    for k in taps(kernel):
                        lands = tap_place(p, stride, k, dilation)
                        inside = all(b.start <= a < b.stop for a, b in zip(lands, keep, strict=True))
                        with t.accumulating(valid=inside):
                            product = weight[at(c, o, *k)] * x[at(i, c, *p)]
                            total[at(i, first + o, *lands)] = total[at(i, first + o, *lands)] + product
    y = np.array(total[at(slice(None), slice(None), *keep)])
    if layer.bias:
        bias = call.params["bias"]
        for entry in taps(y.shape):
            y[entry] = y[entry] + bias[entry[1]]
    return y


def _backward(r: Reach) -> list[Array]:
    layer, (channels, *sizes) = r.layer, r.inputs[0]
    room, keep = canvas(layer, sizes, layer.kernel)
    mark = to_groups(r.mark, r.outputs[0][0], layer.groups)
    total = no_marks(mark, *mark.shape[:2], *room)
    total[at(slice(None), slice(None), *keep)] = mark
    return [from_groups(sum_windows(total, sizes, layer.kernel, layer.stride, layer.dilation), channels)]


def _gradient(b: Backprop) -> list[Array]:
    """A convolution with the same weights, over everything that was written."""
    layer, sizes = b.layer, b.x.shape[2:]
    room, keep = canvas(layer, sizes, layer.kernel)
    total = pad(b.g, tuple((k.start, n - k.stop) for n, k in zip(room, keep, strict=True)))
    adjoint = SimpleNamespace(
        op="conv",
        groups=layer.groups,
        stride=layer.stride,
        dilation=layer.dilation,
        padding=((0, 0),) * len(sizes),
        padding_mode="zeros",
        bias=False,
    )
    (passed,) = run_kernel(Call(adjoint, (total,), Params("", {"weight": b.params["weight"]})))
    assert passed is not None
    return [passed[at(slice(None), slice(None), *(slice(n) for n in sizes))]]


def _weights(layer: Any) -> Shapes:
    weight = (layer.in_channels, layer.out_channels // layer.groups, *layer.kernel)
    return {"weight": weight, **({"bias": (layer.out_channels,)} if layer.bias else {})}


def _fan_in(layer: Any) -> int:
    """Each output receives about kernel / stride taps per axis."""
    if not all(isinstance(s, int) for s in layer.stride):
        raise ExecutionError(f"a stride of {layer.stride} is not numeric")
    taps_read = layer.in_channels // layer.groups * prod(layer.kernel) // prod(layer.stride)
    return max(1, int(taps_read))


def _working_bytes(s: Sizes) -> int:
    """Room for everything that is written, and a column buffer for every thread."""
    layer, sizes = s.layer, s.inputs[0][1:]
    room, _ = canvas(layer, sizes, layer.kernel)
    position = layer.out_channels * prod(layer.kernel) * s.item  # what one input position gives
    columns = min(max(COLUMN_BYTES, position), position * prod(sizes))
    return int(layer.out_channels * prod(room) * s.item * s.batch + s.threads * columns)


def _slope(layer: Any, x: Array, g: Array) -> Array:
    """What the taps write, times the gradient there; what is cropped has none."""
    room, keep = canvas(layer, x.shape[2:], layer.kernel)
    total = pad(g, tuple((k.start, n - k.stop) for n, k in zip(room, keep, strict=True)))
    return correlate(x, total, layer.kernel, layer.stride, layer.dilation, layer.groups)


def _read_taps(r: Reach) -> list[Array]:
    """A tap is read where one of its products lands on a mark."""
    layer, (channels, *sizes), outs = r.layer, r.inputs[0], r.outputs[0][0]
    room, keep = canvas(layer, sizes, layer.kernel)
    mark = all_channels(r.mark, outs)
    total = no_marks(mark, *mark.shape[:2], *room)
    total[at(slice(None), slice(None), *keep)] = mark
    found = no_marks(mark, *mark.shape[:2], *layer.kernel)
    for tap in taps(layer.kernel):
        lands = total[at(..., *tap_slices(tap, sizes, layer.stride, layer.dilation))]
        found[at(..., *tap)] = sum_over_space(lands).reshape(lands.shape[:2])
    by_group = found.reshape(len(mark), layer.groups, -1, *layer.kernel)
    return [np.repeat(by_group, channels // layer.groups, axis=1), *one_filter(r)[1:]]


OPERATIONS["convT"] = arriving(
    Operation(
        conv_transposed,
        naive_conv_transposed,
        _backward,
        _gradient,
        _weights,
        _fan_in,
        _working_bytes,
    ),
    _slope,
    _read_taps,
)

"""Convolution, transposed convolution and linear layers, the fast forms.

Convolution: strided windows copied into a column buffer, one matrix product a group. 1x1: the
input itself is the column buffer. Depthwise: one product and one sum a tap. Transposed
convolution: one matrix product a group gives every product, each tap is then added where it
lands. The column buffer never exceeds :data:`COLUMN_BYTES` (save that it holds one position).
"""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.executor.arith import Arith, Array
from convcalc.executor.call import Call, at, per_channel
from convcalc.executor.windows import (
    ExecutionError,
    blocks,
    conv_padding,
    extent,
    out_sizes,
    pad,
    tap_slices,
    taps,
    transposed_padding,
    windows,
)

COLUMN_BYTES = 4 << 20
"""Size of the column buffer; measured: smaller ones starve the matrix product, larger ones the cache."""

CHANNELS_LAST_BELOW = 40
"""Depthwise rows shorter than this are computed with channels innermost, for longer inner loops."""

DEPTHWISE_BYTES = 1 << 18
"""Size of the accumulator a depthwise convolution works on at a time."""


def conv(call: Call) -> Array:
    """Convolution of ``x (N, I, *spatial)`` with ``weight (O, I/groups, *kernel)``."""
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    groups = layer.groups
    kernel = weight.shape[2:]
    check_channels(x, weight.shape[1] * groups)
    sizes = x.shape[2:]
    pads = conv_padding(layer.padding, sizes, kernel, layer.stride, layer.dilation)
    out = out_sizes(sizes, kernel, layer.stride, layer.dilation, pads)
    padded = pad(x, pads, mode=layer.padding_mode)
    real = None
    if t.counting and layer.padding_mode == "zeros" and padded is not x:
        real = pad(np.ones((1, 1, *sizes), np.int8), pads)
    if groups > 1 and weight.shape[1] == 1:
        y = _depthwise(t, padded, weight, out, layer.stride, layer.dilation, real)
    elif all(k == 1 for k in kernel):
        y = _pointwise(t, padded, weight, groups, out, layer.stride, real)
    else:
        y = _columns(t, padded, weight, groups, out, layer.stride, layer.dilation, real)
    if layer.bias:
        t.add(y, per_channel(call.params["bias"], y), out=y)
    return y


def check_channels(x: Array, expected: int) -> None:
    """Raise unless ``x`` has the channels the weights are for."""
    if x.shape[1] != expected:
        raise ExecutionError(f"the weights are for {expected} input channels, {x.shape[1]} arrived")


def _pointwise(
    t: Arith,
    x: Array,
    weight: Array,
    groups: int,
    out: tuple[int, ...],
    stride: tuple[int, ...],
    real: Array | None,
) -> Array:
    if any(s != 1 for s in stride):
        picked = (slice(None), slice(None), *(slice(None, None, s) for s in stride))
        x = x[picked]
        real = None if real is None else real[picked]
    n, channels = x.shape[:2]
    m = prod(out)
    mask = None if real is None else real.reshape(1, m)
    if groups == 1:
        y = t.matmul(weight.reshape(len(weight), channels), x.reshape(n, channels, m), real=mask)
    else:
        columns = x.reshape(n, groups, channels // groups, m)
        y = t.matmul(weight.reshape(groups, -1, channels // groups), columns, real=mask)
    return y.reshape(n, len(weight), *out)


def _columns(
    t: Arith,
    x: Array,
    weight: Array,
    groups: int,
    out: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    real: Array | None,
) -> Array:
    kernel = weight.shape[2:]
    n, channels = x.shape[:2]
    rows = channels * prod(kernel)
    m = prod(out)
    limit = max(1, COLUMN_BYTES // (rows * x.itemsize))
    view = windows(x, out, kernel, stride, dilation)
    mask_view = None if real is None else windows(real, out, kernel, stride, dilation)
    y = np.empty((n, groups, len(weight) // groups, m), x.dtype)
    matrix = weight.reshape(groups, len(weight) // groups, -1)
    buffer = np.empty(rows * min(limit, m), x.dtype)
    whole = (slice(None),) * (1 + len(kernel))
    for i in range(n):
        done = 0
        for block in blocks(out, limit):
            source = view[at(i, *whole, *block)]
            columns = buffer[: source.size].reshape(source.shape)
            np.copyto(columns, source)
            width = source.size // rows
            mask = None if mask_view is None else mask_view[at(0, *whole, *block)].reshape(-1, width)
            part = y[i, :, :, done : done + width]
            if groups == 1:
                t.matmul(matrix[0], columns.reshape(rows, width), out=part[0], real=mask)
            else:
                t.matmul(matrix, columns.reshape(groups, -1, width), out=part, real=mask)
            done += width
    return y.reshape(n, len(weight), *out)


def _depthwise(
    t: Arith,
    x: Array,
    weight: Array,
    out: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    real: Array | None,
) -> Array:
    kernel = weight.shape[2:]
    n, channels = x.shape[:2]
    multiplier = len(weight) // channels
    if multiplier == 1 and out[-1] < CHANNELS_LAST_BELOW:
        return _depthwise_last(t, x, weight, out, stride, dilation, real)
    y = np.zeros((n, channels, multiplier, *out), x.dtype)
    step = max(1, DEPTHWISE_BYTES // (multiplier * prod(out) * x.itemsize))
    work = np.empty((min(step, channels), multiplier, *out), x.dtype)
    factors = weight.reshape(channels, multiplier, *kernel)
    ones = (1,) * len(out)
    for i in range(n):
        for c in range(0, channels, step):
            total = y[i, c : c + step]
            product = work[: len(total)]
            for tap in taps(kernel):
                read = tap_slices(tap, out, stride, dilation)
                w = factors[at(slice(c, c + step), slice(None), *tap)].reshape(len(total), multiplier, *ones)
                mask = None if real is None else real[at(0, slice(None), *read)]
                t.products(w, x[at(i, slice(c, c + step), None, *read)], out=product, real=mask)
                t.accumulate(total, product)
    return y.reshape(n, channels * multiplier, *out)


def _depthwise_last(
    t: Arith,
    x: Array,
    weight: Array,
    out: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    real: Array | None,
) -> Array:
    """Depthwise with channels innermost: short rows would leave NumPy's inner loops too short."""
    n, channels = x.shape[:2]
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    factors = np.ascontiguousarray(np.moveaxis(weight[:, 0], 0, -1))
    y = np.zeros((n, *out, channels), x.dtype)
    product = np.empty((*out, channels), x.dtype)
    for i in range(n):
        for tap in taps(weight.shape[2:]):
            read = tap_slices(tap, out, stride, dilation)
            mask = None if real is None else real[at(0, 0, *read)][..., None]
            t.products(factors[tap], last[at(i, *read)], out=product, real=mask)
            t.accumulate(y[i], product)
    return np.ascontiguousarray(np.moveaxis(y, -1, 1))


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
    per_group = weight.shape[1]
    rows = groups * per_group * prod(kernel)
    m = prod(sizes)
    limit = max(1, COLUMN_BYTES // (rows * x.itemsize))
    matrix = weight.reshape(groups, channels // groups, -1).swapaxes(1, 2)
    flat = x.reshape(n, groups, channels // groups, m)
    total = np.zeros((n, groups * per_group, *canvas_sizes), x.dtype)
    landed = np.zeros(canvas_sizes, np.int64) if t.counting else None
    buffer = np.empty(rows * min(limit, m), x.dtype)
    for i in range(n):
        done = 0
        for block in blocks(sizes, limit):
            shape = tuple(b.stop - b.start for b in block)
            width = prod(shape)
            columns = buffer[: rows * width].reshape(groups, -1, width)
            t.matmul(matrix, flat[i, :, :, done : done + width], out=columns)
            parts = columns.reshape(groups * per_group, *kernel, *shape)
            for tap in taps(kernel):
                lands = tuple(
                    slice(k * d + b.start * s, k * d + (b.stop - 1) * s + 1, s)
                    for k, d, s, b in zip(tap, dilation, stride, block, strict=True)
                )
                t.accumulate(total[at(i, slice(None), *lands)], parts[at(slice(None), *tap)])
                if landed is not None:
                    landed[lands] += 1
            done += width
    if landed is not None:
        lost = int(landed.sum()) - int(landed[keep].sum())
        t.cropped(lost * (channels // groups) * groups * per_group)
    y = total[at(slice(None), slice(None), *keep)]
    if layer.bias:
        return t.add(y, per_channel(call.params["bias"], y))
    # A copy even where the crop is contiguous: a view would keep what was cropped alive.
    return total if y.shape == total.shape else y.copy()


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


def linear(call: Call) -> Array:
    """Linear layer: ``x (N, I)`` or, with axis "channels", ``x (N, I, *spatial)``; ``weight (O, I)``."""
    t, x, weight = call.t, call.x, call.params["weight"]
    check_channels(x, weight.shape[1])
    if x.ndim == 2:
        y = np.ascontiguousarray(t.matmul(weight, x.T).T)
    else:
        y = t.matmul(weight, x.reshape(*x.shape[:2], -1)).reshape(len(x), len(weight), *x.shape[2:])
    if call.layer.bias:
        t.add(y, per_channel(call.params["bias"], y), out=y)
    return y

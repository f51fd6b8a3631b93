"""Convolution and linear layers, the fast forms.

Convolution: strided windows copied into a column buffer, one matrix product a group. 1x1: the
input itself is the column buffer. Depthwise: :mod:`convcalc.executor.kernels.depthwise`. The work
is cut into tiles that several threads compute side by side, each with a column buffer of its own
that never exceeds :data:`COLUMN_BYTES` (save that it holds one position).
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import Call, at, per_channel
from convcalc.executor.kernels.depthwise import depthwise
from convcalc.executor.parallel import each, row_spans, scratch, spans
from convcalc.executor.windows import ExecutionError, blocks, conv_padding, out_sizes, pad, windows

COLUMN_BYTES = 2 << 20
"""Size of a column buffer; measured: smaller ones starve the matrix product, larger ones the cache."""

LEAST_WIDTH = 192
"""Output positions a tile has at least: with fewer, reading the weights would take longer than using them."""

FEW = 4
"""A convolution of fewer tiles than this is cut along its output channels too."""

LEAST_ROWS = 64
"""But into no fewer output channels than this."""


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
    bias = call.params["bias"] if layer.bias else None
    real = None
    if t.counting and layer.padding_mode == "zeros" and any(map(any, pads)):
        real = pad(np.ones((1, 1, *sizes), np.int8), pads)
    if groups > 1 and weight.shape[1] == 1:
        return depthwise(t, x, weight, bias, layer, pads, out, real)
    padded = pad(x, pads, mode=layer.padding_mode)
    y = np.empty((len(x), groups, len(weight) // groups, prod(out)), x.dtype)
    if all(k == 1 for k in kernel):
        _pointwise(t, padded, weight, y, layer.stride, real)
    else:
        _columns(t, padded, weight, y, out, layer.stride, layer.dilation, real)
    y = y.reshape(len(x), len(weight), *out)
    if bias is not None:
        add_bias(t, y, bias)
    return y


def check_channels(x: Array, expected: int) -> None:
    """Raise unless ``x`` has the channels the weights are for."""
    if x.shape[1] != expected:
        raise ExecutionError(f"the weights are for {expected} input channels, {x.shape[1]} arrived")


def add_bias(t: Arith, y: Array, bias: Array) -> None:
    """Add a term a channel, in place."""
    terms = per_channel(bias, y)

    def one(c: slice) -> None:
        t.add(y[:, c], terms[:, c], out=y[:, c])

    each(one, row_spans(y), t.shared)


def _cuts(groups: int, rows: int, tiles: int) -> list[tuple[slice, slice]]:
    """Groups and their output channels, cut so that there are enough pieces of work."""
    if groups > 1:
        return [(g, slice(0, rows)) for g in spans(groups, -(-groups // FEW))]
    parts = max(1, min(-(-FEW // tiles), rows // LEAST_ROWS))
    return [(slice(0, 1), o) for o in spans(rows, -(-rows // parts))]


def _pointwise(
    t: Arith, x: Array, weight: Array, y: Array, stride: tuple[int, ...], real: Array | None
) -> None:
    if any(s != 1 for s in stride):
        picked = (slice(None), slice(None), *(slice(None, None, s) for s in stride))
        x, real = x[picked], None if real is None else real[picked]
    n, groups, rows, m = y.shape
    channels = weight.shape[1]
    columns = x.reshape(n, groups, channels, m)
    matrix = weight.reshape(groups, rows, channels)
    mask = None if real is None else real.reshape(1, m)
    width = max(64, COLUMN_BYTES // (channels * x.itemsize))
    cols = spans(m, -(-m // -(-m // width)))

    def tile(piece: tuple[int, tuple[slice, slice], slice]) -> None:
        i, (g, o), p = piece
        seen = None if mask is None else mask[:, p]
        _multiply(t, matrix[g, o], columns[i, g, :, p], y[i, g, o, p], seen)

    each(tile, product(range(n), _cuts(groups, rows, n * len(cols)), cols), t.shared)


def _multiply(t: Arith, a: Array, b: Array, out: Array, real: Array | None) -> None:
    """Matrix products a group, (g, o, k) with (g, k, p); for one group as plain matrices."""
    if len(a) == 1:
        t.matmul(a[0], b[0], out=out[0], real=real)
    else:
        t.matmul(a, b, out=out, real=real)


def _columns(
    t: Arith,
    x: Array,
    weight: Array,
    y: Array,
    out: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    real: Array | None,
) -> None:
    kernel = weight.shape[2:]
    n, groups, rows, m = y.shape
    channels, many = weight.shape[1], prod(kernel)
    view = windows(x, out, kernel, stride, dilation)
    mask = None if real is None else windows(real, out, kernel, stride, dilation)
    matrix = weight.reshape(groups, rows, channels * many)
    taps = (slice(None),) * len(kernel)
    held = COLUMN_BYTES // x.itemsize
    pieces = _cuts(groups, rows, n * -(-channels * many * m // held))
    most = max(g.stop - g.start for g, _ in pieces)
    places, done = [], 0
    for block in blocks(out, max(min(LEAST_WIDTH, held // many), held // (most * channels * many))):
        width = prod(b.stop - b.start for b in block)
        places.append((block, slice(done, done + width)))
        done += width
    # Where all input channels of so many positions do not fit, the product is summed over parts of them.
    widest = max(p.stop - p.start for _, p in places)
    parts = spans(channels, channels if groups > 1 else held // (many * widest))

    def tile(piece: tuple[int, tuple[slice, slice], tuple[Any, slice]]) -> None:
        i, (g, o), (block, p) = piece
        width = p.stop - p.start
        seen = None if mask is None else mask[at(0, slice(None), *taps, *block)].reshape(-1, width)
        target = y[i, g, o, p]
        for c in parts:
            of = slice(g.start * channels + c.start, (g.stop - 1) * channels + c.stop)
            source = view[at(i, of, *taps, *block)]
            columns = scratch(source.size, x.dtype).reshape(source.shape)
            np.copyto(columns, source)
            columns = columns.reshape(g.stop - g.start, -1, width)
            factors = matrix[g, o, c.start * many : c.stop * many]
            if c.start == 0:
                _multiply(t, factors, columns, target, seen)
            else:
                sums = scratch(target.size, x.dtype, 1).reshape(target.shape)
                _multiply(t, factors, columns, sums, seen)
                t.accumulate(target, sums)

    each(tile, product(range(n), pieces, places), t.shared)


def linear(call: Call) -> Array:
    """Linear layer: ``x (N, I)`` or, with axis "channels", ``x (N, I, *spatial)``; ``weight (O, I)``."""
    t, x, weight = call.t, call.x, call.params["weight"]
    check_channels(x, weight.shape[1])
    if x.ndim == 2:
        flat = np.empty((len(weight), len(x)), x.dtype)

        def some(o: slice) -> None:
            t.matmul(weight[o], x.T, out=flat[o])

        each(some, row_spans(weight, 0) if weight.nbytes > COLUMN_BYTES else [slice(None)], t.shared)
        y = np.ascontiguousarray(flat.T)
    else:
        y = np.empty((len(x), 1, len(weight), prod(x.shape[2:])), x.dtype)
        flat_x = x.reshape(*x.shape[:2], -1)
        _pointwise(t, flat_x, weight[:, :, None], y, (1,), None)
        y = y.reshape(len(x), len(weight), *x.shape[2:])
    if call.layer.bias:
        t.add(y, per_channel(call.params["bias"], y), out=y)
    return y

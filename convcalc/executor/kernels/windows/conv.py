"""Convolution.

The fast form: strided windows copied into a column buffer, one matrix product per group. 1x1: the
input itself is the column buffer. Depthwise: :mod:`convcalc.executor.kernels.windows.depthwise`. The work
is cut into tiles that several threads compute side by side, each with a column buffer of its own
that never exceeds :data:`COLUMN_BYTES` (save that it holds one position).
"""

from __future__ import annotations

from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import Call, Params, at, check_channels, per_channel
from convcalc.executor.kernels.products.weights import arriving, correlate, one_filter, with_room
from convcalc.executor.kernels.windows.depthwise import depthwise
from convcalc.executor.marks import Reach, from_groups, mark_windows, to_groups, unpad
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes, Sizes, run_kernel
from convcalc.executor.parallel import each, row_spans, scratch, spans
from convcalc.executor.windows import (
    blocks,
    conv_padding,
    out_sizes,
    pad,
    padded_elements,
    tap_place,
    taps,
    windows,
)

COLUMN_BYTES = 2 << 20
"""Size of a column buffer; measured: smaller ones starve the matrix product, larger ones the cache."""

LEAST_WIDTH = 192
"""Output positions a tile has at least: with fewer, reading the weights would take longer than using them."""

LEAST_TILES = 4
"""A convolution of fewer tiles is cut along its output channels as well, to keep several threads busy."""

LEAST_ROWS = 64
"""Such a cut leaves a tile at least so many output channels."""


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
        pointwise(t, padded, weight, y, layer.stride, real)
    else:
        _columns(t, padded, weight, y, out, layer.stride, layer.dilation, real)
    y = y.reshape(len(x), len(weight), *out)
    if bias is not None:
        add_bias(t, y, bias)
    return y


def add_bias(t: Arith, y: Array, bias: Array) -> None:
    """Add a term per channel, in place."""
    terms = per_channel(bias, y)

    def one(c: slice) -> None:
        t.add(y[:, c], terms[:, c], out=y[:, c])

    each(one, row_spans(y), t.shared)


def _cuts(groups: int, rows: int, tiles: int) -> list[tuple[slice, slice]]:
    """Groups and their output channels, cut so that there are enough pieces of work."""
    if groups > 1:
        return [(g, slice(0, rows)) for g in spans(groups, -(-groups // LEAST_TILES))]
    parts = max(1, min(-(-LEAST_TILES // tiles), rows // LEAST_ROWS))
    return [(slice(0, 1), o) for o in spans(rows, -(-rows // parts))]


def pointwise(
    t: Arith, x: Array, weight: Array, y: Array, stride: tuple[int, ...], real: Array | None
) -> None:
    """Into ``y (N, groups, O / groups, positions)``, a matrix product at every position of ``x``."""
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
    """Matrix product of each group, (g, o, k) with (g, k, p); for one group as plain matrices."""
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
    every = (slice(None),) * len(kernel)
    capacity = COLUMN_BYTES // x.itemsize
    pieces = _cuts(groups, rows, n * -(-channels * many * m // capacity))
    most = max(g.stop - g.start for g, _ in pieces)
    places, done = [], 0
    for block in blocks(out, max(min(LEAST_WIDTH, capacity // many), capacity // (most * channels * many))):
        width = prod(b.stop - b.start for b in block)
        places.append((block, slice(done, done + width)))
        done += width
    # Where all input channels of so many positions do not fit, the product is summed over parts of them.
    widest = max(p.stop - p.start for _, p in places)
    parts = spans(channels, channels if groups > 1 else capacity // (many * widest))

    def tile(piece: tuple[int, tuple[slice, slice], tuple[Any, slice]]) -> None:
        i, (g, o), (block, p) = piece
        width = p.stop - p.start
        seen = None if mask is None else mask[at(0, slice(None), *every, *block)].reshape(-1, width)
        target = y[i, g, o, p]
        for c in parts:
            of = slice(g.start * channels + c.start, (g.stop - 1) * channels + c.stop)
            source = view[at(i, of, *every, *block)]
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


def naive_conv(call: Call) -> Array:
    """Convolution: output (o, p) is the sum over input channels of its group and over taps."""
    layer, t, x = call.layer, call.t, call.x
    weight = call.params["weight"]
    outs, per_group, *kernel = weight.shape
    check_channels(x, per_group * layer.groups)
    sizes, stride, dilation = x.shape[2:], layer.stride, layer.dilation
    pads = conv_padding(layer.padding, sizes, kernel, stride, dilation)
    out = out_sizes(sizes, kernel, stride, dilation, pads)
    padded = pad(x, pads, t.constant(0), layer.padding_mode)
    y = call.zeros((len(x), outs, *out))
    for i in range(len(x)):
        for o in range(outs):
            first = o // (outs // layer.groups) * per_group  # first input channel of the group
            for p in taps(out):
                total = 0
                with t.accumulating():
                    for c in range(per_group):
                        for k in taps(kernel):
                            read = tap_place(p, stride, k, dilation)
                            total = total + weight[at(o, c, *k)] * padded[at(i, first + c, *read)]
                if layer.bias:
                    total = total + call.params["bias"][o]
                y[at(i, o, *p)] = total
    return y


def _backward(r: Reach) -> list[Array]:
    layer, (channels, *sizes) = r.layer, r.inputs[0]
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    mark = to_groups(r.mark, r.outputs[0][0], layer.groups)
    mark = mark_windows(mark, sizes, layer.kernel, layer.stride, layer.dilation, pads, layer.padding_mode)
    return [from_groups(mark, channels)]


def _gradient(b: Backprop) -> list[Array]:
    """A transposed convolution with the same weights, then back from the padding."""
    layer, sizes = b.layer, b.x.shape[2:]
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    adjoint = SimpleNamespace(
        op="convT",
        groups=layer.groups,
        stride=layer.stride,
        dilation=layer.dilation,
        padding=((0, 0),) * len(sizes),
        output_padding=(0,) * len(sizes),
        bias=False,
    )
    (total,) = run_kernel(Call(adjoint, (b.g,), Params("", {"weight": b.params["weight"]})))
    assert total is not None
    room = zip(sizes, pads, total.shape[2:], strict=True)
    total = pad(total, tuple((0, before + n + after - m) for n, (before, after), m in room))
    return [unpad(total, sizes, pads, layer.padding_mode)]


def _weights(layer: Any) -> Shapes:
    weight = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    return {"weight": weight, **({"bias": (layer.out_channels,)} if layer.bias else {})}


def _working_bytes(s: Sizes) -> int:
    """The padded input, and a column buffer with its sums for every thread."""
    layer, (channels, *_) = s.layer, s.inputs[0]
    padded = padded_elements(s.inputs[0], layer) * s.item * s.batch
    if all(k == 1 for k in layer.kernel):
        return padded
    many, positions = prod(layer.kernel), prod(s.outputs[0][1:])
    depth = channels * many
    in_parts = depth * LEAST_WIDTH * s.item > COLUMN_BYTES
    sums = layer.out_channels * min(positions, LEAST_WIDTH) if in_parts else 0
    columns = min(max(COLUMN_BYTES, many * s.item), depth * positions * s.item)
    return int(padded + s.threads * (columns + sums * s.item))


def _slope(layer: Any, x: Array, g: Array) -> Array:
    """What the taps read of the padded input, times the gradient there."""
    pads = conv_padding(layer.padding, x.shape[2:], layer.kernel, layer.stride, layer.dilation)
    padded = pad(x, pads, mode=layer.padding_mode)
    return correlate(g, padded, layer.kernel, layer.stride, layer.dilation, layer.groups)


OPERATIONS["conv"] = arriving(
    Operation(
        conv,
        naive_conv,
        _backward,
        _gradient,
        _weights,
        fan_in=lambda layer: max(1, int(layer.in_channels // layer.groups * prod(layer.kernel))),
        working_bytes=_working_bytes,
    ),
    _slope,
    one_filter,
)
OPERATIONS["dwconv"] = OPERATIONS["conv"]._replace(working_bytes=with_room(Sizes.planes))

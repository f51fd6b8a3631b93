"""Pooling: windows tap by tap, each tap one operation over all windows; global and adaptive forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import (
    ExecutionError,
    conv_padding,
    extend,
    out_sizes,
    pad,
    tap_slices,
    taps,
)

CHANNELS_LAST_BELOW = 40
"""Rows shorter than this are pooled with channels innermost, for longer inner loops."""


class _Windows:
    """What one tap after the other reads from an input, block of channels by block of channels.

    Where rows are short, a block is laid out with channels innermost, for longer inner loops.
    """

    def __init__(self, call: Call, value: float) -> None:
        layer, x = call.layer, call.x
        self.call, self.value = call, value
        self.dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
        geometry = (layer.kernel, layer.stride, self.dilation)
        self.pads = conv_padding(layer.padding, x.shape[2:], *geometry)
        self.out = out_sizes(x.shape[2:], *geometry, self.pads, layer.ceil)
        self.last = self.out[-1] < CHANNELS_LAST_BELOW and not x.dtype.hasobject

    def padded(self, x: Array) -> Array:
        """The input with padding, and with room for the last window."""
        layer = self.call.layer
        room = pad(x, self.pads, self.value)
        return extend(room, self.out, layer.kernel, layer.stride, self.dilation, self.value)

    def reduce(self, start: float, step: Callable[[Array, Array], object]) -> Array:
        """Fold ``step(accumulator, what a tap reads)`` over the taps of all windows."""
        x, t, layer = self.call.x, self.call.t, self.call.layer
        y = np.empty((*x.shape[:2], *self.out), x.dtype)

        def block(piece: tuple[int, slice]) -> None:
            i, c = piece
            source = self.padded(x[i : i + 1, c])[0]
            if self.last:
                source = np.ascontiguousarray(np.moveaxis(source, 0, -1))
                total = np.full((*self.out, y[i, c].shape[0]), start, x.dtype)
            else:
                total = y[i, c]
                total[...] = start
            for tap in taps(layer.kernel):
                read = tap_slices(tap, self.out, layer.stride, self.dilation)
                step(total, source[read if self.last else at(slice(None), *read)])
            if self.last:
                y[i, c] = np.moveaxis(total, -1, 0)

        each(block, product(range(len(x)), row_spans(x)), t.shared)
        return y


def maxpool(call: Call) -> tuple[Array, Array | None]:
    """Maximum of each window; with it the flat index into the spatial map, where somebody reads it."""
    if 1 in call.wanted:
        return _maxpool_indices(call)
    t = call.t
    return _Windows(call, -np.inf).reduce(-np.inf, lambda y, read: t.maximum(y, read, out=y)), None


def _maxpool_indices(call: Call) -> tuple[Array, Array]:
    layer, t, sizes = call.layer, call.t, call.x.shape[2:]
    view = _Windows(call, -np.inf)
    padded, out = view.padded(call.x), view.out
    grid = np.arange(prod(sizes)).reshape(1, 1, *sizes)
    places = extend(pad(grid, view.pads, -1), out, layer.kernel, layer.stride, layer.dilation, -1)
    y = np.full((*padded.shape[:2], *out), -np.inf, padded.dtype)
    indices = np.zeros(y.shape, np.int64)
    for tap in taps(layer.kernel):
        reads = at(slice(None), slice(None), *tap_slices(tap, out, layer.stride, layer.dilation))
        larger = t.greater(padded[reads], y)
        if padded.dtype.kind == "f":
            larger |= np.isnan(padded[reads])  # wins, as in PyTorch
        np.copyto(y, padded[reads], where=larger)
        np.copyto(indices, places[reads], where=larger)
    return y, indices


def avgpool(call: Call) -> Array:
    """Sum of each window divided by how many entries it counts."""
    t, view = call.t, _Windows(call, 0)
    y = view.reduce(0, lambda y, read: t.add(y, read, out=y))
    return t.divide(y, pool_divisor(call.layer, call.x.shape[2:], view.out).astype(y.dtype), out=y)


def pool_divisor(layer: Any, sizes: tuple[int, ...], out: tuple[int, ...]) -> Array:
    """What average pooling divides each window by: the entries it counts.

    Those of the input, or those of input and padding; what rounding up adds beyond is no entry.
    """
    if layer.divisor is not None:
        return np.asarray(layer.divisor)
    once = (1,) * len(sizes)
    counts = np.ones((), np.int64)
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, once)
    for n, k, s, m, (before, after) in zip(sizes, layer.kernel, layer.stride, out, pads, strict=True):
        counted = np.zeros(max(before + n + after, (m - 1) * s + k), np.int64)
        if layer.count_include_pad:
            counted[: before + n + after] = 1
        else:
            counted[before : before + n] = 1
        windows = sum(counted[slice(j, j + (m - 1) * s + 1, s)] for j in range(k))
        counts = np.multiply.outer(counts, windows)
    return counts


def lppool(call: Call) -> Array:
    """p-norm of each window: (sum of |x|^p)^(1/p), as ONNX LpPool."""
    t, p = call.t, call.layer.norm

    def step(y: Array, read: Array) -> None:
        if p == 2:
            powers = t.multiply(read, read)
        else:
            powers = t.absolute(read)
            if p != 1:
                t.power(powers, p, out=powers)
        t.add(y, powers, out=y)

    y = _Windows(call, 0).reduce(0, step)
    if p == 1:
        return y
    return t.sqrt(y, out=y) if p == 2 else t.power(y, 1.0 / p, out=y)


def _spatial(x: Array) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ExecutionError("pooling needs spatial axes; a flat tensor arrived")
    return tuple(range(2, x.ndim))


def global_avgpool(call: Call) -> Array:
    """Mean over all spatial positions; spatial sizes become 1."""
    x, t = call.x, call.t
    total = t.sum(x, _spatial(x))
    return t.divide(total, prod(x.shape[2:]))


def global_maxpool(call: Call) -> Array:
    """Maximum over all spatial positions; spatial sizes become 1."""
    return call.t.max(call.x, _spatial(call.x))


def adaptive_windows(
    sizes: Sequence[int], out: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Output position and the input it pools: from floor(i n / m) to ceil((i + 1) n / m)."""
    axes = []
    for n, m in zip(sizes, out, strict=True):
        edges = [(i * n // m, -((i + 1) * n // -m)) for i in range(m)]
        axes.append([(i, slice(a, b)) for i, (a, b) in enumerate(edges)])
    for cell in product(*axes):
        yield tuple(i for i, _ in cell), tuple(s for _, s in cell)


def adaptive_avgpool(call: Call) -> Array:
    """Mean over windows that divide the input into the wanted number of cells."""
    x, t, out = call.x, call.t, tuple(call.layer.size)
    axes = _spatial(x)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    lengths = np.empty(out, x.dtype if not x.dtype.hasobject else np.float64)
    for cell, window in adaptive_windows(x.shape[2:], out):
        read = x[at(slice(None), slice(None), *window)]
        y[at(slice(None), slice(None), *cell)] = t.sum(read, axes, keepdims=False)
        lengths[cell] = prod(read.shape[2:])
    return t.divide(y, lengths, out=y)


def adaptive_maxpool(call: Call) -> Array:
    """Maximum over windows that divide the input into the wanted number of cells."""
    x, t, out = call.x, call.t, tuple(call.layer.size)
    axes = _spatial(x)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    for cell, window in adaptive_windows(x.shape[2:], out):
        read = x[at(slice(None), slice(None), *window)]
        y[at(slice(None), slice(None), *cell)] = t.max(read, axes, keepdims=False)
    return y


def unpool(call: Call) -> Array:
    """Put each entry where its index points, zero elsewhere.

    The output has the size given, or the one whose pooling would have had this many windows:
    (i - 1) s - padding + k.
    """
    layer, x, indices = call.layer, call.x, call.xs[1]
    if indices.shape != x.shape:
        raise ExecutionError(f"indices of shape {indices.shape} for values of shape {x.shape}")
    once = (1,) * len(layer.kernel)
    out = layer.size
    if out is None:
        pads = conv_padding(layer.padding, x.shape[2:], layer.kernel, layer.stride, once)
        axes = zip(x.shape[2:], layer.kernel, layer.stride, pads, strict=True)
        out = tuple(range(0, n * s, s)[-1] + k - b - a for n, k, s, (b, a) in axes)
    flat = indices.reshape(*x.shape[:2], -1)
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >= prod(out)):
        given = "" if layer.size is not None else "; size= states that of the map the pool read"
        raise ExecutionError(f"an index points outside the output of size {'x'.join(map(str, out))}{given}")
    y = np.zeros((*x.shape[:2], prod(out)), x.dtype)
    np.put_along_axis(y, flat, x.reshape(flat.shape), axis=2)
    return y.reshape(*x.shape[:2], *out)

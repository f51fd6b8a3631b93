"""Pooling: windows tap by tap, each tap one operation over all windows; global and adaptive forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.windows import (
    ExecutionError,
    Pairs,
    conv_padding,
    extend,
    out_sizes,
    pad,
    tap_slices,
    taps,
)

CHANNELS_LAST_BELOW = 40
"""Rows shorter than this are pooled with channels innermost, for longer inner loops."""


def _prepare(call: Call, dilation: Sequence[int], value: float) -> tuple[Array, Pairs, tuple[int, ...]]:
    layer, x = call.layer, call.x
    pads = conv_padding(layer.padding, x.shape[2:], layer.kernel, layer.stride, dilation)
    out = out_sizes(x.shape[2:], layer.kernel, layer.stride, dilation, pads, layer.ceil)
    padded = pad(x, pads, value)
    return extend(padded, out, layer.kernel, layer.stride, dilation, value), pads, out


def _spatial_first(x: Array, out: tuple[int, ...]) -> tuple[Array, bool]:
    """``x`` as (*spatial, N, C) in memory if rows are short, else as it is; a view-like either way."""
    if out[-1] < CHANNELS_LAST_BELOW and x.shape[1] >= out[-1]:
        return np.ascontiguousarray(np.moveaxis(x, (0, 1), (-2, -1))), True
    return x, False


def _back(y: Array, moved: bool) -> Array:
    return np.ascontiguousarray(np.moveaxis(y, (-2, -1), (0, 1))) if moved else y


def _at(slices: tuple[slice, ...], moved: bool) -> tuple[slice, ...]:
    return slices if moved else (slice(None), slice(None), *slices)


def _accumulator(x: Array, out: tuple[int, ...], moved: bool, value: float) -> Array:
    shape = (*out, *x.shape[-2:]) if moved else (*x.shape[:2], *out)
    return np.full(shape, value, x.dtype)


def maxpool(call: Call) -> tuple[Array, Array | None]:
    """Maximum of each window; with it the flat index into the spatial map, where somebody reads it."""
    layer, t = call.layer, call.t
    if 1 in call.wanted:
        return _maxpool_indices(call)
    padded, _, out = _prepare(call, layer.dilation, -np.inf)
    source, moved = _spatial_first(padded, out)
    y = _accumulator(source, out, moved, -np.inf)
    for tap in taps(layer.kernel):
        t.maximum(y, source[_at(tap_slices(tap, out, layer.stride, layer.dilation), moved)], out=y)
    return _back(y, moved), None


def _maxpool_indices(call: Call) -> tuple[Array, Array]:
    layer, t, sizes = call.layer, call.t, call.x.shape[2:]
    padded, pads, out = _prepare(call, layer.dilation, -np.inf)
    grid = np.arange(prod(sizes)).reshape(1, 1, *sizes)
    places = extend(pad(grid, pads, -1), out, layer.kernel, layer.stride, layer.dilation, -1)
    y = np.full((*padded.shape[:2], *out), -np.inf, padded.dtype)
    indices = np.zeros(y.shape, np.int64)
    for tap in taps(layer.kernel):
        reads = _at(tap_slices(tap, out, layer.stride, layer.dilation), False)
        larger = t.greater(padded[reads], y)
        if padded.dtype.kind == "f":
            larger |= np.isnan(padded[reads])  # wins, as in PyTorch
        np.copyto(y, padded[reads], where=larger)
        np.copyto(indices, places[reads], where=larger)
    return y, indices


def avgpool(call: Call) -> Array:
    """Sum of each window divided by how many entries it counts."""
    layer, t = call.layer, call.t
    once = (1,) * len(layer.kernel)
    padded, _, out = _prepare(call, once, 0.0)
    source, moved = _spatial_first(padded, out)
    y = _accumulator(source, out, moved, 0.0)
    for tap in taps(layer.kernel):
        t.add(y, source[_at(tap_slices(tap, out, layer.stride, once), moved)], out=y)
    y = _back(y, moved)
    return t.divide(y, pool_divisor(layer, call.x.shape[2:], out).astype(y.dtype), out=y)


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
    layer, t, p = call.layer, call.t, call.layer.norm
    once = (1,) * len(layer.kernel)
    padded, _, out = _prepare(call, once, 0.0)
    y = np.zeros((*padded.shape[:2], *out), padded.dtype)
    work = np.empty_like(y)
    for tap in taps(layer.kernel):
        read = padded[_at(tap_slices(tap, out, layer.stride, once), False)]
        if p == 2:
            t.multiply(read, read, out=work)
        else:
            t.absolute(read, out=work)
            if p != 1:
                t.power(work, p, out=work)
        t.add(y, work, out=y)
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
        raise ExecutionError(f"an index points outside the output of size {'x'.join(map(str, out))}")
    y = np.zeros((*x.shape[:2], prod(out)), x.dtype)
    np.put_along_axis(y, flat, x.reshape(flat.shape), axis=2)
    return y.reshape(*x.shape[:2], *out)

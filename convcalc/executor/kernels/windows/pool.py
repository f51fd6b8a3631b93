"""Pooling by windows: tap by tap, each tap one operation over all windows; and back by indices."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, mark_windows, sum_windows, unpad
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Sizes, run_kernel
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import (
    ExecutionError,
    conv_padding,
    extend,
    out_sizes,
    pad,
    padded_elements,
    tap_place,
    tap_slices,
    taps,
)

CHANNELS_LAST_BELOW = 40
"""Rows shorter than this are pooled with channels innermost, for longer inner loops."""


class _Windows:
    """What one tap after the other reads from an input, block of channels by block of channels.

    Where rows are short, a block is laid out with channels innermost, for longer inner loops.
    """

    def __init__(self, call: Call, value: Any) -> None:
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

    def places(self, window: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The padded positions that one window reads, tap by tap."""
        layer = self.call.layer
        return [tap_place(window, layer.stride, tap, self.dilation) for tap in taps(layer.kernel)]

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


def naive_maxpool(call: Call) -> tuple[Array, Array | None]:
    """Maximum over each window, from minus infinity; the index of the first of the largest."""
    view, sizes = _Windows(call, call.t.constant(-np.inf)), call.x.shape[2:]
    padded = view.padded(call.x)
    y = call.zeros((*call.x.shape[:2], *view.out))
    indices = np.zeros(y.shape, np.int64)
    for entry in taps(y.shape):
        best, where = -np.inf, 0
        for read in view.places(entry[2:]):
            value = padded[at(*entry[:2], *read)]
            if value > best or value != value:  # NaN wins, as in PyTorch
                best = value
                where = 0
                for axis, n in enumerate(sizes):
                    where = where * n + read[axis] - view.pads[axis][0]
        y[entry], indices[entry] = best, where
    return y, indices if 1 in call.wanted else None


def _backward(r: Reach) -> list[Array]:
    layer, sizes = r.layer, r.inputs[0][1:]
    dilation = getattr(layer, "dilation", (1,) * len(sizes))
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, dilation)
    return [mark_windows(r.mark, sizes, layer.kernel, layer.stride, dilation, pads)]


def by_index(b: Backprop, index: Array) -> Array:
    """Gradients given to the entries of the input whose flat spatial index stands in their place."""
    flat = np.zeros((prod(b.x.shape[:2]), prod(b.x.shape[2:])), b.g.dtype)
    rows = np.arange(len(flat))[:, None]
    np.add.at(flat, (rows, index.reshape(len(flat), -1)), b.g.reshape(len(flat), -1))
    return flat.reshape(b.x.shape)


def _maxpool_gradient(b: Backprop) -> list[Array]:
    index = run_kernel(Call(b.layer, b.xs, wanted=frozenset((0, 1))))[1]
    assert index is not None
    return [by_index(b, index)]


def _maxpool_bytes(s: Sizes) -> int:
    if s.indices:  # all at once, with indices and masks
        return 3 * padded_elements(s.inputs[0], s.layer) * s.item * s.batch + 3 * s.written
    return s.planes()


OPERATIONS["maxpool"] = Operation(
    maxpool,
    naive_maxpool,
    _backward,
    _maxpool_gradient,
    working_bytes=_maxpool_bytes,
    writes_indices=True,
)


def avgpool(call: Call) -> Array:
    """Sum of each window divided by how many entries it counts."""
    t, view = call.t, _Windows(call, 0)
    y = view.reduce(0, lambda y, read: t.add(y, read, out=y))
    if call.layer.divisor == 1:  # a sum
        return y
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


def naive_avgpool(call: Call) -> Array:
    """Sum over each window, divided by the entries it counts."""
    layer, view = call.layer, _Windows(call, call.t.constant(0))
    padded = view.padded(call.x)
    y = call.zeros((*call.x.shape[:2], *view.out))
    for entry in taps(y.shape):
        total: Any = 0
        inside, within = 0, 0
        for read in view.places(entry[2:]):
            total = total + padded[at(*entry[:2], *read)]
            axes = list(zip(read, call.x.shape[2:], view.pads, strict=True))
            inside += all(b <= r < b + n for r, n, (b, _) in axes)
            within += all(r < b + n + a for r, n, (b, a) in axes)  # not in what ceil added
        if layer.divisor != 1:
            total = total / (layer.divisor or (within if layer.count_include_pad else inside))
        y[entry] = total
    return y


def _avgpool_gradient(b: Backprop) -> list[Array]:
    return _backward(b.reach(b.g / pool_divisor(b.layer, b.x.shape[2:], b.ys[0].shape[2:])))


OPERATIONS["avgpool"] = Operation(
    avgpool,
    naive_avgpool,
    _backward,
    _avgpool_gradient,
    working_bytes=lambda s: s.planes() + s.written,
)


def lppool(call: Call) -> Array:
    """p-norm of each window: (sum of |x|^p)^(1/p), as ONNX LpPool; signed as PyTorch's."""
    t, p = call.t, call.layer.norm
    view = _Windows(call, 0)

    def step(y: Array, read: Array) -> None:
        if p == 2:
            powers = t.multiply(read, read)
        elif _signed(call.layer):
            powers = read if p == 1 else t.power(read, p)
        else:
            powers = t.absolute(read)
            if p != 1:
                t.power(powers, p, out=powers)
        t.add(y, powers, out=y)

    y = view.reduce(0, step)
    if _signed(call.layer) and call.layer.ceil:
        y = t.divide(y, _inside(call.layer, call.x.shape[2:], view.out).astype(y.dtype), out=y)
        y = t.multiply(y, float(prod(call.layer.kernel)), out=y)
    if p == 1:
        return y
    return t.sqrt(y, out=y) if p == 2 else t.power(y, 1.0 / p, out=y)


def _signed(layer: Any) -> bool:
    """Whether powers are of the values themselves."""
    return bool(getattr(layer, "signed", False))


class _Mean(NamedTuple):
    """A pool by its windows, which counts what of them lies in the input."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[Any, ...]
    count_include_pad: bool = False
    divisor: None = None


def _inside(layer: Any, sizes: tuple[int, ...], out: tuple[int, ...]) -> Array:
    """How many entries of the input each window reads."""
    return pool_divisor(_Mean(layer.kernel, layer.stride, layer.padding), sizes, out)


def naive_lppool(call: Call) -> Array:
    """p-norm over each window."""
    layer, view = call.layer, _Windows(call, call.t.constant(0))
    p_norm = layer.norm
    padded = view.padded(call.x)
    y = call.zeros((*call.x.shape[:2], *view.out))
    for entry in taps(y.shape):
        total: Any = 0
        inside = 0
        for read in view.places(entry[2:]):
            value = padded[at(*entry[:2], *read)]
            inside += all(r < n for r, n in zip(read, call.x.shape[2:], strict=True))
            if p_norm == 2:
                total = total + value * value
            elif _signed(layer):
                total = total + (value if p_norm == 1 else value**p_norm)
            elif p_norm == 1:
                total = total + abs(value)
            else:
                total = total + abs(value) ** p_norm
        if _signed(layer) and layer.ceil:
            total = total / inside * float(prod(layer.kernel))
        if p_norm == 1:
            y[entry] = total
        else:
            y[entry] = np.sqrt(total) if p_norm == 2 else total ** (1.0 / p_norm)
    return y


def _lppool_gradient(b: Backprop) -> list[Array]:
    view, p = _Windows(Call(b.layer, b.xs), 0.0), b.layer.norm
    padded = view.padded(b.x)
    y = np.where(b.ys[0] == 0, 1.0, b.ys[0])
    factor = b.g * y ** (1.0 - p)
    signed = _signed(b.layer)
    if signed and b.layer.ceil:
        factor = factor * prod(b.layer.kernel) / _inside(b.layer, b.x.shape[2:], view.out)
    total = np.zeros_like(padded)
    for tap in taps(b.layer.kernel):
        read = at(slice(None), slice(None), *tap_slices(tap, view.out, b.layer.stride, view.dilation))
        x = padded[read]
        total[read] += factor * (x ** (p - 1.0) if signed else np.sign(x) * np.abs(x) ** (p - 1.0))
    return [unpad(total, b.x.shape[2:], view.pads, "zeros")]


OPERATIONS["lppool"] = Operation(
    lppool, naive_lppool, _backward, _lppool_gradient, working_bytes=Sizes.planes
)


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


def _unpool_backward(r: Reach) -> list[Array]:
    """An index may point anywhere into its window, so a position is read from all windows over it."""
    layer, sizes = r.layer, r.inputs[0][1:]
    once = (1,) * len(sizes)
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, once)
    room = pad(r.mark, pads, False if r.mark.dtype == bool else 0)
    axes = zip(room.shape[2:], sizes, layer.kernel, layer.stride, strict=True)
    missing = tuple((0, max((m - 1) * s + k - n, 0)) for n, m, k, s in axes)
    mark = sum_windows(pad(room, missing), sizes, layer.kernel, layer.stride, once)
    return [mark, mark]


def _unpool_gradient(b: Backprop) -> list[Array]:
    flat = b.g.reshape(*b.g.shape[:2], -1)
    index = b.xs[1].reshape(*b.x.shape[:2], -1)
    return [np.take_along_axis(flat, index, axis=2).reshape(b.x.shape), np.zeros(b.x.shape, b.g.dtype)]


OPERATIONS["unpool"] = Operation(unpool, backward=_unpool_backward, gradient=_unpool_gradient)

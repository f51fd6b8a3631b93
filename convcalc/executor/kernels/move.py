"""Layers that only move data: nothing here is counted.

Results never share storage with the input, save for the views (flatten, reshape, identity,
dropout), so that memory is what it is said to be.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import ExecutionError
from convcalc.executor.windows import pad as pad_array


def identity(call: Call) -> Array:
    """The input itself (dropout at inference too)."""
    return call.x


def flatten(call: Call) -> Array:
    """(N, C, *spatial) to (N, everything)."""
    return call.x.reshape(len(call.x), -1)


def reshape(call: Call) -> Array:
    """Same elements in the same order under another shape."""
    return call.x.reshape(len(call.x), *call.layer.shape)


def permute(call: Call) -> Array:
    """Reorder channels and spatial axes."""
    return call.x.transpose(0, *(axis + 1 for axis in call.layer.order)).copy()


def pad(call: Call) -> Array:
    """Pad by zeros, a value, reflection, replication or wrapping around."""
    layer = call.layer
    pads = tuple((before, after) for before, after in layer.padding)
    y = pad_array(call.x, pads, layer.value if layer.mode == "constant" else 0.0, layer.mode)
    return y if y is not call.x else y.copy()


def crop(call: Call) -> Array:
    """Cut so many positions off both ends of each spatial axis."""
    sizes = call.x.shape[2:]
    inner = tuple(slice(b, n - a) for n, (b, a) in zip(sizes, call.layer.amounts, strict=True))
    return _copy(call.x[at(slice(None), slice(None), *inner)])


def slice_(call: Call) -> Array:
    """A range along one axis (0 is channels)."""
    layer = call.layer
    before = (slice(None),) * (layer.axis + 1)
    return _copy(call.x[at(*before, slice(layer.start, layer.stop))])


def split(call: Call) -> tuple[Array, ...]:
    """Consecutive ranges along one axis."""
    layer, parts, start = call.layer, [], 0
    axis = layer.axis + 1
    if sum(layer.sizes) != call.x.shape[axis]:
        raise ExecutionError(f"sizes add up to {sum(layer.sizes)}, the axis has {call.x.shape[axis]}")
    for size in layer.sizes:
        parts.append(_copy(call.x[at(*(slice(None),) * axis, slice(start, start + size))]))
        start += size
    return tuple(parts)


def _copy(view: Array) -> Array:
    if view.size == 0:
        raise ExecutionError("nothing is left of the input")
    return view.copy()


def concat(call: Call) -> Array:
    """Inputs one after the other along one axis."""
    axis, xs = call.layer.axis + 1, call.xs
    if axis != 1 or any(x.dtype.hasobject or x.shape[2:] != xs[0].shape[2:] for x in xs):
        return np.concatenate(xs, axis=axis)
    y = np.empty((len(xs[0]), sum(x.shape[1] for x in xs), *xs[0].shape[2:]), np.result_type(*xs))
    pieces, start = [], 0
    for x in xs:
        for c in row_spans(x):
            pieces.append((x[:, c], y[:, start + c.start : start + c.stop]))
        start += x.shape[1]
    each(lambda piece: np.copyto(piece[1], piece[0]), pieces)
    return y


def channel_shuffle(call: Call) -> Array:
    """Channels as (groups, C / groups), transposed and flattened (ShuffleNet)."""
    x, groups = call.x, call.layer.groups
    _divides(groups, x.shape[1])
    y = x.reshape(len(x), groups, -1, *x.shape[2:]).swapaxes(1, 2)
    return y.copy().reshape(x.shape)


def shift(call: Call) -> Array:
    """Each group of channels reads its own tap of the kernel; zeros outside (Wu et al. 2018)."""
    layer, x = call.layer, call.x
    size = x.shape[1] // prod(layer.kernel)
    y = x.copy()
    for g, tap in enumerate(product(*(range(k) for k in layer.kernel))):
        group = slice(g * size, (g + 1) * size)
        y[:, group] = 0.0
        write, read = [], []
        for n, k, d, j in zip(x.shape[2:], layer.kernel, layer.dilation, tap, strict=True):
            by = (j - (k - 1) // 2) * d
            inside = [p for p in range(n) if 0 <= p + by < n]
            write.append(slice(inside[0], inside[-1] + 1) if inside else slice(0, 0))
            read.append(slice(inside[0] + by, inside[-1] + by + 1) if inside else slice(0, 0))
        y[at(slice(None), group, *write)] = x[at(slice(None), group, *read)]
    return y


def _divides(divisor: int, number: int) -> None:
    if number % divisor:
        raise ExecutionError(f"{divisor} does not divide {number}")


def pixel_shuffle(call: Call) -> Array:
    """Channels to space: C = c r^n becomes c, each spatial size r times itself.

    Mode "crd" takes the factors after the channel (PyTorch), "dcr" before it (ONNX DepthToSpace).
    """
    x, r = call.x, call.layer.factor
    n, channels, *sizes = x.shape
    rank = len(sizes)
    _divides(r**rank, channels)
    if call.layer.mode == "crd":
        y = x.reshape(n, channels // r**rank, *(r,) * rank, *sizes)
        first = 2
        order = [0, 1]
    else:
        y = x.reshape(n, *(r,) * rank, channels // r**rank, *sizes)
        first = 1
        order = [0, 1 + rank]
    for axis in range(rank):
        order += [2 + rank + axis, first + axis]
    return y.transpose(order).copy().reshape(n, -1, *(size * r for size in sizes))


def pixel_unshuffle(call: Call) -> Array:
    """Space to channels, the inverse of :func:`pixel_shuffle`."""
    x, r = call.x, call.layer.factor
    n, channels, *sizes = x.shape
    rank = len(sizes)
    for size in sizes:
        _divides(r, size)
    y = x.reshape(n, channels, *(part for size in sizes for part in (size // r, r)))
    inner = [3 + 2 * axis for axis in range(rank)]
    outer = [2 + 2 * axis for axis in range(rank)]
    order = [0, 1, *inner, *outer] if call.layer.mode == "crd" else [0, *inner, 1, *outer]
    return y.transpose(order).copy().reshape(n, -1, *(size // r for size in sizes))

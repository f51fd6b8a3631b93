"""Reductions over some axes: sums and products, extremes and their places, norms and variances."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, Kernel
from convcalc.executor.marks import Reach, all_channels
from convcalc.executor.operation import OPERATIONS, Backprop, Operation


def _axes(layer: Any, rank: int) -> tuple[int, ...]:
    """The axes that are reduced, the batch counted, of an array of that rank."""
    if layer.axis is None:
        return tuple(range(1, rank))
    return tuple(axis + 1 for axis in (layer.axis if isinstance(layer.axis, tuple) else (layer.axis,)))


def _ones(layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with the batch, 1 in place of every axis that is reduced."""
    axes = _axes(layer, len(shape))
    return tuple(1 if axis in axes else n for axis, n in enumerate(shape))


def _result(layer: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """What comes of a shape with the batch: an axis is left at least."""
    if layer.keep:
        return _ones(layer, shape)
    axes = _axes(layer, len(shape))
    left = tuple(n for axis, n in enumerate(shape) if axis not in axes)
    return left if len(left) > 1 else (*left, 1)


def _entries(layer: Any, shape: tuple[int, ...]) -> int:
    return prod(shape[axis] for axis in _axes(layer, len(shape)))


Reduce = Callable[[Call, Array, tuple[int, ...]], Array]
"""The reduced axes of an array, left with size 1."""

Fold = Callable[[Any, list[Any]], Any]
"""One number made of a list of numbers; of the layer and the list."""


def _fast(reduce: Reduce) -> Kernel:
    def kernel(call: Call) -> Array:
        x = call.x
        return reduce(call, x, _axes(call.layer, x.ndim)).reshape(_result(call.layer, x.shape))

    return kernel


def _naive(fold: Fold, whole: bool = False) -> Kernel:
    """Entry by entry: the numbers along the axes in one list, one after the other."""

    def kernel(call: Call) -> Array:
        layer, x = call.layer, call.x
        axes = _axes(layer, x.ndim)
        kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
        rows = x.transpose(*kept, *axes).reshape(*(x.shape[axis] for axis in kept), -1)
        y = np.empty(rows.shape[:-1], np.int64 if whole else x.dtype)
        for place in np.ndindex(*y.shape):
            y[place] = fold(layer, list(rows[place]))
        return y.reshape(_result(layer, x.shape))

    return kernel


def _back(r: Reach) -> list[Array]:
    """Every entry along the axes is read, whatever its value."""
    (shape,), mark = r.inputs, r.mark
    over = _axes(r.layer, len(shape) + 1)
    if 1 in over and not r.layer.keep:  # what are channels of the output are none of the input
        mark = all_channels(mark, r.outputs[0][0])
    ones = _ones(r.layer, (len(mark), *shape))[2:]
    channels = 1 if 1 in over else mark.shape[1]
    return [np.broadcast_to(mark.reshape(len(mark), channels, *ones), (len(mark), channels, *shape[1:]))]


def _nonlinear_back(r: Reach) -> list[Array]:
    r.refuse_paths()
    return _back(r)


def _spread(b: Backprop, g: Array | None = None) -> Array:
    """A gradient of the output with the axes that were reduced, of size 1."""
    return np.asarray((b.g if g is None else g).reshape(_ones(b.layer, b.x.shape)))


def _y(b: Backprop) -> Array:
    return b.ys[0].reshape(_ones(b.layer, b.x.shape))


def _whole_tensors(many: int) -> Callable[[Any], int]:
    return lambda s: int(many * s.arriving + s.written)


# Sums, means, products


def _mean(layer: Any, row: list[Any]) -> Any:
    return _sum(layer, row) / len(row)


def _sum(layer: Any, row: list[Any]) -> Any:
    total: Any = 0.0
    for value in row:
        total = total + value
    return total


def _product(layer: Any, row: list[Any]) -> Any:
    total: Any = 1.0
    for value in row:
        total = total * value
    return total


def _product_gradient(b: Backprop) -> list[Array]:
    """The gradient times the product of all other entries, none of which is divided by."""
    axes = _axes(b.layer, b.x.ndim)
    order = (*(axis for axis in range(b.x.ndim) if axis not in axes), *axes)
    rows = b.x.transpose(order)
    flat = rows.reshape(*rows.shape[: b.x.ndim - len(axes)], -1)
    one = np.ones_like(flat[..., :1])
    before = np.concatenate([one, flat[..., :-1].cumprod(-1)], -1)
    behind = np.concatenate([one, flat[..., :0:-1].cumprod(-1)], -1)[..., ::-1]
    others = (before * behind).reshape(rows.shape).transpose(np.argsort(order))
    return [_spread(b) * others]


OPERATIONS["mean"] = Operation(
    _fast(lambda call, x, axes: call.t.divide(call.t.sum(x, axes), _entries(call.layer, x.shape))),
    _naive(_mean),
    _back,
    lambda b: [np.broadcast_to(_spread(b) / _entries(b.layer, b.x.shape), b.x.shape)],
)
OPERATIONS["sum"] = Operation(
    _fast(lambda call, x, axes: call.t.sum(x, axes)),
    _naive(_sum),
    _back,
    lambda b: [np.broadcast_to(_spread(b), b.x.shape)],
)
OPERATIONS["prod"] = Operation(
    _fast(lambda call, x, axes: call.t.product(x, axes)),
    _naive(_product),
    _nonlinear_back,
    _product_gradient,
)


# Extremes and their places


def _largest(layer: Any, row: list[Any]) -> Any:
    best: Any = -np.inf
    for value in row:
        if value > best or value != value:  # what is no number wins, as in NumPy and PyTorch
            best = value
    return best


def _smallest(layer: Any, row: list[Any]) -> Any:
    best: Any = np.inf
    for value in row:
        if value < best or value != value:
            best = value
    return best


def _place(better: Callable[[Any, Any], bool], start: float) -> Fold:
    def fold(layer: Any, row: list[Any]) -> int:
        best, place = start, 0
        for i, value in enumerate(row):
            if better(value, best) or (value != value and best == best):
                best, place = value, i
        return place

    return fold


def _shared_gradient(b: Backprop) -> list[Array]:
    """In equal shares to all entries that are the extreme, as PyTorch's amax and amin have it."""
    hit = b.x == _y(b)
    return [_spread(b) * hit / hit.sum(axis=_axes(b.layer, b.x.ndim), keepdims=True)]


def _no_gradient(b: Backprop) -> list[Array]:
    return [np.zeros_like(b.x)]


OPERATIONS["max"] = Operation(
    _fast(lambda call, x, axes: call.t.max(x, axes)), _naive(_largest), _back, _shared_gradient
)
OPERATIONS["min"] = Operation(
    _fast(lambda call, x, axes: call.t.min(x, axes)), _naive(_smallest), _back, _shared_gradient
)
OPERATIONS["argmax"] = Operation(
    _fast(lambda call, x, axes: call.t.argmax(x, axes[0])),
    _naive(_place(lambda a, b: a > b, -np.inf), whole=True),
    _nonlinear_back,
    _no_gradient,
    working_bytes=_whole_tensors(1),
    gives_indices=True,
)
OPERATIONS["argmin"] = Operation(
    _fast(lambda call, x, axes: call.t.argmin(x, axes[0])),
    _naive(_place(lambda a, b: a < b, np.inf), whole=True),
    _nonlinear_back,
    _no_gradient,
    working_bytes=_whole_tensors(1),
    gives_indices=True,
)


# Norms


def _norm(call: Call, x: Array, axes: tuple[int, ...]) -> Array:
    t, p = call.t, call.layer.p
    if p == "2":
        return t.sqrt(t.sum(t.multiply(x, x), axes))
    return t.sum(t.absolute(x), axes) if p == "1" else t.max(t.absolute(x), axes)


def _norm_of(layer: Any, row: list[Any]) -> Any:
    if layer.p == "2":
        return np.sqrt(_sum(layer, [value * value for value in row]))
    return (_sum if layer.p == "1" else _largest)(layer, [abs(value) for value in row])


def _norm_gradient(b: Backprop) -> list[Array]:
    """That of a row of zeros is taken as zero."""
    x, y, g = b.x, _y(b), _spread(b)
    if b.layer.p == "1":
        return [g * np.sign(x)]
    if b.layer.p == "2":
        return [g * np.divide(x, y, out=np.zeros_like(x), where=y != 0)]
    hit = np.abs(x) == y
    return [g * np.sign(x) * hit / hit.sum(axis=_axes(b.layer, x.ndim), keepdims=True)]


OPERATIONS["norm"] = Operation(
    _fast(_norm), _naive(_norm_of), _back, _norm_gradient, working_bytes=_whole_tensors(1)
)


# Variance and standard deviation


def _variance(call: Call, x: Array, axes: tuple[int, ...]) -> Array:
    t, n = call.t, _entries(call.layer, x.shape)
    centred = t.subtract(x, t.divide(t.sum(x, axes), n))
    squares = t.multiply(centred, centred, out=centred)
    return t.divide(t.sum(squares, axes), n - call.layer.correction)


def _variance_of(layer: Any, row: list[Any]) -> Any:
    mean, total = _mean(layer, row), 0.0
    for value in row:
        away = value - mean
        total = total + away * away
    return total / (len(row) - layer.correction)


def _variance_gradient(b: Backprop) -> list[Array]:
    centred = b.x - b.x.mean(axis=_axes(b.layer, b.x.ndim), keepdims=True)
    return [_spread(b) * centred * (2.0 / (_entries(b.layer, b.x.shape) - b.layer.correction))]


def _deviation_gradient(b: Backprop) -> list[Array]:
    """That of a row of equal numbers is taken as zero, as PyTorch does."""
    (g,), y = _variance_gradient(b), 2.0 * _y(b)
    return [np.divide(g, y, out=np.zeros_like(g), where=y != 0)]


OPERATIONS["var"] = Operation(
    _fast(_variance),
    _naive(_variance_of),
    _nonlinear_back,
    _variance_gradient,
    working_bytes=_whole_tensors(1),
)
OPERATIONS["std"] = Operation(
    _fast(lambda call, x, axes: call.t.sqrt(_variance(call, x, axes))),
    _naive(lambda layer, row: np.sqrt(_variance_of(layer, row))),
    _nonlinear_back,
    _deviation_gradient,
    working_bytes=_whole_tensors(1),
)

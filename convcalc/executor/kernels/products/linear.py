"""Linear layers: flat, or over one axis at every position of the others."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at, check_channels, per_channel
from convcalc.executor.kernels.products.weights import arriving, one_filter
from convcalc.executor.kernels.windows.conv import COLUMN_BYTES, pointwise
from convcalc.executor.marks import Reach, to_groups, whole_axes
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes
from convcalc.executor.parallel import each, row_spans, spans
from convcalc.executor.windows import taps


def _axis(layer: Any) -> int:
    """The axis of the features, the batch not counted."""
    return layer.axis if isinstance(layer.axis, int) else 0


def linear(call: Call) -> Array:
    """Linear layer: ``x (N, I)`` or, over an axis, ``x (N, *before, I, *after)``; ``weight (O, I)``."""
    t, x, weight, axis = call.t, call.x, call.params["weight"], _axis(call.layer)
    check_channels(x, weight.shape[1], axis)
    before, after = x.shape[: axis + 1], x.shape[axis + 2 :]
    if x.ndim == 2:
        flat = np.empty((len(weight), len(x)), x.dtype)

        def some(o: slice) -> None:
            t.matmul(weight[o], x.T, out=flat[o])

        each(some, row_spans(weight, 0) if weight.nbytes > COLUMN_BYTES else [slice(None)], t.shared)
        y = np.ascontiguousarray(flat.T)
    elif after:
        y = np.empty((prod(before), 1, len(weight), prod(after)), x.dtype)
        columns = x.reshape(prod(before), weight.shape[1], prod(after))
        pointwise(t, columns, weight[:, :, None], y, (1,), None)
    else:
        y = np.empty((prod(before), len(weight)), x.dtype)
        rows = x.reshape(prod(before), weight.shape[1])

        def part(p: slice) -> None:
            t.matmul(rows[p], weight.T, out=y[p])

        each(part, spans(len(y), _rows(y)), t.shared)
    y = y.reshape(*before, len(weight), *after)
    if call.layer.bias:
        t.add(y, per_channel(call.params["bias"], y, axis), out=y)
    return y


def _rows(y: Array) -> int:
    """So many rows at a time that a product of matrices is worth its call."""
    return max(64, COLUMN_BYTES // max(1, y[:1].nbytes))


def naive_linear(call: Call) -> Array:
    """Linear layer, at each position."""
    t, x, weight, axis = call.t, call.x, call.params["weight"], _axis(call.layer)
    outs, ins = weight.shape
    check_channels(x, ins, axis)
    y = call.zeros((*x.shape[: axis + 1], outs, *x.shape[axis + 2 :]))
    for entry in taps(y.shape):
        before, o, after = entry[: axis + 1], entry[axis + 1], entry[axis + 2 :]
        total = 0
        with t.accumulating():
            for c in range(ins):
                total = total + weight[o, c] * x[at(*before, c, *after)]
        if call.layer.bias:
            total = total + call.params["bias"][o]
        y[entry] = total
    return y


def _backward(r: Reach) -> list[Array]:
    axis = _axis(r.layer)
    return whole_axes(r, (axis,)) if axis else [to_groups(r.mark, r.outputs[0][0], 1)]


def _gradient(b: Backprop) -> list[Array]:
    axis = _axis(b.layer) + 1
    return [np.moveaxis(np.matmul(np.moveaxis(b.g, axis, -1), b.params["weight"]), -1, axis)]


def _weights(layer: Any) -> Shapes:
    bias = {"bias": (layer.out_features,)} if layer.bias else {}
    return {"weight": (layer.out_features, layer.in_features), **bias}


def _slope(layer: Any, x: Array, g: Array) -> Array:
    """The outer product of gradient and input, over all positions."""
    axis = _axis(layer) + 1
    left, right = (np.moveaxis(one, axis, 1).reshape(len(one), one.shape[axis], -1) for one in (g, x))
    return np.asarray(left @ right.swapaxes(-1, -2))


OPERATIONS["linear"] = arriving(
    Operation(
        linear,
        naive_linear,
        _backward,
        _gradient,
        _weights,
        fan_in=lambda layer: int(layer.in_features),
        working_bytes=lambda s: 2 * (s.arriving + s.written),
    ),
    _slope,
    lambda r: one_filter(r, _axis(r.layer)),
    _axis,
)

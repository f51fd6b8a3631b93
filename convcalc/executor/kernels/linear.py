"""Linear layers, flat or over channels."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at, check_channels, per_channel
from convcalc.executor.kernels.conv import COLUMN_BYTES, pointwise
from convcalc.executor.marks import Reach, to_groups
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import taps


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
        pointwise(t, flat_x, weight[:, :, None], y, (1,), None)
        y = y.reshape(len(x), len(weight), *x.shape[2:])
    if call.layer.bias:
        t.add(y, per_channel(call.params["bias"], y), out=y)
    return y


def naive_linear(call: Call) -> Array:
    """Linear layer, at each position."""
    t, x, weight = call.t, call.x, call.params["weight"]
    outs, ins = weight.shape
    check_channels(x, ins)
    y = call.zeros((len(x), outs, *x.shape[2:]))
    for entry in taps(y.shape):
        i, o, p = entry[0], entry[1], entry[2:]
        total = 0
        with t.accumulating():
            for c in range(ins):
                total = total + weight[o, c] * x[at(i, c, *p)]
        if call.layer.bias:
            total = total + call.params["bias"][o]
        y[entry] = total
    return y


def _backward(r: Reach) -> list[Array]:
    return [to_groups(r.mark, r.outputs[0][0], 1)]


def _gradient(b: Backprop) -> list[Array]:
    flat = b.g.reshape(*b.g.shape[:2], -1)
    return [np.matmul(b.params["weight"].T, flat).reshape(b.x.shape)]


def _weights(layer: Any) -> Shapes:
    bias = {"bias": (layer.out_features,)} if layer.bias else {}
    return {"weight": (layer.out_features, layer.in_features), **bias}


OPERATIONS["linear"] = Operation(
    linear,
    naive_linear,
    _backward,
    _gradient,
    _weights,
    fan_in=lambda layer: int(layer.in_features),
    working_bytes=lambda s: 2 * (s.arriving + s.written),
)

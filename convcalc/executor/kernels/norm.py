"""Normalisation. At inference batch normalisation is one multiply and one add an element."""

from __future__ import annotations

from math import prod

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, per_channel
from convcalc.executor.kernels.activation import scaled
from convcalc.executor.kernels.conv import check_channels
from convcalc.executor.windows import ExecutionError, pad


def batchnorm(call: Call) -> Array:
    """(x - mean) / sqrt(var + eps) * weight + bias, folded into one factor and one term a channel.

    The folding is over parameters alone and is done once for a whole input, so it is not counted.
    Without running statistics (``track`` off) those of the batch are taken, as PyTorch does.
    """
    layer, x = call.layer, call.x
    check_channels(x, layer.channels)
    if not layer.track:
        grouped = np.moveaxis(x, 1, 0).reshape(1, x.shape[1], -1)
        moved = _normalise(call, grouped).reshape(x.shape[1], len(x), *x.shape[2:])
        return _affine(call, np.ascontiguousarray(np.moveaxis(moved, 0, 1)))
    factor = 1.0 / np.sqrt(call.params["running_var"].astype(np.float64) + layer.eps)
    term = -call.params["running_mean"] * factor
    if layer.affine:
        weight = call.params["weight"]
        factor, term = factor * weight, term * weight
        if getattr(layer, "bias", True):
            term = term + call.params["bias"]
    if not x.dtype.hasobject:
        factor, term = factor.astype(x.dtype), term.astype(x.dtype)
    return scaled(call, factor, term)


def _normalise(call: Call, x: Array) -> Array:
    """Each row of ``x (N, G, n)`` less its mean, over the root of its variance plus eps."""
    t, n = call.t, x.shape[2]
    mean = t.divide(t.sum(x, 2), n)
    centred = t.subtract(x, mean)
    variance = t.divide(t.sum(t.multiply(centred, centred), 2), n)
    scale = t.divide(1.0, t.sqrt(t.add(variance, call.layer.eps)))
    return t.multiply(centred, scale, out=centred)


def layernorm(call: Call) -> Array:
    """Layer normalisation over channels and space together, or over channels at each position."""
    layer, t, x = call.layer, call.t, call.x
    if layer.over == "channels":
        rows = np.moveaxis(x, 1, -1)
        y = np.ascontiguousarray(
            np.moveaxis(_normalise(call, rows.reshape(len(x), -1, x.shape[1])).reshape(rows.shape), -1, 1)
        )
    else:
        y = _normalise(call, x.reshape(len(x), 1, -1)).reshape(x.shape)
    if layer.affine:
        y = t.multiply(y, _shaped(call.params["weight"], y), out=y)
        if layer.bias:
            y = t.add(y, _shaped(call.params["bias"], y), out=y)
    return y


def _shaped(values: Array, like: Array) -> Array:
    if values.shape == like.shape[1:]:
        return values[None]
    if values.shape != like.shape[1:2]:
        raise ExecutionError(f"the weights are for the shape {values.shape}, {like.shape[1:]} arrived")
    return per_channel(values, like)


def groupnorm(call: Call) -> Array:
    """Group normalisation: channels of a group and all space share one mean and variance."""
    check_channels(call.x, call.layer.channels)
    return _grouped(call, call.layer.groups)


def instancenorm(call: Call) -> Array:
    """Instance normalisation: each channel has its own mean and variance over space."""
    check_channels(call.x, call.layer.channels)
    return _grouped(call, call.x.shape[1])


def _grouped(call: Call, groups: int) -> Array:
    x = call.x
    return _affine(call, _normalise(call, x.reshape(len(x), groups, -1)).reshape(x.shape))


def _affine(call: Call, y: Array) -> Array:
    t = call.t
    if call.layer.affine:
        y = t.multiply(y, per_channel(call.params["weight"], y), out=y)
        if getattr(call.layer, "bias", True):
            y = t.add(y, per_channel(call.params["bias"], y), out=y)
    return y


def lrn(call: Call) -> Array:
    """Local response normalisation over channels: x / (k + alpha / size * sum of squares)^beta.

    The window of ``size`` channels is centred (the odd one before) and reads zeros outside.
    """
    layer, t, x = call.layer, call.t, call.x
    size = layer.size
    shape = (len(x), 1, x.shape[1], prod(x.shape[2:]))
    squares = t.multiply(x, x).reshape(shape)
    before = size // 2
    padded = pad(squares, ((before, size - 1 - before), (0, 0)), t.constant(0.0))
    total = np.zeros(shape, x.dtype)
    for j in range(size):
        t.add(total, padded[:, :, j : j + x.shape[1]], out=total)
    total = t.multiply(total, layer.alpha / size, out=total)
    total = t.add(total, layer.k, out=total)
    total = t.power(total, layer.beta, out=total)
    return t.divide(x, total.reshape(x.shape))

"""Normalisation, and learned factors per channel.

At inference batch normalisation is one multiplication and one addition per element.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, check_channels, per_channel
from convcalc.executor.marks import Reach, from_groups, no_marks, sum_over, sum_over_space, to_groups
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes, Sizes, elementwise
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import ExecutionError, pad


def scaled(call: Call, factor: Array, term: Array | None) -> Array:
    """The input times a factor per channel, plus a term per channel."""
    t, x = call.t, call.x
    target = call.target()
    y = np.empty_like(x) if target is None else target
    factor = per_channel(factor, x)
    term = None if term is None else per_channel(term, x)

    def block(c: slice) -> None:
        part = y[:, c]
        t.multiply(x[:, c], factor[:, c], out=part)
        if term is not None:
            t.add(part, term[:, c], out=part)

    each(block, row_spans(x), t.shared)
    return y


def scale(call: Call) -> Array:
    """Learned factor, and term if there is one, per channel."""
    bias = call.params["bias"] if call.layer.bias else None
    return scaled(call, call.params["weight"], bias)


def _scale_gradient(b: Backprop) -> list[Array]:
    return [b.g * per_channel(b.params["weight"], b.x)]


def _scale_weights(layer: Any) -> Shapes:
    return {"weight": (layer.channels,), **({"bias": (layer.channels,)} if layer.bias else {})}


OPERATIONS["scale"] = Operation(scale, gradient=_scale_gradient, weights=_scale_weights)


@elementwise("rescale", lambda layer, x: np.full(x.shape, float(layer.scale)))
def rescale(call: Call, x: Array, y: Array) -> None:
    """The input times a number, plus a number."""
    call.t.multiply(x, float(call.layer.scale), out=y)
    call.t.add(y, float(call.layer.offset), out=y)


# Statistics of groups of channels over all positions: group, instance and batch normalisation


def _whole_tensors(s: Sizes) -> int:
    return 4 * s.arriving


def _learned(layer: Any, shape: tuple[int, ...]) -> Shapes:
    """The factor and the term of a normalisation, of those that it has."""
    return {name: shape for name in ("weight", "bias") if layer.affine and getattr(layer, name, True)}


def _channel_weights(layer: Any) -> Shapes:
    return _learned(layer, (layer.channels,))


def _normalise(call: Call, x: Array) -> Array:
    """Each row of ``x (N, G, n)`` less its mean, over the root of its variance plus eps."""
    t, n = call.t, x.shape[2]
    mean = t.divide(t.sum(x, 2), n)
    centred = t.subtract(x, mean)
    variance = t.divide(t.sum(t.multiply(centred, centred), 2), n)
    scale = t.divide(1.0, t.sqrt(t.add(variance, call.layer.eps)))
    return t.multiply(centred, scale, out=centred)


def _normalised_gradient(x: Array, g: Array, axes: tuple[int, ...], eps: float) -> Array:
    """Back through (x - mean) / sqrt(variance + eps) over some axes."""
    centred = x - x.mean(axis=axes, keepdims=True)
    scale = 1.0 / np.sqrt((centred * centred).mean(axis=axes, keepdims=True) + eps)
    unit = centred * scale
    along = (g * unit).mean(axis=axes, keepdims=True)
    return np.asarray(scale * (g - g.mean(axis=axes, keepdims=True) - unit * along))


def _affine(call: Call, y: Array) -> Array:
    t, learned = call.t, _channel_weights(call.layer)
    if "weight" in learned:
        y = t.multiply(y, per_channel(call.params["weight"], y), out=y)
    if "bias" in learned:
        y = t.add(y, per_channel(call.params["bias"], y), out=y)
    return y


def _factor(b: Backprop) -> Any:
    return per_channel(b.params["weight"], b.x) if "weight" in _channel_weights(b.layer) else 1.0


def _grouped(call: Call, groups: int) -> Array:
    x = call.x
    check_channels(x, call.layer.channels)
    return _affine(call, _normalise(call, x.reshape(len(x), groups, -1)).reshape(x.shape))


def _grouped_backward(r: Reach, groups: int) -> list[Array]:
    """Every position of a group reads all of them."""
    r.refuse_paths()
    channels = r.inputs[0][0]
    mark = from_groups(to_groups(sum_over_space(r.mark), channels, groups), channels)
    return [np.broadcast_to(mark, (*mark.shape[:2], *r.inputs[0][1:]))]


def _grouped_gradient(b: Backprop, groups: int) -> list[Array]:
    shape = (len(b.x), groups, -1)
    g = _normalised_gradient(b.x.reshape(shape), (b.g * _factor(b)).reshape(shape), (2,), b.layer.eps)
    return [g.reshape(b.x.shape)]


def groupnorm(call: Call) -> Array:
    """Group normalisation: channels of a group and all space share one mean and variance."""
    return _grouped(call, call.layer.groups)


OPERATIONS["gn"] = Operation(
    groupnorm,
    backward=lambda r: _grouped_backward(r, r.layer.groups),
    gradient=lambda b: _grouped_gradient(b, b.layer.groups),
    weights=_channel_weights,
    working_bytes=_whole_tensors,
)


def instancenorm(call: Call) -> Array:
    """Instance normalisation: each channel has its own mean and variance over space."""
    return _grouped(call, call.layer.channels)


def _instancenorm_backward(r: Reach) -> list[Array]:
    return _grouped_backward(r, r.inputs[0][0])


OPERATIONS["instancenorm"] = Operation(
    instancenorm,
    backward=_instancenorm_backward,
    gradient=lambda b: _grouped_gradient(b, b.x.shape[1]),
    weights=_channel_weights,
    working_bytes=_whole_tensors,
)


def batchnorm(call: Call) -> Array:
    """(x - mean) / sqrt(var + eps) * weight + bias, folded into one factor and one term per channel.

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
    learned = _channel_weights(layer)
    if "weight" in learned:
        weight = call.params["weight"]
        factor, term = factor * weight, term * weight
    if "bias" in learned:
        term = term + call.params["bias"]
    if not x.dtype.hasobject:
        factor, term = factor.astype(x.dtype), term.astype(x.dtype)
    return scaled(call, factor, term)


def _batchnorm_backward(r: Reach) -> list[Array]:
    return [r.mark] if r.layer.track else _instancenorm_backward(r)


def _batchnorm_gradient(b: Backprop) -> list[Array]:
    if b.layer.track:
        return [b.g * _factor(b) / np.sqrt(per_channel(b.params["running_var"], b.x) + b.layer.eps)]
    return [_normalised_gradient(b.x, b.g * _factor(b), (0, *range(2, b.x.ndim)), b.layer.eps)]


def _batchnorm_weights(layer: Any) -> Shapes:
    one = (layer.channels,)
    running = {"running_mean": one, "running_var": one} if layer.track else {}
    return {**_channel_weights(layer), **running}


OPERATIONS["bn"] = Operation(
    batchnorm,
    backward=_batchnorm_backward,
    gradient=_batchnorm_gradient,
    weights=_batchnorm_weights,
    working_bytes=lambda s: s.blocks(2) if s.layer.track else _whole_tensors(s),
)


# Layer normalisation


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
    learned = _layernorm_weights(layer)
    if "weight" in learned:
        y = t.multiply(y, _shaped(call.params["weight"], y), out=y)
    if "bias" in learned:
        y = t.add(y, _shaped(call.params["bias"], y), out=y)
    return y


def _shaped(values: Array, like: Array) -> Array:
    if values.shape == like.shape[1:]:
        return values[None]
    if values.shape != like.shape[1:2]:
        raise ExecutionError(f"the weights are for the shape {values.shape}, {like.shape[1:]} arrived")
    return per_channel(values, like)


def _layernorm_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    total = sum_over(r.mark, 1)
    if r.layer.over == "channels":
        return [total]
    total = sum_over_space(total)
    return [np.broadcast_to(total, (len(total), 1, *r.inputs[0][1:]))]


def _layernorm_gradient(b: Backprop) -> list[Array]:
    weight: Any = _shaped(b.params["weight"], b.x) if "weight" in _layernorm_weights(b.layer) else 1.0
    axes = (1,) if b.layer.over == "channels" else tuple(range(1, b.x.ndim))
    return [_normalised_gradient(b.x, b.g * weight, axes, b.layer.eps)]


def _layernorm_weights(layer: Any) -> Shapes:
    return _learned(layer, tuple(layer.shape))


OPERATIONS["ln"] = Operation(
    layernorm,
    backward=_layernorm_backward,
    gradient=_layernorm_gradient,
    weights=_layernorm_weights,
    working_bytes=_whole_tensors,
)


# Root mean square normalisation


def _rms_axes(layer: Any, x: Array) -> tuple[int, ...]:
    """The axes normalised over, the batch counted."""
    if layer.over == "channels":
        return (1,)
    if x.shape[x.ndim - len(layer.normalized) :] != tuple(layer.normalized):
        raise ExecutionError(f"it is over the shape {layer.normalized}, {x.shape[1:]} arrived")
    return tuple(range(x.ndim - len(layer.normalized), x.ndim))


def _rms_eps(layer: Any, x: Array) -> float:
    """Counting scalars hold 64-bit numbers."""
    return float(np.finfo(x.dtype if x.dtype.kind == "f" else float).eps) if layer.eps is None else layer.eps


def _rms_weight(layer: Any, weight: Array, x: Array) -> Array:
    return per_channel(weight, x) if layer.over == "channels" else weight


def rmsnorm(call: Call) -> Array:
    """The input over the root of the mean of its squares plus eps, times a weight."""
    layer, t, x = call.layer, call.t, call.x
    axes = _rms_axes(layer, x)
    mean = t.divide(t.sum(t.multiply(x, x), axes), prod(x.shape[axis] for axis in axes))
    y = t.multiply(x, t.divide(1.0, t.sqrt(t.add(mean, _rms_eps(layer, x)))))
    if layer.affine:
        y = t.multiply(y, _rms_weight(layer, call.params["weight"], y), out=y)
    return y


def _rmsnorm_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    rank = len(r.inputs[0])
    axes = (1,) if r.layer.over == "channels" else tuple(range(rank + 1 - len(r.layer.normalized), rank + 1))
    total = sum_over(r.mark, axes)
    return [np.broadcast_to(total, (*total.shape[:2], *r.inputs[0][1:]))]


def _rmsnorm_gradient(b: Backprop) -> list[Array]:
    layer, x = b.layer, b.x
    axes = _rms_axes(layer, x)
    g = b.g * _rms_weight(layer, b.params["weight"], x) if layer.affine else b.g
    scale = 1.0 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + _rms_eps(layer, x))
    return [scale * g - x * scale**3 * (g * x).mean(axis=axes, keepdims=True)]


OPERATIONS["rmsnorm"] = Operation(
    rmsnorm,
    backward=_rmsnorm_backward,
    gradient=_rmsnorm_gradient,
    weights=lambda layer: {"weight": tuple(layer.normalized)} if layer.affine else {},
    working_bytes=_whole_tensors,
)


# Local response normalisation


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


def _lrn_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    if r.mark.shape[1] == 1:
        return [r.mark]
    channels, size = r.inputs[0][0], r.layer.size
    total = no_marks(r.mark, len(r.mark), channels + size - 1, *r.inputs[0][1:])
    for j in range(size):
        np.add(total[:, j : j + channels], r.mark, out=total[:, j : j + channels])
    return [total[:, size // 2 : size // 2 + channels] + r.mark]


def _lrn_gradient(b: Backprop) -> list[Array]:
    layer, channels = b.layer, b.x.shape[1]
    before, after = layer.size // 2, layer.size - 1 - layer.size // 2

    def window(values: Array, ahead: int, behind: int) -> Array:
        width = [(0, 0), (ahead, behind), *((0, 0),) * (values.ndim - 2)]
        padded = np.pad(values, width)
        return np.asarray(sum(padded[:, j : j + channels] for j in range(layer.size)))

    base = layer.k + layer.alpha / layer.size * window(b.x * b.x, before, after)
    inner = window(b.g * b.x * base ** (-layer.beta - 1.0), after, before)
    return [b.g * base**-layer.beta - 2.0 * layer.alpha * layer.beta / layer.size * b.x * inner]


OPERATIONS["lrn"] = Operation(
    lrn, backward=_lrn_backward, gradient=_lrn_gradient, working_bytes=_whole_tensors
)

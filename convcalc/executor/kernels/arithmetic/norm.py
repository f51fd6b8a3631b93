"""Normalisation, and learned factors per channel.

At inference batch normalisation is one multiplication and one addition per element.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, check_channels, per_channel
from convcalc.executor.marks import Reach, from_groups, no_marks, sum_over_space, to_groups, whole_axes
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Shapes, Sizes, elementwise
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import ExecutionError, pad


def scaled(call: Call, factor: Array, term: Array | None) -> Array:
    """The input times a factor per channel, plus a term per channel, of the axis that has the channels."""
    t, x, axis = call.t, call.x, call.layer.axis
    target = call.target()
    y = np.empty_like(x) if target is None else target
    factor = per_channel(factor, x, axis)
    term = None if term is None else per_channel(term, x, axis)

    def block(c: slice) -> None:
        part, own = y[:, c], c if axis == 0 else slice(None)
        t.multiply(x[:, c], factor[:, own], out=part)
        if term is not None:
            t.add(part, term[:, own], out=part)

    each(block, row_spans(x), t.shared)
    return y


def scale(call: Call) -> Array:
    """Learned factor, and term if there is one, per channel."""
    bias = call.params["bias"] if call.layer.bias else None
    return scaled(call, call.params["weight"], bias)


def _scale_gradient(b: Backprop) -> list[Array]:
    return [b.g * per_channel(b.params["weight"], b.x, b.layer.axis)]


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
    t, learned, axis = call.t, _channel_weights(call.layer), _channel_axis(call.layer)
    if "weight" in learned:
        y = t.multiply(y, per_channel(call.params["weight"], y, axis), out=y)
    if "bias" in learned:
        y = t.add(y, per_channel(call.params["bias"], y, axis), out=y)
    return y


def _channel_axis(layer: Any) -> int:
    return int(getattr(layer, "axis", 0))


def _factor(b: Backprop) -> Any:
    return (
        per_channel(b.params["weight"], b.x, _channel_axis(b.layer))
        if "weight" in _channel_weights(b.layer)
        else 1.0
    )


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
    layer, x, axis = call.layer, call.x, call.layer.axis + 1
    check_channels(x, layer.channels, layer.axis)
    if not layer.track:
        grouped = np.moveaxis(x, axis, 0)
        moved = _normalise(call, grouped.reshape(1, len(grouped), -1)).reshape(grouped.shape)
        return _affine(call, np.ascontiguousarray(np.moveaxis(moved, 0, axis)))
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
    if r.layer.track:
        return [r.mark]
    r.refuse_paths()
    return whole_axes(r, tuple(a for a in range(len(r.inputs[0])) if a != r.layer.axis))


def _batchnorm_gradient(b: Backprop) -> list[Array]:
    if b.layer.track:
        return [
            b.g * _factor(b) / np.sqrt(per_channel(b.params["running_var"], b.x, b.layer.axis) + b.layer.eps)
        ]
    others = tuple(a for a in range(b.x.ndim) if a != b.layer.axis + 1)
    return [_normalised_gradient(b.x, b.g * _factor(b), others, b.layer.eps)]


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


def _over(layer: Any, ndim: int) -> tuple[int, ...]:
    """The axes that are normalised over, the batch counted."""
    return tuple(range(1, ndim)) if layer.axis is None else tuple(axis + 1 for axis in layer.axis)


def _shaped(values: Array, like: Array, axes: tuple[int, ...]) -> Array:
    """Weights of the sizes of some axes, to broadcast over an array."""
    shape = tuple(n if axis in axes else 1 for axis, n in enumerate(like.shape))
    if values.shape != tuple(like.shape[axis] for axis in axes):
        raise ExecutionError(f"the weights are for the shape {values.shape}, {like.shape[1:]} arrived")
    return values.reshape(shape)


def layernorm(call: Call) -> Array:
    """Layer normalisation over some axes together, at every position of the others."""
    layer, t, x = call.layer, call.t, call.x
    axes = _over(layer, x.ndim)
    last = tuple(range(x.ndim - len(axes), x.ndim))
    rows = np.moveaxis(x, axes, last)
    y = _normalise(call, rows.reshape(len(x), -1, prod(x.shape[axis] for axis in axes))).reshape(rows.shape)
    y = np.ascontiguousarray(np.moveaxis(y, last, axes))
    learned = _layernorm_weights(layer)
    if "weight" in learned:
        y = t.multiply(y, _shaped(call.params["weight"], y, axes), out=y)
    if "bias" in learned:
        y = t.add(y, _shaped(call.params["bias"], y, axes), out=y)
    return y


def _axes_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    return whole_axes(r, tuple(range(len(r.inputs[0]))) if r.layer.axis is None else tuple(r.layer.axis))


def _layernorm_gradient(b: Backprop) -> list[Array]:
    axes, learned = _over(b.layer, b.x.ndim), _layernorm_weights(b.layer)
    weight: Any = _shaped(b.params["weight"], b.x, axes) if "weight" in learned else 1.0
    return [_normalised_gradient(b.x, b.g * weight, axes, b.layer.eps)]


def _layernorm_weights(layer: Any) -> Shapes:
    return _learned(layer, tuple(layer.shape))


OPERATIONS["ln"] = Operation(
    layernorm,
    backward=_axes_backward,
    gradient=_layernorm_gradient,
    weights=_layernorm_weights,
    working_bytes=_whole_tensors,
)


# Root mean square normalisation


def _rms_eps(layer: Any, x: Array) -> float:
    """Counting scalars hold 64-bit numbers."""
    return float(np.finfo(x.dtype if x.dtype.kind == "f" else float).eps) if layer.eps is None else layer.eps


def rmsnorm(call: Call) -> Array:
    """The input over the root of the mean of its squares plus eps, times a weight."""
    layer, t, x = call.layer, call.t, call.x
    axes = _over(layer, x.ndim)
    mean = t.divide(t.sum(t.multiply(x, x), axes), prod(x.shape[axis] for axis in axes))
    y = t.multiply(x, t.divide(1.0, t.sqrt(t.add(mean, _rms_eps(layer, x)))))
    if layer.affine:
        y = t.multiply(y, _shaped(call.params["weight"], y, axes), out=y)
    return y


def _rmsnorm_gradient(b: Backprop) -> list[Array]:
    layer, x = b.layer, b.x
    axes = _over(layer, x.ndim)
    g = b.g * _shaped(b.params["weight"], x, axes) if layer.affine else b.g
    scale = 1.0 / np.sqrt((x * x).mean(axis=axes, keepdims=True) + _rms_eps(layer, x))
    return [scale * g - x * scale**3 * (g * x).mean(axis=axes, keepdims=True)]


OPERATIONS["rmsnorm"] = Operation(
    rmsnorm,
    backward=_axes_backward,
    gradient=_rmsnorm_gradient,
    weights=lambda layer: {"weight": tuple(layer.shape)} if layer.affine else {},
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

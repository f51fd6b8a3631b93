"""Activations: functions of one element with their derivatives, and those of an axis: softmax, gates.

A change of sign is not counted as an operation.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.arithmetic.special import erf
from convcalc.executor.call import Call, per_channel
from convcalc.executor.marks import Reach, whole_axes
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, elementwise
from convcalc.executor.parallel import each, row_spans
from convcalc.executor.windows import ExecutionError

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@elementwise("relu", lambda layer, x: (x > 0).astype(x.dtype))
def relu(call: Call, x: Array, y: Array) -> None:
    """max(x, 0)."""
    call.t.maximum(x, 0.0, out=y)


@elementwise("relu6", lambda layer, x: ((x > 0) & (x < 6)).astype(x.dtype))
def relu6(call: Call, x: Array, y: Array) -> None:
    """min(max(x, 0), 6)."""
    call.t.maximum(x, 0.0, out=y)
    call.t.minimum(y, 6.0, out=y)


@elementwise("leakyrelu", lambda layer, x: np.where(x > 0, 1.0, layer.slope))
def leaky_relu(call: Call, x: Array, y: Array) -> None:
    """The input where positive, else slope times x."""
    _leaky(call.t, x, call.layer.slope, y)


def _leaky(t: Arith, x: Array, slope: float | Array, y: Array) -> None:
    scaled = t.multiply(x, slope)
    positive = t.greater(x, 0.0)
    if y is not x:
        np.copyto(y, x)
    np.copyto(y, scaled, where=~positive)


def _shape(layer: Any) -> Any:
    return getattr(layer, "shape", None)


def _slopes(layer: Any, weight: Array, x: Array) -> Array:
    if _shape(layer) is None:
        return per_channel(weight, x, 0 if len(weight) == 1 else layer.axis)
    return np.reshape(weight, (1, *layer.shape))


def prelu(call: Call) -> Array:
    """The input where positive, else a learned slope (one, one per channel or of a shape) times x."""
    t, x = call.t, call.x
    slopes = _slopes(call.layer, call.params["weight"], x)
    target = call.target()
    y = np.empty_like(x) if target is None else target

    def block(c: slice) -> None:
        _leaky(t, x[:, c], slopes if slopes.shape[1] == 1 else slopes[:, c], y[:, c])

    each(block, row_spans(x), t.shared)
    return y


def _prelu_gradient(b: Backprop) -> list[Array]:
    return [b.g * np.where(b.x > 0, 1.0, _slopes(b.layer, b.params["weight"], b.x))]


OPERATIONS["prelu"] = Operation(
    prelu,
    gradient=_prelu_gradient,
    weights=lambda layer: {"weight": tuple(_shape(layer) or (layer.channels,))},
)


def _elu_slope(x: Array, alpha: float) -> Array:
    return np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def _elu(t: Arith, x: Array, alpha: float) -> Array:
    positive = t.greater(x, 0.0)
    y = t.exp(np.where(positive, t.constant(0.0), x))
    y = t.multiply(t.subtract(y, 1.0, out=y), alpha, out=y)
    np.copyto(y, x, where=positive)
    return y


@elementwise("elu", lambda layer, x: _elu_slope(x, layer.alpha))
def elu(call: Call, x: Array, y: Array) -> None:
    """The input where positive, else alpha (exp(x) - 1)."""
    np.copyto(y, _elu(call.t, x, call.layer.alpha))


@elementwise("celu", lambda layer, x: np.where(x > 0, 1.0, np.exp(np.where(x > 0, 0.0, x) / layer.alpha)))
def celu(call: Call, x: Array, y: Array) -> None:
    """The input where positive, else alpha (exp(x / alpha) - 1)."""
    t, alpha = call.t, call.layer.alpha
    positive = t.greater(x, 0.0)
    curve = t.exp(t.divide(np.where(positive, t.constant(0.0), x), alpha))
    curve = t.multiply(t.subtract(curve, 1.0, out=curve), alpha, out=curve)
    np.copyto(y, np.where(positive, x, curve))


@elementwise("selu", lambda layer, x: SELU_SCALE * _elu_slope(x, SELU_ALPHA))
def selu(call: Call, x: Array, y: Array) -> None:
    """Scaled ELU of Klambauer et al. 2017."""
    call.t.multiply(_elu(call.t, x, SELU_ALPHA), SELU_SCALE, out=y)


def _sigmoid(t: Arith, x: Array) -> Array:
    y = t.exp(np.negative(x))
    y = t.add(y, 1.0, out=y)
    return t.divide(1.0, y, out=y)


def _logistic(x: Array) -> Array:
    """The sigmoid as derivatives use it: by tanh, which does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


@elementwise("sigmoid", lambda layer, x: _logistic(x) * (1.0 - _logistic(x)))
def sigmoid(call: Call, x: Array, y: Array) -> None:
    """1 / (1 + exp(-x))."""
    np.copyto(y, _sigmoid(call.t, x))


@elementwise("silu", lambda layer, x: _logistic(x) * (1.0 + x * (1.0 - _logistic(x))))
def silu(call: Call, x: Array, y: Array) -> None:
    """Input times its sigmoid."""
    call.t.multiply(_sigmoid(call.t, x), x, out=y)


def _mish_slope(layer: Any, x: Array) -> Array:
    t = np.tanh(np.logaddexp(0.0, x))
    return np.asarray(t + x * _logistic(x) * (1.0 - t * t))


@elementwise("mish", _mish_slope)
def mish(call: Call, x: Array, y: Array) -> None:
    """Input times tanh(log(1 + exp(x)))."""
    t = call.t
    t.multiply(t.tanh(t.log1p(t.exp(x))), x, out=y)


def _softplus_slope(layer: Any, x: Array) -> Array:
    scaled = layer.beta * x
    return np.where(scaled > layer.threshold, 1.0, _logistic(scaled))


@elementwise("softplus", _softplus_slope)
def softplus(call: Call, x: Array, y: Array) -> None:
    """log(1 + exp(beta x)) / beta, and the input itself above the threshold, where it is nearly that."""
    t, beta = call.t, call.layer.beta
    scaled = t.multiply(x, beta)
    above = t.greater(scaled, call.layer.threshold)
    soft = t.divide(t.log1p(t.exp(np.where(above, t.constant(0.0), scaled))), beta)
    np.copyto(y, np.where(above, x, soft))


@elementwise("hardtanh", lambda layer, x: ((x > layer.low) & (x < layer.high)).astype(x.dtype))
def hard_tanh(call: Call, x: Array, y: Array) -> None:
    """min(max(x, low), high)."""
    call.t.maximum(x, call.layer.low, out=y)
    call.t.minimum(y, call.layer.high, out=y)


@elementwise("threshold", lambda layer, x: (x > layer.threshold).astype(x.dtype))
def threshold(call: Call, x: Array, y: Array) -> None:
    """The input above the threshold, else the value."""
    below = call.t.at_most(x, call.layer.threshold)
    np.copyto(y, x)
    y[below] = call.layer.value


@elementwise("softsign", lambda layer, x: 1.0 / (1.0 + np.abs(x)) ** 2)
def softsign(call: Call, x: Array, y: Array) -> None:
    """X / (1 + |x|)."""
    t = call.t
    t.divide(x, t.add(t.absolute(x), 1.0), out=y)


@elementwise("logsigmoid", lambda layer, x: _logistic(-x))
def log_sigmoid(call: Call, x: Array, y: Array) -> None:
    """min(x, 0) - log(1 + exp(-|x|))."""
    t = call.t
    curve = t.log1p(t.exp(np.negative(t.absolute(x))))
    t.subtract(t.minimum(x, 0.0), curve, out=y)


@elementwise("tanhshrink", lambda layer, x: np.tanh(x) ** 2)
def tanh_shrink(call: Call, x: Array, y: Array) -> None:
    """X - tanh(x)."""
    call.t.subtract(x, call.t.tanh(x), out=y)


@elementwise("softshrink", lambda layer, x: (np.abs(x) > layer.lambd).astype(x.dtype))
def soft_shrink(call: Call, x: Array, y: Array) -> None:
    """X - min(max(x, -lambda), lambda)."""
    t, most = call.t, float(call.layer.lambd)
    t.subtract(x, t.minimum(t.maximum(x, -most), most), out=y)


@elementwise("hardshrink", lambda layer, x: (np.abs(x) > layer.lambd).astype(x.dtype))
def hard_shrink(call: Call, x: Array, y: Array) -> None:
    """X where |x| is above lambda, else 0."""
    near = call.t.at_most(call.t.absolute(x), call.layer.lambd)
    np.copyto(y, x)
    y[near] = 0.0


@elementwise("tanh", lambda layer, x: 1.0 - np.tanh(x) ** 2)
def tanh(call: Call, x: Array, y: Array) -> None:
    """Hyperbolic tangent."""
    call.t.tanh(x, out=y)


def _hard_sigmoid(t: Arith, x: Array) -> Array:
    y = t.add(x, 3.0)
    y = t.maximum(y, 0.0, out=y)
    y = t.minimum(y, 6.0, out=y)
    return t.divide(y, 6.0, out=y)


@elementwise("hardsigmoid", lambda layer, x: (np.abs(x) < 3) / 6.0)
def hard_sigmoid(call: Call, x: Array, y: Array) -> None:
    """relu6(x + 3) / 6."""
    np.copyto(y, _hard_sigmoid(call.t, x))


def _hard_swish_slope(layer: Any, x: Array) -> Array:
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (2.0 * x + 3.0) / 6.0))


@elementwise("hardswish", _hard_swish_slope)
def hard_swish(call: Call, x: Array, y: Array) -> None:
    """Input times relu6(x + 3) / 6."""
    call.t.multiply(_hard_sigmoid(call.t, x), x, out=y)


def _gelu_slope(layer: Any, x: Array) -> Array:
    if layer.approximate == "tanh":
        c = sqrt(2.0 / pi)
        t = np.tanh(c * (x + 0.044715 * x**3))
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * x * x)
    return 0.5 * (1.0 + erf(x * sqrt(0.5))) + x * np.exp(-0.5 * x * x) / sqrt(2.0 * pi)


@elementwise("gelu", _gelu_slope, working=24)  # the error function is worked out in float64
def gelu(call: Call, x: Array, y: Array) -> None:
    """Input times Phi(x): by the error function, or by the published tanh approximation."""
    t = call.t
    if call.layer.approximate == "tanh":
        cubic = t.multiply(t.multiply(t.multiply(x, x), x), 0.044715)
        inner = t.tanh(t.multiply(t.add(x, cubic), sqrt(2.0 / pi)))
    else:
        inner = t.erf(t.multiply(x, sqrt(0.5)))
    t.multiply(t.multiply(x, 0.5), t.add(inner, 1.0), out=y)


# Softmax and its kin: over one axis at each position


def _share(t: Arith, x: Array, axis: int) -> Array:
    y = t.exp(t.subtract(x, t.max(x, axis)))
    return t.divide(y, t.sum(y, axis), out=y)


def softmax(call: Call) -> Array:
    """exp(x) over the sum of exp(x), along one axis (less the maximum first)."""
    return _share(call.t, call.x, call.layer.axis + 1)


def softmin(call: Call) -> Array:
    """The same of the input with its sign changed."""
    return _share(call.t, np.negative(call.x), call.layer.axis + 1)


def log_softmax(call: Call) -> Array:
    """X - log(sum of exp(x)), along one axis (less the maximum first)."""
    t, x, axis = call.t, call.x, call.layer.axis + 1
    y = t.subtract(x, t.max(x, axis))
    return t.subtract(y, t.log(t.sum(t.exp(y), axis)), out=y)


def _softmax_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    return whole_axes(r, (r.layer.axis,))


def _softmax_gradient(b: Backprop) -> list[Array]:
    y = b.ys[0]
    return [y * (b.g - (b.g * y).sum(axis=b.layer.axis + 1, keepdims=True))]


def _log_softmax_gradient(b: Backprop) -> list[Array]:
    return [b.g - np.exp(b.ys[0]) * b.g.sum(axis=b.layer.axis + 1, keepdims=True)]


OPERATIONS["softmax"] = Operation(
    softmax,
    backward=_softmax_backward,
    gradient=_softmax_gradient,
    working_bytes=lambda s: 4 * s.arriving,
)
OPERATIONS["softmin"] = OPERATIONS["softmax"]._replace(
    fast=softmin, gradient=lambda b: [-g for g in _softmax_gradient(b)]
)
OPERATIONS["logsoftmax"] = OPERATIONS["softmax"]._replace(fast=log_softmax, gradient=_log_softmax_gradient)


def _halves(x: Array, layer: Any) -> tuple[Array, Array]:
    axis = layer.axis + 1
    if x.shape[axis] % 2:
        raise ExecutionError(f"2 does not divide {x.shape[axis]}")
    first, second = np.split(x, 2, axis)
    return first, second


def glu(call: Call) -> Array:
    """The first half of an axis times the sigmoid of the second."""
    first, second = _halves(call.x, call.layer)
    gate = _sigmoid(call.t, second)
    return call.t.multiply(first, gate, out=gate)


def _glu_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    if r.layer.axis == 0 and r.mark.shape[1] == 1:
        return [r.mark]
    return [np.concatenate([r.mark, r.mark], r.layer.axis + 1)]


def _glu_gradient(b: Backprop) -> list[Array]:
    first, second = _halves(b.x, b.layer)
    gate = _logistic(second)
    return [np.concatenate([b.g * gate, b.g * first * gate * (1.0 - gate)], b.layer.axis + 1)]


OPERATIONS["glu"] = Operation(
    glu, backward=_glu_backward, gradient=_glu_gradient, working_bytes=lambda s: 2 * s.arriving
)

"""Activations, elementwise; softmax over channels. A change of sign is not an operation."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from convcalc.executor.arith import Arith, Array
from convcalc.executor.call import Call, per_channel

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def relu(call: Call) -> Array:
    """max(x, 0)."""
    return call.t.maximum(call.x, 0.0, out=call.target())


def relu6(call: Call) -> Array:
    """min(max(x, 0), 6)."""
    y = call.t.maximum(call.x, 0.0, out=call.target())
    return call.t.minimum(y, 6.0, out=y)


def leaky_relu(call: Call) -> Array:
    """The input where positive, else slope times x."""
    return _leaky(call.t, call.x, call.layer.slope)


def prelu(call: Call) -> Array:
    """The input where positive, else a learned slope (one, or one a channel) times x."""
    return _leaky(call.t, call.x, per_channel(call.params["weight"], call.x))


def _leaky(t: Arith, x: Array, slope: float | Array) -> Array:
    y = t.multiply(x, slope)
    np.copyto(y, x, where=t.greater(x, 0.0))
    return y


def elu(call: Call) -> Array:
    """The input where positive, else alpha (exp(x) - 1)."""
    return _elu(call.t, call.x, call.layer.alpha)


def _elu(t: Arith, x: Array, alpha: float) -> Array:
    positive = t.greater(x, 0.0)
    y = t.exp(np.where(positive, t.constant(0.0), x))
    y = t.multiply(t.subtract(y, 1.0, out=y), alpha, out=y)
    np.copyto(y, x, where=positive)
    return y


def selu(call: Call) -> Array:
    """Scaled ELU of Klambauer et al. 2017."""
    y = _elu(call.t, call.x, SELU_ALPHA)
    return call.t.multiply(y, SELU_SCALE, out=y)


def _sigmoid(t: Arith, x: Array) -> Array:
    y = t.exp(np.negative(x))
    y = t.add(y, 1.0, out=y)
    return t.divide(1.0, y, out=y)


def sigmoid(call: Call) -> Array:
    """1 / (1 + exp(-x))."""
    return _sigmoid(call.t, call.x)


def silu(call: Call) -> Array:
    """Input times its sigmoid."""
    y = _sigmoid(call.t, call.x)
    return call.t.multiply(y, call.x, out=y)


def tanh(call: Call) -> Array:
    """Hyperbolic tangent."""
    return call.t.tanh(call.x, out=call.target())


def _hard_sigmoid(t: Arith, x: Array) -> Array:
    y = t.add(x, 3.0)
    y = t.maximum(y, 0.0, out=y)
    y = t.minimum(y, 6.0, out=y)
    return t.divide(y, 6.0, out=y)


def hard_sigmoid(call: Call) -> Array:
    """relu6(x + 3) / 6."""
    return _hard_sigmoid(call.t, call.x)


def hard_swish(call: Call) -> Array:
    """Input times relu6(x + 3) / 6."""
    y = _hard_sigmoid(call.t, call.x)
    return call.t.multiply(y, call.x, out=y)


def gelu(call: Call) -> Array:
    """Input times Phi(x): by the error function, or by the published tanh approximation."""
    t, x = call.t, call.x
    if call.layer.approximate == "tanh":
        cubic = t.multiply(t.multiply(t.multiply(x, x), x), 0.044715)
        inner = t.tanh(t.multiply(t.add(x, cubic), sqrt(2.0 / pi)))
    else:
        inner = t.erf(t.multiply(x, sqrt(0.5)))
    return t.multiply(t.multiply(x, 0.5), t.add(inner, 1.0))


def softmax(call: Call) -> Array:
    """exp(x) over the sum of exp(x), over channels at each position (less the maximum first)."""
    t, x = call.t, call.x
    y = t.exp(t.subtract(x, t.max(x, 1)))
    return t.divide(y, t.sum(y, 1), out=y)


def scale(call: Call) -> Array:
    """Learned factor, and term if there is one, a channel."""
    t, x = call.t, call.x
    y = t.multiply(x, per_channel(call.params["weight"], x), out=call.target())
    if call.layer.bias:
        y = t.add(y, per_channel(call.params["bias"], y), out=y)
    return y


def add(call: Call) -> Array:
    """Sum of all inputs, broadcast where a dimension is 1."""
    return _fold(call, call.t.add)


def mul(call: Call) -> Array:
    """Product of all inputs, broadcast where a dimension is 1."""
    return _fold(call, call.t.multiply)


def _fold(call: Call, operation: object) -> Array:
    assert callable(operation)
    shape = np.broadcast_shapes(*(x.shape for x in call.xs))
    target = call.target()
    if target is not None and target.shape != shape:
        target = None
    y: Array = np.broadcast_to(call.x, shape)
    for x in call.xs[1:]:
        y = target = operation(y, x, out=target)
    return y

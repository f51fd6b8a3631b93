"""Activations, elementwise; softmax over channels. A change of sign is not an operation."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import Call, per_channel
from convcalc.executor.parallel import each, row_spans

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


Function = Callable[[Call, Array, Array], None]
"""Computes a block of the input into a block of the output, which may be the same array."""


def _kernel(function: Function) -> Callable[[Call], Array]:
    """A kernel that applies an elementwise function block by block, in several threads."""

    def kernel(call: Call) -> Array:
        x = call.x
        target = call.target()
        y = np.empty_like(x) if target is None else target
        if not (x.flags.c_contiguous and y.flags.c_contiguous):
            function(call, x, y)
            return y
        source, result = x.reshape(-1), y.reshape(-1)

        def block(span: slice) -> None:
            function(call, source[span], result[span])

        each(block, row_spans(source, 0), call.t.shared)
        return y

    kernel.__doc__ = function.__doc__
    return kernel


@_kernel
def relu(call: Call, x: Array, y: Array) -> None:
    """max(x, 0)."""
    call.t.maximum(x, 0.0, out=y)


@_kernel
def relu6(call: Call, x: Array, y: Array) -> None:
    """min(max(x, 0), 6)."""
    call.t.maximum(x, 0.0, out=y)
    call.t.minimum(y, 6.0, out=y)


@_kernel
def leaky_relu(call: Call, x: Array, y: Array) -> None:
    """The input where positive, else slope times x."""
    _leaky(call.t, x, call.layer.slope, y)


def prelu(call: Call) -> Array:
    """The input where positive, else a learned slope (one, or one a channel) times x."""
    t, x = call.t, call.x
    slopes = per_channel(call.params["weight"], x)
    y = np.empty_like(x)

    def block(c: slice) -> None:
        _leaky(t, x[:, c], slopes if slopes.size == 1 else slopes[:, c], y[:, c])

    each(block, row_spans(x), t.shared)
    return y


def _leaky(t: Arith, x: Array, slope: float | Array, y: Array) -> None:
    scaled = t.multiply(x, slope)
    positive = t.greater(x, 0.0)
    np.copyto(y, x)
    np.copyto(y, scaled, where=~positive)


@_kernel
def elu(call: Call, x: Array, y: Array) -> None:
    """The input where positive, else alpha (exp(x) - 1)."""
    np.copyto(y, _elu(call.t, x, call.layer.alpha))


def _elu(t: Arith, x: Array, alpha: float) -> Array:
    positive = t.greater(x, 0.0)
    y = t.exp(np.where(positive, t.constant(0.0), x))
    y = t.multiply(t.subtract(y, 1.0, out=y), alpha, out=y)
    np.copyto(y, x, where=positive)
    return y


@_kernel
def selu(call: Call, x: Array, y: Array) -> None:
    """Scaled ELU of Klambauer et al. 2017."""
    call.t.multiply(_elu(call.t, x, SELU_ALPHA), SELU_SCALE, out=y)


def _sigmoid(t: Arith, x: Array) -> Array:
    y = t.exp(np.negative(x))
    y = t.add(y, 1.0, out=y)
    return t.divide(1.0, y, out=y)


@_kernel
def sigmoid(call: Call, x: Array, y: Array) -> None:
    """1 / (1 + exp(-x))."""
    np.copyto(y, _sigmoid(call.t, x))


@_kernel
def silu(call: Call, x: Array, y: Array) -> None:
    """Input times its sigmoid."""
    call.t.multiply(_sigmoid(call.t, x), x, out=y)


@_kernel
def tanh(call: Call, x: Array, y: Array) -> None:
    """Hyperbolic tangent."""
    call.t.tanh(x, out=y)


def _hard_sigmoid(t: Arith, x: Array) -> Array:
    y = t.add(x, 3.0)
    y = t.maximum(y, 0.0, out=y)
    y = t.minimum(y, 6.0, out=y)
    return t.divide(y, 6.0, out=y)


@_kernel
def hard_sigmoid(call: Call, x: Array, y: Array) -> None:
    """relu6(x + 3) / 6."""
    np.copyto(y, _hard_sigmoid(call.t, x))


@_kernel
def hard_swish(call: Call, x: Array, y: Array) -> None:
    """Input times relu6(x + 3) / 6."""
    call.t.multiply(_hard_sigmoid(call.t, x), x, out=y)


@_kernel
def gelu(call: Call, x: Array, y: Array) -> None:
    """Input times Phi(x): by the error function, or by the published tanh approximation."""
    t = call.t
    if call.layer.approximate == "tanh":
        cubic = t.multiply(t.multiply(t.multiply(x, x), x), 0.044715)
        inner = t.tanh(t.multiply(t.add(x, cubic), sqrt(2.0 / pi)))
    else:
        inner = t.erf(t.multiply(x, sqrt(0.5)))
    t.multiply(t.multiply(x, 0.5), t.add(inner, 1.0), out=y)


def softmax(call: Call) -> Array:
    """exp(x) over the sum of exp(x), over channels at each position (less the maximum first)."""
    t, x = call.t, call.x
    y = t.exp(t.subtract(x, t.max(x, 1)))
    return t.divide(y, t.sum(y, 1), out=y)


def scale(call: Call) -> Array:
    """Learned factor, and term if there is one, a channel."""
    bias = call.params["bias"] if call.layer.bias else None
    return scaled(call, call.params["weight"], bias)


def scaled(call: Call, factor: Array, term: Array | None) -> Array:
    """The input times a factor a channel, plus a term a channel."""
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


def add(call: Call) -> Array:
    """Sum of all inputs, broadcast where a dimension is 1."""
    return _fold(call, call.t.add)


def mul(call: Call) -> Array:
    """Product of all inputs, broadcast where a dimension is 1."""
    return _fold(call, call.t.multiply)


def _fold(call: Call, operation: Callable[..., Array]) -> Array:
    shape = np.broadcast_shapes(*(x.shape for x in call.xs))
    if len(call.xs) == 1:
        return call.x.copy()
    target = call.target()
    if any(np.may_share_memory(call.x, x) for x in call.xs[2:]):
        target = None  # the first input is read again after the first result was written
    y = target if target is not None and target.shape == shape else np.empty(shape, call.x.dtype)

    def block(c: slice) -> None:
        left: Array = np.broadcast_to(call.x, shape)[:, c]
        for x in call.xs[1:]:
            left = operation(left, x if x.shape[1] == 1 else x[:, c], out=y[:, c])

    each(block, row_spans(y), call.t.shared)
    return y

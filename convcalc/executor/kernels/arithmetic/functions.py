"""Functions of one element with their derivatives, and the division of a vector by its length.

Outside the domain of a function the result is infinite or no number, as IEEE 754 has it, without a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call
from convcalc.executor.marks import Reach, sum_over
from convcalc.executor.operation import OPERATIONS, Backprop, Function, Operation, elementwise


def _function(
    op: str, slope: Callable[[Any, Array], Array], working: int = 6
) -> Callable[[Function], Function]:
    """Register a function of one element, quiet where it is not defined."""

    def register(function: Function) -> Function:
        def quiet(call: Call, x: Array, y: Array) -> None:
            with np.errstate(all="ignore"):
                function(call, x, y)

        def quiet_slope(layer: Any, x: Array) -> Array:
            with np.errstate(all="ignore"):
                return slope(layer, x)

        elementwise(op, quiet_slope, working)(quiet)
        return function

    return register


@_function("neg", lambda layer, x: np.full_like(x, -1.0))
def neg(call: Call, x: Array, y: Array) -> None:
    """The input with its sign changed, which is not counted."""
    np.negative(x, out=y)


@_function("exp", lambda layer, x: np.exp(x))
def exp(call: Call, x: Array, y: Array) -> None:
    """The exponential."""
    call.t.exp(x, out=y)


@_function("log", lambda layer, x: 1.0 / x)
def log(call: Call, x: Array, y: Array) -> None:
    """The natural logarithm."""
    call.t.log(x, out=y)


@_function("sqrt", lambda layer, x: 0.5 / np.sqrt(x))
def square_root(call: Call, x: Array, y: Array) -> None:
    """The square root."""
    call.t.sqrt(x, out=y)


@_function("rsqrt", lambda layer, x: -0.5 / (x * np.sqrt(x)))
def inverse_root(call: Call, x: Array, y: Array) -> None:
    """One over the square root."""
    call.t.divide(1.0, call.t.sqrt(x), out=y)


@_function("abs", lambda layer, x: np.sign(x))
def absolute(call: Call, x: Array, y: Array) -> None:
    """The absolute value."""
    call.t.absolute(x, out=y)


@_function("square", lambda layer, x: 2.0 * x)
def square(call: Call, x: Array, y: Array) -> None:
    """The input times itself."""
    call.t.multiply(x, x, out=y)


@_function("sin", lambda layer, x: np.cos(x))
def sine(call: Call, x: Array, y: Array) -> None:
    """The sine."""
    call.t.sin(x, out=y)


@_function("cos", lambda layer, x: -np.sin(x))
def cosine(call: Call, x: Array, y: Array) -> None:
    """The cosine."""
    call.t.cos(x, out=y)


@_function("erf", lambda layer, x: 2.0 / sqrt(pi) * np.exp(-x * x), working=24)  # worked out in float64
def error_function(call: Call, x: Array, y: Array) -> None:
    """The error function."""
    np.copyto(y, call.t.erf(x))


@_function("reciprocal", lambda layer, x: -1.0 / (x * x))
def reciprocal(call: Call, x: Array, y: Array) -> None:
    """One over the input."""
    call.t.divide(1.0, x, out=y)


@_function("sign", lambda layer, x: np.zeros_like(x))
def sign(call: Call, x: Array, y: Array) -> None:
    """1 above 0, -1 below; what is neither stays: 0, and what is no number."""
    above, below = call.t.greater(x, 0.0), call.t.greater(0.0, x)
    np.copyto(y, x)
    y[above] = 1.0
    y[below] = -1.0


@_function("floor", lambda layer, x: np.zeros_like(x))
def floor(call: Call, x: Array, y: Array) -> None:
    """The whole number at or below."""
    call.t.floor(x, out=y)


@_function("round", lambda layer, x: np.zeros_like(x))
def rounded(call: Call, x: Array, y: Array) -> None:
    """The nearest whole number; halves go to the even one."""
    call.t.round(x, out=y)


def _inside(layer: Any, x: Array) -> Array:
    low = -np.inf if layer.min is None else layer.min
    high = np.inf if layer.max is None else layer.max
    return ((x >= low) & (x <= high)).astype(x.dtype)


@_function("clip", _inside)
def clip(call: Call, x: Array, y: Array) -> None:
    """Not below the one bound, then not above the other."""
    low, high = call.layer.min, call.layer.max
    if low is not None:
        x = call.t.maximum(x, float(low), out=y)
    if high is not None:
        call.t.minimum(x, float(high), out=y)


def l2norm(call: Call) -> Array:
    """The input over its length along an axis, or over eps where that is more."""
    t, x, axis = call.t, call.x, call.layer.axis + 1
    with np.errstate(all="ignore"):
        length = t.sqrt(t.sum(t.multiply(x, x), axis))
        return t.divide(x, t.maximum(length, float(call.layer.eps)))


def l2norm_naive(call: Call) -> Array:
    """The same vector by vector."""
    t, eps = call.t, float(call.layer.eps)
    rows = np.moveaxis(call.x, call.layer.axis + 1, -1)
    y = np.empty_like(rows)
    for place in np.ndindex(*rows.shape[:-1]):
        total: Any = 0.0
        for value in rows[place]:
            total = t.add(total, t.multiply(value, value))
        length = t.maximum(t.sqrt(total), eps)
        for i, value in enumerate(rows[place]):
            y[(*place, i)] = t.divide(value, length)
    return np.ascontiguousarray(np.moveaxis(y, -1, call.layer.axis + 1))


def _l2norm_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    total = sum_over(r.mark, r.layer.axis + 1)
    return [total if r.layer.axis == 0 else np.broadcast_to(total, r.mark.shape)]


def _l2norm_gradient(b: Backprop) -> list[Array]:
    axis, eps, x = b.layer.axis + 1, float(b.layer.eps), b.x
    length = np.sqrt((x * x).sum(axis=axis, keepdims=True))
    with np.errstate(all="ignore"):
        along = x * ((b.g * x).sum(axis=axis, keepdims=True) / length**3)
        return [np.where(length > eps, b.g / length - along, b.g / eps)]


OPERATIONS["l2norm"] = Operation(
    l2norm,
    naive=l2norm_naive,
    backward=_l2norm_backward,
    gradient=_l2norm_gradient,
    working_bytes=lambda s: 3 * s.arriving,
)

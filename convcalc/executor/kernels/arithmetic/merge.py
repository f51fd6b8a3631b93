"""Layers of several inputs: one after the other, or joined entry by entry with broadcasting.

The last axes are aligned; axes that an input lacks stand behind the batch, which all inputs share. One of the
operands may be a constant of the layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import Call
from convcalc.executor.marks import Reach, sum_over, to_groups
from convcalc.executor.operation import (
    OPERATIONS,
    Backprop,
    Operation,
    channels_together,
    through_indices,
)
from convcalc.executor.parallel import each, row_spans


def concat(call: Call) -> Array:
    """Inputs one after the other along one axis (0 is channels)."""
    axis, xs = call.layer.axis + 1, call.xs
    if axis != 1 or any(x.dtype.hasobject or x.shape[2:] != xs[0].shape[2:] for x in xs):
        return np.concatenate(xs, axis=axis)
    y = np.empty((len(xs[0]), sum(x.shape[1] for x in xs), *xs[0].shape[2:]), np.result_type(*xs))
    pieces, start = [], 0
    for x in xs:
        for c in row_spans(x):
            pieces.append((x[:, c], y[:, start + c.start : start + c.stop]))
        start += x.shape[1]
    each(lambda piece: np.copyto(piece[1], piece[0]), pieces)
    return y


def _concat_backward(r: Reach) -> list[Array]:
    if r.layer.axis > 0:
        return channels_together(r)
    return [r.mark for _ in r.inputs] if r.mark.shape[1] == 1 else through_indices(r)


OPERATIONS["concat"] = Operation(concat, backward=_concat_backward, moves=True)


def _aligned(xs: tuple[Array, ...]) -> list[Array]:
    """The inputs with as many axes each: those that one lacks are 1, behind the batch."""
    rank = max(x.ndim for x in xs)
    return [np.expand_dims(x, tuple(range(1, 1 + rank - x.ndim))) for x in xs]


def _operands(layer: Any, xs: tuple[Array, ...]) -> list[Any]:
    """What is joined, in order: the inputs, then the constant; the other way round where reversed."""
    found: list[Any] = list(_aligned(xs))
    if layer.value is not None:
        found.append(float(layer.value))
    return found[::-1] if getattr(layer, "reverse", False) else found


def _overwritten(call: Call, shape: tuple[int, ...]) -> Array | None:
    """The first input, where the result may take its place."""
    x = call.target()
    if x is None or x.shape != shape:
        return None
    for number, other in enumerate(call.xs[1:]):
        if np.may_share_memory(x, other) and (
            number > 0  # it is read again after the first result was written
            or other.__array_interface__["data"] != x.__array_interface__["data"]
            or (other.shape, other.strides) != (x.shape, x.strides)
        ):
            return None
    return x


def _join(call: Call, operation: Callable[..., Array]) -> Array:
    first, *rest = _operands(call.layer, call.xs)
    tensors = _aligned(call.xs)
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    target = _overwritten(call, shape)
    y = np.empty(shape, np.result_type(*call.xs)) if target is None else target

    def block(c: slice) -> None:
        left = _part(first, c)
        with np.errstate(all="ignore"):
            for x in rest:
                left = operation(left, _part(x, c), out=y[:, c])

    each(block, row_spans(y), call.t.shared)
    return y


def _join_naive(call: Call, operation: Callable[..., Any]) -> Array:
    """Entry by entry: every input at the same place, counted from the last axis, or at 0 where it is 1."""
    rank = max(x.ndim for x in call.xs)
    sizes = [max(x.shape[a] for x in call.xs if a == 0 or x.ndim > -a) for a in (0, *range(1 - rank, 0))]
    y = np.empty(sizes, np.result_type(*call.xs))
    for place in np.ndindex(*sizes):
        values = []
        for x in call.xs:
            near = (place[0], *place[rank + 1 - x.ndim :])
            values.append(x[tuple(min(i, n - 1) for i, n in zip(near, x.shape, strict=True))])
        if call.layer.value is not None:
            values.append(float(call.layer.value))
        if getattr(call.layer, "reverse", False):
            values.reverse()
        total = values[0]
        with np.errstate(all="ignore"):
            for value in values[1:]:
                total = operation(total, value)
        y[place] = total
    return y


def _part(x: Any, c: slice) -> Any:
    return x if isinstance(x, float) or x.shape[1] == 1 else x[:, c]


def _join_backward(r: Reach) -> list[Array]:
    """Every input is read; where it was broadcast, from all positions it served."""
    out = r.outputs[0]
    marks = []
    for shape in r.inputs:
        mark, missing = r.mark, len(out) - len(shape)
        if out[0] > 1 and (missing or shape[0] == 1):
            mark = to_groups(mark, out[0], 1)
        mark = sum_over(mark, tuple(range(2, 1 + missing))) if missing > 1 else mark
        if missing:
            mark = mark.reshape(len(mark), *mark.shape[1 + missing :])
        first = 0 if missing else 1  # channels that were not there are summed already
        axes = tuple(i + 1 for i in range(first, len(shape)) if shape[i] == 1 and out[missing + i] > 1)
        marks.append(sum_over(mark, axes) if axes else mark)
    return marks


def _product_backward(r: Reach) -> list[Array]:
    """The same, for a join that is linear with a constant alone."""
    if len(r.inputs) > 1:
        r.refuse_paths()
    return _join_backward(r)


Slopes: TypeAlias = Callable[[list[Any], Array], list[Any]]
"""By the operands and the result: the derivative with respect to each operand."""


def _join_gradient(slopes: Slopes) -> Callable[[Backprop], list[Array]]:
    def gradient(b: Backprop) -> list[Array]:
        with np.errstate(all="ignore"):
            found = slopes(_operands(b.layer, b.xs), b.ys[0])
            if getattr(b.layer, "reverse", False):
                found = found[::-1]
            return [_summed(b.g * slope, x.shape) for slope, x in zip(found, b.xs, strict=False)]

    return gradient


def _summed(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast from a shape, the batch counted."""
    missing = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(1, 1 + missing)))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1)
    return np.asarray(g.sum(axis=axes, keepdims=True)) if axes else g


def _register(
    op: str, operation: Callable[[Arith], Callable[..., Array]], slopes: Slopes, linear: bool
) -> None:
    """A join; ``linear`` says that its paths add up, whatever the other operands are."""
    OPERATIONS[op] = Operation(
        lambda call: _join(call, operation(call.t)),
        naive=lambda call: _join_naive(call, operation(call.t)),
        backward=_join_backward if linear else _product_backward,
        gradient=_join_gradient(slopes),
    )


def _others(operands: list[Any], y: Array) -> list[Any]:
    """Of a product: the product of the others."""
    found = []
    for i in range(len(operands)):
        product: Any = 1.0
        for j, other in enumerate(operands):
            product = product if i == j else product * other
        found.append(product)
    return found


def _quotient(operands: list[Any], y: Array) -> list[Any]:
    _, below = operands
    return [1.0 / below, -y / below]


def _power(operands: list[Any], y: Array) -> list[Any]:
    base, exponent = operands
    lowered = np.where(exponent == 0, 0.0, exponent * np.power(base, exponent - 1.0))
    return [lowered, np.where((base == 0) & (exponent >= 0), 0.0, y * np.log(base))]


def _chosen(operands: list[Any], y: Array) -> list[Any]:
    """Of an extreme: of those that are equal, all have a share, as in PyTorch."""
    hits = [np.equal(x, y) for x in operands]
    many = np.maximum(np.add.reduce([hit.astype(y.dtype) for hit in hits]), 1)
    return [hit / many for hit in hits]


_register("add", lambda t: t.add, lambda operands, y: [1.0] * len(operands), linear=True)
_register("sub", lambda t: t.subtract, lambda operands, y: [1.0, -1.0], linear=True)
_register("mul", lambda t: t.multiply, _others, linear=False)
_register("div", lambda t: t.divide, _quotient, linear=False)
_register("pow", lambda t: t.power, _power, linear=False)
_register("maximum", lambda t: t.maximum, _chosen, linear=True)
_register("minimum", lambda t: t.minimum, _chosen, linear=True)

"""Layers of several inputs: one after the other, summed, multiplied."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convcalc.executor.arithmetic.arith import Array
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


def _add_backward(r: Reach) -> list[Array]:
    """Every input is read; where it was broadcast, from all positions it served."""
    marks = []
    for shape in r.inputs:
        mark = r.mark
        if shape[0] == 1 and r.outputs[0][0] > 1:
            mark = to_groups(mark, r.outputs[0][0], 1)
        axes = tuple(i + 1 for i in range(1, len(shape)) if shape[i] == 1 and r.outputs[0][i] > 1)
        marks.append(sum_over(mark, axes) if axes else mark)
    return marks


def _mul_backward(r: Reach) -> list[Array]:
    r.refuse_paths()
    return _add_backward(r)


def _summed(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of what was broadcast from a shape."""
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1)
    return np.asarray(g.sum(axis=axes, keepdims=True)) if axes else g


def _add_gradient(b: Backprop) -> list[Array]:
    return [_summed(b.g, x.shape) for x in b.xs]


def _mul_gradient(b: Backprop) -> list[Array]:
    found = []
    for i, x in enumerate(b.xs):
        g = b.g
        for j, other in enumerate(b.xs):
            g = g if i == j else g * other
        found.append(_summed(g, x.shape))
    return found


OPERATIONS["add"] = Operation(add, backward=_add_backward, gradient=_add_gradient)
OPERATIONS["mul"] = Operation(mul, backward=_mul_backward, gradient=_mul_gradient)

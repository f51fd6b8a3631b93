"""Products of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, Shape, all_channels, sum_over
from convcalc.executor.operation import OPERATIONS, Backprop, Operation
from convcalc.executor.parallel import BLOCK_BYTES, each, spans
from convcalc.executor.windows import ExecutionError, taps

PIECES = 8
"""A product is cut into about so many pieces."""


class _Matrices(NamedTuple):
    """Two tensors as matrices.

    Attributes:
        a: (N, *batch, m, k), with axes of 1 where it is repeated.
        b: (N, *batch, k, n), likewise.
        batch: sizes of the axes before the matrices, N aside.
        shape: of the product, N aside; a vector on a side has no axis there.
    """

    a: Array
    b: Array
    batch: Shape
    shape: Shape


def _matrix(x: Array, transposed: bool, column: bool, rank: int) -> Array:
    """A tensor with ``rank`` axes between N and its matrix; a vector is a row, or a column."""
    if x.ndim == 2:
        x = x[:, :, None] if column else x[:, None]
    elif transposed:
        x = x.swapaxes(-1, -2)
    return x.reshape(len(x), *(1,) * (rank - x.ndim + 3), *x.shape[1:])


def _matrices(layer: Any, xs: Sequence[Array]) -> _Matrices:
    rank = max(max(x.ndim - 3, 0) for x in xs)
    a = _matrix(xs[0], layer.transpose_a, False, rank)
    b = _matrix(xs[1], layer.transpose_b, True, rank)
    try:
        batch = np.broadcast_shapes(a.shape[1:-2], b.shape[1:-2])
    except ValueError:
        batch = None
    if batch is None or a.shape[-1] != b.shape[-2]:
        raise ExecutionError(f"arrays of {a.shape[1:]} and {b.shape[1:]} cannot be multiplied")
    rows = a.shape[-2:-1] if xs[0].ndim > 2 else ()
    columns = b.shape[-1:] if xs[1].ndim > 2 else ()
    return _Matrices(a, b, batch, (*batch, *rows, *columns) or (1,))


def _straight(x: Array) -> Array:
    """The array as matrix products read it fast: one of the last two axes has its entries side by side."""
    return x if x.itemsize in x.strides[-2:] else np.ascontiguousarray(x)


def matmul(call: Call) -> Array:
    """Matrix products, one for each entry of the axes before the matrices."""
    a, b, batch, shape = _matrices(call.layer, call.xs)
    y = np.empty((len(a), *batch, a.shape[-2], b.shape[-1]), a.dtype)
    a = np.broadcast_to(_straight(a), (*y.shape[:-1], a.shape[-1]))
    b = np.broadcast_to(_straight(b), (*y.shape[:-2], *b.shape[-2:]))
    sizes = y.shape[:-1]
    axis = sizes.index(max(sizes))  # the one that is cut: a batch axis, or the rows
    small = prod(y.shape) * a.shape[-1] * y.itemsize <= BLOCK_BYTES

    def some(piece: slice) -> None:
        index = at(*(slice(None),) * axis, piece)
        call.t.matmul(a[index], b if axis == len(sizes) - 1 else b[index], out=y[index])

    step = sizes[axis] if small else -(-sizes[axis] // PIECES)
    each(some, spans(sizes[axis], step), call.t.shared)
    return y.reshape(len(y), *shape)


def naive_matmul(call: Call) -> Array:
    """Entry (row, column) of a product is the sum over the inner axis."""
    a, b, batch, shape = _matrices(call.layer, call.xs)
    y = call.zeros((len(a), *batch, a.shape[-2], b.shape[-1]))
    a = np.broadcast_to(a, (*y.shape[:-1], a.shape[-1]))
    b = np.broadcast_to(b, (*y.shape[:-2], *b.shape[-2:]))
    for entry in taps(y.shape):
        *place, row, column = entry
        total = 0
        with call.t.accumulating():
            for k in range(a.shape[-1]):
                total = total + a[at(*place, row, k)] * b[at(*place, k, column)]
        y[entry] = total
    return y.reshape(len(y), *shape)


def _fitted(x: Array, shape: Shape, transposed: bool) -> Array:
    """From ``(N, *batch, rows, columns)`` of an operand to its own axes, summed over what repeats it."""
    if len(shape) > 1 and transposed:
        x = x.swapaxes(-1, -2)
    own = x.ndim - 3 - max(len(shape) - 2, 0)  # batch axes that the operand does not have
    if own:
        x = sum_over(x, tuple(range(1, 1 + own))).reshape(len(x), *x.shape[1 + own :])
    again = tuple(i for i, n in enumerate(shape[:-2], 1) if n == 1 and x.shape[i] > 1)
    x = sum_over(x, again) if again else x
    return x if len(shape) > 1 else x.reshape(len(x), -1)


def _backward(r: Reach) -> list[Array]:
    """A row of the first and a column of the second are read, whole."""
    r.refuse_paths()
    (a, b), layer = r.inputs, r.layer
    batch = max(len(a), len(b), 2) - 2
    mark = all_channels(r.mark, r.outputs[0][0])
    rows = r.outputs[0][batch] if len(a) > 1 else 1
    mark = mark.reshape(*mark.shape[: 1 + batch], rows, -1)
    found = []
    for axis, shape, transposed in ((-1, a, layer.transpose_a), (-2, b, layer.transpose_b)):
        whole = list(mark.shape)
        whole[axis] = shape[-1] if len(shape) == 1 or transposed == (axis == -2) else shape[-2]
        lines = np.broadcast_to(sum_over(mark, axis % mark.ndim), whole)
        found.append(_fitted(lines, shape, transposed))
    return found


def _gradient(b: Backprop) -> list[Array]:
    """The gradient times the other tensor, transposed."""
    left, right, batch, _ = _matrices(b.layer, b.xs)
    g = b.g.reshape(len(left), *batch, left.shape[-2], right.shape[-1])
    to_left, to_right = np.matmul(g, right.swapaxes(-1, -2)), np.matmul(left.swapaxes(-1, -2), g)
    transposed = (b.layer.transpose_a, b.layer.transpose_b)
    return [
        _fitted(found, x.shape[1:], swapped)
        for found, x, swapped in zip((to_left, to_right), b.xs, transposed, strict=True)
    ]


OPERATIONS["matmul"] = Operation(
    matmul,
    naive_matmul,
    _backward,
    _gradient,
    working_bytes=lambda s: s.arriving,
)

"""Layers that move whole tensors along axes: rolled, flipped, repeated, stacked, taken apart.

Nothing is counted here.
"""

from __future__ import annotations

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, all_channels, no_marks, sum_over
from convcalc.executor.operation import OPERATIONS, Operation
from convcalc.executor.windows import ExecutionError


def roll(call: Call) -> Array:
    """The last ``shift`` entries of an axis before all others."""
    y = call.x
    for axis, shift in zip(call.layer.axis, call.layer.shift, strict=True):
        cut = -shift % y.shape[axis + 1]
        left, right = np.split(y, [cut], axis=axis + 1)
        y = np.concatenate([right, left], axis=axis + 1)
    return y


def _roll_back(r: Reach) -> list[Array]:
    """Along channels that are marked alike, marks stay where they are."""
    axes = tuple(axis + 1 for axis in r.layer.axis)
    return [np.roll(r.mark, tuple(-int(shift) for shift in r.layer.shift), axes)]


def _flipped(x: Array, axis: tuple[int, ...] | None) -> Array:
    axes = range(x.ndim - 1) if axis is None else axis
    whole, backwards = slice(None), slice(None, None, -1)
    view: Array = x[at(whole, *(backwards if a in axes else whole for a in range(x.ndim - 1)))]
    return view.copy()


OPERATIONS["roll"] = Operation(roll, backward=_roll_back, working_bytes=lambda s: s.arriving)
OPERATIONS["flip"] = Operation(
    lambda call: _flipped(call.x, call.layer.axis), backward=lambda r: [_flipped(r.mark, r.layer.axis)]
)


def expand(call: Call) -> Array:
    """A view that shows the entries of axes of size 1 again and again."""
    x, shape = call.x, tuple(call.layer.shape)
    more = len(shape) + 1 - x.ndim
    y = x.reshape(len(x), *(1,) * more, *x.shape[1:])
    # What shows every entry once may be written over.
    return y if y.shape[1:] == shape else np.broadcast_to(y, (len(x), *shape))


def _expand_back(r: Reach) -> list[Array]:
    """An entry is read from every place where it is shown."""
    (shape,), mark = r.inputs, all_channels(r.mark, r.outputs[0][0])
    more = mark.ndim - 1 - len(shape)
    if more:
        mark = np.add.reduce(mark, axis=tuple(range(1, more + 1)), dtype=mark.dtype)
    axes = tuple(a for a, n in enumerate(shape, 1) if n == 1 and mark.shape[a] > 1)
    return [sum_over(mark, axes) if axes else np.asarray(mark)]


OPERATIONS["expand"] = Operation(expand, backward=_expand_back, is_view=lambda layer: True, repeats=True)


def tile(call: Call) -> Array:
    """Copies side by side along every axis."""
    y = call.x
    for axis, count in enumerate(call.layer.counts, 1):
        if count > 1:
            y = np.concatenate([y] * count, axis=axis)
    return y if y is not call.x else y.copy()


def _tile_back(r: Reach) -> list[Array]:
    """An entry is read from every copy."""
    (shape,), mark = r.inputs, all_channels(r.mark, r.outputs[0][0])
    parts = [size for n, count in zip(shape, r.layer.counts, strict=True) for size in (count, n)]
    split = mark.reshape(len(mark), *parts)
    return [np.asarray(np.add.reduce(split, axis=tuple(range(1, split.ndim, 2)), dtype=mark.dtype))]


OPERATIONS["tile"] = Operation(tile, backward=_tile_back, working_bytes=lambda s: s.written)


def stack(call: Call) -> Array:
    """Inputs of one shape side by side along a new axis."""
    if len({x.shape for x in call.xs}) > 1:
        raise ExecutionError("stacked tensors must have one shape")
    return np.stack(call.xs, axis=call.layer.axis + 1)


def _stack_back(r: Reach) -> list[Array]:
    axis = r.layer.axis + 1
    if axis == 1:  # the next axis becomes that of the channels, which differ
        mark = all_channels(r.mark, r.outputs[0][0])
        return [np.take(mark, i, 1) for i in range(len(r.inputs))]
    return [np.take(r.mark, i, axis) for i in range(len(r.inputs))]


OPERATIONS["stack"] = Operation(stack, backward=_stack_back)


def unstack(call: Call) -> tuple[Array, ...]:
    """Every index of an axis as a tensor without it."""
    x, axis = call.x, call.layer.axis + 1
    parts = [np.take(x, i, axis) for i in range(x.shape[axis])]
    return tuple(part if part.ndim > 1 else part.reshape(-1, 1) for part in parts)


def _unstack_back(r: Reach) -> list[Array]:
    (shape,), axis = r.inputs, r.layer.axis + 1
    marks = [(i, mark) for i, mark in enumerate(r.marks) if mark is not None]
    like = marks[0][1]
    alike = axis > 1 and all(mark.shape[1] == 1 for _, mark in marks)
    total = no_marks(like, len(like), 1 if alike else shape[0], *shape[1:])
    for i, mark in marks:
        part = total[at(*(slice(None),) * axis, i)]
        part[...] = (mark if alike else all_channels(mark, r.outputs[i][0])).reshape(part.shape)
    return [total]


OPERATIONS["unstack"] = Operation(unstack, backward=_unstack_back)

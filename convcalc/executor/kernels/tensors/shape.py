"""Layers that only move data: nothing here is counted.

Results never share storage with the input, save for the views, so that memory is what it is said
to be.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, all_channels, unpad
from convcalc.executor.operation import OPERATIONS, Operation, channels_together, through_indices
from convcalc.executor.windows import ExecutionError
from convcalc.executor.windows import pad as pad_array


def identity(call: Call) -> Array:
    """The input itself (dropout at inference too)."""
    return call.x


def flatten(call: Call) -> Array:
    """(N, C, *spatial) to (N, everything), or a run of axes to one; channels last on request."""
    layer = call.layer
    x = call.x if _in_place(layer) else np.moveaxis(call.x, 1, -1).copy()
    shape = x.shape[1:]
    start, end = getattr(layer, "start", 0), getattr(layer, "end", -1) % len(shape)
    joined = prod(shape[start : end + 1])
    return _counted_off(x, (*shape[:start], joined, *shape[end + 1 :]))


def _counted_off(x: Array, shape: tuple[int, ...]) -> Array:
    """Elements in another shape: a view, but for what shows elements several times in one sample."""
    if x.strides[0] == 0 and x[:1].flags.c_contiguous:  # one array for every sample
        return np.broadcast_to(x[:1].reshape(1, *shape), (len(x), *shape))
    return np.ascontiguousarray(x).reshape(len(x), *shape)


def reshape(call: Call) -> Array:
    """Same elements in the same order under another shape; with order=last channels run fastest in both."""
    x, shape = call.x, tuple(call.layer.shape)
    if _in_place(call.layer):
        return _counted_off(x, shape)
    return np.moveaxis(np.moveaxis(x, 1, -1).reshape(len(x), *shape[1:], shape[0]), -1, 1).copy()


def _reshape_back(r: Reach) -> list[Array]:
    """Marks have the shape that arrived again; those alike for all channels stay so where these stay."""
    (shape,), mark = r.inputs, r.mark
    if not _in_place(r.layer):
        return through_indices(r)
    if mark.shape[1] == 1 and shape[0] == r.outputs[0][0]:
        return [mark.reshape(len(mark), 1, *shape[1:])]
    return [all_channels(mark, r.outputs[0][0]).reshape(len(mark), *shape)]


def _in_place(layer: Any) -> bool:
    return getattr(layer, "order", "first") == "first"


OPERATIONS["input"] = Operation(identity, working_bytes=lambda s: 0)  # its kernel is given what arrives
OPERATIONS["identity"] = OPERATIONS["dropout"] = Operation(identity, is_view=lambda layer: True)
OPERATIONS["flatten"] = Operation(
    flatten, backward=_reshape_back, is_view=_in_place, working_bytes=lambda s: s.arriving
)
OPERATIONS["reshape"] = Operation(
    reshape, backward=_reshape_back, is_view=_in_place, working_bytes=lambda s: s.arriving
)


def pad(call: Call) -> Array:
    """Pad by zeros, a value, reflection, replication or wrapping around."""
    layer, x = call.layer, call.x
    value = layer.value if layer.mode == "constant" else 0.0
    sides = _sides(layer, layer.padding, x.ndim - 1)
    whole = x if sides[0] == (0, 0) else x[:, None]  # where the channels are padded, they are a size
    y = pad_array(whole, sides[1:] if whole is x else sides, value, layer.mode)
    return y.copy() if y is whole else y.reshape(len(x), *y.shape[y.ndim - x.ndim + 1 :])


def _sides(layer: Any, amounts: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """What is added or cut before and after each axis, the channels included."""
    axes = range(1, rank) if layer.axis is None else layer.axis
    by_axis = dict(zip(axes, amounts, strict=True))
    return tuple(by_axis.get(axis, (0, 0)) for axis in range(rank))


def _pad_backward(r: Reach) -> list[Array]:
    shape, mode = r.inputs[0], r.layer.mode
    first, *others = _sides(r.layer, r.layer.padding, len(shape))
    if first == (0, 0):
        return [unpad(r.mark, shape[1:], tuple(others), mode)]
    if r.mark.shape[1] == 1 and r.mark.dtype == bool:  # all channels alike, of which some are padding
        return [unpad(r.mark, shape[1:], tuple(others), mode)]
    mark = all_channels(r.mark, r.outputs[0][0])
    return [unpad(mark[:, None], shape, (first, *others), mode)[:, 0]]


OPERATIONS["pad"] = Operation(pad, backward=_pad_backward)


def _copy(view: Array) -> Array:
    if view.size == 0:
        raise ExecutionError("nothing is left of the input")
    return view.copy()


def crop(call: Call) -> Array:
    """Cut so many positions off both ends of each axis."""
    sizes = call.x.shape[1:]
    sides = _sides(call.layer, call.layer.amounts, len(sizes))
    inner = tuple(slice(b, n - a) for n, (b, a) in zip(sizes, sides, strict=True))
    return _copy(call.x[at(slice(None), *inner)])


def slice_(call: Call) -> Array:
    """A range along one axis (0 is channels)."""
    layer = call.layer
    before = (slice(None),) * (layer.axis + 1)
    return _copy(call.x[at(*before, slice(layer.start, layer.stop))])


def split(call: Call) -> tuple[Array, ...]:
    """Consecutive ranges along one axis (0 is channels)."""
    layer, parts, start = call.layer, [], 0
    axis = layer.axis + 1
    if sum(layer.sizes) != call.x.shape[axis]:
        raise ExecutionError(f"sizes add up to {sum(layer.sizes)}, the axis has {call.x.shape[axis]}")
    for size in layer.sizes:
        parts.append(_copy(call.x[at(*(slice(None),) * axis, slice(start, start + size))]))
        start += size
    return tuple(parts)


def _part_backward(r: Reach) -> list[Array]:
    return channels_together(r) if r.layer.axis > 0 else through_indices(r)


def _crop_backward(r: Reach) -> list[Array]:
    return through_indices(r) if r.layer.axis and r.layer.axis[0] == 0 else channels_together(r)


OPERATIONS["crop"] = Operation(crop, backward=_crop_backward)
OPERATIONS["slice"] = Operation(slice_, backward=_part_backward, moves=True)
OPERATIONS["split"] = Operation(split, backward=_part_backward, moves=True)

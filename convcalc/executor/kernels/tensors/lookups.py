"""Rows of a table and entries of a tensor, chosen by whole numbers. Nothing here is counted."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.indices import as_indices
from convcalc.executor.marks import Reach, all_channels, no_marks, sum_over
from convcalc.executor.operation import OPERATIONS, Backprop, Entries, Operation, Shapes, Sizes
from convcalc.executor.windows import ExecutionError


def _looked_up(call: Call, values: Array, entries: Entries) -> tuple[Array, Array | None]:
    """The whole numbers that arrive; zeros where what was computed before means nothing."""
    return as_indices(values, entries) if call.t.meant else (np.zeros(values.shape, np.int64), None)


def embedding(call: Call) -> Array:
    """Row ``i`` of ``weight (entries, features)`` for every number ``i``, along a new last axis."""
    weight = call.params["weight"]
    index, missing = _looked_up(call, call.x, Entries(len(weight)))
    y = np.take(weight, index, axis=0)
    if missing is not None:
        y[missing] = np.nan  # no number chooses no number
    return y


def naive_embedding(call: Call) -> Array:
    """The same, number by number."""
    weight, x = call.params["weight"], call.x
    y = np.empty((*x.shape, weight.shape[1]), weight.dtype)
    for place in np.ndindex(*x.shape):
        (row,), _ = as_indices(np.asarray([float(x[place])]), Entries(len(weight)))
        for feature in range(weight.shape[1]):
            y[at(*place, feature)] = weight[row, feature]
    return y


def _embedding_backward(r: Reach) -> list[Array]:
    """A number is read by all features of its vector."""
    r.refuse_paths()
    return [sum_over(r.mark, r.mark.ndim - 1)[..., 0]]


def _of_gather(call: Call) -> tuple[Array, Array | None]:
    """The index of the layer: (*index) that is stored or written out, (N, *index) that arrived."""
    layer = call.layer
    entries = Entries(call.x.shape[layer.axis + 1], negative=True)
    if layer.index is not None:
        return as_indices(np.asarray(layer.index), entries)
    if layer.shape is not None:
        return as_indices(call.params["index"], entries)
    return _looked_up(call, call.xs[1], entries)


def gather(call: Call) -> Array:
    """Entries of ``x`` along its axis by the index, whose axes stand in place of it."""
    x, axis = call.x, call.layer.axis
    index, missing = _of_gather(call)
    if len(call.xs) == 1:
        return np.take(x, index, axis=axis + 1)
    if len(index) != len(x):
        raise ExecutionError(f"{len(index)} indices for {len(x)} samples")
    y = np.stack([np.take(one, chosen, axis=axis) for one, chosen in zip(x, index, strict=True)])
    if missing is not None:
        places = np.moveaxis(y, range(1, axis + 1), range(y.ndim - axis, y.ndim))
        places[missing] = np.nan  # no number chooses no number
    return y


def naive_gather(call: Call) -> Array:
    """Output ``[a..., i..., b...]`` is input ``[a..., index[i...], b...]``, entry by entry."""
    x, axis = call.x, call.layer.axis
    index, _ = _of_gather(call)
    own = len(call.xs) > 1
    chosen = index.shape[own:]
    y = np.empty((len(x), *x.shape[1 : axis + 1], *chosen, *x.shape[axis + 2 :]), x.dtype)
    for place in np.ndindex(*y.shape):
        n, before = place[0], place[1 : axis + 1]
        i, behind = place[axis + 1 : axis + 1 + len(chosen)], place[axis + 1 + len(chosen) :]
        y[place] = x[at(n, *before, index[at(n, *i) if own else i], *behind)]
    return y


def _gather_backward(r: Reach) -> list[Array]:
    """What is written out of an index is known; of any other, every entry of the axis may be read."""
    layer, shape, first = r.layer, r.inputs[0], r.layer.axis + 1
    mark = all_channels(r.mark, r.outputs[0][0]) if first == 1 else r.mark
    if layer.index is not None:
        moved = np.moveaxis(mark, first, 0)
        total = no_marks(mark, shape[layer.axis], *moved.shape[1:])
        np.add.at(total, np.asarray(layer.index), moved)
        return [np.moveaxis(total, 0, first)]
    r.refuse_paths()
    places = tuple(range(first, first + len(r.outputs[0]) - len(shape) + 1))
    seen = np.expand_dims(np.any(mark, axis=places), first)
    found = [np.broadcast_to(seen, (*seen.shape[:first], shape[layer.axis], *seen.shape[first + 1 :]))]
    if len(r.inputs) > 1:
        found.append(np.any(mark, axis=tuple(a for a in range(1, mark.ndim) if a not in places)))
    return found


def _gather_gradient(b: Backprop) -> list[Array]:
    """To the entries that were chosen, as often as they were; to an index, nothing."""
    layer, axis = b.layer, b.layer.axis
    index, _ = _of_gather(Call(layer, b.xs, b.params))
    found = np.zeros(b.x.shape, b.x.dtype)
    many = index.ndim - (len(b.xs) > 1)
    for n, to in enumerate(found):
        chosen = index[n] if len(b.xs) > 1 else index
        front = np.moveaxis(b.g[n], range(axis, axis + many), range(many))
        np.add.at(np.moveaxis(to, axis, 0), chosen, front)
    return [found, *(np.zeros(x.shape, b.x.dtype) for x in b.xs[1:])]


def _index_shape(layer: Any) -> Shapes:
    return {} if layer.shape is None else {"index": tuple(layer.shape)}


def _index_bytes(s: Sizes) -> int:
    """The index as 64-bit integers, a few times while it is checked."""
    entries = prod(s.layer.shape or (0,)) + sum(prod(shape) for shape in s.inputs[1:]) * s.batch
    return 40 * entries + 64 * len(s.layer.index or ()) + (s.written if len(s.inputs) > 1 else 0)


OPERATIONS["embedding"] = Operation(
    embedding,
    naive_embedding,
    _embedding_backward,
    lambda b: [np.zeros(b.x.shape, b.g.dtype)],
    lambda layer: {"weight": (layer.entries, layer.features)},
    fan_in=lambda layer: 2,  # so that entries have the variance 1 that PyTorch gives them
    working_bytes=lambda s: 5 * 8 * prod(s.inputs[0]) * s.batch,
    looks_up=lambda layer: {0: Entries(layer.entries)},
)
OPERATIONS["gather"] = Operation(
    gather,
    naive_gather,
    _gather_backward,
    _gather_gradient,
    _index_shape,
    working_bytes=_index_bytes,
    looks_up=lambda layer: {1: Entries(layer.size, negative=True)},
    indices=lambda layer: {"index": Entries(layer.size, negative=True)} if layer.shape is not None else {},
)

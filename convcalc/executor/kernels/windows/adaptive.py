"""Pooling whose windows follow from the size of the input: global and adaptive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.kernels.windows.pool import by_index
from convcalc.executor.marks import Reach, no_marks, sum_over_space
from convcalc.executor.operation import OPERATIONS, Backprop, Operation
from convcalc.executor.windows import ExecutionError


def _spatial(x: Array) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ExecutionError("pooling needs spatial axes; a flat tensor arrived")
    return tuple(range(2, x.ndim))


def global_avgpool(call: Call) -> Array:
    """Mean over all spatial positions; spatial sizes become 1."""
    x, t = call.x, call.t
    total = t.sum(x, _spatial(x))
    return t.divide(total, prod(x.shape[2:]))


def global_maxpool(call: Call) -> Array:
    """Maximum over all spatial positions; spatial sizes become 1."""
    return call.t.max(call.x, _spatial(call.x))


def adaptive_windows(
    sizes: Sequence[int], out: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Output position and the input it pools: from floor(i n / m) to ceil((i + 1) n / m)."""
    axes = []
    for n, m in zip(sizes, out, strict=True):
        edges = [(i * n // m, -((i + 1) * n // -m)) for i in range(m)]
        axes.append([(i, slice(a, b)) for i, (a, b) in enumerate(edges)])
    for cell in product(*axes):
        yield tuple(i for i, _ in cell), tuple(s for _, s in cell)


def adaptive_avgpool(call: Call) -> Array:
    """Mean over windows that divide the input into the wanted number of cells."""
    x, t, out = call.x, call.t, tuple(call.layer.size)
    axes = _spatial(x)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    lengths = np.empty(out, x.dtype if not x.dtype.hasobject else np.float64)
    for cell, window in adaptive_windows(x.shape[2:], out):
        read = x[at(slice(None), slice(None), *window)]
        y[at(slice(None), slice(None), *cell)] = t.sum(read, axes, keepdims=False)
        lengths[cell] = prod(read.shape[2:])
    return t.divide(y, lengths, out=y)


def adaptive_maxpool(call: Call) -> Array:
    """Maximum over windows that divide the input into the wanted number of cells."""
    x, t, out = call.x, call.t, tuple(call.layer.size)
    axes = _spatial(x)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    for cell, window in adaptive_windows(x.shape[2:], out):
        read = x[at(slice(None), slice(None), *window)]
        y[at(slice(None), slice(None), *cell)] = t.max(read, axes, keepdims=False)
    return y


def _global_backward(r: Reach) -> list[Array]:
    return [np.broadcast_to(sum_over_space(r.mark), (*r.mark.shape[:2], *r.inputs[0][1:]))]


def _global_avgpool_gradient(b: Backprop) -> list[Array]:
    return _global_backward(b.reach(b.g / prod(b.x.shape[2:])))


def _global_maxpool_gradient(b: Backprop) -> list[Array]:
    return [by_index(b, b.x.reshape(*b.x.shape[:2], -1).argmax(axis=2))]


def _adaptive_backward(r: Reach) -> list[Array]:
    total = no_marks(r.mark, *r.mark.shape[:2], *r.inputs[0][1:])
    for cell, window in adaptive_windows(r.inputs[0][1:], r.layer.size):
        view = total[at(slice(None), slice(None), *window)]
        one = r.mark[at(slice(None), slice(None), *cell)]
        np.add(view, one.reshape(*one.shape, *(1,) * len(cell)), out=view)
    return [total]


def _adaptive_gradient(b: Backprop, share: Callable[[Array], Array]) -> list[Array]:
    """Each cell's gradient by the share of every entry ``(N, C, n)`` of its window."""
    total = np.zeros_like(b.x)
    for cell, window in adaptive_windows(b.x.shape[2:], b.layer.size):
        read = b.x[at(slice(None), slice(None), *window)]
        g = b.g[at(slice(None), slice(None), *cell)][..., None]
        shares = share(read.reshape(*read.shape[:2], -1))
        total[at(slice(None), slice(None), *window)] += (g * shares).reshape(read.shape)
    return [total]


def _equal(entries: Array) -> Array:
    return np.full(entries.shape, 1.0 / entries.shape[2])


def _all_to_the_largest(entries: Array) -> Array:
    places = np.arange(entries.shape[2]) == entries.argmax(axis=2)[..., None]
    return np.asarray(places.astype(entries.dtype))


OPERATIONS["globalavgpool"] = Operation(
    global_avgpool, backward=_global_backward, gradient=_global_avgpool_gradient
)
OPERATIONS["globalmaxpool"] = Operation(
    global_maxpool, backward=_global_backward, gradient=_global_maxpool_gradient
)
OPERATIONS["adaptiveavgpool"] = Operation(
    adaptive_avgpool,
    backward=_adaptive_backward,
    gradient=lambda b: _adaptive_gradient(b, _equal),
)
OPERATIONS["adaptivemaxpool"] = Operation(
    adaptive_maxpool,
    backward=_adaptive_backward,
    gradient=lambda b: _adaptive_gradient(b, _all_to_the_largest),
)

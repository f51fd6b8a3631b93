"""Weights that arrive: the kernels of convolutions and linear layers, given a weight for each sample.

What arrives after the first input is ``weight (N, ...)`` and perhaps ``bias (N, out)``, each sample with its
own. Where all samples have the same one, the kernel runs once, as with weights of its own; else sample by
sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, TypeAlias

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, Kernel, Params, at
from convcalc.executor.marks import Reach, Shape, all_channels, sum_over_space
from convcalc.executor.operation import Backprop, Operation, Shapes, Sizes
from convcalc.executor.windows import ExecutionError, tap_slices, taps

NAMES = ("weight", "bias")
"""What may arrive, in the order in which it is read."""

Slope: TypeAlias = Callable[[Any, Array, Array], Array]
"""Gradient with respect to the weight of every sample, of the layer, its first input and the gradient."""


def _shared(arriving: Sequence[Array]) -> bool:
    """Whether all samples have the same weights: repeated by a stride of 0, or equal."""
    return all(
        len(one) == 1 or one.strides[0] == 0 or (not one.dtype.hasobject and bool((one[1:] == one[:1]).all()))
        for one in arriving
    )


def _parts(xs: Sequence[Array], own: Params) -> Iterator[tuple[slice, Params]]:
    """Samples that have the same weights, with these: their own ones and those that arrive."""
    arriving = xs[1:]
    together = _shared(arriving)
    for number in range(1 if together else len(xs[0])):
        named = {name: one[number] for name, one in zip(NAMES, arriving, strict=False)}
        part = Params(own.node, {**own.arrays, **named})
        yield slice(0, len(xs[0])) if together else slice(number, number + 1), part
        own.read.update({name: array for name, array in part.read.items() if name not in named})


def _each(kernel: Kernel) -> Kernel:
    """The kernel, for weights of its own or weights that arrive."""

    @wraps(kernel)
    def run(call: Call) -> Any:
        if len(call.xs) == 1:
            return kernel(call)
        found: list[Any] = []
        for part, params in _parts(call.xs, call.params):
            _check(call, params)
            found.append(kernel(Call(call.layer, (call.x[part],), params, call.t)))
        return found[0] if len(found) == 1 else np.concatenate(found)

    return run


def _check(call: Call, params: Params) -> None:
    """Raise where what arrives is no weight of the layer's rank."""
    weight = params.arrays["weight"]
    if weight.ndim != (call.x.ndim if hasattr(call.layer, "kernel") else 2):
        raise ExecutionError(f"a weight of {weight.shape} arrives for an input of {call.x.shape[1:]}")


def one_filter(r: Reach, axis: int = 0) -> list[Array]:
    """A channel that leaves reads the whole of its filter and its own bias, wherever it is marked."""
    mark = np.moveaxis(r.mark if axis == 0 else all_channels(r.mark, r.outputs[0][0]), axis + 1, 1)
    mark = sum_over_space(mark).reshape(len(mark), -1)
    return [_spread(mark, shape) for shape in r.inputs[1:]]


def _spread(mark: Array, shape: Shape) -> Array:
    """Marks on the first axis of a shape, repeated along the others."""
    return np.broadcast_to(mark.reshape(*mark.shape, *(1,) * (len(shape) - 1)), (*mark.shape, *shape[1:]))


def correlate(left: Array, right: Array, kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> Array:
    """By sample: ``left (N, A, *sizes)`` times what each tap reads of ``right (N, B, ...)``, over positions.

    Returns:
        (N, A, B / groups, *kernel): what a weight of that shape is worth, where it joins the two.
    """
    n, rows, *sizes = left.shape
    columns = right.shape[1] // groups
    flat = left.reshape(n, groups, rows // groups, -1)
    found = np.empty((n, groups, rows // groups, columns, *kernel), left.dtype)
    for tap in taps(kernel):
        read = right[at(slice(None), slice(None), *tap_slices(tap, sizes, stride, dilation))]
        found[at(..., *tap)] = flat @ read.reshape(n, groups, columns, -1).swapaxes(-1, -2)
    return found.reshape(n, rows, columns, *kernel)


def with_room(working_bytes: Callable[[Sizes], int]) -> Callable[[Sizes], int]:
    """Working space with room for the results of samples one by one, and for comparing their weights."""

    def needed(s: Sizes) -> int:
        return working_bytes(s) + (s.written + s.arriving // s.item if len(s.inputs) > 1 else 0)

    return needed


def arriving(
    operation: Operation,
    slope: Slope,
    marks: Callable[[Reach], list[Array]],
    axis: Callable[[Any], int] = lambda layer: 0,
) -> Operation:
    """The operation of a layer with weights, for weights that arrive as well.

    Args:
        operation: with weights of its own.
        slope: gradient with respect to the weight.
        marks: from marks on the output to marks on the weight and the bias.
        axis: where the channels that leave lie.
    """
    naive, backward, gradient = operation.naive, operation.backward, operation.gradient
    assert naive is not None and gradient is not None

    def weights(layer: Any) -> Shapes:
        gone = NAMES[: 0 if layer.arriving is None else 1 + (layer.arriving == "both")]
        return {name: shape for name, shape in operation.weights(layer).items() if name not in gone}

    def back(r: Reach) -> list[Array]:
        found = backward(r)
        if len(r.inputs) > 1:
            r.refuse_paths()
            found = [*found, *marks(r)]
        return found

    def slopes(b: Backprop) -> list[Array]:
        if len(b.xs) == 1:
            return gradient(b)
        parts = []
        for part, params in _parts(b.xs, b.params):
            one = [None if g is None else g[part] for g in b.gradients]
            parts += gradient(Backprop(b.layer, one, (b.x[part],), tuple(y[part] for y in b.ys), params))
        found = [np.concatenate(parts), slope(b.layer, b.x, b.g)]
        if len(b.xs) > 2:
            found.append(np.moveaxis(b.g, axis(b.layer) + 1, 1).reshape(*b.xs[2].shape, -1).sum(-1))
        return found

    return operation._replace(
        fast=_each(operation.fast),
        naive=_each(naive),
        backward=back,
        gradient=slopes,
        weights=weights,
        working_bytes=with_room(operation.working_bytes),
    )

"""Layers that rearrange channels and positions: nothing here is counted."""

from __future__ import annotations

from itertools import product
from math import prod

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, all_channels
from convcalc.executor.operation import OPERATIONS, Operation, Sizes, few_blocks, through_indices
from convcalc.executor.windows import ExecutionError


def permute(call: Call) -> Array:
    """Reorder channels and spatial axes."""
    return call.x.transpose(0, *(axis + 1 for axis in call.layer.order)).copy()


def _permute_back(r: Reach) -> list[Array]:
    """Marks go the other way; those that are alike for all channels stay so where these keep their place."""
    order = tuple(r.layer.order)
    mark = r.mark if order[0] == 0 else all_channels(r.mark, r.outputs[0][0])
    return [mark.transpose(0, *(order.index(axis) + 1 for axis in range(len(order))))]


def channel_shuffle(call: Call) -> Array:
    """Channels as (groups, C / groups), transposed and flattened (ShuffleNet)."""
    x, groups = call.x, call.layer.groups
    _divides(groups, x.shape[1])
    y = x.reshape(len(x), groups, -1, *x.shape[2:]).swapaxes(1, 2)
    return y.copy().reshape(x.shape)


def shift(call: Call) -> Array:
    """Each group of channels reads its own tap of the kernel; zeros outside (Wu et al. 2018)."""
    layer, x = call.layer, call.x
    size = x.shape[1] // prod(layer.kernel)
    y = x.copy()
    for g, tap in enumerate(product(*(range(k) for k in layer.kernel))):
        group = slice(g * size, (g + 1) * size)
        y[:, group] = 0.0
        write, read = [], []
        for n, k, d, j in zip(x.shape[2:], layer.kernel, layer.dilation, tap, strict=True):
            by = (j - (k - 1) // 2) * d
            inside = [p for p in range(n) if 0 <= p + by < n]
            write.append(slice(inside[0], inside[-1] + 1) if inside else slice(0, 0))
            read.append(slice(inside[0] + by, inside[-1] + by + 1) if inside else slice(0, 0))
        y[at(slice(None), group, *write)] = x[at(slice(None), group, *read)]
    return y


def _divides(divisor: int, number: int) -> None:
    if number % divisor:
        raise ExecutionError(f"{divisor} does not divide {number}")


def pixel_shuffle(call: Call) -> Array:
    """Channels to space: C = c r^n becomes c, each spatial size r times itself.

    Mode "crd" takes the factors after the channel (PyTorch), "dcr" before it (ONNX DepthToSpace).
    """
    x, r = call.x, call.layer.factor
    n, channels, *sizes = x.shape
    rank = len(sizes)
    _divides(r**rank, channels)
    if call.layer.mode == "crd":
        y = x.reshape(n, channels // r**rank, *(r,) * rank, *sizes)
        first = 2
        order = [0, 1]
    else:
        y = x.reshape(n, *(r,) * rank, channels // r**rank, *sizes)
        first = 1
        order = [0, 1 + rank]
    for axis in range(rank):
        order += [2 + rank + axis, first + axis]
    return y.transpose(order).copy().reshape(n, -1, *(size * r for size in sizes))


def pixel_unshuffle(call: Call) -> Array:
    """Space to channels, the inverse of :func:`pixel_shuffle`."""
    x, r = call.x, call.layer.factor
    n, channels, *sizes = x.shape
    rank = len(sizes)
    for size in sizes:
        _divides(r, size)
    y = x.reshape(n, channels, *(part for size in sizes for part in (size // r, r)))
    inner = [3 + 2 * axis for axis in range(rank)]
    outer = [2 + 2 * axis for axis in range(rank)]
    order = [0, 1, *inner, *outer] if call.layer.mode == "crd" else [0, *inner, 1, *outer]
    return y.transpose(order).copy().reshape(n, -1, *(size // r for size in sizes))


def _shuffle_backward(r: Reach) -> list[Array]:
    return [r.mark] if r.mark.shape[1] == 1 else through_indices(r)


def _blocks_and_copy(s: Sizes) -> int:
    return few_blocks(s) + s.written


OPERATIONS["permute"] = Operation(permute, backward=_permute_back, moves=True)
OPERATIONS["shift"] = Operation(shift, backward=through_indices)
OPERATIONS["shuffle"] = Operation(channel_shuffle, backward=_shuffle_backward, working_bytes=_blocks_and_copy)
OPERATIONS["pixelshuffle"] = Operation(
    pixel_shuffle, backward=through_indices, working_bytes=_blocks_and_copy
)
OPERATIONS["pixelunshuffle"] = Operation(
    pixel_unshuffle, backward=through_indices, working_bytes=_blocks_and_copy
)

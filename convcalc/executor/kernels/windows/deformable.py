"""Deformable convolution: samples between the pixels as columns, then a matrix product per group.

A sample is the sum over the ``2^n`` pixels around a place of their values, weighted by how near they are
along every axis; pixels outside the map are zeros. Samples whose place is no number are none either.
"""

from __future__ import annotations

from math import gcd, prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import Call, at, check_channels
from convcalc.executor.kernels.windows.conv import add_bias
from convcalc.executor.marks import Reach, from_groups, sum_over_space, to_groups
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Sizes
from convcalc.executor.windows import ExecutionError, conv_padding, out_sizes, tap_place, taps

Corner = tuple[Array, Array]
"""Index of a pixel in the flat map, and whether it is one, of every place."""


class _Places:
    """Where one sample of a batch is read: arrays (offset groups, taps, positions) by axis.

    Attributes:
        lower: the whole number at or below each place.
        near: by axis, the weights of the pixel below and of the next one.
        sizes: of the map.
    """

    def __init__(self, t: Arith, offsets: Array, grid: Array, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes
        self.lower: list[Array] = []
        self.near: list[tuple[Array, Array]] = []
        for axis in range(len(sizes)):
            place = t.add(offsets[:, :, axis], grid[axis])
            below = t.floor(place)
            above = t.subtract(place, below)
            self.lower.append(_whole(below))
            self.near.append((t.subtract(1.0, above), above))

    def corners(self, t: Arith) -> list[tuple[tuple[int, ...], Array, Corner]]:
        """The pixels around: which of the two along every axis, its weight, and where it stands."""
        weights: list[tuple[tuple[int, ...], Array]] = [((side,), self.near[0][side]) for side in (0, 1)]
        for pair in self.near[1:]:
            weights = [
                ((*which, side), t.multiply(weight, pair[side]))
                for which, weight in weights
                for side in (0, 1)
            ]
        return [(which, weight, self.pixel(which)) for which, weight in weights]

    def pixel(self, which: tuple[int, ...]) -> Corner:
        """Where the pixel of a corner stands; 0 where it is outside."""
        index = np.zeros(self.lower[0].shape, np.int64)
        inside = np.ones(self.lower[0].shape, bool)
        for side, lower, n in zip(which, self.lower, self.sizes, strict=True):
            stands = lower + side
            inside &= (stands >= 0) & (stands < n)
            index = index * n + np.clip(stands, 0, n - 1)
        return index, inside


def _whole(below: Array) -> Array:
    """Whole numbers as indices; far beyond any map where they are no numbers, or too large."""
    numbers = below.astype(np.float64)
    return np.where(np.abs(numbers) < 2.0**40, numbers, -(2.0**40)).astype(np.int64)


def _grid(layer: Any, sizes: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """Where taps stand without offsets: (axes, taps, positions), and the sizes of the output."""
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    out = out_sizes(sizes, layer.kernel, layer.stride, layer.dilation, pads)
    axes = []
    for axis, (before, _) in enumerate(pads):
        steps = np.arange(out[axis]) * layer.stride[axis] - before
        steps = np.broadcast_to(steps.reshape([-1 if a == axis else 1 for a in range(len(out))]), out)
        of_taps = [tap[axis] * layer.dilation[axis] for tap in taps(layer.kernel)]
        axes.append(np.stack([steps.reshape(-1) + far for far in of_taps]))
    return np.stack(axes).astype(np.float64), out


def _fitting(call: Call) -> tuple[Array, Array, Array | None, Array, tuple[int, ...]]:
    """The map, the offsets and the mask by group and tap, the grid, and the sizes of the output."""
    layer, x, many = call.layer, call.x, prod(call.layer.kernel)
    rank = x.ndim - 2
    grid, out = _grid(layer, x.shape[2:])
    offsets = call.xs[1]
    mask = call.xs[2] if len(call.xs) > 2 else None
    fits = offsets.shape[2:] == out and offsets.shape[1] % (rank * many) == 0
    groups = offsets.shape[1] // (rank * many)
    if (
        not fits
        or x.shape[1] % max(groups, 1)
        or (mask is not None and mask.shape[1:] != (groups * many, *out))
    ):
        raise ExecutionError(f"offsets of {offsets.shape[1:]} do not fit {many} taps at {out}")
    n = len(x)
    grid = grid if x.dtype.hasobject else grid.astype(x.dtype)
    offsets = offsets.reshape(n, groups, many, rank, -1)
    return x, offsets, None if mask is None else mask.reshape(n, groups, many, -1), grid, out


def _samples(
    t: Arith, x: Array, places: _Places, corners: list[tuple[tuple[int, ...], Array, Corner]]
) -> Array:
    """Values of one map ``(C, *spatial)`` at its places: (C, taps, positions)."""
    groups, many, positions = places.lower[0].shape
    pixels = x.reshape(groups, -1, prod(x.shape[1:]))
    total = np.full((groups, pixels.shape[1], many, positions), t.constant(0), x.dtype)
    for _, weight, (index, inside) in corners:
        values = np.stack([pixels[g][:, index[g]] for g in range(groups)])
        values[np.broadcast_to(~inside[:, None], values.shape)] = t.constant(0)
        t.add(total, t.multiply(values, weight[:, None]), out=total)
    return total.reshape(len(x), many, positions)


def deformable(call: Call) -> Array:
    """Convolution of samples with ``weight (O, I/groups, *kernel)``."""
    layer, t = call.layer, call.t
    x, offsets, mask, grid, out = _fitting(call)
    weight = call.params["weight"]
    check_channels(x, weight.shape[1] * layer.groups)
    matrix = weight.reshape(layer.groups, len(weight) // layer.groups, -1)
    y = np.empty((len(x), layer.groups, matrix.shape[1], prod(out)), x.dtype)
    for i, one in enumerate(x):
        places = _Places(t, offsets[i], grid, x.shape[2:])
        columns = _samples(t, one, places, places.corners(t))
        if mask is not None:
            by_group = columns.reshape(len(mask[i]), -1, *columns.shape[1:])
            columns = t.multiply(by_group, mask[i][:, None]).reshape(columns.shape)
        t.matmul(matrix, columns.reshape(layer.groups, -1, prod(out)), out=y[i])
    y = y.reshape(len(x), len(weight), *out)
    if layer.bias:
        add_bias(t, y, call.params["bias"])
    return y


def naive_deformable(call: Call) -> Array:
    """Output (o, p) is the sum over channels of its group and over taps of weight times sample."""
    layer, x = call.layer, call.x
    weight = call.params["weight"]
    outs, per_group, *kernel = weight.shape
    check_channels(x, per_group * layer.groups)
    pads = conv_padding(layer.padding, x.shape[2:], kernel, layer.stride, layer.dilation)
    out = out_sizes(x.shape[2:], kernel, layer.stride, layer.dilation, pads)
    y = call.zeros((len(x), outs, *out))
    for i in range(len(x)):
        for p in taps(out):
            samples: list[Any] = []
            for number, tap in enumerate(taps(kernel)):
                padded = tap_place(p, layer.stride, tap, layer.dilation)
                stands = [float(place - before) for place, (before, _) in zip(padded, pads, strict=True)]
                samples.append(_naive_samples(call, i, p, number, stands))
            for o in range(outs):
                first = o // (outs // layer.groups) * per_group
                total: Any = 0
                with call.t.accumulating():
                    for c in range(per_group):
                        for number, tap in enumerate(taps(kernel)):
                            total = total + weight[at(o, c, *tap)] * samples[number][first + c]
                if layer.bias:
                    total = total + call.params["bias"][o]
                y[at(i, o, *p)] = total
    return y


def _naive_samples(call: Call, i: int, p: tuple[int, ...], tap: int, stands: list[float]) -> list[Any]:
    """What one tap of the window at ``p``, which stands there without offsets, reads of every channel."""
    x, offsets, t = call.x, call.xs[1], call.t
    rank, many = len(stands), prod(call.layer.kernel)
    groups = offsets.shape[1] // (rank * many)
    found = []
    for g in range(groups):
        weights: list[tuple[tuple[int, ...], Any]] = [((), None)]
        for axis, stand in enumerate(stands):
            place = offsets[at(i, ((g * many) + tap) * rank + axis, *p)] + stand
            below = t.floor(np.asarray([place]))[0]
            far, first = place - below, int(_whole(np.asarray(float(below))))
            pair = ((first, 1.0 - far), (first + 1, far))
            weights = [
                ((*spot, j), near if axis == 0 else weight * near)
                for spot, weight in weights
                for j, near in pair
            ]
        for c in range(g * x.shape[1] // groups, (g + 1) * x.shape[1] // groups):
            total: Any = t.constant(0)
            for spot, weight in weights:
                inside = all(0 <= j < n for j, n in zip(spot, x.shape[2:], strict=True))
                total = total + weight * (x[at(i, c, *spot)] if inside else t.constant(0))
            found.append(total if len(call.xs) < 3 else total * call.xs[2][at(i, g * many + tap, *p)])
    return found


def _backward(r: Reach) -> list[Array]:
    """Every pixel of the channels of its group may be read; offsets and mask are, at the position."""
    r.refuse_paths()
    layer, mark, outs = r.layer, r.mark, r.outputs[0][0]
    channels, *sizes = r.inputs[0]
    pixels = from_groups(to_groups(sum_over_space(mark), outs, layer.groups), channels)
    found = [np.broadcast_to(pixels, (*pixels.shape[:2], *sizes))]
    own = r.inputs[1][0] // (len(sizes) * prod(layer.kernel))
    for shape in r.inputs[1:]:
        found.append(from_groups(to_groups(mark, outs, gcd(own, layer.groups)), shape[0]))
    return found


def _gradient(b: Backprop) -> list[Array]:
    """Through the product to the samples; from there to pixels, to places and to the mask."""
    layer = b.layer
    t = Arith()
    x, offsets, mask, grid, out = _fitting(Call(layer, b.xs, b.params))
    weight = b.params["weight"]
    matrix = weight.reshape(layer.groups, len(weight) // layer.groups, -1)
    many, positions = prod(layer.kernel), prod(out)
    to_x, to_offsets = np.zeros_like(x), np.zeros_like(offsets)
    to_mask = None if mask is None else np.zeros_like(mask)
    for i, one in enumerate(x):
        g = b.g[i].reshape(layer.groups, -1, positions)
        columns = (matrix.swapaxes(1, 2) @ g).reshape(offsets.shape[1], -1, many, positions)
        places = _Places(t, offsets[i], grid, x.shape[2:])
        corners = places.corners(t)
        if to_mask is not None and mask is not None:
            samples = _samples(t, one, places, corners).reshape(columns.shape)
            to_mask[i] = (columns * samples).sum(axis=1)
            columns = columns * mask[i][:, None]
        pixels = one.reshape(len(columns), -1, prod(one.shape[1:]))
        gathered = to_x[i].reshape(pixels.shape)
        for which, near, (index, inside) in corners:
            for group in range(len(columns)):
                part = columns[group] * np.where(inside[group], near[group], 0.0)
                for c in range(part.shape[0]):
                    np.add.at(gathered[group, c], index[group], part[c])
                values = np.where(inside[group], pixels[group][:, index[group]], 0.0)
                summed = (columns[group] * values).sum(axis=0)
                for axis, side in enumerate(which):
                    others = [places.near[a][s][group] for a, s in enumerate(which) if a != axis]
                    slope = (1.0 if side else -1.0) * prod(others, start=np.ones(()))
                    to_offsets[i, group, :, axis] += summed * slope
    found = [to_x, to_offsets.reshape(b.xs[1].shape)]
    return found if to_mask is None else [*found, to_mask.reshape(b.xs[2].shape)]


def _working_bytes(s: Sizes) -> int:
    """The columns of one sample of the batch, twice while they are added to or masked, and its places."""
    layer, rank = s.layer, len(s.layer.kernel)
    places = prod(layer.kernel) * prod(s.outputs[0][1:])
    groups = s.inputs[1][0] // (rank * prod(layer.kernel))
    of_places = groups * places * (rank * (8 + 3 * s.item) + 2**rank * (s.item + 9) + 32)
    return int(3 * s.inputs[0][0] * places * s.item + 2 * of_places)


OPERATIONS["deformconv"] = Operation(
    deformable,
    naive_deformable,
    _backward,
    _gradient,
    OPERATIONS["conv"].weights,
    fan_in=OPERATIONS["conv"].fan_in,
    working_bytes=_working_bytes,
)

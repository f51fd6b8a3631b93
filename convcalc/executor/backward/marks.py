"""Which inputs a layer reads for given outputs: the kernels run backwards on marks.

A mark is an array (B, c, *spatial) over a tensor, one for each of B questions; ``c`` is the
number of channels, or 1 when all channels are marked alike. Booleans say "is reached" (adding
booleans is "or" in NumPy, so the same code serves), integers count paths. Windows, taps, padding
and moves are those of the kernels; index tables are made by running a kernel on indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Array
from convcalc.executor.call import Call, at
from convcalc.executor.kernels import move
from convcalc.executor.kernels.interp import MODES, grids, resample
from convcalc.executor.kernels.pool import adaptive_windows
from convcalc.executor.kernels.transposed import canvas
from convcalc.executor.windows import (
    ExecutionError,
    Pairs,
    conv_padding,
    extent,
    out_sizes,
    pad,
    tap_slices,
    taps,
    transposed_padding,
)

Shape = tuple[int, ...]


class Pull(NamedTuple):
    """One layer to run backwards: its marks by output, and the shapes it read and wrote."""

    layer: Any
    marks: list[Array | None]
    inputs: list[Shape]
    outputs: tuple[Shape, ...]
    reads: bool

    @property
    def mark(self) -> Array:
        """The mark on the outputs (of a layer whose outputs all read the same)."""
        found = [mark for mark in self.marks if mark is not None]
        return found[0] if len(found) == 1 else combine(found)


def combine(marks: list[Array]) -> Array:
    """Several marks on one tensor: any of them, or the sum of their paths."""
    total = marks[0]
    for mark in marks[1:]:
        total = total + mark
    return total


def _sum(mark: Array, axis: int | tuple[int, ...]) -> Array:
    return np.asarray(np.add.reduce(mark, axis=axis, keepdims=True, dtype=mark.dtype))


def _times(mark: Array, many: int) -> Array:
    return mark if mark.dtype == bool else mark * many


def full(mark: Array, channels: int) -> Array:
    """The mark with every channel written out."""
    if mark.shape[1] == channels:
        return mark
    return np.broadcast_to(mark, (len(mark), channels, *mark.shape[2:]))


def _zeros(mark: Array, *shape: int) -> Array:
    if mark.dtype == object:
        return np.full(shape, 0, object)
    return np.zeros(shape, mark.dtype)


def _spatial(mark: Array) -> tuple[int, ...]:
    return tuple(range(2, mark.ndim))


def _groups(mark: Array, channels: int, groups: int) -> Array:
    """Sum over the channels of each group: (B, groups, *spatial), or (B, 1, *spatial) if alike."""
    if mark.shape[1] == 1:
        return _times(mark, channels // groups)
    split = mark.reshape(len(mark), groups, channels // groups, *mark.shape[2:])
    return _sum(split, 2)[:, :, 0]


def _ungroup(mark: Array, channels: int) -> Array:
    """Every channel of a group is marked as the group is."""
    return mark if mark.shape[1] == 1 else np.repeat(mark, channels // mark.shape[1], axis=1)


def unpad(mark: Array, sizes: Sequence[int], pads: Pairs, mode: str) -> Array:
    """From a padded tensor to the tensor: padding of zeros reads nothing, other modes read it again."""
    if mode in ("zeros", "constant"):
        inner = (slice(b, b + n) for n, (b, _) in zip(sizes, pads, strict=True))
        kept: Array = mark[at(slice(None), slice(None), *inner)]
        return kept
    for axis, (n, pair) in enumerate(zip(sizes, pads, strict=True)):
        index = pad(np.arange(n).reshape(1, 1, n), (pair,), mode=mode)[0, 0]
        mark = gathered(mark, axis + 2, index, n)
    return mark


def gathered(mark: Array, axis: int, index: Array, size: int) -> Array:
    """Back through a selection of entries along one axis."""
    moved = np.moveaxis(mark, axis, 0)
    result = _zeros(mark, size, *moved.shape[1:])
    np.add.at(result, index, moved)
    return np.moveaxis(result, 0, axis)


def _windowed(
    mark: Array,
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    pads: Pairs,
    mode: str = "zeros",
) -> Array:
    """Back through windows: every tap of a marked window is marked."""
    out = mark.shape[2:]
    room = []
    for n, m, k, s, d, (before, after) in zip(sizes, out, kernel, stride, dilation, pads, strict=True):
        room.append(max(before + n + after, (m - 1) * s + extent(k, d)))
    total = _zeros(mark, *mark.shape[:2], *room)
    for tap in taps(kernel):
        view = total[at(slice(None), slice(None), *tap_slices(tap, out, stride, dilation))]
        np.add(view, mark, out=view)
    return unpad(total, sizes, pads, mode)


def _read_taps(
    source: Array, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    """Sum over taps of what each window reads."""
    total = _zeros(source, *source.shape[:2], *sizes)
    for tap in taps(kernel):
        total = total + source[at(slice(None), slice(None), *tap_slices(tap, sizes, stride, dilation))]
    return total


def _conv(p: Pull) -> list[Array]:
    layer, (channels, *sizes) = p.layer, p.inputs[0]
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    mark = _groups(p.mark, p.outputs[0][0], layer.groups)
    mark = _windowed(mark, sizes, layer.kernel, layer.stride, layer.dilation, pads, layer.padding_mode)
    return [_ungroup(mark, channels)]


def _conv_transposed(p: Pull) -> list[Array]:
    layer, (channels, *sizes) = p.layer, p.inputs[0]
    kernel, stride, dilation = layer.kernel, layer.stride, layer.dilation
    pads, extra = transposed_padding(layer.padding, kernel, stride, dilation, layer.output_padding)
    room, keep = canvas(sizes, kernel, stride, dilation, pads, extra)
    mark = _groups(p.mark, p.outputs[0][0], layer.groups)
    total = _zeros(mark, *mark.shape[:2], *room)
    total[at(slice(None), slice(None), *keep)] = mark
    return [_ungroup(_read_taps(total, sizes, kernel, stride, dilation), channels)]


def _linear(p: Pull) -> list[Array]:
    return [_groups(p.mark, p.outputs[0][0], 1)]


def _pool(p: Pull) -> list[Array]:
    layer, sizes = p.layer, p.inputs[0][1:]
    dilation = getattr(layer, "dilation", (1,) * len(sizes))
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, dilation)
    out_sizes(sizes, layer.kernel, layer.stride, dilation, pads, layer.ceil)
    return [_windowed(p.mark, sizes, layer.kernel, layer.stride, dilation, pads)]


def _unpool(p: Pull) -> list[Array]:
    """An index may point anywhere into its window, so a marked position is read from all windows over it."""
    layer, sizes = p.layer, p.inputs[0][1:]
    once = (1,) * len(sizes)
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, once)
    room = pad(p.mark, pads, False if p.mark.dtype == bool else 0)
    axes = zip(room.shape[2:], sizes, layer.kernel, layer.stride, strict=True)
    missing = tuple((0, max((m - 1) * s + k - n, 0)) for n, m, k, s in axes)
    mark = _read_taps(pad(room, missing), sizes, layer.kernel, layer.stride, once)
    return [mark, mark]


def _global(p: Pull) -> list[Array]:
    shape = (*p.mark.shape[:2], *p.inputs[0][1:])
    return [np.broadcast_to(_sum(p.mark, _spatial(p.mark)), shape)]


def _adaptive(p: Pull) -> list[Array]:
    total = _zeros(p.mark, *p.mark.shape[:2], *p.inputs[0][1:])
    for cell, window in adaptive_windows(p.inputs[0][1:], p.layer.size):
        view = total[at(slice(None), slice(None), *window)]
        one = p.mark[at(slice(None), slice(None), *cell)]
        np.add(view, one.reshape(*one.shape, *(1,) * len(cell)), out=view)
    return [total]


def _upsample(p: Pull) -> list[Array]:
    """Back through each pass; what it reads is found by running it on unit impulses.

    A sample whose weight is zero does not reach the output; with ``reads`` it counts all the same
    (found by poisoning it with NaN).
    """
    layer, mark = p.layer, p.mark
    for axis, (out, ratio) in enumerate(grids(layer, p.inputs[0][1:])):
        n = p.inputs[0][1 + axis]
        impulses = np.where(np.eye(n, dtype=bool), np.nan if p.reads else 1.0, 0.0)[:, None]
        seen = resample(
            PLAIN, impulses, 2, out, ratio, MODES[layer.mode], bool(layer.align_corners), float(layer.a)
        )
        pattern = (np.isnan(seen) if p.reads else seen != 0)[:, 0].T  # (out, n)
        moved = np.moveaxis(mark, axis + 2, -1)
        if mark.dtype == bool:
            moved = np.matmul(moved.astype(np.float32), pattern.astype(np.float32)) > 0
        else:
            moved = np.matmul(moved, pattern.astype(mark.dtype))
        mark = np.moveaxis(moved, -1, axis + 2)
    return [mark]


def _moved(p: Pull) -> list[Array]:
    """Back through a layer that only moves: its kernel is run on indices, 0 standing for a fill."""
    thin = all(m is None or m.shape[1] == 1 for m in p.marks) and _keeps_channels(p.layer)
    inputs = [(1, *shape[1:]) for shape in p.inputs] if thin else p.inputs
    outputs = [(1, *shape[1:]) for shape in p.outputs] if thin else p.outputs
    ends = np.cumsum([0, *(prod(shape) for shape in inputs)])
    numbers = tuple(
        np.arange(end - prod(shape) + 1, end + 1).reshape(1, *shape)
        for end, shape in zip(ends[1:], inputs, strict=True)
    )
    result = _on_indices(p.layer, numbers)
    size = int(ends[-1])
    batch = next(len(m) for m in p.marks if m is not None)
    total: Array | None = None
    for mark, table, shape in zip(p.marks, result, outputs, strict=True):
        if mark is None:
            continue
        flat = full(mark, shape[0]).reshape(batch, -1)
        index = table.reshape(-1)
        real = index > 0
        total = _zeros(mark, size, batch) if total is None else total
        if p.layer.op == "pad":  # reflections read an entry more than once
            np.add.at(total, index[real] - 1, flat[:, real].T)
        else:
            total[index[real] - 1] = flat[:, real].T
    assert total is not None
    parts = np.split(total.T, ends[1:-1], axis=1)
    return [part.reshape(batch, *shape) for part, shape in zip(parts, inputs, strict=True)]


def _on_indices(layer: Any, numbers: tuple[Array, ...]) -> tuple[Array, ...]:
    if layer.op == "pad":  # a constant is a fill whatever its value
        mode = "zeros" if layer.mode == "constant" else layer.mode
        pads = tuple((before, after) for before, after in layer.padding)
        return (pad(numbers[0], pads, mode=mode),)
    result = _MOVES[layer.op](Call(layer, numbers))
    return result if isinstance(result, tuple) else (result,)


_MOVES: dict[str, Callable[[Call], Any]] = {
    "flatten": move.flatten,
    "reshape": move.reshape,
    "permute": move.permute,
    "crop": move.crop,
    "slice": move.slice_,
    "split": move.split,
    "concat": move.concat,
    "shuffle": move.channel_shuffle,
    "shift": move.shift,
    "pixelshuffle": move.pixel_shuffle,
    "pixelunshuffle": move.pixel_unshuffle,
}


def _keeps_channels(layer: Any) -> bool:
    return layer.op in ("pad", "crop") or (layer.op in ("slice", "split", "concat") and layer.axis > 0)


def _concat(p: Pull) -> list[Array]:
    if p.layer.axis == 0 and p.mark.shape[1] == 1:
        return [p.mark for _ in p.inputs]
    return _moved(p)


def _shuffle(p: Pull) -> list[Array]:
    return [p.mark] if p.mark.shape[1] == 1 else _moved(p)


def _same(p: Pull) -> list[Array]:
    return [p.mark]


def _over_channels(p: Pull) -> list[Array]:
    _reach_only(p)
    return [_sum(p.mark, 1)]


def _layernorm(p: Pull) -> list[Array]:
    _reach_only(p)
    if p.layer.over == "channels":
        return [_sum(p.mark, 1)]
    total = _sum(p.mark, (1, *_spatial(p.mark)))
    return [np.broadcast_to(total, (len(total), 1, *p.inputs[0][1:]))]


def _groupnorm(p: Pull) -> list[Array]:
    _reach_only(p)
    mark = _sum(p.mark, _spatial(p.mark)) if p.mark.ndim > 2 else p.mark
    if p.layer.op == "gn":
        mark = _ungroup(_groups(mark, p.inputs[0][0], p.layer.groups), p.inputs[0][0])
    return [np.broadcast_to(mark, (*mark.shape[:2], *p.inputs[0][1:]))]


def _batchnorm(p: Pull) -> list[Array]:
    return [p.mark] if p.layer.track else _groupnorm(p)


def _lrn(p: Pull) -> list[Array]:
    _reach_only(p)
    if p.mark.shape[1] == 1:
        return [p.mark]
    channels = p.inputs[0][0]
    before = p.layer.size // 2
    total = _zeros(p.mark, len(p.mark), channels + p.layer.size - 1, *p.inputs[0][1:])
    for j in range(p.layer.size):
        np.add(total[:, j : j + channels], p.mark, out=total[:, j : j + channels])
    return [total[:, before : before + channels] + p.mark]


def _join(p: Pull) -> list[Array]:
    """Every input is read; where it was broadcast, from all positions it served."""
    if p.layer.op == "mul":
        _reach_only(p)
    marks = []
    for shape in p.inputs:
        mark = p.mark
        if shape[0] == 1 and p.outputs[0][0] > 1:
            mark = _groups(mark, p.outputs[0][0], 1)
        axes = tuple(i + 1 for i in range(1, len(shape)) if shape[i] == 1 and p.outputs[0][i] > 1)
        marks.append(_sum(mark, axes) if axes else mark)
    return marks


def _reach_only(p: Pull) -> None:
    if p.mark.dtype != bool:
        raise ExecutionError(f"paths are counted through linear layers; {p.layer.op} is not one")


PULLS: dict[str, Callable[[Pull], list[Array]]] = {
    "conv": _conv,
    "dwconv": _conv,
    "convT": _conv_transposed,
    "linear": _linear,
    "maxpool": _pool,
    "avgpool": _pool,
    "lppool": _pool,
    "globalavgpool": _global,
    "globalmaxpool": _global,
    "adaptiveavgpool": _adaptive,
    "adaptivemaxpool": _adaptive,
    "unpool": _unpool,
    "upsample": _upsample,
    "bn": _batchnorm,
    "ln": _layernorm,
    "gn": _groupnorm,
    "instancenorm": _groupnorm,
    "lrn": _lrn,
    "softmax": _over_channels,
    "concat": _concat,
    "shuffle": _shuffle,
    "add": _join,
    "mul": _join,
    **dict.fromkeys(
        (
            "flatten",
            "reshape",
            "permute",
            "crop",
            "slice",
            "split",
            "shift",
            "pixelshuffle",
            "pixelunshuffle",
            "pad",
        ),
        _moved,
    ),
    **dict.fromkeys(
        (
            "relu",
            "relu6",
            "leakyrelu",
            "prelu",
            "elu",
            "selu",
            "silu",
            "sigmoid",
            "tanh",
            "hardsigmoid",
            "hardswish",
            "gelu",
            "dropout",
            "identity",
            "scale",
        ),
        _same,
    ),
}
"""How each layer is run backwards."""

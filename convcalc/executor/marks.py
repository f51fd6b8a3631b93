"""What kernels run backwards with: marks on outputs become marks on inputs.

A mark is an array (B, c, *spatial) over a tensor, one for each of B questions; ``c`` is the
number of channels, or 1 when all channels are marked alike. Booleans say "is reached" (adding
booleans is "or" in NumPy, so the same code serves), integers count paths, floats are gradients of
layers whose factors are all one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import at
from convcalc.executor.windows import ExecutionError, Pairs, extent, pad, tap_slices, taps

Shape = tuple[int, ...]


class Reach(NamedTuple):
    """One layer to run backwards on marks.

    Attributes:
        layer: the layer; its hyper-parameters are read by name.
        marks: one for each output, None where nothing is marked.
        inputs: shapes it read, without the batch.
        outputs: shapes it wrote, without the batch.
        reads: whether a sample that is read with a weight of zero counts.
    """

    layer: Any
    marks: list[Array | None]
    inputs: list[Shape]
    outputs: tuple[Shape, ...]
    reads: bool

    @property
    def mark(self) -> Array:
        """The marks of all outputs together, for a layer whose outputs all read the same."""
        return combine([mark for mark in self.marks if mark is not None])

    def refuse_paths(self) -> None:
        """Raise where paths are counted, as the layer is not linear; reach goes through."""
        if self.mark.dtype != bool:
            raise ExecutionError(f"paths are counted through linear layers; {self.layer.op} is not one")


def same_positions(r: Reach) -> list[Array]:
    """Back through an elementwise layer: every position reads itself."""
    return [r.mark]


def combine(marks: list[Array]) -> Array:
    """Several marks on one tensor: any of them, or the sum of their paths."""
    total = marks[0]
    for mark in marks[1:]:
        total = total + mark
    return total


def sum_over(mark: Array, axis: int | tuple[int, ...]) -> Array:
    """Marks summed over axes, which stay with size 1; the dtype stays as well."""
    return np.asarray(np.add.reduce(mark, axis=axis, keepdims=True, dtype=mark.dtype))


def whole_axes(r: Reach, axes: tuple[int, ...]) -> list[Array]:
    """Back through a layer of which every output reads all of some axes of its input (0 is the channels)."""
    total = sum_over(r.mark, tuple(axis + 1 for axis in axes))
    return [np.broadcast_to(total, (*total.shape[:2], *r.inputs[0][1:]))]


def sum_over_space(mark: Array) -> Array:
    """Marks summed over all spatial axes, which stay with size 1."""
    return sum_over(mark, tuple(range(2, mark.ndim))) if mark.ndim > 2 else mark


def all_channels(mark: Array, channels: int) -> Array:
    """The mark with every channel written out."""
    if mark.shape[1] == channels:
        return mark
    return np.broadcast_to(mark, (len(mark), channels, *mark.shape[2:]))


def no_marks(like: Array, *shape: int) -> Array:
    """Zeros of the dtype of a mark."""
    return np.full(shape, 0, object) if like.dtype == object else np.zeros(shape, like.dtype)


def to_groups(mark: Array, channels: int, groups: int) -> Array:
    """Sum over the channels of each group: (B, groups, *spatial), or (B, 1, *spatial) if alike."""
    if mark.shape[1] == 1:
        return mark if mark.dtype == bool else mark * (channels // groups)
    split = mark.reshape(len(mark), groups, channels // groups, *mark.shape[2:])
    return sum_over(split, 2)[:, :, 0]


def from_groups(mark: Array, channels: int) -> Array:
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
        moved = np.moveaxis(mark, axis + 2, 0)
        total = no_marks(mark, n, *moved.shape[1:])
        np.add.at(total, index, moved)
        mark = np.moveaxis(total, 0, axis + 2)
    return mark


def mark_windows(
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
    total = no_marks(mark, *mark.shape[:2], *room)
    for tap in taps(kernel):
        view = total[at(slice(None), slice(None), *tap_slices(tap, out, stride, dilation))]
        np.add(view, mark, out=view)
    return unpad(total, sizes, pads, mode)


def sum_windows(
    source: Array, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    """The sum of what each window reads, ``sizes`` windows along the axes of a padded tensor."""
    total = no_marks(source, *source.shape[:2], *sizes)
    for tap in taps(kernel):
        total = total + source[at(slice(None), slice(None), *tap_slices(tap, sizes, stride, dilation))]
    return total

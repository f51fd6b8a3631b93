"""Where windows stand: padding conventions, window positions, strided views, tap by tap slices.

Everything is worked out from the definition, by listing the positions at which a window can
stand; the size of an output is how many there are. Axes are spatial, in order; padding is a pair
(before, after) per axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.parallel import each, row_spans

Pairs = tuple[tuple[int, int], ...]
PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class ExecutionError(ValueError):
    """A layer cannot be executed on the arrays that arrived."""


def extent(kernel: int, dilation: int) -> int:
    """Input positions from the first to the last tap of a dilated kernel, both included."""
    return (kernel - 1) * dilation + 1


def _split(total: int, lower: bool) -> tuple[int, int]:
    small, large = total // 2, total - total // 2
    return (large, small) if lower else (small, large)


def conv_padding(
    padding: Sequence[Any],
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Padding of a convolution as pairs; conventions are resolved for the sizes that arrived.

    "same" and "same_lower": one window for each of the positions 0, s, 2s, ... of the input, and
    as much padding as they need together, the odd one after ("same") or before ("same_lower").
    "valid": none. "full": every window that touches the input. "causal": all of it before.
    """
    pairs = []
    for pad, size, k, s, d in zip(padding, sizes, kernel, stride, dilation, strict=True):
        span = extent(k, d)
        if not isinstance(pad, str):
            pairs.append((int(pad[0]), int(pad[1])))
        elif pad in ("same", "same_upper", "same_lower"):
            last = range(0, size, s)[-1]  # start of the last window
            pairs.append(_split(max(last + span - size, 0), pad == "same_lower"))
        else:
            pairs.append(_simple_padding(pad, span))
    return tuple(pairs)


def _simple_padding(pad: str, span: int) -> tuple[int, int]:
    if pad == "valid":
        return (0, 0)
    if pad == "full":
        return (span - 1, span - 1)
    if pad == "causal":
        return (span - 1, 0)
    raise ExecutionError(f"unknown padding {pad!r}")


def transposed_padding(
    padding: Sequence[Any],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
) -> tuple[Pairs, tuple[int, ...]]:
    """What a transposed convolution crops, as pairs, and what it appends.

    "same" makes the output exactly stride times the input: what the kernel spans beyond the
    stride is cropped (split as for a convolution), what it lacks is appended.
    """
    pairs, extra = [], []
    for pad, k, s, d, op in zip(padding, kernel, stride, dilation, output_padding, strict=True):
        span = extent(k, d)
        if not isinstance(pad, str):
            pairs.append((int(pad[0]), int(pad[1])))
            extra.append(int(op))
        elif pad in ("same", "same_upper", "same_lower"):
            pairs.append(_split(max(span - s, 0), pad == "same_lower"))
            extra.append(int(op) + max(s - span, 0))
        else:
            pairs.append(_simple_padding(pad, span))
            extra.append(int(op))
    return tuple(pairs), tuple(extra)


def starts(
    size: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int], ceil: bool = False
) -> range:
    """Where windows start on the padded axis.

    Windows step by the stride while they fit. With ``ceil`` one more may hang over the end, by
    less than a stride, if it starts inside the input or the padding before it (as PyTorch).
    """
    span = extent(kernel, dilation)
    last = pad[0] + size + pad[1] - span
    if ceil:
        last = min(last + stride - 1, pad[0] + size - 1)
    found = range(0, last + 1, stride)
    if not found:
        raise ExecutionError(f"a window of {span} does not fit on {size} with padding {pad[0]}:{pad[1]}")
    return found


def out_sizes(
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    pads: Pairs,
    ceil: bool = False,
) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    axes = zip(sizes, kernel, stride, dilation, pads, strict=True)
    return tuple(len(starts(n, k, s, d, p, ceil)) for n, k, s, d, p in axes)


def pad(x: Array, pads: Pairs, value: Any = 0, mode: str = "zeros") -> Array:
    """Pad the spatial axes of ``x (N, C, *spatial)``; ``x`` itself if there is nothing to pad."""
    if not any(before or after for before, after in pads):
        return x
    if mode in PAD_MODES:
        widths: Any = ((0, 0), (0, 0), *pads)
        return np.pad(x, widths, mode=PAD_MODES[mode])  # type: ignore[call-overload,no-any-return]
    if mode not in ("zeros", "constant"):
        raise ExecutionError(f"unknown padding mode {mode!r}")
    shape = x.shape[:2] + tuple(b + n + a for n, (b, a) in zip(x.shape[2:], pads, strict=True))
    inner = tuple(slice(b, b + n) for n, (b, _) in zip(x.shape[2:], pads, strict=True))
    result: Array = np.empty(shape, x.dtype)

    def block(c: slice) -> None:
        part = result[:, c]
        part[...] = value
        part[(slice(None), slice(None), *inner)] = x[:, c]

    each(block, row_spans(result), not x.dtype.hasobject)
    return result


def extend(
    x: Array,
    sizes: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    value: Any,
) -> Array:
    """``x`` (padded), extended after its end so that the last window of every axis fits."""
    axes = zip(x.shape[2:], sizes, kernel, stride, dilation, strict=True)
    missing = tuple((0, max((out - 1) * s + extent(k, d) - n, 0)) for n, out, k, s, d in axes)
    return pad(x, missing, value)


def windows(
    x: Array, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    """View of padded ``x`` of shape (N, C, *kernel, *sizes): which entry each window's tap reads."""
    n, c, *steps = x.strides
    taps = [step * d for step, d in zip(steps, dilation, strict=True)]
    moves = [step * s for step, s in zip(steps, stride, strict=True)]
    return as_strided(x, (*x.shape[:2], *kernel, *sizes), (n, c, *taps, *moves), writeable=False)


def taps(kernel: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every tap of a kernel, the last axis fastest."""
    return product(*(range(k) for k in kernel))


def tap_slices(
    tap: Sequence[int], sizes: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[slice, ...]:
    """What one tap reads over all windows of each padded spatial axis."""
    axes = zip(tap, sizes, stride, dilation, strict=True)
    return tuple(slice(t * d, t * d + (out - 1) * s + 1, s) for t, out, s, d in axes)


def tap_place(
    window: Sequence[int], stride: Sequence[int], tap: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...]:
    """The padded position that one tap of one window reads."""
    return tuple(p * s + k * d for p, s, k, d in zip(window, stride, tap, dilation, strict=True))


def padded_elements(shape: Sequence[int], layer: Any) -> int:
    """Elements of the padded copy that a windowed layer makes of ``shape``; 0 where it makes none."""
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    pads = conv_padding(layer.padding, shape[1:], layer.kernel, layer.stride, dilation)
    axes = zip(shape[1:], pads, layer.kernel, layer.stride, dilation, strict=True)
    # With room for a last window that pooling adds by rounding up.
    ceil = getattr(layer, "ceil", False)
    sizes = [n + b + a + (s + (k - 1) * d if ceil else 0) for n, (b, a), k, s, d in axes]
    strided = all(k == 1 for k in layer.kernel) and any(s > 1 for s in layer.stride)
    if not ceil and not strided and not any(map(any, pads)):
        return 0
    return int(shape[0] * prod(sizes))


def blocks(sizes: Sequence[int], limit: int) -> Iterator[tuple[slice, ...]]:
    """Cut a grid of positions into blocks of at most ``limit``, each contiguous in memory order.

    Trailing axes stay whole while they fit; at least one position a block.
    """
    axis, inner = len(sizes), 1
    while axis > 0 and inner * sizes[axis - 1] <= limit:
        axis -= 1
        inner *= sizes[axis]
    tail = tuple(slice(0, n) for n in sizes[axis:])
    if axis == 0:
        yield tail
        return
    step = max(1, limit // inner)
    outer = [range(n) for n in sizes[: axis - 1]]
    for head in product(*outer):
        for start in range(0, sizes[axis - 1], step):
            stop = min(start + step, sizes[axis - 1])
            yield (*(slice(i, i + 1) for i in head), slice(start, stop), *tail)

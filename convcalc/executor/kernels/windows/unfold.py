"""Windows as columns, and columns added back into a map.

Unfolding only moves; folding adds every entry that stands in the map to what is there, from zero on.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, at
from convcalc.executor.marks import Reach, mark_windows, no_marks, unpad
from convcalc.executor.operation import OPERATIONS, Operation, Sizes, few_blocks
from convcalc.executor.windows import (
    ExecutionError,
    Pairs,
    conv_padding,
    out_sizes,
    pad,
    padded_elements,
    tap_place,
    tap_slices,
    taps,
    windows,
)


def _stands(layer: Any, sizes: tuple[int, ...]) -> tuple[Pairs, tuple[int, ...]]:
    """Padding of a map of these sizes, and how many windows stand along each axis."""
    pads = conv_padding(layer.padding, sizes, layer.kernel, layer.stride, layer.dilation)
    return pads, out_sizes(sizes, layer.kernel, layer.stride, layer.dilation, pads)


def unfold(call: Call) -> Array:
    """(N, C, *spatial) to (N, C k..., positions)."""
    layer, x = call.layer, call.x
    pads, out = _stands(layer, x.shape[2:])
    padded = pad(x, pads, call.t.constant(0))
    view = windows(padded, out, layer.kernel, layer.stride, layer.dilation)
    return view.copy().reshape(len(x), -1, prod(out))


def naive_unfold(call: Call) -> Array:
    """Row (c, t), column p: what tap t of the window at p reads of channel c."""
    layer, x = call.layer, call.x
    pads, out = _stands(layer, x.shape[2:])
    y = call.zeros((len(x), x.shape[1] * prod(layer.kernel), prod(out)))
    for i in range(len(x)):
        row = 0
        for c in range(x.shape[1]):
            for tap in taps(layer.kernel):
                for column, p in enumerate(taps(out)):
                    place = _place(p, tap, layer, pads)
                    if all(0 <= j < n for j, n in zip(place, x.shape[2:], strict=True)):
                        y[i, row, column] = x[at(i, c, *place)]
                row += 1
    return y


def _place(p: tuple[int, ...], tap: tuple[int, ...], layer: Any, pads: Pairs) -> tuple[int, ...]:
    """Where a tap of a window stands in the map, which may be beside it."""
    padded = tap_place(p, layer.stride, tap, layer.dilation)
    return tuple(j - before for j, (before, _) in zip(padded, pads, strict=True))


def _unfold_backward(r: Reach) -> list[Array]:
    layer, (channels, *sizes) = r.layer, r.inputs[0]
    pads, out = _stands(layer, tuple(sizes))
    mark = r.mark
    if mark.shape[1] == 1:
        mark = mark.reshape(len(mark), 1, *out)
        return [mark_windows(mark, sizes, layer.kernel, layer.stride, layer.dilation, pads)]
    rows = mark.reshape(len(mark), channels, *layer.kernel, *out)
    return [_added(rows, sizes, layer, pads)]


def _added(rows: Array, sizes: Any, layer: Any, pads: Pairs) -> Array:
    """Marks of columns ``(B, C, *kernel, *positions)`` added where they stand in a map."""
    out = rows.shape[2 + len(pads) :]
    room = [b + n + a for n, (b, a) in zip(sizes, pads, strict=True)]
    total = no_marks(rows, *rows.shape[:2], *room)
    for tap in taps(layer.kernel):
        view = total[at(slice(None), slice(None), *tap_slices(tap, out, layer.stride, layer.dilation))]
        np.add(view, rows[at(slice(None), slice(None), *tap)], out=view)
    return unpad(total, sizes, pads, "zeros")


def _unfold_bytes(s: Sizes) -> int:
    return padded_elements(s.inputs[0], s.layer) * s.item * s.batch + few_blocks(s)


OPERATIONS["unfold"] = Operation(unfold, naive_unfold, backward=_unfold_backward, working_bytes=_unfold_bytes)


def _columns(call: Call) -> tuple[Array, Pairs, tuple[int, ...]]:
    """What arrives as (N, C, *kernel, *positions), with the padding and the positions."""
    layer, x = call.layer, call.x
    pads, out = _stands(layer, tuple(layer.size))
    many = prod(layer.kernel)
    if x.ndim != 3 or x.shape[1] % many or x.shape[2] != prod(out):
        raise ExecutionError(f"{x.shape[1:]} are no columns of {many} taps at {prod(out)} positions")
    return x.reshape(len(x), -1, *layer.kernel, *out), pads, out


def fold(call: Call) -> Array:
    """(N, C k..., positions) to (N, C, *size), tap by tap."""
    layer, t = call.layer, call.t
    columns, pads, out = _columns(call)
    y = call.zeros((*columns.shape[:2], *layer.size))
    for tap in taps(layer.kernel):
        read, write = [], []
        axes = zip(tap, out, layer.size, layer.stride, layer.dilation, pads, strict=True)
        for k, m, n, s, d, (before, _) in axes:
            inside = [p for p in range(m) if 0 <= p * s + k * d - before < n]
            first, last = (inside[0], inside[-1]) if inside else (0, -1)
            read.append(slice(first, last + 1))
            start = first * s + k * d - before
            write.append(slice(start, start + (last - first) * s + 1, s) if inside else slice(0, 0))
        target = y[at(slice(None), slice(None), *write)]
        t.add(target, columns[at(slice(None), slice(None), *tap, *read)], out=target)
    return y


def naive_fold(call: Call) -> Array:
    """Every entry of a column is added where its tap stands."""
    layer = call.layer
    columns, pads, out = _columns(call)
    y = call.zeros((*columns.shape[:2], *layer.size))
    for i in range(len(columns)):
        for c in range(columns.shape[1]):
            for tap in taps(layer.kernel):
                for p in taps(out):
                    place = _place(p, tap, layer, pads)
                    if all(0 <= j < n for j, n in zip(place, layer.size, strict=True)):
                        spot = at(i, c, *place)
                        y[spot] = y[spot] + columns[at(i, c, *tap, *p)]
    return y


def _fold_backward(r: Reach) -> list[Array]:
    layer, mark = r.layer, r.mark
    pads, out = _stands(layer, tuple(layer.size))
    view = windows(pad(mark, pads), out, layer.kernel, layer.stride, layer.dilation)
    rows = view.copy().reshape(len(mark), -1, prod(out))
    channels = r.outputs[0][0]
    return [rows if mark.shape[1] == channels else np.tile(rows, (1, channels, 1))]


OPERATIONS["fold"] = Operation(fold, naive_fold, backward=_fold_backward)

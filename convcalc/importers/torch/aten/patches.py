"""Channels and space exchanged, and windows of maps as axes of their own."""

from __future__ import annotations

from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import layers, pair, place, row
from convcalc.importers.torch.program import Call


@row(
    "pixel_shuffle.default",
    "pixel_unshuffle.default",
    "channel_shuffle.default",
    "native_channel_shuffle.default",
)
def shuffle(
    network: Batched,
    call: Call,
    x: Value,
    upscale_factor: int = 1,
    downscale_factor: int = 1,
    groups: int = 1,
) -> Value:
    """Channels put into space, taken from there, or shuffled."""
    path = place(call)
    if "unshuffle" in call.target:
        return layers(network, "pixelunshuffle", [x], path, factor=downscale_factor)[0]
    if "pixel" in call.target:
        return layers(network, "pixelshuffle", [x], path, factor=upscale_factor)[0]
    return layers(network, "shuffle", [x], path, groups=groups)[0]


@row("im2col.default")
def im2col(
    network: Batched, call: Call, x: Value, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Value:
    """Windows as columns."""
    return layers(network, "unfold", [x], place(call), **_windows(kernel_size, dilation, padding, stride))[0]


@row("col2im.default")
def col2im(
    network: Batched,
    call: Call,
    x: Value,
    output_size: Any,
    kernel_size: Any,
    dilation: Any,
    padding: Any,
    stride: Any,
) -> Value:
    """Columns added back into a map."""
    windows = _windows(kernel_size, dilation, padding, stride)
    size = pair(output_size, 2)
    return layers(network, "fold", [x], place(call), size=size, **windows)[0]


def _windows(kernel: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    return {
        "kernel": pair(kernel, 2), "dilation": pair(dilation, 2), "stride": pair(stride, 2),
        "padding": tuple((p, p) for p in pair(padding, 2)),
    }  # fmt: skip


@row("unfold.default")
def unfold(network: Batched, call: Call, x: Value, dimension: int, size: int, step: int) -> Value:
    """Windows of an axis, which go to a last axis of their own."""
    axis = dimension % len(x.dims)
    path = place(call)
    count = (x.dims[axis] - size) // step + 1
    rank = len(x.dims)
    if size == step:
        part = x if count * size == x.dims[axis] else network.slice(x, axis, 0, count * size, 1, path)
        cut = network.reshape(part, (*x.dims[:axis], count, size, *x.dims[axis + 1 :]), path)
    else:
        index = tuple(window * step + entry for window in range(count) for entry in range(size))
        chosen = network.take(x, axis, index, path)
        cut = network.reshape(chosen, (*x.dims[:axis], count, size, *x.dims[axis + 1 :]), path)
    order = (*range(axis + 1), *range(axis + 2, rank + 1), axis + 1)
    return network.permute(cut, order, path)

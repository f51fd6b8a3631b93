"""Layers that make tensors, and those that move or cut them."""

from __future__ import annotations

from typing import Final

from convcalc.exporters.onnx.writer import Form, Place


def _identity(place: Place) -> str:
    return place.op("Identity", place.x)


def _param(place: Place) -> str:
    return place.op("Unsqueeze", place.weight("value"), place.ints([0]))


def _const(place: Place) -> str:
    layer = place.layer
    place.function = True
    if layer.value is not None:
        import numpy as np

        return place.constant(np.full((1, *layer.shape), layer.value), "float32")
    return place.op("Unsqueeze", place.weight("buffer" if layer.stored else "constant"), place.ints([0]))


def _flatten(place: Place) -> str:
    layer, rank = place.layer, len(place.shape)
    if layer.order == "last":
        return _reshape(place)
    if layer.start == 0 and layer.end % rank == rank - 1:
        return place.op("Flatten", place.x, axis=1)
    return place.reshape(place.x, place.outputs[0])


def _reshape(place: Place) -> str:
    if place.layer.order == "first":
        return place.reshape(place.x, place.outputs[0])
    rank, (channels, *sizes) = len(place.shape), place.outputs[0]
    turned = place.reshape(place.transpose(place.x, [*range(1, rank), 0]), (*sizes, channels))
    return place.transpose(turned, [len(sizes), *range(len(sizes))])


def _pad(place: Place) -> str:
    layer = place.layer
    axes = range(1, len(place.shape)) if layer.axis is None else layer.axis
    given = dict(zip(axes, layer.padding, strict=True))
    # Of all axes: ONNX Runtime 1.32 moves a transposition over a Pad of some axes and names them wrongly.
    sides = [(0, 0), *(given.get(axis, (0, 0)) for axis in range(len(place.shape)))]
    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(layer.mode, layer.mode)
    value = [place.number(float(layer.value))] if layer.mode == "constant" else []
    return place.op(
        "Pad",
        place.x,
        place.ints([int(n) for end in zip(*sides, strict=True) for n in end]),
        *value,
        mode=mode,
    )


def _crop(place: Place) -> str:
    layer = place.layer
    place.function = True
    axes = range(1, len(place.shape)) if layer.axis is None else layer.axis
    starts, stops = [], []
    for number, axis in enumerate(axes):
        size, after = place.shape[axis], place.outputs[0][axis]
        start = int(layer.amounts[number][0]) if layer.amounts is not None else (size - after) // 2
        starts.append(start)
        stops.append(start + after)
    parts = [place.ints(part) for part in (starts, stops, [axis + 1 for axis in axes])]
    return place.op("Slice", place.x, *parts)


def _slice(place: Place) -> str:
    layer = place.layer
    stop = place.shape[layer.axis] if layer.stop is None else layer.stop
    place.function = place.outputs[0] == place.shape  # readers leave out what cuts nothing
    return place.slice(place.x, layer.axis, layer.start, stop)


def _split(place: Place) -> list[str]:
    axis = place.layer.axis
    sizes = [shape[axis] for shape in place.outputs]
    place.function = len(sizes) == 1
    return place.ops("Split", place.x, place.ints(sizes), outputs=len(sizes), axis=axis + 1)


def _roll(place: Place) -> str:
    x = place.x
    for axis, shift in zip(place.layer.axis, place.layer.shift, strict=True):
        size = place.shape[axis]
        at = -shift % size
        if at:
            parts = [place.slice(x, axis, at, size), place.slice(x, axis, 0, at)]
            x = place.op("Concat", *parts, axis=axis + 1)
    return x if x != place.x else _identity(place)


def _flip(place: Place) -> str:
    axes = range(len(place.shape)) if place.layer.axis is None else place.layer.axis
    many = len(list(axes))
    parts = ([-1] * many, [-(2**31)] * many, [axis + 1 for axis in axes], [-1] * many)
    return place.op("Slice", place.x, *map(place.ints, parts))


def _expand(place: Place) -> str:
    shape = place.layer.shape
    place.function = True
    x = place.ranked(place.x, place.shape, len(shape))
    return place.op("Expand", x, place.ints([1, *shape]))


def _stack(place: Place) -> str:
    axis = place.layer.axis + 1
    parts = [place.op("Unsqueeze", name, place.ints([axis])) for name in place.batched()]
    return place.op("Concat", *parts, axis=axis)


def _unstack(place: Place) -> list[str]:
    axis, many = place.layer.axis, place.shape[place.layer.axis]
    parts = [place.x]
    if many > 1:
        parts = place.ops("Split", place.x, place.ints([1] * many), outputs=many, axis=axis + 1)
    if len(place.shape) == 1:
        return parts if many > 1 else [_identity(place)]
    return [place.op("Squeeze", part, place.ints([axis + 1])) for part in parts]


def _concat(place: Place) -> str:
    return place.op("Concat", *place.batched(), axis=place.layer.axis + 1)


def _permute(place: Place) -> str:
    return place.op("Transpose", place.x, perm=[0, *(axis + 1 for axis in place.layer.order)])


def _shuffle(place: Place) -> str:
    channels, *sizes = place.shape
    groups = place.layer.groups
    apart = place.reshape(place.x, (groups, channels // groups, *sizes))
    turned = place.transpose(apart, [1, 0, *range(2, 2 + len(sizes))])
    return place.reshape(turned, place.shape)


FORMS: Final[dict[str, Form]] = {
    "identity": _identity,
    "dropout": lambda place: place.op("Dropout", place.x, place.number(float(place.layer.p))),
    "param": _param,
    "const": _const,
    "flatten": _flatten,
    "reshape": _reshape,
    "pad": _pad,
    "crop": _crop,
    "slice": _slice,
    "split": _split,
    "roll": _roll,
    "flip": _flip,
    "expand": _expand,
    "tile": lambda place: place.op("Tile", place.x, place.ints([1, *place.layer.counts])),
    "stack": _stack,
    "unstack": _unstack,
    "concat": _concat,
    "permute": _permute,
    "shuffle": _shuffle,
}

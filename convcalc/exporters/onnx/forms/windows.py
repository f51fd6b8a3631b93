"""Convolutions, pools, and resizing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, Final

from convcalc.exporters.onnx.writer import Form, Place
from convcalc.layers.windows.window import resolved

_MODES: Final = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pads(place: Place) -> tuple[tuple[int, int], ...]:
    """Padding in numbers, before and after each axis."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    found: Any = resolved(layer.padding, place.shape[1:], layer.kernel, layer.stride, dilation)
    return tuple((int(a), int(b)) for a, b in found)


def flat(sides: Sequence[tuple[int, int]]) -> list[int]:
    """All numbers before, then all after."""
    return [a for a, _ in sides] + [b for _, b in sides]


def padded(place: Place, x: str, sides: Sequence[tuple[int, int]], mode: str = "constant") -> str:
    """Maps with rows around them."""
    if not any(map(any, sides)):
        return x
    return place.op("Pad", x, place.ints(flat([(0, 0), (0, 0), *sides])), mode=mode)


def _weights(place: Place) -> list[str]:
    layer = place.layer
    if layer.arriving is None:
        return [place.weight("weight"), *([place.weight("bias")] if layer.bias else [])]
    found = [place.alone(1)]
    if layer.arriving == "both":
        found.append(place.alone(2))
    elif layer.bias:
        found.append(place.weight("bias"))
    return found


def varying(place: Place) -> bool:
    """Whether a weight arrives that differs from sample to sample."""
    return place.layer.arriving is not None and any(map(place.writer.varies, place.node.inputs[1:]))


def _sampled(place: Place, x: str, sides: Sequence[tuple[int, int]], groups: int) -> str:
    """A convolution whose weight differs from sample to sample: windows as columns, then a product."""
    layer, weight = place.layer, place.shapes[1]
    inner, outs = weight[1] * prod(layer.kernel), weight[0] // groups
    columns = _columns(place, x, sides)
    columns = place.reshape(columns, (groups, inner, prod(place.outputs[0][1:])))
    filters = place.reshape(place.inputs[1], (groups, outs, inner))
    return _biased(place, place.reshape(place.op("MatMul", filters, columns), place.outputs[0]))


def _conv(place: Place) -> str:
    layer, sides, x = place.layer, pads(place), place.x
    if layer.padding_mode != "zeros":
        x = padded(place, x, sides, _MODES[layer.padding_mode])
        sides = ((0, 0),) * len(sides)
    groups = layer.in_channels if place.node.op == "dwconv" else layer.groups
    if varying(place):
        return _sampled(place, x, sides, groups)
    return place.op(
        "Conv", x, *_weights(place),
        kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=flat(sides),
        dilations=list(layer.dilation), group=groups,
    )  # fmt: skip


def _spread(place: Place, sides: Sequence[tuple[int, int]]) -> str:
    """A transposed convolution by a weight of each sample: a product, and its columns added up."""
    layer, weight, out = place.layer, place.shapes[1], place.outputs[0]
    if place.rank > 2:
        raise place.fault("reads a weight that differs from sample to sample, in three dimensions")
    groups, inner = layer.groups, weight[1] * prod(layer.kernel)
    each = weight[0] // groups
    x = place.reshape(place.x, (groups, each, prod(place.shape[1:])))
    filters = place.transpose(place.reshape(place.inputs[1], (groups, each, inner)), (0, 2, 1))
    columns = place.op("MatMul", filters, x)
    columns = place.reshape(columns, (groups * inner, prod(place.shape[1:])))
    one = (1,) * (2 - place.rank)  # which ONNX Runtime takes for maps of two axes
    # Columns are added up on the whole map, of which the padding is cut off afterwards.
    axes = zip(place.shape[1:], layer.kernel, layer.stride, layer.dilation, sides, out[1:], strict=True)
    whole = [max((n - 1) * s + d * (k - 1) + 1, side[0] + m) for n, k, s, d, side, m in axes]
    if any((m - d * (k - 1) - 1) // s + 1 != n for m, n, k, s, d in zip(
        whole, place.shape[1:], layer.kernel, layer.stride, layer.dilation, strict=True
    )):  # fmt: skip
        raise place.fault("reads a weight that differs from sample to sample, and writes beyond its windows")
    found = place.op(
        "Col2Im", columns, place.ints((*one, *whole)), place.ints((*one, *layer.kernel)),
        strides=[*one, *layer.stride], dilations=[*one, *layer.dilation],
    )  # fmt: skip
    if one:
        found = place.reshape(found, (out[0], *whole))
    for axis, ((before, _), m) in enumerate(zip(sides, out[1:], strict=True), 1):
        found = place.slice(found, axis, before, before + m)
    return _biased(place, found)


def _biased(place: Place, found: str) -> str:
    """With the bias of a convolution whose weight arrives."""
    layer = place.layer
    shape = (place.outputs[0][0], *(1,) * place.rank)
    if layer.arriving == "both":
        return place.op("Add", found, place.reshape(place.inputs[2], shape))
    if not layer.bias:
        return found
    return place.op("Add", found, place.op("Reshape", place.weight("bias"), place.ints(shape)))


def _transposed(place: Place) -> str:
    layer = place.layer
    dilation = layer.dilation
    if varying(place):
        return _spread(place, _own_pads(place))
    sides = []
    for (before, after), k, d in zip(_own_pads(place), layer.kernel, dilation, strict=True):
        sides.append((before, after, k, d))
    whole = [(a, b) for a, b, _, _ in sides]
    return place.op(
        "ConvTranspose", place.x, *_weights(place),
        kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=flat(whole),
        dilations=list(dilation), group=layer.groups, output_padding=list(layer.output_padding),
    )  # fmt: skip


def _own_pads(place: Place) -> tuple[tuple[int, int], ...]:
    """What a transposed convolution takes away; conventions are in its output's sizes."""
    layer = place.layer
    if not any(isinstance(side, str) for side in layer.padding):
        return tuple((int(a), int(b)) for a, b in layer.padding)
    found = []
    axes = zip(
        place.shape[1:], place.outputs[0][1:], layer.kernel, layer.stride, layer.dilation,
        layer.output_padding, layer.padding, strict=True,
    )  # fmt: skip
    for n, m, k, s, d, extra, side in axes:
        whole = (n - 1) * s + d * (k - 1) + 1 + extra - m
        if not isinstance(side, str):
            found.append((int(side[0]), int(side[1])))
        elif side == "same_lower":
            found.append((whole - whole // 2, whole // 2))
        else:
            found.append((whole // 2, whole - whole // 2))
    return tuple(found)


def _deformable(place: Place) -> str:
    layer = place.layer
    x, offsets, *mask = place.batched()
    more = [place.weight("bias") if layer.bias else "", *mask]
    if not mask and not layer.bias:
        more = []
    channels = place.shapes[1][0] // (2 * prod(layer.kernel))
    return place.op(
        "DeformConv", x, place.weight("weight"), offsets, *more,
        kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=flat(pads(place)),
        dilations=list(layer.dilation), group=layer.groups, offset_group=channels,
    )  # fmt: skip


def _covered(place: Place, sides: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Padding such that rounding down gives the size that the layer writes."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    found = []
    axes = zip(
        place.shape[1:], place.outputs[0][1:], layer.kernel, layer.stride, dilation, sides, strict=True
    )
    for n, m, k, s, d, (before, after) in axes:
        found.append((before, max(after, (m - 1) * s + d * (k - 1) + 1 - n - before)))
    return found


def _ceil(place: Place, sides: Sequence[tuple[int, int]]) -> int:
    """Whether to say that sizes round up: only where they divide, and all readers of that word agree."""
    layer = place.layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    axes = zip(place.shape[1:], layer.kernel, layer.stride, dilation, sides, strict=True)
    return int(layer.ceil and all((n + a + b - d * (k - 1) - 1) % s == 0 for n, k, s, d, (a, b) in axes))


def _maxpool(place: Place) -> list[str]:
    layer = place.layer
    many, sides = 2 if 1 in place.wanted else 1, pads(place)
    place.function = bool(layer.ceil and not _ceil(place, sides))
    return place.ops(
        "MaxPool", place.x, outputs=many, kernel_shape=list(layer.kernel), strides=list(layer.stride),
        pads=flat(_covered(place, sides)), dilations=list(layer.dilation), ceil_mode=_ceil(place, sides),
    )  # fmt: skip


def _average(place: Place, x: str, *, include: bool, divisor: int | None = None) -> str:
    """The mean of windows: of what lies in the map, or in it and its padding, never beyond that."""
    layer, sides = place.layer, pads(place)
    covered = _covered(place, sides)
    options: dict[str, Any] = {"kernel_shape": list(layer.kernel), "strides": list(layer.stride)}
    if divisor is not None:
        mean = place.op("AveragePool", x, pads=flat(covered), count_include_pad=1, **options)
        return place.op("Mul", mean, place.number(prod(layer.kernel) / divisor))
    if not include or covered == list(sides):
        ceil = _ceil(place, sides)
        place.function = bool(layer.ceil and not ceil)
        options |= {"count_include_pad": int(include), "ceil_mode": ceil}
        return place.op("AveragePool", x, pads=flat(covered), **options)
    place.function = True
    x = padded(place, x, sides)
    over = [(0, b - a) for (_, a), (_, b) in zip(sides, covered, strict=True)]
    return place.op("AveragePool", x, pads=flat(over), **options)


def _avgpool(place: Place) -> str:
    layer = place.layer
    return _average(place, place.x, include=layer.count_include_pad, divisor=layer.divisor)


def _lppool(place: Place) -> str:
    layer = place.layer
    p = float(layer.norm)
    x = place.x if layer.signed and p != 2 else place.op("Abs", place.x)
    powered = place.op("Pow", x, place.number(p))
    if layer.signed and layer.ceil:
        mean = _average(place, powered, include=False)
        total = place.op("Mul", mean, place.number(prod(layer.kernel)))
    else:
        total = _average(place, powered, include=True, divisor=1)
    return place.op("Pow", total, place.number(1 / p))


def _cells(n: int, m: int) -> list[tuple[int, int]]:
    return [(j * n // m, -((-(j + 1) * n) // m)) for j in range(m)]


def adaptive(kind: str) -> Form:
    """Windows of the sizes that come out even, of one cell or of several; ``Average`` or ``Max``."""

    def form(place: Place) -> str:
        sizes = list(zip(place.shape[1:], place.outputs[0][1:], strict=True))
        if all(n % m == 0 for n, m in sizes):
            if all(m == 1 for _, m in sizes):
                return place.op(f"Global{kind}Pool", place.x)
            kernel = [n // m for n, m in sizes]
            place.function = True
            return place.op(f"{kind}Pool", place.x, kernel_shape=kernel, strides=kernel)
        x = place.x
        for axis, (n, m) in enumerate(sizes, 1):
            if n == m:
                continue
            reduced = []
            for start, stop in _cells(n, m):
                part = place.slice(x, axis, start, stop)
                word = "ReduceMean" if kind == "Average" else "ReduceMax"
                reduced.append(place.op(word, part, place.ints([axis + 1]), keepdims=1))
            x = place.op("Concat", *reduced, axis=axis + 1)
        return x

    return form


def _unpool(place: Place) -> str:
    layer = place.layer
    maps = place.ints(place.outputs[0])
    samples = place.op("Shape", place.x, start=0, end=1)
    # A pool that rounded up has windows beyond its map, which ONNX Runtime would not have in the output.
    axes = zip(place.shape[1:], place.outputs[0][1:], layer.kernel, layer.stride, pads(place), strict=True)
    sides = [(a, max(b, (n - 1) * s + k - m - a)) for n, m, k, s, (a, b) in axes]
    return place.op(
        "MaxUnpool", *place.batched(), place.op("Concat", samples, maps, axis=0),
        kernel_shape=list(layer.kernel), strides=list(layer.stride), pads=flat(sides),
    )  # fmt: skip


def _columns(place: Place, x: str, sides: Sequence[tuple[int, int]]) -> str:
    """The entries of every window as channels: a convolution by ones."""
    import numpy as np

    layer = place.layer
    channels, taps = place.shape[0], prod(layer.kernel)
    one = np.eye(taps, dtype=np.float32).reshape(taps, 1, *layer.kernel)
    weight = place.constant(np.tile(one, (channels, 1, *(1,) * place.rank)), "float32")
    return place.op(
        "Conv", x, weight, kernel_shape=list(layer.kernel), strides=list(layer.stride),
        pads=flat(sides), dilations=list(layer.dilation), group=channels,
    )  # fmt: skip


def _unfold(place: Place) -> str:
    return place.reshape(_columns(place, place.x, pads(place)), place.outputs[0])


def _fold(place: Place) -> str:
    layer = place.layer
    place.function = True
    sides: Any = resolved(layer.padding, layer.size, layer.kernel, layer.stride, layer.dilation)
    more = len(layer.size) == 1  # which ONNX Runtime takes for maps of two axes
    size, kernel, stride, dilation = (
        (*(1,) * more, *axes) for axes in (layer.size, layer.kernel, layer.stride, layer.dilation)
    )
    found = place.op(
        "Col2Im", place.x, place.ints(size), place.ints(kernel), strides=list(stride),
        pads=flat(((0, 0),) * more + tuple(sides)), dilations=list(dilation),
    )  # fmt: skip
    return place.reshape(found, place.outputs[0]) if more else found


def _shift(place: Place) -> str:
    import numpy as np

    layer, channels = place.layer, place.shape[0]
    taps = list(product(*(range(k) for k in layer.kernel)))
    size = channels // len(taps)
    weight = np.zeros((channels, 1, *layer.kernel), np.float32)
    middle = tuple((k - 1) // 2 for k in layer.kernel)
    for channel in range(channels):
        tap = taps[channel // size] if size and channel < size * len(taps) else middle
        weight[(channel, 0, *tap)] = 1
    sides = []
    for k, d in zip(layer.kernel, layer.dilation, strict=True):
        sides.append(((k - 1) // 2 * d, (k - 1 - (k - 1) // 2) * d))
    return place.op(
        "Conv", place.x, place.constant(weight, "float32"), kernel_shape=list(layer.kernel),
        pads=flat(sides), dilations=list(layer.dilation), group=channels,
    )  # fmt: skip


def _depth_to_space(place: Place) -> str:
    layer, (channels, *sizes) = place.layer, place.shape
    r, rank = layer.factor, place.rank
    if rank == 2:
        return place.op("DepthToSpace", place.x, blocksize=r, mode=layer.mode.upper())
    inner = channels // r**rank
    factors = [r] * rank
    if layer.mode == "crd":
        x = place.reshape(place.x, (inner, *factors, *sizes))
        order = [0]
        first = 1
    else:
        x = place.reshape(place.x, (*factors, inner, *sizes))
        order = [rank]
        first = 0
    for axis in range(rank):
        order += [1 + rank + axis, first + axis]
    return place.reshape(place.transpose(x, order), place.outputs[0])


def _space_to_depth(place: Place) -> str:
    layer, (channels, *sizes) = place.layer, place.shape
    r, rank = layer.factor, place.rank
    if rank == 2 and layer.mode == "dcr":
        return place.op("SpaceToDepth", place.x, blocksize=r)
    x = place.reshape(place.x, (channels, *(part for size in sizes for part in (size // r, r))))
    inner = [2 + 2 * axis for axis in range(rank)]
    outer = [1 + 2 * axis for axis in range(rank)]
    order = [0, *inner, *outer] if layer.mode == "crd" else [*inner, 0, *outer]
    return place.reshape(place.transpose(x, order), place.outputs[0])


FORMS: Final[dict[str, Form]] = {
    "conv": _conv,
    "dwconv": _conv,
    "convT": _transposed,
    "deformconv": _deformable,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "lppool": _lppool,
    "globalavgpool": lambda place: place.op("GlobalAveragePool", place.x),
    "globalmaxpool": lambda place: place.op("GlobalMaxPool", place.x),
    "adaptiveavgpool": adaptive("Average"),
    "adaptivemaxpool": adaptive("Max"),
    "unpool": _unpool,
    "unfold": _unfold,
    "fold": _fold,
    "shift": _shift,
    "pixelshuffle": _depth_to_space,
    "pixelunshuffle": _space_to_depth,
}

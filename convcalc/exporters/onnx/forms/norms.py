"""Normalisations, and learned factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convcalc.exporters.onnx.writer import Form, Place


def _array(place: Place, name: str, there: bool, size: int) -> str:
    """An array of the layer, or what changes nothing in its place."""
    if there:
        return place.weight(name)
    return place.constant([1.0 if name in ("weight", "running_var") else 0.0] * size, "float32")


def _along(place: Place, axis: int) -> tuple[int, ...]:
    """The order that has an axis first."""
    return (axis, *(a for a in range(len(place.shape)) if a != axis))


def _back(order: Sequence[int]) -> list[int]:
    return [list(order).index(axis) for axis in range(len(order))]


def _batch_norm(place: Place) -> str:
    layer, many = place.layer, place.shape[place.layer.axis]
    weight, bias = layer.affine and layer.weight, layer.affine and layer.bias
    order = _along(place, layer.axis)
    if layer.track:
        x = place.transpose(place.x, order)
        factors = [_array(place, "weight", weight, many), _array(place, "bias", bias, many)]
        moments = [place.weight("running_mean"), place.weight("running_var")]
        found = place.op("BatchNormalization", x, *factors, *moments, epsilon=float(layer.eps))
        return place.transpose(found, _back(order))
    axes = [0, *(axis + 1 for axis in range(len(place.shape)) if axis != layer.axis)]
    found = _centred(place, axes, float(layer.eps))
    shape = [many if axis == layer.axis else 1 for axis in range(len(place.shape))]
    return _affine(place, found, shape, weight, bias)


def _centred(place: Place, axes: Sequence[int], eps: float) -> str:
    """Less the mean over axes, over the root of the variance plus eps."""
    mean = place.op("ReduceMean", place.x, place.ints(axes), keepdims=1)
    centred = place.op("Sub", place.x, mean)
    variance = place.op("ReduceMean", place.op("Mul", centred, centred), place.ints(axes), keepdims=1)
    return place.op("Div", centred, place.op("Sqrt", place.op("Add", variance, place.number(eps))))


def _affine(place: Place, x: str, shape: Sequence[int], weight: bool, bias: bool) -> str:
    for name, there, op in (("weight", weight, "Mul"), ("bias", bias, "Add")):
        if there:
            x = place.op(op, x, place.op("Reshape", place.weight(name), place.ints(shape)))
    return x


def _over(place: Place) -> tuple[int, ...]:
    axis = place.layer.axis
    return tuple(range(len(place.shape))) if axis is None else tuple(axis)


def _shape_of(place: Place, axes: Sequence[int]) -> list[int]:
    return [size if axis in axes else 1 for axis, size in enumerate(place.shape)]


def _layer_norm(place: Place) -> str:
    layer, axes = place.layer, _over(place)
    weight, bias = layer.affine and layer.weight, layer.affine and layer.bias
    if axes == tuple(range(len(place.shape) - len(axes), len(place.shape))) and weight:
        arrays = [place.weight("weight"), *([place.weight("bias")] if bias else [])]
        return place.op("LayerNormalization", place.x, *arrays, axis=-len(axes), epsilon=float(layer.eps))
    found = _centred(place, [axis + 1 for axis in axes], float(layer.eps))
    return _affine(place, found, _shape_of(place, axes), weight, bias)


_EPSILON: Final = 2.0**-23
"""PyTorch's where none is stated: the distance of 1 to the next number in 32 bits."""


def _rms_norm(place: Place) -> str:
    layer, axes = place.layer, _over(place)
    squares = place.op("Mul", place.x, place.x)
    mean = place.op("ReduceMean", squares, place.ints([axis + 1 for axis in axes]), keepdims=1)
    eps = _EPSILON if layer.eps is None else float(layer.eps)
    root = place.op("Sqrt", place.op("Add", mean, place.number(eps)))
    return _affine(place, place.op("Div", place.x, root), _shape_of(place, axes), layer.affine, False)


def _group_norm(place: Place) -> str:
    layer, channels = place.layer, place.shape[0]
    arrays = [
        _array(place, name, layer.affine and getattr(layer, name), channels) for name in ("weight", "bias")
    ]
    return place.op("GroupNormalization", place.x, *arrays, num_groups=layer.groups, epsilon=float(layer.eps))


def _instance_norm(place: Place) -> str:
    layer, channels = place.layer, place.shape[0]
    arrays = [
        _array(place, name, layer.affine and getattr(layer, name, True), channels)
        for name in ("weight", "bias")
    ]
    return place.op("InstanceNormalization", place.x, *arrays, epsilon=float(layer.eps))


def _lrn(place: Place) -> str:
    layer = place.layer
    if layer.size % 2 == 0:
        raise place.fault("has an even window, which ONNX centres otherwise", "an odd size")
    return place.op(
        "LRN", place.x, size=layer.size, alpha=float(layer.alpha), beta=float(layer.beta),
        bias=float(layer.k),
    )  # fmt: skip


def _scale(place: Place) -> str:
    layer = place.layer
    shape = [size if axis == layer.axis else 1 for axis, size in enumerate(place.shape)]
    return _affine(place, place.x, shape, True, layer.bias)


FORMS: Final[dict[str, Form]] = {
    "bn": _batch_norm,
    "ln": _layer_norm,
    "rmsnorm": _rms_norm,
    "gn": _group_norm,
    "instancenorm": _instance_norm,
    "lrn": _lrn,
    "scale": _scale,
}

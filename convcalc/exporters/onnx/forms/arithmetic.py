"""Activations, functions, joins, softmax and reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.exporters.onnx.writer import Form, Place


def _plain(name: str, **attributes: Any) -> Form:
    return lambda place: place.op(name, place.x, **attributes)


def _with(name: str, **fields: str) -> Form:
    """An operator whose attributes are fields of the layer."""

    def form(place: Place) -> str:
        found: dict[str, Any] = {key: float(getattr(place.layer, name)) for key, name in fields.items()}
        return place.op(name, place.x, **found)

    return form


def _clip(low: Callable[[Any], float | None], high: Callable[[Any], float | None]) -> Form:
    def form(place: Place) -> str:
        bounds = [low(place.layer), high(place.layer)]
        given = ["" if bound is None else place.number(float(bound)) for bound in bounds]
        while given and not given[-1]:
            given.pop()
        return place.op("Clip", place.x, *given)

    return form


def _prelu(place: Place) -> str:
    layer, rank = place.layer, len(place.shape)
    if layer.shape is not None:
        shape = tuple(layer.shape)
    else:
        shape = tuple(layer.channels if axis == layer.axis else 1 for axis in range(rank))
    return place.op("PRelu", place.x, place.op("Reshape", place.weight("weight"), place.ints(shape)))


def _silu(place: Place) -> str:
    return place.op("Mul", place.x, place.op("Sigmoid", place.x))


def _softplus(place: Place) -> str:
    beta, threshold = float(place.layer.beta), float(place.layer.threshold)
    scaled = place.x if beta == 1 else place.op("Mul", place.x, place.number(beta))
    found = place.op("Softplus", scaled)
    found = found if beta == 1 else place.op("Div", found, place.number(beta))
    if threshold >= 16:  # there both are the same number in 32 bits
        return found
    return place.op("Where", place.op("Greater", scaled, place.number(threshold)), place.x, found)


def _threshold(place: Place) -> str:
    above = place.op("Greater", place.x, place.number(float(place.layer.threshold)))
    return place.op("Where", above, place.x, place.number(float(place.layer.value)))


def _logsigmoid(place: Place) -> str:
    return place.op("Neg", place.op("Softplus", place.op("Neg", place.x)))


def _shrink(soft: bool) -> Form:
    def form(place: Place) -> str:
        lambd = float(place.layer.lambd)
        return place.op("Shrink", place.x, lambd=lambd, bias=lambd if soft else 0.0)

    return form


def _l2norm(place: Place) -> str:
    length = place.op("ReduceL2", place.x, place.ints([place.layer.axis + 1]), keepdims=1)
    return place.op("Div", place.x, place.op("Max", length, place.number(float(place.layer.eps))))


def _rescale(place: Place) -> str:
    scaled = place.op("Mul", place.x, place.number(float(place.layer.scale)))
    return place.op("Add", scaled, place.number(float(place.layer.offset)))


def _softmax(name: str, negative: bool = False) -> Form:
    def form(place: Place) -> str:
        x = place.op("Neg", place.x) if negative else place.x
        return place.op(name, x, axis=place.layer.axis + 1)

    return form


def _glu(place: Place) -> str:
    value, gate = place.ops("Split", place.x, outputs=2, axis=place.layer.axis + 1, num_outputs=2)
    return place.op("Mul", value, place.op("Sigmoid", gate))


# Joins


def _operands(place: Place) -> list[str]:
    rank = max(map(len, place.shapes))
    pairs = zip(place.inputs, place.shapes, strict=True)
    found = [place.ranked(name, shape, rank) for name, shape in pairs]
    value = place.layer.value
    if value is not None:
        found.append(place.number(float(value)))
    return found


def _join(name: str, several: str = "") -> Form:
    """``several`` is the operator that takes more than two."""

    def form(place: Place) -> str:
        found = _operands(place)
        if getattr(place.layer, "reverse", False):
            found.reverse()
        if several and len(found) != 2:
            return place.op(several, *found)
        total = found[0]
        for other in found[1:]:
            total = place.op(name, total, other)
        return total if len(found) > 1 else place.op("Identity", total)

    return form


# Reductions


def _axes(place: Place) -> list[int]:
    axis = place.layer.axis
    axes = range(len(place.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [a + 1 for a in axes]


def _left(place: Place, found: str, axes: list[int]) -> str:
    """A shape has an axis at least."""
    if place.layer.keep or len(axes) < len(place.shape):
        return found
    return place.op("Unsqueeze", found, place.ints([1]))


def _reduce(name: str) -> Form:
    def form(place: Place) -> str:
        axes = _axes(place)
        found = place.op(name, place.x, place.ints(axes), keepdims=int(place.layer.keep))
        return _left(place, found, axes)

    return form


def _norm(place: Place) -> str:
    axes, p = _axes(place), place.layer.p
    x = place.op("Abs", place.x) if p == "inf" else place.x
    name = {"1": "ReduceL1", "2": "ReduceL2", "inf": "ReduceMax"}[p]
    return _left(place, place.op(name, x, place.ints(axes), keepdims=int(place.layer.keep)), axes)


def _variance(root: bool) -> Form:
    def form(place: Place) -> str:
        axes = _axes(place)
        many = 1
        for axis in axes:
            many *= place.shape[axis - 1]
        mean = place.op("ReduceMean", place.x, place.ints(axes), keepdims=1)
        centred = place.op("Sub", place.x, mean)
        squares = place.op("Mul", centred, centred)
        total = place.op("ReduceSum", squares, place.ints(axes), keepdims=int(place.layer.keep))
        found = place.op("Div", total, place.number(float(many - place.layer.correction)))
        return _left(place, place.op("Sqrt", found) if root else found, axes)

    return form


def _place_of(name: str) -> Form:
    def form(place: Place) -> str:
        layer, x = place.layer, place.x
        if layer.axis is None:
            x = place.op("Flatten", x, axis=1)
            found = place.op(name, x, axis=1, keepdims=1)
            ones = (1,) * len(place.shape)
            return place.reshape(found, ones) if layer.keep else found
        axes = _axes(place)
        return _left(place, place.op(name, x, axis=axes[0], keepdims=int(layer.keep)), axes)

    return form


FORMS: Final[dict[str, Form]] = {
    "relu": _plain("Relu"),
    "relu6": _clip(lambda _: 0.0, lambda _: 6.0),
    "leakyrelu": _with("LeakyRelu", alpha="slope"),
    "prelu": _prelu,
    "elu": _with("Elu", alpha="alpha"),
    "celu": _with("Celu", alpha="alpha"),
    "selu": _plain("Selu"),
    "gelu": lambda place: place.op("Gelu", place.x, approximate=place.layer.approximate),
    "silu": _silu,
    "mish": _plain("Mish"),
    "softplus": _softplus,
    "hardswish": _plain("HardSwish"),
    "hardsigmoid": _plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hardtanh": _clip(lambda layer: layer.low, lambda layer: layer.high),
    "threshold": _threshold,
    "softsign": _plain("Softsign"),
    "logsigmoid": _logsigmoid,
    "tanhshrink": lambda place: place.op("Sub", place.x, place.op("Tanh", place.x)),
    "softshrink": _shrink(True),
    "hardshrink": _shrink(False),
    "sigmoid": _plain("Sigmoid"),
    "tanh": _plain("Tanh"),
    "neg": _plain("Neg"),
    "exp": _plain("Exp"),
    "log": _plain("Log"),
    "sqrt": _plain("Sqrt"),
    "rsqrt": lambda place: place.op("Reciprocal", place.op("Sqrt", place.x)),
    "abs": _plain("Abs"),
    "square": lambda place: place.op("Mul", place.x, place.x),
    "sin": _plain("Sin"),
    "cos": _plain("Cos"),
    "erf": _plain("Erf"),
    "reciprocal": _plain("Reciprocal"),
    "clip": _clip(lambda layer: layer.min, lambda layer: layer.max),
    "sign": _plain("Sign"),
    "floor": _plain("Floor"),
    "round": _plain("Round"),
    "l2norm": _l2norm,
    "rescale": _rescale,
    "softmax": _softmax("Softmax"),
    "softmin": _softmax("Softmax", negative=True),
    "logsoftmax": _softmax("LogSoftmax"),
    "glu": _glu,
    "add": _join("Add", "Sum"),
    "sub": _join("Sub"),
    "mul": _join("Mul"),
    "div": _join("Div"),
    "pow": _join("Pow"),
    "maximum": _join("Max", "Max"),
    "minimum": _join("Min", "Min"),
    "mean": _reduce("ReduceMean"),
    "sum": _reduce("ReduceSum"),
    "prod": _reduce("ReduceProd"),
    "max": _reduce("ReduceMax"),
    "min": _reduce("ReduceMin"),
    "norm": _norm,
    "var": _variance(False),
    "std": _variance(True),
    "argmax": _place_of("ArgMax"),
    "argmin": _place_of("ArgMin"),
}

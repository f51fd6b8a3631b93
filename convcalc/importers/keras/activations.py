"""What the activations of Keras mean: by name, and as layers."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from convcalc.dims import DimensionError, Shape
from convcalc.importers.keras.adapting import along, axes
from convcalc.importers.keras.reading import Keras, axis
from convcalc.importers.keras.table import CLASSES
from convcalc.layers.values import show
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.stage import Stage

_ACTIVATIONS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    **{name: (name, {}) for name in ("relu", "relu6", "sigmoid", "tanh", "elu", "selu", "gelu", "silu")},
    "swish": ("silu", {}),
    "softmax": ("softmax", {}),
    "hard_sigmoid": ("hardsigmoid", {}),
    "hard_swish": ("hardswish", {}),
    "hard_silu": ("hardswish", {}),
    "leaky_relu": ("leakyrelu", {"slope": Fraction(1, 5)}),
    "mish": ("mish", {}),
    "exponential": ("exp", {}),
    "softplus": ("softplus", {"threshold": 10**6}),
    "softsign": ("softsign", {}),
    "log_sigmoid": ("logsigmoid", {}),
    "log_softmax": ("logsoftmax", {}),
    "hard_tanh": ("hardtanh", {}),
    "celu": ("celu", {}),
    "glu": ("glu", {}),
    "tanh_shrink": ("tanhshrink", {}),
    "soft_shrink": ("softshrink", {}),
    "hard_shrink": ("hardshrink", {}),
}
_UNREAD: Final = ("sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "threshold")
_CALL: Final = re.compile(r"([A-Za-z_][\w.]*)\s*\(")
_NAME: Final = re.compile(r"[A-Za-z_][\w.]*\Z")
_ALONG_AN_AXIS: Final = ("softmax", "logsoftmax", "glu")
ACTIVATION_LAYERS: Final = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")


def activation(call: Keras, start: int, end: int) -> list[Stage]:
    """The activation that is written there: a name, a function of Keras or TensorFlow, or a layer."""
    value = call.text.value
    text = value[start:end]
    if text == "None":
        return []
    head = _CALL.match(value, start, end)
    if head is not None:
        name = head.group(1).rpartition(".")[2]
        if name in CLASSES and CLASSES[name].special in ACTIVATION_LAYERS:
            return call.read(name, call.text, start, head.end() - 1, end)
        raise fault(
            call.text, start, end, f"{name}(...) is no activation that is read here", "a name, such as 'relu'"
        )
    quoted = text[:1] in "'\"" and text[-1:] == text[:1]
    name = text[1:-1] if quoted else text.rpartition(".")[2] if _NAME.match(text) else ""
    if name == "linear":
        return []
    if name not in _ACTIVATIONS:
        unread = name in _UNREAD
        message = (
            f"the activation {name!r} is not in the language"
            if unread
            else f"unknown activation {name or text!r}"
        )
        names = "one of linear, " + ", ".join(_ACTIVATIONS)
        raise fault(call.text, start, end, message, names, nearest_name(name, _ACTIVATIONS))
    op, fields = _ACTIVATIONS[name]
    stage = call.stage(op, fields, along(call, -1) if op in _ALONG_AN_AXIS else None)
    stage.rank, stage.start, stage.end, stage.origin = None, start, end, name
    return [stage]


def _softmax(call: Keras) -> list[Stage]:
    given = axes(call)
    if len(given) != 1:
        raise call.fault("axis", "a softmax over several axes at once is not in the language", "axis=-1")
    return [call.stage("softmax", {}, along(call, given[0]))]


def _activation(call: Keras) -> list[Stage]:
    return activation(call, *call.given["activation"]) or [call.stage("identity", {})]


def _relu(call: Keras) -> list[Stage]:
    """``max_value`` above it, ``x`` from the threshold on, else ``negative_slope * (x - threshold)``."""
    top = call.value("max_value")
    slope, threshold = call.value("negative_slope", 0), call.value("threshold", 0)
    for key, value in (("negative_slope", slope), ("threshold", threshold), ("max_value", top)):
        if value is not None and (isinstance(value, bool | str | tuple) or value < 0):
            raise call.fault(key, f"{key} is a number of 0 or more")
    if threshold is None or slope is None:
        raise call.fault("threshold" if threshold is None else "negative_slope", "None is no number")
    if threshold != 0:
        if slope or top is not None:
            both = "negative_slope" if slope else "max_value"
            raise call.fault(both, f"a threshold with {both} is not in the language", "one of them")
        return [call.stage("threshold", {"threshold": threshold, "value": 0})]
    if top is None:
        return [call.stage("leakyrelu", {"slope": slope}) if slope else call.stage("relu", {})]
    if slope:
        message = "a bounded ReLU with a slope is not in the language"
        raise call.fault("negative_slope", message, "one of them")
    if top == 0:
        raise call.fault("max_value", "a ReLU up to 0 is 0 everywhere", "max_value=6, or none")
    return [call.stage("relu6", {}) if top == 6 else call.stage("hardtanh", {"low": 0, "high": top})]


def _leaky(call: Keras) -> list[Stage]:
    slope = call.value("negative_slope", 0.3)
    if isinstance(slope, bool | str | tuple) or slope is None or slope < 0:
        raise call.fault("negative_slope", "negative_slope is a number of 0 or more")
    return [call.stage(call.entry.op, call.fields())]


def _prelu(call: Keras) -> list[Stage]:
    """A slope for every entry of a sample, but one along the axes that share it."""
    given = call.value("shared_axes")
    shared = given if isinstance(given, tuple) else () if given is None else (given,)
    if any(type(a) is not int or a < 1 for a in shared):
        raise call.fault(
            "shared_axes", "shared_axes counts the axes from 1, after the batch", "shared_axes=[1, 2]"
        )

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = shapes[0]
        places = {axis(a, len(shape), call.first) for a in shared}
        if None in places:
            raise DimensionError(
                f"shared_axes {show(shared)} of {len(shape)} axes", hint=f"1 to {len(shape)}"
            )
        slopes = tuple(1 if a in places else n for a, n in enumerate(shape))
        if all(type(n) is int and n == 1 for n in slopes[1:]):
            return {**values, "channels": slopes[0]}
        return {**values, "shape": slopes}

    return [call.stage("prelu", {}, adapt)]


ACTIVATIONS: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    "Activation": _activation,
    "ReLU": _relu,
    "LeakyReLU": _leaky,
    "PReLU": _prelu,
    "Softmax": _softmax,
}

"""Normalisations, and factors that are learned."""

from __future__ import annotations

from typing import Any, Final

from convcalc.exporters.pytorch.code import Expr, call, expr, key, method, tight, value
from convcalc.exporters.pytorch.forms.form import Form, Former, Place, made, moved


def _without(place: Place, module: Expr) -> Expr:
    """The module without the array that the layer has none of, weight or bias."""
    layer = place.layer
    if not layer.affine:
        return module
    for array in ("weight", "bias"):
        if array not in place.arrays:
            module = call(place.helper("without"), module, f'"{array}"')
    return module


def _bn(place: Place) -> Form:
    layer, rank = place.layer, place.rank
    dims = rank - 1 if 2 <= rank <= 4 else 1
    module = call(
        f"nn.BatchNorm{dims}d",
        value(layer.channels, "channels"),
        key("eps", layer.eps, 1e-5),
        key("affine", layer.affine, True),
        key("track_running_stats", layer.track, True),
    )
    module = _without(place, module)
    if layer.axis == 0 and rank <= 4:
        return made(place, module)
    if rank <= 4:
        return made(place, module, moved(layer.axis + 1, 1), moved(1, layer.axis + 1))

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0] if layer.axis == 0 else moved(layer.axis + 1, 1)(xs[0])
        y = method(call(place.me, method(x, "flatten", 2)), "reshape_as", x)
        return y if layer.axis == 0 else moved(1, layer.axis + 1)(y)

    return Form(apply, module, named=True)


def _last(place: Place, module: Expr) -> Form:
    """A module that normalises over the last axes, and what moves those of the layer there and back."""
    axis = place.layer.axis
    if axis is None or axis == tuple(range(place.rank - len(axis), place.rank)):
        return made(place, module)
    dims = tuple(a + 1 for a in axis)
    ends = tuple(range(-len(axis), 0))
    source: Any = dims[0] if len(dims) == 1 else dims
    target: Any = ends[0] if len(ends) == 1 else ends
    return made(place, module, moved(source, target, place.rank), moved(target, source, place.rank))


def _ln(place: Place) -> Form:
    layer = place.layer
    size = layer.shape[0] if len(layer.shape) == 1 else tuple(layer.shape)
    module = call(
        "nn.LayerNorm",
        value(size, "channels" if len(layer.shape) == 1 else "shape"),
        key("eps", layer.eps, 1e-5),
        key("elementwise_affine", layer.affine, True),
        *([key("bias", False)] if "weight" in place.arrays and "bias" not in place.arrays else []),
    )
    return _last(place, _without(place, module) if "weight" not in place.arrays else module)


def _rmsnorm(place: Place) -> Form:
    layer = place.layer
    size = layer.shape[0] if len(layer.shape) == 1 else tuple(layer.shape)
    module = call(
        "nn.RMSNorm",
        value(size, "channels" if len(layer.shape) == 1 else "shape"),
        key("eps", layer.eps, None),
        key("elementwise_affine", layer.affine, True),
    )
    return _last(place, module)


def _gn(place: Place) -> Form:
    layer = place.layer
    module = call(
        "nn.GroupNorm",
        value(layer.groups, "groups"),
        value(layer.channels, "channels"),
        key("eps", layer.eps, 1e-5),
        key("affine", layer.affine, True),
    )
    return made(place, _without(place, module))


def _instancenorm(place: Place) -> Form:
    layer, axes = place.layer, place.axes
    many = 1
    for size in place.shapes[0][1:]:
        many *= size
    if axes > 3 or many == 1:  # PyTorch's own refuses these
        module = call(
            "nn.GroupNorm",
            value(layer.channels, "channels"),
            value(layer.channels, "channels"),
            key("eps", layer.eps, 1e-5),
            key("affine", layer.affine, True),
        )
    else:
        module = call(
            f"nn.InstanceNorm{axes}d",
            value(layer.channels, "channels"),
            key("eps", layer.eps, 1e-5),
            key("affine", layer.affine, False),
        )
    return made(place, _without(place, module))


def _lrn(place: Place) -> Form:
    layer = place.layer
    module = call(
        "nn.LocalResponseNorm",
        value(layer.size, "size"),
        key("alpha", layer.alpha, 1e-4),
        key("beta", layer.beta, 0.75),
        key("k", layer.k, 1.0),
    )
    if place.rank > 3:  # PyTorch's looks at it in another shape
        return made(place, module, lambda x: method(x, "contiguous"))
    if place.rank > 1:
        return made(place, module)
    return made(place, module, lambda x: method(x, "unsqueeze", -1), lambda y: method(y, "squeeze", -1))


def _scale(place: Place) -> Form:
    axes = place.rank - 1 - place.layer.axis

    def shown(array: str) -> Expr:
        own = place.own(array)
        return own if axes == 0 else expr(own, "[:" + ", None" * axes + "]")

    def apply(xs: list[Expr]) -> Expr:
        y = expr(tight(xs[0], 1), " * ", shown("weight"), level=1)
        return expr(y, " + ", shown("bias"), level=0) if place.layer.bias else y

    return Form(apply, place.weights())


FORMS: Final[dict[str, Former]] = {
    "bn": _bn,
    "ln": _ln,
    "rmsnorm": _rmsnorm,
    "gn": _gn,
    "instancenorm": _instancenorm,
    "lrn": _lrn,
    "scale": _scale,
}

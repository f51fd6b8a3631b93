"""Activations, functions of one tensor, and reductions."""

from __future__ import annotations

from typing import Final

from convcalc.exporters.pytorch.code import (
    NONE,
    Expr,
    Item,
    call,
    expr,
    key,
    literal,
    method,
    plain,
    tight,
    value,
)
from convcalc.exporters.pytorch.forms.form import (
    Form,
    Former,
    Place,
    anywhere,
    function,
    made,
    moved,
    of_method,
)

ACTIVATIONS: Final = {
    "relu": "F.relu nn.ReLU",
    "relu6": "F.relu6 nn.ReLU6",
    "leakyrelu": "F.leaky_relu nn.LeakyReLU slope:negative_slope:0.01",
    "elu": "F.elu nn.ELU alpha:alpha:1.0",
    "celu": "F.celu nn.CELU alpha:alpha:1.0",
    "selu": "F.selu nn.SELU",
    "silu": "F.silu nn.SiLU",
    "mish": "F.mish nn.Mish",
    "softplus": "F.softplus nn.Softplus beta:beta:1.0 threshold:threshold:20.0",
    "hardswish": "F.hardswish nn.Hardswish",
    "hardsigmoid": "F.hardsigmoid nn.Hardsigmoid",
    "hardtanh": "F.hardtanh nn.Hardtanh low:min_val:-1.0 high:max_val:1.0",
    "threshold": "F.threshold nn.Threshold threshold:threshold value:value",
    "softsign": "F.softsign nn.Softsign",
    "logsigmoid": "F.logsigmoid nn.LogSigmoid",
    "tanhshrink": "F.tanhshrink nn.Tanhshrink",
    "softshrink": "F.softshrink nn.Softshrink lambd:lambd:0.5",
    "hardshrink": "F.hardshrink nn.Hardshrink lambd:lambd:0.5",
    "sigmoid": "torch.sigmoid nn.Sigmoid",
    "tanh": "torch.tanh nn.Tanh",
}
"""Function, module, and for each option: field, argument, default."""

FUNCTIONS: Final = "exp log sqrt rsqrt abs square sin cos erf reciprocal sign floor round"
ALONG: Final = {
    "softmax": "nn.Softmax",
    "softmin": "nn.Softmin",
    "logsoftmax": "nn.LogSoftmax",
    "glu": "nn.GLU",
}


def _activation(row: str) -> Former:
    name, module, *options = row.split()

    def form(place: Place) -> Form:
        found: list[Item] = []
        for option in options:
            field, argument, *default = option.split(":")
            given = getattr(place.layer, field)
            found.append(key(argument, given, float(default[0]) if default else NONE))
        return anywhere(function(name, *found, module=module), place.rank)

    return form


def _gelu(place: Place) -> Form:
    gelu = function("F.gelu", key("approximate", place.layer.approximate, "none"), module="nn.GELU")
    return anywhere(gelu, place.rank)


def _prelu(place: Place) -> Form:
    layer = place.layer
    if layer.shape is not None:

        def sloped(xs: list[Expr]) -> Expr:
            x = tight(xs[0], 1)
            return call("torch.where", expr(x, " > 0"), xs[0], expr(x, " * ", place.own("weight")))

        return Form(sloped, place.weights(), named=True)
    module = call("nn.PReLU", key("num_parameters", layer.channels, 1, "channels"))
    if layer.axis == 0:
        return made(place, module)
    return made(place, module, moved(place.dim(layer.axis), 1), moved(1, place.dim(layer.axis)))


def _along(name: str) -> Former:
    function_name = {"softmax": "F.softmax", "softmin": "F.softmin", "logsoftmax": "F.log_softmax"}

    def form(place: Place) -> Form:
        dim = Item(plain(place.dim(place.layer.axis)), "dim")
        if name == "softmax":
            return of_method("softmax", dim, spare=call("nn.Softmax", dim))
        return function(function_name.get(name, "F.glu"), dim, module=ALONG[name])

    return form


def _clip(place: Place) -> Form:
    layer = place.layer
    clamp = of_method("clamp", key("min", layer.min, None), key("max", layer.max, None))
    return anywhere(clamp, place.rank)


def _l2norm(place: Place) -> Form:
    dim = Item(plain(place.dim(place.layer.axis)), "dim")
    return function("F.normalize", dim, key("eps", place.layer.eps, 1e-12))


def _simple(name: str) -> Former:
    return lambda place: anywhere(function(f"torch.{name}"), place.rank)


# Reductions


def _over(place: Place) -> tuple[tuple[int, ...], bool]:
    """The dimensions as PyTorch counts them, and whether all vanish, so that one of size 1 is left."""
    over = place.layer.over(place.shapes[0])
    return tuple(axis + 1 for axis in over), len(over) == place.rank and not place.layer.keep


def _reduced(name: str, *arguments: str, prefix: str = "") -> Former:
    """A method with ``dim`` and ``keepdim``; arguments stand for fields of the layer."""

    def form(place: Place) -> Form:
        dims, all_gone = _over(place)
        more = [key(field, getattr(place.layer, field), 1) for field in arguments]

        def apply(xs: list[Expr]) -> Expr:
            x, dim, keep = xs[0], dims, place.layer.keep
            if all_gone:
                if place.rank > 1:
                    x = method(x, "flatten", 1)
                dim, keep = (1,), True
            given = Item(plain(dim[0] if len(dim) == 1 else dim), "dim")
            kept = [Item(plain(True), "keepdim")] if keep else []
            if prefix:
                return call(prefix, x, *_order(place), given, *kept)
            return method(x, name, given, *more, *kept)

        return Form(apply)

    return form


def _order(place: Place) -> list[Item]:
    order = float(place.layer.p)
    return [] if order == 2 else [Item(Expr((literal(int(order) if order.is_integer() else order),)), "ord")]


def _prod(place: Place) -> Form:
    dims, all_gone = _over(place)

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0]
        if all_gone:
            x = method(x, "flatten", 1) if place.rank > 1 else x
            return method(x, "prod", 1, Item(plain(True), "keepdim"))
        kept = [Item(plain(True), "keepdim")] if place.layer.keep else []
        for dim in reversed(dims):
            x = method(x, "prod", Item(plain(dim), "dim"), *kept)
        return x

    return Form(apply)


def _rescale(place: Place) -> Form:
    scale, offset = place.layer.scale, place.layer.offset

    def apply(xs: list[Expr]) -> Expr:
        y = expr(tight(xs[0], 1), " * ", value(scale, "scale"), level=1)
        if offset == 0:
            return y
        return expr(y, " - " if offset < 0 else " + ", value(abs(offset), "offset"), level=0)

    return anywhere(Form(apply), place.rank)


def _neg(place: Place) -> Form:
    return anywhere(Form(lambda xs: expr("-", tight(xs[0]), level=2)), place.rank)


FORMS: Final[dict[str, Former]] = {
    **{name: _activation(row) for name, row in ACTIVATIONS.items()},
    **{name: _simple(name) for name in FUNCTIONS.split()},
    **{name: _along(name) for name in ALONG},
    "gelu": _gelu,
    "prelu": _prelu,
    "neg": _neg,
    "clip": _clip,
    "l2norm": _l2norm,
    "rescale": _rescale,
    "mean": _reduced("mean"),
    "sum": _reduced("sum"),
    "max": _reduced("amax"),
    "min": _reduced("amin"),
    "var": _reduced("var", "correction"),
    "std": _reduced("std", "correction"),
    "norm": _reduced("norm", prefix="torch.linalg.vector_norm"),
    "argmax": _reduced("argmax"),
    "argmin": _reduced("argmin"),
    "prod": _prod,
}

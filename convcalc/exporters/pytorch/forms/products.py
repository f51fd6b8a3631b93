"""Linear and recurrent layers."""

from __future__ import annotations

from typing import Any, Final

from convcalc.exporters.pytorch.code import Expr, Item, call, expr, key, method, plain, tight, value
from convcalc.exporters.pytorch.forms.form import Form, Former, Place, made, moved


def _linear(place: Place) -> Form:
    layer = place.layer
    axis = 0 if layer.axis in ("flat", "channels") else layer.axis
    last = axis == place.rank - 1
    if layer.arriving is not None:
        return _arriving(place, axis)
    module = call(
        "nn.Linear",
        value(layer.in_features, "in_features"),
        value(layer.out_features, "out_features"),
        key("bias", layer.bias, True),
    )
    if last:
        return made(place, module)
    rank = place.rank
    return made(place, module, moved(axis + 1, -1, rank), moved(-1, axis + 1, rank))


def _arriving(place: Place, axis: int) -> Form:
    """A weight that arrives: one for all samples, or one each."""
    last = axis == place.rank - 1
    module = place.weights() if place.arrays else None

    def apply(xs: list[Expr]) -> Expr:
        x = xs[0] if last else moved(axis + 1, -1)(xs[0])
        bias = place.own("bias") if place.arrays else None
        if all(place.single[1:]):
            given = [expr(tight(w), "[0]") for w in xs[1:]]
            y = call("F.linear", x, *given, *([bias] if bias else []))
        else:
            axes = place.rank
            weight = expr(tight(xs[1]), ".mT")
            if axes == 1:
                y = method(expr(tight(method(x, "unsqueeze", 1), 2), " @ ", weight, level=1), "squeeze", 1)
            else:
                weight = weight if axes == 2 else expr(weight, "[:" + ", None" * (axes - 2) + "]")
                y = expr(tight(x, 2), " @ ", weight, level=1)
            if len(xs) > 2:
                bias = xs[2] if axes == 1 else expr(tight(xs[2]), "[:" + ", None" * (axes - 1) + "]")
            y = expr(y, " + ", bias, level=0) if bias else y
        return y if last else moved(-1, axis + 1)(y)

    return Form(apply, module)


def _recurrent(kind: str) -> Former:
    def form(place: Place) -> Form:
        layer = place.layer
        features = layer.features if layer.features is not None else 1 - layer.axis
        natural = place.rank == 2 and layer.axis == 0
        states = 2 if kind == "LSTM" else 1
        module = _module(place, kind)

        def apply(xs: list[Expr]) -> Expr:
            x = xs[0]
            if place.rank == 2 and len(place.wanted) == 1:
                (number,) = place.wanted
                y = call(place.me, x if natural else moved(1, -1, 2)(x))
                if number == 0:
                    y = expr(y, "[0]")
                    return y if natural else moved(-1, 1, 2)(y)
                return method(expr(y, "[1]" + f"[{number - 1}]" * (states > 1)), "transpose", 0, 1)
            y = call(place.helper("along"), place.me, x, plain(layer.axis + 1), plain(features + 1))
            if len(place.wanted) == 1:
                (number,) = place.wanted
                return expr(y, f"[{number}]")
            return y

        return Form(apply, module, parts=1 + states if len(place.wanted) > 1 else 0)

    return form


def _module(place: Place, kind: str) -> Expr:
    layer = place.layer
    before = getattr(layer, "reset", "after") == "before"
    own = layer.bias and not layer.recurrent_bias
    more: list[Any] = [
        key("num_layers", layer.layers, 1),
        key("bidirectional", layer.bidirectional, False),
        key("bias", layer.bias, True),
    ]
    if kind == "RNN":
        more.append(key("nonlinearity", layer.nonlinearity, "tanh"))
    if getattr(layer, "projection", None) is not None:
        more.append(key("proj_size", layer.projection, 0))
    sizes = (value(layer.in_features, "in_features"), value(layer.hidden, "hidden_size"))
    if not before and not own:
        return call(f"nn.{kind}", *sizes, *more, Item(plain(True), "batch_first"))
    name = place.helper("Recurrent")
    if own:
        more.append(Item(plain(False), "recurrent_bias"))
    if before:
        more.append(Item(plain(True), "reset_before"))
    return call(name, f'"{kind}"', *sizes, *more)


FORMS: Final[dict[str, Former]] = {
    "linear": _linear,
    "rnn": _recurrent("RNN"),
    "lstm": _recurrent("LSTM"),
    "gru": _recurrent("GRU"),
}

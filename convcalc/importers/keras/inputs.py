"""The input that a program of Keras states, channels first."""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import Shape
from convcalc.importers.keras.reading import Keras
from convcalc.spec.language.expression import Expr
from convcalc.spec.language.stage import Arg, Stage

_SIZES: Final = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


def _named_input(call: Keras, key: str, expr: Expr) -> Stage:
    """An input whose shape is a variable: its axes are put in order when it has a value."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = values["shape"] if isinstance(values["shape"], tuple) else (values["shape"],)
        shape = shape[1:] if key.startswith("batch") else shape
        return {**values, "shape": shape if call.first else (*shape[-1:], *shape[:-1])}

    stage = call.stage("input", {"shape": Arg("shape", expr, expr.start, expr.end)}, adapt)
    stage.rank = None
    return stage


def input_of(call: Keras) -> Stage | None:
    """The input that a first layer states, channels first."""
    fields = [argument.name for argument in call.entry.arguments if argument.fate == ">"]
    stated = [
        key
        for key in ("shape", "input_shape", "batch_shape", "batch_input_shape", "input_dim", "input_length")
        if key in call.given and key not in fields
    ]
    stated = [key for key in stated if call.words(key) != "None"]
    if not stated:
        return None
    if len(stated) > 1:
        raise call.fault(stated[1], f"{stated[0]} states the shape already")
    key = stated[0]
    place = call.given[key]
    expr = call.expr(*place)
    if expr.kind == "name" and key not in ("input_dim", "input_length"):
        return _named_input(call, key, expr)
    sizes = list(expr.args if expr.kind == "tuple" else (expr,))
    sizes = sizes[1:] if key.startswith("batch") else sizes
    if not sizes:
        raise call.fault(key, "the shape has no sizes", f"{key}=(height, width, channels)")
    sizes = sizes if call.first else [sizes[-1], *sizes[:-1]]
    letters = _SIZES.get(len(sizes) - 1, ())
    for i, size in enumerate(sizes):
        if size.kind == "const" and size.value is None:
            if i == 0 or not letters:
                raise call.fault(key, "the channels must be a number", f"{key}=(None, None, 3)")
            sizes[i] = Expr("name", letters[i - 1], (), size.start, size.end)
    shape = Arg("shape", Expr("tuple", None, tuple(sizes), *place), *place)
    stage = call.stage("input", {"shape": shape})
    stage.rank = None
    return stage

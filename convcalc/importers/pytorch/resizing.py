"""PyTorch's resize: its modes, and its factors in double precision."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from convcalc.importers.call import Call
from convcalc.spec.errors import fault
from convcalc.spec.language.expression import Expr, constant
from convcalc.spec.language.stage import Arg, Stage

_MODES: Final = {
    "bilinear": "linear", "trilinear": "linear", "bicubic": "cubic", "nearest-exact": "nearest_exact",
}  # fmt: skip
_INTERPOLATION_RANK: Final = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_PYTORCH_MODES: Final = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area")


def _upsample(call: Call) -> list[Stage]:
    """PyTorch's resize: its sizes are floors of products in double precision.

    With ``antialias`` PyTorch 2.13 goes astray where it writes a width of 1 (the column that comes out is not
    the row that the turned map gives); here it is.
    """
    mode_arg = call.values.get("mode")
    mode = "nearest" if mode_arg is None else call.literal(mode_arg)
    if mode not in _PYTORCH_MODES:
        modes = "one of " + ", ".join(_PYTORCH_MODES)
        raise call.fault("mode", f"{call.name} has no mode {mode!r} here", modes)
    corners = call.values.get("align_corners")
    plain = mode.startswith("nearest") or mode == "area"
    if plain and corners is not None and call.literal(corners) is not None:
        message = f"PyTorch takes no align_corners with mode={mode!r}"
        raise call.fault("align_corners", message, "nothing, or another mode")
    antialias = call.values.get("antialias")
    if antialias is not None and call.literal(antialias) is True:
        if mode not in ("bilinear", "bicubic"):
            message = f"PyTorch takes no antialias with mode={mode!r}"
            raise call.fault("antialias", message, "mode='bilinear' or 'bicubic', on maps of two axes")
        if mode == "bicubic":
            call.set("a", Fraction(-1, 2))
    recompute = call.values.pop("recompute", None)
    scale = call.values.get("scale")
    given = scale is not None and not (scale.expr.kind == "const" and scale.expr.value is None)
    if recompute is not None and call.literal(recompute) is True:
        if not given:
            raise fault(
                call.text, recompute.start, recompute.end, "recompute_scale_factor is about a scale_factor",
                "scale_factor=, or nothing",
            )  # fmt: skip
        call.values["recompute"] = recompute
    if given and scale is not None:
        scale = Arg("scale", _in_double(scale.expr), scale.start, scale.end)
        call.values["scale"] = scale
        if not all(_short(expr) for expr in _items(scale.expr)):
            call.set("rounding", "double")
    if call.row.rank is None:  # PyTorch has a name for each rank: its linear is for signals alone
        call.row = call.row._replace(rank=_INTERPOLATION_RANK.get(mode))
    if mode_arg is not None and mode in _MODES:
        word = constant(_MODES[mode], mode_arg.start, mode_arg.end)
        call.values["mode"] = Arg("mode", word, mode_arg.start, mode_arg.end)
    return [call.stage("upsample")]


def _items(expr: Expr) -> tuple[Expr, ...]:
    return expr.args if expr.kind == "tuple" else (expr,)


def _short(expr: Expr) -> bool:
    """Whether a factor is a short binary fraction, whose products double precision does not round."""
    value = expr.value if expr.kind == "const" else None
    if not isinstance(value, int | Fraction):
        return False
    d = value.denominator
    return d & (d - 1) == 0 and max(abs(value.numerator), d) < 1 << 20


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _in_double(expr: Expr) -> Expr:
    """Factors as Python works them out: 120/88 is 1.3636363636363635, not 15/11."""
    if expr.kind == "tuple":
        return Expr("tuple", None, tuple(map(_in_double, expr.args)), expr.start, expr.end)
    value = _double(expr)
    if value is None or isinstance(value, int):
        return expr if value is None else constant(value, expr.start, expr.end)
    short = Fraction(value).limit_denominator(1000)  # 1.4 is written as that, and means the same double
    exact = short if float(short) == value else Fraction(repr(value))
    return constant(exact, expr.start, expr.end)


def _double(expr: Expr) -> float | int | None:
    """What Python makes of sums and products of numbers; None of all else."""
    if expr.kind == "const" and isinstance(expr.value, int | Fraction) and not isinstance(expr.value, bool):
        return expr.value if type(expr.value) is int else float(expr.value)
    if expr.kind == "unary" and expr.value == "-":
        inner = _double(expr.args[0])
        return None if inner is None else -inner
    if expr.kind == "binary" and expr.value in _ARITHMETIC:
        left, right = map(_double, expr.args)
        if left is None or right is None or (expr.value == "/" and right == 0):
            return None
        try:
            found = _ARITHMETIC[expr.value](left, right)
        except OverflowError:
            return None
        return found if abs(found) < 1e15 else None
    return None


RESIZING: Final[dict[str, Callable[[Call], list[Stage]]]] = {
    **dict.fromkeys(("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d", "interpolate"), _upsample),
}

"""Layers that join tensors entry by entry, and concatenation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convcalc.exporters.pytorch.code import (
    Expr,
    Item,
    call,
    expr,
    listed,
    method,
    operation,
    plain,
    tight,
    value,
)
from convcalc.exporters.pytorch.forms.form import Form, Former, Place, inside


def aligned(place: Place, xs: Sequence[Expr]) -> list[Expr]:
    """Tensors with as many axes as the longest: what is without a batch is aligned at the end."""
    rank = max(map(len, place.shapes))
    return [inside(x, rank - len(shape)) for x, shape in zip(xs, place.shapes, strict=True)]


def _join(sign: str) -> Former:
    def form(place: Place) -> Form:
        number = place.layer.value

        def apply(xs: list[Expr]) -> Expr:
            y, *others = aligned(place, xs)
            if sign == "+" and len(others) > 3:
                return call("sum", listed([y, *others]))
            for other in others:
                y = operation(sign, y, other)
            if number is None:
                return y
            if sign == "+" and number < 0:
                return operation("-", y, value(-number, "offset"))
            return operation(sign, y, plain(number) if number < 0 else value(number, "factor"))

        return Form(apply)

    return form


def _ordered(sign: str) -> Former:
    def form(place: Place) -> Form:
        layer = place.layer

        def apply(xs: list[Expr]) -> Expr:
            pair = [xs[0], plain(layer.value)] if layer.value is not None else aligned(place, xs)
            if layer.reverse:
                pair.reverse()
            if sign == "**":
                if len(xs) == 1 and not layer.reverse:
                    return method(pair[0], "pow", pair[1])
                return call("torch.pow", *pair)
            return operation(sign, *pair)

        return Form(apply)

    return form


def _largest(name: str, bound: str) -> Former:
    def form(place: Place) -> Form:
        def apply(xs: list[Expr]) -> Expr:
            y, *others = aligned(place, xs)
            for other in others:
                y = call(f"torch.{name}", y, other)
            if place.layer.value is None:
                return y
            return method(y, "clamp", Item(value(place.layer.value, bound), bound))

        return Form(apply)

    return form


def batched(place: Place, xs: Sequence[Expr]) -> list[Expr]:
    """Tensors of one batch: those that are the same for all samples are shown once for each."""
    if all(place.single) or not any(place.single):
        return list(xs)
    first = xs[place.single.index(False)]
    found = []
    for x, single, shape in zip(xs, place.single, place.shapes, strict=True):
        if single:
            x = method(x, "expand", f"len({first})", *("-1" for _ in shape))
        found.append(x)
    return found


def _concat(place: Place) -> Form:
    dim = place.dim(place.layer.axis)

    def apply(xs: list[Expr]) -> Expr:
        return call("torch.cat", listed(batched(place, xs)), Item(plain(dim), "dim"))

    if len(place.shapes) == 1:
        return Form(lambda xs: xs[0])
    return Form(apply, named=any(place.single) and not all(place.single))


def _stack(place: Place) -> Form:
    dim = place.layer.axis + 1

    def apply(xs: list[Expr]) -> Expr:
        return call("torch.stack", listed(batched(place, xs)), Item(plain(dim), "dim"))

    return Form(apply, named=any(place.single) and not all(place.single))


def _matmul(place: Place) -> Form:
    layer = place.layer
    a, b = place.shapes
    rank = max(len(a), len(b), 2)

    def operand(x: Expr, axes: int, transposed: bool, row: bool) -> Expr:
        if axes == 1:
            x = method(x, "unsqueeze", 1 if row else -1)
            return inside(x, rank - 2)
        x = inside(x, rank - axes)
        return expr(tight(x), ".mT") if transposed else x

    def apply(xs: list[Expr]) -> Expr:
        left = operand(xs[0], len(a), layer.transpose_a, True)
        right = operand(xs[1], len(b), layer.transpose_b, False)
        y = operation("@", left, right)
        if len(b) == 1:
            y = method(y, "squeeze", -1)
        if len(a) == 1 and len(b) > 1:
            y = method(y, "squeeze", -2)
        return y

    return Form(apply)


FORMS: Final[dict[str, Former]] = {
    "add": _join("+"),
    "mul": _join("*"),
    "sub": _ordered("-"),
    "div": _ordered("/"),
    "pow": _ordered("**"),
    "maximum": _largest("maximum", "min"),
    "minimum": _largest("minimum", "max"),
    "concat": _concat,
    "stack": _stack,
    "matmul": _matmul,
}

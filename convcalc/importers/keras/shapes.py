"""What the layers of Keras mean that give the same numbers another shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from convcalc.dims import Dim, DimensionError, Shape, exact_div, prod
from convcalc.importers.keras.adapting import along
from convcalc.importers.keras.reading import Keras, axis
from convcalc.spec.language.expression import Expr
from convcalc.spec.language.stage import Arg, Stage


def _single(sizes: Shape) -> bool:
    return all(type(n) is int and n == 1 for n in sizes)


def _order(call: Keras, *shapes: Shape) -> str:
    """How elements are counted off: with the channels last, where that differs."""
    if call.first:
        return "first"
    return "first" if all(_single(shape[:1]) or _single(shape[1:]) for shape in shapes) else "last"


def _flatten(call: Keras) -> list[Stage]:
    """Keras moves channels that are said to come first to the end, and flattens what it is given else."""
    stated = call.value("data_format")
    if stated == "channels_first" and not call.first:
        raise call.fault(
            "data_format", "the channels are last in the other layers", "one data_format for all"
        )
    moved = stated == "channels_first" or (call.preset and stated is None)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        shape = shapes[0]
        last = (not call.first or moved) and not (_single(shape[:1]) or _single(shape[1:]))
        return {**values, "order": "last" if last else "first"}

    return [call.stage("flatten", {}, adapt)]


def _reshape(call: Keras) -> list[Stage]:
    place = call.given["target_shape"]
    expr = call.expr(*place)
    items = expr.args if expr.kind == "tuple" else (expr,)
    if not items:
        raise call.fault("target_shape", "the shape has no sizes", "(height, width, channels)")
    turned = items if call.first else (items[-1], *items[:-1])
    shape = Arg("shape", Expr("tuple", None, tuple(turned), *place), *place)

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        sizes = values["shape"]
        free = [i for i, size in enumerate(sizes) if type(size) is int and size == -1]
        if len(free) > 1:
            raise DimensionError("one size can be -1", field="shape", hint="numbers for the others")
        if free:
            rest: Dim = prod(size for size in sizes if not (type(size) is int and size == -1))
            total = prod(shapes[0])
            if type(total) is int and type(rest) is int and (rest < 1 or total % rest):
                raise DimensionError(
                    f"{total} elements make no whole number of {rest}",
                    field="shape",
                    hint=f"a divisor of {total}",
                )
            sizes = tuple(exact_div(total, rest) if i in free else size for i, size in enumerate(sizes))
        return {**values, "shape": sizes, "order": _order(call, shapes[0], sizes)}

    return [call.stage("reshape", {"shape": shape}, adapt)]


def _permute(call: Keras) -> list[Stage]:
    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        rank = len(shapes[0])
        dims = values["order"] if isinstance(values["order"], tuple) else (values["order"],)
        if sorted(map(str, dims)) != sorted(map(str, range(1, rank + 1))):
            raise DimensionError(
                f"dims ({', '.join(map(str, dims))}) is no order of {rank} axes", field="order",
                hint=f"each of 1 to {rank} once; the batch is not counted",
            )  # fmt: skip
        read = [axis(a, rank, call.first) for a in dims]
        order = read if call.first else (read[-1], *read[:-1])
        return {**values, "order": tuple(order)}

    return [call.stage("permute", call.fields(), adapt)]


def _repeat(call: Keras) -> list[Stage]:
    """A vector so many times: the same numbers at every place of a sequence."""

    def adapt(shapes: tuple[Shape, ...], values: dict[str, Any]) -> dict[str, Any]:
        if len(shapes[0]) != 1 or call.first:
            raise DimensionError(
                "RepeatVector takes a vector, with channels last", hint="Flatten() before it"
            )
        return {"shape": (shapes[0][0], 1)}

    place = call.given["n"]
    times = Arg("scale", call.expr(*place), *place)
    return [call.stage("reshape", {"shape": (1,)}, adapt), call.stage("upsample", {"scale": times})]


def _concat(call: Keras) -> list[Stage]:
    return [call.stage("concat", {}, along(call, call.value("axis", -1)))]


SHAPES: Final[dict[str, Callable[[Keras], list[Stage]]]] = {
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat,
    "Concatenate": _concat,
}

"""Values of options and shapes: checked, and written as people write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final, TypeAlias

from convcalc.carriers import decimal
from convcalc.dims import (
    UNKNOWN,
    Dim,
    DimensionError,
    Shape,
    carried,
    is_array,
    is_involved,
    is_symbolic,
    is_whole,
    require,
)

Padding: TypeAlias = tuple[Any, ...]
"""One entry per axis: ``(before, after)`` or the name of a convention."""

MOST_AXES: Final = 16
"""Most axes of a tensor: NumPy has 32 in some versions, and some kernels cut every axis into two."""

CONVENTIONS: Final = ("same", "same_lower", "valid", "full", "causal")
"""Names of padding that follows from the window; see :func:`convcalc.layers.windows.window.resolve`."""

CONVENTION_WORDS: Final = ("same", "same_upper", *CONVENTIONS[1:])
"""The same as a spec may write them: ``same_upper`` is ONNX's name of ``same``."""

_ROUNDED: Final = "floor(), round() or make_divisible() around the value"


def whole(value: Any, field: str, minimum: int = 1) -> Dim:
    """A dimension, after checking that it is a whole number not below ``minimum``.

    Raises:
        DimensionError: a fraction, no number, or too small.
    """
    if type(value) is int:
        if value < minimum:
            what = "at least 1" if minimum == 1 else "0 or more" if minimum == 0 else f"at least {minimum}"
            raise DimensionError(f"{field} must be {what}, got {value}", field=field, hint=what)
        return value
    if isinstance(value, (float, Fraction)):
        if value == int(value):
            return whole(int(value), field, minimum)
        raise DimensionError(
            f"{field} must be a whole number, got {decimal(value)}", field=field, hint=_ROUNDED
        )
    if value is UNKNOWN or is_symbolic(value) or is_array(value):
        value = carried(value)
        # the same for whole numbers, which the next rule says it is
        large = value > minimum - 1 if is_symbolic(value) else value >= minimum
        require(large, f"{field} must be at least {minimum}, got {value}", field=field)
        require(is_whole(value), f"{field} must be a whole number, got {value}", field=field, hint=_ROUNDED)
        if is_involved(value):
            raise DimensionError(f"{field} is a closed form too long to read", field=field, hint="numbers")
        return value
    raise DimensionError(f"{field} must be a whole number, got {value!r}", field=field, hint="a number")


def each(value: Any, field: str, rank: int, hint: str) -> tuple[Any, ...]:
    """One value per axis, from one for all axes or one each.

    Raises:
        DimensionError: the number of axes is wrong.
    """
    items = value if isinstance(value, tuple) else (value,)
    items = items * rank if len(items) == 1 else items
    if len(items) != rank:
        raise DimensionError(f"{field} has {len(items)} axes, the input has {rank}", field=field, hint=hint)
    return items


def axes(value: Any, field: str, rank: int, minimum: int = 1) -> tuple[Dim, ...]:
    """One whole number per axis, from one for all axes or one each.

    Raises:
        DimensionError: the number of axes is wrong or a value is out of range.
    """
    items = each(value, field, rank, f"one number, or {rank} joined by 'x'")
    return tuple(whole(item, field, minimum) for item in items)


def pads(value: Any, field: str, rank: int) -> Padding:
    """Padding per axis, from one number, one pair, one convention, or one of these per axis.

    Raises:
        DimensionError: negative, or the number of axes is wrong.
    """
    found: list[Any] = []
    for item in each(value, field, rank, f"one number, before:after, or {rank} of them joined by 'x'"):
        if isinstance(item, str):
            if item not in CONVENTION_WORDS:
                raise DimensionError(
                    f"unknown {field} {item!r}", field=field, hint="one of " + ", ".join(CONVENTION_WORDS)
                )
            found.append("same" if item == "same_upper" else item)
        elif isinstance(item, tuple):
            if len(item) != 2:
                raise DimensionError(f"{field} of {len(item)} sides", field=field, hint="before:after")
            found.append((whole(item[0], field, 0), whole(item[1], field, 0)))
        else:
            side = whole(item, field, 0)
            found.append((side, side))
    return tuple(found)


MOST_SIZES: Final = 3
"""Most sizes of a map that a window slides over, or that is resized."""


def spatial(layer: str, shape: Shape, most: int = MOST_SIZES) -> tuple[Dim, ...]:
    """The spatial sizes of a shape.

    Raises:
        DimensionError: the input is flat, or has more sizes than the layer works on.
    """
    if len(shape) > most + 1:
        raise DimensionError(
            f"{layer} works on up to {most} sizes besides the channels, got {show(shape)}",
            hint="fewer axes: 'flatten' and 'reshape' join them",
        )
    if len(shape) < 2:
        raise DimensionError(
            f"{layer} needs spatial axes, got a flat input of {shape[0]}",
            hint="an input such as 3x224x224; 'reshape 64x7x7' makes a map",
        )
    return shape[1:]


def axis_of(value: Any, shape: Shape, field: str = "axis") -> int:
    """An axis of a shape, from 0; negative ones count from the end, None is the first.

    Raises:
        DimensionError: there is no such axis.
    """
    value = 0 if value is None else value
    if type(value) is not int or not -len(shape) <= value < len(shape):
        last = len(shape) - 1
        raise DimensionError(f"no axis {value} in {show(shape)}", field=field, hint=f"0 to {last}, or -1")
    return value % len(shape)


def axes_of(value: Any, shape: Shape, field: str = "axis") -> tuple[int, ...]:
    """Axes of a shape in ascending order, from one number or several; negative ones count from the end.

    Raises:
        DimensionError: there is no such axis, or one is named twice.
    """
    items = value if isinstance(value, tuple) else (value,)
    found = tuple(sorted(axis_of(item, shape, field) for item in items))
    if len(set(found)) < len(found):
        raise DimensionError(
            f"{field} names an axis of {show(shape)} twice", field=field, hint="each axis once"
        )
    return found


def show(shape: Iterable[object]) -> str:
    """A shape as people write it: ``64x28x28``."""
    return "x".join(map(str, shape))


def joined(values: Sequence[Any]) -> str:
    """One number where all axes have the same, else one per axis: ``3``, ``3x5``."""
    return str(values[0]) if len(set(values)) == 1 else show(tuple(values))


def axis_names(rank: int) -> tuple[str, ...]:
    """What the spatial axes of a tensor are called."""
    named = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
    return named.get(rank) or tuple(f"axis {number}" for number in range(1, rank + 1))

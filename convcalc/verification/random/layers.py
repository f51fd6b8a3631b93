"""A random layer for shapes that arrive: values for its options by their kind, until the layer takes them.

No layer is known here by name. An :class:`~convcalc.layers.base.Option` says what kind of value it
takes; the shapes suggest which values may fit (divisors of the channels, orders of the axes, sizes up
to those of the map); and what a layer refuses, with the option at fault, is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd, prod
from random import Random
from typing import Any, Final, NamedTuple

from convcalc.dims import DimensionError
from convcalc.layers import lookup
from convcalc.layers.base import INFER, REQUIRED, Layer, Option
from convcalc.layers.values import CONVENTION_WORDS

Shape = tuple[int, ...]

TRIES: Final = 40
"""Values proposed to a layer before it is given up for these shapes."""


class Proposal(NamedTuple):
    """A layer that takes the shapes: its words in the spec language, its values, the shapes it gives."""

    words: tuple[str, ...]
    values: Mapping[str, Any]
    outputs: tuple[Shape, ...]


def propose(
    rng: Random,
    op: str,
    inputs: tuple[Shape, ...],
    given: Mapping[str, Any] | None = None,
    tries: int = TRIES,
) -> Proposal | None:
    """Draw a layer for shapes that arrive.

    Args:
        rng: source of randomness.
        op: registered name of the layer.
        inputs: shapes that arrive, without batch.
        given: values of options that are not drawn, by field; None leaves an option out.
        tries: how often refused values are drawn again.

    Returns:
        the layer; None where it took none of the values. A layer whose formulas break on values (with
        anything but a refusal) is proposed as well, for the verification to show.
    """
    cls, given = lookup(op), given or {}
    free = [option for option in cls.options if option.field not in given]
    values = {**given, **{option.field: _value(rng, option, inputs[0]) for option in free}}
    for _ in range(tries if free else 1):
        try:
            layer = cls.create(inputs, {field: value for field, value in values.items() if value is not None})
            return Proposal(_words(rng, cls, values), values, layer.output_shapes(inputs))
        except DimensionError as error:
            again = [option for option in free if option.field == error.field and rng.random() < 0.3] or free
            values.update((option.field, _value(rng, option, inputs[0])) for option in again)
        except Exception:  # a broken formula
            return Proposal(_words(rng, cls, values), values, inputs[:1])
    return None


# Values, as the spec language evaluates them


def _value(rng: Random, option: Option, shape: Shape) -> Any:
    """A value of the option's kind; None leaves it out."""
    usual = {"choice": 0.1, "number": 0.6}.get(option.kind, 0.3)  # numbers change values, not counts
    left_out = {REQUIRED: 0, INFER: 0.8, None: 0.5}.get(option.default, usual)
    return None if rng.random() < left_out else _KINDS[option.kind](rng, option, shape)


def _dim(rng: Random, option: Option, shape: Shape) -> int:
    """A small number, or one that goes with the channels or with the sizes."""
    if option.default is INFER:
        return shape[0] * rng.choice((1, 1, 1, 2))
    least = option.minimum
    channels, sizes = shape[0], gcd(*shape[1:]) or shape[0]
    small, multiple = rng.randint(least, least + 5), channels * rng.randint(1, 2)
    return rng.choice((small, multiple, divisor(rng, channels), divisor(rng, sizes)))


def _axes(rng: Random, option: Option, shape: Shape) -> int | tuple[int, ...]:
    """One number for all axes, or one per axis; as large as the map where there is no default."""
    least = option.minimum

    def one(size: int) -> int:
        small = option.default not in (REQUIRED, None) or rng.random() < 0.6
        return rng.randint(least, least + 2 if small else max(least, rng.choice((size, 2 * size))))

    return one(shape[-1]) if rng.random() < 0.3 else tuple(one(size) for size in shape[1:])


def _padding(rng: Random, option: Option, shape: Shape) -> Any:
    """A convention or one per axis, a number or one per axis, or a pair per axis."""
    most, kind = rng.randint(1, 3), rng.random()
    if kind < 0.35:
        return rng.choice(CONVENTION_WORDS)
    if kind < 0.45:
        return rng.randint(0, most)
    if kind < 0.6:
        return tuple(rng.randint(0, most) for _ in shape[1:])
    if kind < 0.7:
        return tuple(rng.choice((*CONVENTION_WORDS, 0, 1)) for _ in shape[1:])
    return tuple((rng.randint(0, most), rng.randint(0, most)) for _ in shape[1:])


def _number(rng: Random, option: Option, shape: Shape) -> Any:
    """Around the default, or a usual exponent or factor."""
    usual = (0.5, 1, 2, 3)
    around = () if option.default in (REQUIRED, None) else (option.default / 2, option.default * 2)
    return rng.choice((*usual, *around))


def _shape(rng: Random, option: Option, shape: Shape) -> Shape:
    """What arrives, its channels, or as many elements in other axes; or with sizes of 1 repeated."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice((shape, shape[:1]))
    if kind < 0.5:
        larger = (rng.randint(1, 3) if n == 1 else n for n in shape)
        return (*(rng.randint(1, 3) for _ in range(rng.randint(0, max(0, 3 - len(shape))))), *larger)
    sizes, left = [], prod(shape)
    for _ in range(rng.randint(0, 3)):
        sizes.append(divisor(rng, left))
        left //= sizes[-1]
    return (*sizes, left)


def _ints(rng: Random, option: Option, shape: Shape) -> tuple[Any, ...]:
    """A factor per axis, an order of the axes, the parts of one of them, or steps along some of them."""
    if rng.random() < 0.1:
        return tuple(rng.randint(-3, 3) for _ in range(rng.randint(1, len(shape))))
    kind = rng.randrange(4)
    if kind > 1:
        factors = (1, 2, 2, 3, Fraction(1, 2), Fraction(3, 4), Fraction(3, 2), Fraction(5, 2))
        same = rng.choice(factors) if rng.random() < 0.4 else None
        return tuple(same or rng.choice(factors) for _ in shape[1:])
    if kind == 1:
        return tuple(rng.sample(range(len(shape)), len(shape)))
    left = rng.choice(shape)
    parts: list[int] = []
    while left > 1 and len(parts) < 2:
        parts.append(rng.randint(1, left - 1))
        left -= parts[-1]
    return (*parts, left)


def _axis(rng: Random, option: Option, shape: Shape) -> Any:
    """An axis, from the front or from the end, or a word for one."""
    if option.choices and rng.random() < 0.3:
        return rng.choice(option.choices)
    return rng.randrange(-len(shape), len(shape))


def _axislist(rng: Random, option: Option, shape: Shape) -> tuple[int, ...]:
    """Some of the axes, each from the front or from the end."""
    rank = len(shape)
    return tuple(a - rng.choice((0, rank)) for a in rng.sample(range(rank), rng.randint(1, rank)))


_KINDS: Final[dict[str, Callable[[Random, Option, Shape], Any]]] = {
    "dim": _dim,
    "axes": _axes,
    "padding": _padding,
    "number": _number,
    "value": lambda rng, option, shape: rng.choice((-1, -0.25, 0.5, 1, 2, 3)),
    "shape": _shape,
    "ints": _ints,
    "axis": _axis,
    "axislist": _axislist,
    "flag": lambda rng, option, shape: rng.random() < 0.5,
    "choice": lambda rng, option, shape: rng.choice(option.choices),
}


def divisor(rng: Random, number: int) -> int:
    """A divisor of a number."""
    return rng.choice([n for n in range(1, number + 1) if number % n == 0])


# Words


def _words(rng: Random, cls: type[Layer], values: Mapping[str, Any]) -> tuple[str, ...]:
    """The layer in the spec language, with or without the keys of what may stand without."""
    options = {option.field: option for option in cls.options}
    left = {field: value for field, value in values.items() if value is not None}
    words = [cls.op]
    for place in cls.positional:
        fields = [field for field in place.split("->") if field in left]
        if not fields or fields[-1] != place.split("->")[-1] or rng.random() < 0.4:
            break
        words.append("->".join(_text(options[field], left.pop(field)) for field in fields))
    for field, value in left.items():
        text, short = _text(options[field], value), options[field].short
        words.append(f"{short}{text}" if short and text[0].isdigit() else f"{short or field}={text}")
    return tuple(words)


def _text(option: Option, value: Any) -> str:
    if option.kind == "flag":
        return str(value).lower()
    if not isinstance(value, tuple):
        return str(value)
    if option.kind in ("ints", "axislist") or any(isinstance(item, str) for item in value):
        return "(" + "".join(f"{item}," for item in value) + ")"
    return "x".join(":".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in value)

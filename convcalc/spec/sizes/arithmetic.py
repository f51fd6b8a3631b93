"""The arithmetic on numbers that follow from one size: values, and from where on and how they repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from math import factorial, gcd, lcm
from operator import add, gt, lt, mul, sub
from typing import Any, Final, NamedTuple, Protocol

from convcalc.spec.sizes.quasi import Quasi
from convcalc.spec.sizes.truth import Truth, Untraceable, joined

_ZERO_ONE: Final = bytes.maketrans(b"\x00\x01", b"01")


class Maker(Protocol):
    """What makes a number or a condition of what was worked out for the sizes from 1 to ``size``."""

    size: int

    def made(
        self,
        letters: Iterable[str],
        values: tuple[Any, ...],
        below: int,
        start: int,
        period: int | None,
        degree: int,
    ) -> Any:
        """What has these values."""

    def condition(self, letter: str, truth: Truth) -> Any:
        """A condition on one letter."""

    def chosen(self, truth: Truth, a: Quasi, b: Quasi) -> Any:
        """``a`` where something holds, else ``b``."""


def _common(a: Quasi, b: Quasi) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """The values of both over one denominator."""
    if a.below == b.below:
        return a.below, a.values, b.values
    below = lcm(a.below, b.below)
    x, y = below // a.below, below // b.below
    return below, tuple(v * x for v in a.values), tuple(v * y for v in b.values)


def _sum(sign: Callable[[Any, Any], Any]) -> Callable[[Maker, Quasi, Quasi], Any]:
    def apply(window: Maker, a: Quasi, b: Quasi) -> Any:
        below, x, y = _common(a, b)
        values = tuple(map(sign, x, y))
        period = joined(a.period, b.period)
        return window.made(a.letters, values, below, max(a.start, b.start), period, max(a.degree, b.degree))

    return apply


_difference = _sum(sub)


def _product(window: Maker, a: Quasi, b: Quasi) -> Any:
    values = tuple(map(mul, a.values, b.values))
    period = joined(a.period, b.period)
    start, degree = max(a.start, b.start), a.degree + b.degree
    return window.made(a.letters, values, a.below * b.below, start, period, degree)


def _constant(value: Quasi) -> Fraction | None:
    first = value.values[0]
    if value.period is None or value.degree or value.values.count(first) < len(value.values):
        return None
    return Fraction(first, value.below)


def _quotient(window: Maker, a: Quasi, b: Quasi) -> Any:
    divisor = _constant(b)
    if divisor is None:
        raise Untraceable("a division by a size")
    if divisor == 0:
        raise ZeroDivisionError("division by zero")
    return a * (1 / divisor)


def _floor(window: Maker, a: Quasi, b: Quasi) -> Any:
    """``floor(a / b)``.

    Along a period a polynomial of degree ``g`` with whole values is the same modulo ``m`` after ``m*g!``
    steps, since ``C(j + m*g!, i) - C(j, i)`` is a multiple of ``m`` for all ``i <= g``.
    """
    divisor = _constant(b)
    if divisor is None:
        return _floor_by_each(window, a, b)
    if divisor == 0:
        raise ZeroDivisionError("division by zero")
    if divisor < 0:
        return (-a) // -divisor
    below, above = a.below * divisor.numerator, divisor.denominator
    values = tuple(_whole(v * above // below) for v in a.values)
    period = a.period
    if period is not None and a.degree:
        period *= _repeats(a, above, below)
    return window.made(a.letters, values, 1, a.start, period, a.degree)


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float and value == value and abs(value) < 2**53 else value


def _repeats(a: Quasi, above: int, below: int) -> int:
    """How many periods later the numerator is the same modulo the denominator."""
    assert a.period is not None
    if a.degree > 1:
        return below * factorial(a.degree)
    p, values = a.period, a.values
    if a.start + 2 * p > len(values):
        return below
    found = 1
    for i in range(a.start, a.start + p):
        found = lcm(found, below // gcd(below, (values[i + p] - values[i]) * above))
    return found


def _floor_by_each(window: Maker, a: Quasi, b: Quasi) -> Any:
    nonzero = b != 0
    if nonzero is False:
        raise ZeroDivisionError("division by zero")
    if nonzero is not True:
        nonzero.demand("division by zero")
    _, x, y = _common(a, b)
    values = tuple(_whole(v // w) if w else 0 for v, w in zip(x, y, strict=True))
    return window.made(a.letters, values, 1, 0, None, 0)


class _Signs(NamedTuple):
    """Where a value is above zero and where below, bit by bit, and from where on that repeats."""

    above: int
    below: int
    start: int
    period: int | None


def _signs(value: Quasi) -> _Signs:
    """The signs of a value; without a period where it is not certain how they go on.

    Along a period the values are those of a polynomial. Where all its differences at some place are at
    least 0 (or all at most 0) it goes on in that direction, so that the sign of the last value stays.
    """
    p, degree, values = value.period, value.degree, value.values
    n = len(values)
    above, below = (_bits([sign(v, 0) for v in values]) for sign in (gt, lt))
    if p is None or value.start + (degree + 1) * p > n:
        return _Signs(above, below, 0, None)
    for last in range(n - 1, n - 1 - p, -1):
        row = [values[last - (degree - k) * p] for k in range(degree + 1)]
        low = high = 0
        while row:
            low, high = min(low, row[0]), max(high, row[0])
            row = [after - before for before, after in pairwise(row)]
        if low < 0 < high:
            return _Signs(above, below, 0, None)
    changes = ((above ^ above >> p) | (below ^ below >> p)) & ((1 << (n - p)) - 1)
    return _Signs(above, below, max(value.start, changes.bit_length()), p)


def _bits(flags: list[bool]) -> int:
    return int(bytes(flags)[::-1].translate(_ZERO_ONE), 2)


def _truth(window: Maker, difference: Quasi, sign: str) -> Truth:
    above, below, start, period = _signs(difference)
    bits = HOLDS[sign](above, below) & ((1 << window.size) - 1)
    return Truth(bits, window.size, start, period)


HOLDS: Final[dict[str, Callable[[int, int], int]]] = {
    "==": lambda above, below: ~(above | below),
    "!=": lambda above, below: above | below,
    "<": lambda above, below: below,
    "<=": lambda above, below: ~above,
    ">": lambda above, below: above,
    ">=": lambda above, below: ~below,
}


def _compared(sign: str) -> Callable[[Maker, Quasi, Quasi], Any]:
    def apply(window: Maker, a: Quasi, b: Quasi) -> Any:
        difference = _difference(window, a, b)
        if not isinstance(difference, Quasi):
            return bool(HOLDS[sign](int(difference > 0), int(difference < 0)) & 1)
        (letter,) = difference.letters
        return window.condition(letter, _truth(window, difference, sign))

    return apply


def _extreme(sign: str) -> Callable[[Maker, Quasi, Quasi], Any]:
    def apply(window: Maker, a: Quasi, b: Quasi) -> Any:
        difference = _difference(window, a, b)
        if not isinstance(difference, Quasi):
            chosen = a if (difference >= 0) is (sign == ">=") else b
            constant = _constant(chosen)
            return (
                chosen if constant is None else constant.numerator if constant.denominator == 1 else constant
            )
        return window.chosen(_truth(window, difference, sign), a, b)

    return apply


OF_ITSELF: Final[dict[str, Any]] = {
    "-": 0, "/": 1, "//": 1, "==": True, "<=": True, ">=": True, "!=": False, "<": False, ">": False,
}  # fmt: skip
OPERATIONS: Final[dict[str, Callable[[Maker, Quasi, Quasi], Any]]] = {
    "+": _sum(add),
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "//": _floor,
    "max": _extreme(">="),
    "min": _extreme("<="),
    **{sign: _compared(sign) for sign in HOLDS},
}

"""Numbers that follow from one size of the input: every value in a window, and how it goes on.

Whatever layers compute from a size ``n`` with ``+ - * // %``, maxima and minima is, from some ``n`` on,
a quasi-polynomial: along ``n, n + p, n + 2p, ...`` a polynomial. So its values from 1 up to some window,
with the period ``p``, the degree and the place from which that holds, say all of it, and a condition
on it is exact for every size: it is periodic from the place where the last sign has settled.

Source: Stanley, Enumerative Combinatorics 1, section 4.4 (quasi-polynomials).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import pairwise
from math import factorial, gcd, lcm
from operator import add, gt, lt, mul, sub
from typing import Any, Final, NamedTuple

from convcalc.dims import UNKNOWN, DimensionError

DEGREE: Final = 12
"""Highest degree of what is computed from sizes."""

BITS: Final = 4096
"""Longest of its values."""

_ZERO_ONE: Final = bytes.maketrans(b"\x00\x01", b"01")


class Untraceable(Exception):
    """What is computed cannot be followed for all sizes at once; single sizes still can."""


class Split(Exception):
    """A decision that falls one way for some sizes and the other way for the rest.

    Attributes:
        letter: the size it depends on.
        truth: where the condition holds.
    """

    def __init__(self, letter: str, truth: Truth) -> None:
        super().__init__(letter)
        self.letter = letter
        self.truth = truth


class Entangled(Exception):
    """A decision that depends on several sizes at once.

    Attributes:
        letters: these sizes.
    """

    def __init__(self, letters: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(letters)))
        self.letters = letters


class Truth:
    """For which sizes something holds.

    Attributes:
        bits: bit ``i`` is set where it holds for the size ``i + 1``.
        size: how many sizes the bits are of.
        start: bit from which it repeats.
        period: after how many sizes it repeats; None where nothing is known beyond the bits.
    """

    __slots__ = ("bits", "period", "size", "start")

    def __init__(self, bits: int, size: int, start: int = 0, period: int | None = 1) -> None:
        self.bits = bits
        self.size = size
        self.start = start
        self.period = None if period is None or start + period > size else period

    @property
    def is_finite(self) -> bool:
        """Whether it is certain to hold nowhere from :attr:`start` on."""
        return self.period is not None and not self.bits >> self.start

    def __and__(self, other: Truth) -> Truth:
        bits = self.bits & other.bits
        for one in (self, other):
            if one.is_finite:
                return Truth(bits, self.size, one.start, 1)
        return Truth(bits, self.size, max(self.start, other.start), _joined(self.period, other.period))

    def __or__(self, other: Truth) -> Truth:
        return ~(~self & ~other)

    def __invert__(self) -> Truth:
        return Truth(~self.bits & ((1 << self.size) - 1), self.size, self.start, self.period)

    def __bool__(self) -> bool:
        return bool(self.bits)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Truth)
            and self.bits == other.bits
            and (self.period is None) is (other.period is None)
        )

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Truth({self.bits:b}, start={self.start}, period={self.period})"


def everywhere(size: int) -> Truth:
    """What holds for all sizes."""
    return Truth((1 << size) - 1, size)


def _joined(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else lcm(one, other)


class Condition:
    """A condition on sizes: the parts on one size each hold all together.

    Layers may ask for it (``dims.require``), which leaves the sizes for which it holds, or decide by
    it, which has to fall the same way for all sizes that are left.
    """

    __slots__ = ("joint", "parts", "window")

    def __init__(
        self, window: Window, parts: dict[str, Truth], joint: frozenset[frozenset[str]] = frozenset()
    ) -> None:
        self.window = window
        self.parts = parts
        self.joint = joint

    def demand(self, message: str, field: str | None = None, hint: str | None = None) -> None:
        """Leave the sizes for which it holds.

        Raises:
            DimensionError: there is none.
        """
        window = self.window
        window.joint.update(self.joint)
        for letter, truth in self.parts.items():
            left = window.left[letter] = window.left[letter] & truth
            if not left:
                window.unsettled |= left.period is None
                raise DimensionError(message, field=field, hint=hint)

    def all(self) -> bool:
        """Whether it holds for all sizes that are left; False where it holds for none of them.

        Raises:
            Split: it holds for some of them.
            Entangled: it depends on several sizes at once.
        """
        some = None
        for letter, truth in self.parts.items():
            left = self.window.left[letter]
            both = left & truth
            if both.bits not in (0, left.bits):
                some = some or Split(letter, truth)
                continue
            if both.period is None:  # so it is within the window
                self.window.left[letter] = Truth(left.bits, left.size, 0, None)
            if not both:
                return False
        if some is not None:
            raise some
        for letters in self.joint:
            raise Entangled(letters)
        return True

    __bool__ = all

    def any(self) -> bool:
        """Whether it may hold for one of the sizes that are left."""
        return all(self.window.left[letter] & truth for letter, truth in self.parts.items())

    def __and__(self, other: Any) -> Any:
        if not isinstance(other, Condition):
            return self if other is True else other
        parts = dict(self.parts)
        for letter, truth in other.parts.items():
            parts[letter] = parts[letter] & truth if letter in parts else truth
        return Condition(self.window, parts, self.joint | other.joint)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, Condition):
            return self if other is False else other
        if (
            not (self.joint or other.joint)
            and self.parts.keys() == other.parts.keys()
            and len(self.parts) == 1
        ):
            ((letter, truth),) = self.parts.items()
            return self.window.condition(letter, truth | other.parts[letter])
        return Condition(self.window, {}, frozenset({self._letters | other._letters}))

    __ror__ = __or__

    def __invert__(self) -> Any:
        if not self.joint and len(self.parts) == 1:
            ((letter, truth),) = self.parts.items()
            return self.window.condition(letter, ~truth)
        return Condition(self.window, {}, frozenset({self._letters}))

    @property
    def _letters(self) -> frozenset[str]:
        return frozenset(self.parts).union(*self.joint)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("a condition as an array")


class Window:
    """The sizes from 1 to ``size`` of every letter, and the arithmetic on what follows from them.

    Args:
        size: how far values are computed.
        steps: how many values may be computed in all.

    Attributes:
        left: for each letter the sizes that meet every condition so far.
        joint: the sets of letters that a condition joins.
        unsettled: whether a condition left no size within the window, and it is not certain that none
            beyond it meets it.
    """

    def __init__(self, size: int, steps: int) -> None:
        self.size = size
        self.steps = steps
        self.left: dict[str, Truth] = {}
        self.joint: set[frozenset[str]] = set()
        self.unsettled = False
        self._known: dict[Any, Quasi] = {}
        self._done: dict[Any, Any] = {}

    def restart(self, left: Mapping[str, Truth]) -> None:
        """Begin anew with these sizes of each letter."""
        self.left = dict(left)
        self.joint = set()
        self.unsettled = False

    def letter(self, name: str) -> Quasi:
        """The size that is called ``name``."""
        self.left.setdefault(name, everywhere(self.size))
        return self._of(name, tuple(range(1, self.size + 1)), 1, 0, 1, 1)

    def condition(self, letter: str, truth: Truth) -> Any:
        """A condition on one letter; True or False where it is certain for every size."""
        if truth.period is not None:
            if not truth.bits:
                return False
            if truth.bits == (1 << self.size) - 1:
                return True
        return Condition(self, {letter: truth})

    # -- arithmetic ---------------------------------------------------------------------------

    def apply(self, sign: str, a: Any, b: Any) -> Any:
        """``a sign b``, where at least one of them follows from sizes.

        Raises:
            Untraceable: an operand of another kind, or too much work.
        """
        if a is UNKNOWN or b is UNKNOWN:
            return UNKNOWN
        key = (sign, *(v.serial if isinstance(v, Quasi) else (type(v), v) for v in (a, b)))
        try:
            if key in self._done:
                return self._done[key]
        except TypeError:
            raise Untraceable(f"{sign} of a size and {type(b).__name__}") from None
        letters = frozenset().union(*(v.letters for v in (a, b) if isinstance(v, Quasi)))
        if len(letters) > 1:
            found: Any = _OF_ITSELF[sign] if a is b and sign in _OF_ITSELF else self._mixed(sign, letters)
        else:
            a, b = self._lifted(a, letters), self._lifted(b, letters)
            self.steps -= self.size
            if self.steps < 0:
                raise Untraceable("too much work")
            found = _OPERATIONS[sign](self, a, b)
        self._done[key] = found
        return found

    def _mixed(self, sign: str, letters: frozenset[str]) -> Any:
        if sign in _HOLDS:
            return Condition(self, {}, frozenset({letters}))
        return Quasi(self, letters, (), 1, 0, None, 0, len(self._done) * 2 + 1)

    def _lifted(self, value: Any, letters: frozenset[str]) -> Quasi:
        if isinstance(value, Quasi):
            return value
        if isinstance(value, (int, Fraction)):
            return Quasi(
                self, letters, (int(value.numerator),) * self.size, int(value.denominator), 0, 1, 0, 0
            )
        if isinstance(value, float):  # what a double becomes is nobody's polynomial
            return Quasi(self, letters, (value,) * self.size, 1, 0, None, 0, 0)
        raise Untraceable(f"a size beside {type(value).__name__}")

    def made(
        self,
        letters: Iterable[str],
        values: tuple[Any, ...],
        below: int,
        start: int,
        period: int | None,
        degree: int,
    ) -> Any:
        """What has these values; the number itself where it is the same for every size."""
        (letter,) = letters
        if degree > DEGREE or (type(values[-1]) is int and values[-1].bit_length() > BITS):
            raise Untraceable("the numbers grow too large")
        if period is not None and start + (degree + 1) * period > self.size:
            period = None
        if period is not None and values[0] == values[-1] and values.count(values[0]) == len(values):
            return _plain(Fraction(values[0], below))
        return self._of(letter, values, below, start, period, degree)

    def _of(
        self, letter: str, values: tuple[Any, ...], below: int, start: int, period: int | None, degree: int
    ) -> Quasi:
        if below > 1:
            common = gcd(below, *values)
            if common > 1:
                below, values = below // common, tuple(v // common for v in values)
        key = (letter, values, below, period is None)
        found = self._known.get(key)
        if found is None:
            serial = 2 * len(self._known) + 2
            found = Quasi(self, frozenset({letter}), values, below, start, period, degree, serial)
            self._known[key] = found
        return found

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger."""
        return self.apply("max", a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller."""
        return self.apply("min", a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """``a`` where a condition holds, else ``b``."""
        if isinstance(condition, bool):
            return a if condition else b
        if condition.joint or len(condition.parts) != 1:
            raise Entangled(condition._letters)
        ((letter, truth),) = condition.parts.items()
        one, other = (self._lifted(v, frozenset({letter})) for v in (a, b))
        if one.letters != other.letters:
            raise Entangled(one.letters | other.letters)
        return self._chosen(truth, one, other)

    def _chosen(self, truth: Truth, a: Quasi, b: Quasi) -> Any:
        below = lcm(a.below, b.below)
        x, y = below // a.below, below // b.below
        bits = f"{truth.bits:0{self.size}b}"[::-1]
        values = tuple(
            v * x if bit == "1" else w * y for bit, v, w in zip(bits, a.values, b.values, strict=True)
        )
        period = _joined(_joined(a.period, b.period), truth.period)
        start = max(a.start, b.start, truth.start)
        return self.made(a.letters | b.letters, values, below, start, period, max(a.degree, b.degree))


class Quasi:
    """A number that follows from one letter: values for the sizes 1, 2, ... and how they go on.

    From the value number ``start`` on, values ``period`` apart are those of a polynomial of at most
    this ``degree``; nothing is known beyond the window where the period is None. A number that
    follows from several letters has their names and no values.
    """

    __slots__ = ("below", "degree", "letters", "period", "serial", "start", "values", "window")

    def __init__(
        self,
        window: Window,
        letters: frozenset[str],
        values: tuple[Any, ...],
        below: int,
        start: int,
        period: int | None,
        degree: int,
        serial: int,
    ) -> None:
        self.window = window
        self.letters = letters
        self.values = values
        self.below = below
        self.start = start
        self.period = period
        self.degree = degree
        self.serial = serial

    @property
    def carrier(self) -> Window:
        """Who knows the maximum and minimum of it; see :func:`convcalc.dims.maximum`."""
        return self.window

    def __add__(self, other: Any) -> Any:
        return self.window.apply("+", self, other)

    def __radd__(self, other: Any) -> Any:
        return self.window.apply("+", other, self)

    def __sub__(self, other: Any) -> Any:
        return self.window.apply("-", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.window.apply("-", other, self)

    def __mul__(self, other: Any) -> Any:
        return self.window.apply("*", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self.window.apply("/", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.window.apply("/", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.window.apply("//", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.window.apply("//", other, self)

    def __mod__(self, other: Any) -> Any:
        return self - self // other * other

    def __rmod__(self, other: Any) -> Any:
        return other - other // self * self

    def __neg__(self) -> Any:
        return self.window.apply("-", 0, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return self.window.maximum(self, -self)

    def __pow__(self, exponent: Any) -> Any:
        if type(exponent) is not int or not 0 <= exponent <= 8:
            raise Untraceable(f"a size to the power of {exponent}")
        result: Any = 1
        for _ in range(exponent):
            result = result * self
        return result

    def __rpow__(self, base: Any) -> Any:
        raise Untraceable("a size as an exponent")

    def __floor__(self) -> Any:
        return self // 1

    def __ceil__(self) -> Any:
        return -(-self // 1)

    def __round__(self, digits: Any = None) -> Any:
        if digits is not None:
            raise Untraceable("a size rounded to digits")
        nearest = (2 * self + 1) // 2
        half = (2 * self) % 2 == 1
        if half is False:
            return nearest
        return self.window.where(half, nearest - nearest % 2, nearest)

    def __eq__(self, other: object) -> Any:
        return self.window.apply("==", self, other)

    def __ne__(self, other: object) -> Any:
        return self.window.apply("!=", self, other)

    def __lt__(self, other: Any) -> Any:
        return self.window.apply("<", self, other)

    def __le__(self, other: Any) -> Any:
        return self.window.apply("<=", self, other)

    def __gt__(self, other: Any) -> Any:
        return self.window.apply(">", self, other)

    def __ge__(self, other: Any) -> Any:
        return self.window.apply(">=", self, other)

    def __hash__(self) -> int:
        return hash((id(self.window), self.serial))

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __int__(self) -> int:
        raise Untraceable("a size as one number")

    def __str__(self) -> str:
        return "*".join(sorted(self.letters))

    __repr__ = __str__

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("a size as an array")

    def __array_ufunc__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("a size as an array")

    def __array_function__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("a size as an array")


def _common(a: Quasi, b: Quasi) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """The values of both over one denominator."""
    if a.below == b.below:
        return a.below, a.values, b.values
    below = lcm(a.below, b.below)
    x, y = below // a.below, below // b.below
    return below, tuple(v * x for v in a.values), tuple(v * y for v in b.values)


def _sum(sign: Callable[[Any, Any], Any]) -> Callable[[Window, Quasi, Quasi], Any]:
    def apply(window: Window, a: Quasi, b: Quasi) -> Any:
        below, x, y = _common(a, b)
        values = tuple(map(sign, x, y))
        period = _joined(a.period, b.period)
        return window.made(a.letters, values, below, max(a.start, b.start), period, max(a.degree, b.degree))

    return apply


_difference = _sum(sub)


def _product(window: Window, a: Quasi, b: Quasi) -> Any:
    values = tuple(map(mul, a.values, b.values))
    period = _joined(a.period, b.period)
    start, degree = max(a.start, b.start), a.degree + b.degree
    return window.made(a.letters, values, a.below * b.below, start, period, degree)


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _constant(value: Quasi) -> Fraction | None:
    first = value.values[0]
    if value.period is None or value.degree or value.values.count(first) < len(value.values):
        return None
    return Fraction(first, value.below)


def _quotient(window: Window, a: Quasi, b: Quasi) -> Any:
    divisor = _constant(b)
    if divisor is None:
        raise Untraceable("a division by a size")
    if divisor == 0:
        raise ZeroDivisionError("division by zero")
    return a * (1 / divisor)


def _floor(window: Window, a: Quasi, b: Quasi) -> Any:
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


def _floor_by_each(window: Window, a: Quasi, b: Quasi) -> Any:
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


def _truth(window: Window, difference: Quasi, sign: str) -> Truth:
    above, below, start, period = _signs(difference)
    bits = _HOLDS[sign](above, below) & ((1 << window.size) - 1)
    return Truth(bits, window.size, start, period)


_HOLDS: Final[dict[str, Callable[[int, int], int]]] = {
    "==": lambda above, below: ~(above | below),
    "!=": lambda above, below: above | below,
    "<": lambda above, below: below,
    "<=": lambda above, below: ~above,
    ">": lambda above, below: above,
    ">=": lambda above, below: ~below,
}


def _compared(sign: str) -> Callable[[Window, Quasi, Quasi], Any]:
    def apply(window: Window, a: Quasi, b: Quasi) -> Any:
        difference = _difference(window, a, b)
        if not isinstance(difference, Quasi):
            return bool(_HOLDS[sign](int(difference > 0), int(difference < 0)) & 1)
        (letter,) = difference.letters
        return window.condition(letter, _truth(window, difference, sign))

    return apply


def _extreme(sign: str) -> Callable[[Window, Quasi, Quasi], Any]:
    def apply(window: Window, a: Quasi, b: Quasi) -> Any:
        difference = _difference(window, a, b)
        if not isinstance(difference, Quasi):
            chosen = a if (difference >= 0) is (sign == ">=") else b
            constant = _constant(chosen)
            return (
                chosen if constant is None else constant.numerator if constant.denominator == 1 else constant
            )
        return window._chosen(_truth(window, difference, sign), a, b)

    return apply


_OF_ITSELF: Final[dict[str, Any]] = {
    "-": 0, "/": 1, "//": 1, "==": True, "<=": True, ">=": True, "!=": False, "<": False, ">": False,
}  # fmt: skip
_OPERATIONS: Final[dict[str, Callable[[Window, Quasi, Quasi], Any]]] = {
    "+": _sum(add),
    "-": _difference,
    "*": _product,
    "/": _quotient,
    "//": _floor,
    "max": _extreme(">="),
    "min": _extreme("<="),
    **{sign: _compared(sign) for sign in _HOLDS},
}

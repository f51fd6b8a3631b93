"""Numbers that follow from one size of the input: every value in a window, and how it goes on.

Whatever layers compute from a size ``n`` with ``+ - * // %``, maxima and minima is, from some ``n`` on,
a quasi-polynomial: along ``n, n + p, n + 2p, ...`` a polynomial. So its values from 1 up to some window,
with the period ``p``, the degree and the place from which that holds, say all of it, and a condition
on it is exact for every size: it is periodic from the place where the last sign has settled.

Source: Stanley, Enumerative Combinatorics 1, section 4.4 (quasi-polynomials).
"""

from __future__ import annotations

from typing import Any, Protocol

from convcalc.spec.sizes.truth import Untraceable


class Arithmetic(Protocol):
    """What works out what follows from sizes."""

    def apply(self, sign: str, a: Any, b: Any) -> Any:
        """``a sign b``."""

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger."""

    def minimum(self, a: Any, b: Any) -> Any:
        """The smaller."""

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """``a`` where a condition holds, else ``b``."""


class Quasi:
    """A number that follows from one letter: values for the sizes 1, 2, ... and how they go on.

    From the value number ``start`` on, values ``period`` apart are those of a polynomial of at most
    this ``degree``; nothing is known beyond the window where the period is None. A number that
    follows from several letters has their names and no values.
    """

    __slots__ = ("below", "degree", "letters", "period", "serial", "start", "values", "window")

    def __init__(
        self,
        window: Arithmetic,
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
    def carrier(self) -> Arithmetic:
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

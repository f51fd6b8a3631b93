"""The window of sizes in which values are computed, and the numbers that are made there."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

from convcalc.dims import UNKNOWN
from convcalc.spec.sizes.arithmetic import HOLDS, OF_ITSELF, OPERATIONS
from convcalc.spec.sizes.conditions import Condition, Left
from convcalc.spec.sizes.quasi import Quasi
from convcalc.spec.sizes.truth import Entangled, Truth, Untraceable, everywhere, joined

DEGREE: Final = 12
"""Highest degree of what is computed from sizes."""

BITS: Final = 4096
"""Longest of its values."""


class Window(Left):
    """The sizes from 1 to ``size`` of every letter, and the arithmetic on what follows from them.

    Args:
        size: how far values are computed.
        steps: how many values may be computed in all.
    """

    def __init__(self, size: int, steps: int) -> None:
        super().__init__(size)
        self.steps = steps
        self._known: dict[Any, Quasi] = {}
        self._done: dict[Any, Any] = {}

    def letter(self, name: str) -> Quasi:
        """The size that is called ``name``."""
        self.left.setdefault(name, everywhere(self.size))
        return self._of(name, tuple(range(1, self.size + 1)), 1, 0, 1, 1)

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
            found: Any = OF_ITSELF[sign] if a is b and sign in OF_ITSELF else self._mixed(sign, letters)
        else:
            a, b = self._lifted(a, letters), self._lifted(b, letters)
            self.steps -= self.size
            if self.steps < 0:
                raise Untraceable("too much work")
            found = OPERATIONS[sign](self, a, b)
        self._done[key] = found
        return found

    def _mixed(self, sign: str, letters: frozenset[str]) -> Any:
        if sign in HOLDS:
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
            raise Entangled(condition.letters)
        ((letter, truth),) = condition.parts.items()
        one, other = (self._lifted(v, frozenset({letter})) for v in (a, b))
        if one.letters != other.letters:
            raise Entangled(one.letters | other.letters)
        return self.chosen(truth, one, other)

    def chosen(self, truth: Truth, a: Quasi, b: Quasi) -> Any:
        """``a`` where something holds, else ``b``."""
        below = lcm(a.below, b.below)
        x, y = below // a.below, below // b.below
        bits = f"{truth.bits:0{self.size}b}"[::-1]
        values = tuple(
            v * x if bit == "1" else w * y for bit, v, w in zip(bits, a.values, b.values, strict=True)
        )
        period = joined(joined(a.period, b.period), truth.period)
        start = max(a.start, b.start, truth.start)
        return self.made(a.letters | b.letters, values, below, start, period, max(a.degree, b.degree))


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value

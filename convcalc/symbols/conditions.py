"""What symbols must meet: ``H >= 7``, ``G divides M``."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any, Final

from convcalc.symbols.bounds import lower, upper
from convcalc.symbols.form import Form, is_whole, lift, made

_SIGNS: Final[dict[str, dict[str, str]]] = {
    "plain": {},
    "unicode": {">=": "≥", "<=": "≤", "!=": "≠"},
    "latex": {">=": r"\ge", "<=": r"\le", "!=": r"\ne", "divides": r"\mid"},
}


class Condition:
    """A condition on symbols that is neither certain nor impossible.

    Attributes:
        kind: ``>=``, ``>``, ``=``, ``!=``, ``divides`` or ``whole``.
        left: first side (the divisor for ``divides``).
        right: second side.
    """

    __slots__ = ("kind", "left", "right")

    is_Relational = True

    def __init__(self, kind: str, left: Any, right: Any = 0) -> None:
        self.kind = kind
        self.left = left
        self.right = right

    def _key(self) -> tuple[Any, ...]:
        return self.kind, self.left, self.right

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __bool__(self) -> bool:
        raise TypeError(f"whether {self} depends on the symbols")

    def __invert__(self) -> Condition:
        """The opposite."""
        if self.kind in (">=", ">"):
            return Condition(">" if self.kind == ">=" else ">=", self.right, self.left)
        return Condition({"=": "!=", "!=": "="}[self.kind], self.left, self.right)

    @property
    def names(self) -> frozenset[str]:
        """Names of the symbols in it."""
        return frozenset().union(*(v.names for v in (self.left, self.right) if type(v) is Form))

    def holds(self, values: Any = None, /, **named: Any) -> bool:
        """Whether it holds for these values of its symbols."""
        values = {**(values or {}), **named}
        left, right = (v.subs(values) if type(v) is Form else v for v in (self.left, self.right))
        if self.kind == "divides":
            return bool(right % left == 0)
        if self.kind == "whole":
            return bool(left == int(left))
        if self.kind == "=":
            return bool(left == right)
        if self.kind == "!=":
            return bool(left != right)
        return bool(left >= right if self.kind == ">=" else left > right)

    def write(self, notation: str = "plain") -> str:
        """The condition as text; see :meth:`Form.write`."""
        from convcalc.symbols.notation import write

        sides = [self.left, self.right]
        sign = self.kind
        if sign in (">=", ">", "=", "!="):
            difference = self.left - self.right
            if type(difference) is Form:
                sides = [made({m: abs(c) for m, c in difference.terms.items() if c * s > 0}) for s in (1, -1)]
            if type(sides[0]) is not Form:
                sides.reverse()
                sign = {">=": "<=", ">": "<"}.get(sign, sign)
        left, right = (write(side, notation) for side in sides)
        if sign == "whole":
            return rf"{left} \in \mathbb{{Z}}" if notation == "latex" else f"{left} is whole"
        return f"{left} {_SIGNS[notation].get(sign, sign)} {right}"

    def __str__(self) -> str:
        return self.write()

    __repr__ = __str__


def at_least(a: Any, b: Any) -> Any:
    """``a >= b``: True or False where certain, else a condition."""
    a, b = lift(a), lift(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    difference = a - b
    low = lower(difference)
    if low is not None and low >= 0:
        return True
    high = upper(difference)
    if high is not None and high < 0:
        return False
    return Condition(">=", a, b)


def above(a: Any, b: Any) -> Any:
    """``a > b``: True or False where certain, else a condition; ``a >= b + 1`` for whole numbers."""
    a, b = lift(a), lift(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if is_whole(a) and is_whole(b):
        return at_least(a, b + 1)
    difference = a - b
    low = lower(difference)
    if low is not None and low > 0:
        return True
    high = upper(difference)
    if high is not None and high <= 0:
        return False
    if low == 0 and type(difference) is Form and _is_open(difference):
        return True
    return Condition(">", a, b)


def _is_open(value: Form) -> bool:
    """A sum of positive terms of symbols that are above zero is never zero."""
    return all(c > 0 and all(a.kind == "symbol" for a, _ in m) for m, c in value.terms.items())


def equal(a: Any, b: Any) -> Any:
    """``a = b``: True or False where certain, else a condition."""
    a, b = lift(a), lift(b)
    difference = a - b
    if type(difference) is not Form:
        return difference == 0
    low, high = lower(difference), upper(difference)
    if low is not None and low == high:
        return bool(low == 0)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    if is_whole(difference):
        constant = difference.terms.get((), 0)
        if constant % gcd(*(c for m, c in difference.terms.items() if m)):
            return False
        factor = gcd(*difference.terms.values())
        if factor > 1:
            return Condition("=", difference * Fraction(1, factor))
    if type(a) is not Form:
        a, b = b, a
    return Condition("=", a, b)


def divides(divisor: Any, number: Any) -> Any:
    """Whether a positive number divides another: True or False where certain, else a condition."""
    divisor, number = lift(divisor), lift(number)
    if divisor == 1:
        return whole(number)
    ratio = number / divisor if type(divisor) is Form else number * Fraction(1, divisor)
    if is_whole(ratio):
        return True
    if type(ratio) is Form and type(divisor) is int and is_whole(number):
        rest = {m: c % divisor for m, c in number.terms.items() if c % divisor}
        if set(rest) == {()}:
            return False
        factor = gcd(divisor, *rest.values())
        if () in rest and 2 * rest[()] >= divisor:
            rest[()] -= divisor
        simple: Any = Form({m: c // factor for m, c in rest.items()})
        return Condition("divides", divisor // factor, simple)
    if type(ratio) is Form and len(ratio.terms) == 1:
        ((monomial, c),) = ratio.terms.items()
        below = Form({tuple((a, -e) for a, e in monomial if e < 0): c.denominator})
        above = tuple((a, e) for a, e in monomial if e > 0)
        return Condition("divides", below, Form({above: c.numerator}) if above else c.numerator)
    return Condition("divides", divisor, number)


def whole(value: Any) -> Any:
    """Whether a value is whole: True or False where certain, else a condition."""
    if is_whole(value):
        return True
    if type(value) is not Form:
        return False
    if len(value.terms) == 1 and all(a.whole for m in value.terms for a, _ in m):
        return _ratio(value)
    return Condition("whole", value)


def _ratio(value: Form) -> Any:
    ((monomial, c),) = value.terms.items()
    negative = tuple((a, -e) for a, e in monomial if e < 0)
    positive = tuple((a, e) for a, e in monomial if e > 0)
    below: Any = Form({negative: c.denominator}) if negative else c.denominator
    return divides(below, Form({positive: c.numerator}) if positive else c.numerator)

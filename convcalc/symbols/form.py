"""Atoms, and the polynomials over them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias

from convcalc.symbols.atoms import Atom as Atom
from convcalc.symbols.atoms import atom as atom

MAX_TERMS: Final = 3000
"""Most terms of a closed form."""

Number: TypeAlias = Any
"""``int`` where whole, else ``Fraction``."""

Monomial: TypeAlias = tuple[tuple[Atom, int], ...]


def symbol(name: str, whole: bool = True) -> Form:
    """A symbol that stands for a positive whole number (or for any positive one).

    Raises:
        ValueError: the name is no identifier.
    """
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a symbol")
    return Form({((atom("symbol", (name,), whole), 1),): 1})


class Form:
    """A closed form that is no number: a sum of terms, each a coefficient times powers of atoms.

    ``+ - * / // % **`` with forms and numbers give forms, or a number where everything cancels.
    ``//`` and ``%`` round down, as for integers. Comparisons give True or False where they are
    certain for all positive values of the symbols, and otherwise a
    :class:`~convcalc.symbols.conditions.Condition`; ``==`` says whether two forms are the same.

    Attributes:
        terms: coefficient by monomial; a monomial is a sorted tuple of atoms with exponents.
    """

    __slots__ = ("_hash", "_names", "_size", "_text", "terms")

    def __init__(self, terms: dict[Monomial, Number]) -> None:
        self.terms = terms
        self._hash = 0
        self._text = ""
        self._size = 0
        self._names: frozenset[str] | None = None

    def __reduce__(self) -> Any:
        return rebuilt, (list(self.terms.items()),)

    def __hash__(self) -> int:
        if not self._hash:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if type(other) is Form:
            return self.terms == other.terms
        if is_sympy(other):
            other = lift(other)
            return type(other) is Form and self.terms == other.terms
        return False

    @property
    def names(self) -> frozenset[str]:
        """Names of the symbols in it."""
        if self._names is None:
            self._names = frozenset().union(*(a.names for m in self.terms for a, _ in m))
        return self._names

    @property
    def name(self) -> str:
        """The name of a form that is one symbol."""
        if len(self.terms) == 1:
            ((monomial, c),) = self.terms.items()
            if c == 1 and len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].kind == "symbol":
                return str(monomial[0][0].args[0])
        raise AttributeError(f"{self} is no symbol, and has no name")

    @property
    def free_symbols(self) -> set[Form]:
        """The symbols in it."""
        from convcalc.symbols.values import atoms_within

        found: dict[str, Form] = {}
        for a in atoms_within(self):
            if a.kind == "symbol":
                found[a.text] = Form({((a, 1),): 1})
        return set(found.values())

    @property
    def size(self) -> int:
        """How much there is to read: atoms with their exponents, and long coefficients."""
        if not self._size:
            self._size = sum(
                1 + sum(a.size + abs(e).bit_length() - 1 for a, e in m) + _bits(c) // 64
                for m, c in self.terms.items()
            )
        return self._size

    # -- arithmetic -------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if type(other) is int:
            if not other:
                return self
            terms = dict(self.terms)
            return made(_plus(terms, (), other))
        other = lift(other)
        if other is NotImplemented:
            return other
        if type(other) is not Form:
            return made(_plus(dict(self.terms), (), other))
        large, small = (self, other) if len(self.terms) >= len(other.terms) else (other, self)
        terms = dict(large.terms)
        for monomial, value in small.terms.items():
            _plus(terms, monomial, value)
        return made(terms)

    __radd__ = __add__

    def __neg__(self) -> Form:
        return Form({m: -c for m, c in self.terms.items()})

    def __pos__(self) -> Form:
        return self

    def __sub__(self, other: Any) -> Any:
        if type(other) is Form:
            if other is self:
                return 0
            return self + -other
        other = lift(other)
        return other if other is NotImplemented else self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        other = other if type(other) in (int, Form) else lift(other)
        if other is NotImplemented:
            return other
        if type(other) is not Form:
            if other == 0:
                return 0
            if other == 1:
                return self
            return Form({m: normal(c * other) for m, c in self.terms.items()})
        terms: dict[Monomial, Number] = {}
        if len(self.terms) * len(other.terms) > 20 * MAX_TERMS:
            raise involved()
        for m1, c1 in self.terms.items():
            for m2, c2 in other.terms.items():
                _plus(terms, times(m1, m2), c1 * c2)
        return made(terms)

    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            exponent = int(exponent)
        if type(exponent) is not int:
            raise TypeError(f"a closed form has no power of {exponent}")
        if len(self.terms) == 1:
            ((monomial, value),) = self.terms.items()
            if exponent == 0:
                return 1
            if abs(exponent) * _bits(value) > 8192 or abs(exponent) > 10**6:
                raise involved()
            return Form({tuple((a, e * exponent) for a, e in monomial): normal(Fraction(value) ** exponent)})
        if exponent < 0:
            return 1 / self**-exponent
        if exponent > MAX_TERMS:
            raise involved()
        result: Any = 1
        for _ in range(exponent):
            result = self * result
        return result

    def __rpow__(self, base: Any) -> Any:
        raise TypeError("a symbol cannot be an exponent")

    def __truediv__(self, other: Any) -> Any:
        other = lift(other)
        if other is NotImplemented:
            return other
        if type(other) is not Form:
            if other == 0:
                raise ZeroDivisionError("division by zero")
            return self * (1 / Fraction(other))
        if len(other.terms) == 1:
            return self * other**-1
        from convcalc.symbols.division import quotient

        return quotient(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        other = lift(other)
        if other is NotImplemented or other == 0:
            return other
        if len(self.terms) == 1:
            return self**-1 * other
        from convcalc.symbols.division import quotient

        return quotient(other, self)

    def __floordiv__(self, other: Any) -> Any:
        from convcalc.symbols.rounding import floor

        value = self / other
        return value if value is NotImplemented else floor(value)

    def __rfloordiv__(self, other: Any) -> Any:
        from convcalc.symbols.rounding import floor

        value = self.__rtruediv__(other)
        return value if value is NotImplemented else floor(value)

    def __mod__(self, other: Any) -> Any:
        value = self // other
        return value if value is NotImplemented else self - value * other

    def __rmod__(self, other: Any) -> Any:
        value = self.__rfloordiv__(other)
        return value if value is NotImplemented else other - value * self

    def __abs__(self) -> Any:
        from convcalc.symbols.extremes import maximum

        return maximum(self, -self)

    # -- comparisons ------------------------------------------------------------------------

    def __ge__(self, other: Any) -> Any:
        from convcalc.symbols.conditions import at_least

        return at_least(self, other)

    def __le__(self, other: Any) -> Any:
        from convcalc.symbols.conditions import at_least

        return at_least(other, self)

    def __gt__(self, other: Any) -> Any:
        from convcalc.symbols.conditions import above

        return above(self, other)

    def __lt__(self, other: Any) -> Any:
        from convcalc.symbols.conditions import above

        return above(other, self)

    def __bool__(self) -> bool:
        from convcalc.symbols.bounds import lower, upper

        low, high = lower(self), upper(self)
        if (low is not None and low > 0) or (high is not None and high < 0):
            return True
        raise TypeError(f"whether {self} is zero depends on its symbols")

    @property
    def is_positive(self) -> bool:
        """Whether it is certainly above zero."""
        from convcalc.symbols.bounds import lower

        low = lower(self)
        return low is not None and low > 0

    # -- values -----------------------------------------------------------------------------

    def subs(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Any:
        """The form with symbols replaced: a number where none is left.

        Args:
            values: by name, or by symbol (also one of SymPy): numbers, forms or arrays.
            named: the same by keyword.
        """
        found = {str(key): value for key, value in {**(values or {}), **named}.items()}
        from convcalc.symbols.values import substitute

        return substitute(self, found, {})

    __call__ = subs

    def __str__(self) -> str:
        if not self._text:
            from convcalc.symbols import notation

            self._text = notation.write(self)
        return self._text

    __repr__ = __str__

    def write(self, notation: str = "plain") -> str:
        """The form as text: ``plain`` (which the spec language reads), ``unicode`` or ``latex``."""
        from convcalc.symbols.notation import write

        return write(self, notation)

    @property
    def is_sum(self) -> bool:
        """Whether it is written as a sum, which needs brackets beside another sign."""
        from convcalc.symbols.factors import is_product

        return len(self.terms) > 1 and not is_product(self)

    def _repr_latex_(self) -> str:
        return f"${self.write('latex')}$"

    def _sympy_(self) -> Any:
        from convcalc.symbols.convert import to_sympy

        return to_sympy(self)


def rebuilt(terms: list[tuple[Monomial, Number]]) -> Form:
    """A form that was stored: in each process atoms have an order of their own."""
    return Form({tuple(sorted(monomial, key=_by_serial)): c for monomial, c in terms})


def involved() -> Exception:
    """The error of a form that grew beyond what anybody could read."""
    from convcalc.dims import DimensionError

    return DimensionError(
        f"a closed form of more than {MAX_TERMS} terms", hint="numbers in place of some symbols"
    )


def normal(value: Number) -> Number:
    """A number as an ``int`` where it is whole."""
    return value if type(value) is int else value.numerator if value.denominator == 1 else value


def _bits(value: Number) -> int:
    return int(value.numerator.bit_length() + value.denominator.bit_length() - 1)


def _plus(terms: dict[Monomial, Number], monomial: Monomial, value: Number) -> dict[Monomial, Number]:
    found = terms.get(monomial)
    if found is None:
        terms[monomial] = normal(value)
        return terms
    value = normal(found + value)
    if value == 0:
        del terms[monomial]
    else:
        terms[monomial] = value
    return terms


def made(terms: dict[Monomial, Number]) -> Any:
    """A form of terms, or the number it is."""
    if len(terms) <= 1:
        if not terms:
            return 0
        if () in terms:
            return normal(terms[()])
    elif len(terms) > MAX_TERMS:
        raise involved()
    return Form(terms)


def times(one: Monomial, other: Monomial) -> Monomial:
    """Product of two monomials."""
    if not one:
        return other
    if not other:
        return one
    powers = dict(one)
    for a, e in other:
        found = powers.get(a, 0) + e
        if found:
            powers[a] = found
        else:
            del powers[a]
    return tuple(sorted(powers.items(), key=_by_serial))


def _by_serial(item: tuple[Atom, int]) -> int:
    return item[0].serial


def is_sympy(value: Any) -> bool:
    """Whether a value is an expression of SymPy (without importing it)."""
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(value, sympy.Basic)


def lift(value: Any) -> Any:
    """A number or form from what stands beside an operator; NotImplemented for what is neither."""
    if type(value) in (int, Form, Fraction):
        return value
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, float):
        return normal(Fraction(repr(value)))
    if is_sympy(value):
        from convcalc.symbols.convert import from_sympy

        return from_sympy(value)
    if hasattr(value, "__index__") and not hasattr(value, "__len__"):
        return int(value)
    return NotImplemented


def of_atom(a: Atom) -> Form:
    """The form that is one atom."""
    return Form({((a, 1),): 1})


def is_whole(value: Any) -> bool:
    """Whether a number or form is certain to be a whole number: whole atoms and coefficients."""
    if type(value) is not Form:
        return type(value) is int or value == int(value)
    return all(type(c) is int and all(e > 0 and a.whole for a, e in m) for m, c in value.terms.items())

"""Polynomials over atoms, with the operators that the formulas of convcalc are written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Final

from convcalc.budget import spend
from convcalc.carriers import DimensionError, Symbolic, is_sympy
from convcalc.symbols.atoms import Atom, Function, Monomial, Number, atom, monomial_key, times

MAX_TERMS: Final = 3000
"""Most terms of a closed form."""


class Form(Symbolic):
    """A closed form that is no number: a sum of terms, each a coefficient times powers of atoms.

    ``+ - * / // % **`` with forms and numbers give forms, or a number where everything cancels.
    ``//`` and ``%`` round down, as for integers. Comparisons give True or False where they are
    certain for all positive values of the symbols, and otherwise a
    :class:`~convcalc.symbols.conditions.Condition`; ``==`` says whether two forms are the same.

    Attributes:
        terms: coefficient by monomial; a monomial is a sorted tuple of atoms with exponents.
    """

    __slots__ = ("_hash", "_key", "_names", "_size", "_text", "terms")

    def __init__(self, terms: dict[Monomial, Number]) -> None:
        self.terms = terms
        self._hash = 0
        self._text = ""
        self._size = 0
        self._names: frozenset[str] | None = None
        self._key: tuple[Any, ...] | None = None

    def __reduce__(self) -> Any:
        return Form, (self.terms,)

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
    def key(self) -> tuple[Any, ...]:
        """Its terms in an order that does not depend on how it was computed."""
        if self._key is None:
            self._key = tuple(
                sorted((monomial_key(m), c.numerator, c.denominator) for m, c in self.terms.items())
            )
        return self._key

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
        return {of_atom(a) for a in atoms_within(self) if a.kind == "symbol"}

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
            return made(_plus(dict(self.terms), (), other)) if other else self
        other = lift(other)
        if other is NotImplemented:
            return other
        if type(other) is not Form:
            return made(_plus(dict(self.terms), (), other))
        large, small = (self, other) if len(self.terms) >= len(other.terms) else (other, self)
        spend(2 + 2 * len(small.terms) + (len(large.terms) >> 3))
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
            return 0 if other is self else self + -other
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
            spend(len(self.terms))
            return Form({m: normal(c * other) for m, c in self.terms.items()})
        terms: dict[Monomial, Number] = {}
        if len(self.terms) * len(other.terms) > 20 * MAX_TERMS:
            raise involved()
        spend(3 * len(self.terms) * len(other.terms))
        for m1, c1 in self.terms.items():
            for m2, c2 in other.terms.items():
                _plus(terms, times(m1, m2), c1 * c2)
        return made(terms)

    __rmul__ = __mul__

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            exponent = int(exponent)
        if isinstance(exponent, Fraction):  # which is no whole number
            return of_atom(
                atom("call", (self, exponent), False, Function("power", power, grows=exponent > 0))
            )
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
        return self * other**-1 if len(other.terms) == 1 else Atom.rules.quotient(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        other = lift(other)
        if other is NotImplemented or other == 0:
            return other
        return self**-1 * other if len(self.terms) == 1 else Atom.rules.quotient(other, self)

    def __floordiv__(self, other: Any) -> Any:
        value = self / other
        return value if value is NotImplemented else Atom.rules.floor(value)

    def __rfloordiv__(self, other: Any) -> Any:
        value = self.__rtruediv__(other)
        return value if value is NotImplemented else Atom.rules.floor(value)

    def __mod__(self, other: Any) -> Any:
        value = self // other
        return value if value is NotImplemented else self - value * other

    def __rmod__(self, other: Any) -> Any:
        value = self.__rfloordiv__(other)
        return value if value is NotImplemented else other - value * self

    def __abs__(self) -> Any:
        return Atom.rules.maximum(self, -self)

    # -- comparisons ------------------------------------------------------------------------

    def __ge__(self, other: Any) -> Any:
        return Atom.rules.at_least(self, other)

    def __le__(self, other: Any) -> Any:
        return Atom.rules.at_least(other, self)

    def __gt__(self, other: Any) -> Any:
        return Atom.rules.above(self, other)

    def __lt__(self, other: Any) -> Any:
        return Atom.rules.above(other, self)

    def __bool__(self) -> bool:
        if self.is_positive or (-self).is_positive:
            return True
        raise TypeError(f"whether {self} is zero depends on its symbols")

    @property
    def is_positive(self) -> bool:
        """Whether it is certainly above zero."""
        low = Atom.rules.lower(self)
        return low is not None and low > 0

    # -- values and text --------------------------------------------------------------------

    def subs(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Any:
        """The form with symbols replaced: a number where none is left.

        Args:
            values: by name, or by symbol (also one of SymPy): numbers, forms or arrays.
            named: the same by keyword.
        """
        found = {str(key): value for key, value in {**(values or {}), **named}.items()}
        return Atom.rules.substitute(self, found)

    __call__ = subs

    def __str__(self) -> str:
        if not self._text:
            self._text = Atom.rules.write(self, "plain")
        return self._text

    __repr__ = __str__

    def write(self, notation: str = "plain") -> str:
        """The form as text: ``plain`` (which the spec language reads), ``unicode`` or ``latex``."""
        return Atom.rules.write(self, notation)

    @property
    def is_sum(self) -> bool:
        """Whether it is written as a sum, which needs brackets beside another sign."""
        return len(self.terms) > 1 and not Atom.rules.is_product(self)

    def _repr_latex_(self) -> str:
        return f"${self.write('latex')}$"

    def _sympy_(self) -> Any:
        return Atom.rules.to_sympy(self)


# -- making forms and numbers ---------------------------------------------------------------


def symbol(name: str, whole: bool = True) -> Form:
    """A symbol that stands for a positive whole number (or for any positive one).

    Raises:
        ValueError: the name is no identifier.
    """
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a symbol")
    return of_atom(atom("symbol", (name,), whole))


def call(name: str, compute: Callable[..., Any], *args: Any, least: int = 0, grows: bool = False) -> Form:
    """A function of forms that stays as it stands; see :class:`Function`. Its values are whole."""
    return of_atom(atom("call", tuple(map(lift, args)), True, Function(name, compute, least, grows)))


def power(base: Any, exponent: Any) -> Any:
    """A positive number, form or array of them to the power of a fraction, as near as a float comes.

    Raises:
        DimensionError: of a negative number there is none.
    """
    if hasattr(base, "dtype"):
        import numpy as np

        return np.frompyfunc(power, 2, 1)(base, exponent)
    if type(base) is Form:
        return base**exponent
    if base < 0 or (base == 0 and exponent < 0):
        raise DimensionError(f"{base} has no power of {exponent}", hint="a positive number")
    return normal(Fraction(float(base) ** float(exponent)))


def of_atom(a: Atom) -> Form:
    """The form that is one atom."""
    return Form({((a, 1),): 1})


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


def involved() -> DimensionError:
    """The error of a form that grew beyond what anybody could read."""
    return DimensionError(
        f"a closed form of more than {MAX_TERMS} terms", hint="numbers in place of some symbols"
    )


def normal(value: Number) -> Number:
    """A number as an ``int`` where it is whole."""
    return value if type(value) is int else value.numerator if value.denominator == 1 else value


def lift(value: Any) -> Any:
    """A number or form from what stands beside an operator; NotImplemented for what is neither."""
    if type(value) in (int, Form, Fraction):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return normal(Fraction(repr(value)))
    if is_sympy(value):
        return Atom.rules.from_sympy(value)
    if hasattr(value, "__index__") and not hasattr(value, "__len__"):
        return int(value)
    return NotImplemented


def _bits(value: Number) -> int:
    return int(value.numerator.bit_length() + value.denominator.bit_length() - 1)


def _plus(terms: dict[Monomial, Number], monomial: Monomial, value: Number) -> dict[Monomial, Number]:
    value = normal(terms[monomial] + value if monomial in terms else value)
    if value:
        terms[monomial] = value
    else:
        terms.pop(monomial, None)
    return terms


def is_whole(value: Any) -> bool:
    """Whether a number or form is certain to be a whole number: whole atoms and coefficients."""
    if type(value) is not Form:
        return type(value) is int or value == int(value)
    return all(type(c) is int and all(e > 0 and a.whole for a, e in m) for m, c in value.terms.items())


def atoms_within(*values: Any) -> Iterable[Atom]:
    """Every atom of these forms, those inside others too, each once."""
    seen: dict[Atom, None] = {}
    todo = [v for v in values if type(v) is Form]
    while todo:
        for m in todo.pop().terms:
            for a, _ in m:
                if a not in seen:
                    seen[a] = None
                    todo.extend(v for v in a.args if type(v) is Form)
    return seen


def replace(form: Form, target: Atom, value: Any) -> Any:
    """The form with one atom of its own monomials replaced."""
    kept: dict[Monomial, Number] = {}
    result: Any = 0
    for m, c in form.terms.items():
        exponent = next((e for a, e in m if a is target), 0)
        if exponent:
            part = value**exponent if type(value) is Form or exponent > 0 else Fraction(value) ** exponent
            others = tuple(p for p in m if p[0] is not target)
            result = result + part * (Form({others: c}) if others else c)
        else:
            kept[m] = c
    return made(kept) + result if kept else result

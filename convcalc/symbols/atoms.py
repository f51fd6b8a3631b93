"""Atoms, of which the polynomials of closed forms are made, and their products."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar, Final, Protocol, TypeAlias
from weakref import WeakValueDictionary

_RANKS: Final = {"symbol": 0, "excess": 1, "floor": 2, "max": 3, "min": 4, "call": 5, "sum": 6}


@dataclass(frozen=True, slots=True)
class Function:
    """A named function that stays as it stands where its arguments are symbols: ``round(M/3)``.

    Attributes:
        name: how it is written.
        compute: its value, on every carrier of :mod:`convcalc.dims`.
        least: a number that no value is below.
        grows: no value falls as the first argument grows and the others stay.
    """

    name: str
    compute: Callable[..., Any]
    least: int = 0
    grows: bool = False


class Rules(Protocol):
    """What a form does beyond sums, products and powers; :mod:`.operators` is it."""

    def quotient(self, above: Any, below: Any, /) -> Any:
        """``above / below`` for a divisor of several terms."""

    def floor(self, value: Any, /) -> Any:
        """The largest whole number not above a value."""

    def maximum(self, *values: Any) -> Any:
        """The largest of values."""

    def lower(self, value: Any, /) -> Any:
        """A number that a value is never below, or None."""

    def at_least(self, a: Any, b: Any, /) -> Any:
        """``a >= b``."""

    def above(self, a: Any, b: Any, /) -> Any:
        """``a > b``."""

    def substitute(self, form: Any, values: Mapping[str, Any], /) -> Any:
        """The form with symbols replaced."""

    def write(self, value: Any, notation: str, /) -> str:
        """A number or form as text."""

    def atom_text(self, a: Atom, /) -> str:
        """An atom as plain text."""

    def is_product(self, form: Any, /) -> bool:
        """Whether a form is written as a product."""

    def from_sympy(self, expression: Any, /) -> Any:
        """The form or number of an expression of SymPy."""

    def to_sympy(self, form: Any, /) -> Any:
        """The expression of SymPy that a form is."""


class Atom:
    """What a polynomial is made of. Equal atoms are one object.

    Attributes:
        kind: ``symbol``, ``floor``, ``max``, ``min``, ``call``, ``sum`` (a divisor of several terms,
            which only has negative exponents), or ``excess`` (how far a symbol is above the least
            value that is assumed of it; see :mod:`.bounds`).
        args: what it is made of: the name; the form rounded down; the forms compared; the
            arguments.
        whole: its values are whole numbers.
        function: of a ``call``.
        names: of the symbols in it.
        size: how much there is to read.
        key: its place in the order of atoms, which depends on what they are made of alone.
    """

    __slots__ = ("__weakref__", "_text", "args", "function", "key", "kind", "names", "size", "whole")

    rules: ClassVar[Rules]

    def __init__(self, kind: str, args: tuple[Any, ...], whole: bool, function: Function | None) -> None:
        self.kind, self.args, self.whole, self.function = kind, args, whole, function
        self._text = ""
        forms = [a for a in args if hasattr(a, "terms")]
        named = kind in ("symbol", "excess")
        self.names: frozenset[str] = frozenset(args if named else ()).union(*(f.names for f in forms))
        self.size: int = 1 + sum(f.size for f in forms)
        name = args[0] if named else f"{function.name} {function.compute.__qualname__}" if function else ""
        self.key: tuple[Any, ...] = (
            _RANKS[kind], self.size, name, whole, () if named else tuple(map(_value_key, args)),
        )  # fmt: skip

    @property
    def text(self) -> str:
        """How it is written in plain notation."""
        if not self._text:
            self._text = Atom.rules.atom_text(self)
        return self._text

    def __reduce__(self) -> Any:
        return atom, (self.kind, self.args, self.whole, self.function)

    def __repr__(self) -> str:
        return self.text


Number: TypeAlias = Any
"""``int`` where whole, else ``Fraction``."""

Power: TypeAlias = tuple[Atom, int]
Monomial: TypeAlias = tuple[Power, ...]

_ATOMS: Final[WeakValueDictionary[Any, Atom]] = WeakValueDictionary()
_MAKING: Final = Lock()


def atom(kind: str, args: tuple[Any, ...], whole: bool = True, function: Function | None = None) -> Atom:
    """The one atom of this kind and these arguments, in every thread."""
    key = (kind, args, whole, function)
    found = _ATOMS.get(key)
    if found is None:
        made = Atom(kind, args, whole, function)
        with _MAKING:
            found = _ATOMS.setdefault(key, made)
    return found


def by_key(power: Power) -> tuple[Any, ...]:
    """Sorts the atoms of a monomial."""
    return power[0].key


def monomial(powers: Mapping[Atom, int]) -> Monomial:
    """A monomial of powers by atom."""
    return tuple(sorted(((a, e) for a, e in powers.items() if e), key=by_key))


def monomial_key(m: Monomial) -> tuple[Any, ...]:
    """Sorts monomials, whatever they were computed from."""
    return tuple((a.key, e) for a, e in m)


def _value_key(value: Any) -> tuple[Any, ...]:
    return value.key if hasattr(value, "key") else (((), value.numerator, value.denominator),)


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
    return tuple(sorted(powers.items(), key=by_key))

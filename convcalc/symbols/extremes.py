"""The largest and the smallest of several closed forms."""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import Any, Final

from convcalc.symbols.bounds import lower
from convcalc.symbols.form import Form, Monomial, atom, involved, lift, of_atom
from convcalc.symbols.values import atoms_within

MAX_ARGS: Final = 24
"""Most forms none of which is certain to be below another."""


def maximum(*values: Any) -> Any:
    """The largest of numbers and forms; those that another is certain not to be below are left out.

    Raises:
        DimensionError: more than :data:`MAX_ARGS` stay.
    """
    return _extreme("max", [lift(v) for v in values])


def minimum(*values: Any) -> Any:
    """The smallest of numbers and forms; see :func:`maximum`."""
    return _extreme("min", [lift(v) for v in values])


def _extreme(kind: str, values: list[Any]) -> Any:
    flat: list[Any] = []
    for value in values:
        inner = _alone(value, kind)
        flat.extend(inner if inner is not None else [value])
    unique = list(dict.fromkeys(flat))
    sign = 1 if kind == "max" else -1
    unique.sort(key=lambda v: -sign * _sample(v))
    kept: list[Any] = []
    for value in unique:
        if not any(_not_below((best - value) * sign) for best in kept):
            kept = [other for other in kept if not _not_below((value - other) * sign)]
            kept.append(value)
            if len(kept) > MAX_ARGS:
                raise involved()
    if len(kept) == 1:
        return kept[0]
    common, kept = _shared(kept)
    factor, kept = _factor(kept)
    kept.sort(key=lambda v: (type(v) is not Form, str(v)))
    return common + of_atom(atom(kind, tuple(kept))) * factor


def _alone(value: Any, kind: str) -> tuple[Any, ...] | None:
    """The arguments of a form that is such an extreme and nothing else."""
    if type(value) is Form and len(value.terms) == 1:
        ((monomial, c),) = value.terms.items()
        if c == 1 and len(monomial) == 1 and monomial[0][1] == 1 and monomial[0][0].kind == kind:
            return monomial[0][0].args
    return None


def _not_below(difference: Any) -> bool:
    low = lower(difference)
    return low is not None and low >= 0


def _sample(value: Any) -> Any:
    """A value at large symbols, by which what is likely to win comes first."""
    if type(value) is not Form:
        return value
    names = {a.args[0] for a in atoms_within(value) if a.kind == "symbol"}
    try:
        return value.subs({name: 997 + number for number, name in enumerate(sorted(names))})
    except ArithmeticError:
        return 0


def _shared(values: list[Any]) -> tuple[Any, list[Any]]:
    """Terms that all have: ``max(a + t, b + t) = t + max(a, b)``."""
    forms = [v for v in values if type(v) is Form]
    if len(forms) < len(values):
        return 0, values
    first = forms[0].terms
    common = {m: c for m, c in first.items() if all(f.terms.get(m) == c for f in forms[1:])}
    if not common:
        return 0, values
    shared: Any = Form(common)
    return shared, [v - shared for v in values]


def _factor(values: list[Any]) -> tuple[Any, list[Any]]:
    """A positive factor that all have: ``max(g*a, g*b) = g*max(a, b)``."""
    numbers: list[Any] = []
    powers: dict[Any, int] | None = None
    for value in values:
        if type(value) is not Form:
            if value:
                numbers.append(value)
                powers = {}
            continue
        for monomial, c in value.terms.items():
            numbers.append(c)
            here = {a: e for a, e in monomial if a.kind == "symbol" and e > 0}
            powers = here if powers is None else {a: min(e, here[a]) for a, e in powers.items() if a in here}
    if not numbers or any(type(n) is not int for n in numbers):
        return 1, values
    number = gcd(*numbers)
    common: Monomial = tuple(sorted((powers or {}).items(), key=lambda p: p[0].serial))
    if number <= 1 and not common:
        return 1, values
    factor: Any = Form({common: number}) if common else number
    parts = [v / factor if type(v) is Form else (v // factor if type(factor) is int else 0) for v in values]
    return factor, [p.numerator if type(p) is Fraction and p.denominator == 1 else p for p in parts]

"""Quotients of polynomials."""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import Any, Final

from convcalc.carriers import DimensionError
from convcalc.symbols.atoms import Atom, Monomial, Number, atom, monomial, times
from convcalc.symbols.form import MAX_TERMS, Form, made, normal

_MOST_TO_CANCEL: Final = 60
_MOST_POWERS: Final = 30


def order(monomial: Monomial) -> tuple[Any, ...]:
    """Sorts monomials from the leading one: by degree, then by name, for reading and dividing."""
    return (-sum(e for _, e in monomial), [(a.text, -e) for a, e in monomial])


def leading(form: Form) -> Monomial:
    """The first monomial in reading order."""
    return min(form.terms, key=order)


def is_negative(form: Form) -> bool:
    """Whether more terms are negative than positive, constants aside."""
    signs: int = sum((c > 0) - (c < 0) for m, c in form.terms.items() if m)
    return signs < 0


def denominator(form: Form) -> tuple[int, Any]:
    """The common denominator: a number, and a product of powers of atoms (1 for none)."""
    powers: dict[Atom, int] = {}
    for m in form.terms:
        for a, e in m:
            powers[a] = max(powers.get(a, 0), -e)
    return lcm(*(c.denominator for c in form.terms.values())), made({monomial(powers): 1})


def content(form: Form) -> Form | int | Fraction:
    """What divides every term: greatest common coefficient, common powers, sign of the first term."""
    powers = [dict(m) for m in form.terms]
    common = monomial({a: min(p.get(a, 0) for p in powers) for a in {a for p in powers for a in p}})
    factor = Fraction(
        gcd(*(c.numerator for c in form.terms.values())), lcm(*(c.denominator for c in form.terms.values()))
    )
    if form.terms[leading(form)] < 0:
        factor = -factor
    result: Form | int | Fraction = made({common: normal(factor)})
    return result


def exact(numerator: Form, divisor: Form, most: int | None = None) -> Any:
    """The quotient where a polynomial divides another, else None, also where it has more terms than ``most``.

    Division by the leading term, in an order in which products keep their order (by the powers of
    the atoms in turn); the remainder shrinks in that order with every step.
    """
    names = sorted({a for f in (numerator, divisor) for m in f.terms for a, _ in m}, key=lambda a: a.text)

    def key(monomial: Monomial) -> tuple[int, ...]:
        powers = dict(monomial)
        return tuple(powers.get(a, 0) for a in names)

    top = max(divisor.terms, key=key)
    inverse = tuple((a, -e) for a, e in top)
    rest: Any = numerator
    result: dict[Monomial, Number] = {}
    for _ in range(most or 2 * len(numerator.terms) + 8):
        if type(rest) is not Form:
            return made(result) if rest == 0 else None
        first = max(rest.terms, key=key)
        m = times(first, inverse)
        if any(e < 0 for _, e in m):
            return None
        result[m] = normal(Fraction(rest.terms[first]) / divisor.terms[top])
        rest = rest - divisor * made({m: result[m]})
    return None


def quotient(numerator: Any, divisor: Form) -> Any:
    """``numerator / divisor`` for a divisor of several terms.

    Common factors of all terms are cancelled; where one polynomial divides the other the result is
    a polynomial (or one over a polynomial); otherwise the divisor stays whole.
    """
    below = content(divisor)
    simple = divisor / below
    if type(numerator) is Form and len(numerator.terms) > 1:
        above = content(numerator)
        top = numerator / above
        found = exact(top, simple)
        if found is not None:
            return above * found / below
        found = exact(simple, top)
        if found is not None:
            return above / below * _inverse(found)
        common = _common(top, simple)
        if common != 1:
            top, simple = (exact(f, common, MAX_TERMS) for f in (top, simple))
        return above * top / below * _inverse(simple)
    return numerator / below * _inverse(simple)


def _inverse(value: Any) -> Any:
    """One over a form of several terms, or over a number."""
    if type(value) is not Form or len(value.terms) == 1:
        return 1 / Fraction(value) if type(value) is not Form else value**-1
    return Form({((atom("sum", (value,), False), -1),): 1})


def _common(one: Form, other: Form) -> Any:
    """The greatest common divisor of two polynomials, or 1 where looking for it would take long."""
    forms = (one, other)
    if max(len(f.terms) for f in forms) > _MOST_TO_CANCEL:
        return 1
    if any(e < 0 or e > _MOST_POWERS for f in forms for m in f.terms for _, e in m):
        return 1
    try:
        found = greatest_divisor(one, other)
    except DimensionError:  # a remainder of too many terms
        return 1
    return -found if type(found) is Form and found.terms[leading(found)] < 0 else found


def greatest_divisor(one: Any, other: Any) -> Any:
    """The greatest common divisor of two polynomials with whole coefficients, up to its sign.

    Euclid's algorithm in one atom after another (Knuth, The Art of Computer Programming, 4.6.1,
    algorithm E): of two polynomials in ``x``, whose coefficients are polynomials in the other atoms,
    what the coefficients have in common comes out first, by the same rule; of what is left the last
    remainder that is not zero, without what its own coefficients have in common, is the divisor
    (Gauss's lemma). An atom that only one of the two has is in no common divisor.
    """
    if type(one) is not Form or type(other) is not Form:
        return gcd(*(c for v in (one, other) for c in (v.terms.values() if type(v) is Form else (v,))))
    atoms, others = ({a for m in f.terms for a, _ in m} for f in (one, other))
    if atoms != others:
        x = min(atoms ^ others, key=lambda a: a.key)
        has, lacks = (one, other) if x in atoms else (other, one)
        return reduce(greatest_divisor, _coefficients(has, x).values(), lacks)
    x = min(atoms, key=lambda a: (max(dict(m).get(a, 0) for f in (one, other) for m in f.terms), a.key))
    (first, a), (second, b) = _primitive(one, x), _primitive(other, x)
    while True:
        rest = _remainder(a, b, x)
        if rest == 0:
            return greatest_divisor(first, second) * b
        if type(rest) is not Form or max(_coefficients(rest, x)) == 0:
            return greatest_divisor(first, second)
        a, (_, b) = b, _primitive(rest, x)


def _coefficients(form: Form, x: Atom) -> dict[int, Any]:
    """What stands with each power of an atom."""
    found: dict[int, dict[Monomial, Number]] = {}
    for m, c in form.terms.items():
        found.setdefault(dict(m).get(x, 0), {})[tuple(p for p in m if p[0] is not x)] = c
    return {power: made(terms) for power, terms in found.items()}


def _primitive(form: Form, x: Atom) -> tuple[Any, Form]:
    """The common divisor of the coefficients of a polynomial in ``x``, and the polynomial without it."""
    common = reduce(greatest_divisor, _coefficients(form, x).values())
    return common, exact(form, common, MAX_TERMS) if type(common) is Form else form / common


def _remainder(a: Any, b: Form, x: Atom) -> Any:
    """Of ``a`` times a power of the leading coefficient of ``b``, divided by ``b``."""
    below = _coefficients(b, x)
    degree = max(below)
    while type(a) is Form and (top := max(above := _coefficients(a, x))) >= degree:
        a = a * below[degree] - b * above[top] * made({monomial({x: top - degree}): 1})
    return a

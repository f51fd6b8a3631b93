"""Quotients of polynomials."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

from convcalc.budget import spend
from convcalc.carriers import DimensionError
from convcalc.symbols.atoms import Atom, Monomial, Number, atom, monomial, times
from convcalc.symbols.form import MAX_TERMS, Form, made, normal

_MOST_TO_CANCEL: Final = 60
_MOST_BITS: Final = 50_000


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
        spend(2 * len(rest.terms))
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
    if max(len(one.terms), len(other.terms)) > _MOST_TO_CANCEL:
        return 1
    bits = max(abs(c) for f in (one, other) for c in f.terms.values()).bit_length()
    for a in {a for f in (one, other) for m in f.terms for a, _ in m}:
        powers = [dict(m).get(a, 0) for f in (one, other) for m in f.terms]
        bits *= 1 + max(powers)
        if min(powers) < 0 or bits > _MOST_BITS:
            return 1
    try:
        found = greatest_divisor(one, other)
    except DimensionError:  # more terms on the way than a form may have
        return 1
    if found is None:
        return 1
    return -found if type(found) is Form and found.terms[leading(found)] < 0 else found


def greatest_divisor(one: Any, other: Any) -> Any:
    """The greatest common divisor of two polynomials with whole coefficients, up to its sign.

    Char, Geddes & Gonnet 1989 (GCDHEU): with a large number in place of an atom there is one atom
    less; the divisor of what is then left, written to the base of that number with digits around
    zero, has the coefficients of the divisor that was sought. If it divides both, it is the greatest
    one, for every number that is not below ``2*c + 2``, where no coefficient of one of the two is
    above ``c``; if not, a larger number is tried.

    Returns:
        The divisor, or None if six numbers have not shown it.
    """
    if one == 0:
        return other
    if other == 0:
        return one
    scale, others = (gcd(*(f.terms.values() if type(f) is Form else (f,))) for f in (one, other))
    if type(one) is not Form or type(other) is not Form:
        return gcd(scale, others)
    one, other, scale = one / scale, other / others, gcd(scale, others)
    spend(5 * (len(one.terms) + len(other.terms)))
    x = min((a for f in (one, other) for m in f.terms for a, _ in m), key=lambda a: a.key)
    number = 2 * min(max(map(abs, f.terms.values())) for f in (one, other)) + 29
    for _ in range(6):
        left = greatest_divisor(_at(one, x, number), _at(other, x, number))
        if left is not None:
            found = _digits(left, x, number)
            if type(found) is not Form:
                return scale
            found = found / gcd(*found.terms.values())
            if all(exact(f, found, MAX_TERMS) is not None for f in (one, other)):
                return scale * found
        number = number * 73794 // 27011
    return None


def _at(form: Form, x: Atom, number: int) -> Any:
    """A polynomial with a number in place of an atom."""
    values = {m: number ** dict(m).get(x, 0) for m in form.terms}
    return sum(made({tuple(p for p in m if p[0] is not x): c * values[m]}) for m, c in form.terms.items())


def _digits(value: Any, x: Atom, number: int) -> Any:
    """What ``number`` was put for ``x`` in, with coefficients around zero."""
    terms: dict[Monomial, int] = {}
    rest = dict(value.terms) if type(value) is Form else {(): value}
    power = 0
    while rest:
        digits = {m: (c + number // 2) % number - number // 2 for m, c in rest.items()}
        terms.update({times(m, ((x, power),) if power else ()): d for m, d in digits.items() if d})
        rest = {m: r for m, c in rest.items() if (r := (c - digits[m]) // number)}
        power += 1
    return made(terms)

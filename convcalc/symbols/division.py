"""Quotients of polynomials."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final

from convcalc.symbols.form import Form, Monomial, Number, atom, made, normal, times

_MOST_TO_CANCEL: Final = 60


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


def content(form: Form) -> Form | int | Fraction:
    """What divides every term: greatest common coefficient, common powers, sign of the first term."""
    first, *rest = form.terms
    powers = dict(first)
    for monomial in rest:
        other = dict(monomial)
        powers = {a: min(e, other.get(a, 0)) for a, e in powers.items()}
        powers.update({a: min(e, 0) for a, e in monomial if e < 0 and a not in powers})
        for a, e in list(powers.items()):
            if e < 0 and a not in other:
                powers[a] = e
    for a in {a for m in form.terms for a, e in m if e < 0}:
        powers[a] = min(dict(m).get(a, 0) for m in form.terms)
    factor = Fraction(
        gcd(*(c.numerator for c in form.terms.values())), lcm(*(c.denominator for c in form.terms.values()))
    )
    if form.terms[leading(form)] < 0:
        factor = -factor
    monomial = tuple(sorted(((a, e) for a, e in powers.items() if e), key=lambda p: p[0].serial))
    result: Form | int | Fraction = made({monomial: factor.numerator if factor.denominator == 1 else factor})
    return result


def exact(numerator: Form, denominator: Form) -> Any:
    """The quotient where a polynomial divides another, else None.

    Division by the leading term, in an order in which products keep their order (by the powers of
    the atoms in turn); the remainder shrinks in that order with every step.
    """
    names = sorted({a for f in (numerator, denominator) for m in f.terms for a, _ in m}, key=lambda a: a.text)

    def key(monomial: Monomial) -> tuple[int, ...]:
        powers = dict(monomial)
        return tuple(powers.get(a, 0) for a in names)

    top = max(denominator.terms, key=key)
    inverse = tuple((a, -e) for a, e in top)
    rest: Any = numerator
    result: dict[Monomial, Number] = {}
    for _ in range(2 * len(numerator.terms) + 8):
        if type(rest) is not Form:
            return made(result) if rest == 0 else None
        first = max(rest.terms, key=key)
        monomial = times(first, inverse)
        if any(e < 0 for _, e in monomial):
            return None
        factor = Fraction(rest.terms[first]) / denominator.terms[top]
        result[monomial] = factor.numerator if factor.denominator == 1 else factor
        rest = (
            rest - Form({monomial: result[monomial]}) * denominator
            if monomial
            else rest - denominator * factor
        )
    return None


def quotient(numerator: Any, denominator: Form) -> Any:
    """``numerator / denominator`` for a denominator of several terms.

    Common factors of all terms are cancelled; where one polynomial divides the other the result is
    a polynomial (or one over a polynomial); otherwise the denominator stays as one divisor.
    """
    below = content(denominator)
    simple = denominator / below
    if type(numerator) is Form and len(numerator.terms) > 1:
        above = content(numerator)
        top = numerator / above
        found = exact(top, simple)
        if found is not None:
            return above * found / below
        found = exact(simple, top)
        if found is not None:
            return above / below * _inverse(found)
        if max(len(top.terms), len(simple.terms)) <= _MOST_TO_CANCEL:
            top, simple = _cancelled(top, simple)
            return above * top / below * _inverse(simple)
    return numerator / below * _inverse(simple)


def _inverse(value: Any) -> Any:
    """One over a form of several terms, or over a number."""
    if type(value) is not Form or len(value.terms) == 1:
        return 1 / Fraction(value) if type(value) is not Form else value**-1
    return Form({((atom("sum", (value,), False), -1),): 1})


def _cancelled(top: Form, below: Form) -> tuple[Any, Any]:
    """Both without their greatest common divisor, which SymPy finds."""
    import sympy

    atoms = sorted({a for f in (top, below) for m in f.terms for a, _ in m}, key=lambda a: a.text)
    stand_ins = [sympy.Symbol(f"x{i}") for i in range(len(atoms))]
    number = {a: i for i, a in enumerate(atoms)}

    def out(form: Form) -> Any:
        terms = {}
        for monomial, c in form.terms.items():
            powers = [0] * len(atoms)
            for a, e in monomial:
                powers[number[a]] = e
            terms[tuple(powers)] = sympy.Rational(c.numerator, c.denominator)
        return sympy.Poly.from_dict(terms, *stand_ins)

    def back(poly: Any) -> Any:
        return made(
            {
                tuple((a, int(e)) for a, e in zip(atoms, powers, strict=True) if e): normal(
                    Fraction(int(c.p), int(c.q))
                )
                for powers, c in poly.terms()
                if c
            }
        )

    one, other = out(top), out(below)
    if any(e < 0 for f in (top, below) for m in f.terms for _, e in m):
        return top, below
    common = sympy.gcd(one, other)
    return back(sympy.quo(one, common)), back(sympy.quo(other, common))

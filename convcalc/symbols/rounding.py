"""Rounded quotients in one normal form, and the largest and smallest of several forms."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import floor as _floor
from math import gcd
from typing import Any, Final

from convcalc.budget import spend
from convcalc.symbols.atoms import Atom, Monomial, atom, monomial
from convcalc.symbols.bounds import assumed, lower
from convcalc.symbols.division import denominator, is_negative
from convcalc.symbols.form import Form, involved, is_whole, lift, made, of_atom

MAX_SIZE: Final = 1000
"""Largest form that is rounded."""

MAX_ARGS: Final = 24
"""Most forms none of which is certain to be below another."""


def floor(value: Any) -> Any:
    """The largest whole number not above a value, in normal form.

    With ``N/q`` the value, ``N`` a polynomial of whole coefficients and ``q >= 1``:

    1. *Whole parts leave.* ``floor(x + m) = floor(x) + m`` for whole ``m``. Every coefficient of
       ``N`` is reduced modulo ``q`` to the residue nearest to zero, the constant to ``0 ... q-1``.
    2. *One sign.* ``floor(N/q) = -floor((-N + q - 1)/q)``, since ``ceil(n/q) = floor((n+q-1)/q)``
       for whole ``n``. Most coefficients of ``N`` are made positive.
    3. *Common factors.* ``floor((g*Y + c)/(g*r)) = floor((Y + floor(c/g))/r)``: the left side is
       ``floor(floor(Y + c/g)/r)`` by 4, and ``Y`` is whole.
    4. *Nested quotients merge.* ``floor((floor(x) + m)/q) = floor((x + m)/q)`` for whole ``m`` and
       ``q >= 1``. Proof: let ``k`` be whole. ``k <= (floor(x) + m)/q`` says ``k*q - m <=
       floor(x)``, and since ``k*q - m`` is whole that says ``k*q - m <= x``, that is ``k <= (x +
       m)/q``. Both sides are the largest such ``k``. (Graham, Knuth & Patashnik, Concrete
       Mathematics, equation 3.11, is the case ``m = 0``.) A nested quotient with coefficient -1
       takes 2 first.
    5. *A maximum comes out.* Rounding keeps order, so ``floor((c*max(a, b) + m)/q)`` is the
       maximum of ``floor((c*a + m)/q)`` and ``floor((c*b + m)/q)`` for ``c > 0``, the minimum for
       ``c < 0``.

    ``q`` may contain symbols; then 1 takes only what is certain to be whole, and 3 is left out.
    """
    if type(value) is Form:
        if value.size > MAX_SIZE:
            raise involved()
        return _rounded(value, assumed())
    if hasattr(value, "dtype"):
        return value // 1
    return _floor(value)


def ceil(value: Any) -> Any:
    """The smallest whole number not below a value."""
    return -floor(-value)


@lru_cache(maxsize=20_000)
def _rounded(value: Form, assumed: frozenset[tuple[str, Any]]) -> Any:
    """The normal form of one that is not yet rounded; what is assumed decides which maxima stay."""
    del assumed
    spend(5 + 2 * len(value.terms))
    if is_whole(value):
        return value
    below, symbols = denominator(value)
    if below.bit_length() > 512:
        raise involved()
    top = value * below * symbols
    if not is_whole(top):  # symbols that need not be whole: only whole constants leave
        constant = value.terms.get((), 0)
        return _floor(constant) + of_atom(atom("floor", (value - _floor(constant),)))
    if type(top) is not Form:
        return of_atom(atom("floor", (value,)))  # a number over symbols
    extreme = _only(top, ("max", "min"))
    if extreme is not None and len(extreme.args) <= 4:
        return _split(top, extreme, below * symbols)
    nested = _only(top, ("floor",), 1)
    if nested is not None:
        c = top.terms[((nested, 1),)]
        if c == 1:
            return floor((top - of_atom(nested) + nested.args[0]) / (below * symbols))
        flipped = below * symbols - 1 - top
        return -floor((flipped - of_atom(nested) + nested.args[0]) / (below * symbols))
    if type(symbols) is Form:
        return _over_symbols(value, top, below * symbols)
    return _over_number(top, below)


def _only(form: Form, kinds: tuple[str, ...], coefficient: int | None = None) -> Atom | None:
    """The atom of a kind that alone stands by itself (times 1 or -1), if there is exactly one."""
    found: Atom | None = None
    for m, c in form.terms.items():
        for a, e in m:
            if a.kind in kinds:
                alone = len(m) == 1 and e == 1
                if coefficient is None and (not alone or found is not None):
                    return None
                if coefficient is not None and (not alone or abs(c) != coefficient):
                    continue
                if found is not None:
                    return None
                found = a
    return found


def _split(top: Form, extreme: Atom, below: Any) -> Any:
    key: Monomial = ((extreme, 1),)
    c = top.terms[key]
    rest = top - of_atom(extreme) * c
    parts = [
        floor((arg * c + rest) / (below if type(below) is Form else Fraction(below))) for arg in extreme.args
    ]
    return (maximum if (extreme.kind == "max") == (c > 0) else minimum)(*parts)


def _over_number(top: Form, below: int) -> Any:
    out: dict[Monomial, Any] = {}
    terms: dict[Monomial, Any] = {}
    for m, c in top.terms.items():
        rest = c % below
        # of two residues equally near to zero the one of the same sign reads better
        if m and (2 * rest > below or (2 * rest == below and c < 0)):
            rest -= below
        if rest:
            terms[m] = rest
        if c != rest:
            out[m] = (c - rest) // below
    constant = terms.pop((), 0)
    outside = made(out) if out else 0
    if not terms:
        return outside
    factor = gcd(below, *terms.values())
    if factor > 1:
        inner = made({m: c // factor for m, c in terms.items()}) + constant // factor
        return outside + floor(inner * Fraction(factor, below))
    form = Form(terms)
    if is_negative(form):
        return outside - floor((below - 1 - constant - form) * Fraction(1, below))
    inner = (form + constant) * Fraction(1, below)
    return outside + of_atom(atom("floor", (inner,)))


def _over_symbols(value: Form, top: Form, below: Form) -> Any:
    out: dict[Monomial, Any] = {}
    kept: dict[Monomial, Any] = {}
    for m, c in value.terms.items():
        if all(e > 0 for _, e in m):
            whole = _floor(c)
            if whole:
                out[m] = whole
            c = c - whole
        if c:
            kept[m] = c
    outside = made(out) if out else 0
    rest = made(kept)
    if type(rest) is not Form:
        return outside + _floor(rest)
    top = rest * below
    if type(top) is not Form:
        return outside + of_atom(atom("floor", (rest,)))
    if is_negative(top):
        # -N/q is -(N + q - 1)/q rounded down: ceil(N/q) with the other sign
        positive = -top
        if positive.terms.get((), 0) == 0:
            return outside - of_atom(atom("floor", ((positive + below - 1) / below,)))
        return outside - floor((positive + below - 1) / below)
    if top.terms.get((), 0) == -1:
        return outside - 1 + of_atom(atom("floor", ((top + below) / below,)))
    return outside + of_atom(atom("floor", (rest,)))


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
    spend(10 * len(unique))
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
        ((m, c),) = value.terms.items()
        if c == 1 and len(m) == 1 and m[0][1] == 1 and m[0][0].kind == kind:
            return m[0][0].args
    return None


def _not_below(difference: Any) -> bool:
    low = lower(difference)
    return low is not None and low >= 0


def _sample(value: Any) -> Any:
    """A value at large symbols, by which what is likely to win comes first."""
    if type(value) is not Form:
        return value
    try:
        return value.subs({name: 997 + number for number, name in enumerate(sorted(value.names))})
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
    terms = [t for v in values for t in (v.terms if type(v) is Form else {(): v} if v else {}).items()]
    if any(type(c) is not int for _, c in terms):
        return 1, values
    powers = [{a: e for a, e in m if a.kind == "symbol" and e > 0} for m, _ in terms]
    common = monomial({a: min(p.get(a, 0) for p in powers) for a in powers[0]})
    factor = made({common: gcd(*(c for _, c in terms))})
    return factor, [v / factor if type(v) is Form else v // factor for v in values]

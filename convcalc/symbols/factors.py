"""Common factors taken out, so that a person can read the result."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

from convcalc.budget import spend
from convcalc.symbols.atoms import Atom, Monomial, Number, times
from convcalc.symbols.division import content, exact
from convcalc.symbols.form import Form, made, normal, of_atom

_PARTS: Final = re.compile(r"(\d+)")
_MOST_TO_FACTOR: Final = 40


class Factored(NamedTuple):
    """A product: a number, powers of atoms, and powers of sums."""

    number: Number
    powers: tuple[tuple[Atom, int], ...]
    sums: tuple[tuple[Form, int], ...]


def atom_order(a: Atom) -> tuple[Any, ...]:
    """Symbols first, then the rest, each by name."""
    return (a.kind != "symbol", natural(a.text))


@lru_cache(maxsize=4096)
def natural(text: str) -> tuple[Any, ...]:
    """Sorts ``H/4`` before ``H/32``, and a name before what is longer."""
    return tuple((part.isdigit(), int(part) if part.isdigit() else part) for part in _PARTS.split(text))


def ordered(form: Form) -> list[tuple[Monomial, Number]]:
    """The terms in reading order: by degree from the highest, then by name; positive first of equals."""
    terms = sorted(form.terms.items(), key=_term_order)
    if terms[0][1] < 0:
        positive = next((i for i, (_, c) in enumerate(terms) if c > 0), 0)
        terms.insert(0, terms.pop(positive))
    return terms


def _term_order(item: tuple[Monomial, Number]) -> tuple[Any, ...]:
    monomial = sorted(item[0], key=lambda p: atom_order(p[0]))
    return (-sum(e for _, e in monomial), not monomial, [(*atom_order(a), -e) for a, e in monomial])


def factored(form: Form) -> Factored:
    """The common number and powers, and sums over separate sets of symbols apart from each other.

    ``9*H*W - 6*H - 6*W + 4`` is ``(3*H - 2)*(3*W - 2)``: as a table of coefficients, by what
    stands of one set of atoms in a term and what of the others, it has rank one.
    """
    number, powers, sums = _factors(form)
    counted: dict[Form, int] = {}
    for part in sums:
        if _reads_negative(part):
            number, part = -number, -part
        counted[part] = counted.get(part, 0) + 1
    if number < 0:
        # rather (2 - H) than -(H - 2)
        mixed = [p for p, e in counted.items() if e == 1 and any(c < 0 for c in p.terms.values())]
        if mixed:
            number = -number
            counted = {(-p if p is mixed[0] else p): e for p, e in counted.items()}
    return Factored(number, _sorted(powers), tuple(counted.items()))


def _factors(form: Any) -> tuple[Number, Monomial, list[Form]]:
    """A number, powers, and sums whose product a form is; none of the sums has a common factor."""
    if type(form) is not Form:
        return form, (), []
    spend(10 * len(form.terms))
    if len(form.terms) == 1:
        ((monomial, c),) = form.terms.items()
        return c, monomial, []
    number, powers = _common(form)
    rest = form / Form({powers: 1}) if powers else form
    rest = rest * Fraction(1, number) if type(number) is int else rest / number
    parts = _split(rest)
    if len(parts) == 1:
        return number, powers, parts
    sums = []
    for part in parts:
        n, more, found = _factors(part)
        number, powers = number * n, times(powers, more)
        sums += found
    return normal(Fraction(number)), powers, sums


def _common(form: Form) -> tuple[Number, Monomial]:
    """What every term has: a number, and powers of atoms that shorten the reading."""
    common = content(form)
    number: Number
    monomial: Monomial = ()
    if type(common) is Form:
        ((monomial, number),) = common.terms.items()
    else:
        number = common
    if any(e < 0 for m in form.terms for _, e in m):
        # 9*M/G + 1 rather than (9*M + G)/G: of divisors only those of all terms are taken out
        inside = [dict(m) for m in form.terms]
        monomial = tuple((a, e) for a, e in monomial if e > 0 or all(m.get(a, 0) < 0 for m in inside))
        if type(number) is not int and any(type(c) is int for c in form.terms.values()):
            number = 1
    return abs(number), monomial


def _reads_negative(form: Form) -> bool:
    """Whether most terms of the highest degree are negative, or of as many most of all terms."""
    top = max(sum(e for _, e in m) for m in form.terms)
    for terms in ([c for m, c in form.terms.items() if sum(e for _, e in m) == top], form.terms.values()):
        signs = sum((c > 0) - (c < 0) for c in terms)
        if signs:
            return bool(signs < 0)
    return False


def _sorted(monomial: Any) -> tuple[tuple[Atom, int], ...]:
    return tuple(sorted(monomial, key=lambda p: atom_order(p[0])))


def _clusters(form: Form) -> list[set[Atom]]:
    """Sets of atoms that share no symbol with each other."""
    found: list[tuple[set[str], set[Atom]]] = []
    for a in {a for m in form.terms for a, _ in m}:
        names, atoms = set(a.names), {a}
        apart = []
        for other in found:
            if other[0] & names:
                names |= other[0]
                atoms |= other[1]
            else:
                apart.append(other)
        found = [*apart, (names, atoms)]
    return [atoms for _, atoms in sorted(found, key=lambda f: sorted(f[0]))]


def _split(form: Form) -> list[Form]:
    if len(form.terms) < 3:
        return [form]
    clusters = _clusters(form)
    for atoms in clusters if len(clusters) > 2 else clusters[:-1]:
        found = _rank_one(form, atoms)
        if found is not None:
            return [found[0], *_split(found[1])]
    if len(form.terms) <= _MOST_TO_FACTOR and all(e > 0 for m in form.terms for _, e in m):
        return _by_line(form)
    return [form]


def _by_line(form: Form) -> list[Form]:
    """``a*x + b`` is ``a*(x + b/a)`` where ``a`` divides ``b``: ``(H - K + 1)*(W - K + 1)``."""
    for x in sorted({a for m in form.terms for a, _ in m}, key=atom_order):
        if any(e > 1 for m in form.terms for a, e in m if a is x):
            continue
        slope = made({tuple(p for p in m if p[0] is not x): c for m, c in form.terms.items() if (x, 1) in m})
        rest = made({m: c for m, c in form.terms.items() if (x, 1) not in m})
        if type(slope) is not Form or type(rest) is not Form or len(slope.terms) < 2:
            continue
        ratio = exact(rest, slope)
        if ratio is None:
            continue
        line = of_atom(x) + ratio
        scale = content(line)
        if type(scale) is Form:
            continue
        line, slope = line / scale, slope * scale
        return [*_split(line), *_split(slope)]
    return [form]


def _rank_one(form: Form, atoms: set[Atom]) -> tuple[Form, Form] | None:
    rows: dict[Monomial, dict[Monomial, Number]] = {}
    for monomial, c in form.terms.items():
        inner = tuple(p for p in monomial if p[0] in atoms)
        outer = tuple(p for p in monomial if p[0] not in atoms)
        rows.setdefault(inner, {})[outer] = c
    first, *others = rows.items()
    columns = first[1]
    if len(rows) < 2 and () in rows:
        return None
    pivot, base = next(iter(columns.items()))
    for _, row in others:
        if row.keys() != columns.keys():
            return None
        if any(row[k] * base != columns[k] * row[pivot] for k in columns):
            return None
    left = made({inner: row[pivot] for inner, row in rows.items()})
    if type(left) is not Form:
        return None
    scale = content(left)
    scale = scale if type(scale) is not Form else 1
    left = left / scale
    right = made(dict(columns)) * scale / base
    if type(right) is not Form:
        return None
    return left, right


def grouped(form: Form) -> list[Form]:
    """The form as a sum of parts that share no atom, constants shared out so that each part factors.

    Of ``a*x*y + b*x + c*y`` the constant ``b*c/a`` makes ``a*(x + c/a)*(y + b/a)``.
    """
    groups: list[tuple[set[Atom], dict[Monomial, Number]]] = []
    constant = form.terms.get((), 0)
    for monomial, c in form.terms.items():
        if not monomial:
            continue
        atoms, terms = {a for a, _ in monomial}, {monomial: c}
        apart = []
        for group in groups:
            if group[0] & atoms:
                atoms |= group[0]
                terms = {**group[1], **terms}
            else:
                apart.append(group)
        groups = [*apart, (atoms, terms)]
    if len(groups) < 2 or len(form.terms) == len(groups) + (constant != 0):
        return [form]
    parts = []
    for _, terms in groups:
        extra = _completing(terms)
        constant = constant - extra
        parts.append(Form({**terms, (): extra} if extra else terms))
    parts.sort(key=lambda part: _term_order(ordered(part)[0]))
    return [*parts, constant] if constant else parts


def _completing(terms: dict[Monomial, Number]) -> Number:
    """The whole constant that makes a product of two sums of ``a*x*y + b*x + c*y``; else 0."""
    if len(terms) != 3:
        return 0
    products = [m for m in terms if len(m) == 2]
    if len(products) != 1:
        return 0
    x, y = products[0]
    if (x,) not in terms or (y,) not in terms:
        return 0
    value = Fraction(terms[x,] * terms[y,], 1) / terms[products[0]]
    return value.numerator if value.denominator == 1 else 0


def is_product(form: Form) -> bool:
    """Whether it is written as a product, which needs no brackets above a divisor."""
    found = factored(form)
    return bool(found.powers) or len(found.sums) != 1 or abs(found.number) != 1 or found.sums[0][1] != 1

"""What is certain about a closed form for all values of its symbols.

A symbol is at least 1 unless more is assumed (:func:`assuming`). Bounds are safe, not always
tight: None means that none was found. They depend on the form and on what is assumed alone, not on
what was asked before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any, Final

from convcalc.budget import spend
from convcalc.symbols.atoms import Atom, Monomial, Power, atom, monomial_key
from convcalc.symbols.form import Form, is_whole, made, of_atom, replace

_CACHE_SIZE: Final = 50_000
_DEPTH: Final = 12
_MOST_POWERS: Final = 30


class Assumptions:
    """What is assumed of symbols, with the bounds that were found under it.

    Attributes:
        least: numbers by name that a symbol is not below.
        shifts: forms by name that a symbol is not below, of symbols that are no keys themselves.
        key: both, hashable.
        found: bounds by form and depth; each is the same whoever works it out.
    """

    __slots__ = ("found", "key", "least", "shifts")

    def __init__(self, least: Mapping[str, int], shifts: Mapping[str, Form]) -> None:
        self.least, self.shifts = least, shifts
        self.key = frozenset((*least.items(), *shifts.items()))
        self.found: dict[tuple[Form, int], Any] = {}


_NOTHING: Final = Assumptions({}, {})
_ASSUMED: Final = ContextVar("assumed", default=_NOTHING)


@contextmanager
def assuming(least: Mapping[str, int], shifts: Mapping[str, Form] | None = None) -> Iterator[None]:
    """Count with symbols that are not below these values, on top of what is assumed already.

    Args:
        least: numbers by name.
        shifts: forms by name, of symbols that are no keys themselves.
    """
    now = _ASSUMED.get()
    token = _ASSUMED.set(Assumptions({**now.least, **least}, {**now.shifts, **(shifts or {})}))
    try:
        yield
    finally:
        _ASSUMED.reset(token)


def assumed() -> frozenset[tuple[str, Any]]:
    """What is assumed at the moment: numbers and forms by name."""
    return _ASSUMED.get().key


def assumed_least(name: str) -> int:
    """The least value that a symbol is assumed to have."""
    return _ASSUMED.get().least.get(name, 1)


def lower(value: Any) -> Any:
    """A number that the value is never below, or None."""
    return _lower(value, _DEPTH)


def upper(value: Any) -> Any:
    """A number that the value is never above, or None."""
    found = lower(-value)
    return None if found is None else -found


def _lower(value: Any, depth: int) -> Any:
    if type(value) is not Form:
        return value
    now = _ASSUMED.get()
    found = now.found.get((value, depth), now)
    if found is not now:
        return found
    spend(10 + 2 * len(value.terms))
    found = _search(value, depth) if depth else None
    if depth == _DEPTH and not value.names.isdisjoint(now.shifts):
        other = _lower(_moved(value, now.shifts), depth - 1)
        found = other if found is None else found if other is None else max(found, other)
    if found is not None and is_whole(value):
        found = ceil(found)
    if len(now.found) > _CACHE_SIZE:
        now.found.clear()
    now.found[value, depth] = found
    return found


def _moved(value: Form, shifts: Mapping[str, Form]) -> Any:
    """With ``H`` not below ``K``, the form of ``K`` and of how far ``H`` is above it."""
    excess = {name: of_atom(atom("excess", (f"{name}'",))) for name in shifts}  # no symbol is called so
    return value.subs({name: form + excess[name] for name, form in shifts.items()})


def _search(value: Form, depth: int) -> Any:
    base: Any = 0
    rest: Any = value
    floors = [(m[0][0], c) for m, c in value.terms.items() if len(m) == 1 and _is_floor(m[0])]
    floors.sort(key=lambda item: item[0].key)
    if len(floors) > 1:
        base, rest = _paired(rest, floors, depth)
    extreme = _first(rest, ("max", "min"))
    if extreme is not None:
        return _sum(base, _of_extreme(rest, extreme, depth))
    found = [_sum(base, _linear(rest, depth))]
    if rest is not value:
        found.append(_linear(value, depth))
    if _first(value, ("floor",)) is not None:
        found.append(_linear(value, depth, constant=True))
    return max((bound for bound in found if bound is not None), default=None)


def _sum(a: Any, b: Any) -> Any:
    return None if b is None else a + b


def _is_floor(power: Power) -> bool:
    return power[0].kind == "floor" and power[1] == 1


def _paired(rest: Any, floors: list[tuple[Atom, Any]], depth: int) -> tuple[Any, Any]:
    """``floor(x) - floor(y) >= floor(x - y)``: better than bounding each by itself."""
    base: Any = 0
    left = dict(floors)
    spend(len(floors) ** 2)
    for a, _ in floors:
        for b, _ in floors:
            if left[a] > 0 > left[b]:
                apart = _lower(a.args[0] - b.args[0], depth - 1)
                if apart is not None:
                    c = min(left[a], -left[b])
                    left[a] -= c
                    left[b] += c
                    rest = rest - (of_atom(a) - of_atom(b)) * c
                    base = base + c * floor(apart)
    return base, rest


def _first(value: Any, kinds: tuple[str, ...]) -> Atom | None:
    if type(value) is not Form:
        return None
    found = (a for m in value.terms for a, _ in m if a.kind in kinds)
    return min(found, key=lambda a: a.key, default=None)


def _of_extreme(value: Form, extreme: Atom, depth: int) -> Any:
    """It is one of its arguments: the worst of them bounds it, and the better one side where it only adds."""
    if len(extreme.args) > 8:
        return None
    bounds = [_lower(replace(value, extreme, arg), depth - 1) for arg in extreme.args]
    uses = [(m, c) for m, c in value.terms.items() if any(a is extreme for a, _ in m)]
    better = len(uses) == 1 and len(uses[0][0]) == 1 and uses[0][0][0][1] == 1
    if better and (uses[0][1] > 0) == (extreme.kind == "max"):
        return max((b for b in bounds if b is not None), default=None)
    return None if None in bounds else min(bounds)


def _linear(value: Any, depth: int, constant: bool = False) -> Any:
    """Every rounded quotient gives way to the line that bounds it; then the symbols are shifted.

    With ``constant``, one that only adds gives way to the least number that it can be.
    """
    for _ in range(24):
        if type(value) is not Form:
            return value
        floors = [(m, a) for m in value.terms for a, e in m if a.kind == "floor" and e > 0]
        if not floors:
            return _polynomial(value)
        monomial, target = min(floors, key=lambda item: (monomial_key(item[0]), item[1].key))
        c = value.terms[monomial]
        others = _without(monomial, target)
        if not all(is_nonnegative(a, depth) for a, _ in others):
            return None
        inside = target.args[0]
        least = _lower(inside, depth - 1) if constant and c > 0 else None
        if least is not None:
            inside = floor(least)
        elif c > 0:
            inside = inside - _slack(inside)
        extreme = _first(inside, ("max", "min"))
        if extreme is not None:
            changed = value - Form({monomial: c}) + (Form({others: c}) if others else c) * inside
            return _lower(changed, depth - 1)
        value = value - Form({monomial: c}) + (Form({others: c}) if others else c) * inside
    return None


def _without(monomial: Monomial, target: Atom) -> Monomial:
    """The monomial divided by one atom."""
    return tuple((a, e - (a is target)) for a, e in monomial if e != 1 or a is not target)


def _slack(inside: Form) -> Any:
    """How far rounding may go down: ``(q - 1)/q`` where the values are fractions over ``q``, else 1."""
    if all(a.whole and e > 0 for m in inside.terms for a, e in m):
        q = lcm(*(c.denominator for c in inside.terms.values()))
        return Fraction(q - 1, q)
    return 1


def is_nonnegative(a: Atom, depth: int = _DEPTH) -> bool:
    """Whether an atom is certain not to be below zero."""
    if a.kind in ("symbol", "excess", "call"):
        return True
    if a.kind in ("sum", "floor"):
        low = _lower(a.args[0], depth - 1)
        return low is not None and (low > 0 or (low == 0 and a.kind == "floor"))
    bounds = [_lower(arg, depth - 1) for arg in a.args]
    known = [b for b in bounds if b is not None]
    if a.kind == "max":
        return max(known, default=-1) >= 0
    return len(known) == len(bounds) and min(known) >= 0


def least_of(a: Atom) -> Any:
    """The least value of an atom that is taken as it is."""
    if a.kind == "symbol":
        return _ASSUMED.get().least.get(a.args[0], 1 if a.whole else 0)
    return a.function.least if a.function else 0


def _polynomial(value: Form) -> Any:
    """With every atom ``least + h``, ``h >= 0``: where no coefficient is negative, the constant.

    Terms over one divisor are bounded together, by zero where their sum is not negative, and by their
    sum over the least divisor where it is a negative number.
    """
    plain: dict[Monomial, Any] = {}
    over: dict[Monomial, dict[Monomial, Any]] = {}
    for monomial, c in value.terms.items():
        divisor = tuple((a, -e) for a, e in monomial if e < 0)
        if divisor:
            over.setdefault(divisor, {})[tuple(p for p in monomial if p[1] > 0)] = c
        else:
            plain[monomial] = c
    total: Any = _shifted(made(plain))
    if total is None:
        return None
    for divisor, terms in over.items():
        bound = _shifted(made(terms))
        if bound is None:
            return None
        if bound < 0:
            for a, e in divisor:
                least = least_of(a)
                if not least:
                    return None
                bound = bound / Fraction(least) ** e
            total = total + bound
    return total


def _least_power(monomial: Monomial) -> Any:
    result: Any = 1
    for a, e in monomial:
        result = result * least_of(a) ** e
    return result


def _shifted(value: Any) -> Any:
    total: Any = 0
    if type(value) is not Form:
        return value
    if all(c > 0 for m, c in value.terms.items() if m):
        return sum(c * _least_power(m) for m, c in value.terms.items())
    if max(sum(e for _, e in m) for m in value.terms) > _MOST_POWERS:
        return None
    for monomial, c in value.terms.items():
        if not monomial:
            total = total + c
        elif len(monomial) == 1 and monomial[0][1] == 1:
            total = total + made({monomial: c}) + c * least_of(monomial[0][0])
        else:
            part: Any = c
            for a, e in monomial:
                least = least_of(a)
                part = part * ((of_atom(a) + least) ** e if least else of_atom(a) ** e)
            total = total + part
    if type(total) is not Form:
        return total
    if any(c < 0 for m, c in total.terms.items() if m):
        return None
    return total.terms.get((), 0)

"""Conditions in the shortest form: the strongest ``H >= n`` instead of many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from convcalc.symbols.bounds import assumed_least, assuming
from convcalc.symbols.conditions import Condition, whole
from convcalc.symbols.factors import natural
from convcalc.symbols.form import Form, is_whole, of_atom, symbol
from convcalc.symbols.values import atoms_within

_MOST: Final = 2**64


def simplified(conditions: Iterable[Any]) -> tuple[Condition, ...]:
    """Each condition once, those on one symbol solved for it, the strongest bound kept.

    ``ceil(H/32) - 6 >= 0`` becomes ``H >= 161``: the form rises with its one symbol, so that the
    least value for which it holds is found by halving. Conditions that are no bound stay as they
    are.
    """
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    others: dict[Condition, None] = {}
    for condition in conditions:
        if not isinstance(condition, Condition):
            continue
        found = _solved(condition)
        if found is None:
            others[condition] = None
            continue
        name, direction, value = found
        if direction > 0:
            least[name] = max(least.get(name, 1), value)
        else:
            most[name] = min(most.get(name, _MOST), value)
    bounds = [Condition(">=", symbol(n), v) for n, v in sorted(least.items()) if v > 1]
    bounds += [Condition(">=", v, symbol(n)) for n, v in sorted(most.items())]
    return (*bounds, *sorted((c for c in others if not _implied(c, least)), key=str))


def least_values(conditions: Iterable[Any]) -> dict[str, int]:
    """What simplified conditions say about the least value of each symbol."""
    return {
        str(c.left): c.right
        for c in conditions
        if isinstance(c, Condition)
        and c.kind == ">="
        and type(c.right) is int
        and type(c.left) is Form
        and len(c.left.terms) == 1
        and str(c.left).isidentifier()
    }


def shifts(conditions: Iterable[Any]) -> dict[str, Form]:
    """What simplified conditions say about a symbol in terms of others: ``H >= K`` as ``{"H": K}``."""
    found: dict[str, Form] = {}
    used: set[str] = set()
    for c in conditions:
        if not isinstance(c, Condition) or c.kind != ">=" or len(c.names) < 2:
            continue
        difference = c.left - c.right
        if type(difference) is not Form or not is_whole(difference):
            continue
        for monomial, factor in sorted(difference.terms.items(), key=str):
            if factor != 1 or len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].kind != "symbol":
                continue
            name = monomial[0][0].args[0]
            rest = Form({monomial: 1}) - difference
            if (
                type(rest) is not Form
                or name in rest.names | used | found.keys()
                or rest.names & found.keys()
            ):
                continue
            found[name] = rest
            used |= rest.names
            break
    return found


def settled(form: Any) -> tuple[Any, tuple[Condition, ...]]:
    """A form without its maxima and minima, and from where on it is the same.

    ``min(ceil(H/2), 2)`` is 2 where ``H >= 3``. Where one bound on all symbols settles every maximum
    and minimum, the form is given as it is from there on, with the least such bound; otherwise it is
    given as it was.
    """
    if type(form) is not Form:
        return form, ()
    undecided = sum(a.kind in ("max", "min") for a in atoms_within(form))
    if not undecided or undecided > _MOST_UNDECIDED or form.size > _MOST_TO_SETTLE:
        return form, ()
    names = sorted(form.names)
    themselves = {s.name: s for s in form.free_symbols}

    def under(least: int) -> Any:
        with assuming({name: max(least, assumed_least(name)) for name in names}):
            found = form.subs(themselves)
        return None if any(a.kind in ("max", "min") for a in atoms_within(found)) else found

    high = 1
    while under(high) is None:
        high *= 4
        if high > _MOST_SETTLED:
            return form, ()
    low = high // 4
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if under(middle) is None else (low, middle)
    return under(high), tuple(Condition(">=", themselves[name], high) for name in names)


_MOST_SETTLED: Final = 600
_MOST_UNDECIDED: Final = 12
_MOST_TO_SETTLE: Final = 3000


def _implied(condition: Condition, least: dict[str, int]) -> bool:
    from convcalc.symbols.bounds import assuming
    from convcalc.symbols.conditions import above, at_least, equal

    test = {">=": at_least, ">": above, "!=": equal}.get(condition.kind)
    if test is None or not least:
        return False
    with assuming(least):
        return test(condition.left, condition.right) is (condition.kind != "!=")


def _solved(condition: Condition) -> tuple[str, int, int] | None:
    """Symbol, direction and bound of a condition that is one."""
    if condition.kind == "!=":
        return _apart(condition)
    if condition.kind not in (">=", ">") or len(condition.names) != 1:
        return None
    (name,) = condition.names
    difference = condition.left - condition.right
    if type(difference) is not Form or any(
        a.kind == "symbol" and not a.whole for m in difference.terms for a, _ in m
    ):
        return None
    direction = _rises(difference)
    if not direction:
        return None

    def holds(value: int) -> bool:
        return condition.holds({name: value})

    if direction > 0:
        high = 1
        while not holds(high):
            high *= 2
            if high > _MOST:
                return None
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if holds(middle) else (middle, high)
        return name, 1, high
    if not holds(1):
        return None
    high = 1
    while holds(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return name, -1, low


def _apart(condition: Condition) -> tuple[str, int, int] | None:
    """``f != g`` for a difference that never changes its sign: from where on they differ for good.

    Only where they are equal below that bound and nowhere above, so that nothing is lost.
    """
    if len(condition.names) != 1:
        return None
    from convcalc.symbols.bounds import lower, upper

    difference = condition.left - condition.right
    if upper(difference) is not None and upper(difference) <= 0:
        difference = -difference
    elif lower(difference) is None or lower(difference) < 0:
        return None
    if not isinstance(difference, Form):
        return None
    (name,) = condition.names
    values = [difference.subs({name: value}) for value in range(1, 2049)]
    from convcalc.symbols.bounds import assuming

    last = max((n for n, v in enumerate(values, 1) if v == 0), default=0)
    if any(values[:last]) or last >= 1024:
        return None
    with assuming({name: last + 1}):
        low = lower(difference)
    if low is None or low <= 0:
        with assuming({name: 1024}):
            low = lower(difference)
        if low is None or low <= 0:
            return None
    return name, 1, last + 1


def _rises(value: Any) -> int:
    """1 where a form never falls as its symbols grow, -1 where it never rises, 0 where neither is seen."""
    if type(value) is not Form:
        return 0
    directions = set()
    for monomial, c in value.terms.items():
        for a, e in monomial:
            if e < 0:
                return 0
            inner = 1 if a.kind in ("symbol", "call") else _rises_all(a.args)
            if a.kind == "call" or not inner:
                return 0
            if len(monomial) > 1 or e > 1:
                from convcalc.symbols.bounds import _is_nonnegative

                if not _is_nonnegative(a, 8):
                    return 0
            directions.add(inner if c > 0 else -inner)
    return directions.pop() if len(directions) == 1 else 0


def _rises_all(args: tuple[Any, ...]) -> int:
    found = {_rises(a) for a in args if type(a) is Form}
    return found.pop() if len(found) == 1 else 0


def roundings(values: Iterable[Any]) -> list[tuple[Form, Any]]:
    """Each unevaluated ``make_divisible(x, d)`` in these forms, and where it is ``x`` itself."""
    found = []
    for a in atoms_within(*values):
        if a.kind == "call" and a.function is not None and a.function.__name__ == "make_divisible":
            found.append((of_atom(a), whole(a.args[0] / a.args[1])))
    return sorted(found, key=lambda item: natural(str(item[0])))

"""What symbols must meet, and all of it in the shortest form: ``H >= 7``, ``G divides M``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import gcd
from typing import Any, Final

from convcalc.carriers import Symbolic
from convcalc.symbols.bounds import assumed_least, assuming, is_nonnegative, lower, upper
from convcalc.symbols.factors import natural
from convcalc.symbols.form import Form, atoms_within, is_whole, lift, made, of_atom, symbol
from convcalc.symbols.notation import write

_MOST: Final = 2**64
_MOST_SETTLED: Final = 600
_MOST_UNDECIDED: Final = 12
_MOST_TO_SETTLE: Final = 3000
_SIGNS: Final[dict[str, dict[str, str]]] = {
    "plain": {},
    "unicode": {">=": "≥", "<=": "≤", "!=": "≠"},
    "latex": {">=": r"\ge", "<=": r"\le", "!=": r"\ne", "divides": r"\mid"},
}


class Condition(Symbolic):
    """A condition on symbols that is neither certain nor impossible.

    Attributes:
        kind: ``>=``, ``>``, ``=``, ``!=``, ``divides`` or ``whole``.
        left: first side (the divisor for ``divides``).
        right: second side.
    """

    __slots__ = ("kind", "left", "right")

    is_condition = True

    def __init__(self, kind: str, left: Any, right: Any = 0) -> None:
        self.kind = kind
        self.left = left
        self.right = right

    def _key(self) -> tuple[Any, ...]:
        return self.kind, self.left, self.right

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __bool__(self) -> bool:
        raise TypeError(f"whether {self} depends on the symbols")

    def __invert__(self) -> Condition:
        """The opposite."""
        if self.kind in (">=", ">"):
            return Condition(">" if self.kind == ">=" else ">=", self.right, self.left)
        return Condition({"=": "!=", "!=": "="}[self.kind], self.left, self.right)

    @property
    def names(self) -> frozenset[str]:
        """Names of the symbols in it."""
        return frozenset().union(*(v.names for v in (self.left, self.right) if type(v) is Form))

    def holds(self, values: Any = None, /, **named: Any) -> bool:
        """Whether it holds for these values of its symbols."""
        values = {**(values or {}), **named}
        left, right = (v.subs(values) if type(v) is Form else v for v in (self.left, self.right))
        if self.kind == "divides":
            return bool(right % left == 0)
        if self.kind == "whole":
            return bool(left == int(left))
        if self.kind == "=":
            return bool(left == right)
        if self.kind == "!=":
            return bool(left != right)
        return bool(left >= right if self.kind == ">=" else left > right)

    def write(self, notation: str = "plain") -> str:
        """The condition as text; see :meth:`Form.write`."""
        sides = [self.left, self.right]
        sign = self.kind
        if sign in (">=", ">", "=", "!="):
            difference = self.left - self.right
            if type(difference) is Form:
                sides = [made({m: abs(c) for m, c in difference.terms.items() if c * s > 0}) for s in (1, -1)]
            if type(sides[0]) is not Form:
                sides.reverse()
                sign = {">=": "<=", ">": "<"}.get(sign, sign)
        left, right = (write(side, notation) for side in sides)
        if sign == "whole":
            return rf"{left} \in \mathbb{{Z}}" if notation == "latex" else f"{left} is whole"
        return f"{left} {_SIGNS[notation].get(sign, sign)} {right}"

    def __str__(self) -> str:
        return self.write()

    __repr__ = __str__


def at_least(a: Any, b: Any) -> Any:
    """``a >= b``: True or False where certain, else a condition."""
    a, b = lift(a), lift(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    difference = a - b
    low = lower(difference)
    if low is not None and low >= 0:
        return True
    high = upper(difference)
    if high is not None and high < 0:
        return False
    return Condition(">=", a, b)


def above(a: Any, b: Any) -> Any:
    """``a > b``: True or False where certain, else a condition; ``a >= b + 1`` for whole numbers."""
    a, b = lift(a), lift(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if is_whole(a) and is_whole(b):
        return at_least(a, b + 1)
    difference = a - b
    low = lower(difference)
    if low is not None and low > 0:
        return True
    high = upper(difference)
    if high is not None and high <= 0:
        return False
    if low == 0 and type(difference) is Form and _is_open(difference):
        return True
    return Condition(">", a, b)


def _is_open(value: Form) -> bool:
    """A sum of positive terms of symbols that are above zero is never zero."""
    return all(c > 0 and all(a.kind == "symbol" for a, _ in m) for m, c in value.terms.items())


def equal(a: Any, b: Any) -> Any:
    """``a = b``: True or False where certain, else a condition."""
    a, b = lift(a), lift(b)
    difference = a - b
    if type(difference) is not Form:
        return difference == 0
    low, high = lower(difference), upper(difference)
    if low is not None and low == high:
        return bool(low == 0)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    if is_whole(difference):
        constant = difference.terms.get((), 0)
        if constant % gcd(*(c for m, c in difference.terms.items() if m)):
            return False
        factor = gcd(*difference.terms.values())
        if factor > 1:
            return Condition("=", difference * Fraction(1, factor))
    if type(a) is not Form:
        a, b = b, a
    return Condition("=", a, b)


def divides(divisor: Any, number: Any) -> Any:
    """Whether a positive number divides another: True or False where certain, else a condition."""
    divisor, number = lift(divisor), lift(number)
    if divisor == 1:
        return whole(number)
    ratio = number / divisor if type(divisor) is Form else number * Fraction(1, divisor)
    if is_whole(ratio):
        return True
    if type(ratio) is Form and type(divisor) is int and is_whole(number):
        rest = {m: c % divisor for m, c in number.terms.items() if c % divisor}
        if set(rest) == {()}:
            return False
        factor = gcd(divisor, *rest.values())
        if () in rest and 2 * rest[()] >= divisor:
            rest[()] -= divisor
        simple: Any = Form({m: c // factor for m, c in rest.items()})
        return Condition("divides", divisor // factor, simple)
    if type(ratio) is Form and len(ratio.terms) == 1:
        return Condition("divides", *_sides(ratio))
    return Condition("divides", divisor, number)


def whole(value: Any) -> Any:
    """Whether a value is whole: True or False where certain, else a condition."""
    if is_whole(value):
        return True
    if type(value) is not Form:
        return False
    if len(value.terms) == 1 and all(a.whole for m in value.terms for a, _ in m):
        return divides(*_sides(value))
    return Condition("whole", value)


def _sides(ratio: Form) -> tuple[Any, Any]:
    """Divisor and dividend of one term."""
    ((m, c),) = ratio.terms.items()
    below = tuple((a, -e) for a, e in m if e < 0)
    return made({below: c.denominator}), made({tuple(p for p in m if p[1] > 0): c.numerator})


# -- many conditions ------------------------------------------------------------------------


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

    least = _turn(lambda n: under(n) is not None, _MOST_SETTLED, 4)
    if least is None:
        return form, ()
    return under(least), tuple(Condition(">=", themselves[name], least) for name in names)


def _turn(holds: Callable[[int], bool], most: int, factor: int = 2) -> int | None:
    """The least number from 1 on at which what stays true once it is begins to hold; None above ``most``."""
    high = 1
    while not holds(high):
        high *= factor
        if high > most:
            return None
    low = high // factor
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _implied(condition: Condition, least: dict[str, int]) -> bool:
    test = {">=": at_least, ">": above, "!=": equal}.get(condition.kind)
    if test is None or not least:
        return False
    with assuming(least):
        return test(condition.left, condition.right) is (condition.kind != "!=")


def _solved(condition: Condition) -> tuple[str, int, int] | None:
    """Symbol, direction and bound of a condition that is one."""
    if condition.kind not in (">=", ">", "!=") or len(condition.names) != 1:
        return None
    (name,) = condition.names
    difference = condition.left - condition.right
    if condition.kind == "!=":
        return _apart(name, difference)
    if type(difference) is not Form or any(
        a.kind == "symbol" and not a.whole for m in difference.terms for a, _ in m
    ):
        return None
    direction = _rises(difference)
    if direction > 0:
        first = _turn(lambda n: condition.holds({name: n}), _MOST)
        return None if first is None else (name, 1, first)
    if direction < 0 and condition.holds({name: 1}):
        first = _turn(lambda n: not condition.holds({name: n}), _MOST)
        return None if first is None else (name, -1, first - 1)
    return None


def _apart(name: str, difference: Any) -> tuple[str, int, int] | None:
    """``f != g`` for a difference that never changes its sign: from where on they differ for good.

    Only where they are equal below that bound and nowhere above, so that nothing is lost.
    """
    high = upper(difference)
    if high is not None and high <= 0:
        difference = -difference
    elif (low := lower(difference)) is None or low < 0:
        return None
    if type(difference) is not Form:
        return None
    values = [difference.subs({name: value}) for value in range(1, 2049)]
    last = max((n for n, v in enumerate(values, 1) if v == 0), default=0)
    if any(values[:last]) or last >= 1024:
        return None
    for assumed in (last + 1, 1024):
        with assuming({name: assumed}):
            low = lower(difference)
        if low is not None and low > 0:
            return name, 1, last + 1
    return None


def _rises(value: Any) -> int:
    """1 where a form never falls as its symbols grow, -1 where it never rises, 0 where neither is seen."""
    if type(value) is not Form:
        return 0
    directions = set()
    for m, c in value.terms.items():
        for a, e in m:
            if e < 0 or a.kind == "call":
                return 0
            inner = 1 if a.kind == "symbol" else _rises_all(a.args)
            if not inner or (m != ((a, 1),) and not is_nonnegative(a)):
                return 0
            directions.add(inner if c > 0 else -inner)
    return directions.pop() if len(directions) == 1 else 0


def _rises_all(args: tuple[Any, ...]) -> int:
    found = {_rises(a) for a in args if type(a) is Form}
    return found.pop() if len(found) == 1 else 0


def roundings(values: Iterable[Any]) -> list[tuple[Form, Any]]:
    """Each unevaluated ``make_divisible(x, d)`` in these forms, and where it is ``x`` itself."""
    atoms = (a for a in atoms_within(*values) if a.function and a.function.name == "make_divisible")
    found = [(of_atom(a), whole(a.args[0] / a.args[1])) for a in atoms]
    return sorted(found, key=lambda item: natural(str(item[0])))

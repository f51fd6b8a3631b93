"""Which sizes meet the conditions that closed forms state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from convcalc.spec.sizes.quasi import Quasi
from convcalc.spec.sizes.sets import SizeSet
from convcalc.spec.sizes.truth import Untraceable
from convcalc.spec.sizes.window import Window

WINDOW: Final = 1024
STEPS: Final = 1_000_000


def meeting(conditions: Iterable[Any]) -> dict[str, SizeSet]:
    """For each symbol of which an equation holds, the sizes that meet all conditions on it alone.

    ``16*floor(H/16) = H`` is met by the multiples of 16.
    """
    by_name: dict[str, list[Any]] = {}
    for condition in conditions:
        if len(condition.names) == 1:
            by_name.setdefault(next(iter(condition.names)), []).append(condition)
    found = {}
    for name, mine in by_name.items():
        if not any(c.kind == "=" for c in mine) or not all(map(_is_of_sizes, mine)):
            continue
        sizes = _meeting(name, mine)
        if sizes:
            found[name] = sizes
    return found


def _is_of_sizes(condition: Any) -> bool:
    """Whether its symbol stands for whole numbers."""
    from convcalc.symbols.form import atoms_within

    return all(a.whole for a in atoms_within(condition.left, condition.right) if a.kind == "symbol")


def _meeting(name: str, conditions: list[Any]) -> SizeSet | None:
    window = Window(WINDOW, STEPS)
    letter = window.letter(name)
    try:
        for condition in conditions:
            held = _held(condition, name, letter)
            if held is False:
                return None
            if held is not True:
                held.demand(str(condition))
    except (Untraceable, TypeError, ValueError, ArithmeticError):
        return None
    truth = window.left[name]
    return SizeSet.of(truth) if truth.period is not None else None


def _held(condition: Any, name: str, letter: Quasi) -> Any:
    left, right = (
        v.subs({name: letter}) if hasattr(v, "subs") else v for v in (condition.left, condition.right)
    )
    match condition.kind:
        case "divides":
            return right % left == 0
        case "whole":
            return left % 1 == 0
        case "=":
            return left == right
        case "!=":
            return left != right
        case ">=":
            return left >= right
        case _:
            return left > right

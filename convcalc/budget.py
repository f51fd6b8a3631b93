"""One budget of steps for every question that a text can ask.

A step is about a microsecond of work. Whatever reads, evaluates, counts, traces or prints spends steps in
its innermost loops (:func:`spend`); a question (:func:`question`) has :data:`STEPS` of them, and more for
a long text, so that a few hundred bytes cannot ask for hours. The count does not depend on the machine; what
is found in a cache costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

STEPS: Final = 700_000
"""Steps that a question may take."""
STEPS_A_CHARACTER: Final = 25
"""Steps besides per character of its text: what is written out is always read."""
STEPS_A_NODE: Final = 30
"""Steps besides per node of a graph that exists already."""
VARIABLE: Final = "CONVCALC_STEPS"
"""Environment variable with another number of steps."""

P = ParamSpec("P")
R = TypeVar("R")


class OverBudgetError(ValueError):
    """A question that takes more steps than it has.

    Attributes:
        message: which limit it is.
        hint: what would work.
    """

    def __init__(self, most: int) -> None:
        self.message = f"this takes more than {most:,} steps of work"
        self.hint = f"fewer repeats, numbers in place of symbols, or a higher limit (environment {VARIABLE})"
        super().__init__(self.message)


class Budget:
    """Steps that are left of a question's."""

    __slots__ = ("left", "most")

    def __init__(self, steps: int) -> None:
        self.most = self.left = steps


_NOW: Final = ContextVar[Budget | None]("budget", default=None)


def spend(steps: int) -> None:
    """Take steps from the question that is open; without one there is no limit.

    Raises:
        OverBudgetError: they are used up.
    """
    budget = _NOW.get()
    if budget is not None:
        budget.left -= steps
        if budget.left < 0:
            raise OverBudgetError(budget.most)


def allow(steps: int) -> None:
    """Give the open question more steps, because its text or what was asked for is long."""
    budget = _NOW.get()
    if budget is not None:
        budget.left += steps
        budget.most += steps


@contextmanager
def budget(steps: int | None = None) -> Iterator[None]:
    """A question of its own, with so many steps.

    Args:
        steps: how many; :data:`STEPS`, or what the environment says, where not given.
    """
    if steps is None:
        given = os.environ.get(VARIABLE, "")
        steps = int(given) if given.isascii() and given.isdecimal() and len(given) < 20 else STEPS
    token = _NOW.set(Budget(steps))
    try:
        yield
    finally:
        _NOW.reset(token)


@contextmanager
def drawing_on(steps: Budget | None) -> Iterator[None]:
    """Spend what is left of a budget that several parts of a question share; None changes nothing."""
    token = _NOW.set(_NOW.get() if steps is None else steps)
    try:
        yield
    finally:
        _NOW.reset(token)


def question(function: Callable[P, R]) -> Callable[P, R]:
    """Let a call be a question, or part of the one that is open."""

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        if _NOW.get() is not None:
            return function(*args, **kwargs)
        with budget():
            for given in args[:1]:
                allow(steps_for(given))
            return function(*args, **kwargs)

    return asked


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """Let a call be long work whose every question has a budget of its own."""

    @wraps(function)
    def worked(*args: P.args, **kwargs: P.kwargs) -> R:
        token = _NOW.set(None)
        try:
            return function(*args, **kwargs)
        finally:
            _NOW.reset(token)

    return worked


def steps_for(given: Any) -> int:
    """Steps besides for a graph that exists: for its text, and for each of its nodes."""
    text, nodes = getattr(given, "text", None), getattr(given, "nodes", None)
    if nodes is None:
        return 0
    return STEPS_A_CHARACTER * len(text or "") + STEPS_A_NODE * len(nodes)

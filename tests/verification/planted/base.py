"""Mistakes, one at a time, in formulas and in kernels; the verifier must notice each.

A mutant replaces one function by a wrong one made from it. They are made by wrapping, not by editing text,
so that they stay what they are when the code around them changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

from convcalc.executor.kernels import OPERATIONS

Make = Callable[[Any], Any]


class Mutant(NamedTuple):
    """A mistake: what it does, the function it is in, how it is made, and the layers it is about.

    ``target`` is ``module:function``, ``module:Class.method`` or ``OPERATIONS[op].part``.
    """

    name: str
    target: str
    make: Make
    ops: tuple[str, ...]

    @property
    def kernel(self) -> bool:
        return ".executor." in self.target


MUTANTS: list[Mutant] = []


def mutant(name: str, target: str, ops: str, make: Make) -> None:
    MUTANTS.append(Mutant(name, f"convcalc.{target}", make, tuple(ops.split())))


@contextmanager
def planted(one: Mutant) -> Iterator[None]:
    """The mistake in place wherever the right function is known by name, or part of an operation."""
    module, _, path = one.target.partition(":")
    holder: Any = import_module(module)
    if path.startswith("OPERATIONS["):
        op, _, name = path.removeprefix("OPERATIONS[").partition("].")
        right = getattr(OPERATIONS[op], name)
    else:
        *owners, name = path.split(".")
        for owner in owners:
            holder = getattr(holder, owner)
        right = holder.__dict__[name] if name in holder.__dict__ else getattr(holder, name)
    wrong = one.make(right)
    undo: list[Callable[[], None]] = []

    def put(where: Any, key: str) -> None:
        own = key in vars(where)  # else it is that of a base, of which only this class is spoiled
        setattr(where, key, wrong)
        undo.append(lambda: setattr(where, key, right) if own else delattr(where, key))

    if isinstance(holder, type):
        put(holder, name)
    for other in [m for n, m in sys.modules.items() if n.startswith("convcalc.")]:
        for key, value in list(vars(other).items()):
            if value is right:
                put(other, key)
    whole = dict(OPERATIONS)
    for op, operation in whole.items():
        parts = {part: wrong for part, value in operation._asdict().items() if value is right}
        if parts:
            OPERATIONS[op] = operation._replace(**parts)
    try:
        yield
    finally:
        OPERATIONS.update(whole)
        for step in reversed(undo):
            step()


# Changes of a layer, for the formulas that forget something.


def ignoring(**fields: Any) -> Make:
    """The formula of a layer with other hyper-parameters; functions are given the layer."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any) -> Any:
            new = {k: v(self) if callable(v) else v for k, v in fields.items()}
            return right(replace(self, **new), *args)

        return wrong

    return make


def after(change: Callable[..., Any]) -> Make:
    """What the formula gives, changed: ``change(result, self, *args)``."""

    def make(right: Any) -> Any:
        def wrong(self: Any, *args: Any) -> Any:
            return change(right(self, *args), self, *args)

        return wrong

    return make


def ones(self: Any) -> tuple[int, ...]:
    return (1,) * len(self.kernel)


def nothing(self: Any) -> tuple[tuple[int, int], ...]:
    return ((0, 0),) * len(self.kernel)


def without(name: str) -> Make:
    return after(lambda found, *_: {k: v for k, v in found.items() if k != name})


def ops(**change: Callable[[int], int]) -> Make:
    return after(lambda found, *_: found._replace(**{k: f(getattr(found, k)) for k, f in change.items()}))


def sizes(change: Callable[[int], int], axis: int = 1) -> Make:
    """Every shape with one size changed."""

    def changed(found: Any, *_: Any) -> Any:
        at = min(axis, len(found[0]) - 1)
        return tuple((*s[:at], change(s[at]), *s[at + 1 :]) for s in found)

    return after(changed)


CONV, POOL, TRANSPOSED = (
    "layers.windows.conv:Conv",
    "layers.windows.pool:_Pool",
    "layers.windows.transposed:ConvTranspose",
)
CONVS, POOLS = "conv dwconv", "maxpool avgpool lppool"

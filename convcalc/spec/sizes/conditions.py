"""Conditions on sizes, and the sizes that they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcalc.dims import DimensionError
from convcalc.spec.sizes.truth import Entangled, Split, Truth, Untraceable


class Left:
    """The sizes that are left of every letter, of those from 1 to ``size``.

    Attributes:
        left: for each letter the sizes that meet every condition so far.
        joint: the sets of letters that a condition joins.
        unsettled: whether a condition left no size within the window, and it is not certain that none
            beyond it meets it.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.left: dict[str, Truth] = {}
        self.joint: set[frozenset[str]] = set()
        self.unsettled = False

    def restart(self, left: Mapping[str, Truth]) -> None:
        """Begin anew with these sizes of each letter."""
        self.left = dict(left)
        self.joint = set()
        self.unsettled = False

    def condition(self, letter: str, truth: Truth) -> Any:
        """A condition on one letter; True or False where it is certain for every size."""
        if truth.period is not None:
            if not truth.bits:
                return False
            if truth.bits == (1 << self.size) - 1:
                return True
        return Condition(self, {letter: truth})


class Condition:
    """A condition on sizes: the parts on one size each hold all together.

    Layers may ask for it (``dims.require``), which leaves the sizes for which it holds, or decide by
    it, which has to fall the same way for all sizes that are left.
    """

    __slots__ = ("joint", "parts", "window")

    def __init__(
        self, window: Left, parts: dict[str, Truth], joint: frozenset[frozenset[str]] = frozenset()
    ) -> None:
        self.window = window
        self.parts = parts
        self.joint = joint

    def demand(self, message: str, field: str | None = None, hint: str | None = None) -> None:
        """Leave the sizes for which it holds.

        Raises:
            DimensionError: there is none.
        """
        window = self.window
        window.joint.update(self.joint)
        for letter, truth in self.parts.items():
            left = window.left[letter] = window.left[letter] & truth
            if not left:
                window.unsettled |= left.period is None
                raise DimensionError(message, field=field, hint=hint)

    def all(self) -> bool:
        """Whether it holds for all sizes that are left; False where it holds for none of them.

        Raises:
            Split: it holds for some of them.
            Entangled: it depends on several sizes at once.
        """
        some = None
        for letter, truth in self.parts.items():
            left = self.window.left[letter]
            both = left & truth
            if both.bits not in (0, left.bits):
                some = some or Split(letter, truth)
                continue
            if both.period is None:  # so it is within the window
                self.window.left[letter] = Truth(left.bits, left.size, 0, None)
            if not both:
                return False
        if some is not None:
            raise some
        for letters in self.joint:
            raise Entangled(letters)
        return True

    __bool__ = all

    def any(self) -> bool:
        """Whether it may hold for one of the sizes that are left."""
        return all(self.window.left[letter] & truth for letter, truth in self.parts.items())

    def __and__(self, other: Any) -> Any:
        if not isinstance(other, Condition):
            return self if other is True else other
        parts = dict(self.parts)
        for letter, truth in other.parts.items():
            parts[letter] = parts[letter] & truth if letter in parts else truth
        return Condition(self.window, parts, self.joint | other.joint)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        if not isinstance(other, Condition):
            return self if other is False else other
        if (
            not (self.joint or other.joint)
            and self.parts.keys() == other.parts.keys()
            and len(self.parts) == 1
        ):
            ((letter, truth),) = self.parts.items()
            return self.window.condition(letter, truth | other.parts[letter])
        return Condition(self.window, {}, frozenset({self.letters | other.letters}))

    __ror__ = __or__

    def __invert__(self) -> Any:
        if not self.joint and len(self.parts) == 1:
            ((letter, truth),) = self.parts.items()
            return self.window.condition(letter, ~truth)
        return Condition(self.window, {}, frozenset({self.letters}))

    @property
    def letters(self) -> frozenset[str]:
        """The sizes it depends on."""
        return frozenset(self.parts).union(*self.joint)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise Untraceable("a condition as an array")

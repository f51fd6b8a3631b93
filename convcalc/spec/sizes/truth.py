"""For which sizes something holds, and why a decision cannot be taken for all of them at once."""

from __future__ import annotations

from math import lcm


class Untraceable(Exception):
    """What is computed cannot be followed for all sizes at once; single sizes still can."""


class Split(Exception):
    """A decision that falls one way for some sizes and the other way for the rest.

    Attributes:
        letter: the size it depends on.
        truth: where the condition holds.
    """

    def __init__(self, letter: str, truth: Truth) -> None:
        super().__init__(letter)
        self.letter = letter
        self.truth = truth


class Entangled(Exception):
    """A decision that depends on several sizes at once.

    Attributes:
        letters: these sizes.
    """

    def __init__(self, letters: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(letters)))
        self.letters = letters


class Truth:
    """For which sizes something holds.

    Attributes:
        bits: bit ``i`` is set where it holds for the size ``i + 1``.
        size: how many sizes the bits are of.
        start: bit from which it repeats.
        period: after how many sizes it repeats; None where nothing is known beyond the bits.
    """

    __slots__ = ("bits", "period", "size", "start")

    def __init__(self, bits: int, size: int, start: int = 0, period: int | None = 1) -> None:
        self.bits = bits
        self.size = size
        self.start = start
        self.period = None if period is None or start + period > size else period

    @property
    def is_finite(self) -> bool:
        """Whether it is certain to hold nowhere from :attr:`start` on."""
        return self.period is not None and not self.bits >> self.start

    def __and__(self, other: Truth) -> Truth:
        bits = self.bits & other.bits
        for one in (self, other):
            if one.is_finite:
                return Truth(bits, self.size, one.start, 1)
        return Truth(bits, self.size, max(self.start, other.start), joined(self.period, other.period))

    def __or__(self, other: Truth) -> Truth:
        return ~(~self & ~other)

    def __invert__(self) -> Truth:
        return Truth(~self.bits & ((1 << self.size) - 1), self.size, self.start, self.period)

    def __bool__(self) -> bool:
        return bool(self.bits)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Truth)
            and self.bits == other.bits
            and (self.period is None) is (other.period is None)
        )

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Truth({self.bits:b}, start={self.start}, period={self.period})"


def everywhere(size: int) -> Truth:
    """What holds for all sizes."""
    return Truth((1 << size) - 1, size)


def joined(one: int | None, other: int | None) -> int | None:
    """After how many sizes what repeats after each of these repeats; None where one never does."""
    return None if one is None or other is None else lcm(one, other)

"""What a rule is: which indices of one input axis an index of one output axis reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convcalc.layers.reads.sets import indices


class Rule:
    """Which indices of one input axis an index of one output axis reads."""

    __slots__ = ()

    def period(self) -> tuple[int, int] | None:
        """``(t, a)``: index ``j + t`` reads what ``j`` reads, moved by ``a``; None if there is no such t."""
        return 1, 1

    def taps(self, j: int) -> Sequence[int]:
        """Input indices that ``j`` reads, ascending, as if the input had no end."""
        raise NotImplementedError

    def of(self, j: int, n: int) -> Sequence[int]:
        """Input indices that ``j`` reads of an input of ``n``."""
        return [i for i in self.taps(j) if 0 <= i < n]

    def all_of(self, bits: int, n: int) -> int:
        """Input indices that a set of output indices reads of an input of ``n``; a bit stands for each."""
        found = 0
        for j in indices(bits):
            for i in self.of(j, n):
                found |= 1 << i
        return found


@dataclass(frozen=True, slots=True)
class Every(Rule):
    """Every output reads the whole axis."""

    def period(self) -> tuple[int, int]:
        """The next output reads the same."""
        return 1, 0

    def of(self, j: int, n: int) -> Sequence[int]:
        """All ``n`` of them."""
        return range(n)

    def all_of(self, bits: int, n: int) -> int:
        """The whole axis."""
        return (1 << n) - 1


class Unstated(Rule):
    """A rule that depends on a size nobody stated."""

    __slots__ = ()


class Decided(Rule):
    """An input decides, when the layer runs, which indices are read: any of them may be."""

    __slots__ = ()

    def of(self, j: int, n: int) -> Sequence[int]:
        """All ``n`` that may be read."""
        return range(n)

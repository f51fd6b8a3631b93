"""Rules of what is put in another order, joined, cut, or read as far as a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from convcalc.layers.reads.rule import Rule


@dataclass(frozen=True, slots=True)
class UpTo(Rule):
    """Output ``j`` reads every index from the first one to its own, as recurrence does."""

    def period(self) -> None:
        """None: every output reads one more."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`UpTo`."""
        return range(j + 1)

    def all_of(self, bits: int, n: int) -> int:
        """What the last of them reads."""
        return (1 << min(bits.bit_length(), n)) - 1


@dataclass(frozen=True, slots=True)
class From(Rule):
    """Output ``j`` reads every index from its own to the last one of ``size``."""

    size: int

    def period(self) -> None:
        """None: every output reads one less."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`From`."""
        return range(max(j, 0), self.size)

    def all_of(self, bits: int, n: int) -> int:
        """What the first of them reads."""
        return (1 << n) - (bits & -bits) if bits and bits & ((1 << n) - 1) else 0


@dataclass(frozen=True, slots=True)
class Whole(Rule):
    """Outputs ``first`` to ``first + count - 1`` read all indices of ``size``, the others nothing."""

    first: int
    count: int
    size: int

    def period(self) -> None:
        """None: what lies beside the part reads nothing."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Whole`."""
        return range(self.size if 0 <= j - self.first < self.count else 0)


@dataclass(frozen=True, slots=True)
class Block(Rule):
    """Groups: output ``j`` reads the ``read`` indices of its group of ``written`` outputs."""

    written: int
    read: int

    def period(self) -> tuple[int, int]:
        """The outputs of the next group read the next group."""
        return self.written, self.read

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Block`."""
        first = j // self.written * self.read
        return range(first, first + self.read)


@dataclass(frozen=True, slots=True)
class Digit(Rule):
    """One axis of several that were joined into one: ``j // inner % size``."""

    inner: int
    size: int

    def period(self) -> tuple[int, int]:
        """The same indices come again and again."""
        return self.inner * self.size, 0

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Digit`."""
        return (j // self.inner % self.size,)


@dataclass(frozen=True, slots=True)
class Shuffled(Rule):
    """``size`` indices as ``(groups, size / groups)``, transposed."""

    groups: int
    size: int

    def period(self) -> tuple[int, int]:
        """Outputs ``groups`` further read the next index of each group."""
        return self.groups, 1

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Shuffled`."""
        return (j % self.groups * (self.size // self.groups) + j // self.groups,)


@dataclass(frozen=True, slots=True)
class Rolled(Rule):
    """``size`` indices moved on by ``shift``, those behind the last at the first again."""

    shift: int
    size: int

    @property
    def stays(self) -> bool:
        """Whether every index is read at its own place."""
        if type(self.shift) is not int or type(self.size) is not int:
            return type(self.shift) is int and self.shift == 0
        return self.shift % self.size == 0

    def period(self) -> None:
        """None: what lies beside the axis reads nothing, and there is one axis of them alone."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Rolled`."""
        return ((j - self.shift) % self.size,)

    def all_of(self, bits: int, n: int) -> int:
        """The set turned back."""
        shift = self.shift % n
        return (bits >> shift | bits << n - shift) & ((1 << n) - 1)


@dataclass(frozen=True, slots=True)
class Tiled(Rule):
    """``size`` indices again and again, ``count`` times."""

    size: int
    count: int

    def period(self) -> None:
        """None: what lies beside the copies reads nothing."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Tiled`."""
        return (j % self.size,)


@dataclass(frozen=True, slots=True)
class Flipped(Rule):
    """``size`` indices in reverse order."""

    size: int

    def period(self) -> tuple[int, int]:
        """The next output reads the index before."""
        return 1, -1

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Flipped`."""
        return (self.size - 1 - j,)

    def all_of(self, bits: int, n: int) -> int:
        """The set turned round."""
        return int(format(bits, f"0{n}b")[::-1], 2)


@dataclass(frozen=True, slots=True)
class Part(Rule):
    """Outputs ``first`` to ``first + size - 1`` read the indices from ``to`` on, the others nothing."""

    first: int
    size: int
    to: int = 0

    def period(self) -> None:
        """None: what lies beside the part reads nothing."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Part`."""
        return (j - self.first + self.to,) if 0 <= j - self.first < self.size else ()


@dataclass(frozen=True, slots=True)
class Chain(Rule):
    """One rule after another, over an axis of ``size`` indices between them.

    ``j`` reads by ``second`` whatever the indices read that it reads by ``first``.
    """

    first: Rule
    size: int
    second: Rule

    def period(self) -> tuple[int, int] | None:
        """The turns of the first rule after which the second one is at the same place in its own."""
        one, two = self.first.period(), self.second.period()
        if one is None or two is None:
            return None
        (t, a), (u, b) = one, two
        turns = u // gcd(u, a) if a else 1
        return t * turns, a * turns // u * b

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Chain`; ascending, as if the axis between had no end."""
        return sorted({i for between in self.first.taps(j) for i in self.second.taps(between)})

    def of(self, j: int, n: int) -> Sequence[int]:
        """What the indices between read, those beyond the ends of their axis left out."""
        return sorted({i for between in self.first.of(j, self.size) for i in self.second.of(between, n)})


@dataclass(frozen=True, slots=True)
class Picks(Rule):
    """An index that is written out: ``j`` reads ``index[j]``."""

    index: tuple[int, ...]

    def period(self) -> None:
        """None: no index repeats another."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Picks`."""
        return self.index[j : j + 1] if j >= 0 else ()

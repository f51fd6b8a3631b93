"""Sets of sizes: finitely many, or from some size on those of certain remainders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from convcalc.spec.sizes.truth import Truth

PIECES: Final = 4
"""Most ranges that are written out."""


class SizeSet:
    """Sizes, in the shortest form: single ones, then a pattern that repeats.

    Attributes:
        period: after how many sizes the pattern repeats; 1 where there is none.
        remainders: of division by the period, those of the sizes from :attr:`first` on; empty for a
            finite set.
        first: the least size from which on the pattern is all there is to say.
        before: the sizes below that.
        limit: the largest size that was looked at, where nothing is known of larger ones; else None.
    """

    __slots__ = ("before", "first", "limit", "period", "remainders")

    def __init__(
        self,
        before: tuple[int, ...],
        first: int,
        period: int,
        remainders: tuple[int, ...],
        limit: int | None = None,
    ) -> None:
        self.before = before
        self.first = first
        self.period = period
        self.remainders = remainders
        self.limit = limit

    @classmethod
    def of(cls, truth: Truth) -> SizeSet:
        """The sizes for which something holds."""
        bits, size = truth.bits, truth.size
        if truth.period is None:
            before = tuple(i + 1 for i in _set_bits(bits))
            return cls(before, size + 1, 1, (), size)
        period, start = truth.period, truth.start
        pattern = [bits >> (start + i) & 1 for i in range(period)]
        for divisor in range(1, period + 1):
            if period % divisor == 0 and pattern == pattern[:divisor] * (period // divisor):
                period = divisor
                break
        while start and bits >> (start - 1) & 1 == bits >> (start - 1 + period) & 1:
            start -= 1
        remainders = tuple(sorted((start + 1 + i) % period for i in range(period) if bits >> (start + i) & 1))
        before = tuple(i + 1 for i in _set_bits(bits & ((1 << start) - 1)))
        return cls(before, start + 1, period, remainders)

    def __contains__(self, size: object) -> bool:
        if type(size) is not int:
            return False
        if size < self.first:
            return size in self.before
        return size % self.period in self.remainders

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeSet) and all(
            getattr(self, n) == getattr(other, n) for n in self.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.before, self.first, self.period, self.remainders))

    def __bool__(self) -> bool:
        return bool(self.before or self.remainders)

    def __iter__(self) -> Iterator[int]:
        """The sizes in order; without end where the set has none."""
        yield from self.before
        size = self.first
        while self.remainders:
            if size % self.period in self.remainders:
                yield size
            size += 1

    @property
    def smallest(self) -> int | None:
        """The least size, or None."""
        return next(iter(self), None)

    @property
    def largest(self) -> int | None:
        """The greatest size; None where there is none, or where it is not known."""
        return self.before[-1] if self.before and not self.remainders and self.limit is None else None

    def below(self, size: int) -> int | None:
        """The greatest size that is at most this one."""
        if self.remainders:
            for n in range(size, max(self.first, size - self.period + 1) - 1, -1):
                if n % self.period in self.remainders:
                    return n
        return max((n for n in self.before if n <= size), default=None)

    def above(self, size: int) -> int | None:
        """The least size that is at least this one."""
        found = min((n for n in self.before if n >= size), default=None)
        if found is not None or not self.remainders:
            return found
        start = max(self.first, size)
        return next(n for n in range(start, start + self.period) if n % self.period in self.remainders)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"SizeSet({self.text()!r})"

    def text(self) -> str:
        """The set in words: ``multiples of 16``, ``16*n + 5 from 37``, ``128 to 159``, ``any from 7``."""
        if not self:
            return "none" if self.limit is None else f"none up to {self.limit}"
        if not self.remainders:
            text = _ranges(self.before)
            return text if self.limit is None else f"{text} (looked at up to {self.limit})"
        rest = self._pattern()
        return f"{_ranges(self.before)}, then {rest}" if self.before else rest

    def _pattern(self) -> str:
        period, first = self.period, self.first
        least = next(n for n in range(first, first + period) if n % period in self.remainders)
        if period == 1:
            return "any" if least == 1 else f"any from {least}"
        if len(self.remainders) == 1:
            (r,) = self.remainders
            if not r:
                return f"multiples of {period}" + (f" from {least}" if least > period else "")
            return f"{_terms(period, r)}" + (f" from {least}" if least > r else "")
        since = f" from {least}" if least > min(r or period for r in self.remainders) else ""
        if len(self.remainders) == period - 1:
            (r,) = set(range(period)) - set(self.remainders)
            no = f"multiples of {period}" if not r else _terms(period, r)
            return f"any{since} but {no}"
        runs = _runs(self.remainders)
        if len(runs) > PIECES:
            return f"{len(self.remainders)} of every {period}{since}"
        return " or ".join(_terms(period, a) + (f" to {b}" if b > a else "") for a, b in runs) + since

    def to_dict(self) -> dict[str, Any]:
        """The set as JSON holds it."""
        return {
            "text": self.text(),
            "smallest": self.smallest,
            "largest": self.largest,
            "multiple": self.period if self.remainders else None,
            "remainders": list(self.remainders),
            "from": self.first if self.remainders else None,
            "before": list(self.before),
            "looked_at_up_to": self.limit,
        }


def _set_bits(bits: int) -> Iterator[int]:
    for i, bit in enumerate(reversed(bin(bits)[2:])):
        if bit == "1":
            yield i


def _terms(period: int, remainder: int) -> str:
    return f"{period}*n + {remainder}" if remainder else f"{period}*n"


def _runs(sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for n in sizes:
        if runs and runs[-1][1] == n - 1:
            runs[-1] = (runs[-1][0], n)
        else:
            runs.append((n, n))
    return runs


def _ranges(sizes: tuple[int, ...]) -> str:
    runs = _runs(sizes)
    if len(runs) > PIECES:
        step = sizes[1] - sizes[0]
        if all(b - a == step for a, b in pairwise(sizes)):
            return f"{sizes[0]}, {sizes[1]}, ... {sizes[-1]} (every {step})"
        return f"{len(sizes)} sizes from {sizes[0]} to {sizes[-1]}"
    return ", ".join(str(a) if a == b else f"{a}, {b}" if b == a + 1 else f"{a} to {b}" for a, b in runs)

"""The receptive field along one axis, as a function of the output index, and how layers compose it.

A field says for every output index ``j`` which run of input indices it sees, as if both axes had
no end. Ordinary networks have one run of fixed size that moves on by a stride (Araujo, Norris &
Sim 2019): ``j`` sees ``[j*S - P, j*S - P + R - 1]``. After transposed convolutions and resizing,
the run depends on the phase of ``j``: the field holds one start and one size per phase, and how far
a whole period moves on. Composition takes the runs of exactly those indices that a layer reads,
so the ends are exact at every phase; fields of one phase are composed in plain arithmetic, which
works for closed forms too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple

from convcalc.calculators.answers import tidy
from convcalc.dims import UNKNOWN, Dim, Shape, is_known, is_symbolic

LIMIT: Final = 4096
"""Phases that are told apart; beyond, a field is a table of its output's indices."""


LONGEST: Final = 1 << 17
"""Longest such table."""


@dataclass(slots=True, eq=False)
class AxisField:
    """What an output index sees along one axis of an input.

    Attributes:
        driver: the axis of the output tensor that ``j`` runs along (0 is the channels); None where
            every output sees the same. Several axes, in ascending order, where what is seen depends on all
            of them: ``j`` counts their entries off together, the last of them fastest, and the runs are a
            table.
        starts: first input index seen by output indices 0, 1, ..., one per phase; None where a phase
            sees nothing.
        sizes: how many indices there are from the first to the last, one per phase.
        advance: how far the run moves on in one period.
        everything: a path leads through an operation over the whole axis. ``starts`` and ``sizes``
            are then those of the other paths, if there are any.
        periodic: the phases repeat; else they are a table of the indices of this output.
    """

    driver: int | tuple[int, ...] | None
    starts: tuple[Dim | None, ...]
    sizes: tuple[Dim, ...]
    advance: Dim
    everything: bool = False
    periodic: bool = True

    @property
    def drivers(self) -> tuple[int, ...]:
        """The axes of the output tensor that ``j`` runs along."""
        if self.driver is None:
            return ()
        return self.driver if isinstance(self.driver, tuple) else (self.driver,)

    def at(self, position: Sequence[int], shape: Shape) -> tuple[Dim, Dim] | None:
        """What a position of a tensor sees: first index and size; None where that is nothing.

        Args:
            position: one index per axis behind the first.
            shape: that of the tensor.
        """
        j = 0
        for axis in self.drivers:
            j = j * shape[axis] + position[axis - 1]
        return self.run(j)

    @property
    def period(self) -> int:
        """Phases after which the run is the same again, moved on."""
        return len(self.starts)

    @property
    def local(self) -> bool:
        """Whether there is a path that sees only a part."""
        return self.starts[0] is not None or any(start is not None for start in self.starts)

    @property
    def known(self) -> bool:
        """Whether the size is a number or a closed form."""
        return is_known(*self.sizes)

    @property
    def size(self) -> Dim:
        """Size in input indices, the largest over the phases; of the paths that see a part."""
        return self.sizes[0] if len(self.sizes) == 1 else max(self.sizes)

    @property
    def smallest(self) -> Dim:
        """The smallest size over the phases."""
        return self.sizes[0] if len(self.sizes) == 1 else min(self.sizes)

    @property
    def stride(self) -> Dim | Fraction | None:
        """Effective stride: input indices per output index, exact; None where it is not constant."""
        if not self.local or not self.periodic:
            return None
        if len(self.starts) == 1:
            return self.advance
        return tidy(Fraction(self.advance, len(self.starts)))

    @property
    def padding(self) -> Dim | None:
        """Effective padding: how far before the input the first output's run starts."""
        start = self.starts[0]
        return None if start is None else 0 - start

    @property
    def center(self) -> Dim | Fraction | None:
        """Centre of the first output's run, in input indices."""
        return self.middle(0)

    def middle(self, j: int) -> Any:
        """Centre of the run of output ``j``; None where it sees nothing."""
        run = self.run(j)
        if run is None:
            return None
        start, size = run
        if start is UNKNOWN or size is UNKNOWN:
            return UNKNOWN
        if is_symbolic(start) or is_symbolic(size):
            return start + (size - 1) / 2
        return tidy(start + Fraction(size - 1, 2))

    def run(self, j: int) -> tuple[Dim, Dim] | None:
        """First index and size of what output ``j`` sees; None where that is nothing."""
        count = len(self.starts)
        if self.periodic:
            turns, phase = divmod(j, count)
            start = self.starts[phase]
            return None if start is None else (start + turns * self.advance, self.sizes[phase])
        phase = min(max(j, 0), count - 1)
        start = self.starts[phase]
        if start is None:
            return None
        return start + (j - phase) * self.advance // count, self.sizes[phase]

    def regular(self) -> bool:
        """Whether both ends never move back and every index sees something."""
        if len(self.starts) == 1:
            return self.starts[0] is not None
        if not self.periodic or any(start is None for start in self.starts):
            return False
        starts = [*self.starts, self.starts[0] + self.advance]
        ends = [start + size for start, size in zip(starts, (*self.sizes, self.sizes[0]), strict=True)]
        return all(a <= b for a, b in pairwise(starts)) and all(a <= b for a, b in pairwise(ends))


class Digits(NamedTuple):
    """One of the digits by which a table is looked up.

    Attributes:
        many: how many there are.
        outputs: the axes of the output that decide it, counted off together.
        of: the digit of each of their indices.
    """

    many: int
    outputs: tuple[int, ...]
    of: Sequence[int]


class Indexed(AxisField):
    """What an index sees where several axes decide, each by a digit of its own: windows, and places in them.

    The table has an entry for all digits together, and each digit is looked up by one axis of the output (or
    by several, counted off together), so that an output of many windows needs no entry for each pair.

    Attributes:
        digits: of each digit how many there are, the axes, and the digit of each of their indices.
        out: shape of the output.
    """

    __slots__ = ("digits", "out")

    def __init__(
        self,
        starts: Sequence[int | None],
        sizes: Sequence[int],
        digits: Sequence[Digits],
        out: Shape,
        everything: bool,
    ) -> None:
        driver = tuple(sorted({driver for digit in digits for driver in digit.outputs}))
        super().__init__(driver, tuple(starts), tuple(sizes), 0, everything, periodic=False)
        self.digits = tuple(digits)
        self.out = out

    def run(self, j: int) -> tuple[Dim, Dim] | None:
        """First index and size of what an index sees, the axes counted off together."""
        place = {}
        for driver in reversed(self.drivers):
            j, place[driver] = divmod(j, self.out[driver])
        entry = 0
        for digit in self.digits:
            at = 0
            for driver in digit.outputs:
                at = at * self.out[driver] + place[driver]
            entry = entry * digit.many + digit.of[at]
        start = self.starts[entry]
        return None if start is None else (start, self.sizes[entry])


EVERYTHING: Final = AxisField(None, (None,), (0,), 0, everything=True)
"""Every output sees the whole axis."""


def unknown(driver: int | tuple[int, ...] | None) -> AxisField:
    """A field that depends on a size nobody stated, or on what an input decides."""
    return AxisField(driver, (UNKNOWN,), (UNKNOWN,), UNKNOWN)


def in_numbers(field: AxisField) -> bool:
    """Whether every start and size of a field is a number."""
    return (
        type(field.advance) is int
        and all(type(size) is int for size in field.sizes)
        and all(start is None or type(start) is int for start in field.starts)
    )


def same(a: Dim, b: Dim) -> bool:
    """Whether two dimensions are known to be equal."""
    return a is not UNKNOWN and b is not UNKNOWN and bool(a == b)

"""What one output index of a layer reads along an axis of its input: the index window of each layer.

A :class:`Rule` is about one axis. It says which input indices an output index ``j`` reads, as if
both axes had no end (:meth:`Rule.taps`), and which it reads of an input of ``n`` (:meth:`Rule.of`),
where padding reads nothing, or reads the border again. A layer states a rule for every axis of
every input, the channels included (axis 0); the output axis that ``j`` runs along need not be the
same one (``permute``) and need not exist (global pooling reads everything).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd
from typing import Final, NamedTuple, TypeAlias

from convcalc.dims import Dim, Shape, prod


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


@dataclass(frozen=True, slots=True)
class Slide(Rule):
    """A sliding window: ``j`` reads ``j*stride + t*dilation - before`` for every tap ``t``.

    With ``stride`` 0 every output reads the same (broadcasting). ``mode`` is that of the padding:
    ``zeros`` reads nothing; ``reflect``, ``replicate`` and ``circular`` read the input again.

    Source: Dumoulin & Visin 2016.
    """

    count: Dim
    stride: Dim
    dilation: Dim = 1
    before: Dim = 0
    mode: str = "zeros"

    def period(self) -> tuple[int, int]:
        """The next output reads a stride further."""
        return 1, self.stride

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Slide`."""
        first = j * self.stride - self.before
        return range(first, first + self.count * self.dilation, self.dilation)

    def of(self, j: int, n: int) -> Sequence[int]:
        """Padding of zeros reads nothing; other padding reads where its copies were taken from."""
        if self.mode in ("zeros", "constant"):
            return [i for i in self.taps(j) if 0 <= i < n]
        return [folded(i, n, self.mode) for i in self.taps(j)]


def folded(i: int, n: int, mode: str) -> int:
    """The index of an input of ``n`` that padding of a mode copies to ``i``."""
    if mode == "circular":
        return i % n
    if mode == "replicate":
        return min(max(i, 0), n - 1)
    i %= max(2 * n - 2, 1)
    return i if i < n else 2 * n - 2 - i


@dataclass(frozen=True, slots=True)
class Spread(Rule):
    """A transposed window: ``j`` reads every ``i`` with ``i*stride + t*dilation - before == j``.

    Which taps meet depends on the phase of ``j``; where the kernel is smaller than the stride,
    some phases read nothing.

    Source: Dumoulin & Visin 2016, section 4.
    """

    count: int
    stride: int
    dilation: int = 1
    before: int = 0

    def period(self) -> tuple[int, int]:
        """The output a stride further reads the next input."""
        return self.stride, 1

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Spread`."""
        s, d, at = self.stride, self.dilation, j + self.before
        found = range(-(((self.count - 1) * d - at) // s), at // s + 1)
        return found if d == 1 else [i for i in found if (at - i * s) % d == 0]


@dataclass(frozen=True, slots=True)
class Every(Rule):
    """Every output reads the whole axis."""

    def period(self) -> tuple[int, int]:
        """The next output reads the same."""
        return 1, 0

    def of(self, j: int, n: int) -> Sequence[int]:
        """All ``n`` of them."""
        return range(n)


@dataclass(frozen=True, slots=True)
class UpTo(Rule):
    """Output ``j`` reads every index from the first one to its own, as recurrence does."""

    def period(self) -> None:
        """None: every output reads one more."""
        return None

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`UpTo`."""
        return range(j + 1)


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
class Bins(Rule):
    """Adaptive pooling of ``read`` to ``written``: ``floor(j*i/o)`` up to ``ceil((j + 1)*i/o)``."""

    read: int
    written: int

    def period(self) -> tuple[int, int]:
        """Bounds are the same again after ``o / gcd(i, o)`` bins."""
        common = gcd(self.read, self.written)
        return self.written // common, self.read // common

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Bins`."""
        i, o = self.read, self.written
        return range(j * i // o, -(-(j + 1) * i // o))


@dataclass(frozen=True, slots=True)
class Resample(Rule):
    """Interpolation: output ``j`` stands at ``j*step + start`` between the samples.

    ``nearest`` reads the sample at or before that place, ``linear`` the two around it, ``cubic``
    the four, ``spline`` every sample; at a sample exactly, all but ``nearest`` read that one alone
    (the others have weight zero). Places beyond the ends stand on the ends.
    """

    kind: str
    step: Fraction
    start: Fraction

    def period(self) -> tuple[int, int]:
        """The same places between samples come again after the denominator of the step."""
        return self.step.denominator, self.step.numerator

    def place(self, j: int) -> Fraction:
        """Where ``j`` stands, in samples."""
        return j * self.step + self.start

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Resample`; for splines the two samples around."""
        place = self.place(j)
        i = floor(place)
        if self.kind == "nearest" or place == i:
            return (i,)
        return range(i - 1, i + 3) if self.kind == "cubic" else range(i, i + 2)

    def of(self, j: int, n: int) -> Sequence[int]:
        """The taps, of which those beyond the ends read the ends."""
        if self.kind in ("nearest", "cubic"):
            return [min(max(i, 0), n - 1) for i in self.taps(j)]
        place = min(max(self.place(j), Fraction(0)), Fraction(n - 1))
        i = floor(place)
        if place == i:
            return (i,)
        return range(n) if self.kind == "spline" else range(i, i + 2)

    def whole_line(self, n: int, out: int) -> bool:
        """Whether some output between the samples reads all of a line: splines only."""
        if self.kind != "spline" or n <= 2:
            return False
        return any(len(self.of(j, n)) > 1 for j in range(min(out, self.step.denominator + n)))


@dataclass(frozen=True, slots=True)
class Antialiased(Rule):
    """Interpolation with a filter that is stretched by ``step`` where it is more than 1.

    Output ``j`` stands at ``center = step*(j + 1/2)`` and reads every ``i`` whose weight, the filter at
    ``(i + 1/2 - center) / max(step, 1)``, is not zero: a triangle of half-width 1 (``linear``), or Keys's
    kernel of half-width 2 (``cubic``) with its parameter ``a``.

    Source: PyTorch ``aten/src/ATen/native/cpu/UpSampleKernel.cpp``, after Pillow's ``Resample.c``.
    """

    kind: str
    step: Fraction
    a: Fraction

    def period(self) -> tuple[int, int]:
        """The same places between samples come again after the denominator of the step."""
        return self.step.denominator, self.step.numerator

    def taps(self, j: int) -> Sequence[int]:
        """See :class:`Antialiased`."""
        center, wide = self.step * (2 * j + 1) / 2, max(self.step, Fraction(1))
        support = wide if self.kind == "linear" else 2 * wide
        half = Fraction(1, 2)
        indices = range(floor(center - support + half), floor(center + support + half))
        return [i for i in indices if self._weighs(abs(i + half - center) / wide)]

    def _weighs(self, x: Fraction) -> bool:
        if self.kind == "linear":
            return x < 1
        if x < 1:
            return ((self.a + 2) * x - (self.a + 3)) * x * x + 1 != 0
        return 1 < x < 2 and self.a != 0


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


class Unstated(Rule):
    """A rule that depends on a size nobody stated."""

    __slots__ = ()


class Decided(Rule):
    """An input decides, when the layer runs, which indices are read: any of them may be."""

    __slots__ = ()

    def of(self, j: int, n: int) -> Sequence[int]:
        """All ``n`` that may be read."""
        return range(n)


class Axis(NamedTuple):
    """How one axis of an input is read: along which axis of the output, by which rule.

    ``output`` is None where the rule reads the same for every output index. Several axes stand for the
    index that counts their entries off together, the last of them fastest: so an axis is read that was cut.
    """

    output: int | tuple[int, ...] | None
    rule: Rule

    @property
    def outputs(self) -> tuple[int, ...]:
        """The axes of the output that decide what is read."""
        if self.output is None:
            return ()
        return self.output if isinstance(self.output, tuple) else (self.output,)

    def count(self, written: Shape) -> Dim:
        """How many indices the rule is asked for."""
        return prod(written[axis] for axis in self.outputs)


Reads: TypeAlias = tuple[Axis, ...]
"""How one input is read, axis by axis from the channels on.

There may be one axis more than the input has, of size 1: it says which outputs read the input at all.
"""

Windows: TypeAlias = tuple[tuple[Reads, ...], ...]
"""How a layer reads each of its inputs: in one way, or in several that together are it."""

ONE: Final = Slide(1, 1)
"""Index for index."""

EVERY: Final = Every()
UNSTATED: Final = Unstated()
DECIDED: Final = Decided()
ALL: Final = Axis(None, EVERY)
"""The whole axis."""

FIXED: Final = Slide(1, 0)
"""Index 0 for every output: an axis of size 1 that is repeated."""

_IDENTITIES: Final[list[Reads]] = [tuple(Axis(a, ONE) for a in range(rank + 1)) for rank in range(8)]
"""Of the numbers of axes that nearly all tensors have."""


def identity(shape: Shape) -> Reads:
    """Index for index along every axis."""
    rank = len(shape)
    return _IDENTITIES[rank - 1] if rank <= len(_IDENTITIES) else tuple(Axis(a, ONE) for a in range(rank))


def along(shape: Shape, rules: Mapping[int, Rule]) -> Reads:
    """Index for index, but along some axes by these rules; :data:`EVERY` is the whole axis."""
    return tuple(
        ALL if isinstance(rule := rules.get(a, ONE), Every) else Axis(a, rule) for a in range(len(shape))
    )


def groups(read: Dim, written: Dim, count: Dim) -> Rule:
    """Channels of a grouped convolution."""
    if type(count) is int and count == 1:
        return EVERY
    if type(read) is int and type(written) is int and type(count) is int:
        return ONE if read == written == count else Block(written // count, read // count)
    return EVERY


def broadcast(shape: Shape, out: Shape) -> Reads:
    """Index for index from the last axis on, but axes of size 1 are repeated."""
    if shape == out:
        return identity(out)
    missing = len(out) - len(shape)
    return tuple(
        Axis(a, FIXED if type(n) is int and n == 1 and not (type(out[a]) is int and out[a] == 1) else ONE)
        for a, n in enumerate(shape, missing)
    )

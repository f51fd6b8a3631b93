"""Rules of windows: convolutions, transposed ones, adaptive pools, interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd

from convcalc.dims import Dim
from convcalc.layers.reads.rule import Rule
from convcalc.layers.reads.sets import moved, smeared, spread, thin


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

    def all_of(self, bits: int, n: int) -> int:
        """A few shifts, where padding reads nothing."""
        if self.mode not in ("zeros", "constant") or self.stride <= 0:
            return Rule.all_of(self, bits, n)
        reach = smeared(spread(bits, self.stride), self.count, self.dilation)
        return moved(reach, -self.before) & ((1 << n) - 1)


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

    def all_of(self, bits: int, n: int) -> int:
        """A few shifts, from the last tap up, so that no index is negative."""
        low = self.before - (self.count - 1) * self.dilation
        reach = smeared(bits, self.count, self.dilation)
        first = -(-max(-low, 0) // self.stride) * self.stride  # a whole number of inputs before 0
        return (thin(moved(reach, low + first), self.stride) >> first // self.stride) & ((1 << n) - 1)


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

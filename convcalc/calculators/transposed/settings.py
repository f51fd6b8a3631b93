"""Transposed convolutions: size from parameters, parameters from size, the overlap they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from convcalc.calculators.answers import MOST, Step, Unreachable, rate, whole
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import effective, output_size
from convcalc.records import Record, record

MAX_DILATION: Final = 64
"""Largest dilation that is tried, unless another is asked for."""

MAX_SETTINGS: Final = 10_000
MAX_STRIDES: Final = 20_000
"""Most settings that are listed, and most strides that are tried with each dilation."""

_SEARCHED: Final = 256
"""How far from a size that cannot be reached the nearest one is looked for."""


class Setting(NamedTuple):
    """Stride, padding on both sides, output padding and dilation of one axis."""

    stride: int
    padding: int
    output_padding: int
    dilation: int

    @property
    def more_after(self) -> int:
        """How much more is cropped after than before."""
        return 0


class OneMoreAfter(Setting):
    """A setting that crops one pixel more after than before, which PyTorch cannot say."""

    __slots__ = ()

    @property
    def more_after(self) -> int:
        """One."""
        return 1

    def to_dict(self) -> dict[str, Any]:
        """The setting as JSON holds it."""
        return {**self._asdict(), "padding_after": self.padding + 1}


class Fixed(NamedTuple):
    """What of a setting is given; None is free."""

    stride: int | None = None
    padding: int | None = None
    output_padding: int | None = None
    dilation: int | None = None


FREE: Final = Fixed()
"""No parameter is given."""


@dataclass(frozen=True, slots=True)
class Overlap(Record):
    """How many taps write to each output pixel of one axis, away from the borders.

    Attributes:
        counts: one number for each output position modulo the stride.
        kernel, stride: they come from.
    """

    KEYS = "counts even=is_even rule_of_thumb"

    counts: tuple[int, ...]
    kernel: int
    stride: int

    @property
    def is_even(self) -> bool:
        """Whether every phase gets the same number: no checkerboard from overlap."""
        return len(set(self.counts)) == 1

    @property
    def rule_of_thumb(self) -> bool:
        """Whether the kernel is at least twice the stride."""
        return self.kernel >= 2 * self.stride

    def judged(self) -> str:
        """What the rule of thumb says, and whether the counts bear it out."""
        k, s = self.kernel, self.stride
        counts = " and ".join(map(str, sorted(set(self.counts), reverse=True)))
        if s == 1:
            return "stride 1: every pixel gets all taps, nothing to go wrong"
        rule = f"kernel {k} {'>=' if self.rule_of_thumb else '<'} 2*{s}"
        if 0 in self.counts:
            return f"{rule}, and some output pixels get no tap at all: counts {counts}"
        if self.is_even and self.rule_of_thumb:
            return f"{rule}: the rule holds, every pixel gets {counts}"
        if self.is_even:
            return f"{rule}: the rule warns, yet every pixel gets {counts}: {k} is a multiple of {s}"
        if self.rule_of_thumb:
            return f"{rule}: the rule is met, yet pixels get {counts}: {k} is no multiple of {s}"
        return f"{rule}: the rule warns rightly, pixels get {counts}"

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON holds them."""
        return record(self, judged=self.judged())


@dataclass(frozen=True, slots=True)
class Equivalent(Record):
    """The ordinary convolution that computes the same, along one axis.

    Attributes:
        zeros: inserted between two inputs, ``s - 1``.
        stretched: size of the input with them.
        before, after: padding of the convolution (stride 1, kernel rotated); negative crops.
    """

    KEYS = "zeros_between_inputs=zeros stretched_input=stretched padding_before=before padding_after=after"

    zeros: int
    stretched: int
    before: int
    after: int

    def to_dict(self) -> dict[str, Any]:
        """The convolution as JSON holds it."""
        return record(self, stride=1)


@dataclass(frozen=True, slots=True)
class TransposedAxis(Record):
    """One axis of a transposed convolution.

    Attributes:
        input, output: sizes in pixels.
        kernel, stride, before, after, output_padding, dilation: its parameters.
        overlap: of its windows.
        equivalent: the ordinary convolution.
        steps: the size formula with the numbers put in, and the equivalent's.
    """

    KEYS = (
        "input output kernel stride padding padding_before=before padding_after=after output_padding "
        "dilation overlap equivalent steps"
    )

    input: int
    output: int
    kernel: int
    stride: int
    before: int
    after: int
    output_padding: int
    dilation: int
    overlap: Overlap
    equivalent: Equivalent
    steps: tuple[Step, ...]

    @property
    def inner(self) -> range:
        """Output positions with no border near: every tap that may write there has an input."""
        span: int = effective(self.kernel, self.dilation)
        first = max(span - 1 - self.before, 0)
        last = min(self.stride * (self.input - 1) - self.before, self.output - 1)
        return range(first, max(last + 1, first))

    def to_dict(self) -> dict[str, Any]:
        """The axis as JSON holds it; one padding where both sides are alike."""
        return record(self, padding=self.before if self.before == self.after else None)


def size(i: int, k: int, s: int, before: int, after: int, extra: int, d: int) -> int:
    """Output size, by the layer's own formula.

    Raises:
        DimensionError: nothing is left of the output.
    """
    layer = ConvTranspose(1, 1, (k,), (s,), ((before, after),), (extra,), (d,), 1, False)
    ((_, found),) = layer.output_shapes(((1, i),))
    return int(found)


def describe(i: int, k: int, s: int, before: int, after: int, extra: int, d: int) -> TransposedAxis:
    """Everything about one axis whose parameters are known.

    Raises:
        DimensionError: nothing is left of the output.
    """
    extent: int = effective(k, d)
    o = size(i, k, s, before, after, extra, d)
    stretched: int = effective(i, s)
    pads = (extent - 1 - before, extent - 1 - after + extra)
    equivalent = Equivalent(s - 1, stretched, *pads)
    again = output_size(stretched, k, 1, d, *pads, axis=0)
    steps = (
        Step("k_eff", "d*(k - 1) + 1", f"{d}*({k} - 1) + 1", extent),
        Step(
            "output",
            "s*(i - 1) + k_eff - before - after + op",
            f"{s}*({i} - 1) + {extent} - {before} - {after} + {extra}",
            o,
        ),
        Step("zeros between inputs", "s - 1", f"{s} - 1", s - 1),
        Step("stretched input", "s*(i - 1) + 1", f"{s}*({i} - 1) + 1", stretched),
        Step("padding before", "k_eff - 1 - before", f"{extent} - 1 - {before}", pads[0]),
        Step("padding after", "k_eff - 1 - after + op", f"{extent} - 1 - {after} + {extra}", pads[1]),
        Step(
            "output again",
            "stretched + paddings - k_eff + 1",
            f"{stretched} + {pads[0]} + {pads[1]} - {extent} + 1",
            again,
        ),
    )
    return TransposedAxis(
        i, o, k, s, before, after, extra, d, Overlap(phases(k, s, before, d), k, s), equivalent, steps
    )


def phases(k: int, s: int, before: int, d: int) -> tuple[int, ...]:
    """Taps that write to output position ``y``, by ``y % s``: those with ``t*d - before`` in its class.

    Source: Odena et al. 2016, Deconvolution and checkerboard artifacts.
    """
    counts = [0] * s
    for t in range(k):
        counts[(t * d - before) % s] += 1
    return tuple(counts)


class Settings(NamedTuple):
    """Settings that give a size, the conventional one first, and whether these are all."""

    found: tuple[Setting, ...]
    complete: bool


def settings(
    i: int, o: int, k: int, fixed: Fixed = FREE, *, max_dilation: int = MAX_DILATION, limit: int = MOST
) -> Settings:
    """Every setting that turns ``i`` into ``o``, the conventional one first.

    The padding is at most ``k_eff - 1`` unless it is given (more would only crop), the output padding
    below stride or dilation (as frameworks want it), and a dilated kernel fits into the output. At an
    input of 1 the stride moves nothing, so only the smallest that allows the output padding counts.

    Where no undilated kernel does it with as much padding before as after, one pixel more after does: at
    stride 1 an output padding cannot make up for an odd number of pixels.

    Ordered by: no dilation, a stride near ``o / i``, no output padding, little dilation, a small
    stride, little padding.

    Args:
        i: size that goes in.
        o: size that should leave.
        k: taps.
        fixed: parameters that are given.
        max_dilation: largest dilation that is tried, where none is given.
        limit: how many settings at most.
    """

    def rank(one: Setting) -> tuple[int, ...]:
        far = abs(one.stride * i - o) if i > 1 else one.output_padding
        return (one.dilation > 1, far, one.output_padding, one.dilation, one.stride, one.padding)

    largest = max(1, (o - 1) // (k - 1)) if k > 1 else 1
    rates = range(1, min(largest, max_dilation) + 1) if fixed.dilation is None else (fixed.dilation,)
    every = (one for d in rates for one in _at_rate(i, o, k, d, fixed))
    found = list(islice(every, limit + 1))
    if not any(one.dilation == 1 for one in found):
        found = [*_uneven(i, o, k, fixed), *found]
    complete = len(found) <= limit and (fixed.dilation is not None or largest <= max_dilation)
    complete = complete and (i == 1 or o <= MAX_STRIDES)
    return Settings(tuple(sorted(found[:limit], key=rank)), complete)


def _uneven(i: int, o: int, k: int, fixed: Fixed) -> Iterator[Setting]:
    """The setting of stride 1 that crops one pixel more after than before, where it is free to."""
    excess = i - 1 + k - o
    if fixed.padding is not None or excess < 1 or excess % 2 == 0 or excess // 2 + 1 > k - 1:
        return
    if fixed.stride in (None, 1) and fixed.output_padding in (None, 0) and fixed.dilation in (None, 1):
        yield OneMoreAfter(1, excess // 2, 0, 1)


def _at_rate(i: int, o: int, k: int, d: int, fixed: Fixed) -> Iterator[Setting]:
    """Settings of one dilation, strides near ``o / i`` first."""
    span: int = effective(k, d) - 1
    most = span if fixed.padding is None else fixed.padding
    if i == 1:
        yield from _of_one(o, k, d, most, fixed)
        return
    # 2p - op = size without padding - o, with 0 <= p <= most and 0 <= op < max(s, d)
    high = (o - span - 1 + 2 * most) // (i - 1)
    low = max(1, min((o - span - 1) // i + 1, (o - span - 1 - d) // (i - 1) + 1))
    if fixed.stride is not None:
        low, high = max(low, fixed.stride), min(high, fixed.stride)
    near = min(max((2 * o + i) // (2 * i), low), high)
    for distance in range(min(high - low + 1, MAX_STRIDES)):
        for s in dict.fromkeys((near - distance, near + distance)):
            if low <= s <= high:
                excess = size(i, k, s, 0, 0, 0, d) - o
                yield from _with_stride(excess, s, d, most, fixed)


def _with_stride(excess: int, s: int, d: int, most: int, fixed: Fixed) -> Iterator[Setting]:
    """Settings whose padding takes away the excess and what the output padding adds."""
    for p in range(max(-(-excess // 2), 0), min((excess + max(s, d) - 1) // 2, most) + 1):
        extra = 2 * p - excess
        if fixed.padding in (None, p) and fixed.output_padding in (None, extra):
            yield Setting(s, p, extra, d)


def _of_one(o: int, k: int, d: int, most: int, fixed: Fixed) -> Iterator[Setting]:
    """Settings at an input of 1, each with the smallest stride that allows its output padding."""
    excess = size(1, k, 1, 0, 0, 0, d) - o
    for p in range(max(-(-excess // 2), 0), most + 1):
        extra = 2 * p - excess
        s = (1 if extra < d else extra + 1) if fixed.stride is None else fixed.stride
        fits = extra < max(s, d) and s <= MOST
        if fits and fixed.padding in (None, p) and fixed.output_padding in (None, extra):
            yield Setting(s, p, extra, d)


def solve_axis(i: int, o: int, k: int, fixed: Fixed, max_dilation: int = MAX_DILATION) -> Settings:
    """:func:`settings`, or the reason why there are none.

    Raises:
        Unreachable: no setting gives the size, with the nearest sizes that one does.
    """
    found = settings(i, o, k, fixed, max_dilation=max_dilation, limit=MAX_SETTINGS)
    if found.found:
        return found
    near = []
    for direction in (-1, 1):
        for distance in range(1, _SEARCHED + 1):
            other = o + direction * distance
            if other < 1:
                break
            options = settings(i, other, k, fixed, max_dilation=max_dilation, limit=64).found
            if options:
                best = options[0]
                near.append(
                    f"output {other} (stride {best.stride}, padding {best.padding}, output padding "
                    f"{best.output_padding}" + (f", dilation {best.dilation})" if best.dilation > 1 else ")")
                )
                break
    given = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in fixed._asdict().items() if n is not None)
    raise Unreachable(
        f"no transposed convolution of kernel {k}{f' with {given}' if given else ''} turns {i} into {o}",
        expected="an output that stride*(input - 1) + k_eff - 2*padding + output padding can make",
        nearest=" or ".join(near) or None,
        field="output",
    )


def check_given(k: int, fixed: Fixed) -> None:
    """Refuse parameters that no transposed convolution has.

    Raises:
        Unreachable: one of them.
    """
    whole(k, "kernel", 1)
    if fixed.stride is not None:
        whole(fixed.stride, "stride", 1, "stride 0 would put all inputs on one pixel")
    if fixed.padding is not None:
        whole(
            fixed.padding, "padding", 0, "the padding of a transposed convolution crops; a negative one adds "
            "pixels, which is what output padding does",
        )  # fmt: skip
    if fixed.dilation is not None:
        rate(fixed.dilation)
    if fixed.output_padding is not None:
        extra = whole(fixed.output_padding, "output padding", 0)
        if fixed.stride is not None and extra >= max(fixed.stride, fixed.dilation or 1):
            limit = max(fixed.stride, fixed.dilation or 1)
            raise Unreachable(
                f"output padding {extra} is not smaller than stride {fixed.stride} or dilation "
                f"{fixed.dilation or 1}: a larger one would add pixels that no window reaches",
                expected=f"at most {limit - 1}",
                nearest=f"output padding {limit - 1}",
                field="output_padding",
            )

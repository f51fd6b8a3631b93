"""Transposed convolutions: size from parameters, parameters from size, the overlap they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from convcalc.calculators.asked import Step, Unreachable, whole
from convcalc.layers.transposed import ConvTranspose
from convcalc.layers.window import effective, output_size

_SEARCHED: Final = 256
"""How far from a size that cannot be reached the nearest one is looked for."""


class Setting(NamedTuple):
    """Stride, padding on both sides, output padding and dilation of one axis."""

    stride: int
    padding: int
    output_padding: int
    dilation: int

    def to_dict(self) -> dict[str, int]:
        """The setting as JSON holds it."""
        return self._asdict()


class Fixed(NamedTuple):
    """What of a setting is given; None is free."""

    stride: int | None = None
    padding: int | None = None
    output_padding: int | None = None
    dilation: int | None = None


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many taps write to each output pixel of one axis, away from the borders.

    Attributes:
        counts: one number for each output position modulo the stride.
        kernel, stride: they come from.
    """

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
        """The rule of thumb against the counts."""
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
        return {
            "counts": list(self.counts),
            "even": self.is_even,
            "rule_of_thumb": self.rule_of_thumb,
            "judged": self.judged(),
        }


@dataclass(frozen=True, slots=True)
class Equivalent:
    """The ordinary convolution that computes the same, along one axis.

    Attributes:
        zeros: inserted between two inputs, ``s - 1``.
        stretched: size of the input with them.
        before, after: padding of the convolution (stride 1, kernel rotated); negative crops.
    """

    zeros: int
    stretched: int
    before: int
    after: int

    def to_dict(self) -> dict[str, int]:
        """The convolution as JSON holds it."""
        return {
            "zeros_between_inputs": self.zeros,
            "stretched_input": self.stretched,
            "padding_before": self.before,
            "padding_after": self.after,
            "stride": 1,
        }


@dataclass(frozen=True, slots=True)
class TransposedAxis:
    """One axis of a transposed convolution.

    Attributes:
        input, output: sizes in pixels.
        kernel, stride, before, after, output_padding, dilation: its parameters.
        overlap: of its windows.
        equivalent: the ordinary convolution.
        steps: the size formula with the numbers put in, and the equivalent's.
    """

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

    def to_dict(self) -> dict[str, Any]:
        """The axis as JSON holds it."""
        return {
            "input": self.input,
            "output": self.output,
            "kernel": self.kernel,
            "stride": self.stride,
            "padding": self.before if self.before == self.after else None,
            "padding_before": self.before,
            "padding_after": self.after,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "overlap": self.overlap.to_dict(),
            "equivalent": self.equivalent.to_dict(),
            "steps": [step.to_dict() for step in self.steps],
        }


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


def settings(i: int, o: int, k: int, fixed: Fixed = Fixed()) -> list[Setting]:  # noqa: B008
    """Every setting that turns ``i`` into ``o``, the conventional one first.

    The padding is at most ``k_eff - 1`` (as in the equivalent convolution), the output padding below
    stride or dilation (as frameworks want it), and a dilated kernel fits into the output. At an
    input of 1 the stride moves nothing, so only the smallest that allows the output padding counts.

    Ordered by: no dilation, a stride near ``o / i``, no output padding, little dilation, little
    padding.
    """

    def rank(one: Setting) -> tuple[int, ...]:
        far = abs(one.stride * i - o) if i > 1 else one.output_padding
        return (one.dilation > 1, far, one.output_padding, one.dilation, one.stride, one.padding)

    return sorted(_settings(i, o, k, fixed), key=rank)


def _settings(i: int, o: int, k: int, fixed: Fixed) -> Iterator[Setting]:
    largest = max(1, (o - 1) // (k - 1)) if k > 1 else 1
    for d in range(1, largest + 1) if fixed.dilation is None else (fixed.dilation,):
        span: int = effective(k, d) - 1
        most = span if fixed.padding is None else fixed.padding
        s = 1
        while True:
            base = size(i, k, s, 0, 0, 0, d)
            if (base - 2 * most > o and i > 1) or s > o + span + 1:
                break
            if fixed.stride in (None, s):
                yield from _with_stride(i, base - o, s, d, span, fixed)
            s += 1


def _with_stride(i: int, excess: int, s: int, d: int, span: int, fixed: Fixed) -> Iterator[Setting]:
    """Settings whose padding takes away the excess and what the output padding adds."""
    extras = range(max(s, d)) if fixed.output_padding is None else (fixed.output_padding,)
    for extra in extras:
        if extra >= max(s, d) or (excess + extra) % 2:
            continue
        p = (excess + extra) // 2
        if p < 0 or (p > span if fixed.padding is None else p != fixed.padding):
            continue
        if i == 1 and fixed.stride is None and s > 1 and extra < max(s - 1, d):
            continue
        yield Setting(s, p, extra, d)


def solve_axis(i: int, o: int, k: int, fixed: Fixed) -> list[Setting]:
    """:func:`settings`, or the reason why there are none.

    Raises:
        Unreachable: no setting gives the size, with the nearest sizes that one does.
    """
    found = settings(i, o, k, fixed)
    if found:
        return found
    near = []
    for direction in (-1, 1):
        for distance in range(1, _SEARCHED + 1):
            other = o + direction * distance
            if other < 1:
                break
            if options := settings(i, other, k, fixed):
                best = options[0]
                near.append(
                    f"{other} (stride {best.stride}, padding {best.padding}, output padding "
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
        whole(fixed.dilation, "dilation", 1, "rate 0 would put all taps on one pixel")
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

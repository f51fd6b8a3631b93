"""Which kernels to take where none is asked for: settings between two sizes, the good ones first."""

from __future__ import annotations

from typing import Final, NamedTuple

from convcalc.calculators.transposed.settings import Fixed, Overlap, Setting, phases, settings

SMALL: Final = 8
"""Kernels up to this are always tried, and multiples of the stride with their neighbours besides."""

MULTIPLES: Final = 4


class Offer(NamedTuple):
    """A kernel with a setting that leads from one size to the other.

    Attributes:
        kernel, stride, padding, output_padding, dilation: of it; padded alike on both sides, as PyTorch
            wants it.
        even: whether every output pixel gets as many products, so that there is no checkerboard.
    """

    kernel: int
    stride: int
    padding: int
    output_padding: int
    dilation: int
    even: bool

    @property
    def setting(self) -> Setting:
        """The offer without its kernel."""
        return Setting(self.stride, self.padding, self.output_padding, self.dilation)


def offers(i: int, o: int, fixed: Fixed, top: int) -> list[Offer]:
    """Kernels and settings that turn ``i`` into ``o``, the best first.

    Without a checkerboard first; then by a stride of ``o / i``, no output padding, a kernel of at least two
    strides (Odena et al. 2016), and the smallest kernel. Undilated, unless a dilation is given.

    Args:
        i: size that goes in.
        o: size that should leave.
        fixed: parameters that are given.
        top: how many.
    """
    near = max(o // i, 1)
    strides: tuple[int, ...] = (
        (fixed.stride,) if fixed.stride is not None else (near, near + 1, max(near - 1, 1))
    )
    kernels = {*range(1, SMALL + 1)}
    for s in strides:
        kernels |= {s * m + e for m in range(1, MULTIPLES + 1) for e in (-1, 0, 1) if s * m + e > 0}
    found: dict[Offer, None] = {}
    for k in sorted(kernels):
        given = fixed._replace(dilation=fixed.dilation or 1)
        moved = [given] if i == 1 else [given._replace(stride=s) for s in strides]
        for given in moved:
            for one in settings(i, o, k, given, limit=64).found:
                if not one.more_after:
                    even = Overlap(phases(k, one.stride, one.padding, one.dilation), k, one.stride).is_even
                    found[Offer(k, *one[:4], even)] = None

    def rank(one: Offer) -> tuple[int, ...]:
        far = abs(one.stride * i - o) if i > 1 else one.output_padding
        short = one.kernel < 2 * one.stride
        return (not one.even, far, one.output_padding, short, one.kernel, one.stride, one.padding)

    return sorted(found, key=rank)[:top]

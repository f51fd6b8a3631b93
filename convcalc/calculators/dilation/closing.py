"""Rates that leave no holes in the place of rates that do, by the rule of :mod:`.design`."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Final, NamedTuple

from convcalc.calculators.dilation.design import Design, designs, exactly, widest

LONGEST: Final = 10
"""Most layers for which other rates of the same field are sought; of longer runs, the fewest are lowered."""

LARGEST: Final = 1000
"""Largest field for which they are."""


class Closing(NamedTuple):
    """Rates without holes.

    Attributes:
        rates: of every layer, in the order of the layers.
        kernels: of them.
        field: what they reach, in pixels.
    """

    rates: tuple[int, ...]
    kernels: tuple[int, ...]
    field: int


def gap(kernels: Sequence[int], rates: Sequence[int]) -> tuple[int, int] | None:
    """The first rate that is too large for what the smaller ones reach together, and that reach.

    None where no rate is: then there are no holes, and only then (see :mod:`.design`).
    """
    field = 1
    for r, k in sorted((r, k) for k, r in zip(kernels, rates, strict=True) if k > 1):
        if r > field:
            return r, field
        field += (k - 1) * r
    return None


def reason(kernels: Sequence[int], rates: Sequence[int]) -> str:
    """Why rates leave holes, or why they do not, in words."""
    found = gap(kernels, rates)
    if found is None:
        return "sorted by size, no rate is larger than the field of the smaller ones"
    factor = gcd(*(r for k, r in zip(kernels, rates, strict=True) if k > 1))
    many = sum(k > 1 for k in kernels) > 1
    if factor > 1:
        read = "every second pixel is never read" if factor == 2 else f"only one pixel in {factor} is read"
        return f"the rates share the factor {factor}: {read}" if many else f"at rate {factor}, {read}"
    r, field = found
    if field == 1:
        return f"the smallest rate is {r}, not 1: the pixel next to the edge of the field is stepped over"
    return (
        f"rate {r} is larger than the field of the smaller ones ({field}): "
        f"the pixel {field} from the edge is stepped over"
    )


def closings(kernels: Sequence[int], rates: Sequence[int], top: int = 2) -> list[Closing]:
    """Rates for layers of these kernels that leave no holes, those with the nearest field first.

    First those of the same field, or of the next larger one that can be; where the layers cannot reach as
    far, their widest field, and then the fewest layers that do. Of long runs, the same rates with as few
    lowered as possible.

    Args:
        kernels: taps of each layer.
        rates: dilation of each layer, in pixels.
        top: how many, each of another field.
    """
    field = 1 + sum((k - 1) * r for k, r in zip(kernels, rates, strict=True))
    multiset = tuple(sorted(kernels))
    if len(multiset) > LONGEST or field > LARGEST:
        return [_lowered(kernels, rates)]
    most = widest(multiset, field)
    found = []
    for wanted in range(min(field, most), min(2 * field, most) + 1):
        design = exactly(wanted, multiset, field)
        if design is not None:
            found.append(_placed(design, kernels))
        if len(found) == top:
            break
    if most < field:  # more layers reach as far
        longer = designs(field, kernels=(max(kernels),), top=1)
        found += [Closing(one.rates, one.kernels, one.field) for one in longer]
    return found


def _placed(design: Design, kernels: Sequence[int]) -> Closing:
    """The rates of a design, handed to the layers in their order: ascending among equal kernels."""
    left = {k: [r for own, r in zip(design.kernels, design.rates, strict=True) if own == k] for k in kernels}
    return Closing(tuple(left[k].pop(0) for k in kernels), tuple(kernels), design.field)


def _lowered(kernels: Sequence[int], rates: Sequence[int]) -> Closing:
    """The same rates, each at most what the smaller ones reach together."""
    chosen = list(rates)
    field = 1
    for number in sorted(range(len(rates)), key=lambda n: rates[n]):
        if kernels[number] > 1:
            chosen[number] = min(rates[number], field)
            field += (kernels[number] - 1) * chosen[number]
    return Closing(tuple(chosen), tuple(kernels), field)

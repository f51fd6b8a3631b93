"""What the published rules say about a run of dilated convolutions.

Rules, not truths: :mod:`convcalc.solve.dilation` puts execution beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, NamedTuple

from convcalc.calculators.answers import Unreachable, per_axis, rate, whole
from convcalc.layers.windows.window import effective
from convcalc.records import Record


class MaximumDistance(NamedTuple):
    """One step of Wang et al.'s recursion.

    Attributes:
        layer: number of the layer, from 1.
        rate: its dilation.
        value: ``M_i``, the largest distance between two non-zero values.
        formula: the terms with the numbers put in.
    """

    layer: int
    rate: int
    value: int
    formula: str


@dataclass(frozen=True, slots=True)
class Criterion(Record):
    """The rules along one axis.

    Attributes:
        kernels, rates: of every layer, in order.
        extents: effective kernels, ``d*(k - 1) + 1``.
        fields: receptive field after each layer, at stride 1.
        distances: ``M_n`` down to ``M_2`` (``M_1`` of a single layer), of the layers whose kernel
            is larger than 1.
        limit: the kernel that ``M_2`` must not exceed.
        common_factor: greatest common divisor of the rates of these layers; 0 where there are none.
        no_holes: what the criterion ``M_2 <= K`` says; None where no layer has more than one tap.
    """

    KEYS = (
        "kernels rates effective_kernels=extents fields field M=distances M2=m2 K=limit "
        "criterion_no_holes=no_holes common_factor"
    )

    kernels: tuple[int, ...]
    rates: tuple[int, ...]
    extents: tuple[int, ...]
    fields: tuple[int, ...]
    distances: tuple[MaximumDistance, ...]
    limit: int
    common_factor: int
    no_holes: bool | None

    @property
    def field(self) -> int:
        """Receptive field of the whole run."""
        return self.fields[-1] if self.fields else 1

    @property
    def m2(self) -> int | None:
        """``M_2``; None where fewer than two layers have more than one tap."""
        return self.distances[-1].value if len(self.distances) and self.distances[-1].layer != 1 else None

    def inequality(self) -> str:
        """``M2 <= K`` with its numbers, or with the rate of a single layer."""
        if self.no_holes is None:
            return "no layer has more than one tap"
        last = self.distances[-1]
        sign = "<=" if self.no_holes else ">"
        if last.layer == 1:
            return f"one layer: r = {last.value} {sign} 1"
        return f"M2 = {last.value} {sign} K = {self.limit}"

    def sentence(self) -> str:
        """The criterion in one line: the inequality, and a factor that the rates share beside it."""
        shared = self.no_holes and self.common_factor > 1
        return self.inequality() + (f", but factor {self.common_factor}" if shared else "")


def criterion(kernels: Sequence[int], rates: Sequence[int]) -> Criterion:
    """Effective kernels, growth of the field, ``M_i`` and common factor, along one axis.

    ``M_n = r_n`` and ``M_i = max(M_{i+1} - 2*r_i, M_{i+1} - 2*(M_{i+1} - r_i), r_i)``; no holes are
    promised where ``M_2 <= K``. Layers with a kernel of 1 have no distance between taps and are left
    out of the recursion; K is the kernel of the first of the others.

    Args:
        kernels: taps of each layer.
        rates: dilation of each layer, in pixels.

    Source: Wang et al. 2018, Understanding convolution for semantic segmentation, equation 2.
    """
    fields, field = [], 1
    extents = [effective(k, r) for k, r in zip(kernels, rates, strict=True)]
    for extent in extents:
        field += extent - 1
        fields.append(field)
    taps = [(k, r) for k, r in zip(kernels, rates, strict=True) if k > 1]
    steps = _distances([r for _, r in taps])
    factor = 0
    for _, r in taps:
        factor = gcd(factor, r)
    limit = taps[0][0] if taps else 1
    fine = None if not steps else steps[-1].value <= (limit if len(taps) > 1 else 1)
    return Criterion(tuple(kernels), tuple(rates), tuple(extents), tuple(fields), steps, limit, factor, fine)


def _distances(rates: list[int]) -> tuple[MaximumDistance, ...]:
    if not rates:
        return ()
    number = len(rates)
    m = rates[-1]
    steps = [MaximumDistance(number, m, m, f"r{number} = {m}")]
    for i in range(number - 1, 1, -1):
        r = rates[i - 1]
        text = f"max({m} - 2*{r}, {m} - 2*({m} - {r}), {r})"
        m = max(m - 2 * r, m - 2 * (m - r), r)
        steps.append(MaximumDistance(i, r, m, text))
    return tuple(steps)


def layers_of(rates: Any, kernel: Any, rank: int | None) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Kernel and rate of every layer, one number per axis.

    Args:
        rates: one entry per layer: a number, or one number per axis.
        kernel: the same of kernels, or one number for all layers, or a tuple with one per axis for
            all layers.
        rank: number of axes; 2 where nothing says it.

    Returns:
        kernels and rates, layers first, axes second.

    Raises:
        Unreachable: a rate below 1, a kernel below 1, or numbers of layers or axes that disagree.
    """
    rates = list(rates) if isinstance(rates, (list, tuple)) else [rates]
    if not rates:
        raise Unreachable("no rates", expected="one rate a layer, such as 1 2 5")
    kernels = list(kernel) if isinstance(kernel, list) else [kernel] * len(rates)
    if len(kernels) == 1:
        kernels *= len(rates)
    if len(kernels) != len(rates):
        raise Unreachable(
            f"{len(kernels)} kernels for {len(rates)} rate{'s' * (len(rates) != 1)}",
            expected=f"one kernel for all layers, or {len(rates)}",
            field="kernel",
        )
    values = {f"rate {i + 1}": r for i, r in enumerate(rates)}
    values |= {f"kernel {i + 1}": k for i, k in enumerate(kernels)}
    stated = any(isinstance(v, (tuple, list)) and len(v) > 1 for v in values.values())
    _, found = per_axis(values, rank if rank is not None or stated else 2)
    for name, one in found.items():
        for value in one:
            if name.startswith("rate"):
                rate(value, "rate")
            else:
                whole(value, "kernel", 1)
    items = list(found.values())
    return tuple(items[len(rates) :]), tuple(items[: len(rates)])

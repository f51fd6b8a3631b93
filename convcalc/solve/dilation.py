"""Runs of dilated convolutions: what the published rules say, held to what running them shows.

The rules and the search for rates are formulas (:mod:`convcalc.calculators.dilation`). The executor is the
second witness, and decides: which pixels a run really sees, and by how many paths, comes from running it
backwards on marks (:func:`convcalc.executor.taint`, :func:`convcalc.executor.paths`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Final

from convcalc.budget import question, spend
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.dilation.closing import closings, reason
from convcalc.calculators.dilation.criterion import Criterion, criterion, layers_of
from convcalc.calculators.dilation.design import Design, designs
from convcalc.executor import paths, taint
from convcalc.executor.arithmetic.arith import Array
from convcalc.graph import Graph
from convcalc.records import Record, plain, record
from convcalc.spec import load

MAX_PIXELS: Final = 1 << 20
"""Largest field that is executed as a whole; above it, each axis is executed by itself."""

MAX_FIELD: Final = 1 << 22
"""Largest field along one axis."""


@dataclass(frozen=True, eq=False)
class AxisJudgement(Record):
    """One axis.

    Attributes:
        rules: what the published rules say.
        counts: paths from each pixel of the field to the output, by execution.
        holes: offsets from the centre of the field (in pixels, halves for an even field) that no
            path leads from.
    """

    KEYS = "paths=counts covered hole_offsets=holes holes agrees disagreement"

    rules: Criterion
    counts: tuple[int, ...]
    holes: tuple[float, ...]

    @property
    def agrees(self) -> bool | None:
        """Whether the criterion says what execution says; None where it says nothing."""
        return None if self.rules.no_holes is None else self.rules.no_holes == (not self.holes)

    def disagreement(self) -> str | None:
        """What the criterion says against what execution shows; None where they agree."""
        if self.agrees is not False:
            return None
        if self.holes:
            factor = self.rules.common_factor
            why = f": the rates share the factor {factor}" if factor > 1 else ""
            return (
                f"{self.rules.inequality()} is met and not enough{why}; "
                f"execution finds {len(self.holes)} holes, at offsets {_offsets(self.holes)}"
            )
        return (
            f"{self.rules.inequality()} would be enough and is not needed: the order of the rates does not "
            f"matter, and execution reaches all {self.rules.field} pixels"
        )

    def to_dict(self) -> dict[str, Any]:
        """The axis as JSON holds it."""
        return self.rules.to_dict() | record(
            self,
            covered=len(self.counts) - len(self.holes),
            holes=bool(self.holes),
            disagreement=self.disagreement(),
        )


@dataclass(frozen=True, eq=False, repr=False)
class DilationJudgement(Record):
    """What :func:`judge_dilations` found.

    Attributes:
        kernels, rates: of every layer, one number per axis.
        axes: the judgement of each axis.
        covered, total: pixels of the field that reach the output, and all of them, by execution.
        counts: paths from each pixel of the field, by execution; None where the field is so large
            that each axis was executed by itself.
    """

    KEYS = "rates kernels field covered total coverage holes=has_holes agrees axes why closing"

    kernels: tuple[tuple[int, ...], ...]
    rates: tuple[tuple[int, ...], ...]
    axes: tuple[AxisJudgement, ...]
    covered: int
    total: int
    counts: Array | None

    @property
    def has_holes(self) -> bool:
        """The verdict, by execution."""
        return self.covered < self.total

    @property
    def why(self) -> list[str]:
        """The reasons of the verdict: of the axes with holes, or, where there are none, of all."""
        told = [(axis.holes, reason(axis.rules.kernels, axis.rules.rates)) for axis in self.axes]
        return list(dict.fromkeys(text for holes, text in told if holes or not self.has_holes))

    @cached_property
    def closing(self) -> list[DilationJudgement]:
        """Rates without holes in place of these, those with the nearest field first, each judged too.

        None where there are no holes, or the field is so large that it is not executed as a whole.
        """
        if not self.has_holes or self.counts is None:
            return []
        options = [closings(axis.rules.kernels, axis.rules.rates) for axis in self.axes]
        if len({(axis.rules.kernels, axis.rules.rates) for axis in self.axes}) > 1:
            # of each axis the first that keeps the layers
            options = [[one for one in axis if len(one.rates) == len(self.rates)][:1] for axis in options]
        found = []
        for axes in zip(*options, strict=False):
            rates = list(zip(*(one.rates for one in axes), strict=True))
            kernels = list(zip(*(one.kernels for one in axes), strict=True))
            if prod(one.field for one in axes) <= MAX_PIXELS:
                judged = judge_dilations(rates, kernels, rank=len(self.axes))
                if judged.has_holes:
                    raise AssertionError(f"execution contradicts the rates {rates} of kernels {kernels}")
                found.append(judged)
        return found

    @property
    def field(self) -> tuple[int, ...]:
        """Receptive field of the run, in pixels, per axis."""
        return tuple(axis.rules.field for axis in self.axes)

    @property
    def agrees(self) -> bool | None:
        """Whether the criterion says what execution says, on every axis for which it says anything."""
        said = [axis.agrees for axis in self.axes if axis.agrees is not None]
        return all(said) if said else None

    def to_dict(self, *, grid: bool = False) -> dict[str, Any]:
        """The judgement as JSON holds it; with ``grid`` the paths of every pixel."""
        closing = [{"rates": one.rates, "kernels": one.kernels, "field": one.field} for one in self.closing]
        result = record(self, coverage=self.covered / self.total, closing=closing)
        return result | ({"map": plain(self.counts)} if grid else {})


@dataclass(frozen=True, eq=False)
class DesignedRun(Record):
    """One designed sequence with its proof.

    Attributes:
        design: kernels, rates, field and params.
        proof: the judgement by execution; it has no holes.
    """

    KEYS = (
        "rates=design.rates kernels=design.kernels layers field=design.field params=design.params covered "
        "proven M2=proof.rules.m2 criterion_no_holes=proof.rules.no_holes"
    )

    design: Design
    proof: AxisJudgement

    def to_dict(self) -> dict[str, Any]:
        """The sequence as JSON holds it."""
        return record(
            self,
            layers=len(self.design.rates),
            covered=len(self.proof.counts) - len(self.proof.holes),
            proven=not self.proof.holes,
        )


MAX_STEPS: Final = 20_000_000
"""Most additions that counting the paths over a whole field may take."""


@question
def judge_dilations(rates: Any, kernel: Any = 3, *, rank: int | None = None) -> DilationJudgement:
    """Whether a run of dilated convolutions at stride 1 sees every pixel of its field.

    Args:
        rates: one rate per layer, first layer first: a number, or a tuple with one per axis.
        kernel: taps: a number, a tuple with one per axis, or a list of these, one per layer.
        rank: number of axes; that of the tuples, or 2.

    Returns:
        effective kernels, field, ``M_i`` of Wang et al. 2018, common factor, and the coverage and
        path counts found by execution, which decide.

    Raises:
        Unreachable: a rate or kernel below 1, or numbers of layers or axes that disagree.
    """
    kernels, dilations = layers_of(rates, kernel, rank)
    axes = tuple(
        judge_axis([layer[a] for layer in kernels], [layer[a] for layer in dilations])
        for a in range(len(kernels[0]))
    )
    fields = tuple(axis.rules.field for axis in axes)
    total = prod(fields)
    if total > MAX_PIXELS or total * sum(map(prod, kernels)) > MAX_STEPS:
        covered = prod(len(axis.counts) - len(axis.holes) for axis in axes)
        return DilationJudgement(kernels, dilations, axes, covered, total, None)
    graph = chain(kernels, dilations, fields)
    counts = paths(graph, (0,) * len(fields))
    covered = int(taint(graph, [(0,) * len(fields)]).sum())
    return DilationJudgement(kernels, dilations, axes, covered, total, counts)


def judge_axis(kernels: Sequence[int], rates: Sequence[int]) -> AxisJudgement:
    """The rules and the executed coverage along one axis.

    Raises:
        Unreachable: the field is too large to execute.
    """
    rules = criterion(kernels, rates)
    if rules.field > MAX_FIELD:
        raise Unreachable(
            f"the field is {rules.field} pixels, more than is executed", expected=f"at most {MAX_FIELD}"
        )
    spend(rules.field * sum(kernels) // 10)
    graph = chain([(k,) for k in kernels], [(r,) for r in rates], (rules.field,))
    counts = tuple(int(n) for n in paths(graph, (0,)))
    centre = (rules.field - 1) / 2
    seen = taint(graph, [(0,)])[0]
    holes = tuple(_plain(at - centre) for at in range(rules.field) if not seen[at])
    return AxisJudgement(rules, counts, holes)


def chain(
    kernels: Sequence[tuple[int, ...]], rates: Sequence[tuple[int, ...]], sizes: tuple[int, ...]
) -> Graph:
    """The run as a network: one channel, no padding, on an input of the given sizes."""
    stages = [
        f"conv 1 k{'x'.join(map(str, k))} d{'x'.join(map(str, r))} bias=false"
        for k, r in zip(kernels, rates, strict=True)
    ]
    return load("\n".join(stages), input=(1, *sizes))


@question
def design_dilations(
    reach: int,
    *,
    kernel: Any = 3,
    layers: int | None = None,
    max_rate: int | None = None,
    rank: int = 2,
    top: int = 10,
) -> list[DesignedRun]:
    """The cheapest hole-free rates that reach a wanted field, each proven by execution.

    Ranked by layers, then by weights, then by how little the field exceeds the reach, then by the
    largest rate.

    Args:
        reach: field wanted along every axis, in pixels.
        kernel: taps, or a list of kernels to choose from.
        layers: exactly so many; as few as possible where not given.
        max_rate: largest rate allowed.
        rank: spatial axes, for the count of weights.
        top: how many sequences.

    Raises:
        Unreachable: no sequence does it, with the nearest that one does.
        AssertionError: execution contradicts the design (a defect of convcalc).
    """
    kernels = tuple(kernel) if isinstance(kernel, (list, tuple)) else (kernel,)
    found = designs(reach, kernels=kernels, layers=layers, max_rate=max_rate, rank=rank, top=top)
    proven = [DesignedRun(design, judge_axis(design.kernels, design.rates)) for design in found]
    for one in proven:
        if one.proof.holes or len(one.proof.counts) != one.design.field:
            raise AssertionError(f"execution contradicts the design {one.design}")
    return proven


def _plain(offset: float) -> float:
    return int(offset) if offset == int(offset) else offset


def _offsets(holes: tuple[float, ...]) -> str:
    """Offsets for a reader; symmetric ones in pairs."""
    if set(holes) == {-h for h in holes}:
        shown = [f"±{h:g}" for h in holes if h > 0] + ["0"] * (0 in holes)
    else:
        shown = [f"{h:+g}" for h in holes]
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")

"""The search of ``fit``: networks at many values of a variable, and where they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.calculators.answers import tidy
from convcalc.calculators.check.limits import Limit, LimitError, counted
from convcalc.calculators.count.report import analyze
from convcalc.calculators.fit.ranges import Range, decimal, simplest
from convcalc.dims import Dim
from convcalc.graph import Graph
from convcalc.records import Record, record

GRID: Final = 32
"""Values at equal distances over a range, and again between the answer and the next of them."""
LARGEST: Final = 10**6
"""Largest denominator of a bound that is taken for exact."""
HALVINGS: Final = 44
"""How often a bisection halves."""


@dataclass(frozen=True)
class Trial:
    """A network at one setting.

    Attributes:
        settings: every variable that was set, and ``resolution`` where the input was.
        counts: what limits are about, by key; empty where the network cannot be built.
        exceeds: limits that do not hold.
        error: why the network cannot be built; empty where it can.
        signature: shapes of all tensors and the parameters, to tell networks apart.
    """

    settings: Mapping[str, Any]
    counts: Mapping[str, Dim]
    exceeds: tuple[Limit, ...]
    error: str
    signature: Any = field(repr=False, default=None)

    @property
    def fits(self) -> bool:
        """Whether it can be built and every limit holds."""
        return not self.error and not self.exceeds


@dataclass(frozen=True)
class Cell(Record):
    """The values of a variable that give one and the same network.

    Attributes:
        value: one of them: the largest of the decimals with the fewest digits.
        low: where they begin.
        high: where they end.
        low_in: whether ``low`` is one of them.
        high_in: whether ``high`` is.
        exact: whether the bounds are exact; else they are close from inside.
        trial: the network.
    """

    KEYS = (
        "value from=low from_included=low_in to=high to_included=high_in exact settings "
        "counts=trial.counts fits=trial.fits exceeds error=trial.error?"
    )

    value: Fraction
    low: Fraction
    high: Fraction
    low_in: bool
    high_in: bool
    exact: bool
    trial: Trial

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON holds them: numbers, the ends of the range as exact texts."""
        trial = self.trial
        return record(
            self,
            **{"value": _number(self.value), "from": str(self.low), "to": str(self.high)},
            settings={name: _number(value) for name, value in trial.settings.items()},
            exceeds=[limit.name for limit in trial.exceeds],
        )


def _number(value: Any) -> Any:
    """A setting as JSON holds it: a number where it is one."""
    value = float(value) if isinstance(tidy(value), Fraction) else tidy(value)
    return value if isinstance(value, (int, float, str)) else str(value)


class Bound(NamedTuple):
    """Where a property of the networks ends, as their variable grows or falls.

    Attributes:
        at: the bound.
        inside: a value that has the property, at the bound or right beside it.
        outside: a value that has it no more, the same.
        included: whether the bound itself has it.
        exact: whether the bound is exact, else close.
    """

    at: Fraction
    inside: Fraction
    outside: Fraction
    included: bool
    exact: bool

    def turned(self) -> Bound:
        """The same bound, as the beginning of what lies beyond it."""
        return Bound(self.at, self.outside, self.inside, not self.included, self.exact)


class Cells(NamedTuple):
    """The largest values that fit and the networks next to them; None where there is none."""

    below: Cell | None
    best: Cell | None
    above: Cell | None


class Search:
    """Networks by the value of one variable, each counted once.

    Args:
        build: makes the graph and its settings at a value; a ValueError says why there is none.
        limits: what must hold.
        batch: samples in one pass.
        dtype: element type for the byte counts.
        tell: called after each network that was counted.
        training: how a limit of memory in training is meant.
    """

    def __init__(
        self,
        build: Callable[[Fraction], tuple[Graph, Mapping[str, Any]]],
        limits: tuple[Limit, ...],
        batch: int,
        dtype: str,
        tell: Callable[[Trial], None] | None = None,
        training: Mapping[str, Any] | None = None,
    ) -> None:
        self.training = training
        self.tell = tell
        self.build = build
        self.limits = limits
        self.batch = batch
        self.dtype = dtype
        self.trials: dict[Fraction, Trial] = {}

    def at(self, value: Fraction) -> Trial:
        """The network at a value.

        Raises:
            LimitError: what a limit holds is a closed form there, or cannot be known.
        """
        trial = self.trials.get(value)
        if trial is None:
            trial = self.trials[value] = self._try(value)
            if self.tell is not None:
                self.tell(trial)
        return trial

    def so_far(self) -> Cells | None:
        """The largest value that was found to fit before the search was broken off; None where none was."""
        fitting = [value for value, trial in self.trials.items() if trial.fits]
        if not fitting:
            return None
        best = max(fitting)
        return Cells(None, Cell(best, best, best, True, True, False, self.trials[best]), None)

    def _try(self, value: Fraction) -> Trial:
        try:
            graph, settings = self.build(value)
        except ValueError as error:
            problems = getattr(error, "problems", None)
            text = str(problems[0].message if problems else error).split("\n")[0]
            return Trial({}, {}, (), text, text)
        report = analyze(graph, batch=self.batch, dtype=self.dtype)
        counts = counted(graph, report, self.limits, self.training)
        for limit in self.limits:
            if limit.holds(counts) is None:  # neither that it fits nor that it does not would be true
                for node in graph.nodes:
                    if node.layer.opaque:
                        raise LimitError(
                            f"{limit.kind.title} cannot be held to a limit: {node.name} is "
                            f"{getattr(node.layer, 'what', node.op)}, which is not known here",
                            "a network without it, or a limit that it does not touch, such as of parameters",
                        )
                raise LimitError(
                    f"{limit.kind.title} cannot be held to a limit: not every size is a number",
                    "every size and variable as a number, such as --input 3x224x224",
                )
        exceeds = tuple(limit for limit in self.limits if not limit.holds(counts))
        learned = (report.totals.params, report.totals.trainable)
        signature = (tuple(node.outputs for node in graph.nodes), learned, len(graph.nodes))
        return Trial(settings, counts, exceeds, "", signature)

    def largest(self, range_: Range) -> Cells:
        """The largest value of a range that fits, and its neighbours."""
        return self._free(range_) if range_.step is None else self._stepped(range_)

    # -- a range with steps -----------------------------------------------------------------

    def _stepped(self, range_: Range) -> Cells:
        """Every value is tried, from the largest down."""
        values = range_.values()
        for number in range(len(values) - 1, -1, -1):
            if self.at(values[number]).fits:
                below = self._single(values[number - 1]) if number else None
                above = self._single(values[number + 1]) if number + 1 < len(values) else None
                return Cells(below, self._single(values[number]), above)
        return Cells(None, None, self._single(values[0]))

    def _single(self, value: Fraction) -> Cell:
        return Cell(value, value, value, True, True, True, self.at(value))

    # -- any number -------------------------------------------------------------------------

    def _free(self, range_: Range) -> Cells:
        """A grid over the range finds the largest of its values that fits.

        Bisection then finds where fitting ends, and a second grid looks for something that fits
        between there and the next value of the first. Where every size grows with the variable, this
        is exact.
        """
        low, high = range_.low, range_.high
        grid = [low + (high - low) * n / GRID for n in range(GRID + 1)] if high > low else [low]
        last = next((n for n in range(len(grid) - 1, -1, -1) if self.at(grid[n]).fits), None)
        if last is None:
            return Cells(None, None, self.cell(low, range_))
        if last == len(grid) - 1:
            best = self.cell(high, range_)
            return Cells(self._below(best, range_), best, None)
        good, bad = grid[last], grid[last + 1]
        while True:
            edge = self._edge(good, bad, lambda trial: trial.fits)
            between = [edge.outside + (bad - edge.outside) * n / GRID for n in range(GRID - 1, 0, -1)]
            more = next((value for value in between if self.at(value).fits), None)
            if more is None:
                break
            good = more
        best = self.cell(edge.inside, range_, high=edge)
        above = self.cell(edge.outside, range_, low=edge.turned())
        return Cells(self._below(best, range_), best, above)

    def _below(self, cell: Cell, range_: Range) -> Cell | None:
        if cell.low <= range_.low:
            return None
        edge = Bound(cell.low, cell.low, cell.low, not cell.low_in, cell.exact)
        value = cell.low if not cell.low_in else cell.low - (cell.low - range_.low) / 2**HALVINGS
        return self.cell(value, range_, high=edge)

    def cell(
        self, value: Fraction, range_: Range, *, low: Bound | None = None, high: Bound | None = None
    ) -> Cell:
        """All values around one that give the same network; bounds that are known need no search."""
        signature = self.at(value).signature

        def same(trial: Trial) -> bool:
            return bool(trial.signature == signature)

        low = low or self._bound(value, range_.low, same, range_)
        high = high or self._bound(value, range_.high, same, range_)
        chosen = decimal(low.at, high.at, low.included, high.included)
        if not same(self.at(chosen)):
            chosen = value
        return Cell(
            chosen, low.at, high.at, low.included, high.included, low.exact and high.exact, self.at(chosen)
        )

    def _bound(self, start: Fraction, end: Fraction, same: Callable[[Trial], bool], range_: Range) -> Bound:
        """Where a property that holds at ``start`` ends towards ``end``."""
        if start == end or same(self.at(end)):
            # Both ends alike: the network does not change between them, where sizes grow.
            return Bound(end, end, end, True, True)
        step = (range_.high - range_.low) / GRID
        reach = start + (step if end > start else -step) / 64
        inside, outside = start, end
        while abs(reach - start) < abs(end - start):
            if not same(self.at(reach)):
                outside = reach
                break
            inside, reach = reach, start + (reach - start) * 2
        return self._edge(inside, outside, same)

    def _edge(self, good: Fraction, bad: Fraction, holds: Callable[[Trial], bool]) -> Bound:
        """Where a property ends between a value that has it and one that has not.

        Halving closes in on it. The fraction with the smallest denominator in what is left is taken
        for the bound as soon as the property changes right beside it.
        """
        tiny = (bad - good) / 2**60
        tried: set[Fraction] = set()
        for halving in range(HALVINGS):
            if halving >= 8 and halving % 4 == 0:
                bound = simplest(min(good, bad), max(good, bad))
                if bound not in tried and bound.denominator <= LARGEST:
                    tried.add(bound)
                    included = holds(self.at(bound))
                    inside = bound if included else bound - tiny
                    outside = bound + tiny if included else bound
                    if holds(self.at(inside)) and not holds(self.at(outside)):
                        return Bound(bound, inside, outside, included, True)
            middle = (good + bad) / 2
            if holds(self.at(middle)):
                good = middle
            else:
                bad = middle
        return Bound(good, good, bad, True, False)

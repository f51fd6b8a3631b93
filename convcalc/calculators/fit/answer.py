"""The largest value of a variable whose network stays within limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any, TypeAlias

from convcalc.budget import apart
from convcalc.calculators.check.limits import Limit, LimitError
from convcalc.calculators.check.verdict import merged
from convcalc.calculators.fit.networks import Networks
from convcalc.calculators.fit.proof import proven
from convcalc.calculators.fit.ranges import MOST, Range, Rules, ranges_of, show
from convcalc.calculators.fit.search import GRID, Cell, Cells, Search, Trial
from convcalc.records import Record, record
from convcalc.spec.loading import build
from convcalc.spec.lookup import find
from convcalc.spec.source import Source

Progress: TypeAlias = Callable[[int, int, str], None]


@dataclass(frozen=True, repr=False)
class Fit(Record):
    """What fits.

    Attributes:
        name: of the network.
        limits: what had to hold.
        variables: what was varied, the first of them as far as it goes.
        best: the largest value that fits, with all values that give the same network; None where
            nothing in the range fits.
        below: the next smaller network; None at the end of the range.
        above: the next larger network, which exceeds a limit; None at the end of the range. Where
            nothing fits, the smallest network of the range.
        frontier: where several variables were varied: the best for every value of the others, that
            came out, from the smallest; ``best`` is then the one with the most MACs.
        how: how the answer was found, and how far it is proven.
        proven: whether no larger value of the ranges can fit: every one was tried, or the cost is
            certain not to fall as the variable grows.
        counted: networks that were built and counted.
        complete: whether the search came to its end; else it was interrupted, and ``best`` is the best
            so far.
    """

    name: str
    limits: tuple[Limit, ...]
    variables: tuple[str, ...]
    best: Cell | None
    below: Cell | None
    above: Cell | None
    frontier: tuple[Cell, ...]
    how: str
    proven: bool
    counted: int
    complete: bool = True

    def __bool__(self) -> bool:
        return self.best is not None

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON holds it."""
        return record(self, limits={limit.name: limit.bound for limit in self.limits})


@apart
def fit(
    spec: str | os.PathLike[str] | Source,
    vary: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    *,
    compound: str | Mapping[str, str] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    training: Mapping[str, Any] | None = None,
    **given: Any,
) -> Fit:
    """Find the largest value of a variable whose network stays within limits.

    Args:
        spec: what :func:`convcalc.load` takes.
        vary: ranges by variable, ``{"alpha": "0.25..1.4"}`` (any number), ``{"n": "1..9"}`` (whole
            numbers), ``{"resolution": "96..224:32"}`` (with steps; ``resolution`` sets the spatial
            sizes of the input). Of several variables all but the first must have steps; the largest
            value of the first is found for every value of the others. By default the width
            multiplier of the document, from a sixteenth to four times its value.
        budget: limits by name, as for :func:`convcalc.check`; the document's own count too.
        compound: settings as functions of what is varied: ``depth=1.2**p,width=1.1**p,
            resolution=224*1.15**p`` with ``vary={"p": "0..7"}`` (Tan & Le 2019, equation 3); a
            resolution is rounded to whole pixels.
        batch: samples in one pass.
        dtype: element type for the byte counts.
        input: see :func:`convcalc.load`.
        set: see :func:`convcalc.load`.
        progress: called with the searches done, the searches in all, and the best so far in words. A
            KeyboardInterrupt then ends the search with what was found.
        training: how ``max_training_memory`` is meant, as for :func:`convcalc.check`.
        given: more limits: ``max_macs="300M"``.

    Raises:
        LimitError: no limit, no range, no such variable, or a limit on what has no number.
        SpecError: the spec cannot be read.
    """
    source = spec if isinstance(spec, Source) else find(spec)
    base = build(source, input=input, set=set)
    limits = merged(base.budget, budget or {}, given)
    if not limits:
        raise LimitError("there is nothing to fit to: no limit is given", "a limit such as max_macs=300M")
    rules = None if compound is None else Rules(compound)
    ranges = ranges_of(base.variables, vary, rules)
    if base.again is not None and rules is None:  # a program computes with whole numbers where it has them
        whole = [n for n, r in ranges.items() if r.step is None and type(base.variables.get(n)) is int]
        ranges |= {
            n: Range(Fraction(ceil(ranges[n].low)), Fraction(floor(ranges[n].high)), Fraction(1))
            for n in whole
        }
    networks = Networks(source, base, input, dict(set or {}), rules)
    networks.check_resolution(ranges if rules is None else rules.rules)
    (first, range_), *others = ranges.items()
    choices = _choices(ranges)
    if range_.step is None:
        networks.probe(first, range_, choices[0])
    found: list[Cells] = []
    counts = [0]

    def tell(_: Trial) -> None:
        counts[0] += 1
        if progress is not None:
            best = _best(found).best if found else None
            shown = f"{first}={show(best.value)} so far" if best is not None else f"{counts[0]} networks"
            progress(len(found), len(choices), shown)

    searches = [
        Search(networks.along(first, choice), limits, batch, dtype, tell, training) for choice in choices
    ]
    complete = True
    try:
        for search in searches:
            found.append(search.largest(range_))
    except KeyboardInterrupt:
        complete = False
        here = searches[len(found)].so_far()
        if here is not None:
            found.append(here)
        if not found:
            raise
    below, best, above = _best(found)
    frontier = tuple(cells.best for cells in found if cells.best is not None) if others else ()
    tried = range_.step is not None or (best is not None and above is None and not others)
    by_form = False
    if (
        complete
        and not tried
        and rules is None
        and not others
        and first in base.variables
        and above is not None
    ):
        by_form = proven(source, first, above.trial.exceeds, input=input, set=set or {})
    return Fit(
        base.name,
        limits,
        tuple(ranges),
        best,
        below,
        above,
        frontier,
        _how(first, range_, by_form) if complete else _broken_off(len(found), len(choices), others),
        complete and (tried or by_form),
        sum(len(search.trials) for search in searches),
        complete,
    )


def _broken_off(done: int, many: int, others: list[Any]) -> str:
    what = f"after {done} of {many} values of {', '.join(name for name, _ in others)}" if others else "early"
    return f"interrupted {what}: the best so far, and no proof that it is the largest"


def _choices(ranges: Mapping[str, Range]) -> list[dict[str, Fraction]]:
    """Every combination of values of all variables but the first.

    Raises:
        LimitError: one of them has no steps, or there are too many combinations.
    """
    first, *others = ranges
    free = next((name for name in others if ranges[name].step is None), None)
    if free is not None:
        low, high, _ = ranges[free]
        offered = f"{free}={show(low)}..{show(high)}:{show((high - low) / 8)}"
        raise LimitError(
            f"{', '.join(others)} must have a step, beside {first}", f"low..high:step, such as {offered}"
        )
    found = [
        dict(zip(others, values, strict=True))
        for values in product(*(ranges[name].values() for name in others))
    ]
    if len(found) * (len(ranges[first].values()) if ranges[first].step else 1) > MOST:
        raise LimitError("there are too many combinations", f"at most {MOST:,}: a larger step")
    return found


def _best(found: list[Cells]) -> Cells:
    """The largest network that fits, by MACs; where none does, the smallest that exceeds a limit."""
    fitting = [cells for cells in found if cells.best is not None]
    if fitting:
        return max(fitting, key=lambda cells: _macs(cells.best))
    return min(found, key=lambda cells: _macs(cells.above))


def _macs(cell: Cell | None) -> int:
    macs = cell.trial.counts.get("macs", 0) if cell is not None else 0
    return macs if type(macs) is int else 0


def _how(name: str, range_: Range, by_form: bool) -> str:
    low, high = show(range_.low), show(range_.high)
    if range_.step is not None:
        return f"every {name} from {low} to {high} by {show(range_.step)} was tried, from the largest down"
    if by_form:
        return (
            f"bisection over {name} from {low} to {high}; exact, for its closed form says that the cost "
            f"never falls as {name} grows"
        )
    return (
        f"bisection over {name} from {low} to {high}; exact where every size grows with {name} "
        f"({GRID} values over the range and {GRID} above the answer were tried too)"
    )

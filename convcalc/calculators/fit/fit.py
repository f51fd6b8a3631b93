"""The largest value of a variable whose network stays within limits."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Final, NamedTuple

from convcalc.calculators.check.check import merged
from convcalc.calculators.check.limits import Limit, LimitError
from convcalc.calculators.fit.proof import proven
from convcalc.calculators.fit.ranges import MOST, Range, Rules, number, read_range, show
from convcalc.calculators.fit.search import GRID, Cell, Search, Trial
from convcalc.graph import Graph
from convcalc.records import Record, record
from convcalc.spec.loading import build
from convcalc.spec.lookup import find
from convcalc.spec.source import Source

RESOLUTION: Final = "resolution"
"""The variable that stands for the spatial sizes of the input, where the document has no such one."""
WIDTHS: Final = ("alpha", "width", "width_mult", "multiplier")
"""Variables that are looked for where none is named."""


@dataclass(frozen=True)
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

    def __bool__(self) -> bool:
        return self.best is not None

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON holds it."""
        return record(self, limits={limit.name: limit.bound for limit in self.limits})


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
        given: more limits: ``max_macs="300M"``.

    Raises:
        LimitError: no limit, no range, no such variable.
        SpecError: the spec cannot be read.
    """
    source = spec if isinstance(spec, Source) else find(spec)
    base = build(source, input=input, set=set)
    limits = merged(base.budget, budget or {}, given)
    if not limits:
        raise LimitError("there is nothing to fit to: no limit is given", "a limit such as max_macs=300M")
    rules = None if compound is None else Rules(compound)
    ranges = _ranges(base, vary, rules)
    maker = _Maker(source, base, input, dict(set or {}), rules)
    if RESOLUTION not in base.variables and RESOLUTION in (ranges if rules is None else rules.rules):
        for i in base.inputs:
            resized(base.nodes[i].outputs[0], 1)  # an input without sizes has none at any resolution
    names = tuple(ranges)
    first, others = names[0], names[1:]
    if any(ranges[name].step is None for name in others):
        raise LimitError(
            f"{', '.join(others)} must have a step, beside {first}", "low..high:step, such as 96..224:32"
        )
    choices = list(product(*(ranges[name].values() for name in others)))
    if len(choices) * len(ranges[first].values() if ranges[first].step else [0]) > MOST:
        raise LimitError("there are too many combinations", f"at most {MOST:,}: a larger step")
    if ranges[first].step is None:
        maker.probe(first, ranges[first], dict(zip(others, choices[0], strict=True)))
    searches = [
        Search(maker.along(first, dict(zip(others, choice, strict=True))), limits, batch, dtype)
        for choice in choices
    ]
    found = [_searched(search, ranges[first]) for search in searches]
    fitting = [cells for cells in found if cells.best is not None]
    below, best, above = max(fitting, key=_size) if fitting else min(found, key=_size_above)
    if best is None and above is not None:
        _told(above.trial)
    frontier = tuple(cells.best for cells in fitting if cells.best is not None) if others else ()
    sure = ranges[first].step is not None or (best is not None and above is None and not others)
    by_form = False
    if not sure and rules is None and not others and first in base.variables and above is not None:
        by_form = proven(source, first, above.trial.exceeds, input=input, set=set or {})
    total = sum(len(search.trials) for search in searches)
    how = _how(first, ranges[first], by_form)
    return Fit(base.name, limits, names, best, below, above, frontier, how, sure or by_form, total)


def _told(smallest: Trial) -> None:
    """Refuse limits on what has no number: that nothing fits would be more than is known.

    Raises:
        LimitError: the value of a limit is a closed form, or cannot be known.
    """
    for limit in smallest.exceeds:
        if limit.holds(smallest.counts) is None:
            raise LimitError(
                f"{limit.kind.title} cannot be held to a limit: not every size is a number",
                "every size and variable as a number, such as --input 3x224x224",
            )


class _Cells(NamedTuple):
    below: Cell | None
    best: Cell | None
    above: Cell | None


def _searched(search: Search, range_: Range) -> _Cells:
    return _Cells(*(search.free(range_) if range_.step is None else search.stepped(range_)))


def _size(cells: _Cells) -> Any:
    return _macs(cells.best)


def _size_above(cells: _Cells) -> Any:
    return _macs(cells.above)


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


def _ranges(base: Graph, vary: Mapping[str, Any] | None, rules: Rules | None) -> dict[str, Range]:
    variables = base.variables
    if not vary:
        if rules is not None:
            raise LimitError("a compound rule needs the range of its parameter", "a range such as p=0..7")
        name = next((n for n in WIDTHS if isinstance(variables.get(n), (int, Fraction))), None)
        if name is None:
            numeric = [n for n, v in variables.items() if type(v) is int or isinstance(v, Fraction)]
            raise LimitError(
                "nothing to vary is named",
                "a range of " + ", or of ".join([*numeric, RESOLUTION]) + ", such as resolution=96..224:32",
            )
        value = Fraction(variables[name])
        return {name: Range(value / 16, value * 4, None)}
    found = {}
    for name, text in vary.items():
        try:
            found[name] = read_range(text)
        except LimitError as error:
            raise LimitError(f"{name}: {error}", error.hint) from None
        if rules is None:
            _known(name, variables)
    if rules is not None:
        for name in rules.rules:
            _known(name, variables)
        rules.settings({name: number(range_.high) for name, range_ in found.items()})
    return found


def _known(name: str, variables: Mapping[str, Any]) -> None:
    if name in variables or name == RESOLUTION:
        return
    from convcalc.spec.errors import nearest_name

    near = nearest_name(name, [*variables, RESOLUTION])
    raise LimitError(
        f"no variable {name!r}" + (f"; did you mean {near}?" if near else ""),
        "one of " + ", ".join([*variables, RESOLUTION]),
    )


class _Maker:
    """Builds the network at some values of what is varied."""

    def __init__(
        self, source: Source, base: Graph, input: Any, set: dict[str, Any], rules: Rules | None
    ) -> None:
        self.source = source
        self.base = base
        self.input = input
        self.set = set
        self.rules = rules

    def __call__(self, values: Mapping[str, Fraction]) -> tuple[Graph, Mapping[str, Any]]:
        """The graph, and what was set for it.

        Raises:
            ValueError: there is no such network.
        """
        numbers = {name: number(value) for name, value in values.items()}
        settings = numbers if self.rules is None else self.rules.settings(numbers)
        variables = {n: v for n, v in settings.items() if n in self.base.variables}
        shape = self.input
        if RESOLUTION in settings and RESOLUTION not in self.base.variables:
            pixels = (2 * settings[RESOLUTION] + 1) // 2
            settings = {**settings, RESOLUTION: pixels}
            shape = self._shapes(pixels)
        graph = build(self.source, input=shape, set={**self.set, **variables})
        return graph, settings if self.rules is None else {**numbers, **settings}

    def probe(self, name: str, range_: Range, fixed: Mapping[str, Fraction]) -> None:
        """Refuse a range of which only some values give whole sizes: a search between them misses those.

        Raises:
            LimitError: it is such a range.
        """
        value = range_.low + (range_.high - range_.low) * Fraction(37, 97)
        try:
            self({name: value, **fixed})
        except ValueError as error:
            reason = "; ".join(str(getattr(p, "message", p)) for p in getattr(error, "problems", [error]))
            if "whole number" in reason:
                low, high = show(range_.low), show(range_.high)
                raise LimitError(
                    f"not every {name} from {low} to {high} gives a network: {reason}",
                    f"a range of whole numbers, or one with a step, such as {name}={low}..{high}:0.25",
                ) from None

    def along(
        self, name: str, fixed: Mapping[str, Fraction]
    ) -> Callable[[Fraction], tuple[Graph, Mapping[str, Any]]]:
        """The network by the value of one variable, the others fixed."""
        return lambda value: self({name: value, **fixed})

    def _shapes(self, pixels: int) -> dict[str, tuple[Any, ...]]:
        return {
            self.base.nodes[i].name: resized(self.base.nodes[i].outputs[0], pixels) for i in self.base.inputs
        }


def resized(shape: tuple[Any, ...], pixels: int) -> tuple[Any, ...]:
    """An input shape at another resolution: the last size becomes it, those beside it in proportion.

    Of three spatial axes, the first (time) stays where it is not as long as the last.

    Raises:
        LimitError: the input has no spatial sizes, or they are not numbers.
    """
    channels, *sizes = shape
    if not sizes or not all(type(size) is int for size in sizes):
        raise LimitError("the input has no sizes to vary", "an input such as 3x224x224")
    last = sizes[-1]
    kept = len(sizes) == 3 and sizes[0] != last
    found = [max(1, (2 * size * pixels + last) // (2 * last)) for size in sizes]
    if kept:
        found[0] = sizes[0]
    return (channels, *found)


__all__ = ["Cell", "Fit", "Trial", "fit"]

"""The networks that a fit tries: a source built at values of its variables, or at a resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from convcalc.calculators.answers import tidy
from convcalc.calculators.check.limits import LimitError
from convcalc.calculators.fit.ranges import RESOLUTION, Range, Rules, show
from convcalc.dims import is_symbolic
from convcalc.graph import Graph
from convcalc.spec.loading import build
from convcalc.spec.source import Source


class Networks:
    """The networks of a source at values of what is varied."""

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
        numbers = {name: tidy(value) for name, value in values.items()}
        settings = numbers if self.rules is None else self.rules.settings(numbers)
        if self.rules is not None and self.base.again is not None:  # a program's whole numbers stay whole
            held = self.base.variables
            settings = {n: (2 * v + 1) // 2 if type(held.get(n)) is int else v for n, v in settings.items()}
        variables = {n: v for n, v in settings.items() if n in self.base.variables}
        shape = self.input
        if RESOLUTION in settings and RESOLUTION not in self.base.variables:
            pixels = (2 * settings[RESOLUTION] + 1) // 2
            settings = {**settings, RESOLUTION: pixels}
            shape = self._shapes(pixels)
        graph = build(self.source, input=shape, set={**self.set, **variables})
        return graph, settings if self.rules is None else {**numbers, **settings}

    def check_resolution(self, varied: Iterable[str]) -> None:
        """Refuse to vary the resolution of an input that has none.

        Raises:
            LimitError: an input has no spatial sizes, or they are not numbers.
        """
        if RESOLUTION in varied and RESOLUTION not in self.base.variables:
            self._shapes(1)

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

    Of three spatial axes, the first (time) stays where it is not as long as the last. Where sizes are
    letters, each letter becomes the resolution, and the numbers beside them stay.

    Raises:
        LimitError: the input has no spatial sizes, or they are neither numbers nor letters.
    """
    channels, *sizes = shape
    if any(is_symbolic(size) and str(size).isidentifier() for size in sizes):
        return (channels, *(size if type(size) is int else pixels for size in sizes))
    if not sizes or not all(type(size) is int for size in sizes):
        raise LimitError("the input has no sizes to vary", "an input such as 3x224x224")
    last = sizes[-1]
    kept = len(sizes) == 3 and sizes[0] != last
    found = [max(1, (2 * size * pixels + last) // (2 * last)) for size in sizes]
    if kept:
        found[0] = sizes[0]
    return (channels, *found)

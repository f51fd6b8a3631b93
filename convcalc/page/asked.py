"""A network of a page, with what the calculators answered of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from convcalc.budget import OverBudgetError, allow, budget, steps_for
from convcalc.calculators.count.report import Report
from convcalc.calculators.receptive_field.graph import ReceptiveField
from convcalc.dims import DimensionError
from convcalc.graph import Graph
from convcalc.page.tree import Tree

T = TypeVar("T")


class Asked(NamedTuple):
    """A network with what the calculators answered, asked once for all that a page shows.

    Attributes:
        graph: the network.
        words: how a command line asks for it: the spec, then options; nothing where there is no text.
        report: its counts.
        fields: what its layers see.
        tree: its blocks and layers.
        notes: what was left out.
    """

    graph: Graph
    words: tuple[str, ...]
    report: Report
    fields: ReceptiveField
    tree: Tree
    notes: list[str]

    @property
    def spec(self) -> str:
        """The text that it was asked for by; of a file that was named from the root, its name alone."""
        text = self.words[0] if self.words else ""
        return os.path.basename(text) if os.path.isabs(text) else text

    def part(self, what: str, make: Callable[[], T], otherwise: T) -> T:
        """A part of the page with a budget of its own; where there is none, a note says why."""
        try:
            with budget():
                allow(steps_for(self.graph))
                return make()
        except (OverBudgetError, DimensionError) as error:
            self.notes.append(f"Without {what}: {str(error).splitlines()[0]}.")
            return otherwise

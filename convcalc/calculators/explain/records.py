"""What an explanation holds: lines of quantities, sections of layers, parts of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from convcalc.calculators.explain.letters import Variable
from convcalc.calculators.explain.terms import Term
from convcalc.calculators.explain.textbook import Textbook
from convcalc.dims import Dim, Shape, is_symbolic
from convcalc.records import Record, record


@dataclass(frozen=True, slots=True)
class Line(Record):
    """One quantity.

    Attributes:
        group: ``output``, ``parameters``, ``operations`` or ``receptive field``.
        quantity: what it is.
        letter: its own letter, by which later lines call it; empty where there is none.
        formula: a number, a closed form, or a text where it is neither.
        value: the number at the numbers of the spec, a closed form where some are not known; None
            where the formula is a number or a text already, or nothing is known.
        textbook: the formula as textbooks write it, where that is another text.
        terms: what the functions in the formula count, each with a letter for it.
    """

    KEYS = "group quantity letter? formula latex value textbook? terms?"

    group: str
    quantity: str
    letter: str
    formula: Any
    value: Any
    textbook: Textbook | None = None
    terms: tuple[Term, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON holds it."""
        latex = self.formula.write("latex") if is_symbolic(self.formula) else None
        return record(self, latex=latex)


@dataclass(frozen=True)
class Section(Record):
    """One layer.

    Attributes:
        name: of the layer in its network; its kind where it stands alone.
        about: what it does, in a sentence.
        source: where it was proposed or is defined.
        spec: the layer with letters, in the spec language.
        inputs: what arrives, in letters.
        given: the layer with its numbers; empty where it has none.
        variables: the letters.
        lines: the quantities, in the order in which they are read.
        constraints: what the letters must meet.
    """

    KEYS = "name about source spec inputs given? variables lines constraints"

    name: str
    about: str
    source: str
    spec: str
    inputs: tuple[Shape, ...]
    given: str
    variables: tuple[Variable, ...]
    lines: tuple[Line, ...]
    constraints: tuple[Any, ...]

    def numbers(self) -> dict[str, int]:
        """The letters that have a number, those of the output sizes too."""
        found = {v.name: v.value for v in self.variables if v.value is not None}
        for line in self.lines:
            value = line.value if line.value is not None else line.formula
            if line.letter and type(value) is int:
                found[line.letter] = value
        return found


class Part(NamedTuple):
    """One layer of a block: its name, spec, output and costs, in letters or numbers."""

    name: str
    spec: str
    output: Shape
    params: Dim
    macs: Dim


@dataclass(frozen=True, repr=False)
class Explanation(Record):
    """A layer, a block or a line of layers, explained.

    Attributes:
        name: what was asked for.
        about: what a block does; empty for layers, whose sections say it.
        source: where a block was proposed; empty for layers, whose sections say it.
        spec: the block as it is called; empty for layers.
        inputs: what arrives at a block, in letters; empty for layers, whose sections say it.
        sections: one per layer; none for a block that is explained with letters.
        parts: the layers of a block or line, with what each costs.
        variables: the letters of a block.
        lines: the totals; empty for one layer.
        constraints: what the letters must meet.
    """

    KEYS = "name about? source? spec? inputs? variables sections parts lines constraints"

    name: str
    about: str = ""
    source: str = ""
    spec: str = ""
    inputs: tuple[Shape, ...] = ()
    sections: tuple[Section, ...] = ()
    parts: tuple[Part, ...] = ()
    variables: tuple[Variable, ...] = ()
    lines: tuple[Line, ...] = ()
    constraints: tuple[Any, ...] = ()

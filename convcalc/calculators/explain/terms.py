"""The functions in closed forms that are no common knowledge: a letter for each, with what it counts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.dims import is_symbolic, symbol
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import parse


class Definition(NamedTuple):
    """What a function of closed forms is.

    Attributes:
        arguments: names of its arguments, in order.
        letter: the letter that stands for a call of it in a formula; empty where the call is read as it is.
        words: what it is, in a sentence without a verb.
        plain: its definition; ``<<...>>`` holds expressions of the arguments.
        latex: the same for LaTeX.
    """

    arguments: str
    letter: str
    words: str
    plain: str
    latex: str


DEFINITIONS: Final = {
    "pairs": Definition(
        "i k s d p o",
        "R",
        "pairs of an output and a tap of the kernel, along one axis, that read the input and not the padding",
        "number of (j, t) with 0 <= j < <<o>>, 0 <= t < <<k>> and 0 <= <<s*j + d*t - p>> < <<i>>",
        r"\#\left\{(j, t) : 0 \le j < <<o>>,\ 0 \le t < <<k>>,\ 0 \le <<s*j + d*t - p>> < <<i>>\right\}",
    ),
    "missed": Definition(
        "h k s d o",
        "B",
        "taps of the kernel that fall beyond one end of the map, along one axis, over all positions",
        "sum over 0 <= j < <<o>> of min(<<k>>, max(0, ceil(<<(h - s*j)/d>>)))",
        r"\sum_{0 \le j < <<o>>} \min\left(<<k>>, \max\left(0, \left\lceil <<(h - s*j)/d>> "
        r"\right\rceil\right)\right)",
    ),
    "gcd": Definition(
        "a b", "", "greatest common divisor", "the greatest number that divides <<a>> and <<b>>",
        r"\max\left\{n : n \mid <<a>>,\ n \mid <<b>>\right\}",
    ),
    "antialias_taps": Definition(
        "i o r c s",
        "A",
        "samples that the windows of the filter read together, along one axis, stretched where it shrinks",
        "sum over the <<o>> outputs of the samples of <<i>> within <<s>>/2 steps of the larger of 1 and the "
        "ratio of input to output",
        r"\sum_{0 \le j < <<o>>} \#\left\{n < <<i>> : \left|n - c_j\right| < \frac{<<s>>}{2} \max(1, "
        r"\mathrm{ratio})\right\}",
    ),
    "floor_double": Definition(
        "n r", "", "rounded down after a product in double precision, as frameworks do",
        "floor(<<n>>*<<r>>), with the factor and the product rounded to double precision",
        r"\left\lfloor \mathrm{double}(<<n>> \cdot <<r>>) \right\rfloor",
    ),
}  # fmt: skip
"""Functions of formulas by name."""
_SLOT: Final = re.compile(r"<<(.*?)>>")


class Term(NamedTuple):
    """A call of a function in a formula.

    Attributes:
        letter: what stands for it where the formula is shown; empty where the call itself does.
        term: the call (a closed form).
        words: what it is.
        definition: what it is, exactly, for each notation.
        value: its number, where the letters have numbers.
    """

    letter: str
    term: Any
    words: str
    definition: Mapping[str, str]
    value: Any

    def to_dict(self) -> dict[str, Any]:
        """The term as JSON holds it."""
        return {
            "letter": self.letter or None,
            "term": str(self.term),
            "words": self.words,
            "definition": self.definition["plain"],
            "latex": self.definition["latex"],
            "value": self.value,
        }


class Terms:
    """Finds the terms of formulas; equal calls have one letter.

    Args:
        used: letters that stand for something else.
    """

    def __init__(self, used: Mapping[str, Any]) -> None:
        self._used = used
        self._letters: dict[Any, str] = {}

    def of(self, formula: Any, numbers: Mapping[str, Any], sizes: Mapping[str, Any]) -> tuple[Term, ...]:
        """The terms of a formula.

        Args:
            formula: a closed form.
            numbers: by letter its number.
            sizes: by letter the closed form that it stands for.
        """
        from convcalc.symbols.form import atoms_within, of_atom

        found = []
        own = {atom for monomial in formula.terms for atom, _ in monomial}
        for atom in atoms_within(formula):
            definition = DEFINITIONS.get(atom.function.name) if atom.function else None
            if definition is None:
                continue
            term = of_atom(atom)
            letter = self._letter(atom, definition) if atom in own and definition.letter else ""
            arguments = dict(zip(definition.arguments.split(), atom.args, strict=True))
            shown = {name: _shorter(value, sizes) for name, value in arguments.items()}
            texts = {
                "plain": _defined(definition.plain, shown, "plain"),
                "unicode": _in_unicode(_defined(definition.plain, shown, "unicode")),
                "latex": _defined(definition.latex, shown, "latex"),
            }
            known = term.names <= numbers.keys()
            value = term.subs({name: numbers[name] for name in term.names}) if known else None
            found.append(Term(letter, term, definition.words, texts, value))
        return tuple(found)

    def _letter(self, atom: Any, definition: Definition) -> str:
        if atom not in self._letters:
            number = 1
            taken = {*self._used, *self._letters.values()}
            while (letter := f"{definition.letter}_{number}") in taken:
                number += 1
            self._letters[atom] = letter
        return self._letters[atom]


def shown(formula: Any, terms: tuple[Term, ...]) -> Any:
    """A formula with letters in the place of its terms."""
    from convcalc.symbols.form import replace

    for term in terms:
        if term.letter and is_symbolic(formula):
            ((((atom, _),), _),) = term.term.terms.items()
            formula = replace(formula, atom, symbol(term.letter))
    return formula


def _shorter(value: Any, sizes: Mapping[str, Any]) -> Any:
    """The letter of an output size in the place of its formula."""
    for letter, formula in sizes.items():
        if is_symbolic(value) and is_symbolic(formula) and value == formula:
            return symbol(letter)
    return value


def _defined(text: str, arguments: Mapping[str, Any], notation: str) -> str:
    from convcalc.symbols.notation import write

    env = {**arguments, "j": symbol("j"), "t": symbol("t")}
    return _SLOT.sub(lambda match: write(evaluate(parse(match[1]), env), notation), text)


def _in_unicode(text: str) -> str:
    return text.replace("<=", "≤")

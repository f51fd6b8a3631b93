"""An explanation as text, Markdown or LaTeX: the formula, the numbers in it, the result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.calculators.explain.terms import shown
from convcalc.dims import is_symbolic
from convcalc.printable import visible
from convcalc.render import numbers
from convcalc.render.data import to_markdown
from convcalc.render.table import Column, Table
from convcalc.render.text import render

if TYPE_CHECKING:
    from convcalc.calculators.explain.sections import Explanation, Line, Section
    from convcalc.calculators.explain.terms import Term

LONGEST: Final = 240
"""Characters of a formula that is still worth reading; a longer one is in the JSON."""
WIDTH: Final = 96
"""Characters of a chain of equals signs on one line."""
TOO_LONG: Final = "too long to read"
TEXTBOOK: Final = "as textbooks write it"
"""What a second form of an output size is called."""


class Chain(NamedTuple):
    """One quantity, written: what it is, its letter, and the equal texts that follow.

    A term of the formula before it has no name, but ``words`` that say what it
    counts. It is ``closed`` unless its first text is a number or a word already.
    """

    group: str
    quantity: str
    letter: str
    texts: list[str]
    words: str = ""
    closed: bool = True


def written(value: Any, notation: str) -> str:
    """The text of a number (in groups of three), of a closed form in a notation, or of a word."""
    if is_symbolic(value):
        return str(value.write(notation))
    return f"{value:,}" if type(value) is int and notation != "latex" else str(value)


def substituted(formula: Any, values: Mapping[str, int], notation: str) -> str:
    """The formula with numbers in the place of its letters, nothing worked out."""
    from convcalc.symbols.notation import write

    text = str(formula.write(notation))
    known = {name: value for name, value in values.items() if name in formula.names}
    names: dict[str, str] = {}
    for name, value in known.items():
        from convcalc.dims import symbol

        names[write(symbol(name), notation)] = str(value)
    if not names:
        return text
    # Longer names first: K_h before K.
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    guard = r"(?<![A-Za-z0-9\\])(?<!_\{)(?<!rm\{)(?<!name\{)" if notation == "latex" else r"(?<![A-Za-z_0-9])"
    text = re.sub(guard + f"({pattern})" + r"(?![A-Za-z_0-9])", lambda m: f"\0{names[m[1]]}\1", text)
    if notation == "latex":
        text = re.sub(
            "\1(\\^\\{[^}]*\\})? (?=[\0A-Z0-9\\\\])(?!\\\\cdot|\\\\right|[-+])", "\1\\1 \\\\cdot ", text
        )
        text = re.sub("([0-9}]) \0", r"\1 \\cdot " + "\0", text)
    return text.replace("\0", "").replace("\1", "")


def chain(line: Line, values: Mapping[str, int], notation: str) -> Chain:
    """A line as the texts between its equals signs; functions in it have the letters of its terms."""
    formula, values = line.formula, dict(values)
    if line.terms:
        formula = shown(formula, line.terms)
        values |= {term.letter: term.value for term in line.terms if term.letter and type(term.value) is int}
    texts = [written(formula, notation)]
    if is_symbolic(formula):
        if len(texts[0]) > LONGEST and notation != "latex":
            texts = [TOO_LONG]
        elif line.value is not None and len(formula.names) + formula.size > 2:
            texts.append(substituted(formula, values, notation))
    if line.value is not None:
        texts.append(written(line.value, notation))
    return Chain(
        line.group,
        line.quantity,
        _letter(line.letter, notation),
        _once(texts),
        closed=is_symbolic(line.formula),
    )


def expanded(lines: Sequence[Line], values: Mapping[str, int], notation: str) -> list[Chain]:
    """Lines as chains: each with the form of textbooks and the terms that it was the first to need."""
    found: list[Chain] = []
    told: set[Any] = set()
    for line in lines:
        found.append(chain(line, values, notation))
        if line.textbook is not None and line.textbook.text not in told:
            told.add(line.textbook.text)
            texts = [line.textbook.write(notation)]
            if line.value is not None:
                texts += [line.textbook.write(notation, values), written(line.value, notation)]
            found.append(Chain(line.group, f"{line.quantity}, {TEXTBOOK}", "", _once(texts)))
        if TOO_LONG not in found[-1].texts:
            found += [_term(line.group, t, notation, told) for t in line.terms if str(t.term) not in told]
    return found


def _term(group: str, term: Term, notation: str, told: set[Any]) -> Chain:
    """A term as a chain: its letter, its definition, its number, its words where they are new."""
    told.add(str(term.term))
    texts = [term.definition[notation]]
    if term.value is not None:
        texts.append(written(term.value, notation))
    letter = _letter(term.letter, notation) or written(term.term, notation)
    words = term.words if term.words not in told else LIKEWISE
    told.add(term.words)
    return Chain(group, "", letter, texts, words)


LIKEWISE: Final = "likewise"
"""The words of a term that counts what the one before it does, along another axis."""


def _letter(name: str, notation: str) -> str:
    if not name:
        return ""
    from convcalc.dims import symbol
    from convcalc.symbols.notation import write

    return write(symbol(name), notation)


def _once(texts: list[str]) -> list[str]:
    """Texts without those that repeat the one before."""
    return [text for n, text in enumerate(texts) if n == 0 or text.replace(",", "") != texts[n - 1]]


def _parts_table(explanation: Explanation) -> Table:
    columns = (
        Column("name", "layer", numbers.label, "left", 0, 12, True),
        Column("spec", "spec", numbers.label, "left", 0, 16),
        Column("output", "output", numbers.shape, "left", 20),
        Column("params", "parameters", numbers.exact),
        Column("macs", "MACs", numbers.exact, priority=10),
    )
    return Table(columns, explanation.parts)


def _sums(explanation: Explanation) -> list[Chain]:
    """The totals; of numbers, the sums that they are."""
    chains = []
    for line in explanation.lines:
        one = chain(line, {}, "plain")
        key = {"all parameters": "params", "MACs": "macs"}.get(line.quantity)
        terms = [getattr(part, key) for part in explanation.parts] if key else []
        kept = [term for term in terms if term != 0]
        if key and 1 < len(kept) <= 12 and all(type(term) is int for term in kept):
            one = one._replace(texts=[" + ".join(f"{term:,}" for term in kept), *one.texts])
        chains += [one, *expanded([line], {}, "plain")[1:]]
    return chains


# -- text ------------------------------------------------------------------------------------


def to_text(explanation: Explanation, notation: str = "plain") -> str:
    """The explanation for a terminal or a file.

    Args:
        explanation: what to show.
        notation: ``plain``, ``unicode`` or ``latex``, for the formulas.
    """
    with numbers.written_in(notation):
        blocks = [_text_section(section, notation) for section in explanation.sections]
        if explanation.parts:
            blocks.append(_text_whole(explanation, notation))
    return ("\n" + "-" * 72 + "\n\n").join(blocks)


def _text_section(section: Section, notation: str) -> str:
    lines = [section.name if not section.given else f"{section.name}: {section.given}", ""]
    lines += [section.about] if section.about else []
    lines += [f"Source: {section.source}"] if section.source else []
    lines += ["", f"  {section.spec}"] + [f" {_on(section.inputs)}"] * bool(section.inputs)
    if section.variables:
        lines += ["", "where", *letters(section.variables)]
    chains = expanded(section.lines, section.numbers(), notation)
    lines += text_chains(chains)
    lines += _text_ends(section.constraints, notation)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _on(inputs: Any, mark: str = "") -> str:
    """What the layer is given, if anything."""
    return f" on {mark}{' and '.join(map(numbers.shape, inputs))}{mark}" if inputs else ""


def _text_whole(explanation: Explanation, notation: str) -> str:
    lines: list[str] = []
    if explanation.spec:
        lines += [explanation.name, "", explanation.about, f"Source: {explanation.source}", ""]
        lines += [f"  {explanation.spec}{_on(explanation.inputs)}"]
        if explanation.variables:
            lines += ["", "where", *letters(explanation.variables)]
        lines += [""]
    else:
        lines += ["all layers together", ""]
    lines += render(_parts_table(explanation)).splitlines()
    chains = _sums(explanation) if notation == "plain" else expanded(explanation.lines, {}, notation)
    lines += text_chains(chains)
    lines += _text_ends(explanation.constraints, notation)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def letters(variables: Any) -> Iterator[str]:
    """Lines that say what letters stand for."""
    widest = max(len(v.name) for v in variables)
    longest = max((len(f"{v.value:,}") for v in variables if v.value is not None), default=0)
    for v in variables:
        number = "" if v.value is None else f"= {v.value:,}"
        space = f"{number:<{longest + 2}}  " if longest else ""
        yield f"  {v.name:<{widest}}  {space}{v.meaning}"


def text_chains(chains: list[Chain]) -> list[str]:
    """Lines of quantities under the headings of their groups."""
    lines: list[str] = []
    group = ""
    for one in chains:
        if one.group != group:
            group = one.group
            lines += ["", group]
        if one.words:
            lines += [f"    {one.letter}, {one.words}:", f"      {one.texts[0]}"]
            lines += [f"      = {text}" for text in one.texts[1:]]
            continue
        head = f"  {one.quantity}: " + (f"{one.letter} = " if one.letter else "")
        text = " = ".join(one.texts)
        if len(head + text) <= WIDTH or len(one.texts) == 1:
            lines.append(head + text)
            continue
        lines.append(head + one.texts[0])
        lines += [f"      = {text}" for text in one.texts[1:]]
    return lines


def _text_ends(constraints: Any, notation: str) -> list[str]:
    if not constraints:
        return []
    return ["", "as long as " + ", ".join(written_condition(c, notation) for c in constraints)]


def written_condition(condition: Any, notation: str) -> str:
    """The text of what letters must meet."""
    return str(condition.write(notation)) if hasattr(condition, "write") else str(condition)


# -- Markdown --------------------------------------------------------------------------------


@numbers.written_in("plain")
def to_markdown_text(explanation: Explanation) -> str:
    """The explanation as Markdown with formulas between dollar signs."""
    lines: list[str] = []
    for section in explanation.sections:
        lines += [f"### {section.name}", "", f"{section.about}  " if section.source else section.about]
        lines += [f"Source: {section.source}"] if section.source else []
        lines += [
            "",
            f"`{section.given or section.spec}`" + _on(section.inputs, "`"),
            "",
        ]
        lines += markdown_letters(section.variables)
        chains = expanded(section.lines, section.numbers(), "latex")
        lines += markdown_chains(chains)
        lines += _markdown_ends(section.constraints)
    if explanation.parts:
        title = explanation.name if explanation.spec else "all layers together"
        lines += [f"### {title}", ""]
        if explanation.spec:
            lines += [
                f"{explanation.about}  ",
                f"Source: {explanation.source}",
                "",
                f"`{explanation.spec}`" + _on(explanation.inputs, "`"),
                "",
            ]
            lines += markdown_letters(explanation.variables)
        with numbers.written_in("latex"):
            lines += to_markdown(_parts_table(explanation)).splitlines()
        chains = expanded(explanation.lines, {}, "latex")
        lines += ["", *markdown_chains(chains), *_markdown_ends(explanation.constraints)]
    return "\n".join(lines).rstrip() + "\n"


def markdown_letters(variables: Any) -> list[str]:
    """A table of what letters stand for."""
    if not variables:
        return []
    rows = [
        f"| ${_latex_name(v.name)}$ | {v.meaning} | {'' if v.value is None else v.value} |" for v in variables
    ]
    return ["| letter | meaning | value |", "| :--- | :--- | ---: |", *rows, ""]


def markdown_chains(chains: list[Chain]) -> list[str]:
    """Quantities under the headings of their groups."""
    lines: list[str] = []
    group = ""
    for one in chains:
        if one.group != group:
            group = one.group
            lines += ["", f"**{group}**", ""]
        if one.words:
            lines.append(f"  - ${one.letter}$, {one.words}: {_math(one._replace(letter=''))}")
            continue
        lines.append(f"- {one.quantity}: {_math(one)}")
    return [*lines, ""]


def _math(one: Chain) -> str:
    """A chain between dollar signs; words as words."""
    if _words(one.texts[0]):
        rest = "".join(f" ${text}$" for text in one.texts[1:])
        return f"{one.texts[0]}{';' if rest else ''}{rest}"
    return "$" + " = ".join([*([one.letter] if one.letter else []), *one.texts]) + "$"


def _words(text: str) -> bool:
    return bool(re.match(r"[a-z]{2,} [a-z]", text))


def _markdown_ends(constraints: Any) -> list[str]:
    lines: list[str] = []
    if constraints:
        lines += [
            "As long as " + ", ".join(f"${written_condition(c, 'latex')}$" for c in constraints) + ".",
            "",
        ]
    return lines


# -- LaTeX -----------------------------------------------------------------------------------


def to_latex(explanation: Explanation) -> str:
    """The explanation as LaTeX (with amsmath), to be put into a document."""
    lines: list[str] = []
    for section in explanation.sections:
        lines += _latex_head(section.name, section.about, section.given or section.spec)
        lines += [f"Source: {escape(section.source)}.", ""] if section.source else []
        chains = expanded(section.lines, section.numbers(), "latex")
        lines += latex_body(section.variables, chains, section.constraints)
    if explanation.parts:
        title = explanation.name if explanation.spec else "all layers together"
        lines += _latex_head(title, explanation.about, explanation.spec)
        lines += [f"Source: {escape(explanation.source)}.", ""] if explanation.source else []
        chains = expanded(explanation.lines, {}, "latex")
        lines += latex_body(explanation.variables, chains, explanation.constraints)
    return "\n".join(lines).rstrip() + "\n"


def _latex_head(name: str, about: str, spec: str) -> list[str]:
    lines = [rf"\subsection*{{{escape(name)}}}", ""]
    # Fonts for text, in LaTeX's default encoding, have other characters in the place of < and >.
    comparison = {"<": "$<$", ">": "$>$"}
    lines += ["".join(comparison.get(c, c) for c in escape(about)), ""] if about else []
    return [*lines, rf"\texttt{{{escape(spec)}}}", ""] if spec else lines


def latex_body(variables: Any, chains: list[Chain], constraints: Any) -> list[str]:
    """What letters stand for, and the quantities aligned."""
    lines: list[str] = []
    if variables:
        named = ", ".join(
            f"${_latex_name(v.name)}{'' if v.value is None else f' = {v.value}'}$ {escape(v.meaning)}"
            for v in variables
        )
        lines += [f"Where {named}.", ""]
    lines.append(r"\begin{align*}")
    rows = []
    for one in chains:
        if one.words:
            rows.append(rf"{one.letter} &= {' = '.join(one.texts)}")
            continue
        left = rf"\text{{{escape(one.quantity)}}}" + (f": {one.letter}" if one.letter else "")
        texts = [rf"\text{{{escape(text)}}}" if _words(text) else text for text in one.texts]
        rows.append(rf"{left} &= {' = '.join(texts)}")
    lines += [row + r" \\" for row in rows[:-1]] + rows[-1:]
    lines += [r"\end{align*}", ""]
    if constraints:
        lines += [
            "As long as " + ", ".join(f"${written_condition(c, 'latex')}$" for c in constraints) + ".",
            "",
        ]
    return lines + [f"${one.letter}$: {escape(one.words)}.\n" for one in chains if one.words]


def _latex_name(name: str) -> str:
    from convcalc.dims import symbol
    from convcalc.symbols.notation import write

    return write(symbol(name), "latex")


def escape(text: str) -> str:
    """Text in which LaTeX finds no commands."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    text = visible(text)
    return "".join(special.get(c, "\\" + c if c in "&%$#_{}" else c) for c in text)

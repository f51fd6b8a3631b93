"""An explanation as text, Markdown or LaTeX: the formula, the numbers in it, the result."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.dims import is_symbolic
from convcalc.printable import visible
from convcalc.render import numbers
from convcalc.render.data import to_markdown
from convcalc.render.table import Column, Table
from convcalc.render.text import render

if TYPE_CHECKING:
    from convcalc.calculators.explain.sections import Explanation, Line, Section

LONGEST: Final = 240
"""Characters of a formula that is still worth reading; a longer one is in the JSON."""
WIDTH: Final = 96
"""Characters of a chain of equals signs on one line."""
TOO_LONG: Final = "too long to read"
FUNCTIONS: Final = {
    "pairs": "pairs(i, k, s, d, p, o) are the pairs of an output and a tap of the kernel that read the input "
    "and not the padding, along an axis of input i, kernel k, stride s, dilation d, padding p before and "
    "output o",
    "missed": "missed(h, k, s, d, o) are the taps that read beyond one end of the input, which the first "
    "window overhangs by h",
    "gcd": "gcd is the greatest common divisor",
    "antialias_taps": "antialias_taps(i, o, r, c, s) is how many samples the o windows of an s-tap filter "
    "read together, stretched by i/o (or 1/r where r is not 0; c = 1: by (i-1)/(o-1)) "
    "where that is more than 1",
    "floor_double": "floor_double(n, r) is floor(n*r), with r and the product rounded to double precision",
}
"""Functions of formulas that are no common knowledge."""


class Chain(NamedTuple):
    """One quantity, written: what it is, its letter, and the equal texts that follow."""

    group: str
    quantity: str
    letter: str
    texts: list[str]


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
    """A line as the texts between its equals signs."""
    from convcalc.symbols.notation import write

    letter = line.letter
    if letter:
        from convcalc.dims import symbol

        letter = write(symbol(letter), notation)
    texts = [written(line.formula, notation)]
    if is_symbolic(line.formula):
        if len(texts[0]) > LONGEST and notation != "latex":
            texts = [TOO_LONG]
        elif line.value is not None and len(line.formula.names) + line.formula.size > 2:
            texts.append(substituted(line.formula, values, notation))
    if line.value is not None:
        texts.append(written(line.value, notation))
    kept = [text for n, text in enumerate(texts) if n == 0 or text.replace(",", "") != texts[n - 1]]
    return Chain(line.group, line.quantity, letter, kept)


def _chains(lines: Any, values: Mapping[str, int], notation: str) -> list[Chain]:
    return [chain(line, values, notation) for line in lines]


def functions(chains: Sequence[Chain]) -> list[str]:
    """What the functions in the formulas mean."""
    shown = " ".join(text for one in chains for text in one.texts)
    return [text for name, text in FUNCTIONS.items() if re.search(rf"\b{name}(\(|\}}\\left)", shown)]


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
        chains.append(one)
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
        lines += ["", "where", *_text_letters(section.variables)]
    chains = _chains(section.lines, section.numbers(), notation)
    lines += _text_chains(chains)
    lines += _text_ends(section.constraints, chains, notation)
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
            lines += ["", "where", *_text_letters(explanation.variables)]
        lines += [""]
    else:
        lines += ["all layers together", ""]
    lines += render(_parts_table(explanation)).splitlines()
    chains = _sums(explanation) if notation == "plain" else _chains(explanation.lines, {}, notation)
    lines += _text_chains(chains)
    lines += _text_ends(explanation.constraints, chains, notation)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _text_letters(variables: Any) -> Iterator[str]:
    widest = max(len(v.name) for v in variables)
    longest = max((len(f"{v.value:,}") for v in variables if v.value is not None), default=0)
    for v in variables:
        number = "" if v.value is None else f"= {v.value:,}"
        space = f"{number:<{longest + 2}}  " if longest else ""
        yield f"  {v.name:<{widest}}  {space}{v.meaning}"


def _text_chains(chains: list[Chain]) -> list[str]:
    lines: list[str] = []
    group = ""
    for one in chains:
        if one.group != group:
            group = one.group
            lines += ["", group]
        head = f"  {one.quantity}: " + (f"{one.letter} = " if one.letter else "")
        text = " = ".join(one.texts)
        if len(head + text) <= WIDTH or len(one.texts) == 1:
            lines.append(head + text)
            continue
        lines.append(head + one.texts[0])
        lines += [f"      = {text}" for text in one.texts[1:]]
    return lines


def _text_ends(constraints: Any, chains: list[Chain], notation: str) -> list[str]:
    lines: list[str] = []
    if constraints:
        lines += ["", "as long as " + ", ".join(written_condition(c, notation) for c in constraints)]
    for text in functions(chains):
        lines += ["", text]
    return lines


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
        lines += _markdown_letters(section.variables)
        chains = _chains(section.lines, section.numbers(), "latex")
        lines += _markdown_chains(chains)
        lines += _markdown_ends(section.constraints, chains)
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
            lines += _markdown_letters(explanation.variables)
        with numbers.written_in("latex"):
            lines += to_markdown(_parts_table(explanation)).splitlines()
        chains = _chains(explanation.lines, {}, "latex")
        lines += ["", *_markdown_chains(chains), *_markdown_ends(explanation.constraints, chains)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_letters(variables: Any) -> list[str]:
    if not variables:
        return []
    rows = [
        f"| ${_latex_name(v.name)}$ | {v.meaning} | {'' if v.value is None else v.value} |" for v in variables
    ]
    return ["| letter | meaning | value |", "| :--- | :--- | ---: |", *rows, ""]


def _markdown_chains(chains: list[Chain]) -> list[str]:
    lines: list[str] = []
    group = ""
    for one in chains:
        if one.group != group:
            group = one.group
            lines += ["", f"**{group}**", ""]
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


def _markdown_ends(constraints: Any, chains: list[Chain]) -> list[str]:
    lines: list[str] = []
    if constraints:
        lines += [
            "As long as " + ", ".join(f"${written_condition(c, 'latex')}$" for c in constraints) + ".",
            "",
        ]
    return lines + [f"{text}.\n" for text in functions(chains)]


# -- LaTeX -----------------------------------------------------------------------------------


def to_latex(explanation: Explanation) -> str:
    """The explanation as LaTeX (with amsmath), to be put into a document."""
    lines: list[str] = []
    for section in explanation.sections:
        lines += _latex_head(section.name, section.about, section.given or section.spec)
        lines += [f"Source: {_escape(section.source)}.", ""] if section.source else []
        chains = _chains(section.lines, section.numbers(), "latex")
        lines += _latex_body(section.variables, chains, section.constraints)
    if explanation.parts:
        title = explanation.name if explanation.spec else "all layers together"
        lines += _latex_head(title, explanation.about, explanation.spec)
        lines += [f"Source: {_escape(explanation.source)}.", ""] if explanation.source else []
        chains = _chains(explanation.lines, {}, "latex")
        lines += _latex_body(explanation.variables, chains, explanation.constraints)
    return "\n".join(lines).rstrip() + "\n"


def _latex_head(name: str, about: str, spec: str) -> list[str]:
    lines = [rf"\subsection*{{{_escape(name)}}}", ""]
    # Fonts for text, in LaTeX's default encoding, have other characters in the place of < and >.
    comparison = {"<": "$<$", ">": "$>$"}
    lines += ["".join(comparison.get(c, c) for c in _escape(about)), ""] if about else []
    return [*lines, rf"\texttt{{{_escape(spec)}}}", ""] if spec else lines


def _latex_body(variables: Any, chains: list[Chain], constraints: Any) -> list[str]:
    lines: list[str] = []
    if variables:
        named = ", ".join(
            f"${_latex_name(v.name)}{'' if v.value is None else f' = {v.value}'}$ {_escape(v.meaning)}"
            for v in variables
        )
        lines += [f"Where {named}.", ""]
    lines.append(r"\begin{align*}")
    rows = []
    for one in chains:
        left = rf"\text{{{_escape(one.quantity)}}}" + (f": {one.letter}" if one.letter else "")
        texts = [rf"\text{{{_escape(text)}}}" if _words(text) else text for text in one.texts]
        rows.append(rf"{left} &= {' = '.join(texts)}")
    lines += [row + r" \\" for row in rows[:-1]] + rows[-1:]
    lines += [r"\end{align*}", ""]
    if constraints:
        lines += [
            "As long as " + ", ".join(f"${written_condition(c, 'latex')}$" for c in constraints) + ".",
            "",
        ]
    return lines + [f"{_escape(text)}.\n" for text in functions(chains)]


def _latex_name(name: str) -> str:
    from convcalc.dims import symbol
    from convcalc.symbols.notation import write

    return write(symbol(name), "latex")


def _escape(text: str) -> str:
    """Text in which LaTeX finds no commands."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    text = visible(text)
    return "".join(special.get(c, "\\" + c if c in "&%$#_{}" else c) for c in text)

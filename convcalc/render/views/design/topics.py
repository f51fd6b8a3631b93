"""A topic as text, Markdown or LaTeX: the question, the law with the numbers in it, where to go on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from convcalc.dims import is_symbolic
from convcalc.render import numbers
from convcalc.render.views.design import explain as render
from convcalc.render.views.design.explain import Chain
from convcalc.spec.topics import asked

if TYPE_CHECKING:
    from convcalc.calculators.explain.records import Line
    from convcalc.calculators.explain.topics import Topic

WIDTH: Final = 96
"""Characters in a line of prose."""


def chains(topic: Topic, notation: str) -> list[Chain]:
    """The quantities, each as the formula people know, with the numbers put in, and their value."""
    return [_chain(line, topic.numbers() | _lettered(topic), notation) for line in topic.lines]


def _lettered(topic: Topic) -> dict[str, int]:
    """Numbers of the letters that lines have of their own."""
    return {line.letter: line.value for line in topic.lines if line.letter and type(line.value) is int}


def _chain(line: Line, values: Mapping[str, int], notation: str) -> Chain:
    one = render.chain(line, values, notation)
    texts = one.texts
    if line.textbook is not None:
        texts = [line.textbook.write(notation), line.textbook.write(notation, values)]
        texts.append(render.written(line.value if line.value is not None else line.formula, notation))
    number = line.formula if line.value is None else line.value
    if isinstance(number, Fraction):
        texts = [*(texts if line.value is None else texts[:-1]), value(number, notation)]
    kept = [text for n, text in enumerate(texts) if n == 0 or text.replace(",", "") != texts[n - 1]]
    return one._replace(texts=kept)


def value(number: Fraction, notation: str) -> str:
    """A fraction as people read it: three digits, all of those before the point."""
    found = float(number)
    if abs(found) >= 1000:
        return f"{found:,.0f}" if notation != "latex" else f"{found:.0f}"
    return f"{found:.3g}"


def to_text(topic: Topic, notation: str = "plain", width: int = WIDTH) -> str:
    """The topic for a terminal or a file.

    Args:
        topic: what to show.
        notation: ``plain``, ``unicode`` or ``latex``, for the formulas.
        width: columns of its sentences.
    """
    with numbers.written_in(notation):
        lines = [topic.title, ""]
        for text in (topic.question, topic.answer, topic.why, f"Source: {topic.source}"):
            lines += [*_wrapped(text, width), ""]
        lines += [f"with the numbers of {topic.given}, where" if topic.given else "where"]
        lines += render.letters(topic.variables)
        lines += render.text_chains(chains(topic, notation))
        lines += ["", *(f"{head:<9}{text}" for head, text in onward(topic))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def onward(topic: Topic) -> Iterator[tuple[str, str]]:
    """Where to go on: its own numbers, the law, an example, the page, the layer."""
    own = [f"--set {v.name}={v.value}" for v in topic.variables if v.name not in _sizes(topic)]
    shape = "x".join(str(size.subs(topic.numbers())) for size in topic.input)
    yield "yours", " ".join(["convcalc explain", asked(topic.name), f"--input {shape}", *own[:2]])
    for law in topic.laws:
        yield "law", f"convcalc verify --law {law}"
    yield "example", f"convcalc {topic.example}"
    yield "page", f"examples/{topic.page}"
    if topic.layer:
        yield "layer", f"convcalc explain {topic.layer}"


def _sizes(topic: Topic) -> set[str]:
    return {letter for size in topic.input if is_symbolic(size) for letter in size.names}


def to_markdown_text(topic: Topic) -> str:
    """The topic as Markdown with formulas between dollar signs."""
    lines = [f"### {topic.title}", "", f"**{topic.question}**", "", topic.answer, "", topic.why, ""]
    lines += [f"Source: {topic.source}", ""]
    lines += [f"With the numbers of `{topic.given}`:", ""] if topic.given else []
    lines += render.markdown_letters(topic.variables)
    lines += render.markdown_chains(chains(topic, "latex"))
    lines += [f"- {head}: `{text}`" for head, text in onward(topic)]
    return "\n".join(lines).rstrip() + "\n"


def to_latex(topic: Topic) -> str:
    """The topic as LaTeX (with amsmath), to be put into a document."""
    lines = [rf"\subsection*{{{render.escape(topic.title)}}}", ""]
    for text in (topic.question, topic.answer, topic.why, f"Source: {topic.source}."):
        lines += [render.escape(text), ""]
    lines += [rf"With the numbers of \texttt{{{render.escape(topic.given)}}}.", ""] if topic.given else []
    lines += render.latex_body(topic.variables, chains(topic, "latex"), ())
    return "\n".join(lines).rstrip() + "\n"

"""The forms of textbooks, and the functions of formulas spelled out, held to brute force."""

from __future__ import annotations

import json
import re
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.explain.terms import DEFINITIONS, shown
from convcalc.calculators.explain.textbook import Textbook
from convcalc.page.details import details
from convcalc.render.views.design import explain as render

FLOOR = "floor((H + 2*P - D*(K - 1) - 1)/S) + 1"


def lines_of(spec: str, shape: str | None = None) -> Any:
    return convcalc.explain(spec, input=shape).sections[0].lines


def test_conv_has_the_form_of_the_textbook() -> None:
    """Dumoulin & Visin 2016, relationship 15; the documentation of torch.nn.Conv2d."""
    line = next(line for line in lines_of("conv") if line.quantity == "height")
    assert line.textbook.write() == FLOOR
    assert line.textbook.value == line.formula
    assert line.textbook.write("latex") == (
        r"\left\lfloor \frac{H + 2 P - D \left(K - 1\right) - 1}{S} \right\rfloor + 1"
    )
    assert line.textbook.write("unicode") == "⌊(H + 2·P - D·(K - 1) - 1)/S⌋ + 1"
    assert line.to_dict()["textbook"]["formula"] == FLOOR
    found = convcalc.explain("conv")
    assert f"height, as textbooks write it: {FLOOR}" in render.to_text(found)
    for text in (render.to_latex(found), render.to_markdown_text(found)):
        assert line.textbook.write("latex") in text


def test_transposed_has_the_form_of_the_documentation() -> None:
    line = next(line for line in lines_of("convT") if line.quantity == "height")
    assert line.textbook.write() == "(H - 1)*S - 2*P + D*(K - 1) + A + 1"


@settings(max_examples=60)
@given(
    i=st.integers(1, 30), k=st.integers(1, 6), s=st.integers(1, 4), d=st.integers(1, 4),
    p=st.integers(0, 5), q=st.integers(0, 5), rank=st.integers(1, 3),
)  # fmt: skip
def test_the_form_counts_windows(i: int, k: int, s: int, d: int, p: int, q: int, rank: int) -> None:
    """Brute force: the places at which a window starts and still fits."""
    fits = len(range(0, i + p + q - d * (k - 1), s))
    if fits < 1:
        return
    shape = "x".join(["2", *[str(i)] * rank])
    found = lines_of(f"conv 2->2 k{k} s{s} d{d} p={p}:{q}", shape)
    for line in found[1 : 1 + rank]:
        assert line.value == fits or line.formula == fits
        if line.textbook is not None:
            numbers = {v.name: v.value for v in convcalc.explain(
                f"conv 2->2 k{k} s{s} d{d} p={p}:{q}", input=shape).sections[0].variables}  # fmt: skip
            put_in = line.textbook.write("plain", numbers)
            assert re.search("[A-Z]", put_in) is None
            assert eval(put_in.replace("floor(", "int("), {}) == fits


@pytest.mark.parametrize(
    "spec",
    ["conv 2->2 k3 s2 p=same", "maxpool k3 s2 p1", "avgpool k2", "dwconv 2 k5 d2", "conv 2->2 k3 p=full"],
)
def test_a_form_that_is_shown_is_the_size(spec: str) -> None:
    for line in lines_of(spec, "2x17x18"):
        if line.textbook is not None:
            assert line.textbook.value == line.formula


def test_no_form_that_is_not_true() -> None:
    """With ceil a last window that would start in the padding is left out, which the form does not know."""
    assert all(line.textbook is None for line in lines_of("maxpool k3 s2 p1 ceil=true", "2x17x18"))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("1/N + 1/K**2", r"\frac{1}{N} + \frac{1}{K^{2}}"),
        ("A - (B - C)", r"A - \left(B - C\right)"),
        ("A/(B*C)", r"\frac{A}{B C}"),
        ("(A + B)**2", r"\left(A + B\right)^{2}"),
        ("ceil(A*2)", r"\left\lceil A \cdot 2 \right\rceil"),
    ],
)
def test_written(text: str, latex: str) -> None:
    assert Textbook(text).write() == text
    assert Textbook(text).write("latex") == latex
    assert convcalc.symbol("A") is not None
    assert Textbook(Textbook(text).write()).value == Textbook(text).value


def counted_pairs(i: int, k: int, s: int, d: int, p: int, o: int) -> int:
    return sum(0 <= j * s + t * d - p < i for j in range(o) for t in range(k))


def counted_missed(h: int, k: int, s: int, d: int, o: int) -> int:
    return sum(min(k, max(0, ceil((h - s * j) / d))) for j in range(o))


@settings(max_examples=60)
@given(
    i=st.integers(4, 20), k=st.integers(1, 5), s=st.integers(2, 4), d=st.integers(1, 3), p=st.integers(0, 4)
)
def test_terms_count_what_their_definitions_say(i: int, k: int, s: int, d: int, p: int) -> None:
    for spec in (f"conv 2->3 k{k} s{s} d{d} p{p}", f"convT 2->3 k{k} s{s} d{d} p{p}"):
        try:
            section = convcalc.explain(spec, input=f"2x{i}x{i + 1}").sections[0]
        except (ValueError, convcalc.SpecError):
            continue
        numbers = section.numbers()
        for line in section.lines:
            for term in line.terms:
                ((((atom, _),), _),) = term.term.terms.items()
                arguments = [a.subs(numbers) if hasattr(a, "subs") else a for a in atom.args]
                by_hand = {"pairs": counted_pairs, "missed": counted_missed}[atom.function.name]
                assert term.value == by_hand(*arguments)
            if line.terms:
                letters = {t.letter: t.value for t in line.terms if t.letter}
                assert shown(line.formula, line.terms).subs({**numbers, **letters}) == line.value


@pytest.mark.parametrize("name", ["conv", "convT", "maxpool", "avgpool", "dwconv", "adaptiveavgpool"])
def test_no_form_leaves_a_function_to_the_reader(name: str) -> None:
    found = convcalc.explain(name)
    texts = [render.to_text(found), render.to_markdown_text(found), render.to_latex(found)]
    texts.append(render.to_text(found, "unicode"))
    for text in texts:
        for function, definition in DEFINITIONS.items():
            if re.search(rf"\b{function}\b", text):
                assert definition.words in text, function
        assert "pairs(" not in text and "missed(" not in text
    held = json.loads(found.to_json())
    for line in held["sections"][0]["lines"]:
        for function in re.findall(r"\b(pairs|missed|gcd)\(", str(line["formula"])):
            assert any(term["words"] == DEFINITIONS[function].words for term in line["terms"])


def test_the_report_spells_them_out() -> None:
    graph = convcalc.load("conv 8 k7 s2 p3 d2", input="3x33x33")
    (found,), _ = details(graph, [])
    names = [one["name"] for one in found["formulas"]]
    assert "height, as textbooks write it" in names
    assert DEFINITIONS["pairs"].words in names
    assert not any("pairs(" in one["formula"] for one in found["formulas"])

"""Comparisons and replacements at every width: what stays, and ratios in words."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.compare.networks import COMPARED
from convcalc.render import text
from convcalc.render.views.design import compare, variants

WIDTHS = (60, 80, 100, 140, 200)
NETWORKS = ("resnet50", "mobilenet_v2", "convnext_tiny", "vgg16", "alexnet", "squeezenet1_1")
PARAMS = {"resnet50": "25.56 M", "mobilenet_v2": "3.50 M", "convnext_tiny": "28.59 M", "vgg16": "138.36 M",
          "alexnet": "61.10 M", "squeezenet1_1": "1.24 M"}  # fmt: skip
"""As torchvision states them."""


def compared(*names: str, width: int | None) -> str:
    return text.render(*compare.tables(convcalc.compare(*names, labels=names)), width=width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_values_and_ratios_of_all_networks_stay(width: int, count: int) -> None:
    names = NETWORKS[:count]
    shown = compared(*names, width=width)
    assert max(map(len, shown.splitlines())) <= width
    base = 25_557_032
    exact = {name: convcalc.analyze(name).totals.params for name in names}
    for name in names:
        assert PARAMS[name] in shown
        if name != "resnet50":
            assert f"{exact[name] / base:.3f}" in shown


def test_the_sentence_says_which_is_smaller() -> None:
    """138,357,544 / 25,557,032 = 5.41; 3,504,872 is a 7.29th of it."""
    lines = compared("resnet50", "mobilenet_v2", "vgg16", width=None).splitlines()
    assert lines[0] == "against resnet50"
    assert lines[2].startswith("mobilenet_v2  7.3x fewer parameters, 13.6x fewer MACs")
    assert lines[3].split(maxsplit=1) == ["vgg16", "5.4x the parameters, 3.8x the MACs"]
    two = compared("vgg16", "vgg16", width=None).splitlines()
    assert two[0].endswith("as many parameters, as many MACs")


def test_every_measure_has_an_importance() -> None:
    assert sorted(compare.IMPORTANT) == sorted(COMPARED)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_words_say_what_the_numbers_say(value: int, base: int) -> None:
    words = compare.in_words(value, base, "MACs")
    if not base or not value:
        assert words.startswith("no MACs") if not value else words.endswith("MACs for none")
    elif value == base:
        assert words == "as many MACs"
    elif match := re.fullmatch(r"([\d,.]+)x (fewer|the) MACs", words):
        said = Fraction(match[1].replace(",", ""))
        true = Fraction(base, value) if match[2] == "fewer" else Fraction(value, base)
        assert true > Fraction(3, 2) * Fraction(99, 100)
        assert abs(said - true) <= max(Fraction(5, 100), true / 100)
    else:
        match = re.fullmatch(r"(<?)([\d.]+)% (more|fewer) MACs", words)
        assert match is not None and (match[3] == "more") == (value > base)
        change = abs(Fraction(value, base) - 1) * 100
        assert change < Fraction(1, 20) if match[1] else abs(Fraction(match[2]) - change) <= Fraction(1, 2)


@given(st.fractions(min_value=0, max_value=1000))
def test_less_is_better(ratio: Fraction) -> None:
    tone = compare.better(ratio)
    assert tone == ("good" if ratio < 1 else "bad" if ratio > 1 else "")


@pytest.mark.parametrize("width", [40, *WIDTHS])
def test_variants_keep_their_sources_and_notes(width: int) -> None:
    found = _variants()
    shown = text.render(variants.table(found), width=width)
    flat = " ".join(shown.split())
    for row in found.rows:
        for said in (row.source, row.note):
            words = said.split()
            assert all(word.strip(",;") in flat for word in words), said
    if width >= 60:
        assert "8.4x fewer" in shown and "…" not in shown
        assert max(map(len, shown.splitlines())) <= width


def _variants() -> convcalc.Variants:
    return convcalc.variants(convcalc.load("conv 128 k3 p1", input="64x56x56"))


def test_a_separable_convolution_is_8_times_cheaper() -> None:
    """Howard et al. 2017, equation 5: 1/N + 1/K**2 of the MACs, here 1/128 + 1/9."""
    (row,) = [row for row in _variants().rows if row.name == "depthwise separable"]
    assert compare.ratio_in_words(row.macs_ratio) == "8.4x fewer"
    assert row.macs_ratio == Fraction(1, 128) + Fraction(1, 9)

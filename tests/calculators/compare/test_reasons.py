"""Why a form of a convolution costs what it costs: sums of fractions, held to counted execution."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import count
from convcalc.render import text
from convcalc.render.views.design.compare import tables


def compared(a: str, b: str, shape: str) -> Any:
    return convcalc.compare(a, b, input=shape)


def executed(spec: str, shape: str) -> int:
    return int(count(convcalc.load(spec, input=shape)).total("macs"))


sizes = st.integers(1, 9)


@settings(max_examples=30)
@given(m=sizes, n=sizes, k=st.integers(2, 5), rank=st.integers(1, 3), relu=st.booleans(), s=st.integers(1, 2))
def test_separable_is_one_over_n_and_one_over_the_taps(
    m: int, n: int, k: int, rank: int, relu: bool, s: int
) -> None:
    shape = "x".join(map(str, (m, *[6] * rank)))
    full = f"conv {n} k{k} s{s} bias=false"
    apart = f"dwconv k{k} s{s} {'| relu ' if relu else ''}| conv {n} k1"
    result = compared(full, apart, shape)
    if m == 1:  # a depthwise convolution of one channel is the standard one, and the formula holds too
        assert executed(apart, shape) * n * k**rank == executed(full, shape) * (n + k**rank)
    why = result.reasons["B"]
    assert (why.form, why.inverted) == ("separable", False)
    assert [part.ratio for part in why.parts] == [Fraction(1, n), Fraction(1, k**rank)]
    assert why.ratio == Fraction(executed(apart, shape), executed(full, shape))
    assert why.formula.subs(why.letters) == why.ratio
    back = compared(apart, full, shape).reasons.get("B")
    assert back is not None and back.inverted and back.ratio == why.ratio


@settings(max_examples=20)
@given(a=sizes, b=sizes, g=st.integers(2, 5), k=st.integers(1, 4), rank=st.integers(1, 3))
def test_groups_divide(a: int, b: int, g: int, k: int, rank: int) -> None:
    shape = "x".join(map(str, (a * g, *[6] * rank)))
    full, parts = f"conv {b * g} k{k}", f"conv {b * g} k{k} g={g}"
    why = compared(full, parts, shape).reasons["B"]
    assert (why.form, why.ratio, why.letters) == ("grouped", Fraction(1, g), {"G": g})
    assert why.ratio == Fraction(executed(parts, shape), executed(full, shape))


@settings(max_examples=20)
@given(m=sizes, mid=sizes, n=sizes, ks=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_factors_are_summed_exactly(m: int, mid: int, n: int, ks: tuple[int, int]) -> None:
    h, w = ks
    full, apart = f"conv {n} k={h}x{w}", f"conv {mid} k={h}x1 | conv {n} k=1x{w}"
    why = compared(full, apart, f"{m}x6x6").reasons["B"]
    assert why.form == "factored" or prod(ks) == 1 or m == mid == 1
    assert why.ratio == Fraction(executed(apart, f"{m}x6x6"), executed(full, f"{m}x6x6"))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("conv 8 k3 p1", "conv 8 k5 p2"),  # another window
        ("conv 8 k3 p1", "conv 8 k5 p2 g2"),
        ("conv 8 k3 p1", "dwconv k3 p1 | conv 9 k1"),  # another output
        ("conv 8 k3 p1 g2", "dwconv k3 p1 | conv 8 k1"),  # no standard convolution
        ("conv 8 k3 p1", "basic_block(8)"),  # no line
        ("conv 8 k3 p1", "maxpool k3 s1 p1"),  # nothing with MACs
        ("resnet18", "mobilenet_v2"),
    ],
)
def test_no_reason_where_it_is_no_form_of_the_other(a: str, b: str) -> None:
    shape = None if a == "resnet18" else "8x6x6"
    assert convcalc.compare(a, b, input=shape).reasons == {}


def test_no_reason_in_letters() -> None:
    found = convcalc.compare("conv N k3 p1", "dwconv k3 p1 | conv N k1", input="MxHxW")
    assert found.reasons == {}


def test_the_sentence_says_what_the_paper_says() -> None:
    """MobileNets, section 3.1: 1/N + 1/D_K^2, between 8 and 9 times less for 3x3."""
    found = compared("conv 128 k3 p1", "dwconv k3 p1 | conv 128 k1", "64x56x56")
    (table,) = tables(found)
    title = text.render(table).splitlines()[0]
    assert "8.4x fewer MACs: 1/128 + 1/9 = 0.119" in title
    assert round(1 / 128 + 1 / 9, 3) == 0.119
    assert any("1/N + 1/K**2 with N = 128, K = 3" in note for note in table.notes)
    for fraction, value in re.findall(r"(1/128 \+ 1/9) = ([\d.]+)", title):
        assert abs(sum(map(Fraction, fraction.split(" + "))) - Fraction(value)) < Fraction(1, 2000)


def test_json_has_the_fractions() -> None:
    why = compared("conv 16 k3 p1", "dwconv k3 p1 | conv 16 k1", "4x5x5").to_dict()["reasons"]["B"]
    assert why["ratio"] == "25/144" and why["formula"] == "1/N + 1/K**2"
    assert [part["ratio"] for part in why["parts"]] == ["1/16", "1/9"]

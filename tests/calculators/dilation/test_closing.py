"""Holes by formula against walking over the taps one by one, and rates that close them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.dilation.closing import closings, gap, reason
from convcalc.calculators.dilation.holes import holes

LAYERS = st.lists(st.tuples(st.integers(2, 5), st.integers(1, 7)), min_size=1, max_size=4)


def offsets(kernels: tuple[int, ...], rates: tuple[int, ...]) -> set[int]:
    """Every sum of one tap a layer."""
    steps = [range(0, k * r, r) for k, r in zip(kernels, rates, strict=True)]
    return {sum(taps) for taps in product(*steps)}


def field(kernels: tuple[int, ...], rates: tuple[int, ...]) -> int:
    return 1 + sum((k - 1) * r for k, r in zip(kernels, rates, strict=True))


@settings(max_examples=200)
@given(LAYERS)
def test_a_gap_is_a_hole(layers: list[tuple[int, int]]) -> None:
    kernels, rates = zip(*layers, strict=True)
    reached = offsets(kernels, rates)
    found = gap(kernels, rates)
    assert (found is None) == (len(reached) == field(kernels, rates))
    if found is not None:
        assert found[1] not in reached  # the pixel so far from the edge
        assert set(range(found[1])) <= reached
    factor = 0
    for r in rates:
        factor = convcalc_gcd(factor, r)
    assert ("factor" in reason(kernels, rates) or "at rate" in reason(kernels, rates)) == (factor > 1)


def convcalc_gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


@settings(max_examples=100)
@given(LAYERS)
def test_rates_that_are_offered_leave_no_holes(layers: list[tuple[int, int]]) -> None:
    kernels, rates = zip(*layers, strict=True)
    offered = closings(kernels, rates)
    assert offered
    for one in offered:
        assert len(offsets(one.kernels, one.rates)) == field(one.kernels, one.rates) == one.field
    assert offered[0].kernels == kernels
    # Nothing nearer: no other rates of these kernels reach the field, or what lies between, without holes.
    wanted = field(kernels, rates)
    if len(kernels) <= 3:
        every = product(range(1, 8), repeat=len(kernels))
        closed = {field(kernels, r) for r in every if len(offsets(kernels, r)) == field(kernels, r)}
        assert not any(wanted <= other < offered[0].field for other in closed)
    assert offered[0].field >= wanted or offered[-1].field >= wanted


@pytest.mark.parametrize(
    ("kernels", "rates", "first"),
    [
        ((3, 3, 3), (2, 2, 2), (1, 2, 3)),  # Wang et al. 2018 name 1 2 3 in the place of 2 2 2
        ((3, 3), (2, 2), (1, 3)),
        ((3, 3, 3), (12, 12, 12), (1, 3, 9)),  # the widest that three layers can
        ((3,), (2,), (1,)),
    ],
)
def test_rates_by_hand(kernels: tuple[int, ...], rates: tuple[int, ...], first: tuple[int, ...]) -> None:
    assert closings(kernels, rates)[0].rates == first


def test_a_long_run_is_changed_as_little_as_can_be() -> None:
    assert closings((3,) * 23, (2,) * 23)[0].rates == (1, *(2,) * 22)


NETWORK = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4]),
        st.sampled_from(["plain", "residual", "pool", "branches"]),
        st.sampled_from([2, 3]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(NETWORK, st.integers(1, 2))
def test_holes_by_formula_are_those_of_execution(parts: list[tuple[int, str, int]], rank: int) -> None:
    """Shortcuts, branches of another rate and pools beside dilated layers, in one and two dimensions."""
    lines = []
    for rate, kind, kernel in parts:
        conv = f"conv 2 k{kernel} d{rate} p=same"
        if kind == "plain":
            lines.append(f"  - {conv}")
        elif kind == "residual":
            lines.append(f"  - {{residual: identity, body: [{conv}]}}")
        elif kind == "pool":
            lines.append("  - maxpool k3 s1 p1")
        else:
            lines.append(f"  - {{branches: [[{conv}], [conv 2 k3 d{rate + 1} p=same]], merge: add}}")
    text = f"input: 2{'x40' * rank}\nlayers:\n" + "\n".join(lines)
    graph = convcalc.load(text)
    executed = {
        (one.run.names[0], one.run.names[-1]): (one.covered, one.total)
        for one in convcalc.judge_network_dilations(graph)
        if one.has_holes and one.covered is not None
    }
    assert {(one.first, one.last): (one.covered, one.total) for one in holes(graph)} == executed


def test_networks_without_dilation_are_passed_over() -> None:
    assert convcalc.receptive_field("resnet18").holes == []
    assert convcalc.receptive_field("wavenet").holes == []


def test_plain_rf_says_that_there_are_holes() -> None:
    fields = convcalc.receptive_field("conv 8 k3 d2 p2 | conv 8 k3 d2 p2 | conv 8 k3 d2 p2", input="3x64x64")
    (one,) = fields.holes
    assert (one.covered, one.total) == (49, 169)
    assert fields.to_dict()["holes"][0]["closing"][0]["rates"] == [1, 2, 3]
    text = str(fields)
    assert "Holes: conv1 to conv3 (rates 2 2 2) read 49 of 169 positions (29.0%)" in text
    assert "rates 1 2 3 read all of 13x13" in text

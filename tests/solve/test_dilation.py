"""Coverage by execution against sums of offsets and PyTorch; where the criterion is wrong, it is said."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import Unreachable, design_dilations, judge_dilations, judge_network_dilations

LAYERS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), min_size=1, max_size=4)


def path_counts(kernels, rates) -> list[int]:
    """Paths from each offset of the field: ways to write it as a sum of one tap a layer."""
    ways = Counter({0: 1})
    for k, r in zip(kernels, rates, strict=True):
        after: Counter[int] = Counter()
        for (at, many), t in product(ways.items(), range(k)):
            after[at + t * r] += many
        ways = after
    return [ways[at] for at in range(max(ways) + 1)]


@settings(max_examples=60)
@given(LAYERS)
def test_execution_sees_the_sums_of_taps(layers: list[tuple[int, int]]) -> None:
    kernels, rates = [k for k, _ in layers], [r for _, r in layers]
    judged = judge_dilations(rates, kernels, rank=1)
    wanted = path_counts(kernels, rates)
    (axis,) = judged.axes
    assert list(axis.counts) == wanted
    assert judged.counts.tolist() == wanted
    assert judged.field == (len(wanted),)
    assert judged.covered == sum(n > 0 for n in wanted)
    centre = (len(wanted) - 1) / 2
    assert list(axis.holes) == [at - centre for at, n in enumerate(wanted) if n == 0]
    assert judged.has_holes == (0 in wanted)


@settings(max_examples=15)
@given(LAYERS, LAYERS)
def test_two_axes_are_the_product_of_both(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    many = min(len(a), len(b))
    rates = [(a[i][1], b[i][1]) for i in range(many)]
    kernels = [(a[i][0], b[i][0]) for i in range(many)]
    judged = judge_dilations(rates, kernels)
    sides = [path_counts([k[x] for k in kernels], [r[x] for r in rates]) for x in (0, 1)]
    assert np.array_equal(judged.counts, np.multiply.outer(*map(np.array, sides)))
    assert judged.total == judged.counts.size
    assert judged.covered == np.count_nonzero(judged.counts)


@pytest.mark.parametrize(
    ("rates", "holes"),
    [((1, 2, 5), False), ((1, 2, 9), True), ((2, 4, 8), True)],  # Wang et al. 2018
)
def test_verdicts_of_the_paper(rates: tuple[int, ...], holes: bool) -> None:
    judged = judge_dilations(rates)
    assert judged.has_holes == holes
    assert judged.agrees is True


def test_the_context_module_has_no_holes() -> None:
    # Yu & Koltun 2016, Table 1
    judged = judge_dilations([1, 1, 2, 4, 8, 16, 1, 1], [3, 3, 3, 3, 3, 3, 3, 1])
    assert judged.field == (67, 67)
    assert judged.covered == judged.total == 67 * 67


@pytest.mark.parametrize(
    ("rates", "holes", "words"),
    [
        ((2, 3), True, "M2 = 3 <= K = 3 is met and not enough; execution finds 2 holes, at offsets ±4"),
        ((2, 2, 2), True, "not enough: the rates share the factor 2"),
        ((9, 1, 2), True, "at offsets ±4, ±5"),
        ((1, 9, 3), False, "M2 = 15 > K = 3 would be enough and is not needed"),
    ],
)
def test_where_rule_and_execution_disagree_it_is_said(rates, holes: bool, words: str) -> None:
    judged = judge_dilations(rates)
    assert judged.has_holes == holes == (0 in path_counts((3,) * len(rates), rates))
    assert judged.agrees is False
    assert words in judged.axes[0].disagreement()


@settings(max_examples=40)
@given(LAYERS)
def test_agreement_is_nothing_but_agreement(layers: list[tuple[int, int]]) -> None:
    kernels, rates = [k for k, _ in layers], [r for _, r in layers]
    (axis,) = judge_dilations(rates, kernels, rank=1).axes
    taps = [(k, r) for k, r in layers if k > 1]
    if not taps:
        assert axis.agrees is None
        return
    m = taps[-1][1]
    for _, r in taps[-2:0:-1]:
        m = max(m - 2 * r, 2 * r - m, r)
    fine = m <= (taps[0][0] if len(taps) > 1 else 1)
    assert axis.agrees == (fine == (0 not in path_counts(kernels, rates)))
    assert (axis.disagreement() is None) == axis.agrees


def test_a_large_field_is_executed_axis_by_axis() -> None:
    judged = judge_dilations([1, 3, 9, 27, 81, 243, 729])
    assert judged.counts is None
    assert (judged.field, judged.has_holes) == ((2187, 2187), False)
    assert judged.covered == judged.total == 2187**2


@pytest.mark.parametrize(
    ("rates", "kernel", "reason"),
    [
        ([1, 0], 3, "a rate is the distance from tap to tap"),
        ([1, 2], 0, "kernel is at least 1"),
        ([], 3, "no rates"),
        ([1, 2, 5], [3, 3], "2 kernels for 3 rates"),
        ([(1, 2), (1, 2, 3)], 3, "has 3 axes"),
        ([1.5], 3, "whole number"),
    ],
)
def test_bad_input(rates, kernel, reason: str) -> None:
    with pytest.raises(Unreachable, match=reason):
        judge_dilations(rates, kernel)


def test_designs_are_proven() -> None:
    found = design_dilations(67, top=5)
    assert [len(one.design.rates) for one in found] == [4] * 5  # 3**3 = 27 < 67 <= 81
    assert [one.design.field for one in found] == sorted(one.design.field for one in found)
    for one in found:
        assert one.to_dict()["proven"] is True
        assert 0 not in path_counts(one.design.kernels, one.design.rates)
        assert len(one.proof.counts) == one.design.field >= 67


def test_a_design_that_execution_contradicts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcalc.calculators.dilation.design import Design
    from convcalc.solve import dilation

    monkeypatch.setattr(dilation, "designs", lambda *_, **__: [Design((3, 3), (1, 9), 21, 18)])
    with pytest.raises(AssertionError, match="contradicts"):
        design_dilations(21)


def test_every_run_of_a_network_is_judged() -> None:
    runs = judge_network_dilations(convcalc.load("deeplabv3_mobilenet_v3_large"))
    assert len(runs) == 3
    assert not any(one.has_holes for one in runs)
    assert all(one.total == np.prod(one.path.field) for one in runs)


def test_shortcuts_fill_what_the_path_leaves_out() -> None:
    spec = """
input: 4x32x32
layers:
  - {branches: {wide: [conv 4 k3 d2 p2], narrow: [conv 4 k3 p1]}, merge: add}
"""
    (one,) = judge_network_dilations(convcalc.load(spec))
    assert one.run.rates == ((2, 2),)
    assert (one.path.covered, one.path.total) == (9, 25)
    # Taps of the wide branch on even offsets, of the narrow one within a pixel; the centre is shared.
    assert (one.covered, one.total) == (9 + 9 - 1, 25)
    assert one.has_holes


@pytest.mark.parametrize("padding", ["p=same", "p=causal", "p=valid"])
def test_padding_does_not_change_what_a_run_sees(padding: str) -> None:
    line = f"conv 4 k3 d1 {padding} | conv 4 k3 d2 {padding} | conv 4 k3 d9 {padding}"
    (one,) = judge_network_dilations(convcalc.load(line, input="4x64"))
    assert (one.covered, one.total) == (21, 25)
    assert one.path.covered == 21


def test_global_pooling_in_a_run_is_cut() -> None:
    spec = """
input: 4x32x32
layers:
  - conv 4 k3 d2 p2
  - {residual: identity, merge: mul, body: [globalavgpool, conv 4 k1, sigmoid]}
  - conv 4 k3 d2 p2
"""
    (one,) = judge_network_dilations(convcalc.load(spec))
    assert one.run.rates == ((2, 2), (2, 2))
    assert (one.covered, one.total) == (25, 81)


@pytest.mark.torch
@pytest.mark.parametrize("rates", [(1, 2, 5), (1, 2, 9), (2, 4, 8), (2, 3), (1, 9, 3)])
def test_coverage_and_paths_by_gradients_of_pytorch(rates: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    judged = judge_dilations(rates)
    x = torch.zeros(1, 1, *judged.field, dtype=torch.float64, requires_grad=True)
    y = x
    for rate in rates:
        y = torch.nn.functional.conv2d(y, torch.ones(1, 1, 3, 3, dtype=torch.float64), dilation=rate)
    y.sum().backward()
    assert np.array_equal(x.grad[0, 0].numpy(), judged.counts)


@pytest.mark.slow
def test_every_dilated_network_of_the_zoo() -> None:
    from convcalc.spec.library import zoo_names

    seen = 0
    for name in zoo_names():
        for one in judge_network_dilations(convcalc.load(name)):
            seen += 1
            if one.covered is None:  # a run too long to execute, which is said
                assert one.reason and name == "waveglow"
                continue
            assert one.total == np.prod(one.path.field), name
            kernels = [k[0] for k in one.run.kernels]
            rates = [r[0] for r in one.run.rates]
            wanted = path_counts(kernels, rates)
            assert list(one.path.axes[0].counts) == wanted
            assert one.covered >= one.path.covered
    assert seen >= 20

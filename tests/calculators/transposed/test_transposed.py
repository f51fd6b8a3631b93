"""Transposed convolutions: every setting, overlap and costs, by listing and by published figures."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import Unreachable, check_transposed
from convcalc.calculators.transposed import settings as transposed
from convcalc.calculators.transposed.costs import alternatives, costs
from convcalc.calculators.transposed.settings import Fixed, Setting, describe, phases, solve_axis


def all_settings(i: int, o: int, k: int, fixed: Fixed = Fixed()) -> list[Setting]:  # noqa: B008
    found = transposed.settings(i, o, k, fixed)
    assert found.complete
    return list(found.found)


def written(i: int, k: int, s: int, before: int, after: int, extra: int, d: int) -> list[int]:
    """How many products each output pixel gets: every input writes its taps, padding crops."""
    canvas = Counter(j * s + t * d for j, t in product(range(i), range(k)))
    full = s * (i - 1) + d * (k - 1) + 1 + extra
    return [canvas[y] for y in range(before, full - after)]


def by_trying(i: int, o: int, k: int) -> set[Setting]:
    """All settings within the stated bounds, by trying them (an input of 2 or more)."""
    found = set()
    for d in range(1, max(1, (o - 1) // (k - 1)) + 1 if k > 1 else 2):
        span = d * (k - 1)
        for s, p in product(range(1, o + 2 * span + 2), range(span + 1)):
            for extra in range(max(s, d)):
                # Dumoulin & Visin 2016, relationship 14
                if s * (i - 1) + span + 1 - 2 * p + extra == o:
                    found.add(Setting(s, p, extra, d))
    return found


@pytest.mark.parametrize(
    ("i", "o", "k"),
    [(2, 4, 4), (3, 6, 3), (4, 8, 2), (4, 9, 5), (5, 11, 3), (4, 4, 3), (6, 4, 3), (2, 7, 1), (3, 10, 4)],
)
def test_every_setting_that_gets_there(i: int, o: int, k: int) -> None:
    found = all_settings(i, o, k)
    assert set(found) == by_trying(i, o, k)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("i", "o", "k", "setting"),
    [
        (32, 64, 4, (2, 1, 0, 1)),  # DCGAN's
        (32, 64, 2, (2, 0, 0, 1)),  # U-Net's
        (32, 64, 3, (2, 1, 1, 1)),
        (32, 64, 5, (2, 2, 1, 1)),
        (1, 4, 4, (1, 0, 0, 1)),  # DCGAN's first
        (7, 7, 3, (1, 1, 0, 1)),
        (16, 128, 16, (8, 4, 0, 1)),  # FCN-8s
    ],
)
def test_the_conventional_one_comes_first(i: int, o: int, k: int, setting: tuple[int, ...]) -> None:
    assert all_settings(i, o, k)[0] == setting


def test_given_parameters_stay() -> None:
    everything = all_settings(8, 16, 4)
    for number, name in enumerate(Setting._fields):
        value = everything[-1][number]
        kept = all_settings(8, 16, 4, Fixed(**{name: value}))
        if name == "padding":  # one that is given may be larger than k_eff - 1
            assert all(one.stride * 7 + 3 * one.dilation + 1 - 2 * value + one[2] == 16 for one in kept)
            kept = [one for one in kept if value <= 3 * one.dilation]
        assert kept == [one for one in everything if one[number] == value]


def test_settings_at_an_input_of_one() -> None:
    # The stride moves nothing: 4 = 4 - 2p + op has a solution for every padding p.
    found = all_settings(1, 4, 4, Fixed(dilation=1))
    assert {(one.padding, one.output_padding) for one in found} == {(0, 0), (1, 2), (2, 4), (3, 6)}
    assert all(one.stride == max(1, one.output_padding + 1) for one in found)


@pytest.mark.parametrize(
    ("i", "o", "k", "fixed", "nearest"),
    [
        (32, 100, 4, Fixed(stride=2), "67 (stride 2, padding 0, output padding 1)"),
        (32, 64, 3, Fixed(stride=2, output_padding=0), "63 (stride 2, padding 1, output padding 0)"),
    ],
)
def test_sizes_out_of_reach(i: int, o: int, k: int, fixed: Fixed, nearest: str) -> None:
    fixed = fixed._replace(dilation=1)
    with pytest.raises(Unreachable, match=f"turns {i} into {o}") as refusal:
        solve_axis(i, o, k, fixed)
    assert nearest in refusal.value.nearest


PARTS = st.tuples(
    *(st.integers(1, n) for n in (8, 6, 5)), *(st.integers(0, 8),) * 2, st.integers(0, 4), st.integers(1, 3)
)


@given(PARTS)
def test_an_axis_by_listing_what_is_written(parts: tuple[int, ...]) -> None:
    i, k, s, before, after, extra, d = parts
    extra = min(extra, max(s, d) - 1)
    products = written(*parts[:5], extra, d)
    if not products:
        with pytest.raises(ValueError, match="crops all"):
            describe(i, k, s, before, after, extra, d)
        return
    axis = describe(i, k, s, before, after, extra, d)
    assert axis.output == len(products)
    # Away from the borders the phases say how many products a pixel gets.
    for y in range(max(d * (k - 1) - before, 0), min(s * (i - 1) - before, len(products) - 1) + 1):
        assert products[y] == axis.overlap.counts[y % s]
    for step in axis.steps:
        assert eval(step.substitution) == step.value
    again = axis.equivalent
    assert again.stretched + again.before + again.after - d * (k - 1) == axis.output


@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 5))
def test_even_where_the_kernel_is_a_multiple_of_the_stride(k: int, s: int, before: int) -> None:
    # Odena et al. 2016
    counts = phases(k, s, before, 1)
    assert sum(counts) == k
    assert (len(set(counts)) == 1) == (k % s == 0)
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("k", "s", "d", "words"),
    [
        (4, 2, 1, "the rule holds"),
        (5, 2, 1, "the rule is met, yet pixels get 3 and 2: 5 is no multiple of 2"),
        (2, 2, 1, "the rule warns, yet every pixel gets 1: 2 is a multiple of 2"),
        (3, 2, 1, "the rule warns rightly"),
        (2, 3, 1, "get no tap at all"),
        (4, 2, 2, "get no tap at all"),
        (3, 1, 1, "nothing to go wrong"),
    ],
)
def test_the_rule_of_thumb_is_judged_by_the_counts(k: int, s: int, d: int, words: str) -> None:
    assert words in describe(4, k, s, 0, 0, 0, d).overlap.judged()


def test_costs_of_published_layers() -> None:
    # ConvTranspose2d(100, 1024, k4) on 1x1: executed and as torchinfo and thop print it
    first = (describe(1, 4, 1, 0, 0, 0, 1),) * 2
    cost = costs(first, (100, 1024), 1)
    assert (cost.executed, cost.naive) == (1_638_400, 26_214_400)
    assert cost.to_dict()["counters"]["torchinfo"] == cost.to_dict()["counters"]["thop"] == 26_214_400
    assert cost.to_dict()["counters"]["fvcore"] == cost.to_dict()["counters"]["ptflops"] == 1_638_400
    assert cost.to_dict()["naive_over_executed"] == 16
    # ConvTranspose2d(4, 4, k3 s2 p1 op1, groups 4) on 8x8
    grouped = costs((describe(8, 3, 2, 1, 1, 1, 1),) * 2, (4, 4), 4)
    assert (grouped.executed, grouped.naive, grouped.params) == (2_304, 9_216, 36)


@settings(max_examples=50)
@given(PARTS)
def test_needed_products_are_those_that_are_written(parts: tuple[int, ...]) -> None:
    i, k, s, before, after, extra, d = parts
    extra = min(extra, max(s, d) - 1)
    products = written(*parts[:5], extra, d)
    if not products:
        return
    cost = costs((describe(i, k, s, before, after, extra, d),), (1, 1), 1)
    assert (cost.executed, cost.needed, cost.naive) == (i * k, sum(products), len(products) * k)


@pytest.mark.parametrize("sizes", [(8, 16, 4), (8, 16, 3), (7, 21, 5), (5, 9, 3), (4, 4, 3), (2, 16, 8)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_alternatives_give_the_same_size(sizes: tuple[int, int, int], rank: int) -> None:
    i, o, k = sizes
    best = all_settings(i, o, k)[0]
    axes = (
        describe(i, k, best.stride, best.padding, best.padding, best.output_padding, best.dilation),
    ) * rank
    rows = {row.name: row for row in alternatives(axes, (4, 6))}
    assert len(rows) == 5
    for row in rows.values():
        if not row.spec:
            assert row.note.startswith("needs") and o % i
            continue
        if row.spec.startswith("unpool"):
            continue  # reads indices besides
        graph = convcalc.load(row.spec, input=(4, *(i,) * rank))
        assert graph.nodes[-1].outputs[0] == (6, *(o,) * rank)
        totals = convcalc.analyze(graph).totals
        assert (row.params, row.macs, row.flops) == (totals.params, totals.macs, totals.flops)
    assert rows["unpooling, then convolution"].macs in (None, rows["nearest, then convolution"].macs)
    if o % i == 0 and k % (o // i) == 0:
        assert rows["convolution, then pixel shuffle"].params == rows["transposed"].params


def test_the_layers_of_a_network() -> None:
    layers = check_transposed(convcalc.load("dcgan_generator"))
    assert [layer.is_even for layer in layers] == [True] * 5  # 4x4 kernels, stride 1 or 2
    report = convcalc.analyze(convcalc.load("dcgan_generator"))
    rows = [row for row in report.layers if row.op == "convT"]
    assert [layer.costs.executed for layer in layers] == [row.macs for row in rows]
    assert [layer.costs.needed for layer in layers] == [row.valid_macs for row in rows]
    (uneven,) = check_transposed(convcalc.load("convT 8 k3 s2 p1 op1", input="4x8x8"))
    assert uneven.is_even is False
    (unknown,) = check_transposed(convcalc.load("convT 4->8 k3 s2"))
    assert unknown.is_even is None and unknown.costs is None

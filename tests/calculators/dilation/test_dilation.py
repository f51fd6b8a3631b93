"""The published rules about dilation, and designs against every sequence there is."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc import Unreachable
from convcalc.calculators.dilation.criterion import criterion
from convcalc.calculators.dilation.design import Design, designs
from convcalc.calculators.dilation.runs import dilated_runs


def seen(kernels, rates) -> set[int]:
    """Offsets that a run sees, as the sums of one tap a layer."""
    found = {0}
    for k, r in zip(kernels, rates, strict=True):
        found = {at + t * r for at in found for t in range(k)}
    return found


@pytest.mark.parametrize(
    ("rates", "m2", "fine"),
    [((1, 2, 5), 2, True), ((1, 2, 9), 5, False)],  # Wang et al. 2018, section 3.2
)
def test_the_examples_of_the_paper(rates: tuple[int, ...], m2: int, fine: bool) -> None:
    rules = criterion((3, 3, 3), rates)
    assert (rules.distances[-1].value, rules.no_holes) == (m2, fine)
    assert rules.distances[0].value == rates[-1]


def test_a_common_factor_is_found() -> None:
    assert criterion((3, 3, 3), (2, 4, 8)).common_factor == 2
    assert criterion((3, 3, 3), (2, 3, 4)).common_factor == 1
    assert criterion((3, 1, 3), (2, 5, 4)).common_factor == 2  # one tap has no distance


def test_growth_of_the_context_module() -> None:
    # Yu & Koltun 2016, Table 1
    rules = criterion((3, 3, 3, 3, 3, 3, 3, 1), (1, 1, 2, 4, 8, 16, 1, 1))
    assert rules.fields == (3, 5, 9, 17, 33, 65, 67, 67)
    assert rules.extents == (3, 3, 5, 9, 17, 33, 3, 1)


def test_the_recursion_is_written_out_with_its_numbers() -> None:
    for step in criterion((3,) * 5, (1, 2, 5, 9, 17)).distances[1:]:
        assert eval(step.formula, {"max": max}) == step.value


def test_one_layer_and_none_with_taps() -> None:
    assert criterion((3,), (1,)).no_holes is True
    assert criterion((3,), (2,)).no_holes is False
    assert criterion((1, 1), (4, 4)).no_holes is None


def every(reach: int, layers: int, kernels: tuple[int, ...], cap: int) -> list[Design]:
    """All hole-free sequences of so many layers, by trying all of them."""
    found = set()
    pairs = sorted({(1 if k == 1 else r, k) for k in kernels for r in range(1, cap + 1)})
    for chosen in combinations_with_replacement(pairs, layers):
        rates, ks = tuple(r for r, _ in chosen), tuple(k for _, k in chosen)
        offsets = seen(ks, rates)
        if len(offsets) == max(offsets) + 1 >= reach:
            found.add(Design(ks, rates, len(offsets), sum(k * k for k in ks)))
    return sorted(found, key=lambda d: (d.params, d.field, d.rates[-1]))


CASES = [
    *((reach, layers, (3,), cap) for reach, layers, cap in [(9, 2, 9), (15, 3, 9), (27, 3, 9), (20, 4, 4)]),
    *((reach, layers, (3,), 3) for reach, layers in [(1, 1), (5, 4)]),
    *((reach, 3, (2,), 8) for reach in (8, 12)),
    *((14, 3, (2, 3), 6), (25, 2, (3, 5), 7), (30, 3, (3, 5), 6), (10, 3, (1, 3), 5)),
    *((21, 4, (2, 4), 3), (45, 3, (4, 5), 10)),
]


@pytest.mark.parametrize(("reach", "layers", "kernels", "cap"), CASES)
def test_designs_are_all_there_are_cheapest_first(reach, layers, kernels, cap) -> None:
    wanted = every(reach, layers, kernels, cap)
    if not wanted:
        with pytest.raises(Unreachable):
            designs(reach, kernels=kernels, layers=layers, max_rate=cap)
        return
    found = designs(reach, kernels=kernels, layers=layers, max_rate=cap, top=10**6)
    assert set(found) == set(wanted)
    assert len(found) == len(wanted)
    order = [(d.params, d.field, d.rates[-1]) for d in wanted]
    assert [(d.params, d.field, d.rates[-1]) for d in found] == order
    few = designs(reach, kernels=kernels, layers=layers, max_rate=cap, top=3)
    assert few == found[:3]


@pytest.mark.parametrize("reach", [1, 2, 3, 4, 9, 10, 27, 28, 67, 81, 82])
def test_the_fewest_layers_are_the_fewest(reach: int) -> None:
    # n layers of k taps have k**n sums at most, so fewer cannot fill the field.
    best = designs(reach, kernels=(3,), top=1)[0]
    assert 3 ** len(best.rates) >= reach
    assert len(best.rates) == 1 or 3 ** (len(best.rates) - 1) < reach


@settings(max_examples=60)
@given(
    reach=st.integers(2, 3000),
    kernels=st.sets(st.integers(2, 7), min_size=1, max_size=2),
    cap=st.none() | st.integers(1, 60),
)
def test_designs_leave_no_holes(reach: int, kernels: set[int], cap: int | None) -> None:
    try:
        found = designs(reach, kernels=tuple(kernels), max_rate=cap, top=4)
    except Unreachable as refusal:
        assert "layers" in str(refusal)
        assert cap is not None and cap * 1200 < reach * 7 + 7200
        return
    assert 1 <= len(found) <= 4
    for design in found:
        offsets = seen(design.kernels, design.rates)
        assert len(offsets) == max(offsets) + 1 == design.field >= reach
        assert cap is None or max(design.rates) <= cap


@pytest.mark.parametrize(
    ("arguments", "reason", "nearest"),
    [
        (dict(reach=67, layers=3), "3 layers of kernel 3 reach at most 27 pixels", "layers 4, or reach 27"),
        (
            dict(reach=67, layers=4, max_rate=8),
            "with rates up to 8 reach at most 41",
            "layers 6, or reach 41",
        ),
        (dict(reach=9, kernels=(1,)), "never reaches more than 1 pixel", "kernel 3"),
        (dict(reach=0), "reach is at least 1", "reach 1"),
        (dict(reach=9, max_rate=0), "a rate is at least 1", "max_rate 1"),
        (dict(reach=9, layers=0), "layers is at least 1", "layers 1"),
        (dict(reach=10**9), "more than is answered", None),
        (dict(reach=5000, max_rate=1), "it takes 2500 layers", "reach 401"),  # 200 layers of 2 pixels
    ],
)
def test_designs_that_cannot_be(arguments, reason: str, nearest: str | None) -> None:
    with pytest.raises(Unreachable) as refusal:
        designs(**arguments)
    assert reason in str(refusal.value)
    assert refusal.value.nearest == nearest


def rates(name: str, **options) -> list[tuple[int, ...]]:
    return [tuple(r[0] for r in run.rates) for run in dilated_runs(convcalc.load(name, **options))]


def test_runs_of_published_networks() -> None:
    # The backbone has 3 bottlenecks at rate 1 after its last stride, then 6 and 3 dilated ones; the
    # atrous pyramid branches at 12, 24 and 36 (Chen et al. 2017, in torchvision's form).
    trunk = (1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4)
    assert rates("deeplabv3_resnet50") == [(*trunk, 12), (*trunk, 24), (*trunk, 36, 1)]
    assert rates("context_module_basic") == [(1, 1, 2, 4, 8, 16, 1)]
    assert rates("tcn") == [tuple(2**i for i in range(8) for _ in (0, 1))]
    assert rates("resnet50") == []


def test_a_run_ends_where_the_resolution_changes() -> None:
    line = "conv 4 k3 d2 | conv 4 k3 s2 | conv 4 k3 d3 | relu | conv 4 k1 | conv 4 k3 d5 | maxpool k2"
    assert rates(line, input="3x64x64") == [(2,), (3, 5)]


def test_a_pool_at_stride_one_is_part_of_a_run() -> None:
    assert rates("conv 4 k3 d2 p2 | maxpool k3 s1 p1 | conv 4 k3 d2 p2", input="3x64x64") == [(2, 1, 2)]

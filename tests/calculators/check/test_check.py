"""Limits: how amounts are read, what is held, documents with a budget."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.check.limits import NAMES, LimitError, amount, limits


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("5M", "count", 5_000_000),
        ("300M", "count", 300_000_000),
        ("1.5G", "count", 1_500_000_000),
        ("4.2k", "count", 4_200),
        ("2T", "count", 2 * 10**12),
        ("1_000_000", "count", 1_000_000),
        ("1,000", "count", 1_000),
        ("3e6", "count", 3_000_000),
        ("1.5", "count", Fraction(3, 2)),
        (7, "count", 7),
        ("8MB", "bytes", 8_000_000),
        ("8M", "bytes", 8_000_000),
        ("8MiB", "bytes", 8 * 1024**2),
        ("512 KiB", "bytes", 512 * 1024),
        ("1GiB", "bytes", 1024**3),
        ("1kb", "bytes", 1000),
        ("96", "bytes", 96),
        ("96B", "bytes", 96),
        ("200", "pixels", 200),
    ],
)
def test_amounts(text: object, unit: str, value: object) -> None:
    assert amount(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [("5Q", "count"), ("5MB", "count"), ("", "count"), ("-3", "count"), (-3, "count"), ("8ib", "bytes"),
     ("200k", "pixels"), ("1e999", "count"), (None, "count"), (True, "count"), ("M", "count"),
     ("1..2", "count")],
)  # fmt: skip
def test_what_is_no_amount(text: object, unit: str) -> None:
    with pytest.raises(LimitError) as caught:
        amount(text, unit)
    assert caught.value.hint


@given(st.integers(0, 10**12), st.sampled_from([("K", 3), ("M", 6), ("G", 9)]))
def test_decimal_units_are_powers_of_ten(number: int, unit: tuple[str, int]) -> None:
    assert amount(f"{number}{unit[0]}") == number * 10 ** unit[1]


@given(st.integers(0, 2000), st.integers(0, 2000), st.sampled_from(["max", "min"]))
def test_a_limit_holds_up_to_its_bound(bound: int, channels: int, side: str) -> None:
    """A 1x1 convolution from one channel has as many parameters as filters."""
    channels += 1
    graph = convcalc.load(f"conv 1->{channels} k1 bias=false", input="1x2x2")
    result = convcalc.check(graph, {f"{side}_params": bound})
    assert result.ok is (channels <= bound if side == "max" else channels >= bound)
    assert (result.rows[0].margin >= 0) is result.ok


def test_published_totals() -> None:
    """ResNet-18: 11,689,512 parameters (torchvision); VGG-16's field is 212 (Araujo et al. 2019)."""
    assert convcalc.check("resnet18", max_params=11_689_512)
    assert not convcalc.check("resnet18", max_params=11_689_511)
    assert convcalc.check("vgg16", min_rf=212)
    assert not convcalc.check("vgg16", min_rf=213)


def test_memory_is_parameters_buffers_and_peak() -> None:
    graph = convcalc.load("conv 2->3 k1 bias=false | bn | relu", input="2x4x4")
    # Weights, scale and shift, running mean and variance; bn and relu each hold two maps of 3 channels.
    floats = 6 + 6 + 6 + (3 + 3) * 16
    assert convcalc.check(graph, max_memory=4 * floats)
    assert not convcalc.check(graph, max_memory=4 * floats - 1)
    assert convcalc.check(graph, max_memory=2 * floats, dtype="float16")


DOCUMENT = """
name: small
input: 3x8x8
budget: {max_params: 112, max_macs: 10M}
layers: [conv 4 k3]
"""


def test_a_document_may_hold_its_budget() -> None:
    result = convcalc.check(DOCUMENT)
    assert [row.limit.name for row in result.rows] == ["max_params", "max_macs"]
    assert result.ok
    assert not convcalc.check(DOCUMENT, max_params=111)
    assert convcalc.check(DOCUMENT, {"max_params": 111}, max_params=112)


def test_a_value_that_is_not_known_fails() -> None:
    result = convcalc.check("conv 3->4 k3", max_macs="1G")
    assert not result.ok
    assert result.rows[0].ok is None


def test_a_global_operation_sees_everything() -> None:
    graph = convcalc.load("globalavgpool | flatten", input="3x8x8")
    assert convcalc.check(graph, min_rf=10**6)
    assert not convcalc.check(graph, {"max_rf": 10**6})


def test_no_limit_is_an_error() -> None:
    with pytest.raises(LimitError, match="nothing to check"):
        convcalc.check("conv 3->4 k3")


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_can_be_written_with_a_dash(name: str) -> None:
    amount = "3ms on a100" if name.endswith("time_bound") else "3"
    assert limits({name.replace("_", "-"): amount})[0].name == name


def test_an_unknown_limit_is_answered_with_the_nearest() -> None:
    with pytest.raises(LimitError, match="did you mean max_params"):
        convcalc.check("conv 3->4 k3", max_parms=3)


def test_json() -> None:
    data = convcalc.check(DOCUMENT).to_dict()
    assert data["ok"] is True
    assert data["limits"][0] == {"limit": "max_params", "bound": 112, "value": 112, "margin": 0, "ok": True}

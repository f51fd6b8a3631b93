from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.dims import UNKNOWN, symbol
from convcalc.render import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (108, "108"),
        (9_408, "9,408"),
        (9_999, "9,999"),
        (10_000, "10.00 K"),
        (999_994, "999.99 K"),
        (999_995, "1.00 M"),
        (25_557_032, "25.56 M"),
        (4_089_184_256, "4.09 G"),
        (10**24, "1.00 Y"),
        (10**30, "1,000,000.00 Y"),
        (-25_557_032, "-25.56 M"),
        (UNKNOWN, "?"),
        (None, "-"),
        (Fraction(1, 3), "1/3"),
        (0.361, "0.361"),
    ],
)
def test_human_units(value: object, text: str) -> None:
    assert numbers.human(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (432, "432 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (102_228_128, "97.5 MiB"),
        (1024**2 - 1, "1.0 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (UNKNOWN, "?"),
    ],
)
def test_bytes(value: object, text: str) -> None:
    assert numbers.human_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(25_557_032, "25,557,032"), (2**80, "1,208,925,819,614,629,174,706,176"), (UNKNOWN, "?"), (None, "-")],
)
def test_exact(value: object, text: str) -> None:
    assert numbers.exact(value) == text


def test_closed_forms_are_their_own_text() -> None:
    value = symbol("K") ** 2 * symbol("M")
    assert numbers.exact(value) == numbers.human(value) == numbers.human_bytes(value) == "K**2*M"


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (1, 3, "33.3%"),
        (108, 108, "100.0%"),
        (0, 5, "0.0%"),
        (1, 10**9, "<0.1%"),
        (0, 0, "-"),
        (UNKNOWN, 3, "?"),
        (3, UNKNOWN, "?"),
    ],
)
def test_share(part: object, whole: object, text: str) -> None:
    assert numbers.share(numbers.Share(part, whole)) == text


def test_plain_values() -> None:
    assert numbers.plain(25_557_032) == "25557032"
    assert numbers.plain((64, 7, 7)) == "64x7x7"
    assert numbers.plain(((64, 7, 7), (3,))) == "64x7x7, 3"
    assert numbers.plain(UNKNOWN) == numbers.plain(None) == numbers.plain(numbers.Share(UNKNOWN, 1)) == ""
    assert numbers.plain(numbers.Share(1, 3)) == "0.333333"


@pytest.mark.parametrize(
    ("dims", "text"),
    [
        ((64, 112, 112), "64x112x112"),
        ((1000,), "1000"),
        ((3, UNKNOWN, UNKNOWN), "3x?x?"),
        ((), "scalar"),
        (None, "-"),
    ],
)
def test_shape(dims: object, text: str) -> None:
    assert numbers.shape(dims) == text


def test_a_shape_of_expressions_keeps_them_apart() -> None:
    h = symbol("H")
    assert numbers.shape((64, h)) == "64xH"
    assert numbers.shape((64, h + 1)) == "64 x (H + 1)"


def test_labels_cannot_steer_a_terminal() -> None:
    assert numbers.label("a\x1b[31mb") == "a?[31mb"
    assert numbers.label("conv 64 k3\n bn\n") == "conv 64 k3; bn"


@given(st.integers(min_value=10_000, max_value=10**27))
def test_human_units_are_near_the_value(value: int) -> None:
    digits, unit = numbers.human(value).split(" ")
    size = 1000 ** numbers.UNIT_NAMES.index(unit)
    near = Fraction(digits.replace(",", "")) * size
    assert abs(near - value) * 200 <= size
    assert near < 1000 * size or unit == numbers.UNIT_NAMES[-1]

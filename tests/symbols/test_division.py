"""The greatest common divisor of polynomials against SymPy's, and quotients without it."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.symbols import Form, symbol
from convcalc.symbols.division import greatest_divisor

SYMBOLS = [symbol(name) for name in "HWK"]
MONOMIALS = st.tuples(*[st.integers(0, 2)] * len(SYMBOLS))


def polynomial(terms: dict[tuple[int, ...], int]) -> Any:
    total: Any = 0
    for powers, c in terms.items():
        term: Any = c
        for one, e in zip(SYMBOLS, powers, strict=True):
            term = term * one**e
        total = total + term
    return total


COEFFICIENTS = st.integers(-6, 6).filter(bool)
POLYNOMIALS = st.dictionaries(MONOMIALS, COEFFICIENTS, min_size=1, max_size=4).map(polynomial)


def there(value: Any) -> Any:
    return sympy.sympify(value)


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS)
@settings(max_examples=60)
def test_the_greatest_common_divisor_is_that_of_sympy(common: Any, one: Any, other: Any) -> None:
    one, other = one * common, other * common
    found = there(greatest_divisor(one, other))
    quotients = [sympy.cancel(there(f) / found) for f in (one, other)]
    assert all(sympy.denom(q) == 1 for q in quotients)
    assert sympy.gcd(*quotients) == 1
    expected = sympy.gcd(there(one), there(other))
    assert sympy.expand(found - expected) == 0 or sympy.expand(found + expected) == 0


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS)
@settings(max_examples=40)
def test_a_quotient_has_no_common_factor(common: Any, one: Any, other: Any) -> None:
    above, below = one * common, other * common
    value = above / below
    if isinstance(value, Form):
        assert value == one / other or value == -one / -other
        assert sympy.cancel(there(value) - there(above) / there(below)) == 0


@pytest.mark.parametrize(
    ("above", "below", "text"),
    [
        ("(H + 1)*(W + 2)", "(H + 1)*(K + 3)", "(W + 2)/(K + 3)"),
        ("(H - W)*(H + 2)", "(W - H)*(K + 3)", "-(H + 2)/(K + 3)"),
        ("H**2 - 1", "H**2 + 3*H + 2", "(H - 1)/(H + 2)"),
        ("H**2 + 1", "H + 2", "(H**2 + 1)/(H + 2)"),
        ("H**24 - W**24", "H**3*K - W**3*K + H**3 - W**3", None),
        ("(H//2 + 1)*(W + 2)", "(H//2 + 1)*(K + 3)", "(W + 2)/(K + 3)"),
        ("H**3000 + 1", "H + 2", "(H**3000 + 1)/(H + 2)"),
    ],
)
def test_quotients_read_well(above: str, below: str, text: str | None) -> None:
    names = dict(zip("HWK", SYMBOLS, strict=True))
    value = eval(above, {}, names) / eval(below, {}, names)
    if text is None:
        assert str(value).count("**24") == 0
    else:
        assert str(value) == text

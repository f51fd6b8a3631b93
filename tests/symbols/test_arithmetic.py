"""Closed forms against arithmetic on whole numbers: the same expression, computed both ways."""

from __future__ import annotations

import pickle
from fractions import Fraction
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc import dims
from convcalc.symbols import Form, bounds, symbol
from convcalc.symbols.operators import from_sympy
from convcalc.symbols.rounding import ceil, floor

NAMES = ("H", "W", "K")
NUMBERS = st.integers(-9, 9)
VALUES = st.fixed_dictionaries({name: st.integers(1, 60) for name in NAMES})


def combine(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner),
        st.tuples(st.sampled_from(["//", "%"]), inner, st.integers(1, 9)),
        st.tuples(st.sampled_from(["//", "%", "/"]), inner, st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["ceil"]), inner, st.one_of(st.integers(1, 9), st.sampled_from(NAMES))),
        st.tuples(st.sampled_from(["max", "min"]), inner, inner),
        st.tuples(st.just("/"), inner, st.integers(1, 9)),
    )


EXPRESSIONS = st.recursive(st.one_of(NUMBERS, st.sampled_from(NAMES)), combine, max_leaves=7)


def compute(expression: Any, values: dict[str, Any]) -> Any:
    """The value of an expression in ordinary Python arithmetic, on whatever the names stand for."""
    if isinstance(expression, str):
        return values[expression]
    if not isinstance(expression, tuple):
        return expression
    op, left, right = expression
    a, b = compute(left, values), compute(right, values)
    if op == "/":
        return Fraction(a, b) if isinstance(a, (int, Fraction)) and isinstance(b, (int, Fraction)) else a / b
    if op == "ceil":
        return -((-a) // b)
    if op in ("max", "min"):
        if isinstance(a, (int, Fraction)) and isinstance(b, (int, Fraction)):
            return max(a, b) if op == "max" else min(a, b)
        return (dims.maximum if op == "max" else dims.minimum)(a, b)
    return {
        "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "//": lambda: a // b, "%": lambda: a % b,
    }[op]()  # fmt: skip


SYMBOLS = {name: symbol(name) for name in NAMES}


@given(EXPRESSIONS, VALUES)
@settings(max_examples=600)
def test_a_closed_form_has_the_value_of_its_expression(expression: Any, values: dict[str, int]) -> None:
    form = compute(expression, SYMBOLS)
    expected = compute(expression, values)
    assert (form.subs(values) if isinstance(form, Form) else form) == expected


@given(EXPRESSIONS, VALUES)
@settings(max_examples=300)
def test_bounds_hold(expression: Any, values: dict[str, int]) -> None:
    form, expected = compute(expression, SYMBOLS), compute(expression, values)
    low, high = bounds.lower(form), bounds.upper(form)
    assert low is None or low <= expected
    assert high is None or expected <= high


@given(EXPRESSIONS, EXPRESSIONS, VALUES, st.sampled_from([">=", "<", "=", "divides"]))
@settings(max_examples=300)
def test_what_is_certain_is_true_and_what_is_not_can_be_asked(
    one: Any, other: Any, values: dict[str, int], sign: str
) -> None:
    a, b = compute(one, SYMBOLS), compute(other, SYMBOLS)
    x, y = compute(one, values), compute(other, values)
    if sign == "divides":
        if not (isinstance(x, int) and x > 0):
            return
        if not isinstance(a, Form) and not isinstance(b, Form):
            return
        if not isinstance(a, Form) and a != int(a):
            return
        condition, truth = dims.divides(a, b), y % x == 0
    else:
        condition = {">=": lambda: a >= b, "<": lambda: a < b, "=": lambda: dims.equal(a, b)}[sign]()
        truth = {">=": x >= y, "<": x < y, "=": x == y}[sign]
    assert (condition if isinstance(condition, bool) else condition.holds(values)) is truth


@given(EXPRESSIONS, VALUES)
@settings(max_examples=200)
def test_plain_text_is_read_back_by_the_spec_language(expression: Any, values: dict[str, int]) -> None:
    from convcalc.spec.language.evaluation import evaluate
    from convcalc.spec.language.expression import parse

    form, expected = compute(expression, SYMBOLS), compute(expression, values)
    text = str(form)
    if len(text) < 1500 and text.count("(") < 20:
        assert evaluate(parse(text), values) == expected


@given(EXPRESSIONS, VALUES)
@settings(max_examples=60)
def test_sympy_gives_the_same_value(expression: Any, values: dict[str, int]) -> None:
    form, expected = compute(expression, SYMBOLS), compute(expression, values)
    if isinstance(form, Form):
        there = sympy.sympify(form)
        replaced = there.subs({s: values[s.name] for s in there.free_symbols})
        assert replaced == sympy.Rational(expected.numerator, expected.denominator)
        back = from_sympy(there)
        assert (back.subs(values) if isinstance(back, Form) else back) == expected


@given(st.integers(1, 8), st.integers(-20, 20), st.integers(1, 8), st.integers(-20, 20), st.integers(1, 200))
def test_nested_quotients_merge_and_keep_their_value(p: int, c: int, q: int, m: int, h: int) -> None:
    """The rule floor((floor(x) + m)/q) = floor((x + m)/q), for whole m and q >= 1."""
    H = symbol("H")
    form = floor((floor((H + c) / p) + m) / q)
    assert str(form).count("floor") + str(form).count("ceil") <= 1
    assert (form.subs(H=h) if isinstance(form, Form) else form) == ((h + c) // p + m) // q
    form = ceil((ceil((H + c) / p) + m) / q)
    assert str(form).count("floor") + str(form).count("ceil") <= 1
    assert (form.subs(H=h) if isinstance(form, Form) else form) == -(-(-(-(h + c) // p) + m) // q)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("(H + 1)//2", "ceil(H/2)"),
        ("-(-H//2)", "ceil(H/2)"),
        ("-(-(-(-H//2))//2)", "ceil(H/4)"),
        ("(H - 3)//2 + 1", "ceil(H/2) - 1"),
        ("(H + 2 - 3)//2 + 1", "ceil(H/2)"),
        ("((H//2)//3)//5", "floor(H/30)"),
        ("(2*H + 1)//4", "floor(H/2)"),
        ("3*H//2", "H + floor(H/2)"),
        ("-(-H//S)", "ceil(H/S)"),
        ("(H - K)//S + 1", "floor((H - K)/S) + 1"),
        ("((H//S) - 1)//S", "floor((H - S)/S**2)"),
        ("H*W - H*W", "0"),
        ("K**2*M*N + N", "N*(K**2*M + 1)"),
        ("(3*H - 2)*(3*W - 2)*M", "M*(3*H - 2)*(3*W - 2)"),
        ("(H - K + 1)*(W - K + 1)", "(H - K + 1)*(W - K + 1)"),
        ("(M*K**2 + M*N)/(M*N*K**2)", "1/N + 1/K**2"),
        ("(H**2 - 1)/(H + 1)", "H - 1"),
        ("(H + W)/(2*M + 2*N)", "(H + W)/(2*(M + N))"),
        ("64*H*W + 147*H*W", "211*H*W"),
        ("H - W", "H - W"),
        ("2 - H", "2 - H"),
        ("M/G", "M/G"),
        ("(H*H + H)/2", "H*(H + 1)/2"),
        ("(H//32)*5 + (H//4)*2", "2*floor(H/4) + 5*floor(H/32)"),
    ],
)
def test_the_normal_form_reads_well(expression: str, text: str) -> None:
    names = {name: symbol(name) for name in ("H", "W", "K", "S", "M", "N", "G")}
    assert str(eval(expression, {}, names)) == text


def test_comparisons_know_what_is_certain() -> None:
    H = symbol("H")
    assert (H >= 1) is True
    assert (H >= 0) is True
    assert (H < 1) is False
    assert (-(-H // 2) <= H) is True
    assert (H // 2 >= H) is False
    assert str(H >= 7) == "H >= 7"
    assert str(H <= 7) == "H <= 7"
    with pytest.raises(TypeError):
        bool(H >= 7)


@pytest.mark.parametrize("name", ["above_H", "excess", "H_"])
def test_no_name_of_a_symbol_is_special(name: str) -> None:
    H, K, other = symbol("H"), symbol("K"), symbol(name)
    assert (other >= 1) is True
    with bounds.assuming({}, {"H": K + other}):
        assert (H - K >= 1) is True
        assert (H - K - other >= 0) is True
        assert not isinstance(H - K - 2 * other >= 0, bool)


def test_zero_of_any_kind_adds_nothing() -> None:
    assert str(symbol("P") + Fraction(0)) == str(symbol("P") - Fraction(0)) == "P"


def test_forms_are_values() -> None:
    H = symbol("H")
    form = -(-H // 2) * symbol("W") + 1
    assert pickle.loads(pickle.dumps(form)) == form
    assert hash(pickle.loads(pickle.dumps(form))) == hash(form)
    assert form == form + H - H
    assert form != form + 1
    assert {form: 1}[form + 0] == 1
    assert form.names == {"H", "W"}
    assert sympy.Symbol("H", positive=True, integer=True) * 2 == sympy.sympify(H * 2)
    assert H + sympy.Symbol("W") == H + symbol("W")


def test_functions_of_the_same_arguments_are_apart() -> None:
    H, W = symbol("H"), symbol("W")
    from convcalc.layers.windows.adaptive import adaptive_taps

    common = H + W - adaptive_taps(H, W)
    assert common != dims.make_divisible(H, W)
    assert common.subs(H=12, W=18) == 6
    assert dims.make_divisible(H, W).subs(H=12, W=18) == 18


def test_names_are_identifiers() -> None:
    with pytest.raises(ValueError, match="no name"):
        symbol("H + 1")


def test_a_form_without_end_is_refused() -> None:
    form = symbol("H") + 1
    with pytest.raises(dims.DimensionError, match="more than"):
        for _ in range(10_000):
            form = form * (symbol("W") + symbol("H") + symbol("K") + 1)

"""Arithmetic of the spec language, against Python's own on exact numbers."""

from __future__ import annotations

import ast
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import MAX_BITS, ExpressionError, parse

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def python_value(text: str) -> Fraction:
    """The value by Python's grammar, on fractions."""

    def walk(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(node.value)
        if isinstance(node, ast.UnaryOp):
            value = walk(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.IfExp):
            return walk(node.body) if walk(node.test) else walk(node.orelse)
        if isinstance(node, ast.Compare):
            compare = {ast.Lt: operator.lt, ast.GtE: operator.ge, ast.Eq: operator.eq}[type(node.ops[0])]
            return Fraction(compare(walk(node.left), walk(node.comparators[0])))
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Pow):
            return walk(node.left) ** int(walk(node.right))
        return Fraction(_OPERATORS[type(node.op)](walk(node.left), walk(node.right)))

    return walk(ast.parse(text, mode="eval").body)


atoms = st.integers(0, 50).map(str)
texts = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        inner.map(lambda t: f"({t})"),
        inner.map(lambda t: f"-{t}"),
        st.tuples(atoms, st.sampled_from("0123")).map("**".join),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} < {t[2]} else {t[2]})"),
    ),
    max_leaves=12,
)


@given(texts)
def test_equals_python_on_exact_numbers(text: str) -> None:
    try:
        expected = python_value(text)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="division by zero"):
            evaluate(parse(text), {})
        return
    assert evaluate(parse(text), {}) == expected


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        evaluate(parse(text), {"x": 3, "values": (1, 2), "word": "relu"})
    except (ExpressionError, ValueError) as error:
        assert isinstance(error, ExpressionError) or "condition" in str(error)


@given(st.text(alphabet="0123456789.*/+-()[]xif els,'M<=", max_size=40))
def test_no_near_expression_raises_anything_else(text: str) -> None:
    try:
        evaluate(parse(text), {"x": 3})
    except (ExpressionError, ValueError) as error:
        assert isinstance(error, ExpressionError) or "condition" in str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1 + 0.2 == 0.3", True),
        ("1/3 + 1/6", Fraction(1, 2)),
        ("make_divisible(32*0.35, 8)", 16),
        ("make_divisible(16*1.4, 8)", 24),
        ("make_divisible(8*0.1)", 8),
        ("max(3, [4, 5][1], 2)", 5),
        ("min(7, 2)", 2),
        ("ceil(7/2) + floor(-7/2)", 0),
        ("round(5/2)", 2),
        ("len([1, 2, 3])", 3),
        ("2**-1", Fraction(1, 2)),
        ("not 1 > 2 and 'a' == 'a'", True),
        ("1 < 2 < 3", True),
        ("1e-5 * 100000", 1),
        ("-2**2", -4),
        ("2**3**2", 512),
    ],
)
def test_values_worked_by_hand(text: str, value: object) -> None:
    assert evaluate(parse(text), {}) == value


@pytest.mark.parametrize(
    ("text", "message", "start"),
    [
        ("9**9**9**9", "bits", 3),
        ("1/0", "division by zero", 0),
        ("1 +", "ends too early", 3),
        ("a.b", "unexpected '.'", 1),
        ("__import__('os')", "unknown function", 0),
        ("alhpa * 2", "unknown name 'alhpa'", 0),
        ("[1, 2][2]", "no item 2", 7),
        ("(" * 200 + "1" + ")" * 200, "deeper", 48),
        ("+".join(["1"] * 500), "operators", 0),
        ("'a' + 1", "needs numbers", 0),
        ("max()", "argument", 0),
        ("1" * 2000, "characters", 0),
        ("1e999", "exponent", 0),
    ],
)
def test_faults_name_their_place(text: str, message: str, start: int) -> None:
    with pytest.raises(ExpressionError, match=message.replace("(", r"\(")) as caught:
        evaluate(parse(text), {"alpha": 1})
    assert caught.value.start == start


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse("alhpa"), {"alpha": 1, "beta": 2})
    assert caught.value.nearest == "alpha"


@given(st.integers(-(2**70), 2**70), st.integers(0, 80))
def test_powers_stay_within_bounds(base: int, exponent: int) -> None:
    try:
        value = evaluate(parse(f"({base})**{exponent}"), {})
    except ExpressionError as error:
        assert (base**exponent).bit_length() > MAX_BITS or "bits" in error.message
        assert (base**exponent).bit_length() > MAX_BITS - 200
    else:
        assert value == base**exponent

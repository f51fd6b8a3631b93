"""Bits and energy: identities, sums by hand, and the figures of Horowitz 2014."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.hardware.energy import product
from convcalc.spec.errors import SpecError


@given(w=st.integers(1, 16), a=st.integers(1, 16))
def test_bit_operations_are_macs_times_both_bits(w: int, a: int) -> None:
    spec = "conv 8 k3 bias=false | flatten | linear 5 bias=false"
    found = convcalc.cost(spec, bits=f"w{w}a{a}", input="3x8x8").totals
    macs = 8 * 36 * 27 + 5 * 8 * 36
    weights = (8 * 27 * w + 7) // 8 + (5 * 8 * 36 * w + 7) // 8
    assert found["bops"] == macs * w * a
    assert found["param_bytes"] == found["weight_bytes"] == weights
    tensors = (3 * 64, 8 * 36, 8 * 36, 5)
    assert found["input_bytes"] + found["output_bytes"] == sum((n * a + 7) // 8 for n in tensors)


def test_products_of_two_tensors_have_bits_of_activations_twice() -> None:
    found = convcalc.cost("attention(heads=2)", input="8x16", bits="w2a4")
    for row in found.layers:
        if row.op == "matmul":
            assert row.bops == row.macs * 4 * 4
    assert sum(row.op == "matmul" for row in found.layers) == 2


def test_a_tensor_has_the_most_bits_that_a_reader_works_with() -> None:
    spec = "conv 4 k1 bias=false id=a | conv 4 k1 bias=false id=b | conv 4 k1 from=a id=c | add with=b"
    found = convcalc.cost(spec, input="4x8x8", bits=["w8a8", "b=w8a4"])
    rows = {row.name: row for row in found.layers}
    assert rows["a"].moved.output == 4 * 64  # c reads 8 bits of it
    assert rows["b"].moved.input == 4 * 64
    assert rows["b"].bops == rows["b"].macs * 32


DOCUMENT = """
input: 3x8x8
bits: {"*": w8a8, "first": w8a16}
layers: [conv 4 k3 id=first, relu, conv 4 k3]
"""


def test_bits_may_stand_in_the_document() -> None:
    found = convcalc.cost(DOCUMENT)
    assert [str(row.bits) for row in found.layers] == ["w8a16", "w8a8", "w8a8"]
    assert {str(row.bits) for row in convcalc.cost(DOCUMENT, bits="w4a4").layers} == {"w4a4"}
    with pytest.raises(SpecError) as refused:
        convcalc.cost(DOCUMENT.replace("w8a16", "w8"))
    assert (refused.value.problems[0].line, refused.value.problems[0].column) == (3, 28)


def test_biases_may_have_bits_of_their_own() -> None:
    found = convcalc.cost("linear 10", input="20", bits="w8a8b32")
    assert found.param_bytes == 20 * 10 + 10 * 4


def test_zeros_are_neither_stored_nor_multiplied() -> None:
    whole = convcalc.cost("conv 8 k3", input="8x8x8", bits="w8a8").totals
    half = convcalc.cost("conv 8 k3", input="8x8x8", bits="w8a8", sparsity="50%").totals
    assert half["macs"] * 2 == whole["macs"]
    assert half["bops"] * 2 == whole["bops"]
    assert half["param_bytes"] == 8 * 8 * 9 // 2 + 8


@pytest.mark.parametrize("text", ["w8", "8", "w0a8", "w8a65", "a8w8", ""])
def test_what_states_no_bits_is_refused(text: str) -> None:
    with pytest.raises(Unreachable, match="states no bits"):
        convcalc.cost("lenet5", bits=text)


def test_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(Unreachable, match="there is no layer 'stem'"):
        convcalc.cost("lenet5", bits=["w8a8", "stem=w8a16"])


def test_energies_are_those_of_horowitz() -> None:
    assert product("float32", None) == Fraction("4.6")
    assert product("float16", None) == Fraction("1.5")
    assert product("int8", None) == Fraction("0.3")
    assert product("bfloat16", None) is None
    found = convcalc.cost("conv 8 k1 bias=false", input="4x5x5")
    (row,) = found.layers
    assert row.energy_products == 4 * 8 * 25 * Fraction("4.6")
    assert row.energy_memory == row.bytes / 4 * 640

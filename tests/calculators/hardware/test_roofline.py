"""Bytes that move and bounds of time: against arrays that were really moved, and against sums by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.answers import Unreachable
from convcalc.calculators.hardware.devices import Bandwidth, Device, Peak
from convcalc.dims import symbol

TOY = Device(
    "toy", "Toy", "", "", {"float32": Peak("float32", "float32", 1000)}, {"wire": Bandwidth("wire", 100)}, {}
)
"""A thousand operations and a hundred bytes a second: the ridge is at ten operations a byte."""


def test_a_pointwise_convolution_by_hand() -> None:
    found = convcalc.cost("conv 8 k1 bias=false", TOY, input="4x5x5")
    (row,) = found.layers
    assert row.moved.input == 4 * 25 * 4
    assert row.moved.weights == 4 * 8 * 4
    assert row.moved.output == 8 * 25 * 4
    assert row.flops == 2 * 4 * 8 * 25
    assert row.intensity == Fraction(1600, 1328)
    assert found.ridge == 10
    assert (row.bound, row.time) == ("memory", Fraction(1328, 100))
    assert row.utilisation == Fraction(1600, 1000) / Fraction(1328, 100)
    assert row.achievable == row.utilisation * 1000


def test_a_layer_above_the_ridge_is_bound_by_compute() -> None:
    found = convcalc.cost("conv 64 k3 p1 bias=false", TOY, input="64x9x9")
    (row,) = found.layers
    flops, moved = 2 * 9 * 64 * 64 * 81, 4 * (2 * 64 * 81 + 9 * 64 * 64)
    assert flops > 10 * moved
    assert (row.bound, row.time, row.utilisation) == ("compute", Fraction(flops, 1000), 1)
    assert found.time == row.time == found.fused_time


@given(
    c1=st.integers(1, 40), c2=st.integers(1, 40), h=st.integers(1, 20), w=st.integers(1, 20),
    batch=st.integers(1, 4),
)  # fmt: skip
def test_memory_access_of_a_pointwise_convolution_is_that_of_shufflenet_v2(
    c1: int, c2: int, h: int, w: int, batch: int
) -> None:
    """Ma et al. 2018, section 3: MAC = hw(c1 + c2) + c1 c2."""
    found = convcalc.cost(f"conv {c2} k1 bias=false", input=f"{c1}x{h}x{w}", batch=batch)
    assert found.layers[0].moved.accesses == batch * h * w * (c1 + c2) + c1 * c2


def test_the_same_in_letters() -> None:
    found = convcalc.cost("conv N k1 bias=false", input="MxHxW")
    h, w, m, n = map(symbol, "HWMN")
    assert found.layers[0].moved.accesses == h * w * (m + n) + m * n
    assert found.layers[0].bytes == 4 * (h * w * (m + n) + m * n)


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        ("conv 6 k3 s2 | bn | relu | maxpool k2 | flatten | linear 5", "3x17x17"),
        ("conv 4 k3 p1 | relu id=r | conv 4 k1 | add with=r | mul with=r", "4x8x8"),
        ("dwconv k3 p1 | conv 7 k1 | globalavgpool", "5x9x9"),
        ("convT 4 k4 s2 p1 | leakyrelu | softmax", "3x6x6"),
    ],
)
def test_bytes_are_those_of_the_arrays_that_a_run_holds(spec: str, shape: str) -> None:
    graph = convcalc.load(spec, input=shape)
    weights = convcalc.init_weights(graph)
    rng = np.random.default_rng(0)
    arrays = {
        graph.nodes[i].name: rng.normal(size=(2, *graph.nodes[i].outputs[0])).astype(np.float32)
        for i in graph.inputs
    }
    held: dict[str, Any] = dict(arrays)
    convcalc.execute(
        graph, arrays, weights, progress=lambda node, outputs: held.update({node.name: outputs[0]})
    )
    rows = convcalc.cost(graph, batch=2).layers
    assert len(rows) == len(graph.nodes) - len(graph.inputs)
    for row in rows:
        node = next(node for node in graph.nodes if node.name == row.name)
        if node.layer.view:
            assert row.bytes == 0
            continue
        own = [array for name, array in weights.items() if name.rpartition(".")[0] == row.name]
        assert row.moved.weights == sum(array.nbytes for array in own)
        assert row.moved.input == sum(held[graph.nodes[e.node].name].nbytes for e in {*node.inputs})
        assert row.moved.output == held[row.name].nbytes


def test_views_move_nothing_and_moves_read_what_they_write() -> None:
    assert convcalc.cost("flatten", TOY, input="3x4x4").layers[0].bytes == 0
    table = convcalc.cost("embedding 1000->16", input="7").layers[0].moved
    assert (table.weights, table.output) == (7 * 16 * 4, 7 * 16 * 4)


def test_a_device_without_a_peak_of_the_type_is_refused_with_those_it_has() -> None:
    with pytest.raises(Unreachable, match="stm32f746 has no peak for bfloat16") as refused:
        convcalc.cost("lenet5", "stm32f746", dtype="bfloat16")
    assert "float32" in str(refused.value)
    with pytest.raises(Unreachable, match="did you mean a100"):
        convcalc.cost("lenet5", "a10")

"""Counting by execution: scalars as they happen, arrays by operands, and what must come out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convcalc.executor import count, execute, init_weights
from convcalc.executor.arithmetic.tally import CountingArith, CountingScalar, ScalarArith
from convcalc.executor.kernels import OPERATIONS
from convcalc.graph import Edge, Graph
from tests.executor.random_graphs import graphs
from tests.executor.stand_ins import Net, chain, layer


@settings(max_examples=200, deadline=None)
@given(graph=graphs(longest=5, biggest=300))
def test_arrays_count_what_scalars_count(graph: Graph) -> None:
    by_array, by_scalar = count(graph), count(graph, scalar=True)
    for one, other in zip(by_array.nodes, by_scalar.nodes, strict=True):
        assert one == other
    assert by_array == by_scalar


def test_a_convolution_counted_by_hand() -> None:
    # One channel 4x4, 3x3, padding 1: 16 outputs of 9 products. Corners read 4 real inputs, edges 6,
    # the middle 9: 4*4 + 8*6 + 4*9 = 100 products are not by padding. One bias sum an output.
    graph = chain((1, 4, 4), layer("conv", in_channels=1, out_channels=1, kernel=3, padding=1))
    for scalar in (False, True):
        node = count(graph, scalar=scalar).nodes[1]
        assert (node.macs, node.valid_macs) == (144, 100)
        assert node.ops == {"add": 16, "mul": 0, "cmp": 0, "div": 0, "special": 0}
        assert (node.params, node.buffers, node.activations, node.outputs) == (10, 0, 16, ((1, 4, 4),))
        assert node.flops == 2 * 144 + 16


def test_a_transposed_convolution_counts_input_positions() -> None:
    # Input 3 (one axis), kernel 3, stride 2: 9 products land on positions 0..6; padding 1 crops the
    # first and the last, each written once, so 7 products remain.
    graph = chain(
        (1, 3), layer("convT", 1, in_channels=1, out_channels=1, kernel=3, stride=2, padding=1, bias=False)
    )
    for scalar in (False, True):
        node = count(graph, scalar=scalar).nodes[1]
        assert (node.macs, node.valid_macs, node.outputs) == (9, 7, ((1, 5),))


def test_padding_that_copies_the_input_is_all_valid() -> None:
    graph = chain(
        (2, 5, 5), layer("conv", in_channels=2, out_channels=3, kernel=3, padding=1, padding_mode="reflect")
    )
    for scalar in (False, True):
        node = count(graph, scalar=scalar).nodes[1]
        assert node.macs == node.valid_macs == 25 * 9 * 2 * 3


def test_a_padding_layer_makes_real_zeros() -> None:
    graph = chain(
        (1, 4), layer("pad", 1, padding=1), layer("conv", 1, in_channels=1, out_channels=1, kernel=3)
    )
    for scalar in (False, True):
        node = count(graph, scalar=scalar).nodes[2]
        assert node.macs == node.valid_macs == 12


BY_HAND: list[tuple[Any, tuple[int, ...], dict[str, int]]] = [
    (layer("bn", channels=2), (2, 3), {"mul": 6, "add": 6}),
    (layer("bn", channels=2, affine=False), (2, 3), {"mul": 6, "add": 6}),
    (layer("relu6"), (2, 3), {"cmp": 12}),
    (layer("elu", alpha=2.0), (2, 3), {"cmp": 6, "special": 6, "add": 6, "mul": 6}),
    (layer("selu"), (2, 3), {"cmp": 6, "special": 6, "add": 6, "mul": 12}),
    (layer("silu"), (2, 3), {"special": 6, "add": 6, "div": 6, "mul": 6}),
    (layer("mish"), (2, 3), {"special": 18, "add": 6, "mul": 6}),
    (layer("softplus"), (2, 3), {"mul": 6, "cmp": 6, "special": 12, "add": 6, "div": 6}),
    (layer("hardtanh"), (2, 3), {"cmp": 12}),
    (layer("hardswish"), (2, 3), {"add": 6, "cmp": 12, "div": 6, "mul": 6}),
    (layer("gelu"), (2, 3), {"mul": 18, "add": 6, "special": 6}),
    (layer("gelu", approximate="tanh"), (2, 3), {"mul": 36, "add": 12, "special": 6}),
    (layer("neg"), (2, 3), {}),
    (layer("rsqrt"), (2, 3), {"special": 6, "div": 6}),
    (layer("reciprocal"), (2, 3), {"div": 6}),
    (layer("square"), (2, 3), {"mul": 6}),
    (layer("abs"), (2, 3), {"cmp": 6}),
    (layer("sign"), (2, 3), {"cmp": 12}),
    (layer("clip"), (2, 3), {"cmp": 12}),
    (layer("clip", min=None), (2, 3), {"cmp": 6}),
    *((layer(op), (2, 3), {"special": 6}) for op in ("exp", "log", "sqrt", "sin", "cos", "erf")),
    *((layer(op), (2, 3), {"special": 6}) for op in ("floor", "round")),
    (layer("l2norm"), (2, 3), {"mul": 6, "add": 6, "div": 6, "special": 3, "cmp": 3}),
    (layer("l2norm", axis=1), (2, 3), {"mul": 6, "add": 6, "div": 6, "special": 2, "cmp": 2}),
    (layer("add", value=1.0), (2, 3), {"add": 6}),
    (layer("sub", value=1.0, reverse=True), (2, 3), {"add": 6}),
    (layer("mul", value=2.0), (2, 3), {"mul": 6}),
    (layer("div", value=2.0), (2, 3), {"div": 6}),
    (layer("pow", value=2.0), (2, 3), {"special": 6}),
    (layer("maximum", value=0.0), (2, 3), {"cmp": 6}),
    (layer("minimum", value=0.0), (2, 3), {"cmp": 6}),
    (layer("softmax"), (2, 3), {"cmp": 6, "add": 12, "special": 6, "div": 6}),
    (layer("prelu"), (2, 3), {"cmp": 6, "mul": 6}),
    (layer("celu", alpha=2.0), (2, 3), {"cmp": 6, "div": 6, "special": 6, "add": 6, "mul": 6}),
    (layer("threshold"), (2, 3), {"cmp": 6}),
    (layer("softsign"), (2, 3), {"cmp": 6, "add": 6, "div": 6}),
    (layer("logsigmoid"), (2, 3), {"cmp": 12, "special": 12, "add": 12}),
    (layer("tanhshrink"), (2, 3), {"special": 6, "add": 6}),
    (layer("softshrink"), (2, 3), {"cmp": 12, "add": 6}),
    (layer("hardshrink"), (2, 3), {"cmp": 12}),
    (layer("softmin"), (2, 3), {"cmp": 6, "add": 12, "special": 6, "div": 6}),
    # x - max, their exponentials, three sums of two, three logarithms, the difference
    (layer("logsoftmax"), (2, 3), {"cmp": 6, "add": 18, "special": 9}),
    (layer("logsoftmax", axis=1), (2, 3), {"cmp": 6, "add": 18, "special": 8}),
    (layer("glu"), (4, 3), {"special": 6, "add": 6, "div": 6, "mul": 6}),
    (layer("glu", axis=1), (2, 6), {"special": 6, "add": 6, "div": 6, "mul": 6}),
    (layer("maxpool", 1, kernel=3, stride=1, padding=1), (2, 4), {"cmp": 24}),
    (layer("avgpool", 1, kernel=2), (2, 4), {"add": 8, "div": 4}),
    (layer("adaptiveavgpool", size=(3,)), (1, 4), {"add": 6, "div": 3}),  # windows 0-1, 1-2, 2-3
    (layer("globalavgpool"), (2, 4), {"add": 8, "div": 2}),
    (layer("globalmaxpool"), (2, 4), {"cmp": 8}),
    (layer("lppool", 1, kernel=2, norm=2), (1, 4), {"mul": 4, "add": 4, "special": 2}),
    (layer("lppool", 1, kernel=2, norm=1), (1, 4), {"cmp": 4, "add": 4}),
    (layer("lppool", 1, kernel=2, norm=3), (1, 4), {"cmp": 4, "add": 4, "special": 6}),
    (layer("lrn", size=3), (4, 2), {"mul": 16, "add": 32, "special": 8, "div": 8}),
    (layer("upsample", 1, scale=3), (1, 4), {}),
    (layer("upsample", 1, scale=3, mode="linear"), (1, 4), {"mul": 24, "add": 24}),
    (layer("upsample", 2, scale=(2, 1), mode="cubic"), (1, 2, 3), {"mul": 96, "add": 96}),
    # 4 samples, 2 unknowns: 3 additions and 1 product for the right sides, one each in both sweeps.
    (layer("upsample", 1, scale=2, mode="spline"), (1, 4), {"mul": 2 * 3 + 32, "add": 2 * 5 + 32}),
    (
        layer("gn", groups=2, channels=4),
        (4, 3),
        {"add": 12 + 12 + 12 + 2 + 12, "div": 6, "mul": 36, "special": 2},
    ),
    (layer("rmsnorm", shape=(4, 3)), (4, 3), {"mul": 36, "add": 12 + 1, "div": 2, "special": 1}),
    (
        layer("rmsnorm", shape=(3,), axis=(1,), affine=False),
        (4, 3),
        {"mul": 24, "add": 12 + 4, "div": 8, "special": 4},
    ),
    (layer("unfold", 1, kernel=3), (4, 5), {}),
    # 4 windows of 2 on 5, the first and the last of which stand half outside of 3
    (layer("fold", 1, kernel=2, padding=1, size=(3,)), (4, 4), {"add": 2 * 6}),
    (layer("instancenorm", channels=4), (4, 3), {"add": 12 * 3 + 4, "div": 12, "mul": 24, "special": 4}),
]


@pytest.mark.parametrize("scalar", [False, True], ids=["arrays", "scalars"])
@pytest.mark.parametrize(("stand_in", "shape", "expected"), BY_HAND, ids=[str(c[0].op) for c in BY_HAND])
def test_operations_counted_by_hand(
    stand_in: Any, shape: tuple[int, ...], expected: dict[str, int], scalar: bool
) -> None:
    node = count(chain(shape, stand_in), scalar=scalar).nodes[1]
    assert {kind: n for kind, n in node.ops.items() if n} == expected
    assert node.macs == node.valid_macs == 0


def test_a_deformable_convolution_counted_by_hand() -> None:
    # 2 channels of 3 x 3, a kernel of 2 x 1, 2 x 3 positions: 12 places in one group, 24 samples.
    for masked in (False, True):
        net = Net((2, 3, 3), (4, 2, 3), (2, 2, 3))
        reads = (0, 1, 2) if masked else (0, 1)
        net.add(layer("deformconv", in_channels=2, out_channels=5, kernel=(2, 1)), *reads)
        for scalar in (False, True):
            node = count(net.graph(), scalar=scalar).nodes[-1]
            assert node.macs == node.valid_macs == 5 * 6 * 2 * 2
            assert node.ops == {
                "add": 12 * 2 * 3 + 24 * 4 + 5 * 6,  # offset, distance to both sides; four corners; bias
                "mul": 12 * 4 + 24 * 4 + 24 * masked,  # weights of the corners; their values; the mask
                "cmp": 0,
                "div": 0,
                "special": 12 * 2,  # the whole number below
            }


def test_joins_count_one_operation_less_than_inputs() -> None:
    net = Net((3, 4))
    gate = net.add(layer("globalavgpool"), 0)
    net.add(layer("mul"), gate, 0, gate)  # broadcast to 12 elements from the start
    net.add(layer("add"), 0, len(net.nodes) - 1)
    for scalar in (False, True):
        nodes = count(net.graph(), scalar=scalar).nodes
        assert nodes[2].ops["mul"] == 24
        assert nodes[3].ops["add"] == 12


def test_an_input_that_is_read_twice_is_not_overwritten_in_between() -> None:
    net = Net((2, 3))
    doubled = net.add(layer("scale", channels=2), 0)
    other = net.add(layer("relu"), 0)
    net.add(layer("mul"), doubled, other, doubled)
    graph = net.graph()
    x = np.array([[[1.0, 2.0, -3.0], [0.5, 4.0, 5.0]]])
    weights = {"scale1.weight": np.array([2.0, 3.0])}
    scaled = x * np.array([2.0, 3.0])[:, None]
    np.testing.assert_array_equal(execute(graph, x, weights), scaled * np.maximum(x, 0) * scaled)


def test_the_batch_multiplies_everything_but_parameters() -> None:
    graph = chain(
        (2, 6, 6),
        layer("conv", in_channels=2, out_channels=4, kernel=3, padding=1),
        layer("relu"),
        layer("maxpool", kernel=2),
        layer("ln", shape=(4, 3, 3)),
    )
    one, three = count(graph), count(graph, batch=3)
    for what, value in one.totals.items():
        assert three.total(what) == value * (
            1 if what in ("params", "trainable", "frozen", "buffers") else 3
        ), what
    assert three.peak_memory == 3 * one.peak_memory


def test_every_product_is_accumulated_once() -> None:
    for stand_in in (
        layer("conv", in_channels=4, out_channels=6, kernel=3, groups=2, bias=False),
        layer("convT", in_channels=4, out_channels=6, kernel=3, groups=2, bias=False),
        layer("dwconv", in_channels=4, out_channels=4, kernel=3, groups=4, bias=False),
    ):
        from convcalc.executor.run import Runner

        graph = chain((4, 5, 5), stand_in)
        weights = init_weights(graph)
        for t, form in ((CountingArith(), "fast"), (ScalarArith(), "naive")):
            x = np.ones((1, 4, 5, 5), np.float32)
            runner = Runner(graph, weights, t, form=form)
            for _ in runner.steps([t.wrap(x) if isinstance(t, ScalarArith) else x]):
                pass
            sums, products = t.tally.accumulations, t.tally.macs
            # A matrix product writes its first product where a loop adds it to zero.
            written = 6 * 9 if stand_in.op == "conv" and form == "fast" else 0
            assert sums == products - written


def test_parameters_are_those_that_were_read() -> None:
    graph = chain((2, 4, 4), layer("conv", in_channels=2, out_channels=3, kernel=3), layer("bn", channels=3))
    counted = count(graph)
    assert [(n.params, n.buffers) for n in counted.nodes] == [(0, 0), (57, 0), (6, 6)]
    assert counted.unread == ()


def test_a_parameter_that_no_kernel_reads_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain((2, 4, 4), layer("conv", in_channels=2, out_channels=3, kernel=1))

    def forgets_its_bias(call: Any) -> Any:
        call.layer = SimpleNamespace(**{**vars(call.layer), "bias": False})
        return right.fast(call)

    right = OPERATIONS["conv"]
    monkeypatch.setitem(OPERATIONS, "conv", right._replace(fast=forgets_its_bias))
    counted = count(graph)
    assert counted.unread == ("conv1.bias",)
    assert counted.nodes[1].params == 6


def test_memory_is_what_was_alive() -> None:
    net = Net((1, 10))
    a = net.add(layer("relu"), 0)  # input + a: 80 bytes
    b = net.add(layer("relu"), a)  # the input is still to be read: 120
    c = net.add(layer("add"), b, 0)  # b, input, c: 120
    net.add(layer("identity"), c)  # a view of c: 40
    counted = count(net.graph())
    assert [n.live for n in counted.nodes] == [40, 80, 120, 120, 40]
    assert counted.peak_memory == 120


def test_what_a_transposed_convolution_crops_does_not_stay_alive() -> None:
    cropped = layer("convT", 1, in_channels=1, out_channels=1, kernel=2, padding=("same",), bias=False)
    for scalar in (False, True):
        assert count(chain((1, 4), cropped), scalar=scalar).nodes[1].live == 16 + 16


def test_indices_take_memory_only_if_read() -> None:
    pool = layer("maxpool", 1, kernel=2)
    assert count(chain((1, 8), pool)).nodes[1].live == 8 * 4 + 4 * 4
    net = Net((1, 8))
    p = net.add(pool, 0)
    net.add(layer("unpool", 1, kernel=2), p, Edge(p, 1))
    assert count(net.graph()).nodes[1].live == 8 * 4 + 4 * 4 + 4 * 8
    assert count(net.graph(), dtype="float64").nodes[1].live == 8 * 8 + 4 * 8 + 4 * 8


def test_counting_does_not_change_values() -> None:
    graph = chain(
        (3, 9, 9),
        layer("conv", in_channels=3, out_channels=4, kernel=3, padding=1),
        layer("bn", channels=4),
        layer("relu6"),
        layer("maxpool", kernel=2),
    )
    x = np.random.default_rng(0).standard_normal((1, 3, 9, 9))
    seen: dict[str, Any] = {}
    count(graph, x, progress=lambda node, outputs: seen.update({node.name: outputs[0]}))
    np.testing.assert_allclose(seen["maxpool4"], execute(graph, x), rtol=1e-12)
    seen.clear()
    count(graph, x, scalar=True, progress=lambda node, outputs: seen.update({node.name: outputs[0]}))
    np.testing.assert_allclose(seen["maxpool4"].astype(float), execute(graph, x), rtol=1e-12)


def test_scalars_count_and_propagate() -> None:
    t = ScalarArith()
    a, zero = CountingScalar(3.0, t), t.constant(0.0)
    assert float((a + 1) * 2 - a / 2) == 6.5
    assert float(2 - a) == -1.0
    assert float(6 / a) == 2.0
    assert float(abs(-a) ** 2) == 9.0
    assert a > 1 and a >= 3 and not a < 2 and a <= 3
    tally = t.tally
    assert (tally.add, tally.mul, tally.div, tally.cmp, tally.special) == (3, 1, 2, 5, 1)
    with t.accumulating():
        total = 0.0 + a * 2 + zero * 5
    assert float(total) == 6.0
    assert (tally.macs, tally.valid, tally.accumulations) == (2, 1, 2)
    assert repr(a) == "CountingScalar(3.0)"


def test_counts_are_found_by_name() -> None:
    counted = count(chain((1, 4), layer("relu")))
    assert counted["relu1"].ops["cmp"] == 4
    with pytest.raises(KeyError):
        counted["nothing"]

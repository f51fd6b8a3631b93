"""Every kernel there is: counted by scalars as by arrays, traced as poison runs, named in the language."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import (
    count,
    estimate_memory,
    execute,
    gradient,
    init_weights,
    poison,
    taint,
)
from convcalc.executor.kernels import OPERATIONS
from convcalc.executor.operation import elementwise
from convcalc.graph import Edge, Graph
from convcalc.layers import names
from tests.executor.stand_ins import Net, chain, layer

C4 = {"in_channels": 4, "out_channels": 4, "kernel": 3}
SAMPLES: dict[str, list[tuple[Any, tuple[int, ...]]]] = {
    "conv": [
        (layer("conv", **C4, padding=1, stride=2, groups=2), (4, 5, 5)),
        (layer("conv", **C4, padding="same", padding_mode="circular"), (4, 5, 5)),
        (layer("conv", 1, **C4, padding="causal", dilation=2), (4, 7)),
        (layer("conv", 3, **C4, padding=1), (4, 3, 3, 3)),
    ],
    "dwconv": [(layer("dwconv", **C4, padding=1, groups=4), (4, 5, 6))],
    "convT": [
        (layer("convT", **C4, stride=2, padding=1, output_padding=1), (4, 3, 3)),
        (layer("convT", 1, **C4, stride=2, groups=2), (4, 4)),
    ],
    "linear": [
        (layer("linear", in_features=6, out_features=3), (6,)),
        (layer("linear", in_features=3, out_features=2, axis="channels"), (3, 4, 2)),
        (layer("linear", in_features=3, out_features=2, axis=2), (2, 4, 3)),
        (layer("linear", in_features=3, out_features=2, axis=1, bias=False), (2, 3, 2, 2)),
    ],
    "rnn": [
        (layer("rnn", in_features=3, hidden=2), (4, 3)),
        (layer("rnn", in_features=3, hidden=2, axis=1, nonlinearity="relu", bidirectional=True), (3, 4)),
        (layer("rnn", in_features=3, hidden=2, axis=1, features=0), (3, 4, 2)),
    ],
    "lstm": [
        (layer("lstm", in_features=3, hidden=2, layers=2, recurrent_bias=False), (4, 3)),
        (layer("lstm", in_features=2, hidden=3, projection=2, bidirectional=True, axis=1), (2, 3)),
        (layer("lstm", in_features=3, hidden=2, projection=1, axis=0, features=2), (3, 2, 3)),
    ],
    "gru": [
        (layer("gru", in_features=3, hidden=2, layers=2, bidirectional=True), (4, 3)),
        (layer("gru", in_features=2, hidden=3, reset="before", bias=False, axis=1), (2, 3)),
        (layer("gru", in_features=2, hidden=3, bidirectional=True, axis=1, features=3), (2, 3, 1, 2)),
    ],
    "maxpool": [(layer("maxpool", kernel=3, stride=2, padding=1, dilation=1, ceil=True), (2, 6, 5))],
    "avgpool": [(layer("avgpool", kernel=3, stride=2, padding=1, count_include_pad=False), (2, 5, 5))],
    "lppool": [(layer("lppool", kernel=2, norm=3), (2, 4, 4))],
    "globalavgpool": [(layer("globalavgpool"), (3, 4, 5))],
    "globalmaxpool": [(layer("globalmaxpool"), (3, 4, 5))],
    "adaptiveavgpool": [(layer("adaptiveavgpool", size=(3, 2)), (2, 5, 4))],
    "adaptivemaxpool": [(layer("adaptivemaxpool", size=(3, 2)), (2, 5, 4))],
    "upsample": [
        (layer("upsample", scale=2, mode=mode), (2, 3, 4))
        for mode in ("nearest", "nearest_exact", "linear", "cubic", "spline")
    ],
    "pixelshuffle": [(layer("pixelshuffle", factor=2), (8, 2, 3))],
    "pixelunshuffle": [(layer("pixelunshuffle", factor=2), (2, 4, 6))],
    "shift": [(layer("shift", kernel=3), (18, 4, 4))],
    "shuffle": [(layer("shuffle", groups=3), (6, 2, 2))],
    "bn": [
        (layer("bn", channels=3), (3, 2, 2)),
        (layer("bn", channels=3, track=False), (3, 2, 2)),
        (layer("bn", channels=3, axis=2), (2, 2, 3)),
        (layer("bn", channels=3, axis=1, track=False), (2, 3, 2)),
    ],
    "ln": [
        (layer("ln", shape=(2, 3, 3)), (2, 3, 3)),
        (layer("ln", shape=(3,), axis=(0,)), (3, 2, 2)),
        (layer("ln", shape=(3, 2), axis=(1, 3)), (2, 3, 2, 2)),
    ],
    "rmsnorm": [
        (layer("rmsnorm", shape=(2, 3, 3)), (2, 3, 3)),
        (layer("rmsnorm", shape=(3, 3), axis=(1, 2), eps=0.1), (2, 3, 3)),
        (layer("rmsnorm", shape=(3,), axis=(0,)), (3, 2, 2)),
        (layer("rmsnorm", shape=(2, 3), axis=(0, 1), eps=0.1), (2, 3, 2)),
    ],
    "unfold": [
        (layer("unfold", kernel=(3, 2), stride=(2, 1), padding=1, dilation=(1, 2)), (2, 5, 4)),
        (layer("unfold", 1, kernel=2, padding="same"), (2, 5)),
    ],
    "fold": [
        (layer("fold", kernel=2, size=(3, 4), padding=1, stride=(2, 1)), (8, 10)),
        (layer("fold", 1, kernel=3, size=(6,), dilation=2, padding="causal"), (6, 6)),
    ],
    "gn": [(layer("gn", groups=2, channels=4), (4, 2, 2))],
    "instancenorm": [(layer("instancenorm", channels=3, affine=True), (3, 2, 2))],
    "lrn": [(layer("lrn", size=3), (5, 2, 2))],
    "leakyrelu": [(layer("leakyrelu", slope=0.2), (2, 3))],
    "prelu": [
        (layer("prelu", channels=2), (2, 3)),
        (layer("prelu", channels=1), (2, 3)),
        (layer("prelu", channels=1, shape=(1, 3)), (2, 3)),
        (layer("prelu", shape=(2, 1, 4)), (2, 3, 4)),
        (layer("prelu", channels=3, axis=1), (2, 3, 2)),
    ],
    "celu": [(layer("celu", alpha=0.5), (2, 3))],
    "threshold": [(layer("threshold", value=-3.0), (2, 3))],
    "softshrink": [(layer("softshrink", lambd=0.2), (2, 3))],
    "hardshrink": [(layer("hardshrink", lambd=0.2), (2, 3))],
    **{
        op: [(layer(op), (4, 3, 2)), (layer(op, axis=2), (2, 3, 4))]
        for op in ("softmax", "softmin", "logsoftmax", "glu")
    },
    "softplus": [(layer("softplus", beta=2.0, threshold=0.5), (2, 3))],
    "hardtanh": [(layer("hardtanh", low=-0.5, high=0.7), (2, 3))],
    "elu": [(layer("elu", alpha=0.5), (2, 3))],
    "gelu": [(layer("gelu"), (2, 3)), (layer("gelu", approximate="tanh"), (2, 3))],
    "reshape": [
        (layer("reshape", shape=(6, 2)), (2, 3, 2)),
        (layer("reshape", shape=(6, 2), order="last"), (2, 3, 2)),
    ],
    "flatten": [(layer("flatten"), (2, 3, 3)), (layer("flatten", order="last"), (2, 3, 3))],
    "permute": [(layer("permute", order=(0, 2, 1)), (2, 3, 4))],
    "pad": [
        *((layer("pad", padding=1, mode=mode), (2, 3, 3)) for mode in ("zeros", "constant", "reflect")),
        *((layer("pad", 1, padding=1, mode=mode, axis=(0,)), (3, 3)) for mode in ("zeros", "circular")),
        (layer("pad", padding=((0, 2), (1, 0)), axis=(0, 2), mode="replicate"), (2, 3, 3)),
    ],
    "crop": [
        (layer("crop", amounts=((1, 0), (0, 2))), (2, 3, 4)),
        (layer("crop", amounts=((1, 0), (0, 2)), axis=(0, 2)), (3, 2, 4)),
    ],
    "slice": [(layer("slice", axis=1, start=1, stop=3), (2, 4, 3))],
    "gather": [
        (layer("gather", index=(2, 0, 0), size=3), (3, 4)),
        (layer("gather", index=(3, 1), axis=1, size=4), (3, 4)),
        (layer("gather", shape=(2, 3), axis=1, size=4), (2, 4, 3)),
        (layer("gather", shape=(2,), size=2), (2, 4)),
    ],
    "split": [(layer("split", axis=0, sizes=(1, 2)), (3, 3))],
    "scale": [
        (layer("scale", channels=2, bias=True), (2, 3)),
        (layer("scale", channels=3, bias=True, axis=1), (2, 3)),
    ],
    **{op: [((layer("square"), layer(op)), (2, 3, 3))] for op in ("log", "sqrt", "rsqrt")},
    "clip": [(layer("clip", **bounds), (2, 3, 3)) for bounds in ({}, {"min": None}, {"max": None})],
    "l2norm": [
        (layer("l2norm"), (4, 3, 2)),
        (layer("l2norm", axis=1), (4, 3, 2)),
        (layer("l2norm", axis=1, eps=2.0), (4, 3, 2)),
    ],
    "roll": [
        (layer("roll", shift=(-1,), axis=(1,)), (2, 3, 4)),
        (layer("roll", shift=(1, 7), axis=(0, 2)), (3, 2, 4)),
    ],
    "flip": [(layer("flip"), (2, 3, 2)), (layer("flip", axis=(1,)), (2, 3, 2))],
    "expand": [
        (layer("expand", shape=(2, 3, 4)), (2, 1, 4)),
        (layer("expand", shape=(3, 4, 2)), (1, 2)),
    ],
    "tile": [(layer("tile", counts=(2, 1, 3)), (2, 3, 2))],
    "unstack": [
        (layer("unstack", axis=0), (3, 2, 2)),
        (layer("unstack", axis=2), (3, 2, 2)),
        (layer("unstack"), (3,)),
    ],
    **{
        op: [
            (layer(op), (2, 3, 2)),
            (layer(op, axis=(1,), keep=True), (2, 3, 2)),
            (layer(op, axis=(0, 2)), (2, 3, 2)),
        ]
        for op in ("mean", "sum", "prod", "max", "min", "var", "std")
    },
    "norm": [(layer("norm", p=p, axis=(0, 1)), (2, 3, 2)) for p in ("1", "2", "inf")],
    **{
        op: [(layer(op, axis=1), (2, 3, 2)), (layer(op, axis=0, keep=True), (3, 2))]
        for op in ("argmax", "argmin")
    },
    "rescale": [(layer("rescale", scale=0.5, offset=-1.0), (2, 3))],
    **{
        op: [(layer(op), (2, 3, 3))]
        for op in [
            "relu",
            "relu6",
            "selu",
            "silu",
            "mish",
            "sigmoid",
            "tanh",
            "hardsigmoid",
            "hardswish",
            "softsign",
            "logsigmoid",
            "tanhshrink",
            "neg",
            "exp",
            "abs",
            "square",
            "sin",
            "cos",
            "erf",
            "reciprocal",
            "sign",
            "floor",
            "round",
            "dropout",
            "identity",
        ]
    },
}
ARITHMETIC = ("add", "sub", "mul", "div", "pow", "maximum", "minimum")
JOINS = ("concat", "stack", *ARITHMETIC, "matmul", "unpool", "deformconv", "param", "const", "embedding")


def joined(op: str) -> Graph:
    """A graph with a layer of several inputs."""
    if op == "unpool":
        net = Net((2, 4, 4))
        pool = net.add(layer("maxpool", kernel=2), 0)
        net.add(layer("unpool", kernel=2), pool, Edge(pool, 1))
        return net.graph()
    if op == "deformconv":
        net = Net((4, 4, 3))
        window = {"kernel": (2, 3), "padding": 1, "stride": (1, 2)}
        offsets = net.add(layer("conv", in_channels=4, out_channels=24, **window), 0)
        mask = net.add(layer("conv", in_channels=4, out_channels=12, **window), 0)
        net.add(layer(op, in_channels=4, out_channels=4, groups=2, **window), 0, offsets, mask)
        return net.graph()
    if op == "matmul":  # attention: every step but the last reads all of the input
        net = Net((2, 3, 4))
        scores = net.add(layer(op, transpose_b=True), 0, 0)
        net.add(layer(op), net.add(layer("softmax", axis=2), scores), 0)
        return net.graph()
    if op in ("param", "const"):
        net = Net((2, 5))
        own = net.add(layer(op, shape=(2, 1)))
        sum_ = net.add(layer("add"), 0, own)
        more = net.add(layer(op, shape=(2, 5), **({"value": 0.5} if op == "const" else {})))
        net.add(layer("concat"), sum_, net.add(layer("relu"), more))
        return net.graph()
    if op == "embedding":  # of the places of a pool, whose values it meets again
        net = Net((2, 4, 4))
        pool = net.add(layer("maxpool", kernel=2), 0)
        net.add(layer("embedding", entries=16, features=1), Edge(pool, 1))
        net.add(layer("add"), pool, net.add(layer("reshape", shape=(2, 2, 2))))
        return net.graph()
    net = Net((2, 5))
    left = net.add(layer("conv", 1, in_channels=2, out_channels=2, kernel=3, padding=1), 0)
    if op in ("sub", "div", "pow"):
        above = net.add(layer("maximum", value=0.5), left)  # a power of a negative number is none
        net.add(layer(op, reverse=op == "div"), above, 0)
    else:
        net.add(layer(op), left, 0, left)
    return net.graph()


GRAPHS = [
    *(
        pytest.param(op, chain(shape, *(one if isinstance(one, tuple) else (one,))), id=f"{op}{i}")
        for op, many in SAMPLES.items()
        for i, (one, shape) in enumerate(many)
    ),
    *(pytest.param(op, joined(op), id=op) for op in JOINS),
]


def test_all_layers_of_the_language_have_an_operation() -> None:
    assert {*SAMPLES, *JOINS, "input", "opaque"} == set(OPERATIONS) == {*names()}


@pytest.mark.parametrize(("op", "graph"), GRAPHS)
def test_scalars_count_what_arrays_count(op: str, graph: Graph) -> None:
    by_array, by_scalar = count(graph), count(graph, scalar=True)
    assert by_array == by_scalar
    assert by_array.unread == ()
    assert op in {node.op for node in by_array.nodes}


@pytest.mark.parametrize(("op", "graph"), GRAPHS)
def test_marks_go_where_poison_goes(op: str, graph: Graph) -> None:
    marked, poisoned = taint(graph, reads=True), poison(graph)
    if op in ("argmax", "argmin"):  # what is no number comes out as the index where it stands
        assert marked.any()
        assert not poisoned.any()
        return
    assert poisoned.any()
    if op in (
        "unpool",
        "deformconv",
        "gather",
    ):  # one run meets one of the places that there may be
        assert not (poisoned & ~marked).any()
    else:
        np.testing.assert_array_equal(marked, poisoned)


@pytest.mark.parametrize(("op", "graph"), GRAPHS)
def test_both_forms_of_a_run_agree(op: str, graph: Graph) -> None:
    x = np.random.default_rng(3).standard_normal((2, *graph.nodes[0].outputs[0]))
    fast, naive = execute(graph, x, keep=()), execute(graph, x, keep=(), form="naive")
    for name, value in fast.items():
        np.testing.assert_allclose(value, naive[name], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("op", "graph"), GRAPHS)
def test_gradients_are_those_of_finite_differences(op: str, graph: Graph) -> None:
    rng = np.random.default_rng(5)
    x, direction = rng.standard_normal((2, 1, *graph.nodes[0].outputs[0]))
    weights = init_weights(graph, dtype="float64")

    def middle(at: np.ndarray) -> float:
        y = execute(graph, at, weights, keep=())[graph.nodes[graph.outputs[0].node].name]
        return float(y[(slice(None), slice(None), *(n // 2 for n in y.shape[2:]))].sum())

    h = 1e-6
    slope = (middle(x + h * direction) - middle(x - h * direction)) / (2 * h)
    (found,) = gradient(graph, x, weights).values()
    assert float((found * direction).sum()) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_a_function_and_its_slope_are_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "cube", OPERATIONS["relu"])  # taken out again afterwards

    @elementwise("cube", lambda layer, x: layer.factor * 3.0 * x**2)
    def cube(call: Any, x: np.ndarray, y: np.ndarray) -> None:
        np.copyto(y, call.t.multiply(call.t.multiply(call.t.multiply(x, x), x), call.layer.factor))

    graph = chain((2, 3), layer("cube", factor=2.0), layer("relu"))
    x = np.arange(-2.0, 4.0).reshape(1, 2, 3)
    np.testing.assert_array_equal(execute(graph, x), np.maximum(2.0 * x**3, 0.0))
    np.testing.assert_array_equal(
        gradient(graph, x, position=(2,))["input"][..., 2], 6.0 * np.maximum(x[..., 2], 0) ** 2
    )
    assert count(graph, scalar=True).total("mul") == count(graph).total("mul") == 18
    np.testing.assert_array_equal(taint(graph), np.eye(3, dtype=bool))
    assert estimate_memory(graph).needed > 0


# Parameters and buffers of torchvision's models; MACs of its published figures (GFLOPS there).
PUBLISHED = {
    "mobilenet_v2": (3_504_872, 34_112, 0.30),
    "resnet50": (25_557_032, 53_120, 4.09),
    "squeezenet1_0": (1_248_424, 0, 0.82),
    "vgg16": (138_357_544, 0, 15.47),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_whole_network_is_counted_in_one_pass_at_full_size(name: str) -> None:
    params, buffers, giga = PUBLISHED[name]
    counted = count(convcalc.load(name, input="3x224x224"))
    totals = counted.totals
    assert (totals["params"], totals["buffers"]) == (params, buffers)
    assert round(totals["macs"] / 1e9, 2) == giga
    assert 0.9 * totals["macs"] < totals["valid_macs"] < totals["macs"]
    assert counted.unread == ()

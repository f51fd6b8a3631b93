"""What a run is said to need, against what it allocates."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import MemoryLimitError, estimate_memory, execute, init_weights
from convcalc.executor import run as runs
from convcalc.executor.memory import memory_limit
from convcalc.graph import Edge, Graph
from tests.executor.stand_ins import Net, chain, layer

SLACK = 1 << 20
"""Python's own objects, and NumPy's small ones."""


def allocated(graph: Graph) -> tuple[int, int]:
    """Bytes at the fullest moment of a run, its inputs and weights included; and what is said of it."""
    weights = init_weights(graph)
    inputs = {graph.nodes[i].name: np.ones((1, *graph.nodes[i].outputs[0]), np.float32) for i in graph.inputs}
    held = sum(array.nbytes for array in (*weights.values(), *inputs.values()))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        execute(graph, inputs, weights)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    return peak + held, estimate_memory(graph).needed


C = 16
LAYERS: list[tuple[Any, tuple[int, ...]]] = [
    (layer("conv", in_channels=C, out_channels=8, kernel=3, padding=1), (C, 200, 200)),
    (layer("conv", in_channels=C, out_channels=8, kernel=3, padding=36, dilation=36), (C, 80, 80)),
    (layer("conv", in_channels=512, out_channels=64, kernel=3, padding=1), (512, 28, 28)),
    (layer("conv", in_channels=C, out_channels=64, kernel=1), (C, 200, 200)),
    (layer("conv", in_channels=C, out_channels=8, kernel=1, stride=2), (C, 300, 300)),
    (layer("conv", in_channels=64, out_channels=64, kernel=3, groups=8), (64, 100, 100)),
    (layer("conv", 1, in_channels=4, out_channels=8, kernel=9, padding="causal"), (4, 100_000)),
    (layer("conv", 3, in_channels=4, out_channels=8, kernel=3, padding=1), (4, 50, 50, 50)),
    (layer("dwconv", in_channels=64, out_channels=64, kernel=5, padding=2, groups=64), (64, 150, 150)),
    (layer("dwconv", in_channels=C, out_channels=C, kernel=3, padding=1, groups=C), (C, 400, 400)),
    (layer("convT", in_channels=C, out_channels=C, kernel=4, stride=2, padding=1), (C, 100, 100)),
    (layer("convT", in_channels=256, out_channels=4, kernel=2, stride=2), (256, 60, 60)),
    (layer("linear", in_features=4096, out_features=1000), (4096,)),
    (layer("linear", in_features=C, out_features=64, axis="channels"), (C, 200, 200)),
    (layer("rnn", in_features=64, hidden=256, nonlinearity="relu"), (2000, 64)),
    (layer("lstm", in_features=300, hidden=100, layers=2, bidirectional=True), (1500, 300)),
    (layer("lstm", in_features=64, hidden=600, projection=30, axis=1), (64, 900)),
    (layer("gru", in_features=64, hidden=200, bidirectional=True, axis=1), (64, 3000)),
    (layer("maxpool", kernel=3, stride=2, padding=1, ceil=True), (64, 112, 112)),
    (layer("avgpool", kernel=3, stride=1, padding=1), (64, 112, 112)),
    (layer("lppool", kernel=3, norm=3), (64, 112, 112)),
    (layer("globalavgpool"), (64, 200, 200)),
    (layer("adaptiveavgpool", size=(7, 7)), (64, 200, 200)),
    (layer("upsample", scale=2), (C, 150, 150)),
    (layer("linear", in_features=768, out_features=768, axis=1), (1000, 768)),
    (layer("linear", in_features=64, out_features=64, axis=1), (100, 64, 100)),
    (layer("upsample", scale=2, mode="linear"), (C, 150, 150)),
    (layer("upsample", scale=2, mode="cubic"), (C, 150, 150)),
    (layer("upsample", scale=2, mode="spline"), (C, 150, 150)),
    (layer("upsample", scale=2, mode="cubic", antialias=True), (C, 150, 150)),
    (layer("bn", channels=C), (C, 300, 300)),
    (layer("bn", channels=C, track=False), (C, 300, 300)),
    (layer("ln", shape=(C, 300, 300)), (C, 300, 300)),
    (layer("ln", shape=(C,), axis=(0,)), (C, 300, 300)),
    (layer("ln", shape=(300,), axis=(2,)), (C, 300, 300)),
    (layer("ln", shape=(C, 300), axis=(0, 2)), (C, 300, 300)),
    (layer("bn", channels=300, axis=2), (C, 300, 300)),
    (layer("bn", channels=300, axis=2, track=False), (C, 300, 300)),
    (layer("gn", channels=C, groups=4), (C, 300, 300)),
    (layer("lrn", size=5), (C, 300, 300)),
    (layer("rmsnorm", shape=(C, 300, 300)), (C, 300, 300)),
    (layer("rmsnorm", shape=(C,), axis=(0,)), (C, 300, 300)),
    (layer("unfold", kernel=3, padding=1), (C, 100, 100)),
    (layer("fold", kernel=3, padding=1, size=(100, 100)), (9 * C, 10_000)),
    (layer("softmax"), (C, 300, 300)),
    (layer("logsoftmax", axis=2), (C, 300, 300)),
    (layer("softmin"), (C, 300, 300)),
    (layer("glu"), (C, 300, 300)),
    (layer("glu", axis=2), (C, 300, 300)),
    *((layer(op), (C, 300, 300)) for op in ("relu", "leakyrelu", "silu", "hardswish", "gelu", "elu", "tanh")),
    *((layer(op), (C, 300, 300)) for op in ("log", "rsqrt", "erf", "sign", "clip")),
    (layer("l2norm"), (C, 300, 300)),
    (layer("l2norm", axis=2), (C, 300, 300)),
    *((layer(op, value=2.0), (C, 300, 300)) for op in ("mul", "pow", "maximum")),
    (layer("prelu", channels=C), (C, 300, 300)),
    (layer("pad", padding=5), (C, 300, 300)),
    (layer("shuffle", groups=4), (C, 300, 300)),
    (layer("pixelshuffle", factor=2), (C, 300, 300)),
    (layer("pixelunshuffle", factor=2), (C, 300, 300)),
    (layer("shift"), (18, 300, 300)),
    (layer("pad", padding=((1, 0), (0, 2)), axis=(0, 2)), (C, 300, 300)),
    (layer("permute", order=(1, 2, 0)), (C, 300, 300)),
    *((layer(op, axis=(0,)), (C, 300, 300)) for op in ("mean", "prod", "norm", "var", "std")),
    (layer("max", axis=(1, 2), keep=True), (C, 300, 300)),
    (layer("argmax", axis=0), (C, 300, 300)),
    (layer("roll", shift=(-3, 3), axis=(1, 2)), (C, 300, 300)),
    (layer("flip"), (C, 300, 300)),
    (layer("tile", counts=(1, 2, 2)), (C, 100, 100)),
    (layer("stack"), (C, 300, 300)),
    (layer("unstack", axis=1), (C, 300, 300)),
]


@pytest.mark.parametrize(
    ("stand_in", "shape"), LAYERS, ids=[f"{i}-{stand_in.op}" for i, (stand_in, _) in enumerate(LAYERS)]
)
def test_no_layer_takes_more_than_is_said(stand_in: Any, shape: tuple[int, ...]) -> None:
    real, said = allocated(chain(shape, stand_in))
    assert real <= said + SLACK
    assert said <= 4 * real, "it would refuse what fits"


def test_indices_of_pooling_are_counted_if_they_are_read() -> None:
    net = Net((C, 200, 200))
    pool = net.add(layer("maxpool", kernel=2), 0)
    net.add(layer("unpool", kernel=2), pool, Edge(pool, 1))
    real, said = allocated(net.graph())
    assert real <= said + SLACK <= 4 * real


NETWORKS = {
    "mobilenet_v2": "3x160x160",
    "squeezenet1_0": "3x224x224",
    "densenet121": "3x96x96",
    "segnet": "3x96x96",
    "unet": "1x188x188",
    "deeplabv3_resnet50": "3x97x97",
    "dcgan_generator": None,
    "r2plus1d_18": "3x8x56x56",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_takes_more_than_is_said(name: str) -> None:
    real, said = allocated(convcalc.load(name, input=NETWORKS[name]))
    assert real <= said + SLACK
    assert said <= 2.5 * real


def test_an_activation_is_freed_when_its_last_reader_has_run() -> None:
    deep = chain((C, 200, 200), *(layer("scale", channels=C) for _ in range(12)))
    one = C * 200 * 200 * 4
    real, _ = allocated(deep)
    assert real < 4 * one  # the input, a result, and blocks; not thirteen tensors


def test_too_much_is_refused_before_anything_is_allocated() -> None:
    # 64 x 100,000 x 100,000 float32 values are 2.56 TB.
    graph = Graph("large", chain((1, 4, 4), layer("relu")).nodes, (0,), (Edge(1),))
    graph.nodes[0].layer.shape = (64, 100_000, 100_000)  # type: ignore[attr-defined]
    for node in graph.nodes:
        node.outputs = ((64, 100_000, 100_000),)
    with pytest.raises(MemoryLimitError) as refused:
        convcalc.run(graph)
    error = refused.value
    assert error.layer == "relu1"
    assert error.needed >= 2 * 64 * 10**10 * 4
    assert error.allowed == memory_limit() or error.allowed < error.needed
    assert f"{error.needed:,}" in str(error) and f"{error.allowed:,}" in str(error)


def test_execute_takes_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain((C, 100, 100), layer("conv", in_channels=C, out_channels=C, kernel=3))
    x = np.ones((1, C, 100, 100), np.float32)
    needed = estimate_memory(graph).needed
    assert execute(graph, x, max_memory=needed).shape == (1, C, 98, 98)
    monkeypatch.setattr(runs, "prepare_weights", lambda *_: pytest.fail("weights were made"))
    with pytest.raises(MemoryLimitError, match="conv1 needs"):
        execute(graph, x, max_memory=needed - 1)


def test_the_limit_is_a_share_of_the_machine() -> None:
    import os

    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < memory_limit() <= total // 2

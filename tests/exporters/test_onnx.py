"""Graphs as ONNX models: the checker accepts them, and ONNX Runtime gives the executor's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import convcalc
from convcalc import layers
from convcalc.exporters.errors import ExportError
from convcalc.exporters.onnx.export import to_onnx
from convcalc.exporters.onnx.forms import FORMS
from convcalc.solve.sizes import choose
from tests.exporters.onnx_zoo import FAMILIES
from tests.verification.corpus import CORPUS

TOLERANCE = 1e-4
WITHOUT_A_FORM = {
    "input": "it is an input of the model",
    "opaque": "nobody knows what it does",
}
UNSAYABLE = {
    "in three dimensions": "a transposed convolution by weights of each sample; columns have two axes",
    "beyond its windows": "columns say the size: such a convolution with padding of its output",
    "projects its state": "LSTM of ONNX has no projection",
    "32 bits": "scales are float32",
    "aligns corners with a filter": "the filter of ONNX does not align corners",
}
SMALL = ("lenet5", "squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v2", "crnn")


def run(model: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    whole = {one.name for one in session.get_inputs() if "int64" in one.type}
    return session.run(None, {k: v.astype(np.int64) if k in whole else v for k, v in feeds.items()})


def listed(found: Any) -> list[np.ndarray]:
    return list(found.values()) if isinstance(found, dict) else [np.asarray(found)]


def sized(weights: dict[str, np.ndarray], size: float) -> dict[str, np.ndarray]:
    """Factors of normalisations are smaller: random deep networks multiply round-off otherwise."""
    vectors = {name for name, a in weights.items() if name.endswith(".weight") and a.ndim == 1}
    return {name: a * np.float32(size) if name in vectors else a for name, a in weights.items()}


def steady(graph: convcalc.Graph, feeds: Any, weights: Any, found: list[np.ndarray]) -> bool:
    """Whether more digits give nearly the same values."""
    double = {k: v.astype(np.float64) if v.dtype.kind == "f" else v for k, v in weights.items()}
    sure = listed(convcalc.execute(graph, {k: v.astype(np.float64) for k, v in feeds.items()}, double))
    return all(np.abs(a - b).max() <= 1e-5 * np.abs(b).max() for a, b in zip(found, sure, strict=True))


def worst(graph: convcalc.Graph, batch: int = 2) -> float:
    """The largest difference of an output, relative to the largest entry of it."""
    from convcalc.executor.counting import random_inputs

    feeds = random_inputs(graph, batch, seed=3)
    for size in (1.0, 0.5, 0.25, 0.1):
        weights = sized(convcalc.init_weights(graph, 1), size)
        expected = listed(convcalc.execute(graph, feeds, weights))
        if len(graph) < 100 or steady(graph, feeds, weights, expected):
            break
    model = to_onnx(graph, weights)
    onnx.checker.check_model(model, full_check=False)
    errors = []
    for got, want in zip(run(model, feeds), expected, strict=True):
        assert np.broadcast_shapes(got.shape, want.shape) == want.shape
        got, want = np.broadcast_to(got, want.shape), np.asarray(want)
        sure = np.isfinite(want)
        assert np.array_equal(got[~sure], want[~sure], equal_nan=True)
        if sure.any():
            errors.append(float(np.abs(got - want)[sure].max() / max(np.abs(want[sure]).max(), 1e-6)))
    return max(errors, default=0.0)


def test_every_layer_has_a_form() -> None:
    assert set(FORMS) | set(WITHOUT_A_FORM) == set(layers.names())


@pytest.mark.parametrize("spec", CORPUS)
def test_values_are_those_of_the_executor(spec: str) -> None:
    try:
        graph = convcalc.load(spec)
        error = worst(graph)
    except ExportError as fault:
        assert any(reason in fault.message for reason in UNSAYABLE), fault
        return
    assert error < TOLERANCE


def test_few_are_refused() -> None:
    refused = 0
    for spec in CORPUS:
        graph = convcalc.load(spec)
        try:
            to_onnx(graph, convcalc.init_weights(graph))
        except ExportError:
            refused += 1
    assert refused <= 5


def test_a_wrong_axis_would_be_seen() -> None:
    """A check that cannot fail shows nothing: values of another graph differ."""
    graph = convcalc.load("input 2x4x4 | softmax axis=1")
    other = convcalc.load("input 2x4x4 | softmax axis=2")
    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4)).astype(np.float32)
    (got,) = run(to_onnx(graph, {}), {"input": x})
    assert np.abs(got - convcalc.execute(graph, x)).max() < 1e-6
    assert np.abs(got - convcalc.execute(other, x)).max() > 1e-2


def test_names_and_batch() -> None:
    graph = convcalc.load("input 3x8x8 | conv 4 k3 id=a.b.first | silu | flatten | linear 2 id=head")
    model = to_onnx(graph, convcalc.init_weights(graph))
    assert [node.name for node in model.graph.node] == [
        "/a/b/first/Conv", "/silu1/silu", "/flatten1/Flatten", "/head/Gemm",
    ]  # fmt: skip
    assert {one.name for one in model.graph.initializer} == {
        "a.b.first.weight", "a.b.first.bias", "head.weight", "head.bias",
    }  # fmt: skip
    assert [f.name for f in model.functions] == ["silu"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    x = np.zeros((5, 3, 8, 8), np.float32)
    assert run(model, {"input": x})[0].shape == (5, 2)


def test_sizes_must_be_numbers() -> None:
    graph = convcalc.load("input 3xHxW | conv 4 k3")
    with pytest.raises(ExportError, match="no number"):
        to_onnx(graph, {})


def at_a_small_size(name: str) -> convcalc.Graph:
    return choose(convcalc.load(name), 300_000_000).graph


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str) -> None:
    assert worst(at_a_small_size(name)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_each_family(name: str) -> None:
    assert worst(at_a_small_size(name)) < TOLERANCE


def test_indices_are_whole_also_where_they_are_reshaped_first() -> None:
    graph = convcalc.load("input 1x6 | flatten | embedding entries=10 features=4")
    model = to_onnx(graph, convcalc.init_weights(graph))
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64
    assert worst(graph) < TOLERANCE

"""Quantized models beside ONNX Runtime: whole numbers where the file has them, counts of the layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import convcalc
from tests.importers.onnx.test_patterns import layers, read

draw = np.random.default_rng(3)
SCALES = {"xs": np.float32(0.03), "ws": np.float32(0.02), "ys": np.float32(0.11)}
W = draw.integers(-127, 128, (6, 4, 3, 3)).astype(np.int8)
BIAS = draw.integers(-900, 900, 6).astype(np.int32)
ZEROS = {"xz": np.uint8(117), "wz": np.int8(0), "yz": np.uint8(131)}
BY_CHANNEL = draw.uniform(0.01, 0.05, 6).astype(np.float32)


def model(nodes: list[Any], arrays: dict[str, Any], shape: tuple[int, ...], outputs: dict[str, int]) -> Any:
    read_by = {name for node in nodes for name in node.input}
    held = [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items() if name in read_by]
    values = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", 1, shape)], values, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def proven(proto: onnx.ModelProto, shape: tuple[int, ...], steps: dict[str, float]) -> Any:
    """The graph; its outputs are ONNX Runtime's, within a step where a few round to the other side."""
    graph = read(proto)
    assert not any(layer == "opaque" for layer in layers(graph)), [n.layer for n in graph.nodes]
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in proto.graph.output]
    found = convcalc.execute(graph, x)
    found = found if isinstance(found, dict) else {names[0]: found}
    for name, wanted in zip(names, session.run(names, {"x": x}), strict=True):
        far = np.abs(found[name].reshape(wanted.shape) - wanted.astype(np.float64))
        step = steps.get(name, 0)
        close = far <= 1e-4 * np.abs(wanted.astype(np.float64)).max()
        assert (close | (far <= step * 1.0001)).all(), (name, far.max())
        assert close.mean() > 0.99, (name, close.mean())
    return graph


def quantize(what: str, scale: str, zero: str, to: str) -> Any:
    return helper.make_node("QuantizeLinear", [what, scale, zero], [to])


def dequantize(what: str, scale: str, zero: str, to: str, **more: Any) -> Any:
    return helper.make_node("DequantizeLinear", [what, scale, zero], [to], **more)


CONV = (1, 4, 9, 8)


@pytest.mark.parametrize("zero", [np.uint8(117), np.int8(-3), np.uint8(0)])
def test_numbers_to_whole_ones_and_back(zero: Any) -> None:
    nodes = [quantize("x", "xs", "xz", "q"), dequantize("q", "xs", "xz", "y")]
    kind = 2 if zero.dtype == np.uint8 else 3
    graph = proven(model(nodes, {**SCALES, "xz": zero}, CONV, {"q": kind, "y": 1}), CONV, {})
    assert convcalc.analyze(graph).totals.params == 0


def test_halves_are_rounded_to_even() -> None:
    nodes = [quantize("x", "one", "none", "q")]
    proto = model(nodes, {"one": np.float32(0.5), "none": np.uint8(0)}, (1, 9), {"q": 2})
    x = np.array([[0.25, 0.75, 1.25, -0.25, 0.3, 200, -3, 63.75, 64.25]], np.float32)
    found = convcalc.execute(read(proto), x)
    assert found.tolist() == [[0, 2, 2, 0, 1, 255, 0, 128, 128]]


@pytest.mark.parametrize("scales", [np.float32(0.02), BY_CHANNEL], ids=["one", "channels"])
def test_a_convolution_between_whole_numbers(scales: Any) -> None:
    zeros = np.zeros(np.shape(scales), np.int8)
    names = ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    nodes = [
        quantize("x", "xs", "xz", "q"),
        helper.make_node("QLinearConv", names, ["y"], pads=[1, 1, 1, 1], strides=[2, 1]),
    ]
    arrays = {**SCALES, **ZEROS, "ws": scales, "wz": zeros, "w": W, "b": BIAS}
    graph = proven(model(nodes, arrays, CONV, {"y": 2}), CONV, {"y": 1})
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.macs) == (6 * 4 * 9 + 6, 6 * 4 * 9 * 5 * 8)


@pytest.mark.parametrize("channels", [False, True])
def test_a_convolution_with_quantizers_around_it(channels: bool) -> None:
    scales = BY_CHANNEL if channels else SCALES["ws"]
    arrays = {**SCALES, **ZEROS, "ws": scales, "wz": np.zeros(np.shape(scales), np.int8), "w": W, "b": BIAS}
    arrays |= {"bs": (SCALES["xs"] * scales).astype(np.float32), "bz": np.zeros(np.shape(scales), np.int32)}
    nodes = [
        quantize("x", "xs", "xz", "q"),
        dequantize("q", "xs", "xz", "r"),
        dequantize("w", "ws", "wz", "v", axis=0),
        dequantize("b", "bs", "bz", "c", axis=0),
        helper.make_node("Conv", ["r", "v", "c"], ["s"], name="/stem/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["s"], ["t"]),
        quantize("t", "ys", "yz", "u"),
        dequantize("u", "ys", "yz", "y"),
    ]
    graph = proven(model(nodes, arrays, CONV, {"u": 2, "y": 1}), CONV, {"u": 1, "y": 0.11})
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.macs) == (6 * 4 * 9 + 6, 6 * 4 * 9 * 9 * 8)
    assert "stem" in [node.name for node in graph.nodes]


def test_a_convolution_of_whole_numbers() -> None:
    arrays = {**SCALES, **ZEROS, "w": W}
    nodes = [
        quantize("x", "xs", "xz", "q"),
        helper.make_node("ConvInteger", ["q", "w", "xz", "wz"], ["i"], pads=[1, 1, 1, 1]),
    ]
    graph = proven(model(nodes, arrays, CONV, {"i": 6}), CONV, {})
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.macs) == (6 * 4 * 9, 6 * 4 * 9 * 9 * 8)


def test_products_between_whole_numbers() -> None:
    shape = (1, 5, 12)
    weight = draw.integers(-127, 128, (12, 7)).astype(np.int8)
    names = ["q", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    nodes = [quantize("x", "xs", "xz", "q"), helper.make_node("QLinearMatMul", names, ["y"])]
    arrays = {**SCALES, **ZEROS, "wz": np.int8(3), "w": weight}
    graph = proven(model(nodes, arrays, shape, {"y": 2}), shape, {"y": 1})
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.macs) == (84, 5 * 84)


@pytest.mark.parametrize(
    "zeros", [np.int8(3), draw.integers(-9, 9, 7).astype(np.int8)], ids=["one", "columns"]
)
def test_a_product_of_whole_numbers(zeros: Any) -> None:
    shape = (1, 5, 12)
    weight = draw.integers(-127, 128, (12, 7)).astype(np.int8)
    nodes = [
        quantize("x", "xs", "xz", "q"),
        helper.make_node("MatMulInteger", ["q", "w", "xz", "wz"], ["i"]),
    ]
    graph = proven(model(nodes, {**SCALES, **ZEROS, "wz": zeros, "w": weight}, shape, {"i": 6}), shape, {})
    assert convcalc.analyze(graph).totals.macs == 5 * 84


@pytest.mark.parametrize("shift", [0.0, 4.0, -4.0])
def test_a_scale_that_is_worked_out(shift: float) -> None:
    """What ``onnxruntime.quantization.quantize_dynamic`` writes of a convolution."""
    nodes = [
        helper.make_node("Add", ["x", "shift"], ["a"]),
        helper.make_node("DynamicQuantizeLinear", ["a"], ["q", "s", "z"]),
        helper.make_node("ConvInteger", ["q", "w", "z", "wz"], ["i"], pads=[1, 1, 1, 1]),
        helper.make_node("Cast", ["i"], ["f"], to=1),
        helper.make_node("Mul", ["s", "ws"], ["t"]),
        helper.make_node("Mul", ["f", "t"], ["g"]),
        helper.make_node("Add", ["g", "b"], ["y"]),
    ]
    bias = draw.standard_normal((6, 1, 1)).astype(np.float32)
    arrays = {**SCALES, **ZEROS, "w": W, "b": bias, "shift": np.float32(shift)}
    graph = proven(model(nodes, arrays, CONV, {"y": 1, "q": 2}), CONV, {"q": 1, "y": 0.3})
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.macs) == (6 * 4 * 9 + 6, 6 * 4 * 9 * 9 * 8)


def test_weights_of_four_bits_in_blocks() -> None:
    weight = draw.integers(-8, 8, (12, 7)).astype(np.int8)
    scales = draw.uniform(0.1, 0.2, (3, 7)).astype(np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "ws"], ["v"], axis=0, block_size=4),
        helper.make_node("MatMul", ["x", "v"], ["y"]),
    ]
    proto = model(nodes, {"ws": scales}, (1, 12), {"y": 1})
    proto.opset_import[0].version, proto.ir_version = 21, 10
    packed = helper.make_tensor("w", onnx.TensorProto.INT4, (12, 7), weight.reshape(-1))
    proto.graph.initializer.append(packed)
    graph = read(proto)
    x = draw.standard_normal((1, 12)).astype(np.float32)
    wanted = x @ (weight * np.repeat(scales, 4, 0))
    np.testing.assert_allclose(convcalc.execute(graph, x), wanted, rtol=1e-4)
    assert convcalc.analyze(graph).totals.params == 84


def test_a_cast_to_whole_numbers_cuts_off() -> None:
    proto = model([helper.make_node("Cast", ["x"], ["y"], to=6)], {}, (1, 7), {"y": 6})
    x = np.array([[-2.7, -0.5, 0.0, 0.5, 1.5, 2.99, -3.0]], np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    assert convcalc.execute(read(proto), x).tolist() == session.run(None, {"x": x})[0].tolist()

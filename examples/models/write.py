"""Writes the models of this folder, with the ``onnx`` package: ``python examples/models/write.py``.

``digits.onnx`` is a small network as an exporter of PyTorch writes one, with batch normalisation;
``detector.onnx`` ends in an operator that no layer says; ``digits.safetensors`` holds the weights of the
first alone. ``written-out.onnx`` has layers in primitives, ``int8.onnx`` whole numbers.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
rng = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    """Small numbers."""
    return (rng.standard_normal(shape) / 4).astype(np.float32)


def tensor(name: str, dims: list[object]) -> onnx.ValueInfoProto:
    """An input or an output of floats."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def write(name: str, graph: onnx.GraphProto) -> None:
    """A checked file of opset 17."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="convcalc")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    (HERE / name).write_bytes(model.SerializeToString())


def digits() -> None:
    """Two convolutions with batch normalisation, a pooling and a linear layer."""
    weights = {
        "features.conv1.weight": normal(8, 1, 3, 3),
        "features.bn1.weight": 1 + normal(8),
        "features.bn1.bias": normal(8),
        "features.bn1.running_mean": normal(8),
        "features.bn1.running_var": 1 + abs(normal(8)),
        "features.conv2.weight": normal(8, 8, 3, 3),
        "features.conv2.bias": normal(8),
        "head.fc.weight": normal(10, 8),
        "head.fc.bias": normal(10),
    }
    node = helper.make_node
    bn = [f"features.bn1.{key}" for key in ("weight", "bias", "running_mean", "running_var")]
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    conv2 = ["p", "features.conv2.weight", "features.conv2.bias"]
    nodes = [
        node("Conv", ["image", "features.conv1.weight"], ["c"], "/features/conv1/Conv", **same),
        node("BatchNormalization", ["c", *bn], ["n"], "/features/bn1/BatchNormalization"),
        node("Relu", ["n"], ["r"], "/features/act1/Relu"),
        node("MaxPool", ["r"], ["p"], "/features/pool/MaxPool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", conv2, ["d"], "/features/conv2/Conv", **same),
        node("Relu", ["d"], ["s"], "/features/act2/Relu"),
        node("GlobalAveragePool", ["s"], ["g"], "/head/pool/GlobalAveragePool"),
        node("Flatten", ["g"], ["f"], "/head/flatten/Flatten", axis=1),
        node("Gemm", ["f", "head.fc.weight", "head.fc.bias"], ["scores"], "/head/fc/Gemm", transB=1),
    ]
    inputs, outputs = [tensor("image", ["N", 1, 28, 28])], [tensor("scores", ["N", 10])]
    stored = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    write("digits.onnx", helper.make_graph(nodes, "digits", inputs, outputs, stored))
    header, data = {}, b""
    for name, array in weights.items():
        header[name] = {
            "dtype": "F32",
            "shape": array.shape,
            "data_offsets": [len(data), len(data) + array.nbytes],
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    (HERE / "digits.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


def detector() -> None:
    """A convolution that gives boxes and scores, of which those that overlap are left out."""
    stored = [
        numpy_helper.from_array(normal(5, 3, 4, 4), "head.conv.weight"),
        numpy_helper.from_array(np.array([4, 1], np.int64), "sizes"),
        numpy_helper.from_array(np.array([10], np.int64), "most"),
    ]
    node = helper.make_node
    nodes = [
        node(
            "Conv",
            ["image", "head.conv.weight"],
            ["c"],
            "/head/conv/Conv",
            kernel_shape=[4, 4],
            strides=[4, 4],
        ),
        node("Relu", ["c"], ["r"], "/head/act/Relu"),
        node("Constant", [], ["shape"], "/shape", value_ints=[1, 5, 64]),
        node("Reshape", ["r", "shape"], ["a"], "/head/Reshape"),
        node("Split", ["a", "sizes"], ["b", "scores"], "/head/Split", axis=1),
        node("Transpose", ["b"], ["boxes"], "/head/Transpose", perm=[0, 2, 1]),
        node("NonMaxSuppression", ["boxes", "scores", "most"], ["kept"], "/nms/NonMaxSuppression"),
    ]
    out = helper.make_tensor_value_info("kept", TensorProto.INT64, ["K", 3])
    graph = helper.make_graph(nodes, "detector", [tensor("image", [1, 3, 32, 32])], [out], stored)
    write("detector.onnx", graph)


def written_out() -> None:
    """A SiLU and a normalisation over channels, as they are exported operator by operator."""
    node = helper.make_node
    stored = {
        "embed.weight": normal(8, 3, 4, 4),
        "norm.weight": 1 + normal(8, 1, 1),
        "norm.bias": normal(8, 1, 1),
        "two": np.float32(2),
        "eps": np.float32(1e-6),
    }
    nodes = [
        node("Conv", ["image", "embed.weight"], ["e"], "/embed/Conv", kernel_shape=[4, 4], strides=[4, 4]),
        node("ReduceMean", ["e"], ["m"], "/norm/ReduceMean", axes=[1]),
        node("Sub", ["e", "m"], ["d"], "/norm/Sub"),
        node("Pow", ["d", "two"], ["q"], "/norm/Pow"),
        node("ReduceMean", ["q"], ["v"], "/norm/ReduceMean_1", axes=[1]),
        node("Add", ["v", "eps"], ["w"], "/norm/Add"),
        node("Sqrt", ["w"], ["r"], "/norm/Sqrt"),
        node("Div", ["d", "r"], ["n"], "/norm/Div"),
        node("Mul", ["norm.weight", "n"], ["o"], "/norm/Mul"),
        node("Add", ["o", "norm.bias"], ["p"], "/norm/Add_1"),
        node("Sigmoid", ["p"], ["s"], "/act/Sigmoid"),
        node("Mul", ["p", "s"], ["features"], "/act/Mul"),
    ]
    inputs, outputs = [tensor("image", [1, 3, 16, 16])], [tensor("features", [1, 8, 4, 4])]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    write("written-out.onnx", helper.make_graph(nodes, "written-out", inputs, outputs, held))


def int8() -> None:
    """A convolution and a product of whole numbers, with what turns real numbers into them and back."""
    node = helper.make_node
    stored = {
        "x.scale": np.float32(0.02),
        "x.zero": np.uint8(128),
        "w": rng.integers(-127, 128, (4, 1, 3, 3)).astype(np.int8),
        "w.scale": rng.uniform(0.01, 0.02, 4).astype(np.float32),
        "w.zero": np.zeros(4, np.int8),
        "y.scale": np.float32(0.05),
        "y.zero": np.uint8(110),
    }
    scaled = ["x.scale", "x.zero", "w", "w.scale", "w.zero", "y.scale", "y.zero"]
    nodes = [
        node("QuantizeLinear", ["image", "x.scale", "x.zero"], ["q"], "/quant/QuantizeLinear"),
        node("QLinearConv", ["q", *scaled], ["y"], "/conv/QLinearConv"),
        node("DequantizeLinear", ["y", "y.scale", "y.zero"], ["map"], "/dequant/DequantizeLinear"),
    ]
    inputs, outputs = [tensor("image", [1, 1, 8, 8])], [tensor("map", [1, 4, 6, 6])]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()]
    write("int8.onnx", helper.make_graph(nodes, "int8", inputs, outputs, held))


if __name__ == "__main__":
    digits()
    detector()
    written_out()
    int8()

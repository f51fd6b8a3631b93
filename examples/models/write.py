"""Writes the models of this folder, with the ``onnx`` package: ``python examples/models/write.py``.

``digits.onnx`` is a small network as an exporter of PyTorch writes one, with batch normalisation;
``detector.onnx`` ends in an operator that no layer says; ``digits.safetensors`` holds the weights of the
first alone.
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


if __name__ == "__main__":
    digits()
    detector()

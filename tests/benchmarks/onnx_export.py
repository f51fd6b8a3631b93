"""A zoo network of convolutions, norms, pools, sums and a classifier as an ONNX file, weights zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

import convcalc


def save_onnx(name: str, path: Path) -> None:
    """Write the network of this name to a file."""
    graph = convcalc.load(name)
    nodes: list[Any] = []
    arrays: list[Any] = []

    def array(node: str, part: str, *shape: int) -> str:
        arrays.append(numpy_helper.from_array(np.zeros(shape, np.float32), f"{node}.{part}"))
        return f"{node}.{part}"

    for node in graph.nodes:
        layer: Any = node.layer
        inputs = [graph.nodes[edge.node].name for edge in node.inputs]

        def add(kind: str, operands: list[str], name: str = node.name, **attributes: Any) -> None:
            nodes.append(helper.make_node(kind, operands, [name], name, **attributes))

        match node.op:
            case "input":
                continue
            case "conv":
                shape = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
                pads = [before for before, _ in layer.padding] + [after for _, after in layer.padding]
                weight = array(node.name, "weight", *shape)
                add("Conv", [*inputs, weight], strides=layer.stride, pads=pads, group=layer.groups)
            case "bn":
                parts = [array(node.name, part, layer.channels) for part in ("scale", "B", "mean", "var")]
                add("BatchNormalization", [*inputs, *parts])
            case "relu" | "add":
                add(node.op.capitalize(), inputs)
            case "maxpool":
                pads = [before for before, _ in layer.padding] + [after for _, after in layer.padding]
                add("MaxPool", inputs, kernel_shape=layer.kernel, strides=layer.stride, pads=pads)
            case "globalavgpool" | "adaptiveavgpool":
                add("GlobalAveragePool", inputs)
            case "flatten":
                add("Flatten", inputs)
            case "linear":
                weight = array(node.name, "weight", layer.out_features, layer.in_features)
                add("Gemm", [*inputs, weight, array(node.name, "bias", layer.out_features)], transB=1)
            case op:
                raise ValueError(f"{op} has no ONNX form here")
    (start,) = graph.inputs
    (end,) = graph.outputs
    values = [
        helper.make_tensor_value_info(
            graph.nodes[index].name, onnx.TensorProto.FLOAT, [1, *graph.nodes[index].outputs[0]]
        )
        for index in (start, end.node)
    ]
    model = helper.make_model(helper.make_graph(nodes, name, values[:1], values[1:], arrays))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))

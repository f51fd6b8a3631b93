"""A zoo network as an ONNX model, for other tools and for ONNX's own evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

import convcalc
from convcalc.graph import Graph, Node

ELEMENTWISE = {"relu": "Relu", "add": "Add", "mul": "Mul", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def save_onnx(name: str, path: Path) -> None:
    """Write the network of this name to a file, its weights zero."""
    onnx.save(onnx_model(convcalc.load(name)), str(path))


def onnx_model(graph: Graph, weights: Mapping[str, np.ndarray] | None = None) -> Any:
    """The graph as a checked ONNX model.

    Args:
        graph: convolutions, norms, pools, activations, sums, concatenation, resizing, classifiers.
        weights: arrays by name; zeros if not given.

    Raises:
        ValueError: a layer has no ONNX form here.
    """
    exporter = _Exporter(graph, weights)
    for node in graph.nodes:
        if node.op != "input":
            exporter.add(node)
    values = [
        helper.make_tensor_value_info(
            graph.nodes[index].name, onnx.TensorProto.FLOAT, [1, *graph.nodes[index].outputs[0]]
        )
        for index in (*graph.inputs, *(edge.node for edge in graph.outputs))
    ]
    ins = len(graph.inputs)
    body = helper.make_graph(exporter.nodes, graph.name, values[:ins], values[ins:], exporter.arrays)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def sides(padding: Any) -> list[int]:
    """Padding as ONNX writes it: all befores, then all afters."""
    return [before for before, _ in padding] + [after for _, after in padding]


class _Exporter:
    def __init__(self, graph: Graph, weights: Mapping[str, np.ndarray] | None) -> None:
        self.graph = graph
        self.weights = weights
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        self.arrays.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def array(self, node: str, part: str, *shape: int) -> str:
        name = f"{node}.{part}"
        values = np.zeros(shape, np.float32) if self.weights is None else self.weights[name]
        return self.constant(name, values)

    def add(self, node: Node) -> None:
        layer: Any = node.layer
        inputs = [self.graph.nodes[edge.node].name for edge in node.inputs]
        shape = self.graph.input_shapes(node)[0]

        def make(kind: str, operands: list[str], **attributes: Any) -> None:
            self.nodes.append(helper.make_node(kind, operands, [node.name], node.name, **attributes))

        match node.op:
            case "conv" | "dwconv":
                weight = (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
                operands = [*inputs, self.array(node.name, "weight", *weight)]
                if layer.bias:
                    operands.append(self.array(node.name, "bias", layer.out_channels))
                make(
                    "Conv",
                    operands,
                    kernel_shape=layer.kernel,
                    strides=layer.stride,
                    pads=sides(layer.padding),
                    dilations=layer.dilation,
                    group=layer.groups,
                )
            case "bn":
                parts = ("weight", "bias", "running_mean", "running_var")
                operands = [self.array(node.name, part, layer.channels) for part in parts]
                make("BatchNormalization", [*inputs, *operands], epsilon=layer.eps)
            case "relu6":
                low = self.constant(f"{node.name}.low", np.float32(0))
                make("Clip", [*inputs, low, self.constant(f"{node.name}.high", np.float32(6))])
            case "maxpool":
                make(
                    "MaxPool",
                    inputs,
                    kernel_shape=layer.kernel,
                    strides=layer.stride,
                    pads=sides(layer.padding),
                    ceil_mode=int(layer.ceil),
                )
            case "adaptiveavgpool" if tuple(layer.size) == shape[1:]:
                make("Identity", inputs)
            case "globalavgpool" | "adaptiveavgpool":
                if node.op == "adaptiveavgpool" and any(n != 1 for n in layer.size):
                    raise ValueError(f"{node.name}: no ONNX operator pools to {layer.size}")
                make("GlobalAveragePool", inputs)
            case "upsample":
                if layer.mode not in ("linear", "nearest"):
                    raise ValueError(f"{node.name}: {layer.mode} has no ONNX form here")
                sizes = self.constant(f"{node.name}.sizes", np.array([1, *node.outputs[0]], np.int64))
                how = "align_corners" if layer.align_corners else "half_pixel"
                how = how if layer.mode == "linear" else "asymmetric"
                more = {} if layer.mode == "linear" else {"nearest_mode": "floor"}
                make(
                    "Resize",
                    [*inputs, "", "", sizes],
                    mode=layer.mode,
                    coordinate_transformation_mode=how,
                    **more,
                )
            case "concat":
                make("Concat", inputs, axis=layer.axis + 1)
            case "dropout" | "identity":
                make("Identity", inputs)
            case "flatten":
                make("Flatten", inputs)
            case "linear":
                operands = [
                    *inputs,
                    self.array(node.name, "weight", layer.out_features, layer.in_features),
                ]
                if layer.bias:
                    operands.append(self.array(node.name, "bias", layer.out_features))
                make("Gemm", operands, transB=1)
            case op if op in ELEMENTWISE:
                make(ELEMENTWISE[op], inputs)
            case op:
                raise ValueError(f"{op} has no ONNX form here")

"""Out and in again: an exported model reads back to the same layers, names, edges and arrays."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import convcalc
from convcalc.exporters.errors import ExportError
from convcalc.exporters.onnx.export import to_onnx
from convcalc.graph import Edge, Graph
from convcalc.layers import lookup
from convcalc.layers.windows.conv import Conv, DepthwiseConv
from convcalc.layers.windows.window import resolved
from tests.exporters.onnx_zoo import FAMILIES
from tests.verification.corpus import CORPUS

SHAPES_ALONE = ("flatten", "reshape")
"""Which of these it was, an operator of ONNX does not say where both are the same."""


def same_values(one: Any, other: Any) -> bool:
    """Options are equal; numbers to 32 bits, which are what ONNX holds."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_values, one, other))
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-30)
    return bool(one == other)


def one_form(layer: Any, shape: Any, out: Any) -> Any:
    """A layer as ONNX has it: padding in numbers, of padded axes; depthwise where a group is a channel."""
    if layer.op == "pad":
        axes = layer.axis or range(len(shape) - len(layer.padding), len(shape))
        sides = {axis: side for axis, side in zip(axes, layer.padding, strict=True) if side != (0, 0)}
        return replace(layer, axis=tuple(sides), padding=tuple(sides.values()))
    if layer.op in ("adaptiveavgpool", "adaptivemaxpool") and set(layer.size) == {1}:
        return lookup(layer.op.replace("adaptive", "global")).create((shape,), {})
    if layer.op not in ("conv", "dwconv", "convT", "maxpool", "avgpool"):
        return layer
    dilation = getattr(layer, "dilation", (1,) * len(layer.kernel))
    if layer.op == "convT":
        if not any(isinstance(side, str) for side in layer.padding):
            return layer
        axes = zip(shape[1:], out[1:], layer.kernel, layer.stride, dilation, strict=True)
        over = [(n - 1) * s + d * (k - 1) + 1 - m for n, m, k, s, d in axes]
        return replace(layer, padding=tuple((n // 2, n - n // 2) for n in over))
    given = layer.padding, shape[1:], layer.kernel, layer.stride, dilation
    layer = replace(layer, padding=tuple((int(a), int(b)) for a, b in resolved(*given)))
    if layer.op in ("conv", "dwconv"):
        held = {field.name: getattr(layer, field.name) for field in fields(layer)}
        return (DepthwiseConv if 1 < layer.groups == layer.in_channels else Conv)(**held)
    return layer


def plain(graph: Graph) -> dict[str, tuple[Any, ...]]:
    """What is compared, by name: identities passed over, and the names of what is read."""
    names: dict[Edge, str] = {}
    found: dict[str, tuple[Any, ...]] = {}
    read = {edge for node in graph.nodes for edge in node.inputs} | set(graph.outputs)
    for index, node in enumerate(graph.nodes):
        inputs = [names[edge] for edge in node.inputs]
        for output in range(len(node.outputs)):
            names[Edge(index, output)] = f"{node.name} {output}" if node.op != "identity" else inputs[0]
        unread = not any(Edge(index, output) in read for output in range(len(node.outputs)))
        if node.op == "identity" or (unread and not node.layer.arrays(graph.input_shapes(node))):
            continue
        shapes = node.outputs[:1] if node.op == "maxpool" else node.outputs
        shape = graph.input_shapes(node)[0] if node.inputs else ()
        alike = node.op in SHAPES_ALONE and getattr(node.layer, "order", "first") == "first"
        if node.op == "permute":  # of axes of one entry it is a reshape
            moved = [axis for axis in node.layer.order if shape[axis] != 1]
            alike = moved == sorted(moved)
        found[node.name] = (None if alike else one_form(node.layer, shape, node.outputs[0]), inputs, shapes)
    return found


def differences(graph: Graph, folder: Path) -> list[str]:
    weights = convcalc.init_weights(graph, 1)
    path = folder / "network.onnx"
    onnx.save(to_onnx(graph, weights), path)
    again = convcalc.load(path)
    faults = []
    one, other = plain(graph), plain(again)
    faults += [f"{name} is missing" for name in one if name not in other]
    faults += [f"{name} is new" for name in other if name not in one]
    for name in one.keys() & other.keys():
        (layer, *rest), (layer2, *rest2) = one[name], other[name]
        if rest != rest2:
            faults.append(f"{name} {rest}: {rest2}")
        elif layer is not layer2 and (
            layer is None
            or layer2 is None
            or layer.op != layer2.op
            or not all(same_values(getattr(layer, f), getattr(layer2, f)) for f in layer.__dataclass_fields__)
        ):
            faults.append(f"{name}: {layer}: {layer2}")
    if not faults:
        assert again.weights is not None or not weights
        for key, array in weights.items():
            assert again.weights is not None
            if not np.array_equal(array, again.weights[key]):
                faults.append(f"{key} differs")
    return faults


SMALL = ("lenet5", "resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "unet", "crnn", "deit_tiny_patch16_224")


@pytest.mark.parametrize("name", SMALL)
def test_networks(name: str, tmp_path: Path) -> None:
    assert differences(convcalc.load(name), tmp_path)[:3] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_each_family(name: str, tmp_path: Path) -> None:
    assert differences(convcalc.load(name), tmp_path)[:3] == []


@pytest.mark.parametrize("spec", CORPUS)
def test_totals_of_layers(spec: str, tmp_path: Path) -> None:
    """Parameters, MACs and output shapes of what reads back are those that went out."""
    graph = convcalc.load(spec)
    if len(graph.outputs) == 1:
        graph = graph.part(graph.outputs[0])  # what no output reads is not read back
    try:
        model = to_onnx(graph, convcalc.init_weights(graph))
    except ExportError:
        return
    onnx.save(model, tmp_path / "network.onnx")
    again = convcalc.load(tmp_path / "network.onnx")
    one, other = convcalc.analyze(graph).totals, convcalc.analyze(again).totals
    assert (one.params, one.macs) == (other.params, other.macs)
    assert tuple(graph.named_outputs().values()) == tuple(again.named_outputs().values())

"""What the files of PyTorch's newer exporter say of the modules they were made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import convcalc
from convcalc.calculators.check.limits import LimitError
from tests.importers.onnx.models import graph_of, model_of, opaque, ours, theirs

SCOPES = "pkg.torch.onnx.name_scopes"
KIND = "pkg.torch.export.graph_signature.InputSpec.kind"


def node(op: str, inputs: list[str], output: str, module: str, rule: str = "", **more: Any) -> Any:
    """A node of a module, as the exporter marks it."""
    made = helper.make_node(op, inputs, [output], name=f"node_{output}", **more)
    made.metadata_props.add(key=SCOPES, value=repr(["", *([module] if module else []), output]))
    if rule:
        made.metadata_props.add(key="pkg.onnxscript.rewriter.rule_name", value=rule)
    return made


def floats(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_a_module_that_is_one_node_has_its_own_name(tmp_path: Path) -> None:
    """A norm that was folded into a convolution leaves its name on it; the weight knows better."""
    nodes = [
        node("Conv", ["x", "conv1.weight", "b"], "n", "bn1", "FuseBatchNormIntoConv"),
        node("Relu", ["n"], "r", "act"),
        node("Sigmoid", ["r"], "s", "block"),
        node("Tanh", ["s"], "t", "block.act"),
        node("Exp", ["t"], "e", "twice"),
        node("Softplus", ["e"], "p", "twice"),
        node("Abs", ["p"], "y", ""),
    ]
    graph = graph_of(
        model_of(nodes, {"x": (1, 3, 8, 8)}, {"conv1.weight": floats(4, 3, 3, 3), "b": floats(4)}, ["y"]),
        tmp_path,
    )
    assert [one.name for one in graph.nodes] == [
        "x", "conv1", "act", "block.sigmoid", "block.act", "twice.exp", "twice.softplus", "abs",
    ]  # fmt: skip


def test_buffers_and_constants_are_no_parameters(tmp_path: Path) -> None:
    """The exporter says of each array what it is to the module; of its own constants, nothing."""
    nodes = [
        helper.make_node("Add", ["x", "mask"], ["a"]),
        helper.make_node("Mul", ["a", "gain"], ["b"]),
        helper.make_node("Div", ["b", "val_7"], ["y"]),
    ]
    arrays = {"mask": floats(4, 4), "gain": floats(1), "val_7": np.full((1,), 8, np.float32)}
    made = model_of(nodes, {"x": (1, 3, 4, 4)}, arrays, ["y"])
    plain = convcalc.analyze(graph_of(made, tmp_path)).totals
    assert plain.params == 18  # as another exporter's file has to be read
    made.producer_name = "pytorch"
    for name, shape, kind in (("mask", (4, 4), "BUFFER"), ("gain", (1,), "PARAMETER")):
        info = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        info.metadata_props.add(key=KIND, value=kind)
        made.graph.value_info.append(info)
    graph = graph_of(made, tmp_path)
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.buffers) == (1, 16)
    x = floats(1, 3, 4, 4)
    (found,) = ours(graph, [x]).values()
    np.testing.assert_allclose(found, theirs(made, {"x": x})[0], rtol=1e-6)


def test_what_reads_the_largest_entries_is_counted(tmp_path: Path) -> None:
    """Their number is in the file, and so is the shape."""
    nodes = [
        helper.make_node("TopK", ["x", "k"], ["v", "i"], name="top", axis=1),
        helper.make_node("Gemm", ["v", "w"], ["y"], name="fc"),
    ]
    arrays = {"k": np.array([5], np.int64), "w": floats(5, 7)}
    graph = graph_of(model_of(nodes, {"x": (1, 8)}, arrays, ["y"]), tmp_path)
    assert opaque(graph) == ["top"]
    assert graph.shape(graph.outputs[0]) == (7,)
    assert convcalc.analyze(graph).totals.params == 35


def test_the_largest_along_the_batch_stay_unknown(tmp_path: Path) -> None:
    nodes = [helper.make_node("TopK", ["x", "k"], ["y", "i"], name="top", axis=0)]
    graph = graph_of(model_of(nodes, {"x": (4, 8)}, {"k": np.array([2], np.int64)}, ["y"]), tmp_path)
    assert opaque(graph) == ["top"]


def test_a_resolution_is_found_for_an_input_of_any_size(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], name="c", pads=[1, 1, 1, 1])]
    made = model_of(nodes, {"x": ("n", 3, "h", "w_")}, {"w": floats(4, 3, 3, 3)}, ["y"])
    path = tmp_path / "any.onnx"
    path.write_bytes(made.SerializeToString())
    answer = convcalc.fit(path, {"resolution": "32..256:32"}, {"max_macs": 108 * 100 * 100})
    assert answer.best is not None
    assert answer.best.value == 96  # 108 a pixel


def test_a_limit_on_what_is_not_known_names_the_operator(tmp_path: Path) -> None:
    nodes = [helper.make_node("Atan", ["x"], ["y"], name="odd")]
    path = tmp_path / "odd.onnx"
    path.write_bytes(model_of(nodes, {"x": (1, 3, 8, 8)}, {}, ["y"]).SerializeToString())
    with pytest.raises(LimitError, match="odd is Atan, which is not known here"):
        convcalc.fit(path, {"resolution": "8..16"}, {"max_macs": "1G"})


@pytest.mark.parametrize("op, groups, shape", [("Conv", 2, (4, 3, 3, 3)), ("ConvTranspose", 2, (6, 2, 3, 3))])
def test_channels_that_are_a_letter_are_those_of_the_convolution(
    op: str, groups: int, shape: tuple[int, ...], tmp_path: Path
) -> None:
    nodes = [helper.make_node(op, ["x", "w"], ["y"], name="c", group=groups)]
    made = model_of(nodes, {"x": ("n", "num_channels", "height", "width")}, {"w": floats(*shape)}, ["y"])
    graph = graph_of(made, tmp_path)
    assert opaque(graph) == []
    assert graph.shape(graph.outputs[0])[0] == 4
    assert [str(size) for size in graph.nodes[0].outputs[0]] == ["6", "H", "W"]
    x = floats(1, 6, 8, 9)
    (found,) = ours(graph_of(made, tmp_path, input={"x": (6, 8, 9)}), [x]).values()
    np.testing.assert_allclose(found, theirs(made, {"x": x})[0], rtol=1e-4, atol=1e-5)

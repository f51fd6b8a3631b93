"""Whole networks: the nine inside the onnx package, held against ONNX Runtime, and sizes as letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from convcalc.calculators.count.report import analyze
from convcalc.importers.onnx import read
from tests.importers.onnx.every_tensor import compared
from tests.importers.onnx.models import close, graph_of, model_of, opaque, ours, theirs

LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("light_*.onnx"))


LARGE = ("vgg19", "alexnet", "zfnet", "resnet50")  # seconds each


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] * any(word in path.stem for word in LARGE), id=path.stem)
        for path in LIGHT
    ],
)
def test_a_network_gives_what_onnx_runtime_gives(path: Path) -> None:
    graph = read(path)
    assert not opaque(graph)
    model = onnx.load(path)
    shape = graph.nodes[graph.inputs[0]].outputs[0]
    x = np.random.default_rng(0).random((1, *shape), np.float32)
    arrays = {array.name for array in model.graph.initializer}
    name = next(info.name for info in model.graph.input if info.name not in arrays)
    expected = theirs(model, {name: x})
    for own, other in zip(ours(graph, [x]).values(), expected, strict=True):
        assert close(own, other)


def test_sizes_go_through_their_arithmetic_as_letters(tmp_path: Path) -> None:
    """Half of both sizes, by Shape, Slice, Mul and Resize, as PyTorch's exporter writes it."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "two", "four"], ["sizes"]),
        helper.make_node("Mul", ["sizes", "factor"], ["twice"]),
        helper.make_node("Concat", ["head", "twice"], ["target"], axis=0),
        helper.make_node("Resize", ["x", "", "", "target"], ["y"], mode="nearest",
                         coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        helper.make_node("Conv", ["y", "w"], ["z"], pads=[1, 1, 1, 1], strides=[2, 2]),
    ]  # fmt: skip
    arrays = {
        "two": np.array([2]), "four": np.array([4]), "factor": np.array([3]), "head": np.array([1, 3]),
        "w": np.zeros((8, 3, 3, 3), np.float32),
    }  # fmt: skip
    model = model_of(nodes, {"x": ("n", 3, "height", "width")}, arrays, ["z"])
    graph = graph_of(model, tmp_path)
    assert not opaque(graph)
    height, width = graph.shape(graph.outputs[0])[1:]
    assert [height.subs(H=n) for n in (1, 2, 3, 10)] == [2, 3, 5, 15]
    assert [width.subs(W=n) for n in (1, 2, 3, 7)] == [2, 3, 5, 11]
    numbers = graph_of(model, tmp_path, input=(3, 10, 7))
    assert numbers.shape(numbers.outputs[0]) == (8, 15, 11)
    again = graph.again({"x": (3, 10, 7)}, {})  # type: ignore[misc]
    assert again.shape(again.outputs[0]) == (8, 15, 11)


def test_a_branch_is_taken_by_its_condition(tmp_path: Path) -> None:
    branches = {}
    for op in ("Relu", "Sigmoid"):
        graph = helper.make_graph(
            [helper.make_node(op, ["x"], [op])], op, [], [helper.make_empty_tensor_value_info(op)]
        )
        branches[op] = graph
    node = helper.make_node("If", ["c"], ["y"], then_branch=branches["Relu"], else_branch=branches["Sigmoid"])
    for condition, due in ((True, "relu"), (False, "sigmoid")):
        model = model_of([node], {"x": (1, 4)}, {"c": np.array(condition)}, ["y"])
        assert [layer.op for layer in graph_of(model, tmp_path).nodes] == ["input", due]


def test_what_no_layer_says_is_named_and_the_rest_counted(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="/stem/conv/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Atan", ["a"], ["b"], name="/stem/Atan"),
        helper.make_node("Conv", ["b", "v"], ["y"], name="/head/Conv", auto_pad="SAME_UPPER"),
    ]
    arrays = {"w": np.zeros((4, 3, 3, 3), np.float32), "v": np.zeros((5, 4, 3, 3), np.float32)}
    graph = graph_of(model_of(nodes, {"x": (1, 3, 8, 8)}, arrays, ["y"]), tmp_path)
    assert [node.name for node in graph.nodes] == ["x", "stem.conv", "stem.atan", "head"]
    assert opaque(graph) == ["stem.atan"]
    assert graph.shape(graph.outputs[0]) == (5, 8, 8)
    assert graph.notes == ("stem.atan: Atan is an operator that no layer here is",)
    assert analyze(graph).totals.params == 4 * 27 + 5 * 36


def test_an_attribute_that_nothing_means_is_refused_by_name(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    node.attribute.append(helper.make_attribute("slope", 0.5))
    graph = graph_of(model_of([node], {"x": (1, 4)}, {}, ["y"]), tmp_path)
    assert graph.notes == ("y: Relu has an attribute 'slope' that nothing here means",)


@pytest.mark.parametrize("name", ["squeezenet", "shufflenet", "inception_v1"])
def test_every_tensor_is_that_of_onnx_runtime(name: str) -> None:
    (path,) = (path for path in LIGHT if path.stem == f"light_{name}")
    x = np.random.default_rng(0).random((1, 3, 224, 224), np.float32)
    count, wrong = compared(path, x)
    # What each convolution writes and what follows it; arrays are ConstantOfShape in these files.
    assert count >= 2 * sum(node.op_type == "Conv" for node in onnx.load(path).graph.node)
    assert not wrong


def test_a_tensor_that_differs_would_be_seen(tmp_path: Path) -> None:
    """Weights are read of one file, and ONNX Runtime's tensors of another."""
    from tests.importers.onnx import every_tensor

    def model(value: float) -> onnx.ModelProto:
        nodes = [helper.make_node("Add", ["x", "b"], ["y"]), helper.make_node("Relu", ["y"], ["z"])]
        return model_of(nodes, {"x": (1, 3, 4)}, {"b": np.full((3, 4), value, np.float32)}, ["z"])

    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    onnx.save(model(1.0), one)
    onnx.save(model(1.5), other)
    x = np.zeros((1, 3, 4), np.float32)
    assert compared(one, x) == (2, [])
    theirs_of_other = every_tensor.everything(other, {"x": x})
    assert not close(theirs_of_other["y"], every_tensor.everything(one, {"x": x})["y"])


def test_the_command_line_runs_and_verifies_a_file(cli: Any, tmp_path: Path) -> None:
    """Without weights of its own: those of the file are run."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["y"], ["s"]),
        helper.make_node("Mul", ["y", "s"], ["z"]),
    ]
    arrays = {"w": rng.standard_normal((4, 3, 3, 3), np.float32)}
    model = model_of(nodes, {"x": ("n", 3, 5, 6)}, arrays, ["z"])
    path, x = tmp_path / "net.onnx", rng.standard_normal((2, 3, 5, 6), np.float32)
    onnx.save(model, path)
    np.save(tmp_path / "x.npy", x)
    done = cli("run", str(path), "--input-file", str(tmp_path / "x.npy"), "-o", str(tmp_path / "y.npy"))
    assert done.code == 0, done.err
    (expected,) = theirs(model, {"x": x})
    assert close(np.load(tmp_path / "y.npy"), expected)
    assert cli("verify", str(path)).code == 0

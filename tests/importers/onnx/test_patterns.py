"""Layers that exporters write in primitives: every way in the table is run beside ONNX Runtime."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

import convcalc
from convcalc.importers.onnx import patterns
from convcalc.importers.onnx.model import Model
from convcalc.importers.onnx.patterns import PATTERNS, Call, Pattern
from convcalc.importers.onnx.translate import translate
from convcalc.importers.onnx.wire import Wire

SHAPE = (1, 4, 6, 8)
LAYERS = {
    "Swish": "silu",
    "HardSwish": "hardswish",
    "HardSigmoid": "hardsigmoid",
    "Mish": "mish",
    "Softsign": "softsign",
    "Softplus": "softplus",
    "ThresholdedValue": "threshold",
    "Elu": "elu",
    "Tanhshrink": "tanhshrink",
    "Gelu": "gelu",
    "LeakyRelu": "leakyrelu",
    "PRelu": "prelu",
    "L2Normalization": "l2norm",
    "AxesNormalization": "ln",
    "RootMeanSquare": "rmsnorm",
    "GroupedNormalization": "gn",
}


def read(model: onnx.ModelProto, primitive: bool = False) -> Any:
    return translate(Model(Wire(model.SerializeToString(), "it.onnx")), primitive=primitive)


def layers(graph: Any) -> list[str]:
    return [node.layer.op for node in graph.nodes if node.layer.op != "input"]


def by_onnxruntime(model: onnx.ModelProto, x: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"x": x})[0]


def proven(model: onnx.ModelProto, shape: tuple[int, ...] = SHAPE) -> Any:
    """The graph of a model, whose output is that of ONNX Runtime."""
    graph = read(model)
    x = 3 * np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    wanted = by_onnxruntime(model, x)
    np.testing.assert_allclose(convcalc.execute(graph, x), wanted, rtol=1e-4, atol=1e-5)
    return graph


class Writer:
    """Operators of ONNX written out from a pattern."""

    def __init__(self, axes: tuple[int, ...], opset: int) -> None:
        self.axes, self.opset = axes, opset
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: dict[str, Any] = {}
        self.defined: dict[str, str] = {}

    def constant(self, value: Any) -> str:
        name = f"k{len(self.arrays)}"
        self.arrays[name] = np.asarray(value)
        return name

    def write(self, tree: Any, words: dict[str, Any]) -> str:
        if isinstance(tree, int | float):
            return self.constant(np.float32(tree))
        if isinstance(tree, str):
            if tree not in self.defined:
                found = words[tree]
                if isinstance(found, Call):
                    found = self.write(found, words)
                self.defined[tree] = found if isinstance(found, str) else self.constant(found)
            return self.defined[tree]
        inputs = [self.write(one, words) for one in tree.arguments]
        attributes = {}
        for key, value in tree.attributes:
            value = {"a": self.axes, "eps": 1e-3}.get(value, value)
            if key == "axes" and (tree.op == "ReduceSum" or self.opset >= 18):
                inputs.append(self.constant(np.array(value, np.int64)))
            else:
                attributes[key] = value
        name = f"v{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                tree.op, inputs, [name], name=f"/block/act/{tree.op}_{len(self.nodes)}", **attributes
            )
        )
        return name

    def model(self, shape: tuple[int, ...] = SHAPE) -> onnx.ModelProto:
        self.nodes[-1].output[0] = "y"
        values = [helper.make_tensor_value_info(name, 1, shape) for name in "xy"]
        arrays = [numpy_helper.from_array(array, name) for name, array in self.arrays.items()]
        graph = helper.make_graph(self.nodes, "g", values[:1], values[1:], arrays)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def ways(tree: Any) -> Iterator[Any]:
    """All ways in which a pattern can be written, its forms spelt out."""
    if not isinstance(tree, Call):
        yield tree
    elif tree.op[0].islower():
        for form in patterns._form(tree.op, tree.arguments):
            yield from ways(form)
    else:
        for arguments in itertools.product(*(list(ways(one)) for one in tree.arguments)):
            yield Call(tree.op, tuple(arguments), tree.attributes)


CASES = [
    pytest.param(pattern, way, id=f"{pattern.op}-{number}-{place}")
    for number, pattern in enumerate(PATTERNS)
    for place, way in enumerate(ways(patterns._parsed(pattern.text)))
]


@pytest.mark.parametrize(("pattern", "way"), CASES)
def test_every_way_is_the_layer_and_gives_the_same(pattern: Pattern, way: Call) -> None:
    draw = np.random.default_rng(1)
    for axes, opset in (((-1,), 17), ((1,), 18)):
        affine = (8,) if axes == (-1,) else (4, 1, 1)
        if pattern.op in ("PRelu", "GroupedNormalization"):
            affine = (4, 1, 1)
        writer = Writer(axes, opset)
        defined = {word: next(ways(patterns._parsed(text))) for word, text in pattern.defined.items()}
        words: dict[str, Any] = {
            "x": "x",
            "W": draw.standard_normal(affine).astype(np.float32),
            "B": draw.standard_normal(affine).astype(np.float32),
            "G": np.array([0, 2, -1]),
            "S": np.array(SHAPE),
            "K": np.ones(2, np.float32),
            "Z": np.zeros(2, np.float32),
            "eps_": np.float32(1e-3),
            "k_": np.float32(20 if pattern.op == "Softplus" else 0.1),
            "t_": np.float32(0.2),
            "v_": np.float32(-0.5),
        } | {word: spelt(tree, defined) for word, tree in defined.items()}
        writer.write(way, words)
        graph = proven(writer.model())
        assert layers(graph) == [LAYERS[pattern.op]]
        (node,) = (node for node in graph.nodes if node.layer.op != "input")
        assert node.name == "block.act"
        held = [name for name in ("W", "B") if name in writer.defined]
        assert convcalc.analyze(graph).totals.params == sum(words[name].size for name in held)


def spelt(tree: Any, defined: dict[str, Any]) -> Any:
    return next(ways(tree)) if isinstance(tree, Call) else tree


def silu(**more: Any) -> onnx.ModelProto:
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Mul", ["x", "s"], ["y"])]
    values = [helper.make_tensor_value_info(name, 1, SHAPE) for name in ("x", "y", *more.get("outputs", ()))]
    return helper.make_model(
        helper.make_graph(nodes + more.get("nodes", []), "g", values[:1], values[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


def test_as_it_stands() -> None:
    assert layers(read(silu())) == ["silu"]
    assert layers(read(silu(), primitive=True)) == ["sigmoid", "mul"]


def test_what_others_read_stays() -> None:
    assert layers(read(silu(outputs=["s"]))) == ["sigmoid", "mul"]
    more = helper.make_node("Relu", ["s"], ["z"])
    assert sorted(layers(read(silu(nodes=[more], outputs=["z"])))) == ["mul", "relu", "sigmoid"]


def test_what_a_branch_reads_stays() -> None:
    inner = helper.make_graph(
        [helper.make_node("Relu", ["s"], ["r"])], "b", [], [helper.make_tensor_value_info("r", 1, SHAPE)]
    )
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner),
    ]
    assert sorted(layers(read(silu(nodes=nodes, outputs=["z"])))) == ["mul", "relu", "sigmoid"]


NEARLY = {
    "another factor": ("Mul(x, Sigmoid(Mul(x, 1.702)))", {}),
    "another root": ("half_product(x, Add(Erf(Div(x, 1.4)), 1))", {}),
    "another slope": ("Mul(x, HardSigmoid(x, alpha=0.2, beta=0.5))", {}),
    "another bound": ("sixth(Clip(Add(x, 3), 0, 5))", {}),
    "another axis": (
        "over_root(d, Add(ReduceMean(square(d), axes=b, keepdims=1), eps_))",
        {"d": "Sub(x, mean(x))"},
    ),
    "another tensor": ("Mul(x, Sigmoid(Neg(x)))", {}),
    "another mean": ("over_root(d, Add(mean(square(x)), eps_))", {"d": "Sub(x, mean(x))"}),
    "a slope above 1": ("Max(x, Mul(x, 1.5))", {}),
}


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_nearly_the_same_is_not_taken_for_it(name: str) -> None:
    text, defined = NEARLY[name]
    writer = Writer((-1,), 17)
    words = {"x": "x", "eps_": np.float32(1e-3)}
    words |= {word: next(ways(patterns._parsed(other))) for word, other in defined.items()}
    tree = next(ways(patterns._parsed(text)))

    def other_axis(tree: Any) -> Any:
        if not isinstance(tree, Call):
            return tree
        attributes = tuple((key, (-2,) if value == "b" else value) for key, value in tree.attributes)
        return Call(tree.op, tuple(map(other_axis, tree.arguments)), attributes)

    writer.write(other_axis(tree), words)
    graph = proven(writer.model())
    assert len(layers(graph)) > 1
    assert not set(layers(graph)) & {"silu", "gelu", "hardswish", "hardsigmoid", "ln", "leakyrelu"}


def test_a_factor_of_another_shape_is_no_weight_of_the_norm() -> None:
    writer = Writer((-1,), 17)
    (tree,) = itertools.islice(
        ways(patterns._parsed("Add(Mul(over_root(d, Add(mean(square(d)), eps_)), W), B)")), 1
    )
    draw = np.random.default_rng(1)
    words: dict[str, Any] = {
        "x": "x",
        "eps_": np.float32(1e-3),
        "d": next(ways(patterns._parsed("Sub(x, mean(x))"))),
    }
    words |= {name: draw.standard_normal((6, 8)).astype(np.float32) for name in "WB"}
    writer.write(tree, words)
    graph = proven(writer.model())
    assert "ln" not in layers(graph)
    assert convcalc.analyze(graph).totals.params == 96


def test_groups_seen_in_another_shape_stay() -> None:
    writer = Writer((-1,), 17)
    tree = next(ways(patterns._parsed("Reshape(grouped(x), S)")))
    words: dict[str, Any] = {"x": "x", "G": np.array([0, 2, -1]), "S": np.array([1, 4, 8, 6])}
    words |= {"K": np.ones(2, np.float32), "Z": np.zeros(2, np.float32)}
    writer.write(tree, words)
    model = writer.model()
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", 1, (1, 4, 8, 6)))
    assert "gn" not in layers(proven(model))


def test_many_nodes_take_time_in_step_with_their_number() -> None:
    nodes = []
    for number in range(3000):
        nodes.append(helper.make_node("Mul", [f"x{number}", f"x{number}"], [f"x{number + 1}"]))
    values = [helper.make_tensor_value_info(name, 1, SHAPE) for name in ("x0", "x3000")]
    model = helper.make_model(
        helper.make_graph(nodes, "g", values[:1], values[1:]), opset_imports=[helper.make_opsetid("", 17)]
    )
    found = Model(Wire(model.SerializeToString(), "it.onnx")).graph
    assert len(patterns.recognised(found.nodes, {}, ["x3000"])) == 3000

"""Every question takes a graph, a text, a path or a name; every result says in a line what it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import convcalc

LINE = "input 2x9x9 | conv 4 k3 d2 | convT 2 k4 s2 p1"
QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "analyze": lambda spec: convcalc.analyze(spec).to_dict(),
    "receptive_field": lambda spec: convcalc.receptive_field(spec).to_dict(),
    "check_padding": lambda spec: convcalc.check_padding(spec).to_dict(),
    "check_transposed": lambda spec: [one.to_dict() for one in convcalc.check_transposed(spec)],
    "resolutions": lambda spec: [one.to_dict() for one in convcalc.resolutions(spec)],
    "judge_network_dilations": lambda spec: [one.to_dict() for one in convcalc.judge_network_dilations(spec)],
    "check": lambda spec: convcalc.check(spec, max_params=10).to_dict(),
    "compare": lambda spec: convcalc.compare(spec, spec).to_dict(),
    "variants": lambda spec: convcalc.variants(spec, layer="conv1").to_dict(),
    "explain": lambda spec: convcalc.explain(spec).to_dict(),
    "coverage": lambda spec: convcalc.coverage(spec).to_dict(),
    "execute": lambda spec: convcalc.execute(spec, np.ones((1, 2, 9, 9))).tolist(),
    "run": lambda spec: convcalc.run(spec).to_dict(),
    "init_weights": lambda spec: {name: a.tolist() for name, a in convcalc.init_weights(spec).items()},
    "verify": lambda spec: convcalc.verify(spec).to_dict(),
}
NAMED = {"name", "networks"}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_text_a_path_and_a_graph_are_one(question: str, tmp_path: Path) -> None:
    page = tmp_path / "net.txt"
    page.write_text(LINE, encoding="utf-8")
    ask = QUESTIONS[question]
    wanted = ask(convcalc.load(LINE))
    for spec in (LINE, page, str(page)):
        assert without_name(ask(spec)) == without_name(wanted)


def without_name(found: Any) -> Any:
    return {k: v for k, v in found.items() if k not in NAMED} if isinstance(found, dict) else found


def test_a_name_of_the_zoo_and_shapes_beside_it() -> None:
    assert convcalc.analyze("resnet18").totals.params == 11_689_512  # torchvision
    assert convcalc.analyze("conv width k1 bias=false", input="3x8x8", set={"width": 5}).totals.params == 15
    assert convcalc.receptive_field("conv 4 k3", input="3xHxW").output.size == (3, 3)
    assert convcalc.draw("conv 1 k3", input="1x5x5").kind == "convolution"
    assert (
        convcalc.load_weights(LINE, convcalc.init_weights(LINE)).keys() == convcalc.init_weights(LINE).keys()
    )


def test_what_is_neither_or_too_much_is_refused() -> None:
    graph = convcalc.load(LINE)
    for more in ({"input": "2x9x9"}, {"set": {"n": 1}}):
        for ask in (convcalc.analyze, convcalc.receptive_field, convcalc.verify, convcalc.check_padding):
            with pytest.raises(ValueError, match="a graph has its own already"):
                ask(graph, **more)
        with pytest.raises(ValueError, match="all of these are graphs"):
            convcalc.compare(graph, graph, **more)
    with pytest.raises(TypeError, match="expected a graph or a spec"):
        convcalc.analyze(42)
    with pytest.raises(convcalc.SpecError, match="nothing here"):
        convcalc.analyze("nothing here")


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: convcalc.load("resnet18"), "<Graph ResNet-18: 69 layers, 3x224x224 -> 1000>"),
        (lambda: convcalc.analyze("resnet18"), "<Report ResNet-18: 11,689,512 parameters, 1.81 G MACs>"),
        (
            lambda: convcalc.analyze("conv 2 k1 bias=false", input="3xHxW"),
            "<Report conv 2 k1 bias=false: 6 parameters, 6*H*W MACs>",
        ),
        (
            lambda: convcalc.receptive_field("conv 2 k3 p1", input="3x8x8"),
            "<ReceptiveField conv 2 k3 p1: field 3, stride 1, padding 1>",
        ),
        (
            lambda: convcalc.judge_dilations([2, 2, 2]),
            "<DilationJudgement rates 2 2 2: holes, 49 of 169 pixels>",
        ),
        (
            lambda: convcalc.check_padding("conv 2 k3", input="3x8x8"),
            "<PaddingReport conv 2 k3: 1 layer, 1 finding>",
        ),
        (lambda: convcalc.check("resnet18", max_params="12M"), "<Check ResNet-18: holds 1 limit>"),
        (lambda: convcalc.solve_padding(3), "<PaddingSolution padding 1>"),
    ],
)  # fmt: skip
def test_a_result_in_one_line(make: Callable[[], Any], line: str) -> None:
    assert repr(make()) == line


def test_every_result_has_a_short_line() -> None:
    """None prints arrays, or one line a layer."""
    results = [
        convcalc.compare(LINE, "resnet18"), convcalc.explain(LINE), convcalc.variants(LINE, layer="conv1"),
        convcalc.run(LINE), convcalc.coverage(LINE), convcalc.verify(LINE),
        convcalc.draw("conv 1 k3", input="1x8x8"), convcalc.solve_transposed(8, 16),
        convcalc.verify_random(2), convcalc.judge_network_dilations(LINE)[0],
        convcalc.analyze("resnet18").layers[0],
        convcalc.fit("vars: {n: 4}\ninput: 3x9x9\nlayers: [conv n k3]", {"n": "1..9"}, {"max_params": 100}),
    ]  # fmt: skip
    for result in results:
        text = repr(result)
        assert text.startswith(f"<{type(result).__name__} ") and text.endswith(">")
        assert len(text) < 200 and "\n" not in text


class Frame:
    """Stands in for ``pandas.DataFrame``: what it was made from."""

    def __init__(self, rows: list[list[Any]], columns: list[str]) -> None:
        self.rows, self.columns = rows, columns


def test_a_table_becomes_a_data_frame(monkeypatch) -> None:
    stub = ModuleType("pandas")
    stub.DataFrame = Frame  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stub)
    report = convcalc.analyze("conv 2 k1 bias=false | relu", input="3x4x4")
    found = report.to_dataframe("params")
    assert dict(zip(found.columns, found.rows[0], strict=True))["params"] == 6
    shapes = report.to_dataframe("shapes")
    assert dict(zip(shapes.columns, shapes.rows[0], strict=True))["output_shape"] == (2, 4, 4)
    assert report.table().to_dataframe().columns == [column.key for column in report.table().columns]
    fields = convcalc.receptive_field("conv 2 k3 s2", input="3xHxW").to_dataframe()
    assert len(fields.rows) == 1
    closed = convcalc.analyze("conv 2 k1", input="3xHxW").to_dataframe("flops")
    assert dict(zip(closed.columns, closed.rows[0], strict=True))["macs"] == "6*H*W"


def test_without_pandas_it_is_said_what_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        convcalc.analyze("conv 2 k1", input="3x4x4").to_dataframe()


TWO = "input: 3x8x8\nlayers:\n  - conv 4 k3 id=a\n  - conv 2 k3 id=b\noutputs: [a, b]\n"


def test_outputs_are_named_in_every_report() -> None:
    report = convcalc.analyze(TWO)
    assert report.outputs == {"a": (4, 6, 6), "b": (2, 4, 4)}
    held = report.to_dict()["outputs"]
    assert held == [{"name": "a", "shape": [4, 6, 6]}, {"name": "b", "shape": [2, 4, 4]}]
    for view in ("summary", "params", "flops", "shapes", "memory"):
        facts = dict(report.table(view).facts)
        assert (facts["output a"], facts["output b"]) == ("4x6x6", "2x4x4")
    assert not any(name.startswith("output") for name, _ in convcalc.analyze("resnet18").table().facts)
    assert list(convcalc.run(TWO).outputs) == list(report.outputs)


def test_the_name_of_a_block_means_its_last_layer() -> None:
    graph = convcalc.load("inception_v3")
    last = [node.name for node in graph.nodes if node.name.startswith("inception_a1.")][-1]
    assert graph.nodes[graph.find("inception_a1").node].name == last
    fields = convcalc.receptive_field(graph)
    assert fields.of("inception_a1")[0].to_dict() == fields.of(last)[0].to_dict()
    assert convcalc.explain(graph, layer="inception_a1").sections[0].name == last
    small = convcalc.load("input 3x8x8 | conv_bn(4, k=3) id=block | relu")
    x = np.ones((1, 3, 8, 8))
    kept = convcalc.execute(small, x, keep=["block"])["block"]
    ending = [node.name for node in small.nodes if node.name.startswith("block.")][-1]
    assert np.array_equal(kept, convcalc.execute(small, x, keep=ending)[ending])
    with pytest.raises(ValueError, match=r"is no convolution but relu; did you mean block\.conv1\?"):
        convcalc.variants(small, layer="block")
    with pytest.raises(LookupError, match="inception_z"):
        graph.find("inception_z")

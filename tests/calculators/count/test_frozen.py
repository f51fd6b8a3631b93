"""Frozen parameters: what is said of a layer, a block or a group, and what the reports make of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.count import counts as counting
from convcalc.executor.counting import count
from convcalc.exporters.text import format_graph
from convcalc.verification.run import verify

DOCUMENT = """
vars: {fix: true}
input: 3x8x8
blocks:
  unit(out): [conv out k3 p1, bn, relu]
layers:
  - unit(4, frozen=fix)
  - group: stem
    frozen: true
    body: [conv 4 k3 p1, conv 4 k3 p1 frozen=false]
  - conv 2 k1 bias=false
"""
UNIT, INNER, LAST = 3 * 4 * 9 + 4 + 2 * 4, 4 * 4 * 9 + 4, 2 * 4  # by hand
BY_NAME = {
    "unit1.conv1": 112, "unit1.bn1": 8, "unit1.relu1": 0, "stem.conv1": INNER, "stem.conv2": 0, "conv1": 0,
}  # fmt: skip


def totals(spec: str, **given: Any) -> tuple[Any, Any, Any]:
    found = convcalc.analyze(convcalc.load(spec, **given)).totals
    return found.params, found.trainable, found.frozen


def test_a_layer_a_block_and_a_group() -> None:
    rows = convcalc.analyze(convcalc.load(DOCUMENT)).layers
    assert {row.name: row.frozen for row in rows} == BY_NAME
    assert all(row.params == row.trainable + row.frozen for row in rows)
    assert totals(DOCUMENT) == (UNIT + 2 * INNER + LAST, INNER + LAST, UNIT + INNER)
    assert totals(DOCUMENT, set={"fix": "false"})[2] == INNER


def test_equal_layers_of_which_one_is_frozen() -> None:
    assert totals("input 4x8x8 | conv 4 k3 p1 | conv 4 k3 p1 frozen=true") == (2 * INNER, INNER, INNER)


@pytest.mark.parametrize(
    "line", ["conv 3->8 k3 frozen=true", "conv(3->8, k=3, frozen=true)", "Conv2d(3, 8, 3, frozen=true)"]
)
def test_every_way_to_write_it(line: str) -> None:
    if "->8, k" in line:
        line = "conv(out_channels=8, in_channels=3, kernel=3, frozen=true)"
    assert totals(line) == (224, 0, 224)


def test_letters() -> None:
    params, trainable, frozen = totals("conv M k=K frozen=true | conv 2 k1", input="CxHxW")
    assert str(params - trainable - frozen) == "0"
    assert str(frozen) == str(totals("conv M k=K", input="CxHxW")[0])


@given(st.lists(st.booleans(), min_size=1, max_size=6))
def test_text_reads_back(flags: list[bool]) -> None:
    line = " | ".join(f"conv 2 k1 frozen={str(flag).lower()}" for flag in flags)
    graph = convcalc.load(line, input="2x4x4")
    assert [node.frozen for node in graph.nodes[1:]] == flags
    again = convcalc.load(format_graph(graph))
    assert again.nodes == graph.nodes
    assert convcalc.analyze(again).totals.frozen == 6 * sum(flags)


def test_part_keeps_it() -> None:
    graph = convcalc.load(DOCUMENT)
    assert [n.frozen for n in graph.part(graph.find("unit1.bn1")).nodes] == [False, True, True]


def test_json_holds_it_always_and_tables_where_there_is_some() -> None:
    plain, some = (convcalc.analyze(convcalc.load(spec)) for spec in ("conv 3->8 k3", DOCUMENT))
    for data in (plain.to_dict(), some.to_dict()):
        assert {"trainable", "frozen"} <= data["totals"].keys()
        assert all({"trainable", "frozen"} <= row.keys() for row in data["layers"])
    keys = [[column.key for column in found.table("params").columns] for found in (plain, some)]
    assert "frozen" not in keys[0]
    assert {"trainable", "frozen"} <= set(keys[1])


def test_formula_against_execution() -> None:
    found = verify(convcalc.load(DOCUMENT))
    assert found.ok
    assert {c.quantity: c.executed for c in found.sums}["frozen"] == UNIT + INNER
    assert count(convcalc.load(DOCUMENT)).total("trainable") == INNER + LAST


def test_a_mistake_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = counting.count

    def wrong(*given: Any) -> Any:
        counts = right(*given)
        counts.trainable, counts.frozen = counts.params, 0
        return counts

    monkeypatch.setattr(counting, "count", wrong)
    assert {check.quantity for _, check in verify(convcalc.load(DOCUMENT)).differences()} == {
        "trainable", "frozen",
    }  # fmt: skip


def test_limits_and_comparison() -> None:
    graph = convcalc.load(DOCUMENT)
    assert convcalc.check(graph, {"max_trainable": INNER + LAST}).ok
    assert not convcalc.check(graph, {"max_trainable": INNER + LAST - 1}).ok
    lines = convcalc.compare(graph, convcalc.load(DOCUMENT, set={"fix": "false"}))
    assert lines["frozen"].differences == (0, -UNIT)
    assert lines["params"].differences == (0, 0)
    changes = convcalc.compare(graph, convcalc.load(DOCUMENT, set={"fix": "false"}), layers=True)
    assert [c.name for c in changes.differences[0].changes] == ["unit1.conv1", "unit1.bn1"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("conv 3->8 k3 frozen=3", "frozen: 3 is no switch"),
        ("conv 3->8 k3 frozen=maybe", "unknown name 'maybe'"),
        ("conv 3->8 k3 frozen=", "frozen= needs true or false"),
        ("input 3x8x8 frozen=true | relu", "an input has no parameters that could be frozen"),
        ("blocks: {'b(frozen)': conv 8 k3}\nlayers: [conv 8 k1]", "'frozen' is what every call takes"),
    ],
)
def test_what_is_refused(spec: str, message: str) -> None:
    with pytest.raises(convcalc.SpecError, match=message.replace("(", r"\(")):
        convcalc.load(spec)

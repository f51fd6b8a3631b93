"""What people write by mistake, and in other scripts than Latin: each is answered where it stands."""

from __future__ import annotations

import json

import jsonschema
import pytest

from convcalc import load
from convcalc.render import text
from convcalc.render.table import Column, Table
from convcalc.spec import SpecError
from convcalc.spec.document.schema import json_schema
from convcalc.spec.errors import Problem
from convcalc.spec.source import cells


def problem(spec: str, **settings: object) -> Problem:
    with pytest.raises(SpecError) as caught:
        load(spec, **settings)
    assert len(caught.value.problems) == 1, str(caught.value)
    return caught.value.problems[0]


def test_the_caret_counts_wide_characters_twice() -> None:
    shown, caret = str(problem("layers:\n  - {group: 日本, body: [conv 3->4 k3, bnn]}\n")).split("\n")[1:3]
    assert cells(caret[: caret.index("^")]) == cells(shown[: shown.index("bnn")])
    assert caret.count("^") == 3


def test_the_caret_is_as_wide_as_a_wide_token() -> None:
    assert str(problem("日本 | conv 3->4 k3")).split("\n")[2] == "    ^^"


def test_columns_stand_straight_under_wide_characters() -> None:
    table = Table(
        [Column("name", "name", str, "left", shrink=6), Column("n", "n", str)],
        [["日本.conv1", 1], ["ab", 22], ["e\u0301", 333]],
    )
    lines = text.render(table).splitlines()
    assert {cells(line) for line in lines} == {cells(lines[1])}
    narrow = text.render(table, width=12).splitlines()
    assert max(map(cells, narrow)) <= 12
    assert "…" in narrow[2]


@pytest.mark.parametrize(
    ("spec", "line", "column", "message", "expected"),
    [
        ("vars: &b {a: 3}\nlayers: [{let: {<<: *b}}]", 2, 17, "merge key", "let"),
        ("layers:\n\t- conv 3->4 k3\n", 2, 1, "no valid YAML", "tabs"),
        ("layers: [{repeat: n[0], body: relu}]", 1, 20, "no valid YAML", "quotes"),
        ("vars: {a: null}\nlayers: [conv 3->4 k3]", 1, 11, "no value", "none"),
        ("vars: {a: }\nlayers: [conv 3->4 k3]", 1, 11, "no value", "none"),
        ("vars: {a: []}\nlayers: ['conv 3->a[0] k3']", 2, 21, "an empty list has no items", None),
        ("notes: [a]\nlayers: [conv 3->4 k3]", 1, 8, "notes cannot be a list", "a text"),
        ("layers: [conv 3->4 k3, ' ']", 1, 24, "an empty item", "a layer"),
        ("layers:\n  - conv: {out: 64, k: 3}", 2, 5, "'conv' heads no structure", "- conv ARGUMENTS"),
        ("layers: [{branches: {a b: conv 3->4 k3}}]", 1, 22, "'a b' is no name", "letters"),
    ],
)
def test_a_common_slip_is_named(
    spec: str, line: int, column: int, message: str, expected: str | None
) -> None:
    found = problem(spec)
    assert message in found.message
    assert (found.line, found.column) == (line, column)
    assert expected is None or expected in (found.expected or "")


def test_an_empty_text_is_an_empty_branch() -> None:
    graph = load("layers: [conv 3->4 k3, {branches: {a: '', b: conv 4 k1}, merge: add}]")
    assert [node.op for node in graph.nodes if node.op != "input"] == ["conv", "conv", "add"]


@pytest.mark.parametrize(
    "document",
    [
        {"name": 2.5, "source": 2018, "notes": True, "layers": "conv 3->4 k3"},
        {"name": "x", "layers": ["conv 3->4 k3", {"branches": {"a": "", "b": None}}]},
    ],
)
def test_what_the_reader_accepts_the_schema_accepts(document: dict[str, object]) -> None:
    load(json.dumps(document))
    jsonschema.validate(document, json_schema())


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "notes": ["a"], "layers": "conv 3->4 k3"},
        {"vars": {"a": None}, "layers": "conv 3->4 k3"},
        {"layers": ["conv 3->4 k3", ""]},
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(document: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())
    with pytest.raises(SpecError):
        load(json.dumps(document))


def test_null_is_nothing_also_where_the_c_parser_of_yaml_reads_it() -> None:
    graph = load("layers:\n  - conv 3->4 k3\n  - {branches: {a: null, b: conv 4 k1, c: ~}}\n")
    assert graph.nodes[-1].outputs[0][0] == 12


def test_a_failed_split_costs_one_error() -> None:
    found = problem("input: 4x4x4\nlayers:\n - split 2 id=s\n - relu from=s.1 id=q\n - add from=[s.0, q]\n")
    assert "do not add up" in found.message


def test_of_several_inputs_one_must_be_named() -> None:
    found = problem("inputs: {a: 3x4x4, b: 3x4x4}\nlayers: [relu]")
    assert found.expected == "from=a"


def test_the_name_of_an_input_can_be_read_with_from() -> None:
    assert "'a b' is no name" in problem("inputs: {a b: 3x4x4}\nlayers: [relu]").message


def test_a_network_without_layers_names_its_file(tmp_path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("input: 3x4x4\nlayers: []\n")
    assert problem(str(path)).file == str(path)


@pytest.mark.parametrize(
    "layers",
    [
        "[conv 8 k9, relu from=conv1, bn | add with=relu1]",
        "[{when: x > 3, do: [conv 4 k1 id=q]}, relu from=q]",
        "[{repeat: x, body: {when: true, do: conv 4 k1 id=q}}, relu from=q]",
        "[{branches: {a: conv 4 k9, b: conv 4 k1}}, relu from=a.conv1]",
        "[{when: x, do: {group: g, body: conv 4 k1}}, relu from=g.conv1]",
    ],
)
def test_who_reads_what_failed_is_not_at_fault_too(layers: str) -> None:
    problem(f"input: 4x4x4\nlayers: {layers}")


def test_a_name_that_nobody_gives_is_told_beside_other_faults() -> None:
    with pytest.raises(SpecError) as caught:
        load("input: 4x4x4\nlayers: [{when: x, do: conv 4 k1 id=q}, relu from=r, relu from=q]")
    assert [p.message for p in caught.value.problems] == ["unknown name 'x'", "no tensor named 'r' so far"]

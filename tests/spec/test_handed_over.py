"""Texts that are handed to blocks: what is filled in, and whose names are meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc import Graph


def document(layers: list[Any], blocks: dict[str, Any] | None = None, **more: Any) -> str:
    return json.dumps({"input": "4x6x6", "blocks": blocks or {}, "layers": layers, **more})


def read(text: str) -> Graph:
    return convcalc.load(text)


def sources(graph: Graph) -> dict[str, list[str]]:
    return {node.name: [graph.nodes[edge.node].name for edge in node.inputs] for node in graph.nodes}


def error(text: str) -> str:
    with pytest.raises(convcalc.SpecError) as found:
        convcalc.load(text)
    return str(found.value)


# What stands in braces in a text


def test_a_text_is_filled_in_where_a_block_is_called() -> None:
    blocks = {"named(name)": ["conv 4 k1 id={name}"], "reads(what)": ["relu from={what}"]}
    body = ["named('own{b}', id=call{b})", "reads('call{b}.own{b}', id=r{b})"]
    graph = read(document([{"each": "b", "of": [3, 7], "body": body}], blocks))
    assert [node.name for node in graph.nodes][1:] == ["call3.own3", "r3.relu1", "call7.own7", "r7.relu1"]
    assert sources(graph)["r7.relu1"] == ["call7.own7"]


@given(
    st.lists(
        st.one_of(st.text("abcxyz_", max_size=3), st.integers(0, 99)).map(lambda part: (part, f"{part}")),
        min_size=1,
        max_size=5,
    )
)
def test_filling_in_is_joining(parts: list[tuple[Any, str]]) -> None:
    variables: dict[str, Any] = {f"v{i}": part or "z" for i, (part, _) in enumerate(parts)}
    written = "'n" + "".join(f"{{v{i}}}" for i in range(len(parts))) + "'"
    expected = "n" + "".join(str(value) for value in variables.values())
    blocks = {"named(name)": ["conv 4 k1 id={name}"]}
    graph = read(document([f"named({written}, id=call)"], blocks, vars=variables))
    assert graph.nodes[1].name == f"call.{expected}"


def test_an_expression_in_a_text_sees_what_the_call_sees() -> None:
    blocks = {"act(name)": ["$name"], "twice(w)": ["act('conv {2*w+in} k1')"]}
    graph = read(document(["twice(3)", {"let": {"w": 5}}, "act('conv {w} k{1 + 0}')"], blocks))
    assert [node.outputs[0][0] for node in graph.nodes[1:]] == [2 * 3 + 4, 5]


def test_texts_of_programs_stand_as_they_are() -> None:
    assert len(convcalc.load("Conv2D(8, 3, name='a{}{q}')", input="3x8x8").nodes) == 2
    assert "unknown value 'a{q}'" in error("nn.Conv2d(3, 8, 3, padding_mode='a{q}')")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'relu{q}'", "unknown name 'q'"),
        ("'relu{q+}'", "the expression ends too early"),
        ("'relu{1/2}'", "0.5 in a text"),
        ("'relu{[1]}'", "(1) in a text"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(text: str, message: str) -> None:
    assert message in error(document([f"conv_bn(4, act={text})"]))


def test_a_text_does_not_grow_without_end() -> None:
    variables = {"a0": "'xx'"} | {f"a{i}": f"'{{a{i - 1}}}{{a{i - 1}}}'" for i in range(1, 60)}
    assert "a text of more than 4000 characters" in error(document(["relu"], vars=variables))


# Whose names


def test_a_name_means_what_it_means_where_the_block_is_called() -> None:
    blocks = {"less(q)": ["relu id=a", "sub from=[a,{q}] id=less"]}
    graph = read(document(["sigmoid id=a", "tanh", "less('a', id=call)"], blocks))
    assert sources(graph)["call.less"] == ["call.a", "a"]


def test_a_name_may_be_handed_on() -> None:
    blocks = {
        "inner(q)": ["relu id=a", "relu id=b", "add from=[{q},b] id=end"],
        "outer(q)": ["tanh id=a", "inner(q, id=in1)", "inner('a', id=in2)", "inner('{q}', id=in3)"],
    }
    found = sources(read(document(["sigmoid id=a", "outer('a', id=out)"], blocks)))
    assert found["out.in1.end"] == ["a", "out.in1.b"]
    assert found["out.in2.end"] == ["out.a", "out.in2.b"]
    assert found["out.in3.end"] == ["a", "out.in3.b"]


def test_parts_and_lists_of_what_was_handed_over() -> None:
    blocks = {
        "parts(of)": ["split (1,3) id=s", "concat from=[{of}.1,s.0] id=end"],
        "all(names)": [
            "relu id=a",
            {"branches": [[], []], "from": ["{names[0]}", "{names[1]}"], "merge": "add"},
        ],
    }
    layers = [
        "split (3,1) id=s",
        "relu from=input id=a",
        "tanh id=b",
        "parts('s', id=p)",
        "all(['a', 'b'], id=l)",
    ]
    graph = read(document(layers, blocks))
    found = {node.name: node for node in graph.nodes}
    assert [(graph.nodes[edge.node].name, edge.output) for edge in found["p.end"].inputs] == [
        ("s", 1),
        ("p.s", 0),
    ]
    assert sources(graph)["l.add1"] == ["a", "b"]


def test_a_name_of_the_block_itself_is_found_where_the_call_has_none() -> None:
    blocks = {"own(q='x')": ["relu id=x", "tanh", "add with={q} id=end"]}
    assert sources(read(document(["own(id=call)"], blocks)))["call.end"] == ["call.tanh1", "call.x"]
    assert "no tensor named 'y' so far" in error(document(["own('y')"], blocks))


def test_a_state_may_be_called_as_the_cell_calls_a_gate() -> None:
    spec = "inputs: {x: 3, i: 5, f: 5}\nlayers: ['lstm_cell(5, state=''i'', cell=''f'', id=step) from=x']\n"
    found = sources(read(spec))
    assert found["step.from_state"] == ["i"]
    assert "f" in found["step.kept"]


# Weights


def shares(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {node.name: node.shares for node in graph.nodes if node.shares}


def test_whose_weights_may_depend_on_the_turn() -> None:
    blocks = {"mlp()": ["conv 4 k1 id=c"]}
    body = [
        "conv 4 k3 p1 id=t{i} share={none if i == 0 else 't0'}",
        "mlp(id=m{i}) share={none if i == 0 else 'm0'}",
    ]
    graph = read(document([{"repeat": 3, "each": "i", "body": body}], blocks))
    arrays = ("weight", "bias")
    assert shares(graph) == {
        f"{name}{i}{end}": tuple(f"{name}0{end}.{array}" for array in arrays)
        for i in (1, 2)
        for name, end in (("t", ""), ("m", ".c"))
    }
    assert convcalc.analyze(graph).totals.params == 4 * 4 * 9 + 4 + 4 * 4 + 4


def test_a_block_may_be_told_whose_weights_it_uses() -> None:
    blocks = {
        "encoded(whose=none)": ["relu", "conv 4 k1 id=c share={whose}"],
        "pair(whose=none)": ["encoded(id=c)", "encoded('{whose}' if whose != none else none, id=d)"],
    }
    graph = read(document(["encoded(id=c)", "encoded('c.c', id=two)", "pair('c.c', id=p)"], blocks))
    assert shares(graph)["two.c"] == ("c.c.weight", "c.c.bias")
    assert shares(graph)["p.d.c"] == ("c.c.weight", "c.c.bias")
    assert "p.c.c" not in shares(graph)


def test_a_layer_that_shares_nothing_is_frozen_or_not_as_it_says() -> None:
    graph = read(
        document(["relu share={none}", "conv 4 k1 share={none}", "conv 4 k1 share={none} frozen=true"])
    )
    assert [node.frozen for node in graph.nodes[1:]] == [False, False, True]


def test_a_range_of_names_is_no_one() -> None:
    message = error(document(["conv 4 k1 id=a0", "conv 4 k1 id=a1", "conv 4 k1 share=a{0..1}"]))
    assert "a range stands for several names" in message


def test_what_does_not_come_to_be_is_not_compared() -> None:
    blocks = {"b()": ["conv 4 k1"]}
    message = error(document(["b(id=one)", "relu3", "b(id=two) share=one"], blocks))
    assert "relu3" in message
    assert "missing" not in message


# Variables of the place of the call


def test_a_variable_of_the_call_is_no_variable_of_the_block() -> None:
    blocks = {
        "wider()": [{"group": "g", "body": ["conv wide k1"]}],
        "let()": {"let": {"o": "2*wide"}, "body": []},
    }
    for call, name in (("wider()", "wider"), ("let()", "let")):
        message = error(document([{"let": {"wide": 8}}, call], blocks))
        assert "unknown name 'wide'" in message
        assert f"in block '{name}'" in message
        assert "expected wide among the arguments" in message
    assert "among the arguments" not in error(document(["wider()"], blocks))
    assert "among the arguments" not in error(document([{"let": {"wide": 8}}, "conv wider k1"]))

"""Texts that YAML does not read as one: the error gives the quotes, and what it gives works."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc import load
from convcalc.graph import Graph
from convcalc.spec import SpecError
from convcalc.spec.document.quotes import quoted


def suggestion(text: str) -> tuple[str, str]:
    """The one error of a document, and the quoted text that it suggests."""
    with pytest.raises(SpecError) as caught:
        load(text)
    assert len(caught.value.problems) == 1, str(caught.value)
    found = re.search(r"quotes around all of it: (.*)\Z", caught.value.problems[0].expected or "")
    assert found is not None, str(caught.value)
    return str(caught.value), found.group(1)


def shapes(graph: Graph) -> list[object]:
    return [(node.name, node.op, node.outputs) for node in graph.nodes]


# A document by where the text stands in it: the text between < and > is written plain, then as suggested.
CONTEXTS = {
    "conv": [
        "layers: [<{}>]",
        "layers: [relu, <{}>, relu]",
        "layers:\n  - {repeat: 2, each: i, body: <{}>}",
        "layers:\n  - {body: <{}>, repeat: 2, each: i}",
        "layers:\n  - repeat: 2\n    each: i\n    body: [<{}>, relu]",
        "layers:\n  - {branches: {a: <{}>, b: [<{}>]}, merge: add}",
        "blocks: {b: <{}>}\nlayers: b",
        "blocks:\n  b: {body: [relu, <{}>], residual: [conv 8 k1]}\nlayers: b",
        "layers: [conv 8 k1, {group: g, body: [<{}>]}]",
        "vars: {act: <{}>}\nlayers: $act",
        "vars: {n: 1, act: <{}>}\nlayers: $act",
        "layers: [let: {act: <{}>}, $act]",
    ],
    "number": [
        "vars: {n: <{}>}\nlayers: conv n k1",
        "vars: {a: 1, n: <{}>, b: 2}\nlayers: conv n k1",
        "layers:\n  - let: {n: <{}>}\n  - conv n k1",
        "layers: [{repeat: <{}>, body: relu}]",
        "layers: [{body: relu, repeat: <{}>}]",
        "layers: [{each: n, of: [1, <{}>], body: conv n k1}]",
        "vars: {rows: [[1, <{}>], [2, 3]]}\nlayers: ['conv rows[0][1] k1']",
        "layers: [{when: <{}>, do: relu}]",
    ],
    "name": ["layers: [{group: <{}>, body: relu}]", "layers: [{body: relu, repeat: 2, id: <{}>}]"],
}
TEXTS = {
    "conv": [
        "conv 8 k=(3,3) p=(1, 1)",
        "conv 8 k1 id=c{1+1}",
        "conv_bn(8, k=3)",
        "conv 8 k=[1, 1][0]",
        "conv(8, kernel=(1, 3), p=(0, 1))",
        "conv 8 k=size[0]//8",
        "reshape (8, 9, 9) | relu",
        "add from=[input, input]",
    ],
    "number": [
        "make_divisible(3*2, 8)",
        "max(1, min(2, 3))",
        "[1, 2][0]",
        "(1, 2)[1] + 1",
        "max(2, [1, 3][1])",
        "len('a, b')",
    ],
    "name": ["s{1}", "s{max(1, 2)}_{2}", "s{1}x"],
}
CASES = [(kind, i, text) for kind in TEXTS for i in range(len(CONTEXTS[kind])) for text in TEXTS[kind]]


def written(context: str, text: str) -> str:
    return "input: 8x9x9\n" + context.replace("<{}>", text)


@pytest.mark.parametrize(("kind", "at", "text"), CASES)
def test_the_quotes_that_are_suggested_work(kind: str, at: int, text: str) -> None:
    context = CONTEXTS[kind][at]
    whole = written(context, json.dumps(text))
    expected = shapes(load(whole))
    plain = written(context, text)
    for _ in range(context.count("<{}>") + 1):  # one text after the other, where there are several
        try:
            found = shapes(load(plain))
            break
        except SpecError:
            message, quotes = suggestion(plain)
            assert quotes == json.dumps(text), message
            begin = re.search(rf"(?<![\"']){re.escape(text)}", plain)
            assert begin is not None
            plain = plain[: begin.start()] + quotes + plain[begin.end() :]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("layers:\n  - when: 'a' == 'a'\n    do: relu", "\"'a' == 'a'\""),
        ("layers: [{when: 'a' == 'b', do: relu}, tanh]", "\"'a' == 'b'\""),
        ("source: He et al.: Deep\nlayers: relu", '"He et al.: Deep"'),
        ("layers:\n  - relu\n  - [a] + 1", '"[a] + 1"'),
        ("vars:\n  n: [1, 2][0]\nlayers: conv n k1", '"[1, 2][0]"'),
    ],
)
def test_outside_brackets_too(text: str, quotes: str) -> None:
    text = "input: 8x9x9\n" + text
    message, found = suggestion(text)
    assert found == quotes, message


def test_an_open_quote_is_shown_where_it_opens() -> None:
    with pytest.raises(SpecError) as caught:
        load("vars:\n  a: 'relu\nlayers: [relu]")
    problem = caught.value.problems[0]
    assert (problem.line, problem.column, problem.expected) == (2, 6, "a closing '")


@given(st.text(alphabet="ab'\"\\,:{}[]() #&*!|>%@`-?", min_size=1, max_size=12))
def test_a_quoted_text_is_read_whole(text: str) -> None:
    import yaml

    for context in ("{{a: {}}}", "[{}]", "a: {}"):
        (found,) = [
            *(v.values() if isinstance(v := yaml.safe_load(context.format(quoted(text))), dict) else v)
        ]
        assert found == text


# -- plain texts of stages ------------------------------------------------------------------------

ACTIVATIONS = [
    "leakyrelu slope=0.1",
    "relu",
    "relu6",
    "bn | relu",
    "conv 8 k1 | tanh",
    "elu(alpha=0.5)",
    "$other",
]


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_a_plain_text_is_a_variable_as_it_stands(act: str) -> None:
    expected = load(f"input 8x9x9 | conv 8 k3 | {act.replace('$other', 'gelu')} | bn")
    block = f"vars:\n  other: gelu\n  act: {act}\ninput: 8x9x9\nlayers: [conv 8 k3, $act, bn]"
    flow = f"vars: {{other: gelu, act: {act}}}\ninput: 8x9x9\nlayers: [conv 8 k3, $act, bn]"
    let = f"vars: {{other: gelu}}\ninput: 8x9x9\nlayers: [conv 8 k3, let: {{act: {act}}}, $act, bn]"
    nested = f"vars: {{other: gelu, act: \"'{act}'\"}}\ninput: 8x9x9\nlayers: [conv 8 k3, $act, bn]"
    loop = f"{{each: act, of: [{act}], body: $act}}"
    each = f"vars: {{other: gelu}}\ninput: 8x9x9\nlayers: [conv 8 k3, {loop}, bn]"
    for text in (block, flow, let, nested, each):
        assert shapes(load(text)) == shapes(expected)
    given_ = "vars: {act: relu, other: gelu}\ninput: 8x9x9\nlayers: [conv 8 k3, $act, bn]"
    assert shapes(load(given_, set={"act": act})) == shapes(expected)


def test_a_text_of_stages_is_refused_where_it_stands() -> None:
    with pytest.raises(SpecError) as caught:
        load("input: 8x9x9\nvars:\n  act: leakyrelu slop=0.1\nlayers: relu")
    problem = caught.value.problems[0]
    assert (problem.line, problem.column, problem.nearest) == (3, 18, "slope")


def test_the_blocks_of_the_document_begin_a_text_too() -> None:
    text = "blocks:\n  unit(n): conv n k1\nvars:\n  body: unit(4) | relu\ninput: 8x9x9\nlayers: [$body]"
    assert [node.op for node in load(text).nodes] == ["input", "conv", "relu"]
    graph = load(text, set={"body": "unit(5)"})
    assert graph.nodes[-1].outputs == ((5, 9, 9),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("hello world", "\"'hello world'\""), ("it's good", "'\"it''s good\"'"), ("2 +", None), ("3 4", None)],
)
def test_other_texts_say_how_they_are_quoted(value: str, expected: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        load(f"vars:\n  a: {value}\ninput: 8x9x9\nlayers: relu")
    hint = caught.value.problems[0].expected or ""
    assert ("in quotes of its own" in hint) == (expected is not None)
    if expected is not None:
        assert expected in hint
        assert load(f"vars:\n  a: {expected}\ninput: 8x9x9\nlayers: relu").variables == {"a": value}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("conv 8 k3: 5", "\"conv 8 k3 5\", a text without ':'"),
        ("{relu}", '"relu", a text without braces'),
        ("conv_bn: 8", "\"conv_bn 8\", a text without ':'"),
        ("{conv: {out: 8, k: 3}}", "- conv ARGUMENTS"),
    ],
)
def test_a_layer_that_yaml_takes_for_a_mapping(item: str, expected: str) -> None:
    with pytest.raises(SpecError, match="heads no structure") as caught:
        load(f"input: 8x9x9\nlayers:\n  - {item}\n")
    assert expected in (caught.value.problems[0].expected or "")


@pytest.mark.parametrize(
    ("condition", "right"),
    [
        ('in != "size[-1]"', "in != size[-1]"),
        ('in == "size[0]" and in > 2', "in == size[0] and in > 2"),
    ],
)
def test_quotes_around_a_part_are_moved_to_the_ends(condition: str, right: str) -> None:
    document = "input: 3x5x5\nlayers:\n  - {{when: {}, do: [relu], else: [tanh]}}\n"
    _, found = suggestion(document.format(condition))
    assert json.loads(found) == right
    assert shapes(load(document.format(found)))[1:]


def test_a_let_beside_a_loop_is_told_where_to_stand() -> None:
    with pytest.raises(SpecError) as caught:
        load("input: 3x5x5\nlayers:\n  - repeat: 2\n    let: {n: 4}\n    body: conv n k1\n")
    assert "'let' in an item of its own, before it or first in its body" in str(caught.value)
    assert load("input: 3x5x5\nlayers:\n  - repeat: 2\n    body: [{let: {n: 4}}, conv n k1]\n")
    assert load("input: 3x5x5\nlayers:\n  - let: {n: 4}\n  - {repeat: 2, body: conv n k1}\n")


def test_a_line_without_its_colon_is_shown_itself() -> None:
    """And not the line behind it, for which quotes would be wrong."""
    text = "input: 3x8x8\nlayers:\n  - repeat: 3\n    relu6(x)\n  - relu\n"
    with pytest.raises(SpecError) as caught:
        load(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.length) == (4, 5, len("relu6(x)"))
    assert problem.expected is not None and "quotes" not in problem.expected

"""The document form: every structure against the flat network it stands for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.exporters.text import format_graph, format_layer
from convcalc.graph import Graph
from convcalc.spec import SpecError, load

HEAD = "name: t\ninput: 8x16x16\n"


def layers(graph: Graph) -> list[str]:
    return [format_layer(n.layer) for n in graph.nodes if n.op != "input"]


def names(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes if n.op != "input"]


def reads(graph: Graph) -> dict[str, list[str]]:
    return {n.name: [graph.nodes[e.node].name for e in n.inputs] for n in graph.nodes}


def test_sequences_and_stages() -> None:
    flat = load("input 8x16x16 | conv 4 k3 | bn | relu")
    nested = load(HEAD + "layers:\n  - conv 4 k3\n  - [bn, [relu]]\n")
    assert layers(flat) == layers(nested) == ["conv 8->4 k3", "bn 4", "relu"]


def test_repeat_with_an_index() -> None:
    graph = load(HEAD + "layers:\n  - {repeat: 3, each: i, body: ['conv 4*(i+1) k1 id=c{i}', relu]}\n")
    assert layers(graph) == ["conv 8->4 k1", "relu", "conv 4->8 k1", "relu", "conv 8->12 k1", "relu"]
    assert names(graph) == ["c0", "relu1", "c1", "relu2", "c2", "relu3"]


def test_each_takes_rows_apart() -> None:
    graph = load(
        HEAD
        + "vars: {rows: [[4, 1], [6, 3]]}\nlayers:\n  - {each: [c, k], of: rows, body: [conv c k=k p=k//2]}\n"
    )
    assert layers(graph) == ["conv 8->4 k1", "conv 4->6 k3 p1"]


def test_conditionals() -> None:
    text = HEAD + "vars: {deep: true}\nlayers:\n  - {when: deep and in > 4, do: [relu], else: tanh}\n"
    assert layers(load(text)) == ["relu"]
    assert layers(load(text, set={"deep": "false"})) == ["tanh"]


def test_branches_and_merges() -> None:
    graph = load(HEAD + "layers:\n  - {branches: {a: [conv 4 k1], b: [], c: conv 2 k3 p1}, merge: concat}\n")
    assert graph.nodes[-1].outputs == ((4 + 8 + 2, 16, 16),)
    assert names(graph) == ["a.conv1", "c.conv1", "concat1"]
    assert reads(graph)["concat1"] == ["a.conv1", "input", "c.conv1"]
    for merge in ("add", "mul"):
        graph = load(HEAD + f"layers:\n  - {{branches: [[relu], [tanh]], merge: {merge}}}\n")
        assert graph.nodes[-1].op == merge


@pytest.mark.parametrize(
    ("residual", "body", "expected"),
    [
        ("auto", "conv 8 k3 p1", ["conv 8->8 k3 p1", "add"]),
        ("auto", "conv 4 k3 p1", ["conv 8->4 k3 p1"]),
        ("identity", "conv 8 k3 p1", ["conv 8->8 k3 p1", "add"]),
        ("none", "conv 8 k3 p1", ["conv 8->8 k3 p1"]),
        ("project, shortcut: conv 4 k1", "conv 4 k3 p1", ["conv 8->4 k3 p1", "conv 8->4 k1", "add"]),
        ("project, shortcut: conv 8 k1", "conv 8 k3 p1", ["conv 8->8 k3 p1", "add"]),
        ("[conv 8 k1]", "conv 8 k3 p1", ["conv 8->8 k3 p1", "conv 8->8 k1", "add"]),
    ],
)
def test_residuals(residual: str, body: str, expected: list[str]) -> None:
    graph = load(HEAD + f"layers:\n  - {{residual: {residual}, body: [{body}]}}\n")
    assert layers(graph) == expected


def test_a_shortcut_is_not_guessed_where_sizes_are_not_stated() -> None:
    unit = "{residual: project, shortcut: [conv 8 k1 s2], body: [conv 8 k3 p1 s2]}"
    text = f"layers:\n  - conv 3->8 k3 p1\n  - {unit}\n"
    with pytest.raises(SpecError, match="depends on a size that was not given"):
        load(text)
    assert len(load(text, input="3x16x16").nodes) == 5
    assert len(load(text, input="3xHxW").nodes) == 5


def test_a_gate_broadcasts() -> None:
    graph = load(
        HEAD + "layers:\n  - {residual: identity, merge: mul, body: [globalavgpool, conv in k1, sigmoid]}\n"
    )
    assert graph.nodes[-1].op == "mul"
    assert graph.nodes[-1].outputs == ((8, 16, 16),)


def test_blocks_nest_and_take_defaults() -> None:
    text = HEAD + (
        "blocks:\n"
        "  unit(out, k=3, act='relu'):\n    - conv out k=k p=k//2 bias=false\n    - bn\n    - $act\n"
        "  pair(out):\n    let: {half: out//2}\n    body:\n"
        "      - unit(half)\n      - unit(out, k=1, act='tanh')\n"
        "layers:\n  - pair(16)\n  - pair(in*2, id=last)\n"
    )
    graph = load(text)
    assert layers(graph)[:6] == [
        "conv 8->8 k3 p1 bias=false",
        "bn 8",
        "relu",
        "conv 8->16 k1 bias=false",
        "bn 16",
        "tanh",
    ]
    assert graph.nodes[-1].outputs == ((32, 16, 16),)
    assert names(graph)[0] == "pair1.unit1.conv1"
    assert names(graph)[-1] == "last.unit2.tanh1"


def test_blocks_may_recurse_with_an_end() -> None:
    text = HEAD + (
        "blocks:\n  tower(n):\n    - conv in+1 k1\n    - {when: n > 1, do: ['tower(n-1)']}\n"
        "layers:\n  - tower(150)\n"
    )
    assert load(text).nodes[-1].outputs[0][0] == 8 + 150


def test_named_edges_groups_and_outputs() -> None:
    text = HEAD + (
        "layers:\n"
        "  - {group: low, body: [conv 4 k3 p1 id=c, relu]}\n"
        "  - conv 6 k3 p1 id=high\n"
        "  - conv 4 k1 from=low.c id=side\n"
        "  - concat from=[side, high] id=joined\n"
        "  - add from=low with=side id=sum\n"
        "outputs: [joined, sum]\n"
    )
    graph = load(text)
    assert reads(graph)["side"] == ["low.c"]
    assert reads(graph)["joined"] == ["side", "high"]
    assert reads(graph)["sum"] == ["low.relu1", "side"]
    assert graph.output_names == ("joined", "sum")
    assert [graph.shape(e) for e in graph.outputs] == [(10, 16, 16), (4, 16, 16)]


def test_several_inputs() -> None:
    text = "inputs: {left: 3x8x8, right: 5x8x8}\nlayers:\n  - concat from=[left, right]\n  - conv 2 k1\n"
    graph = load(text)
    assert graph.nodes[-1].outputs == ((2, 8, 8),)
    graph = load(text, input={"left": (3, 4, 4), "right": (5, 4, 4)})
    assert graph.nodes[2].outputs == ((8, 4, 4),)
    with pytest.raises(SpecError, match="2 inputs"):
        load(text, input="3x8x8")
    with pytest.raises(SpecError, match="no input 'lfet'"):
        load(text, input={"lfet": (4, 8, 8)})


def test_outputs_of_pools_and_splits() -> None:
    graph = load(
        HEAD
        + "layers:\n  - maxpool k2 id=p\n  - unpool k2 from=[p, p.indices]\n"
        + "  - split (3,5) id=s\n  - relu from=s.1\n"
    )
    assert graph.nodes[2].inputs == ((1, 0), (1, 1))
    assert graph.nodes[-1].outputs == ((5, 16, 16),)
    with pytest.raises(SpecError, match="choose one"):
        load("input 8x4x4 | split (4,4) | relu")


def test_like_takes_the_size() -> None:
    graph = load(
        "input 3x20x30 | conv 4 k3 s2 id=c | conv 4 k3 s2 | upsample like=c mode=bilinear | crop like=c"
    )
    assert graph.nodes[3].outputs == graph.nodes[1].outputs


def test_variables_follow_each_other() -> None:
    text = "vars: {alpha: 1, width: 8*alpha}\ninput: [3, width, width]\nlayers: [conv width k1]\n"
    assert load(text).nodes[-1].outputs == ((8, 8, 8),)
    assert load(text, set={"alpha": "1/2"}).nodes[-1].outputs == ((4, 4, 4),)
    assert load(text, set={"alpha": 2.5}).nodes[-1].outputs == ((20, 20, 20),)
    assert load(text, set={"width": 5}).nodes[-1].outputs == ((5, 5, 5),)


def test_extends_takes_what_is_not_given(tmp_path: Any) -> None:
    graph = load("extends: resnet\nname: small\nvars: {classes: 7}\ninput: 3x64x64\n")
    assert graph.name == "small"
    assert graph.nodes[-1].outputs == ((7,),)
    with pytest.raises(SpecError, match="no zoo network"):
        load("extends: resnte\n")


def test_ids_in_repeats_are_numbered_and_the_last_is_meant() -> None:
    graph = load(HEAD + "layers:\n  - {repeat: 3, body: [relu id=r]}\n  - tanh from=r\n")
    assert names(graph) == ["r", "r_2", "r_3", "tanh1"]
    assert reads(graph)["tanh1"] == ["r_3"]


def test_automatic_names_leave_given_ones_alone() -> None:
    graph = load("input 3x8x8 | relu | relu id=relu1 | relu")
    assert names(graph) == ["relu2", "relu1", "relu3"]


STAGES = st.sampled_from(
    [
        *("conv in k3 p1", "conv in+1 k1 bias=false", "bn | relu6", "dwconv k3 p=same"),
        *("maxpool k3 s1 p1", "Conv2d(in, 4, 3, padding=1)", "conv in k3 p0:2x1:1 d1 g=in"),
        *("upsample scale=2 | maxpool k2", "pad p1 | crop amounts=1", "gn 1", "prelu id=a"),
        *("leakyrelu slope=0.2", "avgpool k3 s1 p1 count_include_pad=false"),
        *("lrn 5 alpha=0.0001", "conv in k3 p=(same,valid)", "conv_bn(in) id=conv1"),
    ]
).map(lambda stages: f'"{stages}"')


def structures(items: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(items, max_size=3).map(lambda some: f"[{', '.join(some)}]")
    return st.one_of(
        body,
        st.tuples(st.integers(0, 3), body).map(lambda t: f"{{repeat: {t[0]}, body: {t[1]}}}"),
        body.map(lambda b: f"{{residual: auto, body: {b}}}"),
        st.tuples(body, body).map(lambda t: f"{{branches: {{a: {t[0]}, b: {t[1]}}}, merge: concat}}"),
        body.map(lambda b: f"{{group: g, body: {b}}}"),
        st.tuples(st.sampled_from(["in > 6", "in % 2 == 0"]), body, body).map(
            lambda t: f"{{when: {t[0]}, do: {t[1]}, else: {t[2]}}}"
        ),
    )


BODY = st.recursive(STAGES, structures, max_leaves=8)


@given(BODY)
@settings(max_examples=100)
def test_what_is_printed_reads_back_to_the_same_graph(body: str) -> None:
    try:
        graph = load(HEAD + f"layers:\n  - relu\n  - {body}\n")
    except SpecError as error:
        known = ("larger than", "concat", "residual", "given twice")
        assert any(words in str(error) for words in known)
        return
    text = format_graph(graph)
    again = load(text)
    assert again == graph
    assert format_graph(again) == text


@pytest.mark.parametrize(
    "line",
    [
        "conv 3->8 k3x5 s2x1 p0:1x2:2 d1x2 bias=false",
        "conv 3->6 k3 p=(same,(0,1)) g3 padding_mode=replicate",
        "convT 3->6 k4 s2 p1 op1 g3",
        "convT 3->6 k4 s2 p=same_lower",
        "upsample scale=(3/2,2) mode=cubic align_corners=true",
        "upsample size=20x30 mode=spline",
        "permute (2,0,1)",
        "split (1,2) | relu from=split1.0",
        "reshape 12x4x64",
        "elu 0.3 | bn eps=0.001 affine=false | ln over=channels bias=false | gelu approximate=tanh",
        "maxpool k3 s2 p1 d2 ceil=true | lppool norm=1 k2",
        "slice 1 3 | slice start=2 axis=1 | crop amounts=0:1x2",
        "adaptiveavgpool size=3x2 | pad p1x0:3 mode=constant value=2.5",
        "pixelunshuffle 2 mode=dcr | shift k3x1 | shuffle 3 | scale bias=true",
    ],
)
def test_lines_read_back(line: str) -> None:
    graph = load("input 3x32x32 | " + line)
    assert load(format_graph(graph)) == graph


def test_symbols_read_back() -> None:
    graph = load("conv M->N kK bias=false", input="MxHxW")
    assert load(format_graph(graph)) == graph

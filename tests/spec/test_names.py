"""Names of layers: what they depend on, that they are unique, and that references find them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.exporters.text import format_graph
from convcalc.graph import Graph
from convcalc.spec import SpecError, load

HEAD = """\
name: t
input: 8x16x16
blocks:
  inner(c):
    - conv c k1 id=conv1
    - conv c k1
  unit2(c): [conv c k1, relu6]
  probe():
    - selu
    - conv in k1 | conv in k1 id=conv2 | conv in k1
    - {repeat: 2, body: [relu6, relu id=r]}
    - {group: g, body: [conv in k1, {when: in > 0, do: [relu id=relu1], else: []}, relu]}
    - {branches: {a: [conv in k1, inner(4)], b: [unit2(4)]}}
    - {residual: [conv in k1], body: [conv in k1], id: relu2}
    - {branches: [[conv in k1], [tanh from=r]]}
    - inner(4) | inner(4) id=inner1 | unit2(4) | conv in k1 from=g.conv1
layers:
"""


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph.nodes if node.op != "input"]


def probed(graph: Graph) -> tuple[str, list[str]]:
    """What the block was called, and the names of the layers in it without that."""
    start = next(i for i, node in enumerate(graph.nodes) if node.op == "selu")
    label = graph.nodes[start].name.removesuffix(".selu1")
    return label, [node.name.removeprefix(f"{label}.") for node in graph.nodes[start : start + len(ALONE)]]


ALONE = [name.removeprefix("probe1.") for name in names(load(HEAD + "  - probe()\n"))]
NAMES = [
    *("conv1", "conv2", "conv3", "relu1", "relu2", "r", "g", "a", "inner1", "probe1", "probe2"),
    *("probe1.conv1", "probe1.g.conv1", "probe2.selu1", "g.probe1.conv1", "g.conv1", "probe"),
]


def test_what_the_block_names_alone() -> None:
    expected = """
        selu1 conv1 conv2 conv3 relu6_1 r relu6_2 r_2 g.conv1 g.relu1 g.relu2
        a.conv1 a.inner1.conv1 a.inner1.conv2 b.unit2_1.conv1 b.unit2_1.relu6_1 concat1
        relu2.conv1 relu2.shortcut.conv1 relu2.add1 branch1.conv1 branch2.tanh1 concat2
        inner2.conv1 inner2.conv2 inner1.conv1 inner1.conv2 unit2_1.conv1 unit2_1.relu6_1 conv4
    """
    assert expected.split() == ALONE


def outer() -> st.SearchStrategy[list[str]]:
    name = st.sampled_from(NAMES)
    stage = st.sampled_from(["conv in k1", "relu", "relu6", "inner(4)", "unit2(4)"])
    named = st.tuples(stage, name).map(lambda t: f"'{t[0]} id={t[1]}'")
    some = st.one_of(stage.map(lambda s: f"'{s}'"), named)
    group = st.tuples(name, st.lists(some, max_size=3)).map(
        lambda t: f"{{group: {t[0]}, body: [{', '.join(t[1])}]}}"
    )
    return st.lists(st.one_of(some, named, group), max_size=6)


@given(outer(), outer(), st.sampled_from([*NAMES, None]), st.sampled_from([*NAMES, None]))
@settings(max_examples=60)
def test_an_id_elsewhere_changes_no_name_inside_a_block(
    before: list[str], after: list[str], own: str | None, group: str | None
) -> None:
    probe = f"'probe() id={own}'" if own else "'probe()'"
    if group:
        probe = f"{{group: {group}, body: [{', '.join([*before[:1], probe])}]}}"
    try:
        graph = load(HEAD + "".join(f"  - {item}\n" for item in [*before, probe, *after]))
    except SpecError as error:
        assert "given twice" in str(error)
        return
    assert len(set(names(graph))) == len(graph.nodes) - 1
    label, inside = probed(graph)
    assert inside == ALONE
    assert load(format_graph(graph)) == graph
    if own and group:
        assert label.rpartition(".")[2].startswith(own.rpartition(".")[2])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("conv 4 k3 id=conv1 | conv_bn(8) id=conv2", ["conv1", "conv2.conv1", "conv2.bn1", "conv2.relu1"]),
        (
            "relu6 | relu6 | relu | relu id=relu6_3 | relu6",
            ["relu6_1", "relu6_2", "relu1", "relu6_3", "relu6_4"],
        ),
        ("relu | relu id=relu1 | conv 2 k1", ["relu2", "relu1", "conv1"]),
    ],
)
def test_lines(line: str, expected: list[str]) -> None:
    assert names(load("input 3x8x8 | " + line)) == expected


def test_weights_of_a_block_keep_their_names() -> None:
    def weights(line: str) -> set[str]:
        made = convcalc.init_weights(load(f"input 3x8x8 | {line}"))
        return {name for name in made if name.startswith("body.")}

    alone = weights("conv_bn(8) id=body")
    assert "body.conv1.weight" in alone
    assert weights("conv 3 k1 id=conv1 | conv_bn(8) id=body | bn id=bn1") == alone


@pytest.mark.parametrize("again", ["'inner(4) id=a'", "{group: a, body: [inner(4), conv 4 k1]}", "relu id=a"])
def test_of_names_given_again_the_last_is_meant(again: str) -> None:
    graph = load(HEAD + f"  - {{repeat: 3, body: [{again}]}}\n  - tanh\n  - tanh from=a_2\n")
    assert graph.nodes[-3].name.startswith("a_3")
    assert graph.nodes[graph.nodes[-1].inputs[0].node].name.startswith("a_2")
    graph = load(HEAD + f"  - {{repeat: 3, body: [{again}]}}\n  - tanh\n  - tanh from=a\n")
    assert graph.nodes[-1].inputs == graph.nodes[-2].inputs


def test_what_is_inside_a_block_can_be_read_from_outside() -> None:
    graph = load(
        HEAD + "  - probe()\n  - probe() id=p\n  - concat from=[probe1.g.relu2, p.a.inner1.conv2, p]\n"
    )
    read = [graph.nodes[edge.node].name for edge in graph.nodes[-1].inputs]
    assert read == ["probe1.g.relu2", "p.a.inner1.conv2", "p.conv4"]


def test_a_text_is_read_with_the_blocks_of_where_it_stands() -> None:
    text = "vars: {act: relu}\ninput: 8x4x4\nblocks: {relu: [tanh]}\nlayers:\n  - $act\n  - conv_bn(4)\n"
    assert names(load(text)) == ["relu1.tanh1", "conv_bn1.conv1", "conv_bn1.bn1", "conv_bn1.relu1"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ResNext-50", "resnext50_32x4d"),  # and not resnet50, which differs by a letter
        ("mobilnet", "mobilenet_v1"),
        ("efficentnet", "efficientnet_b0"),
        ("convolution", "conv"),
        ("resent18", "resnet18"),
    ],
)
def test_a_misspelt_name_finds_its_family(typed: str, meant: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(typed)
    assert caught.value.problems[0].nearest == meant


@pytest.mark.parametrize(
    ("typed", "put"),
    [
        ("conv 64 3", "conv 64 k3"),
        ("conv 64 3x5 p=same", "conv 64 k3x5 p=same"),
        ("conv 3 64 k3", "conv 3->64 k3"),
        ("conv 3 64 3", "conv 3->64 k3"),
        ("maxpool 2 s2", "maxpool k2 s2"),
    ],
)
def test_what_is_suggested_for_a_bare_number_works(typed: str, put: str) -> None:
    """Followed as often as there is one, the suggestion leads to what is meant."""
    text = typed
    for _ in range(2):
        try:
            load(text, input="3x9x9")
            break
        except SpecError as error:
            problem = error.problems[0]
            near, end = problem.nearest or "", (problem.column or 1) - 1 + problem.length
            start = text.index(" ") + 1 if "->" in near else (problem.column or 1) - 1
            text = text[:start] + near + text[end:]
    assert text == put
    assert load(text, input="3x9x9")


def test_a_comma_in_a_line_is_told_what_separates() -> None:
    for text in ("conv 3->4 k3, relu", "conv 3->4, k3"):
        with pytest.raises(SpecError, match=r"blanks stand between options, and '\|' between layers"):
            load(text)

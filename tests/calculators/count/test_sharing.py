"""Shared weights: counted once, shown at each use, executed as the same arrays."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.executor.counting import count
from convcalc.executor.weights import init_weights, weight_shapes
from convcalc.exporters.text import format_graph
from convcalc.render.views.design.compare import table as compare_table
from convcalc.spec import SpecError
from convcalc.verification.run import verify
from tests.verification.planted.base import Mutant, planted

ENCODER = """
vars: {shared: true, layers: 12}
input: 768x16
layers:
  - repeat: layers
    share: "{shared}"
    body:
      - conv 768 k1 | conv 768 k1 | conv 768 k1 | conv 768 k1 | groupnorm 1
      - conv 3072 k1 | gelu | conv 768 k1 | groupnorm 1
"""
"""The weights of BERT's encoder: queries, keys, values and what joins them, two layers of the width of
four, and two normalisations, which hold as many numbers whatever they normalise over."""


def params(spec: str, **given: Any) -> Any:
    return convcalc.analyze(convcalc.load(spec, **given)).totals.params


def names(spec: str) -> list[str]:
    graph = convcalc.load(spec)
    return [node.name for n, node in enumerate(graph.nodes) if n not in graph.inputs]


# What is counted, against figures from elsewhere


def test_a_hundred_turns_of_one_layer() -> None:
    spec = "input: 1024\nlayers:\n  - {repeat: 100, share: true, body: [linear 1024]}"
    report = convcalc.analyze(convcalc.load(spec))
    assert report.totals.params == 1_049_600
    assert report.totals.macs == 100 * 1024 * 1024
    assert len({row.name for row in report.layers}) == 100
    assert [row.shares for row in report.layers[:3]] == [None, "linear1", "linear1"]
    assert params(spec.replace("share: true, ", "")) == 100 * 1_049_600


def test_a_siamese_pair() -> None:
    """38,951,745 is what Keras' summary says of the network with the L1 distance of the two vectors."""
    assert params("siamese") == 38_951_745
    report = convcalc.analyze(convcalc.load("siamese"))
    one, two = report.fold(1)[:2]
    assert (one.params, one.shares, one.shared_params) == (38_947_648, None, 0)
    assert (two.params, two.shares, two.shared_params) == (0, "one", 38_947_648)
    assert two.macs == one.macs
    assert sum(row.params for row in report.fold(1)) == report.totals.params
    assert report.fold(0)[0].shares is None


def test_an_encoder_whose_layers_are_one() -> None:
    """BERT-base's encoder has 85,054,464 parameters; with those of one layer it is ALBERT's: 7,087,872."""
    assert params(ENCODER) == 7_087_872
    assert params(ENCODER, set={"shared": "false"}) == 85_054_464
    assert params(ENCODER, set={"layers": 24}) == 7_087_872


def test_running_statistics_are_shared_too() -> None:
    report = convcalc.analyze(convcalc.load("input 4x5x5 | bn id=a | relu | bn share=a"))
    assert (report.totals.params, report.totals.buffers) == (8, 8)


# The language


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # conv 8->8 k3: 576 weights and 8 biases; convT has as many of the same shapes
        ("input 8x6x6 | conv 8 k3 id=a | conv 8 k3 share=a", 584),
        ("input 8x6x6 | conv(8, k=3, id=a) | conv(8, k=3, share=a)", 584),
        ("input 8x6x6 | conv 8 k3 id=a | conv 8 k3 share=a.weight", 592),
        ("input 8x6x6 | conv 8 k3 id=a | conv 8 k3 share=[a.bias,a.weight]", 584),
        ("input 8x6x6 | conv 8 k3 id=a | conv 8 k3 d2 p2 share=a", 584),
        ("input 8x6x6 | conv 8 k3 id=a | convT 8 k3 share=a", 584),
        ("input 8x6x6 | conv 8 k3 bias=false id=a | convT 8 k3 share=a", 584),
        ("input 8x6x6 | conv 4 k3 bias=false id=a | convT 8 k3 share=a", 4 * 8 * 9 + 8),
        ("input 8x9x9 | conv 8 k3 id=a | conv 8 k3 share=a id=b | conv 8 k3 share=b", 584),
        ("input 8x6x6 | conv 8 k3 id=a | convT 8 k3 share=a.weight id=t | convT 8 k3 share=t", 592),
        ("input 8x6x6 | bn id=b | scale share=b", 16),
        ("input 8x6x6 | conv_bn(8) id=b | conv_bn(8) share=b", 8 * 8 * 9 + 16),
        ("input 8x6x6 | conv_bn(8) id=b | conv 8 k3 bias=false share=b.conv1", 8 * 8 * 9 + 16),
        ("input 8x6x6 | Conv2d(8, 8, 3) id=a | Conv2d(8, 8, 3, share=a)", 584),
    ],
)
def test_layers_that_share(spec: str, expected: int) -> None:
    graph = convcalc.load(spec)
    report = convcalc.analyze(graph)
    assert report.totals.params == expected
    assert sum(row.params for row in report.layers) == expected
    assert count(graph).total("params") == expected
    found = verify(graph)
    assert found.ok, str(found)
    again = convcalc.load(format_graph(graph))
    assert again.nodes == graph.nodes


UNIT = "[conv 8 k3 p1 id=c, bn, relu]"


@pytest.mark.parametrize(
    "layers",
    [
        f"[{{group: g, body: {UNIT}}}, {{group: h, share: g, body: {UNIT}}}]",
        f"[{{group: g, body: {UNIT}}}, {{residual: identity, id: h, share: g, body: {UNIT}}}]",
        f"[{{repeat: 4, share: true, body: {UNIT}}}]",
        "[{each: d, of: [1, 2, 4], share: true, body: [conv 8 k3 p=same d=d, bn]}]",
        f"[{{repeat: 2, share: true, id: r, body: {UNIT}}}, {{repeat: 2, id: s, share: r, body: {UNIT}}}]",
        f"[{{branches: {{a: {UNIT}, b: [conv 8 k3 p1 share=a.c, bn share=a.bn1]}}, merge: add}}]",
        f"[{{repeat: 3, share: true, body: [{{residual: identity, body: {UNIT}}}]}}]",
        f"[{{group: g, body: {UNIT}}},"
        f" {{repeat: 3, each: i, body: [{{group: 'h{{i}}', share: g, body: {UNIT}}}]}}]",
        "[conv_bn(8) id=x0, {repeat: 2, each: i, body: ['conv_bn(8) id=x{i+1} share=x{i}']}]",
        "[conv 8 k3 p1 id=c, bn id=b, {group: g, body: [conv 8 k3 p1 share=c, bn share=b]}]",
        "[{group: g, body: [{group: h, body: [conv 8 k3 p1]}, bn]},"
        " {group: k, share: g, body: [{group: h, body: [conv 8 k3 p1]}, bn]}]",
    ],
)
def test_structures_that_share(layers: str) -> None:
    """However often it runs: one convolution of 576 + 8 numbers, one normalisation of 16."""
    spec = f"input: 8x3x3\nlayers: {layers}"
    expected = 576 + 16 if "conv_bn" in layers else 584 + 16
    graph = convcalc.load(spec)
    assert convcalc.analyze(graph).totals.params == expected
    assert len(names(spec)) == len(set(names(spec)))
    found = verify(graph)
    assert found.ok, str(found)
    assert convcalc.load(format_graph(graph)).nodes == graph.nodes


def test_a_tie_inside_a_block_stays_one() -> None:
    """An inner pair of one block shares with the same pair of another: one array in all."""
    body = "[linear 8 id=a, linear 8 share=a]"
    spec = f"input: 8\nlayers: [{{group: g, body: {body}}}, {{group: h, share: g, body: {body}}}]"
    assert params(spec) == 72
    assert [node.shares for node in convcalc.load(spec).nodes[2:]] == [("g.a.weight", "g.a.bias")] * 3


def test_letters() -> None:
    graph = convcalc.load("conv 8 k3 id=a | conv 8 k3 share=a", input="Cx9x9")
    assert [str(c) for c in graph.constraints] == ["C = 8"]
    spec = "conv C k3 id=a | conv C k3 share=a"
    assert str(params(spec, input="CxHxW")) == str(params("conv C k3", input="CxHxW"))


@pytest.mark.parametrize(
    ("spec", "at", "message", "expected"),
    [
        ("linear 8 id=a | linear 8 share=b", "b", "no layer or block named 'b' so far", "before this place"),
        ("linear 8 id=a share=b | linear 8 id=b", "b", "no layer or block named 'b' so far", "before"),
        ("linear 8 id=a share=a", "a", "'a' cannot share the weights of itself", "before it"),
        ("linear 8 id=a | linear 9 share=a", "a", "weight is 9x8 here and 8x8 in a", "a weight of 8x8"),
        ("linear 8 id=a | linear 8 share=a.wait", "a.wait", "a has no 'wait'", "share=a.weight"),
        ("relu id=a | linear 8 share=a", "a", "a (relu) has no weights", "has some"),
        ("linear 8 id=a | relu share=a", "a", "relu has no weights", "no share="),
        ("linear 8 id=a | linear 8 share=input", "input", "has no weights", "has some"),
        ("linear 8 id=a | linear 8 bias=false share=a", "a", "bias 8", "share=a.weight"),
        ("linear 8 id=a bias=false | linear 8 share=a", "a", "weight 8x8, bias 8", "share=a.weight"),
        ("linear 8 id=a | linear 8 share=[a,a.bias]", "a.bias", "bias is shared twice", "each array"),
        ("linear 8 id=a | bn id=b | linear 8 share=b.running_mean", "b.running_mean", "no running_mean", ""),
        ("linear 8 frozen=true id=a | linear 8 share=a frozen=false", "a", "are frozen", "frozen=false"),
        ("linear 8 id=a | linear 8 share=a frozen=true", "a", "are trained", "frozen=true"),
    ],
)  # fmt: skip
def test_what_is_refused(spec: str, at: str, message: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(f"input 8 | {spec}")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert expected in (problem.expected or "")
    assert problem.text[problem.column - 1 : problem.column - 1 + problem.length] == at


@pytest.mark.parametrize(
    ("spec", "instead"),
    [
        ("input 4x9x9 | conv 8 k3 id=a | convT 4 k3 share=a", "share=a.weight"),
        ("input 8 | linear 8 id=a | linear 8 bias=false share=a", "share=a.weight"),
        ("input 8x9x9 | conv_bn(8) id=b | conv 8 k3 bias=false share=b", "share=b.conv1"),
        ("input 8 | linear 8 id=a | linear 8 share=a.weigth", "share=a.weight"),
    ],
)
def test_what_is_suggested_works(spec: str, instead: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec)
    assert instead in str(caught.value.problems[0].expected)
    convcalc.load(re.sub(r"share=\S+", instead, spec))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[{group: g, body: [conv 8 k3]}, {group: h, share: g, body: [conv 8 k5]}]",
         "weight of conv1 is 8x8x5x5 here and 8x8x3x3 in g"),
        ("[{group: g, body: [conv 8 k3]}, {group: h, share: g, body: [conv 8 k3 bias=false]}]",
         "conv1 has weight 8x8x3x3 here, and weight 8x8x3x3, bias 8 in g"),
        ("[{group: g, body: [conv 8 k3]}, {group: h, share: g, body: [conv 8 k3, bn]}]",
         "g has no bn1 with weights, as there is here (bn)"),
        ("[{group: g, body: [conv 8 k3, bn]}, {group: h, share: g, body: [conv 8 k3]}]",
         "g has bn1 with weights (bn), which is missing here"),
        ("[{group: g, body: [{group: h, share: g, body: [conv 8 k3]}]}]", "'g' is what this stands in"),
        ("[{group: g, share: g, body: [conv 8 k3]}]", "no layer or block named 'g' so far"),
        ("[conv 8 k3 id=c, {group: g, share: c, body: [conv 8 k3]}]", "'c' is a layer (conv)"),
        ("[{group: g, body: [conv 8 k3]}, {repeat: 2, share: g, body: [conv 8 k3]}]", "a name of its own"),
        ("[{group: g, share: true, body: [conv 8 k3]}]", "for the turns of a loop"),
        ("[{repeat: 2, each: i, share: true, body: [{when: 'i > 0', do: [bn]}]}]",
         "turn 2 has 1 layers with weights, the first has 0: bn1 (bn) stands in turn 2 alone"),
        ("[{repeat: 2, each: i, share: true, body: ['conv 8+i k1']}]",
         "weight of conv2 is 9x8x1x1 here and 8x8x1x1 in the first turn"),
        ("[{group: g, body: [conv 8 k3]}, {group: h, share: g, frozen: true, body: [conv 8 k3]}]",
         "conv1 is to be frozen, and its weights are those of g.conv1, which are trained"),
        ("['conv_bn(8) id=a', 'conv_bn(8) id=b', 'conv_bn(8) share=[a,b]']", "the weights of one other"),
    ],
)  # fmt: skip
def test_structures_that_do_not_correspond(layers: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(f"input: 8x9x9\nlayers: {layers}")
    (problem,) = caught.value.problems
    assert message in problem.message
    assert "share" in problem.text


def test_a_fault_is_told_once() -> None:
    layers = (
        "[{group: g, body: [conv 8 k99]}, {group: h, share: g, body: [conv 8 k3]}, conv 8 k3 share=g.conv1]"
    )
    with pytest.raises(SpecError) as caught:
        convcalc.load(f"input: 8x9x9\nlayers: {layers}")
    (problem,) = caught.value.problems
    assert "k" in problem.message


# Frozen


def split(spec: str) -> tuple[Any, Any]:
    totals = convcalc.analyze(convcalc.load(spec)).totals
    assert totals.params == totals.trainable + totals.frozen
    return totals.trainable, totals.frozen


@pytest.mark.parametrize(
    ("layers", "trainable", "frozen"),
    [
        ("[linear 8 id=a frozen=true, linear 8 share=a]", 0, 72),
        ("[linear 8 id=a frozen=true, linear 8 share=a frozen=true]", 0, 72),
        ("[linear 8 id=a, linear 8 share=a frozen=false]", 72, 0),
        ("[linear 8 id=a frozen=true, linear 8 share=a.weight]", 8, 72),
        ("[{repeat: 3, frozen: true, body: [linear 8]}, linear 8]", 72, 216),
        ("[{repeat: 3, frozen: true, share: true, body: [linear 8]}, linear 8]", 72, 72),
        ("[{branches: {a: [linear 8], b: [linear 8 frozen=false]}, merge: add, frozen: true}]", 72, 72),
        ("[{residual: identity, frozen: true, body: [linear 8]}]", 0, 72),
        ("[{each: n, of: [8, 8], frozen: true, body: [linear n]}, linear 8]", 72, 144),
        ("[{when: true, frozen: true, do: [linear 8]}, linear 8]", 72, 72),
        ("[{let: {n: 8}, frozen: true, body: [linear n]}, linear 8]", 72, 72),
        ("[{group: g, frozen: true, body: [linear 8]}, {group: h, share: g, body: [linear 8]}]", 0, 72),
    ],
)
def test_frozen_everywhere(layers: str, trainable: int, frozen: int) -> None:
    spec = f"input: 8\nlayers: {layers}"
    assert split(spec) == (trainable, frozen)
    graph = convcalc.load(spec)
    found = verify(graph)
    assert found.ok, str(found)
    assert convcalc.load(format_graph(graph)).nodes == graph.nodes


def test_a_frozen_document_with_a_head_that_learns() -> None:
    spec = "input: 8\nfrozen: true\nlayers: [linear 8, linear 8, linear 2 frozen=false]"
    assert split(spec) == (18, 144)
    assert split("extends: lenet5\nfrozen: true") == (0, params("lenet5"))
    with pytest.raises(SpecError, match="is no switch"):
        convcalc.load(spec.replace("frozen: true", "frozen: 3"))


# Parts, tables and comparisons


def test_a_part_without_the_first_use_counts_them_once() -> None:
    other = "[linear 8 share=a.linear1, linear 8 share=a.linear1]"
    spec = f"input: 8\nlayers: [{{branches: {{a: [linear 8], b: {other}}}}}]"
    graph = convcalc.load(spec)
    part = graph.part(graph.find("b"))
    report = convcalc.analyze(part)
    assert [row.name for row in report.layers] == ["b.linear1", "b.linear2"]
    assert [row.params for row in report.layers] == [72, 0]
    assert [row.shares for row in report.layers] == [None, "b.linear1"]
    assert verify(graph).ok
    assert count(part).total("params") == 72
    assert list(weight_shapes(part)) == list(weight_shapes(graph))  # names stay, and with them the values
    again = convcalc.load(format_graph(part))
    assert convcalc.analyze(again).totals.params == 72
    assert convcalc.load(format_graph(again)).nodes == again.nodes


def test_tables_say_whose_weights_they_are() -> None:
    spec = "input 8 | linear 8 id=fc | linear 8 share=fc"
    report = convcalc.analyze(convcalc.load(spec))
    for view in ("summary", "params", "memory"):
        rows = report.table(view).records()
        assert [row["shares"] for row in rows] == ["", "fc"]
    rows = report.table("params").records()
    assert [row["params"] for row in rows] == [72, 0]
    assert [row["shared_params"] for row in rows] == [0, 72]
    assert [row["spec"] for row in rows] == ["linear 8->8", "linear 8->8 share=fc"]
    data = report.to_dict()["layers"]
    assert [(row["shares"], row["shared_params"]) for row in data] == [(None, 0), ("fc", 72)]
    plain = convcalc.analyze(convcalc.load("input 8 | linear 8"))
    for view in ("summary", "params", "memory"):
        assert "shares" not in [column.key for column in plain.table(view).columns]


def test_the_command_line(cli) -> None:
    spec = "input 8 | linear 8 id=fc | linear 8 share=fc"
    (_, first, second) = csv.reader(io.StringIO(cli("params", spec, "--csv").out))
    assert first[0] == "fc"
    assert {"fc", "72", "0"} <= set(second)
    shown = cli("params", spec, "--markdown").out
    assert "weights of" in shown
    assert "72  (all trainable)" in shown
    assert "share=fc" in cli("explain", spec).out


def test_buffers_and_frozen_figures_stand_where_there_are_some() -> None:
    stored = convcalc.analyze(convcalc.load("input 4x5x5 | conv 4 k1 | bn"))
    assert "buffers" in [column.key for column in stored.table("summary").columns]
    without = convcalc.analyze(convcalc.load("input 4x5x5 | conv 4 k1"))
    assert "buffers" not in [column.key for column in without.table("summary").columns]
    assert dict(without.table("summary").facts)["parameters"] == "20  (all trainable)"
    assert dict(without.table("params").facts)["parameters"] == "20  (all trainable)"
    held = convcalc.analyze(convcalc.load("input 4x5x5 | conv 4 k1 frozen=true"))
    assert dict(held.table("params").facts)["frozen"] == "20"
    pair = convcalc.compare("input 4x5x5 | conv 4 k1", "input 4x5x5 | conv 4 k1 | bn")
    assert {"trainable", "frozen", "buffers"} <= pair.to_dict()["measures"].keys()
    titles = [row[0] for row in compare_table(pair).rows]
    assert "buffers" in titles
    assert "frozen parameters" not in titles
    assert convcalc.check("input 4x5x5 | conv 4 k1 frozen=true", {"max_frozen": 20}).ok


def test_sharing_is_a_change() -> None:
    one = "input: 8\nlayers: [linear 8 id=a, linear 8 id=b]"
    (change,) = convcalc.compare(one, one.replace("id=b", "id=b share=a"), layers=True).differences[0].changes
    assert (change.kind, change.name, change.params, change.macs) == ("changed", "b", -72, 0)
    assert change.after == "linear 8->8 share=a"


# Random graphs with random shares


@st.composite
def shared_lines(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """Layers of a line with one width, and for each the number of the layer whose weights it uses."""
    kinds = ["conv 3 k3 p1", "conv 3 k1 bias=false", "bn", "conv 3 k3 d2 p2", "relu", "prelu", "convT 3 k1"]
    words, owners = [], []
    for number in range(draw(st.integers(2, 8))):
        kind = draw(st.sampled_from(kinds))
        before = [n for n, word in enumerate(words) if word == kind and kind != "relu"]
        if before and draw(st.booleans()):
            owners.append(draw(st.sampled_from(before)))
        else:
            owners.append(number)
        words.append(kind)
    return words, owners


PARAMS = {
    "conv 3 k3 p1": 84, "conv 3 k1 bias=false": 9, "bn": 6, "conv 3 k3 d2 p2": 84, "relu": 0, "prelu": 1,
    "convT 3 k1": 12,
}  # fmt: skip
"""By hand."""


@given(shared_lines())
def test_a_shared_graph_is_an_unshared_one_whose_arrays_are_copies(line: tuple[list[str], list[int]]) -> None:
    words, direct = line
    root = list(direct)
    for number, owner in enumerate(direct):
        root[number] = root[owner]
    stages = [
        f"{word} id=n{n}" + (f" share=n{direct[n]}" if direct[n] != n else "") for n, word in enumerate(words)
    ]
    shared = convcalc.load(" | ".join(["input 3x4x5", *stages]))
    alone = convcalc.load(" | ".join(["input 3x4x5", *(f"{w} id=n{n}" for n, w in enumerate(words))]))
    totals = convcalc.analyze(shared).totals
    assert totals.params == sum(PARAMS[words[n]] for n in set(root))
    assert totals.macs == convcalc.analyze(alone).totals.macs
    weights = init_weights(shared, seed=1)
    assert (
        sum(a.size for k, a in weights.items() if not k.rpartition(".")[2].startswith("running"))
        == totals.params
    )
    copies = {}
    for name in weight_shapes(alone):
        node, _, array = name.partition(".")
        copies[name] = weights[f"n{root[int(node[1:])]}.{array}"].copy()
    image = convcalc.executor.counting.random_inputs(shared, 2)
    assert (convcalc.execute(shared, image, weights) == convcalc.execute(alone, image, copies)).all()
    assert (convcalc.execute(shared, image, copies) == convcalc.execute(alone, image, copies)).all()
    assert convcalc.load(format_graph(shared)).nodes == shared.nodes
    assert count(shared).total("params") == totals.params


# Mistakes

COUNTED_TWICE = Mutant("", "convcalc.graph:Graph.lent", lambda right: lambda self: {}, ())


def _copied(right: Any) -> Any:
    def wrong(self: Any, graph: Any, weights: Any, *args: Any, **given: Any) -> None:
        right(self, graph, weights, *args, **given)
        self.by_node = {
            node: {k: a.copy() for k, a in arrays.items()} for node, arrays in self.by_node.items()
        }

    return wrong


OWN_ARRAYS = Mutant("", "convcalc.executor.run:Runner.__init__", _copied, ())


@pytest.mark.parametrize("mistake", [COUNTED_TWICE, OWN_ARRAYS], ids=["counted twice", "arrays of its own"])
def test_a_mistake_is_noticed(mistake: Mutant) -> None:
    spec = "input 3x5x5 | conv 3 k1 id=a | conv 3 k1 share=a"
    with planted(mistake):
        found = verify(convcalc.load(spec))
    assert {check.quantity for name, check in found.differences() if name == "conv1"} >= {"params", "shares"}
    assert "params" in {check.quantity for name, check in found.differences() if not name}
    assert verify(convcalc.load(spec)).ok

"""Tensors of a network's own: what they are, what they count as, and what they are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.exporters.text import format_graph
from convcalc.spec import SpecError

TOKENS = (
    "input 8x4x4 | reshape 8x16 | permute (1,0) id=x | param 1x8 id=cls | concat from=[cls,x] axis=0 id=t |"
    " param 17x8 id=pos | add from=[t,pos] id=y"
)
"""A vision transformer's tokens: a class token before the patches, a position embedding added."""


def test_class_token_and_position_embedding_by_numpy() -> None:
    graph = convcalc.load(TOKENS)
    weights = convcalc.init_weights(graph)
    assert {name: array.shape for name, array in weights.items()} == {
        "cls.value": (1, 8),
        "pos.value": (17, 8),
    }
    x = np.random.default_rng(0).standard_normal((3, 8, 4, 4)).astype(np.float32)
    patches = x.reshape(3, 8, 16).transpose(0, 2, 1)
    cls = np.repeat(weights["cls.value"][None], 3, axis=0)
    expected = np.concatenate([cls, patches], axis=1) + weights["pos.value"]
    for form in ("fast", "naive"):
        np.testing.assert_array_equal(convcalc.execute(graph, x, weights, form=form), expected)


def test_what_they_count_as() -> None:
    own = "param 3x4x4 id=a | const 3x1x1 id=b | const 3x4x4 value=2 id=c"
    report = convcalc.analyze(f"input 3x4x4 | {own} | add from=[input,a,b,c]")
    by = {row.name: row for row in report.layers}
    assert [(by[n].params, by[n].buffers) for n in "abc"] == [(48, 0), (0, 3), (0, 0)]
    assert [(by[n].flops, by[n].activations, by[n].macs) for n in "abc"] == [(0, 0, 0)] * 3
    assert report.totals.params == report.totals.trainable == report.totals.other == 48
    # what is stored anyhow is no activation: only the input and the sum are
    assert report.totals.peak_memory_bytes == 2 * 48 * 4
    assert convcalc.analyze(TOKENS).totals.params == 8 + 17 * 8


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_parameters_do_not_grow_with_the_batch_nor_take_memory(batch: int) -> None:
    spec = "input 4x3 | param 4x3 | relu id=r | add with=input"
    totals = convcalc.analyze(spec, batch=batch).totals
    assert totals.params == 12
    assert totals.ops.cmp == totals.ops.add == 12 * batch
    assert totals.peak_memory_bytes == 3 * 12 * 4 * batch


def test_frozen() -> None:
    totals = convcalc.analyze(
        "input 4x3 | param 4x3 frozen=true id=p | param 4x1 | add with=[p,input]"
    ).totals
    assert (totals.trainable, totals.frozen) == (4, 12)


def test_a_flow_starts_with_them_and_reads_nothing() -> None:
    graph = convcalc.load(
        "input 3x8x8 | conv 4 k3 id=a | param 4x6x6 | conv 2 k1 id=b | const 2x6x6 | add with=b"
    )
    nodes = {node.name: node for node in graph.nodes}
    assert nodes["param1"].inputs == nodes["const1"].inputs == ()
    assert [node.name for node in graph.nodes if node.is_input] == ["input"]
    assert graph.inputs == (0,)
    assert graph.ancestors("add1") == [2, 3, 4, 5]
    part = graph.part(graph.find("b"))
    assert [node.name for node in part.nodes] == ["input", "param1", "b"]
    again = convcalc.load(format_graph(graph))
    assert [(n.name, n.layer, n.inputs) for n in again.nodes] == [
        (n.name, n.layer, n.inputs) for n in graph.nodes
    ]


def test_a_block_that_is_called_again_takes_the_sizes_that_arrive_there() -> None:
    graph = convcalc.load(
        """
        blocks:
          shifted: ["identity id=x", "param (1,size[-1])", "add with=x"]
        layers: [shifted(), linear 5 axis=-1, shifted()]
        """,
        input="2x3",
    )
    assert [node.outputs[0] for node in graph.nodes if node.layer.op == "param"] == [(1, 3), (1, 5)]


def test_first_of_a_spec() -> None:
    graph = convcalc.load("param 3x8x8 id=noise | add with=input", input="3x8x8")
    assert [node.name for node in graph.nodes] == ["input", "noise", "add1"]


@pytest.mark.parametrize(
    ("spec", "marked", "message"),
    [
        ("param 3x4x4 | conv 8 k3", "param 3x4x4 | conv 8 k3", "the spec has no input: all of its tensors"),
        ("param 4 | split (2,2)", "param 4 | split (2,2)", "the spec has no input"),
        ("layers: [param 4 id=p]\noutputs: {a: p}\n", "layers: [param 4 id=p]", "the spec has no input"),
        ("input 3x4 | param 3x4 from=input", "from=input", "param reads no tensor"),
        ("input 3x4 id=a | const 3x4 with=a", "with=a", "const reads no tensor"),
        ("input 3x4 | param", "param", "param needs its shape"),
        ("input 3x4 | param 3x0", "3x0", "shape must be at least 1, got 0"),
        ("input 3x4 | param 3x4.5", "3x4.5", "shape"),
        ("input 3x4 | const 3x4 value=x", "value=x", "x"),
        ("input 3x4 | param 3x5 | add with=input", "add", "add cannot join 3x5 and 3x4"),
    ],
)
def test_refusals(spec: str, marked: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec)
    (problem,) = caught.value.problems
    assert message in problem.message
    shown = problem.text[problem.column - 1 :][: problem.length]
    assert shown in marked


def test_what_ends_in_them_sees_nothing() -> None:
    graph = convcalc.load(
        "input 3x8x8 | conv 4 k3 p1 id=a | param 4x8x8 | conv 4 k5 p2 id=b | add with=a id=c"
    )
    field = convcalc.receptive_field(graph)
    assert [row.name for row in field.layers] == ["a", "c"]
    assert field.of("b") == []
    assert field.of("c")[0].size == field.of("a")[0].size == (3, 3)
    assert field.misaligned == []
    assert not convcalc.executor.taint(graph, [(4, 4)], output="b").any()
    (found,) = convcalc.executor.gradient(graph, np.ones((1, 3, 8, 8)), output="b").values()
    assert not found.any()


def test_nothing_is_written_into_them() -> None:
    """An activation that runs in place leaves the array of the weights as it is, of every sample alike."""
    spec = "input 2x3 | param 2x3 id=p | relu inplace=true | add with=[p,input]"
    graph = convcalc.load(spec)
    weights = convcalc.init_weights(graph)
    own = weights["p.value"].copy()
    x = np.ones((2, 2, 3), np.float32)
    np.testing.assert_allclose(convcalc.execute(graph, x, weights), np.maximum(own, 0) + own + x)
    np.testing.assert_array_equal(weights["p.value"], own)
    found = convcalc.verify(graph)
    assert found.ok, str(found)


def test_an_output_may_be_one() -> None:
    graph = convcalc.load("layers:\n  - relu id=r\n  - param 2x3 id=p\noutputs: [r, p]\n", input="2x3")
    weights = convcalc.init_weights(graph)
    found = convcalc.execute(graph, np.ones((4, 2, 3)), weights)
    assert found["p"].shape == (4, 2, 3)
    np.testing.assert_allclose(found["p"], np.repeat(weights["p.value"][None], 4, axis=0))
    assert convcalc.verify(graph).ok


def test_closed_forms() -> None:
    totals = convcalc.analyze("input CxHxW | param (C,H,W) | add with=input").totals
    assert str(totals.params) == "C*H*W"
    assert totals.params.subs({"C": 3, "H": 5, "W": 7}) == 105


def test_a_run_lists_them() -> None:
    found = convcalc.run("input 2x3 | param 2x3 id=p | add with=input")
    assert [row.name for row in found.inputs] == ["input"]
    assert [row.name for row in found.layers] == ["p", "add1"]


LAYERS = (
    "relu", "silu", "bn track=false", "softmax", "conv 3 k3 p1", "dwconv k3", "convT 3 k2 s2", "maxpool k2",
    "avgpool k3", "globalavgpool", "reshape 24x2", "flatten", "permute (2,0,1)", "ln", "gn 2", "lrn 3",
    "pad p1", "crop amounts=1", "upsample scale=2 mode=linear", "pixelshuffle 2", "linear 5 axis=channels",
    "identity", "slice 1 3", "glu", "prelu", "gather 2x2", "unfold k2", "rmsnorm", "scale", "instancenorm",
    "shuffle 2",
)  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_every_kernel_reads_one_array_for_all_samples_as_it_reads_copies(layer: str) -> None:
    """A layer after a learned tensor gives every sample what it gives to the same numbers as an input."""
    shape = (4, 4, 3)
    own = convcalc.load(f"input 4x4x3 id=unread | param 4x4x3 id=p | {layer} id=l")
    plain = convcalc.load(f"input 4x4x3 | {layer} id=l")
    weights = convcalc.init_weights(own, dtype="float64")
    value = weights["p.value"]
    copies = np.repeat(value[None], 3, axis=0)
    layers = {name: array for name, array in weights.items() if name != "p.value"}
    for form in ("fast", "naive"):
        got = convcalc.execute(own, np.zeros((3, *shape)), weights, form=form)
        np.testing.assert_allclose(got, convcalc.execute(plain, copies, layers, form=form), rtol=1e-12)
    np.testing.assert_array_equal(weights["p.value"], value)
    found = convcalc.verify(own)
    assert found.ok, str(found)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_broadcasting_over_the_batch_is_that_of_numpy(shape: list[int], data: st.DataObject) -> None:
    own = [data.draw(st.sampled_from([1, n])) for n in shape]
    text = "x".join(map(str, own))
    value = data.draw(st.sampled_from([0, -2.5, 3]))
    graph = convcalc.load(
        f"param {text} id=p | const {text} value={value} id=c | mul from=[input,p] | add with=c",
        input=tuple(shape),
    )
    weights = convcalc.init_weights(graph, dtype="float64")
    x = np.random.default_rng(1).standard_normal((2, *shape))
    np.testing.assert_allclose(convcalc.execute(graph, x, weights), x * weights["p.value"] + value)

"""Loops whose turns are merged, and ranges of names, against the same written out."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc import load
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph
from convcalc.spec import SpecError
from convcalc.spec.document.schema import json_schema

BODIES = ("conv 8 k=2*i+1 p=i", "conv 8 k1 | relu", "", "conv 8 k3 p1 id=c | bn | add with=c")
INDEXED = ("conv 8 k=2*{i}+1 p={i}", *BODIES[1:])


def flat(graph: Graph) -> list[Any]:
    return [(node.name, format_layer(node.layer), node.inputs, node.outputs) for node in graph.nodes]


def document(*items: Any, **top: Any) -> str:
    return json.dumps({"name": "t", "input": "8x9x9", **top, "layers": list(items)})


def built(*items: Any, **top: Any) -> list[Any]:
    return flat(load(document(*items, **top)))


# -- a loop against branches written out ---------------------------------------------------------


@given(
    count=st.integers(2, 5),
    merge=st.sampled_from(["add", "mul", "concat", "concat axis=1", "concat(axis=2)", "sum"]),
    body=st.integers(0, len(BODIES) - 1),
    after=st.sampled_from(["relu", "conv 4 k1", "maxpool k2"]),
)
def test_a_merged_repeat_is_its_branches(count: int, merge: str, body: int, after: str) -> None:
    loop = {"repeat": count, "index": "i", "merge": merge, "body": BODIES[body]}
    branches = [INDEXED[body].replace("{i}", str(i)) for i in range(count)]
    assert built("relu", loop, after, loop) == built(
        "relu",
        {"branches": branches, "merge": merge},
        after,
        {"branches": branches, "merge": merge},
    )
    older = {**loop, "each": loop["index"]}  # the other word for the index of a repeat
    del older["index"]
    assert built(older) == built(loop)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=2, max_size=5))
def test_a_merged_loop_over_a_list_is_its_branches(rows: list[tuple[int, int]]) -> None:
    body = ["conv i+1 k=2*k-1 p=k-1", "shift k=2*p+1"]
    loop = {"each": ["k", "p"], "of": [list(r) for r in rows], "index": "i", "merge": "concat", "body": body}
    branches = [
        [f"conv {i + 1} k={2 * k - 1} p={k - 1}", f"shift k={2 * p + 1}"] for i, (k, p) in enumerate(rows)
    ]
    assert built(loop) == built({"branches": branches, "merge": "concat"})


def test_the_turns_of_a_plain_repeat_follow_one_another_and_those_of_a_merged_one_do_not() -> None:
    plain = load(document({"repeat": 3, "body": "conv in+1 k1"}))
    merged = load(document({"repeat": 3, "merge": "concat", "body": "conv in+1 k1"}))
    assert plain.nodes[-1].outputs[0][0] == 8 + 3
    assert merged.nodes[-1].outputs[0][0] == 3 * 9


@given(st.integers(2, 4))
def test_each_turn_may_read_a_tensor_of_its_own(count: int) -> None:
    heads = [f"conv {i + 1} k1 id=y{i} from=input" for i in range(count)]
    loop = {"repeat": count, "merge": "concat", "from": f"y{{0..{count - 1}}}", "body": "conv 2*in k1"}
    listed = {**loop, "from": [f"y{i}" for i in range(count)]}
    branches = {"branches": ["conv 2*in k1"] * count, "from": listed["from"], "merge": "concat"}
    assert built(*heads, loop) == built(*heads, listed) == built(*heads, branches)
    graph = load(document(*heads, loop))
    assert graph.nodes[-1].outputs[0][0] == sum(2 * (i + 1) for i in range(count))
    sources = [graph.nodes[graph.nodes[edge.node].inputs[0].node].name for edge in graph.nodes[-1].inputs]
    assert sources == [f"y{i}" for i in range(count)]


@pytest.mark.parametrize("merge", ["add", "mul", "concat", "concat axis=1"])
def test_one_branch_is_merged_to_itself(merge: str) -> None:
    body = ["conv 4 k1", "relu"]
    assert [row[1:] for row in built({"repeat": 1, "merge": merge, "body": body}, "tanh")] == [
        row[1:] for row in built(*body, "tanh")
    ]


@pytest.mark.parametrize("items", [{"repeat": 0}, {"repeat": "n"}, {"each": "x", "of": []}])
def test_no_branches_are_refused_where_they_are_merged(items: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="a merge of no branches"):
        load(document({**items, "merge": "add", "body": "relu"}, vars={"n": 0}))
    plain = load(document({**items, "body": "relu"}, "tanh", vars={"n": 0}))
    assert [node.op for node in plain.nodes] == ["input", "tanh"]


@pytest.mark.parametrize(
    ("item", "message", "expected"),
    [
        ({"repeat": 2, "merge": "conv 8 k3", "body": "relu"}, "unknown merge 'conv'", "add"),
        ({"repeat": 2, "merge": "adt", "body": "relu"}, "unknown merge 'adt'", "did you mean add?"),
        ({"repeat": 2, "merge": "add | relu", "body": "relu"}, "one layer", "behind"),
        ({"repeat": 2, "merge": "add from=input", "body": "relu"}, "reads the branches", "id:"),
        ({"repeat": 2, "merge": "concat axs=1", "body": "relu"}, "no option 'axs'", "did you mean axis?"),
        ({"repeat": 2, "each": "i", "index": "j", "body": "relu"}, "one index", "one of them"),
        ({"each": "i", "index": "i", "of": [1], "body": "relu"}, "names a value and the index", "another"),
        ({"repeat": 2, "from": ["a", "b"], "body": "relu"}, "only branches", "merge:"),
        ({"repeat": 2, "from": "y{0..1}", "body": "relu"}, "only branches", "merge:"),
        ({"group": "g", "from": ["a", "b"], "body": "relu"}, "only branches", "one name"),
        ({"repeat": 2, "from": [], "body": "relu"}, "no name to read", "a name"),
        ({"repeat": 2, "merge": "add", "body": "split (4,4)"}, "no single tensor to merge", "one output"),
        (
            {"repeat": 3, "merge": "add", "from": ["input", "input"], "body": "relu"},
            "2 tensors to 3 branches",
            "one for each",
        ),
    ],
)
def test_what_cannot_be_merged_is_said(item: dict[str, Any], message: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(document(item))
    assert message in str(caught.value)
    assert expected in str(caught.value)


# -- ranges of names -----------------------------------------------------------------------------

HEADS = [f"conv 4 k1 id=y{i}_{j} from=input" for i in range(4) for j in range(4)]


@given(st.tuples(*[st.integers(0, 3)] * 4), st.sampled_from(["add", "mul", "concat", "concat axis=1"]))
def test_a_range_stands_for_its_names(ends: tuple[int, int, int, int], join: str) -> None:
    a, b, c, d = min(ends[:2]), max(ends[:2]), min(ends[2:]), max(ends[2:])
    names = [f"y{i}_{j}" for i, j in product(range(a, b + 1), range(c, d + 1))]
    named = ",".join(["y0_0", *names])
    for written in (f"[y0_0, y{{{a}..{b}}}_{{{c}..d}}]", f"[y0_0,y{{a..b}}_{{{c}..max({d}, 0)}}]"):
        top = {"vars": {"a": a, "b": b, "d": d}}
        assert built(*HEADS, f"{join} from={written}", **top) == built(
            *HEADS, f"{join} from=[{named}]", **top
        )
    one = [f"y0_{j}" for j in range(c, d + 1)]
    rest = f"{join} from=input with="
    wide = [head.replace("conv 4", "conv 8") for head in HEADS]
    assert built(*wide, f"{rest}y0_{{{c}..{d}}}") == built(*wide, f"{rest}[{','.join(one)}]")
    assert built(*HEADS, outputs=[f"y{{{a}..{b}}}_0"]) == built(
        *HEADS, outputs=[f"y{i}_0" for i in range(a, b + 1)]
    )


def test_outputs_by_a_range_have_their_names() -> None:
    graph = load(document(*HEADS, outputs=["y{0..2}_1", "y3_{n}"], vars={"n": 2}))
    assert graph.output_names == ("y0_1", "y1_1", "y2_1", "y3_2")
    assert [graph.nodes[e.node].name for e in graph.outputs] == list(graph.output_names)
    with pytest.raises(SpecError, match="3 tensors under one name"):
        load(document(*HEADS, outputs={"head": "y{0..2}_1"}))


@pytest.mark.parametrize(
    ("stage", "message", "expected"),
    [
        ("add from=[y{0..5}_0]", "no tensor named 'y4_0'", "y0_0 to y3_0"),
        ("add from=[z{0..3}_0]", "no tensor named 'z0_0'", "did you mean y0_0?"),
        ("add from=[y{3..0}_0]", "the range 3..0 is empty", "an end of 3 or more"),
        ("add from=[y{0..n-1}_0]", "the range 0..-1 is empty", "an end of 0 or more"),
        ("add from=[y{0..C}_0]", "whole number, got C", "n-1"),
        ("add from=[y{0.5..1}_0]", "whole number, got 0.5", "n-1"),
        ("add from=[y{0..}_0]", "ends too early", "a number"),
        ("add from=[y{0...2}_0]", "whole number, got 0.2", "n-1"),
        ("add from=[y{0..10**9}_0]", "more than 10,000 names", "fewer"),
        ("add from=[y{0..999}_{0..999}]", "more than 10,000 names", "fewer"),
        ("relu from=y{0..1}_0", "relu reads 1 tensor, got 2", "one tensor"),
        ("relu id=r{0..1}", "several names, and one is wanted", "from="),
        ("upsample like=y{0..1}_0", "several names, and one is wanted", "from="),
        ("conv_bn(4) from=[y{0..1}_0]", "reads one tensor", "from=name"),
        ("add from=[y0_0,,y1_0]", "a name is missing", "names separated"),
    ],
)
def test_a_range_that_names_nothing_is_said(stage: str, message: str, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(document(*HEADS, stage, vars={"n": 0}))
    assert message in str(caught.value)
    assert expected in str(caught.value)


def test_a_stage_that_lacks_an_input_names_one_that_works() -> None:
    text = "input 3x8x8 | conv 6 k3 p1 | relu | conv 6 k1 | conv 2 k1 | conv 6 k1 | add"
    with pytest.raises(SpecError, match="add reads 2 or more tensors, got 1") as caught:
        load(text)
    hint = caught.value.problems[0].expected
    assert hint is not None
    suggested = hint.split(",")[0]
    assert suggested == "with=conv2"
    assert [e.node for e in load(f"{text} {suggested}").nodes[-1].inputs] == [5, 3]


# -- bodies without a list -----------------------------------------------------------------------

STRUCTURES: list[dict[str, Any]] = [
    {"repeat": 2, "body": "relu"},
    {"repeat": 2, "merge": "add", "body": {"repeat": 2, "body": "relu"}},
    {"each": "x", "of": [1, 3], "body": "conv 8 k=x p=x//2"},
    {"when": "in > 3", "do": {"group": "g", "body": "relu"}, "else": "tanh"},
    {"branches": {"a": {"residual": "identity", "body": "relu"}, "b": "tanh"}, "merge": "add"},
    {"residual": "identity", "body": {"let": {"n": 8}, "body": "conv n k1"}},
    {"residual": {"group": "short", "body": "conv 8 k1"}, "body": "conv 8 k3 p1"},
    {"residual": "conv 8 k1 | bn", "body": "conv 8 k3 p1"},
    {"residual": "project", "shortcut": {"group": "s", "body": "conv 4 k1"}, "body": "conv 4 k3 p1"},
    {"group": "g", "body": "conv 4 k1 | relu"},
]


@pytest.mark.parametrize("item", STRUCTURES, ids=lambda item: ",".join(item))
def test_a_bare_structure_or_text_is_a_body(item: dict[str, Any]) -> None:
    expected = built(item)
    for inner in (
        lambda body: {"repeat": 1, "body": body},
        lambda body: {"when": "true", "do": body},
        lambda body: {"when": "false", "do": [], "else": body},
        lambda body: {"let": {"q": 1}, "body": body},
    ):
        assert built(inner(item)) == built(inner([item])) == expected
    bare = {"name": "t", "input": "8x9x9", "layers": item}
    assert flat(load(json.dumps(bare))) == expected
    jsonschema.validate(bare, json_schema())
    for block in (item, [item], {"body": item}, {"doc": "what it is", **item}, {"doc": "", "body": [item]}):
        text = {"input": "8x9x9", "blocks": {"b(n=2)": block}, "layers": ["b"]}
        jsonschema.validate(text, json_schema())
        assert [row[1:] for row in flat(load(json.dumps(text)))] == [row[1:] for row in expected]


def test_the_schema_takes_what_the_reader_takes_in_merges() -> None:
    for merge in ("add", "concat axis=1", "concat(axis=1)", "sum"):
        loop = {"repeat": 2, "merge": merge, "index": "i", "from": ["input"], "body": "relu"}
        made = {"input": "8x9x9", "layers": [loop]}
        load(json.dumps(made))
        jsonschema.validate(made, json_schema())
    for merge in ("additive", "relu", "concat_axis"):
        made = {"input": "8x9x9", "layers": [{"repeat": 2, "merge": merge, "body": "relu"}]}
        with pytest.raises(SpecError):
            load(json.dumps(made))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(made, json_schema())


# -- sums of published networks, for any number ---------------------------------------------------

HRNET_FUSE = """
input: 32x64x64
vars: {n: 4, width: 32}
layers:
  - {repeat: n, index: i, body: ["conv width*2**i k3 s=2**i p1 id=x{i} from=input"]}
  - repeat: n
    index: i
    body:
      - repeat: n
        index: j
        merge: add
        id: y{i}
        from: "x{0..n-1}"
        body:
          - {when: j > i, do: ["conv width*2**i k1 bias=false", bn, upsample scale=2**(j-i)]}
          - repeat: max(i - j, 0)
            index: k
            body:
              - conv width*2**(i if k == i-j-1 else j) k3 s2 p1 bias=false | bn
              - {when: k < i-j-1, do: relu}
      - relu id=z{i}
outputs: ["z{0..n-1}"]
"""


def hrnet_fuse_parameters(n: int, width: int) -> int:
    """By hand, Sun et al. 2019: 1x1 from coarser branches, strided 3x3 one after another from finer ones."""
    total = 0
    for i, j in product(range(n), repeat=2):
        wide, narrow = width * 2**i, width * 2**j
        if j > i:
            total += narrow * wide + 2 * wide
        for k in range(i - j):
            out = wide if k == i - j - 1 else narrow
            total += 9 * narrow * out + 2 * out
    return total


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("width", [8, 18])
def test_the_fuse_layer_of_hrnet_needs_no_case_per_number(n: int, width: int) -> None:
    graph = load(HRNET_FUSE, set={"n": n, "width": width})
    shapes = [graph.nodes[e.node].outputs[e.output] for e in graph.outputs]
    assert shapes == [(width * 2**i, 64 // 2**i, 64 // 2**i) for i in range(n)]
    heads = sum(9 * 32 * width * 2**i + width * 2**i for i in range(n))
    assert params(graph) - heads == hrnet_fuse_parameters(n, width)
    assert [node.op for node in graph.nodes].count("add") == (n if n > 1 else 0)


def params(graph: Graph) -> int:
    total = convcalc.analyze(graph).to_dict()["totals"]["params"]
    assert isinstance(total, int)
    return total


@pytest.mark.parametrize("kernels", [1, 2, 3, 4])
def test_mixed_kernels_are_a_split_and_a_merged_repeat(kernels: int) -> None:
    # Tan & Le 2019, MixConv: equal parts of the channels, kernels 3, 5, 7, ...; the first takes the rest.
    channels = 26
    text = """
vars: {n: 2, c: 26}
input: [c, 12, 12]
blocks:
  mixed(n):
    - let: {part: in//n, first: in - (n-1)*(in//n)}
    - split [first]+[part]*(n-1) id=part
    - repeat: n
      index: i
      from: part.{0..n-1}
      merge: concat
      body: dwconv k=3+2*i p=1+i bias=false
layers: mixed(n)
"""
    graph = load(text, set={"n": kernels, "c": channels})
    part, rest = divmod(channels, kernels)
    expected = sum((part + (rest if i == 0 else 0)) * (3 + 2 * i) ** 2 for i in range(kernels))
    assert params(graph) == expected
    assert graph.nodes[-1].outputs[0] == (channels, 12, 12)


@pytest.mark.parametrize("branches", [1, 2, 3, 4])
@pytest.mark.parametrize(("out", "stride"), [(16, 1), (24, 1), (16, 2)])
def test_the_sum_of_mobileone_needs_no_case_per_number(branches: int, out: int, stride: int) -> None:
    # Vasu et al. 2023, Figure 3: k times 3x3 and batch norm, a 1x1, and the norm alone where the shape stays.
    text = """
vars: {k: 4, out: 16, s: 1}
input: 16x8x8
blocks:
  mobileone(out, k, s):
    - let: {same: 1 if in == out and s == 1 else 0}
    - repeat: k + 1 + same
      index: i
      merge: add
      body:
        when: i < k + 1
        do: conv out k=(3 if i < k else 1) s=s p=(1 if i < k else 0) bias=false | bn
        else: bn
    - relu
layers: ["mobileone(out, k, s)"]
"""
    graph = load(text, set={"k": branches, "out": out, "s": stride})
    same = out == 16 and stride == 1
    expected = branches * (9 * 16 * out + 2 * out) + 16 * out + 2 * out + (2 * 16 if same else 0)
    assert params(graph) == expected
    (join,) = [node for node in graph.nodes if node.op == "add"]
    assert len(join.inputs) == branches + 1 + same


def test_a_merged_loop_runs_and_agrees() -> None:
    assert convcalc.verify(HRNET_FUSE, set={"n": 3, "width": 4}, input="32x16x16").ok


@pytest.mark.parametrize("join", ["add", "mul", "concat", "max", "sum", "concat axis=-1"])
def test_a_range_of_one_name_is_that_tensor(join: str) -> None:
    """So that a sum over as many tensors as there are needs no case for one."""
    for many in (1, 2):
        names = f"from=[y{{0..{many - 1}}}] id=s"
        line = f"conv 4 k1 id=y0 | conv 4 k1 id=y1 from=input | {join} {names} | relu from=s"
        graph = load(line, input="3x8x8")
        assert graph.nodes[-1].inputs[0].node == (1 if many == 1 else 3)


@pytest.mark.parametrize(
    ("merge", "message"),
    [("concat axis=9", "no axis 9"), ("max axis=1", "over no axis"), ("concat axis=x", "unknown name 'x'")],
)
@pytest.mark.parametrize("many", [1, 2])
def test_what_is_wrong_for_two_branches_is_wrong_for_one(merge: str, message: str, many: int) -> None:
    item = {"repeat": many, "merge": merge, "body": "conv 4 k1"}
    with pytest.raises(SpecError, match=message):
        load(document(item))


def test_branches_of_a_loop_may_share_their_weights() -> None:
    """Counted once: (8*8 + 8) and, of the second loop, (8*4 + 4)."""
    items = [
        {"repeat": 3, "merge": "add", "share": True, "body": ["conv 8 k1", "relu"]},
        {
            "each": ["a", "b"],
            "of": [[1, 2], [3, 4]],
            "merge": "concat axis=0",
            "share": True,
            "body": "conv 4 k1",
        },
    ]
    graph = load(json.dumps({"name": "t", "input": "8x6x6", "layers": items}))
    assert convcalc.analyze(graph).totals.params == 72 + 36
    assert convcalc.verify(graph).ok

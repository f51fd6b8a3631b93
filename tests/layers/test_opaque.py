"""An operator that is not known: what surrounds it is counted, and nothing that it decides is stated."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.dims import UNKNOWN
from convcalc.executor import ExecutionError
from convcalc.exporters.text import format_graph
from convcalc.layers.tensors.opaque import word
from convcalc.spec import SpecError

BOXES = "input 3x9x9 | conv 4 k3 id=c | opaque NonMaxSuppression shape=10x4,? params=7 buffers=2 id=nms"


def test_what_it_states_is_counted_and_its_costs_are_unknown() -> None:
    report = convcalc.analyze(f"{BOXES} | linear 5 axis=-1 from=nms.0 id=y")
    nms = next(row for row in report.layers if row.name == "nms")
    assert (nms.params, nms.buffers) == (7, 2)
    assert nms.macs is nms.flops is nms.valid_macs is nms.activations is UNKNOWN
    totals = report.totals
    assert totals.params == 4 * 3 * 9 + 4 + 7 + 4 * 5 + 5
    assert totals.macs is totals.flops is UNKNOWN
    assert report.status["params"] == "complete"
    assert report.status["macs"] == "partial"
    assert report.to_dict()["totals"]["macs"] is None


def test_what_it_reads_is_unknown() -> None:
    found = convcalc.receptive_field(f"{BOXES} | linear 5 axis=-1 from=nms.0 id=y")
    assert "NonMaxSuppression" in found.decided["nms"]
    assert not any(axis.known for axis in found.layers[-1].axes)


def test_it_is_not_run() -> None:
    graph = convcalc.load("input 3x9x9 | conv 4 k3 | opaque NonMaxSuppression shape=10x4 id=nms")
    with pytest.raises(ExecutionError, match="nms: NonMaxSuppression is not known here, and cannot be run"):
        convcalc.run(graph)


SIZE = st.one_of(st.integers(1, 9999), st.just("?"), st.sampled_from(["N", "H_out", "(2*H+1)"]))
NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.:/+-]{0,12}(?<!:)", fullmatch=True)


@settings(max_examples=60)
@given(
    NAME,
    st.lists(st.lists(SIZE, max_size=4), min_size=1, max_size=4),
    st.integers(0, 10**12),
    st.integers(0, 9),
    st.integers(0, 3),
)
def test_the_text_reads_back(
    name: str, shapes: list[list[object]], params: int, buffers: int, reads: int
) -> None:
    text = ",".join("x".join(map(str, shape)) or "()" for shape in shapes)
    source = f"from=[{','.join(['input'] * reads)}]"
    graph = convcalc.load(
        f"input 3x4 | opaque {name} shape={text} params={params} buffers={buffers} {source}"
    )
    (node,) = graph.nodes[1:]
    assert node.layer.what == name
    assert [len(shape) for shape in node.outputs] == [len(shape) for shape in shapes]
    assert len(node.inputs) == reads
    assert convcalc.analyze(graph).totals.params == params
    again = convcalc.load(format_graph(graph))
    assert again.nodes == graph.nodes
    assert again.outputs == graph.outputs


@pytest.mark.parametrize("text", ["10x", "x4", "10x4,", "10,,4", "10x-4", "0x4", "1.5", "(", "(1", "abc"])
def test_wrong_shapes_are_refused_at_their_place(text: str) -> None:
    with pytest.raises(SpecError) as found:
        convcalc.load(f"input 3x4 | opaque TopK shape={text}")
    assert found.value.problems[0].column > len("input 3x4 | opaque")


@given(st.text(max_size=300))
def test_every_name_becomes_one_that_reads_back(text: str) -> None:
    found = word(text)
    assert word(found) == found
    assert convcalc.load(f"input 3 | opaque {found} shape=3").nodes[1].layer.what == found  # type: ignore[attr-defined]


def test_other_layers_still_read_something() -> None:
    with pytest.raises(SpecError, match="reads 1 tensor, got 0"):
        convcalc.load("input 3x4 | relu from=[]")

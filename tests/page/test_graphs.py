"""Rows and the graph of a page, for random graphs in random blocks, against what the words mean."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.graph import Graph
from convcalc.page import layout
from convcalc.page.data import page_data
from tests.page.nested import nested

SEEDS = st.integers(0, 10_000)


def shown(graph: Graph) -> dict[str, Any]:
    (network,) = page_data(graph)["networks"]
    return network


@settings(max_examples=20)
@given(SEEDS)
def test_rows_are_a_tree_with_sums(seed: int) -> None:
    graph = nested(seed)
    network = shown(graph)
    before: dict[str, Any] = {}
    for row in network["rows"]:
        assert row["id"] not in before
        if row["parent"] is None:
            assert row["depth"] == 0
        else:
            parent = before[row["parent"]]  # which stands before it
            assert parent["kind"] == "block"
            assert row["depth"] == parent["depth"] + 1
        before[row["id"]] = row
    assert {row["id"] for row in network["rows"] if row["kind"] != "block"} == {n.name for n in graph.nodes}
    for row in network["rows"]:
        inside = [one for one in network["rows"] if one["parent"] == row["id"] and one["kind"] != "input"]
        for key in ("params", "macs", "flops", "activations") if row["kind"] == "block" and inside else ():
            assert row["values"][key] == sum(one["values"][key] for one in inside), key
        if row["kind"] == "block" and inside:
            assert row["values"]["memory"] == max(one["values"]["memory"] for one in inside)
    top = [row for row in network["rows"] if row["parent"] is None and row["kind"] != "input"]
    totals = {total["key"]: total["value"] for total in network["totals"]}
    for key in ("params", "macs", "flops"):
        assert totals[key] == sum(row["values"][key] for row in top)
    assert totals["peak_memory_bytes"] >= max(row["values"]["memory"] for row in top)


def expected_edges(network: dict[str, Any], graph: Graph, group: str) -> set[tuple[str, str]]:
    """The edges of one block, by looking for every edge of the graph whether its ends are inside."""
    parent = {row["id"]: row["parent"] or "" for row in network["rows"]}

    def child(name: str) -> str | None:
        """The child of the block in which a layer stands; None where it stands elsewhere."""
        at = name
        while parent[at] != group:
            at = parent[at]
            if at == "":
                return None
        return at

    found = set()
    names = [node.name for node in graph.nodes]
    ends = [(names[edge.node], node.name) for node in graph.nodes for edge in node.inputs]
    ends += [(names[edge.node], "") for edge in graph.outputs]
    for a, b in ends:
        source, target = child(a), child(b) if b else None
        if (source or target) and source != target:
            found.add((source or "in", target or "out"))
    return found


def reached(leads: dict[str, set[str]], start: set[str]) -> set[str]:
    """All that is reached from some children, by following edges as long as there are new ones."""
    found = set(start)
    while more := {b for a in found for b in leads.get(a, ())} - found:
        found |= more
    return found


@settings(max_examples=20)
@given(SEEDS)
def test_every_group_has_the_edges_of_the_graph(seed: int) -> None:
    graph = nested(seed)
    network = shown(graph)
    groups = network["graph"]["groups"]
    assert set(groups) == {""} | {row["id"] for row in network["rows"] if row["kind"] == "block"}
    for id, group in groups.items():
        children = [row["id"] for row in network["rows"] if (row["parent"] or "") == id]
        assert sorted(child for rank in group["ranks"] for child in rank) == sorted(children)
        assert all(group["ranks"])
        sides = {port["id"]: port["side"] for port in group["ports"]}
        assert len(sides) == len(group["ports"]) and sides.keys().isdisjoint(children)
        rank = {child: n for n, inside in enumerate(group["ranks"]) for child in inside}
        rank |= {port: -1 if side == "in" else len(group["ranks"]) for port, side in sides.items()}
        ends = set()
        leads: dict[str, set[str]] = {}
        for edge in group["edges"]:
            if not edge.get("back"):
                leads.setdefault(edge["from"], set()).add(edge["to"])
        for edge in group["edges"]:
            a, b = edge["from"], edge["to"]
            assert edge["skip"] == (rank[b] - rank[a] > 1 and b in reached(leads, leads[a] - {b}))
            if edge.get("back"):  # blocks that read each other: no order of ranks goes one way
                assert a in children and b in children
            else:
                assert rank[a] < rank[b]
            assert sides.get(a, "in") == "in" and sides.get(b, "out") == "out"
            ends.add((sides.get(a, a), sides.get(b, b)))
        assert ends == expected_edges(network, graph, id)


@settings(max_examples=20)
@given(SEEDS)
def test_blocks_that_run_one_after_the_other_have_no_edge_back(seed: int) -> None:
    graph = nested(seed)
    last: dict[str, int] = {}
    turns = False
    for number, node in enumerate(graph.nodes):
        parts = node.name.split(".")[:-1]
        for block in (".".join(parts[: n + 1]) for n in range(len(parts))):
            turns |= last.get(block, number) < number - 1
            last[block] = number
    edges = [edge for group in shown(graph)["graph"]["groups"].values() for edge in group["edges"]]
    assert turns or not any(edge.get("back") for edge in edges)


@settings(max_examples=20)
@given(SEEDS)
def test_details_belong_to_their_layers(seed: int) -> None:
    network = shown(nested(seed))
    for row in network["rows"]:
        if row["kind"] == "layer":
            detail = network["details"][row["detail"]]
            assert detail["title"] == row["what"]
            params = [one["value"] for one in detail["formulas"] if one["name"] == "all parameters"]
            assert params in ([], [f"{row['values']['params']:,}"]) or "share=" in row["what"]
        else:
            assert row["detail"] is None


@pytest.mark.slow
@settings(max_examples=20)
@given(SEEDS)
def test_the_same_network_gives_the_same_page(seed: int) -> None:
    assert page_data(nested(seed)) == page_data(nested(seed))


@pytest.mark.slow
def test_ranks_do_not_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order in a rank may differ without it; what stands in which rank, and the edges, do not."""
    graph = convcalc.load("hrnet_w18")
    first = page_data(graph)["networks"][0]["graph"]["groups"]
    monkeypatch.setitem(sys.modules, "fast_sugiyama", None)
    second = page_data(graph)["networks"][0]["graph"]["groups"]
    for id, group in first.items():
        assert [sorted(rank) for rank in group["ranks"]] == [sorted(rank) for rank in second[id]["ranks"]]
        assert group["edges"] == second[id]["edges"]


def test_the_library_untangles() -> None:
    pytest.importorskip("fast_sugiyama")
    ranks = [["a", "b", "c"], ["x", "y", "z"]]
    edges = [("a", "z"), ("b", "y"), ("c", "x"), ("a", "y")]
    # Straight lines by hand: a-z crosses b-y and c-x, b-y crosses c-x, a-y crosses c-x.
    assert layout.crossings(ranks, edges) == 4
    assert layout.crossings(layout.untangled(ranks, edges), edges) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_crossings_are_counted_as_pairs(lines: list[tuple[int, int]]) -> None:
    ranks = [list("abcd"), list("wxyz")]
    edges = [("abcd"[a], "wxyz"[b]) for a, b in lines]
    pairs = [(a - c) * (b - d) < 0 for n, (a, b) in enumerate(lines) for c, d in lines[:n]]
    assert layout.crossings(ranks, edges) == sum(pairs)

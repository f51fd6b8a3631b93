"""Layers of two networks that belong together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.page.data import page_data
from tests.page.nested import nested


def states(first: str, second: str, **options: Any) -> dict[tuple[str | None, str | None], str]:
    found = convcalc.page(first, second, **options).to_dict()["matches"]
    return {(one["a"], one["b"]): one["state"] for one in found}


def test_a_network_is_the_same_as_itself() -> None:
    page = convcalc.page("resnet18", "resnet18").to_dict()
    assert [(one["a"], one["b"], one["state"]) for one in page["matches"]] == [
        (row["id"], row["id"], "same") for row in page["networks"][0]["rows"]
    ]


def test_by_hand() -> None:
    found = states(
        "input 3x8x8 | conv 8 k3 p1 id=a | relu id=r | conv 8 k3 p1 id=b | flatten | linear 10 id=fc",
        "input 3x8x8 | conv 8 k5 p2 id=a | relu id=r | maxpool k2 id=m | flatten | linear 10 id=fc",
    )
    assert found[("a", "a")] == "changed"
    assert found[("r", "r")] == "same"
    assert found[("b", None)] == "only a"
    assert found[(None, "m")] == "only b"
    assert found[("fc", "fc")] == "changed"  # from 512 features to 128
    assert found[("input", "input")] == "same"


def test_layers_of_other_names_are_matched_by_what_they_are() -> None:
    found = states(
        "input 3x8x8 | conv 8 k3 p1 id=one | relu id=two | conv 16 k1 id=three",
        "input 3x8x8 | conv 8 k3 p1 id=x | relu id=y | conv 16 k1 id=z",
    )
    assert found == {
        (a, b): "same" for a, b in [("input", "input"), ("one", "x"), ("two", "y"), ("three", "z")]
    }


def test_blocks_that_were_added_are_only_there() -> None:
    """ResNet-34 has one, two, four and one basic blocks more than ResNet-18 (He et al. 2016, Table 1)."""
    found = states("resnet18", "resnet34")
    added = [b for (a, b), state in found.items() if state == "only b" and b and b.count(".") == 1]
    assert Counter(one.partition(".")[0] for one in added) == {
        "layer1": 1,
        "layer2": 2,
        "layer3": 4,
        "layer4": 1,
    }
    assert found[("layer1.basic_block1", "layer1.basic_block1")] == "same"
    assert found[("layer1", "layer1")] == "changed"
    assert "only a" not in found.values()


def test_another_input_changes_sizes_and_is_no_other_layer() -> None:
    small, large = (convcalc.load("resnet18", input=f"3x{n}x{n}") for n in (64, 128))
    found = page_data(small, large)["matches"]
    assert {one["a"] == one["b"] for one in found} == {True}
    assert {one["state"] for one in found if one["a"].endswith("conv1")} == {"changed"}


@settings(max_examples=20)
@given(st.integers(0, 5000), st.integers(0, 5000))
def test_every_row_is_matched_once(first: int, second: int) -> None:
    page = page_data(nested(first), nested(second))
    for side, network in zip("ab", page["networks"], strict=True):
        assert sorted(one[side] for one in page["matches"] if one[side] is not None) == sorted(
            row["id"] for row in network["rows"]
        )
    kinds = [{row["id"]: row for row in network["rows"]} for network in page["networks"]]
    for one in page["matches"]:
        if one["a"] is None or one["b"] is None:
            assert one["state"] == ("only b" if one["a"] is None else "only a")
            continue
        a, b = kinds[0][one["a"]], kinds[1][one["b"]]
        assert a["op"] == b["op"]
        if one["state"] == "same" and a["kind"] == "layer":
            assert a["what"] == b["what"] and a["cells"]["output"] == b["cells"]["output"]
        if one["state"] == "same":
            assert a["values"].get("params") == b["values"].get("params")


def test_the_table_is_that_of_compare(cli) -> None:
    page = convcalc.page("resnet18", "resnet34").to_dict()
    table = page["comparison"]
    texts = [text for row in table["rows"] for text in row]
    assert "11.69 M" in texts and "21.80 M" in texts
    assert all(len(row) == len(table["columns"]) for row in table["rows"])


@pytest.mark.parametrize("count", [1, 3])
def test_one_network_has_no_matches_and_three_have_two_lists(count: int) -> None:
    page = convcalc.page(*["lenet5", "lenet5", "alexnet"][:count]).to_dict()
    if count == 1:
        assert page["matches"] is None and page["comparison"] is None
    else:
        assert {one.get("network", 1) for one in page["matches"]} == {1, 2}

"""Totals of what is known: said to be at least, and never a total."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import convcalc

KNOWN = "conv 3->8 k3 id=c | relu id=r | conv 4 k1 from=r id=d"
SPEC = "conv 3->8 k3 id=c | relu id=r | opaque TopK shape=10x4,? id=head.topk | conv 4 k1 from=r id=d"
INPUT = "3x16x16"
MACS = 14 * 14 * (8 * 3 * 9 + 8 * 4)


def test_what_is_known_is_summed_as_of_the_network_without_it() -> None:
    report = convcalc.analyze(SPEC, input=INPUT, partial=True)
    without = convcalc.analyze(KNOWN, input=INPUT).totals
    assert report.at_least["macs"] == without.macs == MACS
    for key in ("valid_macs", "flops", "activations"):
        assert report.at_least[key] == getattr(without, key)
    assert report.at_least["ops.cmp"] == without.ops.cmp
    assert report.at_least["peak_memory_bytes"] >= without.peak_memory_bytes
    assert "params" not in report.at_least  # which is known
    assert report.unknown == {"TopK": ["head.topk"]}


def test_it_is_not_asked_for_unless_it_is() -> None:
    assert convcalc.analyze(SPEC, input=INPUT).at_least == {}
    assert convcalc.analyze(KNOWN, input=INPUT, partial=True).at_least == {}


@pytest.mark.parametrize("name", ["summary", "flops"])
def test_every_form_marks_it(name: str, cli: Callable[..., Any]) -> None:
    plain = cli(name, SPEC, "--input", INPUT)
    assert "1 operator is not known: TopK (head.topk)" in plain.out
    assert "--partial gives at least" in plain.out
    assert f"{MACS:,}" not in cli(name, SPEC, "--input", INPUT, "--exact").out
    told = cli(name, SPEC, "--input", INPUT, "--partial", "--exact")
    assert f">= {MACS:,}" in told.out
    assert f">= {MACS:,}" in cli(name, SPEC, "--input", INPUT, "--partial", "--exact", "--md").out
    data = json.loads(cli(name, SPEC, "--input", INPUT, "--partial", "--json").out)
    assert data["totals"]["macs"] is None
    assert data["at_least"]["macs"] == MACS
    assert data["unknown_operators"] == {"TopK": ["head.topk"]}


def test_a_comparison_marks_it(cli: Callable[..., Any]) -> None:
    told = cli("compare", SPEC, KNOWN, "--input", INPUT, "--partial", "--exact")
    assert f">= {MACS:,}" in told.out
    assert "1 operator is not known" in told.out
    data = json.loads(cli("compare", SPEC, KNOWN, "--input", INPUT, "--partial", "--json").out)
    assert data["networks"][0]["at_least"]["macs"] == MACS
    assert data["measures"]["macs"]["values"][0] is None


@pytest.mark.parametrize(
    ("limit", "ok"),
    [
        ({"max_macs": MACS - 1}, False),
        ({"max_macs": MACS}, None),
        ({"max_macs": "1T"}, None),
        ({"min_macs": MACS}, True),
        ({"min_macs": MACS + 1}, None),
        ({"max_params": 8 * 27 + 8 + 36}, True),
    ],
)
def test_a_limit_holds_or_fails_only_where_that_is_certain(limit: dict[str, Any], ok: bool | None) -> None:
    (row,) = convcalc.check(SPEC, limit, input=INPUT).rows
    assert row.ok is ok


def test_a_limit_that_cannot_be_told_fails(cli: Callable[..., Any]) -> None:
    told = cli("check", SPEC, "--input", INPUT, "--max-macs", "1T")
    assert told.code == 1
    assert "cannot be known" in told.out
    told = cli("check", SPEC, "--input", INPUT, "--max-macs", "1K", "--json")
    assert told.code == 1
    limit = told.json()["limits"][0]
    assert [row["layer"] for row in limit.pop("costliest")] == ["c", "d"]
    assert limit == {
        "limit": "max_macs", "bound": 1000, "value": None, "margin": None, "ok": False, "at_least": MACS,
    }  # fmt: skip


def test_verification_runs_what_does_not_read_it(cli: Callable[..., Any]) -> None:
    found = convcalc.verify(SPEC, input=INPUT)
    assert found.ok
    assert [layer.name for layer in found.layers] == ["c", "r", "d"]
    assert any("head.topk is not known, and was not run" in note for note in found.notes)
    after = convcalc.verify("conv 3->8 k3 id=c | opaque TopK shape=4 id=t | relu id=r | relu", input=INPUT)
    assert [layer.name for layer in after.layers] == ["c"]
    assert "nor were the 2 layers after" in after.notes[0]
    told = cli("verify", "input 3x4 | opaque TopK shape=4 id=t | relu")
    assert told.code == 2
    assert "t, which is not known" in told.err
    small = convcalc.verify("conv 3->8 k3 id=c | opaque TopK shape=4 id=t", input="3x64x64", macs=50_000)
    assert small.ok
    assert small.inputs != ((3, 64, 64),)


def test_running_says_what_is_not_known(cli: Callable[..., Any]) -> None:
    told = cli("run", SPEC, "--input", INPUT)
    assert told.code == 2
    assert "head.topk is TopK, which is not known here, and cannot be run" in told.err

"""``conventions``, and ``--as`` on the commands that count."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from convcalc.calculators.conventions.declaration import names

LINE = "conv 8 k3 | bn | relu | convT 4 k2 s2"
RESNET = {  # shared figures of six counters
    "fvcore": 1819065856, "thop": 1824033792, "ptflops": 1825313768, "ptflops-aten": 1814074344,
    "torchinfo": 1814083944, "torch": 1814073344,
}  # fmt: skip


def test_all_are_side_by_side(cli: Any) -> None:
    done = cli("conventions", "resnet18", "--exact")
    assert (done.code, done.err) == (0, "")
    for tool, total in RESNET.items():
        assert any(line.startswith(tool) and f"{total:,}" in line for line in done.out.splitlines()), tool
    assert "our MACs" in done.out


def test_the_steps_of_one_with_their_sources(cli: Any) -> None:
    done = cli("conventions", "resnet18", "--as", "fvcore", "--sources", "--exact")
    assert "batch norm: 20 bn" in done.out
    assert "+4,967,424" in done.out  # 2 for each of 2,483,712 outputs of convolutions
    assert "batchnorm_flop_jit" in done.out
    assert "batchnorm_flop_jit" not in cli("conventions", "resnet18", "--as", "fvcore").out
    assert "thop" not in done.out


def test_json_holds_steps_layers_and_notes(cli: Any) -> None:
    found = cli("conventions", LINE, "--input", "3x8x8", "--json").json()
    assert [one["tool"] for one in found["tools"]] == list(names())
    for one in found["tools"]:
        assert one["macs"] + sum(step["amount"] for step in one["steps"]) == one["total"]
        assert sum(layer["total"] for layer in one["layers"]) == one["total"]
        assert one["ratio"] == pytest.approx(one["total"] / found["macs"])
    thop = next(one for one in found["tools"] if one["tool"] == "thop")
    assert thop["steps"][0]["fault"] and thop["steps"][0]["source"]


@pytest.mark.parametrize("command", ["summary", "flops"])
@pytest.mark.parametrize("depth", [(), ("--depth", "1")])
def test_a_tool_has_a_column_and_shares_that_add_up(cli: Any, command: str, depth: tuple[str, ...]) -> None:
    done = cli(command, "resnet18", *depth, "--as", "thop", "--as", "fvcore", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    layers = [row for row in rows if row["name"] != "total"]
    for tool in ("thop", "fvcore"):
        assert sum(int(row[tool]) for row in layers) == RESNET[tool]
        assert sum(float(row[f"{tool}_share"]) for row in layers) == pytest.approx(1, abs=1e-4)
    assert sum(int(row["macs"]) for row in layers) == RESNET["torch"]  # our words stay what they are


def test_without_the_option_nothing_changes(cli: Any) -> None:
    with_it = cli("summary", "resnet18", "--as", "thop", "--json").json()
    without = cli("summary", "resnet18", "--json").json()
    assert with_it.pop("counted_as")[0]["total"] == RESNET["thop"]
    for layer in with_it["layers"]:
        del layer["thop"], layer["thop_share"]
    assert with_it == without


def test_rows_may_be_ordered_by_a_tool(cli: Any) -> None:
    done = cli("summary", "convnext_tiny", "--as", "torchinfo", "--sort", "torchinfo", "--top", "1", "--csv")
    (first, *_) = csv.DictReader(io.StringIO(done.out))
    assert int(first["torchinfo"]) == 385 * 192 * 28 * 28  # a convolution of 96*2*2 weights and a bias


def test_a_tree_shows_what_blocks_hold(cli: Any) -> None:
    done = cli("summary", "resnet18", "--as", "thop", "--tree", "--exact")
    assert f"{RESNET['thop']:,}" in done.out


def test_compare_has_a_row(cli: Any) -> None:
    done = cli("compare", "resnet18", "convnext_tiny", "--as", "torchinfo", "--as", "ptflops-aten", "--json")
    measures = done.json()["measures"]
    assert measures["macs_as_torchinfo"]["values"] == [RESNET["torchinfo"], 322371592]
    assert measures["macs_as_ptflops_aten"]["values"] == [RESNET["ptflops-aten"], 4468966888]
    shown = cli("compare", "resnet18", "convnext_tiny", "--as", "torchinfo", "--exact").out
    assert "MACs as torchinfo" in shown
    assert "322,371,592" in shown


def test_a_limit_may_be_in_the_words_of_a_tool(cli: Any) -> None:
    limit = "max_macs_as_thop"
    assert cli("check", "resnet18", "--limit", f"{limit}={RESNET['thop']}").code == 0
    assert cli("check", "resnet18", "--limit", f"{limit}={RESNET['thop'] - 1}").code == 1
    refused = cli("check", "resnet18", "--limit", "max_macs_as_thip=1")
    assert refused.code == 2
    assert "macs_as_TOOL" in refused.err


@pytest.mark.parametrize("command", ["summary", "flops", "conventions"])
def test_a_tool_that_there_is_not_is_refused_with_those_that_there_are(cli: Any, command: str) -> None:
    done = cli(command, "resnet18", "--as", "torchinf")
    assert done.code == 2
    assert "did you mean torchinfo?" in done.err
    assert all(name in done.err for name in names())


def test_what_is_assumed_is_said(cli: Any) -> None:
    assert "module" in cli("summary", LINE, "--input", "3x8x8", "--as", "thop").err
    assert cli("summary", LINE, "--input", "3x8x8", "--as", "fvcore").err == ""
    assert "as functions or as modules" in cli("conventions", LINE, "--input", "3x8x8").out


def test_closed_forms_and_unknown_sizes(cli: Any) -> None:
    done = cli("conventions", "input 3xHxW | conv 8 k3 p1 bias=false", "--as", "thop")
    assert (done.code, "216*H*W" in done.out) == (0, True)
    done = cli("conventions", "conv 3->8 k3", "--as", "thop")
    assert (done.code, "unavailable" in done.out or "?" in done.out) == (0, True)


def test_it_is_drawn(cli: Any, tmp_path: Any) -> None:
    path = tmp_path / "found.svg"
    assert cli("conventions", "convnext_tiny", "-o", str(path)).code == 0
    text = path.read_text()
    assert all(name in text for name in names())
    assert "0.0724x" in text  # torchinfo: 322,371,592 of 4,455,531,264
    refused = cli("conventions", "input 3xHxW | conv 8 k3", "-o", str(path))
    assert refused.code == 2


def test_start_up_without_it_loads_no_convention(process: Any) -> None:
    code = (
        "import sys\nfrom convcalc.cli import main\n"
        "try:\n main(['summary', 'lenet5'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if 'conventions' in m])"
    )
    assert process(code=code).out.splitlines()[-1] == "[]"

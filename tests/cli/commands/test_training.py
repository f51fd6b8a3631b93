"""``--training`` and ``--merged``: what is shown, and what does not go together."""

from __future__ import annotations

import json

import pytest

import convcalc

NET = "input 3x16x16 | conv 8 k3 p1 | bn | relu | maxpool k2 | flatten | linear 10"


def test_memory_is_what_the_api_says(cli) -> None:
    found = convcalc.training_memory(NET, batch=4, optimizer="adam")
    done = cli("memory", NET, "--training", "--batch", "4", "--optimizer", "adam", "--json")
    assert json.loads(done.out) == json.loads(found.to_json())
    shown = cli("memory", NET, "--training", "--batch", "4", "--optimizer", "adam", "--exact").out
    assert f"peak                {found.peak_bytes:,}" in shown
    assert f"{found.saved_bytes:,}" in shown


def test_rows_are_folded_and_chosen(cli) -> None:
    whole = json.loads(cli("memory", "resnet18", "--training", "--json").out)
    folded = json.loads(cli("memory", "resnet18", "--training", "--depth", "1", "--json").out)
    assert sum(row["saved_bytes"] for row in folded["layers"]) == whole["saved_bytes"]
    lines = cli("memory", "resnet18", "--training", "--layer", "layer1", "--csv").out.splitlines()
    assert len(lines) == 1 + 14 and all(line.startswith("layer1.") for line in lines[1:])


def test_checkpoints_are_lists_and_patterns(cli) -> None:
    several = cli("memory", "resnet18", "--training", "--checkpoint", "layer1,layer2", "--json").out
    twice = cli("memory", "resnet18", "--training", "--checkpoint", "layer[12]", "--json").out
    assert json.loads(several)["saved_bytes"] == json.loads(twice)["saved_bytes"]


def test_the_picture_marks_the_peak(cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("memory", NET, "--training", "-o", "step.svg").code == 0
    drawn = (tmp_path / "step.svg").read_text(encoding="utf-8")
    peak = convcalc.training_memory(NET)
    assert peak.peak_at in drawn and "backward" in drawn


def test_the_largest_batch(cli) -> None:
    done = cli("fit", "resnet18", "--batch", "--max-memory", "2GB", "--training", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["best"]["peak_bytes"] <= 2 * 10**9 < found["above"]["peak_bytes"]
    assert found["above"]["batch"] == found["batch"] + 1
    assert cli("fit", "resnet18", "--training", "--max-memory", "10MB").code == 1


def test_what_is_merged_is_said(cli) -> None:
    shown = cli("memory", NET, "--merged").out
    data = json.loads(cli("memory", NET, "--merged", "--json").out)
    assert data["as_written"]["buffers"] == 16 and data["totals"]["buffers"] == 0
    assert "float32, merged" in shown and "as written" in shown and "bn1" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("memory", NET, "--optimizer", "adam"), "--optimizer goes with --training"),
        (("memory", NET, "--training", "--dtype", "float16"), "--precision"),
        (("memory", NET, "--training", "--merged"), "cannot go together"),
        (("memory", NET, "--in-place"), "--merged"),
        (("memory", NET, "--training", "--checkpoint", "nowhere"), "no block 'nowhere'"),
        (("memory", "conv 3->8 k3 | relu", "--training", "--input", "3xHxW"), "no numbers"),
        (("flops", NET, "--training", "--as", "thop"), "--as"),
        (("flops", NET, "--checkpoint", "a"), "--checkpoint goes with --training"),
        (("fit", NET, "--training"), "--max-memory"),
        (("fit", NET, "--training", "--max-memory", "1GB", "--max-params", "3"), "depends on the batch"),
        (("fit", NET, "--training", "--max-memory", "1GB", "--batch", "4"), "is what is looked for"),
        (("check", NET, "--max-params", "1M", "--optimizer", "adam"), "--max-training-memory"),
    ],
)
def test_what_does_not_go_together(cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_comparison_in_training_and_on_a_device(cli) -> None:
    done = cli("compare", "lenet5", "resnet18", "--training", "--optimizer", "adam", "--device", "a100")
    assert done.code == 0
    assert "memory in training" in done.out and "bound of time" in done.out
    assert "the peak of a step in fp32 with adam" in done.out and "on a100, no prediction" in done.out
    done = cli("compare", "lenet5", "resnet18", "--optimizer", "adam")
    assert (done.code, done.out) == (2, "")
    assert "--optimizer goes with --training" in done.err
    done = cli("compare", "lenet5", "resnet18", "--device", "a1000")
    assert done.code == 2 and "did you mean a100?" in done.err

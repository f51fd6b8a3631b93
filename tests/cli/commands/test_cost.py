"""``cost`` at the command line: the verdict first, files, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LINE = ("conv 8 k3 | relu", "--input", "3x8x8")


def test_the_verdict_stands_first(cli: Any) -> None:
    done = cli("cost", "mobilenet_v2", "--device", "a100")
    assert (done.code, done.err) == (0, "")
    first = done.out.splitlines()[0]
    assert first.startswith("memory-bound: 123 of 151 layers, ")
    assert first.endswith(" a sample on NVIDIA A100 40GB SXM4")


def test_json_has_totals_and_layers(cli: Any) -> None:
    found = cli("cost", *LINE, "--device", "t4", "--bits", "w4a8", "--json").json()
    assert found["ridge"] == 130_000 / 320
    assert found["totals"]["bops"] == 8 * 36 * 27 * 32
    assert [row["name"] for row in found["layers"]] == ["conv1", "relu1"]
    assert found["totals"]["time"] == pytest.approx(sum(row["time"] for row in found["layers"]))
    assert found["device"]["name"] == "t4"
    both = cli("cost", "lenet5", "resnet18", "--device", "t4", "--json").json()
    assert [one["name"] for one in both["networks"]] == ["LeNet-5", "ResNet-18"]


def test_rows_are_chosen_as_everywhere(cli: Any) -> None:
    done = cli("cost", "resnet18", "--device", "a100", "--top", "1", "--csv")
    head, row = done.out.splitlines()
    assert head.startswith("name,op,flops,")
    assert row.startswith("stem.")
    assert len(cli("cost", "resnet18", "--depth", "1", "--csv").out.splitlines()) == 7


def test_pictures_and_arenas(cli: Any, tmp_path: Path) -> None:
    for option, kind in (("--device=a100", "roofline"), ("--arena", "arena")):
        path = tmp_path / f"{kind}.svg"
        assert cli("cost", *LINE, option, "-o", str(path)).code == 0
        assert f'data-kind="{kind}"' in path.read_text()
    found = cli("cost", *LINE, "--arena", "--json", "--dtype", "int8").json()
    assert found["packed"]["bytes"] == 3 * 64 + 8 * 36
    assert found["order"] == ["conv1", "relu1"]


@pytest.mark.parametrize(
    ("words", "message", "helps"),
    [
        (("--device", "a10"), "no device 'a10'", "did you mean a100?"),
        (("--device", "none.yaml"), "none.yaml", ""),
        (("--device", "t4", "--dtype", "float64"), "t4 has no peak for float64", "float32"),
        (("--device", "t4", "--peak", "tf32"), "t4 has no peak for tf32", "float16"),
        (("--device", "t4", "--bandwidth", "HBM"), "t4 has no bandwidth 'HBM'", "GDDR6"),
        (("--peak", "tf32"), "--peak tf32 is of a device", "--device"),
        (("--bits", "w4"), "'w4' states no bits", "w4a8"),
        (("--bits", "cov1=w4a8"), "there is no layer 'cov1'", "did you mean conv1?"),
        (("--sparsity", "150%"), "'150%' is no share of zeros", "50%"),
        (("--align", "8"), "--align 8 is of an arena", "--arena"),
        (("--arena", "--depth", "1"), "--depth and --arena cannot go together", ""),
        (("-o", "roof.svg"), "there is no roofline without a device", "--device a100"),
    ],
)
def test_refusals(cli: Any, words: tuple[str, ...], message: str, helps: str) -> None:
    done = cli("cost", *LINE, *words)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert helps in done.err


def test_letters_have_no_time_and_no_arena(cli: Any) -> None:
    done = cli("cost", "conv 8 k1", "--input", "3xHxW", "--device", "a100")
    assert done.code == 0
    assert done.out.startswith("no bound")
    refused = cli("cost", "conv 8 k1", "--input", "3xHxW", "--arena")
    assert refused.code == 2
    assert "is not a number here" in refused.err


def test_a_bound_of_time_is_a_limit(cli: Any) -> None:
    assert cli("check", "lenet5", "--max-time-bound", "1s on stm32f746").code == 0
    failed = cli("check", "lenet5", "--limit", "max_time_bound=1us on stm32f746")
    assert failed.code == 1
    assert "EXCEEDED" in failed.out
    assert cli("check", "lenet5", "--max-time-bound", "1s").code == 2

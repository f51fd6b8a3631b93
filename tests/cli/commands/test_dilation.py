"""``convcalc dilation``: rates, networks and designs; maps, plots, errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_rates_are_judged_step_by_step(cli) -> None:
    out = cli("dilation", "1", "2", "5", "--kernel", "3").out
    assert "M2 = max(5 - 2*2, 5 - 2*(5 - 2), 2)" in out
    assert "criterion      M2 = 2 <= K = 3  (" in out
    assert out.startswith("no holes: all 17x17 pixels are seen\n")  # 1 + 2*(1 + 2 + 5)


def test_disagreement_is_shown(cli) -> None:
    out = cli("dilation", "2", "3", "--map").out
    assert out.startswith("holes: ")
    assert "M2 = 3 <= K = 3 is met and not enough; execution finds 2 holes" in out
    rows = out.rstrip().splitlines()[-11:]
    assert rows[0] == "1.1111111.1"  # sums of {-2, 0, 2} and {-3, 0, 3}
    assert rows[1] == "." * 11


def test_rates_can_be_joined_and_differ_by_axis_and_layer(cli) -> None:
    assert cli("dilation", "1,2,5", "--json").json() == cli("dilation", "1", "2", "5", "--json").json()
    data = cli("dilation", "1x2", "1x2", "--json").json()
    assert data["field"] == [5, 9]
    assert [axis["holes"] for axis in data["axes"]] == [False, True]
    rates = "1,1,2,4,8,16,1,1"
    context = cli("dilation", rates, "-k", "3,3,3,3,3,3,3,1", "--rank", "1", "--json").json()
    assert context["axes"][0]["fields"] == [3, 5, 9, 17, 33, 65, 67, 67]


def test_json_of_a_judgement(cli) -> None:
    data = cli("dilation", "1", "2", "9", "--json", "--map").json()
    assert (data["covered"], data["total"], data["holes"], data["agrees"]) == (441, 625, True, True)
    (axis, _) = data["axes"]
    assert (axis["M2"], axis["K"], axis["common_factor"], axis["hole_offsets"]) == (5, 3, 1, [-5, -4, 4, 5])
    assert len(data["map"]) == len(data["map"][0]) == 25


@pytest.mark.parametrize(("name", "magic"), [("map.png", b"\x89PNG"), ("map.svg", b"<svg")])
def test_a_plot_is_a_picture(cli, tmp_path: Path, name: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    assert cli("dilation", "1", "2", "9", "-o", str(path)).code == 0
    first = path.read_bytes()
    assert first.startswith(magic)
    assert cli("dilation", "1", "2", "9", "-o", str(path)).code == 0
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_plot_of_another_kind_is_refused(cli, tmp_path: Path) -> None:
    done = cli("dilation", "1", "2", "-o", str(tmp_path / "map.gif"))
    assert (done.code, done.out) == (2, "")
    assert ".svg" in done.err and ".png" in done.err
    assert cli("dilation", "1", "2", "-o", str(tmp_path / "no" / "map.png")).code == 2


def test_designs(cli) -> None:
    data = cli(
        "dilation", "--reach", "67", "--count", "5", "--max-dilation", "16", "--top", "3", "--json"
    ).json()
    assert len(data["designs"]) == 3
    for one in data["designs"]:
        assert len(one["rates"]) == one["layers"] == 5
        assert max(one["rates"]) <= 16
        assert one["field"] == 67 == one["covered"]
        assert one["proven"] is True
        assert one["params"] == 5 * 9
    out = cli("dilation", "--reach", "67").out
    assert "67 of 67" in out and "Every sequence was executed" in out


def test_a_choice_of_kernels(cli) -> None:
    data = cli("dilation", "--reach", "25", "--kernel", "3,5", "--json").json()
    assert data["designs"][0]["layers"] == 2
    assert data["designs"][0]["kernels"] == [5, 5]  # 3 * 5 = 15 < 25


def test_a_network(cli) -> None:
    data = cli("dilation", "context_module_basic", "--json").json()
    (run,) = data["runs"]
    assert run["path"]["field"] == [67, 67]
    assert run["holes"] is False
    out = cli("dilation", "conv 4 k3 d2 p2 | relu | conv 4 k3 d4 p4", "--input", "4x32x32", "--map").out
    assert "16.7%" not in out
    assert "holes" in out and "paths from each pixel (conv1 to conv2)" in out
    assert "No layer is dilated." in cli("dilation", "conv 4 k3", "--input", "4x32x32").out


@pytest.mark.parametrize(
    ("arguments", "message", "nearest"),
    [
        (("0", "1"), "rate 0", "rate 1"),
        (("tcn", "--kernel", "5"), "SPEC and --kernel cannot go together", None),
        # 200 layers: the first at rate 1 adds 2, every other one 6 at rate 3
        (("--reach", "100000", "--max-dilation", "3"), "16668 layers", "--reach 1197"),
        (("1", "2", "--kernel", "0"), "kernel", "--kernel 1"),
        (("--reach", "67", "--count", "3"), "at most 27", "--count 4, or --reach 27"),
        (("--reach", "67", "1"), "none are given", None),
        (("--reach", "9", "-k", "3x5"), "along every axis alike", None),
        (("1", "two"), "'two' is no rate", None),
        (("1", "-2"), "a number below 0", None),
        ((), "nothing to judge", None),
        (("1", "2", "--count", "3"), "--reach N", None),
        (("1", "2", "-k", "3,3,3"), "3 kernels for 2 rates", None),
    ],
)
def test_errors(cli, arguments: tuple[str, ...], message: str, nearest: str | None) -> None:
    done = cli("dilation", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    (problem,) = cli("dilation", *arguments, "--json").json()["errors"]
    assert problem["nearest"] == nearest


def test_a_map_of_what_is_too_wide(cli) -> None:
    """Of 243x243 pixels a character is 2x2; every pixel is read, by one path."""
    done = cli("dilation", "1", "3", "9", "27", "81", "--map")
    lines = [line for line in done.out.splitlines() if line and set(line) == {"1"}]
    assert done.code == 0 and [len(line) for line in lines] == [122] * 122
    assert "a character is 2x2 of 243x243 cells" in done.out


def test_the_verdict_comes_first_then_why_then_what_to_do(cli) -> None:
    lines = cli("dilation", "2", "2", "2").out.splitlines()
    assert lines[0] == "holes: 29.0% of the 13x13 pixels are seen (49 of 169)"  # 7*7 of 13*13
    assert lines[2] == "why  the rates share the factor 2: every second pixel is never read"
    assert lines[3] == "try  1 2 3  13x13, no holes  (convcalc dilation 1 2 3)"
    assert "no holes\n" not in "\n".join(lines[5:]) + "\n"
    assert cli("dilation", "1", "2", "3").out.startswith("no holes: all 13x13 pixels are seen\n")
    assert (
        cli("dilation", "2", "2", "2", "--csv").out.splitlines()[0]
        == "layer,kernel,rate,effective,field,M,formula"
    )
    data = cli("dilation", "2", "2", "2", "--json").json()
    assert data["closing"][0] == {
        "rates": [[1, 1], [2, 2], [3, 3]],
        "kernels": [[3, 3]] * 3,
        "field": [13, 13],
    }
    assert data["why"] == ["the rates share the factor 2: every second pixel is never read"]


def test_what_is_tried_can_be_typed(cli) -> None:
    for given in (["2", "2"], ["2x1", "2x1"], ["4", "4", "-k", "5,2"], ["3", "3", "--rank", "1"], ["18"]):
        tried = [line for line in cli("dilation", *given).out.splitlines() if line.startswith("try ")]
        assert tried
        for line in tried:
            command = line.split("(convcalc ")[1].rstrip(")").split()
            assert cli(*command).out.startswith("no holes: all ")


def test_a_network_begins_with_the_verdict(cli) -> None:
    out = cli("dilation", "input 3x64x64 | conv 8 k3 d2 p2 | conv 8 k3 d2 p2").out
    assert out.splitlines()[0].endswith(": holes in 1 of 1 dilated run")
    assert "try rates 1 3  9x9, no holes  (convcalc dilation 1 3)" in out
    designed = cli("dilation", "--reach", "17").out.splitlines()[0]
    assert re.fullmatch(r"rates 1 \d \d: 17 pixels without holes in 3 layers", designed)


def test_a_rate_that_is_a_letter_is_not_none(cli) -> None:
    """Rate D of kernel 3 leaves holes from 2 on: it must not be told that no layer is dilated."""
    spec = "input 3x20x20 | conv 4 k3 d=D"
    done = cli("dilation", spec)
    assert done.code == 2 and "the dilation of conv1 is no number: D" in done.err
    assert cli("dilation", spec, "--set", "D=2").out.startswith(f"{spec}: holes in 1 of 1 dilated run\n")

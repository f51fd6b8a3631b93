"""``convcalc transposed``: sizes, inverses, networks; maps, plots, errors."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_every_setting_with_the_conventional_one_first(cli) -> None:
    out = cli("transposed", "--from", "32", "--to", "64", "--kernel", "4").out
    lines = out.splitlines()
    assert lines[0].startswith("32x32 -> 64x64: convT 1->1 k4 s2 p1 ")
    at = next(number for number, line in enumerate(lines) if line.startswith("kernel 4 from 32 to 64: "))
    assert lines[at + 4].split()[:4] == ["2", "1", "0", "1"]
    assert "the conventional one" in lines[at + 4]
    assert "settings are shown; --all shows every one." in out
    assert "1 zero between inputs, padding 2, the kernel rotated, stride 1" in out
    data = cli("transposed", "--from", "32", "--to", "64", "--kernel", "4", "--json").json()
    first, *_ = data["solutions"][0]
    assert first == {"stride": 2, "padding": 1, "output_padding": 0, "dilation": 1}
    for one in data["solutions"][0]:
        size = one["stride"] * 31 + one["dilation"] * 3 + 1 - 2 * one["padding"] + one["output_padding"]
        assert size == 64
    shown = cli("transposed", "--from", "32", "--to", "64", "--kernel", "4", "--all").out
    assert "settings are shown" not in shown
    assert len(shown.splitlines()) > len(data["solutions"][0])


def test_size_from_parameters(cli) -> None:
    data = cli("transposed", "--from", "32", "-k", "4", "-s", "2", "-p", "1", "--json").json()
    assert data["output"] == [64, 64]
    assert len(data["solutions"][0]) == 1


def test_the_inverse_of_a_layer(cli) -> None:
    data = cli("transposed", "--like", "conv 64 k5 s2 p2", "--from", "64", "--json").json()
    assert data["input"] == [32, 32]
    assert data["output"] == [64, 64]
    assert data["axes"][0]["output_padding"] == 1
    assert data["like"].startswith("conv")
    named = cli("transposed", "--like", "conv 64 k5 s2 p2", "--input", "3x64x64", "--json").json()
    assert named["channels"] == [64, 3]


def test_costs_three_ways(cli) -> None:
    call = ("transposed", "--from", "1", "--to", "4", "-k", "4", "--channels", "100->1024")
    data = cli(*call, "--json").json()
    # What PyTorch executes, and what torchinfo and thop print for DCGAN's first layer
    assert data["costs"]["executed_macs"] == 1_638_400
    assert data["costs"]["naive_macs"] == 26_214_400
    assert data["costs"]["counters"]["torchinfo"] == 26_214_400
    out = cli(*call).out
    assert "26,214,400          16x" in out
    assert "torchinfo, thop" in out
    assert len(data["alternatives"]) == 5


def test_checkerboards(cli) -> None:
    out = cli("transposed", "--from", "8", "--to", "16", "-k", "5", "--map").out
    assert (
        "uneven: output pixels get from 4 to 9 products a channel (2.25 times), down to 1 at the borders"
        in out
    )
    assert "kernel 5 >= 2*2: the rule is met, yet pixels get 3 and 2" in out
    assert "\n9 6\n6 4\n" in out
    data = cli("transposed", "--from", "8", "--to", "16", "-k", "5", "--json", "--map").json()
    assert data["checkerboard"] == {
        "even": False,
        "phases": [[9, 6], [6, 4]],
        "least": 4,
        "most": 9,
        "away_from_borders": True,
        "executed": {"least": 1, "most": 9},
    }
    assert max(map(max, data["map"])) == 9


def test_an_input_with_borders_everywhere(cli) -> None:
    """Two taps 55 pixels apart over 5 inputs: most of the 64 outputs get nothing, whatever the phases say."""
    out = cli("transposed", "--from", "5", "--to", "64", "-k", "2", "-s", "2").out
    assert "borders everywhere: output pixels get from none to 1 product a channel, executed" in out
    assert "the conventional one" not in out and "the nearest to convention" in out
    single = cli("transposed", "--from", "1", "--to", "4", "-k", "4").out
    assert "borders everywhere: output pixels get 1 product a channel, executed" in single


def test_a_picture_is_told(cli, tmp_path) -> None:
    path = str(tmp_path / "overlap.svg")
    for call in (("transposed", "--from", "4", "--to", "8", "-k", "4"), ("dilation", "1", "2")):
        (line,) = cli(*call, "-o", path).out.splitlines()
        assert line.startswith(f"{path}: P")
        assert "map" not in cli(*call, "-o", path, "--json").json()


def test_axes_differ(cli) -> None:
    data = cli("transposed", "--from", "8x4", "--to", "16x12", "-k", "4x3", "--json").json()
    assert [(a["stride"], a["padding"]) for a in data["axes"]] == [(2, 1), (3, 0)]
    out = cli("transposed", "--from", "8x4", "--to", "16x12", "-k", "4x3").out
    assert "height: kernel 4 from 8 to 16" in out and "width: kernel 3 from 4 to 12" in out


def test_a_network(cli) -> None:
    out = cli("transposed", "dcgan_generator").out
    assert out.count(" even ") == 5
    data = cli("transposed", "dcgan_generator", "--json").json()
    assert next(layer["costs"]["executed_macs"] for layer in data["layers"]) == 100 * 512 * 16
    assert "no transposed convolution" in cli("transposed", "conv 4 k3", "--input", "3x9x9").out


@pytest.mark.parametrize("call", [("--from", "8", "--to", "16", "-k", "3"), ("dcgan_generator",)])
def test_a_picture(cli, tmp_path: Path, call: tuple[str, ...]) -> None:
    path = tmp_path / "overlap.svg"
    assert cli("transposed", *call, "-o", str(path)).code == 0
    assert b"<svg" in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message", "nearest"),
    [
        (("--from", "32"), "needs its kernel", "--kernel 4"),
        (("--from", "32", "-k", "4", "--padding", "-1"), "negative one adds", "--padding 0"),
        (
            ("--from", "32", "-k", "4", "-s", "2", "--output-padding", "2"),
            "not smaller than stride 2",
            "--output-padding 1",
        ),
        (("--from", "32", "-k", "4", "-d", "0"), "rate 0", "-d 1"),
        (("--from", "4", "--to", "8", "-k", "4", "-c", "a->b"), "-c 'a->b' is no pair", None),
        (("--from", "4", "--to", "8", "-k", "4", "-c", "3x4->3"), "is no pair", None),
        (("--from", "4", "--to", "8", "-k", "4", "--max-dilation", "0"), "--max-dilation is 0", None),
        (("unet", "-s", "2"), "SPEC and -s cannot go together", None),
        (("--from", "32", "-k", "4", "-c", "4"), "is no pair", None),
        (("--from", "32", "-k", "4", "-c", "4->6", "-g", "3"), "groups 3 do not divide", None),
        ((), "nothing to solve", None),
        (("vgg16", "-k", "4"), "SPEC and -k cannot go together", None),
        (("--like", "maxpool k2", "--from", "8"), "is not one convolution", None),
    ],
)
def test_errors(cli, arguments: tuple[str, ...], message: str, nearest: str | None) -> None:
    done = cli("transposed", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    (problem,) = cli("transposed", *arguments, "--json").json()["errors"]
    assert problem["nearest"] == nearest


def test_a_size_out_of_reach_comes_with_the_nearest(cli) -> None:
    done = cli("transposed", "--from", "32", "--to", "100", "-k", "4", "-s", "2", "-d", "1")
    assert done.code == 2
    assert "nearest: --to 67 (-s 2, --padding 0, --output-padding 1)" in done.err


def test_a_layer_that_cannot_be_read(cli) -> None:
    done = cli("transposed", "--like", "conv 8 k3 padd=1", "--from", "8")
    assert done.code == 2
    assert "^" in done.err


def test_the_verdict_comes_first(cli) -> None:
    lines = cli("transposed", "--from", "8", "--to", "16").out.splitlines()
    assert lines[0] == "8x8 -> 16x16: convT 1->1 k4 s2 p1 bias=false, no checkerboard"
    assert lines[2] == "PyTorch  nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1)"
    assert lines[8].split()[:4] == ["4", "2", "1", "0"]
    out = cli("transposed", "--from", "100", "--to", "100", "--kernel", "4", "--stride", "1").out
    assert "cannot take it" in out.splitlines()[2] and "p1:2" in out.splitlines()[0]
    tried = [line for line in cli("transposed", "--from", "8", "--to", "16", "-k", "3").out.splitlines()
             if line.startswith("try")]  # fmt: skip
    for line in tried:
        options = line.split("(")[1].rstrip(")").split()
        again = cli("transposed", "--from", "8", "--to", "16", *options).out
        assert again.splitlines()[0].endswith("no checkerboard")
    assert len(tried) == 2


def test_sizes_that_disagree_are_named_as_typed(cli) -> None:
    done = cli("transposed", "--from", "3x8x8", "--to", "16x16")
    assert (done.code, done.err.splitlines()[0]) == (2, "error: --to has 2 axes, --from has 3")

"""``convcalc padding``: both forms, every form of output, errors."""

from __future__ import annotations

import pytest


def test_rate_16_is_answered_with_its_formula(cli) -> None:
    done = cli("padding", "--kernel", "3", "--dilation", "16")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "padding 16 keeps the size: kernel 3, dilation 16"
    assert any(line.split() == ["k_eff", "d*(k", "-", "1)", "+", "1", "16*(3", "-", "1)", "+", "1", "33"]
               for line in lines)  # fmt: skip
    for name in ("PyTorch padding='same'", "TensorFlow, Keras SAME", "ONNX SAME_UPPER", "ONNX SAME_LOWER"):
        assert any(line.startswith(name) for line in lines)


def test_axes_and_sizes(cli) -> None:
    data = cli("padding", "-k", "3x5", "-s", "2x1", "--from", "224x10", "--json").json()
    assert data["padding"] == [[0, 1], [2, 2]]
    assert data["output"] == [112, 10]
    assert [axis["kernel"] for axis in data["axes"]] == [3, 5]
    text = cli("padding", "-k", "3x5").out
    assert "height: padding 1" in text and "width: padding 2" in text


def test_input_has_channels_first(cli) -> None:
    assert cli("padding", "-k", "3", "-s", "2", "--input", "3x225x225", "--json").json()["output"] == [
        113,
        113,
    ]
    assert cli("padding", "-k", "3", "-s", "2", "--input", "225", "--json").json()["output"] == [113]


@pytest.mark.parametrize(
    ("options", "padding"),
    [
        (("--mode", "full"), [[2, 2]]),
        (("--mode", "valid"), [[0, 0]]),
        (("--mode", "causal"), [[2, 0]]),
        (("--from", "10", "--to", "10"), [[1, 1]]),
        (("--padding", "0:1"), [[0, 1]]),
    ],
)
def test_modes(cli, options: tuple[str, ...], padding: list[list[int]]) -> None:
    assert cli("padding", "-k", "3", *options, "--json").json()["padding"] == padding


def test_a_degenerate_filter_shows_its_valid_weights(cli) -> None:
    out = cli("padding", "-k", "3", "-d", "65", "--from", "65x65").out
    assert "valid weights  1 at 100.0% of the output positions" in out
    assert "no position reads all 9 weights" in out


def test_a_network_is_checked(cli) -> None:
    done = cli("padding", "conv 8 k3 d2 p1 | maxpool k2", "--input", "3x17x17")
    assert done.code == 0
    assert "dilation       conv1: height and width: padding 1 at rate 2, not 2*(3 - 1)/2 = 2" in done.out
    assert "dropped        maxpool1: height and width: stride 2 drops the last 1 of 15 input rows" in done.out
    out = cli("padding", "conv 8 k3 p1", "--input", "3x64x64").out
    assert out.startswith("conv 8 k3 p1: nothing found\n")


def test_what_is_not_checked_is_said(cli) -> None:
    out = cli("padding", "unet").out
    assert "Not checked here: up3, up2 and 2 more; see convcalc transposed." in out
    for spec in ("relu", "convT 4 k4 s2 p1"):
        done = cli("padding", spec, "--input", "3x8x8")
        assert "nothing to check" in done.out and "nothing found" not in done.out
    assert cli("padding", "convT 4 k4", "--input", "3x8x8", "--json").json()["transposed"] == ["convT1"]


def test_strict_turns_findings_into_an_exit_code(cli) -> None:
    assert cli("padding", "maxpool k2", "--input", "3x7x7", "--strict").code == 1
    assert cli("padding", "maxpool k2", "--input", "3x8x8", "--strict").code == 0


def test_json_of_a_check(cli) -> None:
    data = cli("padding", "maxpool k2", "--input", "3x7x9", "--json").json()
    assert [(f["kind"], f["axes"], f["value"]) for f in data["findings"]] == [
        ("dropped", [0], 1),
        ("dropped", [1], 1),
    ]
    assert data["layers"][0]["unread"] == [1, 1]


def test_other_forms(cli) -> None:
    csv = cli("padding", "maxpool k2", "--input", "3x7x7", "--csv").out.splitlines()
    assert csv[0] == "name,layer,input,padding,output,unread,wasted,findings"
    assert csv[1].startswith("maxpool1,maxpool k2 s2,7x7,0,3x3,1x1,")
    assert cli("padding", "-k", "3", "--markdown").out.startswith("padding 1 keeps the size: kernel 3\n\n|")
    assert cli("padding", "-k", "3", "--csv").out.splitlines()[0] == "name,formula,substitution,value"


@pytest.mark.parametrize(
    ("arguments", "message", "nearest"),
    [
        (("-k", "4", "--symmetric"), "no symmetric padding keeps the size", "-k 3 or 5"),
        (("-k", "3", "-d", "0"), "rate 0", "-d 1"),
        (("-k", "3", "--padding", "-1"), "negative padding", "--padding 0"),
        (("-k", "3", "--from", "10", "--to", "4"), "8 leave already", "--to 8, with padding 0"),
        (("-k", "three"), "is no whole number", None),
        ((), "nothing to solve", None),
        (("vgg16", "-k", "3"), "cannot go together", None),
        (("vgg16", "--from", "512x512"), "SPEC and --from cannot go together", None),
        (("vgg16", "-d", "2"), "SPEC and -d cannot go together", None),
        (("-k", "3", "-d", "-2"), "distance from tap to tap", "-d 1"),
        (("-k", "3", "-p", "0:2", "--symmetric"), "-p 0:2 is not symmetric", "-p 1"),
        (("-k", "8", "-d", "9", "-s", "16", "--symmetric"), "d*(k - 1) = 63 is odd", "-k 7 or 9"),
        (("-k", "3", "--from", "9", "--input", "3x9x9"), "cannot go together", None),
    ],
)
def test_errors(cli, arguments: tuple[str, ...], message: str, nearest: str | None) -> None:
    done = cli("padding", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    told = cli("padding", *arguments, "--json")
    (problem,) = told.json()["errors"]
    assert (told.code, problem["nearest"]) == (2, nearest)
    assert message in problem["message"]


def test_the_answer_needs_no_array_library(process) -> None:
    code = (
        "import sys\nfrom convcalc.cli import main\n"
        "try:\n    main(['padding', '-k', '3', '--in', '65', '-d', '16'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('numpy', 'sympy', 'matplotlib') if name in sys.modules])\n"
    )
    assert process(code=code).out.splitlines()[-1] == "[]"

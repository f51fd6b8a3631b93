"""``compare``, ``variants``, ``fit`` and ``check`` as commands: forms, options, exit codes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

STANDARD = "conv 3->4 k3 bias=false"
SEPARABLE = "dwconv 3 k3 bias=false | conv 4 k1 bias=false"


def test_compare_prints_the_textbook_case(cli) -> None:
    done = cli("compare", STANDARD, SEPARABLE, "--input", "3x32x32")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "B against A: 2.8x fewer parameters, 2.8x fewer MACs: 1/4 + 1/9 = 0.361"  # 39 / 108
    assert lines[4].split() == ["parameters", "108", "39", "-69", "0.361"]


def test_compare_prints_a_closed_ratio(cli) -> None:
    out = cli("compare", "conv M->N kK bias=false", "dwconv M kK bias=false | conv N k1 bias=false",
              "--input", "MxHxW").out  # fmt: skip
    assert "1/N + 1/K**2" in out


def test_compare_has_a_baseline_by_number_letter_or_spec(cli) -> None:
    specs = ("conv 3->4 k1 bias=false", "conv 3->2 k1 bias=false")
    for baseline in ("2", "B", "b", specs[1]):
        data = cli("compare", *specs, "--baseline", baseline, "--json").json()
        assert data["baseline"] == 1
        assert data["measures"]["params"]["ratios"] == [2, 1]
    done = cli("compare", *specs, "--baseline", "3")
    assert (done.code, "none of the specs" in done.err) == (2, True)


def test_compare_sets_variables_of_one_spec(cli) -> None:
    """Howard et al. 2017, Table 6: 569 M at a width of 1, 149 M at a half."""
    data = cli("compare", "mobilenet_v1", "mobilenet_v1", "--set", "2:alpha=0.5", "--json").json()
    assert [round(v / 1e6) for v in data["measures"]["macs"]["values"]] == [569, 149]
    data = cli("compare", "mobilenet_v1", "mobilenet_v1", "--input", "2:3x192x192", "--json").json()
    assert [round(v / 1e6) for v in data["measures"]["macs"]["values"]] == [569, 418]
    done = cli("compare", "mobilenet_v1", "mobilenet_v1", "--set", "3:alpha=0.5")
    assert (done.code, "there are 2 specs" in done.err) == (2, True)


def test_compare_shows_what_changed_between_versions(cli, tmp_path: Path) -> None:
    for name, kernel in (("a", 3), ("b", 5)):
        text = f"name: net\ninput: 3x8x8\nlayers: [conv 4 k{kernel} p=same, relu, conv 4 k1]\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    paths = [str(tmp_path / f"{name}.yaml") for name in "ab"]
    out = cli("compare", *paths).out
    assert "~  conv1  conv 3->4 k3 p=same  conv 3->4 k5 p=same        +192" in out
    assert "2 layers are the same in both" in out
    assert "~ " not in cli("compare", *paths, "--no-layers").out
    assert cli("compare", *paths, "--json").json()["layers"][0]["changes"][0]["params"] == 192
    assert "no difference" in cli("compare", paths[0], paths[0]).out


def test_compare_wants_two(cli) -> None:
    done = cli("compare", STANDARD)
    assert (done.code, "two specs or more" in done.err) == (2, True)


@pytest.mark.parametrize("form", ["--json", "--csv", "--markdown"])
def test_forms_agree(cli, form: str) -> None:
    commands = (
        ("compare", STANDARD, SEPARABLE, "--input", "3x32x32"),
        ("variants", STANDARD, "--input", "3x32x32"),
        ("check", STANDARD, "--max-params", "200"),
        ("fit", "mobilenet_v1", "--resolution", "96..128", "--step", "32", "--max-macs", "1G"),
    )
    for command in commands:
        done = cli(*command, form)
        assert done.code == 0
        if form == "--json":
            assert done.json()
        elif form == "--csv":
            rows = list(csv.reader(io.StringIO(done.out)))
            assert len({len(row) for row in rows}) == 1
        else:
            assert "| ---" in done.out or "| :--" in done.out


def test_variants_print_specs_that_load(cli) -> None:
    done = cli("variants", "conv 16->16 k3 p1", "--input", "16x8x8", "--specs")
    lines = done.out.splitlines()
    assert len(lines) > 12
    for line in lines:
        shapes = cli("shapes", line, "--input", "16x8x8", "--json").json()
        assert shapes["layers"][-1]["output_shape"] == [16, 8, 8]


def test_variants_sort_and_shorten(cli) -> None:
    data = cli(
        "variants", "conv 16->16 k3 p1", "--input", "16x8x8", "--sort", "params", "--top", "4", "--json"
    )
    params = [row["params"] for row in data.json()["variants"]]
    assert params == sorted(params, reverse=True)
    assert len(params) == 4
    done = cli("variants", STANDARD, "--input", "3x8x8", "--sort", "parms")
    assert (done.code, "did you mean params" in done.err) == (2, True)


def test_variants_draw_bars(cli) -> None:
    lines = cli("variants", "conv 16->16 k3 p1 bias=false", "--input", "16x8x8").out.splitlines()
    lengths = {line.split("  ")[0].strip(): line.count("#") for line in lines if "#" in line}
    assert lengths["standard (given)"] > lengths["depthwise separable"] > 0


def test_variants_of_no_convolution(cli) -> None:
    assert cli("variants", "relu", "--input", "3x4x4").code == 2
    assert cli("variants", "resnet18", "--layer", "stem.conv1").code == 2


def test_check_exits_with_the_verdict(cli) -> None:
    assert cli("check", STANDARD, "--max-params", "108").code == 0
    done = cli("check", STANDARD, "--max-params", "107", "--min-rf", "3", "--json")
    assert done.code == 1
    assert [row["ok"] for row in done.json()["limits"]] == [False, True]
    assert "EXCEEDED by 0.9%" in cli("check", STANDARD, "--max-params", "107").out


def test_check_takes_any_limit(cli) -> None:
    assert cli("check", STANDARD, "--limit", "max-layers=1").code == 0
    assert cli("check", f"{STANDARD} | relu", "--limit", "max_layers=1").code == 1
    for wrong in ("max_layers", "max_layers=", "max_leyers=3"):
        assert cli("check", STANDARD, "--limit", wrong).code == 2


def test_check_reads_the_budget_of_a_document(cli, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("input: 3x8x8\nbudget: {max_params: 100, max_memory: 8MB}\nlayers: [conv 4 k3]\n")
    assert cli("check", str(path)).code == 1
    assert cli("check", str(path), "--max-params", "112").code == 0
    assert cli("check", STANDARD).code == 2


def test_check_says_what_is_no_amount(cli) -> None:
    done = cli("check", STANDARD, "--max-params", "5Q", "--json")
    assert done.code == 2
    assert "'5Q' is no amount" in done.json()["errors"][0]["message"]


def test_fit_exits_with_the_verdict(cli) -> None:
    options = ("--resolution", "96..224", "--step", "32", "--max-macs")
    done = cli("fit", "mobilenet_v1", *options, "300M", "--json")
    assert done.code == 0
    assert done.json()["best"]["settings"] == {"resolution": 160}
    done = cli("fit", "mobilenet_v1", *options, "1M")
    assert done.code == 1
    assert "nothing in the range fits" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--var", "alpha"), "no range"),
        (("--var", "alpha=1..2", "--var", "alpha=1..2"), "twice"),
        (("--step", "32", "--var", "alpha=1..2"), "--step is for --resolution"),
        (("--var", "alpha=1..2:0"), "step of 0"),
        (("--var", "beta=1..2"), "no variable 'beta'"),
    ],
)
def test_fit_refuses(cli, options: tuple[str, ...], message: str) -> None:
    done = cli("fit", "mobilenet_v1", *options, "--max-macs", "1G")
    assert done.code == 2
    assert message in done.err


def test_explain_has_every_form(cli) -> None:
    spec = ("explain", "conv 3->4 k3", "--input", "3x8x8")
    assert "K**2*M*N = 3**2*3*4 = 108" in cli(*spec).out
    assert "K²·M·N = 3²·3·4 = 108" in cli(*spec, "--notation", "unicode").out
    assert r"K^{2} M N = 3^{2} \cdot 3 \cdot 4 = 108" in cli(*spec, "--markdown").out
    assert r"\begin{align*}" in cli(*spec, "--notation", "latex").out
    assert cli(*spec, "--json").json()["sections"][0]["given"] == "conv 3->4 k3"


def test_explain_takes_names_and_layers(cli) -> None:
    assert "MACs: H*M*W*(K**2 + N)" in cli("explain", "separable").out
    assert "Ioffe & Szegedy" in cli("explain", "batchnorm").out
    out = cli("explain", "resnet18", "--layer", "stem.maxpool1").out
    assert "maxpool k3 s2 p1" in out
    done = cli("explain", "resnet18", "--layer", "stem.maxpol1")
    assert (done.code, "did you mean stem.maxpool1" in done.err) == (2, True)


@pytest.mark.parametrize("options", [("--notation", "roman"), ("--latex",), ("--json", "--markdown")])
def test_explain_refuses(cli, options: tuple[str, ...]) -> None:
    assert cli("explain", "conv", *options).code == 2


def test_explain_answers_a_wrong_name(cli) -> None:
    done = cli("explain", "seperable")
    assert (done.code, "did you mean separable" in done.err) == (2, True)


def test_programs_are_named_by_their_class_in_a_comparison(cli: Any, tmp_path: Path) -> None:
    """Not by all of their text."""
    text = "class Net(nn.Module):\n    def __init__(self, w=8):\n        super().__init__()\n"
    text += "        self.a = nn.Conv2d(3, w, 3)\n\n    def forward(self, x):\n        return self.a(x)\n"
    files = [tmp_path / name for name in ("one.py", "two.py")]
    for file, width in zip(files, (8, 16), strict=True):
        file.write_text(text.replace("w=8", f"w={width}"))
    done = cli("compare", *map(str, files), "--input", "3x9x9")
    assert "Net  (input 3x9x9)  w=8\n" in done.out and "class Net" not in done.out

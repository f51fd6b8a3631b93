"""``check`` in continuous integration: several networks, baselines, JUnit, annotations, exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.check.baseline import growths_of
from convcalc.calculators.check.limits import LimitError
from convcalc.render.views.design import ci

SMALL = "conv 3->4 k3 bias=false"  # 108 parameters, 108 * 30 * 30 MACs on 3x32x32
LARGE = "conv 3->8 k3 bias=false"  # 216
SIZE = ("--input", "3x32x32")

DOCUMENT = """\
name: net
input: 3x32x32
budget:
  max_params: 200
  # max_macs: 1
  min-rf: 5
layers:
  - conv 8 k3 bias=false
  - conv 4 k1 bias=false
"""
"""216 + 32 parameters, a field of 3."""


def process(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convcalc", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **settings,
    )


def test_exit_codes_of_a_real_process() -> None:
    assert process("check", SMALL, *SIZE, "--max-params", "108").returncode == 0
    done = process("check", SMALL, *SIZE, "--max-params", "107")
    assert (done.returncode, done.stderr) == (1, "")
    done = process("check", SMALL, *SIZE, "--max-params", "much")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_the_verdict_stands_first(cli: Any) -> None:
    assert cli("check", SMALL, "--max-params", "1K").out.startswith(f"{SMALL} holds its limit\n")
    out = cli("check", SMALL, "--max-params", "54", "--min-rf", "3").out
    assert out.startswith(f"{SMALL} fails 1 of 2: parameters 100% over\n")
    out = cli("check", SMALL, LARGE, "--max-params", "108").out
    assert out.startswith(f"1 of 2 networks fails: {LARGE}\n")
    assert cli("check", SMALL, LARGE, "--max-params", "216").out.startswith("all 2 networks hold")


def test_several_networks(cli: Any) -> None:
    done = cli("check", SMALL, LARGE, "--max-params", "200", "--json")
    data = done.json()
    assert (done.code, data["ok"]) == (1, False)
    assert [(one["name"], one["ok"]) for one in data["networks"]] == [(SMALL, True), (LARGE, False)]
    rows = cli("check", SMALL, LARGE, "--max-params", "200", "--csv").out.splitlines()
    assert rows[0].startswith("network,limit,") and len(rows) == 3


def test_the_costliest_layers_are_named(cli: Any) -> None:
    """torchvision: fc of ResNet-18 has 512 * 1000 + 1000 parameters; three convolutions of layer 4 have
    512 * 512 * 9 each, of 11,689,512 in all."""
    (row,) = cli("check", "resnet18", "--max-params", "1M", "--json").json()["limits"]
    first, *_ = row["costliest"]
    assert (first["times"], first["value"]) == (3, 3 * 512 * 512 * 9)
    assert first["share"] == round(3 * 512 * 512 * 9 / 11_689_512, 6)
    assert first["layer"].startswith("layer4.")
    assert -row["margin"] == 11_689_512 - 1_000_000
    out = cli("check", "resnet18", "--max-params", "1M").out
    assert "x 3" in out and "60.5%" in out


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_costs_are_those_of_the_layers(widths: list[int]) -> None:
    """By hand: a 1 x 1 convolution from a to b channels has a * b weights."""
    pairs = list(zip([3, *widths], widths, strict=False))
    spec = " | ".join(f"conv {a}->{b} k1 bias=false" for a, b in pairs)
    (row,) = convcalc.check(spec, max_params=1).rows
    equal = Counter(pairs)
    wanted = sorted((a * b * times for (a, b), times in equal.items()), reverse=True)[:3]
    assert [cost.value for cost in row.costliest] == wanted
    whole = sum(a * b for a, b in pairs)
    assert [cost.share for cost in row.costliest] == [Fraction(cost, whole) for cost in wanted]
    assert row.excess == sum(a * b for a, b in pairs) - 1


@pytest.mark.parametrize("command", ["summary", "check"])
def test_a_baseline_is_what_summary_or_check_wrote(cli: Any, tmp_path: Path, command: str) -> None:
    path = tmp_path / "main.json"
    limit = ("--max-params", "1K") if command == "check" else ()
    path.write_text(cli(command, SMALL, *SIZE, *limit, "--json").out)
    assert cli("check", SMALL, *SIZE, "--against", str(path)).code == 0
    done = cli("check", LARGE, *SIZE, "--against", str(path))
    assert done.code == 1
    assert "fails 4 of 4 against main.json: parameters 100% over" in done.out
    assert cli("check", LARGE, *SIZE, "--against", str(path), "--grow", "100%").code == 0
    assert cli("check", LARGE, *SIZE, "--against", str(path), "--grow", "99%").code == 1
    one = cli(
        "check", LARGE, *SIZE, "--against", str(path), "--grow", "100%", "--grow", "params=50%", "--json"
    )
    failed = [row["limit"] for row in one.json()["limits"] if not row["ok"]]
    assert (one.code, failed) == (1, ["max_params"])


def test_a_baseline_may_be_written_by_o(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    assert cli("summary", SMALL, *SIZE, "-o", str(path)).code == 0
    assert cli("check", SMALL, *SIZE, "--against", str(path)).code == 0


def test_a_baseline_may_be_a_spec(cli: Any) -> None:
    assert cli("check", SMALL, *SIZE, "--against", LARGE).code == 0
    done = cli("check", LARGE, *SIZE, "--against", SMALL, "--json")
    assert done.code == 1
    assert [row["base"] for row in done.json()["limits"]][:2] == [108, 108 * 900]


def test_several_networks_have_their_own_baselines(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_text(cli("check", "resnet18", "resnet34", "--max-macs", "1T", "--json").out)
    assert cli("check", "resnet34", "resnet18", "--against", str(path)).code == 0
    done = cli("check", "resnet18", "resnet50", "--against", str(path))
    assert done.code == 2
    assert "says nothing of 'ResNet-50'" in done.err


@given(st.integers(1, 10**9), st.integers(0, 400), st.integers(0, 10**9))
def test_growth_is_exact(base: int, percent: int, value: int) -> None:
    """In whole numbers: a value holds where 100 * value <= base * (100 + percent)."""
    from convcalc.calculators.check.baseline import Baseline

    baseline = Baseline("main", {"params": base})
    limits, unknown = baseline.limits(growths_of([f"{percent}%"]))
    (limit,) = limits
    assert (value <= limit.bound) == (100 * value <= base * (100 + percent))
    assert unknown == ["macs", "flops", "peak_memory"]


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5%%",
        "-5%",
        "1/2%",
        "params=",
        "parms=5%",
        "rf=5%",
        "=5%",
        "1e9%",
        "nan%",
        "inf%",
        "params=-3",
        "%",
    ],
)
def test_what_is_no_growth(cli: Any, text: str) -> None:
    with pytest.raises(LimitError):
        growths_of([text])
    done = cli("check", SMALL, "--against", SMALL, "--grow", text)
    assert (done.code, done.out) == (2, "") and "Traceback" not in done.err


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "3", "null", '{"totals": []}', '{"totals": {"params": -1}}', '{"networks": []}', "{", "no",
     '{"totals": {"params": "many"}}', '{"counts": {"params": 1.5}}', '{"networks": [{"counts": 3}]}',
     "[" * 100_000, '{"totals": {"params": ' + "9" * 9000 + "}}"],
)  # fmt: skip
def test_what_is_no_baseline(cli: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "main.json"
    path.write_text(text)
    done = cli("check", SMALL, *SIZE, "--against", str(path))
    assert (done.code, done.out) == (2, "")
    assert "main.json" in done.err and "Traceback" not in done.err


def test_what_cannot_be_compared_is_said(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "main.json"
    path.write_text('{"name": "x", "totals": {"params": 108, "macs": null}}')
    out = cli("check", SMALL, *SIZE, "--against", str(path)).out
    assert "main.json says nothing of macs, flops, peak_memory." in out
    path.write_text(cli("summary", SMALL, "--input", "3x16x16", "--json").out)
    out = cli("check", SMALL, *SIZE, "--against", str(path), "--grow", "1000%").out
    assert "main.json was counted for 3x16x16, float32, batch 1, this for 3x32x32, float32, batch 1." in out


@pytest.mark.parametrize(
    "options",
    [
        ("--grow", "5%"),
        ("--format", "junt"),
        ("--format", "junit", "--json"),
        ("--against", "nowhere.json"),
        (),
    ],
)
def test_wrong_use(cli: Any, options: tuple[str, ...]) -> None:
    done = cli("check", SMALL, *options)
    assert done.code == 2
    assert done.err.startswith("error: ")


# Jenkins' schema (junit-10.xsd): what may stand where, and which attributes each element must and may have.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "disabled", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests"},
        {"name", "tests", "failures", "errors", "time", "disabled", "skipped", "skips", "timestamp",
         "hostname", "id", "package", "assertions", "file", "log", "url", "version"},
    ),
    "testcase": (
        {"skipped", "error", "failure", "rerunFailure", "properties", "system-out", "system-err"},
        {"name"},
        {"name", "time", "classname", "group", "assertions", "status", "class", "file", "line", "log", "url"},
    ),
    "failure": (set(), set(), {"message", "type"}),
}  # fmt: skip


def valid(element: ET.Element) -> None:
    """Hold an element and all below it to the schema, and the counts of suites to their cases."""
    inside, must, may = SCHEMA[element.tag]
    assert must <= set(element.keys()) <= may, element.attrib
    if inside:
        assert not (element.text or "").strip() and all(not (child.tail or "").strip() for child in element)
    for name in ("tests", "failures", "errors", "skipped"):
        assert element.get(name) is None or element.get(name, "").isdecimal()
    for child in element:
        assert child.tag in inside
        valid(child)
    if element.tag in ("testsuite", "testsuites"):
        cases = element.findall(".//testcase")
        assert int(element.get("tests", -1)) == len(cases)
        assert int(element.get("failures", -1)) == sum(case.find("failure") is not None for case in cases)


def test_junit_of_a_real_process(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(DOCUMENT)
    done = process("check", "net.yaml", "resnet18", "--max-macs", "2G", "--format", "junit", cwd=tmp_path)
    assert done.returncode == 1
    root = ET.fromstring(done.stdout)
    valid(root)
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in root] == [
        ("net.yaml", "3", "2"), ("resnet18", "1", "0")
    ]  # fmt: skip
    failures = {case.get("name"): case.find("failure") for case in root.iter("testcase")}
    failure = failures["at most parameters"]
    assert failure is not None and failure.get("type") == "exceeded"
    assert failure.get("message") == "parameters 248, allowed at most 200: 48 (24.0%) over"
    assert "conv1 (conv) 216, 87.1%" in (failure.text or "")


def test_junit_goes_beside_the_table(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    done = cli("check", SMALL, "--max-params", "1", "-o", str(path))
    assert done.code == 1
    assert "EXCEEDED" in done.out and f"{path}: JUnit XML, 1 limits, 1 failed" in done.out
    valid(ET.parse(path).getroot())
    assert path.read_text() == cli("check", SMALL, "--max-params", "1", "--format", "junit").out


NAMES = st.text(st.characters(), min_size=1, max_size=30) | st.sampled_from(
    [
        "]]>",
        "<![CDATA[",
        "&amp;",
        "a\nb",
        "\r\n",
        "\x00\x1b[31m",
        "\ufffe",
        "\U0001f600",
        "::error::x",
        "%0A",
        "a,b=c:d",
    ]
)


def a_check(name: str, of: str) -> convcalc.Check:
    """A check that fails, of a network and against a baseline of these names."""
    from convcalc.calculators.check.baseline import Baseline

    found = convcalc.check(SMALL, max_params=1, min_rf=1, against=Baseline(of, {"params": 100}, "", ""))
    object.__setattr__(found, "name", name)
    return found


@given(NAMES, NAMES, NAMES)
def test_junit_holds_any_name(name: str, spec: str, of: str) -> None:
    text = ci.junit([a_check(name, of)], [ci.Place(spec)])
    root = ET.fromstring(text.encode("utf-8"))
    valid(root)
    (suite,) = root
    if all(c.isprintable() for c in spec):
        assert suite.get("name") == spec
        assert {case.get("classname") for case in suite} == {spec}
    if all(c.isprintable() for c in of):
        assert f"at most parameters against {of}" in {case.get("name") for case in suite}


def unescaped(text: str, inside: bool) -> str:
    """As GitHub's runner reads a command (actions/runner, ActionCommand.cs)."""
    pairs = [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if inside else []), ("%25", "%")]
    for escaped, char in pairs:
        text = text.replace(escaped, char)
    return text


@given(NAMES, NAMES, NAMES)
def test_annotations_hold_any_name(name: str, file: str, of: str) -> None:
    text = ci.github([a_check(name, of)], [ci.Place("spec", file)])
    lines = text.split("\n")
    assert lines.pop() == "" and len(lines) == 2
    assert len(text.splitlines()) == 2
    for line in lines:
        command = re.fullmatch(r"::error (.*?)::(.*)", line)
        assert command is not None
        properties = dict(pair.split("=", 1) for pair in command[1].split(","))
        assert set(properties) == {"file", "line", "title"}
        if file.isprintable():
            assert unescaped(properties["file"], True) == file
        if name.isprintable():
            assert unescaped(properties["title"], True) == f"{name}: parameters"
        assert "most in conv1 (conv) 108, 100%" in unescaped(command[2], False)


def test_annotations_stand_at_the_limit(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(DOCUMENT)
    done = cli("check", str(path), "--max-macs", "1", "--format", "github")
    assert done.code == 1
    found = re.findall(r"line=(\d+),title=net%3A ([\w ]+)::", done.out)
    lines = {title: int(line) for line, title in found}
    assert lines == {"parameters": 4, "receptive field": 6, "MACs": 3}
    done = cli("check", SMALL, "--max-params", "1K", "--format", "github")
    assert (done.code, done.out) == (0, f"::notice title=convcalc check::{SMALL} holds its limit\n")


def test_json_of_a_check_is_a_baseline(cli: Any) -> None:
    data = json.loads(cli("check", SMALL, *SIZE, "--max-params", "1K", "--json").out)
    assert data["counts"]["params"] == 108
    assert data["counts"]["macs"] == 108 * 900
    assert data["inputs"] == [[3, 32, 32]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "a limit such as --max-params 5M, or 'budget: {max_params: 5M}' in the document"),
        (("--max-macs", "300MB"), "--max-macs '300MB' is no amount"),
        (("--limit", "max_layers=x"), "--limit max_layers 'x' is no amount"),
        (("--min-rf", "2", "--limit", "max_layer=2"), "no limit 'max_layer'"),
    ],
)
def test_limits_are_named_as_they_are_typed(cli: Any, options: tuple[str, ...], told: str) -> None:
    done = cli("check", SMALL, *options)
    assert done.code == 2 and told in done.err


def test_the_limit_that_an_error_offers_works(cli: Any) -> None:
    offered = re.search(r"such as (--\S+ \S+),", cli("check", SMALL).err)
    assert offered is not None and cli("check", SMALL, *offered[1].split()).code == 0


def test_a_wrong_budget_is_the_documents(cli: Any, tmp_path: Path) -> None:
    """It was not typed: the error speaks of the document, not of an option."""
    file = tmp_path / "net.yaml"
    file.write_text(DOCUMENT.replace("max_params: 200", "max_params: 2OO"))
    done = cli("check", str(file), "--max-macs", "1G")
    assert done.code == 2 and "error: the budget of net: max_params: '2OO' is no amount\n" in done.err


def test_networks_of_one_name_are_told_apart(cli: Any, tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]
    for file in files:
        Path(file).write_text(DOCUMENT)
    done = cli("check", *files, SMALL, "--max-macs", "1G", *SIZE)
    assert done.out.startswith(f"2 of 3 networks fail: net ({files[0]}), net ({files[1]})\n")
    for file in files:
        assert re.search(rf"^net \({re.escape(file)}\) +at most parameters", done.out, re.MULTILINE)
    data = cli("check", *files, SMALL, "--max-macs", "1G", *SIZE, "--json").json()
    assert [(one["name"], one["spec"]) for one in data["networks"]] == [
        ("net", files[0]),
        ("net", files[1]),
        (SMALL, SMALL),
    ]

"""The commands that print reports, and the catalogue: every option, every form, every width."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import convcalc

VIEWS = ("summary", "params", "flops", "shapes", "memory")
LINE = "conv 64 k7 s2 p3 bias=false | bn | relu | maxpool k3 s2 p1 | conv 8 k1"
DOCUMENT = """\
name: Little
vars: {width: 4, k: 3}
input: 3x16x16
layers:
  - {group: stem, body: [conv width kernel=k p=same bias=false, bn, relu]}
  - {group: deep, body: [{group: a, body: [conv width*2 k1]}, {group: b, body: [conv width*4 k1, relu]}]}
  - globalavgpool | flatten | linear 10
"""

Cli = Callable[..., Any]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def little(tmp_path: Path) -> str:
    path = tmp_path / "little.yaml"
    path.write_text(DOCUMENT)
    return str(path)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_has_every_form(cli: Cli, view: str) -> None:
    shape = ("--input", "3x224x224")
    table = cli(view, LINE, *shape).out
    record = rows_of(cli(view, LINE, *shape, "--csv").out)
    data = cli(view, LINE, *shape, "--json").json()
    markdown = cli(view, LINE, *shape, "--markdown").out
    names = ["conv1", "bn1", "relu1", "maxpool1", "conv2"]
    assert [row["name"] for row in record] == [row["name"] for row in data["layers"]] == names
    assert re.findall(r"^(\w+\d)  ", table, re.MULTILINE) == names
    assert re.findall(r"^\| (\w+\d) \|", markdown, re.MULTILINE) == names
    assert (
        data["totals"]
        == json.loads(convcalc.analyze(convcalc.load(LINE, input="3x224x224")).to_json())["totals"]
    )
    # whatever a table shows is in the JSON of it too
    for row, other in zip(record, data["layers"], strict=True):
        for key, text in row.items():
            value = {**other["ops"], **other}[key]
            if key.endswith("_share"):
                assert float(text) == pytest.approx(value) if text else value is None
            elif key == "input_shapes":
                assert text == ", ".join("x".join(map(str, shape)) for shape in value)
            elif isinstance(value, list):
                assert text == "x".join(map(str, value))
            else:
                assert text == str(value)


def test_known_numbers(cli: Cli) -> None:
    """ResNet-50 as published and as torchvision holds it."""
    totals = cli("flops", "resnet50", "--json").json()["totals"]
    assert (totals["params"], totals["buffers"], totals["macs"]) == (25_557_032, 53_120, 4_089_184_256)
    out = cli("params", "resnet50").out
    assert "25,557,032" in out
    assert "53,120" in out


def test_a_line_a_file_and_standard_input_are_one(cli: Cli, little: str) -> None:
    line = "conv 4 k3 | relu | flatten"
    from_line = cli("params", line, "--input", "3x8x8", "--csv").out
    assert cli("params", "-", "--input", "3x8x8", "--csv", stdin=line).out == from_line
    assert cli("params", "-", "--input", "3x8x8", "--csv", stdin=line.replace(" | ", "\n")).out == from_line
    assert cli("params", "-", "--json", stdin=DOCUMENT).json() == cli("params", little, "--json").json()
    assert cli("params", "-", "--json", stdin=DOCUMENT.replace("\n", "\r\n")).json()["name"] == "Little"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "standard input is empty"),
        (" \n", "standard input is empty"),
        (b"\xff\xfe", "standard input is not UTF-8 text"),
        ("conv 4 k3 | bnn", "<stdin>:1:13"),
    ],
)
def test_standard_input_that_is_no_spec(cli: Cli, data: Any, message: str) -> None:
    done = cli("params", "-", "--input", "3x8x8", stdin=data)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_files_that_are_not_there(cli: Cli, tmp_path: Path, little: str) -> None:
    done = cli("params", little.replace("little", "litle"))
    assert (done.code, done.out) == (2, "")
    assert "No such file" in done.err
    assert "did you mean" in done.err
    assert "little.yaml" in done.err
    assert cli("params", str(tmp_path) + "/").code == 2
    done = cli("params", "reznet50")
    assert done.code == 2
    assert "did you mean resnet50?" in done.err


def test_input(cli: Cli) -> None:
    def shapes(*arguments: str) -> list[Any]:
        return [row["output_shape"] for row in cli("shapes", *arguments, "--json").json()["layers"]]

    assert shapes("conv 4 k3", "--input", "3x8x9") == [[4, 6, 7]]
    assert shapes("conv 4 k3", "-i", "3x8") == [[4, 6]]
    assert shapes("input 3x5x5 | conv 4 k3", "--input", "3x8x9") == [[4, 6, 7]]
    assert shapes("conv 4 k3", "--input", "3x8x9x10") == [[4, 6, 7, 8]]
    assert shapes("resnet18", "--input", "3x64x64")[-1] == [1000]
    two = "inputs: {a: 3x8x8, b: 3x8x8}\nlayers: 'add from=[a,b] | flatten'\n"
    done = cli("shapes", "-", "--input", "a=3x2x2", "--input", "b=3x2x2", "--json", stdin=two)
    assert [row["output_shape"] for row in done.json()["layers"]] == [[3, 2, 2], [12]]


@pytest.mark.parametrize(
    "shape", ["", "x", "3x", "3x0x8", "3x-1x8", "threexthree", "x".join("1" * 18), "b=3x8x8", "3x8.5x8"]
)
def test_inputs_that_are_no_shapes(cli: Cli, shape: str) -> None:
    done = cli("shapes", "conv 4 k3", "--input", shape)
    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
    assert "--input" in done.err


def test_set(cli: Cli, little: str) -> None:
    def params(*arguments: str) -> int:
        found: int = cli("params", little, *arguments, "--json").json()["totals"]["params"]
        return found

    def by_hand(w: int, k: int) -> int:
        return 3 * w * k * k + 2 * w + (w * 2 * w + 2 * w) + (2 * w * 4 * w + 4 * w) + (4 * w * 10 + 10)

    assert params() == by_hand(4, 3)
    assert params("--set", "width=6") == by_hand(6, 3)
    assert params("--set", "width=2*3", "--set", "k=5") == by_hand(6, 5)
    done = cli("params", little, "--set", "widht=6")
    assert done.code == 2
    assert "width" in done.err
    for wrong in ("width", "=3", "width="):
        assert cli("params", little, "--set", wrong).code == 2
    assert "given twice" in cli("params", little, "--set", "k=1", "--set", "k=2").err


def test_batch_and_dtype(cli: Cli, little: str) -> None:
    one = cli("memory", little, "--json").json()
    many = cli("memory", little, "--batch", "5", "--dtype", "float16", "--json").json()
    assert (many["batch"], many["dtype"]) == (5, "float16")
    assert many["totals"]["macs"] == 5 * one["totals"]["macs"]
    assert many["totals"]["params"] == one["totals"]["params"]
    assert 2 * many["totals"]["param_bytes"] == one["totals"]["param_bytes"]
    assert 2 * many["totals"]["peak_memory_bytes"] == 5 * one["totals"]["peak_memory_bytes"]
    assert "batch 5, float16" in cli("summary", little, "-b", "5", "--dtype", "float16").out.splitlines()[0]


def test_depth(cli: Cli, little: str) -> None:
    def names(*arguments: str) -> list[str]:
        return [row["name"] for row in cli("summary", little, *arguments, "--json").json()["layers"]]

    assert names("--depth", "0") == ["Little"]
    assert names("--depth", "1") == ["stem", "deep", "globalavgpool1", "flatten1", "linear1"]
    assert names("--depth", "2")[3:5] == ["deep.a", "deep.b"]
    assert names("--depth", "9") == names()
    folded = cli("params", little, "--depth", "1", "--csv").out
    assert [int(row["params"]) for row in rows_of(folded)] == [108 + 8, 8 * 4 + 8 + 16 * 8 + 16, 0, 0, 170]
    out = cli("params", little, "--depth", "1").out
    assert re.search(r"^deep +3 layers ", out, re.MULTILINE)


@pytest.mark.parametrize("view", ["summary", "params", "flops", "memory"])
def test_sort_and_top(cli: Cli, view: str) -> None:
    rows = rows_of(cli(view, "squeezenet1_1", "--csv").out)
    for column in rows[0]:
        if column in ("name", "spec", "output_shape") or column.endswith("_share"):
            continue
        sorted_rows = rows_of(cli(view, "squeezenet1_1", "--sort", column, "--csv").out)
        assert [int(r[column]) for r in sorted_rows] == sorted((int(r[column]) for r in rows), reverse=True)
        assert sorted(r["name"] for r in sorted_rows) == sorted(r["name"] for r in rows)
    by_name = rows_of(cli(view, "squeezenet1_1", "--sort", "name", "--csv").out)
    assert [r["name"] for r in by_name] == sorted(r["name"] for r in rows)


def test_top_shows_the_largest_and_totals_of_all(cli: Cli) -> None:
    every = cli("params", "squeezenet1_1", "--json").json()
    top = cli("params", "squeezenet1_1", "--top", "3", "--json").json()
    largest = sorted((row["params"] for row in every["layers"]), reverse=True)[:3]
    assert [row["params"] for row in top["layers"]] == largest
    assert top["totals"] == every["totals"]
    out = cli("params", "squeezenet1_1", "--top", "3").out
    assert f"3 of {len(every['layers'])} rows are shown; totals are of all." in out
    assert "1,235,496" in out
    assert len(rows_of(cli("params", "squeezenet1_1", "--top", "100000", "--csv").out)) == len(
        every["layers"]
    )


def test_sorting_by_what_is_no_column(cli: Cli) -> None:
    done = cli("params", "resnet18", "--sort", "parms")
    assert (done.code, done.out) == (2, "")
    assert "did you mean params?" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--batch", "0"),
        ("--batch", "-1"),
        ("--depth", "-1"),
        ("--top", "0"),
        ("--dtype", "float8"),
        ("--batch", "x"),
    ],
)
def test_values_that_no_option_takes(cli: Cli, arguments: tuple[str, str]) -> None:
    done = cli("params", "resnet18", *arguments)
    assert (done.code, done.out) == (2, "")
    assert arguments[0].strip("-") in done.err
    assert cli("params", "resnet18", *arguments, "--json").code == 2


def test_forms_exclude_each_other(cli: Cli) -> None:
    done = cli("params", "resnet18", "--json", "--csv")
    assert done.code == 2
    assert "cannot go together" in done.err + done.out


def test_exact_and_human_units(cli: Cli) -> None:
    totals = cli("summary", "resnet18", "--json").json()["totals"]
    exact = cli("summary", "resnet18", "--exact").out
    for key in ("params", "macs", "valid_macs", "flops", "activations", "peak_memory_bytes"):
        assert f"{totals[key]:,}" in exact
    human = cli("summary", "resnet18").out
    assert "11.69 M" in human
    assert "1.81 G" in human
    assert f"{totals['macs']:,}" not in human


def test_what_nobody_stated_is_unavailable(cli: Cli) -> None:
    done = cli("summary", "conv 3->4 k3")
    assert done.code == 0
    assert "unavailable" in done.out
    assert "112" in done.out
    assert cli("summary", "conv 3->4 k3", "--json").json()["totals"]["macs"] is None


def test_a_pipe_is_plain(process: Any) -> None:
    """No colour, no fitting to a width, every column; whatever the surroundings ask of terminals."""
    env = {"COLUMNS": "30", "TERM": "xterm-256color", "FORCE_COLOR": "", "CLICOLOR_FORCE": ""}
    env = {k: v for k, v in env.items() if v}
    narrow = process("summary", "resnet18", env=env)
    wide = process("summary", "resnet18", env={"COLUMNS": "400"})
    assert narrow.out == wide.out
    assert "\x1b" not in narrow.out
    assert "…" not in narrow.out
    assert "layer1.basic_block1.conv_bn1.conv1" in narrow.out
    assert "activations" in narrow.out


def terminal(width: int, *arguments: str, colour: bool = True) -> str:
    """What the command writes to a terminal of that width."""
    import fcntl
    import pty
    import struct
    import subprocess
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")}
    env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "CONVCALC_PAGER": "cat"} | (
        {} if colour else {"NO_COLOR": "1"}
    )
    command = [sys.executable, "-m", "convcalc", *arguments]
    child = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=env)
    os.close(follower)

    def chunks() -> Iterator[bytes]:
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            yield data

    text = b"".join(chunks()).decode()
    os.close(leader)
    assert child.wait(60) == 0, text
    return text.replace("\r\n", "\n")


def bare(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(("width", "view"), [(45, "summary"), (60, "params"), (80, "memory"), (120, "flops")])
def test_a_terminal_shows_whole_numbers_within_its_width(width: int, view: str, cli: Cli) -> None:
    shown = terminal(width, view, "mobilenet_v2", "--exact", "--flat")
    assert "\x1b[" in shown
    lines = bare(shown).splitlines()
    head, *_ = [i for i, line in enumerate(lines) if line.startswith("name")]
    table = lines[head : head + 150]
    assert max(map(len, table)) <= width
    # every number in a terminal is one of the numbers that CSV holds
    whole = {"0"}
    for row in rows_of(cli(view, "mobilenet_v2", "--exact", "--csv").out):
        whole |= {f"{int(v):,}" for v in row.values() if v.isdigit()}
    totals = cli(view, "mobilenet_v2", "--json").json()["totals"]
    whole |= {f"{v:,}" for v in totals.values() if type(v) is int}
    numbers = {n for line in table for n in re.findall(r"(?<=  )[\d,]+(?=  |$)", line)}
    assert numbers
    assert numbers <= whole


def test_narrow_terminals_drop_columns(cli: Cli) -> None:
    def heads(width: int) -> list[str]:
        lines = bare(terminal(width, "params", "squeezenet1_1")).splitlines()
        return next(line for line in lines if line.startswith("name")).split()

    assert heads(160) == ["name", "layer", "weights", "biases", "other", "params", "share", "buffers"]
    assert {"name", "params"} <= set(heads(40)) < set(heads(80)) < set(heads(160))


def test_colour_can_be_turned_off() -> None:
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal(100, "params", "conv 3->4 k3", colour=False))


def test_list(cli: Cli) -> None:
    from convcalc import layers
    from convcalc.spec import library

    done = cli("list", "--json")
    found = {(row["kind"], row["name"]) for row in done.json()}
    assert {n for k, n in found if k == "layer"} == set(layers.names())
    assert {n for k, n in found if k == "network"} == set(library.zoo_names())
    assert {n for k, n in found if k == "block"} == set(library.block_names())
    assert {row["name"] for row in cli("list", "networks", "--json").json()} == set(library.zoo_names())
    assert "resnet50" in cli("list").out
    assert cli("list", "blocks", "--csv").out.startswith("kind,name,about,arguments\n")
    assert cli("list", "layer").out == cli("list", "layers").out
    done = cli("list", "layrs")
    assert done.code == 2
    assert "did you mean layers?" in done.err


def test_every_layer_and_block_is_listed_with_a_sentence(cli: Cli) -> None:
    from convcalc import layers
    from convcalc.spec.document.reading import block

    rows = cli("list", "--json").json()
    assert all(row["about"] and "\n" not in row["about"] and "`" * 2 not in row["about"] for row in rows)
    about = {row["name"]: row["about"] for row in rows if row["kind"] == "layer"}
    assert len(set(about.values())) == len(about)
    for alias, name in layers.ALIASES.items():
        assert re.search(rf"\. Also .*\b{alias}\b.*\.$", about[name])
    assert (
        about["matmul"] == "Matrix product a b of two tensors: (..., m, k) by (..., k, n) gives (..., m, n)."
    )
    for row in rows:
        if row["kind"] == "block":
            whole = " ".join(block(row["name"]).doc.split())
            assert whole.startswith(row["about"]) and row["about"].endswith(".")
            assert whole.count("(") == 0 or row["about"].count("(") == row["about"].count(")")
            parameters = [
                part.partition("=")[0].strip() for part in re.split(r",(?![^\[]*\])", row["arguments"][1:-1])
            ]
            assert [name for name in parameters if name] == [
                name for name, _ in block(row["name"]).parameters
            ]


def test_show(cli: Cli, little: str) -> None:
    from convcalc.spec import library

    assert cli("show", "resnet50").out == library.zoo_text("resnet50")
    block = library.block_names()[0]
    assert block in cli("show", block).out
    assert "kernel" in cli("show", "conv").out
    assert cli("show", little).out == DOCUMENT
    assert cli("show", "-", stdin=DOCUMENT).out == DOCUMENT
    assert cli("show", "resnet50", "--json").json()["text"] == library.zoo_text("resnet50")
    assert cli("show", "resnet5O").code == 2
    assert cli("show", "resnet50", "--input", "3x64x64").code == 2


@pytest.mark.parametrize("spec", ["resnet18", "inception_v3", "mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_show_expand_reads_back(cli: Cli, spec: str) -> None:
    text = cli("show", spec, "--expand").out
    assert "repeat" not in text
    again = cli("summary", "-", "--json", stdin=text).json()
    assert again == cli("summary", spec, "--json").json()


def test_show_expand_takes_input_and_variables(cli: Cli, little: str) -> None:
    text = cli("show", little, "--expand", "--input", "3x9x9", "--set", "width=7").out
    assert "input: 3x9x9" in text
    assert "conv 3->7 k3" in text


def test_schema(cli: Cli) -> None:
    import jsonschema
    import yaml

    schema = cli("schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(DOCUMENT), schema)
    wrong = DOCUMENT.replace("input:", "inptu:")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(wrong), schema)


@pytest.mark.parametrize(("heading", "key"), [("live", "live_bytes"), ("Writes", "output_bytes")])
def test_a_column_may_be_sorted_by_its_heading(cli, heading: str, key: str) -> None:
    by_heading, by_key = (
        cli("memory", "squeezenet1_0", "--sort", name, "--top", "5", "--csv") for name in (heading, key)
    )
    assert by_heading.code == 0
    assert by_heading.out == by_key.out
    assert by_heading.out != cli("memory", "squeezenet1_0", "--sort", "name", "--top", "5", "--csv").out

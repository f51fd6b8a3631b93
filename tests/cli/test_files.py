"""``-o FILE``: every answer in every form, whole or not at all, and the exit code of the question."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from convcalc.render.answer import FORMS
from tests.cli.calls import CALLS, long, parameters

SHOWN = {".json": "--json", ".csv": "--csv", ".md": "--markdown"}
TIMED = re.compile(r"\d+(\.\d+)? ?(s|ms)\b|\"seconds\": [\d.e-]+")


def offered(err: str) -> list[str]:
    """The endings that a refusal names."""
    return re.findall(r"\.[a-z]+", err.split("expected ")[1].splitlines()[0])


@pytest.mark.parametrize("command", CALLS)
def test_an_answer_is_written_as_it_is_shown(cli: Any, tmp_path: Path, command: str) -> None:
    """The file holds what the form on standard output has; a command's own files aside."""
    plain = cli(command, *CALLS[command])
    assert plain.code in (0, 1)
    options = {long(parameter) for parameter in parameters(command)}
    refused = cli(command, *CALLS[command], "-o", str(tmp_path / "x.xls"))
    assert (refused.code, refused.out) == (2, "")
    for ending in offered(refused.err):
        if ending in (".svg", ".png", ".onnx", ".py", ".npy", ".npz", ".xml"):
            continue
        path = tmp_path / f"answer{ending}"
        done = cli(command, *CALLS[command], "-o", str(path))
        if done.code == 2:  # of this answer: there is no table in it
            assert ending == ".csv" and not path.exists() and ending not in offered(done.err)
            continue
        assert (done.code, done.err) == (plain.code, plain.err)
        assert done.out.startswith(f"{path}: ") and done.out.count("\n") == 1
        text = path.read_text(encoding="utf-8")
        if ending == ".txt":
            assert TIMED.sub("", text) == TIMED.sub("", plain.out)
        elif SHOWN.get(ending) in options:
            shown = cli(command, *CALLS[command], SHOWN[ending]).out
            assert TIMED.sub("", text) == TIMED.sub("", shown)
        if ending == ".json":
            json.loads(text)
        if ending == ".csv":
            rows = list(csv.reader(io.StringIO(text)))
            assert len({len(row) for row in rows}) == 1


@pytest.mark.parametrize("command", [name for name in CALLS if name not in ("draw", "export")])
def test_pages_and_latex_stand_alone(cli: Any, tmp_path: Path, command: str) -> None:
    page = tmp_path / "answer.html"
    assert cli(command, *CALLS[command], "-o", str(page)).code in (0, 1)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"(?:src|href)\s*=|@import|url\(", text)
    latex = tmp_path / "answer.tex"
    assert cli(command, *CALLS[command], "-o", str(latex)).code in (0, 1)
    text = re.sub(
        r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", latex.read_text(encoding="utf-8"), flags=re.S
    )
    begun, ended = re.findall(r"\\begin\{(\w+\*?)\}", text), re.findall(r"\\end\{(\w+\*?)\}", text)
    assert sorted(begun) == sorted(ended)


@pytest.mark.parametrize("name", ["resnet.xls", "resnet", ".svg", "resnet.", "a.b/c", "x.SVGZ"])
def test_an_unknown_ending_is_refused_before_anything_is_worked_out(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.b").mkdir()
    done = cli("verify", "--zoo", "-o", name)  # minutes of work
    assert (done.code, done.out) == (2, "")
    assert offered(done.err) == list(FORMS)
    assert not (tmp_path / name).exists() or name == "a.b/c"


def test_capitals_are_an_ending_too(cli: Any, tmp_path: Path) -> None:
    assert cli("params", "lenet5", "-o", str(tmp_path / "X.CSV")).code == 0
    assert (tmp_path / "X.CSV").read_text() == cli("params", "lenet5", "--csv").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("params", "lenet5", "-o", "no/x.csv"), "no: there is no such folder"),
        (("params", "lenet5", "-o", "."), "no ending"),
        (("params", "lenet5", "-o", "folder.csv"), "folder.csv: is a directory"),
        (("list", "blocks", "-o", "x.svg"), "there is no picture"),
        (("transposed", "conv 4 k3", "-i", "3x9x9", "-o", "x.svg"), "there is no picture"),
        (("explain", "conv", "-o", "x.csv"), "not written as .csv"),
        (("export", "lenet5", "--form", "onnx", "-o", "x.py"), "x.py"),
        (("export", "lenet5", "-o", "x.json"), "not written as .json"),
        (("run", "lenet5", "-o", "x.npx"), ".npx is no ending"),
        (("params", "lenet5", "-o", "a\0.csv"), "a\\x00.csv"),
    ],
)
def test_what_cannot_be_written_is_refused(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("params", "cnov 3->4 k3"), "old.json"),
        (("params", "lenet5", "--sort", "nothing"), "old.html"),
        (("rf", "lenet5", "--layer", "nothing"), "old.svg"),
        (("export", "input 3xHxW | conv 8 k3"), "old.py"),
        (("run", "lenet5", "--guard", "10"), "old.npz"),
        (("draw", "input 3x4x4x4x4 | relu"), "old.svg"),
        (("transposed", "conv 4 k3", "--input", "3x9x9"), "old.png"),
    ],
)
def test_an_old_file_stays_where_the_question_fails(
    process: Any, tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    old = tmp_path / name
    old.write_text("the old one")
    done = process(*arguments, "-o", str(old))
    assert (done.code, done.out) == (2, "")
    assert old.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_failed_check_is_written_and_keeps_its_exit_code(process: Any, tmp_path: Path) -> None:
    path = tmp_path / "limits.json"
    done = process("check", "lenet5", "--max-params", "1K", "-o", str(path))
    assert done.code == 1
    assert json.loads(path.read_text())["ok"] is False
    assert done.out.startswith(f"{path}: JSON; LeNet-5 fails 1 of 1")


def test_json_beside_a_file_is_json_alone(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert cli("params", "lenet5", "--json", "-o", str(path)).json()["totals"]["params"] == 61706
    assert path.read_text().startswith("name,")


def test_arrays_are_written_beside_the_answer(cli: Any, tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "x.npy"
    done = cli("run", "input 1x3x3 | conv 2 k3", "-o", str(path))
    assert done.out == cli("run", "input 1x3x3 | conv 2 k3").out + f"{path}: conv1 1x2x1x1\n"
    assert np.load(path).shape == (1, 2, 1, 1)


def test_a_picture_is_written_and_told_in_its_caption(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.svg"
    done = cli("draw", "input 1x5x5 | conv 1 k3", "-o", str(path))
    assert done.code == 0
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert done.out.startswith(f"{path}: conv 1->1 k3")


def test_a_file_is_complete_where_a_terminal_shows_less(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert cli("summary", "resnet152", "-o", str(path)).code == 0
    assert len(path.read_text().splitlines()) == 1 + len(
        cli("summary", "resnet152", "--json").json()["layers"]
    )


@pytest.mark.parametrize("command", ["summary", "memory", "rf"])
def test_what_is_asked_for_where_letters_cannot_be_drawn_works(cli, command: str, tmp_path) -> None:
    """A size is not all that may be a letter: kernels and channels have numbers from --set."""
    call = (command, "input 3xHxW | conv M k=K s2", "-o", str(tmp_path / "x.svg"))
    done = cli(*call)
    assert done.code == 2 and "--input CxHxW, or --set NAME=VALUE" in done.err
    assert cli(*call, "--input", "3x9x9", "--set", "M=4", "--set", "K=3").code == 0

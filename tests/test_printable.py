# ruff: noqa: E501 - cases read best in one line each
"""Text from outside is shown, not sent: to terminals, messages, pictures and files of every form."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.files import open_regular, write_whole
from convcalc.printable import in_json, one_line, visible
from convcalc.render import data, html
from convcalc.render.table import Column, Table
from tests.fuzz.running import CONTROL

EVIL = "a\x1b[31mb\x07\x9bc\u202ed\u2028e\x00f\rg"


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    assert not CONTROL.search(visible(text))
    assert "\n" not in one_line(text) and "\t" not in one_line(text)
    assert visible(visible(text)) == visible(text)
    plain = "".join(c for c in text if c.isprintable() or c in "\n\t")
    if plain == text:
        assert visible(text) == text
    one_line(text).encode("utf-8")


@given(st.text())
def test_json_holds_the_same_text(text: str) -> None:
    written = in_json(json.dumps({"x": text}, ensure_ascii=False))
    assert json.loads(written) == {"x": text}
    assert not CONTROL.search(written)


def document(tmp_path: Path) -> str:
    path = tmp_path / "evil\x1b[31m.yaml"
    name = json.dumps(EVIL)
    path.write_text(
        f"name: {name}\nsource: {name}\ninput: 3x32x32\nlayers:\n  - conv 8 k3 d2\n  - conv 8 k3 d2\n  - convT 4 k4 s2\n"
    )
    return str(path)


COMMANDS = (
    *(
        [
            "summary",
            "params",
            "flops",
            "shapes",
            "memory",
            "rf",
            "padding",
            "dilation",
            "transposed",
            "check",
            "compare",
            "explain",
            "draw",
            "show",
        ]
    ),
    *(["variants", "fit", "verify", "run"]),
)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("form", ["", "--json", "--csv", "--markdown"])
def test_every_command_shows_control_characters(command: str, form: str, cli, tmp_path: Path) -> None:
    path = document(tmp_path)
    more = {
        "check": ["--max-params", "1"], "compare": [path], "fit": ["--resolution", "30..32", "--max-params", "9M"],
        "variants": ["--layer", "conv1"], "show": ["--expand"],
    }.get(command, [])  # fmt: skip
    done = cli(command, path, *more, *([form] if form else []))
    assert done.code in (0, 1, 2)
    assert not CONTROL.search(done.out), done.out
    assert not CONTROL.search(done.err), done.err


def test_messages_show_what_was_given(cli, tmp_path: Path) -> None:
    for arguments in (("params", EVIL), ("params", f"relu id={EVIL}"), ("params", "relu", "--sort", EVIL),
                      ("params", f"{EVIL}.yaml"), (EVIL,), ("run", "relu", "--input-file", f"{EVIL[:5]}.npy")):  # fmt: skip
        done = cli(*arguments)
        assert done.code == 2
        assert not CONTROL.search(done.out + done.err)


TABLE = Table(
    [Column("name", "name", str, "left"), Column("n", "n", str)],
    [["=1+1", -5], ["@SUM(A1)", "-H + 3"], ["-3.5", 7], ["+1", 0], ["a|b<script>", 1], [EVIL, 2]],
)


def test_no_spreadsheet_runs_a_cell() -> None:
    rows = list(csv.reader(io.StringIO(data.to_csv(TABLE))))[1:]
    assert [row[0] for row in rows[:4]] == ["'=1+1", "'@SUM(A1)", "-3.5", "+1"]
    assert [row[1] for row in rows[:3]] == ["-5", "'-H + 3", "7"]


def test_markdown_and_html_have_no_markup_from_outside() -> None:
    shown = data.to_markdown(TABLE)
    assert r"a\|b\<script>" in shown
    assert "<script>" not in html.render(TABLE)
    assert not CONTROL.search(shown) and not CONTROL.search(html.render(TABLE))


def test_a_picture_is_valid_whatever_it_is_called(tmp_path: Path) -> None:
    graph = convcalc.load(document(tmp_path))
    for picture in (convcalc.draw(graph).svg, convcalc.draw("input 1x5x5 | conv 1 k3").svg):
        ElementTree.fromstring(picture)
        assert not CONTROL.search(picture)
    assert not CONTROL.search(str(convcalc.analyze(graph)))


# -- files -----------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_at_once(cli, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    (tmp_path / "w.npz").mkdir()
    for arguments, word in (
        (("params", "/dev/zero"), "not a regular file"),
        (("params", str(pipe)), "not a regular file"),
        (("run", "input 2x5x5 | conv 3 k3", "--weights", str(tmp_path / "w.npz")), "is a directory"),
        (("run", "input 2x5x5 | conv 3 k3", "--weights", str(pipe)), "not a regular file"),
    ):
        done = cli(*arguments)
        assert (done.code, done.out) == (2, "")
        assert word in done.err.lower()
    with pytest.raises(OSError, match="Larger"):
        open_regular(__file__, 10)


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    target, link = tmp_path / "real.svg", tmp_path / "link.svg"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    target.write_bytes(b"old")

    def half(file) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError) as told:
        write_whole(target, half)
    assert told.value.filename == str(target)
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.svg"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
@pytest.mark.parametrize("arguments", [["params", "resnet18"], ["params", "resnet18", "--json"],
    ["params", "cnov 3", "--json"], ["--help"], ["list"], ["--version"]])  # fmt: skip
def test_a_full_disk_costs_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "convcalc", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "standard output: no space left on device" in done.stderr
    if "cnov 3" not in arguments:
        assert done.stderr.count("\n") == 1

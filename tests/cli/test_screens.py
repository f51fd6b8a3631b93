"""What people see in a terminal: at every width, with and without colour, through a pager."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from convcalc.spec.source import cells

ROOT = Path(__file__).resolve().parent.parent.parent
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
WIDTHS = (60, 80, 100, 140, 200)
VIEWS = ("summary", "params", "flops", "shapes", "memory", "rf")
Cli = Callable[..., Any]


def terminal(*arguments: str, width: int = 80, height: int = 24, env: dict[str, str] | None = None) -> str:
    """What a process writes to a terminal of that size; no pager stands between, if none is named."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    left = ("COLUMNS", "LINES", "NO_COLOR", "CI", "PAGER", "LESS")
    given = {key: value for key, value in os.environ.items() if key not in left}
    given |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "CONVCALC_PAGER": "cat"} | (env or {})
    command = [sys.executable, "-m", "convcalc", *arguments]
    child = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=given, cwd=ROOT)
    os.close(follower)
    found = b""
    try:
        while data := os.read(leader, 65536):
            found += data
    except OSError:  # the other side is closed
        pass
    os.close(leader)
    text = found.decode().replace("\r\n", "\n")
    assert child.wait(60) == 0, text
    return text


@pytest.fixture
def screen(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The same in this process, which is quicker."""

    def call(*arguments: str, width: int = 80, height: int = 24, **env: str) -> str:
        given = {"COLUMNS": str(width), "LINES": str(height), "TERM": "xterm", "CONVCALC_PAGER": "cat"}
        for name in ("NO_COLOR", "CI", "PAGER"):
            monkeypatch.delenv(name, raising=False)
        for name, value in (given | env).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        done = cli(*arguments)
        assert done.code == 0, done.err
        return str(done.out)

    return call


def bare(text: str) -> str:
    return ESCAPE.sub("", text)


def table(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """The headings of what is shown, and its rows as the cells of each column."""
    lines = bare(text).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("───"))
    spans = [(match.start(), match.end()) for match in re.finditer("─+", lines[at])]
    rows = []
    for line in lines[at + 1 :]:
        if line.startswith("───") or not line:
            break
        rows.append(line)
    # a wide character takes two columns: none is in the names asked about here
    read = {lines[at - 1][a:b].strip(): [row[a:b] for row in rows] for a, b in spans}
    return [lines[at - 1][a:b].strip() for a, b in spans], read


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("spec", ["resnet152", "inception_v3"])
def test_it_fits_and_names_stay_apart(screen: Callable[..., str], view: str, spec: str, width: int) -> None:
    shown = bare(screen(view, spec, width=width))
    assert max(map(cells, shown.splitlines())) <= width
    heads, columns = table(shown)
    assert heads[0] == "name" and {"summary": "params", "rf": "field"}.get(view, heads[-1]) in heads
    whole = bare(screen(view, spec, width=400))
    names, cut = table(whole)[1]["name"], columns["name"]
    assert len(names) == len(cut)
    of = {}
    for name, short in zip(map(str.rstrip, names), map(str.rstrip, cut), strict=True):
        assert of.setdefault(short, name) == name, "two names look the same"
    # numbers are whole: what stands in a column stands there at full width too
    for head in set(heads) - {"name", "layer"}:
        if head in table(whole)[0] and "█" not in "".join(columns[head]):
            assert [c.strip() for c in columns[head]] == [c.strip() for c in table(whole)[1][head]]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_real_terminal_shows_it_in_two_screens(width: int, cli: Cli) -> None:
    text = terminal("summary", "resnet152", "--exact", width=width, height=30)
    lines = bare(text).splitlines()
    assert max(map(cells, lines)) <= width and len(lines) <= 60
    columns = table(text)[1]
    top = [i for i, name in enumerate(columns["name"]) if name[0] not in "├└│ "]
    totals = cli("summary", "resnet152", "--json").json()["totals"]
    for head, key in (("params", "params"), ("MACs", "macs"), ("FLOPs", "flops")):
        if head in columns:
            assert sum(int(columns[head][i].replace(",", "")) for i in top) == totals[key]


@pytest.mark.parametrize("view", VIEWS)
def test_the_last_line_works_when_it_is_followed(screen: Callable[..., str], cli: Cli, view: str) -> None:
    last = bare(screen(view, "resnet152", width=100)).splitlines()[-1]
    found = re.fullmatch(r"[\d,]+ of 515 layers folded; all: (.*); the largest: (.*)", last)
    assert found
    whole = table(screen(view, "resnet152", *found[1].split(), width=100))[1]["name"]
    layers = cli("shapes", "resnet152", "--json").json()["layers"]
    inner = {row["name"].rpartition(".")[2] for row in layers}
    assert sum(name.strip("├└│ ") in inner for name in whole) == 515 if view != "rf" else len(whole) > 500
    largest = table(screen(view, "resnet152", *found[2].split(), width=400))[1]
    assert len(largest["name"]) == 10 and all("." in name for name in largest["name"])


def test_colour_says_nothing_alone(screen: Callable[..., str]) -> None:
    coloured = screen("summary", "resnet18")
    assert ESCAPE.search(coloured)
    plain = screen("summary", "resnet18", "--color", "never")
    assert bare(coloured) == plain == screen("summary", "resnet18", NO_COLOR="1")
    assert plain == screen("summary", "resnet18", TERM="dumb")
    assert screen("summary", "resnet18", "--color", "always", NO_COLOR="1") == coloured
    # no colour but of the sixteen, none of them black, white, yellow or blue, and no background
    codes = {code for found in ESCAPE.findall(coloured) for code in found[2:-1].split(";")}
    assert codes <= {"0", "1", "2", "31", "32", "35", "36"}


def test_a_pipe_is_coloured_where_that_is_asked_for(cli: Cli) -> None:
    plain, coloured = cli("params", "resnet18").out, cli("params", "resnet18", "--color", "always").out
    assert "\x1b" not in plain and ESCAPE.search(coloured) and bare(coloured) == plain
    done = cli("params", "resnet18", "--color", "yes")
    assert done.code == 2 and "auto, always or never" in done.err


def test_ascii_where_nothing_else_can_be_written() -> None:
    shown = terminal("summary", "resnet152", env={"PYTHONIOENCODING": "ascii"})
    assert shown.isascii() and "\n+ conv_bn1" in bare(shown) and "#" in shown and "\\u" not in shown


def test_a_tree_in_a_pipe_is_whole(cli: Cli) -> None:
    done = cli("params", "resnet18", "--tree")
    lines = done.out.splitlines()
    layers = cli("params", "resnet18", "--json").json()["layers"]
    names = [re.sub(r"^[├└│ ]+", "", line).split(" ")[0] for line in lines]
    for row in layers:
        assert row["name"].rpartition(".")[2] in names
    assert sum("conv_bn" in name for name in names) == len(
        {row["name"].rpartition(".")[0] for row in layers if "conv_bn" in row["name"]}
    )
    assert " x 2" not in done.out and "folded" not in done.out and "\x1b" not in done.out
    ascii = subprocess.run(
        [sys.executable, "-m", "convcalc", "params", "resnet18", "--tree"],
        capture_output=True, cwd=ROOT, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert ascii.stdout.isascii() and b"\n| ` relu1" in ascii.stdout


def test_a_tree_in_a_file_is_the_one_in_a_pipe(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "tree.txt"
    assert cli("params", "resnet18", "--tree", "-o", str(file)).code == 0
    assert file.read_text(encoding="utf-8") == cli("params", "resnet18", "--tree").out
    page = tmp_path / "tree.html"
    assert cli("params", "resnet18", "--tree", "-o", str(page)).code == 0
    assert "padding-left:1.8em" in page.read_text(encoding="utf-8")


def test_flat_names_in_a_terminal_are_whole(screen: Callable[..., str]) -> None:
    shown = screen("params", "resnet18", "--flat", width=120)
    names = [name.strip() for name in table(shown)[1]["name"]]
    assert "layer4.basic_block2.conv_bn2.conv1" in names and len(names) == 69


def test_a_layer_a_block_or_a_pattern(cli: Cli, screen: Callable[..., str]) -> None:
    def names(*arguments: str) -> list[str]:
        found = cli("summary", "resnet18", *arguments, "--json").json()
        assert found["totals"]["params"] == 11_689_512
        return [row["name"] for row in found["layers"]]

    one = "layer1.basic_block1.conv_bn1.conv1"
    assert names("--layer", one) == [one]
    assert names("-l", "head") == ["head.globalavgpool1", "head.flatten1", "head.linear1"]
    assert names("--layer", "layer1", "--depth", "1") == ["layer1.basic_block1", "layer1.basic_block2"]
    assert names("--layer", "layer1", "--depth", "0") == ["layer1"]
    assert len(names("--layer", "*.conv1")) == 20
    assert names("--layer", "layer*", "--depth", "1") == [f"layer{n}" for n in range(1, 5)]
    assert names("--layer", "layer2", "--top", "1") == ["layer2.basic_block1.conv_bn2.conv1"]
    out = cli("summary", "resnet18", "--layer", "head").out
    assert "3 of 69 rows are shown; totals are of all." in out
    shown = table(screen("summary", "resnet18", "--layer", "layer1.basic_block1"))[1]["name"]
    assert [name.strip() for name in shown[:3]] == ["layer1.basic_block1", "├ conv_bn1", "│ ├ conv1"]
    for wrong in ("layer1.basic_block", "layr1", "zzz*", ""):
        done = cli("summary", "resnet18", "--layer", wrong)
        assert done.code == 2 and done.out == "" and "no layer" in done.err
    assert "did you mean layer1" in cli("params", "resnet18", "--layer", "layr1").err
    assert "did you mean layer1.*?" in cli("rf", "resnet18", "--layer", "layr1.*").err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tree", "--flat"), "--tree and --flat cannot go together"),
        (("--tree", "--sort", "params"), "--tree and --sort cannot go together"),
        (("--tree", "--json"), "--tree and --json cannot go together"),
        (("--tree", "-o", "x.csv"), "--tree and -o x.csv cannot go together"),
        (("--tree", "--layer", "*.conv1"), "--layer with the name of a block"),
        (
            ("memory", "--by-resolution", "--layer", "layer1"),
            "--layer and --by-resolution cannot go together",
        ),
        (("rf", "--coverage", "--depth", "1"), "--depth and --coverage cannot go together"),
        (("rf", "--at", "0,0", "--top", "1"), "--top and --at cannot go together"),
        (("rf", "--tree", "--layer", "layer1"), "these rows are no tree"),
    ],
)
def test_what_does_not_go_together(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    view, rest = (arguments[0], arguments[1:]) if arguments[0][0] != "-" else ("params", arguments)
    done = cli(view, "resnet18", *rest)
    assert done.code == 2 and words in done.err


@pytest.mark.parametrize("view", ["rf", "run"])
def test_rows_of_other_views_are_asked_for_in_the_same_words(cli: Cli, view: str) -> None:
    spec = (view, "input 3x32x32 | conv_bn(8) id=a | maxpool k2 | conv_bn(16) id=b | conv 4 k1")

    def names(*arguments: str) -> list[str]:
        return [row["name"] for row in cli(*spec, *arguments, "--json").json()["layers"]]

    assert names("--depth", "1") == ["a", "maxpool1", "b", "conv1"]
    assert names("--layer", "b.*") == ["b.conv1", "b.bn1", "b.relu1"]
    by = {"rf": "size", "run": "max"}[view]
    assert len(names("--sort", by, "--top", "2")) == 2
    whole = {row["name"]: row for row in cli(*spec, "--json").json()["layers"]}
    folded = cli(*spec, "--depth", "1", "--json").json()["layers"]
    assert folded[0] == {**whole["a.relu1"], "name": "a", "op": "block"}
    assert "├ conv1" in cli(*spec, "--tree").out
    assert cli(*spec, "--layer", "q").code == 2


def test_the_largest_fields_come_first(cli: Cli) -> None:
    rows = cli("rf", "resnet50", "--sort", "field", "--top", "3", "--json").json()["layers"]
    assert all(row["name"].startswith("head.") for row in rows)  # behind a global pooling: all
    found = cli("rf", "input 1x64x64 | conv 1 k3 id=a | conv 1 k5 id=b | conv 1 k1 id=c", "--top", "2").out
    assert [line.split()[0] for line in found.splitlines()[2:4]] == ["b", "c"]


@pytest.fixture
def pager(tmp_path: Path) -> tuple[str, Path]:
    """A pager that writes what it is given, and the file."""
    script, file = tmp_path / "pager", tmp_path / "paged"
    script.write_text(f'#!/bin/sh\necho "$LESS" > "{file}"\ncat >> "{file}"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script), file


def test_what_is_longer_than_the_screen_is_paged(pager: tuple[str, Path]) -> None:
    script, file = pager
    shown = terminal("params", "resnet18", "--flat", env={"CONVCALC_PAGER": script})
    assert shown == ""
    paged = file.read_text(encoding="utf-8")
    assert paged.startswith("FRX\n") and ESCAPE.search(paged) and len(paged.splitlines()) > 69
    file.unlink()
    assert "conv1" in terminal("params", "conv 3->4 k3", env={"CONVCALC_PAGER": script})  # it fits
    assert not file.exists()


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ({"CI": "true"}, ()),
        ({"TERM": "dumb"}, ()),
        ({"CONVCALC_PAGER": ""}, ()),
        ({"CONVCALC_PAGER": "/nowhere/less"}, ()),
        ({"CONVCALC_PAGER": "'"}, ()),
        ({}, ("--no-pager",)),
    ],
)
def test_no_pager_where_there_is_none(
    pager: tuple[str, Path], env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    shown = terminal("params", "resnet18", "--flat", *arguments, env={"CONVCALC_PAGER": pager[0], **env})
    assert "total" in shown and not pager[1].exists()


def test_leaving_a_pager_early_is_no_error() -> None:
    assert terminal("params", "resnet152", "--flat", env={"CONVCALC_PAGER": "head -1"}).count("\n") == 1
    assert terminal("params", "resnet152", "--flat", env={"CONVCALC_PAGER": "true"}) == ""


def test_a_terminal_needs_no_rich(process: Any) -> None:
    code = (
        "import sys\nsys.stdout.isatty = lambda: True\nfrom convcalc.cli import main\n"
        "try:\n    main(['params', 'conv 3->4 k3'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'rich', 'numpy', 'sympy'}))"
    )
    done = process(code=code, env={"CONVCALC_PAGER": "cat", "TERM": "xterm"})
    assert done.out.splitlines()[-1] == "[]", done.err


def test_layers_of_checks_are_asked_for_in_the_same_words(cli: Cli) -> None:
    def names(*arguments: str) -> list[str]:
        return [row["name"] for row in cli(*arguments, "--json").json()["layers"]]

    assert names("padding", "resnet18", "--layer", "stem") == ["stem.conv_bn1.conv1", "stem.maxpool1"]
    # three layers of 512 channels at 7x7 multiply the most padding, all the same
    assert all(name.startswith("layer4.") for name in names("padding", "resnet18", "--top", "3"))
    assert names("transposed", "dcgan_generator", "--layer", "up1") == ["up1.convT1"]
    spec = ("verify", "conv 3->4 k3 | relu | conv 2 k1", "--input", "3x8x8")
    assert names(*spec, "--layer", "conv*") == ["conv1", "conv2"]
    assert "formula and execution agree" in cli(*spec, "--layer", "conv2").out
    for alone in (("padding", "--kernel", "3"), ("transposed", "--from", "8"), ("verify", "--laws")):
        done = cli(*alone, "--layer", "conv1")
        assert done.code == 2 and "--layer chooses among the layers of a SPEC" in done.err


@pytest.mark.parametrize(
    "line",
    [
        "padding --kernel 3",
        "padding --kernel 3 --dilation 2 --stride 2",
        "transposed --from 8 --to 16",
        "dilation 2 2 2",
        "explain conv",
        "explain bottleneck",
    ],
)
def test_formulas_go_on_in_further_lines(screen: Callable[..., str], cli: Cli, line: str) -> None:
    whole = cli(*line.split()).out
    shown = bare(screen(*line.split(), width=80))
    assert max(map(cells, shown.splitlines())) <= 80
    # Nothing is lost: every letter and number of the pipe is there, but of columns that are named.
    if "Not shown at this width" not in shown:
        assert sorted(re.sub(r"[-─\s]", "", shown)) == sorted(re.sub(r"[-─\s]", "", whole))


def test_the_column_that_rows_are_ordered_by_stays(screen: Callable[..., str]) -> None:
    shown = bare(screen("summary", "resnet18", "--sort", "activations", "--top", "3", width=80))
    assert "activations" in shown.splitlines()[2]
    assert "activations" not in bare(screen("summary", "resnet18", width=80)).splitlines()[3]


def test_formulas_have_no_largest(screen: Callable[..., str]) -> None:
    whole = bare(screen("summary", "resnet18", "--input", "3xHxW", width=100)).splitlines()
    assert whole[-1].endswith("all: --depth 9")
    assert bare(screen("summary", "resnet18", width=100)).splitlines()[-1].endswith("--sort flops --top 10")


def test_a_layer_deeper_inside_is_found_by_a_pattern(cli: Cli) -> None:
    told = re.search(r"did you mean '(.*)'\?", cli("params", "resnet18", "--layer", "conv1").err)
    assert told is not None and cli("params", "resnet18", "--layer", told[1]).code == 0
    told = re.search(r"pattern such as '(.*)'", cli("params", "vgg16", "--layer", "nothing").err)
    assert told is not None and cli("params", "vgg16", "--layer", told[1]).code == 0


def test_a_column_is_found_by_the_beginning_of_its_word(cli: Cli) -> None:
    assert "did you mean params?" in cli("params", "resnet18", "--sort", "parameters").err


def test_the_sentences_of_a_topic_fill_the_screen(screen: Callable[..., str]) -> None:
    """They are broken once, not again where a wider page broke them."""
    shown = bare(screen("explain", "dilation", width=70)).split("\nSource:")[0].splitlines()
    assert max(map(cells, shown)) <= 70
    for line, after in pairwise(shown):
        assert not line or not after or cells(line) + 1 + cells(after.split()[0]) > 70

"""One table in every form; numbers are whole at every width."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from convcalc.dims import UNKNOWN
from convcalc.render import data, html, numbers, terminal, text
from convcalc.render.table import Column, Table, Text

COLUMNS = (
    Column("name", "name", numbers.label, "left", 0, 12, distinct=True),
    Column("layer", "layer", numbers.label, "left", 50, 16),
    Column("output_shape", "output", numbers.shape, priority=30),
    Column("params", "params", numbers.exact),
    Column("macs", "MACs", numbers.human, priority=10),
)
ROWS = [
    ("layer1.bottleneck1.conv1", "conv 3->64 k7 s2 p3 bias=false", (64, 112, 112), 9_408, 118_013_952),
    ("layer1.bottleneck1.conv2", "conv 64->64 k3 p1 bias=false", (64, 56, 56), 36_864, 115_605_504),
    ("head", "linear 2048->1000", (1000,), 2_049_000, UNKNOWN),
]


def table(**settings: object) -> Table:
    return Table(COLUMNS, ROWS, footer=("total", None, None, 2_095_272, UNKNOWN), **settings)


def shown(width: int, what: Table | None = None) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width, force_terminal=False).print(
        terminal.Fitted(what or table()), crop=False, soft_wrap=True
    )
    return buffer.getvalue()


def test_plain_text_is_whole() -> None:
    assert text.render(
        table(title="net: input 3x224x224", facts=[("params", "2.10 M")], notes=["Note."])
    ) == (
        "net: input 3x224x224\n"
        "\n"
        "name                      layer                               output     params      MACs\n"
        "------------------------  ------------------------------  ----------  ---------  --------\n"
        "layer1.bottleneck1.conv1  conv 3->64 k7 s2 p3 bias=false  64x112x112      9,408  118.01 M\n"
        "layer1.bottleneck1.conv2  conv 64->64 k3 p1 bias=false      64x56x56     36,864  115.61 M\n"
        "head                      linear 2048->1000                     1000  2,049,000         ?\n"
        "------------------------  ------------------------------  ----------  ---------  --------\n"
        "total                                                                 2,095,272         ?\n"
        "\n"
        "params  2.10 M\n"
        "\n"
        "Note.\n"
    )


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 50, 40])
def test_a_terminal_shows_whole_numbers_within_its_width(width: int) -> None:
    lines = shown(width).splitlines()
    assert max(map(len, lines)) <= width
    whole = {"9,408", "36,864", "2,049,000", "2,095,272", "118.01", "115.61", "64x112x112", "64x56x56"}
    words = set(re.findall(r"\S+", "\n".join(lines)))
    assert {"9,408", "36,864", "2,049,000", "2,095,272"} <= words
    partial = {w for w in words if re.search(r"\d", w) and "…" in w and not re.search("conv|linear|k7", w)}
    assert not partial
    assert words & whole <= whole


def test_columns_go_by_priority() -> None:
    def heads(width: int) -> list[str]:
        return shown(width).splitlines()[0].split()

    assert heads(120) == ["name", "layer", "output", "params", "MACs"]
    assert heads(60) == ["name", "output", "params", "MACs"]
    assert heads(40) == ["name", "params", "MACs"]
    assert heads(24) == ["name", "params"]


def test_names_are_cut_at_their_start_and_specs_at_their_end() -> None:
    out = shown(76)
    assert "….conv2" in re.sub(r"…\S*?(\.conv2)", r"…\1", out)
    assert re.search(r"conv 3->64 [^…]*…", out)


def test_numbers_that_do_not_fit_are_not_cut() -> None:
    assert "2,049,000" in text.render(table(), width=5)
    assert "2,049,000" in shown(5)


@given(st.integers(min_value=1, max_value=10**40), st.integers(min_value=1, max_value=120))
def test_no_number_is_ever_cut(number: int, width: int) -> None:
    columns = (Column("name", "name", str, "left", 0, 8), Column("n", "n", numbers.exact))
    cells = Table(columns, [("x" * 30, number)]).cells()
    kept, widths = cells.fit(width, 2)
    assert kept == [0, 1]
    assert widths[1] == len(f"{number:,}")
    assert f"{number:,}" in shown(max(width, 70), Table(columns, [("x" * 30, number)]))


def test_fitted_plain_text_is_like_the_terminal() -> None:
    lines = text.render(table(), width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0].split() == ["name", "output", "params", "MACs"]


def test_csv_has_raw_values() -> None:
    rows = list(csv.reader(io.StringIO(data.to_csv(table()))))
    assert rows[0] == ["name", "layer", "output_shape", "params", "macs"]
    assert rows[1] == [ROWS[0][0], ROWS[0][1], "64x112x112", "9408", "118013952"]
    assert rows[3][-1] == ""
    assert len(rows) == 4


def test_csv_shows_several_shapes() -> None:
    columns = (Column("inputs", "inputs", numbers.shapes),)
    rows = list(csv.reader(io.StringIO(data.to_csv(Table(columns, [(((3, 4, 4), (5, 4, 4)),)])))))
    assert rows[1] == ["3x4x4, 5x4x4"]


def test_markdown() -> None:
    lines = data.to_markdown(table(title="T", facts=[("a", "b")], notes=["Note."])).splitlines()
    assert lines[0] == "T"
    assert lines[2] == "| name | layer | output | params | MACs |"
    assert lines[3] == "| :--- | :--- | ---: | ---: | ---: |"
    assert lines[7] == "| **total** |  |  | **2,095,272** | **?** |"
    assert lines[8:] == ["", "- a: b", "", "> Note."]


def test_markdown_escapes_bars() -> None:
    columns = (Column("name", "name", str, "left"),)
    assert "conv \\| bn" in data.to_markdown(Table(columns, [("conv | bn",)]))


@pytest.mark.parametrize("width", [None, 200, 60, 40])
def test_columns_that_are_not_shown_are_named(width: int | None) -> None:
    """Nothing goes without a word: the header and the note name every column, each once."""
    lines = text.render(Table(COLUMNS, ROWS), width=width).splitlines()
    notes = [line for line in lines if line.startswith("Not shown at this width: ")]
    assert len(notes) == (0 if width in (None, 200) else 1)
    hidden = notes[0].partition(": ")[2].rstrip(".").split(", ") if notes else []
    assert sorted([*lines[0].split(), *hidden]) == sorted(column.title for column in COLUMNS)


def test_markdown_keeps_asterisks() -> None:
    """CommonMark 6.2: ``M*N*K`` would be emphasis, also inside a word."""
    columns = (Column("macs", "MACs", str),)
    made = data.to_markdown(Table(columns, [("K**2*M*N",)], facts=[("a", "M*N*K")], notes=["2*M*N >= 1"]))
    assert "| K\\*\\*2\\*M\\*N |" in made
    assert re.search(r"(?<!\\)\*", made) is None


def test_json_is_exact_and_reads_back() -> None:
    big = 10**30 + 7
    value = {
        "name": "é",
        "layers": [{"n": big, "shape": [1, 2]}, {"n": UNKNOWN}],
        "totals": {"ops": {"add": 1}},
    }
    written = data.to_json(value)
    assert f'    {{"n": {big}, "shape": [1, 2]}},\n' in written
    assert json.loads(written) == {**value, "layers": [{"n": big, "shape": [1, 2]}, {"n": None}]}


def test_json_of_rows() -> None:
    assert json.loads(data.to_json(table().records()))[0]["params"] == 9_408
    assert data.to_json([]) == "[]\n"
    assert data.to_json({}) == "{}\n"


def test_html_is_escaped() -> None:
    columns = (Column("name", "name", str, "left"), Column("n", "n"))
    page = html.render(Table(columns, [("<b>", 1234)], footer=("total", 1234), title="a<b", notes=["x & y"]))
    assert "&lt;b&gt;" in page
    assert "<b>a&lt;b</b>" in page
    assert "x &amp; y" in page
    assert "1,234" in page
    assert "<b></td>" not in page


def test_a_tone_is_shown_by_a_terminal_and_the_words_stay_everywhere() -> None:
    """Cells, titles, facts and notes with a tone: escapes in a terminal, the same text without them."""
    made = Table(
        (Column("name", "name", numbers.label, "left"), Column("n", "n", tone=lambda n: "bad" * (n > 5))),
        [("a", 3), (numbers.toned("b", "good"), 7)],
        title=numbers.toned("verdict", "bad"),
        facts=[("held", numbers.toned("no", "bad"))],
        notes=[numbers.toned("look", "faint")],
    )
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=80, force_terminal=True, color_system="standard", legacy_windows=False
    )
    console.print(terminal.Fitted(made, Text(numbers.toned("done", "strong"))), soft_wrap=True)
    coloured = buffer.getvalue()
    for word in ("b", "7", "verdict", "no", "look", "done"):
        assert re.search(rf"\x1b\[[\d;]+m{word}\x1b\[0m", coloured), word
    assert not re.search(r"\x1b\[[\d;]+m *3", coloured)
    plain = text.render(made, Text("done\n"))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured).replace("─", "-") == plain
    assert data.to_csv(made) == "name,n\na,3\nb,7\n"
    assert json.loads(data.to_json(made.records()))[1]["name"] == "b"
    with pytest.raises(ValueError, match="unknown tone"):
        numbers.toned("x", "blue")

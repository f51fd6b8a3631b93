"""An answer of several parts in every form, and results that show themselves."""

from __future__ import annotations

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from rich.console import Console

import convcalc
from convcalc.dims import symbol
from convcalc.render import html, numbers
from convcalc.render.answer import Answer, written
from convcalc.render.table import Column, Table, Text
from convcalc.render.terminal import Fitted

FIRST = Table((Column("n", "n"),), [(1,)])
PARTS = (FIRST, Text("map:"), Text(".1\n2.\n", drawn=True), Table((), (), facts=[("a", "b")]))


def test_parts_stand_below_each_other() -> None:
    assert written(Answer(PARTS)) == "n\n-\n1\n\nmap:\n\n.1\n2.\n\na  b\n"


def test_a_terminal_shows_the_same_parts() -> None:
    buffer = io.StringIO()
    Console(file=buffer, width=80).print(Fitted(*PARTS), crop=False, soft_wrap=True)
    assert buffer.getvalue() == written(Answer(PARTS)).replace("-", "─")


def test_markdown_fences_a_drawing() -> None:
    assert "| 1 |\n\nmap:\n\n```\n.1\n2.\n```\n\n" in written(Answer(PARTS), "markdown")


def test_csv_holds_the_first_part_and_makes_no_other() -> None:
    def parts():
        yield FIRST
        raise AssertionError("it is not needed")

    assert written(Answer(parts()), "csv") == "n\n1\n"


def test_json_holds_the_data_or_the_rows() -> None:
    assert json.loads(written(Answer(PARTS, lambda: {"x": 1}), "json")) == {"x": 1}
    assert json.loads(written(Answer(PARTS), "json")) == [{"n": 1}]


def test_a_page_escapes_texts() -> None:
    assert html.render(Text("<b>")) == "<pre>&lt;b&gt;</pre>"


def test_a_table_is_written_in_the_notation_it_was_made_in() -> None:
    with numbers.written_in("latex"):
        made = Table((Column("n", "n", numbers.other),), [(symbol("H") * 2,)])
    assert made.rows_at([0]).cells().rows == [("$2 H$",)]
    assert written(Answer([made]), "csv") == "n\n2*H\n"


def test_a_notation_is_that_of_its_thread() -> None:
    with numbers.written_in("latex"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(numbers.notation).result() == "plain"
        assert numbers.notation() == "latex"


@pytest.mark.parametrize("ask", [convcalc.analyze, convcalc.receptive_field])
def test_a_result_shows_itself(ask) -> None:
    found = ask(convcalc.load("conv 3->4 k3 | relu", input="3x8x8"))
    assert str(found) == written(Answer([found.table()]))
    assert found._repr_html_() == html.render(found.table())
    buffer = io.StringIO()
    Console(file=buffer, width=200).print(found)
    words = re.compile(r"[\w>.%]+")
    assert set(words.findall(str(found))) <= set(words.findall(buffer.getvalue()))

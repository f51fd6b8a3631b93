"""The one file: what is in it is what was put in, and no text gets out of its place."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.graph import Graph, Node
from convcalc.page import html
from convcalc.page.data import page_data

NASTY = st.one_of(
    st.text(min_size=1, max_size=12),
    st.lists(
        st.sampled_from(
            [*"<>\"'\\\n", "</script", "<!--", "<script>", "]]>", "\u2028", "\x1b[2J", "\ud800", "&lt;"]
        ),
        min_size=1,
        max_size=4,
    ).map("".join),
)


class Elements(HTMLParser):
    """The elements of a file, and what stands in those that hold data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.data: list[str] = []
        self.title = ""
        self.open = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append(tag)
        self.open = "data" if ("id", "convcalc-page") in attrs else tag
        if self.open == "data":
            self.data.append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open == "data":
            self.data[-1] += data
        elif self.open == "title":
            self.title += data


def parsed(text: str) -> Elements:
    elements = Elements()
    elements.feed(text)
    elements.close()
    return elements


def without_reports(page: dict[str, Any]) -> dict[str, Any]:
    networks = [{key: value for key, value in one.items() if key != "report"} for one in page["networks"]]
    return {**page, "networks": networks}


@pytest.mark.parametrize("specs", [["lenet5"], ["resnet18", "resnet34"]])
def test_the_data_parse_back_equal(specs: list[str]) -> None:
    made = convcalc.page(*specs)
    elements = parsed(made.html)
    assert len(elements.data) == 1
    assert json.loads(elements.data[0]) == json.loads(json.dumps(without_reports(made.to_dict())))


@pytest.mark.slow
@settings(max_examples=40)
@given(NASTY, NASTY, NASTY)
def test_no_text_gets_out_of_its_element(name: str, block: str, source: str) -> None:
    graph = convcalc.load("conv 3->4 k3 | relu", input="3x8x8")
    plain = parsed(html.render(page_data(graph)))
    names = {"conv1": f"{block}.{name}", "relu1": f"{block}.{name}y"}
    nodes = [
        Node(names.get(n.name, n.name), n.layer, n.inputs, n.outputs, n.frozen, n.shares) for n in graph.nodes
    ]
    hostile = Graph(name, nodes, graph.inputs, graph.outputs, ("out",), source=source)
    page = page_data(hostile, texts=[source])
    elements = parsed(html.render(page))
    assert elements.found == plain.found
    assert json.loads(elements.data[0]) == without_reports(json.loads(json.dumps(page)))


def test_nothing_is_fetched() -> None:
    text = convcalc.page("resnet18").html
    assert "http://www.w3.org/2000/svg" in text
    rest = text.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xhtml", "")
    for word in ("src=", "href=", "@import", r"url\((?!#)", r"fetch\(", "XMLHttpRequest", r"import\("):
        assert not re.search(word, parsed_away(rest)), word


def parsed_away(text: str) -> str:
    """The file without its data, whose texts name sources of papers."""
    start = text.index('id="convcalc-page"')
    return text[:start] + text[text.index("</script>", start) :]


def test_a_large_network_is_small_and_quick() -> None:
    from time import perf_counter

    graph = convcalc.load("resnet152")
    page_data(convcalc.load("lenet5"))
    start = perf_counter()
    page = page_data(graph)
    assert perf_counter() - start < 5, "well under a second on a machine with nothing else to do"
    assert len(html.render(page).encode()) < 1_000_000


def test_no_heavy_package_is_needed(process) -> None:
    code = (
        "import sys, convcalc\nconvcalc.page('resnet18', 'resnet34').html\n"
        "print([m for m in ('numpy', 'sympy', 'rich', 'matplotlib', 'typer') if m in sys.modules])"
    )
    assert process(code=code).out == "[]\n"

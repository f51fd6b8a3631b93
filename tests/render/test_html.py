"""Tables in a notebook: the tree, bars and tones, and nothing of a text from outside as markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import convcalc
from convcalc.render import html, numbers
from convcalc.render.table import Column, Name, Table


class Read(HTMLParser):
    """The rows of a table, the styles in it, and the tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.styles: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(page)
        assert not self.open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)
        assert {name for name, _ in attrs} <= {"style"}
        self.styles += [value or "" for _, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_notebook_shows_the_tree_with_bars() -> None:
    report = convcalc.analyze("resnet152")
    found = Read(report._repr_html_())
    names = [row[0] for row in found.rows]
    assert names[0] == "name" and names[-1] == "total" and "bottleneck2..36  x 35" in names
    assert len(names) < 40
    params = found.rows[0].index("params")
    tops = [row for row, style in zip(found.rows[1:-1], _first_styles(report._repr_html_()), strict=True)
            if "padding-left:0.6em" in style]  # fmt: skip
    assert sum(int(row[params].replace(",", "")) for row in tops) == report.totals.params
    bars = [style for style in found.styles if "linear-gradient" in style]
    assert bars and all(re.search(r"3\) (\d+(\.\d+)?)%,transparent \1%", style) for style in bars)
    # what is no colour of its own stays that of the page, light or dark
    assert not any("background:" in style and "rgba" not in style for style in found.styles)


def _first_styles(page: str) -> list[str]:
    return re.findall(r'<tr><td style="([^"]*)"', page)


def test_a_page_has_every_row() -> None:
    report = convcalc.analyze("resnet18")
    rows = Read(html.render(report.table(), screen=None)).rows
    assert [row[0] for row in rows[1:-1]] == [row.name for row in report.layers]


def test_texts_from_outside_are_no_markup() -> None:
    bad = '<img src=x onerror="alert(1)">'
    columns = (
        Column("name", bad, numbers.label, "left", 0, 8, True),
        Column("n", "n", numbers.share, bar=True),
    )
    table = Table(
        columns,
        [(Name("├ ", bad, "  x 2"), numbers.Share(1, 2)), (numbers.toned(bad, "bad"), numbers.Share(0, 2))],
        title=f"{bad}\n{bad}",
        facts=[(bad, numbers.toned(bad, "good"))],
        notes=[bad],
        footer=(bad, None),
    )
    table.more = bad
    page = html.render(table)
    assert "<img" not in page and Read(page).tags <= {
        "div", "p", "b", "br", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "ul", "li", "span"
    }  # fmt: skip
    assert "color:#d1242f" in page and "color:#1f883d" in page

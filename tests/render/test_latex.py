"""Tables as LaTeX and as a page: what they hold is read back, whatever stands in a cell."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from convcalc.dims import symbol
from convcalc.printable import one_line, visible
from convcalc.render import html, numbers
from convcalc.render.answer import Answer, written
from convcalc.render.latex import escape, to_latex
from convcalc.render.table import Column, Table, Text

# What LaTeX's manual gives for each character that means something to it (texdoc encguide, T1, textcomp).
PRINTED = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
    r"\textgreater{}": ">", r"\textbar{}": "|", r"\textquotedbl{}": '"', r"\textasciigrave{}": "`",
    r"\textquotesingle{}": "'", r"\&": "&", r"\%": "%", r"\$": "$", r"\#": "#", r"\_": "_", r"\{": "{",
    r"\}": "}", "{[}": "[", "{]}": "]", "{*}": "*", "{}": "",
}  # fmt: skip
TOKEN = re.compile("|".join(map(re.escape, PRINTED)) + r"|[^\\~^<>|\"`'&%$#_{}\[\]*]")
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.text(
    st.sampled_from("\\~^<>|\"`'&%$#_{}[]*-,a1 \n"), max_size=30
)


def printed(latex: str) -> str:
    """What LaTeX prints of a text; a character that would mean something is an error."""
    found, at = [], 0
    while at < len(latex):
        match = TOKEN.match(latex, at)
        assert match, latex[at:]
        found.append(PRINTED.get(match[0], match[0]))
        at = match.end()
    return "".join(found)


@given(ANY)
def test_every_text_is_printed_as_it_stands(text: str) -> None:
    latex = escape(text)
    assert printed(latex) == one_line(text)
    assert "--" not in latex and ",," not in latex and "?`" not in latex


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=3), ANY)
def test_the_cells_of_a_table_are_read_back(rows: list[tuple[str, str]], title: str) -> None:
    columns = (Column("a", "first_1", numbers.Text, "left"), Column("b", "50%", numbers.Text))
    latex = to_latex(Table(columns, rows))
    body = latex.split("\\midrule\n")[1].split("\n\\bottomrule")[0].splitlines()
    assert len(body) == len(rows)
    for line, row in zip(body, rows, strict=True):
        assert line.endswith(r" \\")
        cells = re.split(r"(?<!\\) & ", line.removesuffix(r" \\"))
        assert [printed(cell) for cell in cells] == [one_line(text) for text in row]


@given(ANY, ANY)
def test_text_around_a_table_holds_no_command(fact: str, note: str) -> None:
    """Between dollars of our own notation stands math; no other command comes through."""
    latex = to_latex(Table((), (), facts=[("x", fact)], notes=[note]))
    outside = re.sub(r"\$[A-Za-z0-9 +\-*/=<>()|,.:'^_{}!&\[\]]+\$", "", latex.split("\n", 1)[1])
    commands = set(re.findall(r"\\[A-Za-z]+", outside))
    own = {"\\noindent", "\\par", "\\emph", "\\\\"}
    assert commands - own <= {name.removesuffix("{}") for name in PRINTED}


def test_closed_forms_are_math() -> None:
    height = symbol("H")
    columns = (Column("s", "shape", numbers.shape), Column("n", "params", numbers.human))
    latex = written(Answer([Table(columns, [((64, height * 2, 3), height**2)], title="a_b")]), "latex")
    assert r"$64 \times 2 H \times 3$ & $H^{2}$ \\" in latex
    assert r"\noindent\textbf{a\_b}\par" in latex
    assert r"\toprule" in latex and r"\bottomrule" in latex and "rr}" in latex


def test_dollars_of_a_cell_are_no_math() -> None:
    columns = (Column("a", "a", numbers.Text, "left"),)
    assert r"\$x\$ \\" in to_latex(Table(columns, [("$x$",)]))
    assert r"\$\textbackslash{}input\{x\}\$" in to_latex(Table((), (), notes=[r"$\input{x}$"]))
    assert r"\$a\}\$" in to_latex(Table((), (), notes=["$a}$"]))


def test_a_long_table_goes_over_pages() -> None:
    columns = (Column("n", "n"),)
    assert r"\begin{longtable}{r}" in to_latex(Table(columns, [(i,) for i in range(100)]))
    assert r"\begin{tabular}{r}" in to_latex(Table(columns, [(i,) for i in range(5)]))


def test_text_is_verbatim_and_stays_in_it() -> None:
    latex = to_latex(Text("a\\end{verbatim}\\input{x}\n"))
    assert latex.count(r"\end{verbatim}") == 1


class Reader(HTMLParser):
    """The cells of a page, and its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.inside = tag == "td"
        if self.inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=3), ANY)
def test_the_cells_of_a_page_are_read_back(rows: list[tuple[str, str]], title: str) -> None:
    columns = (Column("a", "a", numbers.Text, "left"), Column("b", "b", numbers.Text))
    reader = Reader()
    reader.feed(html.page(Table(columns, rows, title=title), Text("<script>")))
    assert reader.cells == [visible(one_line(text)) for row in rows for text in row]
    assert "script" not in reader.tags

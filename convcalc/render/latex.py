"""Tables and texts as LaTeX (booktabs): texts escaped, closed forms in math."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from convcalc.printable import one_line, visible
from convcalc.render import numbers
from convcalc.render.table import Table, Text

LONG: Final = 45
"""Rows from which a table goes over pages."""

_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
}
_LIGATURE: Final = re.compile("([-,])(?=[-,])")  # two of them would be printed as one sign
# A pair of dollars with nothing between them but what our own notation writes is math; all else is text.
_WORDS: Final = (
    r"left|right|lfloor|rfloor|lceil|rceil|times|cdot|frac|dfrac|tfrac|max|min|bmod|operatorname|text|mathrm"
    r"|log|exp|sqrt|ge|le|geq|leq|neq|ne|land|lor|lnot|neg|begin|end|cases|infty|approx|sum|dots|ldots|quad"
    r"|alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|chi|psi|omega"
)
_MATH: Final = re.compile(
    rf"\$(?!\s)((?:[A-Za-z0-9 +\-*/=<>()\[\]|,.:'^_{{}}!&]|\\(?:{_WORDS})(?![A-Za-z])|\\[,;: _{{}}|\\])+)"
    r"(?<!\s)\$(?!\d)"
)


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return _LIGATURE.sub(r"\1{}", "".join(_SPECIAL.get(char, char) for char in one_line(text)))


def to_latex(*parts: Table | Text) -> str:
    r"""Tables and texts below each other, to be included with ``\input``.

    A table needs the packages ``booktabs`` (and ``longtable`` where it is long), text ``textcomp``, closed
    forms ``amsmath``.
    """
    pieces = [_table(part) if isinstance(part, Table) else _text(part) for part in parts]
    needed = "booktabs,longtable" if any("{longtable}" in piece for piece in pieces) else "booktabs"
    return f"% \\usepackage[T1]{{fontenc}} \\usepackage{{{needed},textcomp,amsmath}}\n" + "\n".join(pieces)


def _text(part: Text) -> str:
    text = visible(part.text).rstrip("\n").replace(r"\end{verbatim}", r"\end {verbatim}")
    return f"\\begin{{verbatim}}\n{text}\n\\end{{verbatim}}\n"


@numbers.written_in("latex")
def _table(table: Table) -> str:
    lines: list[str] = []
    if table.title:
        lines += [rf"\noindent\textbf{{{_mixed(part)}}}\par" for part in table.title.splitlines() if part]
    if table.columns:
        lines += _grid(table)
    lines += [rf"\noindent {escape(name)}: {_mixed(value)}\par" for name, value in table.facts]
    lines += [rf"\noindent\emph{{{_mixed(note)}}}\par" for note in table.notes]
    return "\n".join(lines) + "\n"


def _grid(table: Table) -> list[str]:
    columns = table.columns
    long = len(table.rows) > LONG
    name = "longtable" if long else "tabular"

    def line(texts: Iterable[str]) -> str:
        return " & ".join(texts) + r" \\"

    head = line(escape(column.title) for column in columns)
    lines = [
        rf"\begin{{{name}}}{{{''.join('r' if column.align == 'right' else 'l' for column in columns)}}}",
        r"\toprule",
        head,
        r"\midrule",
        *([r"\endhead"] if long else []),
    ]
    lines.extend(
        line(_cell(column, value) for column, value in zip(columns, row, strict=True)) for row in table.rows
    )
    if table.footer is not None:
        pairs = zip(columns, table.footer, strict=True)
        lines += [
            r"\midrule",
            line("" if value is None else _cell(column, value) for column, value in pairs),
        ]
    return [*lines, r"\bottomrule", rf"\end{{{name}}}", ""]


def _cell(column: Any, value: Any) -> str:
    text = column.format(value)
    return escape(text) if isinstance(value, str) else _mixed(text)


def _mixed(text: str) -> str:
    """Text that may hold closed forms between dollars."""
    pieces, end = [], 0
    for match in _MATH.finditer(text):
        if not _balanced(match[1]):
            continue
        pieces += [escape(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*pieces, escape(text[end:])])


def _balanced(math: str) -> bool:
    depth = 0
    for piece in re.findall(r"\\.|[{}]", math):
        depth += (piece == "{") - (piece == "}")
        if depth < 0:
            return False
    return depth == 0 and math.count(r"\left") == math.count(r"\right")

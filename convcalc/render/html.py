"""Tables and texts in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as _escape
from typing import Any, Final

from convcalc.printable import visible
from convcalc.render import numbers
from convcalc.render.table import Column, Name, Screen, Table, Text


def escape(text: str) -> str:
    """Text without markup and without control characters."""
    return _escape(visible(text))


NOTEBOOK: Final = Screen(None, 30, bars=False)
"""A notebook shows a tree folded like two screens of so many lines, of any width."""

_TONES: Final = {
    "good": "color:#1f883d",
    "bad": "color:#d1242f;font-weight:600",
    "warn": "color:#9a6700",
    "strong": "font-weight:600",
    "faint": "opacity:.6",
}
"""Colours that are read on white and on black, whichever the page around is; the words say it too."""
_BAR: Final = "background:linear-gradient(to right,rgba(9,105,218,.3) {0}%,transparent {0}%)"


def render(*parts: Table | Text, screen: Screen | None = NOTEBOOK) -> str:
    """Tables and texts, each as one HTML element, styled inline because notebooks drop style sheets.

    Args:
        parts: what to show.
        screen: how trees are folded; None shows every row.
    """
    return "".join(
        _table(part, screen)
        if isinstance(part, Table)
        else f"<pre{_style(part.text)}>{escape(part.text)}</pre>"
        for part in parts
    )


def _style(value: Any, *more: str, column: Column | None = None) -> str:
    """The attribute with what a value means, and more."""
    tone = numbers.tone_of(value) if column is None else column.means(value)
    words = [*more, *([_TONES[tone]] if tone in _TONES else [])]
    return f' style="{";".join(words)}"' if words else ""


def _table(table: Table, screen: Screen | None) -> str:
    table = table.laid_out(screen)
    cells = table.cells(screen or NOTEBOOK)
    columns = cells.columns

    def heads(texts: Sequence[str]) -> str:
        pairs = zip(texts, columns, strict=True)
        inner = "".join(
            f'<th style="text-align:{one.align};white-space:nowrap">{escape(text)}</th>'
            for text, one in pairs
        )
        return f"<tr>{inner}</tr>"

    parts = ["<div>"]
    if table.title:
        first, *rest = table.title.split("\n")
        below = "".join(f"<br>{escape(line)}" for line in rest)
        parts.append(f"<p><b{_style(table.title)}>{escape(first)}</b>{below}</p>")
    parts.append("<table><thead>" + heads(cells.titles) + "</thead><tbody>")
    for texts, values in zip(cells.rows, table.rows, strict=True):
        row = zip(texts, values, columns, strict=True)
        parts.append(f"<tr>{''.join(_cell(*one) for one in row)}</tr>")
    parts.append("</tbody>")
    if cells.footer is not None:
        parts.append("<tfoot>" + heads(cells.footer) + "</tfoot>")
    parts.append("</table>")
    if table.facts:
        facts = [
            f"<li>{escape(name)}: <span{_style(text)}>{escape(text)}</span></li>"
            for name, text in table.facts
        ]
        parts.append(f"<ul>{''.join(facts)}</ul>")
    parts.extend(f"<p{_style(note)}>{escape(note)}</p>" for note in table.notes)
    if table.more:
        parts.append(f"<p>{escape(table.more)}</p>")
    parts.append("</div>")
    return "".join(parts)


def _cell(text: str, value: Any, column: Column) -> str:
    """A cell: a name in a tree stands further right the deeper it is, a share lies on its bar."""
    words = [f"text-align:{column.align}"]
    if isinstance(value, Name):
        words.append(f"padding-left:{0.6 + 1.2 * (len(value.guides) // 2):.1f}em;white-space:nowrap")
        text = value.label + value.times
    if column.bar and isinstance(value, numbers.Share) and (share := numbers.part(value)):
        words.append(_BAR.format(round(100 * share, 1)))
    return f"<td{_style(value, *words, column=column)}>{escape(text)}</td>"


_STYLE: Final = """
:root { color-scheme: light dark; --line: #d0d7de; }
@media (prefers-color-scheme: dark) { :root { --line: #444c56; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; padding: 0 1rem; max-width: 90rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15rem .6rem; border-bottom: 1px solid var(--line); }
pre { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
"""


def page(*parts: Table | Text, picture: str | None = None) -> str:
    """Tables and texts as a page that stands alone, with a picture (SVG) above them.

    Args:
        parts: what it shows.
        picture: trusted SVG text, as :func:`convcalc.render.pictures.svg.svg` gives it.
    """
    titles = [part.title.splitlines()[0] for part in parts if isinstance(part, Table) and part.title.strip()]
    title = escape(titles[0] if titles else "convcalc")
    figure = f"<figure>{picture}</figure>\n" if picture else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{figure}"
        + "\n".join(render(part, screen=None) for part in parts)
        + "\n</body>\n</html>\n"
    )

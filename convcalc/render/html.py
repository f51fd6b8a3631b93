"""Tables and texts in a notebook."""

from __future__ import annotations

from html import escape as _escape
from typing import Final

from convcalc.printable import visible
from convcalc.render.table import Table, Text


def escape(text: str) -> str:
    """Text without markup and without control characters."""
    return _escape(visible(text))


def render(*parts: Table | Text) -> str:
    """Tables and texts, each as one HTML element, styled inline because notebooks drop style sheets."""
    return "".join(
        _table(part) if isinstance(part, Table) else f"<pre>{escape(part.text)}</pre>" for part in parts
    )


def _table(table: Table) -> str:
    cells = table.cells()
    aligned = [f' style="text-align:{column.align}"' for column in cells.columns]

    def row(texts: list[str] | tuple[str, ...], tag: str) -> str:
        inner = "".join(
            f"<{tag}{style}>{escape(text)}</{tag}>" for text, style in zip(texts, aligned, strict=True)
        )
        return f"<tr>{inner}</tr>"

    parts = ["<div>"]
    if table.title:
        parts.append(f"<p><b>{escape(table.title)}</b></p>")
    parts.append("<table><thead>" + row([column.title for column in cells.columns], "th") + "</thead><tbody>")
    parts.extend(row(texts, "td") for texts in cells.rows)
    parts.append("</tbody>")
    if cells.footer is not None:
        parts.append("<tfoot>" + row(cells.footer, "th") + "</tfoot>")
    parts.append("</table>")
    if table.facts:
        items = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in table.facts)
        parts.append(f"<ul>{items}</ul>")
    parts.extend(f"<p>{escape(note)}</p>" for note in table.notes)
    parts.append("</div>")
    return "".join(parts)


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
        + "\n".join(render(part) for part in parts)
        + "\n</body>\n</html>\n"
    )

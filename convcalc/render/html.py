"""Tables and texts in a notebook."""

from __future__ import annotations

from html import escape as _escape

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

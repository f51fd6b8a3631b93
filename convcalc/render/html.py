"""A table in a notebook."""

from __future__ import annotations

from html import escape

from convcalc.render.table import Table


def render(table: Table) -> str:
    """The table as one HTML element, styled inline because notebooks drop style sheets."""
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

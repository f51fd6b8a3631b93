"""Plain text: what is written into a pipe or a file. No colour, no wrapping, every column."""

from __future__ import annotations

from collections.abc import Iterable

from convcalc.render.table import Cells, Table

GAP = "  "


def render(table: Table, width: int | None = None) -> str:
    """The table as lines of text.

    Args:
        table: what to show.
        width: columns to fit into; ``None`` shows everything in full.
    """
    lines: list[str] = []
    if table.title:
        lines.append(table.title)
        lines.append("")
    if table.columns:
        lines.extend(_lines(table.cells(), width))
    lines.extend(below(table))
    return "\n".join(lines) + "\n"


def below(table: Table) -> list[str]:
    """The lines under a table: facts, then notes."""
    lines: list[str] = []
    if table.facts:
        if table.columns:
            lines.append("")
        longest = max(len(name) for name, _ in table.facts)
        lines.extend(f"{name:<{longest}}{GAP}{value}".rstrip() for name, value in table.facts)
    if table.notes:
        lines.append("")
        lines.extend(table.notes)
    return lines


def _lines(cells: Cells, width: int | None) -> Iterable[str]:
    if width is None:
        kept, widths = list(range(len(cells.columns))), cells.widths
    else:
        kept, widths = cells.fit(width, len(GAP))
    aligned = [cells.columns[i].align == "right" for i in kept]
    template = GAP.join(
        f"{{:{'>' if right else '<'}{size}}}" for right, size in zip(aligned, widths, strict=True)
    )
    whole = len(kept) == len(cells.columns) and widths == cells.widths

    def line(texts: Iterable[str]) -> str:
        return template.format(*texts).rstrip()

    def chosen(row: tuple[str, ...] | list[str]) -> list[str]:
        return [cells.cut(i, row[i], size) for i, size in zip(kept, widths, strict=True)]

    rule = GAP.join("-" * size for size in widths)
    yield line(cells.columns[i].title for i in kept)
    yield rule
    for row in cells.rows:
        yield line(row if whole else chosen(row))
    if cells.footer is not None:
        yield rule
        yield line(chosen(cells.footer))

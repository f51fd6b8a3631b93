"""Lines of text, for a pipe or a file in full and without colour, for a terminal fitted to its width.

Every line that a reader sees as text comes from :func:`lines`, wherever it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from convcalc.printable import one_line, visible
from convcalc.render.table import Cells, Table, Text
from convcalc.spec.source import cells as cells_of

GAP: Final = "  "

# What a line is, for who shows it in colour.
TITLE, HEAD, RULE, ROW, TOTAL, FACT, NOTE = "title", "head", "rule", "row", "total", "fact", "note"


def render(*parts: Table | Text, width: int | None = None) -> str:
    """Tables and texts below each other.

    Args:
        parts: what to show.
        width: columns to fit into; ``None`` shows everything in full.
    """
    return "".join(f"{line}\n" for _, line in lines(parts, width))


def lines(
    parts: Iterable[Table | Text], width: int | None = None, rule: str = "-"
) -> Iterator[tuple[str, str]]:
    """The lines of tables and texts with a blank one between them, each with what it is.

    Args:
        parts: what to show.
        width: columns to fit into; ``None`` shows everything in full.
        rule: the character that rules are made of.
    """
    for number, part in enumerate(parts):
        if number:
            yield ROW, ""
        if isinstance(part, Table):
            yield from _table(part, width, rule)
        else:
            yield from ((ROW, _shown(line)) for line in part.text.removesuffix("\n").split("\n"))


def _shown(line: str) -> str:
    """A line with its control characters written out; a tab stays where text is shown as it is."""
    return line if line.isprintable() else "\t".join(map(one_line, line.split("\t")))


def _table(table: Table, width: int | None, rule: str) -> Iterator[tuple[str, str]]:
    cells = table.cells()
    kept, widths = list(range(len(cells.columns))), cells.widths
    if width is not None:
        kept, widths = cells.fit(width, len(GAP))
    if table.title:
        yield from _wrapped(TITLE, table.title, width)
        yield TITLE, ""
    if table.columns:
        yield from _grid(cells, kept, widths, rule)
    if table.facts:
        if table.columns:
            yield FACT, ""
        longest = max(len(name) for name, _ in table.facts)
        for name, value in table.facts:
            yield FACT, one_line(f"{name:<{longest}}{GAP}{value}").rstrip()
    gone = [column.title for i, column in enumerate(table.columns) if i not in kept]
    titles = dict.fromkeys(title for title in gone if title)
    notes = [*table.notes, *([f"Not shown at this width: {', '.join(titles)}."] if titles else [])]
    if notes and (table.columns or table.facts):
        yield NOTE, ""
    for note in notes:
        yield from _wrapped(NOTE, note, width)


def _grid(cells: Cells, kept: list[int], widths: list[int], rule: str) -> Iterator[tuple[str, str]]:
    right = [cells.columns[i].align == "right" for i in kept]
    template = GAP.join(
        f"{{:{'>' if to_right else '<'}{size}}}" for to_right, size in zip(right, widths, strict=True)
    )
    whole = len(kept) == len(cells.columns) and widths == cells.widths

    def line(texts: Iterable[str]) -> str:
        texts = list(texts)
        if all(map(str.isascii, texts)):
            return template.format(*texts).rstrip()
        pieces = []
        for text, to_right, size in zip(texts, right, widths, strict=True):
            blanks = " " * (size - cells_of(text))
            pieces.append(blanks + text if to_right else text + blanks)
        return GAP.join(pieces).rstrip()

    def chosen(row: tuple[str, ...] | list[str]) -> list[str]:
        return [cells.cut(i, row[i], size) for i, size in zip(kept, widths, strict=True)]

    ruled = GAP.join(rule * size for size in widths)
    yield HEAD, line(cells.columns[i].title for i in kept)
    yield RULE, ruled
    for row in cells.rows:
        yield ROW, line(row if whole else chosen(row))
    if cells.footer is not None:
        yield RULE, ruled
        yield TOTAL, line(chosen(cells.footer))


def _wrapped(kind: str, text: str, width: int | None) -> Iterator[tuple[str, str]]:
    text = visible(text)
    if width is None or len(text) <= width:
        yield kind, text
        return
    import textwrap

    for line in textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False):
        yield kind, line

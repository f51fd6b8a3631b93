"""Lines of text, for a pipe or a file in full and without colour, for a terminal fitted to its width.

Every line that a reader sees as text comes from :func:`lines`, wherever it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from convcalc.printable import one_line, visible
from convcalc.render import numbers
from convcalc.render.table import Cells, Table, Text
from convcalc.spec.source import cells as cells_of

GAP: Final = "  "

# What a line is, for who shows it in colour.
TITLE, HEAD, RULE, ROW, TOTAL, FACT, NOTE = "title", "head", "rule", "row", "total", "fact", "note"


class Span(NamedTuple):
    """A part of a line that means something: from a character to a character, and its tone."""

    first: int
    end: int
    tone: str


class Line(NamedTuple):
    """A line of text, what it is, and its parts that have a tone."""

    kind: str
    text: str
    spans: Sequence[Span] = ()


def render(*parts: Table | Text, width: int | None = None) -> str:
    """Tables and texts below each other.

    Args:
        parts: what to show.
        width: columns to fit into; ``None`` shows everything in full.
    """
    return "".join(f"{line.text}\n" for line in lines(parts, width))


def lines(parts: Iterable[Table | Text], width: int | None = None, rule: str = "-") -> Iterator[Line]:
    """The lines of tables and texts with a blank one between them, each with what it is.

    Args:
        parts: what to show.
        width: columns to fit into; ``None`` shows everything in full.
        rule: the character that rules are made of.
    """
    for number, part in enumerate(parts):
        if number:
            yield Line(ROW, "")
        if isinstance(part, Table):
            yield from _table(part, width, rule)
        else:
            tone = numbers.tone_of(part.text)
            for line in part.text.removesuffix("\n").split("\n"):
                yield _whole(ROW, _shown(line), tone)


def _whole(kind: str, text: str, tone: str) -> Line:
    """A line that has one tone."""
    return Line(kind, text, (Span(0, len(text), tone),) if tone else ())


def _shown(line: str) -> str:
    """A line with its control characters written out; a tab stays where text is shown as it is."""
    return line if line.isprintable() else "\t".join(map(one_line, line.split("\t")))


def _table(table: Table, width: int | None, rule: str) -> Iterator[Line]:
    cells = table.cells()
    if width is not None and table.narrow is not None and not cells.fits(width, len(GAP)):
        yield from _table(table.narrow(table), width, rule)
        return
    kept, widths = list(range(len(cells.columns))), cells.widths
    if width is not None:
        kept, widths = cells.fit(width, len(GAP))
    if table.title:
        yield from _wrapped(TITLE, table.title, width)
        yield Line(TITLE, "")
    if table.columns:
        yield from _grid(table, cells, kept, widths, rule, width is not None)
    if table.facts:
        if table.columns:
            yield Line(FACT, "")
        longest = max(len(name) for name, _ in table.facts)
        for name, value in table.facts:
            yield from _fact(one_line(f"{name:<{longest}}{GAP}"), value, width)
    gone = [column.title for i, column in enumerate(table.columns) if i not in kept]
    titles = dict.fromkeys(title for title in gone if title)
    notes = [*table.notes, *([f"Not shown at this width: {', '.join(titles)}."] if titles else [])]
    if notes and (table.columns or table.facts):
        yield Line(NOTE, "")
    for note in notes:
        yield from _wrapped(NOTE, note, width)


def _fact(name: str, value: str, width: int | None) -> Iterator[Line]:
    """A named result; what is longer than the width goes on under its own beginning."""
    tone, rest = numbers.tone_of(value), [one_line(value)]
    if width is not None and cells_of(name + rest[0]) > width:
        rest = _broken(rest[0], max(width - cells_of(name), 20))
    for line in rest or [""]:
        text = (name + line).rstrip()
        yield Line(FACT, text, (Span(len(name), len(text), tone),) if tone else ())
        name = " " * cells_of(name)


def _broken(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _grid(
    table: Table, cells: Cells, kept: list[int], widths: list[int], rule: str, toned: bool
) -> Iterator[Line]:
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

    def spans(values: Sequence[Any], texts: Sequence[str]) -> Iterator[Span]:
        """Where the cells of a row stand that have a tone."""
        at = 0
        for i, text, to_right, size in zip(kept, texts, right, widths, strict=True):
            blanks = size - cells_of(text)
            tone = cells.columns[i].means(values[i])
            if tone and text:
                first = at + blanks * to_right
                yield Span(first, first + len(text), tone)
            at += len(text) + blanks + len(GAP)

    ruled = GAP.join(rule * size for size in widths)
    yield Line(HEAD, line(cells.columns[i].title for i in kept))
    yield Line(RULE, ruled)
    for number, row in enumerate(cells.rows):
        texts = row if whole else chosen(row)
        yield Line(ROW, line(texts), tuple(spans(table.rows[number], texts)) if toned else ())
    if cells.footer is not None:
        yield Line(RULE, ruled)
        yield Line(TOTAL, line(chosen(cells.footer)))


def _wrapped(kind: str, text: str, width: int | None) -> Iterator[Line]:
    tone = numbers.tone_of(text)
    for line in visible(text).split("\n"):
        short = width is None or cells_of(line) <= width
        for part in [line] if short else _broken(line, max(width or 0, 20)):
            yield _whole(kind, part, tone)

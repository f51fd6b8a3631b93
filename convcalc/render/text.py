"""Lines of text, for a pipe or a file in full and without colour, for a terminal fitted to its width.

Every line that a reader sees as text comes from :func:`lines`, wherever it goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from convcalc.printable import one_line, visible
from convcalc.render import numbers
from convcalc.render.table import Cells, Screen, Table, Text
from convcalc.spec.source import cells as cells_of

GAP: Final = "  "

# What a line is, for who shows it in colour.
TITLE, HEAD, RULE, ROW, TOTAL, FACT, NOTE, MORE = (
    "title", "head", "rule", "row", "total", "fact", "note", "more",
)  # fmt: skip

ASCII: Final = str.maketrans("├└│─…▏▎▍▌▋▊▉█", "+`|-~...#####")
"""What stands for lines, dots and bars where only ASCII can be written; as wide as those."""


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
        width: columns to fit into, as on a screen; ``None`` shows everything in full.
    """
    screen = None if width is None else Screen(width)
    return "".join(f"{line.text}\n" for line in lines(parts, screen))


def lines(parts: Iterable[Table | Text], screen: Screen | None = None, toned: bool = False) -> Iterator[Line]:
    """The lines of tables and texts with a blank one between them, each with what it is.

    Args:
        parts: what to show.
        screen: what to fit into; ``None`` shows everything in full.
        toned: say which parts of a line have a tone; a screen is always told.
    """
    toned = toned or screen is not None
    for number, part in enumerate(parts):
        if number:
            yield Line(ROW, "")
        if isinstance(part, Table):
            yield from _table(part.laid_out(screen), screen, toned)
        else:
            tone = numbers.tone_of(part.text)
            width = screen.width if screen is not None and part.prose else None
            for line in part.text.removesuffix("\n").split("\n"):
                yield from (_whole(ROW, piece, tone) for piece in _prose(_shown(line), width))


def _prose(line: str, width: int | None) -> list[str]:
    """A line in a width; what it goes on with stands further right than its beginning."""
    if width is None or cells_of(line) <= width:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    later = indent and indent + "    "
    pieces = _broken(line.lstrip(), max(width - len(later), 20))
    return [(later if number else indent) + piece for number, piece in enumerate(pieces)]


def _whole(kind: str, text: str, tone: str) -> Line:
    """A line that has one tone."""
    return Line(kind, text, (Span(0, len(text), tone),) if tone else ())


def _shown(line: str) -> str:
    """A line with its control characters written out; a tab stays where text is shown as it is."""
    return line if line.isprintable() else "\t".join(map(one_line, line.split("\t")))


def _table(table: Table, screen: Screen | None, toned: bool) -> Iterator[Line]:
    width = None if screen is None else screen.width
    cells = table.cells(screen)
    if width is not None and table.narrow is not None and not cells.fits(width, len(GAP)):
        yield from _table(table.narrow(table), screen, toned)
        return
    kept, widths = list(range(len(cells.columns))), cells.widths
    if width is not None:
        kept, widths = cells.fit(width, len(GAP))
    if table.title:
        yield from _wrapped(TITLE, table.title, width)
        if table.columns or table.facts or table.notes or table.more:
            yield Line(TITLE, "")
    if table.columns:
        yield from _grid(table, cells, kept, widths, "-" if screen is None else "─", toned)
    if table.facts:
        if table.columns:
            yield Line(FACT, "")
        longest = max(len(name) for name, _ in table.facts)
        for name, value in table.facts:
            yield from _fact(one_line(f"{name:<{longest}}{GAP}"), value, width)
    gone = [column.title or column.key for i, column in enumerate(table.columns) if i not in kept]
    titles = dict.fromkeys(title for title in gone if title)
    notes = [*table.notes, *([f"Not shown at this width: {', '.join(titles)}."] if titles else [])]
    if (notes or table.more) and (table.columns or table.facts):
        yield Line(NOTE, "")
    for note in notes:
        yield from _wrapped(NOTE, note, width)
    if table.more:
        yield from _wrapped(MORE, table.more, width)


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
    rows: Iterable[Sequence[str]] = cells.rows
    if not whole:
        rows = zip(*(cells.cut(table, i, size) for i, size in zip(kept, widths, strict=True)), strict=True)

    def line(texts: Iterable[str]) -> str:
        texts = list(texts)
        if all(map(str.isascii, texts)):
            return template.format(*texts).rstrip()
        pieces = []
        for text, to_right, size in zip(texts, right, widths, strict=True):
            blanks = " " * (size - cells_of(text))
            pieces.append(blanks + text if to_right else text + blanks)
        return GAP.join(pieces).rstrip()

    def spans(values: Sequence[Any], texts: Sequence[str]) -> Iterator[Span]:
        """Where the cells of a row stand that have a tone."""
        at = 0
        for i, text, to_right, size in zip(kept, texts, right, widths, strict=True):
            blanks = size - cells_of(text)
            if not text:
                at += blanks + len(GAP)
                continue
            tone, first = cells.columns[i].means(values[i]), at + blanks * to_right
            end = first + len(text)
            if cells.barred and cells.columns[i].bar:
                share = text.split()
                end = first + text.find(share[0]) + len(share[0])
                if tone:
                    yield Span(first, end, tone)
                if len(share) > 1:
                    yield Span(end + 1, end + 1 + len(share[1]), "bar")
            elif tone:
                yield Span(first, end, tone)
            at += len(text) + blanks + len(GAP)

    ruled = GAP.join(rule * size for size in widths)
    yield Line(HEAD, line(cells.titles[i] for i in kept))
    yield Line(RULE, ruled)
    for values, texts in zip(table.rows, rows, strict=True):
        for part in [texts] if whole else _wrapped_row(cells, kept, texts, widths):
            yield Line(ROW, line(part), tuple(spans(values, part)) if toned else ())
    if cells.footer is not None:
        yield Line(RULE, ruled)
        yield Line(TOTAL, line(cells.footer[i] for i in kept))


def _wrapped_row(
    cells: Cells, kept: list[int], texts: Sequence[str], widths: list[int]
) -> Iterable[Sequence[str]]:
    """The lines of a row whose texts go on where they are wider than their column."""
    parts = [
        _broken(text, size) if cells.columns[i].wrap and cells_of(text) > size else [text]
        for i, text, size in zip(kept, texts, widths, strict=True)
    ]
    return zip_longest(*parts, fillvalue="")


def _wrapped(kind: str, text: str, width: int | None) -> Iterator[Line]:
    tone = numbers.tone_of(text)
    for number, line in enumerate(visible(text).split("\n")):
        kind = FACT if number and kind == TITLE else kind  # what stands below a title is none
        short = width is None or cells_of(line) <= width
        for part in [line] if short else _broken(line, max(width or 0, 20)):
            yield _whole(kind, part, tone)

"""Tables and texts in a terminal: Rich, fitted to the width. Imported only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from convcalc.render import text
from convcalc.render.table import Table, Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

STYLES: Final = {
    text.TITLE: Style(bold=True),
    text.HEAD: Style(bold=True),
    text.RULE: Style(dim=True),
    text.TOTAL: Style(bold=True),
    text.NOTE: Style(color="yellow"),
}
TONES: Final = {
    "good": Style(color="green"),
    "bad": Style(color="red", bold=True),
    "warn": Style(color="yellow"),
    "strong": Style(bold=True),
    "faint": Style(dim=True),
}
"""Colours of the sixteen that every terminal sets for its own background, light or dark."""


class Fitted:
    """A Rich renderable that chooses the columns of its tables when it learns the width.

    It lays its lines out itself: Rich's own tables take seconds for thousands of rows, and cut
    numbers where they do not fit.
    """

    def __init__(self, *parts: Table | Text) -> None:
        self.parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rule = "-" if options.ascii_only else "─"
        for line in text.lines(self.parts, options.max_width, rule):
            yield from _pieces(line)
            yield Segment.line()


def _pieces(line: text.Line) -> Iterator[Segment]:
    style, at = STYLES.get(line.kind), 0
    for span in line.spans:
        if at < span.first:
            yield Segment(line.text[at : span.first], style)
        tone = TONES[span.tone]
        yield Segment(line.text[span.first : span.end], tone if style is None else style + tone)
        at = span.end
    yield Segment(line.text[at:], style)

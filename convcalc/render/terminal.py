"""Tables and texts in a terminal: Rich, fitted to the width. Imported only where there is one."""

from __future__ import annotations

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


class Fitted:
    """A Rich renderable that chooses the columns of its tables when it learns the width.

    It lays its lines out itself: Rich's own tables take seconds for thousands of rows, and cut
    numbers where they do not fit.
    """

    def __init__(self, *parts: Table | Text) -> None:
        self.parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rule = "-" if options.ascii_only else "─"
        for kind, line in text.lines(self.parts, options.max_width, rule):
            yield Segment(line, STYLES.get(kind))
            yield Segment.line()

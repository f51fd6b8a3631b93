"""A table in a terminal: Rich, fitted to the width. Imported only where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from convcalc.render import text
from convcalc.render.table import Table

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

MANY_ROWS = 2000
"""From here on the table is plain text: Rich takes seconds for what nobody reads in colour."""

_GAP = 2


def suits(table: Table, width: int) -> bool:
    """Whether Rich should show the table: it takes long for many rows, and cuts what is too wide."""
    if len(table.rows) > MANY_ROWS:
        return False
    _, widths = table.cells().fit(width, _GAP)
    return sum(widths) + _GAP * (len(widths) - 1) <= width


class Fitted:
    """A Rich renderable that chooses its columns when it learns the width."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self.table
        if table.title:
            yield Text(table.title, style="bold")
            yield Text("")
        if table.columns:
            yield self._grid(options.max_width)
        if table.columns and table.facts:
            yield Text("")
        for line in text.below(Table((), (), facts=table.facts)):
            yield Text(line, overflow="fold")
        if table.notes:
            yield Text("")
        for note in table.notes:
            yield Text(note, style="yellow")

    def _grid(self, width: int) -> RichTable:
        cells = self.table.cells()
        kept, widths = cells.fit(width, _GAP)
        grid = RichTable(
            box=box.SIMPLE,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_footer=cells.footer is not None,
            header_style="bold",
            footer_style="bold",
        )
        for index, size in zip(kept, widths, strict=True):
            column = cells.columns[index]
            grid.add_column(
                Text(column.title),
                footer=Text(cells.cut(index, cells.footer[index], size)) if cells.footer else "",
                justify="right" if column.align == "right" else "left",
                width=size,
                no_wrap=True,
            )
        for row in cells.rows:
            grid.add_row(*(Text(cells.cut(i, row[i], size)) for i, size in zip(kept, widths, strict=True)))
        return grid

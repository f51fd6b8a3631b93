"""What an answer is made of: tables (columns with a title and a formatter, rows of raw values) and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from importlib import import_module
from typing import Any, NamedTuple, Protocol

from convcalc.budget import spend
from convcalc.printable import one_line
from convcalc.records import plain
from convcalc.render import numbers
from convcalc.spec.source import cells as cells_of

Format = numbers.Format
Scale = Callable[[Sequence[Any]], tuple[str, Format]]


class Column(NamedTuple):
    """One column.

    Attributes:
        key: its name in CSV, JSON and ``--sort``.
        title: its heading.
        format: how a value of it is written for a reader.
        align: ``"right"`` for numbers, ``"left"`` for text.
        priority: columns with the largest number go first where the terminal is too narrow;
            0 stays.
        shrink: text that may be cut with an ellipsis, down to this many characters; 0 for what
            is never cut, as every number is.
        wrap: text that goes on in further lines of its row instead of being cut.
        distinct: names: their middle is cut instead of their end, and those that differ never look the same.
        tone: what a value means to who reads it, one of ``numbers.TONES`` or empty; a value made by
            ``numbers.toned`` says it itself.
        bar: a :class:`numbers.Share` that a screen shows as a bar too.
        scale: gives, for all values together, the unit in which a screen shows them and the format.
        rank: what rows are ordered by, largest first, where that is not the value; None stays behind.
        join: gives the value of a block of the values in it; None where a block has none.
    """

    key: str
    title: str
    format: Format = numbers.exact
    align: str = "right"
    priority: int = 0
    shrink: int = 0
    distinct: bool = False
    tone: Callable[[Any], str] | None = None
    bar: bool = False
    scale: Scale | None = None
    join: Callable[[Sequence[Any]], Any] | None = None
    rank: Callable[[Any], Any] | None = None
    wrap: bool = False

    def means(self, value: Any) -> str:
        """The tone of a value of this column; empty where it has none."""
        own = numbers.tone_of(value)
        return own or (self.tone(value) if self.tone is not None else "")


class Text(NamedTuple):
    """Lines that are no table.

    Attributes:
        text: the lines; they may have a tone (``numbers.toned``).
        drawn: whether they are a drawing, which Markdown puts between fences.
        prose: whether a screen breaks lines that are too long between words.
    """

    text: str
    drawn: bool = False
    prose: bool = False


class Name(numbers.Toned):
    """A name in a tree: the lines before it and how often it stands are never cut.

    Attributes:
        guides: what is drawn before the name.
        label: the name.
        times: what is said after it.
    """

    __slots__ = ("guides", "label", "times")

    guides: str
    label: str
    times: str

    def __new__(cls, guides: str, label: str, times: str = "") -> Name:
        """A name, and what stands before and after it."""
        made = super().__new__(cls, guides + label + times)
        made.guides, made.label, made.times = guides, label, times
        made.tone = ""
        return made


class Screen(NamedTuple):
    """Where people read: what fits, and what is folded.

    Attributes:
        width: columns; None for as many as there are.
        height: lines, by which trees are folded; None folds nothing.
        bars: whether shares have bars of characters.
    """

    width: int | None = 80
    height: int | None = None
    bars: bool = True

    @property
    def bar(self) -> int:
        """Characters of a bar that is full."""
        return 10 if self.width is None or self.width >= 120 else 6 if self.width >= 72 else 4


class Drawn(Protocol):
    """What draws the rows of a table for a screen; see :class:`convcalc.render.tree.Tree`."""

    def shown(self, base: Table, lines: int | None) -> Table:
        """A table of other rows with the title, the facts and the notes of this one."""


class Table:
    """Rows under columns, with an optional line of totals, a title above and notes below.

    Its closed forms are written in the notation in which the table was made.

    What a text means is said by a tone (``good``, ``bad``, ``warn``, ``strong``, ``faint``), never by a
    colour: ``numbers.toned("failed", "bad")`` in a cell, the title, a fact, a note or a :class:`Text`, or
    ``Column(..., tone=lambda value: "bad" if value > limit else "")`` where the values are numbers. A
    terminal and a page show tones; pipes, CSV, JSON and Markdown hold the text alone, so the words must say
    it too.

    Attributes:
        columns: the columns, in order.
        rows: raw values, one a column.
        footer: raw values of the totals, ``None`` where a column has none.
        title: lines above the table.
        facts: named results below it, already written for a reader.
        notes: what a reader must know about it (what is missing, what was left out).
        notation: how its closed forms are written.
        narrow: makes another table of this one where the columns of priority 0 do not fit into a terminal.
        tree: where its rows are layers, the tree of them that a screen shows.
        layout: ``"auto"``, or ``"tree"`` or ``"flat"`` wherever it is shown as text.
        more: how a reader sees what is folded, as the last line.
    """

    __slots__ = (
        "columns", "facts", "footer", "layout", "more", "narrow", "notation", "notes", "rows", "title",
        "tree",
    )  # fmt: skip

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Any]],
        *,
        footer: Sequence[Any] | None = None,
        title: str = "",
        facts: Sequence[tuple[str, str]] = (),
        notes: Sequence[str] = (),
        narrow: Callable[[Table], Table] | None = None,
    ) -> None:
        self.columns = tuple(columns)
        self.rows = rows
        self.footer = footer
        self.title = title
        self.facts = tuple(facts)
        self.notes = tuple(notes)
        self.notation = numbers.notation()
        self.narrow = narrow
        self.tree: Callable[[], Drawn] | None = None
        self.layout = "auto"
        self.more = ""

    def cells(self, screen: Screen | None = None) -> Cells:
        """Every value as text, column by column; on a screen with bars, and one unit a column."""
        with numbers.written_in(self.notation):
            return Cells(self, screen)

    def laid_out(self, screen: Screen | None) -> Table:
        """The table as it is shown as text: its tree, or itself."""
        if self.tree is None or self.layout == "flat" or (screen is None and self.layout == "auto"):
            return self
        return self.tree().shown(self, None if screen is None else screen.height)

    def order(self, key: str) -> list[int]:
        """Numbers of the rows, ordered by a column: numbers from the largest, text from A.

        Rows whose value is no number keep their order after those that have one.
        """
        index = next(i for i, column in enumerate(self.columns) if column.key == key)
        text, ranked = self.columns[index].align == "left", self.columns[index].rank

        def rank(number: int) -> Any:
            value = self.rows[number][index]
            if text:
                return (0, str(value))
            if ranked is not None:
                value = ranked(value)
            if isinstance(value, numbers.Share):
                value = value.part
            if isinstance(value, (tuple, list)):
                value = _size(value)
            return (0, -value) if isinstance(value, (int, float)) else (1, 0)

        return sorted(range(len(self.rows)), key=rank)

    def rows_at(self, order: Sequence[int]) -> Table:
        """The table with only these rows, in this order; a note says what was left out."""
        shown = copy(self)
        shown.rows = [self.rows[i] for i in order]
        if len(order) < len(self.rows):
            told = f"{len(order)} of {len(self.rows)} rows are shown"
            told += "; totals are of all." if self.footer is not None else "."
            shown.notes = (told, *self.notes)
        return shown

    def to_dataframe(self) -> Any:
        """The rows as a pandas data frame, columns by their keys; the totals are no row of it.

        Numbers are numbers, shapes tuples, closed forms texts, and what is not known is None.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise ImportError(
                "to_dataframe() makes a pandas data frame, and pandas is not installed: pip install pandas; "
                "without it, table().records() gives the same rows as dictionaries"
            ) from error
        keys = [column.key for column in self.columns]
        return pandas.DataFrame([[_value(value) for value in row] for row in self.rows], columns=keys)

    def records(self) -> list[dict[str, Any]]:
        """The rows as mappings from column key to raw value."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]


def _value(value: Any) -> Any:
    """A raw value as a data frame holds it."""
    if isinstance(value, numbers.Share):
        return numbers.part(value)
    if isinstance(value, (tuple, list)):
        return tuple(map(_value, value))
    return value if isinstance(value, (int, float, str)) else plain(value)


def _size(dims: Sequence[Any]) -> Any:
    """Elements of a shape, or of several shapes together; None where a size is no number."""
    if dims and isinstance(dims[0], (tuple, list)):
        sizes = [_size(shape) for shape in dims]
        return None if None in sizes else sum(sizes)
    size = 1
    for dim in dims:
        if type(dim) is not int:
            return None
        size *= dim
    return size


class Cells:
    """A table's values as text, and the choice of columns that fit a width."""

    __slots__ = ("around", "barred", "columns", "footer", "least", "rows", "titles", "widths")

    def __init__(self, table: Table, screen: Screen | None = None) -> None:
        self.columns = table.columns
        self.barred = screen is not None and screen.bars
        # A name in a tree is what one goes by: a column that matters less goes before its middle does.
        self.least = 0
        if screen is not None and screen.width is not None:
            if table.layout == "flat":  # full names are asked for
                self.least = screen.width
            elif any(isinstance(row[0], Name) for row in table.rows):
                self.least = screen.width // 3
        spend(2 * len(table.rows))
        self.titles: list[str] = []
        self.around: list[int] = []
        self.footer: list[str] | None = None if table.footer is None else []
        by_column: list[list[str]] = []
        for i, column in enumerate(table.columns):
            values = [row[i] for row in table.rows]
            last = None if table.footer is None else table.footer[i]
            title, form = column.title, column.format
            if screen is not None and column.scale is not None:
                unit, form = column.scale([*values, last])
                title += f" ({unit})" if unit else ""
            texts = [_text(value, form) for value in values]
            if self.footer is not None:
                self.footer.append("" if last is None else _text(last, form))
            if self.barred and screen is not None and column.bar and any(map(_is_part, values)):
                title = f"{title:>6}".ljust(7 + screen.bar)
                texts = [_barred(value, text, screen.bar) for value, text in zip(values, texts, strict=True)]
                if self.footer is not None:
                    self.footer[i] = _barred(None, self.footer[i], screen.bar)
            self.titles.append(title)
            self.around.append(max(map(_around, values), default=0) if column.distinct else 0)
            by_column.append(texts)
        self.widths = [
            max(
                cells_of(self.titles[i]),
                cells_of(self.footer[i]) if self.footer else 0,
                max(map(cells_of, by_column[i]), default=0),
            )
            for i in range(len(self.columns))
        ]
        self.rows: list[tuple[str, ...]] = list(zip(*by_column, strict=True))

    def fits(self, width: int, gap: int) -> bool:
        """Whether the columns that never go have room, each at its shortest."""
        stay = [i for i, column in enumerate(self.columns) if not column.priority]
        return sum(map(self._least, stay)) + gap * (len(stay) - 1) <= width

    def fit(self, width: int, gap: int) -> tuple[list[int], list[int]]:
        """Choose what fits.

        Args:
            width: columns of the terminal.
            gap: blanks between two columns.

        Returns:
            indices of the columns that stay, and their widths. Columns go by priority first, as
            long as cutting the text columns to their shortest would not be enough; then the text
            columns are cut. A number is never cut: where even the columns that stay are too
            wide, the table is wider than the terminal.
        """
        kept = list(range(len(self.columns)))

        def needed(indices: list[int]) -> int:
            return sum(self._least(i) for i in indices) + gap * (len(indices) - 1)

        while needed(kept) > width:
            droppable = [i for i in kept if self.columns[i].priority]
            if not droppable:
                if not self.least:
                    break
                self.least = 0
                continue
            kept.remove(max(droppable, key=lambda i: (self.columns[i].priority, i)))
        widths = {i: self.widths[i] for i in kept}
        excess = sum(widths.values()) + gap * (len(kept) - 1) - width
        while excess > 0:
            longest = max(
                (i for i in kept if widths[i] > self._least(i)), key=widths.__getitem__, default=None
            )
            if longest is None:
                break
            widths[longest] -= 1
            excess -= 1
        return kept, [widths[i] for i in kept]

    def cut(self, table: Table, index: int, width: int) -> Sequence[str]:
        """The texts of a column, each no longer than a width; an ellipsis stands where one was cut."""
        texts = [row[index] for row in self.rows]
        if max(map(cells_of, texts), default=0) <= width:
            return texts
        if self.columns[index].wrap:
            return texts
        if self.columns[index].distinct:
            return _cut_names([row[index] for row in table.rows], texts, width)
        return [_cut_end(text, width) for text in texts]

    def _least(self, index: int) -> int:
        column, width = self.columns[index], self.widths[index]
        if not column.shrink:
            return width
        return min(
            width,
            max(
                column.shrink,
                len(self.titles[index]),
                self.around[index] + 6,
                self.least * column.distinct,
                1,
            ),
        )


def _text(value: Any, form: Format) -> str:
    return one_line(value if isinstance(value, numbers.Text) else form(value))


def _is_part(value: Any) -> bool:
    """Whether a value has a bar."""
    return isinstance(value, numbers.Share) and bool(numbers.bar(value, 1))


def _around(value: Any) -> int:
    """Columns that are taken by what stands around a name."""
    return cells_of(value.guides) + cells_of(value.times) if isinstance(value, Name) else 0


def _barred(value: Any, text: str, width: int) -> str:
    """A share and its bar."""
    return f"{text:>6} {numbers.bar(value, width) if isinstance(value, numbers.Share) else '':<{width}}"


def _cut_end(text: str, width: int) -> str:
    if cells_of(text) <= width:
        return text
    while text and cells_of(text) > width - 1:
        text = text[: -max(1, (cells_of(text) - width + 1) // 2)]
    return text + "…"


def _cut_names(values: Sequence[Any], texts: Sequence[str], width: int) -> Sequence[str]:
    """Names in a width, and those that differ still differ; what stands around them stays."""
    from convcalc.render.names import shortened

    around = [(one.guides, one.times) if isinstance(one, Name) else ("", "") for one in values]
    found = list(texts)
    for pair in dict.fromkeys(around):
        at = [i for i, other in enumerate(around) if other == pair]
        before, behind = pair
        inner = [texts[i][len(before) : len(texts[i]) - len(behind)] for i in at]
        room = max(width - cells_of(before) - cells_of(behind), 1)
        for i, text in zip(at, shortened(inner, room), strict=True):
            found[i] = before + text + behind
    return found

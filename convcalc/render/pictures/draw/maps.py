"""A map of cells: rows and columns with indices, slices of a volume beside each other, where each cell is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Final

from convcalc.render.pictures.draw.tracks import runs
from convcalc.render.pictures.drawing import Drawing, Point, text_width, wrapped

CELL: Final = 20
LARGE: Final = 28
"""Side of a cell that holds a number."""

SIDE: Final = 380
"""Cells become smaller where there are more of them than fit along this."""

SMALL: Final = 9
GAP: Final = 14
"""What stands for cells that are left out."""

LABEL: Final = 12
"""Room for indices above a map."""

ACROSS: Final = 760
"""Slices of a volume go on in a new row where they are wider."""


Box = tuple[float, float, float, float]


class Strip:
    """Where the cells of one axis stand.

    Args:
        cells: those that are shown, in order.
        total: how many there are.
        size: side of a cell.
    """

    def __init__(self, cells: Sequence[int], total: int, size: float) -> None:
        self.cells, self.size = cells, size
        self.at: dict[int, float] = {}
        self.gaps: list[float] = []
        here, last = 0.0, -1
        for first, end in runs(cells):
            if first > last + 1:
                self.gaps.append(here + GAP / 2)
                here += GAP
            for cell in range(first, end + 1):
                self.at[cell] = here
                here += size
            last = end
        if last < total - 1:
            self.gaps.append(here + GAP / 2)
            here += GAP
        self.length = here

    def span(self, first: int, last: int) -> tuple[float, float]:
        """Start and length of the cells from ``first`` to ``last``, as far as they are shown."""
        if first not in self.at or last not in self.at:
            shown = [cell for cell in self.cells if first <= cell <= last]
            if not shown:
                return 0.0, 0.0
            first, last = shown[0], shown[-1]
        return self.at[first], self.at[last] + self.size - self.at[first]


ONE: Final = ((0,), 1)
"""The axis of a map that has fewer: one cell."""


def cell_size(lengths: Iterable[int], values: bool = False) -> float:
    """The side of cells of maps that are so long."""
    longest = max(lengths)
    return float(LARGE if values else max(4, min(CELL, SIDE // max(longest, 1))))


class Map:
    """A map to be drawn: of one axis as a row, of two as rows and columns, of three as slices.

    Args:
        title: what it is, above it.
        notes: what else is to be said, below the title, pale.
        axes: per axis the cells that are shown, and how many there are.
        size: side of a cell.
        index: the index of a cell of an axis, as it is written beside it; empty for none.
        slice_name: what stands above a slice of a volume.
    """

    def __init__(
        self,
        title: str,
        notes: Sequence[str],
        axes: Sequence[tuple[Sequence[int], int]],
        size: float,
        index: Callable[[int, int], str],
        slice_name: Callable[[int], str] = "depth {}".format,
    ) -> None:
        self.rank, self.size, self.index, self.slice_name = len(axes), size, index, slice_name
        self.deep = axes[0][0] if self.rank == 3 else (0,)
        plane = [ONE, ONE, *axes][-2:]
        self.rows, self.columns = (Strip(cells, total, size) for cells, total in plane)
        self.left = self._label_width()
        self.slice_width = self.left + self.columns.length
        self.slice_height = LABEL + self.rows.length + (LABEL + 4 if self.rank == 3 else 0)
        self.across = max(1, int(ACROSS // (self.slice_width + GAP))) if self.rank == 3 else 1
        across = min(self.across, len(self.deep))
        width = across * self.slice_width + (across - 1) * GAP
        self.title = wrapped(title, max(width, 130), 12, True)
        self.notes = [line for note in notes for line in wrapped(note, max(width, 170), 11)]
        self.head = 16.0 * len(self.title) + 14 * len(self.notes) + 6
        down = -(-len(self.deep) // across)
        self.height = self.head + down * self.slice_height + (down - 1) * GAP
        heads = [text_width(line, 12, True) for line in self.title]
        heads += [text_width(line, 11) for line in self.notes]
        self.width = max(width, *heads)
        self.x = self.y = 0.0

    def _label_width(self) -> float:
        if self.rank == 1:
            return 0.0
        labels = (self.index(self.rank - 2, cell) for cell in self.rows.cells)
        return max((text_width(label, SMALL) for label in labels), default=0) + 6

    def put(self, x: float, y: float) -> None:
        """Say where its upper left corner stands."""
        self.x, self.y = x, y

    def corner(self, cell: Sequence[int]) -> Point | None:
        """The upper left corner of a cell; None where it is not shown."""
        depth, row, column = (0, 0, *cell)[-3:]
        if depth not in self.deep or row not in self.rows.at or column not in self.columns.at:
            return None
        x, y = self._slice(depth)
        return x + self.columns.at[column], y + self.rows.at[row]

    def box(self, depth: int, rows: tuple[int, int], columns: tuple[int, int]) -> Box | None:
        """The box around cells, from the first to the last row and column; None where none is shown."""
        if depth not in self.deep:
            return None
        x, y = self._slice(depth)
        left, width = self.columns.span(*columns)
        top, height = self.rows.span(*rows)
        return (x + left, y + top, width, height) if width and height else None

    def data(self) -> dict[str, object]:
        """Where its first cell stands, so that a page can say which cell a click means."""
        x, y = self._slice(self.deep[0])
        first = (self.deep[0], self.rows.cells[0], self.columns.cells[0])[3 - self.rank :]
        return {"x": f"{x:g}", "y": f"{y:g}", "cell": f"{self.size:g}", "first": ",".join(map(str, first))}

    def _slice(self, depth: int) -> Point:
        number = list(self.deep).index(depth)
        down, along = divmod(number, self.across)
        x = self.x + along * (self.slice_width + GAP) + self.left
        y = self.y + self.head + down * (self.slice_height + GAP) + LABEL
        return x, y + (LABEL + 4 if self.rank == 3 else 0)

    @property
    def middle(self) -> float:
        """Where an arrow points to: half the height of what lies below the head."""
        return self.y + self.head + (self.height - self.head + LABEL) / 2

    def draw(self, drawing: Drawing, role: Callable[[tuple[int, ...]], str]) -> None:
        """Draw its cells by their roles, indices along the axes, and what is left out."""
        y = self.y + 12
        for line in self.title:
            drawing.text(self.x, y, line, bold=True)
            y += 16
        for line in self.notes:
            drawing.text(self.x, y - 1, line, "muted", size=11)
            y += 14
        for depth in self.deep:
            self._draw_slice(drawing, role, depth)

    def _draw_slice(self, drawing: Drawing, role: Callable[[tuple[int, ...]], str], depth: int) -> None:
        x, y = self._slice(depth)
        if self.rank == 3:
            drawing.text(x, y - LABEL - 4, self.slice_name(depth), "muted", size=SMALL)
        roles: dict[str, list[Point]] = {}
        for row, column in product(self.rows.cells, self.columns.cells):
            place = (depth, row, column)[3 - self.rank :]
            corner = (x + self.columns.at[column], y + self.rows.at[row])
            roles.setdefault(role(place), []).append(corner)
        for name, corners in roles.items():
            drawing.cells(corners, self.size, name)
        middle = self.size / 2
        for cell, label in self._labels(self.rank - 1, self.columns.cells):
            drawing.text(x + self.columns.at[cell] + middle, y - 3, label, "muted", "middle", SMALL)
        if self.rank > 1:
            for cell, label in self._labels(self.rank - 2, self.rows.cells):
                drawing.text(x - 4, y + self.rows.at[cell] + middle + 3, label, "muted", "end", SMALL)
        for gap in self.columns.gaps:
            drawing.text(x + gap, y + self.rows.length / 2 + 4, "\u22ef", "muted", "middle")
        for gap in self.rows.gaps:
            drawing.text(x + self.columns.length / 2, y + gap + 4, "\u22ee", "muted", "middle")

    def _labels(self, axis: int, cells: Sequence[int]) -> list[tuple[int, str]]:
        """The indices beside cells; of narrow ones every second, fifth or tenth."""
        labels = [(cell, self.index(axis, cell)) for cell in cells]
        labels = [(cell, label) for cell, label in labels if label]
        across = axis == self.rank - 1
        widest = (
            max((text_width(label, SMALL) + 3 for _, label in labels), default=0) if across else SMALL + 1
        )
        every = next((n for n in (1, 2, 5, 10, 20, 50) if n * self.size >= widest), 100)
        return [(cell, label) for cell, label in labels if int(label) % every == 0]

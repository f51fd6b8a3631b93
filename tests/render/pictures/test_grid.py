"""Maps as text."""

from __future__ import annotations

import numpy as np

from convcalc.render.pictures.grid import text_map
from convcalc.render.pictures.maps import plane


def test_small_numbers_are_shown_as_they_are() -> None:
    lines, legend = text_map(np.array([[0, 1], [9, 2]]))
    assert lines == [".1", "92"]
    assert legend == ". nothing, else the number"


def test_large_numbers_are_shaded() -> None:
    lines, legend = text_map(np.array([0, 1, 10, 100000]))
    assert lines == [".:-@"]
    assert legend == ". nothing, : 1 to @ 100000 (logarithmic)"


def test_shades_grow_with_the_numbers() -> None:
    (line,), _ = text_map(np.arange(1, 150))
    assert list(line) == sorted(line, key=":-=+*%#@".index)
    assert set(line) == set(":-=+*%#@")


def test_counts_beyond_64_bits() -> None:
    lines, _ = text_map(np.array([[0, 10**40]], dtype=object))
    assert lines == [".@"]


def test_of_three_axes_the_middle_is_shown() -> None:
    cells, left_out = plane(np.arange(27).reshape(3, 3, 3))
    assert cells.tolist() == [[9, 10, 11], [12, 13, 14], [15, 16, 17]]
    assert left_out == "slice 1 of 3 along the first axis"


def test_a_wide_map_is_shown_in_blocks_and_a_hole_stays_visible() -> None:
    grid = np.full((7, 500), 3)
    grid[5, 333] = 0  # one hole among 3,500 cells
    grid[:, :8] = 0
    lines, legend = text_map(grid)
    assert [len(line) for line in lines] == [125, 125]  # blocks of 4 cells each way
    assert lines[0] == ".." + "3" * 123
    assert lines[1] == ".." + "3" * 81 + "o" + "3" * 41
    assert legend == (
        ". nothing, o nothing in part, else the number; a character is 4x4 of 7x500 cells, by the largest"
    )


def test_a_long_line_is_shown_in_blocks() -> None:
    (line,), legend = text_map(np.arange(1, 1001))
    assert len(line) == 143
    assert "a character is 1x7 of 1x1000 cells" in legend

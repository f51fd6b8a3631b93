"""Maps as text."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_what_is_too_wide_is_refused() -> None:
    with pytest.raises(ValueError, match="too wide"):
        text_map(np.ones((2, 500), dtype=int))

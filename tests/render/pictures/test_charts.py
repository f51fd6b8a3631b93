"""Charts: whole-numbered ticks, words that do not overlap, names that stay apart when they are cut."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.render.pictures.charts import Box, Chart, Mark, Rule, Series, bands, cut, ticks
from convcalc.render.pictures.drawing import Drawing, Group, Shape, Words, text_width


@given(st.integers(1, 10**16), st.integers(2, 12), st.booleans())
def test_ticks_are_whole_numbers_around_the_values(largest: int, most: int, binary: bool) -> None:
    found = ticks(largest, most, binary=binary)
    assert found.values[0] == 0 and found.values[-2] < largest <= found.values[-1]
    steps = {b - a for a, b in zip(found.values, found.values[1:], strict=False)}
    assert len(steps) == 1
    assert len(found.values) <= most + 1 or largest < most
    shown = [int(label.replace(",", "")) for label in found.labels]
    unit = found.values[1] // shown[1]
    assert [n * unit for n in shown] == list(found.values)
    base, names = (1024, "B KiB MiB GiB TiB PiB EiB") if binary else (1000, " K M G T P E")
    assert unit == base ** names.split(" ").index(found.unit)


@pytest.mark.parametrize(
    ("largest", "labels", "unit"),
    [
        (9_633_792, ["0", "2", "4", "6", "8", "10"], "MiB"),  # 9.19 MiB
        (37_632, ["0", "10", "20", "30", "40"], "KiB"),
        (7, ["0", "2", "4", "6", "8"], "B"),
    ],
)
def test_ticks_of_bytes(largest: int, labels: list[str], unit: str) -> None:
    found = ticks(largest, binary=True)
    assert (list(found.labels), found.unit) == (labels, unit)


@given(st.text(min_size=1, max_size=60), st.floats(20, 300))
def test_a_name_is_cut_in_its_middle(name: str, width: float) -> None:
    found = cut(name, width, 11)
    assert text_width(found, 11) <= width
    if "…" in found and name.isprintable() and "…" not in name:
        head, _, tail = found.partition("…")
        assert name.startswith(head) and name.endswith(tail)


def test_blocks_are_those_of_the_level_at_which_a_network_falls_into_parts() -> None:
    names = ["body.stem.conv", "body.stem.bn", *(f"body.layer{n}.conv{m}" for n in (1, 2) for m in range(4))]
    assert [(one.first, one.end, one.name) for one in bands([*names, "linear"])] == [
        (0, 2, "body.stem"), (2, 6, "body.layer1"), (6, 10, "body.layer2"), (10, 11, ""),
    ]  # fmt: skip


def flat(shapes: list[Shape]) -> list[Any]:
    """Every shape, those of groups among them."""
    found: list[Any] = []
    for shape in shapes:
        found += flat(shape.shapes) if isinstance(shape, Group) else [shape]
    return found


def words_of(drawing: Drawing) -> list[tuple[Box, Words]]:
    """Every text of a drawing with the room it takes; turned ones stand apart by construction."""
    found = []
    for shape in flat(drawing.shapes):
        if isinstance(shape, Words) and not shape.rotate:
            left, top, right, bottom = shape.box()
            found.append((Box(left, top, right - left, bottom - top), shape))
    return found


def overlapping(drawing: Drawing) -> list[tuple[str, str]]:
    """Pairs of texts whose room is the same by more than a hair."""
    return [
        (a.lines[0], b.lines[0])
        for (one, a), (other, b) in combinations(words_of(drawing), 2)
        if min(one.right, other.right) - max(one.x, other.x) > 2
        and min(one.bottom, other.bottom) - max(one.y, other.y) > 2
    ]


@given(
    st.lists(st.integers(0, 500), min_size=3, max_size=60),
    st.lists(st.integers(1, 600), max_size=2, unique=True),
    st.integers(0, 2),
)
def test_marks_and_rules_keep_apart(values: list[int], ruled: list[int], blocks: int) -> None:
    names = [f"block{n * blocks // len(values)}.layer{n}" if blocks else f"l{n}" for n in range(len(values))]
    top = max(values)
    chart = Chart(
        [Series("values", values)],
        "layers",
        "value",
        bands=bands(names),
        ruled=[Rule(value, f"limit {value}") for value in ruled if abs(value - 300) < 100 or len(ruled) == 1],
        marked=[Mark(values.index(top) + 0.5, top, f"largest {top}")],
    )
    drawing = Drawing(720, 320, "", "", "test")
    chart.draw(drawing, Box(0, 0, 720, 320))
    assert overlapping(drawing) == []


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=1, max_size=30))
def test_steps_stand_at_their_values(values: list[int | None]) -> None:
    chart = Chart([Series("values", values)], "x", "y")
    box = Box(0, 0, 720, 320)
    drawing = Drawing(720, 320, "", "", "test")
    chart.draw(drawing, box)
    x, y = chart.scales(box)
    lines = [one for one in drawing.shapes if getattr(one, "role", "") == "series1"]
    read: list[int | None] = [None] * len(values)
    for line in lines:
        for (x0, y0), (x1, y1) in zip(line.points[::2], line.points[1::2], strict=True):
            assert y0 == y1
            first, end = (round((at - x.start) / (x.end - x.start) * x.high) for at in (x0, x1))
            read[first:end] = [round((y0 - y.start) / (y.end - y.start) * y.high)] * (end - first)
    assert read == values

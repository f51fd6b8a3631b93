"""Layers as a tree: sums of blocks, what is folded, what stands once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.render import numbers, text
from convcalc.render.table import Column, Name, Screen, Table
from convcalc.render.tree import Tree

COLUMNS = (
    Column("name", "name", numbers.label, "left", 0, 12, True),
    Column("n", "n", numbers.exact, join=numbers.summed),
)
PARTS = st.lists(st.sampled_from(["a1", "a2", "b1", "b2", "c"]), min_size=1, max_size=4).map(".".join)
ROWS = st.lists(st.tuples(PARTS, st.integers(0, 2)), max_size=30)


def made(rows: list[tuple[str, int]], **settings) -> Table:
    found = Table(COLUMNS, rows, footer=("total", sum(n for _, n in rows)))
    found.tree = lambda: Tree(found, **settings)
    return found


def levels(shown: Table) -> list[tuple[int, int]]:
    """The level of every row, by what is drawn before its name, and its number."""
    return [(len(name.guides) // 2, value) for name, value in shown.rows]


def adds_up(shown: Table, total: int) -> None:
    """Rows of a level below a block are together what the block is, and those of the top are all."""
    found = [(0, total), *((level + 1, value) for level, value in levels(shown))]
    for i, (level, value) in enumerate(found):
        below = []
        for deeper, part in found[i + 1 :]:
            if deeper <= level:
                break
            if deeper == level + 1:
                below.append(part)
        assert not below or sum(below) == value


@given(ROWS, st.integers(4, 60), st.none() | st.integers(0, 5))
def test_sums_add_up_however_it_is_folded(
    rows: list[tuple[str, int]], height: int, depth: int | None
) -> None:
    shown = made(rows, depth=depth).laid_out(Screen(80, height))
    adds_up(shown, sum(n for _, n in rows))


@given(ROWS)
def test_nothing_is_folded_without_a_screen(rows: list[tuple[str, int]]) -> None:
    table = made(rows)
    table.layout = "tree"
    shown = table.laid_out(None)
    blocks = {name[:end] for name, _ in rows for end, char in enumerate(name) if char == "."}
    assert len(shown.rows) == len(rows) + len(blocks)
    assert not shown.more and not any(name.times for name, _ in shown.rows)
    adds_up(shown, sum(n for _, n in rows))


@given(ROWS)
def test_the_last_line_counts_what_is_folded(rows: list[tuple[str, int]]) -> None:
    shown = made(rows, depth=1).laid_out(Screen(80, 24))
    top = sum("." in name for name, _ in rows)
    assert shown.more == (f"{top:,} of {len(rows):,} layers folded; print() shows all of them" if top else "")


def test_equal_repeats_are_one_row_with_their_sum() -> None:
    rows = [(f"stage.block{i}.{layer}", 5) for i in range(1, 41) for layer in ("conv", "bn")]
    rows[-1] = (rows[-1][0], 6)  # the last block differs
    shown = made(rows).laid_out(Screen(80, 24))
    names = [str(name) for name, _ in shown.rows]
    assert names[:2] == ["stage", "├ block1..39  x 39"]
    assert dict(zip(names, (n for _, n in shown.rows), strict=True))[names[1]] == 39 * 10
    assert "└ block40" in names and "│ ├ conv  x 39" in names
    adds_up(shown, 401)


def test_a_small_tree_is_shown_whole() -> None:
    rows = [(f"block{i}.conv", 5) for i in range(3)]
    assert len(made(rows).laid_out(Screen(80, 24)).rows) == 6


@given(ROWS, st.integers(20, 60))
def test_names_in_a_tree_stay_apart_where_they_are_cut(rows: list[tuple[str, int]], width: int) -> None:
    long = [(".".join(f"{part}_of_a_long_name{part}" for part in name.split(".")), n) for name, n in rows]
    shown = made(long).laid_out(Screen(width, 24))
    cells = shown.cells(Screen(width, 24))
    kept, widths = cells.fit(width, 2)
    cut = cells.cut(shown, kept[0], widths[0])
    whole = [str(name) for name, _ in shown.rows]
    assert len(set(cut)) == len(set(whole))
    for (name, _), one in zip(shown.rows, cut, strict=True):
        assert one.startswith(name.guides) and one.endswith(name.times)


def test_deep_and_odd_names() -> None:
    deep = ".".join(["a"] * 3000)
    shown = made([(deep, 1), ("a", 2), ("", 3), ("x..y", 4)], depth=2).laid_out(Screen(80, 24))
    adds_up(shown, 10)
    assert isinstance(shown.rows[0][0], Name)


def test_every_view_of_a_report_adds_up_to_its_totals() -> None:
    """Blocks of the tree have what JSON holds of the whole; a block sees what its last layer sees."""
    report = convcalc.analyze("resnet50")
    for key in ("params", "macs", "flops"):
        shown = report.table("summary", exact=True).laid_out(Screen(200, 24))
        index = next(i for i, column in enumerate(shown.columns) if column.key == key)
        narrow = Table(COLUMNS, [(row[0], row[index]) for row in shown.rows])
        adds_up(narrow, getattr(report.totals, key))
    memory = report.table("memory", exact=True).laid_out(Screen(200, 24))
    index = next(i for i, column in enumerate(memory.columns) if column.key == "live_bytes")
    assert max(row[index] for row in memory.rows) == report.totals.peak_memory_bytes
    fields = convcalc.receptive_field("resnet50")
    shown = fields.table().laid_out(Screen(200, 24))
    by_block = {str(row[0]): row for row in shown.rows}
    index = next(i for i, column in enumerate(shown.columns) if column.key == "size")
    # by hand: 11 after the stem; a 3x3 layer adds 2 steps of its stride: 24, 8+48, 16+160, 32+128
    assert by_block["layer4"][index] == ("427", "427")


def test_one_unit_a_column_and_nothing_shows_as_zero() -> None:
    unit, form = numbers.one_unit([0, 5, 1_814_073_344])
    assert (unit, form(1_814_073_344), form(5), form(0)) == ("M", "1,814.07", "<0.01", "0")
    unit, form = numbers.one_unit([0, 128, 11_689_512])
    assert (unit, form(11_689_512), form(128)) == ("", "11,689,512", "128")
    unit, form = numbers.one_byte_unit([0, 512, 3_211_264])
    assert (unit, form(3_211_264), form(512), form(1)) == ("KiB", "3,136.0", "0.5", "<0.1")


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=8), st.booleans())
def test_a_column_in_one_unit_shows_what_is_there(values: list[int], bytes_: bool) -> None:
    step, scale = (1024, numbers.one_byte_unit) if bytes_ else (1000, numbers.one_unit)
    names = numbers.BYTE_UNIT_NAMES if bytes_ else numbers.UNIT_NAMES
    unit, form = scale(values)
    size = step ** names.index(unit)
    for value in values:
        shown = form(value)
        if shown.lstrip("-").startswith("<"):
            assert value and abs(value) / size < float(shown.lstrip("-<"))
        else:
            assert abs(float(shown.replace(",", "")) * size - value) <= size * 0.051
            assert (shown == "0") == (value == 0)


def test_bars_are_shares() -> None:
    assert numbers.bar(numbers.Share(1, 2), 10) == "█████"
    assert numbers.bar(numbers.Share(1, 10**9), 10) == "▏"
    assert numbers.bar(numbers.Share(0, 5), 10) == ""
    assert numbers.bar(numbers.Share(None, 5), 10) == ""
    assert numbers.bar(numbers.Share(5, 5), 6).translate(text.ASCII) == "######"

"""Maps of pixels: every hole that execution finds is one in the picture, and no other pixel is."""

from __future__ import annotations

import base64
import re
import zlib
from itertools import product
from pathlib import Path
from struct import unpack
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc import (
    Unreachable,
    check_transposed,
    compare,
    coverage,
    judge_dilations,
    load,
    receptive_field,
    solve_transposed,
)
from convcalc.executor import taint
from convcalc.render.pictures import bitmap, maps
from convcalc.render.pictures.drawing import Cells, Drawing, Group, Image, Line, Rect, Words
from convcalc.render.pictures.questions import comparison, dilated, field, overlap
from convcalc.render.pictures.saving import encoded
from convcalc.render.pictures.svg import svg
from tests.render.pictures.test_charts import flat

HOLED = "conv 1->1 k3 d2 p2 | conv 1 k3 d4 p4 | conv 1 k3 d8 p8"


def pixels(png: bytes) -> Any:
    """The numbers of the colours of a PNG of one byte per pixel, read by its definition."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        length, kind = unpack(">I4s", png[at : at + 8])
        chunk = png[at + 8 : at + 8 + length]
        assert unpack(">I", png[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + chunk)
        size = unpack(">II", chunk[:8]) if kind == b"IHDR" else size
        data += chunk if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(size[1], size[0] + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def maps_of(drawing: Drawing) -> list[Any]:
    """The maps that are bitmaps, without samples of a legend."""
    return [pixels(one.png) for one in flat(drawing.shapes) if isinstance(one, Image) and one.width > 10]


@pytest.mark.parametrize("size", [64, 40])
@pytest.mark.parametrize("rates", ["2 4 8", "1 2 5", "3 3 3"])
def test_holes_are_those_of_execution(size: int, rates: str) -> None:
    spec = " | ".join(f"conv {'1->1' if n == 0 else '1'} k3 d{r} p{r}" for n, r in enumerate(rates.split()))
    graph = load(spec, input=f"1x{size}x{size}")
    found = coverage(graph, samples=1)
    reached = taint(graph, [found.field.position])[0]
    (y0, y1), (x0, x1) = found.box
    inside = reached[y0 : y1 + 1, x0 : x1 + 1]
    drawing = field.over_input(found)
    drawn = maps_of(drawing)
    if inside.size <= maps.CELLS:
        cells = [one for one in drawing.shapes if isinstance(one, Cells) and one.role == "hole"]
        holes = sum(len(one.corners) for one in cells)
        assert holes == 2 * int((~inside).sum())
    else:
        assert len(drawn) == 2
        assert all(np.array_equal(one > 0, inside) for one in drawn)
    assert f"{int(inside.sum()):,} of the {inside.size:,} pixels" in drawing.caption


def test_every_pixel_is_as_large_as_the_others() -> None:
    """A bitmap is scaled by whole numbers, so none is drawn narrower than its neighbour."""
    for size in (30, 64, 170, 171, 300, 512, 513, 1000):
        scale = maps._scale(size, size)
        assert scale >= 1 and scale == int(scale)


@given(st.integers(2, 7), st.integers(1, 40), st.integers(1, 40), st.randoms(use_true_random=False))
def test_a_cell_of_several_pixels_hides_no_hole(step: int, height: int, width: int, rng: Any) -> None:
    read = np.array([[rng.random() < 0.9 for _ in range(width)] for _ in range(height)])
    shades = np.where(read, 5, 0).astype(np.uint8)
    pooled = maps._pooled(shades, step)
    assert pooled.shape == (-(-height // step), -(-width // step))
    for row, column in product(range(pooled.shape[0]), range(pooled.shape[1])):
        block = read[row * step : (row + 1) * step, column * step : (column + 1) * step]
        assert (pooled[row, column] == 0) == (not block.all())


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**400), min_size=1, max_size=20))
def test_shades_grow_with_the_numbers(values: list[int]) -> None:
    grid = np.array(values, dtype=object)
    heat = maps.Heat("", grid, grid != 0, (0,), "", "", "")
    found = maps.levels(heat).shades
    assert all((value == 0) == (shade == 0) for value, shade in zip(values, found, strict=True))
    order = [shade for _, shade in sorted(zip(values, found, strict=True))]
    assert order == sorted(order)


def test_a_gridding_map_tells_its_numbers() -> None:
    """Two layers of rate 2: 5x5 of 9x9 pixels, by the products of 1 2 3 2 1."""
    drawing = dilated.paths(judge_dilations([2, 2]), "rates 2 2")
    words = [one.lines[0] for one in drawing.shapes if isinstance(one, Words) and one.size == 10]
    line = (1, 2, 3, 2, 1)
    assert words == [str(a * b) for a in line for b in line]
    assert "25 of 81 are read, 56 are holes" in drawing.caption
    (holes,) = [one for one in drawing.shapes if isinstance(one, Cells) and one.role == "hole"]
    assert len(holes.corners) == 56
    one = dilated.paths(judge_dilations([2, 2], rank=1), "rates 2 2")
    assert "5 of 9 are read, 4 are holes" in one.caption
    with pytest.raises(Unreachable, match="too large"):
        dilated.paths(judge_dilations([1, 2, 2000, 4000], rank=2), "rates")


def test_long_lines_are_folded() -> None:
    judged = judge_dilations([1, 2, 200], rank=1)
    drawing = dilated.paths(judged, "rates 1 2 200")
    lines = maps_of(drawing)
    assert [one.shape for one in lines] == [(1, 256), (1, judged.total - 256)]
    joined = np.concatenate(lines, axis=1)[0]
    assert np.array_equal(joined > 0, np.array(judged.axes[0].counts) > 0)


def test_overlap_is_that_of_execution() -> None:
    solved = solve_transposed([4, 4], [8, 8], 3)
    drawing = overlap.executed(solved)
    words = [int(one.lines[0]) for one in drawing.shapes if isinstance(one, Words) and one.size == 10]
    assert words == [int(n) for n in solved.overlap.flat]
    assert "from 1 to 4" in drawing.caption and "checkerboard" in drawing.caption
    even = overlap.executed(solve_transposed([4, 4], [8, 8], 4))
    assert "even, 4" in even.caption


def test_overlap_of_a_network() -> None:
    graph = load("convT 3->8 k3 s2 | convT 8 k4 s2 p1 | conv 3 k3", input="3x4x4")
    drawing = overlap.of_network(check_transposed(graph), "net")
    assert "1 of 2 is uneven" in drawing.caption
    values = [int(one.lines[0]) for one in flat(drawing.shapes) if isinstance(one, Words) and one.size == 10]
    assert values[:16] == [4, 2] * 4 + [2, 1] * 4 or values[:16] == [1, 2] * 4 + [2, 4] * 4
    assert values[64:] == [4] * 64
    with pytest.raises(Unreachable, match="no transposed"):
        overlap.of_network([], "net")


@pytest.mark.parametrize("size", ["1x24", "1x12x12", "1x9x9x9"])
@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_every_rank_and_the_same_bytes(size: str, ending: str) -> None:
    if ending == ".png":
        pytest.importorskip("matplotlib")
    found = coverage(load("conv 1->2 k3 d2 | conv 2 k3", input=size), samples=1)
    first = encoded(field.over_input(found), ending)
    assert first == encoded(field.over_input(found), ending)
    assert first.startswith(b"<svg" if ending == ".svg" else b"\x89PNG")


def test_a_png_opens() -> None:
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    rows = [bytes([0, 1, 2]), bytes([2, 1, 0])]
    data = bitmap.png(rows, [(255, 0, 0, 0), (0, 255, 0, 128), (0, 0, 255, 255)])
    with image.open(BytesIO(data)) as opened:
        shown = np.asarray(opened.convert("RGBA"))
    assert shown[0].tolist() == [[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]
    assert shown[1].tolist() == shown[0].tolist()[::-1]


def test_an_image_lies_under_a_map(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    from convcalc.render.pictures.questions.photo import LONGEST, photo

    path = tmp_path / "photo.jpg"
    image.new("RGB", (400, 100), (10, 200, 30)).save(path)
    data = photo(path, 40, 20)
    found = coverage(load(HOLED, input="1x40x20"))
    drawing = field.over_input(found, image=data)
    under, over = [one for one in drawing.shapes if isinstance(one, Image) and one.width > 10]
    assert under.png == data and (under.width, under.height) == (160, 320)
    (y0, y1), (x0, x1) = found.box
    assert (over.x - under.x, over.y - under.y) == (x0 * 8, y0 * 8)
    assert (over.width, over.height) == ((x1 - x0 + 1) * 8, (y1 - y0 + 1) * 8)
    assert np.array_equal(pixels(over.png) > 0, found.crop(found.reached))
    from io import BytesIO

    with image.open(BytesIO(data)) as opened:
        assert opened.size == (LONGEST // 2, LONGEST)
    text = svg(drawing)
    assert base64.b64encode(data).decode() in text
    assert not re.search(r'href="(?!data:image/png;base64,)', text)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_images_of_every_mode(tmp_path: Path, mode: str) -> None:
    image = pytest.importorskip("PIL.Image")
    from convcalc.render.pictures.questions.photo import photo

    path = tmp_path / "photo.tiff"
    image.new(mode, (12, 8)).save(path)
    assert photo(path, 8, 12).startswith(b"\x89PNG")


def test_hostile_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    from convcalc.render.pictures.questions import photo as module

    good = tmp_path / "good.png"
    image.new("RGB", (64, 64)).save(good)
    monkeypatch.setattr(module, "MOST_PIXELS", 4000)
    with pytest.raises(Unreachable, match="64x64 pixels is too large"):
        module.photo(good, 8, 8)
    monkeypatch.undo()
    cases = {
        "cut.png": good.read_bytes()[:60],
        "empty.png": b"",
        "text.png": b"hello",
        "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
        # a header that promises 60,000 x 60,000 pixels
        "bomb.png": good.read_bytes()[:16] + (60000).to_bytes(4, "big") * 2 + good.read_bytes()[24:],
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(Unreachable) as error:
            module.photo(path, 8, 8)
        assert name in str(error.value)
    with pytest.raises(OSError):
        module.photo(tmp_path, 8, 8)


def test_networks_side_by_side() -> None:
    result = compare("conv 3->8 k3", "conv 3->16 k3", input="3x9x9")
    drawing = comparison.side_by_side(result)
    bars = [one for one in drawing.shapes if isinstance(one, Rect) and one.role.startswith("series")]
    keys = [key for key in comparison.SHOWN if any(result[key].values)]
    assert len(bars) == 2 * len(keys)
    for number, key in enumerate(keys):
        one, other = bars[2 * number : 2 * number + 2]
        small, large = result[key].values
        assert one.width / other.width == pytest.approx(small / large, abs=0.001)
        assert [bar.role for bar in (one, other)] == ["series1", "series2"]
    words = [shape.lines[0] for shape in drawing.shapes if isinstance(shape, Words)]
    assert "448, 2x as many" in words  # 16 * (27 + 1) against 8 * (27 + 1)
    many = comparison.side_by_side(compare(*["conv 3->8 k3"] * 5, input="3x9x9"))
    assert len(many.legends) == 5
    with pytest.raises(Unreachable, match="9 networks"):
        comparison.side_by_side(compare(*["conv 3->8 k3"] * 9, input="3x9x9"))


def test_outlines_over_an_image_stand_out_from_light_and_dark(tmp_path: Path) -> None:
    """Below each line lies a wider one in the colour of the paper, which is its opposite in every theme."""
    image = pytest.importorskip("PIL.Image")
    from convcalc.render.pictures.questions.photo import photo

    path = tmp_path / "white.png"
    image.new("RGB", (32, 32), (255, 255, 255)).save(path)
    found = receptive_field(load("conv 8 k3 | maxpool k2 s2 | conv 8 k3", input="3x32x32"))
    groups = [
        one for one in field.over_input(found, image=photo(path, 32, 32)).shapes if isinstance(one, Group)
    ]
    frames = [one for group in groups for one in group.shapes if isinstance(one, Line)]
    assert len(frames) == 6
    for below, line in zip(frames[::2], frames[1::2], strict=True):
        assert (below.role, below.points) == ("paper", line.points)
        assert line.role in ("text", "accent") and below.width > line.width

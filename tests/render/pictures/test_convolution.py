"""Pictures: well-formed, as many cells as the shapes have, those highlighted that execution reads."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import taint
from convcalc.render.pictures.convolution import Picture, draw

SVG = "{http://www.w3.org/2000/svg}"


def cells(picture: Picture) -> dict[str, int]:
    """Rectangles by class, highlighted or not."""
    root = ET.fromstring(picture.svg)
    assert root.tag == f"{SVG}svg"
    found: dict[str, int] = {}
    for rect in root.iter(f"{SVG}rect"):
        kind = (rect.get("class") or "").split()[0]
        found[kind] = found.get(kind, 0) + 1
    return found


def highlighted(picture: Picture, kind: str) -> list[tuple[int, ...]]:
    """Indices that the highlighted cells of a map stand for."""
    return sorted(
        tuple(int(i) for i in (rect.get("data-at") or "").split(","))
        for rect in ET.fromstring(picture.svg).iter(f"{SVG}rect")
        if rect.get("class") == f"{kind} hit"
    )


def reached(graph: convcalc.Graph, place: tuple[int, ...]) -> list[tuple[int, ...]]:
    return sorted(tuple(int(i) for i in spot) for spot in np.argwhere(taint(graph, [place])[0]))


def agrees(spec: str, input: str, place: tuple[int, ...] | None = None) -> Picture:
    graph = convcalc.load(spec, input=input)
    picture = draw(graph, place)
    inner, outer = graph.nodes[0].outputs[0][1:], graph.shape(graph.outputs[0])[1:]
    found = cells(picture)
    assert found["in"] == prod(inner)
    assert found["out"] == prod(outer)
    assert found["window"] == 1
    assert highlighted(picture, "out") == [picture.position]
    seen = reached(graph, picture.position)
    assert highlighted(picture, "in") == seen
    assert sorted(picture.reads) == seen
    inside_view(picture)
    return picture


def inside_view(picture: Picture) -> None:
    """Nothing is drawn outside the picture."""
    root = ET.fromstring(picture.svg)
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    for rect in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(rect.get(key) or "nan") for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


@pytest.mark.parametrize(("spec", "input", "place", "padded"), [
    # Dumoulin & Visin 2016, Figures 2.1, 2.5, 2.6, 5.1.
    ("conv 1 k3", "1x4x4", None, 16),
    ("conv 1 k3 s2", "1x5x5", (1, 0), 25),
    ("conv 1 k3 s2 p1", "1x5x5", (0, 0), 49),
    ("conv 1 k3 d2", "1x7x7", None, 49),
    ("conv 1 k3 p=same", "1x5x5", (4, 4), 49),
    ("conv 1 k3x2 s1x2 p1x0:1", "1x4x5", (3, 2), 6 * 6),
    ("maxpool k2 s2", "3x6x6", None, 36),
    ("avgpool k3 s2 p1", "1x6", (2,), 8),
    ("conv 1 k3 p=causal", "1x6", (0,), 8),
    ("conv 4 k3 g2 bias=false | bn | relu", "2x5x5", None, 25),
])  # fmt: skip
def test_convolution(spec: str, input: str, place: tuple[int, ...] | None, padded: int) -> None:
    picture = agrees(spec, input, place)
    assert picture.kind == "convolution"
    found = cells(picture)
    assert found["in"] + found.get("pad", 0) == padded
    assert "zero" not in found


@pytest.mark.parametrize(("spec", "input", "side"), [
    # Dumoulin & Visin 2016, Figures 4.1, 4.5, 4.6, 4.7: the sides of the stretched and padded map.
    ("convT 1 k3", "1x2x2", 6),
    ("convT 1 k3 s2", "1x2x2", 7),
    ("convT 1 k3 s2 p1", "1x3x3", 7),
    ("convT 1 k3 s2 p1 op1", "1x3x3", 8),
])  # fmt: skip
def test_transposed(spec: str, input: str, side: int) -> None:
    picture = agrees(spec, input)
    assert picture.kind == "transposed"
    found = cells(picture)
    assert found["in"] + found.get("zero", 0) + found["pad"] == side * side
    n = int(input[2])
    stride = 2 if "s2" in spec else 1
    stretched = (n - 1) * stride + 1
    assert found["in"] + found.get("zero", 0) == stretched * stretched


@settings(max_examples=60)
@given(st.data())
def test_highlighted_cells_are_those_that_execution_reads(data: Any) -> None:
    whole = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    rank = whole(1, 2)
    k, s, d = whole(1, 4), whole(1, 3), whole(1, 2)
    extent = d * (k - 1) + 1
    sizes = [whole(extent, extent + 5) for _ in range(rank)]
    if data.draw(st.booleans()):
        spec = f"conv 2 k{k} s{s} d{d} p={whole(0, 2)}:{whole(0, 2)}"
    else:
        spec = f"convT 2 k{k} s{s} d{d} p={whole(0, extent // 2)} op={whole(0, max(s, d) - 1)}"
    input = "x".join(map(str, (1, *sizes)))
    graph = convcalc.load(spec, input=input)
    place = tuple(whole(0, n - 1) for n in graph.shape(graph.outputs[0])[1:])
    picture = draw(graph, place)
    assert sorted(picture.reads) == highlighted(picture, "in") == reached(graph, place)
    assert cells(picture)["out"] == prod(graph.shape(graph.outputs[0])[1:])
    # A padding that crops more than the kernel reaches leaves entries out of the stretched map.
    assert cells(picture).get("in", 0) <= prod(sizes)
    inside_view(picture)


@pytest.mark.parametrize(("rates", "pixels", "holes"), [
    ((2, 2), 25, 56),  # a checkerboard: every other pixel of 9x9
    ((1, 2, 5), 17 * 17, 0),
    ((1, 2, 9), 21 * 21, 25 * 25 - 21 * 21),  # -9, 0 and 9, three pixels to either side
])  # fmt: skip
def test_gridding_map(rates: tuple[int, ...], pixels: int, holes: int) -> None:
    extent = 1 + 2 * sum(rates)
    spec = " | ".join(f"conv 1 k3 d{r}" for r in rates)
    picture = draw(convcalc.load(spec, input=f"1x{extent}x{extent}"))
    assert picture.kind == "gridding"
    found = cells(picture)
    assert found["in"] == len(picture.reads) == pixels
    assert found.get("hole", 0) == holes
    assert highlighted(picture, "in") == reached(convcalc.load(spec, input=f"1x{extent}x{extent}"), (0, 0))
    inside_view(picture)


def test_gridding_map_of_branches_and_of_one_layer() -> None:
    graph = convcalc.load(
        "input: 2x9x9\nlayers:\n  - {branches: {a: [conv 2 k3 p1], b: []}, merge: mul}\n  - maxpool k2 s2"
    )
    assert draw(graph).kind == "gridding"
    assert draw(convcalc.load("conv 1 k3", input="1x5x5"), gridding=True).kind == "gridding"
    for spec in ("upsample scale=2", "shift k3 | relu", "conv 1 k3 p1 padding_mode=reflect", "globalavgpool"):
        graph = convcalc.load(spec, input="9x4x4")
        picture = draw(graph)
        assert picture.kind == "gridding"
        assert sorted(picture.reads) == reached(graph, picture.position)


@pytest.mark.parametrize(("spec", "input", "words"), [
    ("conv 1 k3", "1x5x5x5", "3 spatial axes"),
    ("conv 1->1 k3", None, "not numbers"),
    ("conv 1 k3", "1x224x224", "too large"),
    ("linear 3", "4", "0 spatial axes"),
])  # fmt: skip
def test_what_cannot_be_drawn(spec: str, input: str | None, words: str) -> None:
    with pytest.raises(convcalc.Unreachable, match=words):
        draw(convcalc.load(spec, input=input))


@pytest.mark.parametrize("place", [(3, 0), (0,), (-1, 0)])
def test_no_such_position(place: tuple[int, ...]) -> None:
    with pytest.raises(convcalc.Unreachable, match="no position"):
        draw(convcalc.load("conv 1 k3", input="1x5x5"), place)


def test_text_is_escaped_and_shown_in_a_notebook() -> None:
    picture = draw(convcalc.load("conv 1->1 k3", input="1x5x5"))
    assert "1->1" not in picture.svg
    assert str(picture) == picture._repr_svg_() == picture.svg
    title = ET.fromstring(picture.svg).find(f"{SVG}title")
    assert title is not None
    assert title.text == picture.caption
    assert picture.caption.startswith("conv 1->1 k3: 5x5 to 3x3; output 1,1 reads 9")


def test_command(cli: Any, tmp_path: Any) -> None:
    spec = ("draw", "conv 1->1 k3 s2 p1", "--input", "1x5x5")
    printed = cli(*spec)
    assert printed.code == 0
    ET.fromstring(printed.out)
    path = tmp_path / "conv.svg"
    written = cli(*spec, "--at", "0,0", "--output", str(path))
    assert written.code == 0
    assert "reads 4 positions" in written.out
    assert path.read_text(encoding="utf-8") == draw(convcalc.load(spec[1], input="1x5x5"), (0, 0)).svg
    data = cli(*spec, "--json").json()
    assert data["kind"] == "convolution"
    assert data["reads"] == [[i, j] for i in (1, 2, 3) for j in (1, 2, 3)]


@pytest.mark.parametrize("arguments", [
    ("conv 1 k3", "--input", "1x5x5", "--at", "a"),
    ("conv 1 k3", "--input", "1x5x5", "--at", "9,9"),
    ("conv 1->1 k3",),
    ("conv 1 k3", "--input", "1x5x5", "--output", "/nowhere/x.svg"),
    ("input 99999999x4 | rnn 4 | rnn 4",),
    ("input Tx10 | gru 6 | linear 3 axis=-1",),
])  # fmt: skip
def test_wrong_use(cli: Any, arguments: tuple[str, ...]) -> None:
    outcome = cli("draw", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")

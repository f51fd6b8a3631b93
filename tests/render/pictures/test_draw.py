"""Pictures of layers at work: cells are read as execution reads them, numbers are what it computes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from math import ceil, floor, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.calculators.receptive_field.region import regions
from convcalc.executor import taint
from convcalc.render.pictures.draw.answer import KINDS, draw
from convcalc.render.pictures.draw.formulas import sizes
from convcalc.render.pictures.draw.matrix import entries
from convcalc.render.pictures.draw.picture import Picture
from convcalc.render.pictures.draw.spine import cells_read
from convcalc.render.pictures.draw.window import tracks
from tests.render.pictures.seen import (
    SVG,
    corners,
    frames,
    maps,
    outside,
    overlaps,
    root,
    words,
)


def reached(graph: convcalc.Graph, place: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Positions of the input that execution finds to reach an output."""
    return {tuple(int(i) for i in spot) for spot in np.argwhere(taint(graph, [place])[0])}


def count(picture: Picture, role: str) -> int:
    """Cells of a role, without those that are marked over them."""
    return len(corners(root(picture.to_svg(animated=False)), role))


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
    graph = convcalc.load(spec, input=input)
    picture = draw(graph, place)
    assert picture.kind == "convolution"
    assert count(picture, "input") == prod(graph.nodes[0].outputs[0][1:])
    assert count(picture, "input") + count(picture, "pad") == padded
    assert count(picture, "output") == prod(graph.shape(graph.outputs[0])[1:])
    assert count(picture, "zero") == 0
    assert set(picture.reads) == reached(graph, picture.position)


@pytest.mark.parametrize(("spec", "input", "side"), [
    # Dumoulin & Visin 2016, Figures 4.1, 4.5, 4.6, 4.7: the sides of the stretched and padded map.
    ("convT 1 k3", "1x2x2", 6),
    ("convT 1 k3 s2", "1x2x2", 7),
    ("convT 1 k3 s2 p1", "1x3x3", 7),
    ("convT 1 k3 s2 p1 op1", "1x3x3", 8),
])  # fmt: skip
def test_transposed(spec: str, input: str, side: int) -> None:
    graph = convcalc.load(spec, input=input)
    picture = draw(graph)
    assert picture.kind == "transposed"
    assert count(picture, "input") + count(picture, "zero") + count(picture, "pad") == side * side
    stretched = (int(input[2]) - 1) * (2 if "s2" in spec else 1) + 1
    assert count(picture, "input") + count(picture, "zero") == stretched * stretched
    assert set(picture.reads) == reached(graph, picture.position)


def test_the_kernel_of_a_transposed_convolution_stands_as_stored_and_turned() -> None:
    """Entry i,j of one is entry k-1-i,k-1-j of the other (Dumoulin & Visin 2016, section 4.1)."""
    named = [
        word
        for word in words(root(draw("convT 1 k3", input="1x2x2", still=True).svg))
        if re.fullmatch(r"w\d\d", word)
    ]
    stored, turned = named[:9], named[9:]
    assert stored == [f"w{i}{j}" for i in range(3) for j in range(3)]
    assert turned == stored[::-1]


@st.composite
def windows(draw_: st.DrawFn, most_axes: int = 2) -> tuple[str, str]:
    """A convolution, pool or transposed convolution, and an input."""
    whole = lambda low, high: draw_(st.integers(low, high))  # noqa: E731
    rank = whole(1, most_axes)
    k, s, d = whole(1, 4), whole(1, 3), whole(1, 2)
    extent = d * (k - 1) + 1
    shape = "x".join(map(str, (1, *(whole(extent, extent + (4 if rank < 3 else 1)) for _ in range(rank)))))
    kind = whole(0, 3)
    if kind == 0:
        return f"convT 2 k{k} s{s} d{d} p={whole(0, extent // 2)} op={whole(0, max(s, d) - 1)}", shape
    if kind == 1:
        return (
            f"maxpool k{k} s{s} p={whole(0, k // 2)} ceil={draw_(st.sampled_from(['true', 'false']))}",
            shape,
        )
    if kind == 2:
        mode = draw_(st.sampled_from(["reflect", "replicate", "circular"]))
        return f"conv 2 k{k} s{s} d{d} p={whole(0, 2) if extent > 2 else 0} padding_mode={mode}", shape
    return f"conv 2 k{k} s{s} d{d} p={whole(0, 2)}:{whole(0, 2)}", shape


@settings(max_examples=60)
@given(windows())
def test_every_step_marks_what_execution_reads_and_visits_every_output_once(case: tuple[str, str]) -> None:
    spec, input = case
    graph = convcalc.load(spec, input=input)
    picture = draw(graph)
    outer = graph.shape(graph.outputs[0])[1:]
    element = root(picture.svg)
    steps = frames(element) or [element]
    assert len(steps) == (prod(outer) if prod(outer) > 1 else 1)
    read, written = maps(element, "input")[0], maps(element, "output")[0]
    layer: Any = graph.nodes[-1].layer
    shape = graph.nodes[0].outputs[0]
    visited = []
    for step in steps:
        place = [written.index(corner) for corner in corners(step, "output-hit")]
        visited += place
        marked = set()
        for corner in corners(step, "input-hit"):
            cell = read.index(corner)
            # Where a cell stands, from the definitions: padding before, or k_eff - 1 - p and zeros between.
            if spec.startswith("convT"):
                at = [
                    (c - (d * (k - 1) - before), s)
                    for c, k, d, s, (before, _, _) in zip(
                        cell, layer.kernel, layer.dilation, layer.stride, layer.crops(), strict=True
                    )
                ]
                assert all(x % s == 0 for x, s in at)
                marked.add(tuple(x // s for x, s in at))
            else:
                marked.add(tuple(c - before for c, (before, _) in zip(cell, layer.pads(shape), strict=True)))
        seen = reached(graph, place[0])
        copied = "padding_mode" in spec  # entries may be read through their copies in the padding alone
        assert marked <= seen if copied else marked == seen
    assert sorted(visited) == [*np.ndindex(*outer)]


@settings(max_examples=40)
@given(windows(3), st.data())
def test_positions_read_are_those_that_execution_reads(case: tuple[str, str], data: Any) -> None:
    graph = convcalc.load(case[0], input=case[1])
    place = tuple(data.draw(st.integers(0, n - 1)) for n in graph.shape(graph.outputs[0])[1:])
    picture = draw(graph, place)
    assert set(picture.reads) == reached(graph, place)
    assert len(picture.reads) == len(set(picture.reads))
    element = root(picture.svg)
    assert not frames(element)
    assert not outside(element)
    if "padding_mode" not in case[0] and all(t.total <= 9 for t in tracks(graph, graph.nodes[-1]) or []):
        assert len(corners(element, "input-hit")) == len(picture.reads)


@pytest.mark.parametrize(("spec", "input"), [
    ("conv 1 k3 s2 p1", "1x5x5"), ("conv 2 k2", "2x4x4"), ("conv 3 k2x3 d2x1 p1 g3", "3x4x5"),
    ("conv 1 k3 p1 bias=false", "1x7"), ("conv 1 k3 p2 padding_mode=circular", "1x4x4"),
    ("convT 1 k3 s2 p1 op1", "1x3x3"), ("convT 1 k4 s2 p1", "1x3x2"), ("convT 4 k3 s2 g2", "4x2x2"),
    ("convT 1 k2 d2 s3", "1x4"), ("maxpool k2 s2", "3x6x6"), ("maxpool k3 s2 p1 ceil=true", "1x5x6"),
])  # fmt: skip
def test_products_sum_to_what_the_executor_computes(spec: str, input: str) -> None:
    graph = convcalc.load(spec, input=input)
    element = root(draw(graph, values=True).svg)
    steps = frames(element)
    assert len(steps) == prod(graph.nodes[-1].outputs[0][1:])
    results = set()
    for step in steps:
        said = next(word for word in words(step) if word.startswith("output "))
        _, middle, result = said.split(" = ")
        results.add(result)
        cell = [w for w in words(step) if re.fullmatch(r"-?\d+(\.\d+)?", w)][-1]
        assert cell == result, "the number in the cell is the one under the picture"
        if spec.startswith("maxpool"):
            taken = middle.removeprefix("maxpool of ").split(", ")
            assert max(float(one) for one in taken if one != "pad") == float(result)
        else:
            terms = middle.replace("(bias)", "").split("+")
            assert sum(prod(map(float, term.split("*"))) for term in terms) == float(result)
            taps = [term for term in terms if "*" in term]
            reads, weights = len(taken_channels(graph)), prod(graph.nodes[-1].layer.kernel)  # type: ignore[attr-defined]
            assert len(taps) == reads * weights
    assert len(results) > 1


def taken_channels(graph: convcalc.Graph) -> range:
    """Channels that one channel of the output reads: those of its group."""
    layer: Any = graph.nodes[-1].layer
    return range(layer.in_channels // layer.groups)


@pytest.mark.parametrize(("spec", "input"), [
    ("conv 1 k3", "1x4x4"), ("conv 1 k3 s2 p1", "1x5x4"), ("conv 1 k2x3 d2x1 p0:1x1", "1x5x4"),
    ("conv 1 k3 p1 padding_mode=reflect", "1x4x3"), ("conv 1 k3 p2 padding_mode=circular", "1x3x4"),
    ("convT 1 k3 s2 p1 op1", "1x2x3"), ("convT 1 k4 s2 p1", "1x3x3"), ("convT 1 k2 d3 s2", "1x4"),
    ("conv 1 k3 p=causal d2", "1x9"), ("conv 1 k2 p1", "1x2x3x2"),
])  # fmt: skip
def test_the_matrix_times_the_input_is_the_convolution(spec: str, input: str) -> None:
    """Dumoulin & Visin 2016, chapter 4: C @ x.flatten() is what the executor computes."""
    graph = convcalc.load(f"{spec} bias=false", input=input)
    node = graph.nodes[-1]
    shape, outer = graph.nodes[0].outputs[0], node.outputs[0]
    axes = tracks(graph, node)
    assert axes is not None
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape), rng.normal(size=(1, 1, *node.layer.kernel))  # type: ignore[attr-defined]
    c = np.zeros((prod(outer[1:]), prod(shape[1:])))
    for place, taps in entries(axes, spec.startswith("convT")).items():
        c[place] = sum(w[0, 0][tap] for tap in taps)
    y = convcalc.execute(graph, x[None], {f"{node.name}.weight": w})
    np.testing.assert_allclose(c @ x.flatten(), y.flatten(), rtol=1e-12)


def test_the_matrix_as_dumoulin_and_visin_print_it() -> None:
    """Section 4.1: a 3x3 kernel over a 4x4 input; the rows of C, zeros empty, and C transposed beside it."""
    printed = [
        "w00 w01 w02 0 w10 w11 w12 0 w20 w21 w22 0 0 0 0 0",
        "0 w00 w01 w02 0 w10 w11 w12 0 w20 w21 w22 0 0 0 0",
        "0 0 0 0 w00 w01 w02 0 w10 w11 w12 0 w20 w21 w22 0",
        "0 0 0 0 0 w00 w01 w02 0 w10 w11 w12 0 w20 w21 w22",
    ]
    picture = draw("conv 1->1 k3", input="1x4x4", matrix=True)
    assert picture.kind == "matrix"
    texts = [
        (float(t.get("x", "")), float(t.get("y", "")), t.text or "")
        for t in root(picture.svg).iter(f"{SVG}text")
    ]
    cells = [one for one in texts if re.fullmatch(r"w\d\d", one[2])]
    assert len(cells) == 2 * 36
    first = [one for one in cells if one[0] < min(x for x, _, _ in cells) + 16 * 26]
    left, top = min(x for x, _, _ in first), min(y for _, y, _ in first)
    grid = [["0"] * 16 for _ in range(4)]
    for x, y, label in first:
        grid[round((y - top) / 26)][round((x - left) / 26)] = label
    assert [" ".join(row) for row in grid] == printed
    other = [one for one in cells if one not in first]
    left, top = min(x for x, _, _ in other), min(y for _, y, _ in other)
    back = {(round((x - left) / 26), round((y - top) / 26)): label for x, y, label in other}
    assert back == {(i, j): grid[i][j] for i in range(4) for j in range(16) if grid[i][j] != "0"}


@settings(max_examples=60)
@given(windows(3))
def test_formulas_compute_the_size_that_they_state(case: tuple[str, str]) -> None:
    graph = convcalc.load(case[0], input=case[1])
    outer = graph.nodes[-1].outputs[0][1:]
    lines = sizes(graph, graph.nodes[-1])
    assert len(lines) in (1, len(outer))
    for n, line in zip(outer, lines if len(lines) > 1 else lines * len(outer), strict=True):
        _, letters, numbers, result = line.rsplit(": ", 1)[-1].split(" = ")
        known = {"floor": floor, "ceil": ceil, "min": min}
        assert eval(numbers, known) == int(result) == n
        assert eval(letters, known | settings_of(graph)) == int(result) or len(lines) > 1


def spread(indices: list[int]) -> int:
    return max(indices) - min(indices) + 1


def settings_of(graph: convcalc.Graph) -> dict[str, int]:
    """What the letters of a formula are, along the first axis."""
    layer: Any = graph.nodes[-1].layer
    shape = graph.nodes[0].outputs[0]
    pads = layer.crops()[0] if hasattr(layer, "crops") else (*layer.pads(shape)[0], 0)
    first = {
        key: getattr(layer, name)[0]
        for key, name in zip("ksd", ("kernel", "stride", "dilation"), strict=True)
    }
    return {"i": shape[1], "p": pads[0], "before": pads[0], "after": pads[1], "op": pads[2], **first}


@pytest.mark.parametrize(("spec", "input"), [
    ("conv 1->1 k3 | conv 1 k3 s2 p1 | maxpool k2", "1x11x11"),
    ("conv 1->1 k2 p=causal | conv 1 k2 d2 p=causal | conv 1 k2 d4 p=causal", "1x16"),
    ("conv 2->4 k3 p1 | bn | relu | convT 2 k4 s2 p1", "2x6x6"),
    ("conv 1->1 k2 | conv 1 k2", "1x4x4x4"),
    ("upsample scale=2", "1x4x4"), ("globalavgpool | upsample scale=3", "2x4x4"),
    ("shift k3 | relu", "9x4x4"),
    ("input: 2x9x9\nlayers:\n- {branches: {a: [conv 2 k3 p1], b: []}, merge: mul}\n- maxpool k2 s2", None),
])  # fmt: skip
def test_chains_mark_what_leads_to_the_output_in_every_map(spec: str, input: str | None) -> None:
    graph = convcalc.load(spec, input=input)
    picture = draw(graph)
    assert picture.kind == "chain"
    assert set(picture.reads) == reached(graph, picture.position)
    element = root(picture.svg)
    outer = graph.shape(graph.outputs[0])[1:]
    steps = frames(element)
    if steps and len(outer) < 3:
        last = next(n for n in range(9, -1, -1) if maps(element, str(n)))
        read, written = maps(element, "0")[0], maps(element, str(last))[0]
        visited = []
        for step in steps:
            place = written.index(corners(step, "output-hit")[0])
            visited.append(place)
            marked = [read.index(corner) for corner in corners(step, "input-hit")]
            inside = {cell for cell, corner in zip(marked, corners(step, "input-hit"), strict=True)
                      if corner[0] < read.x + read.cell * graph.nodes[0].outputs[0][-1] - 1
                      and (len(outer) == 2 or corner[1] < read.y + 1)}  # fmt: skip
            assert inside == reached(graph, place)
            # The outline goes from the first to the last of them.
            outline = next(r for r in step.iter(f"{SVG}rect") if r.get("class") == "cc-kernel")
            x, y, w, h = (float(outline.get(key, "")) for key in ("x", "y", "width", "height"))
            columns, rows = (
                [cell[-1] for cell in inside],
                [cell[0] if len(outer) > 1 else 0 for cell in inside],
            )
            assert (x, w) == pytest.approx((read.x + min(columns) * read.cell, read.cell * spread(columns)))
            assert (y, h) == pytest.approx((read.y + min(rows) * read.cell, read.cell * spread(rows)))
        assert sorted(visited) == [*np.ndindex(*outer)]


@pytest.mark.parametrize(("rates", "pixels", "holes"), [
    ((2, 2), 25, 56),  # a checkerboard: every other pixel of 9x9
    ((1, 2, 5), 17 * 17, 0),
    ((1, 2, 9), 21 * 21, 25 * 25 - 21 * 21),  # -9, 0 and 9, three pixels to either side
])  # fmt: skip
def test_gridding_map(rates: tuple[int, ...], pixels: int, holes: int) -> None:
    extent = 1 + 2 * sum(rates)
    spec = " | ".join(f"conv 1 k3 d{r}" for r in rates)
    graph = convcalc.load(spec, input=f"1x{extent}x{extent}")
    picture = draw(graph, gridding=True)
    assert picture.kind == "gridding"
    element = root(picture.svg)
    assert len(corners(element, "input-hit")) == len(picture.reads) == pixels
    assert len(corners(element, "hole")) == holes
    assert set(picture.reads) == reached(graph, (0, 0))
    read = corners(element, "input-hit")
    assert len(set(read)) == pixels


@pytest.mark.parametrize(("spec", "input", "told"), [
    ("conv 64 k3 p1", "64x224x224", "rows 106-118 of 224"),
    ("convT 64 k4 s2 p1", "64x112x112", "rows 53-59 of 112"),
    ("conv 8 k3 d36 p36", "8x100x100", "rows 13-15, 49-51, 85-87 of 100"),
    ("conv 1 k400 p200", "1x1000", "positions 299-304"),
    ("conv 2 k3 p1", "2x64x64x64", "depths 29-35 of 64"),
    ("conv 16 k3 p1 | relu | conv 8 k5 p2", "3x224x224", "rows 107-117 of 224"),
])  # fmt: skip
def test_of_large_maps_the_part_around_the_window_is_shown(spec: str, input: str, told: str) -> None:
    graph = convcalc.load(spec, input=input)
    picture = draw(graph, still=True)
    element = root(picture.svg)
    assert told in " ".join(words(element))
    assert {"\u22ef"} <= set(words(element)), "what is left out is shown as left out"
    assert len(picture.svg) < 90_000
    if prod(graph.nodes[0].outputs[0]) < 10**6:
        assert set(picture.reads) == reached(graph, picture.position)


def test_a_position_at_the_edge_of_a_large_map() -> None:
    picture = draw("conv 1 k3 p1", (0, 223), input="1x224x224")
    texts = " ".join(words(root(picture.svg)))
    assert "rows 0-" in texts
    assert "of 224" in texts
    assert picture.reads == ((0, 222), (0, 223), (1, 222), (1, 223))


@pytest.mark.parametrize("name", ["resnet18", "unet", "inception_v3"])
def test_a_whole_network_is_shown_as_maps_that_become_smaller(name: str) -> None:
    picture = draw(name)
    assert picture.kind == "network"
    assert "--layer " in picture.caption
    suggested = picture.caption.split("such as --layer ")[1].split()[0]
    assert draw(name, layer=suggested).kind in ("convolution", "transposed")
    assert len(picture.svg) < 20_000


def test_the_field_of_a_network_is_the_published_one() -> None:
    """Araujo, Norris & Sim 2019, Table 1: VGG-16 sees 212 pixels, less than the 224 of its input."""
    assert "output 3,3 sees 212x212 of the input" in draw("vgg16").caption


def test_one_walk_back_finds_what_a_walk_to_each_tensor_finds() -> None:
    """Of every tensor of a network with shortcuts, against the regions asked for one by one."""
    graph = convcalc.load("resnet18", input="3x64x64")
    target = graph.find("layer4.basic_block2")
    part = graph.part(target)
    edges = [convcalc.Edge(number) for number in range(0, len(part.nodes), 5)]
    place = tuple(n // 2 for n in part.shape(part.outputs[0])[1:])
    found = cells_read(part, place, edges)
    for edge, boxes in zip(edges, found, strict=True):
        alone = regions(part, part.outputs[0], place, [edge])[0]
        assert boxes == [tuple(box[1:]) for box in alone.boxes]


def test_maps_of_several_ranks_are_boxes_of_a_network() -> None:
    """A window that is unfolded into a row reads 2x2 pixels; what is laid out as tokens, an image's patch."""
    assert "output 4 sees 2x2 of the input" in draw("unfold k2", input="1x4x4").caption


@pytest.mark.parametrize("spec", ["siamese", "waveglow"])
def test_of_several_inputs_the_first_is_drawn_and_named(spec: str) -> None:
    picture = draw(spec)
    assert ", one of 2" in picture.caption
    assert picture.input == tuple(convcalc.load(spec).nodes[0].outputs[0][1:])


def test_two_pictures_of_one_page_do_not_share_their_steps() -> None:
    one = draw("conv 1 k3", input="1x4x4")
    other = draw("conv 1 k3", input="1x4x4", values=True)
    name = [set(re.findall(r"@keyframes (\S+)", p.to_svg(standalone=False))) for p in (one, other)]
    assert all(name)
    assert not name[0] & name[1], "steps of another length have another name"


@pytest.mark.parametrize("sizes", ["100000000", "99999999x99999999", "9999999x9999999x9999999"])
def test_a_huge_map_costs_no_more_than_the_part_that_is_shown(sizes: str) -> None:
    picture = draw("conv 1 k3 p1", input=f"1x{sizes}")
    assert len(picture.reads) == 3 ** (1 + sizes.count("x"))
    assert len(picture.svg) < 100_000


def test_a_block_of_a_network_is_a_chain() -> None:
    picture = draw("resnet18", layer="layer2.basic_block1")
    assert picture.kind == "chain"
    # conv3 of stride 2, then conv3: 1 + 2 + 2*2 pixels; the shortcut's one lies among them
    assert (picture.input, picture.output, len(picture.reads)) == ((56, 56), (28, 28), 49)


CASES = [
    ("conv 1 k3 s2 p1", "1x7x7", {}),
    ("conv 8 k3 g2 p1", "4x6x6", {}),
    ("conv 1 k3 p1", "1x20x23", {}),
    ("conv 2 k2", "2x4x4", {"values": True}),
    ("convT 1 k3 s2 p1 op1", "1x3x3", {"values": True}),
    ("avgpool k3 s2 p1", "2x9x9", {"values": True}),
    ("conv 64 k3 p1", "64x224x224", {}),
    ("conv 8 k3 d36 p36", "64x100x100", {}),
    ("conv 1 k2 d4 p=causal", "1x12", {"values": True}),
    ("conv 1 k3 p1", "1x4x5x5", {}),
    ("convT 1 k2 s2", "1x2x2x2", {}),
    ("conv 1->1 k3 | conv 1 k3 s2 p1 | maxpool k2", "1x11x11", {}),
    ("conv 16 k3 p1 | relu | conv 16 k3 s2 p1 | conv 8 k5 p2", "3x224x224", {}),
    ("conv 1->1 k3", "1x4x4", {"matrix": True}),
    ("convT 1->1 k3 s2 p1", "1x8x8", {"matrix": True}),
    ("conv 1->1 k3 d2 | conv 1 k3 d2", "1x9x9", {"gridding": True}),
    ("resnet50", None, {}),
]


@pytest.mark.parametrize(("spec", "input", "options"), CASES)
def test_nothing_overlaps_or_is_cut_off(spec: str, input: str | None, options: dict[str, bool]) -> None:
    picture = draw(spec, input=input, **options)  # type: ignore[arg-type]
    element = root(picture.to_svg(animated=False))
    assert overlaps(element) == []
    assert outside(element) == []
    assert picture.caption in [element.findtext(f"{SVG}desc")]
    assert picture.drawing.legends
    identifiers = [one.get("id") for one in element.iter() if one.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert picture.svg == draw(spec, input=input, **options).svg  # type: ignore[arg-type]
    if picture.kind in ("convolution", "transposed"):
        shown = " ".join(words(element))
        assert "input" in shown
        assert "output" in shown
        assert "o = " in shown


def test_png_of_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = draw("convT 1 k4 s2 p1", input="1x4x4")
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.png")
    data = (tmp_path / "a.png").read_bytes()
    assert data[:4] == b"\x89PNG"
    assert data == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(("spec", "input", "options", "said"), [
    ("conv 1->1 k3", None, {}, "not numbers"),
    ("linear 3", "4", {}, "0 spatial axes"),
    ("linear 3", "4", {"layer": "nope"}, "no layer 'nope'"),
    ("conv 4 k3", "8x9x9", {"values": True}, "reads 8 channels: too many"),
    ("conv 1 k5000", "1x6000x6000", {}, "25,000,000 taps: too many"),
    ("conv 4 k3 | conv 2 k3", "1x9x9", {"values": True}, "of one layer .* are 2: conv1, conv2"),
    ("maxpool k3", "1x9x9", {"matrix": True}, "one of another kind"),
    ("conv 1 k3", "1x50x50", {"matrix": True}, "2,304 rows and 2,500 columns: too large"),
    ("conv 1 k3", "1x9x9", {"matrix": True, "gridding": True}, "two pictures"),
    ("conv 1->1 k3 | conv 1 k3", "1x400x400", {"gridding": True, "position": (3,)}, "no position 3 "),
])  # fmt: skip
def test_what_cannot_be_drawn(spec: str, input: str | None, options: Any, said: str) -> None:
    with pytest.raises(convcalc.Unreachable, match=said) as found:
        draw(convcalc.load(spec, input=input), **options)
    assert found.value.hint


@pytest.mark.parametrize("place", [(3, 0), (0,), (-1, 0)])
def test_no_such_position(place: tuple[int, ...]) -> None:
    with pytest.raises(convcalc.Unreachable, match="no position"):
        draw(convcalc.load("conv 1 k3", input="1x5x5"), place)


def test_names_from_outside_are_escaped() -> None:
    name = "a <script>&\x1b[31m\u202e"
    document = f"name: {json.dumps(name)}\ninput: 1x9x9\nlayers:\n- conv 1 k3\n- conv 1 k3\n"
    for options in ({}, {"gridding": True}):
        text = draw(document, **options).svg  # type: ignore[arg-type]
        assert "<script" not in text
        assert "\x1b" not in text
        assert "\\x1b[31m\\u202e" in text
        root(text)


def test_a_picture_keeps_its_data_and_shows_itself_in_a_notebook() -> None:
    picture = draw("conv 1->1 k3 s2 p1", (0, 0), input="1x5x5")
    assert str(picture) == picture._repr_svg_() == picture.svg
    held = picture.to_dict()
    assert list(held) == ["kind", "caption", "position", "reads", "input", "output", "svg"]
    assert held["reads"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert (held["position"], held["input"], held["output"]) == ([0, 0], [5, 5], [3, 3])
    assert held["caption"] == "conv 1->1 k3 s2 p1: 5x5 to 3x3; output 0,0 reads 4 positions"


def test_every_kind_is_a_row_that_is_found() -> None:
    from importlib import import_module

    for row in KINDS.values():
        module, _, name = row.partition(":")
        assert callable(getattr(import_module(f"convcalc.render.pictures.draw.{module}"), name))


def test_a_window_is_drawn_without_numpy() -> None:
    code = (
        "import sys, convcalc; convcalc.draw('convT 1 k4 s2 p1', input='1x4x4').svg;"
        "convcalc.draw('conv 1->1 k3 | conv 1 k3', input='1x9x9').svg;"
        "convcalc.draw('resnet18').svg; convcalc.draw('conv 1->1 k3', input='1x4x4', matrix=True).svg;"
        "assert not {'numpy', 'sympy', 'matplotlib', 'rich', 'typer'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_command(cli: Any, tmp_path: Path) -> None:
    spec = ("draw", "conv 1->1 k3 s2 p1", "--input", "1x5x5")
    printed = cli(*spec)
    assert printed.code == 0
    assert frames(root(printed.out))
    assert not frames(root(cli(*spec, "--still").out))
    path = tmp_path / "conv.svg"
    written = cli(*spec, "--at", "0,0", "--output", str(path))
    assert written.code == 0
    assert "reads 4 positions" in written.out
    assert not frames(root(path.read_text()))
    assert json.loads(cli(*spec, "--json", "--at", "0,0").out)["reads"] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    page = tmp_path / "conv.html"
    assert cli(*spec, "-o", str(page)).code == 0
    assert "<svg" in page.read_text()
    assert "w00" in cli(*spec, "--matrix").out
    assert "(bias)" in cli(*spec, "--values").out
    assert "layer1" in cli("draw", "resnet18").out
    wrong = cli("draw", "resnet18", "--layer", "stem.conv_bn1.conv")
    assert wrong.code == 2
    assert "stem.conv_bn1.conv1" in wrong.err

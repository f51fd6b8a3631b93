"""Pictures of networks hold the numbers of the API: read back from the SVG, they are the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

import convcalc
from convcalc import Unreachable, analyze, receptive_field
from convcalc.calculators.count.footprint import timeline as lifetimes
from convcalc.calculators.count.memory import live_bytes
from convcalc.render.numbers import human_bytes
from convcalc.render.pictures.drawing import Drawing, Line
from convcalc.render.pictures.questions import cost, field, growth, memory, overview
from convcalc.render.pictures.svg import svg
from tests.render.pictures import reading
from tests.render.pictures.test_charts import overlapping

DRAW = {
    "cost": lambda report, fields: cost.by_layer(report),
    "memory": lambda report, fields: memory.timeline(report),
    "growth": lambda report, fields: growth.growth(fields),
    "field": lambda report, fields: field.over_input(fields),
}


def drawn(name: str) -> dict[str, Drawing]:
    """Every picture of a network."""
    report, fields = analyze(name), receptive_field(name)
    return {key: draw(report, fields) for key, draw in DRAW.items()}


NETWORKS = ("lenet5", "resnet50", "unet", "wavenet", "r3d_18", "dcgan_generator", "inception_v3", "vit_b_16")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_timeline_is_that_of_the_counts(name: str) -> None:
    report = analyze(name)
    root = reading.parsed(svg(memory.timeline(report)))
    axis = reading.upright(root, "live tensors")
    line = max(reading.lines(root, "series1"), key=len)
    _, live = live_bytes(report.graph, 1, 4)
    heights = reading.stepped(line, line[0][0], line[-1][0], len(live))
    pixel = abs(axis.values[-1] / (axis.places[0] - axis.places[-1]))
    assert all(abs(axis.value(y) - n) <= 0.02 * pixel for y, n in zip(heights, live, strict=True))
    peak = report.totals.peak_memory_bytes
    assert max(axis.value(y) for y in heights) == pytest.approx(peak, abs=0.02 * pixel)
    words = [reading.said(one) for one in reading.texts(root)]
    assert f"peak {human_bytes(peak)} at {report.totals.peak_memory_at}" in words
    (dot,) = root.iter(f"{reading.NS}circle")
    assert axis.value(float(dot.get("cy"))) == pytest.approx(peak, abs=0.02 * pixel)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_held_adds_up_at_every_step(name: str) -> None:
    report = analyze(name, batch=2, dtype="float16")
    found = lifetimes(report)
    for number, live in enumerate(found.live):
        assert sum(one.bytes for one in found.held(number)) == live


def test_what_is_held_at_the_peak_is_drawn_as_long_as_it_lives() -> None:
    """a is read by the join at the end: 8 channels of 4x4 floats are live all the while, below all else."""
    report = analyze("conv 3->8 k1 id=a | conv 8 k1 | conv 8 k1 | add with=a", input="3x4x4")
    root = reading.parsed(svg(memory.timeline(report)))
    axis = reading.upright(root, "live tensors")
    held = max(reading.lines(root, "series2"), key=lambda points: points[-1][0] - points[0][0])
    assert {round(axis.value(y)) for _, y in held} == {8 * 16 * 4}
    whole = max(reading.lines(root, "series1"), key=len)
    start, end = whole[0][0], whole[-1][0]
    assert [round((x - start) / (end - start) * 5, 2) for x in (held[0][0], held[-1][0])] == [1, 5]


@pytest.mark.parametrize("name", ["resnet50", "inception_v3", "wavenet"])
@pytest.mark.parametrize("key", ["params", "macs"])
def test_columns_are_the_counts_of_the_layers(name: str, key: str) -> None:
    report = analyze(name)
    root = reading.parsed(svg(cost.by_layer(report, key)))
    axis = reading.upright(root, cost.TITLES[key])
    values = [getattr(row, key) for row in report.layers if getattr(row, key)]
    (line,) = (one for one in reading.lines(root, "series1") if len(one) > 20)
    heights = reading.stepped(line, line[0][0], line[-1][0], len(values))
    pixel = abs(axis.values[-1] / (axis.places[0] - axis.places[-1]))
    assert all(abs(axis.value(y) - n) <= 0.02 * pixel for y, n in zip(heights, values, strict=True))


@pytest.mark.parametrize("spec", ["lenet5", "dcgan_generator"])
def test_bars_are_as_long_as_the_counts(spec: str) -> None:
    report = analyze(spec)
    root = reading.parsed(svg(cost.by_layer(report)))
    rows = [row for row in report.layers if row.params or row.macs]
    for key, role in (("params", "series1"), ("macs", "series2")):
        bars = [one for one in root.iter(f"{reading.NS}rect") if one.get("class") == f"cc-{role}"]
        values = [getattr(row, key) for row in rows if getattr(row, key)]
        longest = max(float(bar.get("width")) for bar in bars)
        found = [float(bar.get("width")) / longest * max(values) for bar in bars]
        assert found == pytest.approx(values, abs=max(values) * 0.01 / longest)
        names = [row.name for row in rows if getattr(row, key)]
        assert [reading.said(bar).partition(":")[0] for bar in bars] == names


@pytest.mark.parametrize("name", NETWORKS)
def test_growth_is_that_of_the_rows(name: str) -> None:
    fields = receptive_field(name)
    root = reading.parsed(svg(growth.growth(fields)))
    axis = reading.upright(root, "receptive field")
    pixel = axis.values[-1] / (axis.places[0] - axis.places[-1])
    (base,) = (one for one in reading.lines(root, "axis") if one[-1][0] - one[0][0] > 500)
    left, right = base[0][0], base[-1][0]
    for role, (first, *_) in zip(growth.ROLES, growth.groups(fields.layers), strict=False):
        drawn: list[float | None] = [None] * len(fields.layers)
        for line in reading.lines(root, role):
            if len(line) == 2 and line[1][0] - line[0][0] == reading_swatch:
                continue
            for n, y in enumerate(reading.stepped(line, left, right, len(drawn))):
                drawn[n] = drawn[n] if y is None else y
        for row, y in zip(fields.layers, drawn, strict=True):
            local = row.local[first]
            assert (y is None) == (local is None)
            assert y is None or abs(axis.value(y) - local) <= 0.02 * pixel


reading_swatch = 14
"""Length of a line that is a sample in a legend."""


def test_a_range_is_drawn_from_its_smallest_to_its_largest() -> None:
    """Transposed convolution k3 s2: outputs see 1 or 2 inputs, by their phase."""
    fields = receptive_field("convT 1->1 k3 s2", input="1x9x9")
    (row,) = fields.layers
    assert (row.smallest, row.size) == ((1, 1), (2, 2))
    root = reading.parsed(svg(growth.growth(fields)))
    axis = reading.upright(root, "receptive field")
    (area,) = reading.areas(root, "series1")
    assert sorted({round(axis.value(y), 2) for _, y in area}) == [1, 2]


@pytest.mark.parametrize(
    ("name", "layer", "place"),
    [("resnet50", "layer3.bottleneck2.relu1", (0, 5)), ("unet", None, None), ("wavenet", None, (4000,)),
     ("r3d_18", "layer1", None), ("dcgan_generator", "up3", (7, 9))],
)  # fmt: skip
def test_outlines_are_the_regions_of_the_positions(
    name: str, layer: str | None, place: tuple[int, ...] | None
) -> None:
    fields = receptive_field(name)
    found = field.outlines(fields, layer, place)
    assert len(found) > 1 and (place is None or found[-1].position == place)
    for outline in found:
        (region,) = fields.at(outline.position, outline.layer)
        ends = [None if axis.everything else (axis.first, axis.last + 1) for axis in region.axes]
        assert list(outline.spans) == ends
    last = found[-1]
    for outline in found[:-1]:  # they lie about one place: no middle is further off than its stride
        (row,) = fields.of(outline.layer)
        for span, whole, stride in zip(outline.spans, last.spans, row.stride, strict=True):
            if span and whole:
                assert abs(sum(span) - sum(whole)) <= max(2 * stride, 2)


def test_an_outline_is_drawn_at_its_pixels() -> None:
    """3x3 over 3x3 with stride 2 sees 7x7 around pixel 3 + 2*2."""
    fields = receptive_field("conv 1->1 k3 s2 | conv 1 k3", input="1x21x21")
    root = reading.parsed(svg(field.over_input(fields, position=(2, 2))))
    (box,) = [one for one in root.iter(f"{reading.NS}rect") if one.get("class") == "cc-input"][:1]
    left, top, size = (float(box.get(key)) for key in ("x", "y", "width"))
    (square,) = reading.lines(root, "accent")
    xs, ys = {x for x, _ in square}, {y for _, y in square}
    pixel = size / 21
    assert [round((x - left) / pixel, 2) for x in sorted(xs)] == [4, 11]
    assert [round((y - top) / pixel, 2) for y in sorted(ys)] == [4, 11]


def test_sizes_that_are_no_numbers() -> None:
    report = analyze("conv 3->8 k3", input="3xHxW")
    with pytest.raises(Unreachable, match="cannot be drawn"):
        memory.timeline(report)
    with pytest.raises(Unreachable, match="cannot be drawn"):
        cost.by_layer(report, "macs")
    assert "MACs are no numbers" in cost.by_layer(report).caption
    fields = receptive_field("conv 3->8 k3 | conv 8 k3", input="3xHxW")
    with pytest.raises(Unreachable, match="not numbers"):
        field.over_input(fields)
    assert "conv2 sees 5x5 pixels" in overview.overview(fields).caption
    with pytest.raises(Unreachable, match="no position"):
        field.over_input(receptive_field("conv 3->8 k3", input="3x9x9"), position=(7, 0))


@pytest.mark.parametrize(
    "name", [*NETWORKS, "resnet152", "densenet121", "levit", "fastvit", "convnextv2_tiny"]
)
def test_no_words_lie_over_others_and_pictures_are_small(name: str) -> None:
    layers = {node.name for node in convcalc.load(name).nodes}
    for key, drawing in drawn(name).items():
        assert overlapping(drawing) == [], key
        text = svg(drawing)
        assert len(text.encode()) < 60_000
        assert text == svg(drawing)
        marked = {one.get("data-layer") for one in reading.parsed(text).iter()} - {None}
        assert marked and marked <= layers
        words = [reading.said(one) for one in reading.texts(reading.parsed(text))]
        assert drawing.title in " ".join(words) and drawing.caption.split()[0] in " ".join(words)


def test_names_from_outside_are_escaped() -> None:
    graph = convcalc.load("conv 3->8 k3 | conv 8 k3", input="3x9x9")
    graph.name = "</svg><script>\x1b[31m\u202e"
    for draw in DRAW.values():
        text = svg(draw(analyze(graph), receptive_field(graph)))
        reading.parsed(text)
        assert "<script" not in text and "\x1b" not in text and "\u202e" not in text


def test_pictures_of_the_page_load_no_numpy() -> None:
    code = (
        "import sys, convcalc\n"
        "from convcalc.render.pictures.questions import cost, field, growth, memory, overview\n"
        "from convcalc.render.pictures import svg\n"
        "report, fields = convcalc.analyze('lenet5'), convcalc.receptive_field('lenet5')\n"
        "for one in (cost.by_layer, memory.timeline): svg.svg(one(report))\n"
        "for one in (growth.growth, field.over_input): svg.svg(one(fields))\n"
        "svg.svg(overview.overview(fields))\n"
        "assert not {'numpy', 'matplotlib', 'PIL'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_growth_of_one_input_up_to_a_layer() -> None:
    fields = receptive_field("resnet18")
    rows = growth.rows_of(fields, "layer1.basic_block1.relu1", None)
    assert rows[-1].name == "layer1.basic_block1.relu1" and len(rows) < len(fields.layers)
    drawing = growth.growth(fields, "layer1.basic_block1.relu1")
    assert max(x for one in drawing.shapes if isinstance(one, Line) for x, _ in one.points) < 720

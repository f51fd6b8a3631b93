"""Layers one after another: a map beside each, and the cells of each that lead to one output."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Final

from convcalc.exporters.text import format_layer
from convcalc.layers.reads.sets import indices
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.draw.maps import Map, cell_size
from convcalc.render.pictures.draw.picture import Picture, Place, Question, joined, many
from convcalc.render.pictures.draw.spine import Stop, cells_read, said, spine
from convcalc.render.pictures.draw.tracks import WHOLE
from convcalc.render.pictures.drawing import Drawing, Point, wrapped

MAPS: Final = 8
"""Most maps beside each other; of more the network is shown instead."""

SPAN: Final = {1: 80, 2: 28, 3: 9}
"""By number of axes: widest part of a map whose cells are shown."""

FRAMES: Final = 144
MARKED: Final = 12_000
"""Most cells that all steps of an animation mark together."""

Boxes = list[tuple[int, ...]]


def chain(question: Question) -> Picture | None:
    """The maps of a chain; None where they are too many, too large, or not all maps."""
    graph = question.graph
    stops = merged(question, spine(graph))
    shapes = [graph.shape(stop.edge) for stop in stops]
    rank = len(question.outer)
    if not 2 <= len(stops) <= MAPS or any(len(shape) != rank + 1 for shape in shapes):
        return None
    if not all(type(n) is int for shape in shapes for n in shape):
        return None
    edges = [stop.edge for stop in stops]
    cones = cells_read(graph, question.place, edges)
    ranges = [_shown(shape[1:], boxes, rank) for shape, boxes in zip(shapes, cones, strict=True)]
    shown = [one for one in ranges if one is not None]
    if len(shown) < len(ranges):
        return None
    return _drawn(question, stops, shapes, shown, cones)


def merged(question: Question, stops: Sequence[Stop]) -> list[Stop]:
    """The stops without maps that look like the one before: what works position by position goes along."""
    if not question.windows:  # nothing but such layers: the first map and the last
        return [stops[0], Stop(stops[-1].edge, [node for stop in stops for node in stop.between])]
    found: list[Stop] = []
    windows = {node.name for node in question.windows}
    for stop in stops:
        if found and not any(node.name in windows for node in stop.between):
            found[-1] = Stop(stop.edge, [*found[-1].between, *stop.between])
        else:
            found.append(stop)
    return found


def _shown(sizes: Sequence[int], boxes: Boxes, rank: int) -> list[range] | None:
    """The cells of a map to show: all of a small one, else those that are read and their neighbours."""
    if max(sizes) <= WHOLE[rank]:
        return [range(n) for n in sizes]
    found = []
    for axis, n in enumerate(sizes):
        bits = 0
        for box in boxes:
            bits |= box[axis]
        held = indices(bits) or [0]
        first, last = max(held[0] - 2, 0), min(held[-1] + 3, n)
        if last - first > SPAN[rank]:
            return None
        found.append(range(first, last))
    return found


def _drawn(
    question: Question,
    stops: Sequence[Stop],
    shapes: Sequence[Sequence[int]],
    shown: Sequence[Sequence[range]],
    cones: Sequence[Boxes],
) -> Picture:
    graph, place = question.graph, question.place
    edges = [stop.edge for stop in stops]
    size = cell_size(len(cells) for ranges in shown for cells in ranges[-2:])
    maps = [
        _map(number, len(stops), shape, ranges, size)
        for number, (shape, ranges) in enumerate(zip(shapes, shown, strict=True))
    ]
    reads = tuple(sorted(_positions(cones[0])))
    windows = {node.name for node in question.windows}
    line = len(stops) <= 4 and all(sum(node.name in windows for node in stop.between) <= 1 for stop in stops)
    names = " | ".join(format_layer(node.layer) for stop in stops for node in stop.between[:1])
    where = joined(place)
    caption = f"{names if line and names else graph.name}: {sizes_text(question.inner)} to "
    caption += (
        f"{sizes_text(question.outer)}; output {where} reads {many(len(reads), 'position')} of the input"
    )
    caption += question.of_inputs
    drawing = Drawing(0, 0, graph.name, caption, "chain")
    _place(drawing, maps, [said(stop.between) for stop in stops], len(question.outer) != 2)
    for number, one in enumerate(maps):
        role = "output" if number == len(maps) - 1 else "input"
        with drawing.group(classes="cc-map", data={"map": number, **one.data()}):
            one.draw(drawing, lambda _, role=role: role)  # type: ignore[misc]
    steps = _steps(question, shown[-1], shapes[-1], cones)
    drawing.steps, drawing.still = len(steps), steps.index(place)
    drawing.seconds = min(0.9, max(0.15, 30 / len(steps)))
    for step, at in enumerate(steps):
        parts = cones if at == place else cells_read(graph, at, edges)
        if len(steps) == 1:
            _mark(drawing, maps, parts)
            continue
        with drawing.frame(step):
            _mark(drawing, maps, parts)
    moves = len(steps) > 1
    drawing.legend(
        [
            ("input", "a map that is read"),
            ("input hit", "leads to the output"),
            ("kernel", "from the first to the last that does"),
            ("output", "output"),
            ("output hit", "the output that is made" if moves else f"output {where}"),
        ]
    )
    return Picture("chain", caption, place, reads, question.inner, question.outer, drawing)


def _map(number: int, of: int, shape: Sequence[int], ranges: Sequence[range], size: float) -> Map:
    name = "input" if number == 0 else "output" if number == of - 1 else f"map {number},"
    left_out = [
        f"{axis} {cells[0]}-{cells[-1]} of {n}"
        for axis, cells, n in zip(
            ("depths", "rows", "columns")[-len(ranges) :], ranges, shape[1:], strict=True
        )
        if len(cells) < n
    ]
    channels = [] if shape[0] == 1 else [many(shape[0], "channel")]
    axes = [(cells, n) for cells, n in zip(ranges, shape[1:], strict=True)]
    return Map(
        f"{name} {sizes_text(shape[1:])}", [*channels, *left_out], axes, size, lambda _, cell: str(cell)
    )


def _place(drawing: Drawing, maps: Sequence[Map], words: Sequence[str], below: bool) -> None:
    """Maps beside each other, on the arrows between what leads there; rows and slices below each other."""
    x = y = 0.0
    tallest = max(one.height for one in maps)
    for number, one in enumerate(maps):
        if number and below:
            lines = drawing.text(20, y + 12, words[number], "muted", size=11, wrap=320)
            drawing.line([(6, y - 2), (6, y + lines + 2)], "axis", arrow=True)
            y += lines + 12
        elif number:
            lines = len(wrapped(words[number], 96, 11))
            middle = (tallest + one.head) / 2
            drawing.line([(x + 2, middle), (x + 98, middle)], "axis", arrow=True)
            drawing.text(x + 50, middle - 8 - (lines - 1) * 15, words[number], "muted", "middle", 11, wrap=96)
            x += 110
        one.put(x, y + (0 if below else (tallest - one.height) / 2))
        if below:
            y += one.height + 12
        else:
            x += one.width + 4
    drawing.width = max(one.x + one.width for one in maps)
    drawing.height = max(one.y + one.height for one in maps)


def _positions(boxes: Boxes) -> set[Place]:
    return {place for box in boxes for place in product(*(indices(bits) for bits in box))}


def _steps(
    question: Question, shown: Sequence[range], shape: Sequence[int], cones: Sequence[Boxes]
) -> list[Place]:
    """The outputs in turn; the one alone where they are too many or not all shown."""
    count = prod(shape[1:])
    marked = sum(prod(bits.bit_count() for bits in box) for boxes in cones for box in boxes)
    all_shown = all(len(cells) == n for cells, n in zip(shown, shape[1:], strict=True))
    if not question.moving or not all_shown or count > FRAMES or count * marked > MARKED:
        return [question.place]
    return list(product(*shown))


def _mark(drawing: Drawing, maps: Sequence[Map], parts: Sequence[Boxes]) -> None:
    """The cells of each map that lead to one output, and the box around them."""
    for number, (one, boxes) in enumerate(zip(maps, parts, strict=True)):
        places = sorted(_positions(boxes))
        corners: list[Point] = [corner for place in places if (corner := one.corner(place)) is not None]
        drawing.cells(corners, one.size, "output hit" if number == len(maps) - 1 else "input hit")
        if number == len(maps) - 1 or not places:
            continue
        spans = [(min(axis), max(axis)) for axis in zip(*places, strict=True)]
        rows, columns = ([(0, 0), *spans])[-2:]
        for depth in sorted({place[0] for place in places}) if one.rank == 3 else [0]:
            box = one.box(depth, rows, columns)
            if box is not None:
                drawing.rect(*box, "kernel")

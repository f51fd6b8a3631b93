"""A network too large for cells: a square for every size of map, and in it what one output sees."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING, Final

from convcalc.calculators.receptive_field.region import ends
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.draw.picture import Picture, Question, joined
from convcalc.render.pictures.draw.spine import Stop, cells_read, longest
from convcalc.render.pictures.drawing import Drawing, text_width, wrapped

if TYPE_CHECKING:
    from convcalc.graph import Node

MAPS: Final = 10
"""Most maps that are shown."""

SIDE: Final = 120
"""Side of the largest map."""


def network(question: Question) -> Picture:
    """The maps of the longest path, one of each size in a row."""
    graph, place = question.graph, question.place
    stops = _chosen(question)
    edges = [stop.edge for stop in stops]
    cones = cells_read(graph, place, edges)
    shapes = [graph.shape(edge) for edge in edges]
    sees = []
    for boxes, shape in zip(cones, shapes, strict=True):
        axes = []
        for axis in range(len(shape) - 1):
            bits = 0
            for box in boxes:
                bits |= box[axis]
            axes.append(ends(bits))
        sees.append(axes)
    lengths = [last - first + 1 if one else 0 for one in sees[0] for first, last in [one or (0, -1)]]
    caption = f"{graph.name}: {sizes_text(question.inner)} to {sizes_text(question.outer)}; output "
    caption += f"{joined(place)} sees {sizes_text(lengths)} of the input{question.of_inputs}"
    if len(graph.nodes) > len(graph.inputs) + 1:
        pick = question.windows[0] if question.windows else graph.nodes[-1]
        caption += f"; --layer NAME shows a layer at work, such as --layer {pick.name}"
    drawing = Drawing(0, 0, graph.name, caption, "network")
    largest = max(n for shape in shapes for n in shape[1:])
    x = 0.0
    for number, (stop, shape, axes) in enumerate(zip(stops, shapes, sees, strict=True)):
        role = "output" if number == len(stops) - 1 else "input"
        words = _words(graph.nodes[stop.edge.node].name, shape, stop, number)
        x = _draw(drawing, x, [_side(n, largest) for n in shape[1:]], shape[1:], axes, role, words, number)
    drawing.width = x
    drawing.legend(
        [
            ("input", "a map, its side by the logarithm of its size"),
            ("input hit", f"what leads to output {joined(place)}"),
            ("output", "output"),
        ]
    )
    return Picture("network", caption, place, (), question.inner, question.outer, drawing)


def _chosen(question: Question) -> list[Stop]:
    """The maps of the path with most layers: the input, the last of each size in a row, and the output.

    Of more than :data:`MAPS`, as many spread evenly.
    """
    graph = question.graph
    kept: list[Stop] = []
    passed: list[Node] = []
    for edge in longest(graph):
        node, shape = graph.nodes[edge.node], graph.shape(edge)
        passed = [*passed, *([] if node.is_input else [node])]
        if not 2 <= len(shape) <= 4 or not all(type(n) is int for n in shape):
            continue
        same = len(kept) > 1 and shape[1:] == graph.shape(kept[-1].edge)[1:]
        if same:
            kept[-1] = Stop(edge, [*kept[-1].between, *passed])
        else:
            kept.append(Stop(edge, passed))
        passed = []
    if len(kept) <= MAPS:
        return kept
    step = (len(kept) - 1) / (MAPS - 1)
    numbers = [round(step * i) for i in range(MAPS)]
    return [
        Stop(kept[b].edge, [node for stop in kept[a + 1 : b + 1] for node in stop.between])
        for a, b in zip([-1, *numbers], numbers, strict=False)
    ]


def _side(n: int, largest: int) -> float:
    return max(10.0, SIDE * log2(n + 1) / log2(largest + 1))


def _words(name: str, shape: Sequence[int], stop: Stop, number: int) -> list[str]:
    layers = len(stop.between)
    after = [] if number == 0 else [f"{layers} layer{'' if layers == 1 else 's'}"]
    return [name, sizes_text(tuple(shape)), *after]


def _draw(
    drawing: Drawing,
    x: float,
    sides: Sequence[float],
    sizes: Sequence[int],
    axes: Sequence[tuple[int, int] | None],
    role: str,
    words: Sequence[str],
    number: int,
) -> float:
    """One map: the box, within it what is seen, below it the words; where the next begins."""
    height, width = ([14.0, *sides])[-2:]
    if number:
        drawing.line([(x + 4, SIDE / 2), (x + 26, SIDE / 2)], "axis", arrow=True)
        x += 34
    *blocks, last = words[0].split(".")
    name = [line for part in [*(f"{block}." for block in blocks), last] for line in wrapped(part, 110, 11)]
    room = max(width, *(text_width(line, 11) for line in (*name, *words[1:])))
    left, top = x + (room - width) / 2, (SIDE - height) / 2
    drawing.rect(left, top, width, height, role, title=": ".join(words[:2]))
    seen = [one for one in axes if one is not None]
    if len(seen) == len(axes):
        spans = [(first / n, (last + 1) / n) for (first, last), n in zip(seen, sizes, strict=True)]
        (y0, y1), (x0, x1) = ([(0.0, 1.0), *spans])[-2:]
        box = (left + x0 * width, top + y0 * height, max(4, (x1 - x0) * width), max(4, (y1 - y0) * height))
        drawing.rect(*box, f"{role} hit", shade=0.8)
    y = SIDE + 18
    for line in name:
        drawing.text(x + room / 2, y, line, "text", "middle", 11)
        y += 14
    for line in words[1:]:
        drawing.text(x + room / 2, y, line, "muted", "middle", 11)
        y += 14
    drawing.height = max(drawing.height, y)
    return x + room + 4

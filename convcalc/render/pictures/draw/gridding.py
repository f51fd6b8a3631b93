"""The input, each pixel by the number of its paths to one output; those that have none are holes."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Final

from convcalc.calculators.answers import Unreachable
from convcalc.layers.values import show
from convcalc.render.numbers import shape as sizes_text
from convcalc.render.pictures.draw.maps import Map, cell_size
from convcalc.render.pictures.draw.picture import Picture, Question, joined, many
from convcalc.render.pictures.drawing import Drawing, Point

TRACED: Final = 20_000_000
"""Most elements of a tensor through which a picture follows what is read."""

LONGEST: Final = {1: 200, 2: 96, 3: 24}
"""By number of axes: longest side of what is shown."""

SHADES: Final = 8


def gridding(question: Question) -> Picture:
    """The part of the input that an output sees, with its holes.

    Raises:
        Unreachable: a tensor is too large to trace, or what is seen too large to show.
    """
    import numpy as np

    from convcalc.executor import ExecutionError, paths, taint

    graph, place, rank = question.graph, question.place, len(question.inner)
    for widest in (shape for node in graph.nodes for shape in node.outputs):
        if all(type(n) is int for n in widest) and prod(widest) > TRACED:
            raise Unreachable(
                f"a tensor of {sizes_text(widest)} is too large to draw through",
                expected=f"at most {TRACED:,} elements",
            )
    reached = taint(graph, [place])[0]
    try:
        counts = np.where(reached, paths(graph, place), 0)
    except ExecutionError:
        counts = reached.astype(int)
    found = [tuple(int(i) for i in spot) for spot in np.argwhere(reached)]
    box = [(min(axis), max(axis)) for axis in zip(*found, strict=True)]
    shown = [range(n) for n in question.inner]
    if max(question.inner) > LONGEST[rank]:
        edges = zip(box or [(0, 0)] * rank, question.inner, strict=True)
        shown = [range(max(low - 2, 0), min(high + 3, n)) for (low, high), n in edges]
    if max(map(len, shown)) > LONGEST[rank]:
        raise Unreachable(
            f"output {joined(place)} sees {show(len(cells) for cells in shown)}: too large to draw",
            expected=f"at most {LONGEST[rank]} cells a side; rf -o shows larger ones",
        )
    inside = {*product(*(range(low, high + 1) for low, high in box))} if box else set()
    holes = len(inside) - len(found)
    size = show(high - low + 1 for low, high in box) or "nothing"
    caption = f"what output {joined(place)} of {sizes_text(question.outer)} sees of "
    caption += f"{sizes_text(question.inner)}: {size}, {many(len(found), 'pixel')}, {many(holes, 'hole')}"
    caption += f"; input{question.of_inputs}" if question.of_inputs else ""
    drawing = Drawing(0, 0, graph.name, caption, "gridding")
    axes = [(cells, n) for cells, n in zip(shown, question.inner, strict=True)]
    part = [
        f"{axis} {cells[0]}-{cells[-1]} of {n}"
        for axis, (cells, n) in zip(("depths", "rows", "columns")[-rank:], axes, strict=True)
        if len(cells) < n
    ]
    one = Map(
        f"input {sizes_text(question.inner)}",
        part,
        axes,
        cell_size(map(len, shown)),
        lambda _, cell: str(cell),
    )
    one.draw(drawing, lambda cell: "zero" if cell not in inside else "hole" if not reached[cell] else "input")
    most = max((int(counts[spot]) for spot in found), default=1)
    shades: dict[float, list[Point]] = {}
    for spot in found:
        corner = one.corner(spot)
        if corner is not None:
            share = -(-SHADES * int(counts[spot]) // most) / SHADES
            shades.setdefault(share, []).append(corner)
    for share, corners in sorted(shades.items()):
        drawing.cells(corners, one.size, "input hit", shade=0.15 + 0.85 * share)
    if box:
        rows, columns = ([(0, 0), *box])[-2:]
        for depth in range(box[0][0], box[0][1] + 1) if rank == 3 else [0]:
            outline = one.box(depth, rows, columns)
            if outline is not None:
                drawing.rect(*outline, "kernel")
    drawing.width, drawing.height = one.width, one.height
    darker = "" if most == 1 else f", darker the more of its paths: up to {most:,}"
    drawing.legend(
        [
            ("input hit", f"leads to the output{darker}"),
            ("hole", "a hole: never read"),
            ("zero", "outside of the field"),
            ("kernel", "the field"),
        ]
    )
    return Picture("gridding", caption, place, tuple(found), question.inner, question.outer, drawing)

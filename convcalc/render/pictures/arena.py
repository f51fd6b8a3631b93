"""The arena of a small device: what lies where in it, while the network runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcalc.calculators.answers import Unreachable
from convcalc.printable import one_line
from convcalc.render.numbers import human_bytes
from convcalc.render.pictures.charts import LEFT, RIGHT, SMALL, WIDTH, Scale, cut, ticks
from convcalc.render.pictures.drawing import Drawing, text_width

if TYPE_CHECKING:
    from convcalc.calculators.hardware.arena import Arena

HEIGHT: Final = 320


def arena(found: Arena) -> Drawing:
    """Pieces of memory over the steps of the best order, from the lowest offset below.

    Raises:
        Unreachable: nothing is held.
    """
    if not found.pieces:
        raise Unreachable("the arena is empty", expected="a network that writes tensors")
    name = one_line(found.name)
    steps = max(piece.last for piece in found.pieces) + 1
    marks = ticks(found.ram_bytes, binary=True)
    x = Scale(0, steps, LEFT, WIDTH - RIGHT)
    y = Scale(0, max(marks.values[-1], found.ram_bytes), HEIGHT, 16)
    drawing = Drawing(
        WIDTH, HEIGHT + 36, f"{cut(name, WIDTH - 200, 14)}: what lies where in the arena", "", "arena"
    )
    for value, label in zip(marks.values, marks.labels, strict=True):
        drawing.line([(LEFT, y(value)), (WIDTH - RIGHT, y(value))], "grid", width=1)
        drawing.text(LEFT - 6, y(value) + 4, label, "muted", anchor="end", size=SMALL)
    for piece in found.pieces:
        left, right = x(piece.first), x(piece.last + 1)
        top, bottom = y(piece.end), y(piece.offset)
        layers = ", ".join(map(one_line, piece.layers))
        over = (
            f"{layers}: {human_bytes(piece.bytes)} at {piece.offset:,}, steps {piece.first} to {piece.last}"
        )
        width, height = round(right - left, 2), round(max(bottom - top, 0.5), 2)
        drawing.rect(left, top, width, height, "input", title=over, data={"layer": piece.layers[0]})
        words = f"{piece.layers[0]}  {human_bytes(piece.bytes)}"
        if height >= 14 and text_width(words, SMALL) + 8 <= width:
            drawing.text(left + 4, top + height / 2 + 4, words, "text", size=SMALL)
    most = y(found.peak_bytes)
    drawing.line([(LEFT, most), (WIDTH - RIGHT, most)], "accent", width=1, dashed=True)
    words = f"{human_bytes(found.peak_bytes)} held at most"
    drawing.text(WIDTH - RIGHT - 4, most - 4, words, "text", anchor="end", size=SMALL)
    drawing.line([(LEFT, HEIGHT), (WIDTH - RIGHT, HEIGHT)], "axis", width=1)
    for value, label in zip(*ticks(steps, 10)[:2], strict=True):
        if value <= steps:
            drawing.text(x(value), HEIGHT + 15, label, "muted", anchor="middle", size=SMALL)
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawing.text(middle, HEIGHT + 32, "steps of the order", "muted", anchor="middle", size=SMALL)
    unit = f"offset ({marks.unit})"
    drawing.text(12, HEIGHT / 2, unit, "muted", anchor="middle", size=SMALL, rotate=-90)
    drawing.caption = (
        f"Memory of {name} in the best order, written in place where that is possible: an arena of "
        f"{human_bytes(found.ram_bytes)}, packed greedily by size and aligned to {found.align} bytes; no "
        f"packing goes below {human_bytes(found.peak_bytes)}."
    )
    return drawing

"""Receptive fields in one picture: their growth along the depth, and below it a field over the input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcalc.calculators.answers import Unreachable
from convcalc.printable import one_line
from convcalc.render.pictures.charts import WIDTH, Box
from convcalc.render.pictures.drawing import Drawing
from convcalc.render.pictures.questions import field, growth

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field.graph import ReceptiveField


def overview(
    fields: ReceptiveField,
    layer: str | None = None,
    position: Sequence[int] | None = None,
    *,
    input: str | None = None,
    image: bytes | None = None,
) -> Drawing:
    """Growth and field; where sizes are no numbers, or a field is not known, the growth alone.

    Args:
        fields: receptive fields of a network.
        layer: the last layer of the growth, whose field is drawn; the output when not given.
        position: the position of its output; the middle one when not given.
        input: the input that is seen; the first when not given.
        image: a PNG that is laid over the input.

    Raises:
        Unreachable: no field is a number; or a position or an image was given, and no field can be drawn.
    """
    rows = growth.rows_of(fields, layer, input)
    try:
        found = field.outlines(fields, layer, position, input)
    except Unreachable:
        if position is not None or image is not None:
            raise
        found = []
    drawing = Drawing(
        WIDTH, growth.HEIGHT, f"{one_line(fields.name)}: receptive field", "", "receptive field"
    )
    growth.draw(drawing, Box(0, 0, WIDTH, growth.HEIGHT), rows)
    drawing.caption = growth.caption(fields, rows)
    if found:
        below = field.height(found)
        field.draw(drawing, Box(0, growth.HEIGHT + 8, WIDTH, below), found, image)
        drawing.caption += f" {field.caption(fields, found, image is not None)}"
        drawing.height += below + 8
    return drawing

"""``draw``: a layer at work, as a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, LAYER, OUTPUT, POSITION, SPEC, Common, command
from convcalc.cli.values import position
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(SPEC, POSITION, LAYER, *GRAPH, JSON, OUTPUT, pictures=True)
def draw(
    common: Common,
    still: Annotated[bool, typer.Option("--still", help="Do not move; --at stands still too.")] = False,
    values: Annotated[
        bool, typer.Option("--values", help="Numbers in the cells: small whole ones, run through the layer.")
    ] = False,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="The layer as a matrix, beside its transpose.")
    ] = False,
    gridding: Annotated[
        bool, typer.Option("--gridding", help="The input, each pixel by its paths to the output.")
    ] = False,
) -> Answer:
    """A layer at work, as a picture: its window, a chain of maps, holes, its matrix."""
    from convcalc.render.html import page
    from convcalc.render.pictures.draw.answer import draw as drawn

    picture = drawn(
        common.load(),
        position(common.at),
        gridding=gridding,
        matrix=matrix,
        values=values,
        still=still,
        layer=common.layer,
    )
    return Answer(
        [Text(picture.caption), Text("-o FILE.svg or FILE.png writes the picture; a pipe gets the SVG.")],
        picture.to_dict,
        picture=lambda: picture.drawing,
        forms={"table": lambda: picture.svg, "html": lambda: page(picture=picture.svg)},
    )

"""``draw``: a convolution at work, as an SVG picture."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, SPEC, Common, command
from convcalc.cli.values import position
from convcalc.files import write_whole
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(SPEC, *GRAPH, JSON)
def draw(
    common: Common,
    at: Annotated[
        str | None, typer.Option("--at", metavar="I,J", help="Output position to highlight; the middle.")
    ] = None,
    gridding: Annotated[
        bool, typer.Option("--gridding", help="The gridding map of the input, of a single layer too.")
    ] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write the SVG here.")
    ] = None,
) -> Answer:
    """A convolution at work, as SVG: window, inserted zeros, dilation, gridding."""
    from convcalc.render.pictures.convolution import draw as drawn

    picture = drawn(common.load(), position(at), gridding=gridding)
    if output is not None:
        write_whole(output, picture.svg.encode())
    return Answer([Text(picture.svg if output is None else f"{output}: {picture.caption}")], picture.to_dict)

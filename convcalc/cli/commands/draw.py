"""``draw``: a convolution at work, as an SVG picture."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, OUTPUT, POSITION, SPEC, Common, command
from convcalc.cli.values import position
from convcalc.files import write_whole
from convcalc.render.answer import Answer, File
from convcalc.render.table import Text


@command(SPEC, POSITION, *GRAPH, JSON, OUTPUT)
def draw(
    common: Common,
    gridding: Annotated[
        bool, typer.Option("--gridding", help="The gridding map of the input, of a single layer too.")
    ] = False,
) -> Answer:
    """A convolution at work, as SVG: window, inserted zeros, dilation, gridding."""
    from convcalc.render.pictures.convolution import draw as drawn

    picture = drawn(common.load(), position(common.at), gridding=gridding)

    def write(path: str) -> str:
        write_whole(path, picture.svg.encode())
        return picture.caption

    return Answer([Text(picture.svg)], picture.to_dict, files={".svg": File(write)})

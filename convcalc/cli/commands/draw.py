"""``draw``: a convolution at work, as an SVG picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, SPEC, Common, command
from convcalc.cli.output import UsageProblem, write


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
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the SVG here.")
    ] = None,
) -> None:
    """A convolution at work, as SVG: window, inserted zeros, dilation, gridding."""
    from convcalc.render.pictures.convolution import draw as drawn

    picture = drawn(common.load(), _position(at), gridding=gridding)
    if output is not None:
        output.write_text(picture.svg, encoding="utf-8")
    if common.json:
        from convcalc.render.data import to_json

        write(to_json(picture.to_dict()))
    else:
        write(picture.svg if output is None else f"{output}: {picture.caption}\n")


def _position(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.replace("x", ",").split(","))
    except ValueError:
        raise UsageProblem(
            f"--at {text!r} is no position", expected="one index an axis, such as 1,1"
        ) from None

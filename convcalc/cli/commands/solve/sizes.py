"""``sizes``: which sizes of the input work."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import FORM, GRAPH, SPEC, Common, command
from convcalc.cli.progress import progress
from convcalc.cli.values import axes
from convcalc.render.answer import Answer

Near = Annotated[
    str | None,
    typer.Option("--near", metavar="N", help="Size to look around instead of the input's: 700 or 700x512."),
]


@command(SPEC, *GRAPH, *FORM)
def sizes(common: Common, near: Near = None) -> Answer:
    """Which sizes of the input work: the smallest, the multiple, the nearest."""
    from convcalc.calculators.sizes.sizes import sizes_of
    from convcalc.render.views.solve.sizes import table

    with progress("which sizes work"):
        found = sizes_of(common.source(), common.shapes(), common.assignments(), axes(near, "--near"))
    return Answer([table(found)], found.to_dict)

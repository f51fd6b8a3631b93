"""``sizes``: which sizes of the input work."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.answers import axes
from convcalc.cli.options import FORM, GRAPH, SPEC, Common, command
from convcalc.cli.output import emit

Near = Annotated[
    str | None,
    typer.Option("--near", metavar="N", help="Size to look around instead of the input's: 700 or 700x512."),
]


@command(SPEC, *GRAPH, *FORM)
def sizes(common: Common, near: Near = None) -> None:
    """Which sizes of the input work: the smallest, the multiple, the nearest."""
    from convcalc.calculators.sizes.sizes import sizes_of
    from convcalc.render.views.sizes import table
    from convcalc.spec.loading import read

    found = sizes_of(read(common.source(), common.shapes(), common.assignments()), axes(near, "--near"))
    emit(table(found), common.form, found.to_dict() if common.json else None)

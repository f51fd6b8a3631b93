"""``variants``: every way to replace a convolution."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from convcalc.cli.options import EXACT, FORM, GRAPH, SIZED, SORT, SPEC, TOP, Common, command
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(SPEC, *GRAPH, *SIZED, SORT, TOP, EXACT, *FORM)
def variants(
    common: Common,
    layer: Annotated[
        str | None,
        typer.Option("--layer", "-l", metavar="NAME", help="Only this layer: the convolution to replace."),
    ] = None,
    specs: Annotated[
        bool, typer.Option("--specs", help="Print the specs only, one per line, to paste or to pipe.")
    ] = False,
    expansion: Annotated[
        int, typer.Option("--expansion", metavar="N", min=1, help="Width of the inverted residual.")
    ] = 6,
    reduction: Annotated[
        int,
        typer.Option("--reduction", metavar="N", min=1, help="What a bottleneck divides the channels by."),
    ] = 4,
) -> Answer:
    """Every way to replace a convolution at the same shapes.

    Each row is a spec with its cost, its ratio to the layer given, what an output sees, and where it
    was proposed.
    """
    import convcalc
    from convcalc.render.views.design import variants as render

    found = convcalc.variants(
        common.load(), layer=layer, expand=expansion, reduce=reduction, batch=common.batch, dtype=common.dtype
    )
    table = render.table(found, exact=common.exact, character=_character())
    order = common.choose(table, "macs")

    def data() -> dict[str, Any]:
        whole = found.to_dict()
        return {**whole, "variants": [whole["variants"][i] for i in order]}

    return Answer([Text(render.specs(found, order)) if specs else table.rows_at(order)], data)


def _character() -> str:
    """What bars are made of here: a block in a terminal that can show one."""
    try:
        "█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "#"
    return "█" if sys.stdout.isatty() else "#"

"""``page``: the report of networks as one file for a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import GRAPH, JSON, SIZED, SPECS, Common, command
from convcalc.cli.output import UsageProblem
from convcalc.render.answer import Answer
from convcalc.render.table import Text


@command(SPECS, *GRAPH, *SIZED, JSON)
def page(
    common: Common,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the page here, such as report.html."),
    ] = None,
) -> Answer:
    """The report of networks as one file for a browser: graph, table, memory, fields, findings."""
    from convcalc.page.report import page

    if output is None and not common.json:
        raise UsageProblem("page writes a file", expected="-o report.html, or --json for what it shows")
    graphs = [common.load(spec) for spec in common.specs]
    made = page(*graphs, batch=common.batch, dtype=common.dtype, texts=common.specs)
    if output is None:
        return Answer((), made.to_dict)
    html = made.html.encode()
    from convcalc.files import write_whole

    write_whole(output, html)
    names = ", ".join(network["title"] for network in made.data["networks"])
    return Answer([Text(f"{output}: {names}, {len(html):,} bytes; open it in a browser\n")], made.to_dict)

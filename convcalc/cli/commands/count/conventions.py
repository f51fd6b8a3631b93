"""``conventions``: what other counters print of a network, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from convcalc.cli.options import AS, BATCH, EXACT, FORM, GRAPH, NOTATION, SPEC, Common, command
from convcalc.render.answer import Answer

if TYPE_CHECKING:
    from convcalc.render.pictures.drawing import Drawing

Sources = Annotated[bool, typer.Option("--sources", help="Where in the tool's source each rule was read.")]


@command(SPEC, *GRAPH, BATCH, AS, EXACT, NOTATION, *FORM, pictures=True)
def conventions(common: Common, sources: Sources = False) -> Answer:
    """What other counters print of it, and the way there from our MACs.

    The totals are theirs to the integer, at the version that is named, with their faults.
    """
    from convcalc.calculators.conventions.bridge import bridge
    from convcalc.calculators.conventions.declaration import names
    from convcalc.calculators.count.report import analyze
    from convcalc.render.views.count.conventions import tables

    report = analyze(common.load(), batch=common.batch)
    found = [bridge(report, tool) for tool in dict.fromkeys(common.counted_as or names())]

    def data() -> dict[str, Any]:
        return {"name": report.name, "macs": report.totals.macs, "flops": report.totals.flops, "tools": found}

    def picture() -> Drawing:
        from convcalc.render.pictures.questions.counters import counters

        return counters(report, found)

    return Answer(tables(report, found, exact=common.exact, sources=sources), data, picture=picture)

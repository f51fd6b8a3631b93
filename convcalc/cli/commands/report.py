"""``summary``, ``params``, ``flops``, ``shapes`` and ``memory``: the tables of one report."""

from __future__ import annotations

from typing import Annotated

import typer

from convcalc.cli.options import COUNT, EXACT, FORM, GRAPH, NOTATION, ROWS, SPEC, Common, command
from convcalc.cli.output import UsageProblem, emit
from convcalc.render.views.report import VIEWS, with_shown

SHARED = (SPEC, *GRAPH, *COUNT, *ROWS, EXACT, NOTATION, *FORM)


def _show(common: Common, view: str) -> None:
    report = common.analyze()
    rows = report.layers if common.depth is None else report.fold(common.depth)
    table = report.table(view, exact=common.exact, rows=rows, notation=common.notation)
    order = common.choose(table, VIEWS[view].main)
    data = None
    if common.json:
        data = report.to_dict()
        shown = table.records()
        data["layers"] = [with_shown(rows[i].to_dict(), shown[i]) for i in order]
    emit(table.rows_at(order), common.form, data)


@command(*SHARED)
def summary(common: Common) -> None:
    """Shapes, parameters, MACs and FLOPs of each layer."""
    _show(common, "summary")


@command(*SHARED)
def params(common: Common) -> None:
    """Parameters of each layer: weights, biases, buffers."""
    _show(common, "params")


@command(*SHARED)
def flops(common: Common) -> None:
    """MACs, FLOPs and operations by kind of each layer."""
    _show(common, "flops")


@command(*SHARED)
def shapes(common: Common) -> None:
    """What goes into each layer and what comes out."""
    _show(common, "shapes")


@command(*SHARED)
def memory(
    common: Common,
    by_resolution: Annotated[
        bool, typer.Option("--by-resolution", help="The largest tensor held at each spatial resolution.")
    ] = False,
    fused: Annotated[
        list[str] | None,
        typer.Option("--fused", metavar="NAME", help="With it: output of this layer or block is not held."),
    ] = None,
) -> None:
    """Bytes of parameters and of live activations."""
    if not by_resolution:
        if fused:
            raise UsageProblem("--fused goes with --by-resolution")
        _show(common, "memory")
        return
    from convcalc.calculators.count.resolutions import resolutions
    from convcalc.render.views.resolutions import table

    found = resolutions(
        common.load(), depth=common.depth, fused=fused or (), batch=common.batch, dtype=common.dtype
    )
    shown = table(found, exact=common.exact)
    emit(shown.rows_at(common.choose(shown, "bytes")), common.form)

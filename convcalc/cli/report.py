"""``summary``, ``params``, ``flops``, ``shapes`` and ``memory``: the tables of one report."""

from __future__ import annotations

from convcalc.cli.options import COUNT, EXACT, FORM, GRAPH, ROWS, SPEC, Common, command
from convcalc.cli.output import emit
from convcalc.render.report import VIEWS, with_shown

SHARED = (SPEC, *GRAPH, *COUNT, *ROWS, EXACT, *FORM)


def _show(common: Common, view: str) -> None:
    report = common.analyze()
    rows = report.layers if common.depth is None else report.fold(common.depth)
    table = report.table(view, exact=common.exact, rows=rows)
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
def memory(common: Common) -> None:
    """Bytes of parameters and of live activations."""
    _show(common, "memory")

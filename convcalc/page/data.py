"""What a page shows of networks: one dictionary of what the calculators answer.

The keys are described where they are made: :func:`network` here, rows and totals in
:mod:`convcalc.page.rows`, the graph in :mod:`convcalc.page.layout`, formulas in
:mod:`convcalc.page.details`, findings in :mod:`convcalc.page.findings`, pictures in
:mod:`convcalc.page.pictures`, and what two networks have in common in :mod:`convcalc.page.matching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from convcalc import __version__
from convcalc.budget import question
from convcalc.calculators.count.report import Report, analyze
from convcalc.calculators.receptive_field.graph import ReceptiveField, receptive_field
from convcalc.graph import Graph, Spec, as_graph
from convcalc.page import details, layout, rows
from convcalc.page.tree import Tree, tree
from convcalc.render import numbers


class Asked(NamedTuple):
    """A network with what the calculators answered, asked once for all that a page shows.

    Attributes:
        graph: the network.
        spec: the text that it was asked for by; empty where it was handed over as a graph.
        report: its counts.
        fields: what its layers see.
        tree: its blocks and layers.
    """

    graph: Graph
    spec: str
    report: Report
    fields: ReceptiveField
    tree: Tree


@question
def page_data(
    *specs: Spec,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    texts: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Everything that a page shows, as JSON holds it.

    Args:
        specs: graphs, or specs to load with ``input`` and ``set``.
        input: see :func:`convcalc.load`.
        set: see :func:`convcalc.load`.
        batch: samples in one pass.
        dtype: element type of the bytes.
        texts: how each network was asked for, where graphs are given.

    Returns:
        ``convcalc``, the version; ``networks``, one dictionary each; ``comparison``, a table as
        :func:`convcalc.compare` gives it, and ``matches``, where there are several networks, else None.

    Raises:
        ValueError: there is no spec, the batch is not positive, or the dtype is unknown.
        SpecError: a spec cannot be read.
    """
    if not specs:
        raise ValueError("a page shows one network or more, got none")
    if texts is None:
        texts = ["" if isinstance(spec, Graph) else str(spec) for spec in specs]
    asked = []
    for spec, text in zip(specs, texts, strict=True):
        graph = as_graph(spec) if isinstance(spec, Graph) else as_graph(spec, input=input, set=set)
        report = analyze(graph, batch=batch, dtype=dtype, partial=True)
        asked.append(Asked(graph, text, report, receptive_field(graph), tree(report)))
    return {
        "convcalc": __version__,
        "networks": [network(one) for one in asked],
        "comparison": None,
        "matches": None,
    }


def network(asked: Asked) -> dict[str, Any]:
    """One network as a page shows it.

    Returns:
        ``name`` and ``title``; ``about``, where it was published; ``spec``, the text it was asked for by;
        ``input``, ``batch`` and ``dtype`` of the counts; ``notes``, sentences on how it was read and what
        is not known; then what the other modules of this room give.
    """
    graph, report = asked.graph, asked.report
    told, detail = details.details(graph)
    return {
        "name": numbers.label(graph.name),
        "title": numbers.label(graph.name),
        "about": " ".join(graph.source.split()),
        "spec": asked.spec,
        "input": [numbers.shape(shape) for shape in report.inputs],
        "batch": report.batch,
        "dtype": report.dtype,
        "notes": [*graph.notes, *report.table("summary").notes],
        "totals": rows.totals(asked.report, asked.fields),
        "report": rows.report_json(report),
        "columns": [column._asdict() for column in rows.COLUMNS],
        "rows": rows.rows(report, asked.fields, asked.tree, detail),
        "graph": layout.groups(graph, asked.tree),
        "details": told,
        "findings": [],
        "pictures": {},
    }

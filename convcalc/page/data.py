"""What a page shows of networks: one dictionary of what the calculators answer.

The keys are described where they are made: :func:`network` here, rows and totals in
:mod:`convcalc.page.rows`, the graph in :mod:`convcalc.page.layout`, formulas in
:mod:`convcalc.page.details`, findings in :mod:`convcalc.page.findings`, pictures in
:mod:`convcalc.page.pictures`, and what two networks have in common in :mod:`convcalc.page.matching`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from convcalc import __version__
from convcalc.budget import STEPS, allow, question
from convcalc.calculators.compare.networks import compare
from convcalc.calculators.count.report import analyze
from convcalc.calculators.receptive_field.graph import receptive_field
from convcalc.graph import Graph, Spec, as_graph
from convcalc.page import details, findings, layout, matching, pictures, rows
from convcalc.page.asked import Asked
from convcalc.page.tree import tree
from convcalc.render import numbers

QUESTIONS: Final = 1
"""Budgets besides for what must be answered of each network; every part that can be left out has its own."""


@question
def page_data(
    *specs: Spec,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
    batch: int = 1,
    dtype: str = "float32",
    texts: Sequence[str | Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Everything that a page shows, as JSON holds it.

    Args:
        specs: graphs, or specs to load with ``input`` and ``set``.
        input: see :func:`convcalc.load`.
        set: see :func:`convcalc.load`.
        batch: samples in one pass.
        dtype: element type of the bytes.
        texts: how each network was asked for, where graphs are given: the spec, or the words of a command
            line, the spec first. What the page suggests names the network so.

    Returns:
        ``convcalc``, the version; ``networks``, one dictionary each; ``comparison``, a table as
        :func:`convcalc.compare` gives it, and ``matches``, where there are several networks, else None. A
        match with another network than the second has the number of it under ``network``.

    Raises:
        ValueError: there is no spec, the batch is not positive, or the dtype is unknown.
        SpecError: a spec cannot be read.
    """
    if not specs:
        raise ValueError("a page shows one network or more, got none")
    if texts is None:
        more = [*options("--input", input), *options("--set", set or None)]
        texts = ["" if isinstance(spec, Graph) else [str(spec), *more] for spec in specs]
    allow(QUESTIONS * STEPS * len(specs))
    asked = []
    for spec, text in zip(specs, texts, strict=True):
        graph = as_graph(spec) if isinstance(spec, Graph) else as_graph(spec, input=input, set=set)
        report = analyze(graph, batch=batch, dtype=dtype, partial=True)
        words = (text,) if isinstance(text, str) else tuple(text)
        words = words if words and words[0] else ()
        asked.append(Asked(graph, words, report, receptive_field(graph), tree(report), []))
    networks = [network(one) for one in asked]
    table = found = None
    if len(asked) > 1:
        table, found = _together(asked)
    return {"convcalc": __version__, "networks": networks, "comparison": table, "matches": found}


def options(option: str, given: Any) -> list[str]:
    """What a command line says for a shape, or for a mapping of names to shapes or values."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [word for name, one in given.items() for word in (option, f"{name}={_text(one)}")]
    if isinstance(given, str) and "=" in given:  # several inputs in one text
        return [word for one in given.split(",") for word in (option, one.strip())]
    return [option, _text(given)]


def _text(value: Any) -> str:
    return numbers.shape(value).replace(" ", "") if isinstance(value, (tuple, list)) else str(value)


def network(asked: Asked) -> dict[str, Any]:
    """One network as a page shows it.

    Returns:
        ``name`` and ``title``; ``about``, where it was published; ``spec`` and ``options``, by which it was
        asked for; ``input``, ``batch`` and ``dtype`` of the counts; ``notes``, sentences on how it was read
        and what is not known; then what the other modules of this room give.
    """
    graph, report = asked.graph, asked.report
    nothing: tuple[list[dict[str, Any]], dict[str, int]] = [], {}
    told, detail = asked.part("formulas", lambda: details.details(graph, asked.notes), nothing)
    drawn = layout.groups(graph, asked.tree)
    none: list[dict[str, Any]] = []
    found = asked.part("findings", lambda: findings.findings(asked), none)
    return {
        "name": numbers.label(graph.name),
        "title": numbers.label(graph.name),
        "about": " ".join(graph.source.split()),
        "spec": asked.spec,
        "options": " ".join(map(findings.quoted, asked.words[1:])),
        "input": [numbers.shape(shape) for shape in report.inputs],
        "batch": report.batch,
        "dtype": report.dtype,
        "totals": rows.totals(report, asked.fields),
        "report": rows.report_json(report),
        "columns": [column._asdict() for column in rows.COLUMNS],
        "rows": rows.rows(report, asked.fields, asked.tree, detail, drawn["groups"]),
        "graph": drawn,
        "details": told,
        "findings": found,
        "pictures": pictures.pictures(asked),
        "notes": [*graph.notes, *report.table("summary").notes, *asked.notes],
    }


def _together(asked: Sequence[Asked]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The table of several networks, and the matches of the first with each other one."""
    first = asked[0]
    table = matching.comparison(
        compare(
            *(one.graph for one in asked),
            labels=matching.labels([one.spec for one in asked]),
            layers=False,
            batch=first.report.batch,
            dtype=first.report.dtype,
            partial=True,
        )
    )
    found = []
    for number, other in enumerate(asked[1:], 1):
        pairs = matching.matches(first.graph, first.tree, other.graph, other.tree)
        found += [pair if number == 1 else {**pair, "network": number} for pair in pairs]
    return table, found

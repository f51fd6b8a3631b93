"""The formulas of every different layer, with letters and with the numbers put in."""

from __future__ import annotations

from typing import Any, Final

from convcalc.calculators.explain.records import Line, Section
from convcalc.calculators.explain.sections import explain
from convcalc.dims import is_symbolic
from convcalc.exporters.text import format_placed
from convcalc.graph import Graph
from convcalc.render import numbers
from convcalc.render.views.explain import Chain, chain, functions, written_condition

NOTATION: Final = "unicode"
FIELD: Final = "receptive field"
"""The group of the formulas of what a layer sees."""


def details(graph: Graph) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The details of the layers of a graph; equal layers share one.

    Returns:
        the details, and by name of a layer the number of its own. Of each ``title``, the layer in the spec
        language; ``about``, what it does; ``source``, where it was proposed; ``spec``, the layer with
        letters; ``letters``, each with ``name``, ``meaning`` and ``value``; ``formulas``, each with
        ``group``, ``name``, ``letter``, ``formula``, ``numbers`` (the formula with the numbers put in; empty
        where that says nothing more) and ``value``; ``conditions``, what the letters must meet;
        ``functions``, what the functions in the formulas mean; ``field``, the ``size``, ``stride`` and
        ``padding`` of what it sees alone; ``window``, a picture of it or None.
    """
    sections = explain(graph).sections
    keys: dict[tuple[str, str], int] = {}
    number_of: dict[str, int] = {}
    for number, node in enumerate(graph.nodes):
        if number not in graph.inputs:
            shapes = graph.input_shapes(node)
            key = format_placed(node, shapes), str(shapes)  # as explain tells layers apart
            number_of[node.name] = keys.setdefault(key, len(keys))
    return [_detail(section) for section in sections], number_of


def _detail(section: Section) -> dict[str, Any]:
    values = section.numbers()
    chains = [chain(line, values, NOTATION) for line in section.lines]
    formulas = [_formula(line, one) for line, one in zip(section.lines, chains, strict=True)]
    fields = {one["name"]: one["value"] or one["formula"] for one in formulas if one["group"] == FIELD}
    return {
        "title": section.given or section.spec,
        "about": section.about,
        "source": section.source,
        "spec": section.spec,
        "inputs": [numbers.shape(shape) for shape in section.inputs],
        "letters": [
            {"name": v.name, "meaning": v.meaning, "value": "" if v.value is None else f"{v.value:,}"}
            for v in section.variables
        ],
        "formulas": formulas,
        "conditions": [written_condition(condition, NOTATION) for condition in section.constraints],
        "functions": functions(chains),
        "field": {
            "size": fields.get(FIELD, ""),
            "stride": fields.get("effective stride", ""),
            "padding": fields.get("effective padding", ""),
        },
        "window": None,
    }


def _formula(line: Line, one: Chain) -> dict[str, Any]:
    """The texts between equals signs, by what they are."""
    first, *middle = one.texts
    formula, put_in, value = first, "", ""
    if not middle and not is_symbolic(line.formula):
        formula, value = "", first
    elif middle:
        *between, value = middle
        put_in = between[0] if between else ""
    return {
        "group": one.group,
        "name": one.quantity,
        "letter": one.letter,
        "formula": formula,
        "numbers": put_in,
        "value": value,
    }

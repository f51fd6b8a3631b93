"""The formulas of every different layer, with letters and with the numbers put in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from convcalc.budget import OverBudgetError
from convcalc.calculators.explain.records import Section
from convcalc.calculators.explain.sections import explain
from convcalc.dims import DimensionError
from convcalc.exporters.text import format_placed
from convcalc.graph import Graph, Node
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import Sliding
from convcalc.render import numbers
from convcalc.render.pictures.draw.answer import draw
from convcalc.render.views.design.explain import Chain, expanded, written_condition

NOTATION: Final = "unicode"
FIELD: Final = "receptive field"
"""The group of the formulas of what a layer sees."""
WINDOWS: Final = 150_000
"""Characters of the pictures of windows of one network, together; those beyond are left out."""


def details(graph: Graph, notes: list[str]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The details of the layers of a graph; equal layers share one.

    Args:
        graph: the network.
        notes: gets a sentence where there was no time for all.

    Returns:
        the details, and by name of a layer the number of its own. Of each ``title``, the layer in the spec
        language; ``about``, what it does; ``source``, where it was proposed; ``spec``, the layer with
        letters; ``letters``, each with ``name``, ``meaning`` and ``value``; ``formulas``, each with
        ``group``, ``name``, ``letter``, ``formula``, ``numbers`` (the formula with the numbers put in; empty
        where that says nothing more) and ``value``; ``conditions``, what the letters must meet;
        ``field``, the ``size``, ``stride`` and ``padding`` of what it sees alone; ``window``, a picture of it
        or None.
    """
    keys: dict[tuple[str, str], int | None] = {}
    number_of: dict[str, int] = {}
    sections: list[Section] = []
    explained: list[Node] = []
    short: OverBudgetError | None = None
    for number, node in enumerate(graph.nodes):
        if number in graph.inputs:
            continue
        shapes = graph.input_shapes(node)
        key = format_placed(node, shapes), str(shapes)
        if key not in keys:
            keys[key] = None
            try:
                if short is None:
                    sections += explain(graph, layer=node.name).sections
                    keys[key] = len(explained)
                    explained.append(node)
            except OverBudgetError as error:
                short = error
        if (found := keys[key]) is not None:
            number_of[node.name] = found
    if short is not None:
        missing = len(graph.nodes) - len(graph.inputs) - len(number_of)
        notes.append(f"Without formulas of {missing} layers: {short}.")
    drawn = _windows(graph, explained)
    return [_detail(*one) for one in zip(sections, drawn, strict=True)], number_of


def _windows(graph: Graph, nodes: list[Node]) -> Iterator[str | None]:
    """A still picture of each window; windows of other channels and the same sizes share one."""
    known: dict[Any, str | None] = {}
    left = WINDOWS
    for node in nodes:
        layer = node.layer
        if not isinstance(layer, (Sliding, ConvTranspose)) or not any(k != 1 for k in layer.kernel):
            yield None
            continue
        sides = layer.padding, getattr(layer, "output_padding", None), getattr(layer, "ceil", None)
        sizes = str([shape[1:] for shape in (*graph.input_shapes(node), *node.outputs)])
        key = layer.op, layer.kernel, layer.stride, layer.dilation, sides, sizes
        if key not in known:
            known[key] = None
            with suppress(DimensionError, OverBudgetError):
                picture = draw(graph, layer=node.name, still=True).to_svg(standalone=False)
                if len(picture) <= left:
                    left -= len(picture)
                    known[key] = picture
        yield known[key]


def _detail(section: Section, window: str | None) -> dict[str, Any]:
    values = section.numbers()
    formulas = [_formula(one) for one in expanded(section.lines, values, NOTATION)]
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
        "field": {
            "size": fields.get(FIELD, ""),
            "stride": fields.get("effective stride", ""),
            "padding": fields.get("effective padding", ""),
        },
        "window": window,
    }


def _formula(one: Chain) -> dict[str, Any]:
    """The texts between equals signs, by what they are."""
    first, *middle = one.texts
    formula, put_in, value = first, "", ""
    if middle:
        *between, value = middle
        put_in = between[0] if between else ""
    elif not one.closed:
        formula, value = "", first
    return {
        "group": one.group,
        "name": one.words or one.quantity,
        "letter": one.letter,
        "formula": formula,
        "numbers": put_in,
        "value": value,
    }

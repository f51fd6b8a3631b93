"""What a layer or a block does, with every formula derived by counting letters instead of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convcalc.budget import question
from convcalc.calculators.answers import did_you_mean
from convcalc.calculators.count.report import analyze
from convcalc.calculators.explain.letters import Lettered, alone, lettered
from convcalc.calculators.explain.lines import (
    Lines,
    fields,
    operations,
    outputs,
    parameters,
    particulars,
    totals,
)
from convcalc.calculators.explain.records import Explanation, Line, Part, Section
from convcalc.calculators.explain.templates import block_call, block_letters, block_source, template
from convcalc.dims import is_symbolic
from convcalc.exporters.text import format_layer, format_placed
from convcalc.graph import Graph, Node, Spec, as_graph
from convcalc.layers import ALIASES, OPS, lookup
from convcalc.spec import library
from convcalc.spec.document.reading import block

__all__ = ["Explanation", "Line", "Part", "Section", "explain"]


@question
def explain(
    target: Spec, *, layer: str | None = None, input: Any = None, set: Mapping[str, Any] | None = None
) -> Explanation:
    """Explain a layer, a block or a spec.

    Args:
        target: the name of a layer (``conv``) or of a block (``separable``), for its formulas in
            letters; or a graph, or a spec to load with ``input`` and ``set``, for the formulas of
            each of its layers with the numbers substituted.
        layer: explain only this layer of the graph.
        input: see :func:`convcalc.load`.
        set: see :func:`convcalc.load`.

    Raises:
        SpecError: the spec cannot be read.
        ValueError: there is no such layer.
    """
    if isinstance(target, str):
        name = target.strip()
        op = ALIASES.get(name, name)
        if op in OPS and input is None:
            section = _section(op, template(op), {})
            return Explanation(op, sections=(section,))
        if library.has_block(name):
            return _block(name, input, set)
    return _graph(as_graph(target, input=input, set=set), layer)


def _graph(graph: Graph, layer: str | None) -> Explanation:
    """Every layer of a graph, one section per layer; equal layers share one."""
    nodes = [node for number, node in enumerate(graph.nodes) if number not in graph.inputs]
    if layer is not None:
        try:
            number = graph.find(layer).node
        except LookupError as error:
            raise ValueError(f"{error}{did_you_mean(layer, (node.name for node in nodes))}") from None
        if number in graph.inputs:
            raise ValueError(f"{layer!r} is an input of the graph, not a layer")
        nodes = [graph.nodes[number]]
    sections: dict[Any, Section] = {}
    for node in nodes:
        shapes = graph.input_shapes(node)
        given = format_placed(node, shapes)
        key = (given, str(shapes))
        if key not in sections:
            options = {o.field: getattr(node.layer, o.field, None) for o in node.layer.options}
            texts = {"given": given, "name": node.name}
            sections[key] = _section(
                node.op,
                lettered(node.op, options, shapes),
                texts,
                alone(node.name, node.layer, shapes, node.outputs),
                node,
            )
    found = Explanation(graph.name, sections=tuple(sections.values()))
    if len(nodes) == 1:
        return found
    return replace(found, parts=_parts(graph), lines=totals(graph), constraints=graph.constraints)


def _block(name: str, input: Any, set: Mapping[str, Any] | None) -> Explanation:
    """A block with letters for its arguments and for the sizes of its input."""
    from convcalc.spec import load

    call, shape = block_call(name)
    if isinstance(shape, tuple):
        graph = load(call, input=shape if input is None else input, set=set)
    else:
        stated = "\n".join(f"  {one}: {size}" for one, size in shape.items())
        first = next(iter(shape))
        graph = load(f"inputs:\n{stated}\nlayers:\n- {call} from={first}\n", input=input, set=set)
    doc = " ".join(block(name).doc.split())
    read = {edge.node for node in graph.nodes for edge in node.inputs}
    arrives = tuple(graph.nodes[number].outputs[0] for number in graph.inputs if number in read)
    shapes = [*arrives, *(shape for node in graph.nodes if not node.is_input for shape in node.outputs)]
    sizes = [size for shape in shapes for size in shape if is_symbolic(size)]
    counted = (*sizes, analyze(graph).totals.params)
    used = {letter for size in counted if is_symbolic(size) for letter in size.names}
    letters = block_letters(name, sorted(used, key=_reading))
    return Explanation(
        name,
        doc,
        block_source(name, doc),
        call,
        arrives,
        parts=_parts(graph),
        variables=letters,
        lines=totals(graph),
        constraints=graph.constraints,
    )


def _reading(letter: str) -> tuple[int, str]:
    """Where a letter is listed: channels and sizes first, then the rest by name."""
    order = "MTHWLN"
    return (order.index(letter) if letter in order else len(order), letter)


def _parts(graph: Graph) -> tuple[Part, ...]:
    report = analyze(graph)
    return tuple(
        Part(row.name, format_placed(row.node, row.input_shapes), row.output_shape, row.params, row.macs)
        for row in report.layers
        if row.node is not None
    )


def _section(
    op: str,
    made: Lettered,
    texts: Mapping[str, str],
    numbers: Graph | None = None,
    placed: Node | None = None,
) -> Section:
    cls = lookup(op)
    node = made.node
    values = {v.name: v.value for v in made.variables if v.value is not None}
    lines = Lines(values)
    parts = outputs(lines, made)
    parameters(lines, made)
    if placed is not None and placed.shares:
        lines.add("parameters", "of these, those of another layer", ", ".join(placed.shares))
    if placed is not None and placed.frozen:
        lines.add(
            "parameters", "held fixed in training", "all but those of others" if placed.shares else "all"
        )
    operations(lines, made, parts)
    fields(lines, made.graph, numbers)
    particulars(lines, made, numbers)
    return Section(
        texts.get("name", op),
        cls.about(),
        cls.source,
        format_layer(node.layer),
        made.graph.input_shapes(node),
        texts.get("given", ""),
        made.variables,
        tuple(lines.found),
        made.constraints,
    )

"""Layers and graphs as text of the spec language, such that it reads back to the same."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from convcalc.layers.base import INFER, REQUIRED, Layer, Option
from convcalc.layers.values import show

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from convcalc.dims import Shape
    from convcalc.graph import Edge, Graph, Node


def format_layer(layer: Layer, *, inferred: bool = True) -> str:
    """A layer in line form: ``conv 3->64 k7 s2 p3 bias=false``.

    Args:
        layer: the layer.
        inferred: whether what is taken from the input is stated as well (``3->``).
    """
    implied = {option.field for option in layer.options if option.default is INFER and not inferred}
    words = [layer.op]
    done: set[str] = set()
    for place in layer.positional:
        fields = place.split("->")
        options = {o.field: o for o in layer.options}
        values = [getattr(layer, f) for f in fields]
        if implied.issuperset(fields) and (len(fields) == 1 or values[0] == values[1]):
            done.update(fields)
            continue
        if len(fields) == 2 and fields[0] in implied and fields[1] not in implied:
            words.append(_bare(values[1]))
        elif len(fields) == 2:
            words.append("->".join(_bare(v) for v in values))
        elif options[fields[0]].kind == "shape" and values[0] is not None:
            words.append("x".join(_bare(v) for v in values[0]))
        elif options[fields[0]].kind == "word":
            words.append(values[0])
        elif (
            values[0] is None or options[fields[0]].kind not in ("dim", "value") or _bare(values[0])[0] == "("
        ):
            break
        else:
            words.append(_bare(values[0]))
        done.update(fields)
    for option in layer.options:
        if option.field in done or option.field in implied or not hasattr(layer, option.field):
            continue
        value = getattr(layer, option.field)
        option = option._replace(default=layer.default(option))
        if value is None or (
            option.default is not REQUIRED and option.default is not INFER and is_default(option, value)
        ):
            continue
        words.append(_format_option(option, value))
    return " ".join(words)


def format_placed(node: Node, inputs: tuple[Shape, ...], *, inferred: bool = True) -> str:
    """A layer in its place, in line form: the layer, whose arrays it uses, and whether they are frozen.

    Args:
        node: the layer in its place.
        inputs: shapes that it reads.
        inferred: as of :func:`format_layer`.
    """
    shares = _format_shares(node.shares, node.layer.arrays(inputs)) if node.shares else ""
    return format_layer(node.layer, inferred=inferred) + shares + " frozen=true" * node.frozen


def _format_shares(shares: Sequence[str], arrays: Collection[str]) -> str:
    """All arrays of one layer by its name alone, others each by its own: ``share=fc.weight``."""
    owners = {name.rpartition(".")[0] for name in shares}
    names = sorted(owners) if len(owners) == 1 and len(shares) == len(arrays) else shares
    return f" share={names[0]}" if len(names) == 1 else f" share=[{','.join(names)}]"


def is_default(option: Option, value: Any) -> bool:
    """Whether a value is the option's default, on every axis."""
    default = option.default
    if option.kind == "axes" and isinstance(value, tuple) and not isinstance(default, tuple):
        return all(v == default for v in value)
    if option.kind == "padding" and isinstance(value, tuple):
        return all(v == default or v == (default, default) for v in value)
    return (type(value) is type(default) and bool(value == default)) or (
        option.kind == "number" and bool(value == default)
    )


def _format_option(option: Option, value: Any) -> str:
    if option.kind == "padding":
        return _format_padding(option, value)
    if option.kind == "shapes":
        return _keyed(option, ",".join("x".join(map(_bare, shape)) or "()" for shape in value))
    if not isinstance(value, tuple):
        return _keyed(option, _bare(value), option.kind == "dim" and _plain(value))
    if option.kind == "axislist" and len(value) == 1:
        return _keyed(option, _bare(value[0]))
    if option.kind != "axes":
        return _keyed(option, _tuple(value))
    if value and all(v == value[0] for v in value) and (len(value) == 1 or value[0] is not None):
        return _keyed(option, _bare(value[0]), _plain(value[0]))
    if all(_plain(v) for v in value):
        return _keyed(option, "x".join(map(_bare, value)), True)
    return _keyed(option, f"({','.join(map(_bare, value))})")


def _format_padding(option: Option, value: Any) -> str:
    same = all(v == value[0] for v in value)
    if same and isinstance(value[0], str):
        return _keyed(option, value[0])
    if any(isinstance(v, str) for v in value) or not all(_plain(s) for v in value for s in v):
        return _keyed(option, _tuple(value))
    axes = [_bare(a) if a == b else f"{_bare(a)}:{_bare(b)}" for a, b in value]
    return _keyed(option, axes[0] if same and ":" not in axes[0] else "x".join(axes), True)


def _keyed(option: Option, text: str, plain: bool = False) -> str:
    """An option with its value: ``k3`` where the option has a letter and the value is plain, else ``k=``."""
    return f"{option.short or option.field}{'' if option.short and plain else '='}{text}"


def _plain(value: Any) -> bool:
    from convcalc.dims import is_symbolic

    return (type(value) is int and value >= 0) or (is_symbolic(value) and _is_symbol(str(value)))


def _is_symbol(text: str) -> bool:
    from convcalc.spec.language.expression import is_symbol_name

    return is_symbol_name(text)


def _tuple(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ",".join(_tuple(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    return _bare(value)


def _bare(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction):
        return f"({value})"
    if isinstance(value, (int, float, str)):
        return repr(value) if isinstance(value, float) else str(value)
    text = str(value)
    return text if _is_symbol(text) or text == "?" else f"({text.replace(' ', '')})"


def edge_name(graph: Graph, edge: Edge) -> str:
    """Name of a tensor: the node's, with the output where it has several."""
    node = graph.nodes[edge.node]
    names = node.layer.output_names()
    name = names[edge.output]
    return f"{node.name}.{name}" if name else node.name


def format_graph(graph: Graph) -> str:
    """A graph as a document: every layer in one line, nothing repeated, no blocks."""
    graph = closed(graph)
    lines = [
        f"  - {format_node(graph, i, node)}" for i, node in enumerate(graph.nodes) if i not in graph.inputs
    ]
    return format_document(graph, ["layers:", *lines])


def format_document(graph: Graph, body: Sequence[str]) -> str:
    """A document around its layers: name, source and inputs before, outputs behind."""
    import json

    lines = [f"name: {json.dumps(graph.name, ensure_ascii=False)}"]
    if graph.source:
        lines.append(f"source: {json.dumps(graph.source, ensure_ascii=False)}")
    inputs = [graph.nodes[i] for i in graph.inputs]
    shapes = {n.name: _quoted(show(map(_bare, n.outputs[0]))) for n in inputs}
    if list(shapes) == ["input"]:
        lines.append(f"input: {shapes['input']}")
    else:
        lines.append("inputs:")
        lines += [f"  {json.dumps(name)}: {shape}" for name, shape in shapes.items()]
    lines += body
    last = len(graph.nodes) - 1
    names = graph.output_names or tuple(graph.named_outputs())
    if graph.outputs != ((last, 0),) or names != (graph.nodes[last].name,):
        lines.append("outputs:")
        named = zip(names, graph.outputs, strict=True)
        lines += [f"  {json.dumps(name)}: {edge_name(graph, edge)}" for name, edge in named]
    return "\n".join(lines) + "\n"


def _quoted(shape: str) -> str:
    """A shape as YAML holds it."""
    return f'"{shape}"' if "?" in shape else shape


def closed(graph: Graph) -> Graph:
    """A part of a network in which what is shared belongs to the first layer of the part that uses it."""
    names = {node.name for node in graph.nodes}
    if all(key.rpartition(".")[0] in names for node in graph.nodes for key in node.shares):
        return graph
    from dataclasses import replace

    from convcalc.graph import Node

    lent = graph.lent()
    nodes = []
    for number, node in enumerate(graph.nodes):
        shares = [f"{graph.nodes[at].name}.{array}" for array, at in lent.get(number, {}).items()]
        nodes.append(Node(node.name, node.layer, node.inputs, node.outputs, node.frozen, tuple(shares)))
    return replace(graph, nodes=nodes)


def format_node(graph: Graph, index: int, node: Node) -> str:
    """A node as a stage with its id and, where it does not read the node before, its inputs."""
    words = [format_placed(node, graph.input_shapes(node))]
    previous = index - 1
    flows_on = node.inputs == ((previous, 0),) and graph.nodes[previous].layer.output_names()[0] == ""
    if len(graph.inputs) > 1 and previous in graph.inputs:
        flows_on = False
    if not node.inputs and node.layer.arity[1] != 0:
        words.append("from=[]")
    elif not flows_on and node.inputs:
        names = [edge_name(graph, edge) for edge in node.inputs]
        words.append(f"from={names[0]}" if len(names) == 1 else f"from=[{','.join(names)}]")
    words.append(f"id={node.name}")
    return " ".join(words)

"""The door: which picture a spec gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable, did_you_mean
from convcalc.graph import Edge, Graph, Node, as_graph, input_node
from convcalc.layers.reads import ONE
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import Sliding
from convcalc.render.pictures.draw.picture import Picture, Place, Question, place_of
from convcalc.render.pictures.draw.spine import longest

if TYPE_CHECKING:
    from convcalc.graph import Spec

_HERE: Final = "convcalc.render.pictures.draw."

KINDS: Final = {
    "window": "window:window",
    "chain": "chain:chain",
    "network": "network:network",
    "gridding": "gridding:gridding",
    "matrix": "matrix:matrix",
}
"""By kind: where the function stands that answers a question with its picture, or with None where it is none
of its kind. Without a kind the first of :data:`TRIED` that answers is shown."""

TRIED: Final = ("window", "chain", "network")


@question
def draw(
    graph: Spec,
    position: Sequence[int] | None = None,
    *,
    gridding: bool = False,
    matrix: bool = False,
    values: bool = False,
    still: bool = False,
    layer: str | None = None,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> Picture:
    """Draw how an output is made.

    One layer with a window is shown at work: the window moves over the map that it reads, beside the map
    that it writes; a transposed one over its input with zeros between, with its kernel turned. Layers one
    after another are shown as maps beside each other, marked where they lead to one output; a network that
    is too large for cells, as one box a map. Of large maps the part around the window is shown.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``. One to three axes beside the channels.
        position: the output position to highlight, standing still; else the window moves over all.
        gridding: draw the input, each pixel by the number of its paths to the output.
        matrix: draw the layer as the matrix that takes its input to its output, beside the transpose.
        values: show numbers: small whole ones, run through the layer by the executor.
        still: do not move; the middle output is highlighted.
        layer: draw this layer of the graph alone, or this block.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        Unreachable: there is no such position or layer, sizes are not numbers, or it cannot be drawn so.
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    if layer is not None:
        graph = _alone(graph, layer)
    graph = _with_axes(_first_input(graph))
    target = graph.shape(graph.outputs[0])
    for shape in (graph.nodes[graph.inputs[0]].outputs[0], target):
        _check(shape)
    if gridding and matrix:
        raise Unreachable("a gridding map and a matrix are two pictures", expected="one of them")
    place = place_of(position, target[1:])
    windows = [node for node in graph.nodes if not node.is_input and not pointwise(graph, node)]
    if not windows:  # kernels of one tap each: they are drawn where there is nothing else to draw
        windows = [node for node in graph.nodes if isinstance(node.layer, (Sliding, ConvTranspose))]
    asked = Question(graph, place, position is None and not still, values, windows)
    kinds = ("gridding",) if gridding else ("matrix",) if matrix else ("window",) if values else TRIED
    for kind in kinds:
        module, _, name = KINDS[kind].partition(":")
        answer: Callable[[Question], Picture | None] = getattr(import_module(_HERE + module), name)
        found = answer(asked)
        if found is not None:
            return found
    what = "numbers are shown" if values else "a matrix is shown"
    raise Unreachable(f"{what} of one layer with a window, and here are {_counted(windows)}", expected=PICK)


PICK: Final = "one convolution or pooling layer, or --layer NAME to pick one"


def _counted(windows: Sequence[Node]) -> str:
    if len(windows) == 1:
        return f"one of another kind ({windows[0].op})"
    return f"{len(windows)}: {', '.join(node.name for node in windows[:3])}{', ...' * (len(windows) > 3)}"


def _alone(graph: Graph, name: str) -> Graph:
    """One layer of a graph, or one block, as a graph of its own."""
    from convcalc.calculators.explain.letters import alone

    names = [node.name for node in graph.nodes if not node.is_input]
    try:
        node = graph.nodes[graph.find(name).node]
    except LookupError as error:
        raise Unreachable(
            f"{error}{did_you_mean(name, names)}",
            expected="the name of a layer or a block, as summary shows it",
        ) from None
    if node.is_input:
        raise Unreachable(f"{name!r} is an input of the graph, not a layer", expected="the name of a layer")
    if name != node.name and node.name.startswith(f"{name}."):
        return _block(graph, name)
    return alone(node.name, node.layer, graph.input_shapes(node), node.outputs)


def _block(graph: Graph, name: str) -> Graph:
    """The layers of a block, what arrives from outside as inputs."""
    inside = [n for n, node in enumerate(graph.nodes) if node.name.startswith(f"{name}.")]
    arrive = dict.fromkeys(
        edge
        for n in inside
        for edge in graph.nodes[n].inputs
        if not graph.nodes[edge.node].name.startswith(f"{name}.")
    )
    nodes = [input_node(f"input{number}", graph.shape(edge)) for number, edge in enumerate(arrive, 1)]
    moved = {edge: Edge(number) for number, edge in enumerate(arrive)}
    number_of = {n: len(nodes) + number for number, n in enumerate(inside)}
    for n in inside:
        node = graph.nodes[n]
        inputs = tuple(moved.get(edge) or Edge(number_of[edge.node], edge.output) for edge in node.inputs)
        nodes.append(Node(node.name, node.layer, inputs, node.outputs, node.frozen, node.shares))
    return Graph(name, nodes, tuple(range(len(arrive))), (Edge(len(nodes) - 1),))


def _first_input(graph: Graph) -> Graph:
    """The graph with that input first that its output depends on: the one that is drawn.

    Raises:
        Unreachable: there is none.
    """
    reached = {*graph.ancestors(graph.outputs[0])}
    order = sorted(graph.inputs, key=lambda number: number not in reached)
    if not order or order[0] not in reached:
        raise Unreachable(f"{graph.name} reads no input", expected="a layer that reads one")
    return replace(graph, inputs=tuple(order))


def _with_axes(graph: Graph) -> Graph:
    """The graph up to its last map, where what it returns has no spatial axes and its input has."""
    if len(graph.shape(graph.outputs[0])) > 1 or len(graph.nodes[graph.inputs[0]].outputs[0]) == 1:
        return graph
    for edge in reversed(longest(graph)):
        if len(graph.shape(edge)) > 1:
            name = f"{graph.name} up to {graph.nodes[edge.node].name}"
            return replace(graph.part(edge), name=name)
    return graph


def _check(shape: Sequence[Any]) -> None:
    sizes = shape[1:]
    if not 1 <= len(sizes) <= 3:
        raise Unreachable(
            f"{len(sizes)} spatial axes cannot be drawn",
            expected="one, two or three, or --layer NAME of a layer between maps",
        )
    if not all(type(n) is int for n in shape):
        channels = shape[0] if type(shape[0]) is int else 1
        like = "x".join(map(str, [channels, *(32 for _ in sizes)]))
        raise Unreachable("sizes are not numbers here", expected=f"--input with numbers, such as {like}")


def pointwise(graph: Graph, node: Node) -> bool:
    """Whether every output position reads the one input position it stands at."""
    if node.layer.elementwise and len(node.inputs) == 1:
        return True
    if len(node.inputs) != 1 or node.outputs[0][1:] != graph.input_shapes(node)[0][1:]:
        return False
    if hasattr(node.layer, "kernel") and not isinstance(node.layer, Sliding):
        return False  # a shift is a window even where it has too few channels to move any
    reads = node.layer.reads(graph.input_shapes(node), node.outputs)
    return all(rule == ONE for _, rule in reads[0][0][1:])


__all__ = ["Picture", "Place", "draw"]

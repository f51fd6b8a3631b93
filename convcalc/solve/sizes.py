"""At which input size a graph is run: its own, or a smaller one that keeps its structure.

Formulas say what a run would cost and whether a smaller input keeps every layer and map; the executor says
how much memory it would need.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from convcalc.calculators.count.report import analyze
from convcalc.dims import UNKNOWN, Shape, is_known
from convcalc.executor import MemoryLimitError, estimate_memory
from convcalc.executor.memory import memory_limit
from convcalc.graph import Graph
from convcalc.layers.values import show
from convcalc.layers.windows.window import Spreading
from convcalc.spec import SpecError, load

MACS = 200_000_000_000
"""Multiply-accumulates up to which a network is run at its own size: some seconds."""

FIXED = "its sizes were fixed when it was exported"
"""Said of a network that cannot be read again at other sizes."""

UNSTATED = 32
"""First size tried where the spec states none."""


class Chosen(NamedTuple):
    """The graph to run, and what to say about its size (nothing at its own)."""

    graph: Graph
    note: str | None


def choose(graph: Graph, macs: int | None = MACS, memory: int | None = None) -> Chosen:
    """The graph at its own size where that is affordable, else the smallest that keeps its structure.

    Args:
        graph: a graph as :func:`convcalc.load` gives it.
        macs: multiply-accumulates that may be executed; any number where None.
        memory: bytes that may be needed; half of what the machine has where None.

    Returns:
        a graph whose sizes are numbers, with the same layers and channels.

    Raises:
        ValueError: its dimensions are symbols, or it states no size and none fits.
        MemoryLimitError: even the smallest size needs more memory than it may.
    """
    for shape in own_inputs(graph):
        if not all(type(size) is int or size is UNKNOWN for size in shape):
            raise ValueError(
                f"only numbers can be executed, and the input is {shape_text([shape])}; give one with --input"
            )
    for node in graph.nodes:
        for shapes in node.outputs:
            if not all(type(size) is int or size is UNKNOWN for size in shapes):
                raise ValueError(f"only numbers can be executed, and {node.name} has symbols among its sizes")
    memory = memory_limit() if memory is None else memory
    if not all(is_known(*shape) for shape in own_inputs(graph)):
        return Chosen(_stated(graph), "the spec states no size")
    why = _too_large(graph, macs, memory)
    if why is None:
        return Chosen(graph, None)
    small = reduced(graph, macs)
    if small is None:
        _check_memory(graph, memory)
        return Chosen(graph, None if graph.resizable else f"{why}: {FIXED}")
    _check_memory(small, memory)
    return Chosen(small, why)


def own_inputs(graph: Graph) -> tuple[Shape, ...]:
    """Shapes of the inputs of a graph."""
    return tuple(graph.nodes[index].outputs[0] for index in graph.inputs)


def _too_large(graph: Graph, macs: int | None, memory: int) -> str | None:
    needed = estimate_memory(graph).needed
    if needed > memory:
        return f"its own size needs {needed:,} bytes, {memory:,} are allowed"
    work = analyze(graph).totals.macs
    if macs is not None and type(work) is int and work > macs:
        return f"its own size takes {work:,} multiply-accumulates"
    return None


def _check_memory(graph: Graph, memory: int) -> None:
    estimate = estimate_memory(graph)
    if estimate.needed > memory:
        raise MemoryLimitError(estimate.layer, estimate.needed, memory)


def reload(graph: Graph, shapes: Sequence[Shape]) -> Graph | None:
    """The graph read again with other input shapes; None where that does not fit."""
    if not graph.resizable:
        return None
    names = [graph.nodes[index].name for index in graph.inputs]
    given = dict(zip(names, shapes, strict=True))
    try:
        if graph.again is not None:
            again = graph.again(given, graph.variables)
        else:
            again = load(graph.text, input=given, set=graph.variables)
    except SpecError:
        return None
    again.name = graph.name
    return again


def reduced(graph: Graph, macs: int | None = None) -> Graph | None:
    """The graph at the smallest input size at which nothing collapses; None if there is none.

    Sizes stay congruent to their own modulo the total stride, so that what divided still does.
    Nothing collapses where the same layers are there, every map that had more than one position
    along an axis still has, and every window that fitted into its map still does. Where that
    takes more than ``macs``, windows need not fit.
    """
    own = own_inputs(graph)
    first: Graph | None = None
    for shapes in _candidates(own, _stride(graph)):
        small = reload(graph, shapes)
        if small is None or not _same_structure(graph, small):
            continue
        first = first or small
        work = analyze(small).totals.macs
        if macs is not None and type(work) is int and work > macs:
            break
        if _windows_fit(graph, small):
            return small
    return first


def _candidates(own: Sequence[Shape], step: int) -> Iterator[tuple[Shape, ...]]:
    largest = max((size for shape in own for size in shape[1:]), default=1)
    for least in range(1, largest, step):
        shapes = tuple((shape[0], *(_shrunk(size, least, step) for size in shape[1:])) for shape in own)
        if shapes != tuple(own):
            yield shapes


def _shrunk(size: int, least: int, step: int) -> int:
    """The smallest size congruent to the own one that is not below ``least``."""
    return min(size, least + (size - least) % step)


def _stride(graph: Graph) -> int:
    """A power of two that covers how much any map is smaller than the input; at most 64."""
    largest = max((size for shape in own_inputs(graph) for size in shape[1:]), default=1)
    step = 1
    for node in graph.nodes:
        for size in node.outputs[0][1:]:
            while size > 1 and step < 64 and step * 2 * size <= largest + step:
                step *= 2
    return step


def _same_structure(graph: Graph, small: Graph) -> bool:
    """Whether both have the same layers, of the same channels or features, and nothing collapsed."""
    if len(graph) != len(small):
        return False
    for node, other in zip(graph.nodes, small.nodes, strict=True):
        if (node.name, node.op, node.inputs) != (other.name, other.op, other.inputs):
            return False
        before, after = graph.input_shapes(node), small.input_shapes(other)
        # what has one axis may be all of a map; what reads nothing is as large as the tokens it goes with
        held = bool(before) and len(before[0]) > 1
        if held and node.layer.parameters(before) != other.layer.parameters(after):
            return False
        for own, now in zip(node.outputs, other.outputs, strict=True):
            if len(own) != len(now) or any(n > 1 and m < 2 for n, m in zip(own[1:], now[1:], strict=True)):
                return False
    return True


def _windows_fit(graph: Graph, small: Graph) -> bool:
    """Whether windows that lay inside the map on some position still do."""
    for node, other in zip(graph.nodes, small.nodes, strict=True):
        kernel = getattr(node.layer, "kernel", None)
        if kernel is None or isinstance(node.layer, Spreading):
            continue
        dilation = getattr(node.layer, "dilation", (1,) * len(kernel))
        own, now = graph.input_shapes(node)[0][1:], small.input_shapes(other)[0][1:]
        for k, d, before, after in zip(kernel, dilation, own, now, strict=True):
            if after < d * (k - 1) + 1 <= before:
                return False
    return True


def _stated(graph: Graph) -> Graph:
    """The graph with sizes where the spec states none."""
    own = own_inputs(graph)
    if not graph.resizable:
        raise ValueError("it states no size, and it cannot be read again at another")
    for size in (UNSTATED, 64, 128, 256, 16, 8, 224):
        shapes = tuple(tuple(size if d is UNKNOWN else d for d in shape) for shape in own)
        found = reload(graph, shapes)
        if found is not None:
            return found
    raise ValueError("the spec states no size, and it fits none that was tried; give one with --input")


def shape_text(shapes: Sequence[Sequence[Any]]) -> str:
    """Shapes as people write them."""
    return ", ".join(map(show, shapes))

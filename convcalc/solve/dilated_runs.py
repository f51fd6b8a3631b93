"""The dilated runs of a network: each judged as a path, and executed in the network itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from convcalc.budget import question
from convcalc.calculators.dilation.runs import DilatedRun, dilated_runs
from convcalc.executor import ExecutionError, taint
from convcalc.executor.arithmetic.arith import Array
from convcalc.graph import Edge, Graph, Node, Spec, as_graph, input_node
from convcalc.layers.values import show
from convcalc.records import Record, record
from convcalc.solve.dilation import MAX_PIXELS, DilationJudgement, judge_dilations


@dataclass(frozen=True, eq=False, repr=False)
class RunJudgement(Record):
    """One dilated run of a network.

    Attributes:
        run: its layers.
        path: the judgement of its convolutions alone.
        covered, total: pixels of the field that reach the run's end through the network
            itself, shortcuts included, by execution; None where the part could not be executed.
        mask: which pixels these are; None where it could not be executed.
        reason: why it could not.
    """

    KEYS = "first last layers=run.names holes=has_holes covered total reason? path"

    run: DilatedRun
    path: DilationJudgement
    covered: int | None
    total: int | None
    mask: Array | None
    reason: str = ""

    @property
    def has_holes(self) -> bool:
        """The verdict: through the network where that was executed, else along the path."""
        if self.covered is None or self.total is None:
            return self.path.has_holes
        return self.covered < self.total

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON holds it."""
        names = self.run.names
        return record(self, first=names[0], last=names[-1])


@question
def judge_network_dilations(
    graph: Spec,
    *,
    input: Any = None,
    set: Mapping[str, Any] | None = None,
) -> list[RunJudgement]:
    """The dilated runs of a network, each judged by the rules and by execution.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Returns:
        one judgement per run, in execution order; none for a network without dilation. Coverage is
        executed in the network itself, where shortcuts may fill what the convolutions leave out.
    """
    graph = as_graph(graph, input=input, set=set)
    return [_judge_run(graph, run) for run in dilated_runs(graph)]


def _judge_run(graph: Graph, run: DilatedRun) -> RunJudgement:
    path = judge_dilations(list(run.rates), list(run.kernels), rank=len(run.kernels[0]))
    if prod(path.field) > MAX_PIXELS:
        return RunJudgement(run, path, None, None, None, "the field is too large to execute at once")
    try:
        inner = _seen(graph, run, path.field)
        if inner.shape != path.field:
            # Padding on one side, or none: twice the field holds all of it, wherever it stands.
            inner = _seen(graph, run, tuple(2 * n + 1 for n in path.field))
    except (ExecutionError, ValueError) as error:
        return RunJudgement(run, path, None, None, None, str(error))
    if inner.shape != path.field:
        shown = show(inner.shape)
        return RunJudgement(run, path, None, None, None, f"through the network it sees {shown} pixels")
    return RunJudgement(run, path, int(inner.sum()), int(inner.size), inner)


def _seen(graph: Graph, run: DilatedRun, sizes: tuple[int, ...]) -> Array:
    """What the middle of the run's output sees of an input of these sizes, cut to its extent."""
    part = _part(graph, run, sizes)
    mask = taint(part, [tuple(n // 2 for n in _sizes_of(part, sizes))])[0]
    spots = np.nonzero(mask)
    inner: Array = mask[tuple(slice(int(at.min()), int(at.max()) + 1) for at in spots)]
    return inner


def _part(graph: Graph, run: DilatedRun, sizes: tuple[int, ...]) -> Graph:
    """The run as a graph of its own, reading only its start; other ways in are cut."""
    places: dict[Edge, Edge] = {}
    nodes: list[Node] = []

    def source(edge: Edge, name: str) -> Edge:
        nodes.append(input_node(name, (graph.shape(edge)[0], *sizes)))
        return Edge(len(nodes) - 1)

    places[run.start] = source(run.start, "start")
    foreign = [
        edge
        for index in run.inside
        for edge in graph.nodes[index].inputs
        if edge.node not in run.inside and edge != run.start
    ]
    for number, edge in enumerate(dict.fromkeys(foreign)):
        places[edge] = source(edge, f"other{number}")
    inputs = tuple(range(len(nodes)))
    for index in run.inside:
        node = graph.nodes[index]
        wired = tuple(places[edge] for edge in node.inputs)
        for output in range(len(node.outputs)):
            places[Edge(index, output)] = Edge(len(nodes), output)
        nodes.append(Node(node.name, node.layer, wired, node.outputs, node.frozen, node.shares))
    return Graph("run", nodes, inputs, (places[Edge(run.end)],), (graph.nodes[run.end].name,))


def _sizes_of(part: Graph, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Spatial sizes that leave the part, by running its formulas over the new sizes."""
    shapes: list[tuple[Any, ...]] = []
    for node in part.nodes:
        arriving = tuple(shapes[edge.node][edge.output] for edge in node.inputs)
        shapes.append(node.outputs if node.is_input else node.layer.output_shapes(arriving))
    last = part.outputs[0]
    found: tuple[int, ...] = shapes[last.node][last.output][1:]
    return found

"""What each layer holds in memory: its parameters, what it writes, and all that is live then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.calculators.count.memory import INDEX_BYTES, Stored, itemsize, live_bytes, stored
from convcalc.calculators.count.report import LayerReport, Report, given
from convcalc.dims import Dim, maximum_of, total


class Footprint(NamedTuple):
    """Bytes of one row of a report.

    Attributes:
        param_bytes: of its parameters.
        buffer_bytes: of its buffers.
        index_bytes: of its stored indices, 8 each.
        output_bytes: of what it writes; nothing for a view of its input.
        live_bytes: of all tensors that are live while it runs (its inputs, its outputs, and what
            a later layer still reads); the largest such sum for a folded block.
    """

    param_bytes: Dim
    buffer_bytes: Dim
    index_bytes: Dim
    output_bytes: Dim
    live_bytes: Dim


def footprints(report: Report, rows: Sequence[LayerReport] | None = None) -> list[Footprint]:
    """Bytes of each row.

    Args:
        report: the counts.
        rows: what :meth:`Report.fold` gave; the layers of the report by default.

    Returns:
        one footprint per row. The largest ``live_bytes`` is the peak of the report's totals.
    """
    item = itemsize(report.dtype)
    inputs = set(report.graph.inputs)
    written, live = (
        [size for number, size in enumerate(sizes) if number not in inputs]
        for sizes in live_bytes(report.graph, report.batch, item)
    )
    if rows is None:
        rows = report.layers
    number = {row.name: i for i, row in enumerate(rows)}
    outputs: list[Dim] = [0] * len(rows)
    during: list[list[Dim]] = [[] for _ in rows]
    for layer, new, alive in zip(report.layers, written, live, strict=True):
        at = _row_of(layer.name, number)
        outputs[at] = outputs[at] + new
        during[at].append(alive)
    with given(report.constraints):
        largest = [maximum_of(sizes) for sizes in during]
    return [
        Footprint(row.params * item, row.buffers * item, row.indices * INDEX_BYTES, output, alive)
        for row, output, alive in zip(rows, outputs, largest, strict=True)
    ]


def together(report: Report, row: LayerReport, parts: Sequence[Footprint]) -> Footprint:
    """Bytes of a row that stands for several layers of a report, of theirs."""
    item = itemsize(report.dtype)
    with given(report.constraints):
        live = maximum_of([one.live_bytes for one in parts])
    return Footprint(
        row.params * item,
        row.buffers * item,
        row.indices * INDEX_BYTES,
        total(one.output_bytes for one in parts),
        live,
    )


def _row_of(name: str, number: dict[str, int]) -> int:
    """The number of the row that holds a layer: its own, that of a block, or the only one at depth 0."""
    while name and name not in number:
        name = name.rpartition(".")[0]
    return number.get(name, 0)


class Timeline(NamedTuple):
    """Bytes of the tensors that are live, over the execution of a network.

    Attributes:
        names: of the nodes in the order of execution, the inputs of the network among them.
        live: bytes of all tensors that are live while each of them runs.
        tensors: the tensors that own memory, in the order in which they are written.
        inputs: numbers of the inputs of the network, whose tensors live from the start.
    """

    names: list[str]
    live: list[Dim]
    tensors: list[Stored]
    inputs: tuple[int, ...]

    def first(self, tensor: Stored) -> int:
        """Number of the node from which on a tensor lives."""
        return 0 if tensor.node in self.inputs else tensor.node

    def held(self, number: int) -> list[Stored]:
        """The tensors that are live while a node runs; their bytes add up to ``live[number]``."""
        return [one for one in self.tensors if self.first(one) <= number <= one.last and one.bytes]


def timeline(report: Report) -> Timeline:
    """Bytes of live tensors over the execution, and how long each tensor lives."""
    graph, item = report.graph, itemsize(report.dtype)
    _, live = live_bytes(graph, report.batch, item)
    names = [node.name for node in graph.nodes]
    return Timeline(names, live, stored(graph, report.batch, item), tuple(graph.inputs))

"""What each layer holds in memory: its parameters, what it writes, and all that is live then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convcalc.calculators.memory import Liveness, itemsize
from convcalc.calculators.report import LayerReport, Report
from convcalc.dims import Dim, maximum, total


class Footprint(NamedTuple):
    """Bytes of one row of a report.

    Attributes:
        param_bytes: of its parameters.
        buffer_bytes: of its buffers.
        output_bytes: of what it writes; nothing for a view of its input.
        live_bytes: of all tensors that are live while it runs (its inputs, its outputs, and what
            a later layer still reads); the largest such sum for a folded block.
    """

    param_bytes: Dim
    buffer_bytes: Dim
    output_bytes: Dim
    live_bytes: Dim


def footprints(report: Report, rows: Sequence[LayerReport] | None = None) -> list[Footprint]:
    """Bytes of each row.

    Args:
        report: the counts.
        rows: what :meth:`Report.fold` gave; the layers of the report by default.

    Returns:
        one footprint a row. The largest ``live_bytes`` is the peak of the report's totals.
    """
    item = itemsize(report.dtype)
    written, live = _by_layer(report, item)
    result = []
    first = 0
    for row in report.layers if rows is None else rows:
        last = first + row.layers
        result.append(
            Footprint(row.params * item, row.buffers * item, total(written[first:last]), _largest(live[first:last]))
        )
        first = last
    return result


def _largest(sizes: Sequence[Dim]) -> Dim:
    largest = sizes[0]
    for size in sizes[1:]:
        largest = maximum(largest, size)
    return largest


def _by_layer(report: Report, item: int) -> tuple[list[Dim], list[Dim]]:
    """Bytes that each layer writes, and bytes that are live while it runs; inputs are no layers."""
    graph = report.graph
    live = Liveness(graph)
    inputs = set(graph.inputs)
    starts: dict[int, list[Dim]] = {}
    ends: dict[int, list[Dim]] = {}
    current: Dim = 0
    for key, size in live.sizes.items():
        cost = size * report.batch * (live.bytes[key] or item)
        ends.setdefault(live.last[key], []).append(cost)
        if key[0] in inputs:
            current = current + cost
        else:
            starts.setdefault(key[0], []).append(cost)
    written: list[Dim] = []
    alive: list[Dim] = []
    for number in range(len(graph.nodes)):
        new = total(starts.get(number, ()))
        current = current + new
        if number not in inputs:
            written.append(new)
            alive.append(current)
        for cost in ends.get(number, ()):
            current = current - cost
    return written, alive

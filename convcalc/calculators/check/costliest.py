"""Which layers cost most of what a limit is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from convcalc.calculators.compare.measures import MEASURES, read
from convcalc.calculators.count.counts import METRICS
from convcalc.calculators.count.memory import itemsize, live_bytes
from convcalc.calculators.count.report import Report
from convcalc.dims import Dim
from convcalc.graph import Graph
from convcalc.layers.base import Layer
from convcalc.records import Record

MOST: Final = 3
"""Layers that are named."""


@dataclass(frozen=True)
class Cost(Record):
    """What one layer has of a count, or several equal ones that cost the same.

    Attributes:
        layer: its name, or that of the first.
        op: what it is; empty of what is no layer.
        times: how many there are.
        value: what they cost together; of a peak of memory, what is live while it runs.
        share: of the total; None where that is no number.
    """

    layer: str
    op: str
    times: int
    value: int
    share: Fraction | None

    def to_dict(self) -> dict[str, object]:
        """The cost as JSON holds it."""
        share = None if self.share is None else round(float(self.share), 6)
        return {"layer": self.layer, "op": self.op, "times": self.times, "value": self.value, "share": share}


def costliest(graph: Graph, report: Report, key: str, most: int = MOST) -> tuple[Cost, ...]:
    """The layers with the most of a measure, the largest first; none of what no layer has a part in.

    Args:
        graph: the network.
        report: what was counted of it.
        key: of :data:`convcalc.calculators.compare.measures.MEASURES`.
        most: how many are named.
    """
    if key not in METRICS and (key not in MEASURES or not key.endswith("_bytes")):
        return ()
    whole = read(report, key)
    groups: dict[tuple[Layer | None, int], list[str]] = {}
    for name, layer, value in _parts(graph, report, key):
        if type(value) is int and value:
            groups.setdefault((layer, value), []).append(name)
    known = type(whole) is int and whole > 0
    costs = []
    for (layer, value), names in groups.items():
        # What is live while one layer runs is not added to what is live while another does.
        times = 1 if key == "peak_memory_bytes" else len(names)
        share = Fraction(times * value, whole) if known else None
        costs.append(Cost(names[0], layer.op if layer else "", times, times * value, share))
    return tuple(sorted(costs, key=lambda cost: -cost.value)[:most])


def _parts(graph: Graph, report: Report, key: str) -> Iterator[tuple[str, Layer | None, Dim]]:
    item = itemsize(report.dtype)
    if key in METRICS:
        yield from (
            (row.name, row.node.layer if row.node else None, getattr(row, key)) for row in report.layers
        )
        return
    if key in ("param_bytes", "memory_bytes"):
        yield from (
            (row.name, row.node.layer if row.node else None, row.params * item) for row in report.layers
        )
    if key == "memory_bytes" and report.totals.peak_memory_at:
        name = report.totals.peak_memory_at
        yield f"activations at {name}", None, report.totals.peak_memory_bytes
    if key == "peak_memory_bytes":
        _, alive = live_bytes(graph, report.batch, item, known=True)
        pairs = zip(graph.nodes, alive, strict=True)
        yield from ((node.name, node.layer, live) for node, live in pairs if not node.is_input)

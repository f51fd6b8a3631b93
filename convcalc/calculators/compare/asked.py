"""Measures that take a question of their own: memory in training, and the least time on a device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convcalc.calculators.count.report import Report
from convcalc.dims import UNKNOWN, Dim
from convcalc.graph import Graph


def time_bound(report: Report, device: str) -> Dim:
    """Nanoseconds at least on a device; unknown where no layer's operations and bytes are numbers."""
    from convcalc.calculators.hardware.roofline import costs

    time = costs(report, device).time
    return UNKNOWN if not time else -int(-time * 10**9 // 1)


def training_bytes(graph: Graph, batch: int, training: Mapping[str, Any]) -> Dim:
    """The peak of memory in training; unknown where a size is no number, or an operator unknown."""
    from convcalc.calculators.training.memory import training_memory

    if any(type(n) is not int for node in graph.nodes for shape in node.outputs for n in shape):
        return UNKNOWN
    if any(node.layer.opaque for node in graph.nodes):
        return UNKNOWN
    return training_memory(graph, batch=batch, **training).peak_bytes

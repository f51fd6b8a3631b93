"""What networks are compared by and limited in: totals of a report, and their ratios."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.calculators.count.report import Report
from convcalc.dims import UNKNOWN, Dim, is_array, is_symbolic, total


class Quantity(NamedTuple):
    """Something to measure, to compare and to limit.

    Attributes:
        key: its name in Python and JSON.
        title: its name in tables.
        unit: ``count``, ``bytes`` or ``pixels``.
    """

    key: str
    title: str
    unit: str = "count"


MEASURES: Final[dict[str, Quantity]] = {
    quantity.key: quantity
    for quantity in (
        Quantity("params", "parameters"),
        Quantity("trainable", "trainable parameters"),
        Quantity("frozen", "frozen parameters"),
        Quantity("buffers", "buffers"),
        Quantity("macs", "MACs"),
        Quantity("valid_macs", "valid MACs"),
        Quantity("flops", "FLOPs"),
        Quantity("activations", "activations"),
        Quantity("param_bytes", "parameter memory", "bytes"),
        Quantity("peak_memory_bytes", "peak memory", "bytes"),
        Quantity("memory_bytes", "memory", "bytes"),
    )
}
"""``memory_bytes`` is what a device must hold to run the network: parameters, buffers, stored
indices and the peak of live activations together."""


ASKED: Final[dict[str, Quantity]] = {
    "training_memory_bytes": Quantity("training_memory_bytes", "memory in training", "bytes"),
    "time_bound_ns": Quantity("time_bound_ns", "bound of time", "seconds"),
}
"""Worked out only where it is asked for: the peak over a training step, the least time on a device."""

AS: Final = "macs_as_"
"""Before the name of a convention: its total, as ``macs_as_thop`` and ``macs_as_ptflops_aten``."""


def as_counted(tool: str) -> str:
    """The key of a convention's total."""
    return AS + tool.replace("-", "_")


def quantity(key: str) -> Quantity | None:
    """What a key means: a measure, asked for or not, or the total of a convention; None for neither."""
    if not key.startswith(AS):
        return MEASURES.get(key) or ASKED.get(key)
    tool = _tool(key)
    return None if tool is None else Quantity(key, f"MACs as {tool}")


def _tool(key: str) -> str | None:
    from convcalc.calculators.conventions.declaration import names

    return next((name for name in names() if as_counted(name) == key), None)


def read(report: Report, key: str) -> Dim:
    """One measure of a report.

    Raises:
        KeyError: there is no such measure.
    """
    totals = report.totals
    if key.startswith(AS) and (tool := _tool(key)) is not None:
        from convcalc.calculators.conventions.counting import count

        return total(row.total for row in count(report, tool))
    if key == "memory_bytes":
        return totals.param_bytes + totals.buffer_bytes + totals.index_bytes + totals.peak_memory_bytes
    return getattr(totals, MEASURES[key].key)


def at_least(report: Report) -> dict[str, Dim]:
    """Of the measures that are not known, where that was asked for, what is known of them."""
    found = {key: report.at_least[key] for key in MEASURES if key in report.at_least}
    totals = report.totals
    parts = ("param_bytes", "buffer_bytes", "index_bytes", "peak_memory_bytes")
    if any(name in report.at_least for name in parts):
        known = (report.at_least.get(name, getattr(totals, name)) for name in parts)
        found["memory_bytes"] = sum(known)
    return found


def ratio(part: Dim, whole: Dim) -> Any:
    """``part / whole`` in its simplest exact form.

    Returns:
        a Fraction of integers; of closed forms a closed form, as a sum of terms where the whole is a
        product; None where the whole is 0; ``UNKNOWN`` where either is.
    """
    if part is UNKNOWN or whole is UNKNOWN:
        return UNKNOWN
    if is_array(part) or is_array(whole):
        return None  # arrays have no one ratio
    if type(whole) is int and whole == 0:
        return None
    found = Fraction(part, whole) if type(part) is int and type(whole) is int else part / whole
    return found if isinstance(found, Fraction) or is_symbolic(found) else Fraction(found)

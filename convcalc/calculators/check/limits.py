"""Limits of a network: how they are written, and what they hold.

A limit is a name such as ``max_params`` or ``min_rf`` and an amount: ``5M``, ``1.5G``, ``8MB``,
``512KiB``, ``200``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.calculators.amounts import LimitError as LimitError
from convcalc.calculators.amounts import amount as amount
from convcalc.calculators.answers import did_you_mean
from convcalc.calculators.compare.asked import time_bound, training_bytes
from convcalc.calculators.compare.measures import (
    AS,
    ASKED,
    MEASURES,
    Quantity,
    at_least,
    quantity,
    read,
)
from convcalc.calculators.count.report import Report
from convcalc.calculators.receptive_field.output import OutputField, field_of
from convcalc.dims import UNKNOWN, Dim
from convcalc.graph import Graph

KINDS: Final[dict[str, Quantity]] = {
    **{
        key: MEASURES[key]
        for key in ("params", "trainable", "frozen", "buffers", "macs", "valid_macs", "flops", "activations")
    },
    "param_memory": MEASURES["param_bytes"],
    "peak_memory": MEASURES["peak_memory_bytes"],
    "memory": MEASURES["memory_bytes"],
    "training_memory": ASKED["training_memory_bytes"],
    "time_bound": ASKED["time_bound_ns"],
    "rf": Quantity("receptive_field", "receptive field", "pixels"),
    "layers": Quantity("layers", "layers"),
}
"""What can be limited, by the second half of a limit's name. ``memory`` is parameters, buffers and the peak
of live activations together, ``training_memory`` the peak over a training step; ``time_bound`` the least time
on a device, named behind the time (``5ms on a100``); ``rf`` the receptive field (of the features, where a
global operation then sees everything), on its smallest axis for a minimum and its largest for a maximum."""

NAMES: Final = tuple(f"{side}_{kind}" for side in ("max", "min") for kind in KINDS)
"""Every limit."""

_ON: Final = re.compile(r"\s+on\s+")
"""Between a bound of time and the device that it is for."""


class Limit(NamedTuple):
    """One limit.

    Attributes:
        name: ``max_params`` and the like.
        bound: the largest or smallest value that is allowed.
        text: the bound as it was written; empty where it was a number.
        of: of a bound that a baseline sets, its name; else empty.
        base: what the baseline has.
        growth: how much more is allowed, as it was written.
        device: of a bound of time, the device that it is for.
    """

    name: str
    bound: Dim
    text: str = ""
    of: str = ""
    base: Dim = None
    growth: str = ""
    device: str = ""

    @property
    def kind(self) -> Quantity:
        """What is limited."""
        return _kind(self.name[4:])

    @property
    def most(self) -> bool:
        """Whether it is a maximum."""
        return self.name.startswith("max_")

    def value(self, counts: Mapping[str, Dim]) -> Dim:
        """The value that the bound is for, of those that :func:`counted` found."""
        if self.kind.key == "receptive_field":
            return counts["largest_field" if self.most else "smallest_field"]
        return counts[f"{self.kind.key} on {self.device}" if self.device else self.kind.key]

    def known(self, counts: Mapping[str, Dim]) -> Dim:
        """What a value that is not known is at least; None where it is known, or nothing is."""
        value = counts.get(f"at_least {self.kind.key}")
        return value if type(value) is int else None

    def holds(self, counts: Mapping[str, Dim]) -> bool | None:
        """Whether the limit holds; None where the value cannot be known or is a closed form.

        Where it cannot be known, what is known of it may be more than is allowed, or as much as is asked.

        A field that is the whole input has no size: it is larger than any.
        """
        value = self.value(counts)
        if value is None:
            return not self.most
        if type(value) is not int:
            known = self.known(counts)
            if known is None or (known <= self.bound if self.most else known < self.bound):
                return None
            return not self.most
        return bool(value <= self.bound if self.most else value >= self.bound)


def _kind(name: str) -> Quantity:
    """What the second half of a limit's name means."""
    found = KINDS.get(name) or quantity(name)
    assert found is not None
    return found


def limits(given: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Limits from their names and amounts; names may be written with ``-`` for ``_``.

    Raises:
        LimitError: no such limit, or no amount.
    """
    found = []
    for name, text in given.items():
        key = name.replace("-", "_")
        if key not in NAMES and (key[:4] not in ("max_", "min_") or quantity(key[4:]) is None):
            raise LimitError(
                f"no limit {name!r}{did_you_mean(key, NAMES)}",
                f"max_ or min_ with one of {', '.join(KINDS)}, {AS}TOOL",
            )
        try:
            unit, device, size = _kind(key[4:]).unit, "", text
            if unit == "seconds":
                size, device = _timed(text)
            bound = amount(size, unit)
            written = text.strip() if isinstance(text, str) else ""
            found.append(Limit(key, bound, written, device=device))
        except LimitError as error:
            raise LimitError(f"{key}: {error}", error.hint) from None
    return tuple(found)


def _timed(text: Any) -> tuple[str, str]:
    """A time and the device that it is for, of ``5ms on a100``."""
    parts = _ON.split(str(text).strip())
    if len(parts) != 2 or not all(parts):
        raise LimitError(f"{str(text)!r} names no device", "a time and a device, such as '5ms on a100'")
    return parts[0], parts[1]


def counted(
    graph: Graph, report: Report, chosen: tuple[Limit, ...], training: Mapping[str, Any] | None = None
) -> dict[str, Dim]:
    """Every value that limits are about; receptive field and memory in training where a limit asks for it.

    Args:
        graph: the network.
        report: what was counted of it.
        chosen: the limits.
        training: how it is trained: keyword arguments of :func:`convcalc.training_memory`.
    """
    counts: dict[str, Dim] = {key: read(report, key) for key in MEASURES}
    counts |= {f"at_least {key}": value for key, value in at_least(report).items()}
    counts |= {key: read(report, key) for key in {one.kind.key for one in chosen} if key.startswith(AS)}
    counts["layers"] = len(report.layers)
    if any(limit.kind.key == "receptive_field" for limit in chosen):
        counts["smallest_field"], counts["largest_field"] = _sizes(field_of(graph))
    if any(limit.kind.key == "training_memory_bytes" for limit in chosen):
        counts["training_memory_bytes"] = training_bytes(graph, report.batch, training or {})
    for limit in chosen:
        if limit.device:
            counts[f"{limit.kind.key} on {limit.device}"] = time_bound(report, limit.device)
    return counts


def _sizes(field: OutputField | None) -> tuple[Dim, Dim]:
    """Smallest and largest axis of a field; None for one that is the whole input."""
    if field is None or not field.size:
        return UNKNOWN, UNKNOWN
    finite = [n for n in field.size if n is not None]
    if any(type(n) is not int for n in finite):
        return UNKNOWN, UNKNOWN
    return (min(finite) if finite else None), (max(finite) if len(finite) == len(field.size) else None)

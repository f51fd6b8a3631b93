"""The tables of a report: ``summary``, ``params``, ``flops``, ``shapes`` and ``memory``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.render import numbers
from convcalc.render.table import Column, Format

if TYPE_CHECKING:
    from convcalc.calculators.report import LayerReport


class Field(NamedTuple):
    """A column of a report: how its value is read from a layer and from the totals.

    Attributes:
        column: heading, form and priority; ``format`` stands for exact integers.
        value: the value of a layer.
        total: attribute of the totals that the footer shows.
        human: how the value is written in human units.
    """

    column: Column
    value: Callable[[LayerReport], Any]
    total: str | None = None
    human: Format | None = None


def _text(
    key: str, title: str, value: Callable[[LayerReport], Any], priority: int = 0, least: int = 12
) -> Field:
    column = Column(key, title, numbers.label, "left", priority, least, cut_start=key == "name")
    return Field(column, value)


def _count(name: str, title: str, priority: int = 0) -> Field:
    column = Column(name, title, numbers.exact, priority=priority)
    return Field(column, lambda layer: getattr(layer, name), name, numbers.human)


def _operations(kind: str, priority: int) -> Field:
    column = Column(kind, kind, numbers.exact, priority=priority)
    return Field(column, lambda layer: getattr(layer.ops, kind), f"ops.{kind}", numbers.human)


def _bytes(name: str, title: str, priority: int = 0) -> Field:
    column = Column(name, title, numbers.exact, priority=priority)
    return Field(column, lambda layer: getattr(layer, name), name, numbers.human_bytes)


def _share(of: str, title: str, priority: int) -> Field:
    # The value is a pair (part, whole); the whole is put in when the table is made.
    column = Column(f"{of}_share", title, lambda pair: numbers.share(*pair), priority=priority)
    return Field(column, lambda layer: getattr(layer, of), of)


NAME: Final = _text("name", "name", lambda layer: layer.name, least=14)
OUTPUT: Final = Field(
    Column("output_shape", "output", numbers.shape, priority=30), lambda layer: layer.output_shape
)
INPUT: Final = Field(
    Column("input_shapes", "input", numbers.shapes, priority=40), lambda layer: layer.input_shapes
)
LAYER: Final = "layer"
"""Key of the column that shows a layer as the spec language writes it."""

NO_SIZE: Final = "the size of the input is not stated; give it with --input CxHxW"

VIEWS: Final[dict[str, tuple[str, tuple[Field, ...]]]] = {
    "summary": (
        "flops",
        (
            NAME,
            OUTPUT,
            _count("params", "params"),
            _count("macs", "MACs", 10),
            _count("flops", "FLOPs", 20),
            _share("flops", "% FLOPs", 50),
            _count("activations", "activations", 60),
        ),
    ),
    "params": (
        "params",
        (
            NAME,
            _count("weights", "weights", 40),
            _count("biases", "biases", 41),
            _count("other", "other", 42),
            _count("params", "params"),
            _share("params", "share", 20),
            _count("buffers", "buffers", 30),
        ),
    ),
    "flops": (
        "flops",
        (
            NAME,
            OUTPUT,
            _count("macs", "MACs", 10),
            _count("valid_macs", "valid MACs", 15),
            _operations("add", 44),
            _operations("mul", 43),
            _operations("cmp", 42),
            _operations("div", 45),
            _operations("special", 46),
            _count("flops", "FLOPs"),
            _share("flops", "share", 20),
        ),
    ),
    "shapes": ("activations", (NAME, INPUT, OUTPUT, _count("activations", "activations", 20))),
    "memory": ("live_bytes", (NAME, OUTPUT)),
}
"""Of each view: the column that ``--top`` orders by, and the columns."""

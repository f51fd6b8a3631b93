"""The pictures of a network, as a list: a new question adds its row here and its file beside this one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from convcalc.calculators.answers import Unreachable

if TYPE_CHECKING:
    from convcalc.calculators.count.report import Report
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.render.pictures.drawing import Drawing


class Question(NamedTuple):
    """One picture of a network.

    Attributes:
        key: its name in data.
        title: what it shows, in words.
        of: what it is drawn from.
        draws: module and function in this package.
    """

    key: str
    title: str
    of: Literal["report", "fields"]
    draws: str


OF_NETWORK: Final = (
    Question("cost", "cost by layer", "report", "cost:by_layer"),
    Question("memory", "memory over the execution", "report", "memory:timeline"),
    Question("growth", "growth of the receptive field", "fields", "growth:growth"),
    Question("field", "receptive field over the input", "fields", "field:over_input"),
)
"""In the order in which a reader sees them."""


def of_network(report: Report, fields: ReceptiveField | None) -> Iterator[tuple[Question, Drawing]]:
    """Every picture of a network that can be drawn: not those of sizes that are no numbers.

    Args:
        report: its counts.
        fields: its receptive fields; None where there are none.
    """
    for question in OF_NETWORK:
        source = report if question.of == "report" else fields
        if source is None:
            continue
        module, _, function = question.draws.partition(":")
        try:
            drawing = getattr(import_module(f"{__package__}.{module}"), function)(source)
        except Unreachable:
            continue
        yield question, drawing

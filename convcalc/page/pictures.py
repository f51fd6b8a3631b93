"""The pictures of a page: a list of questions, each answered by a drawing.

Another picture is another line of :data:`QUESTIONS`; nothing else has to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.page.asked import Asked
from convcalc.render.pictures.questions import cost, counters, field, growth, memory, roofline, training
from convcalc.render.pictures.svg import svg

if TYPE_CHECKING:
    from convcalc.calculators.training.memory import TrainingMemory
    from convcalc.render.pictures.drawing import Drawing


def _training(asked: Asked) -> TrainingMemory:
    """What a step of training takes, without a state of an optimizer."""
    from convcalc.calculators.training.memory import training_memory

    return training_memory(asked.report.graph, batch=asked.report.batch)


class Question(NamedTuple):
    """A picture that a page may show.

    Attributes:
        key: its key in the page's data.
        title: its heading.
        draw: makes it of what the calculators answered, or says by a
            :class:`~convcalc.dims.DimensionError` why it cannot be drawn.
    """

    key: str
    title: str
    draw: Callable[[Asked], Drawing | None]


QUESTIONS: Final = (
    Question("cost", "Cost by layer", lambda asked: cost.by_layer(asked.report)),
    Question("memory", "Memory over time", lambda asked: memory.timeline(asked.report)),
    Question("training", "Memory in training", lambda asked: training.timeline(_training(asked))),
    Question("growth", "Growth of the receptive field", lambda asked: growth.growth(asked.fields)),
    Question("field", "Receptive field over the input", lambda asked: field.over_input(asked.fields)),
    Question("roofline", "Roofline", lambda asked: roofline.of_report(asked.report)),
    Question("conventions", "As others count", lambda asked: counters.of_report(asked.report)),
)


def pictures(asked: Asked) -> dict[str, Any]:
    """The pictures of a network, by key, in the order of :data:`QUESTIONS`.

    Returns:
        of each ``title``, ``caption``, ``svg`` (for a page that has the style sheet of
        :func:`convcalc.render.pictures.svg.css` once) and ``rows``, ids of the layers that it marks. What
        cannot be drawn is left out, and a note of the network says why.
    """
    found = {}
    for question in QUESTIONS:
        made = asked.part(f"a picture of {question.title.lower()}", partial(question.draw, asked), None)
        if made is not None:
            markup = svg(made, standalone=False)
            marked = dict.fromkeys(map(unescape, _MARKED.findall(markup)))
            rows = [id for id in marked if id in asked.tree.places]
            found[question.key] = {
                "title": question.title, "caption": made.caption, "svg": markup, "rows": rows,
            }  # fmt: skip
    return found


_MARKED: Final = re.compile('data-layer="([^"]*)"')

"""The memory of a training step over forward and backward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcalc.calculators.training.timeline import AGAIN, BACKWARD, FORWARD
from convcalc.printable import one_line
from convcalc.render.numbers import human_bytes
from convcalc.render.pictures.charts import WIDTH, Band, Box, Chart, Mark, Rule, Series, cut
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.training.memory import TrainingMemory

HEIGHT: Final = 330
NAME: Final = 300
"""Room for the name of the layer at which the peak is reached."""

WORDS: Final = {FORWARD: "forward", AGAIN: "again", BACKWARD: "backward"}


def timeline(found: TrainingMemory) -> Drawing:
    """Bytes that are live at each step of training on one batch, with the peak and what is always there.

    Args:
        found: what :func:`convcalc.training_memory` gave.
    """
    steps = found.steps
    live = [step.bytes for step in steps]
    always = found.parameter_bytes + found.buffer_bytes + found.state_bytes
    at = next((i for i, step in enumerate(steps) if step.bytes == found.peak_bytes), 0)
    chart = Chart(
        [
            Series("all that is live", live, "series1", "area"),
            Series("parameters and the optimizer's state", [always] * len(live), "series2", "area"),
            Series("all that is live", live, "series1"),
        ],
        "layers in the order in which they run",
        "live",
        bands=_phases(found),
        names=[step.name for step in steps],
        ruled=[Rule(always, f"always there {human_bytes(always)}")] if always else [],
        marked=[
            Mark(
                at + 0.5,
                found.peak_bytes,
                f"peak {human_bytes(found.peak_bytes)} at {cut(found.peak_at, NAME)}, "
                f"{WORDS[found.peak_phase]}",
                found.peak_at,
            )
        ],
        binary=True,
        above=True,
    )
    drawing = Drawing(WIDTH, HEIGHT, f"{one_line(found.name)}: memory in training", "", "memory")
    chart.draw(drawing, Box(0, 0, WIDTH, HEIGHT))
    drawing.legend(
        [
            ("series1", "all that is live: what is saved, tensors at work, gradients"),
            ("series2", "parameters, buffers and the optimizer's state"),
        ]
    )
    again = f", {', '.join(found.checkpoint)} checkpointed" if found.checkpoint else ""
    drawing.caption = one_line(
        f"Live memory of {found.name} over one training step (batch {found.batch}, {found.precision}, "
        f"{found.optimizer}{again}). {human_bytes(found.saved_bytes)} are saved for the backward pass; the "
        f"peak of {human_bytes(found.peak_bytes)} is reached at {found.peak_at}, {WORDS[found.peak_phase]}."
    )
    return drawing


def _phases(found: TrainingMemory) -> list[Band]:
    """Runs of steps of one phase; where blocks run again, forward once more and backward go together."""
    bands: list[Band] = []
    for number, step in enumerate(found.steps):
        name = "forward" if step.phase == FORWARD else "backward"
        if bands and bands[-1].name == name:
            bands[-1] = bands[-1]._replace(end=number + 1)
        else:
            bands.append(Band(number, number + 1, name))
    return bands

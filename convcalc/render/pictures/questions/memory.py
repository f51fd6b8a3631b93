"""The memory of activations over the execution of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.calculators.count.footprint import timeline as lifetimes
from convcalc.printable import one_line
from convcalc.render.numbers import human_bytes
from convcalc.render.pictures.charts import SMALL, WIDTH, Box, Chart, Mark, Rule, Series, bands, cut
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.count.footprint import Timeline
    from convcalc.calculators.count.memory import Stored
    from convcalc.calculators.count.report import Report

HEIGHT: Final = 330

BESIDE: Final = 190
"""Width of what stands beside the timeline."""

NAME: Final = 300
"""Room for the name of the layer at which the peak is reached."""

FAR: Final = 2.5
"""Parameters that take more than so many times the peak are told, not drawn to the same scale."""


def timeline(report: Report) -> Drawing:
    """Bytes of live tensors while each layer runs, with the peak and what is held there.

    Args:
        report: counts of a network whose sizes are numbers.

    Raises:
        Unreachable: sizes are symbols or not stated.
    """
    found = lifetimes(report)
    chart = _chart(report, found)
    peak = report.totals.peak_memory_bytes
    at = found.live.index(peak)
    held = sorted(found.held(at), key=lambda one: -one.bytes)
    drawing = Drawing(WIDTH, HEIGHT, f"{one_line(report.name)}: memory of activations", "", "memory")
    box = Box(0, 0, WIDTH - BESIDE, HEIGHT)
    chart.draw(drawing, box)
    _beside(drawing, chart, box, found, held)
    drawing.legend(
        [
            ("series1", "all tensors that are live while a layer runs"),
            ("series2", "those that are held at the peak"),
        ]
    )
    inputs = ", ".join("x".join(map(str, shape)) for shape in report.inputs)
    many = "1 tensor is" if len(held) == 1 else f"{len(held)} tensors are"
    drawing.caption = (
        f"Live activations of {one_line(report.name)} ({inputs}, {report.dtype}, batch {report.batch}) over "
        f"the order of execution. The peak of {human_bytes(peak)} is reached at "
        f"{one_line(report.totals.peak_memory_at)}, where {many} held; parameters "
        f"take {human_bytes(report.totals.param_bytes)} beside them."
    )
    return drawing


def _chart(report: Report, found: Timeline) -> Chart:
    peak, params = report.totals.peak_memory_bytes, report.totals.param_bytes
    if not all(type(size) is int for size in found.live) or not found.live:
        raise Unreachable(
            "memory of sizes that are no numbers cannot be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    at, name = found.live.index(peak), report.totals.peak_memory_at
    series = [Series("live tensors", found.live, "series1", "area"), *_held(found, at)]
    series.append(Series("live tensors", found.live, "series1"))
    near = type(params) is int and 0 < params <= FAR * peak
    above = f"parameters: {human_bytes(params)}"
    if type(params) is int and params and not near:
        above += f", {params / peak:.3g} times the peak, beyond this scale" if peak else ""
    return Chart(
        series,
        "layers in the order of execution",
        "live tensors",
        bands=bands(found.names),
        names=found.names,
        ruled=[Rule(params, f"parameters {human_bytes(params)}")] if near else [],
        marked=[Mark(at + 0.5, peak, f"peak {human_bytes(peak)} at {cut(name, NAME)}", name)],
        binary=True,
        above=True,
        heading="" if near else above,
    )


def _held(found: Timeline, at: int) -> list[Series]:
    """The tensors held at the peak, one upon the other, those that live longest below."""
    tensors = sorted(found.held(at), key=lambda one: (found.first(one) - one.last, one.node))
    floors: list[Any] = [0] * len(found.live)
    series = []
    for tensor in tensors:
        values: list[float | None] = [None] * len(found.live)
        low: list[float | None] = list(values)
        for number in range(found.first(tensor), min(tensor.last, len(found.live) - 1) + 1):
            low[number] = floors[number]
            floors[number] += tensor.bytes
            values[number] = floors[number]
        series.append(Series(_name(found, tensor), values, "series2", "band", low))
    return series


def _name(found: Timeline, tensor: Stored) -> str:
    return found.names[tensor.node] + (f".{tensor.output}" if tensor.output else "")


def _beside(drawing: Drawing, chart: Chart, box: Box, found: Timeline, held: list[Stored]) -> None:
    """What is held at the peak, on the same scale: a tensor a part, the largest below."""
    _, y = chart.scales(box)
    left, floor = box.right + 4, 0
    drawing.text(left, box.y + 12, "held at the peak", "text", size=12)
    named, room = 0, y(0) + 1
    for tensor in held:
        top, bottom = y(floor + tensor.bytes), y(floor)
        floor += tensor.bytes
        words = f"{_name(found, tensor)} {human_bytes(tensor.bytes)}"
        layer = {"layer": found.names[tensor.node]}
        drawing.rect(left, top, 12, round(bottom - top, 2), "output", title=one_line(words), data=layer)
        middle = (top + bottom) / 2 + 4
        if bottom - top >= 14 and middle <= room:
            name = cut(_name(found, tensor), BESIDE - 20)
            drawing.text(left + 18, middle - (6 if bottom - top >= 30 else 0), name, "text", size=SMALL)
            if bottom - top >= 30:
                drawing.text(left + 18, middle + 8, human_bytes(tensor.bytes), "muted", size=SMALL)
            named += 1
    if named < len(held):
        rest = sum(tensor.bytes for tensor in held[named:])
        more = f"{len(held) - named} {'more' if named else 'tensors'}, {human_bytes(rest)}"
        drawing.text(left + 18, y(floor) - 5, more, "muted", size=SMALL)

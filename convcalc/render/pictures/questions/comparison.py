"""Networks side by side: what each costs, one measure a group of bars."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.calculators.compare.measures import AS, ASKED, Quantity, quantity
from convcalc.printable import one_line
from convcalc.render.numbers import human, human_bytes
from convcalc.render.pictures.charts import WIDTH, Bars, Box, Row
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.compare.networks import Comparison, Line

SHOWN: Final = ("params", "macs", "flops", "activations", "param_bytes", "peak_memory_bytes")
"""Measures that are drawn, where they are numbers."""

MOST: Final = 8
"""Most networks beside each other."""


def side_by_side(result: Comparison) -> Drawing:
    """Bars of the measures of all networks; each measure has its own scale, and values stand beside.

    Raises:
        Unreachable: no measure is a number, or there are too many networks.
    """
    if len(result.labels) > MOST:
        raise Unreachable(f"{len(result.labels)} networks beside each other", expected=f"at most {MOST}")
    asked = [line for line in result.lines if line.key in ASKED or line.key.startswith(AS)]
    lines = [*(result[key] for key in SHOWN), *asked]
    lines = [line for line in lines if any(type(value) is int for value in line.values)]
    if not lines:
        raise Unreachable(
            "measures that are no numbers cannot be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    rows = [
        Row(
            _about(line).title,
            [value if type(value) is int else None for value in line.values],
            [_words(result, line, number) for number in range(len(line.values))],
            True,
        )
        for line in lines
    ]
    titles = [_title(result, number) for number in range(len(result.labels))]
    roles = [f"series{number % 3 + 1}" for number in range(len(titles))]
    title = " and ".join(one_line(report.name) for report in result.reports[:3])
    title += f" and {len(titles) - 3} more" if len(titles) > 3 else ""
    bars = Bars(rows, titles, roles, panels=False, each=True, marked=len(titles) > 3)
    drawing = Drawing(WIDTH, bars.height, f"{title} side by side", "", "comparison")
    bars.draw(drawing, Box(0, 0, WIDTH, bars.height))
    if len(titles) > 3:
        drawing.legend([("", f"{number}: {name}") for number, name in enumerate(titles, 1)])
    else:
        drawing.legend(list(zip(roles, titles, strict=True)))
    base = result.reports[result.baseline]
    drawing.caption = (
        f"Costs of {', '.join(titles)}, each measure on its own scale; ratios are to {one_line(base.name)}."
    )
    if result.warnings:
        drawing.caption += f" Not like for like: {'; '.join(map(one_line, result.warnings))}."
    return drawing


def _about(line: Line) -> Quantity:
    found = quantity(line.key)
    assert found is not None
    return found


def _title(result: Comparison, number: int) -> str:
    report, label = result.reports[number], one_line(result.labels[number])
    name = one_line(report.name)
    shapes = ", ".join("x".join(map(str, shape)) for shape in report.inputs)
    if len(label) == 1:
        name = f"{label}: {name}"
    return f"{name} ({shapes})"


def _words(result: Comparison, line: Line, number: int) -> str:
    value: Any = line.values[number]
    if type(value) is not int:
        return "?"
    unit = _about(line).unit
    words = human_bytes(value) if unit == "bytes" else human(value)
    if unit == "seconds":
        from convcalc.render.views.count.cost import seconds

        words = seconds(Fraction(value, 10**9))
    ratio = line.ratios[number]
    if number == result.baseline or not isinstance(ratio, Fraction) or ratio <= 0 or ratio == 1:
        return words
    less, many = ("fewer", "as many") if unit == "count" else ("less", "as much")
    times, said = (ratio, many) if ratio > 1 else (1 / ratio, less)
    return f"{words}, {float(times):.3g}x {said}"

"""What each layer costs: parameters, MACs or another count, in the order of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.printable import one_line
from convcalc.render.numbers import Share, human, share
from convcalc.render.pictures.charts import WIDTH, Bars, Box, Chart, Mark, Row, Series, bands, cut
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.count.report import LayerReport, Report

TITLES: Final = {
    "params": "parameters",
    "macs": "MACs",
    "valid_macs": "valid MACs",
    "flops": "FLOPs",
    "activations": "activations",
    "buffers": "buffers",
}
"""What can be drawn, and what it is called."""

VIEWS: Final = {
    "summary": ("params", "macs"),
    "params": ("params",),
    "flops": ("flops",),
    "shapes": ("activations",),
}
"""What is drawn beside each table of a report."""

NAMED: Final = 40
"""Up to so many rows each has a bar with its name; more are columns without one."""

LABELLED: Final = 2
"""So many of the largest values are named."""

MARKED: Final = 9
"""Up to so many equal columns all have a mark; of more the first."""

NAME: Final = 420
"""Room for the name of a layer that is labelled."""

HEIGHT: Final = 240


def by_layer(
    report: Report,
    key: str | Sequence[str] = ("params", "macs"),
    rows: Sequence[LayerReport] | None = None,
    order: str = "in the order of execution",
) -> Drawing:
    """Bars of one count or of several, in the order of the network.

    Args:
        report: the counts.
        key: one of :data:`TITLES`, or several.
        rows: what :meth:`Report.fold` gave, or some of the layers; all layers by default. Those that cost
            nothing are left out.
        order: how the rows are ordered, in words.

    Raises:
        Unreachable: the counts are no numbers.
    """
    asked = [key] if isinstance(key, str) else list(key)
    given = report.layers if rows is None else rows
    keys = [one for one in asked if any(_number(row, one) is not None for row in given)] or asked
    shown = [row for row in given if any(_number(row, one) for one in keys)]
    if not shown and any(type(getattr(row, one)) is not int for row in given for one in keys):
        raise Unreachable(
            "counts that are no numbers cannot be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    what = " and ".join(TITLES[one] for one in keys)
    folded = any(row.node is None for row in given)
    title = f"{one_line(report.name)}: {what} of each {'block or layer' if folded else 'layer'}"
    totals = ", ".join(f"{human(getattr(report.totals, one))} {TITLES[one]}" for one in keys)
    drawing = Drawing(WIDTH, 0, title, "", "cost")
    if len(shown) <= NAMED:
        _named(drawing, report, keys, shown)
    else:
        _columns(drawing, report, keys, shown)
    inputs = ", ".join("x".join(map(str, shape)) for shape in report.inputs)
    left_out = len(given) - len(shown)
    drawing.caption = (
        f"{what[0].upper()}{what[1:]} of {one_line(report.name)} ({inputs}, batch {report.batch}) "
        f"{order}; of all layers together {totals}."
    )
    unknown = [TITLES[one] for one in asked if one not in keys]
    if unknown:
        drawing.caption += f" {' and '.join(unknown)} are no numbers at this input."
    if left_out:
        many = "that costs nothing is" if left_out == 1 else "that cost nothing are"
        drawing.caption += f" {left_out} {many} left out."
    return drawing


def _number(row: LayerReport, key: str) -> int | None:
    value: Any = getattr(row, key)
    return value if type(value) is int else None


def _words(report: Report, row: LayerReport, key: str) -> str:
    value = _number(row, key)
    if value is None:
        return "?"
    part = share(Share(value, getattr(report.totals, key)))
    return f"{human(value)} ({part})" if value and part not in "?-" else human(value)


def _named(drawing: Drawing, report: Report, keys: list[str], rows: list[LayerReport]) -> None:
    """Horizontal bars with names, a panel for each count."""
    lines, block = [], None
    for row in rows:
        group = block is not None and row.block != block
        block = row.block
        values = [_number(row, key) for key in keys]
        lines.append(Row(row.name, values, [_words(report, row, key) for key in keys], group, row.name))
    titles = [TITLES[key] for key in keys]
    bars = Bars(lines, titles, ["series1", "series2", "series3"][: len(keys)], titles=titles)
    bars.draw(drawing, Box(0, 0, WIDTH, bars.height))
    drawing.height = bars.height


def _columns(drawing: Drawing, report: Report, keys: list[str], rows: list[LayerReport]) -> None:
    """Columns beside each other, a panel for each count below the other; the largest are named."""
    names = [row.name for row in rows]
    for number, key in enumerate(keys):
        values = [_number(row, key) for row in rows]
        role = f"series{number % 3 + 1}"
        chart = Chart(
            [Series(key, values, role, "area"), Series(key, values, role)],
            "layers in the order of execution",
            TITLES[key],
            bands=bands(names),
            marked=_largest(report, rows, key, values),
            heading=f"{human(getattr(report.totals, key))} {TITLES[key]}",
            above=True,
        )
        chart.draw(drawing, Box(0, number * HEIGHT, WIDTH, HEIGHT))
    drawing.height = HEIGHT * len(keys)


def _largest(report: Report, rows: list[LayerReport], key: str, values: list[int | None]) -> list[Mark]:
    """The columns of the largest values; of those that are equal the first is named."""
    marks = []
    for value in sorted({value for value in values if value}, reverse=True)[:LABELLED]:
        equal = [number for number, other in enumerate(values) if other == value]
        words = f"{cut(rows[equal[0]].name, NAME)} {_words(report, rows[equal[0]], key)}"
        words += f", {len(equal)} times" if len(equal) > 1 else ""
        for number in equal if len(equal) <= MARKED else equal[:1]:
            words = words if number == equal[0] else ""
            marks.append(Mark(number + 0.5, value, words, rows[number].name))
    return marks

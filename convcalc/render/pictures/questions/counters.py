"""What other counters print of a network, each a bar of its parts under a bar of our number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from convcalc.calculators.answers import Unreachable
from convcalc.printable import one_line
from convcalc.render.numbers import human
from convcalc.render.pictures.charts import SMALL, WIDTH, Scale, ticks
from convcalc.render.pictures.drawing import Drawing, text_width

if TYPE_CHECKING:
    from convcalc.calculators.conventions.bridge import Bridge
    from convcalc.calculators.count.report import Report

LINE: Final = 24
THICK: Final = 13
LEGEND: Final = (
    ("series1", "multiply-accumulates that it counts"),
    ("series2", "biases, norms, activations and what else it adds"),
    ("pad", "multiply-accumulates that it does not count"),
)


def of_report(report: Report) -> Drawing:
    """Bars of the totals that all tools print of a report.

    Raises:
        Unreachable: a total is no number.
    """
    from convcalc.calculators.conventions.bridge import bridge
    from convcalc.calculators.conventions.declaration import names

    return counters(report, [bridge(report, tool) for tool in names()])


def counters(report: Report, bridges: Sequence[Bridge]) -> Drawing:
    """Bars of the totals, with their parts.

    Raises:
        Unreachable: a total is no number.
    """
    ours = report.totals.macs
    if type(ours) is not int or any(type(one.total) is not int for one in bridges):
        raise Unreachable(
            "totals that are no numbers cannot be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    name = one_line(report.name)
    rows = [("our MACs", ours, 0, 0, human(ours))]
    for one in bridges:
        more = one.total - one.products
        words = human(one.total) + (f", {one.total / ours:.3g}x" if ours else "")
        rows.append((one.tool, one.products, more, max(ours - one.products, 0), words))
    left = max(text_width(row[0], 12) for row in rows) + 12
    widest = max(text_width(row[4], SMALL) for row in rows)
    largest = max(sum(row[1:4]) for row in rows) or 1
    scale = Scale(0, largest, left, WIDTH - widest - 10)
    bottom = 8 + LINE * len(rows)
    drawing = Drawing(WIDTH, bottom + 36, f"{name} as others count", "", "conventions")
    marks = ticks(largest, 5)
    for mark, label in zip(marks.values, marks.labels, strict=True):
        if mark <= largest:
            drawing.line([(scale(mark), 4), (scale(mark), bottom)], "grid", width=1)
            drawing.text(scale(mark), bottom + 14, label, "muted", anchor="middle", size=SMALL)
    drawing.text(
        left, bottom + 30, f"what it prints{f' ({marks.unit})' if marks.unit else ''}", "muted", size=SMALL
    )
    for number, (title, *parts, said) in enumerate(rows):
        y = 8 + LINE * number
        drawing.text(left - 8, y + LINE / 2 + 4, title, "text", anchor="end", size=12)
        at = 0
        for (role, meaning), part in zip(LEGEND, parts, strict=True):
            if part > 0:
                x, end = scale(at), scale(at + part)
                over = f"{title}: {human(part)} {meaning}"
                drawing.rect(x, y + (LINE - THICK) / 2, round(end - x, 2), THICK, role, title=over)
                at += part
        drawing.text(scale(at) + 5, y + LINE / 2 + 4, said, "muted", size=SMALL)
    drawing.line([(left, 4), (left, bottom)], "axis", width=1)
    drawing.legend([entry for place, entry in enumerate(LEGEND, 1) if any(row[place] for row in rows)])
    tools = ", ".join(f"{one.title} {one.version}" for one in bridges)
    drawing.caption = f"What counters print of {name}, under our multiply-accumulates: {tools}."
    return drawing

"""How the receptive field grows along the depth of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.layers.values import axis_names, show
from convcalc.printable import one_line
from convcalc.render.pictures.charts import WIDTH, Box, Chart, Mark, Rule, Series, bands, cut
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field.graph import ReceptiveField
    from convcalc.calculators.receptive_field.rows import LayerField

HEIGHT: Final = 320

NAME: Final = 420
"""Room for the name of a layer."""

ROLES: Final = ("series1", "series2", "series3")


def growth(fields: ReceptiveField, layer: str | None = None, input: str | None = None) -> Drawing:
    """The size of the field of every layer, along the order of execution, with the size of the input.

    Args:
        fields: receptive fields of a network.
        layer: the last layer shown; all when not given.
        input: the input that is seen; the first when not given.

    Raises:
        Unreachable: no layer sees a pixel of it, or no size is a number.
    """
    rows = rows_of(fields, layer, input)
    drawing = Drawing(WIDTH, HEIGHT, f"{one_line(fields.name)}: growth of the receptive field", "", "growth")
    draw(drawing, Box(0, 0, WIDTH, HEIGHT), rows)
    drawing.caption = caption(fields, rows)
    return drawing


def rows_of(fields: ReceptiveField, layer: str | None, input: str | None) -> list[LayerField]:
    """The rows of one input, up to a layer.

    Raises:
        Unreachable: there are none, there is no such layer, or no size is a number.
    """
    name = input or (fields.layers[0].input if fields.layers else "")
    rows = [row for row in fields.layers if row.input == name]
    if layer is not None:
        wanted = {row.name for row in fields.of(layer)}
        end = next((number for number, row in enumerate(rows) if row.name in wanted), None)
        rows = [*rows[: len(rows) if end is None else end + 1]]
    if not any(_local(row, axis) is not None for row in rows for axis in range(len(row.axes))):
        raise Unreachable(
            "no field is a number that can be drawn",
            expected="a number for every size: --input CxHxW, or --set NAME=VALUE",
        )
    return rows


def _local(row: LayerField, axis: int) -> int | None:
    value: Any = row.local[axis]
    return value if type(value) is int else None


def _smallest(row: LayerField, axis: int) -> int | None:
    field = row.axes[axis]
    value: Any = field.smallest if field.local else None
    return value if type(value) is int else None


def groups(rows: Sequence[LayerField]) -> list[list[int]]:
    """Axes with the same fields and the same size of the input, together."""
    found: dict[Any, list[int]] = {}
    sizes = rows[0].input_shape[1:]
    for axis in range(len(sizes)):
        look = (sizes[axis], tuple((_local(row, axis), _smallest(row, axis)) for row in rows))
        found.setdefault(look, []).append(axis)
    return list(found.values())


def draw(drawing: Drawing, box: Box, rows: Sequence[LayerField]) -> None:
    """Draw the growth into a box of a drawing."""
    sizes = rows[0].input_shape[1:]
    names = axis_names(len(sizes))
    series: list[Series] = []
    ruled: list[Rule] = []
    marked: list[Mark] = []
    split = groups(rows)
    for number, axes in enumerate(split):
        axis, role = axes[0], ROLES[number % len(ROLES)]
        values = [_local(row, axis) for row in rows]
        low = [_smallest(row, axis) for row in rows]
        title = " and ".join(names[a] for a in axes)
        series.append(Series(title, values, role, low=low))
        if len(split) > 1:
            drawing.legend([(role, f"field along the {title}")])
        size = sizes[axis]
        largest = max((value for value in values if value is not None), default=0)
        if type(size) is int and size not in [rule.value for rule in ruled]:
            whose = f"input {size}" if len({*sizes}) == 1 else f"input {size} ({title})"
            ruled.append(Rule(size, whose))
        if largest and largest not in [mark.y for mark in marked]:
            top = values.index(largest)
            words = f"{largest} ({title})" if len(split) > 1 else str(largest)
            marked.append(Mark(top + 0.5, largest, f"{words} at {cut(rows[top].name, NAME)}", rows[top].name))
    for number, row in enumerate(rows):
        if any(field.everything for field in row.axes):
            ruled.append(Rule(number, f"all of the input from {cut(row.name, NAME)} on", upright=True))
            break
    if any(one.low != one.values for one in series):
        drawing.legend([("series1", "shaded: from the smallest to the largest, by phase or position")])
    Chart(
        series,
        "layers in the order of execution",
        "receptive field (pixels)" if len(sizes) > 1 else "receptive field (positions)",
        bands=bands([row.name for row in rows]),
        names=[row.name for row in rows],
        ruled=ruled,
        marked=marked,
        heading="growth along the depth",
        plain=True,
        above=True,
    ).draw(drawing, box)


def caption(fields: ReceptiveField, rows: Sequence[LayerField]) -> str:
    """What the growth shows, in a sentence."""
    last = rows[-1]
    size = show(last.size)
    seen = (
        "all of the input"
        if "all" in last.size
        else f"{size} {'pixels' if len(last.axes) > 1 else 'positions'}"
    )
    where = f"the input {show(last.input_shape)}" if not fields.start else one_line(fields.start)
    return (
        f"Theoretical receptive field of the layers of {one_line(fields.name)} in {where}, in the order of "
        f"execution (convention of Araujo, Norris & Sim 2019); {one_line(last.name)} sees {seen}."
    )

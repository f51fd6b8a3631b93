"""Receptive fields over the input: outlines of what a position sees, at several depths."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.calculators.answers import Unreachable
from convcalc.calculators.receptive_field.graph import ReceptiveField
from convcalc.dims import is_known
from convcalc.layers.values import axis_names, show
from convcalc.printable import one_line
from convcalc.render.pictures.charts import SMALL, WIDTH, Box, bands, cut, ticks
from convcalc.render.pictures.drawing import Drawing

if TYPE_CHECKING:
    from convcalc.calculators.receptive_field.rows import LayerField
    from convcalc.solve.coverage import Coverage

HEIGHT: Final = 340

DEPTHS: Final = 5
"""Most depths whose fields are drawn over each other."""

BEYOND: Final = 2.4
"""A field of more than so many times the input goes beyond the picture."""
NEAR: Final = 1.3
"""The same where an image lies under it."""
LEAST: Final = 6
"""Pixels beside the input that may be shown of even the smallest."""


class Outline(NamedTuple):
    """What one position of a layer sees.

    Attributes:
        layer: its name.
        position: the position of its output.
        spans: per axis of the input the first index and that after the last; None where it is everything.
        sizes: of the input.
    """

    layer: str
    position: tuple[int, ...]
    spans: tuple[tuple[int, int] | None, ...]
    sizes: tuple[int, ...]

    @property
    def words(self) -> str:
        """Its size: ``99x99``."""
        if all(span is None for span in self.spans):
            return "all of the input"
        return show("all" if span is None else span[1] - span[0] for span in self.spans)

    @property
    def where(self) -> str:
        """Its layer and position: ``conv1 at 3,4``."""
        place = ",".join(map(str, self.position))
        return f"{one_line(self.layer)} at {place}" if place else one_line(self.layer)


def over_input(
    fields: ReceptiveField | Coverage,
    layer: str | None = None,
    position: Sequence[int] | None = None,
    *,
    input: str | None = None,
    image: bytes | None = None,
) -> Drawing:
    """The theoretical field of one position, and of the positions below it at several depths.

    Args:
        fields: receptive fields of a network whose sizes are numbers; or what one position really reads,
            which is drawn pixel by pixel.
        layer: the layer asked about; the first output of the network when not given.
        position: a position of its output; the middle one when not given.
        input: the input that is seen; the first when not given.
        image: a PNG that is laid over the input.

    Raises:
        Unreachable: there is no such layer or position, it sees no pixel, or sizes are no numbers.
    """
    if not isinstance(fields, ReceptiveField):
        from convcalc.render.pictures.maps import coverage

        return coverage(fields, image)
    found = outlines(fields, layer, position, input)
    drawing = Drawing(WIDTH, HEIGHT, f"{one_line(fields.name)}: receptive field over the input", "", "field")
    draw(drawing, Box(0, 0, WIDTH, HEIGHT), found, image)
    drawing.caption = caption(fields, found, image is not None)
    return drawing


def outlines(
    fields: ReceptiveField,
    layer: str | None = None,
    position: Sequence[int] | None = None,
    input: str | None = None,
) -> list[Outline]:
    """What a position sees, and positions of earlier layers about the same place; the smallest first.

    Raises:
        Unreachable: as :func:`over_input`.
    """
    rows = [row for row in fields.of(layer) if input in (None, row.input)]
    if not rows:
        raise Unreachable("the layer sees no pixel", expected="a layer that reads an input with spatial axes")
    last = rows[0]
    sizes = last.input_shape[1:]
    if not is_known(*sizes) or not all(type(n) is int for n in (*sizes, *last.output_shape[1:])):
        raise Unreachable("sizes are not numbers here", expected="--input with numbers, such as 3x224x224")
    shape = last.output_shape[1:]
    place = tuple(n // 2 for n in shape) if position is None else tuple(position)
    if len(place) != len(shape) or not all(0 <= p < n for p, n in zip(place, shape, strict=True)):
        where = ",".join(map(str, place))
        raise Unreachable(
            f"there is no position {where} in an output of {show(shape)}",
            expected=f"one index per axis, up to {','.join(str(n - 1) for n in shape)}",
        )
    own = _outline(last, place)
    middle = [
        Fraction(size - 1, 2) if span is None else Fraction(span[0] + span[1] - 1, 2)
        for span, size in zip(own.spans, sizes, strict=True)
    ]
    found = [own]
    for row in reversed(_depths(fields, last)):
        outline = _outline(row, _below(row, middle))
        if all(outline.spans != other.spans for other in found):
            found.append(outline)
    return sorted(found, key=_extent)


def _extent(outline: Outline) -> int:
    result = 1
    for span, size in zip(outline.spans, outline.sizes, strict=True):
        result *= (1 << 60) + size if span is None else span[1] - span[0]
    return result


def _depths(fields: ReceptiveField, last: LayerField) -> list[LayerField]:
    """Layers before it at which fields have grown: the ends of blocks, few of them, in their order."""
    rows = [row for row in fields.layers if row.input == last.input]
    end = next((n for n, row in enumerate(rows) if row.name == last.name), len(rows))
    earlier = [row for row in rows[:end] if _drawable(row)]
    if not earlier:
        return []
    own = {row.name for row in rows[: end + 1]}
    ends = [earlier[band.end - 1] for band in bands([row.name for row in earlier]) if band.name]
    kept: dict[Any, LayerField] = {}
    for row in ends if len(ends) > 1 else earlier:
        if row.name in own:
            kept.setdefault(row.local, row)
    if earlier[-1].local not in kept:
        kept[earlier[-1].local] = earlier[-1]
    chosen = sorted(kept.values(), key=lambda row: max(row.local))
    most = DEPTHS - 1
    if len(chosen) > most:
        chosen = [chosen[round(n * (len(chosen) - 1) / (most - 1))] for n in range(most)]
    return chosen


def _drawable(row: LayerField) -> bool:
    local = all(type(size) is int and size > 1 for size in row.local)
    return (
        local
        and all(type(n) is int for n in row.output_shape[1:])
        and not any(axis.everything for axis in row.axes)
    )


def _below(row: LayerField, middle: Sequence[Fraction]) -> tuple[int, ...]:
    """The position of a layer whose field has its middle nearest to a place of the input."""
    place = [n // 2 for n in row.output_shape[1:]]
    for axis, aim in zip(row.axes, middle, strict=True):
        if len(axis.drivers) != 1 or axis.driver == 0:
            continue
        at = axis.drivers[0]
        count, stride, first = row.output_shape[at], axis.stride, axis.center
        near = range(min(count, 1 << 12))
        if stride and first is not None:
            guess = int((aim - Fraction(first)) / Fraction(stride))
            near = range(max(0, guess - 2 * axis.period), min(count, guess + 2 * axis.period + 1))
        seen = [(abs(m - aim), j) for j in near if (m := axis.middle(j)) is not None]
        if seen:
            place[at - 1] = min(seen)[1]
        elif stride and first is not None:
            place[at - 1] = min(max(guess, 0), count - 1)
    return tuple(place)


def _outline(row: LayerField, place: tuple[int, ...]) -> Outline:
    spans: list[tuple[int, int] | None] = []
    sizes = row.input_shape[1:]
    for axis in row.axes:
        if axis.everything:
            spans.append(None)
            continue
        run = axis.at(place, row.output_shape)
        if run is None or not all(type(n) is int for n in run):
            raise Unreachable(
                f"what {row.name} sees at {','.join(map(str, place))} is not known or nothing",
                expected="--layer with a layer that sees the input",
            )
        spans.append((run[0], run[0] + run[1]))
    return Outline(row.name, place, tuple(spans), tuple(sizes))


def caption(fields: ReceptiveField, found: Sequence[Outline], image: bool) -> str:
    """What the outlines show, in a sentence."""
    last = found[-1]
    text = f"What {last.where} of {one_line(fields.name)} sees of the input {show(last.sizes)}: {last.words}"
    if len(found) > 1:
        text += ", and what layers before it see of the same place"
    if len(last.sizes) > 2:
        text += "; drawn along the last two axes"
    outside = any(
        span and (span[0] < 0 or span[1] > n) for span, n in zip(last.spans, last.sizes, strict=True)
    )
    if outside:
        text += "; what lies outside the input is padding"
    return f"{text}. {'The image is stretched to the input.' if image else ''}".strip()


def draw(drawing: Drawing, box: Box, found: Sequence[Outline], image: bytes | None = None) -> None:
    """Draw outlines over the frame of the input, with a list of what they are beside it."""
    drawing.text(box.x, box.y + 12, "field over the input", "text", size=12)
    inner = Box(box.x, box.y + 24, box.width, box.height - 24)
    if len(found[-1].sizes) == 1:
        _ladder(drawing, inner, found)
    else:
        _squares(drawing, inner, found, image)


def _view(spans: Sequence[tuple[int, int] | None], size: int, beyond: float = BEYOND) -> tuple[int, int]:
    """First and last place along an axis that is shown: the input, and fields that go beyond it a little."""
    low, high = 0, size
    most = max(int(size * (beyond - 1) / 2), LEAST)
    for span in spans:
        if span is not None:
            low, high = min(low, max(span[0], -most)), max(high, min(span[1], size + most))
    return low, high


def _squares(drawing: Drawing, box: Box, found: Sequence[Outline], image: bytes | None) -> None:
    sizes = found[-1].sizes[-2:]
    (top, bottom), (left, right) = (
        _view(
            [outline.spans[len(outline.spans) - 2 + axis] for outline in found],
            sizes[axis],
            BEYOND if image is None else NEAR,
        )
        for axis in (0, 1)
    )
    room = Box(box.x + 42, box.y, box.width * 0.5, box.height - 36)
    scale = min(room.width / (right - left), room.height / (bottom - top))
    x0, y0 = room.x - left * scale, room.y - top * scale

    def x(value: float) -> float:
        return round(x0 + value * scale, 2)

    def y(value: float) -> float:
        return round(y0 + value * scale, 2)

    height, width = sizes
    if (top, bottom, left, right) != (0, height, 0, width):
        drawing.rect(x(left), y(top), round(x(right) - x(left), 2), round(y(bottom) - y(top), 2), "pad")
    if image is None:
        drawing.rect(x(0), y(0), round(width * scale, 2), round(height * scale, 2), "input")
    else:
        drawing.image(x(0), y(0), round(width * scale, 2), round(height * scale, 2), image)
    floor = y(bottom)
    drawing.line([(x(0), floor + 4), (x(width), floor + 4)], "axis", width=1)
    for value in _marks(width, width * scale):
        drawing.line([(x(value), floor + 4), (x(value), floor + 8)], "axis", width=1)
        drawing.text(x(value), floor + 20, str(value), "muted", anchor="middle", size=SMALL)
    side = x(left)
    drawing.line([(side - 4, y(0)), (side - 4, y(height))], "axis", width=1)
    for value in _marks(height, height * scale):
        drawing.line([(side - 8, y(value)), (side - 4, y(value))], "axis", width=1)
        drawing.text(side - 11, y(value) + 4, str(value), "muted", anchor="end", size=SMALL)
    drawing.text(x(width / 2), floor + 34, "input (pixels)", "muted", anchor="middle", size=SMALL)
    tags: list[tuple[float, float]] = []
    for number, outline in reversed(list(enumerate(found, 1))):
        spans = [span or (0, n) for span, n in zip(outline.spans, outline.sizes, strict=True)][-2:]
        (y_first, y_end), (x_first, x_end) = spans
        edges = (max(x_first, left), max(y_first, top), min(x_end, right), min(y_end, bottom))
        whole = edges == (x_first, y_first, x_end, y_end)
        points = [(edges[i], edges[j]) for i, j in ((0, 1), (2, 1), (2, 3), (0, 3), (0, 1))]
        role = "accent" if outline == found[-1] else "text"
        thick = 2 if role == "accent" else 1.25
        line = [(x(a), y(b)) for a, b in points]
        with drawing.group(data={"layer": outline.layer}):
            if image is not None:  # which may be as light or as dark as the line
                drawing.line(line, "paper", width=thick + 2.5)
            drawing.line(line, role, width=thick, dashed=not whole)
        tag = (x(edges[2]) + 7, y(edges[1]) + 5) if whole else (x(edges[2]) - 9, y(edges[1]) + 12)
        while any(abs(tag[0] - a) < 11 and abs(tag[1] - b) < 12 for a, b in tags):
            tag = (tag[0], tag[1] + 12)
        tags.append(tag)
        drawing.rect(tag[0] - 4.5, tag[1] - 5.5, 9, 11, "paper", shade=0.75)
        drawing.text(tag[0], tag[1] + 3.5, str(number), role, anchor="middle", size=10, bold=True)
    drawing.legend([("input", "input")] if image is None else [])
    if (top, bottom, left, right) != (0, height, 0, width):
        drawing.legend([("pad", "padding outside")])
    _list(
        drawing,
        Box(x(right) + 24, box.y, box.right - x(right) - 24, box.height),
        found,
        (top, bottom, left, right),
    )


def _marks(size: int, room: float) -> list[int]:
    """Whole numbers from 0 to the size of an axis, the size itself among them."""
    inner = [value for value in ticks(size, max(1, int(room // 40))).values if value < size]
    step = inner[1] if len(inner) > 1 else size
    return [value for value in inner if value <= size - 0.45 * step] + [size]


def _list(drawing: Drawing, box: Box, found: Sequence[Outline], view: tuple[int, int, int, int]) -> None:
    """Number, size and layer of each outline."""
    names = axis_names(len(found[-1].sizes))
    y = box.y + 10
    for number, outline in enumerate(found, 1):
        last = outline == found[-1]
        drawing.text(box.x, y, f"{number}", "accent" if last else "text", size=12, bold=last)
        drawing.text(box.x + 16, y, outline.words, "text", size=12, bold=last)
        drawing.text(box.x + 16, y + 14, cut(outline.where, box.width - 30), "muted", size=SMALL)
        y += 17
        more = []
        spans = [span or (0, n) for span, n in zip(outline.spans, outline.sizes, strict=True)]
        if len(spans) > 2:
            more += [f"{names[a]} {spans[a][0]}..{spans[a][1] - 1}" for a in range(len(spans) - 2)]
        (a, b), (c, d) = spans[-2:]
        if a < view[0] or b > view[1] or c < view[2] or d > view[3]:
            more.append("dashed: goes beyond the picture")
        for line in more:
            y += 13
            drawing.text(box.x + 16, y - 3, line, "muted", size=SMALL)
        y += 17


def _ladder(drawing: Drawing, box: Box, found: Sequence[Outline]) -> None:
    """One axis: the input as a bar, and below it what each layer sees of it."""
    size = found[-1].sizes[0]
    low, high = _view([outline.spans[0] for outline in found], size)
    left, right = box.x + 14, box.right - 14
    scale = (right - left) / (high - low)

    def x(value: float) -> float:
        return round(left + (value - low) * scale, 2)

    y = box.y + 4
    drawing.rect(x(0), y, round(x(size) - x(0), 2), 16, "input")
    drawing.text(x(0) + 4, y + 12, f"input {size}", "text", size=SMALL)
    y += 34
    for outline in reversed(found):
        first, end = outline.spans[0] or (0, size)
        last = outline == found[-1]
        shown = (max(first, low), min(end, high))
        role = "accent" if last else "text"
        with drawing.group(data={"layer": outline.layer}):
            ends = [(x(edge), y + 8) for edge in shown]
            drawing.line(ends, role, width=2.5, dashed=shown != (first, end))
            for edge, _ in ends:
                drawing.line([(edge, y + 4), (edge, y + 12)], role)
        words = f"{outline.words}: {outline.where}, {first}..{end - 1}"
        middle = min(max(x((shown[0] + shown[1]) / 2), left + 160), right - 160)
        drawing.text(middle, y, words, "text", anchor="middle", size=SMALL, bold=last)
        y += 32
    drawing.line([(x(0), y), (x(size), y)], "axis", width=1)
    for value in _marks(size, x(size) - x(0)):
        drawing.line([(x(value), y), (x(value), y + 4)], "axis", width=1)
        drawing.text(x(value), y + 16, str(value), "muted", anchor="middle", size=SMALL)
    drawing.text(x(size / 2), y + 30, "input (positions)", "muted", anchor="middle", size=SMALL)


def height(found: Sequence[Outline]) -> int:
    """The height that a picture of the outlines takes."""
    return HEIGHT if len(found[-1].sizes) > 1 else 110 + 32 * len(found)

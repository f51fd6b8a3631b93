"""Maps of pixels: what a position reads and by how many paths, the spread of a gradient, overlaps.

Every pixel that is drawn is itself: where a map has too many, pixels are taken together, and a cell with one
among them that is never read is drawn as a hole. A pixel is never read where it is blank or crossed out.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from convcalc.calculators.answers import Unreachable
from convcalc.layers.values import show
from convcalc.printable import one_line
from convcalc.render.numbers import human
from convcalc.render.pictures import bitmap
from convcalc.render.pictures.charts import SMALL, Box, ticks
from convcalc.render.pictures.drawing import Drawing, text_width

if TYPE_CHECKING:
    from convcalc.solve.coverage import Coverage

LEVELS: Final = 9
"""Shades that are told apart."""

PALEST: Final = 0.32
"""How much of its colour a pixel takes that is read least."""

ROOM: Final = 340
"""Width of a map, where its pixels are no smaller than two units so."""

CELLS: Final = 625
"""Up to so many pixels are shapes of their own; more are a bitmap."""

TOLD: Final = 256
"""Up to so many pixels tell their values, in them or where they are pointed at."""

TWICE: Final = 512
"""Pixels per axis up to which each is two units wide."""

LONGEST: Final = 1024
"""Pixels per axis that are drawn one by one; of more some are taken together."""

FOLD: Final = 256
"""Positions in a line, of a map of one axis."""

SHORT: Final = 48
"""Up to so many positions of one axis are cells of their own."""

LINES: Final = 64
"""Most such lines."""

BLUE: Final = (43, 125, 196)
RED: Final = (222, 82, 20)


class Heat(NamedTuple):
    """A map to draw.

    Attributes:
        heading: what it shows, above it.
        values: whole numbers or shares, an array of one or two axes.
        read: booleans of the same shape: False where a pixel is a hole.
        first: index of the first pixel per axis.
        least: what the palest shade stands for.
        most: what the strongest does.
        unit: what is counted.
        numbers: whether the values are written into pixels that are large enough.
    """

    heading: str
    values: Any
    read: Any
    first: tuple[int, ...]
    least: str
    most: str
    unit: str
    numbers: bool = False


def plane(grid: Any) -> tuple[Any, str]:
    """The plane of a grid that can be drawn, and what was left out of a third axis."""
    if grid.ndim == 1:
        return grid[None, :], ""
    if grid.ndim == 2:
        return grid, ""
    middle = grid.shape[0] // 2
    return grid[middle], f"slice {middle} of {grid.shape[0]} along the first axis"


def counts(grid: Any, title: str, what: str, caption: str, kind: str) -> Drawing:
    """A map of whole numbers: paths from each pixel of a field, products that each output pixel gets.

    Args:
        grid: an array of one to three axes; of three the middle plane is drawn. None of too many.
        title: above the picture.
        what: what is counted, such as ``paths``.
        caption: what it shows, in a sentence.
        kind: of the picture, in a word.

    Raises:
        Unreachable: there is no grid.
    """
    if grid is None:
        raise Unreachable("the field is too large to draw", expected="--rank 1, which draws one axis of it")
    shown, left_out = plane(grid) if grid.ndim > 2 else (grid, "")
    drawing = Drawing(ROOM, 0, title, f"{caption} {_cut_words(left_out)}".strip(), kind)
    read = shown != 0
    seen = [int(value) for value in shown[read].flat]
    least, most = min(seen, default=0), max(seen, default=0)
    heat = Heat("", shown, read, (0,) * shown.ndim, _large(least), _large(most), what, numbers=True)
    drawing.height = draw(drawing, 0, 0, heat)
    return drawing


def _cut_words(left_out: str) -> str:
    return f"Shown is {left_out}." if left_out else ""


def coverage(found: Coverage, image: bytes | None = None) -> Drawing:
    """What a position really reads: paths to every pixel, and beside them the gradient, where it is known.

    Args:
        found: what :func:`convcalc.coverage` gave.
        image: a PNG that is laid under the map, over the whole input.
    """
    field = found.field
    place = ",".join(map(str, field.position))
    where = one_line(field.layer) + (f" at {place}" if place else "")
    drawing = Drawing(0, 0, f"What {where} reads", "", "coverage")
    heats, left_out = _heats(found)
    x = 0.0
    for number, heat in enumerate(heats):
        below = _photo(drawing, x, found, image) if image is not None else None
        height = draw(drawing, x, 0, heat, RED if image is not None else BLUE, below)
        drawing.height = max(drawing.height, height)
        circle = found.effective if number == 1 or found.paths is None else None
        if circle is not None and heat.values.ndim == 2:
            _circle(drawing, _map_box(x, heat, below), heat, circle.center[-2:], circle.radii[2])
        x += _width(heat, below) + 30
    drawing.width = x - 30
    share = f"{100 * found.fraction:.1f}%"
    noun = "positions" if len(field.input_shape) == 2 else "pixels"
    text = (
        f"What {where} reads of {one_line(field.input)} {show(field.input_shape)}, by execution: "
        f"{found.count:,} of the {found.pixels:,} {noun} of its field ({share}) contribute"
    )
    holes = found.pixels - found.count
    text += f", {holes:,} are holes." if holes else "; there are no holes."
    if found.effective is not None:
        text += (
            f" 95.45% of the gradient of random weights and inputs lie within {found.effective.radii[2]:.1f} "
            f"{noun} of its centre (Luo et al. 2016)."
        )
    text += f" {_cut_words(left_out)}" if left_out else ""
    drawing.caption = text + (" The image is stretched to the input." if image is not None else "")
    return drawing


def _heats(found: Coverage) -> tuple[list[Heat], str]:
    read, first, left_out = found.crop(found.reached), [low for low, _ in found.box], ""
    layers: list[tuple[str, Any, str, str, str]] = []
    if found.paths is None:
        layers.append(("pixels that contribute", read.astype(int), "", "", "contributes"))
    else:
        seen = [int(n) for n in found.paths[found.reached].flat]
        least, most = _large(min(seen, default=0)), _large(max(seen, default=0))
        layers.append(("paths to each pixel", found.crop(found.paths), least, most, "paths"))
    if found.effective is not None:
        mass = found.crop(found.effective.mass)
        layers.append(("gradient", mass, "0", "largest", "gradient"))
    if read.ndim == 3:
        middle = (found.box[0][0] + found.box[0][1]) // 2 - first[0]
        left_out = f"the plane {middle + first[0]} of the first axis"
        read, first = read[middle], first[1:]
        layers = [(name, values[middle], *rest) for name, values, *rest in layers]
    heats = [
        Heat(name, values, read, tuple(first), least, most, unit)
        for name, values, least, most, unit in layers
    ]
    return heats, left_out


def _large(value: int) -> str:
    """A whole number in few signs, however large."""
    if value < 10**24:
        return human(value)
    digits = str(value)
    return f"{digits[0]}.{digits[1:3]}e{len(digits) - 1}"


class Levels(NamedTuple):
    """The shades of a map: an array of 0 (a hole) to :data:`LEVELS`, and pixels per cell along each axis."""

    shades: Any
    step: int


def levels(heat: Heat, longest: int = LONGEST) -> Levels:
    """The shade of every cell; where several pixels are one cell, it is a hole if any of them is."""
    import numpy as np

    values, read = heat.values, heat.read
    if values.dtype == object:  # whole numbers without bound
        most = max((int(n) for n in values.flat), default=0)
        shift = max(0, most.bit_length() - 900)
        values = np.array([float(int(n) >> shift) for n in values.flat]).reshape(values.shape)
    values = values.astype(float)
    seen = values[read]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
    span = high - low
    part = np.ones_like(values) if span <= 0 else (values - low) / span
    shades = np.where(read, 1 + np.rint(part * (LEVELS - 1)).clip(0, LEVELS - 1), 0).astype(np.uint8)
    step = -(-max(shades.shape) // longest)
    if step > 1:
        shades = _pooled(shades, step)
    return Levels(shades, step)


def _pooled(shades: Any, step: int) -> Any:
    """Cells of several pixels: the least of their shades, so that none hides a hole."""
    import numpy as np

    for axis in range(shades.ndim):
        short = -shades.shape[axis] % step
        width = [(0, short if other == axis else 0) for other in range(shades.ndim)]
        padded = np.pad(shades, width, constant_values=LEVELS)
        sizes = (*padded.shape[:axis], padded.shape[axis] // step, step, *padded.shape[axis + 1 :])
        shades = padded.reshape(sizes).min(axis=axis + 1)
    return shades


def _scale(height: int, width: int) -> float:
    """Units of a pixel: whole numbers, so that all are equally large; small maps have larger ones."""
    longest = max(height, width)
    if longest <= ROOM // 2:
        return float(min(ROOM // longest, 26))
    return 2.0 if longest <= TWICE else 1.0


def _shape(heat: Heat) -> tuple[int, int]:
    shape = heat.values.shape
    return (1, shape[0]) if len(shape) == 1 else (shape[0], shape[1])


class Under(NamedTuple):
    """The input under a map: its box, and units of a pixel."""

    box: Box
    scale: float


LEFT: Final = 34
TOP: Final = 20


def _map_box(x: float, heat: Heat, under: Under | None) -> Box:
    """Where the pixels of a map of two axes stand."""
    height, width = _shape(heat)
    if under is not None:
        scale = under.scale
        left, top = under.box.x + heat.first[1] * scale, under.box.y + heat.first[0] * scale
        return Box(left, top, width * scale, height * scale)
    step = -(-max(height, width) // LONGEST)
    scale = _scale(-(-height // step), -(-width // step)) / step
    return Box(x + LEFT, TOP, width * scale, height * scale)


def _width(heat: Heat, under: Under | None) -> float:
    if heat.values.ndim == 1:
        return LEFT + 2.5 * FOLD
    return max(LEFT + (under.box.width if under else _map_box(0, heat, None).width), 330)


def draw_at(drawing: Drawing, x: float, y: float, heat: Heat) -> tuple[float, float]:
    """Draw a map with its upper left corner at a place; the width and height that it takes."""
    inner = Drawing(0, 0, "", "", "")
    height = draw(inner, 0, 0, heat)
    with drawing.moved(x, y):
        for shape in inner.shapes:
            drawing.add(shape)
    return _width(heat, None), height


def draw(
    drawing: Drawing,
    x: float,
    y: float,
    heat: Heat,
    colour: tuple[int, int, int] = BLUE,
    under: Under | None = None,
) -> float:
    """Draw a map with its ticks and what its shades mean.

    Returns:
        the height that it takes.
    """
    if heat.heading:
        drawing.text(x + LEFT, y + 10, heat.heading, "text", size=12)
    found = levels(heat, LONGEST if heat.values.ndim == 2 else FOLD * LINES)
    if heat.values.ndim == 1:
        bottom = _folded(drawing, x + LEFT, y + TOP, heat, found, colour)
        box = Box(x + LEFT, y + TOP, 2.5 * FOLD, 0)
    else:
        box = _map_box(x, heat, under)
        _pixels(drawing, box, heat, found, colour, vector=under is None)
        drawing.line(_corners(box), "kernel" if under is not None else "axis", width=1)
        frame = under.box if under is not None else box
        shape = (
            _shape(heat)
            if under is None
            else (round(frame.height / under.scale), round(frame.width / under.scale))
        )
        _ruler(drawing, frame, shape, heat.first if under is None else (0, 0))
        bottom = frame.bottom + 24
    return _meaning(drawing, box.x if under is None else under.box.x, bottom, heat, found, colour)


def _corners(box: Box) -> list[tuple[float, float]]:
    right, bottom = round(box.right, 2), round(box.bottom, 2)
    return [(box.x, box.y), (right, box.y), (right, bottom), (box.x, bottom), (box.x, box.y)]


def _pixels(
    drawing: Drawing, box: Box, heat: Heat, found: Levels, colour: tuple[int, int, int], vector: bool
) -> None:
    shades = found.shades
    if not vector or shades.size > CELLS:
        drawing.image(box.x, box.y, round(box.width, 2), round(box.height, 2), _bitmap(shades, colour))
        return
    size = box.width / shades.shape[1]
    told = shades.size <= TOLD
    alike: dict[int, list[tuple[float, float]]] = {}
    written: list[tuple[float, float, str, str]] = []
    for (row, column), shade in _each(shades):
        x, y = box.x + column * size, box.y + row * size
        words = str(heat.values[row, column])
        if told and shade and not (heat.numbers and size >= 13 and text_width(words, 10) <= size - 1):
            at = f"{row + heat.first[0]},{column + heat.first[1]}: {words}"
            drawing.rect(x, y, size, size, "series1", title=at, shade=_opacity(shade))
            continue
        alike.setdefault(shade, []).append((x, y))
        if told and shade:
            role = "inverse" if shade > LEVELS / 2 else "text"
            written.append((x + size / 2, y + size / 2 + 3.5, words, role))
    for shade in sorted(alike, reverse=True):
        role = "series1" if shade else "hole"
        drawing.cells(alike[shade], size, role, shade=_opacity(shade) if shade else 1)
    for x, y, words, role in written:
        drawing.text(x, y, words, role, anchor="middle", size=10)


def _each(shades: Any) -> Any:
    import numpy as np

    return ((place, int(shade)) for place, shade in np.ndenumerate(shades))


def _opacity(shade: int) -> float:
    return round(PALEST + (1 - PALEST) * (shade - 1) / (LEVELS - 1), 2)


def _bitmap(shades: Any, colour: tuple[int, int, int]) -> bytes:
    palette = [(255, 255, 255, 0)]
    palette += [(*colour, round(255 * _opacity(shade))) for shade in range(1, LEVELS + 1)]
    return bitmap.png([row.tobytes() for row in shades], palette)


def _ruler(drawing: Drawing, box: Box, shape: tuple[int, int], first: tuple[int, ...]) -> None:
    """Indices of pixels below a map and on its left."""
    for axis, (start, length, room) in enumerate(
        ((box.y, shape[0], box.height), (box.x, shape[1], box.width))
    ):
        unit = room / length
        low, high = first[axis], first[axis] + length - 1
        step = ticks(length, max(1, int(room // 44))).values[1]
        for value in range(-(-low // step) * step, high + 1, step):
            at = round(start + (value - low + 0.5) * unit, 2)
            if axis == 0:
                drawing.text(box.x - 6, at + 4, str(value), "muted", anchor="end", size=SMALL)
            else:
                drawing.text(at, box.bottom + 14, str(value), "muted", anchor="middle", size=SMALL)


def _folded(
    drawing: Drawing, x: float, y: float, heat: Heat, found: Levels, colour: tuple[int, int, int]
) -> float:
    """A map of one axis, in lines that go on below each other; short ones as cells with numbers."""
    shades = found.shades
    if len(shades) <= SHORT and found.step == 1:
        wide = Heat("", heat.values[None], heat.read[None], (0, heat.first[0]), "", "", "", heat.numbers)
        size = min(26.0, 2.5 * FOLD // len(shades))
        box = Box(x, y, size * len(shades), size)
        _pixels(drawing, box, wide, Levels(shades[None], 1), colour, vector=True)
        drawing.line(_corners(box), "axis", width=1)
        many = max(1, int(-(-30 // size)))
        for n in range(0, len(shades), many):
            at = box.x + (n + 0.5) * size
            drawing.text(at, box.bottom + 14, str(n + heat.first[0]), "muted", anchor="middle", size=SMALL)
        return box.bottom + 24
    unit = 2.5
    for number, start in enumerate(range(0, len(shades), FOLD)):
        line = shades[start : start + FOLD]
        top = y + number * 18
        drawing.image(x, top, unit * len(line), 12, _bitmap(line[None], colour))
        drawing.line(_corners(Box(x, top, unit * len(line), 12)), "axis", width=1)
        words = str(start * found.step + heat.first[0])
        drawing.text(x - 6, top + 10, words, "muted", anchor="end", size=SMALL)
    return y + 18 * -(-len(shades) // FOLD) + 8


def _meaning(
    drawing: Drawing, x: float, y: float, heat: Heat, found: Levels, colour: tuple[int, int, int]
) -> float:
    """What the shades of a map mean; where that ends."""
    import numpy as np

    used = sorted({int(n) for n in np.unique(found.shades) if n})
    several = len(used) > 1 and bool(heat.least)
    shown = range(1, LEVELS + 1) if several else used[-1:]
    left = x
    if several:
        drawing.text(left, y + 10, heat.least, "muted", size=SMALL)
        left += text_width(heat.least, SMALL) + 5
    for shade in shown:
        if colour == BLUE:
            drawing.rect(left, y, 10, 12, "series1", shade=_opacity(shade))
        else:
            drawing.image(left, y, 10, 12, _bitmap(np.full((1, 1), shade, np.uint8), colour))
        left += 10
    words = f"{heat.most} {heat.unit}".strip()
    drawing.text(left + 5, y + 10, words, "muted", size=SMALL)
    left += 5 + text_width(words, SMALL) + 16
    if (found.shades == 0).any():
        crossed = colour == BLUE and found.shades.size <= (CELLS if found.shades.ndim == 2 else SHORT)
        if crossed:
            drawing.rect(left, y, 12, 12, "hole")
        else:
            drawing.line(_corners(Box(left, y, 12, 12)), "axis", width=1)
        words = "hole: never read" if crossed else "blank: a hole, never read"
        drawing.text(left + 17, y + 10, words, "muted", size=SMALL)
    y += 18
    if found.step > 1:
        axes = "x".join([str(found.step)] * found.shades.ndim)
        words = f"a cell is {axes} pixels, and a hole where any of them is"
        drawing.text(x, y + 10, words, "muted", size=SMALL)
        y += 16
    return y


def _photo(drawing: Drawing, x: float, found: Coverage, image: bytes) -> Under | None:
    """The image over the input, under a map of two axes."""
    sizes = found.field.input_shape[1:]
    if len(sizes) != 2:
        raise Unreachable(
            f"an image has two axes, and the input {show(sizes)}", expected="an input of two axes"
        )
    height, width = sizes
    longest = max(height, width)
    scale = max(1.0, ROOM // longest) if longest > 8 else ROOM / longest
    box = Box(x + LEFT, TOP, width * scale, height * scale)
    drawing.image(box.x, box.y, box.width, box.height, image)
    return Under(box, scale)


def _circle(drawing: Drawing, box: Box, heat: Heat, center: tuple[float, ...], radius: float) -> None:
    """A circle about the middle of a gradient, as far as it lies in the map."""
    unit = box.width / heat.values.shape[1]
    part: list[tuple[float, float]] = []
    for number in range(97):
        turn = 2 * pi * number / 96
        x = box.x + (center[1] + radius * cos(turn) - heat.first[1] + 0.5) * unit
        y = box.y + (center[0] + radius * sin(turn) - heat.first[0] + 0.5) * unit
        if box.x <= x <= box.right and box.y <= y <= box.bottom:
            part.append((round(x, 1), round(y, 1)))
            continue
        if len(part) > 1:
            drawing.line(part, "accent", dashed=True)
        part = []
    if len(part) > 1:
        drawing.line(part, "accent", dashed=True)
    drawing.legend([("accent", "95.45% of the gradient lie within")])

"""Drawings as PNG, drawn by Matplotlib (the ``plot`` extra): the same shapes, light, standing still."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from convcalc.calculators.answers import Unreachable
from convcalc.render.pictures.drawing import (
    LEADING,
    Area,
    Canvas,
    Cells,
    Dot,
    Drawing,
    Group,
    Image,
    Line,
    Point,
    Rect,
    Shape,
    Words,
)
from convcalc.render.pictures.svg import arrow_head
from convcalc.render.pictures.theme import BOLD, CROSSED, DASHED, LIGHT, THIN, look

SCALE: Final = 2
"""Dots for a unit of the drawing."""

LARGEST: Final = 16_000
"""Most dots along a side."""


def available() -> None:
    """Check that Matplotlib is there.

    Raises:
        Unreachable: it is not.
    """
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise Unreachable(
            "PNG pictures need Matplotlib",
            expected="pip install 'convcalc[plot]', or a file that ends in .svg",
        )


def png(drawing: Drawing) -> bytes:
    """A drawing as PNG, two dots for a unit; of an animation the step ``still``.

    Raises:
        Unreachable: Matplotlib is not installed, or the picture is too large.
    """
    available()
    canvas = drawing.laid_out()
    scale = min(SCALE, LARGEST / max(canvas.width, canvas.height))
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "font.family": ["DejaVu Sans"],
        "path.simplify": False,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(canvas.width / 72, canvas.height / 72), dpi=72 * scale)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(canvas.left, canvas.left + canvas.width)
        axes.set_ylim(canvas.top + canvas.height, canvas.top)
        axes.axis("off")
        figure.patch.set_facecolor(LIGHT["paper"].ink)
        _draw(axes, canvas, drawing.still)
        out = BytesIO()
        with catch_warnings():
            simplefilter("ignore")  # a letter that the font has not is drawn as a box
            figure.savefig(out, format="png", metadata={"Software": "convcalc"})
    return out.getvalue()


def _draw(axes: Any, canvas: Canvas, still: int) -> None:
    order = 0

    def each(shapes: Sequence[Shape], at: Point) -> None:
        nonlocal order
        for shape in shapes:
            order += 1
            if not isinstance(shape, Group):
                _shape(axes, shape, at, order)
            elif shape.frame in (None, still):
                each(shape.shapes, (at[0] + shape.at[0], at[1] + shape.at[1]))

    each(canvas.shapes, (0, 0))


def _shape(axes: Any, shape: Shape, at: Point, order: int) -> None:
    dx, dy = at
    if isinstance(shape, Rect):
        box = (shape.x + dx, shape.y + dy, shape.width, shape.height)
        _boxes(axes, [box], shape.role, shape.shade, order)
    elif isinstance(shape, Cells):
        squares = [(x + dx, y + dy, shape.size, shape.size) for x, y in shape.corners]
        _boxes(axes, squares, shape.role, shape.shade, order)
    elif isinstance(shape, Line):
        ink = look(shape.role, LIGHT).ink
        style: Any = (0, (5 / shape.width, 3 / shape.width)) if shape.dashed else "-"
        parts = [(shape.points, style), *([(arrow_head(shape.points), "-")] if shape.arrow else [])]
        for points, dashes in parts:
            xs, ys = [x + dx for x, _ in points], [y + dy for _, y in points]
            axes.plot(xs, ys, color=ink, linewidth=shape.width, linestyle=dashes, zorder=order)
    elif isinstance(shape, Area):
        from matplotlib.patches import Polygon

        points = [(x + dx, y + dy) for x, y in shape.points]
        ink = look(shape.role, LIGHT).ink
        axes.add_patch(Polygon(points, closed=True, facecolor=ink, alpha=0.25, linewidth=0, zorder=order))
    elif isinstance(shape, Dot):
        from matplotlib.patches import Circle

        ink = look(shape.role, LIGHT).ink
        axes.add_patch(
            Circle((shape.x + dx, shape.y + dy), shape.radius, facecolor=ink, linewidth=0, zorder=order)
        )
    elif isinstance(shape, Words):
        _words(axes, shape, dx, dy, order)
    elif isinstance(shape, Image):
        from matplotlib.image import imread

        x, y = shape.x + dx, shape.y + dy
        extent = (x, x + shape.width, y + shape.height, y)
        limits = axes.get_xlim(), axes.get_ylim()
        pixels: Any = imread(BytesIO(shape.png))
        axes.imshow(pixels, extent=extent, cmap="gray", interpolation="nearest", aspect="auto", zorder=order)
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])


def _boxes(
    axes: Any, boxes: Sequence[tuple[float, float, float, float]], role: str, shade: float, order: int
) -> None:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    fill, stroke, ink = look(role, LIGHT)
    for x, y, width, height in boxes:
        axes.add_patch(
            Rectangle(
                (x, y),
                width,
                height,
                facecolor=to_rgba(fill, shade) if fill else "none",
                edgecolor=stroke or "none",
                linewidth=BOLD.get(role, min(1.0, THIN * width)) if stroke else 0,
                linestyle=(0, (2.5, 2)) if role in DASHED else "-",
                zorder=order,
            )
        )
        if role in CROSSED and min(width, height) >= 6:
            left, right = x + 0.3 * width, x + 0.7 * width
            top, bottom = y + 0.3 * height, y + 0.7 * height
            for ends in ((top, bottom), (bottom, top)):
                axes.plot((left, right), ends, color=ink, linewidth=1, zorder=order)


def _words(axes: Any, words: Words, dx: float, dy: float, order: int) -> None:
    from math import cos, radians, sin

    turn = radians(words.rotate)
    for number, line in enumerate(words.lines):
        down = number * LEADING * words.size
        axes.text(
            words.x + dx - down * sin(turn),
            words.y + dy + down * cos(turn),
            _shown(line),
            color=look(words.role, LIGHT).ink,
            fontsize=words.size,
            fontweight="bold" if words.bold else "normal",
            horizontalalignment={"start": "left", "middle": "center", "end": "right"}[words.anchor],
            verticalalignment="baseline",
            rotation=-words.rotate,
            rotation_mode="anchor",
            zorder=order,
        )


_NO_GLYPH: Final = re.compile("[\ufffe\uffff]")


def _shown(line: str) -> str:
    return _NO_GLYPH.sub("\ufffd", line)

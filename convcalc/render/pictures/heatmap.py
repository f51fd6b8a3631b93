"""Heat maps as PNG or SVG, drawn by Matplotlib (the ``plot`` extra)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from convcalc.calculators.answers import Unreachable
from convcalc.files import write_whole
from convcalc.printable import visible
from convcalc.render.answer import File

if TYPE_CHECKING:
    from convcalc.solve.coverage import Coverage

KINDS: Final = ("png", "svg")


def check(path: str) -> str:
    """The kind of image that a path asks for; Matplotlib must be there.

    Raises:
        Unreachable: it is no kind that is drawn, the folder does not exist, or Matplotlib is missing.
    """
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise Unreachable(
            f"{path}: no image of the kind {kind or 'without an ending'!r}",
            expected="a file that ends in .png or .svg",
            nearest=str(Path(path).with_suffix(".png")) if Path(path).name else None,
        )
    folder = Path(path).parent
    if not folder.is_dir():
        raise Unreachable(f"{path}: there is no folder {folder}", expected="an existing folder")
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise Unreachable("plots need Matplotlib", expected="pip install 'convcalc[plot]'")
    return kind


def plane(grid: Any) -> tuple[Any, str]:
    """The plane of a grid that can be drawn, and what was left out of a third axis."""
    if grid.ndim == 1:
        return grid[None, :], ""
    if grid.ndim == 2:
        return grid, ""
    middle = grid.shape[0] // 2
    return grid[middle], f"slice {middle} of {grid.shape[0]} along the first axis"


@contextmanager
def _figure(path: str, size: tuple[float, float], **settings: Any) -> Iterator[Any]:
    """A figure that is written to a file at the end, whole or not at all.

    The same picture gives the same bytes: no random ids, no date.
    """
    kind = check(path)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    same: Any = {"svg.hashsalt": "convcalc", "text.parse_math": False}
    with matplotlib.rc_context(same | settings):
        figure = Figure(figsize=size, dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        metadata: Any = {"Date": None} if kind == "svg" else {"Software": "convcalc"}
        write_whole(path, partial(figure.savefig, format=kind, metadata=metadata))


def draw_grid(grid: Any, path: str, title: str, label: str) -> None:
    """Write a heat map of a grid; cells of zero stay white. The file appears whole or not at all.

    Args:
        grid: counts, an array of one to three axes; of three the middle plane is drawn.
        path: the file, ``.png`` or ``.svg``; it is replaced if it exists.
        title: above the map.
        label: what the numbers are.

    Raises:
        Unreachable: as :func:`check`.
        OSError: the file cannot be written.
    """
    import numpy as np

    cells, left_out = plane(grid)
    line = cells.shape[0] == 1
    with _figure(path, (8, 1.8) if line else (6, 5)) as figure:
        from matplotlib.colors import LogNorm, Normalize

        axes = figure.add_subplot()
        largest = float(cells.max())
        image = axes.imshow(
            np.ma.masked_equal(np.asarray(cells, dtype=float), 0),
            norm=LogNorm(1, largest) if largest > 100 else Normalize(0, max(largest, 1)),
            cmap="viridis",
            interpolation="nearest",
            aspect="auto" if line else "equal",
        )
        title = visible(title)
        axes.set_title(f"{title}\n{left_out}" if left_out else title, fontsize=10)
        if line:
            axes.set_yticks([])
        figure.colorbar(image, label=label)


def grid_files(grid: Any, title: str, label: str) -> dict[str, File]:
    """The files of a heat map of a grid by their ending; none of no grid. See :func:`draw_grid`."""
    if grid is None:
        return {}

    def write(path: str) -> str:
        draw_grid(grid, path, title, label)
        return f"{label}, {title}"

    return {f".{kind}": File(write) for kind in KINDS}


def coverage_files(found: Coverage) -> dict[str, File]:
    """The files of a heat map of a field by their ending. See :func:`draw`."""

    def write(path: str) -> str:
        draw(found, path)
        place = ",".join(map(str, found.field.position))
        return f"the field of {found.field.layer}{f' at {place}' if place else ''}"

    return {f".{kind}": File(write) for kind in KINDS}


def draw(found: Coverage, path: str, *, title: str = "") -> None:
    """Write a heat map of the field: paths to each pixel, and beside it the gradient, if computed.

    The file appears whole or not at all.

    Args:
        found: what :func:`convcalc.coverage` gave.
        path: file to write, ``.png`` or ``.svg``; it is replaced if it exists.
        title: what to write above.

    Raises:
        Unreachable: as :func:`check`.
        OSError: the file cannot be written.
    """
    panels = [("paths", _relative(found))]
    if found.effective is not None:
        mass = found.effective.mass
        panels.append(("gradient", mass / mass.max() if mass.max() > 0 else mass))
    with _figure(path, (4.6 * len(panels), 4.4), **{"font.size": 9}) as figure:
        for number, (name, values) in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), number + 1)
            _panel(axes, figure, found, name, values)
        place = f"{found.field.layer} at {','.join(map(str, found.field.position))}"
        figure.suptitle(visible(title or place))
        circle = "; dashed: 95.45% of the gradient" if found.effective is not None else ""
        figure.supxlabel(f"red: the theoretical field{circle}; grey: never read", fontsize=8)


def _relative(found: Coverage) -> Any:
    """Paths as a share of the most; 1 where they cannot be counted."""
    import numpy as np

    if found.paths is None or not found.count:
        return found.reached.astype(float)
    most = max(int(n) for n in found.paths.flat)
    return np.array([int(n) / most for n in found.paths.flat]).reshape(found.paths.shape)


def _panel(axes: Any, figure: Any, found: Coverage, name: str, values: Any) -> None:
    import numpy as np

    field = found.field
    spans = [
        (0, axis.size - 1) if axis.first is None or axis.last is None else (axis.first, axis.last)
        for axis in field.axes
    ]
    effective = found.effective
    if values.ndim == 1:
        axes.fill_between(np.arange(len(values)), values, step="mid", alpha=0.6)
        axes.axvspan(spans[0][0] - 0.5, spans[0][1] + 0.5, fill=False, edgecolor="red")
        axes.set_xlabel("input position")
        axes.set_title(_heading(found, name))
        return
    reached = found.reached
    if values.ndim == 3:
        middle = (found.box[0][0] + found.box[0][1]) // 2
        values, reached, spans = values[middle], reached[middle], spans[1:]
    shown = np.ma.masked_where(~reached, values)
    axes.set_facecolor("0.85")
    image = axes.imshow(shown, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the largest")
    from matplotlib.patches import Circle, Rectangle

    (top, bottom), (left, right) = spans
    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, right - left + 1, bottom - top + 1, fill=False, edgecolor="red"))
    if effective is not None:
        y, x = effective.center[-2:]
        axes.add_patch(Circle((x, y), effective.radii[2], fill=False, edgecolor="white", linestyle="--"))
    (y0, y1), (x0, x1) = found.box[-2:]
    edge = max(2.0, 0.05 * max(y1 - y0, x1 - x0))
    axes.set_xlim(x0 - edge, x1 + edge)
    axes.set_ylim(y1 + edge, y0 - edge)
    axes.set_title(_heading(found, name))


def _heading(found: Coverage, name: str) -> str:
    if name == "gradient" and found.effective is not None:
        return f"gradient: 95.45% within {found.effective.radii[2]:.1f} pixels"
    what = "paths to each pixel" if found.paths is not None else "pixels that contribute"
    return f"{what}: {100 * found.fraction:.1f}% of the field"

"""What an error says about the sizes that would work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from convcalc.dims import Shape
from convcalc.layers.values import axis_names
from convcalc.spec.sizes.rows import Answer, Row, fits, own_size, places_of, rows_of
from convcalc.spec.sizes.sets import SizeSet
from convcalc.spec.sizes.trace import Network, Place, Spec
from convcalc.spec.sizes.truth import Untraceable

if TYPE_CHECKING:
    from convcalc.spec.build.reading import Reading

LAYERS: Final = 4000
"""Layers up to which an error is answered with sizes: a fraction of a second."""

WORK: Final = 150_000
"""Steps of building that may be spent on it; see :mod:`convcalc.budget`."""

STEPS: Final = 4_000_000
"""Values that may be computed for it."""

WINDOWS: Final = (512, 2048)


def quote(reading: Reading) -> dict[str, Any] | None:
    """The sizes at which a spec that was refused can be built, and the nearest to its own.

    Every shape that is named was built; None where none was found, or not within a small budget.
    """
    network = Spec(reading, LAYERS, WORK)
    try:
        answer = rows_of(network, steps=STEPS, windows=WINDOWS, checks=0, tried=0)
        near = nearest(network, answer)
    except Untraceable:
        return None
    rows = [row for row in answer.rows if not row.held] or [row for row in answer.rows if row.sizes][:1]
    if not near or not rows or not all(row.sizes for row in rows):
        return None
    return {
        "text": f"{_text(rows, answer.shapes)}; nearest {_joined(near, rows, answer.shapes)}",
        "nearest": [{name: list(shape) for name, shape in shapes.items()} for shapes in near],
        "axes": [row_dict(row, answer.shapes) for row in rows],
    }


def nearest(network: Network, answer: Answer) -> list[dict[str, Shape]]:
    """The shapes nearest below and above the own ones at which a network was built; not the own ones."""
    shapes = answer.shapes
    places = places_of(shapes)
    if any(own_size(shapes, place) is None for place in places):
        return []
    free = [row for row in answer.rows if not row.held]
    ways = [free] if free and all(row.sizes for row in free) else []
    ways += [[row] for row in answer.rows if row.held and row.sizes]
    found: list[dict[str, Shape]] = []
    for rows in ways:
        for side in (SizeSet.below, SizeSet.above):
            sizes = {place: own_size(shapes, place) for place in places}
            for row in rows:
                own = max(sizes[place] for place in row.places)
                size = side(row.sizes, own)
                if size is None:
                    size = SizeSet.above(row.sizes, own) or SizeSet.below(row.sizes, own)
                assert size is not None
                sizes.update(dict.fromkeys(row.places, size))
            new = {
                name: (shape[0], *(sizes[name, axis] for axis in range(1, len(shape))))
                for name, shape in shapes.items()
            }
            if new != shapes and new not in found and fits(network, shapes, sizes):
                found.append(new)
        if found:
            return found
    return found


def written(shapes: Mapping[str, Shape]) -> str:
    """Shapes as ``--input`` takes them: ``3x704x704``, or ``a=3x64x64 b=1x64x64``."""
    texts = {name: "x".join(map(str, shape)) for name, shape in shapes.items()}
    return next(iter(texts.values())) if len(texts) == 1 else " ".join(f"{n}={t}" for n, t in texts.items())


def _joined(near: list[dict[str, Shape]], rows: list[Row], shapes: Mapping[str, Shape]) -> str:
    """The nearest shapes; only the size where all axes have the same."""
    sizes = [{size for shape in found.values() for size in shape[1:]} for found in near]
    own = {own_size(shapes, place) for place in places_of(shapes)}
    if len(own) == 1 and all(len(found) == 1 for found in sizes):
        return " and ".join(str(next(iter(found))) for found in sizes)
    return " and ".join(map(written, near))


def _text(rows: list[Row], shapes: Mapping[str, Shape]) -> str:
    texts = {row.sizes.text() for row in rows}
    if len(texts) == 1 and not any(row.held for row in rows):
        alike = len(rows[0].places) > 1 and len({own_size(shapes, place) for place in rows[0].places}) > 1
        return texts.pop() + (" on all axes alike" if alike else "")
    return ", ".join(f"{axes_text(row, shapes)} {row.sizes.text()}" for row in rows)


def axes_text(row: Row, shapes: Mapping[str, Shape]) -> str:
    """The axes of a row, and what holds the others: ``height = width``, ``height at width 32``."""
    text = " = ".join(place_name(place, shapes) for place in row.places)
    if row.held:
        text += " at " + ", ".join(f"{place_name(place, shapes)} {n}" for place, n in row.held.items())
    return text


def place_name(place: Place, shapes: Mapping[str, Shape]) -> str:
    """The name of an axis: ``height``, or ``height of mask`` where there are several inputs."""
    name, axis = place
    text = axis_names(len(shapes[name]) - 1)[axis - 1]
    return text if len(shapes) == 1 else f"{text} of {name}"


def row_dict(row: Row, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """A row as JSON holds it."""
    return {
        "name": axes_text(row, shapes),
        "axes": [list(place) for place in row.places],
        "held": {place_name(place, shapes): size for place, size in row.held.items()},
        "sizes": row.sizes.to_dict(),
    }

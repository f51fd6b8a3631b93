"""Which sizes of the input work, axis by axis, or of those axes together that depend on one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

from convcalc.dims import UNKNOWN, DimensionError, Shape, is_symbolic
from convcalc.spec.errors import SpecError
from convcalc.spec.sizes.sets import SizeSet
from convcalc.spec.sizes.trace import WINDOWS, Network, Place, Traced, shapes_of, trace
from convcalc.spec.sizes.truth import Truth, Untraceable

STEPS: Final = 8_000_000
"""Values that may be computed for one answer: about a second."""

CHECKS: Final = 24
"""Most sizes that are built besides, to see that they agree."""

TRIED: Final = 256
"""Up to which size every one is built where the network cannot be followed for all of them at once."""


class Row(NamedTuple):
    """The sizes of one axis, or of several that are alike.

    Attributes:
        places: the axes, each as the name of an input and the number of a spatial axis from 1.
        sizes: which work.
        held: sizes of other axes for which that holds; none where it holds whatever the others are.
    """

    places: tuple[Place, ...]
    sizes: SizeSet
    held: Mapping[Place, int]


class Answer(NamedTuple):
    """What :func:`rows_of` found.

    Attributes:
        shapes: the shapes of the inputs of themselves, by name.
        rows: which sizes work; for axes that depend on one another first alike, then each alone.
    """

    shapes: Mapping[str, Shape]
    rows: tuple[Row, ...]


def rows_of(
    network: Network,
    *,
    steps: int = STEPS,
    windows: Sequence[int] = WINDOWS,
    checks: int = CHECKS,
    tried: int = TRIED,
) -> Answer:
    """Which sizes of its inputs a network can be built at.

    Args:
        network: what is built.
        steps: how many values may be computed.
        windows: how far they are computed, one after the other until it is certain how they go on.
        checks: how many sizes are built besides, to see that they agree.
        tried: up to which size every one is built where the network cannot be followed for all at once.

    Raises:
        Untraceable: it can neither be followed nor may sizes be tried.
    """
    shapes = shapes_of(network)
    try:
        rows: tuple[Row, ...] = ()
        for window in windows:
            try:
                rows = _traced(network, shapes, steps, window)
            except Untraceable:
                if not rows:
                    raise
                break  # what the smaller window shows is true all the same
            if all(row.sizes.limit is None for row in rows):
                break
        if not _agrees(network, shapes, rows, checks):
            raise Untraceable("what was followed is not what is built")
    except Untraceable:
        if not tried:
            raise
        rows = _by_trying(network, shapes, tried)
    return Answer(shapes, rows)


def places_of(shapes: Mapping[str, Shape]) -> list[Place]:
    """Every spatial axis of the inputs."""
    return [(name, axis) for name, shape in shapes.items() for axis in range(1, len(shape))]


def own_size(shapes: Mapping[str, Shape], place: Place) -> Any:
    """The size an axis has of itself: a number, or None where it is unknown or a symbol."""
    size = shapes[place[0]][place[1]]
    return size if type(size) is int else None


def _letters(shapes: Mapping[str, Shape]) -> dict[Place, str]:
    """A letter for each axis; axes that have the same symbol share one."""
    found = {}
    for name, axis in places_of(shapes):
        size = shapes[name][axis]
        found[name, axis] = str(size) if size is not UNKNOWN and is_symbolic(size) else f"{name}.{axis}"
    return found


def _traced(network: Network, shapes: Mapping[str, Shape], steps: int, window: int) -> tuple[Row, ...]:
    letters = _letters(shapes)
    own = {letter: own_size(shapes, place) for place, letter in letters.items()}
    first = trace(network, letters, steps=steps, window=window)
    groups = _groups(first, sorted(set(letters.values())))
    if all(len(group) == 1 for group in groups):
        return tuple(_rows(first, letters, {}, window))
    rows: list[Row] = []
    merged = {place: group[0] for group in groups for place, letter in letters.items() if letter in group}
    dependent = {letter for group in groups if len(group) > 1 for letter in group}
    second = trace(network, merged, steps=steps, window=window)
    if all(len(group) == 1 for group in _groups(second, sorted(set(merged.values())))):
        found = _rows(second, merged, {}, window)
        unlike = {r.places for r in found if len({own[letters[p]] for p in r.places}) > 1}
        rows += [row for row in found if row.sizes or row.places not in unlike]
    else:
        dependent = set(letters.values())
    for letter in sorted(dependent):
        mine = next(set(group) for group in groups if letter in group)
        # what the other groups do is nobody's business here, unless the structure depends on it
        for others in (mine, dependent):
            held = {place: own[x] for place, x in letters.items() if x in others and x != letter}
            if None in held.values():
                continue
            kept: dict[Place, str | int] = {**letters, **held}
            alone = trace(network, kept, steps=steps, window=window)
            if not alone.undecided and not any(letter in names for names in alone.joint):
                rows += [row for row in _rows(alone, kept, held, window) if letters[row.places[0]] == letter]
                break
    if not rows:
        raise Untraceable("the sizes depend on one another")
    return tuple(rows)


def _groups(traced: Traced, letters: list[str]) -> list[list[str]]:
    """Letters that depend on one another, together."""
    of = {letter: {letter} for letter in letters}
    joined = [set(names) for names in traced.joint]
    if len(traced.boxes) > 1:
        joined += [{x for x in one if one[x] != other[x]} for one, other in combinations(traced.boxes, 2)]
    for names in joined:
        union = set().union(*(of[name] for name in names))
        for name in union:
            of[name] = union
    found: dict[int, list[str]] = {}
    for letter in letters:
        found.setdefault(id(of[letter]), []).append(letter)
    return list(found.values())


def _rows(
    traced: Traced, letters: Mapping[Place, str | int], held: Mapping[Place, int], window: int
) -> list[Row]:
    by_letter: dict[str, list[Place]] = {}
    for place, letter in letters.items():
        if isinstance(letter, str):
            by_letter.setdefault(letter, []).append(place)
    none = Truth(0, window)
    found = []
    for letter, places in by_letter.items():
        truth = none
        for box in traced.boxes:
            truth = truth | box[letter]
        found.append(Row(tuple(places), SizeSet.of(truth), held))
    return found


# -- by building ------------------------------------------------------------------------------


def fits(network: Network, shapes: Mapping[str, Shape], sizes: Mapping[Place, int]) -> bool:
    """Whether a network can be built with these sizes in place of its own."""

    def shape(name: str, own: Shape) -> Shape:
        return (own[0], *(sizes.get((name, axis), size) for axis, size in enumerate(own) if axis))

    try:
        network.build(shape)
    except (SpecError, DimensionError):
        return False
    return True


def _agrees(network: Network, shapes: Mapping[str, Shape], rows: tuple[Row, ...], checks: int) -> bool:
    """Whether what was found is what single sizes show, around each end and in between."""
    if not rows:
        return True
    each = max(2, checks // len(rows))
    base = _working(shapes, rows)
    for row in rows if checks else ():
        at = dict(base) if base is not None and not row.held else {}
        for size in _samples(row.sizes, each, shapes, row.places[0]):
            sizes = {**at, **row.held, **dict.fromkeys(row.places, size)}
            if len(sizes) < len(places_of(shapes)) and base is None and size in row.sizes:
                continue
            try:
                if fits(network, shapes, sizes) != (size in row.sizes):
                    return False
            except Untraceable:  # too much work to look again
                return True
    return True


def _working(shapes: Mapping[str, Shape], rows: tuple[Row, ...]) -> dict[Place, int] | None:
    """A size for every axis that works, of the rows that hold whatever the others are."""
    found: dict[Place, int] = {}
    for row in rows:
        if not row.held:
            size = row.sizes.smallest
            if size is None:
                return None
            found.update(dict.fromkeys(row.places, size))
    return found


def _samples(sizes: SizeSet, count: int, shapes: Mapping[str, Shape], place: Place) -> list[int]:
    own = own_size(shapes, place) or 224
    edge = sizes.smallest or 1
    wanted = [edge, edge - 1, edge + 1, sizes.below(own), sizes.above(own), own, own + 1, own - 1]
    wanted += [sizes.first, sizes.first - 1, sizes.first + sizes.period, 1, 2, 3, 64, 97, 224, 100]
    known = [n for n in dict.fromkeys(wanted) if n and n > 0 and (sizes.limit is None or n <= sizes.limit)]
    return known[:count]


def _by_trying(network: Network, shapes: Mapping[str, Shape], tried: int) -> tuple[Row, ...]:
    """Every size up to a limit, for all axes of one size together, and for each alone."""
    groups: dict[Any, list[Place]] = {}
    for place in places_of(shapes):
        groups.setdefault(own_size(shapes, place), []).append(place)
    rows = []
    for places in groups.values():
        others = {p: own_size(shapes, p) for p in places_of(shapes) if p not in places}
        if None in others.values():
            continue
        bits = sum(
            1 << (n - 1)
            for n in range(1, tried + 1)
            if fits(network, shapes, {**others, **dict.fromkeys(places, n)})
        )
        rows.append(Row(tuple(places), SizeSet.of(Truth(bits, tried, 0, None)), others))
    return tuple(rows)

"""Whole numbers that a model works out before its layers run: shapes, axes, bounds of slices, small tables.

They are folded in plain Python, so that counting loads no NumPy. An entry is an ``int``, ``float`` or
``bool`` or, where a size of the input is a letter, a closed form of :mod:`convcalc.dims`: the sum of
``H`` and 2 is ``H+2``. What cannot be folded raises :class:`Unfolded`, and is then a layer of the network,
or nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

from convcalc.dims import equal, is_symbolic, minimum, prod

MOST: Final = 1 << 16
"""Most entries of a tensor that is folded; larger ones are tensors of the network."""

Item = Any
"""One entry: ``int``, ``float``, ``bool`` or a closed form."""


class Unfolded(Exception):
    """A tensor that cannot be worked out beforehand: it is too large, or not certain for all sizes."""


class Folded(NamedTuple):
    """A tensor whose entries are known.

    Attributes:
        dims: its shape; no axes for a number.
        items: the entries, the last axis running fastest.
        dtype: the type of the entries, as NumPy calls it.
    """

    dims: tuple[int, ...]
    items: tuple[Item, ...]
    dtype: str = "int64"

    @property
    def is_float(self) -> bool:
        """Whether the entries are no whole numbers or truth values."""
        return "float" in self.dtype


def number(value: Item, dtype: str = "int64") -> Folded:
    """A tensor of no axes."""
    return Folded((), (value,), dtype)


def vector(values: Iterable[Item], dtype: str = "int64") -> Folded:
    """A tensor of one axis."""
    items = tuple(values)
    return Folded((len(items),), items, dtype)


def size_of(dims: Sequence[Any]) -> int:
    """How many entries a tensor of these sizes has.

    Raises:
        Unfolded: the sizes are no numbers, or too many entries.
    """
    many = prod(dims)
    if type(many) is not int or many > MOST or many < 0:
        raise Unfolded
    return many


def strides(dims: Sequence[int]) -> tuple[int, ...]:
    """How far apart entries are along each axis."""
    found, step = [], 1
    for n in reversed(dims):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def filled(dims: Sequence[Any], value: Item, dtype: str) -> Folded:
    """A tensor with one value everywhere (ConstantOfShape)."""
    many = size_of(dims)
    return Folded(tuple(dims), (value,) * many, dtype)


def picked(x: Folded, dims: Sequence[int], places: Iterable[int]) -> Folded:
    """A tensor made of entries of another, by their places."""
    size_of(dims)
    return Folded(tuple(dims), tuple(x.items[place] for place in places), x.dtype)


def along(dims: Sequence[int], steps: Sequence[int], start: int = 0) -> Iterable[int]:
    """Places of a walk over ``dims`` indices, each axis with a step of its own."""
    for index in product(*map(range, dims)):
        yield start + sum(i * step for i, step in zip(index, steps, strict=True))


def axis_in(axis: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        Unfolded: there is none.
    """
    if not -rank <= axis < max(rank, 1):
        raise Unfolded
    return axis % max(rank, 1)


def reshape(x: Folded, dims: Sequence[Any], allowzero: bool = False) -> Folded:
    """ONNX Reshape: -1 is what is left, 0 the size that arrives (unless ``allowzero``)."""
    return x._replace(dims=reshaped(x.dims, dims, allowzero))


def reshaped(have: Sequence[Any], want: Sequence[Any], allowzero: bool = False) -> tuple[Any, ...]:
    """The shape that ONNX Reshape makes.

    Raises:
        Unfolded: the elements are not as many.
    """
    found: list[Any] = []
    for place, n in enumerate(want):
        if type(n) is int and n == 0 and not allowzero:
            if place >= len(have):
                raise Unfolded
            n = have[place]
        found.append(n)
    open_ = [place for place, n in enumerate(found) if type(n) is int and n == -1]
    if len(open_) > 1:
        raise Unfolded
    if open_:
        rest = prod(n for place, n in enumerate(found) if place not in open_)
        whole = prod(have)
        if type(rest) is int and type(whole) is int:
            if rest == 0 or whole % rest:
                raise Unfolded
            found[open_[0]] = whole // rest
        else:
            found[open_[0]] = _quotient(whole, rest)
    elif equal(prod(found), prod(have)) is False:
        raise Unfolded
    return tuple(found)


def _quotient(whole: Any, part: Any) -> Any:
    """What is left of a product of sizes; factors that both have go first."""
    return whole / part if is_symbolic(whole) or is_symbolic(part) else whole // part


def transpose(x: Folded, order: Sequence[int]) -> Folded:
    """Axes in another order."""
    own = strides(x.dims)
    dims = [x.dims[a] for a in order]
    return picked(x, dims, along(dims, [own[a] for a in order]))


def expand(x: Folded, dims: Sequence[Any]) -> Folded:
    """ONNX Expand: broadcast both ways."""
    dims = broadcast(x.dims, dims)
    return picked(x, dims, repeated(x, dims))


def broadcast(*shapes: Sequence[Any]) -> tuple[Any, ...]:
    """The common shape, as NumPy has it.

    Raises:
        Unfolded: there is none.
    """
    rank = max(map(len, shapes))
    found: list[Any] = []
    for place in range(rank):
        size: Any = 1
        for shape in shapes:
            at = place - (rank - len(shape))
            n = shape[at] if at >= 0 else 1
            if type(n) is int and n == 1:
                continue
            if type(size) is int and size == 1:
                size = n
            elif equal(size, n) is not True:
                raise Unfolded
        found.append(size)
    return tuple(found)


def repeated(x: Folded, dims: Sequence[int]) -> Iterable[int]:
    """Places of the entries that a tensor has where it is broadcast to these sizes."""
    lead = len(dims) - len(x.dims)
    size_of(dims)
    own = strides(x.dims)
    steps = [0] * lead + [0 if n == 1 else own[a] for a, n in enumerate(x.dims)]
    return along(dims, steps)


def tile(x: Folded, counts: Sequence[int]) -> Folded:
    """ONNX Tile."""
    own = strides(x.dims)
    dims = [n * c for n, c in zip(x.dims, counts, strict=True)]
    size_of(dims)
    places = (
        sum((i % n) * step for i, n, step in zip(index, x.dims, own, strict=True))
        for index in product(*map(range, dims))
    )
    return picked(x, dims, places)


def bounds(n: Any, start: Any, stop: Any, step: int) -> tuple[Any, Any]:
    """First index and number of indices of a slice of an axis of ``n``, as ONNX and NumPy clamp them.

    Raises:
        Unfolded: which it is depends on a letter.
    """
    if type(n) is int and type(start) is int and type(stop) is int:
        # a stop of -1 with a negative step would count from the end; ONNX says so as well
        first, last, step = slice(start, None if step < 0 and stop < -n else stop, step).indices(n)
        return first, len(range(first, last, step))
    if step < 0:
        raise Unfolded
    first, last = (_clamped(n, place) for place in (start, stop))
    if (last > first) is False:
        return 0, 0
    length = last - first
    return first, length if step == 1 else -(-length // step)


def _clamped(n: Any, place: Any) -> Any:
    """A bound of a slice as an index from 0 to n."""
    if type(place) is int and place < 0:
        # a letter is some size: that it is large enough is demanded where the slice is made
        return n + place if place > -(1 << 31) else 0
    if type(place) is int and place >= 1 << 31:
        return n
    if equal(place, n) is True or (place >= n) is True:
        return n
    if (place <= n) is True or type(place) is int:
        return place
    below = place < 0
    if below is True:
        return n + place
    found = minimum(place, n)
    return found


def cut(x: Folded, axis: int, start: Any, stop: Any, step: int = 1) -> Folded:
    """ONNX Slice along one axis."""
    axis = axis_in(axis, len(x.dims))
    if type(start) is not int or type(stop) is not int:
        raise Unfolded
    first, many = bounds(x.dims[axis], start, stop, step)
    return take(x, axis, Folded((many,), tuple(first + step * i for i in range(many))))


def take(x: Folded, axis: int, index: Folded) -> Folded:
    """ONNX Gather: the axes of the index stand in place of the axis."""
    axis = axis_in(axis, len(x.dims))
    n = x.dims[axis]
    chosen = []
    for i in index.items:
        if type(i) is not int or not -n <= i < n:
            raise Unfolded
        chosen.append(i % n)
    before, after = prod(x.dims[:axis]), prod(x.dims[axis + 1 :])
    dims = (*x.dims[:axis], *index.dims, *x.dims[axis + 1 :])
    places = ((b * n + i) * after + a for b in range(before) for i in chosen for a in range(after))
    return picked(x, dims, places)


def concat(parts: Sequence[Folded], axis: int) -> Folded:
    """ONNX Concat."""
    first = parts[0]
    axis = axis_in(axis, len(first.dims))
    dims = (*first.dims[:axis], sum(p.dims[axis] for p in parts), *first.dims[axis + 1 :])
    size_of(dims)
    before = prod(first.dims[:axis])
    items: list[Item] = []
    for b in range(before):
        for part in parts:
            run = len(part.items) // before if before else 0
            items += part.items[b * run : (b + 1) * run]
    return Folded(dims, tuple(items), first.dtype)


def arange(start: Item, stop: Item, step: Item, dtype: str) -> Folded:
    """ONNX Range."""
    if any(map(is_symbolic, (start, stop, step))) or not step:
        raise Unfolded
    many = max(0, math.ceil((stop - start) / step)) if "float" in dtype else len(range(start, stop, step))
    size_of((many,))
    return vector((start + i * step for i in range(many)), dtype)

"""Which operators of ONNX are folded where all that they read is known: a row an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from convcalc.importers.onnx import arithmetic, folded
from convcalc.importers.onnx.folded import Folded, Unfolded, number, vector

if TYPE_CHECKING:
    from convcalc.importers.onnx.use import Use

MOST_NUMBERS: Final = 256
"""Most entries of a tensor of one number that is folded; a larger one may be a weight."""


def _axes(use: Use, place: int = 1) -> list[int] | None:
    """Axes of an operator: an attribute in older sets, an input in newer ones."""
    given = use.attribute("axes")
    if given is not None:
        return list(given)
    return use.whole(place) if use.given(place) else None


def _reshape(use: Use) -> Folded:
    want = use.attribute("shape")
    want = want if want is not None else use.folded(1).items
    return folded.reshape(use.folded(0), want, bool(use.attribute("allowzero", 0)))


def _transpose(use: Use) -> Folded:
    x = use.folded(0)
    return folded.transpose(x, use.attribute("perm", tuple(range(len(x.dims)))[::-1]))


def _unsqueeze(use: Use) -> Folded:
    x, axes = use.folded(0), _axes(use) or []
    rank = len(x.dims) + len(axes)
    new = {a % rank for a in axes}
    rest = iter(x.dims)
    return x._replace(dims=tuple(1 if a in new else next(rest) for a in range(rank)))


def _squeeze(use: Use) -> Folded:
    x, axes = use.folded(0), _axes(use)
    rank = len(x.dims)
    gone = {a for a in range(rank) if x.dims[a] == 1} if axes is None else {a % rank for a in axes}
    return x._replace(dims=tuple(n for a, n in enumerate(x.dims) if a not in gone))


def _flatten(use: Use) -> Folded:
    x, axis = use.folded(0), use.attribute("axis", 1)
    axis = axis + len(x.dims) if axis < 0 else axis
    from convcalc.dims import prod

    return x._replace(dims=(prod(x.dims[:axis]), prod(x.dims[axis:])))


def _slice(use: Use) -> Folded:
    x = use.folded(0)
    if use.attribute("starts") is not None:
        starts, stops = use.attribute("starts"), use.attribute("ends")
        axes, steps = use.attribute("axes"), None
    else:
        starts, stops = use.folded(1).items, use.folded(2).items
        axes = use.folded(3).items if use.given(3) else None
        steps = use.folded(4).items if use.given(4) else None
    axes = range(len(starts)) if axes is None else axes
    for start, stop, axis, step in zip(starts, stops, axes, steps or [1] * len(starts), strict=True):
        x = folded.cut(x, axis, start, stop, step)
    return x


def _split(use: Use) -> list[Folded]:
    x = use.folded(0)
    axis = folded.axis_in(use.attribute("axis", 0), len(x.dims))
    sizes = use.split_sizes(x.dims[axis])
    found, first = [], 0
    for size in sizes:
        found.append(folded.cut(x, axis, first, first + size))
        first += size
    return found


def _constant_of_shape(use: Use) -> Folded:
    tensor = use.attribute("value")
    value, dtype = 0.0, "float32"
    if tensor is not None:
        values = tensor.values()
        if not values:
            raise Unfolded
        value, dtype = values[0], tensor.dtype
    dims = use.folded(0).items
    if value and "float" in dtype and folded.size_of(dims) > MOST_NUMBERS:
        raise Unfolded
    return folded.filled(dims, value, dtype)


def _range(use: Use) -> Folded:
    start, stop, step = (use.folded(i) for i in range(3))
    return folded.arange(start.items[0], stop.items[0], step.items[0], start.dtype)


def _cast(use: Use) -> Folded:
    use.harmless("saturate", "round_mode")
    return arithmetic.cast(use.folded(0), use.dtype(use.attribute("to")))


def _cast_like(use: Use) -> Folded:
    use.harmless("saturate", "round_mode")
    return arithmetic.cast(use.folded(0), use.type(1))


def _trilu(use: Use) -> Folded:
    k = use.folded(1).items[0] if use.given(1) else 0
    return arithmetic.trilu(use.folded(0), k, bool(use.attribute("upper", 1)))


def _where(use: Use) -> Folded:
    return arithmetic.where(use.folded(0), use.folded(1), use.folded(2))


def _clip(use: Use) -> Folded:
    x = use.folded(0)
    for op, name, place in (("Max", "min", 1), ("Min", "max", 2)):
        bound = use.attribute(name)
        limit = number(bound, x.dtype) if bound is not None else None
        if use.given(place):
            limit = use.folded(place)
        x = x if limit is None else arithmetic.binary(op, x, limit)
    return x


def _many(op: str) -> Callable[[Use], Folded]:
    def fold(use: Use) -> Folded:
        found = use.folded(0)
        for place in range(1, use.count):
            found = arithmetic.binary(op, found, use.folded(place))
        return found

    return fold


def _two(op: str) -> Callable[[Use], Folded]:
    def fold(use: Use) -> Folded:
        if op == "Mod" and use.attribute("fmod", 0):
            raise Unfolded
        use.harmless("broadcast", "axis")
        return arithmetic.binary(op, use.folded(0), use.folded(1))

    return fold


def _one(op: str) -> Callable[[Use], Folded]:
    return lambda use: arithmetic.unary(op, use.folded(0))


def _reduction(op: str) -> Callable[[Use], Folded]:
    def fold(use: Use) -> Folded:
        axes, keep = _axes(use), bool(use.attribute("keepdims", 1))
        if not axes and use.attribute("noop_with_empty_axes", 0):
            return use.folded(0)
        return arithmetic.reduce(op, use.folded(0), axes or None, keep)

    return fold


def _shape(use: Use) -> Folded:
    dims = use.dims(0)
    found = slice(use.attribute("start", 0), use.attribute("end"))
    return vector(dims[found])


def _size(use: Use) -> Folded:
    from convcalc.dims import prod

    return number(prod(use.dims(0)))


def _tile(use: Use) -> Folded:
    return folded.tile(use.folded(0), use.folded(1).items)


def _cumsum(use: Use) -> Folded:
    flags = (bool(use.attribute(name, 0)) for name in ("exclusive", "reverse"))
    return arithmetic.running(use.folded(0), use.folded(1).items[0], *flags)


def _concat(use: Use) -> Folded:
    return folded.concat([use.folded(i) for i in range(use.count)], use.attribute("axis", 1))


def _gather(use: Use) -> Folded:
    return folded.take(use.folded(0), use.attribute("axis", 0), use.folded(1))


def _same(use: Use) -> Folded:
    return use.folded(0)


FOLDS: Final[dict[str, Callable[[Use], Any]]] = {
    "Shape": _shape,
    "Size": _size,
    "Identity": _same,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Flatten": _flatten,
    "Slice": _slice,
    "Split": _split,
    "Concat": _concat,
    "Gather": _gather,
    "Expand": lambda use: folded.expand(use.folded(0), use.folded(1).items),
    "Tile": _tile,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Where": _where,
    "NonZero": lambda use: arithmetic.nonzero(use.folded(0)),
    "Trilu": _trilu,
    "CumSum": _cumsum,
    "Clip": _clip,
    **{op: _two(op) for op in ("Add", "Sub", "Mul", "Div", "Mod", "Pow")},
    **{op: _two(op) for op in arithmetic.LOGICAL},
    **{op: _many(op) for op in ("Max", "Min")},
    **{op: _one(op) for op in arithmetic.UNARY},
    **{op: _reduction(op) for op in arithmetic.REDUCTIONS},
}
"""By operator, what folds it; each raises :class:`Unfolded` where something that it reads is not known."""

"""Operators that move values: other shapes, parts, joins, padding, look-ups."""

from __future__ import annotations

from typing import Any, Final

from convcalc.dims import equal, prod
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.folded import Unfolded, bounds, reshaped
from convcalc.importers.onnx.use import Operator, Use
from convcalc.importers.tensors import Value, is_one


def same(use: Use) -> Value:
    """Identity: another name of the same."""
    return use.x()


def dropout(use: Use) -> list[Any]:
    """Dropout, which does nothing at inference; its ratio is an attribute before set 12, an input later."""
    use.harmless("seed", "is_test")
    if use.given(2) and any(use.numbers(2)):
        raise Unsayable("is training")
    ratio = use.attribute("ratio", 0.5)
    if use.given(1):
        ratio = use.numbers(1)[0]
    return [use.one("dropout", use.x(), use.path, p=ratio)]


def _formed(use: Use, x: Value, dims: Any) -> Value:
    """The elements in another shape.

    Where one sample is written down, the axis of the batch may have been joined to the one before it, as a
    step of a sequence is: what is behind it is as it was.
    """
    at, net = x.batch, use.net
    if net.batch == 1 and at and not x.folded and len(dims) < x.rank:
        behind = x.dims[at + 1 :]
        place = len(dims) - len(behind)
        if place > 0 and all(equal(a, b) is True for a, b in zip(dims[place:], behind, strict=True)):
            before = prod(dims[:place])
            if equal(before, prod(x.dims[:at])) is True and not is_one(dims[place - 1]):
                return net.seen(x, dims, place - 1, True, use.path)
    return net.reshape(x, dims, use.path)


def reshape(use: Use) -> Value:
    """Reshape: -1 is what is left, 0 what arrives."""
    x = use.x()
    want = use.attribute("shape")
    want = use.numbers(1) if want is None else want
    try:
        dims = reshaped(x.dims, want, bool(use.attribute("allowzero", 0)))
    except Unfolded:
        from convcalc.layers.values import show

        raise Unsayable(f"makes {show(want)} of {show(x.dims)}, which has other elements") from None
    return _formed(use, x, dims)


def flatten(use: Use) -> Value:
    """Flatten to two axes."""
    x, axis = use.x(), use.attribute("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    return _formed(use, x, (prod(x.dims[:axis]), prod(x.dims[axis:])))


def transpose(use: Use) -> Value:
    """Transpose."""
    x = use.x()
    return use.net.permute(x, use.attribute("perm") or range(x.rank)[::-1], use.path)


def squeeze(use: Use) -> Value:
    """Squeeze: its axes are an attribute before set 13, an input later."""
    return use.net.squeeze(use.x(), use.axes(1), use.path)


def unsqueeze(use: Use) -> Value:
    """Unsqueeze."""
    x, axes = use.x(), use.axes(1) or []
    rank = x.rank + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = use.net.unsqueeze(x, axis, use.path)
    return x


def expand(use: Use) -> Value:
    """Expand, broadcast both ways."""
    x, want = use.x(), use.numbers(1)
    if x.rank > len(want):
        want = [1] * (x.rank - len(want)) + want
    old = (1,) * (len(want) - x.rank) + x.dims
    dims = [had if is_one(size) else size for size, had in zip(want, old, strict=True)]
    return use.net.expand(x, dims, use.path)


def tile(use: Use) -> Value:
    """Tile."""
    return use.net.tile(use.x(), use.numbers(1), use.path)


def concat(use: Use) -> Value:
    """Concat."""
    values = [use.x(place) for place in range(use.count)]
    axis = use.attribute("axis", 1)
    return use.net.concat([v for v in values if v.dims[axis] != 0], axis, use.path)


def split(use: Use) -> list[Any]:
    """Split: sizes are an attribute before set 13, an input later; or parts of nearly one size."""
    x = use.x()
    axis = use.net.place_of(x, use.attribute("axis", 0))
    return use.net.split(x, use.split_sizes(x.dims[axis]), axis, use.path)


def slice_(use: Use) -> Value:
    """Slice: where it starts and ends are attributes before set 10, inputs later."""
    x = use.x()
    steps = axes = None
    if use.opset < 10:
        starts, stops, axes = use.attribute("starts"), use.attribute("ends"), use.attribute("axes")
    else:
        starts, stops = use.numbers(1), use.numbers(2)
        axes = use.numbers(3) if use.given(3) else None
        steps = use.numbers(4) if use.given(4) else None
    axes = range(len(starts)) if axes is None else axes
    for start, stop, axis, step in zip(starts, stops, axes, steps or [1] * len(starts), strict=True):
        axis = use.net.place_of(x, axis)
        size = x.dims[axis]
        try:
            first, many = bounds(size, start, stop, step)
        except Unfolded:
            if step == -1 and (start == -1 or start > 1 << 31) and stop < -(1 << 31):
                x = use.net.flip(x, [axis], use.path)
                continue
            raise Unsayable("cuts where a letter decides") from None
        if type(many) is int and many == 0:
            raise Unsayable("leaves nothing")
        if step == -1 and many == size:
            x = use.net.flip(x, [axis], use.path)
        elif step < 0:
            x = use.net.take(x, axis, range(first, first + step * many, step), use.path)
        else:
            x = use.net.slice(
                x, axis, first, first + many if step == 1 else first + step * many, step, use.path
            )
    return x


def gather(use: Use) -> Value:
    """Gather: entries by numbers that are known, rows of a table, or entries by a tensor."""
    axis = use.attribute("axis", 0)
    try:
        index = use.term(1).entries()
    except Unfolded:
        return _look_up(use, axis)
    x = use.x()
    axis = use.net.place_of(x, axis)
    if not all(type(i) is int for i in index.items):
        raise Unsayable("chooses by a size of the input")
    if not index.dims:
        return use.net.select(x, axis, index.items[0], use.path)
    size = x.dims[axis]
    if (len(index.items) == 1 and is_one(size) and axis == x.batch) or (
        type(size) is int and index.items == tuple(range(size))
    ):
        found = x
    else:
        found = use.net.take(x, axis, index.items, use.path)
    dims = (*x.dims[:axis], *index.dims, *x.dims[axis + 1 :])
    return found if found.dims == dims else use.net.reshape(found, dims, f"{use.path}.reshape")


def _look_up(use: Use, axis: int) -> Value:
    table, index = use.stored(0), use.x(1)
    if "int" not in index.dtype:
        raise Unsayable(f"chooses by {index.dtype}")
    if table is not None and len(table.shape) == 2 and axis in (0, -2):
        entries, features = table.shape
        edge = use.net.edge(index, use.path)
        made = use.net.add(
            "embedding", (edge,), {"entries": entries, "features": features}, use.path, {"weight": table}
        )[0]
        shape = (*index.dims, features)
        wanted = use.net.own(shape, index.batch, index.folded)
        made = use.net.reshaped(made, wanted, f"{use.path}.reshape")
        return Value(shape, index.batch, index.folded, made)
    x = use.x()
    axis = use.net.place_of(x, axis)
    if x.batch is not None or index.batch is None:
        raise Unsayable("chooses the entries of every sample by numbers that are known when it runs")
    edges = (use.net.edge(x, use.path), use.net.edge(index, use.path))
    (made,) = use.net.add("gather", edges, {"axis": axis}, use.path)
    dims = (*x.dims[:axis], *index.dims, *x.dims[axis + 1 :])
    made = use.net.reshaped(made, use.net.own(dims, axis + index.batch, index.folded), f"{use.path}.reshape")
    return Value(dims, axis + index.batch, index.folded, made, dtype=x.dtype)


_MODES: Final = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(use: Use) -> Value:
    """Pad: sides and value are attributes before set 11, inputs later."""
    x, mode = use.x(), use.attribute("mode", "constant")
    if mode not in _MODES:
        raise Unsayable(f"with mode={mode} is no layer here")
    sides, number = use.attribute("pads"), use.attribute("value", 0.0)
    if sides is None:
        sides = use.numbers(1)
        number = use.numbers(2)[0] if use.given(2) and use.dims(2) != (0,) else 0.0
    axes = use.numbers(3) if use.given(3) else range(x.rank)
    half = len(sides) // 2
    pairs = {use.net.place_of(x, a): (sides[i], sides[half + i]) for i, a in enumerate(axes)}
    return use.net.pad(x, pairs, use.path, _MODES[mode], number)


def depth_to_space(use: Use) -> Value:
    """DepthToSpace."""
    mode = use.attribute("mode", "DCR")
    return use.layer("pixelshuffle", use.map_(), factor=use.attribute("blocksize"), mode=mode.lower())


def space_to_depth(use: Use) -> Value:
    """SpaceToDepth."""
    mode = use.attribute("mode", "DCR")
    return use.layer("pixelunshuffle", use.map_(), factor=use.attribute("blocksize"), mode=mode.lower())


def constant_of_shape(use: Use) -> Value:
    """ConstantOfShape, where it is too large to be folded."""
    dims, tensor = tuple(use.numbers(0)), use.attribute("value")
    entries = (0.0,) if tensor is None else tensor.values()
    if not entries or not all(type(n) is int and n > 0 for n in dims):
        raise Unsayable(f"of {dims} is no tensor here")
    number, dtype = entries[0], "float32" if tensor is None else tensor.dtype

    def read() -> Any:
        import numpy as np

        return np.full(dims, number, dtype)

    name = use.node.outputs[0]
    stored = Stored(name, dims, dtype, read, learned=False, counted=False)
    return Value(dims, stored=stored, dtype=dtype)


ROWS: Final[dict[str, Operator]] = {
    "Identity": same,
    "ConstantOfShape": constant_of_shape,
    "Dropout": dropout,
    "Reshape": reshape,
    "Flatten": flatten,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
    "Tile": tile,
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Gather": gather,
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
}

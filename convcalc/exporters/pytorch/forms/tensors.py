"""Layers that move, cut and look up entries, and tensors of the network's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from convcalc.dims import Shape
from convcalc.exporters.pytorch.code import (
    Expr,
    Hole,
    Item,
    call,
    expr,
    key,
    listed,
    method,
    plain,
    tight,
    value,
)
from convcalc.exporters.pytorch.forms.form import (
    Form,
    Former,
    Place,
    anywhere,
    function,
    inside,
    made,
    moved,
    of_method,
    widths,
)


def _identity(place: Place) -> Form:
    return Form(lambda xs: xs[0], spare=call("nn.Identity"))


def _dropout(place: Place) -> Form:
    return anywhere(made(place, call("nn.Dropout", key("p", place.layer.p, 0.5))), place.rank)


def _flatten(place: Place) -> Form:
    layer = place.layer
    if layer.order == "last":
        return Form(lambda xs: method(moved(1, -1)(xs[0]), "flatten", 1))
    end = [] if layer.end == -1 else [layer.end + 1]
    start = layer.start + 1
    spare = call("nn.Flatten", *([] if start == 1 and not end else [start]), *end)
    flat = of_method("flatten", start, *end, spare=spare)
    if place.rank == 2 and place.shapes[0][0] == start == 1:
        return flat._replace(apply=lambda xs: _first(xs[0]) or flat.apply(xs))
    return flat


def _first(x: Expr) -> Expr | None:
    """``x[:, 0]`` for ``x[:, :1]``, without the axis of one entry."""
    *before, axes, colon, stop, end = ("", "", "", *x.parts)
    if (axes, colon, end) == ("[:, ", ":", "]") and isinstance(stop, Hole) and stop.value == 1:
        return replace(x, parts=(*before[3:], "[:, 0]"))
    return None


def _reshape(place: Place) -> Form:
    layer, shape, arriving = place.layer, place.layer.shape, place.shapes[0]
    if layer.order == "last":

        def apply(xs: list[Expr]) -> Expr:
            y = method(moved(1, -1)(xs[0]), "reshape", -1, *shape[1:], shape[0])
            return moved(-1, 1)(y)

        return Form(apply)
    before = 0
    while before < min(len(shape), len(arriving)) and shape[before] == arriving[before]:
        before += 1
    after = 0
    while after < min(len(shape), len(arriving)) - before and shape[-1 - after] == arriving[-1 - after]:
        after += 1
    cut = shape[before : len(shape) - after]
    taken = arriving[before : len(arriving) - after]
    if len(taken) == 1 and len(cut) > 1:
        words = ["size", "heads", "head_size"] if len(cut) == 3 and cut[0] == 3 else ["size"] * len(cut)
        sizes = [value(n, word) for n, word in zip(cut, words, strict=True)]
        return of_method("unflatten", before + 1, listed(sizes, "()"))
    if len(cut) == 1 and len(taken) > 1:
        end = [] if after == 0 else [len(arriving) - after]
        return of_method("flatten", before + 1, *end)
    names = _words(arriving, shape)
    return of_method("reshape", -1, *(value(n, word) for n, word in zip(shape, names, strict=True)))


def _words(arriving: Shape, shape: Shape) -> list[str]:
    """What the sizes of a reshape are called: windows, where axes are cut into them."""
    left, cut = list(arriving), list(shape)
    found: list[str] = []
    while left and cut:
        size = left.pop(0)
        if cut[0] == size:
            found.append("size")
            cut.pop(0)
        elif len(cut) > 1 and cut[0] * cut[1] == size:
            found += ["windows", "window_size"]
            del cut[:2]
        else:
            break
    return found if not left and not cut else ["size"] * len(shape)


def _permute(place: Place) -> Form:
    order = place.layer.order
    swapped = [a for a, b in enumerate(order) if a != b]
    if len(swapped) == 2:
        a, b = swapped
        return of_method("transpose", place.dim(a) if b < place.rank - 1 else a + 1, place.dim(b))
    return of_method("permute", 0, *(a + 1 for a in order))


def _shuffle(place: Place) -> Form:
    groups = value(place.layer.groups, "groups")
    if place.rank > 1:
        return made(place, call("nn.ChannelShuffle", groups))

    def apply(xs: list[Expr]) -> Expr:
        parts = method(xs[0], "unflatten", 1, listed([groups, plain(-1)], "()"))
        return method(method(parts, "transpose", 1, 2), "flatten", 1)

    return Form(apply)


def _pixels(name: str) -> Former:
    def form(place: Place) -> Form:
        layer = place.layer
        if layer.mode == "crd" and place.axes == 2:
            module = {"pixel_shuffle": "nn.PixelShuffle", "pixel_unshuffle": "nn.PixelUnshuffle"}[name]
            return made(place, call(module, value(layer.factor, "factor")))
        return function(place.helper(name), value(layer.factor, "factor"), Item(plain(layer.mode), "order"))

    return form


def _shift(place: Place) -> Form:
    layer = place.layer
    return function(
        place.helper("shift"),
        value(tuple(layer.kernel), "kernel_size"),
        value(tuple(layer.dilation), "dilation"),
    )


def _sides(
    axis: tuple[int, ...] | None, amounts: tuple[tuple[int, int], ...], rank: int
) -> list[tuple[int, int]]:
    """What is added or cut before and after every axis."""
    axes = range(1, rank) if axis is None else axis
    by_axis = dict(zip(axes, amounts, strict=True))
    return [by_axis.get(a, (0, 0)) for a in range(rank)]


def _pad(place: Place) -> Form:
    layer, rank = place.layer, place.rank
    sides = _sides(layer.axis, layer.padding, rank)
    mode = {"zeros": "constant"}.get(layer.mode, layer.mode)
    given = plain(widths(sides))
    if mode == "constant":
        number = 0 if layer.mode == "zeros" else layer.value
        more = [] if number == 0 else [key("value", number)]
        return function("F.pad", given, *more)
    if sides[0] == (0, 0) and 2 <= rank <= 4:
        return function("F.pad", plain(widths_of(sides[1:])), Item(plain(mode), "mode"))
    axes = tuple(a + 1 for a, pair in enumerate(sides) if pair != (0, 0))
    pairs = tuple(pair for pair in sides if pair != (0, 0))
    return function(place.helper("pad"), plain(axes), plain(pairs), Item(plain(mode), "mode"))


def widths_of(sides: list[tuple[int, int]]) -> tuple[int, ...]:
    """Pairs of all spatial axes as ``F.pad`` takes them: other modes than constants need them all."""
    return tuple(width for pair in reversed(sides) for width in pair)


def _ranges(x: Expr, ranges: list[tuple[int, int, int]]) -> Expr:
    """A tensor cut to ``start:stop`` of the axes, of the sizes given."""
    while ranges and ranges[-1][:2] == (0, ranges[-1][2]):
        ranges = ranges[:-1]
    found = [f"{start or ''}:{'' if stop == size else stop - size}" for start, stop, size in ranges]
    return expr(tight(x), f"[:, {', '.join(found)}]") if found else x


def _crop(place: Place) -> Form:
    sides = _sides(place.layer.axis, place.layer.amounts, place.rank)
    ranges = [(b, n - a, n) for (b, a), n in zip(sides, place.shapes[0], strict=True)]
    return Form(lambda xs: _ranges(xs[0], ranges))


def _part(x: Expr, axis: int, start: int, stop: int, size: int) -> Expr:
    """Entries ``start`` to ``stop`` of an axis of that size."""
    if (start, stop) == (0, size):
        return x
    first = [value(start, "start")] if start else []
    last = [value(stop, "stop")] if stop != size else []
    return expr(tight(x), "[" + ":, " * (axis + 1), *first, ":", *last, "]")


def _slice(place: Place) -> Form:
    layer = place.layer
    size = place.shapes[0][layer.axis]
    return Form(lambda xs: _part(xs[0], layer.axis, layer.start, layer.stop, size))


def _split(place: Place) -> Form:
    layer = place.layer
    dim = Item(plain(place.dim(layer.axis)), "dim")
    if len(layer.sizes) == 1:
        return Form(lambda xs: xs[0])
    if len(place.wanted) == 1:
        (number,) = place.wanted
        start = sum(layer.sizes[:number])
        stop = start + layer.sizes[number]
        return Form(lambda xs: _part(xs[0], layer.axis, start, stop, sum(layer.sizes)))
    if len(set(layer.sizes)) == 1:
        return Form(lambda xs: method(xs[0], "chunk", len(layer.sizes), dim), parts=len(layer.sizes))
    sizes = listed([value(n, "size") for n in layer.sizes])
    return Form(lambda xs: method(xs[0], "split", sizes, dim), parts=len(layer.sizes))


def _unstack(place: Place) -> Form:
    layer = place.layer
    if place.rank == 1:  # a tensor has one axis at least, so that the parts keep theirs
        if layer.parts == 1:
            return Form(lambda xs: xs[0])
        if len(place.wanted) == 1:
            (only,) = place.wanted
            return Form(lambda xs: expr(tight(xs[0]), f"[:, {only}:{only + 1}]"))
        return Form(lambda xs: method(xs[0], "split", 1, Item(plain(1), "dim")), parts=layer.parts)
    if layer.parts == 1:
        return of_method("squeeze", layer.axis + 1)
    if len(place.wanted) == 1:
        (number,) = place.wanted
        return Form(lambda xs: expr(tight(xs[0]), "[" + ":, " * (layer.axis + 1) + f"{number}]"))
    return Form(lambda xs: method(xs[0], "unbind", layer.axis + 1), parts=layer.parts)


def _roll(place: Place) -> Form:
    layer = place.layer
    dims = tuple(a + 1 for a in layer.axis)
    one = len(dims) == 1
    return of_method(
        "roll",
        value(layer.shift[0] if one else tuple(layer.shift), "shifts"),
        plain(dims[0] if one else dims),
    )


def _flip(place: Place) -> Form:
    axes = range(place.rank) if place.layer.axis is None else place.layer.axis
    return of_method("flip", *(a + 1 for a in axes))


def _expand(place: Place) -> Form:
    shape, arriving = place.layer.shape, place.shapes[0]
    more = len(shape) - len(arriving)
    kept = [None] * more + list(arriving)
    sizes = [-1 if n == have else value(n, "size") for n, have in zip(shape, kept, strict=True)]
    return Form(lambda xs: method(inside(xs[0], more), "expand", -1, *sizes))


def _tile(place: Place) -> Form:
    return of_method("repeat", 1, *place.layer.counts)


def _param(place: Place) -> Form:
    return Form(lambda xs: expr(place.own("value"), "[None]"), place.weights())


def _const(place: Place) -> Form:
    layer = place.layer
    if place.arrays:
        (array,) = place.arrays
        return Form(lambda xs: expr(place.own(array), "[None]"), place.buffers())
    number = layer.value
    shape = listed([1, *(value(n, "size") for n in layer.shape)], "()")
    full = call("torch.full", shape, value(number, "value"))
    module = call("nn.Buffer", full, Item(plain(False), "persistent"))
    return Form(lambda xs: expr(place.me), module)


def _embedding(place: Place) -> Form:
    layer = place.layer
    module = call("nn.Embedding", value(layer.entries, "entries"), value(layer.features, "features"))
    return made(place, module, lambda x: method(x, "long"))


def _gather(place: Place) -> Form:
    layer = place.layer
    before = "[" + ":, " * (layer.axis + 1)
    if layer.index is not None:
        return Form(lambda xs: expr(tight(xs[0]), before + f"{list(layer.index)}]"))
    if layer.shape is not None:
        return Form(lambda xs: expr(tight(xs[0]), before, place.own("index"), "]"), place.indices())
    if place.single[0] and layer.axis == 0:
        return Form(lambda xs: expr(tight(xs[0]), "[0][", method(xs[1], "long"), "]"))
    return Form(
        lambda xs: call(place.helper("gather"), xs[0], xs[1], plain(layer.axis)),
    )


FORMS: Final[dict[str, Former]] = {
    "identity": _identity,
    "dropout": _dropout,
    "flatten": _flatten,
    "reshape": _reshape,
    "permute": _permute,
    "shuffle": _shuffle,
    "pixelshuffle": _pixels("pixel_shuffle"),
    "pixelunshuffle": _pixels("pixel_unshuffle"),
    "shift": _shift,
    "pad": _pad,
    "crop": _crop,
    "slice": _slice,
    "split": _split,
    "unstack": _unstack,
    "roll": _roll,
    "flip": _flip,
    "expand": _expand,
    "tile": _tile,
    "param": _param,
    "const": _const,
    "embedding": _embedding,
    "gather": _gather,
}

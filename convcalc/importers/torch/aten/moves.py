"""What only moves numbers: axes joined and cut, exchanged, rolled, repeated, padded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.arithmetic import meeting
from convcalc.importers.torch.aten.folding import array_of, is_constant
from convcalc.importers.torch.aten.rows import pair, place, row, written
from convcalc.importers.torch.aten.turned import joined_rows
from convcalc.importers.torch.program import Call


@row("contiguous.default", "clone.default", "detach.default", "alias.default", "lift_fresh.default",
     "lift_fresh_copy.default", "positive.default", "resolve_conj.default",
     "resolve_neg.default")  # fmt: skip
def same(network: Batched, call: Call, x: Value) -> Value:
    """The tensor as it is."""
    return x


@row("copy.default")
def copy(network: Batched, call: Call, x: Value, src: Value) -> Value:
    """What is written over a tensor, in its shape."""
    return src if src.dims == x.dims else network.expand(src, x.dims, place(call))


@row("view.default", "reshape.default", "_unsafe_view.default", "_reshape_alias.default")
def reshape(
    network: Batched, call: Call, x: Value, size: Any = None, shape: Any = None, stride: Any = None
) -> Value:
    """The same elements in another shape, which the program has written down."""
    try:
        return network.reshape(x, written(call), place(call, "reshape"))
    except Unsayable:
        turned = joined_rows(network, x, written(call), place(call, "reshape"))
        if turned is None:
            raise
        return turned


@row("view_as.default", "reshape_as.default")
def reshape_as(network: Batched, call: Call, x: Value, other: Value) -> Value:
    """The same elements in the shape of another."""
    return network.reshape(x, other.dims, place(call, "reshape"))


@row("flatten.using_ints", "flatten.default", "unflatten.int", "ravel.default")
def flatten(
    network: Batched,
    call: Call,
    x: Value,
    start_dim: int = 0,
    end_dim: int = -1,
    dim: int = 0,
    sizes: Any = None,
) -> Value:
    """Axes joined, or one of them cut."""
    return network.reshape(x, written(call), place(call))


@row("permute.default")
def permute(network: Batched, call: Call, x: Value, dims: Any) -> Value:
    """Axes in another order."""
    return network.permute(x, tuple(axis % len(x.dims) for axis in dims), place(call))


@row("transpose.int", "swapaxes.default", "swapdims.default")
def transpose(
    network: Batched,
    call: Call,
    x: Value,
    dim0: int = 0,
    dim1: int = 1,
    axis0: int | None = None,
    axis1: int | None = None,
) -> Value:
    """Two axes exchanged."""
    order = list(range(len(x.dims)))
    if not order:
        return x
    one, other = (dim0 if axis0 is None else axis0), (dim1 if axis1 is None else axis1)
    order[one], order[other] = order[other], order[one]
    return network.permute(x, tuple(order), place(call))


@row("t.default", "mT.default", "numpy_T.default")
def t(network: Batched, call: Call, x: Value) -> Value:
    """The last two axes exchanged; for ``T`` all of them."""
    order = list(range(len(x.dims)))
    order = order[::-1] if "numpy_T" in call.target else [*order[:-2], *order[-2:][::-1]]
    return network.permute(x, tuple(order), place(call, "transpose"))


@row("movedim.int", "movedim.intlist", "moveaxis.int", "moveaxis.intlist")
def movedim(network: Batched, call: Call, x: Value, source: Any, destination: Any) -> Value:
    """Axes put in other places."""
    rank = len(x.dims)
    origin = [axis % rank for axis in pair(source, 1)]
    target = [axis % rank for axis in pair(destination, 1)]
    order = [axis for axis in range(rank) if axis not in origin]
    for at, axis in sorted(zip(target, origin, strict=True)):
        order.insert(at, axis)
    return network.permute(x, tuple(order), place(call))


@row("squeeze.default", "squeeze.dim", "squeeze.dims")
def squeeze(network: Batched, call: Call, x: Value, dim: Any = None) -> Value:
    """Axes of size 1 taken away."""
    return network.reshape(x, written(call), place(call))


@row("unsqueeze.default")
def unsqueeze(network: Batched, call: Call, x: Value, dim: int) -> Value:
    """An axis of size 1 put in."""
    return network.unsqueeze(x, dim % (len(x.dims) + 1), place(call))


@row("expand.default", "broadcast_to.default")
def expand(network: Batched, call: Call, x: Value, size: Any) -> Value:
    """Axes of size 1 repeated."""
    return network.expand(x, written(call), place(call))


@row("expand_as.default")
def expand_as(network: Batched, call: Call, x: Value, other: Value) -> Value:
    """Axes of size 1 repeated to the shape of another."""
    return network.expand(x, other.dims, place(call))


@row("repeat.default", "tile.default")
def repeat(network: Batched, call: Call, x: Value, repeats: Any = None, dims: Any = None) -> Value:
    """The tensor side by side, so many times along every axis."""
    counts = tuple(dims if repeats is None else repeats)
    path = place(call, "repeat")
    return network.tile(x, (1,) * (len(x.dims) - len(counts)) + counts, path)


@row("repeat_interleave.self_int")
def repeat_interleave(
    network: Batched, call: Call, x: Value, repeats: int, dim: int | None = None, output_size: Any = None
) -> Value:
    """Every entry along an axis so many times, one after the other."""
    path = place(call)
    if dim is None:
        x, dim = network.reshape(x, (prod(x.dims),), path), 0
    if repeats == 1:
        return x
    axis = dim % len(x.dims)
    one = network.unsqueeze(x, axis + 1, path)
    dims = list(one.dims)
    dims[axis + 1] = repeats
    many = network.expand(one, tuple(dims), path)
    return network.reshape(many, written(call), path)


@row("select.int")
def select(network: Batched, call: Call, x: Value, dim: int, index: int) -> Value:
    """One entry along an axis, which goes."""
    path = place(call)
    axis = dim % len(x.dims)
    return network.select(x, axis, index % x.dims[axis], path)


@row("slice.Tensor")
def slice_(
    network: Batched,
    call: Call,
    x: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """A part of an axis, all of it where the bounds say so."""
    axis = dim % len(x.dims)
    size = x.dims[axis]
    first, last, _ = slice(start, end, step).indices(size)
    if first == 0 and last >= size and step == 1:
        return x
    if last <= first:
        return Value((*x.dims[:axis], 0, *x.dims[axis + 1 :]), known=(), dtype=x.dtype)
    return network.slice(x, axis, first, last, step, place(call))


@row("narrow.default")
def narrow(network: Batched, call: Call, x: Value, dim: int, start: int, length: int) -> Value:
    """A part of an axis."""
    first = start % x.dims[dim] if start < 0 else start
    return slice_(network, call, x, dim, first, first + length)


def for_samples(network: Batched, like: Value, value: Value, path: str) -> Value:
    """A constant beside a tensor of a batch as one of each sample, where it is the same for all of them."""
    met = meeting(network, like, value, path)
    return value if met is value else network.expand(met, value.dims, path)


@row("slice_scatter.default")
def slice_scatter(
    network: Batched,
    call: Call,
    x: Value,
    src: Value,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """A part of an axis replaced by another tensor."""
    axis = dim % len(x.dims)
    return _replaced(network, x, src, axis, range(x.dims[axis])[start:end:step], place(call))


def _replaced(network: Batched, x: Value, src: Value, axis: int, places: Sequence[int], path: str) -> Value:
    """A tensor whose entries at some places of an axis are those of another tensor, in that order."""
    size = x.dims[axis]
    if not places:
        return x
    if list(places) == list(range(size)):
        return src
    x, src = for_samples(network, src, x, path), for_samples(network, x, src, path)
    first, last = places[0], places[-1] + 1
    if list(places) == list(range(first, last)):
        parts = [src]
        if first > 0:
            parts.insert(0, network.slice(x, axis, 0, first, 1, path))
        if last < size:
            parts.append(network.slice(x, axis, last, size, 1, path))
        return network.concat(parts, axis, path)
    index = list(range(size))
    for number, at in enumerate(places):
        index[at] = size + number
    return network.take(network.concat([x, src], axis, path), axis, index, path)


@row("select_scatter.default")
def select_scatter(network: Batched, call: Call, x: Value, src: Value, dim: int, index: int) -> Value:
    """One entry along an axis replaced by another tensor."""
    axis = dim % len(x.dims)
    one = network.unsqueeze(src, axis, place(call))
    return _replaced(network, x, one, axis, [index % x.dims[axis]], place(call))


@row("index_put.default")
def index_put(
    network: Batched, call: Call, x: Value, indices: Any, values: Value, accumulate: bool = False
) -> Value:
    """Entries at known places of one axis replaced by others."""
    named = [axis for axis, one in enumerate(indices) if one is not None]
    if len(named) != 1 or accumulate:
        raise Unsayable("writes at places of several axes" if not accumulate else "adds at places")
    (axis,) = named
    chosen = indices[axis]
    if not is_constant(chosen):
        raise Unsayable("writes where numbers that are computed of the input say")
    if chosen.dtype == "bool" or chosen.rank != 1:
        raise Unsayable(f"writes at places that a {chosen.dtype} tensor of {chosen.rank} axes says")
    places = [int(at) % x.dims[axis] for at in array_of(chosen)]
    if len(set(places)) != len(places):
        raise Unsayable("writes twice at one place")
    path = place(call)
    dims = (*x.dims[:axis], len(places), *x.dims[axis + 1 :])
    return _replaced(network, x, network.expand(values, dims, path), axis, places, path)


@row("split.Tensor", "split.sizes", "split_with_sizes.default", "chunk.default", "unsafe_split.Tensor",
     "unsafe_chunk.default", "tensor_split.indices", "tensor_split.sections")  # fmt: skip
def split(
    network: Batched,
    call: Call,
    x: Value,
    split_size: Any = None,
    split_sizes: Any = None,
    chunks: Any = None,
    sections: Any = None,
    indices: Any = None,
    dim: int = 0,
) -> Any:
    """An axis cut into parts, whose sizes the program has written down."""
    axis = dim % len(x.dims)
    sizes = _sizes(
        x.dims[axis], split_size if split_sizes is None else split_sizes, chunks, sections, indices
    )
    if len(sizes) == 1:
        return (x,)
    return tuple(network.split(x, sizes, axis, place(call)))


def _sizes(size: int, split_size: Any, chunks: Any, sections: Any, indices: Any) -> tuple[int, ...]:
    if chunks is not None:
        split_size = -(-size // chunks)
    if sections is not None:
        return tuple(size // sections + (number < size % sections) for number in range(sections))
    if indices is not None:
        bounds = (0, *(min(index % size if index < 0 else index, size) for index in indices), size)
        return tuple(b - a for a, b in pairwise(bounds))
    if isinstance(split_size, int):
        return tuple(min(split_size, size - at) for at in range(0, size, split_size))
    return tuple(split_size)


@row("unbind.int")
def unbind(network: Batched, call: Call, x: Value, dim: int = 0) -> Any:
    """The entries along an axis, each a tensor without it."""
    return tuple(network.unstack(x, dim % len(x.dims), place(call)))


@row("cat.default", "concat.default", "concatenate.default")
def cat(network: Batched, call: Call, tensors: Any, dim: int = 0) -> Value:
    """Tensors one behind the other; those that are empty are none."""
    parts = [one for one in tensors if 0 not in one.dims]
    if len(parts) == 1:
        return parts[0]  # type: ignore[no-any-return]
    return network.concat(_alike(network, parts, place(call)), dim % len(parts[0].dims), place(call))


def _alike(network: Batched, tensors: Any, path: str) -> list[Value]:
    """Tensors among which constants that are repeated for every sample stand once."""
    like = next((one for one in tensors if one.batch is not None), None)
    return list(tensors) if like is None else [meeting(network, like, one, path) for one in tensors]


@row("stack.default")
def stack(network: Batched, call: Call, tensors: Any, dim: int = 0) -> Value:
    """Tensors side by side along a new axis."""
    return network.stack(_alike(network, tensors, place(call)), dim % (len(tensors[0].dims) + 1), place(call))


@row("roll.default")
def roll(network: Batched, call: Call, x: Value, shifts: Any, dims: Any = ()) -> Value:
    """Entries moved round along axes."""
    path = place(call)
    if not dims:
        flat = network.reshape(x, (prod(x.dims),), path)
        return network.reshape(network.roll(flat, pair(shifts, 1), (0,), path), tuple(x.dims), path)
    axes = tuple(axis % len(x.dims) for axis in pair(dims, 1))
    moves = {a: s % x.dims[a] for a, s in zip(axes, pair(shifts, len(axes)), strict=True)}
    if len(moves) != len(axes):
        raise Unsayable("names an axis twice")
    kept = {a: s for a, s in moves.items() if s}
    return network.roll(x, tuple(kept.values()), tuple(kept), path) if kept else x


@row("flip.default")
def flip(network: Batched, call: Call, x: Value, dims: Any) -> Value:
    """Axes in reverse."""
    axes = tuple(axis % len(x.dims) for axis in dims if x.dims[axis] > 1)
    return network.flip(x, axes, place(call)) if axes else x


@row("pad.default", "constant_pad_nd.default", "reflection_pad1d.default", "reflection_pad2d.default",
     "reflection_pad3d.default", "replication_pad1d.default", "replication_pad2d.default",
     "replication_pad3d.default")  # fmt: skip
def pad(
    network: Batched,
    call: Call,
    x: Value,
    pad: Any = None,
    mode: str = "constant",
    value: Any = None,
    padding: Any = None,
) -> Value:
    """The last axes longer at both ends, the last one first; shorter where the amounts are negative."""
    amounts = tuple(padding if pad is None else pad)
    for word in ("reflection", "replication"):
        if word in call.target:
            mode = {"reflection": "reflect", "replication": "replicate"}[word]
    path = place(call)
    rank = len(x.dims)
    sides = {rank - 1 - at: (amounts[2 * at], amounts[2 * at + 1]) for at in range(len(amounts) // 2)}
    return network.pad(x, sides, path, mode, value or 0)

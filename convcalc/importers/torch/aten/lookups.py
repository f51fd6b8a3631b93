"""Look-ups: rows of a table, entries chosen by whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.folding import array_of, is_constant
from convcalc.importers.torch.aten.rows import place, row, written
from convcalc.importers.torch.program import Call


@row("embedding.default")
def embedding(
    network: Batched,
    call: Call,
    weight: Value,
    indices: Value,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Value:
    """Rows of a table."""
    path = place(call, "", weight)
    if is_constant(indices):
        return network.gather(weight, indices, 0, path)
    return network.embedding(weight, indices, path)


@row("index_select.default")
def index_select(network: Batched, call: Call, x: Value, dim: int, index: Value) -> Value:
    """Entries along an axis."""
    return network.gather(x, index, dim, place(call))


@row("gather.default", "take_along_dim.default")
def gather(
    network: Batched, call: Call, x: Value, dim: int, index: Value, sparse_grad: bool = False
) -> Value:
    """Entries along an axis, others at every place of the other axes: of the same ones there is a layer."""
    raise Unsayable("chooses other entries at every place, for which there is no layer")


@row("index.Tensor")
def index(network: Batched, call: Call, x: Value, indices: Any) -> Value:
    """Entries chosen by constant tensors: of one axis, or of several that are counted off as one."""
    path = place(call)
    named = [axis for axis, one in enumerate(indices) if one is not None]
    given = [indices[axis] for axis in named]
    if not all(map(is_constant, given)):
        if len(given) == 1 and given[0].dtype != "bool":
            return network.gather(x, given[0], named[0], path)
        raise Unsayable("chooses by numbers that are computed of the input")
    if any(one.dtype == "bool" for one in given):
        raise Unsayable("chooses by a mask, so that data decides how many")
    if len(named) == 1:
        return network.gather(x, given[0], named[0], path)
    first, last = named[0], named[-1]
    if named != list(range(first, last + 1)):  # the axes of the index come first then, as in NumPy
        order = [*named, *(axis for axis in range(x.rank) if axis not in named)]
        x = network.permute(x, order, f"{path}.permute")
        first, last = 0, len(named) - 1
    sizes = x.dims[first : last + 1]
    flat = network.reshape(x, (*x.dims[:first], prod(sizes), *x.dims[last + 1 :]), f"{path}.reshape")
    return network.gather(flat, _counted(given, sizes, path), first, path)


def _counted(indices: Sequence[Value], sizes: Sequence[int], path: str) -> Value:
    """The index of several axes that are one, in row-major order."""
    from convcalc.importers.tensors import broadcast

    shape: Any = broadcast(*(one.dims for one in indices))

    def read() -> Any:
        import numpy as np

        total = np.zeros((), "int64")
        for one, size in zip(indices, sizes, strict=True):
            total = total * size + array_of(one) % size
        return np.broadcast_to(total, shape)

    name = f"{path}.index"
    return Value(
        shape, stored=Stored(name, shape, "int64", read, learned=False, counted=False), dtype="int64"
    )


@row("diagonal.default")
def diagonal(network: Batched, call: Call, x: Value, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Value:
    """Entries of two axes that have one number on both."""
    one, other = dim1 % x.rank, dim2 % x.rank
    path = place(call)
    order = [axis for axis in range(x.rank) if axis not in (one, other)]
    turned = network.permute(x, [*order, one, other], f"{path}.permute")
    rows, columns = turned.dims[-2:]
    flat = network.reshape(turned, (*turned.dims[:-2], rows * columns), f"{path}.reshape")
    count = written(call)[-1]
    start = offset if offset >= 0 else -offset * columns
    return network.take(flat, flat.rank - 1, tuple(start + k * (columns + 1) for k in range(count)), path)


@row("topk.default", "sort.default", "argsort.default", "sort.stable", "nonzero.default", "one_hot.default",
     "grid_sampler.default", "grid_sampler_2d.default", "cumsum.default", "cumprod.default", "scatter.src",
     "scatter.value", "scatter_add.default", "masked_select.default",
     "searchsorted.Tensor", "bucketize.Tensor", "tril.default", "triu.default")  # fmt: skip
def unsaid(network: Batched, call: Call, **arguments: Any) -> Value:
    """Operators that PyTorch has and no layer says, where what they read is no constant."""
    raise Unsayable("is no layer here")

"""Functions of NumPy arrays that compute what PyTorch's operators compute, for constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Final

Fold = Callable[..., Any]
FOLDS: Final[dict[str, Fold]] = {}
"""By the name of an operator without its overload, the function of arrays that computes it."""


def fold(*names: str) -> Callable[[Fold], Fold]:
    """Register a function of NumPy arrays; the first tensor is ``x``, the rest has the schema's names."""

    def register(function: Fold) -> Fold:
        FOLDS.update(dict.fromkeys(names, function))
        return function

    return register


def kind_of(dtype: str | None) -> Any:
    """NumPy's type for one of PyTorch's; 16 bits are computed in 32."""
    return "float32" if dtype in ("bfloat16", "float16", None) else dtype


def numpy_() -> Any:
    """NumPy, when it is first needed."""
    import numpy

    return numpy


# -- sources ----------------------------------------------------------------------------------


@fold("arange")
def _arange(start: Any = 0, end: Any = None, step: Any = 1, like: Any = None, dtype: Any = None) -> Any:
    if end is None:
        start, end = 0, start
    return start + step * numpy_().arange(
        prod(like.shape), dtype="float64" if isinstance(step, float) else None
    )


@fold("linspace")
def _linspace(start: Any, end: Any, steps: int, like: Any = None, dtype: Any = None) -> Any:
    np = numpy_()
    # PyTorch counts from both ends towards the middle
    at = np.arange(steps)
    step = np.float32(end - start) / np.float32(max(steps - 1, 1))
    return np.where(at < steps / 2, np.float32(start) + step * at, np.float32(end) - step * (steps - 1 - at))


def _filled(number: float) -> Fold:
    return lambda like=None, **_: numpy_().full(like.shape, number)


for _name in ("zeros", "zeros_like", "new_zeros", "zero", "empty", "empty_like", "new_empty"):
    FOLDS[_name] = _filled(0)
for _name in ("ones", "ones_like", "new_ones"):
    FOLDS[_name] = _filled(1)
for _name in ("full", "full_like", "new_full"):
    FOLDS[_name] = lambda like=None, fill_value=0, **_: numpy_().full(like.shape, fill_value)
FOLDS["fill"] = lambda value, like=None, **_: numpy_().full(like.shape, value)
FOLDS["scalar_tensor"] = lambda s, like=None, **_: numpy_().full(like.shape, s)


@fold("eye")
def _eye(n: int, m: int | None = None, like: Any = None, **_: Any) -> Any:
    return numpy_().eye(n, m)


@fold("meshgrid")
def _meshgrid(tensors: Sequence[Any], indexing: str = "ij", like: Any = None) -> Any:
    return numpy_().meshgrid(*tensors, indexing=indexing)


# -- moves ------------------------------------------------------------------------------------


@fold("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous",
      "clone", "detach", "to", "_to_copy", "type_as", "alias", "lift_fresh", "lift_fresh_copy",
      "reshape_as", "view_as", "float", "double", "half", "long", "int", "bool", "dropout", "ravel",
      "positive", "_reshape_alias", "detach_", "numpy_T")  # fmt: skip
def _same(x: Any, like: Any = None, **_: Any) -> Any:
    return x


@fold("permute")
def _permute(x: Any, dims: Sequence[int], like: Any = None) -> Any:
    return x.transpose(dims)


@fold("transpose", "swapaxes", "swapdims")
def _transpose(
    x: Any, dim0: int = 0, dim1: int = 1, axis0: int | None = None, axis1: int | None = None, like: Any = None
) -> Any:
    return x.swapaxes(dim0 if axis0 is None else axis0, dim1 if axis1 is None else axis1)


@fold("t", "mT")
def _t(x: Any, like: Any = None) -> Any:
    return x.swapaxes(-1, -2) if x.ndim > 1 else x


@fold("movedim", "moveaxis")
def _movedim(x: Any, source: Any, destination: Any, like: Any = None) -> Any:
    return numpy_().moveaxis(x, source, destination)


@fold("expand", "expand_as", "broadcast_to")
def _expand(x: Any, like: Any = None, **_: Any) -> Any:
    return numpy_().broadcast_to(x, like.shape)


@fold("repeat", "tile")
def _repeat(x: Any, repeats: Any = None, dims: Any = None, like: Any = None) -> Any:
    counts = dims if repeats is None else repeats
    return numpy_().tile(x, counts)


@fold("repeat_interleave")
def _repeat_interleave(
    x: Any = None, repeats: Any = None, dim: int | None = None, like: Any = None, **_: Any
) -> Any:
    np = numpy_()
    return np.repeat(np.arange(len(repeats)), repeats) if x is None else np.repeat(x, repeats, dim)


@fold("select")
def _select(x: Any, dim: int, index: int, like: Any = None) -> Any:
    return x.take(index, dim)


def _cut(x: Any, dim: int, start: Any, end: Any, step: int) -> tuple[Any, ...]:
    return (*(slice(None),) * (dim % x.ndim), slice(start, end, step))


@fold("slice")
def _slice(x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1, like: Any = None) -> Any:
    return x[_cut(x, dim, start, end, step)]


@fold("narrow")
def _narrow(x: Any, dim: int, start: int, length: int, like: Any = None) -> Any:
    return x[_cut(x, dim, start, start + length, 1)]


@fold("slice_scatter")
def _slice_scatter(
    x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1, like: Any = None
) -> Any:
    out = x.copy()
    out[_cut(x, dim, start, end, step)] = src
    return out


@fold("select_scatter")
def _select_scatter(x: Any, src: Any, dim: int, index: int, like: Any = None) -> Any:
    out = x.copy()
    out[(*(slice(None),) * (dim % x.ndim), index)] = src
    return out


@fold("copy")
def _copy(x: Any, src: Any, like: Any = None, **_: Any) -> Any:
    return numpy_().broadcast_to(src, x.shape)


@fold("index")
def _index(x: Any, indices: Sequence[Any], like: Any = None) -> Any:
    return x[tuple(slice(None) if index is None else index for index in indices)]


@fold("index_put")
def _index_put(
    x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False, like: Any = None
) -> Any:
    np = numpy_()
    out = x.copy()
    where = tuple(slice(None) if index is None else index for index in indices)
    if accumulate:
        np.add.at(out, where, values)
    else:
        out[where] = values
    return out


@fold("index_select")
def _index_select(x: Any, dim: int, index: Any, like: Any = None) -> Any:
    return x.take(index, dim)


@fold("gather")
def _gather(x: Any, dim: int, index: Any, like: Any = None, **_: Any) -> Any:
    return numpy_().take_along_axis(x, index, dim)


@fold("embedding")
def _embedding(weight: Any, indices: Any, like: Any = None, **_: Any) -> Any:
    return weight[indices]


@fold("one_hot")
def _one_hot(x: Any, num_classes: int = -1, like: Any = None) -> Any:
    return numpy_().eye(like.shape[-1])[x]


@fold("cat", "concat")
def _cat(tensors: Sequence[Any], dim: int = 0, like: Any = None) -> Any:
    return numpy_().concatenate([one for one in tensors if one.shape != (0,)], dim)


@fold("stack")
def _stack(tensors: Sequence[Any], dim: int = 0, like: Any = None) -> Any:
    return numpy_().stack(tensors, dim)


@fold("unbind")
def _unbind(x: Any, dim: int = 0, like: Any = None) -> Any:
    return tuple(numpy_().moveaxis(x, dim, 0))


@fold("split", "split_with_sizes", "chunk", "tensor_split")
def _split(
    x: Any,
    split_size: Any = None,
    split_sizes: Any = None,
    dim: int = 0,
    chunks: int | None = None,
    sections: int | None = None,
    indices: Any = None,
    like: Any = None,
) -> Any:
    np = numpy_()
    size = x.shape[dim]
    if indices is not None:
        return np.split(x, indices, dim)
    if sections is not None:
        return np.array_split(x, sections, dim)
    if chunks is not None:
        split_size = -(-size // chunks)
    sizes = split_sizes if split_sizes is not None else split_size
    if isinstance(sizes, int):
        return np.split(x, range(sizes, size, sizes), dim)
    return np.split(x, np.cumsum(sizes)[:-1], dim)


@fold("roll")
def _roll(x: Any, shifts: Any, dims: Any = (), like: Any = None) -> Any:
    return numpy_().roll(x, shifts, dims or None)


@fold("flip")
def _flip(x: Any, dims: Any, like: Any = None) -> Any:
    return numpy_().flip(x, dims)


FOLDS["tril"] = lambda x, diagonal=0, **_: numpy_().tril(x, diagonal)
FOLDS["triu"] = lambda x, diagonal=0, **_: numpy_().triu(x, diagonal)


@fold("constant_pad_nd", "pad")
def _pad(x: Any, pad: Sequence[int], mode: str = "constant", value: Any = 0, like: Any = None) -> Any:
    np = numpy_()
    sides = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    if any(side < 0 for two in sides for side in two):
        cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, x.shape, strict=True))
        x, sides = x[cut], [(max(a, 0), max(b, 0)) for a, b in sides]
    if mode == "constant":
        return np.pad(x, sides, constant_values=value or 0)
    return np.pad(x, sides, mode={"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


@fold("diff")
def _diff(
    x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, like: Any = None
) -> Any:
    np = numpy_()
    ends = {key: one for key, one in (("prepend", prepend), ("append", append)) if one is not None}
    return np.diff(x, n, dim, **ends)

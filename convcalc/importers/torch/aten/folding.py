"""Constants: what PyTorch computes of no input and no parameter is computed with NumPy, when it is read.

Masks, positions, tables of sines, indices of windows: an operator all of whose tensors are constants makes a
constant. Nothing is computed while a program is translated unless its numbers decide the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import prod
from typing import Any, Final

from convcalc.importers.network import Stored
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import ALIKE, PLACES, resolved
from convcalc.importers.torch.program import Call, Tensor

Fold = Callable[..., Any]
FOLDS: Final[dict[str, Fold]] = {}
"""By the name of an operator without its overload, the function of arrays that computes it."""


def fold(*names: str) -> Callable[[Fold], Fold]:
    """Register a function of NumPy arrays; the first tensor is ``x``, the rest has the schema's names."""

    def register(function: Fold) -> Fold:
        FOLDS.update(dict.fromkeys(names, function))
        return function

    return register


def is_constant(value: Value) -> bool:
    """Whether a value is known without an input and without a parameter."""
    return (
        value.edge is None and value.batch is None and not (value.stored is not None and value.stored.learned)
    )


def array_of(value: Value) -> Any:
    """The NumPy array of a constant.

    Raises:
        ValueError: the source has no numbers for it.
    """
    import numpy as np

    if value.stored is not None:
        array = np.asarray(value.stored.read())
        return array.reshape(value.dims)
    return np.broadcast_to(np.asarray(value.known, dtype=kind_of(value.dtype)), value.dims)


KEEPS: Final = frozenset(
    ["flip", "permute", "transpose", "clamp", "clamp_min", "clamp_max", "to", "_to_copy", "one_hot", "view", "reshape", "unsqueeze", "add", "sub", "mul", "div", "pow", "neg", "abs", "sin", "cos", "exp", "log", "sqrt", "rsqrt", "eq", "ne", "gt", "lt", "ge", "le", "where", "masked_fill", "contiguous", "clone", "alias", "detach", "float", "type_as", "bitwise_not", "logical_not", "cat", "split", "split_with_sizes", "chunk", "slice", "matmul", "lift_fresh_copy"]
)
"""Operators whose result repeats along its first axis where all that they read does, if they keep that axis."""

MOST: Final = 1 << 24
"""Most entries of a constant that are looked at while a program is translated."""


class Folded(Value):
    """A constant, with the call that makes it and what that reads."""

    __slots__ = ("call", "reads")

    def __init__(self, value: Value, call: Call, reads: tuple[Value, ...]) -> None:
        super().__init__(value.dims, stored=value.stored, dtype=value.dtype)
        self.call = call
        self.reads = reads

    def spreads(self, count: int) -> bool:
        """Whether it is certain, without looking at numbers, that its first axis is one sample so many times."""
        word = operator(self.call)
        if word in ("expand", "repeat", "expand_as") and len(self.reads) and self.dims[0] == count:
            source = self.reads[0]
            return source.rank < self.rank or source.dims[0] == 1 or self._read_spread(source, count)
        moved = self.call.get("dims") or ()
        along = (self.call.get("dim"), self.call.get("dim0"), self.call.get("dim1"))
        kept = (
            word in KEEPS
            and 0 not in along
            and -self.rank not in along
            and (word != "permute" or moved[0] == 0)
        )
        kept = kept and (word != "matmul" or self.rank > 2)
        return kept and all(
            one.dims[0] == 1 or self._read_spread(one, count)
            for one in self.reads
            if one.rank and (one.rank >= self.rank or word not in _ALIGNED)
        )

    def _read_spread(self, value: Value, count: int) -> bool:
        return isinstance(value, Folded) and value.dims[0] == count and value.spreads(count)


_ALIGNED: Final = frozenset(["add", "sub", "mul", "div", "pow", "eq", "ne", "gt", "lt", "ge", "le", "where", "masked_fill", "clamp", "matmul"])
"""Operators that align what they read at its last axes."""


def repeats(value: Value, axis: int, count: int) -> bool:
    """Whether a constant is the same so many times along an axis, one after the other."""
    import numpy as np

    size = value.dims[axis]
    if size % count:
        return False
    if axis == 0 and size == count and isinstance(value, Folded) and value.spreads(count):
        return True
    if prod(value.dims) > MOST:
        return False
    try:
        parts = np.split(array_of(value), count, axis)
    except ValueError:
        return False
    return all(np.array_equal(part, parts[0], equal_nan=part.dtype.kind == "f") for part in parts[1:])


def kind_of(dtype: str | None) -> Any:
    """NumPy's type for one of PyTorch's; 16 bits are computed in 32."""
    return "float32" if dtype in ("bfloat16", "float16", None) else dtype


def folded(call: Call, values: Mapping[str, Value]) -> tuple[Value, ...] | None:
    """The constants that a call makes of constants; None where it is no such call, or no function is known."""
    name = operator(call)
    function = FOLDS.get(name)
    if function is None or not call.outputs or any(out.shape is None for out in call.outputs):
        return None
    if not all(is_constant(values[ref]) for ref in call.reads()):
        return None
    arguments = {
        ALIKE.get(key, key): resolved(given, values)
        for key, given in call.arguments.items()
        if key not in PLACES
    }
    outputs = call.outputs
    several = len(outputs) > 1 or name in SEVERAL
    cache: list[Any] = []

    def compute() -> Any:
        if not cache:
            result = function(**_arrays(arguments), like=outputs[0])
            cache.append(tuple(result) if several else (result,))
        return cache[0]

    read = tuple(values[ref] for ref in call.reads())
    return tuple(
        Folded(_constant(out, partial(_entry, compute, number, out)), call, read)
        for number, out in enumerate(outputs)
    )


def operator(call: Call) -> str:
    """Name of a call's operator, without library, overload and underscore; empty for those of others."""
    library, _, rest = call.target.partition(".")
    name = rest.partition(".")[0]
    return name if library != "aten" or name.startswith("__") else name.removesuffix("_")


def _constant(out: Tensor, read: Callable[[], Any]) -> Value:
    assert out.shape is not None
    shape: Any = out.shape
    stored = Stored(out.name, shape, out.dtype, read, learned=False, counted=False)
    return Value(dims=shape, batch=None, stored=stored, dtype=out.dtype)


def _entry(compute: Callable[[], Any], number: int, out: Tensor) -> Any:
    import numpy as np

    return np.asarray(compute()[number]).reshape(out.shape).astype(kind_of(out.dtype), copy=False)


def _arrays(argument: Any) -> Any:
    if isinstance(argument, Value):
        return array_of(argument)
    if isinstance(argument, dict):
        return {key: _arrays(part) for key, part in argument.items()}
    if isinstance(argument, tuple):
        return tuple(map(_arrays, argument))
    return argument


SEVERAL: Final = frozenset({"split", "split_with_sizes", "chunk", "unbind", "meshgrid", "tensor_split"})
"""Operators that make a list, perhaps of one."""


def _numpy() -> Any:
    import numpy

    return numpy


# -- sources ----------------------------------------------------------------------------------


@fold("arange")
def _arange(start: Any = 0, end: Any = None, step: Any = 1, like: Any = None, dtype: Any = None) -> Any:
    if end is None:
        start, end = 0, start
    return start + step * _numpy().arange(
        prod(like.shape), dtype="float64" if isinstance(step, float) else None
    )


@fold("linspace")
def _linspace(start: Any, end: Any, steps: int, like: Any = None, dtype: Any = None) -> Any:
    np = _numpy()
    # PyTorch counts from both ends towards the middle
    at = np.arange(steps)
    step = np.float32(end - start) / np.float32(max(steps - 1, 1))
    return np.where(at < steps / 2, np.float32(start) + step * at, np.float32(end) - step * (steps - 1 - at))


def _filled(number: float) -> Fold:
    return lambda like=None, **_: _numpy().full(like.shape, number)


for _name in ("zeros", "zeros_like", "new_zeros", "zero", "empty", "empty_like", "new_empty"):
    FOLDS[_name] = _filled(0)
for _name in ("ones", "ones_like", "new_ones"):
    FOLDS[_name] = _filled(1)
for _name in ("full", "full_like", "new_full"):
    FOLDS[_name] = lambda like=None, fill_value=0, **_: _numpy().full(like.shape, fill_value)
FOLDS["fill"] = lambda value, like=None, **_: _numpy().full(like.shape, value)
FOLDS["scalar_tensor"] = lambda s, like=None, **_: _numpy().full(like.shape, s)


@fold("eye")
def _eye(n: int, m: int | None = None, like: Any = None, **_: Any) -> Any:
    return _numpy().eye(n, m)


@fold("meshgrid")
def _meshgrid(tensors: Sequence[Any], indexing: str = "ij", like: Any = None) -> Any:
    return _numpy().meshgrid(*tensors, indexing=indexing)


# -- moves ------------------------------------------------------------------------------------


@fold("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "contiguous", "clone",
      "detach", "to", "_to_copy", "type_as", "alias", "lift_fresh", "lift_fresh_copy", "reshape_as", "view_as",
      "float", "double", "half", "long", "int", "bool", "dropout", "ravel", "positive", "_reshape_alias",
      "detach_", "numpy_T")  # fmt: skip
def _same(x: Any, like: Any = None, **_: Any) -> Any:
    return x


@fold("permute")
def _permute(x: Any, dims: Sequence[int], like: Any = None) -> Any:
    return x.transpose(dims)


@fold("transpose", "swapaxes", "swapdims")
def _transpose(x: Any, dim0: int = 0, dim1: int = 1, axis0: int | None = None, axis1: int | None = None,
               like: Any = None) -> Any:  # fmt: skip
    return x.swapaxes(dim0 if axis0 is None else axis0, dim1 if axis1 is None else axis1)


@fold("t", "mT")
def _t(x: Any, like: Any = None) -> Any:
    return x.swapaxes(-1, -2) if x.ndim > 1 else x


@fold("movedim", "moveaxis")
def _movedim(x: Any, source: Any, destination: Any, like: Any = None) -> Any:
    return _numpy().moveaxis(x, source, destination)


@fold("expand", "expand_as", "broadcast_to")
def _expand(x: Any, like: Any = None, **_: Any) -> Any:
    return _numpy().broadcast_to(x, like.shape)


@fold("repeat", "tile")
def _repeat(x: Any, repeats: Any = None, dims: Any = None, like: Any = None) -> Any:
    counts = dims if repeats is None else repeats
    return _numpy().tile(x, counts)


@fold("repeat_interleave")
def _repeat_interleave(
    x: Any = None, repeats: Any = None, dim: int | None = None, like: Any = None, **_: Any
) -> Any:
    np = _numpy()
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
def _slice_scatter(x: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1,
                   like: Any = None) -> Any:  # fmt: skip
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
    return _numpy().broadcast_to(src, x.shape)


@fold("index")
def _index(x: Any, indices: Sequence[Any], like: Any = None) -> Any:
    return x[tuple(slice(None) if index is None else index for index in indices)]


@fold("index_put")
def _index_put(
    x: Any, indices: Sequence[Any], values: Any, accumulate: bool = False, like: Any = None
) -> Any:
    np = _numpy()
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
    return _numpy().take_along_axis(x, index, dim)


@fold("embedding")
def _embedding(weight: Any, indices: Any, like: Any = None, **_: Any) -> Any:
    return weight[indices]


@fold("one_hot")
def _one_hot(x: Any, num_classes: int = -1, like: Any = None) -> Any:
    return _numpy().eye(like.shape[-1])[x]


@fold("cat", "concat")
def _cat(tensors: Sequence[Any], dim: int = 0, like: Any = None) -> Any:
    return _numpy().concatenate([one for one in tensors if one.shape != (0,)], dim)


@fold("stack")
def _stack(tensors: Sequence[Any], dim: int = 0, like: Any = None) -> Any:
    return _numpy().stack(tensors, dim)


@fold("unbind")
def _unbind(x: Any, dim: int = 0, like: Any = None) -> Any:
    return tuple(_numpy().moveaxis(x, dim, 0))


@fold("split", "split_with_sizes", "chunk", "tensor_split")
def _split(x: Any, split_size: Any = None, split_sizes: Any = None, dim: int = 0, chunks: int | None = None,
           sections: int | None = None, indices: Any = None, like: Any = None) -> Any:  # fmt: skip
    np = _numpy()
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
    return _numpy().roll(x, shifts, dims or None)


@fold("flip")
def _flip(x: Any, dims: Any, like: Any = None) -> Any:
    return _numpy().flip(x, dims)


FOLDS["tril"] = lambda x, diagonal=0, **_: _numpy().tril(x, diagonal)
FOLDS["triu"] = lambda x, diagonal=0, **_: _numpy().triu(x, diagonal)


@fold("constant_pad_nd", "pad")
def _pad(x: Any, pad: Sequence[int], mode: str = "constant", value: Any = 0, like: Any = None) -> Any:
    np = _numpy()
    sides = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    if any(side < 0 for two in sides for side in two):
        cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(sides, x.shape, strict=True))
        x, sides = x[cut], [(max(a, 0), max(b, 0)) for a, b in sides]
    if mode == "constant":
        return np.pad(x, sides, constant_values=value or 0)
    return np.pad(x, sides, mode={"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode])


# -- arithmetic -------------------------------------------------------------------------------


def _joined(function: str) -> Fold:
    def compute(x: Any, other: Any = None, alpha: Any = 1, like: Any = None, **_: Any) -> Any:
        return getattr(_numpy(), function)(x, other * alpha if alpha != 1 else other)

    return compute


for _name, _function in {
    "add": "add", "sub": "subtract", "mul": "multiply", "maximum": "maximum", "minimum": "minimum",
    "remainder": "mod", "eq": "equal", "ne": "not_equal", "gt": "greater", "ge": "greater_equal", "lt": "less",
    "le": "less_equal", "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor",
    "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor",
    "floor_divide": "floor_divide", "__and__": "bitwise_and", "__or__": "bitwise_or", "fmod": "fmod",
    "atan2": "arctan2",
}.items():  # fmt: skip
    FOLDS[_name] = _joined(_function)


@fold("rsub")
def _rsub(x: Any, other: Any, alpha: Any = 1, like: Any = None) -> Any:
    return other - alpha * x


@fold("div", "true_divide", "divide")
def _div(x: Any, other: Any, rounding_mode: str | None = None, like: Any = None) -> Any:
    np = _numpy()
    if rounding_mode == "floor":
        return np.floor_divide(x, other)
    return np.trunc(np.divide(x, other)) if rounding_mode == "trunc" else np.divide(x, other)


@fold("pow")
def _pow(x: Any, exponent: Any, like: Any = None) -> Any:
    np = _numpy()
    return np.power(np.asarray(x, dtype=kind_of(like.dtype)), exponent)


for _name, _function in {
    "neg": "negative", "abs": "abs", "sin": "sin", "cos": "cos", "tan": "tan", "exp": "exp", "log": "log",
    "log2": "log2", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "round": "round", "trunc": "trunc",
    "sign": "sign", "tanh": "tanh", "logical_not": "logical_not", "bitwise_not": "invert", "isnan": "isnan",
    "isinf": "isinf", "square": "square", "reciprocal": "reciprocal", "log1p": "log1p", "expm1": "expm1",
    "atan": "arctan", "asin": "arcsin", "acos": "arccos", "exp2": "exp2",
}.items():  # fmt: skip
    FOLDS[_name] = lambda x, like=None, _function=_function, **_: getattr(_numpy(), _function)(x)
FOLDS["rsqrt"] = lambda x, **_: 1 / _numpy().sqrt(x)
FOLDS["sigmoid"] = lambda x, **_: 1 / (1 + _numpy().exp(-x))
FOLDS["relu"] = lambda x, **_: _numpy().maximum(x, 0)


@fold("clamp", "clip", "clamp_min", "clamp_max")
def _clamp(x: Any, min: Any = None, max: Any = None, like: Any = None) -> Any:
    return x if min is None is max else _numpy().clip(x, min, max)


@fold("where")
def _where(condition: Any, x: Any, other: Any, like: Any = None) -> Any:
    return _numpy().where(condition, x, other)


@fold("masked_fill")
def _masked_fill(x: Any, mask: Any, value: Any, like: Any = None) -> Any:
    return _numpy().where(mask, value, x)


@fold("nan_to_num")
def _nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None, like: Any = None) -> Any:
    return _numpy().nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _reduced(function: str) -> Fold:
    def compute(x: Any, dim: Any = None, keepdim: bool = False, like: Any = None, **_: Any) -> Any:
        axis = tuple(dim) if isinstance(dim, tuple | list) else dim
        return getattr(_numpy(), function)(x, axis=None if axis == () else axis, keepdims=keepdim)

    return compute


for _name, _function in {
    "sum": "sum", "mean": "mean", "amax": "max", "amin": "min", "prod": "prod", "any": "any", "all": "all",
    "argmax": "argmax", "argmin": "argmin",
}.items():  # fmt: skip
    FOLDS[_name] = _reduced(_function)


@fold("cumsum")
def _cumsum(x: Any, dim: int, like: Any = None, **_: Any) -> Any:
    return _numpy().cumsum(x, dim)


@fold("matmul", "mm", "bmm")
def _matmul(x: Any, other: Any = None, mat2: Any = None, like: Any = None) -> Any:
    return _numpy().matmul(x, mat2 if other is None else other)


@fold("outer", "ger")
def _outer(x: Any, vec2: Any, like: Any = None) -> Any:
    return _numpy().outer(x, vec2)


@fold("einsum")
def _einsum(equation: str, tensors: Sequence[Any], like: Any = None, **_: Any) -> Any:
    return _numpy().einsum(equation.replace(" ", ""), *tensors)


@fold("argsort")
def _argsort(x: Any, dim: int = -1, descending: bool = False, like: Any = None, **_: Any) -> Any:
    return _numpy().argsort(-x if descending else x, dim, kind="stable")


@fold("nonzero")
def _nonzero(x: Any, like: Any = None) -> Any:
    return _numpy().stack(_numpy().nonzero(x), -1)


@fold("searchsorted", "bucketize")
def _searchsorted(sorted_sequence: Any = None, x: Any = None, boundaries: Any = None, right: bool = False,
                  like: Any = None, **_: Any) -> Any:  # fmt: skip
    edges = boundaries if sorted_sequence is None else sorted_sequence
    return _numpy().searchsorted(edges, x, side="right" if right else "left")

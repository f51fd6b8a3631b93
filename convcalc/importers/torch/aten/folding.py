"""Constants: what PyTorch computes of no input and no parameter is computed with NumPy, when it is read.

Masks, positions, tables of sines, indices of windows: an operator all of whose tensors are constants makes a
constant. Nothing is computed while a program is translated unless its numbers decide the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, Final

from convcalc.importers.network import Stored
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.folds import FOLDS, kind_of
from convcalc.importers.torch.aten.rows import ALIKE, PLACES, numeric, resolved
from convcalc.importers.torch.program import Call, Tensor


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


KEEPS: Final = frozenset({
    "flip", "permute", "transpose", "clamp", "clamp_min", "clamp_max", "to", "_to_copy", "one_hot",
    "view", "reshape", "unsqueeze", "add", "sub", "mul", "div", "pow", "neg", "abs", "sin", "cos",
    "exp", "log", "sqrt", "rsqrt", "eq", "ne", "gt", "lt", "ge", "le", "where", "masked_fill",
    "contiguous", "clone", "alias", "detach", "float", "type_as", "bitwise_not", "logical_not", "cat",
    "split", "split_with_sizes", "chunk", "slice", "matmul", "lift_fresh_copy", "select",
})  # fmt: skip
"""Operators whose result repeats along its first axis where what they read does, if they keep that axis."""

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
        """Whether its first axis certainly is one sample so many times, without looking at numbers."""
        word = operator(self.call)
        if word in ("expand", "repeat", "expand_as") and len(self.reads) and self.dims[0] == count:
            source = self.reads[0]
            return source.rank < self.rank or source.dims[0] == 1 or self._read_spread(source, count)
        moved: Any = self.call.get("dims") or ()
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


_ALIGNED: Final = frozenset({
    "add", "sub", "mul", "div", "pow", "eq", "ne", "gt", "lt", "ge", "le", "where", "masked_fill",
    "clamp", "matmul",
})  # fmt: skip
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


def folded(call: Call, values: Mapping[str, Value]) -> tuple[Value, ...] | None:
    """The constants that a call makes of constants; None where it makes none, or no function is known."""
    name = operator(call)
    function = FOLDS.get(name)
    if function is None or not call.outputs or any(out.shape is None for out in call.outputs):
        return None
    if name in PRODUCTS and numeric(call.outputs[0].dtype):
        return None  # PyTorch multiplies whenever it runs, and so it is counted
    if not all(is_constant(values[ref]) for ref in call.reads()):
        return None
    if name in NAMED and all(one.stored is not None and one.stored.counted for one in _read(call, values)):
        return None  # an array that the model stores stays itself in another shape
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

    read = _read(call, values)
    return tuple(
        Folded(_constant(out, partial(_entry, compute, number, out)), call, read)
        for number, out in enumerate(outputs)
    )


def _read(call: Call, values: Mapping[str, Value]) -> tuple[Value, ...]:
    return tuple(values[ref] for ref in call.reads())


PRODUCTS: Final = frozenset({"matmul", "mm", "bmm", "einsum", "outer"})
"""Operators whose multiply-accumulates are counted, of constants too."""

NAMED: Final = frozenset({
    "view", "reshape", "flatten", "unflatten", "unsqueeze", "squeeze", "permute", "transpose",
    "contiguous", "detach", "alias",
})  # fmt: skip
"""Operators that leave an array itself in another form, under its own name."""


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

    shape: Any = out.shape
    return np.asarray(compute()[number]).reshape(shape).astype(kind_of(out.dtype), copy=False)


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

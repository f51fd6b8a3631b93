"""Arithmetic of tensors whose entries are known: entry by entry, over axes, and by comparison."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Any, Final

from convcalc.dims import equal, floor_div, is_symbolic, maximum, minimum, prod
from convcalc.importers.onnx.folded import (
    Folded,
    Item,
    Unfolded,
    along,
    axis_in,
    broadcast,
    repeated,
    size_of,
    strides,
)


def nonzero(x: Folded) -> Folded:
    """ONNX NonZero: the indices of entries other than 0, an axis a row."""
    found = [index for index, item in zip(product(*map(range, x.dims)), x.items, strict=True) if truth(item)]
    rank = max(len(x.dims), 1)
    return Folded((rank, len(found)), tuple(index[a] if index else 0 for a in range(rank) for index in found))


def trilu(x: Folded, k: int, upper: bool) -> Folded:
    """ONNX Trilu: what lies on one side of a diagonal, 0 elsewhere."""
    rows, columns = x.dims[-2:]
    zero = False if x.dtype == "bool" else type(x.items[0])(0) if x.items else 0
    items = []
    for place, item in enumerate(x.items):
        row, column = place // columns % rows, place % columns
        items.append(item if (column - row >= k if upper else column - row <= k) else zero)
    return x._replace(items=tuple(items))


def truth(value: Item) -> bool:
    """Whether a value is true.

    Raises:
        Unfolded: that depends on a letter.
    """
    if is_symbolic(value):
        if getattr(value, "is_condition", False):
            raise Unfolded
        if (value > 0) is True:
            return True
        raise Unfolded
    return bool(value)


def single(value: float) -> float:
    """A number rounded to single precision."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def typed(value: Item, dtype: str) -> Item:
    """A value in a type (ONNX Cast); a closed form stays one, rounded towards 0 where it becomes whole."""
    if is_symbolic(value):
        if dtype == "bool":
            return truth(value)
        if "float" in dtype:
            return value
        if (value >= 0) is not True:
            raise Unfolded
        return floor_div(value, 1)
    if dtype == "bool":
        return bool(value)
    if "float" in dtype:
        return single(value) if dtype in ("float32", "float16", "bfloat16") else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfolded
    return wrapped(int(value), dtype)


_BITS: Final = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


def wrapped(value: int, dtype: str) -> int:
    """A whole number in a type of so many bits."""
    bits = _BITS.get(dtype)
    if bits is not None:
        half = 1 << (bits - 1)
        return value if -half <= value < half else (value + half) % (1 << bits) - half
    if dtype.startswith("uint"):
        return value % (1 << int(dtype[4:]))
    return value


def cast(x: Folded, dtype: str) -> Folded:
    """ONNX Cast."""
    return Folded(x.dims, tuple(typed(item, dtype) for item in x.items), dtype)


def _exact(value: Item) -> Item:
    """A number beside a closed form: a short binary fraction is exact there, any other is no factor of it."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unfolded
        exact = Fraction(value)
        if exact.denominator > 1 << 12:
            raise Unfolded
        return exact if exact.denominator > 1 else int(exact)
    return int(value) if isinstance(value, bool) else value


def _divide(a: Item, b: Item) -> Item:
    if is_symbolic(a) or is_symbolic(b):
        return a / b
    if isinstance(a, float) or isinstance(b, float):
        if b == 0:
            raise Unfolded
        return a / b
    if b == 0:
        raise Unfolded
    whole = abs(a) // abs(b)
    return whole if (a < 0) == (b < 0) else -whole


def _remainder(a: Item, b: Item) -> Item:
    if not is_symbolic(b) and b == 0:
        raise Unfolded
    return a % b


def _power(a: Item, b: Item) -> Item:
    if is_symbolic(a) and not (type(b) is int and 0 <= b <= 8):
        raise Unfolded
    if (
        not is_symbolic(a)
        and not is_symbolic(b)
        and (abs(b) > 1024 or (a < 0 and int(b) != b) or (not a and b < 0))
    ):
        raise Unfolded
    return a**b


def _certain(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if is_symbolic(value):
        raise Unfolded
    return bool(value)


def _equal(a: Item, b: Item) -> bool:
    return _certain(equal(a, b)) if is_symbolic(a) or is_symbolic(b) else bool(a == b)


BINARY: Final[dict[str, Callable[[Item, Item], Item]]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": _divide,
    "Mod": _remainder,
    "Pow": _power,
    "Max": lambda a, b: maximum(a, b),
    "Min": lambda a, b: minimum(a, b),
}
"""Arithmetic entry by entry, broadcast."""

LOGICAL: Final[dict[str, Callable[[Item, Item], Item]]] = {
    "Equal": _equal,
    "Less": lambda a, b: _certain(a < b),
    "LessOrEqual": lambda a, b: _certain(a <= b),
    "Greater": lambda a, b: _certain(a > b),
    "GreaterOrEqual": lambda a, b: _certain(a >= b),
    "And": lambda a, b: truth(a) and truth(b),
    "Or": lambda a, b: truth(a) or truth(b),
    "Xor": lambda a, b: truth(a) != truth(b),
}
"""What gives truth values."""


def _numeric(function: Callable[[float], float]) -> Callable[[Item], Item]:
    def found(value: Item) -> Item:
        if is_symbolic(value):
            raise Unfolded
        try:
            return function(value)
        except (ValueError, OverflowError, ZeroDivisionError):
            raise Unfolded from None

    return found


UNARY: Final[dict[str, Callable[[Item], Item]]] = {
    "Neg": lambda a: -a,
    "Abs": lambda a: a if is_symbolic(a) and (a >= 0) is True else _numeric(abs)(a),
    "Floor": lambda a: floor_div(a, 1) if is_symbolic(a) else float(math.floor(a)),
    "Ceil": lambda a: -floor_div(-a, 1) if is_symbolic(a) else float(math.ceil(a)),
    "Round": _numeric(lambda a: float(round(a))),
    "Sqrt": _numeric(math.sqrt),
    "Exp": _numeric(math.exp),
    "Log": _numeric(math.log),
    "Sin": _numeric(math.sin),
    "Cos": _numeric(math.cos),
    "Reciprocal": _numeric(lambda a: 1 / a),
    "Sign": _numeric(lambda a: (a > 0) - (a < 0)),
    "Not": lambda a: not truth(a),
}
"""Functions of one entry; all but Neg, Abs, Sign and Not are of numbers that are not whole."""


def binary(op: str, a: Folded, b: Folded) -> Folded:
    """Arithmetic, comparisons and logic of two tensors, broadcast."""
    dims = broadcast(a.dims, b.dims)
    size_of(dims)
    function = BINARY.get(op) or LOGICAL[op]
    dtype = "bool" if op in LOGICAL else a.dtype
    pairs = zip((a.items[i] for i in repeated(a, dims)), (b.items[i] for i in repeated(b, dims)), strict=True)
    items = []
    for x, y in pairs:
        if is_symbolic(x) or is_symbolic(y):
            x, y = _exact(x), _exact(y)
            item = function(x, y)
            if op == "Div" and not a.is_float:  # whole numbers are rounded towards 0
                if (item >= 0) is not True:
                    raise Unfolded
                item = floor_div(item, 1)
        else:
            item = function(x, y)
            item = item if dtype == "bool" else typed(item, dtype)
        items.append(item)
    return Folded(dims, tuple(items), dtype)


def unary(op: str, x: Folded) -> Folded:
    """A function of every entry."""
    function = UNARY[op]
    return x._replace(items=tuple(v if is_symbolic(v) else typed(v, x.dtype) for v in map(function, x.items)))


def where(condition: Folded, a: Folded, b: Folded) -> Folded:
    """ONNX Where."""
    dims = broadcast(condition.dims, a.dims, b.dims)
    size_of(dims)
    walks = zip(repeated(condition, dims), repeated(a, dims), repeated(b, dims), strict=True)
    items = tuple(a.items[i] if truth(condition.items[c]) else b.items[j] for c, i, j in walks)
    return Folded(dims, items, a.dtype)


def _mean(items: Sequence[Item]) -> Item:
    total = sum(items)
    return (
        total / len(items) if is_symbolic(total) or isinstance(total, float) else _divide(total, len(items))
    )


def _extreme(pick: Callable[[Item, Item], Item]) -> Callable[[Sequence[Item]], Item]:
    def found(items: Sequence[Item]) -> Item:
        if not items:
            raise Unfolded
        result = items[0]
        for item in items[1:]:
            result = pick(result, item)
        return result

    return found


REDUCTIONS: Final[dict[str, Callable[[Sequence[Item]], Item]]] = {
    "ReduceSum": sum,
    "ReduceProd": prod,
    "ReduceMax": _extreme(maximum),
    "ReduceMin": _extreme(minimum),
    "ReduceMean": _mean,
}


def reduce(op: str, x: Folded, axes: Sequence[int] | None, keep: bool) -> Folded:
    """A reduction over some axes, over all where none are named."""
    rank = len(x.dims)
    over = range(rank) if axes is None else sorted(axis_in(a, rank) for a in axes)
    own = strides(x.dims)
    kept = [a for a in range(rank) if a not in over]
    inner = [x.dims[a] for a in over]
    items = []
    for start in along([x.dims[a] for a in kept], [own[a] for a in kept]):
        values = [x.items[i] for i in along(inner, [own[a] for a in over], start)]
        item = REDUCTIONS[op](values)
        items.append(item if is_symbolic(item) else typed(item, x.dtype))
    dims = tuple(1 if a in over else n for a, n in enumerate(x.dims) if keep or a not in over)
    return Folded(dims, tuple(items), x.dtype)


def running(x: Folded, axis: int, exclusive: bool, reverse: bool) -> Folded:
    """ONNX CumSum."""
    axis = axis_in(axis, len(x.dims))
    own, n = strides(x.dims)[axis], x.dims[axis]
    items: list[Item] = list(x.items)
    for start in (i for i in range(len(items)) if i // own % n == 0) if n else ():
        line = [start + own * i for i in range(n)]
        line = line[::-1] if reverse else line
        total: Item = 0
        for place in line:
            item = x.items[place]
            items[place] = total if exclusive else total + item
            total = total + item
    return x._replace(items=tuple(i if is_symbolic(i) else typed(i, x.dtype) for i in items))

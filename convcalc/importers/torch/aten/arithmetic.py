"""Arithmetic entry by entry: over two tensors, or over one and a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convcalc.importers.batched import Batched
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.folding import array_of, is_constant, repeats
from convcalc.importers.torch.aten.folds import kind_of
from convcalc.importers.torch.aten.rows import numeric, one, place, row
from convcalc.importers.torch.program import Call


def number(value: Any) -> Any:
    """The number that an operand is, where it is one that can be read; else the operand."""
    if not isinstance(value, Value) or not is_constant(value) or value.rank:
        return value
    try:
        return array_of(value).item()
    except ValueError:
        return value


def meeting(network: Batched, a: Value, b: Any, path: str) -> Any:
    """The second of two tensors, without the samples that it repeats along the batch of the first.

    Raises:
        Unsayable: it is another one for another sample.
    """
    if not isinstance(b, Value) or a.batch is None or b.batch is not None or network.batch == 1:
        return b
    at = b.rank - (a.rank - a.batch)
    if at < 0 or b.dims[at] != a.dims[a.batch] or b.dims[at] == 1 or not is_constant(b):
        return b
    if not repeats(b, at, network.batch):
        raise Unsayable("reads a constant that differs from sample to sample")
    step = b.dims[at] // network.batch
    return first_sample(b, at, step)


def first_sample(value: Value, axis: int, step: int) -> Value:
    """What a constant is for the first sample of a batch that lies on an axis."""
    shape = (*value.dims[:axis], step, *value.dims[axis + 1 :])
    return constant(value, shape, f"sample{axis}:{step}", lambda array: array.take(range(step), axis))


def constant(
    value: Value, shape: tuple[int, ...], tag: str, function: Callable[[Any], Any], dtype: str = ""
) -> Value:
    """A constant that a function makes of another one, when it is read."""
    dtype = dtype or value.dtype
    name = "constant" if value.stored is None else value.stored.name

    def read() -> Any:
        return function(array_of(value)).astype(kind_of(dtype))

    stored = Stored(f"{name}.{tag}", tuple(shape), dtype, read, learned=False, counted=False)
    return Value(shape, stored=stored, dtype=dtype)


def joined(network: Batched, op: str, a: Any, b: Any, path: str) -> Value:
    """A join of two operands, the numbers among them as numbers."""
    a, b = number(a), number(b)
    if isinstance(a, Value) and isinstance(b, Value):
        a, b = meeting(network, b, a, path), meeting(network, a, b, path)
    if not isinstance(a, Value) and not isinstance(b, Value):
        raise Unsayable("joins two numbers")
    return network.join(op, a, b, path)


def _scaled(network: Batched, value: Any, by: Any, path: str) -> Any:
    if by == 1:
        return value
    value = number(value)
    return value * by if not isinstance(value, Value) else network.join("mul", value, by, f"{path}.alpha")


@row("add.Tensor", "add.Scalar")
def add(network: Batched, call: Call, x: Value, other: Any, alpha: Any = 1) -> Value:
    """``x + alpha * other``; a sum with the number 0 is the tensor itself."""
    path = place(call)
    other = number(_scaled(network, other, alpha, path))
    if not isinstance(other, Value) and other == 0:
        return x
    return joined(network, "add", x, other, path)


@row("sub.Tensor", "sub.Scalar", "subtract.Tensor")
def sub(network: Batched, call: Call, x: Value, other: Any, alpha: Any = 1) -> Value:
    """``x - alpha * other``."""
    path = place(call)
    return joined(network, "sub", x, _scaled(network, other, alpha, path), path)


@row("rsub.Scalar", "rsub.Tensor")
def rsub(network: Batched, call: Call, x: Value, other: Any, alpha: Any = 1) -> Value:
    """``other - alpha * x``."""
    path = place(call, "sub")
    return joined(network, "sub", other, _scaled(network, x, alpha, path), path)


@row("mul.Tensor", "mul.Scalar", "multiply.Tensor")
def mul(network: Batched, call: Call, x: Value, other: Any) -> Value:
    """``x * other``."""
    return joined(network, "mul", x, other, place(call))


@row(
    "div.Tensor",
    "div.Scalar",
    "true_divide.Tensor",
    "div.Tensor_mode",
    "div.Scalar_mode",
    "floor_divide.default",
)
def div(network: Batched, call: Call, x: Value, other: Any, rounding_mode: str | None = None) -> Value:
    """``x / other``, rounded down where that is asked for."""
    path = place(call)
    if "floor_divide" in call.target:
        rounding_mode = "floor"
    if rounding_mode not in (None, "floor"):
        raise Unsayable(f"rounds by {rounding_mode}, for which there is no layer")
    made = joined(network, "div", x, other, path)
    return made if rounding_mode is None else one(network, "floor", made, f"{path}.floor")


@row("pow.Tensor_Scalar", "pow.Scalar", "pow.Tensor_Tensor")
def power(network: Batched, call: Call, x: Any, exponent: Any) -> Value:
    """``x ** exponent``; squares, roots and reciprocals are layers of their own."""
    exponent = number(exponent)
    known = {2: "square", 0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}
    if isinstance(x, Value) and not isinstance(exponent, Value):
        if exponent == 1:
            return x
        if exponent in known:
            return one(network, known[exponent], x, place(call, known[exponent]))
    return joined(network, "pow", x, exponent, place(call))


@row("maximum.default", "max.other", "minimum.default", "min.other")
def extreme(network: Batched, call: Call, x: Value, other: Any) -> Value:
    """The larger of two entries, or the smaller."""
    return joined(network, "maximum" if ".max" in call.target else "minimum", x, other, place(call))


@row("clamp.default", "clip.default", "clamp.Tensor", "clip.Tensor", "clamp_min.default", "clamp_min.Tensor",
     "clamp_max.default", "clamp_max.Tensor")  # fmt: skip
def clamp(network: Batched, call: Call, x: Value, min: Any = None, max: Any = None) -> Value:
    """Between two bounds, or on one side of one: numbers, or tensors."""
    path = place(call)
    low, high = number(min), number(max)
    if isinstance(low, Value) or isinstance(high, Value):
        x = x if low is None else joined(network, "maximum", x, low, f"{path}.max")
        return x if high is None else joined(network, "minimum", x, high, f"{path}.min")
    infinite = float("inf")
    low = None if low == -infinite else low
    high = None if high == infinite else high
    return x if low is None is high else one(network, "clip", x, path, min=low, max=high)


@row("addcmul.default", "addcdiv.default")
def addc(network: Batched, call: Call, x: Value, tensor1: Value, tensor2: Value, value: Any = 1) -> Value:
    """``x + value * tensor1 * tensor2``, or of their quotient."""
    op = "mul" if "mul" in call.target else "div"
    path = place(call)
    product = _scaled(network, joined(network, op, tensor1, tensor2, f"{path}.{op}"), value, path)
    return joined(network, "add", x, product, f"{path}.add")


@row("lerp.Scalar", "lerp.Tensor")
def lerp(network: Batched, call: Call, x: Value, end: Value, weight: Any) -> Value:
    """``x + weight * (end - x)``."""
    path = place(call)
    way = joined(network, "sub", end, x, f"{path}.sub")
    return joined(network, "add", x, joined(network, "mul", way, weight, f"{path}.mul"), path)


@row("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def where(network: Batched, call: Call, condition: Value, x: Any, other: Any) -> Value:
    """Entries of one tensor or of another, by a mask that is a constant."""
    return chosen(network, condition, number(x), number(other), place(call))


@row("masked_fill.Scalar", "masked_fill.Tensor")
def masked_fill(network: Batched, call: Call, x: Value, mask: Value, value: Any) -> Value:
    """A number in the places of a mask that is a constant."""
    return chosen(network, mask, number(value), x, place(call))


def chosen(network: Batched, mask: Value, yes: Any, no: Any, path: str) -> Value:
    """``yes`` where the mask holds, else ``no``: products with the mask; where a number is infinite, sums."""
    import math

    if not is_constant(mask):
        raise Unsayable("chooses by a mask that is computed of the input")
    for branch in (yes, no):
        if isinstance(branch, Value):
            mask = meeting(network, branch, mask, path)
    on, off = _numbers(mask, "on", 1.0, 0.0), _numbers(mask, "off", 0.0, 1.0)
    for number_, tensor, kept in ((yes, no, "fill"), (no, yes, "rest")):
        if isinstance(number_, Value) or not isinstance(tensor, Value):
            continue
        if math.isinf(number_):
            held = (number_, 0.0) if kept == "fill" else (0.0, number_)
            return network.join("add", tensor, _numbers(mask, f"{kept}{number_}", *held), path)
        part = network.join("mul", tensor, off if kept == "fill" else on, path)
        if number_ == 0:
            return part
        filled = (number_, 0.0) if kept == "fill" else (0.0, number_)
        return network.join("add", part, _numbers(mask, f"{kept}{number_}", *filled), f"{path}.add")
    if isinstance(yes, Value) and isinstance(no, Value):
        first = joined(network, "mul", yes, on, f"{path}.mul")
        return network.join("add", first, joined(network, "mul", no, off, f"{path}.mul"), path)
    raise Unsayable("chooses between two numbers")


def _numbers(mask: Value, tag: str, yes: float, no: float) -> Value:
    import numpy as np

    return constant(mask, mask.dims, tag, lambda array: np.where(array, yes, no), "float32")


@row("fill.Scalar", "fill.Tensor", "zero.default", "zeros_like.default", "ones_like.default",
     "full_like.default", "new_zeros.default", "new_ones.default", "new_full.default")  # fmt: skip
def filled(
    network: Batched,
    call: Call,
    x: Value,
    value: Any = None,
    fill_value: Any = None,
    size: Any = None,
    dtype: str | None = None,
) -> Value:
    """A tensor filled with one number; of the other one it has the shape."""
    name = call.target.split(".")[1]
    entry = 1 if "ones" in name else 0 if "zero" in name else number(fill_value if value is None else value)
    if isinstance(entry, Value):
        return network.expand(entry, x.dims, place(call))
    return uniform(call, entry)


def uniform(call: Call, entry: Any) -> Value:
    """The constant of one number that a call makes."""
    import numpy as np

    (out,) = call.outputs
    shape: Any = out.shape
    read = lambda: np.full(shape, entry, kind_of(out.dtype))  # noqa: E731
    return Value(
        shape, stored=Stored(out.name, shape, out.dtype, read, learned=False, counted=False), dtype=out.dtype
    )


@row("logical_not.default", "bitwise_not.default", "eq.Scalar", "ne.Scalar", "gt.Scalar", "lt.Scalar",
     "ge.Scalar", "le.Scalar", "eq.Tensor", "ne.Tensor", "gt.Tensor", "lt.Tensor", "ge.Tensor", "le.Tensor",
     "isnan.default", "isinf.default", "logical_and.default", "logical_or.default", "bitwise_and.Tensor",
     "bitwise_or.Tensor")  # fmt: skip
def compared(network: Batched, call: Call, x: Any, other: Any = None) -> Value:
    """A comparison of numbers that an input decides: there is no layer of these."""
    raise Unsayable("decides by the input, for which there is no layer")


def fraction(value: Value) -> bool:
    """Whether a tensor is of numbers with fractions."""
    return numeric(value.dtype)

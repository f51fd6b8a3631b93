"""Arithmetic, comparisons and reductions of constants, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convcalc.importers.torch.aten.folds import FOLDS, Fold, fold, kind_of, numpy_


def _joined(function: str) -> Fold:
    def compute(x: Any, other: Any = None, alpha: Any = 1, like: Any = None, **_: Any) -> Any:
        return getattr(numpy_(), function)(x, other * alpha if alpha != 1 else other)

    return compute


for _name, _function in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "maximum": "maximum",
    "minimum": "minimum",
    "remainder": "mod",
    "eq": "equal",
    "ne": "not_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "lt": "less",
    "le": "less_equal",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
    "logical_xor": "logical_xor",
    "bitwise_and": "bitwise_and",
    "bitwise_or": "bitwise_or",
    "bitwise_xor": "bitwise_xor",
    "floor_divide": "floor_divide",
    "__and__": "bitwise_and",
    "__or__": "bitwise_or",
    "fmod": "fmod",
    "atan2": "arctan2",
}.items():
    FOLDS[_name] = _joined(_function)


@fold("rsub")
def _rsub(x: Any, other: Any, alpha: Any = 1, like: Any = None) -> Any:
    return other - alpha * x


@fold("div", "true_divide", "divide")
def _div(x: Any, other: Any, rounding_mode: str | None = None, like: Any = None) -> Any:
    np = numpy_()
    if rounding_mode == "floor":
        return np.floor_divide(x, other)
    return np.trunc(np.divide(x, other)) if rounding_mode == "trunc" else np.divide(x, other)


@fold("pow")
def _pow(x: Any, exponent: Any, like: Any = None) -> Any:
    np = numpy_()
    return np.power(np.asarray(x, dtype=kind_of(like.dtype)), exponent)


for _name, _function in {
    "neg": "negative",
    "abs": "abs",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "exp": "exp",
    "log": "log",
    "log2": "log2",
    "sqrt": "sqrt",
    "floor": "floor",
    "ceil": "ceil",
    "round": "round",
    "trunc": "trunc",
    "sign": "sign",
    "tanh": "tanh",
    "logical_not": "logical_not",
    "bitwise_not": "invert",
    "isnan": "isnan",
    "isinf": "isinf",
    "square": "square",
    "reciprocal": "reciprocal",
    "log1p": "log1p",
    "expm1": "expm1",
    "atan": "arctan",
    "asin": "arcsin",
    "acos": "arccos",
    "exp2": "exp2",
}.items():
    FOLDS[_name] = lambda x, like=None, _function=_function, **_: getattr(numpy_(), _function)(x)
FOLDS["rsqrt"] = lambda x, **_: 1 / numpy_().sqrt(x)
FOLDS["sigmoid"] = lambda x, **_: 1 / (1 + numpy_().exp(-x))
FOLDS["relu"] = lambda x, **_: numpy_().maximum(x, 0)


@fold("clamp", "clip", "clamp_min", "clamp_max")
def _clamp(x: Any, min: Any = None, max: Any = None, like: Any = None) -> Any:
    return x if min is None is max else numpy_().clip(x, min, max)


@fold("where")
def _where(condition: Any, x: Any, other: Any, like: Any = None) -> Any:
    return numpy_().where(condition, x, other)


@fold("masked_fill")
def _masked_fill(x: Any, mask: Any, value: Any, like: Any = None) -> Any:
    return numpy_().where(mask, value, x)


@fold("nan_to_num")
def _nan_to_num(x: Any, nan: Any = None, posinf: Any = None, neginf: Any = None, like: Any = None) -> Any:
    return numpy_().nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _reduced(function: str) -> Fold:
    def compute(x: Any, dim: Any = None, keepdim: bool = False, like: Any = None, **_: Any) -> Any:
        axis = tuple(dim) if isinstance(dim, tuple | list) else dim
        return getattr(numpy_(), function)(x, axis=None if axis == () else axis, keepdims=keepdim)

    return compute


for _name, _function in {
    "sum": "sum",
    "mean": "mean",
    "amax": "max",
    "amin": "min",
    "prod": "prod",
    "any": "any",
    "all": "all",
    "argmax": "argmax",
    "argmin": "argmin",
}.items():
    FOLDS[_name] = _reduced(_function)


@fold("cumsum")
def _cumsum(x: Any, dim: int, like: Any = None, **_: Any) -> Any:
    return numpy_().cumsum(x, dim)


@fold("matmul", "mm", "bmm")
def _matmul(x: Any, other: Any = None, mat2: Any = None, like: Any = None) -> Any:
    return numpy_().matmul(x, mat2 if other is None else other)


@fold("outer", "ger")
def _outer(x: Any, vec2: Any, like: Any = None) -> Any:
    return numpy_().outer(x, vec2)


@fold("einsum")
def _einsum(equation: str, tensors: Sequence[Any], like: Any = None, **_: Any) -> Any:
    return numpy_().einsum(equation.replace(" ", ""), *tensors)


@fold("argsort")
def _argsort(x: Any, dim: int = -1, descending: bool = False, like: Any = None, **_: Any) -> Any:
    return numpy_().argsort(-x if descending else x, dim, kind="stable")


@fold("nonzero")
def _nonzero(x: Any, like: Any = None) -> Any:
    return numpy_().stack(numpy_().nonzero(x), -1)


@fold("searchsorted", "bucketize")
def _searchsorted(
    sorted_sequence: Any = None,
    x: Any = None,
    boundaries: Any = None,
    right: bool = False,
    like: Any = None,
    **_: Any,
) -> Any:
    edges = boundaries if sorted_sequence is None else sorted_sequence
    return numpy_().searchsorted(edges, x, side="right" if right else "left")

"""Reductions over axes."""

from __future__ import annotations

from typing import Any, Final

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value
from convcalc.importers.torch.aten.rows import layers, one, pair, place, row, written
from convcalc.importers.torch.program import Call


def _axes(x: Value, dim: Any) -> tuple[int, ...]:
    if dim is None or dim == ():
        return tuple(range(x.rank))
    return tuple(axis % x.rank for axis in pair(dim, 1)) if x.rank else ()


def reduced(
    network: Batched, call: Call, x: Value, op: str, dim: Any, keep: bool, word: str = "", **options: Any
) -> Value:
    """A reduction over some axes, over all of them where none are named."""
    if not x.rank:
        return x
    return network.reduce(op, x, _axes(x, dim), keep, place(call, word), **options)


_PLAIN: Final = {
    "mean.dim": "mean", "mean.default": "mean", "sum.dim_IntList": "sum", "sum.default": "sum",
    "amax.default": "max", "amin.default": "min", "prod.dim_int": "prod", "prod.default": "prod",
    "max.default": "max", "min.default": "min",
}  # fmt: skip


def _plain(op: str) -> Any:
    def write(
        network: Batched,
        call: Call,
        x: Value,
        dim: Any = None,
        keepdim: bool = False,
        dtype: str | None = None,
    ) -> Value:
        return reduced(network, call, x, op, dim, keepdim)

    return write


for _name, _op in _PLAIN.items():
    row(_name)(_plain(_op))


@row("max.dim", "min.dim")
def largest(network: Batched, call: Call, x: Value, dim: int, keepdim: bool = False) -> Any:
    """The largest entry along an axis, or the smallest, and where it stands."""
    op = call.target.split(".")[1]
    values = reduced(network, call, x, op, dim, keepdim)
    return values, Deferred(lambda: _where(network, call, x, f"arg{op}", dim, keepdim))


class Deferred:
    """A value that is made only where something reads it."""

    def __init__(self, make: Any) -> None:
        self.make = make


def _where(network: Batched, call: Call, x: Value, op: str, dim: int, keep: bool) -> Value:
    (own,) = (network.axis(x, dim),)
    axis = dim % x.rank
    made = layers(network, op, [x], place(call, op), axis=own, keep=keep)[0]
    dims = tuple(1 if a == axis else n for a, n in enumerate(x.dims) if keep or a != axis)
    batch = x.batch
    if batch is not None and not keep and axis < batch:
        batch -= 1
    return Value(dims, batch, x.folded, made.edge, dtype="int64")


@row("argmax.default", "argmin.default")
def argmax(network: Batched, call: Call, x: Value, dim: int | None = None, keepdim: bool = False) -> Value:
    """Where along an axis the largest entry stands, or the smallest."""
    if dim is None and x.rank > 1:
        raise Unsayable("looks over all samples of a batch at once")
    return _where(network, call, x, call.target.split(".")[1], dim or 0, keepdim)


@row("var.correction", "var.dim", "var.default", "std.correction", "std.dim", "std.default")
def variance(
    network: Batched,
    call: Call,
    x: Value,
    dim: Any = None,
    correction: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
) -> Value:
    """Variance or standard deviation over axes."""
    by = int(unbiased) if correction is None else correction
    if by != int(by):
        raise Unsayable(f"takes {by} off the number of entries")
    return reduced(network, call, x, call.target.split(".")[1], dim, keepdim, correction=int(by))


@row("var_mean.correction", "std_mean.correction", "var_mean.dim", "std_mean.dim")
def variance_and_mean(
    network: Batched,
    call: Call,
    x: Value,
    dim: Any = None,
    correction: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
) -> Any:
    """Both at once."""
    op = call.target.split(".")[1].split("_")[0]
    by = int(unbiased) if correction is None else int(correction)
    spread = reduced(network, call, x, op, dim, keepdim, op, correction=by)
    return spread, reduced(network, call, x, "mean", dim, keepdim, "mean")


@row(
    "linalg_vector_norm.default",
    "norm.ScalarOpt_dim",
    "norm.Scalar",
    "norm.ScalarOpt_dim_dtype",
    "linalg_norm.default",
)
def norm(
    network: Batched,
    call: Call,
    x: Value,
    ord: Any = 2,
    dim: Any = None,
    keepdim: bool = False,
    p: Any = 2,
    dtype: str | None = None,
) -> Value:
    """A norm over axes: of squares, of absolute values, or the largest of these."""
    order = p if "aten.norm" in call.target else ord
    order = 2 if order is None else order
    if order not in (1, 2, float("inf")):
        raise Unsayable(f"is a norm of order {order}")
    word = "inf" if order == float("inf") else str(int(order))
    return reduced(network, call, x, "norm", dim, keepdim, "norm", p=word)


@row("logsumexp.default")
def logsumexp(network: Batched, call: Call, x: Value, dim: Any, keepdim: bool = False) -> Value:
    """``log(sum(exp(x - max))) + max``."""
    top = reduced(network, call, x, "max", dim, True, "max")
    inner = one(network, "exp", network.join("sub", x, top, place(call, "sub")), place(call, "exp"))
    total = one(network, "log", reduced(network, call, inner, "sum", dim, True, "sum"), place(call, "log"))
    found = network.join("add", total, top, place(call))
    return found if keepdim else network.reshape(found, written(call), place(call, "reshape"))

"""Rows in which the samples of a batch stand side by side at every step: ``(steps * batch, features)``.

PyTorch's multi-head attention projects its result so. In the graph the batch is outermost in such an axis;
that the rows are in another order there is of no account to what works on each row alone, and is undone where
the axis is cut again. All else that reads it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Final

from convcalc.importers.batched import Batched
from convcalc.importers.network import Unsayable
from convcalc.importers.tensors import Value

BY_ROWS: Final = frozenset({
    "linear", "addmm", "dropout", "relu", "gelu", "silu", "tanh", "sigmoid", "layer_norm", "contiguous",
    "clone", "detach", "alias", "to", "add", "mul", "_to_copy",
})  # fmt: skip
"""Operators that work on every row alone, where what they read besides is the same for all rows."""

RESHAPES: Final = frozenset({"view", "reshape", "unflatten", "_unsafe_view", "_reshape_alias"})


class Turned(Value):
    """A tensor one axis of which holds samples side by side; in the graph the batch is outermost in it.

    It has no ``edge``, so that nobody reads it as it is: an output of the network in the wrong order, say.

    Attributes:
        steps: how often all samples stand there.
        inner: the tensor in the order of the graph.
    """

    __slots__ = ("inner", "steps")

    def __init__(self, value: Value, steps: int) -> None:
        super().__init__(value.dims, value.batch, value.folded, dtype=value.dtype)
        self.steps = steps
        self.inner = value


def joined_rows(network: Batched, x: Value, dims: Sequence[int], path: str) -> Turned | None:
    """A reshape that joins axes up to that of the batch into one; None where it is none."""
    at = x.batch
    if at is None or x.rank < 2:
        return None
    if x.folded:  # heads of a sample stand beside each other: they are an axis of their own
        many = (network.batch, x.dims[at] // network.batch)
        x = network.reshape(x, (*x.dims[:at], *many, *x.dims[at + 1 :]), f"{path}.reshape")
    for first in range(at):
        before = prod(x.dims[:first])
        joined = next((k for k in range(len(dims)) if prod(dims[:k]) == before), None)
        if joined is None or dims[joined] != prod(x.dims[first : at + 1]):
            continue
        order = (*range(first), at, *range(first, at), *range(at + 1, x.rank))
        turned = network.permute(x, order, f"{path}.permute")
        return Turned(network.reshape(turned, dims, path), prod(x.dims[first:at]))
    return None


def parted_rows(network: Batched, x: Turned, dims: Sequence[int], path: str) -> Value:
    """The axis cut again into steps and samples.

    Raises:
        Unsayable: it is cut otherwise.
    """
    at = x.batch
    assert at is not None
    for place in range(at + 1, len(dims)):
        whole = tuple(dims[:at]) == x.dims[:at] and prod(dims[at:place]) == x.steps
        if whole and dims[place] == network.batch:
            cut = (*dims[:at], dims[place], *dims[at:place], *dims[place + 1 :])
            inner = network.reshape(x.inner, cut, f"{path}.reshape")
            order = (*range(at), *range(at + 1, place + 1), at, *range(place + 1, len(dims)))
            return network.permute(inner, order, path)
    raise Unsayable("cuts rows in which samples stand side by side otherwise than they were joined")

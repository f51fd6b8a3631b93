"""The record of an operation: all that the executor knows of a layer, registered beside its kernel.

A new elementwise layer is one function and its derivative under :func:`elementwise`; every other
layer an :class:`Operation` with what differs from an elementwise one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call, Kernel, Params
from convcalc.executor.marks import Reach, Shape, all_channels, no_marks, same_positions
from convcalc.executor.parallel import BLOCK_BYTES, each, row_spans, single_blas_thread
from convcalc.executor.windows import ExecutionError, padded_elements

Shapes = dict[str, Shape]


class Backprop(NamedTuple):
    """One layer to differentiate.

    Attributes:
        layer: the layer; its hyper-parameters are read by name.
        gradients: with respect to each output, None where there is none.
        xs: values it read.
        ys: values it wrote, as far as they were kept.
        params: arrays of the node.
    """

    layer: Any
    gradients: list[Array | None]
    xs: tuple[Array, ...]
    ys: tuple[Array, ...]
    params: Params

    @property
    def g(self) -> Array:
        """Gradient with respect to the first output."""
        g = self.gradients[0]
        return np.zeros_like(self.ys[0]) if g is None else g

    @property
    def x(self) -> Array:
        """First input."""
        return self.xs[0]

    def reach(self, g: Array | None = None) -> Reach:
        """The gradients (or another one of the first output) as marks to run backwards."""
        marks: list[Array | None] = self.gradients if g is None else [g]
        inputs, outputs = [x.shape[1:] for x in self.xs], tuple(y.shape[1:] for y in self.ys)
        return Reach(self.layer, marks, inputs, outputs, reads=False)


class Sizes(NamedTuple):
    """One layer before it runs, by which its working space is worked out.

    Attributes:
        layer: the layer.
        inputs: shapes it will read, without the batch.
        outputs: shapes it will write, without the batch.
        batch: samples.
        item: bytes of an element.
        threads: how many blocks are computed at once.
        indices: whether somebody reads the indices it can write.
    """

    layer: Any
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    batch: int
    item: int
    threads: int
    indices: bool

    @property
    def arriving(self) -> int:
        """Bytes of all inputs."""
        return sum(prod(shape) for shape in self.inputs) * self.item * self.batch

    @property
    def written(self) -> int:
        """Bytes of the first output."""
        return prod(self.outputs[0]) * self.item * self.batch

    def blocks(self, many: int) -> int:
        """Bytes of so many intermediate results of each block that is computed now."""
        return self.threads * many * min(BLOCK_BYTES, max(self.arriving, self.written))

    def planes(self) -> int:
        """Bytes of the padded channels that are being windowed now, a few at a time."""
        plane = padded_elements((1, *self.inputs[0][1:]), self.layer) + prod(self.outputs[0][1:])
        return self.threads * 3 * max(2 * BLOCK_BYTES, plane * self.item)


Backward: TypeAlias = Callable[[Reach], list[Array]]
Gradient: TypeAlias = Callable[[Backprop], list[Array]]


def no_weights(layer: Any) -> Shapes:
    """A layer without arrays of its own."""
    return {}


class Entries(NamedTuple):
    """What whole numbers choose from: entries 0 to ``size - 1``; with ``negative``, -1 is the last."""

    size: int
    negative: bool = False


def no_indices(layer: Any) -> dict[Any, Entries]:
    """A layer that looks nothing up."""
    return {}


def never(layer: Any) -> bool:
    """A layer whose result has storage of its own."""
    return False


def taken(layer: Any) -> str:
    """A layer that is executed."""
    return ""


def few_blocks(s: Sizes) -> int:
    """Working space of a layer that computes block by block."""
    return s.blocks(6)


class Operation(NamedTuple):
    """How a layer is executed. What is not given is that of an elementwise layer without weights.

    Attributes:
        fast: the form that runs networks.
        naive: readable loops over arrays of any kind, by which scalars are counted; None where the
            fast form takes object arrays as they are.
        backward: from marks on outputs to marks on each input.
        gradient: with respect to each input; None for a linear layer whose factors are all one, whose
            gradient goes the way of its marks.
        weights: shapes of its arrays by name.
        fan_in: how many products are summed into one output; None where a weight is a factor per
            channel.
        working_bytes: what the fast form allocates at most besides what it writes.
        is_view: whether the result of a layer shares the storage of the input, or of an array of its own.
        writes_indices: whether there is a second output of 64-bit indices, written only where
            somebody reads it.
        gives_indices: whether what it writes are 64-bit indices.
        repeats: whether it is a view that shows entries several times.
        moves: whether what it writes are values that it reads, and no others; views do so unasked.
        looks_up: by the number of an input that holds whole numbers, what they choose from.
        refuses: why a layer cannot be executed; empty where it can.
        indices: by the name of an array of its own that holds whole numbers, what they choose from.
    """

    fast: Kernel
    naive: Kernel | None = None
    backward: Backward = same_positions
    gradient: Gradient | None = None
    weights: Callable[[Any], Shapes] = no_weights
    fan_in: Callable[[Any], int] | None = None
    working_bytes: Callable[[Sizes], int] = few_blocks
    is_view: Callable[[Any], bool] = never
    writes_indices: bool = False
    gives_indices: bool = False
    repeats: bool = False
    moves: bool = False
    looks_up: Callable[[Any], dict[int, Entries]] = no_indices
    indices: Callable[[Any], dict[str, Entries]] = no_indices
    refuses: Callable[[Any], str] = taken


OPERATIONS: dict[str, Operation] = {}
"""By registered name of the layer; filled by the modules of :mod:`convcalc.executor.kernels`."""


def operation(layer: Any) -> Operation:
    """How a layer is executed.

    Raises:
        ExecutionError: there is no kernel for it.
    """
    found = OPERATIONS.get(layer.op)
    if found is None:
        raise ExecutionError(f"there is no kernel for {layer.op!r}")
    return found


def moves(layer: Any) -> bool:
    """Whether what a layer writes are values that it reads, and no others."""
    how = operation(layer)
    return how.moves or how.is_view(layer) or how.backward in (through_indices, channels_together)


def run_kernel(call: Call, *, form: str = "fast") -> tuple[Array | None, ...]:
    """Execute one layer in its ``fast`` or ``naive`` form; outputs in the order the layer names them.

    Raises:
        ExecutionError: no kernel for the layer, or the arrays do not fit it.
    """
    how = operation(call.layer)
    kernel = how.naive if form == "naive" and how.naive else how.fast
    with single_blas_thread():
        result = kernel(call)
    return result if isinstance(result, tuple) else (result,)


# Elementwise layers

Function: TypeAlias = Callable[[Call, Array, Array], None]
"""Computes a block of the input into a block of the output, which may be the same array."""


def elementwise(
    op: str, slope: Callable[[Any, Array], Array], working: int = 6
) -> Callable[[Function], Function]:
    """Register a function of one element as the layer ``op``; blocks are computed by several threads.

    Args:
        op: registered name of the layer.
        slope: its derivative at every element, of the layer and the input.
        working: how many intermediate results of a block it holds at once.
    """

    def register(function: Function) -> Function:
        def kernel(call: Call) -> Array:
            x = call.x
            target = call.target()
            if target is None and call.spare and getattr(call.layer, "inplace", False) and x.flags.writeable:
                target = x  # it is to run in place, however its entries lie
            y = np.empty_like(x) if target is None else target
            if not (x.flags.c_contiguous and y.flags.c_contiguous):
                function(call, x, y)
                return y
            source, result = x.reshape(-1), y.reshape(-1)

            def block(span: slice) -> None:
                function(call, source[span], result[span])

            each(block, row_spans(source, 0), call.t.shared)
            return y

        OPERATIONS[op] = Operation(
            kernel,
            gradient=lambda b: [b.g * slope(b.layer, b.x)],
            working_bytes=lambda s: s.blocks(working),
        )
        return function

    return register


# Layers that only move values


def through_indices(r: Reach) -> list[Array]:
    """Back through a layer that moves each value once at most: its kernel is run on indices."""
    ends = np.cumsum([0, *(prod(shape) for shape in r.inputs)])
    numbers = tuple(  # from 1, as 0 stands for what the layer fills in
        np.arange(end - prod(shape) + 1, end + 1).reshape(1, *shape)
        for end, shape in zip(ends[1:], r.inputs, strict=True)
    )
    tables = run_kernel(Call(r.layer, numbers))
    mark = next(mark for mark in r.marks if mark is not None)
    total = no_marks(mark, len(mark), int(ends[-1]))
    for one, table, shape in zip(r.marks, tables, r.outputs, strict=True):
        if one is not None and table is not None:
            index = table.reshape(-1)
            source = all_channels(one, shape[0]).reshape(len(mark), -1)
            real = index > 0
            if not real.all():
                index, source = index[real], source[:, real]
            for row, values in zip(total, source, strict=True):
                row[index - 1] = values
    parts = np.split(total, ends[1:-1], axis=1)
    return [part.reshape(len(mark), *shape) for part, shape in zip(parts, r.inputs, strict=True)]


def channels_together(r: Reach) -> list[Array]:
    """The same for a layer that moves all channels alike: of marks that are alike, one is moved."""
    if any(mark is not None and mark.shape[1] > 1 for mark in r.marks):
        return through_indices(r)
    inputs, outputs = ([(1, *shape[1:]) for shape in shapes] for shapes in (r.inputs, r.outputs))
    return through_indices(r._replace(inputs=inputs, outputs=tuple(outputs)))

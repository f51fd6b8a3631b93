"""What a kernel is given: its arithmetic, its layer, its inputs and the parameters of its node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Arith, Array
from convcalc.executor.windows import ExecutionError


class Params:
    """The arrays of the node of that name, by their short names; remembers which were read."""

    __slots__ = ("arrays", "node", "read")

    def __init__(self, node: str = "", arrays: Mapping[str, Array] | None = None) -> None:
        self.node = node
        self.arrays = arrays or {}
        self.read: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        """The array of that name; it counts as read from then on."""
        array = self.arrays.get(name)
        if array is None:
            raise ExecutionError(f"{self.node or 'the layer'} has no {name!r} among its weights")
        self.read[name] = array
        return array


class Call:
    """One execution of one layer.

    Attributes:
        t: the arithmetic to use.
        layer: the layer; its hyper-parameters are read by name.
        xs: inputs, each (N, C, *spatial).
        params: arrays of the node.
        spare: whether the first input may be overwritten by the result.
        wanted: for layers with several outputs, which of them somebody reads.
        batch: samples of the run, which a layer without inputs is to write.
        dtype: what the run computes in, for a layer without inputs.
    """

    __slots__ = ("batch", "dtype", "layer", "params", "spare", "t", "wanted", "xs")

    def __init__(
        self,
        layer: Any,
        xs: tuple[Array, ...],
        params: Params | None = None,
        t: Arith = PLAIN,
        spare: bool = False,
        wanted: frozenset[int] = frozenset((0,)),
        batch: int = 1,
        dtype: Any = np.float32,
    ) -> None:
        self.t = t
        self.layer = layer
        self.xs = xs
        self.params = params if params is not None else Params()
        self.spare = spare
        self.wanted = wanted
        self.batch = batch
        self.dtype = dtype

    @property
    def x(self) -> Array:
        """The first input."""
        return self.xs[0]

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Zeros of the arithmetic, of the dtype of the first input."""
        return np.full(shape, self.t.constant(0), self.x.dtype)

    def target(self) -> Array | None:
        """Where an elementwise result of the first input's shape may be written, if anywhere."""
        x = self.xs[0]
        return x if self.spare and x.flags.writeable and x.flags.c_contiguous else None


Kernel: TypeAlias = Callable[[Call], "Array | tuple[Array | None, ...]"]


def per_channel(values: Array, like: Array, axis: int = 0) -> Array:
    """A vector over one axis, 0 being the channels, to broadcast over ``like (N, C, *spatial)``."""
    return np.reshape(values, (1,) * (axis + 1) + (-1,) + (1,) * (like.ndim - axis - 2))


def check_channels(x: Array, expected: int, axis: int = 0) -> None:
    """Raise unless ``x`` has the channels the weights are for."""
    if x.shape[axis + 1] != expected:
        raise ExecutionError(f"the weights are for {expected} input channels, {x.shape[axis + 1]} arrived")


def at(*parts: Any) -> Any:
    """An index made of parts, some of them unpacked (NumPy's annotations do not follow that)."""
    return parts

"""Tensors that a network holds itself: no input, one array for all samples of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Call
from convcalc.executor.operation import OPERATIONS, Operation, Shapes


def _over_batch(call: Call, array: Array) -> Array:
    """One array for every sample: a view that cannot be written to."""
    return np.broadcast_to(array, (call.batch, *array.shape))


def param(call: Call) -> Array:
    """The learned array."""
    return _over_batch(call, call.params["value"])


def const(call: Call) -> Array:
    """The array, whether a buffer or not, or one value everywhere."""
    layer = call.layer
    if layer.value is None:
        return _over_batch(call, call.params["buffer" if layer.stored else "constant"])
    return np.broadcast_to(np.asarray(layer.value, call.dtype), (call.batch, *layer.shape))


def _of_const(layer: Any) -> Shapes:
    name = "buffer" if layer.stored else "constant"
    return {} if layer.value is not None else {name: tuple(layer.shape)}


OPERATIONS["param"] = Operation(
    param, weights=lambda layer: {"value": tuple(layer.shape)}, is_view=lambda layer: True
)
OPERATIONS["const"] = Operation(const, weights=_of_const, is_view=lambda layer: True)

"""Arithmetic that computes nothing, for the shapes that come out of the kernels.

Kernels allocate and move as always. Fresh arrays that nobody writes to take address space, not
memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array, Axes
from convcalc.executor.windows import ExecutionError


def _blank(a: Any, b: Any, out: Array | None) -> Array:
    if out is not None:
        return out
    like = a if isinstance(a, np.ndarray) else b
    return np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)), like.dtype)


class _DryArith(Arith):
    shared = False
    meant = False

    def add(self, a: Any, b: Any, out: Array | None = None) -> Array:
        return _blank(a, b, out)

    subtract = multiply = divide = maximum = minimum = power = add

    def greater(self, a: Any, b: Any) -> Array:
        return np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b)), bool)

    at_most = greater

    def absolute(self, a: Array, out: Array | None = None) -> Array:
        return _blank(a, a, out)

    exp = log = log1p = tanh = sqrt = sin = cos = floor = round = absolute

    def erf(self, a: Array) -> Array:
        return _blank(a, a, None)

    def sum(self, a: Array, axis: Axes, keepdims: bool = True) -> Array:
        axes = (axis,) if isinstance(axis, int) else axis
        kept = [1 if i in axes else n for i, n in enumerate(a.shape) if keepdims or i not in axes]
        return np.zeros(kept, a.dtype)

    max = min = product = sum

    def matmul(self, a: Array, b: Array, out: Array | None = None, real: Array | None = None) -> Array:
        if a.shape[-1] != b.shape[-2]:
            raise ExecutionError(f"a matrix of {a.shape[-1]} columns meets one of {b.shape[-2]} rows")
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return out if out is not None else np.zeros((*batch, a.shape[-2], b.shape[-1]), b.dtype)

    def products(self, weight: Array, x: Array, out: Array | None = None, real: Array | None = None) -> Array:
        return _blank(weight, x, out)

    def accumulate(self, total: Array, part: Array) -> None:
        pass


DRY = _DryArith()
"""Results have the right shape and no meaning."""

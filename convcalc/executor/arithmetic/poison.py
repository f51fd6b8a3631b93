"""Arithmetic in which whatever is made of no number is no number.

NumPy, as C, lets 1 to any power, and anything to the power of 0, be 1: a NaN would not come out of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array


class _Poisoned(Arith):
    def power(self, a: Any, b: Any, out: Array | None = None) -> Array:
        hole = np.isnan(a) | np.isnan(b)
        found = super().power(a, b, out=out)
        np.copyto(found, np.nan, where=hole)
        return found


POISONED = _Poisoned()
"""NaN comes out wherever it goes in."""

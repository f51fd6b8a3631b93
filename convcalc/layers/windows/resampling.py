"""The index windows of resizes: from sizes, factors and the way the corners lie to a rule."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from convcalc.dims import Dim
from convcalc.layers.reads import UNSTATED, Antialiased, Resample, Rule


def resampling(mode: str, n: Dim, out: Dim, factor: Any, corners: bool, a: float = -0.75) -> Rule:
    """The rule of resizing ``n`` to ``out``, by a factor or, where that is None, to a size.

    Coordinates are PyTorch's: a factor relates the two grids by itself, a size by the ratio of the
    sizes; ``corners`` lays the first and the last sample of both on each other. :data:`UNSTATED`
    where a size that it depends on is not a number. With a parameter ``a`` of 0, the outer two
    samples of a cubic have weight zero.
    """
    sized = type(n) is int and type(out) is int
    if factor is not None and isinstance(factor, int | Fraction):
        ratio = 1 / Fraction(factor)
    elif sized:
        ratio = Fraction(n, out)
    else:
        return UNSTATED
    if mode.startswith("nearest"):
        return Resample("nearest", ratio, ratio / 2 if mode == "nearest_exact" else Fraction(0))
    if mode == "linear" and (out == n if sized else ratio == 1):
        corners = True  # as PyTorch: nothing moves, whatever the factor that led here
    if mode == "cubic" and a == 0:
        mode = "linear"
    if not corners:
        return Resample(mode, ratio, (ratio - 1) / 2)
    if not sized:
        return Resample(mode, Fraction(1), Fraction(0)) if ratio == 1 else UNSTATED
    return Resample(mode, Fraction(n - 1, out - 1) if out > 1 else Fraction(0), Fraction(0))


def antialiased(mode: str, n: Dim, out: Dim, factor: Any, corners: bool, a: Any) -> Rule:
    """The rule of resizing ``n`` to ``out`` with antialiasing, by a factor or, where that is None, to a size.

    :data:`UNSTATED` where what the width of the windows depends on is not a number.
    """
    sized = type(n) is int and type(out) is int
    if corners and sized:
        step = Fraction(n - 1, out - 1) if out > 1 else Fraction(0)
    elif not corners and isinstance(factor, int | Fraction):
        step = 1 / Fraction(factor)
    elif not corners and factor is None and sized:
        step = Fraction(n, out)
    else:
        return UNSTATED
    return Antialiased(mode, step, Fraction(a))

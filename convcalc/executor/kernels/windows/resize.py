"""Interpolation, one axis after the other, from the first spatial axis to the last.

Coordinates are PyTorch's: with ``scale`` the scale itself relates the two grids, with ``size``
the ratio of the sizes. They are worked out as exact fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

import numpy as np

from convcalc.executor.arithmetic.arith import PLAIN, Arith, Array
from convcalc.executor.call import Call
from convcalc.executor.kernels.windows.adaptive import adaptive_avgpool
from convcalc.executor.marks import Reach
from convcalc.executor.operation import OPERATIONS, Backprop, Operation, Sizes
from convcalc.executor.windows import ExecutionError

MODES = {
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
    "nearest": "nearest",
    "nearest_exact": "nearest_exact",
    "linear": "linear",
    "cubic": "cubic",
    "spline": "spline",
}


def upsample(call: Call) -> Array:
    """Resample ``x (N, C, *spatial)`` to ``scale`` times its size or to ``size``."""
    y = call.x
    if call.layer.mode == "area":
        return adaptive_avgpool(Call(_area(call.layer, y.shape[2:]), call.xs, t=call.t))
    for axis, (out, ratio) in enumerate(grids(call.layer, call.x.shape[2:])):
        y = _pass(call.layer, call.t, y, axis + 2, out, ratio)
    return y


def _pass(layer: Any, t: Arith, x: Array, axis: int, out: int, ratio: Fraction) -> Array:
    if getattr(layer, "antialias", False):
        return _antialiased(t, x, axis, out, ratio, MODES[layer.mode], bool(layer.align_corners), layer.a)
    mode = "cubic_inside" if getattr(layer, "exclude_outside", False) else MODES[layer.mode]
    return resample(t, x, axis, out, ratio, mode, bool(layer.align_corners), float(layer.a))


class _Cells(NamedTuple):
    """A map cut into so many cells along every axis."""

    size: tuple[int, ...]


def _area(layer: Any, sizes: Sequence[int]) -> _Cells:
    return _Cells(tuple(out for out, _ in grids(layer, sizes)))


def grids(layer: Any, sizes: Sequence[int]) -> list[tuple[int, Fraction]]:
    """Output size, and how many input positions one output position is wide, for each axis.

    With ``rounding`` to double precision the size is that of PyTorch's arithmetic, and a factor is
    the short fraction that it was written for. With ``recompute`` the two sizes say how wide.
    """
    if layer.size is not None:
        return [(m, Fraction(n, m)) for n, m in zip(sizes, layer.size, strict=True)]
    if layer.scale is None:
        raise ExecutionError("upsample has neither a scale nor a size")
    exact = [Fraction(s) for s in layer.scale]
    if getattr(layer, "rounding", "exact") == "double":
        wide = [int(np.floor(np.float64(n) * np.float64(s))) for n, s in zip(sizes, exact, strict=True)]
        exact = [s.limit_denominator(10**6) for s in exact]
    else:
        wide = [floor(n * s) for n, s in zip(sizes, exact, strict=True)]
    if min(wide) < 1:
        raise ExecutionError("nothing is left of the input")
    if getattr(layer, "recompute", False):
        return [(m, Fraction(n, m)) for n, m in zip(sizes, wide, strict=True)]
    found = [(m, 1 / s) for m, s in zip(wide, exact, strict=True)]
    if layer.mode == "nearest" and len(sizes) == 2:
        # As PyTorch, for maps of two axes alone: a size that stays or doubles counts as scale 1 or 2.
        axes = zip(found, sizes, strict=True)
        return [(m, Fraction(n, m) if m in (n, 2 * n) else ratio) for (m, ratio), n in axes]
    return found


def resample(
    t: Arith, x: Array, axis: int, out: int, ratio: Fraction, mode: str, corners: bool, a: float
) -> Array:
    """One pass along one axis; ``a`` is the parameter of the cubic kernel (Keys 1981)."""
    n = x.shape[axis]
    if out < 1:
        raise ExecutionError("nothing is left of the input")
    if mode in ("nearest", "nearest_exact"):
        offset = Fraction(1, 2) if mode == "nearest_exact" else 0
        return np.take(x, [min(floor((o + offset) * ratio), n - 1) for o in range(out)], axis=axis)
    if mode == "linear" and out == n:  # as PyTorch, whatever the scale that led here
        corners = True
    if corners:
        step = Fraction(n - 1, out - 1) if out > 1 else Fraction(0)
        places = [o * step for o in range(out)]
    else:
        places = [(o + Fraction(1, 2)) * ratio - Fraction(1, 2) for o in range(out)]
    if mode.startswith("cubic"):
        return _weighted(t, x, axis, *_cubic(places, n, a, mode == "cubic_inside"))
    places = [min(max(p, Fraction(0)), Fraction(n - 1)) for p in places]
    if mode == "linear":
        low = [floor(p) for p in places]
        part = [float(p - i) for p, i in zip(places, low, strict=True)]
        indices = np.array([low, [min(i + 1, n - 1) for i in low]])
        return _weighted(t, x, axis, indices, np.array([[1.0 - w for w in part], part]))
    return _spline(t, x, axis, places)


def _cubic(places: list[Fraction], n: int, a: float, inside: bool) -> tuple[Array, Array]:
    """Places and weights of the taps; ``inside``: those outside weigh nothing, the others more for it."""
    indices, weights = [], []
    for p in places:
        i = floor(p)
        w = float(p - i)
        indices.append([min(max(i + j, 0), n - 1) for j in (-1, 0, 1, 2)])
        near = [((a + 2.0) * v - (a + 3.0)) * v * v + 1.0 for v in (w, 1.0 - w)]
        far = [((a * v - 5.0 * a) * v + 8.0 * a) * v - 4.0 * a for v in (w + 1.0, 2.0 - w)]
        taps = [far[0], near[0], near[1], far[1]]
        if inside:
            taps = [v if 0 <= i + j < n else 0.0 for j, v in zip((-1, 0, 1, 2), taps, strict=True)]
            taps = [v / sum(taps) for v in taps]
        weights.append(taps)
    return np.array(indices).T, np.array(weights).T


def _antialiased(
    t: Arith, x: Array, axis: int, out: int, ratio: Fraction, mode: str, corners: bool, a: float
) -> Array:
    """One pass whose filter is stretched where the map shrinks; the taps inside weigh 1 together.

    As PyTorch's ``_compute_indices_min_size_weights_aa``, worked out in exact fractions.
    """
    n = x.shape[axis]
    if corners:
        ratio = Fraction(n - 1, out - 1) if out > 1 else Fraction(0)
    stretch = max(ratio, Fraction(1))
    support = stretch * (1 if mode == "linear" else 2)
    half = Fraction(1, 2)
    firsts: list[int] = []
    weights: list[list[float]] = []
    for o in range(out):
        center = ratio * (o + half)
        first = max(floor(center - support + half), 0)
        last = min(floor(center + support + half), n)
        taps = [_filter(mode, abs(i - center + half) / stretch, Fraction(a)) for i in range(first, last)]
        whole = sum(taps)
        if whole == 0:
            raise ExecutionError("the weights of a window are zero together")
        firsts.append(first)
        weights.append([float(v / whole) for v in taps])
    shape = list(x.shape)
    shape[axis] = out
    y = np.zeros(shape, x.dtype)
    for k in range(max(map(len, weights))):
        some = [o for o in range(out) if k < len(weights[o])]
        part = np.take(x, [firsts[o] + k for o in some], axis=axis)
        t.multiply(part, _along(np.array([weights[o][k] for o in some]), x, axis), out=part)
        place: Any = (*[slice(None)] * axis, some)
        y[place] = t.add(y[place], part, out=part)
    return y


def _filter(mode: str, x: Fraction, a: Fraction) -> Fraction:
    """The triangle, or the kernel of Keys 1981, at a distance of ``x`` from its middle."""
    if mode == "linear":
        return max(1 - x, Fraction(0))
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else Fraction(0)


def _along(values: Array, x: Array, axis: int) -> Array:
    shape = [1] * x.ndim
    shape[axis] = -1
    if not x.dtype.hasobject:
        values = values.astype(x.dtype)
    return values.reshape(shape)


def _weighted(t: Arith, x: Array, axis: int, indices: Array, weights: Array) -> Array:
    """Sum over taps of weight times the entry it reads."""
    shape = list(x.shape)
    shape[axis] = indices.shape[1]
    y = np.zeros(shape, x.dtype)
    for index, weight in zip(indices, weights, strict=True):
        part = np.take(x, index, axis=axis)
        t.add(y, t.multiply(part, _along(weight, x, axis), out=part), out=y)
    return y


def _spline(t: Arith, x: Array, axis: int, places: list[Fraction]) -> Array:
    """The natural cubic spline through the samples of each line, at the given places.

    Second derivatives m solve m[i-1] + 4 m[i] + m[i+1] = 6 (y[i+1] - 2 y[i] + y[i-1]) with zero
    at both ends (de Boor, A Practical Guide to Splines, 1978); the elimination factors depend on
    the length alone and are worked out beforehand.
    """
    n = x.shape[axis]
    if n < 2:
        raise ExecutionError("a spline needs at least two samples")
    y = np.moveaxis(x, axis, 0)
    m = np.full(y.shape, t.constant(0.0), x.dtype)
    if n > 2:
        rise = t.subtract(y[2:], y[1:-1])
        right = t.subtract(rise, t.subtract(y[1:-1], y[:-2]))
        right = t.multiply(right, 6.0, out=right)
        factors = [0.25]
        for _ in range(n - 3):
            factors.append(1.0 / (4.0 - factors[-1]))
        for i, factor in enumerate(factors):
            m[i + 1] = t.multiply(t.subtract(right[i], m[i]), factor)
        for i, factor in reversed(list(enumerate(factors))):
            m[i + 1] = t.subtract(m[i + 1], t.multiply(m[i + 2], factor))
    low = [min(floor(p), n - 2) for p in places]
    after = np.array([float(p - i) for p, i in zip(places, low, strict=True)])
    before = 1.0 - after
    weights = (before, after, (before**3 - before) / 6.0, (after**3 - after) / 6.0)
    result = np.zeros((len(places), *y.shape[1:]), x.dtype)
    index = np.array(low)
    for source, weight in zip((y[index], y[index + 1], m[index], m[index + 1]), weights, strict=True):
        t.add(result, t.multiply(source, _along(weight, result, 0)), out=result)
    return np.ascontiguousarray(np.moveaxis(result, 0, axis))


def _passes_of_impulses(layer: Any, sizes: Sequence[int], one: float) -> list[Array]:
    """For each axis what every output reads of every input: (out, n), zero where it reads nothing.

    Each pass is run on unit impulses, or on impulses of another size.
    """
    found = []
    for n, (out, ratio) in zip(sizes, grids(layer, sizes), strict=True):
        impulses = np.where(np.eye(n, dtype=bool), one, 0.0)[:, None]
        found.append(_pass(layer, PLAIN, impulses, 2, out, ratio)[:, 0].T)
    return found


def _upsample_backward(r: Reach) -> list[Array]:
    """Back through each pass; a sample whose weight is zero counts only where reads do."""
    mark = r.mark
    if r.layer.mode == "area":
        return OPERATIONS["adaptiveavgpool"].backward(r._replace(layer=_area(r.layer, r.inputs[0][1:])))
    for axis, matrix in enumerate(_passes_of_impulses(r.layer, r.inputs[0][1:], np.nan if r.reads else 1.0)):
        pattern = np.isnan(matrix) if r.reads else matrix != 0
        moved = np.moveaxis(mark, axis + 2, -1)
        if mark.dtype == bool:
            moved = np.matmul(moved.astype(np.float32), pattern.astype(np.float32)) > 0
        else:
            moved = np.matmul(moved, pattern.astype(mark.dtype))
        mark = np.moveaxis(moved, -1, axis + 2)
    return [mark]


def _upsample_gradient(b: Backprop) -> list[Array]:
    g = b.g
    if b.layer.mode == "area":
        gradient = OPERATIONS["adaptiveavgpool"].gradient
        assert gradient is not None
        return gradient(b._replace(layer=_area(b.layer, b.x.shape[2:])))
    for axis, matrix in enumerate(_passes_of_impulses(b.layer, b.x.shape[2:], 1.0)):
        g = np.moveaxis(np.matmul(np.moveaxis(g, axis + 2, -1), matrix), -1, axis + 2)
    return [g]


def _working_bytes(s: Sizes) -> int:
    return (8 if s.layer.mode == "spline" else 4) * max(s.arriving, s.written)


OPERATIONS["upsample"] = Operation(
    upsample, backward=_upsample_backward, gradient=_upsample_gradient, working_bytes=_working_bytes
)

"""Resizing: by the operator of ONNX, by places that are looked up, and by splines."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Any, Final

from convcalc.exporters.onnx.forms.windows import adaptive
from convcalc.exporters.onnx.writer import Form, Place

_LETTERS: Final = "defghij"


def _upsample(place: Place) -> str:
    import numpy as np

    layer, mode = place.layer, place.layer.mode
    if mode == "area":
        return adaptive("Average")(place)  # type: ignore[return-value]
    ins, outs = place.shape[1:], place.outputs[0][1:]
    if layer.size is not None or layer.recompute:
        ratios = [Fraction(m, n) for n, m in zip(ins, outs, strict=True)]
    else:
        ratios = [Fraction(s) for s in layer.scale]
        if layer.rounding == "double":
            ratios = [s.limit_denominator(10**6) for s in ratios]
        if mode == "nearest" and len(ins) == 2:
            axes = zip(ratios, ins, outs, strict=True)
            ratios = [Fraction(m, n) if m in (n, 2 * n) else s for s, n, m in axes]
    if mode in ("nearest", "nearest_exact"):
        whole = all(s.denominator == 1 for s in ratios)
        if not whole:
            half = Fraction(1, 2) if mode == "nearest_exact" else 0
            x = place.x
            for axis, (n, m, s) in enumerate(zip(ins, outs, ratios, strict=True), 1):
                index = [min(floor((o + half) / s), n - 1) for o in range(m)]
                if index != list(range(n)):
                    x = place.op("Gather", x, place.ints(index), axis=axis + 1)
            return x
        options: dict[str, Any] = {
            "mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"
        }  # fmt: skip
    elif mode == "spline":
        return _spline(place, ratios)
    else:
        cubic = mode in ("cubic", "bicubic")
        options = {
            "mode": "cubic" if cubic else "linear",
            "coordinate_transformation_mode": "align_corners" if layer.align_corners else "half_pixel",
            "antialias": 1 if layer.antialias else None,
        }
        if cubic:
            options |= {"cubic_coeff_a": float(layer.a), "exclude_outside": int(layer.exclude_outside)}
    if layer.antialias and layer.align_corners:
        raise place.fault("aligns corners with a filter, which ONNX does otherwise")
    exact = all(s * n == m for s, n, m in zip(ratios, ins, outs, strict=True))
    if exact or layer.align_corners:
        sizes = place.op("Concat", place.op("Shape", place.x, start=0, end=2), place.ints(outs), axis=0)
        return place.op("Resize", place.x, "", "", sizes, **options)
    if any(Fraction(float(np.float32(float(s)))) != s for s in ratios):
        raise place.fault("resizes by a factor that ONNX, which has 32 bits for it, does not hold")
    scales = place.constant([1.0, 1.0, *map(float, ratios)], "float32")
    return place.op("Resize", place.x, "", scales, **options)


def _spline(place: Place, ratios: Sequence[Fraction]) -> str:
    """The natural cubic splines through the lines of each axis: a product with a fixed matrix.

    Args:
        place: the layer.
        ratios: how many times as long each axis becomes.
    """
    x, letters = place.x, _LETTERS[: place.rank]
    axes = zip(place.shape[1:], place.outputs[0][1:], ratios, strict=True)
    for axis, (n, m, ratio) in enumerate(axes):
        matrix = place.constant(_matrix(n, _places(n, m, ratio, place.layer.align_corners)), "float32")
        after = letters.replace(letters[axis], "z")
        x = place.op("Einsum", x, matrix, equation=f"bc{letters},z{letters[axis]}->bc{after}")
    return x


def _places(n: int, m: int, ratio: Fraction, corners: bool) -> list[Fraction]:
    """Where the results lie among the samples."""
    if corners:
        found = [Fraction((n - 1) * o, m - 1) if m > 1 else Fraction(0) for o in range(m)]
    else:
        found = [(o + Fraction(1, 2)) / ratio - Fraction(1, 2) for o in range(m)]
    return [min(max(place, Fraction(0)), Fraction(n - 1)) for place in found]


def _matrix(n: int, places: Sequence[Fraction]) -> Any:
    """What each place takes of each of the samples, (places, samples).

    The second derivatives solve m[i-1] + 4 m[i] + m[i+1] = 6 (y[i+1] - 2 y[i] + y[i-1]), zero at both ends
    (de Boor, A Practical Guide to Splines, 1978).
    """
    import numpy as np

    unit = np.eye(n)
    curves = np.zeros((n, n))
    if n > 2:
        system = 4 * np.eye(n - 2) + np.eye(n - 2, k=1) + np.eye(n - 2, k=-1)
        curves[1:-1] = np.linalg.solve(system, 6 * (unit[2:] - 2 * unit[1:-1] + unit[:-2]))
    low = [min(floor(place), n - 2) for place in places]
    after = np.array([[float(place - start)] for place, start in zip(places, low, strict=True)])
    before, start = 1 - after, np.array(low)
    return (
        before * unit[start]
        + after * unit[start + 1]
        + (before**3 - before) / 6 * curves[start]
        + (after**3 - after) / 6 * curves[start + 1]
    )


FORMS: Final[dict[str, Form]] = {"upsample": _upsample}

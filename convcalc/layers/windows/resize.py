"""Upsampling and resizing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import (
    UNKNOWN,
    Dim,
    DimensionError,
    Shape,
    floor_div,
    is_array,
    is_symbolic,
    prod,
    require,
)
from convcalc.layers.base import Layer, Ops, Option, Template, fill
from convcalc.layers.values import axes, each, spatial
from convcalc.layers.windows.adaptive import adaptive_taps

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved

MODES = (
    *("nearest", "nearest_exact", "linear", "bilinear", "trilinear", "cubic", "bicubic", "spline"),
    "area",
)
_TAPS = {"linear": 2, "cubic": 4}


@dataclass(frozen=True, slots=True)
class Upsample(Layer):
    """Resizing by a factor (``o = floor(i * scale)``) or to a size.

    Interpolation is separable, one pass per axis from the first to the last. ``linear`` reads 2
    taps, ``cubic`` 4: the kernel of Keys 1981 with its parameter ``a``, -3/4 as in PyTorch unless
    given (-1/2 reproduces parabolas); ``spline`` is the natural cubic spline through the samples,
    whose second derivatives solve a tridiagonal system per line; ``area`` is the mean of windows that
    cover the map evenly (:class:`~convcalc.layers.windows.adaptive.AdaptiveAvgPool`).

    The factor relates the places of both grids, also where ``floor`` left a part of a sample over;
    with ``recompute=true`` the two sizes do. ``rounding=double`` gives the size that PyTorch's
    floating point gives: the factor and the product are rounded to double precision before the
    floor, so that 1.4 makes 62 of 45 (``floor(62.99...)``), not 63. Places are exact either way.

    Source of ``rounding`` and ``recompute``: PyTorch ``torch.nn.functional.interpolate``.

    Taps of ``cubic`` outside the input read its border again; with ``exclude_outside`` they weigh
    nothing, and the others are divided by the weight that is left (ONNX Resize, TensorFlow, Keras).

    ``antialias`` stretches the filter by the ratio of input to output where the map shrinks, so that every
    sample is read (:class:`~convcalc.layers.reads.Antialiased`); taps outside are left out, and the others
    divided by their sum. PyTorch and Pillow take ``a=-1/2`` there, which is to be given here.
    Source: PyTorch ``torch.nn.functional.interpolate(antialias=True)``, after Pillow's ``resize``.
    """

    scale: tuple[Any, ...] | None
    size: tuple[Dim, ...] | None
    mode: str
    exclude_outside: bool
    align_corners: bool
    antialias: bool
    a: Any
    rounding: str
    recompute: bool

    op: ClassVar[str] = "upsample"
    options: ClassVar[tuple[Option, ...]] = (
        Option("scale", "ints", None),
        Option("size", "axes", None),
        Option("mode", "choice", "nearest", choices=MODES),
        Option("exclude_outside", "flag", False),
        Option("align_corners", "flag", False),
        Option("antialias", "flag", False),
        Option("a", "number", -0.75),
        Option("rounding", "choice", "exact", choices=("exact", "double")),
        Option("recompute", "flag", False),
    )
    source: ClassVar[str] = "Keys 1981 (cubic); de Boor 1978 (natural spline)"
    template: ClassVar[Template] = Template(options={"scale": "R", "size": None, "mode": "bilinear"})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; exactly one of scale and size."""
        rank = len(spatial("upsample", inputs[0]))
        scale, size = values.get("scale"), values.get("size")
        if scale is not None and size is not None:
            raise DimensionError("upsample takes scale or size, not both", field="size", hint="one of them")
        if scale is None and size is None:
            raise DimensionError(
                "upsample needs one of scale and size", hint="scale=2, size=64x64 or like=NAME"
            )
        if values.get("exclude_outside") and values.get("mode") not in ("cubic", "bicubic"):
            raise DimensionError(
                "only cubic interpolation has taps outside", field="exclude_outside", hint="mode=cubic"
            )
        rest = {k: v for k, v in values.items() if k not in ("scale", "size")}
        found = fill(cls, inputs, rest)
        mode = found["mode"]
        if {"bilinear": 2, "bicubic": 2, "trilinear": 3}.get(mode, rank) != rank:
            raise DimensionError(
                f"{mode} interpolation needs {2 if mode.startswith('bi') else 3} spatial axes, got {rank}",
                field="mode",
                hint="linear or cubic, which work on any number of axes",
            )
        found["mode"] = mode = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(
            mode, mode
        )
        if (mode.startswith("nearest") or mode == "area") and found["align_corners"]:
            raise DimensionError(
                f"{'area' if mode == 'area' else 'nearest'} interpolation has no align_corners",
                field="align_corners",
                hint="false",
            )
        if mode != "cubic" and values.get("a") not in (None, -0.75):
            raise DimensionError(f"{mode} interpolation has no a", field="a", hint="mode=cubic")
        if found["antialias"] and mode not in _TAPS:
            raise DimensionError(
                f"{mode} interpolation has no antialias", field="antialias", hint="mode=linear or mode=cubic"
            )
        if found["antialias"] and found["exclude_outside"]:
            raise DimensionError(
                "antialias leaves the taps outside out by itself", field="exclude_outside", hint="false"
            )
        for field in ("rounding", "recompute"):
            if scale is None and found[field] not in ("exact", False):
                raise DimensionError(f"{field} is about a scale", field=field, hint="scale= in place of size")
        found["size"] = None if size is None else axes(size, "size", rank)
        found["scale"] = None if scale is None else _factors(scale, rank)
        if mode == "spline":
            for i in inputs[0][1:]:
                require(
                    i >= 2,
                    f"a spline needs 2 samples or more, got {i}",
                    field="mode",
                    hint="linear or nearest",
                )
        return cls(**found)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``floor(i * scale)`` per axis, or the size."""
        channels, *sizes = inputs[0]
        if self.size is not None:
            return ((channels, *self.size),)
        assert self.scale is not None
        found = []
        for i, factor in zip(sizes, self.scale, strict=True):
            size = (
                i * factor
                if type(factor) is int
                else double_floor(i, factor)
                if self.rounding == "double"
                else floor_div(i * factor.numerator, factor.denominator)
                if isinstance(factor, Fraction)
                else floor_div(i * factor, 1)
            )
            require(size >= 1, f"scale {factor} leaves nothing of {i}", field="scale", hint="a larger scale")
            found.append(size)
        return ((channels, *found),)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Taps times the elements each pass writes; for splines also the solution of each line.

        With ``antialias`` the taps of every output index are summed (:func:`antialias_taps`).
        """
        if self.mode.startswith("nearest"):
            return Ops()
        if self.mode == "area":
            taps = prod(adaptive_taps(i, o) for i, o in zip(inputs[0][1:], outputs[0][1:], strict=True))
            return Ops(add=inputs[0][0] * taps, div=prod(outputs[0]))
        channels, *before = inputs[0]
        after = outputs[0][1:]
        factors = self._factors(len(after))
        mul: Dim = 0
        add: Dim = 0
        for axis in range(len(after)):
            written = channels * prod(after[: axis + 1]) * prod(before[axis + 1 :])
            if self.mode == "spline":
                lines = channels * prod(after[:axis]) * prod(before[axis + 1 :])
                unknowns = lines * (before[axis] - 2)
                mul = mul + 3 * unknowns + 4 * written
                add = add + 5 * unknowns + 4 * written
                continue
            taps = _TAPS[self.mode] * written
            if self.antialias:
                i, o = before[axis], after[axis]
                lines = channels * prod(after[:axis]) * prod(before[axis + 1 :])
                factor = self._ratio(i, o, factors[axis])
                taps = lines * antialias_taps(i, o, factor or 0, int(self.align_corners), _TAPS[self.mode])
            mul = mul + taps
            add = add + taps
        return Ops(add=add, mul=mul)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the samples around its place, along every axis."""
        from convcalc.layers.reads import EVERY, Bins, along
        from convcalc.layers.windows.resampling import antialiased, resampling

        sizes = list(zip(inputs[0][1:], outputs[0][1:], strict=True))
        if self.mode == "area":
            bins = {
                axis: EVERY if type(o) is int and o == 1 else Bins(i, o)
                for axis, (i, o) in enumerate(sizes, 1)
            }
            return ((along(inputs[0], bins),),)
        rule = antialiased if self.antialias else resampling
        rules = {
            axis: rule(self.mode, i, o, self._ratio(i, o, factor), self.align_corners, self.a)
            for axis, ((i, o), factor) in enumerate(zip(sizes, self._factors(len(sizes)), strict=True), 1)
        }
        return ((along(inputs[0], rules),),)

    def _factors(self, rank: int) -> tuple[Any, ...]:
        """The factor of every axis; None where the sizes relate the places of both grids."""
        return self.scale if self.scale is not None and not self.recompute else (None,) * rank

    def _ratio(self, i: Dim, o: Dim, factor: Any) -> Any:
        """The factor by which the places of both grids are related; None for that of the sizes."""
        plane = self.mode == "nearest" and self.scale is not None and len(self.scale) == 2
        if plane and type(i) is int and type(o) is int and o in (i, 2 * i):
            # As PyTorch, for maps of two axes alone: a size that stays or doubles counts as scale 1 or 2.
            return None
        if self.rounding == "double" and isinstance(factor, Fraction):
            return factor.limit_denominator(MOST)
        return factor

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Nothing; a table of weights for each axis where PyTorch has no such resizing and multiplies."""
        from convcalc.layers.saved import FULL, NOTHING, Own, Saved

        pairs = list(zip(inputs[0][1:], outputs[0][1:], strict=True))
        if self.mode == "area":
            return NOTHING if all(m == 1 for _, m in pairs) else Saved((0,))
        if self._of_pytorch(pairs):
            return NOTHING
        return Saved(own=tuple(Own(f"weights of axis {a}", n * m, FULL, shared=True)
                               for a, (n, m) in enumerate(pairs, 1)))  # fmt: skip

    def _of_pytorch(self, pairs: list[tuple[Any, Any]]) -> bool:
        """Whether ``torch.nn.functional.interpolate`` does it."""
        plane = len(pairs) == 2
        cubic = plane and not self.exclude_outside and self.a == (-0.5 if self.antialias else -0.75)
        known = {"nearest": True, "nearest_exact": True, "linear": True, "cubic": cubic}.get(self.mode, False)
        if not known or len(pairs) > 3 or (self.antialias and not plane):
            return False
        if self.scale is None or self.recompute:
            return True
        factors = zip(pairs, self.scale, strict=True)
        return all(int(float(n) * float(Fraction(s))) == m for (n, m), s in factors)


MOST = 10**6
"""Largest denominator of a factor: 1.3636363636363635, which Python writes for 15/11, is meant as that."""


def antialias_taps(i: Dim, o: Dim, factor: Any, corners: Any, size: Any) -> Dim:
    """Sum of the window lengths of resizing ``i`` to ``o`` with antialiasing.

    Args:
        i: the size that arrives.
        o: the size that is written.
        factor: what relates the places of both grids; 0 for the sizes themselves.
        corners: 1 where the ratio is that of the sizes less one, else 0.
        size: taps of the filter where nothing shrinks: 2 (linear) or 4 (cubic).

    With the ratio ``p/q`` of input to output, output ``j`` reads from
    ``max(floor((p*(2*j + 1) - size*max(p, q) + q) / (2*q)), 0)`` up to
    ``min(floor((p*(2*j + 1) + size*max(p, q) + q) / (2*q)), i)``. The floors are summed in a number of steps
    that grows as the logarithm of the sizes.
    """
    if i is UNKNOWN or o is UNKNOWN or factor is UNKNOWN:
        return UNKNOWN
    if any(is_symbolic(value) for value in (i, o, factor)):
        from convcalc.symbols.form import call

        return call("antialias_taps", antialias_taps, i, o, factor, corners, size)
    if is_array(i) or is_array(o) or is_array(factor):
        import numpy as np

        return np.frompyfunc(antialias_taps, 5, 1)(i, o, factor, corners, size)
    if corners:
        ratio = Fraction(i - 1, o - 1) if o > 1 else Fraction(0)
    else:
        ratio = 1 / Fraction(factor) if factor else Fraction(i, o)
    p, q = ratio.numerator, ratio.denominator
    if p == 0:
        return o * min(size // 2, i)
    wide = size * max(p, q)
    first, last = p + q - wide, p + q + wide
    inside = min(max(-(first // (2 * p)), 0), o)  # windows before it start at 0
    beyond = min(max(-((last - 2 * q * i) // (2 * p)), 0), o)  # windows from it on end at i
    starts = _floors(o - inside, 2 * p, first + 2 * p * inside, 2 * q)
    return _floors(beyond, 2 * p, last, 2 * q) + (o - beyond) * i - starts


def _floors(n: int, a: int, b: int, m: int) -> int:
    """Sum of ``floor((a*j + b) / m)`` for ``j`` below ``n``, none of them negative.

    Source: Graham, Knuth & Patashnik, Concrete Mathematics, section 3.5 (columns in place of rows).
    """
    found, sign = 0, 1
    while n > 0:
        found += sign * (n * (n - 1) // 2 * (a // m) + n * (b // m))
        a, b = a % m, b % m
        top = (a * (n - 1) + b) // m  # the largest value that is left
        if top == 0:
            break
        # Each of the values 1 to top is reached from some j on: n - j more counts for each.
        found += sign * n * top
        sign = -sign
        n, a, b, m = top, m, m - b + a - 1, a
    return found


def double_floor(i: Dim, factor: Any) -> Dim:
    """``floor(i * factor)``, where the factor and the product are rounded to double precision first.

    Both are exact where the factor is a whole number or a short binary fraction, as 1.5 is; the rest
    of closed forms stands as it is.
    """
    if isinstance(factor, int | Fraction):
        n, d = factor.numerator, factor.denominator
        if d & (d - 1) == 0 and max(n, d) < 1 << 20:
            return floor_div(i * n, d)
    if i is UNKNOWN or factor is UNKNOWN:
        return UNKNOWN
    if hasattr(i, "carrier"):
        return floor(i * float(factor))
    if is_array(i):
        import numpy as np

        return np.floor(i * float(factor)).astype(np.int64)
    if is_symbolic(i) or is_symbolic(factor):
        from convcalc.symbols.form import call

        return call("floor_double", double_floor, i, factor)
    return floor(float(i) * float(factor))


def _factors(scale: Any, rank: int) -> tuple[Any, ...]:
    found = []
    for item in each(scale, "scale", rank, "one factor an axis"):
        if isinstance(item, tuple):
            raise DimensionError("a scale has no two sides", field="scale", hint="2, 1.5, 1/2")
        if isinstance(item, float):
            item = Fraction(item).limit_denominator(10**6)
        if isinstance(item, Fraction) and item.denominator == 1:
            item = item.numerator
        require(item > 0, f"scale must be positive, got {item}", field="scale", hint="2, 1.5, 1/2")
        found.append(item)
    return tuple(found)


LAYERS = (Upsample,)

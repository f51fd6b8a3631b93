"""Upsampling and resizing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, floor_div, prod, require
from convcalc.layers.base import Layer, Ops, Option, Template, axes, each, fill, spatial

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows

MODES = ("nearest", "nearest_exact", "linear", "bilinear", "trilinear", "cubic", "bicubic", "spline")
_TAPS = {"linear": 2, "cubic": 4}


@dataclass(frozen=True, slots=True)
class Upsample(Layer):
    """Resizing by a factor (``o = floor(i * scale)``) or to a size.

    Interpolation is separable, one pass per axis from the first to the last. ``linear`` reads 2
    taps, ``cubic`` 4: the kernel of Keys 1981 with its parameter ``a``, -3/4 as in PyTorch unless
    given (-1/2 reproduces parabolas); ``spline`` is the natural cubic spline through the samples,
    whose second derivatives solve a tridiagonal system per line.
    """

    scale: tuple[Any, ...] | None
    size: tuple[Dim, ...] | None
    mode: str
    align_corners: bool
    a: Any

    op: ClassVar[str] = "upsample"
    options: ClassVar[tuple[Option, ...]] = (
        Option("scale", "ints", None),
        Option("size", "axes", None),
        Option("mode", "choice", "nearest", choices=MODES),
        Option("align_corners", "flag", False),
        Option("a", "number", -0.75),
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
        if mode.startswith("nearest") and found["align_corners"]:
            raise DimensionError(
                "nearest interpolation has no align_corners", field="align_corners", hint="false"
            )
        if mode != "cubic" and values.get("a") not in (None, -0.75):
            raise DimensionError(f"{mode} interpolation has no a", field="a", hint="mode=cubic")
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
                floor_div(i * factor.numerator, factor.denominator)
                if isinstance(factor, Fraction)
                else i * factor
                if type(factor) is int
                else floor_div(i * factor, 1)
            )
            require(size >= 1, f"scale {factor} leaves nothing of {i}", field="scale", hint="a larger scale")
            found.append(size)
        return ((channels, *found),)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Taps times the elements each pass writes; for splines also the solution of each line."""
        if self.mode.startswith("nearest"):
            return Ops()
        channels, *before = inputs[0]
        after = outputs[0][1:]
        mul: Dim = 0
        add: Dim = 0
        for axis in range(len(after)):
            written = channels * prod(after[: axis + 1]) * prod(before[axis + 1 :])
            if self.mode == "spline":
                lines = channels * prod(after[:axis]) * prod(before[axis + 1 :])
                unknowns = lines * (before[axis] - 2)
                mul = mul + 3 * unknowns + 4 * written
                add = add + 5 * unknowns + 4 * written
            else:
                mul = mul + _TAPS[self.mode] * written
                add = add + _TAPS[self.mode] * written
        return Ops(add=add, mul=mul)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the samples around its place, along every axis."""
        from convcalc.layers.reads import along, resampling

        count = len(inputs[0]) - 1
        scale = self.scale if self.scale is not None else (None,) * count
        rules = {
            axis: resampling(self.mode, i, o, factor, self.align_corners, self.a)
            for axis, (i, o, factor) in enumerate(zip(inputs[0][1:], outputs[0][1:], scale, strict=True), 1)
        }
        return ((along(inputs[0], rules),),)


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

"""Functions of one element, and the division of a vector by its length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from convcalc.dims import DimensionError, Shape, prod, require
from convcalc.layers.arithmetic.activation import Activation
from convcalc.layers.base import Layer, Ops, Option, Template

if TYPE_CHECKING:
    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


class Neg(Activation):
    """``-x``; a change of sign is not counted."""

    __slots__ = ()
    op: ClassVar[str] = "neg"
    source: ClassVar[str] = "ONNX Neg"


class Exp(Activation):
    """``e**x``."""

    __slots__ = ()
    op: ClassVar[str] = "exp"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "ONNX Exp"
    cost: ClassVar[Ops] = Ops(special=1)


class Log(Activation):
    """The natural logarithm; of a negative number it is no number."""

    __slots__ = ()
    op: ClassVar[str] = "log"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Log"
    cost: ClassVar[Ops] = Ops(special=1)


class Sqrt(Activation):
    """The square root; of a negative number it is no number."""

    __slots__ = ()
    op: ClassVar[str] = "sqrt"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "ONNX Sqrt"
    cost: ClassVar[Ops] = Ops(special=1)


class Rsqrt(Activation):
    """``1 / sqrt(x)``: a root and a division; of a negative number it is no number."""

    __slots__ = ()
    op: ClassVar[str] = "rsqrt"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "PyTorch torch.rsqrt"
    cost: ClassVar[Ops] = Ops(special=1, div=1)


class Abs(Activation):
    """``|x|``: one comparison."""

    __slots__ = ()
    op: ClassVar[str] = "abs"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Abs"
    cost: ClassVar[Ops] = Ops(cmp=1)


class Square(Activation):
    """``x * x``."""

    __slots__ = ()
    op: ClassVar[str] = "square"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "PyTorch torch.square"
    cost: ClassVar[Ops] = Ops(mul=1)


class Sin(Activation):
    """The sine of an angle in radians."""

    __slots__ = ()
    op: ClassVar[str] = "sin"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Sin"
    cost: ClassVar[Ops] = Ops(special=1)


class Cos(Activation):
    """The cosine of an angle in radians."""

    __slots__ = ()
    op: ClassVar[str] = "cos"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Cos"
    cost: ClassVar[Ops] = Ops(special=1)


class Erf(Activation):
    """The error function, ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to x."""

    __slots__ = ()
    op: ClassVar[str] = "erf"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Erf"
    cost: ClassVar[Ops] = Ops(special=1)


class Reciprocal(Activation):
    """``1 / x``."""

    __slots__ = ()
    op: ClassVar[str] = "reciprocal"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "output"
    source: ClassVar[str] = "ONNX Reciprocal"
    cost: ClassVar[Ops] = Ops(div=1)


class Sign(Activation):
    """1 above 0, -1 below, 0 at 0: two comparisons."""

    __slots__ = ()
    op: ClassVar[str] = "sign"
    source: ClassVar[str] = "ONNX Sign"
    cost: ClassVar[Ops] = Ops(cmp=2)


class Floor(Activation):
    """The whole number at or below; counted as a special function."""

    __slots__ = ()
    op: ClassVar[str] = "floor"
    source: ClassVar[str] = "ONNX Floor"
    cost: ClassVar[Ops] = Ops(special=1)


class Round(Activation):
    """The nearest whole number, of two that are as near the even one; counted as a special function."""

    __slots__ = ()
    op: ClassVar[str] = "round"
    source: ClassVar[str] = "ONNX Round"
    cost: ClassVar[Ops] = Ops(special=1)


@dataclass(frozen=True, slots=True)
class Clip(Activation):
    """``min(max(x, low), high)``, by one of the bounds or by both; a comparison for each."""

    min: float | None
    max: float | None

    op: ClassVar[str] = "clip"
    saves: ClassVar[str] = "input"
    source: ClassVar[str] = "ONNX Clip"
    options: ClassVar[tuple[Option, ...]] = (Option("min", "number", None), Option("max", "number", None))
    positional: ClassVar[tuple[str, ...]] = ("min", "max")
    template: ClassVar[Template] = Template(options={"min": -1, "max": 1})

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """There is a bound, and the lower one is not above the upper one."""
        if self.min is None and self.max is None:
            raise DimensionError("clip needs a bound", field="min", hint="min=0, max=6, or both: clip 0 6")
        if self.min is not None and self.max is not None:
            require(
                self.min <= self.max,
                f"clip from {self.min} to {self.max} leaves nothing between",
                field="max",
                hint=f"{self.min} or more",
            )

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One comparison per element and bound."""
        return Ops(cmp=(self.min is not None) + (self.max is not None)).times(prod(outputs[0]))


@dataclass(frozen=True, slots=True)
class L2Norm(Layer):
    """``x / max(sqrt(sum(x**2)), eps)`` over one axis, the channels (0) unless told otherwise."""

    axis: int
    eps: float

    op: ClassVar[str] = "l2norm"
    autocast: ClassVar[str] = "full"
    source: ClassVar[str] = "PyTorch torch.nn.functional.normalize"
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0), Option("eps", "number", 1e-12))
    keeps_positions: ClassVar[bool] = True

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """A length is not negative, nor is its least value."""
        require(self.eps >= 0, f"eps is {self.eps}", field="eps", hint="0 or more, such as 1e-12")

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """A square, an addition and a division per element; a root and a comparison per vector."""
        vectors = prod(n for a, n in enumerate(inputs[0]) if a != self.axis)
        return Ops(add=1, mul=1, div=1).times(prod(inputs[0])).plus(Ops(special=1, cmp=1).times(vectors))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every output reads the whole axis at its position."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], {self.axis: EVERY}),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, its lengths, and the lengths that it is divided by, which are no shorter than eps."""
        from convcalc.layers.saved import Own, Saved

        lengths = prod(n for a, n in enumerate(inputs[0]) if a != self.axis)
        return Saved((0,), own=(Own("lengths", lengths), Own("divisors", lengths)))


LAYERS = (
    Neg, Exp, Log, Sqrt, Rsqrt, Abs, Square, Sin, Cos, Erf, Reciprocal, Clip, Sign, Floor, Round, L2Norm,
)  # fmt: skip

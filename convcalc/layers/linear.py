"""Fully connected layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, prod
from convcalc.layers.base import INFER, Layer, Ops, Option, Template, fill
from convcalc.layers.values import show

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows


@dataclass(frozen=True, slots=True)
class Linear(Layer):
    """Fully connected layer, over a flat input or, with ``axis=channels``, at every position.

    Weights ``(out, in)``; ``macs = positions * in * out``.
    """

    in_features: Dim
    out_features: Dim
    bias: bool
    axis: str

    op: ClassVar[str] = "linear"
    options: ClassVar[tuple[Option, ...]] = (
        Option("in_features", "dim", INFER, aliases=("in",)),
        Option("out_features", "dim", aliases=("out",)),
        Option("bias", "flag", True),
        Option("axis", "choice", "flat", choices=("flat", "channels")),
    )
    positional: ClassVar[tuple[str, ...]] = ("in_features->out_features",)
    source: ClassVar[str] = "the affine map y = W x + b"
    template: ClassVar[Template] = Template(
        ("M",), meanings={"M": "features that arrive", "N": "features that leave"}
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a map must be flattened unless the channels are the axis."""
        if len(inputs[0]) > 1 and values.get("axis", "flat") == "flat":
            raise DimensionError(
                f"linear needs a flat input, got {show(inputs[0])}",
                hint="'flatten' before it, or axis=channels to apply it at every position",
            )
        if len(inputs[0]) == 1:  # there is one position, and both mean the same
            values = {**values, "axis": "flat"}
        return cls(**fill(cls, inputs, values))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(out_features, ...)``."""
        return ((self.out_features, *inputs[0][1:]),)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight (out, in)`` and ``bias (out,)``."""
        weight = (self.out_features, self.in_features)
        return {"weight": weight, "bias": (self.out_features,)} if self.bias else {"weight": weight}

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """``positions * in * out``."""
        return prod(outputs[0]) * self.in_features

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per output for the bias."""
        return Ops(add=prod(outputs[0])) if self.bias else Ops()

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every output reads all features at its position."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], {0: EVERY}),),)


LAYERS = (Linear,)

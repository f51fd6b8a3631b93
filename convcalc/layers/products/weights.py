"""Weights that arrive as tensors instead of being learned: what convolutions and linear layers have of them.

Such a layer reads its weight, and perhaps its bias, after what it works on: ``conv from=[x,weight]``,
``linear from=[x,weight,bias]``. All else of it stays: shapes, MACs, operations, and how it reads the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import Dim, DimensionError, Shape, divides, equal, prod, require
from convcalc.layers.base import Layer, Ops, Option
from convcalc.layers.values import show

if TYPE_CHECKING:
    from convcalc.layers.reads import Reads, Windows

NAMES: Final = ("weight", "bias")
"""What may arrive, in the order in which it is read."""

ARRIVING: Final = Option("arriving", "choice", None, choices=("weight", "both"))
"""What arrives instead of being learned; it follows from the inputs, and stating it holds them to it."""


class Weighted(Layer):
    """A layer with a weight and perhaps a bias: learned ones of its own, or tensors that arrive.

    A weight that arrives has the shape of the one that the layer would own. It says how many channels leave
    and, for a convolution, how large the kernel is, where the layer does not; and there is no bias then,
    unless it arrives as well or ``bias=true`` asks for one to learn.

    Fields:
        bias: whether there is a bias.
        arriving: ``weight``, or ``both`` weight and bias, where they arrive; else None.

    Class attributes:
        layout: the axes of the weight, in words.
    """

    __slots__ = ()
    bias: bool
    arriving: str | None

    arity: ClassVar[tuple[int, int | None]] = (1, 3)
    reading: ClassVar[str] = "one tensor, or from=[x,weight] or from=[x,weight,bias] where the weight arrives"
    layout: ClassVar[str]

    def default(self, option: Option) -> Any:
        """The bias is the exception where a weight arrives, and the rule elsewhere."""
        return self.arriving != "weight" if option.field == "bias" else option.default

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition per output for the bias."""
        return Ops(add=prod(outputs[0])) if self.bias else Ops()

    def takes_factors(self, axis: tuple[int, ...]) -> bool:
        """Along the channels that leave, where weight and bias are its own."""
        return self.arriving is None and axis == (getattr(self, "along", 0),)

    def owned(self, weight: Shape, channels: Dim) -> dict[str, Shape]:
        """The arrays that do not arrive, of a weight of this shape and a bias for the channels that leave."""
        shapes = {"weight": weight, "bias": (channels,)}
        return {name: shapes[name] for name in NAMES[self.arrived() : 1 + self.bias]}

    def arrived(self) -> int:
        """How many arrays arrive."""
        return 0 if self.arriving is None else 1 + (self.arriving == "both")

    def due(self) -> tuple[Shape, ...]:
        """Shapes of what arrives after the first input."""
        own: Any = self  # each of these layers is a dataclass
        return tuple(replace(own, arriving=None).parameters(()).values())[: self.arrived()]

    def check_arriving(self, inputs: tuple[Shape, ...]) -> None:
        """Hold what arrives to what is due.

        Raises:
            DimensionError: the weight or the bias has another shape; the field is its input.
        """
        for number, (name, due) in enumerate(zip(NAMES, self.due(), strict=False), 1):
            shape = inputs[number]
            layout = f" {self.layout}" if name == "weight" else ""
            message = f"a {name} of {show(shape)} arrives where {show(due)} is due{layout}"
            field, hint = f"input {number}", self.remedy(shape, due) if name == "weight" else show(due)
            if len(shape) != len(due):
                raise DimensionError(message, field=field, hint=hint)
            for own, expected in zip(shape, due, strict=True):
                require(equal(own, expected), message, field=field, hint=hint)

    def remedy(self, shape: Shape, due: Shape) -> str:
        """What would work where a weight of this shape arrives and another is due."""
        return show(due)

    def with_arriving(self, windows: Windows, weight: Reads, axis: int = 0) -> Windows:
        """How the first input is read, and after it the weight, as given, and the bias where they arrive."""
        from convcalc.layers.reads import ONE, Axis

        return (*windows, *((one,) for one in (weight, (Axis(axis, ONE),))[: self.arrived()]))


def weight_first(
    cls: type[Weighted], inputs: tuple[Shape, ...], values: Mapping[str, Any], rank: int
) -> dict[str, Any]:
    """Options of a layer, with those that follow from its weight arriving; it needs ``rank`` axes.

    Raises:
        DimensionError: the weight has other axes, or there is a bias that is switched off.
    """
    found = {**values, "arriving": (None, "weight", "both")[len(inputs) - 1]}
    said = values.get("arriving")
    if said not in (None, found["arriving"]):
        raise DimensionError(
            f"arriving={said}, and {cls.op} reads {len(inputs)} tensor{'s' * (len(inputs) > 1)}",
            field="arriving",
            hint="from=[x,weight]" if said == "weight" else "from=[x,weight,bias]",
        )
    if found.get("bias") is None:
        found["bias"] = len(inputs) != 2
    if len(inputs) > 1 and len(inputs[1]) != rank:
        raise DimensionError(
            f"a weight of {show(inputs[1])} arrives where {rank} axes are due {cls.layout}",
            field="input 1",
            hint=f"a tensor of {rank} axes",
        )
    if len(inputs) > 2 and not found["bias"]:
        raise DimensionError(
            "bias=false, and a bias arrives", field="bias", hint="from=[x,weight], or no bias=false"
        )
    return found


def groups_of(weight: Shape, channels: Dim) -> Dim | None:
    """Groups of a convolution whose weight has so many channels in each; None where there are none."""
    per_group = weight[1]
    if type(channels) is int and type(per_group) is int and divides(per_group, channels) is True:
        return channels // per_group
    return None

"""Activations along one axis: softmax and its kin, and the gated linear unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from convcalc.dims import Shape, divides, exact_div, prod, require
from convcalc.layers.arithmetic.activation import Activation
from convcalc.layers.base import Ops, Option, Template

if TYPE_CHECKING:
    from convcalc.layers.reads import Windows


@dataclass(frozen=True, slots=True)
class Softmax(Activation):
    """``exp(x - max) / sum(exp(x - max))`` over one axis, the channels (0) unless told otherwise.

    Negative axes count from the end.
    """

    axis: int

    op: ClassVar[str] = "softmax"
    autocast: ClassVar[str] = "full"
    saves: ClassVar[str] = "output"
    ordered: ClassVar[bool] = True
    source: ClassVar[str] = "Bridle 1990, Probabilistic interpretation of classification network outputs"
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    keeps_positions: ClassVar[bool] = True
    template: ClassVar[Template] = Template(("C",), {"axis": None})
    cost: ClassVar[Ops] = Ops(cmp=1, add=2, special=1, div=1)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every output reads the whole axis at its position."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], {self.axis: EVERY}),),)


class Softmin(Softmax):
    """The softmax of ``-x``: the smallest entry has the largest share."""

    __slots__ = ()
    op: ClassVar[str] = "softmin"
    source: ClassVar[str] = "PyTorch Softmin"


class LogSoftmax(Softmax):
    """``x - max - log(sum(exp(x - max)))`` over one axis: the channels (0) unless told otherwise."""

    __slots__ = ()
    op: ClassVar[str] = "logsoftmax"
    source: ClassVar[str] = "the logarithm of softmax (Bridle 1990)"
    cost: ClassVar[Ops] = Ops(cmp=1, add=3, special=1)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """The cost per element, and a logarithm for each of the sums."""
        shape = outputs[0]
        sums = prod((*shape[: self.axis], *shape[self.axis + 1 :]))
        return self.cost.times(prod(shape)).plus(Ops(special=sums))


@dataclass(frozen=True, slots=True)
class GLU(Activation):
    """``a * sigmoid(b)`` of the two halves of one axis: the channels (0) unless told otherwise."""

    axis: int

    op: ClassVar[str] = "glu"
    saves: ClassVar[str] = "input"
    ordered: ClassVar[bool] = True
    source: ClassVar[str] = "Dauphin et al. 2017, Language modeling with gated convolutional networks"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    cost: ClassVar[Ops] = Ops(special=1, add=1, div=1, mul=1)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Half of the axis, all else as it arrives."""
        shape = inputs[0]
        size = shape[self.axis]
        require(
            divides(2, size),
            f"glu halves axis {self.axis}, which has {size}",
            field="axis",
            hint="an axis of even size",
        )
        return ((*shape[: self.axis], exact_div(size, 2), *shape[self.axis + 1 :]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place in both halves."""
        from convcalc.layers.reads import Slide, along

        half = outputs[0][self.axis]
        return ((along(inputs[0], {}), along(inputs[0], {self.axis: Slide(1, 1, 1, -half)})),)


LAYERS = (Softmax, Softmin, LogSoftmax, GLU)

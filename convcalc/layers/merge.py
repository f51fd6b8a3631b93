"""Layers that join tensors: concatenation, addition, multiplication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape, equal, is_array, maximum, prod, require, total
from convcalc.layers.base import Layer, Ops, Option, Template
from convcalc.layers.values import show

if TYPE_CHECKING:
    from convcalc.layers.reads import Windows


@dataclass(frozen=True, slots=True)
class Concat(Layer):
    """Concatenation along one axis, the channels (0) unless told otherwise; negatives count from the end."""

    axis: int

    op: ClassVar[str] = "concat"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "Szegedy et al. 2015, Going deeper with convolutions (filter concatenation)"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    template: ClassVar[Template] = Template(
        ("C_1 H W", "C_2 H W"),
        meanings={"C_1": "channels of the first input", "C_2": "channels of the second input"},
    )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The sizes along the axis add up; all others stay."""
        first = inputs[0]
        for shape in inputs[1:]:
            if len(shape) != len(first):
                raise DimensionError(
                    f"concat cannot join {show(first)} and {show(shape)}", hint="inputs of one rank"
                )
            for a, (x, y) in enumerate(zip(first, shape, strict=True)):
                if a != self.axis:
                    require(
                        equal(x, y),
                        f"concat cannot join {show(first)} and {show(shape)}",
                        hint="equal sizes on every other axis",
                    )
        joined = total(shape[self.axis] for shape in inputs)
        return ((*first[: self.axis], joined, *first[self.axis + 1 :]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Each input is read by its own part of the axis."""
        from convcalc.layers.reads import Part, along

        found = []
        first: Dim = 0
        for shape in inputs:
            found.append((along(shape, {self.axis: Part(first, shape[self.axis])}),))
            first = first + shape[self.axis]
        return tuple(found)


def broadcast(op: str, inputs: tuple[Shape, ...]) -> Shape:
    """The common shape of inputs that agree, or are 1, on every axis.

    Raises:
        DimensionError: they do not.
    """
    first = inputs[0]
    result = list(first)
    for shape in inputs[1:]:
        if len(shape) != len(first):
            raise DimensionError(
                f"{op} cannot join {show(first)} and {show(shape)}", hint="inputs of one rank"
            )
        for a, size in enumerate(shape):
            one = result[a]
            if type(size) is int and size == 1:
                continue
            if type(one) is int and one == 1:
                result[a] = size
                continue
            fits = equal(one, size)
            if is_array(one) or is_array(size):  # equal here, 1 there
                fits = fits | equal(one, 1) | equal(size, 1)
                result[a] = maximum(one, size)
            require(
                fits,
                f"{op} cannot join {show(first)} and {show(shape)}",
                hint="equal shapes, or 1 where they differ",
            )
            if one is UNKNOWN:
                result[a] = size
    return tuple(result)


class _Broadcast(Layer):
    """Entry by entry over inputs of one shape, or of 1 where they differ."""

    __slots__ = ()
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    keeps_positions: ClassVar[bool] = True

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The common shape; sizes of 1 are repeated."""
        return (broadcast(self.op, inputs),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every input index for index, repeated along axes of size 1."""
        from convcalc.layers.reads import broadcast as repeated

        return tuple((repeated(shape, outputs[0]),) for shape in inputs)


class Add(_Broadcast):
    """Sum of its inputs, with broadcasting: ``(m - 1)`` additions per element for m inputs."""

    __slots__ = ()
    op: ClassVar[str] = "add"
    source: ClassVar[str] = "He et al. 2016, Deep residual learning, equation 1"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """``m - 1`` additions per element."""
        return Ops(add=(len(inputs) - 1) * prod(outputs[0]))


class Mul(_Broadcast):
    """Product of its inputs, with broadcasting (the gate of squeeze-and-excitation)."""

    __slots__ = ()
    op: ClassVar[str] = "mul"
    source: ClassVar[str] = "Hu et al. 2018, Squeeze-and-excitation networks, equation 4"

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """``m - 1`` multiplications per element."""
        count: Dim = (len(inputs) - 1) * prod(outputs[0])
        return Ops(mul=count)


LAYERS = (Concat, Add, Mul)

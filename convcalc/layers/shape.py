"""What a network reads, and layers that pass all of it on: as it is, or in another shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, equal, prod, require
from convcalc.layers.base import Layer, Option, Template, show, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows


@dataclass(frozen=True, slots=True)
class Input(Layer):
    """What a network reads."""

    shape: tuple[Dim, ...]

    op: ClassVar[str] = "input"
    source: ClassVar[str] = "the data"
    template: ClassVar[Template] = Template(options={"shape": ("C", "H", "W")})
    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    options: ClassVar[tuple[Option, ...]] = (Option("shape", "shape"),)
    positional: ClassVar[tuple[str, ...]] = ("shape",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the input from its shape."""
        return cls(tuple(values["shape"]))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An input reads nothing."""
        return ()


class Identity(Layer):
    """Nothing."""

    __slots__ = ()
    view: ClassVar[bool] = True
    op: ClassVar[str] = "identity"
    source: ClassVar[str] = "the function f(x) = x"


class Flatten(Layer):
    """All axes in one, channels first."""

    __slots__ = ()
    view: ClassVar[bool] = True
    op: ClassVar[str] = "flatten"
    source: ClassVar[str] = "PyTorch Flatten, ONNX Flatten"

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C * i...,)``."""
        return ((prod(inputs[0]),),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the whole map, unless that is one pixel."""
        from convcalc.layers.reads import reshaped

        return ((reshaped(inputs[0], outputs[0]),),)


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Nothing at inference (Srivastava et al. 2014)."""

    p: float

    op: ClassVar[str] = "dropout"
    source: ClassVar[str] = "Srivastava et al. 2014, Dropout"
    options: ClassVar[tuple[Option, ...]] = (Option("p", "number", 0.5),)
    positional: ClassVar[tuple[str, ...]] = ("p",)
    view: ClassVar[bool] = True

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The probability is from 0 to 1."""
        if not 0 <= self.p <= 1:
            raise DimensionError(f"p must be a probability, got {self.p}", field="p", hint="0 to 1")


@dataclass(frozen=True, slots=True)
class Reshape(Layer):
    """The same elements in another shape."""

    shape: tuple[Dim, ...]

    op: ClassVar[str] = "reshape"
    source: ClassVar[str] = "NumPy reshape, ONNX Reshape"
    template: ClassVar[Template] = Template(options={"shape": ("C", "H*W")})
    options: ClassVar[tuple[Option, ...]] = (Option("shape", "shape"),)
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    view: ClassVar[bool] = True

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the elements must be as many."""
        shape = values.get("shape")
        if shape is None:
            raise DimensionError("reshape needs its shape", hint="reshape 64x7x7")
        shape = shape if isinstance(shape, tuple) else (shape,)
        if len(shape) > 4:
            raise DimensionError(
                f"a shape of {len(shape)} sizes", field="shape", hint="channels and up to three sizes"
            )
        shape = tuple(whole(size, "shape") for size in shape)
        have, want = prod(inputs[0]), prod(shape)
        require(
            equal(have, want),
            f"{show(inputs[0])} has {have} elements, {show(shape)} has {want}",
            field="shape",
            hint=f"a shape of {have} elements",
        )
        return cls(shape)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Axes stay, are joined or are cut; see :func:`convcalc.layers.reads.reshaped`."""
        from convcalc.layers.reads import reshaped

        return ((reshaped(inputs[0], self.shape),),)


LAYERS = (Input, Identity, Flatten, Dropout, Reshape)

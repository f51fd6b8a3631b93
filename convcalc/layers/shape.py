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


_ORDER = Option("order", "choice", "first", choices=("first", "last"))
"""Where the channels stand when the elements are counted off: first, or last as in Keras."""


def _reshaped(shape: Shape, out: Shape, order: str) -> Windows:
    """How elements are read that are counted off in an order of the axes."""
    from convcalc.layers.reads import Axis, reshaped

    if order == "first":
        return ((reshaped(shape, out),),)
    rank = len(out)
    *inner, channels = reshaped((*shape[1:], shape[0]), (*out[1:], out[0]))
    axes = (
        axis if axis.output is None else Axis((axis.output + 1) % rank, axis.rule)
        for axis in (channels, *inner)
    )
    return ((tuple(axes),),)


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """All axes in one, from the first axis to the last; with ``order=last`` the channels run fastest.

    The latter is what ``Flatten`` of Keras makes of a map whose channels are its last axis.
    """

    order: str

    op: ClassVar[str] = "flatten"
    regroups: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (_ORDER,)
    source: ClassVar[str] = "PyTorch Flatten, ONNX Flatten"

    @property
    def view(self) -> bool:  # type: ignore[override]
        """Another order of the elements is a tensor of its own."""
        return self.order == "first"

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C * i...,)``."""
        return ((prod(inputs[0]),),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the whole map, unless that is one pixel."""
        return _reshaped(inputs[0], outputs[0], self.order)


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
    """The same elements in another shape; with ``order=last`` counted off with the channels last."""

    shape: tuple[Dim, ...]
    order: str

    op: ClassVar[str] = "reshape"
    regroups: ClassVar[bool] = True
    source: ClassVar[str] = "NumPy reshape, ONNX Reshape"
    template: ClassVar[Template] = Template(options={"shape": ("C", "H*W")})
    options: ClassVar[tuple[Option, ...]] = (Option("shape", "shape"), _ORDER)
    positional: ClassVar[tuple[str, ...]] = ("shape",)

    @property
    def view(self) -> bool:  # type: ignore[override]
        """Another order of the elements is a tensor of its own."""
        return self.order == "first"

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
        return cls(shape, values.get("order", "first"))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Axes stay, are joined or are cut; see :func:`convcalc.layers.reads.reshaped`."""
        return _reshaped(inputs[0], self.shape, self.order)


LAYERS = (Input, Identity, Flatten, Dropout, Reshape)

"""Tensors that a network holds itself: learned ones and stored ones. They read nothing and start a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape
from convcalc.layers.base import Layer, Option, Template
from convcalc.layers.values import whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows


def _shape(op: str, values: Mapping[str, Any]) -> Shape:
    """The shape that was given, of whole numbers from 1.

    Raises:
        DimensionError: there is none, or a size is no such number.
    """
    given = values.get("shape")
    if given is None:
        raise DimensionError(f"{op} needs its shape", hint=f"{op} 1x768")
    sizes = given if isinstance(given, tuple) else (given,)
    return tuple(whole(size, "shape") for size in sizes)


class _Source(Layer):
    """A tensor of the network's own: the same for every sample of a batch."""

    __slots__ = ()
    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    view: ClassVar[bool] = True
    template: ClassVar[Template] = Template(
        options={"shape": ("C", "H", "W")}, meanings={"H": "height", "W": "width"}
    )
    positional: ClassVar[tuple[str, ...]] = ("shape",)
    shape: tuple[Dim, ...]

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """It reads nothing of any input."""
        return ()


@dataclass(frozen=True, slots=True)
class Param(_Source):
    """A learned tensor: a class token, a position embedding, the weight of a convolution to come.

    It has no input and as many parameters as elements (``value``); every sample of a batch gets the same.
    Its output is that array, so that it takes no memory besides.

    Source: PyTorch ``nn.Parameter``; Dosovitskiy et al. 2021 (class token, position embedding).
    """

    shape: tuple[Dim, ...]

    op: ClassVar[str] = "param"
    options: ClassVar[tuple[Option, ...]] = (Option("shape", "shape"),)
    source: ClassVar[str] = "PyTorch nn.Parameter; ViT, Dosovitskiy et al. 2021, equation 1"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the tensor from its shape."""
        return cls(_shape(cls.op, values))

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``value``: all of it."""
        return {"value": self.shape}


@dataclass(frozen=True, slots=True)
class Const(_Source):
    """A tensor that is stored and not learned; with ``value`` it is filled with that, and nothing is stored.

    It has no input; every sample of a batch gets the same. Its output is the stored array (``buffer``).
    With ``stored=false`` it is worked out anew whenever the network runs, as an index of places or a mask
    is, and belongs to no file of weights: its entries (``constant``) are no buffer.

    Source: PyTorch ``Module.register_buffer``, ONNX Constant and ConstantOfShape.
    """

    shape: tuple[Dim, ...]
    value: float | None
    stored: bool = True

    op: ClassVar[str] = "const"
    options: ClassVar[tuple[Option, ...]] = (
        Option("shape", "shape"),
        Option("value", "number", None),
        Option("stored", "flag", True),
    )
    source: ClassVar[str] = "PyTorch Module.register_buffer, ONNX Constant and ConstantOfShape"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the tensor from its shape, and from its value where all entries have one."""
        value, stored = values.get("value"), values.get("stored") is not False
        if value is not None and not stored:
            raise DimensionError(
                "what is filled with one value is not stored anyhow", field="stored", hint="value= alone"
            )
        return cls(_shape(cls.op, values), None if value is None else float(value), stored)

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        """One value is shown everywhere."""
        return self.value is not None

    def buffers(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``buffer``: all of it, unless it is filled with one value or not stored."""
        return {"buffer": self.shape} if self.value is None and self.stored else {}

    def arrays(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """What is stored, or ``constant``, which is not and has to be there when it runs."""
        if self.value is None and not self.stored:
            return {"constant": self.shape}
        return self.buffers(inputs)


LAYERS = (Param, Const)

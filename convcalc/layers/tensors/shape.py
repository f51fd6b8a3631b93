"""What a network reads, and layers that pass all of it on: as it is, or in another shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, divides, equal, exact_div, prod, require
from convcalc.layers.base import Layer, Option, Template
from convcalc.layers.values import MOST_AXES, axis_of, show, whole
from convcalc.layers.windows.conv import divisors

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved, Steps


@dataclass(frozen=True, slots=True)
class Input(Layer):
    """What a network reads."""

    shape: tuple[Dim, ...]

    op: ClassVar[str] = "input"
    source: ClassVar[str] = "the data"
    template: ClassVar[Template] = Template(options={"shape": ("C", "H", "W")})
    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    enters: ClassVar[bool] = True
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

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """What arrives."""
        return (steps,)


_ORDER = Option("order", "choice", "first", choices=("first", "last"))
"""Where the channels stand when the elements are counted off: first, or last as in Keras."""


def _reshaped(shape: Shape, out: Shape, order: str) -> Windows:
    """How elements are read that are counted off in an order of the axes."""
    from convcalc.layers.reads import Axis
    from convcalc.layers.tensors.reshaping import reshaped

    if order == "first":
        return ((reshaped(shape, out),),)
    rank = len(out)
    *inner, channels = reshaped((*shape[1:], shape[0]), (*out[1:], out[0]))

    def turned(axis: Axis) -> Axis:
        outputs = tuple((output + 1) % rank for output in axis.outputs)
        return Axis(outputs[0] if len(outputs) == 1 else outputs or None, axis.rule)

    return (((turned(channels), *map(turned, inner)),),)


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """The axes from ``start`` to ``end`` in one: all of them, channels first, unless told otherwise.

    Axis 0 is the channels; negatives count from the end. With ``order=last`` the channels run fastest:
    what ``Flatten`` of Keras makes of a map whose channels are its last axis.
    """

    start: int
    end: int
    order: str

    op: ClassVar[str] = "flatten"
    regroups: ClassVar[bool] = True
    source: ClassVar[str] = "PyTorch Flatten, ONNX Flatten"
    template: ClassVar[Template] = Template(options={"start": None, "end": None})
    options: ClassVar[tuple[Option, ...]] = (
        Option("start", "axis", 0),
        Option("end", "axis", -1),
        _ORDER,
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the last axis is kept as -1."""
        shape = inputs[0]
        given = (values.get("start"), values.get("end"))
        start = axis_of(0 if given[0] is None else given[0], shape, "start")
        end = axis_of(-1 if given[1] is None else given[1], shape, "end")
        if end < start:
            message = f"the axes from {start} to {end} of {show(shape)} are none"
            raise DimensionError(message, field="end", hint="start up to end")
        order = values.get("order") or "first"
        if order == "last" and (start, end) != (0, len(shape) - 1):
            raise DimensionError("order=last counts off all axes", field="order", hint="no start and no end")
        return cls(start, -1 if end == len(shape) - 1 else end, order)

    @property
    def view(self) -> bool:  # type: ignore[override]
        """Another order of the elements is a tensor of its own."""
        return self.order == "first"

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C * i...,)``, or the product in place of the axes that are joined."""
        shape = inputs[0]
        after = self.end % len(shape) + 1
        return ((*shape[: self.start], prod(shape[self.start : after]), *shape[after:]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the whole map, unless that is one pixel."""
        return _reshaped(inputs[0], outputs[0], self.order)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """Axes that follow each other are shown as one; others are copied."""
        return _shown(self, shape, steps)


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

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The factors that are drawn, 0 or ``1 / (1 - p)``, of the type of the input."""
        from convcalc.layers.saved import NOTHING, Own, Saved

        if self.p == 1:  # a single zero
            return Saved(own=(Own("factors", 1, shared=True),))
        return Saved(own=(Own("factors", prod(inputs[0])),)) if self.p else NOTHING

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """What arrives, where nothing is dropped."""
        return None if self.p else (steps,)


@dataclass(frozen=True, slots=True)
class Reshape(Layer):
    """The same elements in another shape; with ``axis`` the shape is what that axis is cut into.

    One size may be -1: it is what the others leave. With ``order=last`` the elements are counted off with
    the channels last.
    """

    shape: tuple[Dim, ...]
    order: str

    op: ClassVar[str] = "reshape"
    regroups: ClassVar[bool] = True
    source: ClassVar[str] = "NumPy reshape, ONNX Reshape"
    template: ClassVar[Template] = Template(options={"shape": ("C", "H*W"), "axis": None})
    options: ClassVar[tuple[Option, ...]] = (
        Option("shape", "shape"),
        Option("axis", "axis", None),
        _ORDER,
    )
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
        axis = values.get("axis")
        before = after = ()
        if axis is not None:
            number = axis_of(axis, inputs[0])
            before, after = inputs[0][:number], inputs[0][number + 1 :]
        many = len(before) + len(shape) + len(after)
        if many > MOST_AXES:
            raise DimensionError(f"a shape of {many} sizes", field="shape", hint=f"at most {MOST_AXES}")
        open_ = [place for place, size in enumerate(shape) if type(size) is int and size == -1]
        if len(open_) == 1:
            have = prod(inputs[0]) if axis is None else inputs[0][len(before)]
            rest = prod(whole(size, "shape") for size in shape if not (type(size) is int and size == -1))
            require(
                divides(rest, have), f"{have} elements do not divide by {rest}", field="shape",
                hint=divisors(have) if type(have) is int else f"a divisor of {have}",
            )  # fmt: skip
            shape = tuple(exact_div(have, rest) if i in open_ else size for i, size in enumerate(shape))
        shape = (*before, *(whole(size, "shape") for size in shape), *after)
        have, want = prod(inputs[0]), prod(shape)
        require(
            equal(have, want),
            f"{show(inputs[0])} has {have} elements, {show(shape)} has {want}",
            field="shape",
            hint=f"a shape of {have} elements",
        )
        return cls(shape, values.get("order") or "first")

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Axes stay, are joined or are cut; see :func:`convcalc.layers.reads.reshaped`."""
        return _reshaped(inputs[0], self.shape, self.order)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """Axes are cut and, where they follow each other, joined; else all is copied."""
        return _shown(self, shape, steps)


def _shown(layer: Any, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
    """Another shape of the same elements, where it can be shown."""
    from convcalc.layers.saved import viewed

    (out,) = layer.output_shapes((shape[1:],))
    if layer.order == "first":
        found = viewed(shape, steps, (shape[0], *out))
        return None if found is None else (found,)
    turned = viewed((shape[0], *shape[2:], shape[1]), (steps[0], *steps[2:], steps[1]),
                    (shape[0], *out[1:], out[0]))  # fmt: skip
    return None if turned is None else ((turned[0], turned[-1], *turned[1:-1]),)


LAYERS = (Input, Identity, Flatten, Dropout, Reshape)

"""Layers that move whole tensors along axes: rolled, flipped, repeated, stacked and taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import Dim, DimensionError, Shape, equal, require
from convcalc.layers.base import Layer, Option, Template
from convcalc.layers.values import axes_of, axis_of, show, whole

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Steps

MOST_PARTS: Final = 4096
"""Most tensors that an axis is taken apart into."""


@dataclass(frozen=True, slots=True)
class Roll(Layer):
    """Entries moved along axes by ``shift``; what leaves at one end comes in at the other.

    Output ``j`` is input ``(j - shift) mod n``. One shift for all axes that are named, or one each.
    """

    shift: tuple[Dim, ...]
    axis: tuple[int, ...]

    op: ClassVar[str] = "roll"
    source: ClassVar[str] = "NumPy roll, PyTorch roll; Liu et al. 2021, Swin Transformer (shifted windows)"
    template: ClassVar[Template] = Template(options={"shift": (-1, -1), "axis": (1, 2)})
    options: ClassVar[tuple[Option, ...]] = (Option("shift", "ints"), Option("axis", "axislist"))
    positional: ClassVar[tuple[str, ...]] = ("shift",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; as many shifts as axes, or one."""
        shift, axis = values.get("shift"), values.get("axis")
        if shift is None or axis is None:
            missing = "shift" if shift is None else "axis"
            raise DimensionError(f"roll needs its {missing}", hint="such as 'roll -3 axis=1'")
        shifts = shift if isinstance(shift, tuple) else (shift,)
        axes = axis if isinstance(axis, tuple) else (axis,)
        if len(shifts) == 1:
            shifts *= len(axes)
        if len(shifts) != len(axes):
            raise DimensionError(
                f"{len(shifts)} shifts for {len(axes)} axes", field="shift", hint="one for each axis, or one"
            )
        order = sorted(range(len(axes)), key=lambda i: axis_of(axes[i], inputs[0]))
        steps = tuple(whole(shifts[i], "shift", -(10**18)) for i in order)
        return cls(steps, axes_of(axis, inputs[0]))

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """Which index goes where."""
        found = []
        for a, shift in zip(self.axis, self.shift, strict=True):
            back = f"+ {-shift}" if type(shift) is int and shift < 0 else f"- {shift}"
            found.append(("order", f"axis {a}", f"output j is input (j {back}) mod {inputs[0][a]}"))
        return tuple(found)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the index that lies ``shift`` before its own, those before the first at the end."""
        from convcalc.layers.reads import Rolled, along

        shape = inputs[0]
        rules = {a: Rolled(s, shape[a]) for a, s in zip(self.axis, self.shift, strict=True)}
        return ((along(shape, {a: rule for a, rule in rules.items() if not rule.stays}),),)


@dataclass(frozen=True, slots=True)
class Flip(Layer):
    """Entries in reverse order along some axes, along all of them unless told otherwise."""

    axis: tuple[int, ...] | None

    op: ClassVar[str] = "flip"
    source: ClassVar[str] = "NumPy flip, PyTorch flip"
    template: ClassVar[Template] = Template(options={"axis": (2,)})
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axislist", None),)

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """Which index goes where."""
        axes = range(len(inputs[0])) if self.axis is None else self.axis
        return tuple(("order", f"axis {a}", f"output j is input {inputs[0][a]} - 1 - j") for a in axes)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Output ``j`` reads index ``n - 1 - j``."""
        from convcalc.layers.reads import Flipped, along

        shape = inputs[0]
        axes = range(len(shape)) if self.axis is None else self.axis
        rules = {a: Flipped(shape[a]) for a in axes if not (type(shape[a]) is int and shape[a] == 1)}
        return ((along(shape, rules),),)


@dataclass(frozen=True, slots=True)
class Expand(Layer):
    """Axes of size 1 repeated to a shape, which may have more axes in front; nothing is copied.

    A size of -1 stays what it is.
    """

    shape: tuple[Dim, ...]

    op: ClassVar[str] = "expand"
    view: ClassVar[bool] = True
    repeats: ClassVar[bool] = True
    source: ClassVar[str] = "PyTorch expand, NumPy broadcast_to, ONNX Expand"
    template: ClassVar[Template] = Template(("C 1 1",), {"shape": ("C", "H", "W")})
    options: ClassVar[tuple[Option, ...]] = (Option("shape", "shape"),)
    positional: ClassVar[tuple[str, ...]] = ("shape",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; sizes other than 1 must be those that arrive."""
        shape = values.get("shape")
        if shape is None:
            raise DimensionError("expand needs its shape", hint="expand 64x7x7")
        shape = shape if isinstance(shape, tuple) else (shape,)
        arriving = inputs[0]
        more = len(shape) - len(arriving)
        if more < 0:
            raise DimensionError(
                f"{show(arriving)} has more axes than {show(shape)}",
                field="shape",
                hint=f"at least {len(arriving)} sizes",
            )
        found: list[Dim] = []
        for place, size in enumerate(shape):
            if type(size) is int and size == -1 and place >= more:
                found.append(arriving[place - more])
                continue
            size = whole(size, "shape")
            have = arriving[place - more] if place >= more else 1
            if not (type(have) is int and have == 1):
                require(
                    equal(have, size),
                    f"{show(arriving)} does not expand to {show(shape)}",
                    field="shape",
                    hint=f"{have} in place of {size}: only sizes of 1 are repeated",
                )
            found.append(size)
        return cls(tuple(found))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape that was given."""
        return (self.shape,)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Index for index, along an axis of size 1 the only one."""
        from convcalc.layers.reads import FIXED, ONE, Axis

        more = len(self.shape) - len(inputs[0])
        axes = []
        for a, size in enumerate(inputs[0]):
            repeated = type(size) is int and size == 1 and self.shape[a + more] != 1
            axes.append(Axis(a + more, FIXED if repeated else ONE))
        return ((tuple(axes),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """Axes that are repeated have no step."""
        more = len(self.shape) + 1 - len(shape)
        own = (0 if n == 1 and size != 1 else step
               for n, size, step in zip(shape[1:], self.shape[more:], steps[1:], strict=True))  # fmt: skip
        return ((steps[0], *(0,) * more, *own),)


@dataclass(frozen=True, slots=True)
class Tile(Layer):
    """The tensor repeated side by side, so many times along every axis (or along those that are named)."""

    counts: tuple[Dim, ...]

    op: ClassVar[str] = "tile"
    source: ClassVar[str] = "NumPy tile, PyTorch tile and Tensor.repeat, ONNX Tile"
    template: ClassVar[Template] = Template(options={"counts": (1, 2, 2), "axis": None})
    options: ClassVar[tuple[Option, ...]] = (Option("counts", "ints"), Option("axis", "axislist", None))
    positional: ClassVar[tuple[str, ...]] = ("counts",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; one count per axis is kept."""
        counts, axis, shape = values.get("counts"), values.get("axis"), inputs[0]
        if counts is None:
            raise DimensionError("tile needs its counts", hint="'tile (1,2,2)', or 'tile 2 axis=1'")
        counts = counts if isinstance(counts, tuple) else (counts,)
        axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if len(counts) != len(axes):
            raise DimensionError(
                f"{len(counts)} counts for {len(axes)} axes",
                field="counts",
                hint=f"one for each axis of {show(shape)}, or axis= beside them",
            )
        axes_of(tuple(axes), shape)
        found: list[Dim] = [1] * len(shape)
        for a, count in zip(axes, counts, strict=True):
            found[axis_of(a, shape)] = whole(count, "counts")
        return cls(tuple(found))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """Every size times its count."""
        return (tuple(n * count for n, count in zip(inputs[0], self.counts, strict=True)),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Output ``j`` reads index ``j mod n``."""
        from convcalc.layers.reads import Tiled, along

        pairs = enumerate(zip(inputs[0], self.counts, strict=True))
        rules = {a: Tiled(n, count) for a, (n, count) in pairs if not (type(count) is int and count == 1)}
        return ((along(inputs[0], rules),),)


@dataclass(frozen=True, slots=True)
class Stack(Layer):
    """Inputs of one shape side by side along a new axis: the first, unless told otherwise."""

    axis: int

    op: ClassVar[str] = "stack"
    source: ClassVar[str] = "NumPy stack, PyTorch stack"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    merges: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    template: ClassVar[Template] = Template(("C H W", "C H W"), {"axis": 0})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the axis is one of the output, -1 the last."""
        axis, rank = values.get("axis"), len(inputs[0]) + 1
        axis = 0 if axis is None else axis
        if type(axis) is not int or not -rank <= axis < rank:
            raise DimensionError(
                f"stacks of {show(inputs[0])} have {rank} axes, none of them {axis}",
                field="axis",
                hint=f"0 to {rank - 1}, or -1",
            )
        return cls(axis % rank)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shape of the inputs, with their number as an axis more."""
        first = inputs[0]
        for shape in inputs[1:]:
            wrong = f"stack cannot join {show(first)} and {show(shape)}"
            require(len(shape) == len(first), wrong, hint="inputs of one shape")
            for x, y in zip(first, shape, strict=True):
                require(equal(x, y), wrong, hint="inputs of one shape")
        return ((*first[: self.axis], len(inputs), *first[self.axis :]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Each input is read by one index of the new axis, index for index along its own."""
        from convcalc.layers.reads import ONE, Axis, Part

        found = []
        for number, shape in enumerate(inputs):
            own = (Axis(a + (a >= self.axis), ONE) for a in range(len(shape)))
            found.append(((*own, Axis(self.axis, Part(number, 1))),))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Unstack(Layer):
    """The parts of one axis, of one index each, as tensors without it: ``NAME.0``, ``NAME.1``, ..."""

    axis: int
    parts: int

    op: ClassVar[str] = "unstack"
    source: ClassVar[str] = "PyTorch unbind, TensorFlow unstack"
    options: ClassVar[tuple[Option, ...]] = (Option("axis", "axis", 0),)
    template: ClassVar[Template] = Template(("2 4 5",), {"axis": 0})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the axis has a number of indices that is known, and not too many."""
        axis = axis_of(values.get("axis"), inputs[0])
        size = inputs[0][axis]
        if type(size) is not int or size > MOST_PARTS:
            raise DimensionError(
                f"unstack makes a tensor of each of {size} indices",
                field="axis",
                hint=f"an axis of at most {MOST_PARTS}"
                if type(size) is int
                else "an axis whose size is a number",
            )
        return cls(axis, size)

    def output_names(self) -> tuple[str, ...]:
        """The numbers of the parts, where there are several."""
        return tuple(map(str, range(self.parts))) if self.parts > 1 else ("",)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """As many shapes as the axis has indices, each without it; a tensor has one axis at least."""
        shape = inputs[0]
        return ((*shape[: self.axis], *shape[self.axis + 1 :]) or (1,),) * self.parts

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads one index of the axis, index for index along the others."""
        from convcalc.layers.reads import ONE, Axis, Slide

        at = Axis(None, Slide(1, 0, 1, -output))
        others = [Axis(a - (a > self.axis), ONE) for a in range(len(inputs[0]))]
        return (((*others[: self.axis], at, *others[self.axis + 1 :]),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """The same entries, without the axis."""
        at = self.axis + 1
        left = (*steps[:at], *steps[at + 1 :])
        return ((*left,) if len(shape) > 2 else steps,) * self.parts


LAYERS = (Roll, Flip, Expand, Tile, Stack, Unstack)

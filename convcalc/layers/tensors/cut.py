"""Layers that cut or extend axes: padding, cropping, slices and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import UNKNOWN, Dim, DimensionError, Shape, equal, floor_div, require, total
from convcalc.layers.base import Layer, Option, Template, fill
from convcalc.layers.values import MOST_AXES, Padding, axes, axes_of, axis_of, pads, spatial, whole
from convcalc.layers.windows.conv import check_mode

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved, Steps


_AXIS = Option("axis", "axislist", None)


def _sides(
    op: str, field: str, value: Any, shape: Shape, axis: Any
) -> tuple[tuple[int, ...] | None, Padding]:
    """What is added to or cut off axes, before and after each: the axes, ascending, and their sides.

    One value for all of them, or one each in the order they were named; without names they are all but the
    channels, and so they are where these were named.

    Raises:
        DimensionError: there is no such axis, or the values do not fit it.
    """
    if axis is None:
        return None, pads(value, field, len(spatial(op, shape, MOST_AXES)))
    found = axes_of(axis, shape)
    order = [axis_of(item, shape) for item in (axis if isinstance(axis, tuple) else (axis,))]
    if isinstance(value, tuple) and len(value) not in (1, len(order)):
        message = f"{field} has {len(value)} values for {len(order)} ax{'i' if len(order) == 1 else 'e'}s"
        hint = "one for all of them, or one each"
        if len(order) == 1 and len(value) == 2 and tuple not in map(type, value):
            hint = f"[[{value[0]},{value[1]}]] for the two sides of one axis"
        raise DimensionError(message, field=field, hint=hint)
    sides = pads(value, field, len(order))
    named = None if found == tuple(range(1, len(shape))) else found
    return named, tuple(sides[order.index(a)] for a in found)


def _along(axis: tuple[int, ...] | None, shape: Shape) -> tuple[int, ...]:
    return tuple(range(1, len(shape))) if axis is None else axis


@dataclass(frozen=True, slots=True)
class Pad(Layer):
    """Padding as a layer of its own: a constant, or taken from the input.

    It pads all axes but the channels, or those that ``axis`` names, where one amount stands for each of
    them: ``pad p1:0 axis=0``, ``pad p=2x0:1 axis=(1,2)``.
    """

    padding: Padding
    mode: str
    value: float
    axis: tuple[int, ...] | None

    op: ClassVar[str] = "pad"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "ONNX Pad, PyTorch pad"
    options: ClassVar[tuple[Option, ...]] = (
        Option("padding", "padding", short="p"),
        Option("mode", "choice", "zeros", choices=("zeros", "constant", "reflect", "replicate", "circular")),
        Option("value", "number", 0),
        _AXIS,
    )
    template: ClassVar[Template] = Template(options={"axis": None})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a flat input is refused first of all, unless its axis is named."""
        if values.get("axis") is None:
            spatial(cls.op, inputs[0], MOST_AXES)
        if values.get("padding") is None:
            return super(Pad, cls).create(inputs, values)
        axis, padding = _sides(cls.op, "padding", values["padding"], inputs[0], values.get("axis"))
        found = fill(
            cls, inputs, {k: v for k, v in values.items() if k not in ("padding", "axis")} | {"padding": 0}
        )
        layer = cls(**{**found, "padding": padding, "axis": axis})
        layer.check(inputs)
        return layer

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """Padding by convention needs a kernel, which there is not; only constant padding has a value."""
        if any(isinstance(p, str) for p in self.padding):
            raise DimensionError("a pad layer has no kernel to follow", field="padding", hint="numbers")
        if self.value and self.mode not in ("constant", "zeros"):
            raise DimensionError(f"mode {self.mode} pads no value", field="value", hint="mode=constant")

    def sides(self, shape: Shape) -> dict[int, tuple[Dim, Dim]]:
        """What is padded before and after, by axis."""
        return dict(zip(_along(self.axis, shape), self.padding, strict=True))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``before + i + after`` per axis."""
        sizes = list(inputs[0])
        for axis, (before, after) in self.sides(inputs[0]).items():
            check_mode(self.mode, before, after, sizes[axis])
            sizes[axis] = before + sizes[axis] + after
        return (tuple(sizes),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place, moved by the padding before."""
        from convcalc.layers.reads import Slide, along

        sides = self.sides(inputs[0]).items()
        return ((along(inputs[0], {a: Slide(1, 1, 1, before, self.mode) for a, (before, _) in sides}),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input where it is what is repeated; the places instead where PyTorch does not pad such axes."""
        from convcalc.layers.saved import INDEX, INPUT, NOTHING, Own, Saved

        if self.mode in ("zeros", "constant"):
            return NOTHING
        sides = {a: pair for a, pair in self.sides(inputs[0]).items() if pair != (0, 0)}
        if 0 not in sides and 2 <= len(inputs[0]) <= 4:
            return NOTHING if self.mode == "circular" else INPUT
        return Saved(own=tuple(Own(f"places on axis {a}", outputs[0][a], INDEX, shared=True) for a in sides))


@dataclass(frozen=True, slots=True)
class Crop(Layer):
    """Sizes cut before and after, per axis; from a wanted size, the centre (the odd one cut after).

    It cuts all axes but the channels, or those that ``axis`` names, where one amount stands for each.
    """

    amounts: Padding
    axis: tuple[int, ...] | None

    op: ClassVar[str] = "crop"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "Ronneberger et al. 2015, U-Net (crop and copy)"
    template: ClassVar[Template] = Template(
        options={"size": None, "axis": None}, meanings={"P": "cropped on each side"}
    )
    options: ClassVar[tuple[Option, ...]] = (
        Option("amounts", "padding", None),
        Option("size", "axes", None),
        _AXIS,
    )

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; exactly one of amounts and size."""
        shape, axis = inputs[0], values.get("axis")
        if axis is None:
            spatial(cls.op, shape, MOST_AXES)
        amounts, size = values.get("amounts"), values.get("size")
        if amounts is not None and size is not None:
            raise DimensionError("crop takes amounts or size, not both", field="size", hint="one of them")
        if amounts is None and size is None:
            raise DimensionError(
                "crop needs one of amounts and size", hint="amounts=2, size=56x56 or like=NAME"
            )
        if size is not None:
            order = _along(None, shape) if axis is None else axis if isinstance(axis, tuple) else (axis,)
            order = tuple(axis_of(item, shape) for item in order)
            found = []
            for a, wanted in zip(order, axes(size, "size", len(order)), strict=True):
                i = shape[a]
                require(wanted <= i, f"cannot crop {i} to {wanted}", field="size", hint=f"at most {i}")
                before = floor_div(i - wanted, 2)
                found.append((before, i - wanted - before))
            amounts = tuple(found)
        named, sides = _sides(cls.op, "amounts", amounts, shape, axis)
        if any(isinstance(p, str) for p in sides):
            raise DimensionError("a crop has no kernel to follow", field="amounts", hint="numbers")
        return cls(sides, named)

    def sides(self, shape: Shape) -> dict[int, tuple[Dim, Dim]]:
        """What is cut before and after, by axis."""
        return dict(zip(_along(self.axis, shape), self.amounts, strict=True))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``i - before - after`` per axis."""
        sizes = list(inputs[0])
        for axis, (before, after) in self.sides(inputs[0]).items():
            i = sizes[axis]
            require(
                i - before - after >= 1, f"cropping {before}:{after} leaves nothing of {i}", field="amounts",
                hint=f"less than {i} in all",
            )  # fmt: skip
            sizes[axis] = i - before - after
        return (tuple(sizes),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place, moved by what is cut before."""
        from convcalc.layers.reads import Slide, along

        rules = {a: Slide(1, 1, 1, -before) for a, (before, _) in self.sides(inputs[0]).items()}
        return ((along(inputs[0], rules),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """The same entries, fewer of them."""
        return (steps,)


@dataclass(frozen=True, slots=True)
class Slice(Layer):
    """Part of one axis, the channels (0) unless told otherwise; negatives count from the end."""

    start: Dim
    stop: Dim
    axis: int

    op: ClassVar[str] = "slice"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "ONNX Slice"
    template: ClassVar[Template] = Template(options={"start": None}, meanings={"B": "channels that are kept"})
    options: ClassVar[tuple[Option, ...]] = (
        Option("start", "dim", 0, minimum=0),
        Option("stop", "dim", None, minimum=0),
        Option("axis", "axis", 0),
    )
    positional: ClassVar[tuple[str, ...]] = ("start", "stop")

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the range must not be empty."""
        axis = axis_of(values.get("axis", 0), inputs[0])
        size = inputs[0][axis]
        start, stop = values.get("start"), values.get("stop")
        start = 0 if start is None else whole(start, "start", -(10**18))
        stop = size if stop is None else whole(stop, "stop", -(10**18))
        given = start
        start = start + size if type(start) is int and start < 0 else start
        stop = stop + size if type(stop) is int and stop < 0 else stop
        if stop is not UNKNOWN and start is not UNKNOWN:
            require(
                start >= 0,
                f"start {given} lies before the axis of {size}",
                field="start",
                hint=f"-{size} to {size - 1}",
            )
            require(
                stop <= size,
                f"stop {stop} lies beyond the axis of {size}",
                field="stop",
                hint=f"at most {size}",
            )
            require(
                start < stop, f"nothing between {start} and {stop}", field="stop", hint="start below stop"
            )
        return cls(start, stop, axis)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``stop - start`` along the axis."""
        shape = inputs[0]
        return ((*shape[: self.axis], self.stop - self.start, *shape[self.axis + 1 :]),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place, moved by the start."""
        from convcalc.layers.reads import Slide, along

        return ((along(inputs[0], {self.axis: Slide(1, 1, 1, -self.start)}),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """The same entries, fewer of them."""
        return (steps,)


@dataclass(frozen=True, slots=True)
class Split(Layer):
    """One axis cut into parts, each an output: ``NAME.0``, ``NAME.1``, ..."""

    sizes: tuple[Dim, ...]
    axis: int

    op: ClassVar[str] = "split"
    keeps_positions: ClassVar[bool] = True
    source: ClassVar[str] = "ONNX Split"
    template: ClassVar[Template] = Template(
        ("A+B H W",),
        {"sizes": ("A", "B")},
        {"A": "channels of the first part", "B": "channels of the second part"},
    )
    options: ClassVar[tuple[Option, ...]] = (Option("sizes", "ints"), Option("axis", "axis", 0))
    positional: ClassVar[tuple[str, ...]] = ("sizes",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the sizes must add up to the axis."""
        axis = axis_of(values.get("axis", 0), inputs[0])
        size = inputs[0][axis]
        sizes = values.get("sizes")
        if sizes is None:
            raise DimensionError("split needs its sizes", hint="split (32,32)")
        sizes = tuple(whole(s, "sizes") for s in (sizes if isinstance(sizes, tuple) else (sizes,)))
        require(
            equal(total(sizes), size),
            f"the parts {'+'.join(map(str, sizes))} do not add up to {size}",
            field="sizes",
            hint=f"sizes that add up to {size}",
        )
        return cls(sizes, axis)

    def output_names(self) -> tuple[str, ...]:
        """The numbers of the parts."""
        return tuple(map(str, range(len(self.sizes))))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """One shape per part."""
        shape = inputs[0]
        return tuple((*shape[: self.axis], size, *shape[self.axis + 1 :]) for size in self.sizes)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place, moved by the sizes of the parts before."""
        from convcalc.layers.reads import Slide, along

        return ((along(inputs[0], {self.axis: Slide(1, 1, 1, -total(self.sizes[:output]))}),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """The same entries, part by part."""
        return (steps,) * len(self.sizes)


LAYERS = (Pad, Crop, Slice, Split)

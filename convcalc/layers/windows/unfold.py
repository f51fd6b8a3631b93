"""Unfolding: the windows of a map as columns (im2col), and columns added back into a map (col2im)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import Dim, DimensionError, Shape, divides, equal, exact_div, prod, require
from convcalc.layers.base import Layer, Ops, Option, Template
from convcalc.layers.values import Padding, axes, pads, show, spatial, whole
from convcalc.layers.windows.window import Spreading, output_size, resolved, valid_pairs

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Axis, Reads, Windows
    from convcalc.layers.saved import Need, Saved, Steps

_MANY: Final = 64
"""Most taps that are read one by one; of more, all channels are read."""

_LONG: Final = 20_000
"""The same for taps times positions, each of which is a phase of its own."""
_WINDOW: Final = (
    Option("kernel", "axes", short="k"),
    Option("stride", "axes", 1, "s"),
    Option("padding", "padding", 0, "p"),
    Option("dilation", "axes", 1, "d"),
)


def _taps(kernel: tuple[Dim, ...], positions: tuple[Dim, ...]) -> list[tuple[int, ...]] | None:
    """Every tap in row-major order; None where they are no numbers, or too many to tell apart."""
    if not all(type(n) is int for n in (*kernel, *positions)) or prod(kernel) > _MANY:
        return None
    if len(kernel) > 1 and prod(kernel) * prod(positions) > _LONG:
        return None
    return list(product(*(range(k) for k in kernel)))


@dataclass(frozen=True, slots=True)
class Unfold(Layer):
    """The windows of a map as columns: ``C * k...`` numbers for each of ``o...`` positions (im2col).

    Row ``c * k... + t`` holds what tap ``t`` of the window reads of channel ``c``, taps and positions in
    row-major order; padding reads zeros. Every axis has
    ``o = floor((i + before + after - (d*(k - 1) + 1)) / s) + 1`` positions.

    Source: Chellapilla et al. 2006; PyTorch Unfold.
    """

    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    dilation: tuple[Dim, ...]

    op: ClassVar[str] = "unfold"
    options: ClassVar[tuple[Option, ...]] = _WINDOW
    source: ClassVar[str] = "Chellapilla et al. 2006, High performance convolutional neural networks"

    def pads(self, shape: Shape) -> tuple[tuple[Dim, Dim], ...]:
        """Padding before and after, per axis, for an input of this shape."""
        return resolved(self.padding, shape[1:], self.kernel, self.stride, self.dilation)

    def positions(self, shape: Shape) -> tuple[Dim, ...]:
        """How many windows stand along each axis of an input of this shape.

        Raises:
            DimensionError: a window is larger than the padded input.
        """
        every = zip(self.pads(shape), shape[1:], self.kernel, self.stride, self.dilation, strict=True)
        return tuple(
            output_size(i, k, s, d, before, after, axis=axis)
            for axis, ((before, after), i, k, s, d) in enumerate(every)
        )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C * k..., o...)``, the positions in one axis."""
        shape = inputs[0]
        return ((shape[0] * prod(self.kernel), prod(self.positions(shape))),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """A position reads its window; its channel chooses the channel and the tap."""
        from convcalc.layers.reads import ALL, Axis, Slide, Spread

        shape = inputs[0]
        befores = [before for before, _ in self.pads(shape)]
        sizes = self.positions(shape)
        taps = _taps(self.kernel, sizes)
        if taps is None:
            window = (
                _digit(sizes, axis, Slide(k, s, d, before))
                for axis, (k, s, d, before) in enumerate(
                    zip(self.kernel, self.stride, self.dilation, befores, strict=True)
                )
            )
            return (((ALL, *window),),)
        found: list[Reads] = []
        for number, tap in enumerate(taps):
            place = [
                _digit(sizes, axis, Slide(1, s, 1, before - t * d))
                for axis, (t, s, d, before) in enumerate(
                    zip(tap, self.stride, self.dilation, befores, strict=True)
                )
            ]
            found.append((Axis(0, Spread(1, len(taps), 1, -number)), *place))
        return (tuple(found),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """Windows that neither overlap nor are padded may be shown where they are."""
        from convcalc.layers.saved import viewed

        if any(before or after for before, after in self.pads(shape[1:])) or len(shape) != 4:
            return None
        out = self.positions(shape[1:])
        windows = (shape[0], shape[1], *self.kernel, *out)
        taps = (step * d for step, d in zip(steps[2:], self.dilation, strict=True))
        strides = (step * s for step, s in zip(steps[2:], self.stride, strict=True))
        found = viewed(
            windows,
            (steps[0], steps[1], *taps, *strides),
            (shape[0], shape[1] * prod(self.kernel), prod(out)),
        )
        return None if found is None else (found,)


def _digit(sizes: tuple[Dim, ...], axis: int, window: Any) -> Axis:
    """How an axis of the map is read: by a window at one digit of the position."""
    from convcalc.layers.reads import UNSTATED, Axis, Chain, Digit

    if len(sizes) == 1:
        return Axis(1, window)
    if not all(type(n) is int for n in sizes):
        return Axis(1, UNSTATED)
    return Axis(1, Chain(Digit(prod(sizes[axis + 1 :]), sizes[axis]), sizes[axis], window))


@dataclass(frozen=True, slots=True)
class Fold(Spreading):
    """Columns added back into a map: the transpose of :class:`Unfold` (col2im).

    Every entry of a column is added where its tap stands in the map of the ``size`` given; what stands
    in the padding is left out. ``unfold`` and ``fold`` in turn multiply every pixel by the number of
    windows that hold it.

    Source: PyTorch Fold.
    """

    size: tuple[Dim, ...]
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    dilation: tuple[Dim, ...]

    op: ClassVar[str] = "fold"
    options: ClassVar[tuple[Option, ...]] = (Option("size", "shape"), *_WINDOW)
    positional: ClassVar[tuple[str, ...]] = ("size",)
    source: ClassVar[str] = "PyTorch Fold"
    cuts_axes: ClassVar[bool] = True
    undoes: ClassVar[str] = "unfold"
    template: ClassVar[Template] = Template(("C*K*K L",), {"size": ("H", "W")})

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the size says how many axes there are."""
        spatial(cls.op, inputs[0])
        size = values.get("size")
        if size is None:
            raise DimensionError("fold needs the size of the map", hint="fold 32x32 k3 p1")
        size = tuple(whole(n, "size") for n in (size if isinstance(size, tuple) else (size,)))
        if len(inputs[0]) != 2:
            raise DimensionError(
                f"fold reads columns, got {show(inputs[0])}", hint="C*k... channels, and a length"
            )
        if values.get("kernel") is None:
            raise DimensionError("fold needs kernel", hint="that of the unfold, such as k3")
        found = {}
        for field, kind, default, _, _, minimum, _ in _WINDOW:
            value = values.get(field)
            value = default if value is None else value
            read = pads if kind == "padding" else axes
            found[field] = (
                read(value, field, len(size)) if read is pads else axes(value, field, len(size), minimum)
            )
        return cls(size=size, **found)

    def pads(self) -> tuple[tuple[Dim, Dim], ...]:
        """Padding before and after, per axis of the map."""
        return resolved(self.padding, self.size, self.kernel, self.stride, self.dilation)

    def positions(self) -> tuple[Dim, ...]:
        """How many windows stand along each axis of the map.

        Raises:
            DimensionError: a window is larger than the padded map.
        """
        every = zip(self.pads(), self.size, self.kernel, self.stride, self.dilation, strict=True)
        return tuple(
            output_size(i, k, s, d, before, after, axis=axis)
            for axis, ((before, after), i, k, s, d) in enumerate(every)
        )

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C / k..., size...)``."""
        rows, length = inputs[0]
        taps, windows = prod(self.kernel), prod(self.positions())
        require(
            divides(taps, rows),
            f"{rows} channels do not divide into {taps} taps",
            field="kernel",
            hint=f"a multiple of {taps} channels",
        )
        require(
            equal(length, windows),
            f"{length} columns arrive, but {windows} windows stand on {show(self.size)}",
            field="size",
            hint="the size that was unfolded, with the same kernel, stride, padding and dilation",
        )
        return ((exact_div(rows, taps), *self.size),)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One addition for every entry of a column that stands in the map."""
        every = zip(
            self.pads(), self.size, self.kernel, self.stride, self.dilation, self.positions(), strict=True
        )
        pairs = prod(valid_pairs(i, k, s, d, before, o) for (before, _), i, k, s, d, o in every)
        return Ops(add=outputs[0][0] * pairs)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the windows that hold it, along the first axis of the map; of the others all."""
        from convcalc.layers.reads import ALL, Axis, Slide, Spread

        sizes = self.positions()
        (before, _), s, d = self.pads()[0], self.stride[0], self.dilation[0]
        taps = _taps(self.kernel, sizes)
        if taps is None:
            return (((ALL, _run(sizes, Spread(self.kernel[0], s, d, before))),),)
        return (
            tuple(
                (
                    Axis(0, Slide(1, len(taps), 1, -number)),
                    _run(sizes, Spread(1, s, 1, before - tap[0] * d)),
                )
                for number, tap in enumerate(taps)
            ),
        )

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """Nothing of a plane; else the columns and where they are added, which PyTorch has to be told."""
        from convcalc.layers.saved import INDEX, NOTHING, Own, Saved, contiguous

        if len(self.size) == 2 and all(a == b for a, b in self.pads()):
            return NOTHING
        places = Own("places", prod(self.kernel) * prod(self.positions()), INDEX, shared=True)
        return Saved(own=(places,), laid=(contiguous(0, inputs[0]),))


def _run(sizes: tuple[Dim, ...], window: Any) -> Axis:
    """How the columns are read: all windows of each row that an output reads."""
    from convcalc.layers.reads import UNSTATED, Axis, Chain, Slide

    if len(sizes) == 1:
        return Axis(1, window)
    if not all(type(n) is int for n in sizes):
        return Axis(1, UNSTATED)
    run = prod(sizes[1:])
    return Axis(1, Chain(window, sizes[0], Slide(run, run)))


LAYERS = (Unfold, Fold)

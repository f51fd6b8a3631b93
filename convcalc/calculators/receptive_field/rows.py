"""What receptive fields are told as: a row per layer, the region of a position, the range of sizes."""

from __future__ import annotations

from typing import Any, Final

from convcalc.calculators.receptive_field.axis import AxisField
from convcalc.dims import UNKNOWN, Dim, Shape, is_array, is_symbolic

PHASES: Final = 64
"""JSON lists the phases of a field where there are at most so many."""


class LayerField:
    """What one layer sees of one input, axis by axis.

    Attributes:
        name: name of the layer.
        op: its registered name.
        block: dotted path of the block around it.
        output_shape: channels, then spatial sizes.
        input: name of the input that is seen.
        input_shape: its shape.
        axes: one :class:`AxisField` a spatial axis of the input.
        adds_context: whether a convolution still sees more than the layer before it can use: False
            where the least field that reaches it exceeds the input on every axis along which its
            kernel reaches (Richter et al. 2021); None for other layers and unknown sizes.
    """

    __slots__ = ("adds_context", "axes", "block", "input", "input_shape", "name", "op", "output_shape")

    def __init__(
        self,
        name: str,
        op: str,
        output_shape: Shape,
        input: str,
        input_shape: Shape,
        axes: tuple[AxisField, ...],
        adds_context: bool | None,
    ) -> None:
        self.name = name
        self.op = op
        self.block = name.rpartition(".")[0]
        self.output_shape = output_shape
        self.input = input
        self.input_shape = input_shape
        self.axes = axes
        self.adds_context = adds_context

    @property
    def size(self) -> tuple[Any, ...]:
        """Size per axis in input pixels, the largest over the phases; ``"all"`` where it is everything."""
        return tuple("all" if axis.everything else axis.size for axis in self.axes)

    @property
    def smallest(self) -> tuple[Any, ...]:
        """Size per axis, the smallest over the phases of the output."""
        return tuple("all" if axis.everything else axis.smallest for axis in self.axes)

    @property
    def local(self) -> tuple[Any, ...]:
        """Size per axis over the paths without a global operation; None where there are none."""
        return tuple(axis.size if axis.local else None for axis in self.axes)

    @property
    def stride(self) -> tuple[Any, ...]:
        """Effective stride per axis, an integer or a fraction; None where it is not constant."""
        return tuple(axis.stride for axis in self.axes)

    @property
    def padding(self) -> tuple[Any, ...]:
        """Effective padding per axis: how far before the input the first output's field starts."""
        return tuple(axis.padding for axis in self.axes)

    @property
    def center(self) -> tuple[Any, ...]:
        """Centre of the first output's field per axis, in input pixels."""
        return tuple(axis.center for axis in self.axes)

    @property
    def period(self) -> tuple[int | None, ...]:
        """Outputs per axis after which the field is the same again; None where it never is."""
        return tuple(axis.period if axis.periodic and axis.local else None for axis in self.axes)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON holds it: whole numbers, fractions as ``"1/2"``, ``"all"``, null."""
        result: dict[str, Any] = {
            "name": self.name,
            "op": self.op,
            "block": self.block,
            "output_shape": [plain(d) for d in self.output_shape],
            "input": self.input,
            "size": [plain(n) for n in self.size],
            "size_min": [plain(n) for n in self.smallest],
            "local_size": [plain(n) for n in self.local],
            "stride": [plain(n) for n in self.stride],
            "padding": [plain(n) for n in self.padding],
            "center": [plain(n) for n in self.center],
            "period": list(self.period),
            "adds_context": self.adds_context,
        }
        if any(1 < axis.period <= PHASES for axis in self.axes):
            result["phases"] = [
                [
                    {"first": plain(start), "size": plain(size)}
                    for start, size in zip(axis.starts, axis.sizes, strict=True)
                ]
                for axis in self.axes
            ]
        return result


class Extent:
    """What one output position sees along one axis of an input.

    Attributes:
        first: first index of the field; negative where it lies in the padding.
        last: last index of the field.
        read: first and last index of the input that is really read; None where nothing is.
        count: how many indices between them are read.
        size: size of the input's axis.
        everything: whether the field is the whole axis.
    """

    __slots__ = ("count", "everything", "first", "last", "read", "size")

    def __init__(
        self,
        first: int | None,
        last: int | None,
        read: tuple[int, int] | None,
        count: int,
        size: int,
        everything: bool,
    ) -> None:
        self.first = first
        self.last = last
        self.read = read
        self.count = count
        self.size = size
        self.everything = everything

    @property
    def length(self) -> int:
        """Indices from the first to the last, padding included."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1

    @property
    def before(self) -> int:
        """Indices of the field before the input."""
        return 0 if self.first is None else min(max(0, -self.first), self.length)

    @property
    def after(self) -> int:
        """Indices of the field after the input."""
        return 0 if self.last is None else min(max(0, self.last - self.size + 1), self.length)

    def to_dict(self) -> dict[str, Any]:
        """The extent as JSON holds it."""
        return {
            "first": self.first,
            "last": self.last,
            "size": "all" if self.everything else self.length,
            "read": None if self.read is None else list(self.read),
            "read_count": self.count,
            "padding": [self.before, self.after],
        }


class PositionField:
    """The exact input region of one output position.

    Attributes:
        layer: name of the layer.
        position: the output position.
        input: name of the input.
        input_shape: its shape.
        axes: one :class:`Extent` a spatial axis.
        exact: False where the region read is an overestimate (many branches of channels).
    """

    def __init__(
        self,
        layer: str,
        position: tuple[int, ...],
        input: str,
        input_shape: Shape,
        axes: tuple[Extent, ...],
        exact: bool,
    ) -> None:
        self.layer = layer
        self.position = position
        self.input = input
        self.input_shape = input_shape
        self.axes = axes
        self.exact = exact

    @property
    def pixels(self) -> int:
        """Positions in the field, padding included."""
        count = 1
        for axis in self.axes:
            count *= axis.length
        return count

    @property
    def padding_pixels(self) -> int:
        """Positions of the field that lie outside the input."""
        inside = 1
        for axis in self.axes:
            inside *= axis.length - axis.before - axis.after
        return self.pixels - inside

    @property
    def padding_share(self) -> float:
        """Share of the field that is padding, 0 to 1."""
        return self.padding_pixels / self.pixels if self.pixels else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The region as JSON holds it."""
        return {
            "layer": self.layer,
            "position": list(self.position),
            "input": self.input,
            "input_shape": [plain(d) for d in self.input_shape],
            "axes": [axis.to_dict() for axis in self.axes],
            "pixels": self.pixels,
            "padding_pixels": self.padding_pixels,
            "padding_share": self.padding_share,
            "exact": self.exact,
        }


class InputRange:
    """The productive range of input sizes (Richter et al. 2021).

    Attributes:
        input: name of the input.
        smallest: per axis, the smallest size for which every convolution still adds context, that is,
            no convolution works on features that see more than the input already. None without
            convolutions.
        largest: per axis, the largest size for which some convolution can see all of the input.
        size: the sizes that the spec states.
    """

    def __init__(
        self, input: str, smallest: tuple[Any, ...], largest: tuple[Any, ...], size: tuple[Dim, ...]
    ) -> None:
        self.input = input
        self.smallest = smallest
        self.largest = largest
        self.size = size

    def to_dict(self) -> dict[str, Any]:
        """The range as JSON holds it."""
        return {
            "input": self.input,
            "smallest": [plain(n) for n in self.smallest],
            "largest": [plain(n) for n in self.largest],
            "size": [plain(n) for n in self.size],
        }


def plain(value: Any) -> Any:
    """A number as JSON holds it: integer, text of a fraction or closed form, null where unknown."""
    if value is None or type(value) is int or type(value) is str:
        return value
    if value is UNKNOWN:
        return None
    if is_array(value):
        return value.tolist()
    if is_symbolic(value) and getattr(value, "is_Integer", False):
        return int(value)
    return str(value)

"""What is said of receptive fields: a row per layer, the region of a position, the range of sizes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final

from convcalc.calculators.receptive_field.axis import AxisField
from convcalc.dims import Dim, Shape
from convcalc.records import Record, plain, record

PHASES: Final = 64
"""Most phases of a field that JSON lists."""


@dataclass(slots=True)
class LayerField(Record):
    """What one layer sees of one input, axis by axis.

    Attributes:
        name: name of the layer.
        op: its registered name.
        output_shape: channels, then spatial sizes.
        input: name of the input that is seen.
        input_shape: its shape.
        axes: one :class:`AxisField` per spatial axis of the input.
        adds_context: whether a convolution still sees more than the layer before it can use: False
            where the least field that reaches it exceeds the input on every axis along which its
            kernel reaches (Richter et al. 2021); None for other layers and unknown sizes.
    """

    name: str
    op: str
    output_shape: Shape
    input: str
    input_shape: Shape
    axes: tuple[AxisField, ...]
    adds_context: bool | None = None

    KEYS = (
        "name op block output_shape input size size_min=smallest local_size=local stride padding center "
        "period adds_context"
    )

    @property
    def block(self) -> str:
        """Dotted path of the block around the layer."""
        return self.name.rpartition(".")[0]

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
        result = record(self)
        if any(1 < axis.period <= PHASES for axis in self.axes):
            result["phases"] = [
                [
                    {"first": plain(start), "size": plain(size)}
                    for start, size in zip(axis.starts, axis.sizes, strict=True)
                ]
                for axis in self.axes
            ]
        return result


@dataclass(frozen=True, slots=True)
class Extent(Record):
    """What one output position sees along one axis of an input.

    Attributes:
        first: first index of the field; negative where it lies in the padding.
        last: last index of the field.
        read: first and last index of the input that is really read; None where nothing is.
        count: how many indices between them are read.
        size: size of the input's axis.
        everything: whether the field is the whole axis.
    """

    first: int | None
    last: int | None
    read: tuple[int, int] | None
    count: int
    size: int
    everything: bool

    KEYS = "first last size read read_count=count padding"

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
        size = "all" if self.everything else self.length
        return record(self, size=size, padding=[self.before, self.after])


@dataclass(frozen=True, slots=True)
class PositionField(Record):
    """The exact input region of one output position.

    Attributes:
        layer: name of the layer.
        position: the output position.
        input: name of the input.
        input_shape: its shape.
        axes: one :class:`Extent` per spatial axis.
        exact: False where the region read is an overestimate (many branches of channels).
    """

    layer: str
    position: tuple[int, ...]
    input: str
    input_shape: Shape
    axes: tuple[Extent, ...]
    exact: bool

    KEYS = "layer position input input_shape axes pixels padding_pixels padding_share exact"

    @property
    def pixels(self) -> int:
        """Positions in the field, padding included."""
        return prod(axis.length for axis in self.axes)

    @property
    def padding_pixels(self) -> int:
        """Positions of the field that lie outside the input."""
        return self.pixels - prod(axis.length - axis.before - axis.after for axis in self.axes)

    @property
    def padding_share(self) -> float:
        """Share of the field that is padding, 0 to 1."""
        return self.padding_pixels / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, slots=True)
class InputRange(Record):
    """The productive range of input sizes (Richter et al. 2021).

    Attributes:
        input: name of the input.
        smallest: per axis, the smallest size for which every convolution still adds context, that is,
            no convolution works on features that see more than the input already. None without
            convolutions.
        largest: per axis, the largest size for which some convolution can see all of the input.
        size: the sizes that the spec states.
    """

    input: str
    smallest: tuple[Any, ...]
    largest: tuple[Any, ...]
    size: tuple[Dim, ...]

    KEYS = "input smallest largest size"

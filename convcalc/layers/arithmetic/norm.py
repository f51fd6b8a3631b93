"""Normalisation, and the learned scale of each channel.

Batch normalisation at inference is one multiplication and one addition per element. The others
compute their statistics from what arrives. Over ``g`` groups of ``n`` elements each, that is per
element one addition for the mean, one to centre, a square and an addition for the variance, and a
multiplication to scale; and per group two divisions, an addition of eps, a root and a reciprocal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, equal, prod, require
from convcalc.layers.base import INFER, NO_OPS, Layer, Ops, Option, Template, fill
from convcalc.layers.values import axes_of, show, whole
from convcalc.layers.windows.conv import check_groups

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved

_AFFINE = Option("affine", "flag", True)
_WEIGHT = Option("weight", "flag", True)
_BIAS = Option("bias", "flag", True)
_EPS = Option("eps", "number", 1e-5)
_CHANNELS = Option("channels", "dim", INFER)
_AXIS = Option("axis", "axis", 0)
"""Which axis holds the channels."""


def _affine(shape: Shape, affine: bool, weight: bool, bias: bool) -> dict[str, Shape]:
    """The learned factor and term of a normalisation, of those that it has."""
    if not affine:
        return {}
    return {name: shape for name, has in (("weight", weight), ("bias", bias)) if has}


def _by_element(elements: Dim, weight: bool, bias: bool) -> Ops:
    return Ops(add=elements * (3 + bias), mul=elements * (2 + weight))


def _by_group(groups: Dim) -> Ops:
    """Per group: mean, variance, its root with epsilon, and the reciprocal of that."""
    return Ops(add=groups, div=3 * groups, special=groups)


def _statistics(elements: Dim, groups: Dim, weight: bool, bias: bool) -> Ops:
    return _by_element(elements, weight, bias).plus(_by_group(groups))


@dataclass(frozen=True, slots=True)
class BatchNorm(Layer):
    """Batch normalisation with stored statistics (Ioffe & Szegedy 2015), one for each channel of an axis.

    With ``track=false`` nothing is stored, and every channel computes its statistics.
    """

    channels: Dim
    affine: bool
    weight: bool
    bias: bool
    track: bool
    eps: float
    axis: int

    op: ClassVar[str] = "bn"
    sized_by: ClassVar[str] = "axis"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        _CHANNELS,
        _AFFINE,
        _WEIGHT,
        _BIAS,
        Option("track", "flag", True),
        _EPS,
        _AXIS,
    )
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    source: ClassVar[str] = "Ioffe & Szegedy 2015"

    @property
    def folds(self) -> tuple[int, ...]:
        """The channels, where statistics are stored."""
        return (self.axis,) if self.track else ()

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` and ``bias``, unless turned off, one per channel, where affine."""
        return _affine((self.channels,), self.affine, self.weight, self.bias)

    def buffers(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``running_mean`` and ``running_var``, one per channel, where tracked."""
        return {"running_mean": (self.channels,), "running_var": (self.channels,)} if self.track else {}

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """One multiplication and one addition per element; more where statistics are computed."""
        if not self.track:
            return _by_element(prod(outputs[0]), self.affine and self.weight, self.affine and self.bias)
        return Ops(add=1, mul=1).times(prod(outputs[0]))

    def shared_ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Without stored statistics, what each channel computes once for the batch."""
        return NO_OPS if self.track else _by_group(self.channels)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads its own place; the whole map where its statistics are computed."""
        from convcalc.layers.reads import EVERY, along

        if self.track:
            return ((along(inputs[0], {}),),)
        others = (a for a in range(len(inputs[0])) if a != self.axis)
        return ((along(inputs[0], dict.fromkeys(others, EVERY)),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and the mean and the reciprocal deviation of each channel of the batch."""
        from convcalc.layers.saved import FULL, Own, Saved

        statistics = (Own(name, self.channels, FULL, shared=True) for name in ("mean", "1 / deviation"))
        return Saved((0,), own=tuple(statistics))


_OVER: tuple[Option, ...] = (
    Option("over", "choice", "all", choices=("all", "channels")),
    Option("axis", "axislist", None),
)
"""What is normalised together: axes, or a word for the first of them or for all."""


def _normalised(op: str, arriving: Shape, values: Mapping[str, Any]) -> tuple[tuple[int, ...] | None, Shape]:
    """The axes that are normalised over, None for all of them, and their sizes.

    They are those named, or the last ones where only their sizes are stated, or all of them.

    Raises:
        DimensionError: axes are said twice over, or the sizes stated are not those that arrive.
    """
    over, axis, shape = values.get("over"), values.get("axis"), values.get("shape")
    if over is not None and axis is not None:
        raise DimensionError(f"{op} takes over or axis", field="over", hint="one of them")
    rank = len(arriving)
    if shape is not None:
        shape = tuple(whole(n, "shape") for n in (shape if isinstance(shape, tuple) else (shape,)))
    if over == "channels":
        found: tuple[int, ...] = (0,)
    elif axis is not None:
        found = axes_of(axis, arriving)
    else:
        stated = rank if shape is None or len(shape) > rank else len(shape)
        found = tuple(range(rank - stated, rank))
    sizes = tuple(arriving[a] for a in found)
    if shape is not None:
        free = over is None and axis is None
        whole_shape = arriving if free else sizes
        message = f"shape {show(shape)} is not what arrives: {show(whole_shape)}"
        hint = f"{show(whole_shape)}{' or its last axes' * free}, or over=channels for one a channel"
        if len(shape) != len(sizes):
            raise DimensionError(message, field="shape", hint=hint)
        for own, size in zip(shape, sizes, strict=True):
            require(equal(own, size), message, field="shape", hint=hint)
    return None if len(found) == rank else found, sizes


def _over_axes(cls: type[Layer], inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the fields of a layer that normalises over axes."""
    axis, shape = _normalised(cls.op, inputs[0], values)
    found = fill(cls, inputs, {k: v for k, v in values.items() if k not in ("over", "axis", "shape")})
    del found["over"]
    return {**found, "axis": axis, "shape": shape}


def _axes(axis: tuple[int, ...] | None, shape: Shape) -> tuple[int, ...]:
    """The axes that are normalised over."""
    return tuple(range(len(shape))) if axis is None else axis


def _groups(axis: tuple[int, ...] | None, shape: Shape) -> Dim:
    """How often statistics are computed: the positions along the other axes."""
    over = _axes(axis, shape)
    return prod(n for a, n in enumerate(shape) if a not in over)


@dataclass(frozen=True, slots=True)
class LayerNorm(Layer):
    """Layer normalisation over everything, over the channels at each position, or over axes (Ba et al. 2016).

    ``axis=-1`` is over the last axis at every position of the others, ``axis=(1,2)`` over two of them;
    ``over=channels`` says ``axis=0``. A ``shape`` that is stated without either is that of the last axes, as
    in PyTorch.
    """

    axis: tuple[int, ...] | None
    affine: bool
    weight: bool
    bias: bool
    eps: float
    shape: tuple[Dim, ...]

    op: ClassVar[str] = "ln"
    autocast: ClassVar[str] = "full"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        *_OVER,
        _AFFINE,
        _WEIGHT,
        _BIAS,
        _EPS,
        Option("shape", "shape", INFER),
    )
    template: ClassVar[Template] = Template(options={"over": None, "axis": None})
    source: ClassVar[str] = "Ba et al. 2016"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a shape that is stated must be the one normalised over."""
        return cls(**_over_axes(cls, inputs, values))

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` and ``bias``, unless turned off, of the shape normalised over, where affine."""
        return _affine(self.shape, self.affine, self.weight, self.bias)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Statistics for every position along the axes that are not normalised over."""
        weight, bias = self.affine and self.weight, self.affine and self.bias
        return _statistics(prod(outputs[0]), _groups(self.axis, outputs[0]), weight, bias)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads all that is normalised together."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], dict.fromkeys(_axes(self.axis, inputs[0]), EVERY)),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and the mean and the reciprocal deviation of each group."""
        from convcalc.layers.saved import FULL, Own, Saved

        groups = _groups(self.axis, inputs[0])
        return Saved((0,), own=(Own("mean", groups, FULL), Own("1 / deviation", groups, FULL)))


@dataclass(frozen=True, slots=True)
class RMSNorm(Layer):
    """``x / sqrt(mean(x^2) + eps)`` over everything, over the channels at each position, or over axes.

    The axes are said as those of :class:`LayerNorm`. Without ``eps`` it is the smallest step from 1 in the
    type of the numbers, as in PyTorch.
    """

    axis: tuple[int, ...] | None
    affine: bool
    eps: float | None
    shape: tuple[Dim, ...]

    op: ClassVar[str] = "rmsnorm"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        *_OVER,
        _AFFINE,
        Option("eps", "number", None),
        Option("shape", "shape", INFER),
    )
    template: ClassVar[Template] = Template(options={"over": None, "axis": None})
    source: ClassVar[str] = "Zhang & Sennrich 2019, Root mean square layer normalization"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a shape that is stated must be the one normalised over."""
        return cls(**_over_axes(cls, inputs, values))

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` of the shape normalised over, where affine."""
        return _affine(self.shape, self.affine, True, False)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """A square, a sum and a product (and the weight) per element; a mean, eps, a root and its inverse."""
        shape = outputs[0]
        each = Ops(add=1, mul=2 + self.affine).times(prod(shape))
        return each.plus(Ops(add=1, div=2, special=1).times(_groups(self.axis, shape)))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads all that is normalised together."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], dict.fromkeys(_axes(self.axis, inputs[0]), EVERY)),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, the reciprocal root of each group and, for the weight, the input times that."""
        from convcalc.layers.saved import FULL, Own, Saved

        scaled = (Own("scaled input", prod(inputs[0])),) if self.affine and need.learned else ()
        if not need.inputs[0]:
            return Saved(own=scaled)
        return Saved((0,), own=(Own("1 / root", _groups(self.axis, inputs[0]), FULL), *scaled))


@dataclass(frozen=True, slots=True)
class GroupNorm(Layer):
    """Normalisation over groups of channels (Wu & He 2018)."""

    groups: Dim
    channels: Dim
    affine: bool
    weight: bool
    bias: bool
    eps: float

    op: ClassVar[str] = "gn"
    autocast: ClassVar[str] = "full"
    ordered: ClassVar[bool] = True
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        Option("groups", "dim", short="g"),
        _CHANNELS,
        _AFFINE,
        _WEIGHT,
        _BIAS,
        _EPS,
    )
    positional: ClassVar[tuple[str, ...]] = ("groups",)
    source: ClassVar[str] = "Wu & He 2018"

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The groups must divide the channels."""
        check_groups(self.groups, self.channels, "channels")

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` and ``bias``, unless turned off, one per channel, where affine."""
        return _affine((self.channels,), self.affine, self.weight, self.bias)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Statistics over every group."""
        weight, bias = self.affine and self.weight, self.affine and self.bias
        return _statistics(prod(outputs[0]), self.groups, weight, bias)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the whole map of its group."""
        from convcalc.layers.reads import EVERY, along, groups

        rules = dict.fromkeys(range(1, len(inputs[0])), EVERY)
        channels = inputs[0][0]
        return ((along(inputs[0], {0: groups(channels, channels, self.groups), **rules}),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input in order, and the mean and the reciprocal deviation of each group."""
        from convcalc.layers.saved import FULL, Own, Saved, contiguous

        statistics = (Own("mean", self.groups, FULL), Own("1 / deviation", self.groups, FULL))
        return Saved(own=statistics, laid=(contiguous(0, inputs[0]),))


@dataclass(frozen=True, slots=True)
class InstanceNorm(Layer):
    """Normalisation of every channel over its map (Ulyanov et al. 2016)."""

    channels: Dim
    affine: bool
    bias: bool
    eps: float

    op: ClassVar[str] = "instancenorm"
    ordered: ClassVar[bool] = True
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        _CHANNELS,
        Option("affine", "flag", False),
        _BIAS,
        _EPS,
    )
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    source: ClassVar[str] = "Ulyanov et al. 2016"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a flat input has no map to normalise over."""
        if len(inputs[0]) < 2:
            raise DimensionError(
                f"instancenorm needs spatial axes, got a flat input of {inputs[0][0]}", hint="ln"
            )
        return cls(**fill(cls, inputs, values))

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` and, unless turned off, ``bias``, one per channel, where affine."""
        return _affine((self.channels,), self.affine, True, self.bias)

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Statistics over every channel."""
        return _statistics(prod(outputs[0]), self.channels, self.affine, self.affine and self.bias)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the whole map of its channel."""
        from convcalc.layers.reads import EVERY, along

        return ((along(inputs[0], dict.fromkeys(range(1, len(inputs[0])), EVERY)),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input in order, the statistics of each channel and the weight repeated for every sample.

        More than three axes, and maps of one position, are normalised as groups, which repeats no weight.
        """
        from convcalc.layers.saved import FULL, Own, Saved, contiguous

        repeated = len(inputs[0]) <= 4 and prod(inputs[0][1:]) != 1 and "weight" in self.parameters(inputs)
        names = ("mean", "1 / deviation", *(("weights",) if repeated else ()))
        own = tuple(Own(name, self.channels, FULL) for name in names)
        return Saved(own=own, laid=(contiguous(0, inputs[0]),))


@dataclass(frozen=True, slots=True)
class LocalResponseNorm(Layer):
    """``x / (k + alpha/size * sum of squares of size channels around)^beta`` (Krizhevsky et al. 2012).

    The scaling of ``alpha`` by the size is that of Caffe, PyTorch and ONNX.
    """

    size: Dim
    alpha: float
    beta: float
    k: float

    op: ClassVar[str] = "lrn"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        Option("size", "dim"),
        Option("alpha", "number", 1e-4),
        Option("beta", "number", 0.75),
        Option("k", "number", 1.0),
    )
    positional: ClassVar[tuple[str, ...]] = ("size",)
    source: ClassVar[str] = "Krizhevsky et al. 2012, section 3.3"
    template: ClassVar[Template] = Template(options={"size": "L"}, meanings={"L": "channels of the window"})

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """A square, ``size`` additions and one of k, a scaling, a power and a division per element."""
        return Ops(add=self.size + 1, mul=2, div=1, special=1).times(prod(outputs[0]))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the channels around its own."""
        from convcalc.layers.reads import Slide, along

        return ((along(inputs[0], {0: Slide(self.size, 1, 1, self.size // 2)}),),)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, its padded squares, what it is divided by, and that before it is raised to beta."""
        from convcalc.layers.saved import Own, Saved

        shape = inputs[0]
        n = prod(shape)
        padded = (shape[0] + self.size - 1) * prod(shape[1:])
        own = (Own("squares", padded), Own("sums", n), Own("divisors", n))
        return Saved((0,), own=own)


@dataclass(frozen=True, slots=True)
class Scale(Layer):
    """A learned factor, and where wanted an offset, per channel (layer scale: Touvron et al. 2021).

    The channels are those of an axis, the first unless told otherwise.
    """

    channels: Dim
    bias: bool
    axis: int

    op: ClassVar[str] = "scale"
    sized_by: ClassVar[str] = "axis"
    options: ClassVar[tuple[Option, ...]] = (_CHANNELS, Option("bias", "flag", False), _AXIS)
    positional: ClassVar[tuple[str, ...]] = ("channels",)
    source: ClassVar[str] = "Touvron et al. 2021, CaiT"

    @property
    def folds(self) -> tuple[int, ...]:
        """The channels."""
        return (self.axis,)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight`` and, where there is an offset, ``bias``."""
        weight = {"weight": (self.channels,)}
        return {**weight, "bias": (self.channels,)} if self.bias else weight

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Per element one multiplication, and one addition for the offset."""
        return Ops(mul=1, add=int(self.bias)).times(prod(outputs[0]))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, for the gradient of the weight."""
        from convcalc.layers.saved import INPUT, NOTHING

        return INPUT if need.learned else NOTHING


@dataclass(frozen=True, slots=True)
class Rescale(Layer):
    """``x * scale + offset`` with two fixed numbers: what brings pixels of 0 to 255 to 0 to 1."""

    scale: float
    offset: float

    op: ClassVar[str] = "rescale"
    source: ClassVar[str] = "Keras Rescaling"
    options: ClassVar[tuple[Option, ...]] = (Option("scale", "number", 1), Option("offset", "number", 0))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """Per element one multiplication and one addition."""
        return Ops(mul=1, add=1).times(prod(outputs[0]))


LAYERS = (BatchNorm, LayerNorm, RMSNorm, GroupNorm, InstanceNorm, LocalResponseNorm, Scale, Rescale)

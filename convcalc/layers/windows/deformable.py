"""Deformable convolution: an input says where the taps of the kernel stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, divides, equal, exact_div, prod, require
from convcalc.layers.base import Ops, Option, Template, fill
from convcalc.layers.values import show
from convcalc.layers.windows.conv import Conv

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


@dataclass(frozen=True, slots=True)
class DeformableConv(Conv):
    """Convolution whose taps stand where a second input says, between the pixels; a third one weighs them.

    Inputs: the map, the offsets (``n * k... * D`` channels of the output's sizes for ``n`` axes and ``D``
    offset groups: for each group and tap one number per axis, the first axis first), and in version 2 a
    mask (``k... * D`` channels). Tap ``t`` of an output reads the map at
    ``j*s + t*d - before + offset``, by linear interpolation between the pixels around, zeros outside.

    ``macs`` are those of the convolution; what sampling takes is among the operations, and the
    convolution that makes the offsets is a layer of its own. All samples count as read, padding or not.

    Source: Dai et al. 2017; Zhu et al. 2019 (the mask); layout of torchvision's DeformConv2d.
    """

    op: ClassVar[str] = "deformconv"
    autocast: ClassVar[str] = "full"
    arity: ClassVar[tuple[int, int | None]] = (2, 3)
    options: ClassVar[tuple[Option, ...]] = tuple(
        option for option in Conv.options if option.field not in ("padding_mode", "arriving")
    )
    source: ClassVar[str] = "Dai et al. 2017, Deformable convolutional networks; Zhu et al. 2019 (version 2)"
    decided_by: ClassVar[str] = "its offsets"
    reading: ClassVar[str] = (
        "from=[map,offsets] or from=[map,offsets,mask]; a convolution beside it makes the offsets"
    )
    template: ClassVar[Template] = Template(
        ("M H W", "K*K+K*K H W"), {"stride": 1, "padding": "same", "dilation": 1, "groups": None}
    )

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """None: offsets are made by a convolution."""
        return ()

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; offsets and mask must fit the kernel and what it writes."""
        layer = cls(**fill(cls, inputs, values), padding_mode="zeros")
        layer.output_shapes(inputs)
        return layer

    @classmethod
    def beside(cls, rank: int, kernel: tuple[int, ...]) -> tuple[int, ...]:
        """Channels of one group of the offsets, and of the mask."""
        return rank * prod(kernel), prod(kernel)

    def _offset_groups(self, inputs: tuple[Shape, ...]) -> Dim:
        """Groups of channels with offsets of their own: as many as the offsets have channels for."""
        taps = prod(self.kernel) * len(self.kernel)
        arriving = inputs[1][0]
        require(
            divides(taps, arriving),
            f"{arriving} channels of offsets are not {len(self.kernel)} for each of {prod(self.kernel)} taps",
            hint=f"a multiple of {taps} channels, such as 'conv {taps}' with the same window",
        )
        groups = exact_div(arriving, taps)
        require(
            divides(groups, self.in_channels),
            f"offsets for {groups} groups do not divide {self.in_channels} channels",
            hint=f"{taps} channels of offsets for each of as many groups as divide the channels",
        )
        return groups

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(out_channels, o...)``, as of a convolution; offsets and mask have the same sizes."""
        shapes = super(DeformableConv, self).output_shapes(inputs)
        groups = self._offset_groups(inputs)
        channels = inputs[1][0], groups * prod(self.kernel)
        for what, shape, expected in zip(("offsets", "a mask"), inputs[1:], channels, strict=False):
            wanted = (expected, *shapes[0][1:])
            message = f"{what} of {show(shape)} where {show(wanted)} are due"
            hint = "those of a convolution with the same kernel, stride, padding and dilation"
            if len(shape) != len(wanted):
                raise DimensionError(message, hint=hint)
            for own, due in zip(shape, wanted, strict=True):
                require(equal(own, due), message, hint=hint)
        return shapes

    def valid_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """All of them: which samples lie outside is not known before it runs."""
        return self.macs(inputs, outputs)

    def sampling(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """What sampling takes.

        Per place (a tap of a group of offsets at a position) and axis: the offset added, the whole number
        below, the distance to it and to the next; ``2^a`` products for axis ``a`` from the second on, which
        make the weights of the ``2^n`` corners. Per sample (a place in one channel): ``2^n`` products and
        sums, and a product with the mask.
        """
        rank = len(self.kernel)
        places = prod(outputs[0][1:]) * prod(self.kernel)
        samples = places * self.in_channels
        places = places * self._offset_groups(inputs)
        weights = sum(2**axis for axis in range(2, rank + 1))
        per_place = Ops(add=3 * rank, special=rank, mul=weights).times(places)
        return per_place.plus(Ops(add=2**rank, mul=2**rank + (len(inputs) > 2)).times(samples))

    def apart(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> dict[str, Ops]:
        """What sampling takes, beside the convolution of the samples."""
        return {"sampling": self.sampling(inputs, outputs)}

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, the offsets and the mask (torchvision's ``deform_conv2d``)."""
        from convcalc.layers.saved import Saved

        return Saved(tuple(range(len(inputs))))

    def ops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Ops:
        """What sampling takes, and one addition per output for the bias."""
        return self.sampling(inputs, outputs).plus(Conv.ops(self, inputs, outputs))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the offsets and the mask at its position, and the map wherever they say."""
        from convcalc.layers.reads import DECIDED, along, groups

        shared: Any = 1
        own = self._offset_groups(inputs)
        if type(own) is int and type(self.groups) is int:
            shared = gcd(own, self.groups)
        channels = groups(self.in_channels, self.out_channels, self.groups)
        map_ = along(inputs[0], {0: channels, **dict.fromkeys(range(1, len(inputs[0])), DECIDED)})
        beside = (along(shape, {0: groups(shape[0], self.out_channels, shared)}) for shape in inputs[1:])
        return ((map_,), *((reads,) for reads in beside))


LAYERS = (DeformableConv,)

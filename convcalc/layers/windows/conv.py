"""Convolution and depthwise convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import gcd
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, Shape, divides, equal, exact_div, prod, require
from convcalc.layers.base import INFER, Option, fill, stated
from convcalc.layers.products.weights import ARRIVING, Weighted, groups_of, weight_first
from convcalc.layers.values import Padding, show, whole
from convcalc.layers.windows.window import Sliding, output_size, valid_pairs

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved

MODES = ("zeros", "reflect", "replicate", "circular")
_SHARED = (
    Option("kernel", "axes", short="k"),
    Option("stride", "axes", 1, "s"),
    Option("padding", "padding", 0, "p"),
    Option("dilation", "axes", 1, "d"),
)
_LAST = (
    Option("bias", "flag", True),
    Option("padding_mode", "choice", "zeros", choices=MODES),
    ARRIVING,
)


def divisors(number: int, most: int = 12) -> str:
    """The divisors of a number, for hints."""
    if number > 10**6:
        return f"a divisor of {number}"
    found = [str(n) for n in range(1, min(number, 4096) + 1) if number % n == 0]
    return "one of " + ", ".join(found[:most]) + (", ..." if len(found) > most else "")


def check_groups(groups: Dim, channels: Dim, field: str, others: Dim = 0) -> None:
    """Groups must divide the channels; ``others`` are channels that they must divide as well.

    Raises:
        DimensionError: they do not.
    """
    if type(groups) is int and type(channels) is int and channels % groups == 0:
        return
    require(
        divides(groups, channels),
        f"groups {groups} do not divide {field} {channels}",
        field="groups",
        hint=_common_divisors(channels, others),
    )


def _common_divisors(channels: Dim, others: Dim) -> str:
    if type(channels) is not int or type(others) is not int:
        return f"a divisor of {channels}" + ("" if type(others) is int and not others else f" and {others}")
    if not others:
        return divisors(channels)
    both = " and ".join(map(str, sorted((channels, others))))
    common = gcd(channels, others)
    return f"1: no other number divides {both}" if common == 1 else f"{divisors(common)}, which divide {both}"


@dataclass(frozen=True, slots=True)
class Conv(Weighted, Sliding):
    """Convolution, grouped and dilated, in one to three spatial dimensions.

    Every axis: ``o = floor((i + before + after - (d*(k - 1) + 1)) / s) + 1``. Weights
    ``(out, in/groups, kernel...)``; ``macs = out * o... * in/groups * k...``. The weight may arrive as a
    second input, the bias as a third.

    Source: Dumoulin & Visin 2016; groups from Krizhevsky et al. 2012; dilation from Yu & Koltun 2016.
    """

    in_channels: Dim
    out_channels: Dim
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    dilation: tuple[Dim, ...]
    groups: Dim
    bias: bool
    padding_mode: str
    arriving: str | None = None

    op: ClassVar[str] = "conv"
    autocast: ClassVar[str] = "half"
    options: ClassVar[tuple[Option, ...]] = (
        Option("in_channels", "dim", INFER, aliases=("in",)),
        Option("out_channels", "dim", aliases=("out",)),
        *_SHARED,
        Option("groups", "dim", 1, "g"),
        *_LAST,
    )
    positional: ClassVar[tuple[str, ...]] = ("in_channels->out_channels",)
    source: ClassVar[str] = "Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning"
    layout: ClassVar[str] = "(out, in/groups, kernel)"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a weight that arrives says what is not stated of channels and kernel."""
        layer: Self = made(cls, inputs, cls.options_for(inputs, values))
        return layer

    @classmethod
    def options_for(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of the options."""
        found = weight_first(cls, inputs, values, len(inputs[0]) + 1)
        if len(inputs) > 1:
            found.setdefault("out_channels", inputs[1][0])
            found.setdefault("kernel", tuple(inputs[1][2:]))
        return fill(cls, inputs, found)

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """A weight, with a bias or without."""
        out = size()
        weight = (out, shape[0], *(min(size(), n) for n in shape[1:]))
        return ((weight,), (weight, (out,))) if len(shape) > 1 else ()

    def remedy(self, shape: Shape, due: Shape) -> str:
        """The shape that is due, or the groups with which the weight that arrives is the right one."""
        groups = groups_of(shape, self.in_channels) if len(shape) == len(due) else None
        fits = groups and (shape[0], *shape[2:]) == (due[0], *due[2:]) and divides(groups, due[0]) is True
        return f"{show(due)}, or g{groups}" if fits else show(due)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(out_channels, o...)``."""
        shape = inputs[0]
        check_groups(self.groups, self.in_channels, "in_channels", self.out_channels)
        check_groups(self.groups, self.out_channels, "out_channels", self.in_channels)
        sizes = []
        for axis, ((before, after), i, k, s, d) in enumerate(
            zip(self.pads(shape), shape[1:], self.kernel, self.stride, self.dilation, strict=True)
        ):
            if self.padding_mode != "zeros":
                check_mode(self.padding_mode, before, after, i)
            sizes.append(output_size(i, k, s, d, before, after, axis=axis))
        return ((self.out_channels, *sizes),)

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight (out, in/groups, kernel...)`` and ``bias (out,)``, as far as they do not arrive."""
        weight = (self.out_channels, exact_div(self.in_channels, self.groups), *self.kernel)
        return self.owned(weight, self.out_channels)

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, or its padded copy where the sides differ or are no zeros; what arrives as weight."""
        from convcalc.layers.saved import Own, Saved

        shape, arriving = inputs[0], tuple(range(1, min(len(inputs), 2)))
        pads = self.pads(shape)
        uneven = any(a != b for a, b in pads)
        if not uneven and self.padding_mode == "zeros":
            return Saved((0, *arriving))
        if (
            uneven
            and self.padding_mode == "zeros"
            and set(self.padding) == {"same"}
            and set(self.stride) == {1}
        ):
            pads = tuple((0, b - a) for a, b in pads)  # PyTorch's own padding="same" evens out the sides
        room = shape[0] * prod(n + a + b for n, (a, b) in zip(shape[1:], pads, strict=True))
        before = (0,) * (need.inputs[0] and self.padding_mode in ("reflect", "replicate"))
        return Saved((*before, *arriving), own=(Own("padded input", room),))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """``o... * out * in/groups * k...``."""
        return prod(outputs[0][1:]) * self._channels() * prod(self.kernel)

    def _channels(self) -> Dim:
        return self.out_channels * (exact_div(self.in_channels, self.groups))

    def valid_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """MACs that read the input; copies that reflect, replicate and circular make count as input."""
        if self.padding_mode != "zeros":
            return self.macs(inputs, outputs)
        shape = inputs[0]
        pairs = prod(
            valid_pairs(i, k, s, d, before, o)
            for (before, _), i, k, s, d, o in zip(
                self.pads(shape),
                shape[1:],
                self.kernel,
                self.stride,
                self.dilation,
                outputs[0][1:],
                strict=True,
            )
        )
        return pairs * self._channels()

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads a window along every axis, of the channels of its group, and all of its filter."""
        from convcalc.layers.reads import ALL, ONE, Axis, along, groups

        channels = groups(self.in_channels, self.out_channels, self.groups)
        window = along(inputs[0], {0: channels, **self.windows(inputs[0], self.padding_mode)})
        return self.with_arriving(((window,),), (Axis(0, ONE), ALL, *(ALL for _ in self.kernel)))


class DepthwiseConv(Conv):
    """Depthwise convolution: every channel is a group, with ``multiplier`` filters each.

    Source: Sifre 2014; Howard et al. 2017, MobileNets.
    """

    __slots__ = ()

    op: ClassVar[str] = "dwconv"
    options: ClassVar[tuple[Option, ...]] = (
        Option("in_channels", "dim", INFER, aliases=("in",)),
        Option("out_channels", "dim", INFER, aliases=("out",)),
        *_SHARED,
        Option("multiplier", "dim", None),
        *_LAST,
    )
    source: ClassVar[str] = "Howard et al. 2017, MobileNets"

    @classmethod
    def options_for(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> dict[str, Any]:
        """Checked values of the options; ``out_channels`` is ``multiplier * in_channels``, or as given."""
        channels = stated(values.get("in_channels"), inputs[0][0], "in_channels")
        multiplier = values.get("multiplier")
        values = weight_first(cls, inputs, values, len(inputs[0]) + 1)
        if len(inputs) > 1:
            if multiplier is None:
                values.setdefault("out_channels", inputs[1][0])
            values.setdefault("kernel", tuple(inputs[1][2:]))
        out = values.get("out_channels")
        if multiplier is not None:
            product = whole(multiplier, "multiplier") * channels
            if out is not None:
                require(
                    equal(whole(out, "out_channels"), product),
                    f"multiplier {multiplier} gives {product} channels, not {out}",
                    field="multiplier",
                    hint="one of multiplier and out_channels",
                )
            out = product
        out = channels if out is None else whole(out, "out_channels")
        require(
            divides(channels, out),
            f"a depthwise convolution of {channels} channels cannot give {out}",
            field="out_channels",
            hint=f"a multiple of {channels}",
        )
        rest = {k: v for k, v in values.items() if k not in ("out_channels", "multiplier")}
        found = fill(cls, inputs, rest)
        del found["multiplier"]
        return {**found, "out_channels": out, "groups": channels}

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """A weight of one or two filters a channel, with a bias or without."""
        out = shape[0] * (1 + size() % 2)
        weight = (out, 1, *(min(size(), n) for n in shape[1:]))
        return ((weight,), (weight, (out,))) if len(shape) > 1 else ()


def made(cls: Any, inputs: tuple[Shape, ...], options: Mapping[str, Any]) -> Any:
    """A layer of these options for these inputs, what arrives for it checked."""
    layer = cls(**options)
    layer.check(inputs)
    layer.check_arriving(inputs)
    return layer


def check_mode(mode: str, before: Dim, after: Dim, size: Dim) -> None:
    """Padding taken from the input must fit it.

    Raises:
        DimensionError: reflection of the whole input or more, or a second turn around it.
    """
    for side in (before, after):
        if mode == "reflect":
            require(
                side < size,
                f"reflect padding {side} needs a larger input than {size}",
                field="padding",
                hint=f"at most {size - 1}",
            )
        elif mode == "circular":
            require(
                side <= size,
                f"circular padding {side} is more than the input {size}",
                field="padding",
                hint=f"at most {size}",
            )


LAYERS = (Conv, DepthwiseConv)

"""Transposed (fractionally strided) convolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from convcalc.dims import Dim, DimensionError, Shape, equal, exact_div, floor_div, maximum, prod, require
from convcalc.layers.base import INFER, Option, fill
from convcalc.layers.products.weights import ARRIVING, Weighted, weight_first
from convcalc.layers.values import Padding, whole
from convcalc.layers.windows.conv import check_groups, made
from convcalc.layers.windows.window import Spreading, effective, valid_pairs

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Windows
    from convcalc.layers.saved import Need, Saved


@dataclass(frozen=True, slots=True)
class ConvTranspose(Weighted, Spreading):
    """Transposed convolution: the backward pass of a convolution with respect to its input.

    Every axis: ``o = s*(i - 1) + d*(k - 1) + 1 - before - after + output_padding``. Weights
    ``(in, out/groups, kernel...)``. Every input position is multiplied with the whole kernel, so
    ``macs = i... * in * out/groups * k...``; the padding crops the result, and products that are
    cropped are the ones that ``valid_macs`` leaves out. ``same`` crops ``max(k_eff - s, 0)``, the
    odd one at the end, and extends by ``max(s - k_eff, 0)``, so that ``o = i*s``.

    Source: Dumoulin & Visin 2016, relationship 14.
    """

    in_channels: Dim
    out_channels: Dim
    kernel: tuple[Dim, ...]
    stride: tuple[Dim, ...]
    padding: Padding
    output_padding: tuple[Dim, ...]
    dilation: tuple[Dim, ...]
    groups: Dim
    bias: bool
    arriving: str | None = None

    op: ClassVar[str] = "convT"
    autocast: ClassVar[str] = "half"
    options: ClassVar[tuple[Option, ...]] = (
        Option("in_channels", "dim", INFER, aliases=("in",)),
        Option("out_channels", "dim", aliases=("out",)),
        Option("kernel", "axes", short="k"),
        Option("stride", "axes", 1, "s"),
        Option("padding", "padding", 0, "p"),
        Option("output_padding", "axes", 0, "op", minimum=0),
        Option("dilation", "axes", 1, "d"),
        Option("groups", "dim", 1, "g"),
        Option("bias", "flag", True),
        ARRIVING,
    )
    positional: ClassVar[tuple[str, ...]] = ("in_channels->out_channels",)
    source: ClassVar[str] = "Dumoulin & Visin 2016, relationship 14"
    layout: ClassVar[str] = "(in, out/groups, kernel)"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; a weight that arrives says what is not stated of channels and kernel."""
        found = weight_first(cls, inputs, values, len(inputs[0]) + 1)
        if len(inputs) > 1:
            found.setdefault("out_channels", inputs[1][1] * whole(found.get("groups", 1), "groups"))
            found.setdefault("kernel", tuple(inputs[1][2:]))
        layer: Self = made(cls, inputs, fill(cls, inputs, found))
        return layer

    @classmethod
    def partners(cls, shape: Shape, size: Callable[[], int]) -> tuple[tuple[Shape, ...], ...]:
        """A weight, with a bias or without, of one group."""
        out = size()
        weight = (shape[0], out, *(size() for _ in shape[1:]))
        return ((weight,), (weight, (out,))) if len(shape) > 1 else ()

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """No padding of a convolution alone, and no more output padding than a stride leaves room for."""
        for padding in self.padding:
            if padding in ("full", "causal"):
                raise DimensionError(
                    f"a transposed convolution has no padding {padding!r}",
                    field="padding",
                    hint="numbers, same, same_lower or valid",
                )
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            require(
                extra < maximum(s, d),
                f"output_padding {extra} is not smaller than stride {s} or dilation {d}",
                field="output_padding",
                hint=f"at most {maximum(s, d) - 1}",
            )

    def crops(self) -> tuple[tuple[Dim, Dim, Dim], ...]:
        """Cropped before, cropped after, extension at the end, per axis."""
        found = []
        for padding, k, s, d, extra in zip(
            self.padding, self.kernel, self.stride, self.dilation, self.output_padding, strict=True
        ):
            if not isinstance(padding, str):
                found.append((*padding, extra))
                continue
            if padding == "valid":
                found.append((0, 0, extra))
                continue
            total = maximum(effective(k, d) - s, 0)
            small = floor_div(total, 2)
            extra = extra + maximum(s - effective(k, d), 0)
            found.append(
                (total - small, small, extra) if padding == "same_lower" else (small, total - small, extra)
            )
        return tuple(found)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(out_channels, o...)``."""
        check_groups(self.groups, self.in_channels, "in_channels", self.out_channels)
        check_groups(self.groups, self.out_channels, "out_channels", self.in_channels)
        sizes = []
        for (before, after, extra), i, k, s, d in zip(
            self.crops(), inputs[0][1:], self.kernel, self.stride, self.dilation, strict=True
        ):
            size = s * (i - 1) + effective(k, d) - before - after + extra
            require(
                size >= 1,
                f"padding {before}:{after} crops all of the output",
                field="padding",
                hint=f"less than {s * (i - 1) + effective(k, d) + extra} in all",
            )
            sizes.append(size)
        return ((self.out_channels, *sizes),)

    def textbook(self, inputs: tuple[Shape, ...]) -> dict[int, tuple[str, dict[str, Any]]]:
        """``(I - 1)*S - 2*P + D*(K - 1) + A + 1``, as the documentation of PyTorch has it."""
        found = {}
        every = zip(
            self.padding, self.crops(), inputs[0][1:], self.kernel, self.stride, self.dilation, strict=True
        )
        for axis, (padding, (before, after, extra), i, k, s, d) in enumerate(every, 1):
            names = {"I": i, "K": k, "S": s, "D": d, "P": before, "Q": after, "A": extra}
            if isinstance(padding, str) and padding != "valid":
                found[axis] = "I*S", names
                continue
            text = "I - 1" if type(s) is int and s == 1 else "(I - 1)*S"
            if equal(before, after) is not True:
                text += " - P - Q"
            elif not (type(before) is int and before == 0):
                text += " - 2*P"
            plain = type(d) is int and d == 1
            text += " + K" if plain else " + D*(K - 1)"
            text += "" if type(extra) is int and not extra else " + A"
            found[axis] = text if plain else f"{text} + 1", names
        return found

    def parameters(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """``weight (in, out/groups, kernel...)`` and ``bias (out,)``, as far as they do not arrive."""
        weight = (self.in_channels, exact_div(self.out_channels, self.groups), *self.kernel)
        return self.owned(weight, self.out_channels)

    def _channels(self) -> Dim:
        return self.in_channels * (exact_div(self.out_channels, self.groups))

    def saved(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], need: Need) -> Saved:
        """The input, and what arrives as weight."""
        from convcalc.layers.saved import Saved

        return Saved(tuple(range(min(len(inputs), 2))))

    def macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """``i... * in * out/groups * k...``: input positions, not output positions."""
        return prod(inputs[0][1:]) * self._channels() * prod(self.kernel)

    def valid_macs(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> Dim:
        """Products that land inside the output.

        Input ``j`` and tap ``t`` land on ``j*s + t*d - before``: the pairs by which the convolution
        that this one transposes reads its input.
        """
        pairs = prod(
            valid_pairs(o, k, s, d, before, i)
            for (before, _, _), i, k, s, d, o in zip(
                self.crops(),
                inputs[0][1:],
                self.kernel,
                self.stride,
                self.dilation,
                outputs[0][1:],
                strict=True,
            )
        )
        return pairs * self._channels()

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads the inputs whose window covers it, of the channels of its group, and their taps."""
        from convcalc.layers.reads import ONE, Axis, Digit, Spread, along, groups

        rules = {
            axis: Spread(k, s, d, before)
            for axis, (k, s, d, (before, _, _)) in enumerate(
                zip(self.kernel, self.stride, self.dilation, self.crops(), strict=True), 1
            )
        }
        channels = groups(self.in_channels, self.out_channels, self.groups)
        window = along(inputs[0], {0: channels, **rules})
        # tap t of input i lands on j for i*s + t*d - before == j: the taps are read by a window as well
        taps = (
            Axis(axis, Spread(i, d, s, before))
            for axis, (i, s, d, (before, _, _)) in enumerate(
                zip(inputs[0][1:], self.stride, self.dilation, self.crops(), strict=True), 1
            )
        )
        filters = Digit(1, exact_div(self.out_channels, self.groups)) if self.groups != 1 else ONE
        return self.with_arriving(((window,),), (window[0], Axis(0, filters), *taps))


LAYERS = (ConvTranspose,)

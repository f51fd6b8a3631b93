"""Layers that only move values: shuffles, shifts, permutations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Final

from convcalc.dims import Dim, DimensionError, Shape, divides, exact_div, prod, require
from convcalc.layers.base import Layer, Option, Template, fill
from convcalc.layers.values import show, spatial
from convcalc.layers.windows.conv import divisors

if TYPE_CHECKING:
    from typing import Self

    from convcalc.layers.reads import Reads, Windows
    from convcalc.layers.saved import Steps

_MANY = 64
"""Most phases that are read one by one; of more, all channels are read."""
_PLACES: Final = ("z", "y", "x")
_ORDERS: Final = {
    "crd": "crd, the channel first, as PyTorch; mode=dcr is the order of ONNX's default and of TensorFlow",
    "dcr": "dcr, the position first, as ONNX's default and TensorFlow; mode=crd is the order of PyTorch",
}


def _at(texts: Iterable[str]) -> str:
    return f"({', '.join(texts)})"


def _phase(factor: Dim, digits: Sequence[str]) -> str:
    """A place within a block of ``factor`` positions per axis, counted row by row."""
    last = len(digits) - 1
    powers = ("" if n == last else f"*{factor}" if n == last - 1 else f"*{factor}**{last - n}" for n in
              range(last + 1))  # fmt: skip
    return " + ".join(f"{digit}{power}" for digit, power in zip(digits, powers, strict=True))


def _joined_channel(mode: str, phase: str, factor: Dim, rank: int, channels: Any) -> str:
    """The channel of a place within a block and a channel ``c`` of ``channels``."""
    if mode == "crd":
        block = factor**rank if type(factor) is int else f"{factor}**{rank}"
        return f"c*{block} + {phase}"
    inner = f"({phase})" if " + " in phase else phase
    return f"{inner}*{channels if type(channels) is int else f'({channels})'} + c"


_MODE = Option("mode", "choice", "crd", choices=("crd", "dcr"))


@dataclass(frozen=True, slots=True)
class PixelShuffle(Layer):
    """Channels to space: ``C / r^n`` channels, every size times ``r`` (Shi et al. 2016).

    ``crd`` takes the channel first, as PyTorch; ``dcr`` the position first, as ONNX and TensorFlow.
    """

    factor: Dim
    mode: str

    op: ClassVar[str] = "pixelshuffle"
    options: ClassVar[tuple[Option, ...]] = (Option("factor", "dim"), _MODE)
    positional: ClassVar[tuple[str, ...]] = ("factor",)
    source: ClassVar[str] = "Shi et al. 2016, ESPCN"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; ``r^n`` must divide the channels."""
        spatial(cls.op, inputs[0])
        return cls(**fill(cls, inputs, values))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C / r^n, r*i...)``."""
        channels, *sizes = inputs[0]
        block = self.factor ** len(sizes)
        require(
            divides(block, channels),
            f"{channels} channels do not divide into {self.factor}^{len(sizes)} = {block} positions",
            field="factor",
            hint=f"a multiple of {block} channels",
        )
        return ((exact_div(channels, block), *(i * self.factor for i in sizes)),)

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """Which input channel goes where."""
        r, rank = self.factor, len(inputs[0]) - 1
        axes = _PLACES[-rank:]
        leaves = self.output_shapes(inputs)[0][0]
        read = _joined_channel(self.mode, _phase(r, [f"({a} mod {r})" for a in axes]), r, rank, leaves)
        here, there = _at(axes), _at(f"floor({a}/{r})" for a in axes)
        found = [
            ("order", "channels", f"output channel c at {here} is input channel {read} at {there}"),
            ("order", "mode", _ORDERS[self.mode]),
        ]
        if type(r) is int and r**rank <= 16 and type(leaves) is int:
            step = 1 if self.mode == "crd" else leaves
            read = ", ".join(str(n * step) for n in range(r**rank))
            places = " ".join(_at(map(str, place)) for place in product(range(r), repeat=rank))
            text = f"output channel 0 at {places} is input channel {read} at {_at('0' * rank)}"
            found.insert(1, ("order", "so", text))
        return tuple(found)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads one position; its phase, its place within the block, chooses the channel."""
        from convcalc.layers.reads import EVERY, Slide, Spread, along

        r, rank = self.factor, len(inputs[0]) - 1
        if type(r) is not int or r**rank > _MANY:
            return ((along(inputs[0], {0: EVERY, **{a: Spread(r, r) for a in range(1, rank + 1)}}),),)
        found: list[Reads] = []
        for number, phase in enumerate(product(range(r), repeat=rank)):
            channels = (
                Slide(1, r**rank, 1, -number)
                if self.mode == "crd"
                else Slide(1, 1, 1, -number * (inputs[0][0] // r**rank))
            )
            found.append(
                along(inputs[0], {0: channels, **{a: Spread(1, r, 1, -p) for a, p in enumerate(phase, 1)}})
            )
        return (tuple(found),)


@dataclass(frozen=True, slots=True)
class PixelUnshuffle(Layer):
    """Space to channels: the inverse of :class:`PixelShuffle`."""

    factor: Dim
    mode: str

    op: ClassVar[str] = "pixelunshuffle"
    options: ClassVar[tuple[Option, ...]] = (Option("factor", "dim"), _MODE)
    positional: ClassVar[tuple[str, ...]] = ("factor",)
    source: ClassVar[str] = "Shi et al. 2016, ESPCN"

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; the factor must divide every size."""
        spatial(cls.op, inputs[0])
        return cls(**fill(cls, inputs, values))

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """``(C * r^n, i/r...)``."""
        channels, *sizes = inputs[0]
        for i in sizes:
            hint = divisors(i) if type(i) is int else f"a divisor of {i}"
            require(
                divides(self.factor, i),
                f"factor {self.factor} does not divide the size {i}",
                field="factor",
                hint=hint,
            )
        return ((channels * self.factor ** len(sizes), *(exact_div(i, self.factor) for i in sizes)),)

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """Which output channel comes from where."""
        r, rank = self.factor, len(inputs[0]) - 1
        axes = _PLACES[-rank:]
        written = _joined_channel(self.mode, _phase(r, [f"d{a}" for a in axes]), r, rank, inputs[0][0])
        there = _at(f"{a}*{r} + d{a}" for a in axes)
        offsets = ", ".join(f"d{a}" for a in axes)
        text = f"output channel {written} at {_at(axes)} is input channel c at {there}"
        text += f"; {offsets} from 0 to {r - 1}"
        return (("order", "channels", text), ("order", "mode", _ORDERS[self.mode]))

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads one position; its channel chooses the phase, the place within the block."""
        from convcalc.layers.reads import EVERY, Slide, Spread, along

        r, rank = self.factor, len(inputs[0]) - 1
        if type(r) is not int or r**rank > _MANY:
            return ((along(inputs[0], {0: EVERY, **{a: Slide(r, r) for a in range(1, rank + 1)}}),),)
        found: list[Reads] = []
        for number, phase in enumerate(product(range(r), repeat=rank)):
            channels = (
                Spread(1, r**rank, 1, -number)
                if self.mode == "crd"
                else Slide(1, 1, 1, number * inputs[0][0])
            )
            found.append(
                along(inputs[0], {0: channels, **{a: Slide(1, r, 1, -p) for a, p in enumerate(phase, 1)}})
            )
        return (tuple(found),)


@dataclass(frozen=True, slots=True)
class Shift(Layer):
    """Every group of channels moved by one offset of the kernel; no parameters, no arithmetic.

    ``C // prod(kernel)`` channels per tap in row-major order; those left over stay in place.

    Source: Wu et al. 2018, Shift.
    """

    kernel: tuple[Dim, ...]
    dilation: tuple[Dim, ...]

    op: ClassVar[str] = "shift"
    options: ClassVar[tuple[Option, ...]] = (
        Option("kernel", "axes", 3, "k"),
        Option("dilation", "axes", 1, "d"),
    )
    source: ClassVar[str] = (
        "Wu et al. 2018, Shift: a zero FLOP, zero parameter alternative to spatial convolutions"
    )

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The kernel must be odd, to have a centre."""
        for k in self.kernel:
            hint = f"{k - 1} or {k + 1}" if type(k) is int else "an odd kernel"
            require(
                divides(2, k - 1),
                f"a shift kernel must be odd, got {k}",
                field="kernel",
                hint=hint,
            )

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads one position, at the offset of its group of channels."""
        from convcalc.layers.reads import Part, Slide, along

        shape = inputs[0]
        if not all(type(n) is int for n in (shape[0], *self.kernel, *self.dilation)):
            return (
                (
                    along(
                        shape,
                        {
                            axis: Slide(k, 1, d, (k - 1) // 2 * d)
                            for axis, (k, d) in enumerate(zip(self.kernel, self.dilation, strict=True), 1)
                        },
                    ),
                ),
            )
        size = shape[0] // prod(self.kernel)
        found: list[Reads] = []
        first = 0
        for tap in product(*(range(k) for k in self.kernel)) if size else ():
            moves = {
                axis: Slide(1, 1, 1, ((k - 1) // 2 - t) * d)
                for axis, (t, k, d) in enumerate(zip(tap, self.kernel, self.dilation, strict=True), 1)
            }
            found.append(along(shape, {0: Part(first, size, first), **moves}))
            first += size
        if first < shape[0]:
            found.append(along(shape, {0: Part(first, shape[0] - first, first)}))
        return (tuple(found),)


@dataclass(frozen=True, slots=True)
class ChannelShuffle(Layer):
    """Channels as ``(g, C/g)``, transposed: each group then reads from all groups.

    Source: Zhang et al. 2018, ShuffleNet.
    """

    groups: Dim

    op: ClassVar[str] = "shuffle"
    keeps_positions: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (Option("groups", "dim", short="g"),)
    positional: ClassVar[tuple[str, ...]] = ("groups",)
    source: ClassVar[str] = "Zhang et al. 2018, ShuffleNet"

    def check(self, inputs: tuple[Shape, ...]) -> None:
        """The groups must divide the channels."""
        channels = inputs[0][0]
        require(
            divides(self.groups, channels),
            f"groups {self.groups} do not divide {channels} channels",
            field="groups",
            hint=divisors(channels) if type(channels) is int else f"a divisor of {channels}",
        )

    def particulars(self, inputs: tuple[Shape, ...]) -> tuple[tuple[str, str, str], ...]:
        """Which input channel goes where."""
        g, c = self.groups, inputs[0][0]
        each = exact_div(c, g) if type(g) is type(c) is int else f"({c}/{g})"
        return (
            ("order", "channels", f"output channel j is input channel (j mod {g})*{each} + floor(j/{g})"),
        )

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """An output reads one channel, of another group."""
        from convcalc.layers.reads import Shuffled, along

        return ((along(inputs[0], {0: Shuffled(self.groups, inputs[0][0])}),),)


@dataclass(frozen=True, slots=True)
class Permute(Layer):
    """Axes in another order; 0 is the channels, and negatives count from the end."""

    order: tuple[int, ...]

    op: ClassVar[str] = "permute"
    source: ClassVar[str] = "NumPy transpose, PyTorch permute"
    template: ClassVar[Template] = Template(options={"order": (1, 2, 0)})
    options: ClassVar[tuple[Option, ...]] = (Option("order", "ints"),)
    positional: ClassVar[tuple[str, ...]] = ("order",)

    @classmethod
    def create(cls, inputs: tuple[Shape, ...], values: Mapping[str, Any]) -> Self:
        """Make the layer; every axis once."""
        rank = len(inputs[0])
        order = values.get("order")
        if order is None:
            raise DimensionError("permute needs its order", hint="order=(1,0,2)")
        order = order if isinstance(order, tuple) else (order,)
        found = tuple(a + rank if type(a) is int and a < 0 else a for a in order)
        if not all(type(a) is int for a in found) or sorted(found) != list(range(rank)):
            raise DimensionError(
                f"order ({','.join(map(str, order))}) is no order of the {rank} axes of {show(inputs[0])}",
                field="order",
                hint=f"each of 0 to {rank - 1} once",
            )
        return cls(found)

    def output_shapes(self, inputs: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The sizes in the new order."""
        return (tuple(inputs[0][a] for a in self.order),)

    def reads(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...], output: int = 0) -> Windows:
        """Every axis is read along the axis that it became."""
        from convcalc.layers.reads import ONE, Axis

        return ((tuple(Axis(self.order.index(a), ONE) for a in range(len(self.order))),),)

    def shows(self, shape: tuple[int, ...], steps: Steps) -> tuple[Steps, ...] | None:
        """The same entries, axis by axis."""
        return ((steps[0], *(steps[a + 1] for a in self.order)),)


LAYERS = (PixelShuffle, PixelUnshuffle, Shift, ChannelShuffle, Permute)

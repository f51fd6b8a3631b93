"""Transposed convolutions by formula, held to what running them shows.

Settings, equivalent convolution, costs and overlap come from :mod:`convcalc.calculators.transposed`. The
executor is the second witness (:mod:`convcalc.solve.overlap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np

from convcalc.budget import question
from convcalc.calculators.answers import Unreachable, per_axis, whole
from convcalc.calculators.transposed.costs import Alternative, Costs, alternatives, costs, layer_of
from convcalc.calculators.transposed.inverse import inverse
from convcalc.calculators.transposed.offers import Offer, offers
from convcalc.calculators.transposed.settings import (
    FREE,
    MAX_DILATION,
    Fixed,
    Setting,
    Settings,
    TransposedAxis,
    check_given,
    describe,
    solve_axis,
)
from convcalc.executor.arithmetic.arith import Array
from convcalc.exporters.text import format_layer
from convcalc.layers.values import show
from convcalc.records import Record, plain, record
from convcalc.solve.overlap import (
    MAX_PRODUCTS,
    as_counted,
    executed_overlap,
    executed_range,
    same_as_convolution,
    shortened,
)

MAX_PHASES: Final = 1 << 16
"""Most phases that are listed."""

OFFERED: Final = 6
"""Kernels that are offered where none is given."""

MAX_DRAWN: Final = 96
"""Largest output, along an axis, whose overlap is drawn as it is."""


@dataclass(frozen=True, eq=False, repr=False)
class TransposedSolution(Record):
    """What :func:`solve_transposed` found.

    Attributes:
        axes: the transposed convolution along each axis.
        settings: every setting that gives the size, per axis, the conventional one (that of
            ``axes``) first, and whether these are all; one where the parameters were given or follow
            from a layer.
        channels: in and out.
        groups: of channels.
        like: the convolution whose shape it inverts, as text; empty where there is none.
        costs: multiply-accumulates, three ways.
        alternatives: other ways to the same size.
        overlap: products that each output pixel gets from one channel, by execution; of an output
            above :data:`MAX_DRAWN` pixels that of an input just long enough to show every phase, and
            None where that would be too large.
        executed: fewest and most products that any output pixel gets from one channel at this very
            input, borders included, by execution; None where that would be too large.
        proven: execution gives the same as the equivalent convolution, and the overlap counts; None
            where that would be too large.
        offers: where no kernel was given: kernels and settings per axis, the one that was taken first.
    """

    KEYS = (
        "spec like? channels groups input output solutions complete axes checkerboard costs alternatives "
        "proven pytorch pytorch_nearest=nearest_in_pytorch offers even_instead"
    )

    axes: tuple[TransposedAxis, ...]
    settings: tuple[Settings, ...]
    channels: tuple[int, int]
    groups: int
    like: str
    costs: Costs
    alternatives: tuple[Alternative, ...]
    overlap: Array | None
    executed: tuple[int, int] | None
    proven: bool | None
    offers: tuple[tuple[Offer, ...], ...] = ()

    @property
    def pytorch(self) -> str | None:
        """The layer as PyTorch takes it; None where its padding differs between the sides."""
        crops = [axis.before if axis.before == axis.after else None for axis in self.axes]
        return None if None in crops else self._call(crops)

    def _call(self, crops: Sequence[Any]) -> str:
        into, out = self.channels if self.channels != (1, 1) else ("in_channels", "out_channels")
        taken: dict[str, Sequence[Any]] = {
            "kernel_size": [axis.kernel for axis in self.axes],
            "stride": [axis.stride for axis in self.axes],
            "padding": crops,
            "output_padding": [axis.output_padding for axis in self.axes],
            "dilation": [axis.dilation for axis in self.axes],
        }
        texts = {
            name: str(values[0]) if len(set(values)) == 1 else f"({', '.join(map(str, values))})"
            for name, values in taken.items()
        }
        words = [str(into), str(out), texts["kernel_size"], texts["stride"], texts["padding"]]
        words += [f"{name}={texts[name]}" for name, plain in (("output_padding", "0"), ("dilation", "1"))
                  if texts[name] != plain]  # fmt: skip
        words += [f"groups={self.groups}"] if self.groups != 1 else []
        return f"nn.ConvTranspose{len(self.axes)}d({', '.join(words)})"

    def nearest_in_pytorch(self) -> list[str]:
        """What PyTorch can do where it cannot take the layer: the nearest, in words."""
        if self.pytorch is not None:
            return []
        less = [min(axis.before, axis.after) for axis in self.axes]
        sizes = show(axis.output + axis.before + axis.after - 2 * n
                     for axis, n in zip(self.axes, less, strict=True))  # fmt: skip
        cuts = ", ".join(
            f"{axis.before - n or ''}:{n - axis.after or ''}" for axis, n in zip(self.axes, less, strict=True)
        )
        found = [f"{self._call(less)} gives {sizes}, and of it y[..., {cuts}] is the same"]
        equal = [next((one for one in axis.found if not one.more_after), None) for axis in self.settings]
        if not self.like and all(one is not None for one in equal):
            axes = tuple(
                describe(axis.input, axis.kernel, *(one[:2]), one[1], *one[2:4])
                for axis, one in zip(self.axes, equal, strict=True)
                if one is not None
            )
            other = replace(self, axes=axes).pytorch
            found += [f"{other} gives {show(axis.output for axis in axes)} itself"] if other else []
        return found

    @cached_property
    def even_instead(self) -> list[Offer]:
        """Where pixels get different numbers of products: settings of the same sizes that are even.

        For equal axes alone; those of the stride first.
        """
        pairs = {(axis.input, axis.output) for axis in self.axes}
        if self.is_even or len(pairs) > 1 or self.like:
            return []
        ((i, o),) = pairs
        return [one for one in offers(i, o, FREE, OFFERED) if one.even][:2]

    @property
    def spec(self) -> str:
        """The layer in the spec language."""
        return format_layer(layer_of(self.axes, self.channels, self.groups))

    @property
    def is_even(self) -> bool:
        """Whether every output pixel gets as many products, borders aside."""
        return all(axis.overlap.is_even for axis in self.axes)

    def phase_map(self) -> Array | None:
        """Products of each output phase, away from the borders: the outer product of the axes.

        None where there are too many phases to list.
        """
        if prod(axis.stride for axis in self.axes) > MAX_PHASES:
            return None
        counts = np.ones((), dtype=np.int64)
        for axis in self.axes:
            counts = np.multiply.outer(counts, np.asarray(axis.overlap.counts))
        return counts

    @property
    def has_inner(self) -> bool:
        """Whether every phase occurs away from the borders; else ``is_even`` is about larger inputs."""
        return all(len(axis.inner) >= axis.stride for axis in self.axes)

    @property
    def least(self) -> int:
        """Fewest products that an output pixel gets from one channel, away from the borders."""
        return prod(min(axis.overlap.counts) for axis in self.axes)

    @property
    def most(self) -> int:
        """Most products that an output pixel gets from one channel."""
        return prod(max(axis.overlap.counts) for axis in self.axes)

    def to_dict(self, *, grid: bool = False) -> dict[str, Any]:
        """The answer as JSON holds it; with ``grid`` the executed overlap of every pixel."""
        executed = self.executed
        result = record(
            self,
            input=[axis.input for axis in self.axes],
            output=[axis.output for axis in self.axes],
            solutions=[axis.found for axis in self.settings],
            pytorch_nearest=self.nearest_in_pytorch(),
            complete=all(axis.complete for axis in self.settings),
            checkerboard={
                "even": self.is_even,
                "phases": self.phase_map(),
                "least": self.least,
                "most": self.most,
                "away_from_borders": self.has_inner,
                "executed": None if executed is None else {"least": executed[0], "most": executed[1]},
            },
        )
        return result | ({"map": plain(self.overlap)} if grid else {})


@question
def solve_transposed(
    input: Any,
    output: Any = None,
    kernel: Any = None,
    *,
    stride: Any = None,
    padding: Any = None,
    output_padding: Any = None,
    dilation: Any = None,
    like: str | None = None,
    channels: tuple[int, int] | None = None,
    groups: int = 1,
    rank: int | None = None,
    max_dilation: int = MAX_DILATION,
) -> TransposedSolution:
    """The transposed convolution between two sizes, or the one that inverts a layer.

    Sizes and parameters are one number for all axes, or a tuple with one per axis. With ``output``
    every setting that gets there is found; those parameters that are given stay as they are.
    Without it the size follows from the parameters (stride 1, no padding unless given). With
    ``like`` the input is that of the convolution, and what is solved is the transposed convolution
    that leads from its output back to it.

    Args:
        input: size that goes in, in pixels.
        output: size that should leave.
        kernel: taps; where it is not given, the best that lead from size to size are offered, and the
            first of them taken.
        stride: pixels from input to input, where it is given.
        padding: pixels cropped on both sides, where it is given.
        output_padding: pixels added after, where it is given.
        dilation: pixels from tap to tap, where it is given.
        like: one convolution in the spec language.
        channels: in and out, for the costs; 1 and 1, or those of ``like``.
        groups: of channels.
        rank: number of axes where no tuple says it; 2.
        max_dilation: largest dilation that is tried, where none is given.

    Returns:
        settings, the equivalent convolution, overlap, costs and alternatives, executed.

    Raises:
        Unreachable: no transposed convolution does it, with the nearest sizes that one does.
        SpecError: ``like`` cannot be read.

    Source: Dumoulin & Visin 2016, relationships 8 to 14.
    """
    if like is not None:
        named = {"output": output, "kernel": kernel, "stride": stride, "padding": padding,
                 "output_padding": output_padding, "dilation": dilation}  # fmt: skip
        extra = [name for name, value in named.items() if value is not None]
        if extra:
            raise Unreachable(
                f"{extra[0].replace('_', ' ')} beside a layer to invert", expected="what the layer says"
            )
        return _finish(*inverse(like, input, channels, rank))
    if kernel is None and output is None:
        raise Unreachable(
            "a transposed convolution needs its kernel", expected="a kernel, best a multiple of the stride",
            nearest="kernel 4", field="kernel",
        )  # fmt: skip
    _, found = per_axis(
        {"input": input, "output": output, "kernel": kernel, "stride": stride, "padding": padding,
         "output_padding": output_padding, "dilation": dilation},
        _rank(rank, input, output, kernel, stride, padding, output_padding, dilation),
    )  # fmt: skip
    whole(max_dilation, "max_dilation", 1)
    axes: list[TransposedAxis] = []
    settings: list[Settings] = []
    offered: list[tuple[Offer, ...]] = []
    for i, o, k, s, p, extra_size, d in zip(*found.values(), strict=True):
        whole(i, "input", 1)
        if o is not None:
            whole(o, "output", 1)
        check_given(1 if k is None else k, Fixed(s, p, extra_size, d))
        if k is None:
            chosen = offers(i, o, Fixed(s, p, extra_size, d), OFFERED)
            if not chosen:
                raise Unreachable(
                    f"no transposed convolution of a usual kernel turns {i} into {o}",
                    expected="a kernel, best a multiple of the stride", field="kernel",
                )  # fmt: skip
            k = chosen[0].kernel
            offered.append(tuple(chosen))
            options = Settings((chosen[0].setting,), False)
        elif o is None:
            one = Setting(s or 1, p or 0, extra_size or 0, d or 1)
            check_given(k, Fixed(*one))
            options = Settings((one,), True)
        else:
            options = solve_axis(i, o, k, Fixed(s, p, extra_size, d), max_dilation)
        best = options.found[0]
        axes.append(
            describe(
                i,
                k,
                best.stride,
                best.padding,
                best.padding + best.more_after,
                best.output_padding,
                best.dilation,
            )
        )
        settings.append(options)
    return _finish(tuple(axes), tuple(settings), channels or (1, 1), groups, "", tuple(offered))


def _rank(rank: int | None, *values: Any) -> int | None:
    """The rank given, None where a tuple says it, else 2."""
    if rank is not None or any(isinstance(v, (tuple, list)) and len(v) > 1 for v in values):
        return rank
    return 2


def _finish(
    axes: tuple[TransposedAxis, ...],
    settings: tuple[Settings, ...],
    channels: tuple[int, int],
    groups: int,
    like: str,
    offered: tuple[tuple[Offer, ...], ...] = (),
) -> TransposedSolution:
    for n in channels:
        whole(n, "channels", 1)
    whole(groups, "groups", 1)
    counted = costs(axes, channels, groups)
    ways = alternatives(axes, channels, groups)
    short = [shortened(axis) for axis in axes]
    overlap, proven, executed = None, None, None
    if prod(axis.output * axis.kernel for axis in short) <= MAX_PRODUCTS:
        overlap = executed_overlap(short)
        proven = same_as_convolution(axes) and as_counted(axes, overlap)
        if not proven:
            raise AssertionError(f"execution contradicts what is said of {axes}")
        if max(axis.output for axis in axes) <= MAX_DRAWN:
            overlap = executed_overlap(axes)
        executed = executed_range(axes, short)
    return TransposedSolution(
        axes, settings, channels, groups, like, counted, ways, overlap, executed, proven, offered
    )

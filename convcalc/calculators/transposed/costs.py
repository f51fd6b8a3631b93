"""What a transposed convolution costs, counted three ways, and what else gives the same size."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, Final, NamedTuple

from convcalc.calculators.count.report import analyze
from convcalc.calculators.transposed.settings import TransposedAxis
from convcalc.dims import ceil_div
from convcalc.exporters.text import format_layer
from convcalc.graph import Graph
from convcalc.layers.values import joined, show
from convcalc.layers.windows.conv import Conv
from convcalc.layers.windows.transposed import ConvTranspose
from convcalc.layers.windows.window import effective
from convcalc.records import Record, record
from convcalc.spec import load

COUNTERS: Final = (
    ("PyTorch FlopCounterMode", "executed"),
    ("fvcore", "executed"),
    ("ptflops", "executed"),
    ("torchinfo", "naive"),
    ("thop", "naive"),
)
"""Which of the counts published counters print (measured on PyTorch 2.14, layers without bias)."""


@dataclass(frozen=True, slots=True)
class Costs(Record):
    """Multiply-accumulates of one sample, without bias.

    Attributes:
        params: weights.
        executed: every input position times the whole kernel: what implementations do.
        naive: every output position times the whole kernel: a dense convolution over the
            zero-inserted input.
        needed: without the products with inserted zeros, with padding, and those cropped away.
    """

    KEYS = "params executed_macs=executed naive_macs=naive needed_macs=needed"

    params: int
    executed: int
    naive: int
    needed: int

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON holds them, with who prints which."""
        counters = {name: getattr(self, kind) for name, kind in COUNTERS}
        return record(self, naive_over_executed=self.naive / self.executed, counters=counters)


class Alternative(NamedTuple):
    """Another way to the same output size.

    Attributes:
        name: of the way.
        spec: in the spec language; empty where it is not available.
        params, macs, flops: its counts for one sample, without bias.
        overlap: ``even`` or ``uneven``: whether every output pixel gets as many products with inputs;
            ``by index`` where that depends on the values.
        note: what to know, or why it is not available.
    """

    name: str
    spec: str
    params: int | None
    macs: int | None
    flops: int | None
    overlap: str
    note: str


def layer_of(axes: tuple[TransposedAxis, ...], channels: tuple[int, int], groups: int) -> ConvTranspose:
    """The layer, without bias."""
    return ConvTranspose(
        *channels,
        tuple(axis.kernel for axis in axes),
        tuple(axis.stride for axis in axes),
        tuple((axis.before, axis.after) for axis in axes),
        tuple(axis.output_padding for axis in axes),
        tuple(axis.dilation for axis in axes),
        groups,
        False,
    )


def equivalent_of(axes: tuple[TransposedAxis, ...], channels: tuple[int, int], groups: int) -> Conv:
    """The ordinary convolution over the zero-inserted input (its padding may be negative)."""
    return Conv(
        *channels,
        tuple(axis.kernel for axis in axes),
        (1,) * len(axes),
        tuple((axis.equivalent.before, axis.equivalent.after) for axis in axes),
        tuple(axis.dilation for axis in axes),
        groups,
        False,
        "zeros",
    )


def costs(axes: tuple[TransposedAxis, ...], channels: tuple[int, int], groups: int) -> Costs:
    """The three counts.

    Raises:
        DimensionError: the groups do not divide the channels.
    """
    layer = layer_of(axes, channels, groups)
    inputs = ((channels[0], *(axis.input for axis in axes)),)
    outputs = layer.output_shapes(inputs)
    stretched = ((channels[0], *(axis.equivalent.stretched for axis in axes)),)
    weight = layer.parameters(inputs)["weight"]
    return Costs(
        prod(weight),
        layer.macs(inputs, outputs),
        equivalent_of(axes, channels, groups).macs(stretched, outputs),
        layer.valid_macs(inputs, outputs),
    )


def alternatives(
    axes: tuple[TransposedAxis, ...], channels: tuple[int, int], groups: int = 1
) -> tuple[Alternative, ...]:
    """Ways to the same output size, with their costs.

    Convolutions after upsampling and unpooling have the same kernel; the one before a pixel shuffle
    has ``ceil(k_eff / factor)`` taps: where the stride divides the kernel, they hold as many weights
    and compute the same functions, up to a shift by the padding (Shi et al. 2016, Is the
    deconvolution layer the same as a convolutional layer?).
    """
    into, out = channels
    sizes = joined([axis.output for axis in axes])
    shape = show((into, *(axis.input for axis in axes)))
    kernel = joined([axis.kernel for axis in axes])
    group = f" g{groups}" if groups > 1 else ""
    conv = f"conv {out} k{kernel} p=same{group} bias=false"
    even = "even" if all(axis.overlap.is_even for axis in axes) else "uneven"
    layer = format_layer(layer_of(axes, channels, groups))
    rows = [
        _row("transposed", layer, shape, even, ""),
        _row("nearest, then convolution", f"upsample size={sizes} | {conv}", shape, "even", ""),
        _row(
            "linear, then convolution", f"upsample size={sizes} mode=linear | {conv}", shape, "even",
            {2: "bilinear", 3: "trilinear"}.get(len(axes), ""),
        ),
    ]  # fmt: skip
    factors = {axis.output // axis.input if axis.output % axis.input == 0 else 0 for axis in axes}
    factor = factors.pop() if len(factors) == 1 else 0
    if factor < 1:
        why = "needs the output to be the same multiple of the input on every axis"
        rows.append(Alternative("convolution, then pixel shuffle", "", None, None, None, "", why))
    else:
        small = joined([ceil_div(effective(axis.kernel, axis.dilation), factor) for axis in axes])
        spec = f"conv {out * factor ** len(axes)} k{small} p=same{group} bias=false | pixelshuffle {factor}"
        same = all(
            axis.kernel % factor == 0 and axis.stride == factor and axis.dilation == 1 for axis in axes
        )
        rows.append(
            _row("convolution, then pixel shuffle", spec, shape, "even",
                 "as many weights, and the same functions up to a shift" if same else "")
        )  # fmt: skip
    rows.append(_unpooled(axes, into, conv, sizes, factor))
    return tuple(rows)


def _row(name: str, spec: str, shape: str, overlap: str, note: str) -> Alternative:
    return _counted(name, spec, load(spec, input=shape), overlap, note)


def _counted(name: str, spec: str, graph: Graph, overlap: str, note: str) -> Alternative:
    totals = analyze(graph).totals
    return Alternative(name, spec, totals.params, totals.macs, totals.flops, overlap, note)


def _unpooled(axes: tuple[TransposedAxis, ...], into: int, conv: str, sizes: str, factor: int) -> Alternative:
    name = "unpooling, then convolution"
    if factor < 1:
        why = "needs a pool of the same factor on every axis"
        return Alternative(name, "", None, None, None, "", why)
    shape = show((into, *(axis.input for axis in axes)))
    unpool = f"unpool k{factor} size={sizes}"
    document = "\n".join(
        (
            "inputs:",
            f"  values: {shape}",
            f"  indices: {shape}",
            "layers:",
            f"  - {unpool} from=[values,indices]",
            f"  - {conv}",
        )
    )
    return _counted(
        name, f"{unpool} | {conv}", load(document), "by index", "takes the indices of a max-pool further up"
    )

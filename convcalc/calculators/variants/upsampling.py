"""The forms a transposed convolution may be replaced by, written in the spec language."""

from __future__ import annotations

from collections.abc import Iterator

from convcalc.calculators.variants.target import Form, Target, grouped, window
from convcalc.layers.values import joined
from convcalc.layers.windows.window import effective


def forms(t: Target, options: str) -> Iterator[Form]:
    """Every form of a transposed convolution, in the order of the table.

    Args:
        t: the layer; ``pads`` are what it crops.
        options: its kernel, stride, padding, output padding and dilation as the language writes them.
    """
    m, n, tail = t.channels, t.filters, t.tail
    head = f"convT {m}->{n} {options}"
    if t.groups > 1:
        yield Form("transposed", f"{head}{tail}", "Zeiler et al. 2010; Dumoulin & Visin 2016")
    yield from grouped(t, head, tail)
    if t.groups != m or n != m:
        yield Form(
            "depthwise, then 1x1",
            f"convT {m}->{m} {options} g{m}{tail} | conv {n} k1{tail}",
            "Howard et al. 2017, MobileNets; Wojna et al. 2017, section 2.2",
        )
    mid = n // t.reduce
    if mid:
        yield Form(
            "bottleneck",
            f"conv {m}->{mid} k1{tail} | relu | convT {mid} {options}{tail} | relu | conv {n} k1{tail}",
            "Chaurasia & Culurciello 2017, LinkNet",
        )
    yield from _resized(t)


def _resized(t: Target) -> Iterator[Form]:
    """Upsampling, then a convolution whose field is that of the transposed one; sub-pixel forms."""
    m, n, tail = t.channels, t.filters, t.tail
    ones = (1,) * len(t.kernel)
    seen = [-(-effective(k, d) // s) for k, d, s in zip(t.kernel, t.dilation, t.stride, strict=True)]
    whole = all(o == i * s for i, o, s in zip(t.sizes, t.outputs, t.stride, strict=True))
    if max(t.stride) > 1:
        kernel = tuple((s * (taps - 1) + 1) | 1 for taps, s in zip(seen, t.stride, strict=True))
        pads = tuple(((k - 1) // 2, (k - 1) // 2) for k in kernel)
        size = (
            f"scale={joined(t.stride)}" if whole and len(set(t.stride)) == 1 else f"size={joined(t.outputs)}"
        )
        for mode in ("nearest", "linear"):
            yield Form(
                f"{mode} upsampling, then convolution",
                f"upsample {size} mode={mode} | conv {m}->{n} {window(kernel, ones, pads, ones)}{tail}",
                "Odena et al. 2016, Deconvolution and checkerboard artifacts",
            )
        factor = t.stride[0]
        if whole and set(t.stride) == {factor}:
            kernel = tuple(taps | 1 for taps in seen)
            pads = tuple(((k - 1) // 2, (k - 1) // 2) for k in kernel)
            yield Form(
                "sub-pixel convolution",
                f"conv {m}->{n * factor ** len(t.kernel)} {window(kernel, ones, pads, ones)}{tail}"
                f" | pixelshuffle {factor}",
                "Shi et al. 2016, ESPCN",
            )
    else:
        flipped = [
            (effective(k, d) - 1 - before, o - i + before)
            for k, d, i, o, (before, _) in zip(t.kernel, t.dilation, t.sizes, t.outputs, t.pads, strict=True)
        ]
        if min(map(min, flipped)) >= 0:
            yield Form(
                "convolution",
                f"conv {m}->{n} {window(t.kernel, ones, tuple(flipped), t.dilation)}{tail}",
                "Dumoulin & Visin 2016, relationship 8",
            )

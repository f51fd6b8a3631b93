"""The forms a convolution may be replaced by, written in the spec language.

Each function takes a :class:`Target` and yields :class:`Form`; all keep the shapes that go in and come
out. A form whose conditions do not hold (groups that do not divide, a kernel without a centre) is not
yielded.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Final

from convcalc.calculators.variants.target import Form, Target, group_counts, grouped, window
from convcalc.layers.values import joined
from convcalc.layers.windows.window import effective


def dense(t: Target) -> Iterator[Form]:
    """The standard convolution, where the one given is none, and its grouped forms."""
    head = f"conv {t.channels}->{t.filters}"
    if t.groups > 1:
        yield Form("standard", f"{head} {t.window()}", "LeCun et al. 1989")
    yield from grouped(t, f"{head} {t.window()}")
    if t.filters % t.channels == 0 and t.channels > 1 and t.groups != t.channels:
        yield Form(
            "depthwise",
            f"dwconv {t.channels}->{t.filters} {t.window()}",
            "Sifre 2014; Howard et al. 2017, MobileNets",
            "channels do not mix",
        )


def separable(t: Target) -> Iterator[Form]:
    """Depthwise separable, in both orders."""
    m, n = t.channels, t.filters
    yield Form(
        "depthwise separable",
        f"dwconv {m}->{m} {t.window()} | conv {n} k1{t.tail}",
        "Sifre 2014; Howard et al. 2017, MobileNets",
    )
    yield Form(
        "pointwise, then depthwise",
        f"conv {m}->{n} k1{t.tail} | dwconv {n} {t.window()}",
        "Chollet 2017, Xception; Haase & Amthor 2020, BSConv-U",
    )


def bottlenecks(t: Target) -> Iterator[Form]:
    """Bottlenecks, narrow or wide in the middle, without the shortcut of the network around them."""
    m, n, tail = t.channels, t.filters, t.tail
    mid = n // t.reduce
    if mid >= 1:
        yield Form(
            "bottleneck",
            f"conv {m}->{mid} k1{tail} | relu | conv {mid} {t.window()} | relu | conv {n} k1{tail}",
            "He et al. 2016, ResNet, Figure 5",
        )
    if n % 64 == 0:
        half = n // 2
        yield Form(
            "bottleneck, 32 groups",
            f"conv {m}->{half} k1{tail} | relu | conv {half} {t.window()} g32 | relu | conv {n} k1{tail}",
            "Xie et al. 2017, ResNeXt, Figure 3",
        )
    wide = m * t.expand
    keeps = m == n and t.sizes == t.outputs and max(t.stride) == 1
    yield Form(
        "inverted residual",
        f"conv {m}->{wide} k1{tail} | relu6 | dwconv {wide} {t.window()} | relu6 | conv {n} k1{tail}"
        + (" | add with=input" if keeps else ""),
        "Sandler et al. 2018, MobileNetV2, Table 1",
        "" if keeps else "no shortcut: the shapes differ",
    )


def shuffled(t: Target) -> Iterator[Form]:
    """Grouped 1x1 convolutions with a channel shuffle between them."""
    m, n, mid = t.channels, t.filters, t.filters // 4
    for g in (2, 3, 4, 8):
        if mid and m % g == 0 and n % g == 0 and mid % g == 0:
            yield Form(
                f"shuffle unit, {g} groups",
                f"conv {m}->{mid} k1 g{g}{t.tail} | relu | shuffle {g} | dwconv {mid} {t.window()}"
                f" | conv {n} k1 g{g}{t.tail}",
                "Zhang et al. 2018, ShuffleNet, Figure 2",
            )


def fire(t: Target) -> Iterator[Form]:
    """Squeeze to an eighth of the output, expand with 1x1 beside the kernel, half each."""
    squeeze, left = t.filters // 8, t.filters // 2
    if squeeze and left:
        crop, point = t.sample()
        yield Form(
            "fire",
            f"conv {t.channels}->{squeeze} k1{t.tail} | relu id=squeeze | {crop}conv {left} {point} id=left"
            f" | conv {t.filters - left} {t.window()} from=squeeze id=right | concat from=[left,right]",
            "Iandola et al. 2016, SqueezeNet, section 3.2",
        )


def shifted(t: Target) -> Iterator[Form]:
    """Shift, with one 1x1 after it or one on both sides.

    The kernel must have a centre, and there must be a channel for each of its taps: fewer are not
    shifted at all (the channels that are left over stay where they are).
    """
    taps = prod(t.kernel)
    if any(k % 2 == 0 for k in t.kernel):
        return
    shift = _shift(t)
    crop, point = t.sample()
    source = "Wu et al. 2018, Shift"
    if t.channels >= taps:
        yield Form("shift, then 1x1", f"{shift} | {crop}conv {t.channels}->{t.filters} {point}", source)
    if t.filters >= taps:
        yield Form(
            "1x1, shift, 1x1",
            f"conv {t.channels}->{t.filters} k1{t.tail} | {shift} | {crop}conv {t.filters} {point}",
            f"{source}, Figure 3",
        )


def axiswise(t: Target) -> Iterator[Form]:
    """One convolution per axis; of a volume, one over space and one over time."""
    m, n = t.channels, t.filters
    if sum(k > 1 for k in t.kernel) < 2:
        return
    yield Form(
        "spatially separable",
        " | relu | ".join(_by_axis(t, "conv", n)),
        "Jaderberg et al. 2014; Szegedy et al. 2016, Inception v3, section 3.2",
    )
    yield Form(
        "separable, axis by axis",
        " | ".join([*_by_axis(t, "dwconv", m), f"conv {n} k1{t.tail}"]),
        "Freeman et al. 2018, EffNet",
    )
    if len(t.kernel) == 3 and t.kernel[0] > 1 and max(t.kernel[1:]) > 1:
        time, space = t.kernel[0], t.kernel[1] * t.kernel[2]
        mid = max(1, time * space * m * n // (space * m + time * n))
        yield Form(
            "(2+1)D",
            f"conv {m}->{mid} {t.window((1, 2))} | relu | conv {n} {t.window((0,))}",
            "Tran et al. 2018, R(2+1)D, section 3.5",
        )


MOST_STACKED: Final = 257
"""Largest kernel that is replaced by kernels of 3 one after the other."""


def stacked(t: Target, op: str = "conv") -> Iterator[Form]:
    """Kernels of 3 (and 2, for an even kernel) one after the other; the last one has the stride."""
    if not 3 < max(t.kernel) <= MOST_STACKED:
        return
    steps = [[3] * ((k - 1) // 2) + [2] * ((k - 1) % 2) for k in t.kernel]
    count = max(map(len, steps))
    kernels = [tuple(s[n] if n < len(s) else 1 for s in steps) for n in range(count)]
    reaches = [tuple(d * (k - 1) for d, k in zip(t.dilation, kernel, strict=True)) for kernel in kernels]
    shares = [_share(*axis) for axis in zip(t.sizes, t.pads, zip(*reaches, strict=True), strict=True)]
    stages = []
    for number, kernel in enumerate(kernels):
        pads = tuple(share[number] for share in shares)
        stride = t.stride if number == count - 1 else (1,) * len(kernel)
        dilation = tuple(d if k > 1 else 1 for d, k in zip(t.dilation, kernel, strict=True))
        head = f"{op} {t.channels}->{t.filters}" if number == 0 else f"{op} {t.filters}"
        stages.append(f"{head} {window(kernel, stride, pads, dilation)}{t.tail}")
    yield Form(
        f"{count} stacked kernels of 3" + (", depthwise" if op == "dwconv" else ""),
        " | relu | ".join(stages),
        "Simonyan & Zisserman 2015, VGG, section 2.3",
    )


def _share(size: int, pads: tuple[int, int], reaches: tuple[int, ...]) -> list[tuple[int, int]]:
    """Padding of one axis for layers in a row: half its reach for each, what is left for the last.

    Where that leaves nothing of the map on the way, the first has all of it.
    """
    left, shares = list(pads), []
    for number, reach in enumerate(reaches):
        last = number == len(reaches) - 1
        most = (left[0], left[1]) if last else (reach // 2, reach - reach // 2)
        share = (min(left[0], most[0]), min(left[1], most[1]))
        left = [left[0] - share[0], left[1] - share[1]]
        size += sum(share) - reach
        if size < 1:
            return [pads, *[(0, 0)] * (len(reaches) - 1)]
        shares.append(share)
    return shares


def dilated(t: Target, op: str = "conv") -> Iterator[Form]:
    """Smaller kernels spread over the same extent."""
    for small in (3, 5, 7):
        kernel, dilation = list(t.kernel), list(t.dilation)
        for axis, (k, d) in enumerate(zip(t.kernel, t.dilation, strict=True)):
            reach = d * (k - 1)
            if k > small and reach % (small - 1) == 0:
                kernel[axis], dilation[axis] = small, reach // (small - 1)
        if tuple(kernel) != t.kernel:
            yield Form(
                f"dilated, kernel {joined(tuple(kernel))}" + (", depthwise" if op == "dwconv" else ""),
                f"{op} {t.channels}->{t.filters} {t.window(kernel=tuple(kernel), dilation=tuple(dilation))}",
                "Yu & Koltun 2016, Dilated convolutions",
                "the field has holes",
            )


def depthwise(t: Target) -> Iterator[Form]:
    """What replaces a depthwise convolution and keeps its channels apart."""
    yield from stacked(t, "dwconv")
    yield from dilated(t, "dwconv")
    if sum(k > 1 for k in t.kernel) > 1:
        stages = " | ".join(_by_axis(t, "dwconv", t.filters))
        yield Form("depthwise, axis by axis", stages, "Freeman et al. 2018, EffNet")
    if (
        t.channels == t.filters >= prod(t.kernel)
        and t.sizes == t.outputs
        and max(t.stride) == 1
        and all(k % 2 for k in t.kernel)
    ):
        yield Form("shift", _shift(t), "Wu et al. 2018, Shift")


def _shift(t: Target) -> str:
    dilated = "" if set(t.dilation) == {1} else f" d{joined(t.dilation)}"
    return f"shift k{joined(t.kernel)}{dilated}"


def _by_axis(t: Target, op: str, filters: int) -> list[str]:
    """One convolution per axis whose kernel is longer than 1.

    An axis of kernel 1 goes with the first, for its stride and padding.
    """
    long = [a for a, k in enumerate(t.kernel) if k > 1]
    short = [a for a, k in enumerate(t.kernel) if k == 1]
    parts = [(long[0], *short), *((a,) for a in long[1:])]
    heads = [f"{op} {t.channels}->{filters}", *[f"{op} {filters}"] * (len(parts) - 1)]
    return [f"{head} {t.window(part)}" for head, part in zip(heads, parts, strict=True)]


def pointwise(t: Target) -> Iterator[Form]:
    """What replaces a 1x1 convolution: groups with a shuffle, or two factors of low rank."""
    m, n = t.channels, t.filters
    for g in group_counts(t):
        yield Form(
            f"grouped, {g} groups, shuffled",
            f"conv {m}->{n} {t.window()} g{g} | shuffle {g}",
            "Zhang et al. 2018, ShuffleNet",
        )
    rank = min(m, n) // t.reduce
    if rank:
        yield Form(
            "low rank",
            f"conv {m}->{rank} {t.window()} | conv {n} k1{t.tail}",
            "Denton et al. 2014, section 3.2",
        )


def strided(t: Target) -> Iterator[Form]:
    """Other ways to the smaller output of a stride: pooling, or pixels moved into channels."""
    m, n = t.channels, t.filters
    ones = (1,) * len(t.kernel)
    zeros = tuple((0, 0) for _ in t.kernel)
    extents = [effective(k, d) for k, d in zip(t.kernel, t.dilation, strict=True)]
    full = [i + sum(p) - e + 1 for i, p, e in zip(t.sizes, t.pads, extents, strict=True)]
    ceil = "" if all(f % s == 0 for f, s in zip(full, t.stride, strict=True)) else " ceil=true"
    yield Form(
        "convolution, then max pooling",
        f"conv {m}->{n} {t.window(stride=ones)} | maxpool {window(t.stride, t.stride, zeros, ones)}{ceil}",
        "LeCun et al. 1998; Springenberg et al. 2015 replaced it by the stride",
    )
    ceil = "" if all(i % s == 0 for i, s in zip(t.sizes, t.stride, strict=True)) else " ceil=true"
    pooled = [-(-i // s) for i, s in zip(t.sizes, t.stride, strict=True)]
    totals = [o - p + e - 1 for o, p, e in zip(t.outputs, pooled, extents, strict=True)]
    if min(totals) >= 0:
        pads = tuple((total // 2, total - total // 2) for total in totals)
        yield Form(
            "average pooling, then convolution",
            f"avgpool {window(t.stride, t.stride, zeros, ones)}{ceil}"
            f" | conv {m}->{n} {window(t.kernel, ones, pads, t.dilation)}{t.tail}",
            "He et al. 2019, Bag of tricks (ResNet-D)",
        )
    factor = t.stride[0]
    if set(t.stride) == {factor} and all(i % factor == 0 for i in t.sizes) and t.dilation == ones:
        kernel, around = [], []
        for i, o, k, (before, _) in zip(t.sizes, t.outputs, t.kernel, t.pads, strict=True):
            first = -(-before // factor)
            k2 = first + (k - 1 - before) // factor + 1
            kernel.append(k2)
            around.append((first, o - 1 + k2 - i // factor - first))
        if min(kernel) >= 1 and min(map(min, around)) >= 0:
            yield Form(
                "space to depth, then convolution",
                f"pixelunshuffle {factor} | conv {m * factor ** len(t.kernel)}->{n} "
                f"{window(tuple(kernel), ones, tuple(around), ones)}{t.tail}",
                "Shi et al. 2016, ESPCN (inverse); Sunkara & Luo 2022, SPD-Conv",
            )


def forms(t: Target) -> Iterator[Form]:
    """Every form of a convolution, in the order of the table."""
    yield from dense(t)
    if t.groups == t.channels > 1 and prod(t.kernel) > 1:
        yield from depthwise(t)
    if prod(t.kernel) == 1:
        yield from pointwise(t)
    else:
        yield from separable(t)
        yield from bottlenecks(t)
        yield from shuffled(t)
        yield from fire(t)
        yield from shifted(t)
        yield from axiswise(t)
        yield from stacked(t)
        yield from dilated(t)
    if max(t.stride) > 1:
        yield from strided(t)

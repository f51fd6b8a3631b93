"""The convolution to replace, and how the options of a form are written."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import NamedTuple

from convcalc.layers.values import joined, show
from convcalc.layers.windows.window import effective


class Form(NamedTuple):
    """One way to replace the layer.

    Attributes:
        name: what it is called.
        spec: the replacement in the spec language.
        source: where it was proposed.
        note: what a reader must know; may be empty.
    """

    name: str
    spec: str
    source: str
    note: str = ""


class Target(NamedTuple):
    """The convolution to replace, per axis.

    Attributes:
        sizes: what arrives.
        outputs: what leaves.
        kernel, stride, dilation: one number per axis.
        pads: (before, after) per axis.
        bias: whether there is one; every convolution of a replacement has one then.
        mode: padding mode.
        expand: width of the inverted residual, in multiples of the input.
        reduce: what a bottleneck divides the output channels by.
    """

    channels: int
    filters: int
    sizes: tuple[int, ...]
    outputs: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    groups: int
    bias: bool
    mode: str
    expand: int
    reduce: int

    @property
    def tail(self) -> str:
        """The last option of every convolution: ``bias=false`` where the layer has no bias."""
        return "" if self.bias else " bias=false"

    def window(self, axes: tuple[int, ...] | None = None, **other: tuple[int, ...]) -> str:
        """Kernel, stride, padding and dilation as options; only of some axes, 1 on the others."""
        chosen = range(len(self.kernel)) if axes is None else axes

        def only(values: tuple[int, ...], plain: int = 1) -> tuple[int, ...]:
            return tuple(v if a in chosen else plain for a, v in enumerate(values))

        text = window(
            only(other.get("kernel", self.kernel)),
            only(other.get("stride", self.stride)),
            tuple(p if a in chosen else (0, 0) for a, p in enumerate(self.pads)),
            only(other.get("dilation", self.dilation)),
        )
        mode = f" padding_mode={self.mode}" if self.mode != "zeros" and " p" in f" {text}" else ""
        return text + mode + self.tail

    def sample(self) -> tuple[str, str]:
        """A cropping stage (with its bar) and the options of a 1x1 convolution on the same grid.

        Output ``j`` of the convolution reads around ``j*s - before + (k_eff - 1) // 2``; the 1x1
        reads that position.
        """
        crops, pads = [], []
        for i, o, k, s, d, (before, _) in zip(
            self.sizes, self.outputs, self.kernel, self.stride, self.dilation, self.pads, strict=True
        ):
            # Where the window lies in the padding altogether, the nearest row of the input takes part.
            start = max(min((effective(k, d) - 1) // 2 - before, i - 1), 1 - o * s)
            left = i - start
            after = min(max(left, (o - 1) * s + 1), o * s) - left
            crops.append((max(start, 0), max(-after, 0)))
            pads.append((max(-start, 0), max(after, 0)))
        ones = (1,) * len(self.sizes)
        crop = "" if all(c == (0, 0) for c in crops) else f"crop amounts={sides(tuple(crops))} | "
        return crop, window(ones, self.stride, tuple(pads), ones) + self.tail


def sides(pads: tuple[tuple[int, int], ...]) -> str:
    """Padding as the language writes it: ``1``, ``0:1``, ``1x0:1``."""
    texts = [str(b) if b == a else f"{b}:{a}" for b, a in pads]
    return texts[0] if len(set(texts)) == 1 and ":" not in texts[0] else show(texts)


def window(
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> str:
    """Options of a sliding window, without those that are the default."""
    words = [f"k{joined(kernel)}"]
    if set(stride) != {1}:
        words.append(f"s{joined(stride)}")
    if set(pads) != {(0, 0)}:
        words.append(f"p{sides(pads)}")
    if set(dilation) != {1}:
        words.append(f"d{joined(dilation)}")
    return " ".join(words)


def group_counts(t: Target) -> list[int]:
    """Powers of two and ShuffleNet's 3 that divide both channel counts, without 1 and depthwise."""
    both = gcd(t.channels, t.filters)
    found = [g for g in (3, *(2**n for n in range(1, 13))) if both % g == 0 and g < t.channels]
    if not found and both > 1:
        found = [g for g in range(2, min(both, 4096) + 1) if both % g == 0 and g < t.channels][:1]
    return sorted(found)


def grouped(t: Target, head: str, tail: str = "") -> Iterator[Form]:
    """The same convolution in other numbers of groups.

    Args:
        t: the layer.
        head: the convolution in the spec language, but for its groups.
        tail: what follows the groups.
    """
    for g in group_counts(t):
        if g != t.groups:
            yield Form(
                f"grouped, {g} groups",
                f"{head} g{g}{tail}",
                "Krizhevsky et al. 2012, AlexNet; Xie et al. 2017, ResNeXt",
                "groups do not mix",
            )

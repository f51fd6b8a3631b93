"""Depthwise convolution: one product and one sum per tap, no matrix product."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Arith, Array
from convcalc.executor.call import at
from convcalc.executor.parallel import BLOCK_BYTES, each, scratch, spans
from convcalc.executor.windows import Pairs, pad, tap_slices, taps

CHANNELS_LAST_BELOW = 40
"""Rows shorter than this are computed with channels innermost, for longer inner loops."""


def depthwise(
    t: Arith,
    x: Array,
    weight: Array,
    bias: Array | None,
    layer: Any,
    pads: Pairs,
    out: tuple[int, ...],
    real: Array | None,
) -> Array:
    """Convolution of ``x (N, C, *spatial)`` with ``weight (C * multiplier, 1, *kernel)``.

    Each block of channels is padded, multiplied tap by tap and summed while it is in the cache.
    """
    n, channels = x.shape[:2]
    multiplier = len(weight) // channels
    last = multiplier == 1 and out[-1] < CHANNELS_LAST_BELOW and not x.dtype.hasobject
    form = _channels_last if last else _rows
    y = np.empty((n, channels, multiplier, *out), x.dtype)
    factors = weight.reshape(channels, multiplier, *weight.shape[2:])
    terms = None if bias is None else bias.reshape(channels, multiplier, *(1,) * len(out))

    def block(piece: tuple[int, slice]) -> None:
        i, c = piece
        total = y[i, c]
        form(t, x[i : i + 1, c], factors[c], total, layer, pads, real)
        if terms is not None:
            t.add(total, terms[c], out=total)

    step = max(1, BLOCK_BYTES // (multiplier * prod(out) * x.itemsize))
    each(block, product(range(n), spans(channels, step)), t.shared)
    return y.reshape(n, channels * multiplier, *out)


def _rows(
    t: Arith, x: Array, weight: Array, total: Array, layer: Any, pads: Pairs, real: Array | None
) -> None:
    """``x (1, c, *spatial)`` by ``weight (c, multiplier, *kernel)``, into ``(c, multiplier, *out)``."""
    padded = pad(x, pads, mode=layer.padding_mode)
    out = total.shape[2:]
    work = np.empty_like(total) if x.dtype.hasobject else scratch(total.size, x.dtype).reshape(total.shape)
    ones = (1,) * len(out)
    total[...] = 0
    for tap in taps(weight.shape[2:]):
        read = tap_slices(tap, out, layer.stride, layer.dilation)
        factor = weight[at(slice(None), slice(None), *tap)].reshape(*weight.shape[:2], *ones)
        mask = None if real is None else real[at(0, slice(None), *read)]
        t.products(factor, padded[at(0, slice(None), None, *read)], out=work, real=mask)
        t.accumulate(total, work)


def _channels_last(
    t: Arith, x: Array, weight: Array, total: Array, layer: Any, pads: Pairs, real: Array | None
) -> None:
    """The same with channels innermost: short rows would leave NumPy's inner loops too short."""
    channels, out = x.shape[1], total.shape[2:]
    if layer.padding_mode == "zeros":
        sizes = [b + n + a for n, (b, a) in zip(x.shape[2:], pads, strict=True)]
        inside = tuple(slice(b, b + n) for n, (b, _) in zip(x.shape[2:], pads, strict=True))
        last = np.zeros((*sizes, channels), x.dtype)
        last[inside] = np.moveaxis(x[0], 0, -1)
    else:
        last = np.ascontiguousarray(np.moveaxis(pad(x, pads, mode=layer.padding_mode)[0], 0, -1))
    factors = np.ascontiguousarray(np.moveaxis(weight[:, 0], 0, -1))
    sums = np.zeros((*out, channels), x.dtype)
    work = scratch(sums.size, x.dtype).reshape(sums.shape)
    for tap in taps(weight.shape[2:]):
        read = tap_slices(tap, out, layer.stride, layer.dilation)
        mask = None if real is None else real[at(0, 0, *read)][..., None]
        t.products(factors[tap], last[read], out=work, real=mask)
        t.accumulate(sums, work)
    total[:, 0] = np.moveaxis(sums, -1, 0)

"""Which taps meet the input: positions that no window reads, and weights that multiply no padding."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import gcd

from convcalc.budget import spend
from convcalc.dims import ceil_div
from convcalc.layers.windows.window import effective, output_size, valid_pairs


def unread_rows(i: int, k: int, s: int, d: int, before: int, o: int) -> int:
    """How many of ``i`` input positions no tap of any window meets.

    Tap ``t`` of window ``j`` reads position ``j*s + t*d - before``. Taps whose ``t`` differ by ``m =
    s/gcd(s, d)`` read the same residue modulo ``s``, other taps other residues. In units of ``s``, a
    residue is read in runs of ``o`` that begin ``d/gcd(s, d)`` apart, so that their union is counted
    without a look at the positions. Without dilation there are windows of ``k`` at distance ``s``.
    """
    if d == 1:
        return i - _union(i, -before, o, s, k)
    g = gcd(s, d)
    taps = min(s // g, k)
    spend(4 * taps)
    read = 0
    for t in range(taps):
        turns, residue = divmod(t * d - before, s)
        read += _union(ceil_div(i - residue, s), turns, ceil_div(k - t, s // g), d // g, o)
    return i - read


def _union(size: int, start: int, count: int, step: int, length: int) -> int:
    """How many of the indices 0 to ``size - 1`` lie in runs of a length that begin a step apart."""
    if length >= step:
        return max(0, min(size, start + (count - 1) * step + length) - max(0, start))

    def before(end: int) -> int:
        """Indices of runs that lie before an index."""
        whole, rest = divmod(max(0, end - start), step)
        return min(whole, count) * length + (min(rest, length) if whole < count else 0)

    return before(size) - before(0)


@lru_cache(maxsize=4096)
def _valid_taps(i: int, k: int, s: int, d: int, before: int, o: int) -> tuple[tuple[int, int], ...]:
    """Along one axis: how many of the ``o`` positions meet the input with how many taps."""
    # Windows that lie inside meet it with every tap; only those over a border are looked at.
    first = min(o, max(0, ceil_div(before, s)))
    stop = max(first, min(o, (i - effective(k, d) + before) // s + 1))
    spend(3 * (first + o - stop))
    found = Counter({k: stop - first} if stop > first else {})
    for border in (range(first), range(stop, o)):
        found.update(valid_pairs(i, k, s, d, before - j * s, 1) for j in border)
    return tuple(found.items())


def valid_weights(
    input: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
    output: tuple[int, ...],
) -> dict[int, int]:
    """How many output positions multiply how many weights with real input, not padding.

    Returns:
        weights to positions; the positions sum to the product of ``output``.

    Source: the observation is that of Chen et al. 2017 (DeepLabv3), figure 4.
    """
    found = {1: 1}
    for one in zip(input, kernel, stride, dilation, before, output, strict=True):
        joined: Counter[int] = Counter()
        along = _valid_taps(*one)
        spend(len(along) * len(found))
        for taps, positions in along:
            for weights, others in found.items():
                joined[taps * weights] += positions * others
        found = dict(sorted(joined.items()))
    return found


def valid_weights_of(
    input: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
) -> dict[int, int]:
    """:func:`valid_weights` of a convolution whose output sizes follow from its padding."""
    output = tuple(
        output_size(i, k, s, d, *pair, axis=axis)
        for axis, (i, k, s, d, pair) in enumerate(zip(input, kernel, stride, dilation, padding, strict=True))
    )
    return valid_weights(input, kernel, stride, dilation, tuple(pair[0] for pair in padding), output)

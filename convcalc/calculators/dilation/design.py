"""Which rates reach a wanted field without holes, at the least cost.

Exact and quick, because holes follow from the rates in ascending order alone. What one axis of a
run sees are the sums of one tap offset a layer, and the order of a sum does not matter. Sorted so
that ``r_1 <= r_2 <= ...``, with ``F_i`` the field of the first ``i`` layers, there are no holes if
and only if every ``r_{i+1} <= F_i``. If it holds, each layer sets copies of a gapless field side by
side or overlapping. If it fails first at ``i``, the offset ``F_i`` from the edge is out of reach:
the smaller rates end at ``F_i - 1``, and every other one steps over it. (Brown 1961 states this for
sums of distinct numbers, under the name of complete sequences.)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement, count, islice
from math import comb, gcd
from typing import NamedTuple

from convcalc.calculators.answers import Unreachable, whole

MAX_LAYERS = 200
MAX_CHOICES = 5000
"""Most layers of a design, and most sets of kernels that are tried."""
MAX_FIELDS = 1 << 18
"""Largest fields of parts of a sequence that a search remembers."""


class Design(NamedTuple):
    """One sequence, rates ascending.

    Attributes:
        kernels, rates: of every layer.
        field: what it reaches, in pixels.
        params: weights of all layers, for one channel in and one out: the sum of ``k**rank``.
    """

    kernels: tuple[int, ...]
    rates: tuple[int, ...]
    field: int
    params: int


def designs(
    reach: int,
    *,
    kernels: tuple[int, ...] = (3,),
    layers: int | None = None,
    max_rate: int | None = None,
    rank: int = 2,
    top: int = 10,
) -> list[Design]:
    """The cheapest hole-free sequences, best first.

    Ranked by layers, then weights, then by how little the field exceeds what is wanted, then by the
    largest rate.

    Args:
        reach: field wanted, in pixels.
        kernels: kernels to choose from, odd or even.
        layers: exactly so many; the fewest that reach it where not given.
        max_rate: largest rate allowed.
        rank: number of spatial axes, for the count of weights.
        top: how many sequences.

    Raises:
        Unreachable: no sequence does it.
    """
    whole(reach, "reach", 1)
    whole(top, "top", 1)
    for k in kernels:
        whole(k, "kernel", 1)
    if max_rate is not None:
        whole(max_rate, "max_rate", 1, "a rate is at least 1")
    if layers is not None:
        whole(layers, "layers", 1)
    largest = max(kernels)
    if largest == 1 and reach > 1:
        raise Unreachable(
            f"kernel 1 never reaches more than 1 pixel, not {reach}",
            expected="a kernel of 2 or more",
            nearest="kernel 3",
            field="kernel",
        )
    cap = max_rate or reach
    fewest = _fewest(reach, largest, cap)
    if layers is not None and layers < fewest:
        best = _largest(layers, largest, cap)
        limit = f" with rates up to {max_rate}" if max_rate is not None else ""
        raise Unreachable(
            f"{layers} layer{'s' * (layers != 1)} of kernel {largest}{limit} reach at most {best} pixels "
            f"without holes, not {reach}",
            expected=f"{fewest} layers or more, or a reach of {best} or less",
            nearest=f"layers {fewest}, or reach {best}",
            field="layers",
        )
    nearest = f"reach {_largest(MAX_LAYERS, largest, cap)}" if layers is None else None
    _check_effort(layers or fewest, len(set(kernels)), nearest)
    numbers = count(fewest) if layers is None else (layers,)
    found: list[Design] = []
    for number in numbers:
        found += islice(_of_length(number, reach, tuple(sorted(set(kernels))), cap, rank), top - len(found))
        # A layer more is never cheaper: one round of longer sequences is enough to fill up the list.
        if len(found) >= top or number > fewest:
            break
    return found


def widest(kernels: tuple[int, ...], cap: int) -> int:
    """The largest field without holes of layers of these kernels, with rates up to ``cap``."""
    return _Search(kernels, cap).highest


def exactly(field: int, kernels: tuple[int, ...], cap: int) -> Design | None:
    """Rates without holes, up to ``cap``, of just this field and the smallest largest rate; None if none."""
    search = _Search(kernels, cap)
    for rate in range(search.least_rate(field), cap + 1):
        if search.beyond(field, rate):
            break
        if search.may(field, rate):
            for ks, rs in search.find(field, rate):
                return Design(ks, rs, field, 0)
    return None


def _check_effort(layers: int, kernels: int, nearest: str | None) -> None:
    """Refuse a design of so many layers, or of so many kernels to choose from, that it would take too long.

    Raises:
        Unreachable: it is one.
    """
    choices = comb(layers + kernels - 1, layers)
    if layers > MAX_LAYERS or choices > MAX_CHOICES:
        raise Unreachable(
            f"it takes {layers} layers" + (f" from {choices} sets of kernels" if choices > 1 else ""),
            expected=f"at most {MAX_LAYERS} layers and {MAX_CHOICES} sets of kernels to try: a larger rate, "
            "fewer kernels or a smaller reach",
            nearest=nearest if layers > MAX_LAYERS else None,
            field="reach",
        )


def _fewest(reach: int, kernel: int, cap: int) -> int:
    """The fewest layers that reach a field without holes."""
    layers, field = 0, 1
    while field < reach:
        field, layers = field + (kernel - 1) * min(field, cap), layers + 1
    return max(layers, 1)


def _largest(layers: int, kernel: int, cap: int) -> int:
    """The largest field without holes of so many layers."""
    field = 1
    for _ in range(layers):
        field += (kernel - 1) * min(field, cap)
    return field


def _of_length(number: int, reach: int, kernels: tuple[int, ...], cap: int, rank: int) -> Iterator[Design]:
    chosen = list(combinations_with_replacement(kernels, number))
    by_weights: dict[int, list[tuple[int, ...]]] = {}
    for multiset in chosen:
        by_weights.setdefault(sum(k**rank for k in multiset), []).append(multiset)
    for weights in sorted(by_weights):
        searches = [_Search(multiset, cap) for multiset in by_weights[weights]]
        lowest = min(search.lowest for search in searches)
        highest = max(search.highest for search in searches)
        for field in range(max(reach, lowest), highest + 1):
            for rate in range(min(s.least_rate(field) for s in searches), cap + 1):
                able = [s for s in searches if s.may(field, rate)]
                if not able and all(s.beyond(field, rate) for s in searches):
                    break
                for search in able:
                    for ks, rs in search.find(field, rate):
                        yield Design(ks, rs, field, weights)


class _Search:
    """Every ascending sequence over one multiset of kernels."""

    def __init__(self, multiset: tuple[int, ...], cap: int) -> None:
        self.multiset = multiset
        self.cap = cap
        self.lowest = 1 + sum(k - 1 for k in multiset)
        self.narrowest = min((k - 1 for k in multiset if k > 1), default=1)
        self.step = 0
        for k in multiset:
            self.step = gcd(self.step, k - 1)
        self.most = lru_cache(MAX_FIELDS)(self._most)
        self.highest = self.most(1, multiset, cap)

    def _most(self, field: int, left: tuple[int, ...], cap: int) -> int:
        """Largest field that the kernels left over can still make."""
        if not left:
            return field
        kinds = sorted(set(left))
        return max(
            self.most(field + (k - 1) * min(field, cap), _without(left, k), cap)
            for k in (kinds if field > cap or len(kinds) > 1 else kinds[-1:])
        )

    def least_rate(self, field: int) -> int:
        """The least that the largest rate must be to reach the field; more than the cap where none does."""
        low, high = 1, self.cap + 1
        while low < high:
            middle = (low + high) // 2
            if self.most(1, self.multiset, middle) >= field:
                high = middle
            else:
                low = middle + 1
        return low

    def may(self, field: int, rate: int) -> bool:
        """Whether the field may be reached with this largest rate."""
        if self.step == 0:
            return field == 1 and rate == 1
        return (
            (field - 1) % self.step == 0
            and not self.beyond(field, rate)
            and (self.most(1, self.multiset, rate) >= field)
        )

    def beyond(self, field: int, rate: int) -> bool:
        """Whether so large a rate alone exceeds the field."""
        return self.lowest + (rate - 1) * self.narrowest > field

    def find(self, field: int, rate: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Sequences with exactly this field whose largest rate is exactly this."""
        yield from self._extend(1, self.multiset, (), (), field, rate)

    def _extend(
        self, now: int, left: tuple[int, ...], ks: tuple[int, ...], rs: tuple[int, ...], field: int, top: int
    ) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        if not left:
            if now == field:
                yield ks, rs
            return
        last, last_k = (rs[-1], ks[-1]) if rs else (1, 0)
        for k in sorted(set(left)):
            rest = _without(left, k)
            span = sum(other - 1 for other in rest)
            widest = max((other - 1 for other in rest), default=0)
            for rate in range(last if rest else top, min(now, top) + 1):
                if k == 1 and rate > 1:  # a single tap has no rate
                    break
                if rate == last and k < last_k:  # the same layers in another order
                    continue
                after = now + (k - 1) * rate
                # Every later rate is at least this one, and the last is the largest.
                if after + rate * span + (top - rate if widest else 0) > field:
                    break
                if self.most(after, rest, top) < field:
                    continue
                yield from self._extend(after, rest, (*ks, k), (*rs, rate), field, top)


def _without(items: tuple[int, ...], one: int) -> tuple[int, ...]:
    at = items.index(one)
    return items[:at] + items[at + 1 :]

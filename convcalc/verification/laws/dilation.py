"""Laws 7 to 9: dilation, its holes, and what is left of it at the size of the map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import gcd

import numpy as np

from convcalc.calculators.dilation.criterion import criterion
from convcalc.dims import symbol
from convcalc.executor import count, taint
from convcalc.spec import load
from convcalc.verification.laws.base import Case, Trial, built, law, random_weights, run, seen, shared, spread

LARGEST = 12
"""Rates of law 8 go from 1 to here."""


def _list(sizes: Sequence[int]) -> str:
    return f"({','.join(map(str, sizes))})"


def _dilated(t: Trial, case: Case, zeros: int) -> None:
    """A dilated kernel against a kernel with ``d - 1 + zeros`` zeros between its taps."""
    c, n, k, d = case.whole(1, 3), case.whole(1, 3), case.each(2, 4), case.each(1, 3)
    x = case.normal(
        2, c, *(case.whole(0, 4) + (ki - 1) * (di + zeros) + 1 for ki, di in zip(k, d, strict=True))
    )
    dilated = built(f"conv {n} k={_list(k)} d={_list(d)}", *x.shape[1:])
    weight, bias = random_weights(dilated, case.rng).values()
    holed = spread(weight, [di + zeros for di in d])
    full = run(f"conv {n} k={_list(holed.shape[2:])}", x, holed, bias)
    y = run(dilated, x, weight, bias)
    if zeros:  # the sizes differ too: compare what both have
        y, full = shared(y, full)
    t.equal("a dilated kernel is one with d - 1 zeros between its taps", y, full)


@law(
    7,
    "Dilation r equals a kernel with r - 1 zeros between its taps: effective kernel k + (k-1)(r-1), "
    "same-size padding r(k-1)/2, so r for k = 3.",
)
def dilated(t: Trial) -> None:
    for case in t.random_cases():
        _dilated(t, case, zeros=0)
        k, r = case.whole(1, 4), case.whole(1, 5)
        extent = k + (k - 1) * (r - 1)
        size = [case.whole(extent, extent + 3) for _ in range(case.rank)]
        t.count("the effective kernel (tainting)", seen(f"conv 1 k{k} d{r}", 1, *size), [extent] * case.rank)
        k = 2 * case.whole(0, 2) + 1
        x = case.normal(1, 2, *case.each(1, 9))
        padded = f"conv 2 k{k} d{r} p={r * (k - 1) // 2}"
        y = run(padded, x, *(weights := random_weights(built(padded, *x.shape[1:]), case.rng).values()))
        t.count("padding r(k-1)/2 keeps the size", y.shape, x.shape)
        t.equal("and is the padding that p=same finds", run(f"conv 2 k{k} d{r} p=same", x, *weights), y)
    h, k, r, j = map(symbol, "HKRJ")
    shape = load("conv N kK dR", input="MxH").nodes[-1].outputs[0]
    t.symbolic("the effective kernel", h - shape[1] + 1, k + (k - 1) * (r - 1))
    for kernel, padding in (("k3", r), ("k=2*J+1", r * j)):
        node = load(f"conv N {kernel} dR p=same", input="MxH").nodes[-1]
        t.symbolic("the size with p=same", node.outputs[0][1], h)
        for side in node.layer.pads((symbol("M"), h))[0]:  # type: ignore[attr-defined]
            t.symbolic("same-size padding", side, padding)


@dilated.broken("r zeros between the taps instead of r - 1")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _dilated(t, case, zeros=1)


@dilated.broken("padding r(k-1)/2 of an even kernel")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        x = case.normal(1, 1, *case.each(7, 9))
        spec = f"conv 1 k4 d3 p={3 * 3 // 2}"
        y = run(spec, x, *random_weights(built(spec, *x.shape[1:]), case.rng).values())
        t.count("padding r(k-1)/2 keeps the size", y.shape, x.shape)


def holes(rates: Sequence[int], rank: int = 1) -> int:
    """Pixels inside the field of 3x3 layers of these rates that do not reach the output, by tainting."""
    extent = 1 + 2 * sum(rates)
    graph = built(" | ".join(f"conv 1 k3 d{r}" for r in rates), 1, *(extent,) * rank)
    return int(np.count_nonzero(~taint(graph, [(0,) * rank])[0]))


def gapless(rates: Sequence[int]) -> bool:
    """Whether ascending rates never exceed the field of those before them: the exact condition.

    Layers whose field has no holes are copies of that field set ``r`` apart by the next one (Brown
    1961, on complete sequences); the order of the layers does not matter.
    """
    field = 1
    for r in sorted(rates):
        if r > field:
            return False
        field += 2 * r
    return True


def _common_factor(t: Trial, rates: Sequence[int], rank: int = 1) -> None:
    t.true("rates with a common factor leave holes", holes(rates, rank))


def _criterion(t: Trial, rates: Sequence[int], rank: int = 1) -> None:
    t.count("rates from 1 on with M2 <= K leave none", holes(rates, rank), 0)


@law(
    8,
    "Hybrid dilated convolution: rates with a common factor leave holes, rates that begin with 1 and have "
    "M2 <= K leave none; over all triples up to 12 the criterion alone differs from executed coverage.",
)
def hybrid(t: Trial) -> None:
    for known, published in (((1, 2, 5), 2), ((1, 2, 9), 5)):
        found = criterion((3, 3, 3), known).distances[-1].value
        t.count("M2 of the published [1, 2, 5] and [1, 2, 9]", found, published)
    passes, refuses = [], []
    for rates in product(range(1, LARGEST + 1), repeat=3):
        t.cases += 1
        left, met = holes(rates), bool(criterion((3, 3, 3), rates).no_holes)
        if gcd(*rates) > 1:
            t.true("rates with a common factor leave holes", left)
        if met and rates[0] == 1:
            t.count("rates from 1 on with M2 <= K leave none", left, 0)
        t.count(
            "no holes, exactly where no ascending rate exceeds the field before it", left == 0, gapless(rates)
        )
        if met and left:
            passes.append([*rates])
        elif not met and not left:
            refuses.append([*rates])
    for case in t.random_cases(4, ranks=(2, 3)):
        factor = case.whole(2, 3)
        _common_factor(t, [factor * case.whole(1, 2) for _ in range(3)], case.rank)
        _criterion(t, [(1, 2, 3), (1, 1, 4), (1, 2, 5), (1, 2, 2)][case.number % 4], case.rank)
    for case in t.random_cases(4, ranks=(1, 2)):
        # Coverage by values: where an impulse of positive weights arrives, tainting says it does.
        chosen = [case.whole(1, 4) for _ in range(3)]
        extent = 1 + 2 * sum(chosen)
        x = np.eye(extent**case.rank).reshape(-1, 1, *(extent,) * case.rank)
        spec = built(" | ".join(f"conv 1 k3 d{r} bias=false" for r in chosen), *x.shape[1:])
        y = run(spec, x, *(np.abs(w) + 0.1 for w in random_weights(spec, case.rng).values()))
        t.count("impulses that do not arrive", int(np.count_nonzero(y == 0)), holes(chosen, case.rank))
    t.extra["triples"] = LARGEST**3
    t.extra["disagreements"] = {
        "M2 <= K, yet holes": passes,
        "M2 > K, yet no holes": refuses,
    }
    t.extra["note"] = (
        f"kernels of 3, all {LARGEST**3} triples of rates 1 to {LARGEST}: the criterion M2 <= K passes "
        f"{len(passes)} that leave holes, each of which begins with a rate above 1, and refuses "
        f"{len(refuses)} that leave none"
    )
    t.true("what the criterion passes wrongly begins with a rate above 1", all(r[0] > 1 for r in passes))


@hybrid.broken("no common factor: [1, 2, 5], [1, 2, 3] and [2, 1, 2]")
def _(t: Trial) -> None:
    for rates in ((1, 2, 5), (1, 2, 3), (2, 1, 2)):
        _common_factor(t, rates)


@hybrid.broken("M2 above K: [1, 2, 9]")
def _(t: Trial) -> None:
    for rank in (1, 2):
        _criterion(t, (1, 2, 9), rank)


@hybrid.broken("M2 <= K, but the first rate is 2: [2, 2, 3]")
def _(t: Trial) -> None:
    _criterion(t, (2, 2, 3))


def _degenerate(t: Trial, case: Case, short: int) -> None:
    """A 3x3 filter at a rate of the largest side of the map, less so many."""
    c, n = case.whole(1, 3), case.whole(1, 3)
    x = case.normal(2, c, *case.each(3, 6))
    rate = max(x.shape[2:]) - short
    atrous = built(f"conv {n} k3 d{rate} p{rate}", *x.shape[1:])
    weight, bias = random_weights(atrous, case.rng).values()
    centre = weight[(slice(None), slice(None), *(slice(1, 2),) * case.rank)]
    t.equal("at the size of the map it is the 1x1 of its centre", run(atrous, x, weight, bias),
            run(f"conv {n} k1", x, centre, bias))  # fmt: skip


@law(
    9,
    "An atrous 3x3 filter with rate at the map size acts as 1x1: only its centre weight is ever valid.",
)
def degenerate(t: Trial) -> None:
    for case in t.random_cases():
        _degenerate(t, case, short=0)
        sizes, rate = case.each(3, 6), case.whole(1, 7)
        graph = built(f"conv 1 k3 d{rate} p{rate} bias=false", 1, *sizes)
        by_hand = int(np.prod([n + 2 * max(n - rate, 0) for n in sizes]))
        t.count("valid weights, an axis n + 2 max(n - r, 0)", count(graph).total("valid_macs"), by_hand)
        rate = max(sizes)
        graph = built(f"conv 1 k3 d{rate} p{rate} bias=false", 1, *sizes)
        t.count("valid weights at the size of the map: one a position",
                count(graph).total("valid_macs"), int(np.prod(sizes)))  # fmt: skip
    shares = {}
    for rate in (1, 16, 32, 48, 64, 65):
        found = count(built(f"conv 1 k3 d{rate} p{rate} bias=false", 1, 65, 65)).total("valid_macs")
        shares[str(rate)] = round(found / 65**2, 4)
    t.extra["valid weights a position, 3x3 on 65x65, by rate"] = shares


@degenerate.broken("a rate one below the map size")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _degenerate(t, case, short=1)


LAWS = (dilated, hybrid, degenerate)

"""Laws 14 and 15: what only moves values, shift and unpooling."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convcalc.calculators.count.report import analyze
from convcalc.dims import symbol
from convcalc.executor import count, execute
from convcalc.spec import load
from convcalc.verification.laws.base import Array, Case, Trial, built, by, law, macs, params, run


def _list(sizes: tuple[int, ...]) -> str:
    return f"({','.join(map(str, sizes))})"


def one_hot(channels: int, kernel: tuple[int, ...]) -> Array:
    """The depthwise weights (C, 1, *kernel) of a shift: ``C // prod(k)`` channels a tap, then the centre."""
    weight = np.zeros((channels, 1, *kernel))
    share = channels // prod(kernel)
    taps = [tap for tap in product(*map(range, kernel)) for _ in range(share)]
    taps += [tuple(k // 2 for k in kernel)] * (channels - len(taps))
    for channel, tap in enumerate(taps):
        weight[(channel, 0, *tap)] = 1.0
    return weight


def _shift(t: Trial, case: Case) -> None:
    kernel = (
        tuple(2 * case.whole(0, 1) + 1 for _ in range(case.rank)) if case.number % 2 else (3,) * case.rank
    )
    d = case.each(1, 2)
    c = prod(kernel) * case.whole(1, 2) + case.whole(0, 3)
    x = case.normal(2, c, *case.each(3, 6))
    weight = one_hot(c, kernel)
    window = f"k={_list(kernel)} d={_list(d)}"
    same = f"p={_list(tuple(di * (k // 2) for k, di in zip(kernel, d, strict=True)))}"
    shifted = run(f"shift {window}", x)
    t.equal("shift is a depthwise convolution with one-hot kernels", shifted,
            run(f"dwconv {window} {same} bias=false", x, weight))  # fmt: skip
    n = case.whole(1, 4)
    mix, bias = case.normal(n, c, *(1,) * case.rank), case.normal(n)
    t.equal("shift and 1x1 are a convolution with one tap a channel", run(f"conv {n} k1", shifted, mix, bias),
            run(f"conv {n} {window} {same}", x, mix * weight[:, 0], bias))  # fmt: skip


@law(
    14,
    "Shift is a depthwise convolution with one-hot kernels: no parameters, no MACs; shift + 1x1 equals a "
    "convolution with one tap a channel.",
)
def shift(t: Trial) -> None:
    for case in t.random_cases():
        _shift(t, case)
        graph = built("shift k3", case.whole(1, 30), *case.each(2, 5))
        formula, executed = analyze(graph).totals, count(graph)
        t.count(
            "parameters and operations of a shift", (formula.params, formula.macs, formula.flops), (0, 0, 0)
        )
        t.count("those executed", [executed.total(what) for what in ("params", "macs", "flops")], [0, 0, 0])
        # The block: two 1x1 convolutions cost the same with the shift between them and without.
        c, n, size = case.whole(1, 20), case.whole(1, 5), case.each(2, 5)
        two = f"conv {c} k1 | %s conv {n} k1"
        t.count(
            "MACs that a shift adds between two 1x1",
            macs(two % "shift |", 3, *size),
            macs(two % "", 3, *size),
        )
    block = load("conv E k1 bias=false | shift k3 | conv N k1 bias=false", input="MxHxW")
    e, n, m = map(symbol, "ENM")
    t.symbolic("parameters of 1x1, shift, 1x1", params(block), e * (m + n))


@shift.broken("a kernel with two taps")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        c = 3**case.rank + 1
        x = case.normal(1, c, *case.each(3, 5))
        weight = one_hot(c, (3,) * case.rank)
        weight[(0, 0, *(1,) * case.rank)] = 1.0
        t.equal("shift is a depthwise convolution with one-hot kernels", run("shift k3", x),
                run("dwconv k3 p1 bias=false", x, weight))  # fmt: skip


@shift.broken("a full 3x3 kernel instead of one tap a channel")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        c, n = 3**case.rank, 2
        x, kernel = case.normal(1, c, *case.each(3, 5)), case.normal(n, c, *(3,) * case.rank)
        # The best one tap of each channel is kept.
        best = np.abs(kernel).sum(axis=0).reshape(c, -1).argmax(axis=1)
        mask = np.eye(3**case.rank)[best].reshape(c, *kernel.shape[2:])
        t.equal("shift and 1x1 are a convolution with one tap a channel",
                run(f"conv {n} k3 p1 bias=false", x, kernel * mask),
                run(f"conv {n} k3 p1 bias=false", x, kernel))  # fmt: skip


ROUND_TRIP = """
inputs: {{x: {x}, y: {y}}}
outputs: {{unpooled: back, again: again, own: own}}
layers:
  - maxpool {window} from=x id=pool
  - unpool {window} from=[y,pool.indices] {size} id=back
  - maxpool {window} id=again
  - unpool {window} from=[pool,pool.indices] {size} id=own
"""


def _unpool(t: Trial, case: Case, sign: float, overlap: bool = False) -> None:
    """Values of any kind, put where another map has its maxima, and pooled."""
    k = case.each(2, 3)
    x = case.normal(2, 2, *(2 * ki * case.whole(1, 2) for ki in k))
    stride = tuple(ki - 1 for ki in k) if overlap else k
    if overlap:  # a maximum that two windows share
        x[(slice(None), slice(None), k[0] - 1, *(0,) * (case.rank - 1))] = 10.0
    out = [(n - ki) // s + 1 for n, ki, s in zip(x.shape[2:], k, stride, strict=True)]
    y = sign * (case.rng.random((2, 2, *out)) + 0.1)
    window = f"k={_list(k)} s={_list(stride)}"
    text = ROUND_TRIP.format(
        x=by(x.shape[1:]), y=by(y.shape[1:]), window=window, size=f"size={_list(x.shape[2:])}"
    )
    found = execute(load(text), {"x": x, "y": y})
    t.equal("pooling undoes unpooling, whatever the values", found["again"], y)
    if sign < 0 or overlap:
        return
    support = found["unpooled"] != 0
    t.count("one position a window", int(support.sum()), y.size)
    t.equal(
        "unpooling what was pooled gives the maxima where they stood", found["own"], np.where(support, x, 0.0)
    )


@law(
    15,
    "Unpooling with indices is a right inverse of max-pooling on its support, has nothing to learn, and "
    "differs from transposed convolution, which has.",
)
def unpool(t: Trial) -> None:
    for case in t.random_cases():
        _unpool(t, case, 1.0)
        c, k, size = case.whole(1, 4), case.whole(2, 3), case.each(1, 3)
        pair = f"maxpool k{k} s{k} id=pool | unpool k{k} s{k} with=pool.indices"
        big = [k * n for n in size]
        t.count("parameters that unpooling reads", count(built(pair, c, *big)).total("params"), 0)
        t.count("parameters that a transposed convolution reads",
                count(built(f"convT {c} k{k} s{k}", c, *size)).total("params"),
                c * c * k**case.rank + c)  # fmt: skip
        # The same values from other places: unpooling tells them apart, a transposed convolution cannot.
        x = case.rng.random((1, c, *big)) + 0.1
        other = x.reshape(1, c, *(part for n in size for part in (n, k)))
        within = tuple(3 + 2 * a for a in range(case.rank))
        other = np.roll(other, 1, axis=within).reshape(x.shape)  # every window moves on in itself
        weight = case.normal(c, c, *(k,) * case.rank)
        learned = f"maxpool k{k} s{k} | convT {c} k{k} s{k} bias=false"
        t.equal("a transposed convolution gives the same for the same maxima",
                run(learned, x, weight), run(learned, other, weight))  # fmt: skip
        t.true("unpooling puts them where they stood", (run(pair, x) != run(pair, other)).any())
    n, m, k = map(symbol, "NMK")
    t.symbolic(
        "weights of a transposed convolution",
        params(load("convT N kK bias=false", input="MxHxW")),
        m * n * k**2,
    )
    unpooled = load("maxpool k2 s2 id=pool | unpool k2 s2 with=pool.indices", input="MxHxW")
    t.symbolic("parameters of unpooling", params(unpooled), 0)


@unpool.broken("values below zero: the zeros around them win")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _unpool(t, case, -1.0)


@unpool.broken("windows that overlap")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _unpool(t, case, 1.0, overlap=True)


LAWS = (shift, unpool)

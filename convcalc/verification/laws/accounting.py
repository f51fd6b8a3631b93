"""Laws 20 to 22: how many outputs there are, what a FLOP is, and what bounds the time."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from convcalc.calculators.count.report import analyze
from convcalc.calculators.explain.topics import moved
from convcalc.dims import floor_div, symbol
from convcalc.executor import count
from convcalc.spec import load
from convcalc.verification.laws.base import (
    Array,
    Case,
    Trial,
    built,
    law,
    macs,
    params,
    random_weights,
    run,
    touched,
)


def _listed(sizes: tuple[int, ...]) -> str:
    return f"({','.join(map(str, sizes))})"


def windows(i: int, k: int, s: int, d: int, p: int) -> int:
    """How many windows stand on an axis: every start from the padding on, for as long as all taps fit."""
    starts = range(-p, i + p, s)
    return sum(all(-p <= start + t * d < i + p for t in range(k)) for start in starts)


def _sized(t: Trial, case: Case) -> None:
    k, s, d, p = case.each(1, 4), case.each(1, 3), case.each(1, 3), case.each(1, 3)
    x = case.normal(1, 2, *(case.whole(1, 4) + (ki - 1) * di for ki, di in zip(k, d, strict=True)))
    spec = f"conv 3 k={_listed(k)} s={_listed(s)} d={_listed(d)} p={_listed(p)}"
    graph = built(spec, *x.shape[1:])
    axes = list(zip(x.shape[2:], k, s, d, p, strict=True))
    executed = run(graph, x, *random_weights(graph, case.rng).values()).shape[2:]
    by_formula = [(i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, d, p in axes]
    t.count("outputs are floor((H + 2P - D(K-1) - 1)/S) + 1", list(executed), by_formula)
    t.count("that is as many as windows fit", list(executed), [windows(*axis) for axis in axes])
    t.count("and the size by the formulas of the layer", list(graph.nodes[-1].outputs[0][1:]), by_formula)


@law(
    20,
    "A convolution has as many outputs as windows fit, floor((H + 2P - D(K-1) - 1)/S) + 1 along each axis; "
    "at stride 1 padding D(K-1)/2 keeps the size.",
)
def sized(t: Trial) -> None:
    for case in t.random_cases():
        _sized(t, case)
        k, d = 2 * case.whole(0, 2) + 1, case.whole(1, 3)
        x = case.normal(1, 2, *case.each(1, 6))
        graph = built(f"conv 2 k{k} d{d} p={d * (k - 1) // 2}", *x.shape[1:])
        y = run(graph, x, *random_weights(graph, case.rng).values())
        t.count("padding D(K-1)/2 keeps the size", y.shape, x.shape)
    h, k, s, p, d = map(symbol, "HKSPD")
    size = load("conv N kK sS pP dD", input="MxH").nodes[-1].outputs[0][1]
    t.symbolic("the size in the order of textbooks", size, floor_div(h + 2 * p - d * (k - 1) - 1, s) + 1)


@sized.broken("padding counted on one side")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        k, s, d, p = case.whole(1, 4), case.whole(1, 3), case.whole(1, 3), case.whole(1, 3) * 6
        x = case.normal(1, 1, *(case.whole(4, 6) + (k - 1) * d for _ in range(case.rank)))
        graph = built(f"conv 1 k{k} s{s} d{d} p{p}", *x.shape[1:])
        executed = run(graph, x, *random_weights(graph, case.rng).values()).shape[2:]
        t.count("outputs are floor((H + 2P - D(K-1) - 1)/S) + 1", list(executed),
                [(i + p - d * (k - 1) - 1) // s + 1 for i in x.shape[2:]])  # fmt: skip


@sized.broken("padding D(K-1)/2, rounded down, of an even kernel")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        x = case.normal(1, 1, *case.each(4, 6))
        graph = built("conv 1 k4 d3 p4", *x.shape[1:])
        y = run(graph, x, *random_weights(graph, case.rng).values())
        t.count("padding D(K-1)/2 keeps the size", y.shape, x.shape)


class Tally:
    """Counts of the scalar operations of a sum of products."""

    def __init__(self) -> None:
        self.products = self.sums = 0

    def dot(self, weights: Array, values: Array) -> float:
        """The sum of products, one scalar operation after another."""
        total = 0.0
        for number, (w, v) in enumerate(zip(weights.ravel(), values.ravel(), strict=True)):
            term = float(w) * float(v)
            self.products += 1
            if number:
                total += term
                self.sums += 1
            else:
                total = term
        return total

    def add(self, total: float, bias: float) -> float:
        """A sum with a bias."""
        self.sums += 1
        return total + bias


def scalar(x: Array, weight: Array, bias: Array | None, tally: Tally) -> Array:
    """A convolution (stride 1, no padding) of ``x (C, ...)``, scalar by scalar."""
    sizes = [n - k + 1 for n, k in zip(x.shape[1:], weight.shape[2:], strict=True)]
    y = np.zeros((len(weight), *sizes))
    for o, *place in product(*map(range, y.shape)):
        window = tuple(slice(a, a + k) for a, k in zip(place, weight.shape[2:], strict=True))
        total = tally.dot(weight[o], x[(slice(None), *window)])
        y[(o, *place)] = total if bias is None else tally.add(total, float(bias[o]))
    return y


def _doubled(t: Trial, case: Case, bias: bool) -> None:
    m, n, k = case.whole(1, 3), case.whole(1, 3), case.whole(1, 2)
    x = case.normal(1, m, *case.each(2, 4))
    graph = built(f"conv {n} k{k} bias={str(bias).lower()}", *x.shape[1:])
    weights = list(random_weights(graph, case.rng).values())
    tally = Tally()
    y = scalar(x[0], weights[0], weights[1] if bias else None, tally)
    t.equal("scalar by scalar it is the convolution", y, run(graph, x, *weights)[0])
    report = analyze(graph).totals
    outputs = y.size
    t.count("multiplications are the MACs", tally.products, report.macs)
    t.count("executed MACs are the MACs", count(graph).total("macs"), report.macs)
    t.count("additions are the MACs, less one for each output without bias", tally.sums,
            report.macs - (0 if bias else outputs))  # fmt: skip
    t.count("FLOPs are 2 MACs, and the biases", report.flops, 2 * tally.products + bias * outputs)


@law(
    21,
    "A MAC is a multiplication and an addition: FLOPs = 2 MACs, and one for each output with a bias; "
    "executed one by one, additions are one less per output than multiplications, or as many with a bias.",
)
def doubled(t: Trial) -> None:
    for case in t.random_cases():
        _doubled(t, case, bias=bool(case.number % 2))
    graph = load("conv N kK bias=false", input="MxHxW")
    t.symbolic("FLOPs without bias", analyze(graph).totals.flops, 2 * macs(graph))
    graph = load("conv N kK", input="MxHxW")
    outputs = prod(graph.nodes[-1].outputs[0])
    t.symbolic("FLOPs with bias", analyze(graph).totals.flops, 2 * macs(graph) + outputs)


@doubled.broken("as many additions as multiplications, without a bias")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        tally, kernel = Tally(), (2,) * case.rank
        scalar(case.normal(2, *case.each(2, 4)), case.normal(3, 2, *kernel), None, tally)
        t.count("additions are the MACs, less one for each output without bias", tally.sums, tally.products)


@doubled.broken("FLOPs are MACs")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        graph = built(f"conv {case.whole(1, 4)} k2 bias=false", 2, *case.each(3, 5))
        t.count("FLOPs are 2 MACs, and the biases", analyze(graph).totals.flops, count(graph).total("macs"))


def pipelined(loads: list[int], works: list[int], bandwidth: int, peak: int) -> float:
    """Time of a machine that loads one tile while it works on those before it, with room for all."""
    loaded = done = 0.0
    for load_, work in zip(loads, works, strict=True):
        loaded += load_ / bandwidth
        done = max(loaded, done) + work / peak
    return done


def parted(total: int, parts: int, case: Case) -> list[int]:
    """A number as a sum of so many, at random."""
    cuts = sorted(case.whole(0, total) for _ in range(parts - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]


def _bounded(t: Trial, case: Case, spec: str, memories: int) -> None:
    graph = built(spec, case.whole(2, 6), *case.each(3, 6))
    flops, moves = count(graph).total("flops"), 4 * touched(graph)
    peak, bandwidth = case.whole(1, 50), case.whole(1, 50)
    if memories > 1:
        peak = 10**6  # bound by memory
    parts = case.whole(1, 9)
    time = pipelined(parted(moves, parts, case), parted(flops, parts, case), memories * bandwidth, peak)
    bound = max(flops / peak, moves / bandwidth)
    t.true("no order of loads and work is faster than max(F/peak, B/bandwidth)", time >= bound * (1 - 1e-12))
    if memories == 1:
        slowest = flops / peak + moves / bandwidth
        t.true("and none of these is slower than one after the other", time <= slowest * (1 + 1e-12))


def _intensity(t: Trial, case: Case, spec: str, size: tuple[int, ...]) -> None:
    graph = built(spec, *size)
    taps = 3**case.rank
    products, moves = count(graph).total("macs"), touched(graph)
    t.count("numbers that move, by formula and by execution", moved(graph), moves)
    # 2 FLOPs a MAC, 4 bytes a number: (2 macs)/(4 moves) < taps/4
    t.true("a depthwise layer has fewer than K^r/4 FLOPs per byte", 2 * products < taps * moves)


@law(
    22,
    "Roofline: no schedule is faster than max(FLOPs/peak, bytes/bandwidth); a depthwise layer has fewer than "
    "K^2/4 FLOPs per byte (float32) however large it is, a 1x1 moves 2(1/M + 1/N + 1/(HW)) bytes per FLOP.",
)
def bounded(t: Trial) -> None:
    for case in t.random_cases():
        n = case.whole(1, 8)
        for spec in (f"conv {n} k3 p1 bias=false", "dwconv k3 p1 bias=false", f"conv {n} k1 bias=false"):
            _bounded(t, case, spec, memories=1)
        _intensity(t, case, "dwconv k3 p1 bias=false", (case.whole(1, 8), *case.each(1, 9)))
        m, size = case.whole(1, 8), case.each(1, 6)
        graph, places = built(f"conv {n} k1 bias=false", m, *size), prod(size)
        # bytes/FLOPs = 4 moves/(2 macs) = 2(1/M + 1/N + 1/(HW)), without fractions
        t.count("bytes per FLOP of a 1x1 are 2(1/M + 1/N + 1/(HW))", touched(graph) * m * n * places,
                (n * places + m * places + m * n) * count(graph).total("macs"))  # fmt: skip
    m, n, h, w = map(symbol, "MNHW")
    graph = load("conv N k1 bias=false", input="MxHxW")
    t.symbolic("bytes per FLOP of a 1x1", 4 * moved(graph) / (2 * macs(graph)),
               2 / m + 2 / n + 2 / (h * w))  # fmt: skip
    graph = load("conv N kK p=same bias=false", input="MxHxW")
    t.symbolic("numbers that move", moved(graph), h * w * (m + n) + params(graph))


@bounded.broken("two memories at once, where memory decides")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _bounded(t, case, "dwconv k3 p1 bias=false", memories=2)


@bounded.broken("a standard convolution of many channels in the place of a depthwise one")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        graph = built("conv 8 k3 p1 bias=false", 8, *case.each(6, 8))
        taps = 3**case.rank
        t.true("a depthwise layer has fewer than K^r/4 FLOPs per byte",
               2 * count(graph).total("macs") < taps * touched(graph))  # fmt: skip


LAWS = (sized, doubled, bounded)

"""Laws 1 to 3: grouped and depthwise convolution, and the shuffle between groups."""

from __future__ import annotations

import numpy as np

from convcalc.dims import symbol
from convcalc.executor import count, taint
from convcalc.spec import load
from convcalc.verification.laws.base import (
    Array,
    Case,
    Trial,
    built,
    by,
    law,
    macs,
    params,
    random_weights,
    run,
)

# Grouped layers of AlexNet (Krizhevsky et al. 2012, Figure 2): channels in, out, kernel, padding, map.
ALEXNET = {"conv2": (96, 256, 5, 2, 27), "conv4": (384, 384, 3, 1, 13), "conv5": (384, 256, 3, 1, 13)}


def _window(case: Case) -> str:
    """A random window: kernel, stride, padding and dilation per axis."""
    return (
        f"k={_list(case.each(1, 3))} s={_list(case.each(1, 2))} "
        f"p={_list(case.each(0, 2))} d={_list(case.each(1, 2))}"
    )


def _list(sizes: tuple[int, ...]) -> str:
    return f"({','.join(map(str, sizes))})"


def block_diagonal(grouped: Array, groups: int) -> Array:
    """The weights (O, I, *kernel) of the full convolution that a grouped one (O, I/g, *kernel) is."""
    out, narrow = grouped.shape[:2]
    full = np.zeros((out, narrow * groups, *grouped.shape[2:]))
    for g in range(groups):
        rows = slice(g * out // groups, (g + 1) * out // groups)
        full[rows, g * narrow : (g + 1) * narrow] = grouped[rows]
    return full


def _grouped(t: Trial, case: Case, stray: float) -> None:
    g, a, b = case.whole(2, 4), case.whole(1, 3), case.whole(1, 3)
    window = _window(case)
    x = case.normal(2, g * a, *case.each(6, 9))
    split = built(f"conv {g * b} g{g} {window}", *x.shape[1:])
    full = built(f"conv {g * b} {window}", *x.shape[1:])
    weights = random_weights(split, case.rng)
    dense = block_diagonal(weights["conv1.weight"], g)
    if stray:
        dense[0, -1] += stray
    y = run(full, x, dense, weights["conv1.bias"])
    t.equal(
        "a grouped convolution is the full one with block-diagonal weights",
        run(split, x, *weights.values()),
        y,
    )
    if stray:
        return
    bare = f"conv {g * b} {window} bias=false"
    whole, parts = built(bare, *x.shape[1:]), built(f"{bare} g={g}", *x.shape[1:])
    t.count("g groups divide the weights by g", params(whole), g * params(parts))
    t.count("g groups divide the MACs by g", macs(whole), g * macs(parts))
    t.count(
        "g groups divide the executed MACs by g",
        count(whole).total("macs"),
        g * count(parts).total("macs"),
    )


def _halves(t: Trial, case: Case, layer: str, size: int, crossed: bool) -> None:
    i, o, k, p, _ = ALEXNET[layer]
    x = case.normal(1, i, size, size)
    weight, bias = case.normal(o, i // 2, k, k), case.normal(o)
    y = run(f"conv {o} k{k} p{p} g2", x, weight, bias)
    towers = run(
        f"two_tower_conv({o}, k={k}, p={p})",
        x[:, ::-1] if crossed else x,
        weight[: o // 2],
        bias[: o // 2],
        weight[o // 2 :],
        bias[o // 2 :],
    )
    t.equal("AlexNet's two groups are two half convolutions, concatenated", towers, y)


@law(
    1,
    "A grouped convolution is a block-diagonal full convolution; g groups divide weights and MACs by g; "
    "AlexNet's two groups are two half convolutions concatenated.",
)
def grouped(t: Trial) -> None:
    for case in t.random_cases():
        _grouped(t, case, stray=0.0)
    for layer in ALEXNET:
        for case in t.random_cases(1, ranks=(2,)):
            _halves(t, case, layer, 9, crossed=False)
    for layer, (i, o, k, p, n) in ALEXNET.items():
        one, two = (built(f"conv {o} k{k} p{p} g{g} bias=false", i, n, n) for g in (1, 2))
        t.count(f"{layer} of AlexNet has half the weights for its two groups", params(one), 2 * params(two))
    text = "inputs: {x: [G*A, H, W]}\nlayers: [conv G*B kK %s bias=false]"
    whole, parts = load(text % ""), load(text % "g=G")
    t.symbolic("weights of g groups", params(whole), params(parts) * symbol("G"))
    t.symbolic("MACs of g groups", macs(whole), macs(parts) * symbol("G"))


@grouped.broken("one weight stands outside the diagonal blocks")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _grouped(t, case, stray=1.0)


@grouped.broken("the two halves see the channels in another order")
def _(t: Trial) -> None:
    for case in t.random_cases(1, ranks=(2,)):
        _halves(t, case, "conv4", 7, crossed=True)


def _separable(t: Trial, case: Case, between: str) -> None:
    c, n = case.whole(2, 5), case.whole(2, 5)
    window = _window(case)
    x = case.normal(2, c, *case.each(6, 9))
    depth = built(f"dwconv {window} bias=false {between} | conv {n} k1 bias=false", *x.shape[1:])
    weights = random_weights(depth, case.rng)
    d, p = weights.values()
    kernel = p.reshape(n, c, *(1,) * case.rank) * d[:, 0]
    full = run(f"conv {n} {window} bias=false", x, kernel)
    t.equal("separable is a full convolution of kernel W[o,c] = P[o,c] D[c]", run(depth, x, d, p), full)


@law(
    2,
    "Depthwise is grouped with one channel a group; separable is a full convolution whose kernel is "
    "W[o,c] = P[o,c] D[c]; 108 against 39 weights; the ratio is 1/N + 1/K^2.",
)
def separable(t: Trial) -> None:
    for case in t.random_cases():
        c, m = case.whole(2, 5), case.whole(1, 3)
        window = _window(case)
        x = case.normal(2, c, *case.each(6, 9))
        depth = built(f"dwconv {window} multiplier={m}", *x.shape[1:])
        weights = random_weights(depth, case.rng)
        same = run(f"conv {c * m} {window} g={c}", x, *weights.values())
        y = run(depth, x, *weights.values())
        t.equal("depthwise is grouped, one channel a group", y, same)
        kernel, bias = weights.values()
        full = run(f"conv {c * m} {window}", x, block_diagonal(kernel, c), bias)
        t.equal("and so a full convolution with one block a channel", y, full)
        _separable(t, case, "")
        k, n, size = case.whole(1, 4), case.whole(2, 8), (c, *case.each(6, 9))
        apart = f"dwconv k{k} bias=false | conv {n} k1 bias=false"
        full = f"conv {n} k{k} bias=false"
        # 1/N + 1/K^r without fractions: N K^r parts of the separable are (K^r + N) of the full one.
        t.count("MACs at the ratio 1/N + 1/K^r", macs(apart, *size) * n * k**case.rank,
                macs(full, *size) * (k**case.rank + n))  # fmt: skip
        executed = [count(built(spec, *size)).total("macs") for spec in (apart, full)]
        t.count("executed MACs at the ratio 1/N + 1/K^r",
                executed[0] * n * k**case.rank, executed[1] * (k**case.rank + n))  # fmt: skip
    full, apart = "conv 3->4 k3 bias=false", "dwconv 3 k3 bias=false | conv 4 k1 bias=false"
    t.count("the textbook example has 108 weights", count(built(full, 3, 5, 5)).total("params"), 108)
    t.count("and 39 when it is separable", count(built(apart, 3, 5, 5)).total("params"), 39)
    symbols = (
        load("conv N kK bias=false", input="MxHxW"),
        load("dwconv kK bias=false | conv N k1 bias=false", input="MxHxW"),
    )
    ratio = 1 / symbol("N") + 1 / symbol("K") ** 2
    t.symbolic("the ratio of weights", params(symbols[1]) / params(symbols[0]), ratio)
    t.symbolic("the ratio of MACs", macs(symbols[1]) / macs(symbols[0]), ratio)


@separable.broken("a ReLU stands between the two halves")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _separable(t, case, "| relu")


@separable.broken("the kernel of a channel is not the same for all outputs")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        c, n = case.whole(2, 4), case.whole(2, 4)
        kernel = case.normal(n, c, *(3,) * case.rank)
        x = case.normal(1, c, *case.each(6, 8))
        # The nearest separable kernel of each input channel: the leading singular vectors.
        d, p = np.zeros((c, 1, *kernel.shape[2:])), np.zeros((n, c, *(1,) * case.rank))
        for i in range(c):
            u, s, v = np.linalg.svd(kernel[:, i].reshape(n, -1), full_matrices=False)
            d[i, 0], p[:, i] = v[0].reshape(kernel.shape[2:]), (u[:, 0] * s[0]).reshape(p[:, i].shape)
        y = run(f"dwconv k3 bias=false | conv {n} k1 bias=false", x, d, p)
        t.equal("separable is a full convolution of kernel W[o,c] = P[o,c] D[c]", y,
                run(f"conv {n} k3 bias=false", x, kernel))  # fmt: skip


def reached(groups: int, width: int, size: tuple[int, ...], shuffle: bool) -> Array:
    """Which groups of inputs reach which groups of outputs of two grouped convolutions in a row.

    Every group of channels is an input of its own, so that tainting tells them apart.

    Returns:
        Booleans (groups of outputs, groups of inputs).
    """
    channels = groups * width
    inputs = ", ".join(f"g{i}: {width}x{by(size)}" for i in range(groups))
    lines = [
        f"inputs: {{{inputs}}}",
        "layers:",
        f"  - 'concat from=[{','.join(f'g{i}' for i in range(groups))}]'",
        f"  - conv {channels} k3 p1 g={groups}",
        *([f"  - shuffle groups={groups}"] if shuffle else []),
        f"  - conv {channels} k3 p1 g={groups}",
    ]
    graph = load("\n".join(lines))
    centre = [tuple(n // 2 for n in size)]
    table = np.zeros((groups, groups), bool)
    for o in range(groups):
        own = range(o * width, (o + 1) * width)
        for i in range(groups):
            table[o, i] = taint(graph, centre, input=f"g{i}", channels=list(own)).any()
    return table


@law(
    3,
    "Channel shuffle is a permutation with inverse shuffle(C/g); without it stacked grouped convolutions "
    "never mix groups, with it they do.",
)
def shuffled(t: Trial) -> None:
    for case in t.random_cases():
        g, width = case.whole(2, 4), case.whole(2, 4)
        c = g * width
        x = case.normal(2, c, *case.each(2, 5))
        t.equal("shuffle(g), then shuffle(C/g), is the identity",
                run(f"shuffle groups={g} | shuffle groups={width}", x), x)  # fmt: skip
        # The map itself, from the images of the unit vectors.
        unit = np.eye(c).reshape(c, c, *(1,) * case.rank)
        table = run(f"shuffle groups={g}", unit).reshape(c, c)
        t.equal("its matrix is a permutation", table @ table.T, np.eye(c))
        t.true("its matrix holds zeros and ones only", np.isin(table, (0, 1)).all())

        width = g * case.whole(1, 2)
        size = case.each(2, 4)
        t.equal("without it no group reaches another (tainting)",
                reached(g, width, size, shuffle=False), np.eye(g))  # fmt: skip
        t.equal("with it every group reaches all (tainting)",
                reached(g, width, size, shuffle=True), np.ones((g, g)))  # fmt: skip
        # And by values: new numbers in the first group, the same outputs of the others.
        spec = built(f"conv {g * width} k3 p1 g={g} | relu | conv {g * width} k3 p1 g={g}", g * width, *size)
        weights = list(random_weights(spec, case.rng).values())
        x = case.normal(1, g * width, *size)
        other = x.copy()
        other[:, :width] = case.normal(1, width, *size)
        t.equal("without it new values of one group leave the others as they were",
                run(spec, other, *weights)[:, width:], run(spec, x, *weights)[:, width:], 0.0)  # fmt: skip
        mixed = built(
            f"conv {g * width} k3 p1 g={g} | shuffle groups={g} | conv {g * width} k3 p1 g={g}",
            g * width,
            *size,
        )
        moved = np.abs(run(mixed, other, *weights) - run(mixed, x, *weights))
        least = moved.reshape(g, width, -1).max(axis=(1, 2)).min()
        t.true("with it they change every group", least > 1e-6)


@shuffled.broken("shuffle(g) twice, though C is not g^2")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        x = case.normal(1, 6, *case.each(2, 4))
        t.equal("shuffle(g), then shuffle(C/g), is the identity",
                run("shuffle groups=2 | shuffle groups=2", x), x)  # fmt: skip


@shuffled.broken("a group has fewer channels than there are groups")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        t.equal("with it every group reaches all (tainting)",
                reached(4, 2, case.each(2, 3), shuffle=True), np.ones((4, 4)))  # fmt: skip


LAWS = (grouped, separable, shuffled)

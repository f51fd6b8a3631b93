"""Laws 18 and 19: what an output sees, by recursion and by tainting, and what it misses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convcalc.calculators.receptive_field.graph import receptive_field
from convcalc.executor import taint
from convcalc.graph import Graph
from convcalc.spec import load
from convcalc.verification.laws.base import Array, Case, Trial, built, by, law, random_weights, run, seen

SIZES = {1: 120, 2: 40, 3: 18}
"""Sides of the inputs of law 18, by rank: room for positions whose field no end cuts."""

CONTEXT = (1, 1, 2, 4, 8, 16, 1)
"""Dilations of the context module (Yu & Koltun 2016, Table 1); its fields are 3, 5, 9, 17, 33, 65, 67."""


def _stage(case: Case) -> str:
    """A random layer with a window: strided, dilated, pooled, transposed or resized."""
    k, s, d = case.whole(1, 3), case.whole(1, 2), case.whole(1, 2)
    low, high = case.whole(0, d * (k - 1)), case.whole(0, d * (k - 1))
    kinds = (
        f"conv 1 k{k} s{s} d{d} p={low}:{high}",
        f"maxpool k{k + 1} s{s} p={case.whole(0, (k + 1) // 2)}",
        f"avgpool k{s} s{s}",
        f"convT 1 k{k + 1} s{s} p={case.whole(0, k // 2)} op={case.whole(0, s - 1)}",
        f"upsample scale=2 mode={('nearest', 'linear', 'cubic')[case.whole(0, 2)]}",
    )
    return kinds[case.whole(0, len(kinds) - 1)]


def _branches(case: Case, dilation: int = 2) -> str:
    """Two ways that keep the size and see different parts, joined."""
    k = 2 * case.whole(0, 1) + 1
    ways = f"a: [conv 1 k3 d{dilation} p={dilation}], b: [conv 1 k{k} p={k // 2}, relu]"
    return f"{{branches: {{{ways}}}, merge: add}}"


def _network(case: Case, stages: Sequence[str]) -> Graph:
    body = "".join(f"  - {stage}\n" for stage in stages)
    return load(f"input: {by((1, *(SIZES[case.rank],) * case.rank))}\nlayers:\n{body}")


def _agree(t: Trial, case: Case, claimed: Graph, executed: Graph) -> None:
    """What the recursion claims of one graph against what tainting shows of another, away from the ends.

    Compared are first and last input index that an output sees, of every output in the middle third
    whose field lies inside the input.
    """
    stated = receptive_field(claimed).output
    assert stated is not None
    n = SIZES[case.rank]
    outputs = executed.nodes[executed.outputs[0].node].outputs[0][1:]
    for axis in range(case.rank):
        marks = taint(executed, axis=axis)
        first, last = [], []
        for j in range(outputs[axis] // 3, outputs[axis] - outputs[axis] // 3):
            where = stated.axes[axis].run(j)
            found = np.flatnonzero(marks[j])
            if where is None or where[0] < 0 or where[0] + where[1] > n or not found.size:
                continue
            first.append((where[0], where[0] + where[1] - 1))
            last.append((int(found[0]), int(found[-1])))
        if first:
            t.count("fields by recursion are fields by tainting", first, last)


@law(
    18,
    "Receptive fields by recursion equal receptive fields by tainting, through strides, dilation, transposed "
    "convolution, interpolation and branches.",
)
def recursion(t: Trial) -> None:
    for case in t.random_cases(16, ranks=(1,)):
        stages = [_stage(case) for _ in range(case.whole(2, 4))]
        stages.insert(case.whole(0, len(stages)), _branches(case))
        graph = _network(case, stages)
        _agree(t, case, graph, graph)
    for case in t.random_cases(4, ranks=(2, 3)):
        graph = _network(case, [_stage(case), _branches(case, 1), _stage(case)])
        _agree(t, case, graph, graph)
    stages, fields = [], []
    for dilation in CONTEXT:
        stages.append(f"conv 1 k3 d{dilation} p={dilation}")
        graph = built(" | ".join(stages), 1, 150)
        stated = receptive_field(graph).output
        assert stated is not None
        fields.append(stated.axes[0].size)
        t.count("the context module's fields, by recursion and by tainting", fields[-1:], seen(graph, 1, 150))
    t.count("and as published", fields, [3, 5, 9, 17, 33, 65, 67])


@recursion.broken("the recursion is told another dilation")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        claimed, real = (_network(case, [f"conv 1 k3 d{d} p={d}", "conv 1 k3 s2 p1"]) for d in (1, 2))
        _agree(t, case, claimed, real)


@recursion.broken("the recursion is told one branch of two")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        claimed = _network(case, ["conv 1 k1", "maxpool k2 s2"])
        real = _network(case, [_branches(case), "maxpool k2 s2"])
        _agree(t, case, claimed, real)


@recursion.broken("a transposed convolution is taken for a convolution of the same kernel and padding")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        claimed, real = (_network(case, [f"{op} 1 k4 p1", "maxpool k2 s2"]) for op in ("conv", "convT"))
        _agree(t, case, claimed, real)


def reads(graph: Graph, axis: int, margin: int) -> Array:
    """How many input positions along an axis each output is reached from, away from the border."""
    marks = taint(graph, axis=axis)
    inner: Array = marks[margin : len(marks) - margin].sum(axis=1)
    return inner


def _sees_more(t: Trial, case: Case, k: int, s: int) -> None:
    """A transposed convolution against interpolation by the same factor."""
    before = (k - s) // 2
    sizes = [case.whole(8, 9) for _ in range(case.rank)]
    transposed = built(f"convT 1 k{k} s{s} p={before}:{k - s - before}", 1, *sizes)
    nearest, linear = (built(f"upsample scale={s} mode={mode}", 1, *sizes) for mode in ("nearest", "linear"))
    for axis in range(case.rank):
        found, one, two = (reads(graph, axis, 2 * s) for graph in (transposed, nearest, linear))
        t.true("a transposed convolution with k > 2s sees more", found.max() > max(one.max(), two.max()))
        if k <= 2 * s:
            continue
        sizes_out = [graph.nodes[-1].outputs[0][1 + axis] for graph in (transposed, nearest, linear)]
        t.count("all three give the same size", sizes_out, [s * sizes[axis]] * 3)
        t.count("it sees ceil(k/s) at most", int(found.max()), -(-k // s))
        t.count("and floor(k/s) at least", int(found.min()), k // s)
        t.count("nearest sees one", (int(one.min()), int(one.max())), (1, 1))
        t.count("bilinear sees two at most", int(two.max()), 2)


def stacks(depth: int) -> tuple[str, str]:
    """A stack of poolings and a convolution, and the dilated stack of the same field ``3 * 2**depth``."""
    pooled = " | ".join([*["maxpool k2 s2"] * depth, "conv 2 k3"])
    dilated = " | ".join([*(f"conv 2 k2 d{2**i}" for i in range(depth)), f"conv 2 k3 d{2**depth}"])
    return pooled, dilated


def _vanishes(t: Trial, case: Case, covers: bool) -> None:
    """Two inputs that differ in a small dark object only, through both stacks."""
    depth = case.whole(1, 2) if case.rank < 3 else 1
    stride, field = 2**depth, 3 * 2**depth
    pooled, dilated = (built(spec, 1, *(2 * field,) * case.rank) for spec in stacks(depth))
    x = case.rng.random((1, 1, *(2 * field,) * case.rank))
    if covers:  # one window of the pooling, all of it
        corner, sides = (field,) * case.rank, (stride,) * case.rank
    else:
        corner, sides = case.each(field - 1, field + 1), case.each(1, stride - 1)
    place: Any = (0, 0, *(slice(a, a + n) for a, n in zip(corner, sides, strict=True)))
    one, other = x.copy(), x.copy()
    one[place] = -1.0 - case.rng.random(sides)
    other[place] = -1.0 - case.rng.random(sides)
    weights = list(random_weights(pooled, case.rng).values())
    t.equal("an object smaller than the stride vanishes from the pooled map",
            run(pooled, one, *weights), run(pooled, other, *weights), 0.0)  # fmt: skip
    if covers:
        return
    for graph in (pooled, dilated):
        t.count("both stacks have the same field (tainting)",
                seen(graph, *(1, *(2 * field,) * case.rank)), [field] * case.rank)  # fmt: skip
    weights = list(random_weights(dilated, case.rng).values())
    difference = np.abs(run(dilated, one, *weights) - run(dilated, other, *weights)).max()
    t.true("the dilated stack keeps it", difference > 1e-6)
    traces = _traces(dilated, x, corner, sides, weights)
    t.count("every pixel of it leaves a trace of its own", int(np.linalg.matrix_rank(traces)), len(traces))


def _traces(
    graph: Graph, x: Array, corner: Sequence[int], sides: Sequence[int], weights: Sequence[Array]
) -> Array:
    """What each pixel of a box does to the output of a stack without activations, one row a pixel."""
    plain = run(graph, x, *weights)
    rows = []
    for offset in np.ndindex(*sides):
        probe = x.copy()
        probe[(0, 0, *(a + o for a, o in zip(corner, offset, strict=True)))] += 1.0
        rows.append((run(graph, probe, *weights) - plain).reshape(-1))
    return np.stack(rows)


@law(
    19,
    "At the same output size a transposed convolution with k > 2s sees more of its input than nearest or "
    "bilinear upsampling; an object smaller than the stride of a pooled stack can vanish, the dilated stack "
    "of the same field keeps it.",
)
def vanishing(t: Trial) -> None:
    for case in t.random_cases():
        s = case.whole(2, 4)
        _sees_more(t, case, case.whole(2 * s + 1, 3 * s + 1), s)
        _vanishes(t, case, covers=False)


@vanishing.broken("k <= 2s")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        s = case.whole(2, 4)
        _sees_more(t, case, case.whole(s, 2 * s), s)


@vanishing.broken("an object as large as the stride")
def _(t: Trial) -> None:
    for case in t.random_cases(1):
        _vanishes(t, case, covers=True)


LAWS = (recursion, vanishing)

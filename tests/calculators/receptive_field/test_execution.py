"""Receptive fields against execution: what the kernels, run backwards on marks, really read."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc import load, receptive_field
from convcalc.budget import VARIABLE
from convcalc.calculators.receptive_field.region import regions
from convcalc.calculators.receptive_field.walk import find_edge
from convcalc.executor import taint
from convcalc.graph import Edge, Graph
from convcalc.layers.reads import Spread
from convcalc.layers.reads.sets import indices
from convcalc.spec.library import zoo_names
from tests.calculators import random_graphs
from tests.calculators.random_graphs import Build, made, make_graph

MOST = 40
"""Positions of a random graph that are compared."""


def read_along(mark: Any, axis: int) -> list[int]:
    """Indices along an axis at which anything is marked."""
    other = tuple(i for i in range(mark.ndim) if i != axis)
    return [int(i) for i in np.flatnonzero(mark.any(axis=other))]


def differences(graph: Graph) -> Iterator[str]:
    """Positions of the output whose region is not what execution reads, index by index."""
    edge = graph.outputs[0]
    positions = list(np.ndindex(*graph.shape(edge)[1:]))
    if len(positions) > MOST:
        positions = [positions[0], *Random(len(positions)).sample(positions[1:-1], MOST - 2), positions[-1]]
    row = receptive_field(graph).output
    # where no layer reads its border again, all that is read lies in the field
    bounded = row is not None and not any(_reads_elsewhere(node.layer) for node in graph.nodes)
    for position, mark in zip(positions, taint(graph, positions), strict=True):
        (region,) = regions(graph, edge, position, [Edge(0)])
        for axis in range(mark.ndim):
            found, executed = indices(region.axis(axis + 1)), read_along(mark, axis)
            if found != executed:
                yield f"{position}, axis {axis}: {found}, executed {executed}"
        if bounded:
            yield from _outside(row, position, mark)


def _outside(row: Any, position: tuple[int, ...], mark: Any) -> Iterator[str]:
    for axis, field in enumerate(row.axes):
        executed = read_along(mark, axis)
        if not executed or field.everything or not field.known:
            continue
        run = field.at(position, row.output_shape)
        if run is None or executed[0] < run[0] or executed[-1] >= run[0] + run[1]:
            yield f"{position}, axis {axis}: field {run}, executed {executed}"


def _reads_elsewhere(layer: Any) -> bool:
    """Whether a layer reads its border again for what lies beyond it."""
    mode = getattr(layer, "padding_mode", getattr(layer, "mode", "zeros"))
    return layer.op == "upsample" or mode in ("reflect", "replicate", "circular")


@settings(max_examples=120)
@given(st.integers(0, 1 << 40))
def test_random_graphs(seed: int) -> None:
    assert list(differences(make_graph(Random(seed)))) == []


@pytest.mark.slow
def test_a_thousand_random_graphs() -> None:
    counted: dict[str, int] = {}
    for seed in range(1000):
        graph = make_graph(Random(seed), longest=8)
        assert list(differences(graph)) == [], seed
        for op in {node.op for node in graph.nodes}:
            counted[op] = counted.get(op, 0) + 1
    assert min(counted[op] for op in ("convT", "upsample", "conv")) > 200
    assert min(counted[op] for op in ("unpool", "pixelshuffle", "pixelunshuffle", "shift", "permute")) > 5


def test_a_wrong_window_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a transposed window one index off is seen."""
    build = Build((2, 9))
    build.add(made("convT", ((2, 9),), out_channels=2, kernel=3, stride=2), Edge(0))
    graph = build.graph()
    assert list(differences(graph)) == []
    taps = Spread.taps
    monkeypatch.setattr(Spread, "taps", lambda self, j: taps(self, j + 1))
    assert list(differences(graph)) != []


CHAIN = (
    random_graphs._conv,
    random_graphs._transposed,
    random_graphs._transposed,
    random_graphs._resized,
    random_graphs._resized,
)


def chain(rng: Random) -> Graph:
    """A long line through a few windows and resizings."""
    graph = make_graph(rng, longest=5, biggest=3000, makers=CHAIN, shape=(1, 400), joins=False)
    return graph


def phases_that_differ(graph: Graph) -> Iterator[str]:
    """Outputs in the middle of a line whose field, start and size, is not what is executed."""
    row = receptive_field(graph).output
    if row is None or row.axes[0].everything or row.axes[0].driver != 1:
        return
    field, count = row.axes[0], row.output_shape[1]
    middle = range(count // 2, min(count // 2 + min(2 * field.period, 40), count))
    runs = [(j, field.run(j)) for j in middle]
    inside = [(j, run) for j, run in runs if run is None or (run[0] > 60 and run[0] + run[1] < 340)]
    if not inside:
        return
    for (j, run), mark in zip(inside, taint(graph, [j for j, _ in inside]), strict=True):
        executed = read_along(mark, 0)
        found = (executed[0], executed[-1] - executed[0] + 1) if executed else None
        if found != run:
            yield f"{j}: {run}, executed {found}"


@settings(max_examples=25)
@given(st.integers(0, 1 << 40))
def test_fields_inside_a_long_line(seed: int) -> None:
    """Away from the ends, start and size of every phase are exactly what is executed."""
    assert list(phases_that_differ(chain(Random(seed)))) == []


@pytest.mark.slow
def test_fields_inside_many_long_lines() -> None:
    compared = 0
    for seed in range(250):
        graph = chain(Random(seed))
        assert list(phases_that_differ(graph)) == [], seed
        row = receptive_field(graph).output
        compared += row is not None and row.axes[0].period > 1
    assert compared > 75


def compare_network(name: str, half_way: bool = True) -> None:
    """The last layer with a map (and one half-way), at both ends, in the middle and between."""
    graph = load(name)
    fields = receptive_field(graph)
    maps = [node.name for node in graph.nodes if len(node.outputs[0]) > 1 and node.op != "input"]
    for layer in {maps[len(maps) // 2], maps[-1]} if half_way else {maps[-1]}:
        sizes = graph.shape(find_edge(graph, layer))[1:]
        positions = [tuple(f(n) for n in sizes) for f in (lambda n: 0, lambda n: n // 2, lambda n: n - 1)]
        positions.append(tuple(n // 3 if i % 2 else min(1, n - 1) for i, n in enumerate(sizes)))
        for row in fields.of(layer):
            marks = taint(graph, positions, output=layer, input=row.input)
            for position, mark in zip(positions, marks, strict=True):
                found = next(one for one in fields.at(position, layer) if one.input == row.input)
                assert found.exact
                for axis, extent in enumerate(found.axes):
                    executed = read_along(mark, axis)
                    ends = (executed[0], executed[-1]) if executed else None
                    where = f"{name}: {layer} at {position}, axis {axis}"
                    assert (extent.read, extent.count) == (ends, len(executed)), where
                    if ends and extent.first is not None and extent.last is not None:
                        assert max(extent.first, 0) <= ends[0] <= ends[1] <= extent.last, where


@pytest.mark.parametrize(
    "name", ["resnet20", "segnet", "dcgan_generator", "mixer_b16", "shiftnet_c", "tcn", "shufflenet_v2_x0_5"]
)
def test_networks(name: str) -> None:
    compare_network(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo_names())
def test_the_whole_zoo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "50000000")
    compare_network(name, half_way=False)


# Channel 0 sees 1 position, channels 1 to 3 see 3, channels 4 to 7 see 5; what channel 1 sees after
# a layer then, from the layer's definition: itself (3), all channels (5), the whole line (15), ...
MIXED = [
    ("identity", 3),
    ("relu", 3),
    ("bn", 3),
    ("scale", 3),
    ("dwconv k1", 3),
    ("prelu 8", 3),
    ("split (3,5) id=parts | identity from=parts.1", 5),
    ("lrn 1", 3),
    ("lrn 8", 5),
    ("conv 4 k1 g2", 3),
    ("shuffle 2", 5),
    ("softmax", 5),
    ("linear 6 axis=channels", 5),
    ("ln over=channels", 5),
    ("conv 4 k1", 5),
    ("gn 2", 15),
    ("instancenorm", 15),
    ("bn track=false", 15),
    ("ln", 15),
    ("flatten | linear 3", 15),
]


@pytest.mark.parametrize(("layer", "seen"), MIXED)
def test_channels_are_told_apart(layer: str, seen: int) -> None:
    spec = (
        "layers:\n  - branches:\n      a: [slice 0 1]\n      b: [conv 3 k3 p1]\n      c: [conv 4 k5 p2]\n"
        f"    merge: concat\n  - {layer}\n  - slice 1 2\n"
    )
    graph = load(spec, input="4x15")
    assert list(differences(graph)) == []
    middle = tuple(n // 2 for n in graph.shape(graph.outputs[0])[1:])
    (region,) = regions(graph, graph.outputs[0], middle, [Edge(0)])
    assert len(indices(region.axis(1))) == seen


def test_axes_of_size_one_are_repeated() -> None:
    spec = "layers:\n  - branches:\n      a: [conv 4 k3x3 p1]\n      b: [avgpool k5x1 s5x1]\n    merge: add\n"
    graph = load(spec, input="4x5x6")
    assert list(differences(graph)) == []
    (region,) = regions(graph, graph.outputs[0], (0, 3), [Edge(0)])
    assert indices(region.axis(1)) == [0, 1, 2, 3, 4]  # the column's mean, in every row
    assert indices(region.axis(2)) == [2, 3, 4]

"""Moves along axes: against NumPy and PyTorch, by identities; and what they read, against the executor."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, gradient, paths, taint
from convcalc.graph import Edge
from tests.executor.stand_ins import chain, layer, run

Shape = tuple[int, ...]
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape)


@given(shapes, st.data())
def test_roll_is_numpys(shape: Shape, data: st.DataObject) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))))
    shift = tuple(data.draw(st.integers(-9, 9)) for _ in axes)
    x = numbers(2, *shape)
    expected = np.roll(x, shift, tuple(a + 1 for a in axes))
    np.testing.assert_array_equal(run(layer("roll", shift=shift, axis=axes), x), expected)
    there = chain(shape, layer("roll", shift=shift, axis=axes))
    back = chain(shape, layer("roll", shift=tuple(-s for s in shift), axis=axes))
    np.testing.assert_array_equal(execute(back, execute(there, x)), x)


@given(shapes, st.data())
def test_flip_is_numpys(shape: Shape, data: st.DataObject) -> None:
    axes = data.draw(st.none() | st.sets(st.integers(0, len(shape) - 1), min_size=1).map(lambda s: tuple(s)))
    x = numbers(2, *shape)
    over = tuple(a + 1 for a in (range(len(shape)) if axes is None else axes))
    found = run(layer("flip", axis=axes), x)
    np.testing.assert_array_equal(found, np.flip(x, over))
    np.testing.assert_array_equal(run(layer("flip", axis=axes), found), x)


@given(shapes, st.data())
def test_tile_is_numpys(shape: Shape, data: st.DataObject) -> None:
    counts = tuple(data.draw(st.integers(1, 3)) for _ in shape)
    x = numbers(2, *shape)
    np.testing.assert_array_equal(run(layer("tile", counts=counts), x), np.tile(x, (1, *counts)))


@given(shapes, st.data())
def test_expand_is_numpys(shape: Shape, data: st.DataObject) -> None:
    wide = tuple(data.draw(st.integers(1, 3)) if n == 1 else n for n in shape)
    front = tuple(data.draw(st.lists(st.integers(1, 3), max_size=2)))
    x = numbers(2, *shape)
    found = run(layer("expand", shape=(*front, *wide)), x)
    assert np.shares_memory(found, x)
    for one, sample in zip(found, x, strict=True):
        np.testing.assert_array_equal(one, np.broadcast_to(sample, (*front, *wide)))


@given(shapes.filter(lambda s: len(s) < 4), st.integers(1, 3), st.data())
def test_stacks_are_numpys_and_are_taken_apart_again(shape: Shape, many: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape)))
    xs = [numbers(2, *shape) + i for i in range(many)]
    whole = run(layer("stack", axis=axis), *xs)
    np.testing.assert_array_equal(whole, np.stack(xs, axis + 1))
    graph = chain(whole.shape[1:], layer("unstack", axis=axis))
    assert [shape for shape in graph.nodes[1].outputs] == [shape] * many
    graph = graph.part(Edge(1, many - 1))
    np.testing.assert_array_equal(execute(graph, whole), xs[-1])


def test_a_vector_is_taken_apart_into_tensors_of_one() -> None:
    graph = convcalc.load("unstack id=u | concat from=[u.2,u.0]", input=(3,))
    np.testing.assert_array_equal(execute(graph, np.array([[5.0, 6.0, 7.0]])), [[7.0, 5.0]])


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(40))
def test_values_and_gradients_equal_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = Random(seed)
    rank = rng.randint(1, 4)
    shape = tuple(rng.choice([1, 2, 3, 4]) for _ in range(rank))
    x = numbers(1, *shape)
    t = torch.from_numpy(x).requires_grad_()
    axes = sorted(rng.sample(range(rank), rng.randint(1, rank)))
    dims = [a + 1 for a in axes]
    shift = [rng.randint(-5, 5) for _ in axes]
    counts = [rng.randint(1, 3) for _ in shape]
    wide = [rng.randint(1, 3) if n == 1 else n for n in shape]
    part, axis = rng.randrange(shape[axes[0]]), axes[0]
    taken = torch.unbind(t, axis + 1)[part]
    cases: list[tuple[Any, Any]] = [
        (layer("roll", shift=tuple(shift), axis=tuple(axes)), torch.roll(t, shift, dims)),
        (layer("flip", axis=tuple(axes)), torch.flip(t, dims)),
        (layer("tile", counts=tuple(counts)), t.repeat(1, *counts)),
        (layer("expand", shape=(2, *wide)), t.unsqueeze(1).expand(-1, 2, *wide)),
        (layer("stack", axis=axis), torch.stack([t], axis + 1)),
        (layer("unstack", axis=axis), taken if rank > 1 else taken[:, None]),
    ]
    for stand_in, expected in cases:
        graph = chain(shape, stand_in)
        if stand_in.op == "unstack":
            graph = graph.part(Edge(1, part))
        np.testing.assert_array_equal(execute(graph, x), expected.detach().numpy())
        y = expected[(slice(None), slice(None), *(n // 2 for n in expected.shape[2:]))].sum()
        (slope,) = torch.autograd.grad(y, t)
        (found,) = gradient(graph, x).values()
        np.testing.assert_array_equal(found, slope.numpy(), err_msg=str(stand_in))


# What is read


def moves(rng: Random, shape: Shape) -> str:
    """A layer on a map of two axes that keeps its number of axes, some of them convolutions."""
    axis = rng.choice([0, 1, 2, -1, -2])
    return rng.choice(
        [
            f"roll {rng.randint(-5, 5)} axis={axis}",
            f"roll ({rng.randint(-5, 5)},{rng.randint(-5, 5)}) axis=(2,1)",
            f"flip axis={axis}",
            "flip",
            f"tile 2 axis={axis}",
            f"conv {rng.choice([2, 4])} k{rng.randint(1, 3)} s{rng.randint(1, 2)} p1",
            f"conv 4 k3 p1 g{rng.choice([g for g in (1, 2) if shape[0] % g == 0])}",
            "avgpool k2 s1 p1",
            "upsample scale=2 mode=linear",
            "convT 4 k3 s2 p1",
            f"max axis={axis} keep=true",
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30))
def test_regions_are_what_the_executor_traces(seed: int) -> None:
    """Every pixel that a position reads, by sets of indices and by running the kernels backwards."""
    rng = Random(seed)
    line, shape = [], (4, rng.randint(3, 7), rng.randint(3, 7))
    for _ in range(rng.randint(1, 4)):
        words = moves(rng, shape)
        try:
            shape = convcalc.load(" | ".join([*line, words]), input=(4, 6, 5)).nodes[-1].outputs[0]
        except convcalc.SpecError:
            continue
        line.append(words)
    if not line:
        return
    graph = convcalc.load(" | ".join(line), input=(4, 6, 5))
    if max(graph.nodes[-1].outputs[0]) > 40:
        return
    fields = convcalc.receptive_field(graph)
    sizes = graph.nodes[-1].outputs[0][1:]
    positions = [tuple(rng.randrange(n) for n in sizes) for _ in range(4)]
    for position, mark in zip(positions, taint(graph, positions), strict=True):
        (region,) = fields.at(position)
        for number, axis in enumerate(region.axes):
            seen = np.flatnonzero(mark.any(axis=1 - number))
            assert axis.count == len(seen), (line, position)
            assert axis.read == ((seen[0], seen[-1]) if len(seen) else None), (line, position)
            run = fields.layers[-1].axes[number]
            if len(seen) and run.known and run.local and not run.everything and run.driver:
                first, size = run.run(position[run.driver - 1])
                assert first <= seen[0]
                assert seen[-1] < first + size


FIELDS = {
    # of 6 rows: row j of the flipped map is row 5 - j, that of a 3x1 over it 5 - j - 1 up to 5 - j + 1
    "flip axis=1": ([5, 4, 3, 2, 1, 0], 1, -1),
    "flip axis=1 | conv 4 k3x1": ([3, 2, 1, 0], 3, -1),
    "flip axis=1 | conv 4 k3x1 s2": ([3, 1], 3, -2),
    "conv 4 k3x1 | flip axis=1 | flip axis=1": ([0, 1, 2, 3], 3, 1),
    "roll 2 axis=1": ([4, 5, 0, 1, 2, 3], 1, None),
    "roll -1 axis=-2": ([1, 2, 3, 4, 5, 0], 1, None),
    "tile 2 axis=1": ([0, 1, 2, 3, 4, 5] * 2, 1, None),
    # over the seam between rows 5 and 0 a window of two reads from one to the other
    "roll 1 axis=1 | conv 4 k2x1": ([0, 0, 1, 2, 3], 6, None),
}


@pytest.mark.parametrize("line", FIELDS)
def test_fields_by_hand(line: str) -> None:
    starts, size, stride = FIELDS[line]
    field = convcalc.receptive_field(line, input=(4, 6, 5)).layers[-1].axes[0]
    assert [field.run(j)[0] for j in range(len(starts))] == starts
    assert (field.size, field.stride) == (size, stride)


def test_fields_of_sizes_in_letters() -> None:
    row = convcalc.receptive_field("conv 4 k3 s2 | flip axis=1 | conv 4 k3", input="3xHx32").layers[-1]
    assert (row.size, row.stride) == ((7, 7), (-2, 2))
    rolled = convcalc.receptive_field("roll 1 axis=1", input="3xHx32").layers[-1]
    assert [axis.known for axis in rolled.axes] == [False, True]
    assert convcalc.load("roll 1 axis=1 | flip", input="3xHxW").nodes[-1].outputs[0][0] == 3


def test_a_stack_is_read_by_one_index_alone() -> None:
    graph = convcalc.load(
        "conv 4 k3 p1 id=a | stack axis=1 from=[input,a] id=s |"
        "slice 0 1 axis=1 id=first | slice 1 2 axis=1 from=s",
        input=(4, 6, 5),
    )
    fields = convcalc.receptive_field(graph)
    (first,), (second,) = fields.at((0, 2, 2), "first"), fields.at((0, 2, 2), "slice1")
    assert [axis.read for axis in first.axes] == [(2, 2), (2, 2)]
    assert [axis.read for axis in second.axes] == [(1, 3), (1, 3)]


def test_paths_through_moves() -> None:
    """A pixel is read from each of its copies."""
    graph = chain((2, 3), layer("tile", counts=(2, 2)), layer("flip"))
    np.testing.assert_array_equal(paths(graph, (0,)), [0, 0, 4])
    wide = chain((1, 1, 3), layer("expand", shape=(4, 2, 3)))
    np.testing.assert_array_equal(paths(wide, (1, 2)), [[0, 0, 4]])


# Memory


@pytest.mark.parametrize(
    ("line", "peak"),
    [
        ("globalavgpool | expand 4x6x5", 4 * (120 + 4)),  # a view: nothing of its own
        ("globalavgpool | expand 4x60x50 | identity", 4 * (120 + 4)),
        ("globalavgpool | expand 4x60x50 | flatten", 4 * (4 + 12000)),  # counted off, it is a copy
        ("globalavgpool | expand 4x60x50 | relu | flatten", 4 * (4 + 12000)),
        ("tile (1,10,10)", 4 * (120 + 12000)),
    ],
)
def test_what_is_repeated_has_no_memory_until_it_is_copied(line: str, peak: int) -> None:
    graph = convcalc.load(line, input=(4, 6, 5))
    assert convcalc.analyze(graph).totals.peak_memory_bytes == peak
    assert convcalc.verify(graph).ok

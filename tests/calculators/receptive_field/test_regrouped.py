"""Receptive fields through axes that are cut, joined and reordered, against the tainting executor."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.executor import taint


@st.composite
def _lines(draw: st.DrawFn) -> str:
    """A convolution, then axes cut, joined and reordered, with layers that read along some of them."""
    shape = [draw(st.sampled_from((1, 2, 4))), *draw(st.sampled_from(((6,), (8,), (4, 6), (6, 6), (12, 2))))]
    words = [f"input {'x'.join(map(str, shape))}"]
    kernel, stride = draw(st.sampled_from(((1, 1), (2, 2), (3, 1))))
    words.append(f"conv {draw(st.sampled_from((2, 4)))} k{kernel} s{stride} p{(kernel - 1) // 2}")
    shape = list(convcalc.load(" | ".join(words)).nodes[-1].outputs[0])
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(("reshape", "reshape", "permute", "softmax", "linear", "relu")))
        if kind == "reshape":
            sizes, left = [], prod(shape)
            for _ in range(draw(st.integers(0, 3))):
                sizes.append(draw(st.sampled_from([n for n in (1, 2, 3, 4, 6) if left % n == 0])))
                left //= sizes[-1]
            shape = [*sizes, left] if draw(st.booleans()) else [left, *sizes]
            words.append(f"reshape ({','.join(map(str, shape))},)")
        elif kind == "permute" and len(shape) > 1:
            order = draw(st.permutations(range(len(shape))))
            shape = [shape[a] for a in order]
            words.append(f"permute order=({','.join(map(str, order))})")
        elif kind == "softmax":
            words.append(f"softmax axis={draw(st.integers(0, len(shape) - 1))}")
        elif kind == "linear":
            shape[0] = draw(st.sampled_from((2, 6)))
            words.append(f"linear {shape[0]} axis=channels")
    return " | ".join(words)


@given(_lines(), st.randoms(use_true_random=False))
def test_regions_are_exact(line: str, rng) -> None:  # type: ignore[no-untyped-def]
    """Every index that a position reads, along every axis, and no other."""
    graph = convcalc.load(line)
    last = graph.nodes[-1].outputs[0]
    fields = convcalc.receptive_field(graph)
    positions = [tuple(rng.randrange(n) for n in last[1:]) for _ in range(3)]
    for position, mark in zip(positions, taint(graph, positions), strict=True):
        for found in fields.at(position):
            assert found.exact
            for axis, extent in enumerate(found.axes):
                other = tuple(a for a in range(mark.ndim) if a != axis)
                read = mark.any(axis=other).nonzero()[0]
                assert extent.count == len(read)
                assert extent.read == ((read[0], read[-1]) if len(read) else None)
                if extent.first is not None and extent.last is not None and len(read):
                    assert extent.first <= read[0] and read[-1] <= extent.last


@pytest.mark.parametrize(
    ("rest", "sizes"),
    [
        ("", 28),  # a window of 7 patches of 4
        (" | conv 16 k3 p1", 2 * 28 + 28),  # and the windows beside it
    ],
)
def test_windows_of_tokens(rest: str, sizes: int) -> None:
    """Whatever is mixed inside windows of 7x7 patches of 4x4 sees 28 pixels per axis, all of its window."""
    line = (
        "input 3x56x56 | conv 16 k4 s4 | reshape (16,2,7,2,7) | permute order=(1,3,2,4,0) "
        "| reshape (4,49,16) | softmax axis=1 | reshape (2,2,7,7,16) | permute order=(4,0,2,1,3) "
        "| reshape (16,14,14)"
    )
    row = convcalc.receptive_field(line + rest).output
    assert row is not None
    if not rest:
        assert row.size == (sizes, sizes) and row.period == (7, 7) and row.stride == (4, 4)
    assert all(size <= sizes for size in row.size)


def test_rows_of_several_maps_stay_within_the_budget() -> None:
    """The boxes of a detector in one list: the field of every row is that of its map."""
    heads = "".join(
        f"  - conv 4 k3 p1 from={name}\n  - permute order=(1,2,0)\n  - flatten end=1 id=rows_{name}\n"
        for name in "abc"
    )
    document = (
        "input: 3x300x300\nlayers:\n  - conv 4 k8 s8 id=a\n  - conv 4 k2 s2 id=b\n  - conv 4 k2 s2 id=c\n"
        f"{heads}  - concat from=[rows_a,rows_b,rows_c] axis=0\n  - permute order=(1,0)\n"
    )
    graph = convcalc.load(document)
    row = convcalc.receptive_field(graph).output
    assert row is not None and set(row.axes[0].sizes) == {24, 48, 96}
    last = graph.nodes[-1].outputs[0]
    positions = [(0,), (700,), (1369,), (1400,), (last[1] - 1,)]
    for position, mark in zip(positions, taint(graph, positions), strict=True):
        (found,) = convcalc.receptive_field(graph).at(position)
        for axis, extent in enumerate(found.axes):
            read = mark.any(axis=1 - axis).nonzero()[0]
            assert extent.read == (read[0], read[-1])


def test_a_class_token_sees_all_behind_attention() -> None:
    row = convcalc.receptive_field("vit_b_16").of("slice1")[0]
    assert row.size == ("all", "all")
    assert convcalc.receptive_field("vit_b_16").of("head")[0].size == ("all", "all")


def test_tokens_that_are_spread_over_the_map_are_not_apart_from_it() -> None:
    """What is mixed among every second position sees all of the input, wherever it stands."""
    line = (
        "input 3x16x16 | conv 8 k3 p1 id=map | reshape (8,8,2,8,2) | permute order=(2,4,1,3,0) "
        "| reshape (4,64,8) | softmax axis=1 | reshape (2,2,8,8,8) | permute order=(4,2,0,3,1) "
        "| reshape (8,16,16) | add with=map"
    )
    assert not convcalc.receptive_field(line).misaligned
    # What moves with the position is still held against the rest.
    apart = convcalc.receptive_field("input 3x16x16 | conv 8 k3 p1 id=map | conv 8 k3 p0:2 | add with=map")
    assert [found.by for found in apart.misaligned] == [1, 1]

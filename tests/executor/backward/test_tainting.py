"""Influence by execution: against NaN poisoning, against sets worked out by hand, against the literature."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from convcalc.executor import ExecutionError, execute, init_weights, paths, poison, taint
from convcalc.graph import Edge, Graph
from tests.executor.random_graphs import graphs
from tests.executor.stand_ins import Net, chain, layer


def conv(kernel: Any = 3, **more: Any) -> Any:
    return layer(
        "conv",
        more.pop("rank", 1),
        in_channels=more.pop("ins", 1),
        out_channels=more.pop("outs", 1),
        kernel=kernel,
        bias=False,
        **more,
    )


@settings(max_examples=100, deadline=None)
@given(graph=graphs(longest=4, biggest=200))
def test_marks_agree_with_poison(graph: Graph) -> None:
    marked, poisoned = taint(graph, reads=True), poison(graph)
    ops = {node.layer.op for node in graph.nodes}
    if "unpool" in ops:  # one run writes each value to one place of its window
        assert not (poisoned & ~marked).any()
    else:
        np.testing.assert_array_equal(marked, poisoned)
    for axis in range(marked.ndim - 1):
        lines = taint(graph, axis=axis, reads=True)
        if "unpool" not in ops:
            np.testing.assert_array_equal(lines, poison(graph, axis=axis))
        assert lines.shape[1] == marked.shape[1 + axis]


def test_a_zero_weight_is_read_but_does_not_reach() -> None:
    graph = chain((1, 3), layer("upsample", 1, scale=3, mode="linear"))
    # Coordinates (o + 1/2)/3 - 1/2: outputs 1, 4 and 7 fall on samples 0, 1 and 2.
    assert taint(graph, [4]).tolist() == [[False, True, False]]
    assert taint(graph, [4], reads=True).tolist() == [[False, True, True]]
    assert taint(graph, [3]).tolist() == [[True, True, False]]


def test_a_spline_reads_the_whole_line() -> None:
    graph = chain((1, 2, 5), layer("upsample", 2, scale=2, mode="spline"))
    seen = taint(graph, axis=1)
    assert seen[1:-1].all()
    assert seen[[0, -1]].sum() == 2  # the ends lie outside the samples and repeat the last one
    assert taint(graph, axis=1, reads=True).all()


def test_shift_reads_another_place_in_each_group_of_channels() -> None:
    graph = chain((3, 7), layer("shift", 1))
    for channel, read in ((0, 2), (1, 3), (2, 4)):
        assert np.flatnonzero(taint(graph, [(3,)], channels=[channel])[0]).tolist() == [read]
    assert np.flatnonzero(taint(graph, [(3,)])[0]).tolist() == [2, 3, 4]


def test_slicing_channels_keeps_branches_apart() -> None:
    net = Net((1, 9))
    narrow = net.add(conv(1), 0)
    wide = net.add(conv(5, padding=2), 0)
    net.add(layer("concat"), narrow, wide)
    net.add(layer("slice", axis=0, start=0, stop=1))
    assert np.flatnonzero(taint(net.graph(), [(4,)])[0]).tolist() == [4]
    assert np.flatnonzero(taint(net.graph(wide), [(4,)])[0]).tolist() == [2, 3, 4, 5, 6]


def test_unpooling_may_write_anywhere_in_its_window() -> None:
    net = Net((1, 8))
    pool = net.add(layer("maxpool", 1, kernel=2), 0)
    net.add(layer("unpool", 1, kernel=2), pool, Edge(pool, 1))
    seen = taint(net.graph())
    assert [np.flatnonzero(row).tolist() for row in seen[:4]] == [[0, 1], [0, 1], [2, 3], [2, 3]]


def test_overlapping_pools_unpool_from_every_window_over_a_position() -> None:
    net = Net((1, 7))
    pool = net.add(layer("maxpool", 1, kernel=3, stride=2), 0)
    net.add(layer("unpool", 1, kernel=3, stride=2), pool, Edge(pool, 1))
    seen = taint(net.graph())
    assert np.flatnonzero(seen[1]).tolist() == [0, 1, 2]
    assert np.flatnonzero(seen[2]).tolist() == [0, 1, 2, 3, 4]


def test_transposed_convolution_reads_by_phase() -> None:
    # Kernel 3, stride 2: output 2j is written by inputs j and j-1, output 2j+1 by input j alone.
    graph = chain((1, 5), layer("convT", 1, in_channels=1, out_channels=1, kernel=3, stride=2))
    seen = [np.flatnonzero(row).tolist() for row in taint(graph)]
    assert seen == [[0], [0], [0, 1], [1], [1, 2], [2], [2, 3], [3], [3, 4], [4], [4]]


def test_global_pooling_reaches_everything_through_a_gate() -> None:
    net = Net((2, 6, 5))
    net.add(layer("globalavgpool"), 0)
    net.add(layer("sigmoid"))
    net.add(layer("mul"), 0, len(net.nodes) - 1)
    assert taint(net.graph(), [(2, 2)]).all()
    assert taint(net.graph(), [(2, 2)], channels=[1]).all()
    assert taint(net.graph(1), [(0, 0)]).all()
    with pytest.raises(ExecutionError, match="mul"):
        paths(net.graph(), (2, 2))


def test_a_flat_output_has_one_position() -> None:
    graph = chain((1, 2, 3), layer("flatten"), layer("linear", in_features=6, out_features=4))
    assert taint(graph).shape == (1, 2, 3)
    assert taint(graph).all()
    assert taint(graph, axis=1).tolist() == [[True, True, True]]


def test_inputs_are_asked_about_one_by_one() -> None:
    net = Net((1, 6), (1, 6))
    left = net.add(conv(3, padding=1), 0)
    right = net.add(conv(1), 1)
    net.add(layer("add"), left, right)
    graph = net.graph()
    assert np.flatnonzero(taint(graph, [2], input="input1")[0]).tolist() == [1, 2, 3]
    assert np.flatnonzero(taint(graph, [2], input="input2")[0]).tolist() == [2]
    assert not taint(graph, [2], input="input2", output="conv2").any()


def test_gridding_of_equal_dilations() -> None:
    """Three 3x3 convolutions of dilation 2 use a quarter of their 13x13 window (Wang et al. 2018)."""
    graph = chain((1, 17, 17), *(conv(3, rank=2, dilation=2) for _ in range(3)))
    seen = taint(graph, [(2, 2)])[0]
    assert seen[2:15, 2:15].sum() == 49
    assert [int(n) for n in paths(graph, (2, 2))[8, 2:15]] == [7, 0, 21, 0, 42, 0, 49, 0, 42, 0, 21, 0, 7]


def test_paths_are_the_output_of_ones() -> None:
    net = Net((2, 9))
    one = net.add(conv(3, ins=2, outs=4, padding=1, groups=2), 0)
    two = net.add(layer("avgpool", 1, kernel=3, stride=1, padding=1), one)
    three = net.add(layer("add"), one, two)
    net.add(layer("convT", 1, in_channels=4, out_channels=2, kernel=2, stride=2, bias=False), three)
    graph = net.graph()
    counted = paths(graph, (5,))
    for pixel in range(9):
        x = np.zeros((1, 2, 9))
        x[..., pixel] = 1.0
        ones = {name: np.ones(w.shape) for name, w in init_weights(graph).items()}
        # The mean divides by three where paths count a window of ones.
        through, around = (execute(graph, x, ones, keep=[name])[name] for name in ("conv1", "avgpool2"))
        total = through + 3 * around
        assert counted[pixel] == 2 * total[0, :, 2].sum()


def test_paths_beyond_64_bits_are_exact() -> None:
    graph = chain((64, 3, 3), *(conv(3, rank=2, ins=64, outs=64, padding=1) for _ in range(10)))
    # The middle: 64 input channels, 64^9 ways between them, 64 output channels, and 7^2 -> spatial paths.
    one = np.linalg.matrix_power(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], object), 10)[1, 1]
    assert int(paths(graph, (1, 1))[1, 1]) == int(one) ** 2 * 64**11


def stack(*layers: tuple[int, int, int]) -> list[Any]:
    return [conv(k, rank=2, stride=s, padding=p) for k, s, p in layers]


def test_receptive_field_of_vgg16() -> None:
    """212 pixels, stride 32 at the last pooling (Araujo, Norris & Sim 2019)."""
    layers: list[Any] = []
    for convs in (2, 2, 3, 3, 3):
        layers += [*stack(*[(3, 1, 1)] * convs), layer("maxpool", kernel=2)]
    graph = chain((1, 32, 32), *layers)
    lines = taint(graph, [7, 8], axis=0, sizes=(512, 512))
    first, second = (np.flatnonzero(line) for line in lines)
    assert len(first) == first[-1] - first[0] + 1 == 212
    assert second[0] - first[0] == 32


def test_receptive_field_of_resnet50() -> None:
    """483 pixels, stride 32: Araujo, Norris & Sim 2019, where the last unit of a block has the stride."""
    net = Net((1, 64, 64))
    for stand_in in (*stack((7, 2, 3)), layer("maxpool", kernel=3, stride=2, padding=1)):
        net.add(stand_in)
    for units, stride in ((3, 2), (4, 2), (6, 2), (3, 1)):
        for i in range(units):
            here, s = len(net.nodes) - 1, stride if i == units - 1 else 1
            for stand_in in stack((1, 1, 0), (3, s, 1), (1, 1, 0)):
                net.add(stand_in)
            body = len(net.nodes) - 1
            net.add(layer("add"), body, net.add(conv(1, rank=2, stride=s), here))
    first, second = (np.flatnonzero(row) for row in taint(net.graph(), [9, 10], axis=1, sizes=(640, 640)))
    assert len(first) == first[-1] - first[0] + 1 == 483
    assert second[0] - first[0] == 32


def test_sizes_replace_those_of_the_graph() -> None:
    graph = chain((1, 8), conv(3, padding=1))
    assert taint(graph, sizes=(20,)).shape == (20, 20)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"positions": [(9,)]}, "no position"),
        ({"positions": [(1, 1)]}, "no position"),
        ({"output": "nothing"}, "no layer 'nothing'"),
        ({"input": "conv1"}, "not an input"),
        ({"axis": 1}, "no spatial axis 1"),
        ({"sizes": (4, 4)}, "1 spatial axes, not 2"),
    ],
)
def test_questions_that_make_no_sense(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ExecutionError, match=message):
        taint(chain((1, 8), conv(3, padding=1)), **more)


def test_fractional_scales_are_exact() -> None:
    graph = chain((1, 5), layer("upsample", 1, scale=(Fraction(7, 5),)))
    assert [int(np.flatnonzero(row)[0]) for row in taint(graph)] == [0, 0, 1, 2, 2, 3, 4]

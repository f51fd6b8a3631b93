"""Deformable convolution against plain loops written from the papers and torchvision's documentation.

torchvision's compiled operator is not asked: it does not load beside a build of PyTorch without CUDA.
The tests of PyTorch compare with its ``grid_sample``.
"""

from __future__ import annotations

from itertools import product
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, gradient, init_weights
from tests.executor.stand_ins import layer, run


def bilinear(image: np.ndarray, place: list[float]) -> float:
    """``sum over q of G(q, p) x(q)``, ``G`` the product of ``max(0, 1 - |q - p|)`` per axis (equation 3).

    Over all integers q around p; the image is zero outside.
    """
    total = 0.0
    for spot in product(*((floor(p), floor(p) + 1) for p in place)):
        if all(0 <= q < n for q, n in zip(spot, image.shape, strict=True)):
            near = 1.0
            for q, p in zip(spot, place, strict=True):
                near *= max(0.0, 1.0 - abs(q - p))
            total += near * image[spot]
    return total


def defined(x, offsets, mask, weight, bias, stride, padding, dilation, groups) -> np.ndarray:
    """Equation 1 of Zhu et al. 2019; offsets lie as (group, tap, axis), masks as (group, tap)."""
    n, channels, *_ = x.shape
    outs, per_group, *kernel = weight.shape
    rank, taps = len(kernel), list(product(*map(range, kernel)))
    own = offsets.shape[1] // (rank * len(taps))
    y = np.zeros((n, outs, *offsets.shape[2:]))
    for i, o, *p in product(*map(range, y.shape)):
        total = bias[o]
        for c in range(per_group):
            channel = o // (outs // groups) * per_group + c
            group = channel // (channels // own)
            for k, tap in enumerate(taps):
                place = [
                    p[a] * stride[a]
                    - padding[a]
                    + tap[a] * dilation[a]
                    + offsets[(i, (group * len(taps) + k) * rank + a, *p)]
                    for a in range(rank)
                ]
                sample = bilinear(x[i, channel], place)
                if mask is not None:
                    sample *= mask[(i, group * len(taps) + k, *p)]
                total += weight[(o, c, *tap)] * sample
        y[(i, o, *p)] = total
    return y


@st.composite
def configurations(draw: st.DrawFn):
    rank = draw(st.sampled_from([1, 2, 2, 2, 3]))
    most = 2 if rank == 3 else 3
    axes = st.lists(st.integers(1, most), min_size=rank, max_size=rank).map(tuple)
    kernel, stride, dilation = draw(axes), draw(axes), draw(axes)
    padding = draw(st.lists(st.integers(0, 1), min_size=rank, max_size=rank).map(tuple))
    sizes = tuple((k - 1) * d + 1 + draw(st.integers(0, 2)) for k, d in zip(kernel, dilation, strict=True))
    return kernel, stride, dilation, padding, sizes


@settings(max_examples=60, deadline=None)
@given(
    configurations(), st.sampled_from([1, 2]), st.sampled_from([1, 2]), st.booleans(),
    st.integers(0, 10**6), st.sampled_from(["fast", "naive"]),
)  # fmt: skip
def test_values_are_those_of_the_definition(
    window, groups: int, own: int, masked: bool, seed: int, form: str
) -> None:
    kernel, stride, dilation, padding, sizes = window
    rng = np.random.default_rng(seed)
    out = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, p, k, d, s in zip(sizes, padding, kernel, dilation, stride, strict=True)
    ]
    taps = int(np.prod(kernel))
    x, weight, bias = (
        rng.standard_normal((1, 4, *sizes)),
        rng.standard_normal((2, 4 // groups, *kernel)),
        rng.standard_normal(2),
    )
    offsets = 2 * rng.standard_normal((1, own * taps * len(kernel), *out))
    if rng.random() < 0.3:  # whole numbers: at a pixel, at the very border, and a step beside it
        offsets = np.round(offsets)
    mask = rng.random((1, own * taps, *out)) if masked else None
    stand_in = layer(
        "deformconv", len(kernel), in_channels=4, out_channels=2, kernel=kernel, stride=stride,
        dilation=dilation, padding=tuple((p, p) for p in padding), groups=groups,
    )  # fmt: skip
    xs = (x, offsets) if mask is None else (x, offsets, mask)
    found = run(stand_in, *xs, form=form, weight=weight, bias=bias)
    expected = defined(x, offsets, mask, weight, bias, stride, padding, dilation, groups)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


SPEC = "conv 18 k3 p1 id=o | deformconv 6 k3 p1 from=[input,o]"


def test_without_offsets_it_is_a_convolution() -> None:
    graph = convcalc.load(SPEC, input="4x7x6")
    weights = init_weights(graph, dtype="float64")
    x = np.random.default_rng(0).standard_normal((2, 4, 7, 6))
    still = {name: np.zeros_like(w) if name.startswith("o.") else w for name, w in weights.items()}
    plain = convcalc.load("conv 6 k3 p1 id=deformconv1", input="4x7x6")
    own = {name: w for name, w in weights.items() if not name.startswith("o.")}
    np.testing.assert_allclose(execute(graph, x, still), execute(plain, x, own), rtol=1e-12, atol=1e-12)


def test_a_mask_of_ones_changes_nothing_and_of_zeros_leaves_the_bias() -> None:
    rng = np.random.default_rng(1)
    x, offsets, w, b = (rng.standard_normal(s) for s in ((1, 2, 5, 5), (1, 18, 3, 3), (3, 2, 3, 3), (3,)))
    one = layer("deformconv", in_channels=2, out_channels=3, kernel=3)
    plain = run(one, x, offsets, weight=w, bias=b)
    np.testing.assert_array_equal(run(one, x, offsets, np.ones((1, 9, 3, 3)), weight=w, bias=b), plain)
    bias = run(one, x, offsets, np.zeros((1, 9, 3, 3)), weight=w, bias=b)
    np.testing.assert_array_equal(bias, np.broadcast_to(b.reshape(1, 3, 1, 1), plain.shape))


def test_parameters_and_macs_stand_beside_those_of_the_offsets() -> None:
    """Dai et al. 2017: the layer has the weights of a convolution; the offsets come from one beside it."""
    report = convcalc.analyze(convcalc.load(SPEC, input="4x7x6"))
    offsets, deformed = report.layers
    assert (offsets.params, deformed.params) == (18 * 4 * 9 + 18, 6 * 4 * 9 + 6)
    assert (offsets.macs, deformed.macs) == (42 * 18 * 4 * 9, 42 * 6 * 4 * 9)
    places, samples = 42 * 9, 42 * 9 * 4
    assert deformed.ops.mul == places * 4 + samples * 4
    assert deformed.ops.add == places * 6 + samples * 4 + 42 * 6
    assert deformed.ops.special == places * 2


def test_its_field_is_unknown_and_says_why() -> None:
    graph = convcalc.load(SPEC + " | conv 2 k3", input="4x7x6")
    fields = convcalc.receptive_field(graph)
    assert fields.decided == {"deformconv1": "its offsets"}
    known = {row.name: all(axis.known for axis in row.axes) for row in fields.layers}
    assert known == {"o": True, "deformconv1": False, "conv1": False}
    assert fields.to_dict()["decided"] == {"deformconv1": "its offsets"}
    (position,) = fields.at((2, 2), "deformconv1")
    assert not position.exact
    assert [axis.read for axis in position.axes] == [(0, 6), (0, 5)]
    found = convcalc.verify(graph)
    assert found.ok
    assert any("its offsets decide what is read" in note for note in found.notes)


def test_inputs_of_its_own_are_read_where_they_stand() -> None:
    """A map that offsets do not choose from has a field: offsets that arrive as an input have."""
    from convcalc.spec import load

    graph = load("inputs: {x: 4x6x6, offset: 18x6x6}\nlayers:\n  - deformconv 3 k3 p1 from=[x,offset]\n")
    rows = {row.input: row for row in convcalc.receptive_field(graph).layers}
    assert [axis.known for axis in rows["x"].axes] == [False, False]
    assert [axis.size for axis in rows["offset"].axes] == [1, 1]
    assert convcalc.verify(graph).ok


def test_gradients_with_respect_to_every_input_are_those_of_finite_differences() -> None:
    from convcalc.spec import load

    graph = load(
        "inputs: {x: 4x5x4, offset: 36x4x3, mask: 18x4x3}\n"
        "layers:\n  - deformconv 2 k3 p1:0 g2 from=[x,offset,mask]\n"
    )
    rng, weights = np.random.default_rng(3), init_weights(graph, dtype="float64")
    inputs = {node.name: rng.standard_normal((1, *node.outputs[0])) for node in graph.nodes[:3]}
    found = gradient(graph, inputs, weights, position=(2, 1))

    def middle(at: dict[str, np.ndarray]) -> float:
        return float(execute(graph, at, weights)[:, :, 2, 1].sum())

    for name, array in inputs.items():
        direction = rng.standard_normal(array.shape)
        ahead, behind = ({**inputs, name: array + h * direction} for h in (1e-6, -1e-6))
        slope = (middle(ahead) - middle(behind)) / 2e-6
        assert float((found[name] * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-7)

"""Unfolding and folding of any rank against plain loops over the definition."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.executor.stand_ins import layer, run


def columns(x: np.ndarray, kernel, stride, dilation, pads) -> np.ndarray:
    """What every tap of every window reads, as numbers in a table: row (channel, tap), column position."""
    sizes = x.shape[2:]
    out = [
        (n + b + a - (k - 1) * d - 1) // s + 1
        for n, k, s, d, (b, a) in zip(sizes, kernel, stride, dilation, pads, strict=True)
    ]
    table = []
    for c in range(x.shape[1]):
        for tap in product(*map(range, kernel)):
            row = []
            for p in product(*map(range, out)):
                place = [
                    q * s + t * d - b
                    for q, s, t, d, (b, _) in zip(p, stride, tap, dilation, pads, strict=True)
                ]
                real = all(0 <= j < n for j, n in zip(place, sizes, strict=True))
                row.append(x[(slice(None), c, *place)] if real else np.zeros(len(x)))
            table.append(row)
    return np.moveaxis(np.array(table), 2, 0)


@st.composite
def windows(draw: st.DrawFn):
    rank = draw(st.integers(1, 3))
    axes = st.lists(st.integers(1, 3), min_size=rank, max_size=rank).map(tuple)
    kernel, stride, dilation = draw(axes), draw(axes), draw(axes)
    pads = tuple(draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in range(rank))
    sizes = tuple((k - 1) * d + 1 + draw(st.integers(0, 2)) for k, d in zip(kernel, dilation, strict=True))
    return kernel, stride, dilation, pads, sizes


@settings(max_examples=80, deadline=None)
@given(windows(), st.integers(1, 2), st.sampled_from(["fast", "naive"]))
def test_columns_are_what_taps_read(window, channels: int, form: str) -> None:
    kernel, stride, dilation, pads, sizes = window
    fields = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": pads}
    x = np.random.default_rng(0).standard_normal((2, channels, *sizes))
    expected = columns(x, kernel, stride, dilation, pads)
    found = run(layer("unfold", len(sizes), **fields), x, form=form)
    np.testing.assert_array_equal(found, expected)
    # Folding is the transpose: <unfold x, y> = <x, fold y> for all y.
    y = np.random.default_rng(1).standard_normal(expected.shape)
    back = run(layer("fold", len(sizes), size=sizes, **fields), y, form=form)
    assert back.shape == x.shape
    assert (expected * y).sum() == pytest.approx((x * back).sum(), rel=1e-12, abs=1e-12)


def test_a_convolution_is_a_product_with_columns() -> None:
    rng = np.random.default_rng(2)
    x, weight = rng.standard_normal((2, 3, 6, 7)), rng.standard_normal((4, 3, 3, 2))
    fields = {"kernel": (3, 2), "stride": (2, 1), "dilation": (1, 2), "padding": ((1, 0), (0, 2))}
    conv = layer("conv", in_channels=3, out_channels=4, bias=False, **fields)
    expected = run(conv, x, weight=weight)
    found = weight.reshape(4, -1) @ run(layer("unfold", **fields), x)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
    assert prod(expected.shape[2:]) == found.shape[2]

"""Resizing with antialiasing, against PyTorch and Pillow, and its taps against the definition."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import convcalc
from convcalc.dims import UNKNOWN
from convcalc.exporters.text import format_graph
from convcalc.layers.windows.resize import antialias_taps

sizes = st.integers(1, 24)


@pytest.mark.torch
@settings(max_examples=400, deadline=None)
@given(
    shape=st.tuples(sizes, sizes),
    how=st.one_of(
        st.fixed_dictionaries({"size": st.tuples(sizes, sizes)}),
        st.fixed_dictionaries(
            {
                "scale_factor": st.tuples(*[st.sampled_from([0.1, 0.25, 0.3, 0.7, 1.0, 1.4, 2.0, 2.5])] * 2),
                "recompute_scale_factor": st.sampled_from([None, True]),
            }
        ),
    ),
    mode=st.sampled_from(["bilinear", "bicubic"]),
    corners=st.booleans(),
    seed=st.integers(0, 99),
)
@example(shape=(9, 1), how={"size": (1, 5)}, mode="bicubic", corners=True, seed=0)
def test_pytorch(shape: tuple[int, int], how: dict[str, Any], mode: str, corners: bool, seed: int) -> None:
    torch = pytest.importorskip("torch")
    factors = how.get("scale_factor", (1.0, 1.0))
    assume(all(floor(n * s) >= 1 for n, s in zip(shape, factors, strict=True)))
    x = np.random.default_rng(seed).standard_normal((2, 3, *shape))
    given = how | {"mode": mode, "antialias": True, "align_corners": corners}
    expected = torch.nn.functional.interpolate(torch.from_numpy(x), **given).numpy()
    words = ", ".join(f"{key}={value!r}" for key, value in given.items())
    graph = convcalc.load(f"F.interpolate(x, {words})", input=f"3x{shape[0]}x{shape[1]}")
    assert graph.nodes[-1].outputs == (expected.shape[1:],)
    if expected.shape[-1] == 1:  # where PyTorch goes astray (see the next test): the map turned
        assume(expected.shape[-2] > 1)
        turned = {key: v[::-1] if isinstance(v, tuple) else v for key, v in given.items()}
        row = torch.nn.functional.interpolate(torch.from_numpy(np.swapaxes(x, 2, 3).copy()), **turned)
        expected = np.swapaxes(row.numpy(), 2, 3)
    np.testing.assert_allclose(convcalc.execute(graph, x), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.torch
def test_a_column_is_resized_as_a_row_is_though_not_by_pytorch() -> None:
    torch = pytest.importorskip("torch")
    row = np.arange(7.0).reshape(1, 1, 1, 7)
    column = np.swapaxes(row, 2, 3).copy()
    theirs = [
        torch.nn.functional.interpolate(
            torch.from_numpy(x), size=size, mode="bilinear", antialias=True
        ).numpy()
        for x, size in ((row, (1, 3)), (column, (3, 1)))
    ]
    own = convcalc.load("upsample size=3x1 mode=linear antialias=true", input="1x7x1")
    np.testing.assert_allclose(convcalc.execute(own, column).ravel(), theirs[0].ravel())
    assert np.abs(theirs[0].ravel() - theirs[1].ravel()).max() > 0.1, "PyTorch is mended: drop the exceptions"


@pytest.mark.parametrize(("mode", "filter"), [
    ("cubic a=-1/2", Image.Resampling.BICUBIC), ("linear", Image.Resampling.BILINEAR),
])  # fmt: skip
@pytest.mark.parametrize(("height", "width"), [(3, 4), (1, 1), (5, 23), (18, 2), (5, 1), (20, 1), (30, 40)])
def test_pillow(mode: str, filter: Image.Resampling, height: int, width: int) -> None:
    x = np.random.default_rng(0).standard_normal((13, 17)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(x).resize((width, height), filter))
    graph = convcalc.load(f"upsample size={height}x{width} mode={mode} antialias=true", input="1x13x17")
    np.testing.assert_allclose(convcalc.execute(graph, x[None, None])[0, 0], wanted, atol=2e-6)


def taps(i: int, o: int, ratio: Fraction, size: int) -> int:
    """Lengths of the windows of ``_compute_indices_min_size_weights_aa``, one by one."""
    support = max(ratio, Fraction(1)) * size / 2
    half = Fraction(1, 2)
    ends = [
        (int(max(ratio * (j + half) - support + half, 0)), int(min(ratio * (j + half) + support + half, i)))
        for j in range(o)
    ]
    return sum(stop - start for start, stop in ends)


@settings(max_examples=500, deadline=None)
@given(sizes, sizes, st.booleans(), st.sampled_from([2, 4]))
def test_taps_between_sizes(i: int, o: int, corners: bool, size: int) -> None:
    ratio = Fraction(i - 1, max(o - 1, 1)) if corners and o > 1 else Fraction(0 if corners else i, o)
    assert antialias_taps(i, o, 0, int(corners), size) == taps(i, o, ratio, size)


@settings(max_examples=500, deadline=None)
@given(sizes, st.fractions(Fraction(1, 9), 9, max_denominator=20), st.sampled_from([2, 4]))
def test_taps_of_a_factor(i: int, factor: Fraction, size: int) -> None:
    o = floor(i * factor)
    assume(o >= 1)
    assert antialias_taps(i, o, factor, 0, size) == taps(i, o, 1 / factor, size)


def test_taps_on_every_carrier() -> None:
    table = antialias_taps(np.array([8, 9, 16]), np.array([4, 4, 3]), 0, 0, 2)
    assert list(table) == [taps(i, o, Fraction(i, o), 2) for i, o in ((8, 4), (9, 4), (16, 3))]
    assert antialias_taps(UNKNOWN, 4, 0, 0, 2) is UNKNOWN
    # Halving reads 4 pixels per output, 3 at both ends; counted at once, not one by one.
    assert antialias_taps(2 * 10**15, 10**15, 0, 0, 2) == 4 * 10**15 - 2
    letters = convcalc.load("upsample scale=1/2 mode=linear antialias=true", input="1xW")
    form = convcalc.analyze(letters).layers[0].ops.mul
    assert "antialias_taps" in str(form)
    for w in (2, 9, 30):
        assert form.subs({"W": w}) == taps(w, w // 2, Fraction(2), 2)


def test_it_is_written_and_read_back() -> None:
    graph = convcalc.load("upsample size=3x2 mode=cubic a=-1/2 antialias=true", input="1x7x9")
    assert convcalc.load(format_graph(graph)).nodes[-1].layer == graph.nodes[-1].layer


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((f"upsample scale=2 mode={m} antialias=true", f"{m} interpolation has no antialias")
          for m in ("nearest", "nearest_exact", "area", "spline")),
        ("upsample scale=2 mode=cubic antialias=true exclude_outside=true", "leaves the taps outside out"),
        ("F.interpolate(x, 4, mode='nearest', antialias=True)", "takes no antialias with mode='nearest'"),
        ("F.interpolate(x, 4, mode='linear', antialias=True)", "takes no antialias with mode='linear'"),
        ("F.interpolate(x, 4, antialias=True)", "takes no antialias with mode='nearest'"),
    ],
)  # fmt: skip
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(convcalc.SpecError, match=message):
        convcalc.load(text, input="1x8x8")

"""Interpolation against PyTorch, mode by mode, and natural splines against SciPy."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.executor.stand_ins import layer, run

SIZES = {1: [(1,), (2,), (5,), (8,)], 2: [(1, 3), (4, 4), (5, 2), (7, 6)], 3: [(2, 3, 4), (1, 2, 5)]}
SCALES = [Fraction(n, 12) for n in (4, 6, 9, 12, 13, 15, 18, 24, 27, 36, 42)]
NAMES = {
    ("nearest", 1): "nearest",
    ("nearest", 2): "nearest",
    ("nearest", 3): "nearest",
    ("nearest_exact", 1): "nearest-exact",
    ("nearest_exact", 2): "nearest-exact",
    ("nearest_exact", 3): "nearest-exact",
    ("linear", 1): "linear",
    ("linear", 2): "bilinear",
    ("linear", 3): "trilinear",
    ("cubic", 2): "bicubic",
}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("mode", "rank", "corners"),
    [(m, r, c) for m, r in NAMES for c in (False, True) if not (c and m.startswith("nearest"))],
)
def test_every_mode_equals_pytorch(mode: str, rank: int, corners: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(rank)
    more: dict[str, Any] = {} if mode.startswith("nearest") else {"align_corners": corners}
    checked = 0
    for sizes in SIZES[rank]:
        x = rng.standard_normal((2, 3, *sizes))
        for scale in SCALES:
            if any(n * scale < 1 for n in sizes):
                continue
            expected = torch.nn.functional.interpolate(
                torch.from_numpy(x), scale_factor=(float(scale),) * rank, mode=NAMES[mode, rank], **more
            )
            own = run(layer("upsample", rank, scale=(scale,) * rank, mode=mode, align_corners=corners), x)
            np.testing.assert_allclose(own, expected.numpy(), rtol=1e-12, atol=1e-12)
            checked += 1
        for size in product((1, 4, 9), repeat=rank):
            expected = torch.nn.functional.interpolate(
                torch.from_numpy(x), size=size, mode=NAMES[mode, rank], **more
            )
            own = run(layer("upsample", rank, size=size, mode=mode, align_corners=corners), x)
            np.testing.assert_allclose(own, expected.numpy(), rtol=1e-12, atol=1e-12)
            checked += 1
    assert checked > 25


@pytest.mark.torch
@pytest.mark.parametrize("corners", [False, True], ids=["half", "corners"])
def test_cubic_in_one_and_three_dimensions_is_separable(corners: bool) -> None:
    """PyTorch has cubic interpolation in two dimensions only: one pass an axis gives the others."""
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5, 6))

    def along(array: np.ndarray, axis: int, size: int) -> np.ndarray:
        moved = np.moveaxis(array, axis, -1)
        flat = torch.from_numpy(np.ascontiguousarray(moved.reshape(1, 1, -1, moved.shape[-1])))
        out = torch.nn.functional.interpolate(
            flat, size=(flat.shape[2], size), mode="bicubic", align_corners=corners
        )
        return np.moveaxis(out.numpy().reshape(*moved.shape[:-1], size), -1, axis)

    expected = along(along(along(x, 2, 7), 3, 3), 4, 11)
    own = run(layer("upsample", 3, size=(7, 3, 11), mode="cubic", align_corners=corners), x)
    np.testing.assert_allclose(own, expected, rtol=1e-12, atol=1e-12)
    line = run(layer("upsample", 1, size=(13,), mode="cubic", align_corners=corners), x[:, :, 0, 0])
    np.testing.assert_allclose(line, along(x[:, :, 0, 0], 2, 13), rtol=1e-12, atol=1e-12)


def places(n: int, m: int, ratio: float, corners: bool) -> np.ndarray:
    """Where the outputs lie among the inputs; beyond the samples the nearest of them counts."""
    if corners:
        return np.linspace(0, n - 1, m) if m > 1 else np.zeros(1)
    return np.clip((np.arange(m) + 0.5) * ratio - 0.5, 0, n - 1)


@pytest.mark.parametrize("corners", [False, True], ids=["half", "corners"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_splines_equal_scipy_along_each_axis(rank: int, corners: bool) -> None:
    from scipy.interpolate import CubicSpline

    rng = np.random.default_rng(rank)
    for _ in range(40):
        sizes = tuple(int(n) for n in rng.integers(2, 9, rank))
        x = rng.standard_normal((2, 2, *sizes))
        if rng.random() < 0.5:
            scale = tuple(Fraction(int(rng.integers(2, 13)), 4) for _ in sizes)
            if any(n * s < 1 for n, s in zip(sizes, scale, strict=True)):
                continue
            stand_in = layer("upsample", rank, scale=scale, mode="spline", align_corners=corners)
            out = tuple(int(n * s) for n, s in zip(sizes, scale, strict=True))
            ratios = [float(1 / s) for s in scale]
        else:
            out = tuple(int(n) for n in rng.integers(1, 20, rank))
            stand_in = layer("upsample", rank, size=out, mode="spline", align_corners=corners)
            ratios = [n / m for n, m in zip(sizes, out, strict=True)]
        expected = x
        for axis, (n, m, ratio) in enumerate(zip(sizes, out, ratios, strict=True), start=2):
            spline = CubicSpline(np.arange(n), expected, axis=axis, bc_type="natural")
            expected = spline(places(n, m, ratio, corners))
        np.testing.assert_allclose(run(stand_in, x), expected, rtol=1e-11, atol=1e-11)


def test_a_spline_goes_through_its_samples_and_repeats_a_line() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1, 2, 6))
    # With corners aligned and (n - 1) * 3 + 1 outputs, every third lies on a sample.
    y = run(layer("upsample", 1, size=(16,), mode="spline", align_corners=True), x)
    np.testing.assert_allclose(y[..., ::3], x, rtol=1e-13, atol=1e-13)
    line = np.linspace(-1.0, 4.0, 6)[None, None]
    y = run(layer("upsample", 1, size=(16,), mode="spline", align_corners=True), line)
    np.testing.assert_allclose(y[0, 0], np.linspace(-1.0, 4.0, 16), atol=1e-13)

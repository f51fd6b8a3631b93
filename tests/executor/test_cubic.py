"""Cubic interpolation with Keys's parameter, against Pillow, which takes a = -1/2."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import convcalc


@pytest.mark.parametrize(("mode", "filter"), [
    ("cubic a=-1/2", Image.Resampling.BICUBIC), ("linear", Image.Resampling.BILINEAR),
])  # fmt: skip
@pytest.mark.parametrize("scale", [2, 3])
def test_pillow(mode: str, filter: Image.Resampling, scale: int) -> None:
    x = np.random.default_rng(0).standard_normal((9, 11)).astype(np.float32)
    wanted = np.asarray(Image.fromarray(x).resize((11 * scale, 9 * scale), filter))
    graph = convcalc.load(f"upsample scale={scale} mode={mode}", input="1x9x11")
    found = convcalc.execute(graph, x[None, None])[0, 0]
    # At the border Pillow leaves out the taps beyond, where we repeat the last pixel.
    inner = (slice(2 * scale, -2 * scale),) * 2
    np.testing.assert_allclose(found[inner], wanted[inner], atol=1e-6)
    if mode != "linear":
        plain = convcalc.load(f"upsample scale={scale} mode=cubic", input="1x9x11")
        assert np.abs(convcalc.execute(plain, x[None, None])[0, 0][inner] - wanted[inner]).max() > 0.01


def test_the_parameter_is_of_the_cubic_kernel_alone() -> None:
    with pytest.raises(convcalc.SpecError, match="linear interpolation has no a"):
        convcalc.load("upsample scale=2 mode=linear a=-1/2", input="1x4")


def test_the_parameter_is_written_and_read_back() -> None:
    from convcalc.exporters.text import format_graph

    graph = convcalc.load("upsample scale=2 mode=cubic a=-1/2", input="1x4")
    assert convcalc.load(format_graph(graph)).nodes[-1].layer == graph.nodes[-1].layer

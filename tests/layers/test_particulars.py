"""What layers say of their order and windows in words, held to running them."""

from __future__ import annotations

import re
from itertools import pairwise
from math import floor

import numpy as np
import pytest

import convcalc


def said(spec: str, shape: str) -> dict[str, str]:
    (section,) = convcalc.explain(spec, input=shape).sections
    return {line.quantity: line.formula for line in section.lines if line.group in ("order", "windows")}


def worked_out(text: str, **values: int) -> int:
    """An expression of an explanation, such as ``c*4 + (y mod 2)*2``, in numbers."""
    return int(eval(text.replace(" mod ", " % "), {"floor": floor}, values))


@pytest.mark.parametrize("mode", ["crd", "dcr"])
@pytest.mark.parametrize(("r", "shape"), [(2, (12, 4, 3)), (3, (18, 2, 2)), (2, (6, 5)), (2, (16, 2, 3, 2))])
def test_a_pixel_shuffle_says_which_channel_goes_where(mode: str, r: int, shape: tuple[int, ...]) -> None:
    spec, text = f"pixelshuffle {r} mode={mode}", "x".join(map(str, shape))
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(1, *shape)
    y = convcalc.execute(spec, x, input=text)[0]
    found = re.fullmatch(
        r"output channel c at \((.*)\) is input channel (.*) at \((.*)\)", said(spec, text)["channels"]
    )
    assert found is not None
    names, channel, places = found[1].split(", "), found[2], found[3].split(", ")
    for at in np.ndindex(y.shape):
        values = dict(zip(["c", *names], at, strict=True))
        read = (worked_out(channel, **values), *(worked_out(place, **values) for place in places))
        assert y[at] == x[0][read]
    assert ("PyTorch" in said(spec, text)["mode"].split(";")[0]) == (mode == "crd")


@pytest.mark.parametrize("mode", ["crd", "dcr"])
@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 6)])
def test_a_pixel_unshuffle_says_it_too(mode: str, shape: tuple[int, ...]) -> None:
    spec, text = f"pixelunshuffle 2 mode={mode}", "x".join(map(str, shape))
    x = np.arange(np.prod(shape), dtype=np.float64).reshape(1, *shape)
    y = convcalc.execute(spec, x, input=text)[0]
    found = re.fullmatch(
        r"output channel (.*) at \((.*)\) is input channel c at \((.*)\); (.*) from 0 to 1",
        said(spec, text)["channels"],
    )
    assert found is not None
    names, offsets = found[2].split(", "), found[4].split(", ")
    for at in np.ndindex((*x.shape[1:2], *y.shape[1:], *(2,) * len(offsets))):
        values = dict(zip(["c", *names, *offsets], at, strict=True))
        read = (values["c"], *(worked_out(place, **values) for place in found[3].split(", ")))
        assert y[(worked_out(found[1], **values), *(values[name] for name in names))] == x[0][read]


def test_a_channel_shuffle_says_it_too() -> None:
    x = np.arange(12.0).reshape(1, 12, 1, 1)
    y = convcalc.execute("shuffle g3", x, input="12x1x1").ravel()
    expression = said("shuffle g3", "12x1x1")["channels"].removeprefix("output channel j is input channel ")
    assert [worked_out(expression, j=j) for j in range(12)] == y.tolist()


@pytest.mark.parametrize("spec", ["roll -3 axis=1", "roll (7,2) axis=(0,2)", "flip", "flip axis=(0,1)"])
def test_a_move_says_which_index_goes_where(spec: str) -> None:
    shape = (4, 5, 3)
    x = np.arange(60.0).reshape(1, *shape)
    y = convcalc.execute(spec, x, input=shape)[0]
    words = said(spec, "4x5x3")
    for at in np.ndindex(y.shape):
        read = [
            worked_out(words[f"axis {a}"].removeprefix("output j is input "), j=j)
            if f"axis {a}" in words
            else j
            for a, j in enumerate(at)
        ]
        assert y[at] == x[0][tuple(read)]


def test_the_order_of_pytorch_in_small_numbers() -> None:
    """PyTorch's documentation: channel c*r*r + i*r + j goes to row i and column j of channel c."""
    assert said("pixelshuffle 2", "12x4x4")["so"].endswith("is input channel 0, 1, 2, 3 at (0, 0)")
    assert said("pixelshuffle 2 mode=dcr", "12x4x4")["so"].endswith("is input channel 0, 3, 6, 9 at (0, 0)")
    (section,) = convcalc.explain("pixelshuffle").sections
    assert any("c*R**2 + (y mod R)*R + (x mod R)" in str(line.formula) for line in section.lines)


def test_windows_of_an_adaptive_pool() -> None:
    """12 to 7, as PyTorch computes its bounds: floor(12j/7) up to ceil(12(j + 1)/7)."""
    found = said("AdaptiveAvgPool2d((7,7))", "3x12x12")
    assert found["height"] == found["width"] == "0 to 1, 1 to 3, 3 to 5, 5 to 6, 6 to 8, 8 to 10, 10 to 11"
    assert found["as a pool of equal windows"].startswith("none")
    assert said("adaptivemaxpool size=4x1", "3x12x5")["as a pool of equal windows"] == "maxpool k3x5 s3x5"


@pytest.mark.parametrize("i", range(1, 18))
def test_the_equal_pool_gives_the_same_where_there_is_one(i: int) -> None:
    rng = np.random.default_rng(i)
    x = rng.normal(size=(1, 2, i))
    for o in range(1, 20):
        text = said(f"adaptiveavgpool size={o}", f"2x{i}")["as a pool of equal windows"]
        bounds = [(floor(j * i / o), -(-(j + 1) * i // o)) for j in range(o)]
        steps = {b[0] - a[0] for a, b in pairwise(bounds)}
        alike = len({b - a for a, b in bounds}) == 1 and len(steps) <= 1 and 0 not in steps
        assert text.startswith("avgpool") == alike, (i, o)
        if alike:
            pooled = convcalc.execute(text, x, input=f"2x{i}")
            adaptive = convcalc.execute(f"adaptiveavgpool size={o}", x, input=f"2x{i}")
            np.testing.assert_allclose(pooled, adaptive, rtol=1e-12)


def test_a_divisor_of_one_divides_nothing() -> None:
    for divisor, divisions in ((1, 0), (2, 4)):
        found = convcalc.verify(f"avgpool k2 s2 divisor={divisor}", input="1x4x4", scalars=True)
        assert found.ok
        assert convcalc.analyze(f"avgpool k2 s2 divisor={divisor}", input="1x4x4").totals.ops.div == divisions
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    y = convcalc.execute("avgpool k2 s2 divisor=1", x, input="1x4x4")
    assert y.ravel().tolist() == [10.0, 18.0, 42.0, 50.0]


def test_a_field_of_phases_is_a_range() -> None:
    """As ``rf`` says it: the smallest and the largest over the phases of the output."""
    row = convcalc.receptive_field("unet").output
    found = {line.quantity: line.formula for line in convcalc.explain("unet").lines}
    (size,) = {(axis.smallest, axis.size) for axis in row.axes}
    assert found["receptive field"] == f"{size[0]} to {size[1]}"
    assert size[0] < size[1]

"""MobileNets (Howard et al. 2017): the tables of the paper, to the digits it prints."""

from __future__ import annotations

from fractions import Fraction

import pytest

import convcalc
from tests.zoo.counts import counts, millions


def test_keras_integers() -> None:
    found = counts("mobilenet_v1")
    assert found.params == 4_231_976
    assert found.buffers == 21_888
    assert found.output == (1000,)


# Table 3: one layer, an internal layer of MobileNet with 3x3 kernels, M = N = 512, on a 14x14 map.
# spec, input, million mult-adds, million parameters
TABLE_3 = {
    "convolution": ("conv 512->512 k3 p1 bias=false", "512x14x14", "462", "2.36"),
    "depthwise separable": ("dwconv k3 p1 bias=false | conv 512 k1 bias=false", "512x14x14", "52.3", "0.27"),
    "width 0.75": ("dwconv k3 p1 bias=false | conv 384 k1 bias=false", "384x14x14", "29.6", "0.15"),
    "width 0.75, resolution 0.714": (
        "dwconv k3 p1 bias=false | conv 384 k1 bias=false",
        "384x10x10",
        "15.1",
        "0.15",
    ),
}


@pytest.mark.parametrize("row", TABLE_3)
def test_table_3(row: str) -> None:
    spec, size, mult_adds, params = TABLE_3[row]
    totals = convcalc.analyze(convcalc.load(spec, input=size)).to_dict()["totals"]
    assert millions(totals["macs"], len(mult_adds.partition(".")[2])) == mult_adds
    assert millions(totals["params"], 2) == params


@pytest.mark.parametrize(("alpha", "mult_adds", "params"), [
    ("1.0", "569", "4.2"),
    ("0.75", "325", "2.6"),
    ("0.5", "149", "1.3"),
    ("0.25", "41", "0.5"),
])  # fmt: skip
def test_table_6(alpha: str, mult_adds: str, params: str) -> None:
    found = counts("mobilenet_v1", "3x224x224", alpha=Fraction(alpha))
    assert millions(found.macs, 0) == mult_adds
    assert millions(found.params, 1) == params


@pytest.mark.parametrize(
    ("resolution", "mult_adds"), [(224, "569"), (192, "418"), (160, "290"), (128, "186")]
)
def test_table_7(resolution: int, mult_adds: str) -> None:
    found = counts("mobilenet_v1", f"3x{resolution}x{resolution}")
    # The convolutions shrink with the square of the resolution, the classifier does not.
    assert found.macs == 567_716_352 * resolution**2 // 224**2 + 1_024_000
    # 290.68 M at 160: the paper cut this one's digits where it rounded the others'.
    macs = found.macs // 10**6 * 10**6 if resolution == 160 else found.macs
    assert millions(macs, 0) == mult_adds
    assert millions(found.params, 1) == "4.2"


# Keras applications publishes its checkpoints' sizes for every width.
@pytest.mark.parametrize(("alpha", "total"), [
    ("0.25", 475_544),
    ("0.5", 1_342_536),
    ("0.75", 2_601_976),
    ("1.0", 4_253_864),
])  # fmt: skip
def test_keras_widths(alpha: str, total: int) -> None:
    found = counts("mobilenet_v1", alpha=Fraction(alpha))
    assert found.params + found.buffers == total


# Width multipliers of the later families: torchvision's own models built with width_mult, rounded to eights.
# name, alpha: params, buffers, conv_macs, linear_macs
WIDTHS = {
    ("mobilenet_v2", "1.4"): (6_108_776, 47_936, 580_403_824, 1_792_000),
    ("mobilenet_v2", "0.75"): (2_636_424, 26_640, 207_789_792, 1_280_000),
    ("mobilenet_v2", "0.5"): (1_968_680, 18_544, 95_851_840, 1_280_000),
    ("mobilenet_v2", "0.35"): (1_677_128, 14_080, 58_005_808, 1_280_000),
    ("mobilenet_v3_large", "0.75"): (3_377_576, 18_416, 138_382_616, 1_651_200),
    ("mobilenet_v3_small", "0.75"): (1_653_920, 9_200, 38_015_800, 1_099_776),
}


@pytest.mark.parametrize(("name", "alpha"), WIDTHS)
def test_widths_of_the_later_families(name: str, alpha: str) -> None:
    found = counts(name, alpha=Fraction(alpha))
    assert (found.params, found.buffers, found.conv_macs, found.linear_macs) == WIDTHS[name, alpha]

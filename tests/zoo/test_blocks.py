"""Library blocks on their own: closed forms and figures of the papers they come from."""

from __future__ import annotations

from math import prod

import pytest

import convcalc
from convcalc.spec import library
from convcalc.spec.document.reading import block
from tests.zoo.counts import graph


def params(spec: str, input: str) -> int:
    return int(convcalc.analyze(convcalc.load(spec, input=input)).to_dict()["totals"]["params"])


def macs(spec: str, input: str) -> int:
    return int(convcalc.analyze(convcalc.load(spec, input=input)).to_dict()["totals"]["macs"])


def shape(spec: str, input: str) -> tuple[int, ...]:
    network = convcalc.load(spec, input=input)
    return tuple(network.shape(network.outputs[0]))


@pytest.mark.parametrize("name", library.block_names())
def test_every_block_says_what_it_is(name: str) -> None:
    assert len(block(name).doc) > 20


# Iandola et al. 2016, Table 1, "number of parameters before pruning".
SQUEEZENET = {
    "conv1": 14_208, "fire2": 11_920, "fire3": 12_432, "fire4": 45_344, "fire5": 49_440, "fire6": 104_880,
    "fire7": 111_024, "fire8": 188_992, "fire9": 197_184, "conv10": 513_000,
}  # fmt: skip


def test_squeezenet_layer_by_layer() -> None:
    network = graph("squeezenet1_0")
    found = dict.fromkeys(SQUEEZENET, 0)
    for node in network.nodes:
        for shape_ in node.layer.parameters(network.input_shapes(node)).values():
            found[node.name.split(".")[0]] += prod(shape_)
    assert found == SQUEEZENET
    assert sum(SQUEEZENET.values()) == 1_248_424


def test_fire_takes_a_squeeze_ratio() -> None:
    assert params("fire(16, 64, 64)", "96x55x55") == 11_920
    assert params("fire(e1x1=64, e3x3=64, sr=0.125)", "96x55x55") == 11_920


@pytest.mark.parametrize(("rank", "input"), [(1, "32x16"), (2, "32x8x8"), (3, "32x4x6x8")])
def test_two_towers_are_two_groups(rank: int, input: str) -> None:
    by_hand = 64 * 16 * 3**rank + 64
    assert params("grouped_conv(64)", input) == params("two_tower_conv(64)", input) == by_hand
    assert macs("grouped_conv(64)", input) == macs("two_tower_conv(64)", input)
    assert shape("grouped_conv(64)", input) == shape("two_tower_conv(64)", input)


def test_separable_against_standard() -> None:
    # The worked example: 108 weights against 27 + 12.
    assert params("conv 3->4 k3 bias=false", "3x5x5") == 108
    assert params("separable_conv(4)", "3x5x5") == 27 + 12


@pytest.mark.parametrize("channels", [16, 64])
def test_three_small_kernels_for_a_large_one(channels: int) -> None:
    # Simonyan & Zisserman 2015, section 2.3: 27 C^2 against 49 C^2 weights.
    size = f"{channels}x12x12"
    assert params(f"conv_stack({channels}, 3)", size) - 3 * channels == 27 * channels**2
    assert params(f"conv {channels} k7 p3 bias=false", size) == 49 * channels**2


@pytest.mark.parametrize("c", [24, 64])
@pytest.mark.parametrize("t", [1, 6])
def test_inverted_and_classic_bottleneck(c: int, t: int) -> None:
    # Sandler et al. 2018, Table 1; a unit c -> c, with two numbers a channel for each normalisation.
    mid = t * c
    expansion = c * mid + 2 * mid if t > 1 else 0
    by_hand = expansion + 9 * mid + 2 * mid + mid * c + 2 * c
    assert params(f"inverted_residual({c}, expand={t})", f"{c}x8x8") == by_hand
    # He et al. 2016, Figure 5: 4c -> c -> c -> 4c.
    assert params(f"bottleneck({c})", f"{4 * c}x8x8") == 17 * c * c + 2 * (c + c + 4 * c)


@pytest.mark.parametrize("g", [1, 2, 4])
def test_shuffle_unit_in_closed_form(g: int) -> None:
    # Zhang et al. 2018, section 3.2: hw (2cm/g + 9m) multiply-adds for c channels and m in the bottleneck.
    c, m = 64, 16
    assert macs(f"shuffle_unit({c}, {g})", f"{c}x10x10") == 100 * (2 * c * m // g + 9 * m)
    # And of the residual units it is compared with: ResNet hw (2cm + 9m^2), ResNeXt hw (2cm + 9m^2/g).
    assert macs(f"bottleneck({m})", f"{c}x10x10") == 100 * (2 * c * m + 9 * m * m)
    by_hand = 100 * (2 * 256 * m + 9 * m * m // g)
    assert macs(f"bottleneck(64, groups={g}, base={m // g})", "256x10x10") == by_hand


def test_shift_block_has_no_spatial_weights() -> None:
    # Wu et al. 2018: two 1x1 convolutions; the shift itself has nothing to learn and nothing to compute.
    e, c = 3, 48
    assert macs(f"shift_block({c}, expansion={e})", f"{c}x8x8") == 64 * 2 * e * c * c
    assert params(f"shift_block({c}, expansion={e})", f"{c}x8x8") == 2 * e * c * c + 2 * e * c + 2 * c


def test_project_and_reshape_is_one_linear_map() -> None:
    for how in ("linear", "transposed"):
        assert params(f"project_and_reshape(1024, how='{how}', bias=false)", "100x1x1") == 100 * 1024 * 16
        assert macs(f"project_and_reshape(1024, how='{how}', bias=false)", "100x1x1") == 100 * 1024 * 16
        assert shape(f"project_and_reshape(1024, how='{how}')", "100x1x1") == (1024, 4, 4)


@pytest.mark.parametrize(("spec", "input", "output"), [
    ("aspp(256)", "2048x28x28", (256, 28, 28)),
    ("pyramid_pooling()", "2048x60x60", (4096, 60, 60)),
    ("context_module(21)", "21x64x64", (21, 64, 64)),
    ("hybrid_dilated(64, rates=[1, 2, 5])", "64x40x40", (64, 40, 40)),
    ("hybrid_dilated(8, rates=[1, 2, 9])", "8x40", (8, 40)),
    ("up(64)", "128x4x4", (64, 8, 8)),
    ("down(64)", "3x64x64", (64, 32, 32)),
    ("resize_conv(8, mode='linear')", "8x9", (8, 18)),
    ("resize_conv(8, mode='bilinear')", "8x9x7", (8, 18, 14)),
    ("resize_conv(8, mode='trilinear')", "8x3x4x5", (8, 6, 8, 10)),
    ("resize_conv(8, mode='bicubic', scale=3)", "8x5x5", (8, 15, 15)),
    ("resize_conv(8, mode='spline')", "8x5x5", (8, 10, 10)),
    ("dense_layer(32)", "64x8x8", (96, 8, 8)),
    ("transition()", "256x8x8", (128, 4, 4)),
    ("shuffle_unit_v2(116)", "116x28x28", (116, 28, 28)),
    ("shuffle_unit_v2(116, stride=2)", "24x56x56", (116, 28, 28)),
    ("shuffle_unit(240, 3, stride=2)", "24x56x56", (240, 28, 28)),
    ("volume_block(64)", "64x8x28x28", (64, 8, 28, 28)),
    ("conv_stack(64, 2)", "3x32x32", (64, 16, 16)),
])  # fmt: skip
def test_shapes(spec: str, input: str, output: tuple[int, ...]) -> None:
    assert shape(spec, input) == output


def test_squeeze_and_excitation() -> None:
    # Hu et al. 2018, section 4: 2 C^2 / r weights a block.
    c, r = 256, 16
    assert params(f"squeeze_excite({c // r})", f"{c}x14x14") - c - c // r == 2 * c * c // r


def test_dense_layer_in_closed_form() -> None:
    # Huang et al. 2017: BN-ReLU-1x1(4k)-BN-ReLU-3x3(k).
    m, k = 64, 32
    assert params(f"dense_layer({k})", f"{m}x8x8") == 2 * m + m * 4 * k + 8 * k + 36 * k * k

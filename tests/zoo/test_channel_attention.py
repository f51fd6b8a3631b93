"""Networks that weigh their channels, and NFNets: to the last integer, and value for value with timm's.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, by PyTorch's own operator counter: parameters,
floating-point buffers and multiply-accumulates of convolutions and of matrix products.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from tests.zoo.counts import counts, graph, row
from tests.zoo.originals import by_kind, drawn, held, timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs)
TIMM = {
    "convnextv2_tiny": ("3x224x224", 28_635_496, 0, 292_965_120, 4_162_566_144),
    "convnextv2_large": ("3x224x224", 197_956_840, 0, 1_065_512_448, 33_295_921_152),
    "resnest14d": ("3x224x224", 10_611_688, 22_336, 2_747_357_184, 2_048_000),
    "resnest26d": ("3x224x224", 17_069_448, 36_736, 3_621_343_232, 2_048_000),
    "resnest50d_1s4x24d": ("3x224x224", 25_677_000, 63_680, 4_397_779_456, 2_048_000),
    "skresnet18": ("3x224x224", 11_958_056, 13_952, 1_813_825_536, 512_000),
    "skresnet50d": ("3x224x224", 25_822_392, 61_296, 4_327_014_912, 2_048_000),
    "ecaresnet50d": ("3x224x224", 25_576_350, 53_248, 4_326_864_640, 2_048_000),
    "nfnet_f0": ("3x192x192", 71_489_272, 0, 6_973_931_520, 3_072_000),
    "nfnet_f7": ("3x480x480", 499_503_992, 0, 298_473_467_904, 3_072_000),
}

# What the variables of "resnet" make, and the same figures.
RESNETS: dict[str, tuple[dict[str, Any], tuple[str, int, int, int, int]]] = {
    "resnet18d": (
        {"bottlenecks": False, "depths": [2, 2, 2, 2], "deep": True},
        ("3x224x224", 11_708_744, 9_728, 2_053_201_920, 512_000),
    ),
    "resnet34d": (
        {"bottlenecks": False, "depths": [3, 4, 6, 3], "deep": True},
        ("3x224x224", 21_816_904, 17_152, 3_902_889_984, 512_000),
    ),
    "legacy_seresnet34": (
        {"bottlenecks": False, "depths": [3, 4, 6, 3], "squeeze": 16},
        ("3x224x224", 21_958_868, 17_024, 3_663_406_592, 512_000),
    ),
    "seresnet152d": (
        {"depths": [3, 8, 36, 3], "squeeze": 16, "deep": True},
        ("3x256x256", 66_841_080, 151_552, 15_355_109_376, 2_048_000),
    ),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = ("nfnet_f1", "nfnet_f2", "nfnet_f3", "nfnet_f4", "nfnet_f5", "nfnet_f6")


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    assert row(name) == TIMM[name]
    assert counts(name).output == (1000,)


@pytest.mark.parametrize("name", RESNETS)
def test_resnets(name: str) -> None:
    variables, (size, params, buffers, conv_macs, matmul_macs) = RESNETS[name]
    totals = convcalc.analyze(convcalc.load("resnet", input=size, set=variables)).totals
    assert (totals.params, totals.buffers, totals.macs) == (params, buffers, conv_macs + matmul_macs)


@pytest.mark.torch
@pytest.mark.parametrize("name", MORE)
def test_parameters_are_those_of_timm(name: str) -> None:
    timm = timm_or_skip()
    import torch

    with torch.device("meta"):
        model = timm.create_model(name)
    assert counts(name).params == sum(p.numel() for p in model.parameters())
    assert graph(name).nodes[0].outputs[0] == timm.get_pretrained_cfg(name).input_size


STANDARDISED = [(r"\.filters\.value$", ".weight"), (r"\.gain\.value$", ".gain")]


@pytest.mark.torch
@pytest.mark.parametrize(
    "name",
    ["convnextv2_tiny", "resnest14d", "resnest50d_1s4x24d", "skresnet18", "skresnet50d", "ecaresnet50d"],
)
def test_values_are_those_of_timm(name: str) -> None:
    model, network = drawn(timm_or_skip().create_model(name)), graph(name, "3x96x96")
    held(model, network, by_kind(model, network), (3, 96, 96))


@pytest.mark.torch
def test_nfnet_has_the_values_of_timm() -> None:
    model, network = drawn(timm_or_skip().create_model("nfnet_f0")), graph("nfnet_f0", "3x64x64")
    held(model, network, by_kind(model, network, STANDARDISED), (3, 64, 64))


def outputs(call: str, x: np.ndarray, weights: dict[str, np.ndarray]) -> np.ndarray:
    network = convcalc.load(f"{call} id=b", input=x.shape[1:])
    assert set(convcalc.init_weights(network)) == {f"b.{name}" for name in weights}
    return np.asarray(convcalc.execute(network, x, {f"b.{name}": array for name, array in weights.items()}))


def drawn_map(seed: int, channels: int) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.standard_normal((2, channels, *rng.integers(1, 6, 2)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 9))
def test_global_response_norm(seed: int, channels: int) -> None:
    """Woo et al. 2023, algorithm 1."""
    rng, x = drawn_map(seed, channels)
    gamma, beta = rng.standard_normal((2, channels))
    lengths = np.sqrt((x**2).sum((2, 3), keepdims=True))
    shares = lengths / (lengths.mean(1, keepdims=True) + 1e-6)
    expected = gamma[:, None, None] * x * shares + beta[:, None, None] + x
    found = outputs("global_response_norm()", x, {"scale1.weight": gamma, "scale1.bias": beta})
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 9), st.sampled_from((3, 5)))
def test_efficient_channel_attention(seed: int, channels: int, k: int) -> None:
    rng, x = drawn_map(seed, channels)
    taps = rng.standard_normal(k)
    means = np.pad(x.mean((2, 3)), ((0, 0), (k // 2, k // 2)))
    sums = sum(taps[i] * means[:, i : i + channels] for i in range(k))
    expected = x / (1 + np.exp(-sums))[:, :, None, None]
    found = outputs(f"efficient_channel_attention({k})", x, {"conv1.weight": taps.reshape(1, 1, k)})
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60_000) | st.integers(0, 15).map(lambda power: 2**power))
def test_kernel_of_efficient_channel_attention(channels: int) -> None:
    """Wang et al. 2020, equation 12 with gamma 2 and b 1, as released."""
    whole = int(abs((math.log2(channels) + 1) / 2))
    kernel = max(whole if whole % 2 else whole + 1, 3)
    network = convcalc.load("efficient_channel_attention()", input=f"{channels}x2x2")
    assert convcalc.analyze(network).totals.params == kernel


@pytest.mark.parametrize(
    "call",
    [
        "split_attention(4, groups=2, radix=3)",
        "split_attention(6, radix=1, stride=2)",
        "selective_kernel(6)",
        "selective_kernel(6, split=false, dilations=[1, 2, 3], stride=2)",
        "global_response_norm()",
        "efficient_channel_attention()",
    ],
)
def test_formula_and_execution_agree(call: str) -> None:
    assert convcalc.verify(convcalc.load(call, input="12x9x7")).ok

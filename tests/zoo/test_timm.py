"""timm's networks, to the last integer, and value for value with the same weights.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, by PyTorch's own operator counter: parameters,
floating-point buffers and multiply-accumulates of convolutions and of matrix products.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from tests.zoo.counts import counts, graph, row
from tests.zoo.originals import timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs)
TIMM = {
    "hrnet_w18": ("3x224x224", 21_299_004, 51_216, 4_281_489_072, 2_048_000),
    "hrnet_w18_small": ("3x224x224", 13_187_464, 24_032, 1_599_460_352, 2_048_000),
    "hrnet_w30": ("3x224x224", 37_712_220, 71_280, 8_103_733_680, 2_048_000),
    "hrnet_w64": ("3x224x224", 128_059_944, 128_128, 28_893_347_840, 2_048_000),
    "mixnet_s": ("3x224x224", 4_134_606, 32_192, 237_637_360, 1_536_000),
    "mixnet_m": ("3x224x224", 5_014_382, 41_712, 337_636_672, 1_536_000),
    "cspdarknet53": ("3x256x256", 27_642_184, 35_328, 6_532_628_480, 1_024_000),
    "ese_vovnet19b_dw": ("3x224x224", 6_543_080, 11_136, 1_332_465_824, 1_024_000),
    "ese_vovnet57b": ("3x256x256", 38_608_936, 31_616, 11_664_490_496, 1_024_000),
    "ese_vovnet99b": ("3x224x224", 63_199_272, 54_144, 16_487_190_528, 1_024_000),
    "rexnet_100": ("3x224x224", 4_796_873, 41_378, 397_090_392, 1_280_000),
    "rexnet_200": ("3x224x224", 16_366_620, 82_760, 1_526_290_782, 2_560_000),
    "selecsls42": ("3x224x224", 30_354_952, 19_648, 2_933_151_744, 1_280_000),
    "selecsls42b": ("3x224x224", 32_458_248, 19_648, 2_970_900_480, 1_024_000),
    "dla34": ("3x224x224", 15_742_104, 15_488, 3_060_043_776, 0),
    "dla46_c": ("3x224x224", 1_301_400, 8_064, 574_269_440, 0),
    "dla102x2": ("3x224x224", 41_282_200, 141_952, 9_283_985_408, 0),
    "dla169": ("3x224x224", 53_389_720, 108_928, 11_557_560_320, 0),
    "mobilenetv4_conv_small": ("3x224x224", 3_774_024, 25_088, 184_725_568, 1_280_000),
    "ghostnetv2_100": ("3x224x224", 6_156_908, 62_384, 165_768_288, 1_280_000),
    "regnetz_005": ("3x224x224", 7_122_742, 54_384, 506_179_840, 1_024_000),
    "mixnet_l": ("3x224x224", 7_329_252, 54_272, 553_715_792, 1_536_000),  # tf_mixnet_l there
}

# Other members of the same documents: name of the document, its variables, and the figures.
SETTINGS = {
    "rexnetr_300": ("rexnet_300", {"divisor": 16}, "3x224x224", 34_810_008, 124_032, 3_343_674_720),
    "ghostnet_050": ("ghostnet", {"alpha": 0.5}, "3x224x224", 2_587_292, 10_984, 42_328_152),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = (
    *("hrnet_w32", "hrnet_w40", "hrnet_w44", "hrnet_w48", "ese_vovnet39b", "rexnet_130", "rexnet_150"),
    *("rexnet_300", "selecsls60", "dla60", "dla60x", "dla102"),
)


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    input = TIMM[name][0]
    assert row(name, input) == TIMM[name]
    assert counts(name, input).output == (1000,)


@pytest.mark.parametrize("name", SETTINGS)
def test_counts_of_other_settings(name: str) -> None:
    document, variables, input, params, buffers, macs = SETTINGS[name]
    found = counts(document, input, **variables)
    assert (found.params, found.buffers, found.macs) == (params, buffers, macs)


def timm_model(name: str) -> Any:
    """A network of timm."""
    return timm_or_skip().create_model(name).eval()


def weights_of(model: Any, network: convcalc.Graph) -> dict[str, Any]:
    """The arrays of a model under our names: both hold their layers in the order of their definition."""
    import torch

    theirs = []
    for module in model.modules():
        own = dict(module.named_parameters(recurse=False))
        own.update(module.named_buffers(recurse=False))
        own.pop("num_batches_tracked", None)
        if not own:
            continue
        if "running_var" in own:  # no statistic and no scale that hides a mistake
            for array, low, high in (("running_mean", -0.2, 0.2), ("running_var", 0.5, 1.5)):
                torch.nn.init.uniform_(own[array], low, high)
            torch.nn.init.uniform_(own["weight"], 0.5, 1.5)
            torch.nn.init.uniform_(own["bias"], -0.2, 0.2)
        theirs.append(own)
    ours: dict[str, list[str]] = {}
    for name in convcalc.init_weights(network, 0, "float32"):
        node, _, array = name.rpartition(".")
        ours.setdefault(node, []).append(array)
    found: dict[str, Any] = {}
    for (node, arrays), own in zip(ours.items(), theirs, strict=True):
        assert set(arrays) == set(own), node
        for array in arrays:
            found[f"{node}.{array}"] = own[array].detach().numpy()
    return found


VALUES = (
    *("hrnet_w18", "hrnet_w18_small", "mixnet_s", "mixnet_m", "mixnet_l"),
    *("cspdarknet53", "ese_vovnet19b_dw", "ese_vovnet57b", "rexnet_100", "rexnet_150", "selecsls42b"),
    *("selecsls60", "dla34", "dla46_c", "dla60x", "dla102", "mobilenetv4_conv_small", "ghostnetv2_100"),
    "regnetz_005",
)


@pytest.mark.torch
@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_timm(name: str) -> None:
    import torch

    model = timm_model(name)
    network = graph(name, "3x96x96")
    x = np.random.default_rng(1).standard_normal((2, 3, 96, 96), dtype=np.float32)
    found = convcalc.execute(network, x, weights_of(model, network))
    with torch.no_grad():
        expected = model(torch.from_numpy(x)).numpy()
    assert np.abs(expected).max() > 0.1
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.torch
@pytest.mark.parametrize("name", MORE)
def test_parameters_are_those_of_timm(name: str) -> None:
    model = timm_model(name)
    assert counts(name).params == sum(p.numel() for p in model.parameters())

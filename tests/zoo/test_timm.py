"""timm's networks, to the last integer, and value for value with the same weights.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, by PyTorch's own operator counter: parameters,
floating-point buffers and multiply-accumulates of convolutions and of matrix products.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from tests.zoo.counts import counts, graph
from tests.zoo.originals import timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs)
TIMM = {
    "hrnet_w18": ("3x224x224", 21_299_004, 51_216, 4_281_489_072, 2_048_000),
    "hrnet_w18_small": ("3x224x224", 13_187_464, 24_032, 1_599_460_352, 2_048_000),
    "hrnet_w30": ("3x224x224", 37_712_220, 71_280, 8_103_733_680, 2_048_000),
    "hrnet_w64": ("3x224x224", 128_059_944, 128_128, 28_893_347_840, 2_048_000),
    "mixnet_s": ("3x224x224", 4_134_606, 32_192, 237_637_360, 1_536_000),
    "mixnet_m": ("3x224x224", 5_014_382, 41_712, 337_636_672, 1_536_000),
    "mixnet_l": ("3x224x224", 7_329_252, 54_272, 553_715_792, 1_536_000),  # tf_mixnet_l there
}

# Those of the families that have no row of their own are built by timm itself.
MORE = ("hrnet_w32", "hrnet_w40", "hrnet_w44", "hrnet_w48")


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    input, params, buffers, conv_macs, matmul_macs = TIMM[name]
    found = counts(name, input)
    assert (found.params, found.buffers, found.conv_macs) == (params, buffers, conv_macs)
    assert found.macs == conv_macs + matmul_macs
    assert found.output == (1000,)


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


@pytest.mark.torch
@pytest.mark.parametrize("name", ["hrnet_w18", "hrnet_w18_small", "mixnet_s", "mixnet_m", "mixnet_l"])
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

"""Networks between convolution and attention, to the last integer, and value for value with timm's weights.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, fused attention switched off so that every product
is counted: parameters, floating-point buffers and multiply-accumulates of convolutions and of matrix products.
"""

from __future__ import annotations

import pytest

from tests.zoo.counts import counts, graph
from tests.zoo.originals import drawn, held, renamed, timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs): linear layers and products of two tensors together
TIMM = {
    "levit_128s": ("3x224x224", 7_777_058, 39_648, 48_771_072, 255_889_760),
    "levit_128": ("3x224x224", 9_213_936, 48_608, 48_771_072, 356_550_656),
    "levit_192": ("3x224x224", 10_947_069, 55_376, 105_670_656, 551_351_424),
    "levit_256": ("3x224x224", 18_893_876, 73_152, 184_246_272, 943_011_072),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = ("levit_384",)


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    size, params, buffers, conv_macs, matmul_macs = TIMM[name]
    network, found = graph(name), counts(name)
    assert "x".join(map(str, network.nodes[network.inputs[0]].outputs[0])) == size
    assert (found.params, found.buffers, found.conv_macs) == (params, buffers, conv_macs)
    assert found.macs == conv_macs + matmul_macs
    assert found.output == (1000,)


@pytest.mark.torch
@pytest.mark.parametrize("name", MORE)
def test_parameters_are_those_of_timm(name: str) -> None:
    model = timm_or_skip().create_model(name)
    assert counts(name).params == sum(p.numel() for p in model.parameters())


LEVIT = [
    (r"^stem\.conv(\d)\.", r"stem.conv_bn\1."),
    (r"^stages\.(\d)\.downsample\.attn_downsample\.", r"down\1."),
    (r"^stages\.(\d)\.downsample\.mlp\.", r"mlp\1."),
    (r"^stages\.(\d)\.blocks\.(\d)\.", lambda m: f"stage{int(m[1]) + 1}.levit_block{int(m[2]) + 1}."),
    (r"(down\d)\.attention_bias", r"\1.bias"),
    (r"\.attn\.attention_bias", ".attention.bias"),
    (r"\.biases$", ".bias.table.value"),
    (r"\.bias_idxs$", ".bias.gather1.index"),
    (r"\.attn\.", "."),
    (r"\.mlp\.ln(\d)", r".mlp.linear_bn\1"),
    (r"^(mlp\d)\.ln(\d)", r"\1.linear_bn\2"),
    (r"\.ln\.", "."),
    (r"^(stem.*)\.linear\.", r"\1.conv1."),
    (r"\.(linear|bn)\.(\w+)$", r".\g<1>1.\2"),
]


@pytest.mark.torch
def test_levit_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("levit_128s"))
    network = graph("levit_128s")
    held(model, network, renamed(model, network, LEVIT), (3, 224, 224))

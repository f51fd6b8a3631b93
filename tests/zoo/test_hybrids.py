"""Networks between convolution and attention, to the last integer, and value for value with timm's weights.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, fused attention switched off so that every
product is counted: parameters, floating-point buffers and multiply-accumulates of convolutions and of matrix
products.
"""

from __future__ import annotations

import re

import pytest

from tests.zoo.counts import counts, graph, row
from tests.zoo.originals import drawn, held, renamed, timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs): linear layers and products of two tensors together
TIMM = {
    "levit_128s": ("3x224x224", 7_777_058, 39_648, 48_771_072, 255_889_760),
    "levit_128": ("3x224x224", 9_213_936, 48_608, 48_771_072, 356_550_656),
    "levit_192": ("3x224x224", 10_947_069, 55_376, 105_670_656, 551_351_424),
    "levit_256": ("3x224x224", 18_893_876, 73_152, 184_246_272, 943_011_072),
    "poolformer_s12": ("3x224x224", 11_915_176, 0, 1_811_755_008, 512_000),
    "poolformer_s36": ("3x224x224", 30_862_760, 0, 4_971_638_784, 512_000),
    "poolformer_m36": ("3x224x224", 56_172_520, 0, 8_758_020_096, 768_000),
    "visformer_tiny": ("3x224x224", 10_321_368, 12_704, 1_201_213_440, 66_766_848),
    "efficientformer_l1": ("3x224x224", 12_289_928, 31_920, 1_152_442_368, 138_842_368),
    "davit_tiny": ("3x224x224", 28_360_168, 0, 243_403_776, 4_278_397_440),
    "davit_small": ("3x224x224", 49_745_896, 0, 259_660_800, 8_513_352_192),
    "crossvit_tiny_240": ("3x240x240", 7_014_800, 0, 45_490_176, 1_517_243_904),
    "crossvit_15_240": ("3x240x240", 27_528_464, 0, 90_980_352, 5_699_591_424),
    "crossvit_18_dagger_240": ("3x240x240", 44_266_976, 0, 548_204_160, 8_925_014_784),
    "coatnet_0_rw_224": ("3x224x224", 27_435_562, 11_584, 4_208_228_352, 198_072_576),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = (
    *("levit_384", "poolformer_s24", "poolformer_m48", "visformer_small", "efficientformer_l3"),
    *("efficientformer_l7", "davit_base", "crossvit_small_240", "crossvit_base_240", "crossvit_9_240"),
    "crossvit_18_240",
)


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    assert row(name) == TIMM[name]
    assert counts(name).output == (1000,)


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


POOLFORMER = [
    (r"^stem\.conv\.", "patches1."),
    (r"^stages\.(\d)\.downsample\.conv\.", lambda m: f"patches{int(m[1]) + 1}."),
    (r"^stages\.(\d)\.blocks\.(\d+)\.", lambda m: f"stage{int(m[1]) + 1}.poolformer_block{int(m[2]) + 1}."),
    (r"\.norm(\d)\.", r".gn\1."),
    (r"\.mlp\.fc(\d)\.", r".conv\1."),
    (r"\.layer_scale(\d)\.scale$", r".scale\1.weight"),
    (r"^head\.norm\.", "ln1."),
    (r"^head\.fc\.", "head."),
]


@pytest.mark.torch
def test_poolformer_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("poolformer_s12"))
    network = graph("poolformer_s12", "3x64x96")
    held(model, network, renamed(model, network, POOLFORMER), (3, 64, 96))


VISFORMER = [
    (r"^stem\.0\.", "stem.conv1."),
    (r"^stem\.1\.", "stem.bn1."),
    (r"^patch_embed(\d)\.proj\.", r"patches\1.conv1."),
    (r"^patch_embed(\d)\.norm\.", r"patches\1.bn1."),
    (r"^pos_embed(\d)$", r"patches\1.pos.value"),
    (r"^stage1\.(\d)\.norm2\.", r"stage1.\1.bn1."),
    (r"^stage1\.(\d)\.", lambda m: f"stage1.conv_block{int(m[1]) + 1}."),
    (r"^stage(\d)\.(\d)\.mlp\.conv3\.", r"stage\1.\2.conv2."),
    (r"^stage(\d)\.(\d)\.", lambda m: f"stage{m[1]}.attention_block{int(m[2]) + 1}."),
    (r"\.norm(\d)\.", r".bn\1."),
    (r"\.(attn|mlp)\.", "."),
    (r"^norm\.", "bn1."),
    (r"^head\.", "head.linear1."),
]


@pytest.mark.torch
def test_visformer_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("visformer_tiny", img_size=96))
    network = graph("visformer_tiny", "3x96x96")
    held(model, network, renamed(model, network, VISFORMER), (3, 96, 96))


EFFICIENTFORMER = [
    (r"^stem\.(conv|norm)(\d)\.", lambda m: f"stem.stem_conv{m[2]}.{KINDS[m[1]]}1."),
    (r"^stages\.(\d)\.downsample\.(conv|norm)\.", lambda m: f"down{m[1]}.{KINDS[m[2]]}1."),
    (r"^stages\.3\.blocks\.4\.", "stage4.attention_block1."),  # behind what makes tokens of the map
    (r"^stages\.(\d)\.blocks\.(\d)\.", lambda m: f"stage{int(m[1]) + 1}.pooling_block{int(m[2]) + 1}."),
    (r"(attention_block.*)\.norm(\d)\.", r"\1.ln\2."),
    (r"(attention_block.*)\.mlp\.fc(\d)\.", r"\1.linear\2."),
    (r"(pooling_block.*)\.mlp\.fc(\d)\.", r"\1.conv\2."),
    (r"(pooling_block.*)\.mlp\.norm(\d)\.", r"\1.bn\2."),
    (r"\.token_mixer\.attention_biases$", ".attention.bias.table.value"),
    (r"\.token_mixer\.attention_bias_idxs$", ".attention.bias.gather1.index"),
    (r"\.token_mixer\.", "."),
    (r"\.ls(\d)\.gamma$", r".scale\1.weight"),
    (r"^norm\.", "ln1."),
    (r"^(head|head_dist)\.", r"\1.linear1."),
]
KINDS = {"conv": "conv", "norm": "bn"}


@pytest.mark.torch
def test_efficientformer_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("efficientformer_l1"))
    network = graph("efficientformer_l1")
    held(model, network, renamed(model, network, EFFICIENTFORMER), (3, 224, 224))


DAVIT = [
    (r"^stem\.(conv|norm)\.", lambda m: f"stem.{MAPS[m[1]]}1."),
    (r"^stages\.(\d)\.downsample\.(conv|norm)\.", lambda m: f"down{m[1]}.{MAPS[m[2]]}1."),
    (r"^stages\.(\d)\.blocks\.(\d)\.0\.", lambda m: f"stage{int(m[1]) + 1}.window_block{int(m[2]) + 1}."),
    (r"^stages\.(\d)\.blocks\.(\d)\.1\.", lambda m: f"stage{int(m[1]) + 1}.channel_block{int(m[2]) + 1}."),
    (r"\.(cpe\d)\.proj\.", r".\1.dwconv1."),
    (r"\.norm1\.", ".ln1."),
    (r"\.norm2\.", ".mlp.ln1."),
    (r"(window_block.*)\.attn\.", r"\1.attention.among."),
    (r"(channel_block.*)\.attn\.", r"\1.attention."),
    (r"\.fc(\d)\.", r".linear\1."),
    (r"^head\.norm\.", "ln1."),
    (r"^head\.fc\.", "head."),
]
MAPS = {"conv": "conv", "norm": "ln"}


# Maps that windows do not fill, and sides that are odd where they are halved.
@pytest.mark.torch
def test_davit_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("davit_tiny"))
    network = graph("davit_tiny", "3x73x98")
    held(model, network, renamed(model, network, DAVIT), (3, 73, 98))


def encoder(found: re.Match[str]) -> str:
    """A block of one branch in one of the encoders."""
    k, branch, block = map(int, found.groups())
    return f"own{branch}{f'_{k + 1}' if k else ''}.encoder_block{block + 1}."


CROSSVIT = [
    (r"^pos_embed_(\d)$", r"tokens\1.position.pos.value"),
    (r"^cls_token_(\d)$", r"tokens\1.token.cls.value"),
    (r"^patch_embed\.(\d)\.proj\.(\d)\.", lambda m: f"tokens{m[1]}.patches.conv{int(m[2]) // 2 + 1}."),
    (r"^patch_embed\.(\d)\.proj\.", r"tokens\1.patches."),
    (r"^blocks\.(\d)\.blocks\.(\d)\.(\d)\.", encoder),
    (r"^blocks\.(\d)\.(\w+)\.(\d)\.", lambda m: f"tokens{m[3]}_{int(m[1]) + 2}.exchange.{m[2]}."),
    (r"\.fusion\.norm1\.", ".ln1."),
    (r"\.fusion\.attn\.wq\.", ".attention.q."),
    (r"\.fusion\.attn\.w[kv]\.", ".attention.kv."),
    (r"\.fusion\.attn\.", ".attention."),
    (r"\.revert_projs\.", ".back."),
    (r"\.projs\.", ".projected."),
    (r"\.(back|projected)\.0\.", r".\1.ln1."),
    (r"\.(back|projected)\.2\.", r".\1.linear1."),
    (r"\.norm(\d)\.", r".ln\1."),
    (r"\.attn\.", ".attention1."),
    (r"\.mlp\.fc(\d)\.", r".token_mlp1.linear\1."),
    (r"^norm\.(\d)\.", lambda m: f"branch{int(m[1]) + 1}.ln1."),
    (r"^head\.(\d)\.", lambda m: f"branch{int(m[1]) + 1}.linear1."),
]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["crossvit_tiny_240", "crossvit_9_dagger_240"])
def test_crossvit_has_the_values_of_timm(name: str) -> None:
    model = drawn(timm_or_skip().create_model(name))
    network = graph(name)
    held(model, network, renamed(model, network, CROSSVIT), (3, 240, 240))


COATNET = [
    (r"^stem\.conv1\.", "stem.conv_bn1.conv1."),
    (r"^stem\.norm1\.", "stem.conv_bn1.bn1."),
    (r"^stem\.conv2\.", "stem.conv1."),
    (r"^stages\.([01])\.blocks\.(\d)\.", lambda m: f"stage{int(m[1]) + 1}.conv_block{int(m[2]) + 1}."),
    (r"^stages\.([23])\.blocks\.(\d)\.", lambda m: f"stage{int(m[1]) + 1}.attention_block{int(m[2]) + 1}."),
    (r"\.shortcut\.expand\.", ".shortcut.shortcut1.conv1."),
    (r"\.pre_norm\.", ".bn1."),
    (r"\.conv1_1x1\.", ".conv_bn1.conv1."),
    (r"(conv_block.*)\.norm1\.", r"\1.conv_bn1.bn1."),
    (r"(conv_block.*)\.norm2\.", r"\1.bn2."),
    (r"\.conv2_kxk\.", ".dwconv1."),
    (r"\.se_early\.fc(\d)\.", r".se.conv\1."),
    (r"\.conv3_1x1\.", ".conv1."),
    (r"\.norm1\.norm\.", ".ln1."),
    (r"\.norm(\d)\.", r".ln\1."),
    (r"\.attn\.rel_pos\.relative_position_bias_table$", ".attention.bias.table.value"),
    (r"\.attn\.rel_pos\.relative_position_index$", ".attention.bias.gather1.index"),
    (r"\.attn\.", "."),
    (r"\.mlp\.fc(\d)\.", r".conv\1."),
    (r"^norm\.", "ln1."),
    (r"^head\.fc\.", "head.linear1."),
]


@pytest.mark.torch
def test_coatnet_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("coatnet_0_rw_224", img_size=64))
    network = graph("coatnet_0_rw_224", "3x64x64")
    held(model, network, renamed(model, network, COATNET), (3, 64, 64))

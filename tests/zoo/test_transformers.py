"""Networks of attention, to the last integer, and value for value with the weights of the originals.

The figures were read off torchvision 0.28 on PyTorch 2.13, fused attention switched off so that every product
is counted, and off timm 1.0.31; batch 1.
"""

from __future__ import annotations

import pytest

from tests.zoo.counts import counts, graph
from tests.zoo.originals import drawn, held, renamed, torchvision_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs): linear layers and products of two tensors together
TORCHVISION = {
    "vit_b_16": ("3x224x224", 86_567_656, 0, 115_605_504, 17_448_222_720),
    "vit_b_32": ("3x224x224", 88_224_232, 0, 115_605_504, 4_293_580_800),
    "vit_l_16": ("3x224x224", 304_326_632, 0, 154_140_672, 61_400_571_904),
    "swin_t": ("3x224x224", 28_288_354, 0, 14_450_688, 4_476_115_968),
    "swin_s": ("3x224x224", 49_606_258, 0, 14_450_688, 8_726_424_576),
    "swin_v2_t": ("3x256x256", 28_351_570, 5_400, 18_874_368, 5_920_816_128),
    "maxvit_t": ("3x224x224", 30_919_624, 47_616, 1_989_156_864, 3_568_889_856),
    "swin_b": ("3x224x224", 87_768_224, 0, 19_267_584, 15_411_679_232),
}


@pytest.mark.parametrize("name", [*TORCHVISION])
def test_counts(name: str) -> None:
    size, params, buffers, conv_macs, matmul_macs = TORCHVISION[name]
    network, found = graph(name), counts(name)
    assert "x".join(map(str, network.nodes[network.inputs[0]].outputs[0])) == size
    assert (found.params, found.buffers, found.conv_macs) == (params, buffers, conv_macs)
    assert found.macs == conv_macs + matmul_macs
    assert found.output == (1000,)


VIT = [
    (r"^class_token$", "token.cls.value"),
    (r"^conv_proj\.", "patches.conv1."),
    (r"^encoder\.pos_embedding$", "position.pos.value"),
    (r"^encoder\.ln\.", "ln1."),
    (r"^heads\.head\.", "head."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", lambda m: f"encoder_block{int(m[1]) + 1}."),
    (r"\.ln_(\d)\.", r".ln\1."),
    (r"\.self_attention\.in_proj_", ".attention1.qkv."),
    (r"\.self_attention\.out_proj\.", ".attention1.proj."),
    (r"\.mlp\.0\.", ".token_mlp1.linear1."),
    (r"\.mlp\.3\.", ".token_mlp1.linear2."),
]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "side"), [("vit_b_16", 48), ("vit_b_32", 96)])
def test_vit_has_the_values_of_torchvision(name: str, side: int) -> None:
    model = drawn(getattr(torchvision_or_skip().models, name)(image_size=side))
    network = graph(name, f"3x{side}x{side}")
    held(model, network, renamed(model, network, VIT), (3, side, side))


SWIN = [
    (r"^norm\.", "ln1."),
    (r"^features\.0\.0\.", "stem.conv1."),
    (r"^features\.0\.2\.", "stem.ln1."),
    (r"^features\.(\d)\.(norm|reduction)\.", lambda m: f"merging{int(m[1]) // 2}.{MERGING[m[2]]}."),
    (r"^features\.(\d)\.(\d+)\.", lambda m: f"stage{(int(m[1]) + 1) // 2}.swin_block{int(m[2]) + 1}."),
    (r"\.norm(\d)\.", r".ln\1."),
    (r"\.attn\.", ".attention.among."),
    (r"\.relative_position_bias_table$", ".bias.table.value"),
    (r"\.relative_position_index$", ".bias.gather1.index"),
    (r"\.mlp\.0\.", ".linear1."),
    (r"\.mlp\.3\.", ".linear2."),
]
SWIN_V2 = [
    *SWIN[:6],
    (r"\.attn\.qkv\.bias$", ".attn.query_value_bias1.bias.value"),
    (r"\.attn\.logit_scale$", ".attn.logit_scale.value"),
    (r"\.relative_coords_table$", ".bias.table.buffer"),
    (r"\.cpb_mlp\.0\.", ".bias.linear1."),
    (r"\.cpb_mlp\.2\.", ".bias.linear2."),
    *SWIN[6:],
]
MERGING = {"norm": "ln1", "reduction": "linear1"}


# Windows that the map does not fill, that hold all of it along one axis, and shifted ones.
@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "size"), [("swin_t", (3, 64, 96)), ("swin_s", (3, 224, 112)), ("swin_v2_t", (3, 96, 256))]
)
def test_swin_has_the_values_of_torchvision(name: str, size: tuple[int, ...]) -> None:
    model = drawn(getattr(torchvision_or_skip().models, name)())
    network = graph(name, "x".join(map(str, size)))
    held(model, network, renamed(model, network, SWIN_V2 if "_v2_" in name else SWIN), size)


MAXVIT = [
    (r"^stem\.0\.0\.", "stem.conv_bn1.conv1."),
    (r"^stem\.0\.1\.", "stem.conv_bn1.bn1."),
    (r"^stem\.1\.0\.", "stem.conv1."),
    (r"^classifier\.2\.", "ln1."),
    (r"^classifier\.3\.", "linear1."),
    (r"^classifier\.5\.", "head."),
    (r"^blocks\.(\d)\.layers\.(\d)\.layers\.(\w+)\.",
     lambda m: f"stage{int(m[1]) + 1}.{PARTS[m[3]]}{int(m[2]) + 1}."),
    (r"\.proj\.[01]\.", ".shortcut.conv1."),
    (r"\.layers\.pre_norm\.", ".bn1."),
    (r"\.layers\.conv_a\.0\.", ".conv_bn1.conv1."),
    (r"\.layers\.conv_a\.1\.", ".conv_bn1.bn1."),
    (r"\.layers\.conv_b\.0\.", ".dwconv_bn1.dwconv1."),
    (r"\.layers\.conv_b\.1\.", ".dwconv_bn1.bn1."),
    (r"\.layers\.squeeze_excitation\.fc", ".squeeze_excite1.conv"),
    (r"\.layers\.conv_c\.", ".conv1."),
    (r"\.attn_layer\.0\.", ".ln1."),
    (r"\.attn_layer\.1\.", ".attention.among."),
    (r"\.relative_position_bias_table$", ".bias.table.value"),
    (r"\.relative_position_index$", ".bias.gather1.index"),
    (r"\.to_qkv\.", ".qkv."),
    (r"\.merge\.", ".proj."),
    (r"\.mlp_layer\.0\.", ".ln2."),
    (r"\.mlp_layer\.1\.", ".linear1."),
    (r"\.mlp_layer\.3\.", ".linear2."),
]  # fmt: skip
PARTS = {"MBconv": "mbconv", "window_attention": "block", "grid_attention": "grid"}


@pytest.mark.torch
def test_maxvit_has_the_values_of_torchvision() -> None:
    torchvision = torchvision_or_skip()
    model = drawn(
        torchvision.models.MaxVit(
            (96, 96), 64, 3, [64, 128, 256, 512], [2, 2, 5, 2], 32, stochastic_depth_prob=0
        )
    )
    network = graph("maxvit_t", "3x96x96", window=3)
    held(model, network, renamed(model, network, MAXVIT), (3, 96, 96))

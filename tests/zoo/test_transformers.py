"""Networks of attention, to the last integer, and value for value with the weights of the originals.

The figures were read off torchvision 0.28 on PyTorch 2.13, fused attention switched off so that every product
is counted, and off timm 1.0.31; batch 1.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.zoo.counts import counts, graph
from tests.zoo.originals import drawn, held, renamed, timm_or_skip, torchvision_or_skip

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

TIMM = {
    "deit_tiny_patch16_224": ("3x224x224", 5_717_416, 0, 28_901_376, 1_224_781_824),
    "mixer_b16_224": ("3x224x224", 59_880_472, 0, 115_605_504, 12_486_162_432),
    "resmlp_12_224": ("3x224x224", 15_350_872, 0, 57_802_752, 2_951_937_024),
    # Offsets of 196 x 196 x 3 in ten layers; timm makes room for 1 x 1 x 1 x 3, 30 in all, until it runs.
    "convit_tiny": ("3x224x224", 5_710_512, 10 * 196 * 196 * 3, 28_901_376, 1_223_458_944),
    "volo_d1_224": ("3x224x224", 26_632_040, 384, 1_254_801_408, 5_663_940_096),
}


@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM])
def test_counts(name: str) -> None:
    size, params, buffers, conv_macs, matmul_macs = (TORCHVISION | TIMM)[name]
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


# What timm calls the layers of all of them.
TIMM_NAMES = [
    (r"^cls_token$", "token.cls.value"),
    (r"^pos_embed$", "position.pos.value"),
    (r"^patch_embed\.proj\.", "patches.conv1."),
    (r"^stem\.proj\.", "patches."),
    (r"\.norm(\d)\.", r".ln\1."),
]
TOKEN_MLP = [(r"\.mlp\.fc(\d)\.", r".token_mlp1.linear\1.")]

DEIT = [
    *TIMM_NAMES,
    *TOKEN_MLP,
    (r"^blocks\.(\d+)\.", lambda m: f"encoder_block{int(m[1]) + 1}."),
    (r"\.attn\.", ".attention1."),
    (r"^norm\.", "ln1."),
]

MIXER = [
    *TIMM_NAMES,
    (r"^head\.", "head.linear1."),
    (r"^blocks\.(\d+)\.", lambda m: f"mixer{int(m[1]) + 1}."),
    (r"\.mlp_tokens\.fc", ".mlp1.linear"),
    (r"\.mlp_channels\.fc", ".mlp2.linear"),
    (r"^norm\.", "ln1."),
]

RESMLP = [
    *TIMM_NAMES[:-1],
    (r"^blocks\.(\d+)\.", lambda m: f"resmlp_block{int(m[1]) + 1}."),
    (r"\.norm1\.", ".scale1."),
    (r"\.norm2\.", ".scale3."),
    (r"^norm\.", "scale1."),
    (r"\.alpha$", ".weight"),
    (r"\.beta$", ".bias"),
    (r"\.ls1$", ".scale2.weight"),
    (r"\.ls2$", ".scale4.weight"),
    (r"\.linear_tokens\.", ".linear1."),
    (r"\.mlp_channels\.fc(\d)\.", lambda m: f".linear{int(m[1]) + 1}."),
]

CONVIT = [
    *TIMM_NAMES,
    *TOKEN_MLP,
    (r"^blocks\.(\d)\.", lambda m: f"local_block{int(m[1]) + 1}."),
    (r"^blocks\.1(\d)\.", lambda m: f"encoder_block{int(m[1]) + 1}."),
    (r"^(local.*)\.attn\.", r"\1.gated_attention1."),
    (r"\.attn\.", ".attention1."),
    (r"\.gating_param$", ".gate.value"),
    (r"\.rel_indices$", ".offsets.buffer"),
    (r"^norm\.", "ln1."),
]

VOLO = [
    *TIMM_NAMES[:2],
    *TIMM_NAMES[-1:],
    (r"^norm\.", "tokens."),
    (r"^aux_head\.", "each."),
    (r"^patch_embed\.proj\.", "stem.conv1."),
    (r"^patch_embed\.conv\.(\d)\.", lambda m: f"stem.conv_bn{int(m[1]) // 3 + 1}.{'cbr'[int(m[1]) % 3]}."),
    (r"\.c\.", ".conv1."),
    (r"\.b\.", ".bn1."),
    (r"^network\.0\.(\d)\.", lambda m: f"stage1.outlooker{int(m[1]) + 1}."),
    (r"^(stage1.*)\.mlp\.fc", r"\1.linear"),
    (r"^network\.1\.proj\.", "down.conv1."),
    (r"^network\.([234])\.(\d)\.", lambda m: f"stage{m[1]}.encoder_block{int(m[2]) + 1}."),
    (r"^post_network\.(\d)\.", lambda m: f"class_block{int(m[1]) + 1}."),
    (r"\.attn\.attn\.", ".attn.weights."),
    (r"^(stage[234].*)\.attn\.", r"\1.attention1."),
    (r"\.attn\.", ".attention."),
    *TOKEN_MLP,
]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "rules", "side", "variables"),
    [
        ("deit_tiny_patch16_224", DEIT, 64, {}),
        ("mixer_b16_224", MIXER, 64, {"tokens": 16}),
        ("resmlp_12_224", RESMLP, 64, {}),
        ("convit_tiny", CONVIT, 64, {}),
        ("volo_d1_224", VOLO, 96, {}),
    ],
)
def test_values_are_those_of_timm(name: str, rules: list[Any], side: int, variables: dict[str, int]) -> None:
    import torch

    model = drawn(timm_or_skip().create_model(name, img_size=side))
    with torch.no_grad():
        model(torch.zeros(1, 3, side, side, dtype=torch.float64))  # ConViT makes its offsets when it runs
    network = graph(name, f"3x{side}x{side}", **variables)
    held(model, network, renamed(model, network, rules), (3, side, side))


@pytest.mark.torch
def test_what_convit_stores_when_it_runs() -> None:
    import torch

    model = timm_or_skip().create_model("convit_tiny").eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, 224, 224))
    assert sum(array.numel() for array in model.buffers()) == TIMM["convit_tiny"][2]

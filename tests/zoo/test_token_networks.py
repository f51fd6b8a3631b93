"""Networks of attention in many forms, and of recurrence: to the last integer, and value for value with timm.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, fused attention switched off so that every
product is counted: parameters, floating-point buffers, multiply-accumulates of convolutions and of products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from tests.zoo.counts import counts, graph, row
from tests.zoo.originals import by_kind, drawn, held, multiplied, renamed, timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs): linear layers, gates and products of two tensors
TIMM = {
    "beit_base_patch16_224": ("3x224x224", 86_530_984, 9_216, 115_605_504, 17_448_222_720),
    "beit_large_patch16_384": ("3x384x384", 304_998_888, 24_576, 452_984_832, 190_613_315_584),
    "coat_tiny": ("3x224x224", 5_498_540, 0, 203_956_488, 4_112_490_720),
    "coat_mini": ("3x224x224", 10_337_004, 0, 278_091_720, 6_494_509_792),
    "eva02_tiny_patch14_224": ("3x224x224", 5_502_144, 35_088, 28_901_376, 1_668_616_704),
    "hiera_small_224": ("3x224x224", 35_008_072, 0, 44_255_232, 6_361_855_488),
    "hiera_base_224": ("3x224x224", 51_524_968, 0, 44_255_232, 9_330_945_024),
    "hiera_base_plus_224": ("3x224x224", 69_896_616, 0, 51_631_104, 12_588_875_264),
    "mvitv2_small": ("3x224x224", 34_870_216, 0, 83_881_728, 6_875_833_344),
    "mvitv2_small_cls": ("3x224x224", 34_870_312, 0, 83_881_728, 6_915_595_200),
    "pvt_v2_b2": ("3x224x224", 25_362_856, 0, 530_661_376, 3_496_073_216),
    "pvt_v2_b4": ("3x224x224", 62_556_072, 0, 1_079_837_696, 9_021_278_720),
    "sequencer2d_m": ("3x224x224", 38_307_688, 0, 179_896_320, 10_872_019_968),
    "twins_pcpvt_small": ("3x224x224", 24_106_216, 0, 313_386_752, 3_496_073_216),
    "twins_pcpvt_base": ("3x224x224", 43_828_456, 0, 554_231_552, 6_098_702_336),
    "xcit_nano_12_p16_224": ("3x224x224", 3_053_224, 3_552, 55_795_712, 495_156_736),
    "xcit_tiny_12_p16_224": ("3x224x224", 6_716_272, 5_328, 116_207_616, 1_113_931_008),
    "xcit_small_24_p8_224": ("3x224x224", 47_631_112, 19_776, 1_222_287_360, 34_455_568_896),
    "xcit_medium_24_p8_224": ("3x224x224", 84_323_624, 26_368, 2_092_138_496, 61_253_638_144),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = (
    *("cait_xxs24_224", "cait_xxs36_224", "cait_s24_224"),
    *("mvitv2_tiny", "mvitv2_base", "pvt_v2_b0", "pvt_v2_b1", "pvt_v2_b2_li", "pvt_v2_b3", "pvt_v2_b5"),
    *("sequencer2d_s", "sequencer2d_l", "twins_pcpvt_large", "twins_svt_small", "xcit_small_12_p16_224"),
)


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    assert row(name) == TIMM[name]


@pytest.mark.torch
@pytest.mark.parametrize("name", MORE)
def test_counts_are_those_of_timm(name: str) -> None:
    timm = timm_or_skip()
    import torch

    with torch.device("meta"):
        model = timm.create_model(name).eval().requires_grad_(False)
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    found = counts(name)
    assert found.params == sum(p.numel() for p in model.parameters())
    if not name.startswith("sequencer"):  # whose recurrence has no shapes alone
        assert found.macs == multiplied(model, torch.empty(1, 3, 224, 224, device="meta"))


# Values: patterns in timm's names, and what stands for them in ours.

Rules = list[tuple[str, Any]]


def numbered(pattern: str, name: str, more: int = 1) -> tuple[str, Callable[[Any], str]]:
    """A pattern with a number, and a name in which it is counted from 1."""
    return pattern, lambda found: name.format(int(found[1]) + more)


LINEAR = (r"\.mlp\.fc(\d)\.", r".linear\1.")
TOKENS: Rules = [
    (r"^cls_token$", "token.cls.value"),
    (r"^patch_embed\.proj\.", "patches.conv1."),
    (r"^(?:fc_)?norm\.", "ln1."),
    (r"\.gamma_(\d)$", r".scale\1.weight"),
    (r"\.norm(\d)\.", r".ln\1."),
    (r"\.mlp\.fc(\d)\.", r".token_mlp1.linear\1."),
    (r"\.attn\.", ".attention."),
]
QUERIES: Rules = [
    (r"\.attn\.([qv])_bias$", r".attention.qkv.\1_bias.value"),
    (r"\.attn\.k_bias$", ".attention.qkv.k_bias.buffer"),
    (r"\.attn\.qkv\.weight$", ".attention.qkv.weights.weight"),
]
BEIT: Rules = [
    numbered(r"^blocks\.(\d+)\.", "beit_block{}."),
    *QUERIES,
    (r"\.relative_position_bias_table$", ".bias.table.value"),
    (r"\.relative_position_index$", ".bias.gather1.index"),
    *TOKENS,
]
EVA: Rules = [
    numbered(r"^blocks\.(\d+)\.", "eva_block{}."),
    *QUERIES,
    (r"^pos_embed$", "tokens.pos.value"),
    (r"^rope\.pos_embed$", "rope.buffer"),
    (r"^rope\.bands$", "bands.buffer"),
    (r"\.mlp\.fc(\d)\.", r".gated_mlp1.linear\1."),
    *TOKENS,
]
CAIT: Rules = [
    numbered(r"^blocks\.(\d+)\.", "talking_block{}."),
    numbered(r"^blocks_token_only\.(\d+)\.", "class_block{}."),
    (r"^pos_embed$", "position.pos.value"),
    (r"\.proj_l\.", ".before."),
    (r"\.proj_w\.", ".behind."),
    (r"\.attn\.[kv]\.", ".attn.kv."),
    *TOKENS,
]
XCIT: Rules = [
    (r"^patch_embed\.proj\.(\d)\.", lambda found: f"stem.conv_bn{int(found[1]) // 2 + 1}."),
    (r"^(stem\.conv_bn\d)\.0\.", r"\1.conv1."),
    (r"^(stem\.conv_bn\d)\.1\.", r"\1.bn1."),
    (r"^pos_embed\.token_projection\.", "positions.proj."),
    numbered(r"^cls_attn_blocks\.(\d+)\.", "xcit_class_block{}."),
    (r"(class_block\d+)\.gamma1$", r"\1.scale1.weight"),
    (r"(class_block\d+)\.gamma2$", r"\1.told.weight"),
    (r"(class_block\d+)\.norm1\.", r"\1.normed."),
    (r"(class_block\d+)\.attn\.[kv]\.", r"\1.attn.kv."),
    numbered(r"^blocks\.(\d+)\.", "xca_block{}."),
    (r"\.gamma(\d)$", lambda found: f".scale{'0132'[int(found[1])]}.weight"),
    (r"(xca_block\d+)\.norm(\d)\.", lambda found: f"{found[1]}.ln{'0132'[int(found[2])]}."),
    (r"\.temperature$", ".temperature.value"),
    (r"\.local_mp\.conv(\d)\.", r".dwconv\1."),
    (r"\.local_mp\.bn\.", ".bn1."),
    (r"(xca_block\d+)\.mlp\.fc(\d)\.", r"\1.linear\2."),
    *TOKENS,
]
PVT: Rules = [
    (r"^patch_embed\.proj\.", "stage1.conv1."),
    (r"^patch_embed\.norm\.", "stage1.ln1."),
    numbered(r"^stages\.(\d)\.", "stage{}."),
    (r"\.downsample\.proj\.", ".conv1."),
    (r"\.downsample\.norm\.", ".ln1."),
    (r"^(stage\d)\.norm\.", r"\1.ln2."),
    numbered(r"\.blocks\.(\d+)\.", ".pvt_block{}."),
    (r"\.attn\.sr\.", ".attn.conv1."),
    (r"\.attn\.norm\.", ".attn.ln1."),
    (r"\.mlp\.dwconv\.", ".dwconv1."),
    LINEAR,
    *TOKENS,
]
TWINS: Rules = [
    numbered(r"^patch_embeds\.(\d)\.proj\.", "stage{}.conv1."),
    numbered(r"^patch_embeds\.(\d)\.norm\.", "stage{}.ln1."),
    numbered(r"^pos_block\.(\d)\.proj\.0\.", "stage{}.position.dwconv1."),
    (r"^blocks\.(\d)\.(\d+)\.", lambda found: f"stage{int(found[1]) + 1}.twins_block{int(found[2]) + 1}."),
    (r"\.attn\.sr\.", ".attn.conv1."),
    (r"\.attn\.norm\.", ".attn.ln1."),
    LINEAR,
    *TOKENS,
]
WINDOWED = (r"(twins_block\d*[13579])\.attention\.", r"\1.attention.among.")
MVIT: Rules = [
    (r"^patch_embed\.proj\.", "conv1."),
    (r"^head\.fc\.", "head."),
    numbered(r"^stages\.(\d)\.", "stage{}."),
    numbered(r"\.blocks\.(\d+)\.", ".mvit_block{}."),
    (r"\.shortcut_proj_attn\.", ".expand."),
    (r"\.norm1\.", ".normed."),
    (r"\.norm2\.", ".ln1."),
    (r"\.attn\.pool_([qkv])\.", r".attn.\1.dwconv1."),
    (r"\.attn\.norm_([qkv])\.", r".attn.\1.ln1."),
    (r"\.rel_pos_h$", ".down.table.value"),
    (r"\.rel_pos_w$", ".across.table.value"),
    *TOKENS,
]
COAT: Rules = [
    numbered(r"^cls_token(\d)$", "serial{}.token.cls.value", -1),
    numbered(r"^patch_embed(\d)\.proj\.", "patches{}.", -1),
    (r"^patch_embed(\d)\.norm\.", r"ln\1."),
    numbered(r"^cpe(\d)\.proj\.", "serial{}.cpe0.dwconv1.", -1),
    numbered(r"^crpe(\d)\.", "serial{}.attention0.crpe.", -1),
    numbered(r"\.conv_list\.(\d)\.", ".branch{}.dwconv1."),
    (r"^serial_blocks(\d)\.(\d)\.", lambda found: f"serial{int(found[1]) - 1}.{found[2]}."),
    (r"^(serial\d)\.(\d)\.norm1\.", r"\1.normed\2."),
    (r"^(serial\d)\.(\d)\.factoratt_crpe\.", r"\1.attention\2."),
    (r"^(serial\d)\.(\d)\.norm2\.", lambda found: f"{found[1]}.ln{int(found[2]) + 1}."),
    (r"^(serial\d)\.(\d)\.mlp\.fc", lambda found: f"{found[1]}.token_mlp{int(found[2]) + 1}.linear"),
    (r"^parallel_blocks\.(\d)\.", r"parallel\1."),
    (r"^(parallel\d)\.norm1(\d)\.", lambda found: f"{found[1]}.ln{int(found[2]) - 1}."),
    (r"^(parallel\d)\.norm2(\d)\.", lambda found: f"{found[1]}.ln{int(found[2]) + 2}."),
    (r"^(parallel\d)\.factoratt_crpe(\d)\.", lambda found: f"{found[1]}.told{int(found[2]) - 1}."),
    (r"^(parallel\d)\.mlp2\.fc", r"\1.mlp1.linear"),
    (r"^norm(\d)\.", lambda found: f"branch{int(found[1]) - 1}.ln1."),
]
TWICE = r"^serial_blocks.*\.c?r?pe\.|^parallel.*\.crpe\.|^parallel.*\.mlp[34]\."
"""Names in CoaT of what is shared, by which it is met again."""


def made(name: str, gain: float = 1, **options: Any) -> Any:
    model = drawn(timm_or_skip().create_model(name, **options), gain=gain)
    for module in model.modules():
        if hasattr(module, "k_bias"):
            module.k_bias.normal_(0, 0.2)  # it is 0, which would hide a mistake
    return model


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "size", "rules"),
    [
        ("beit_base_patch16_224", (64, 48), BEIT),
        ("cait_xxs24_224", (64, 48), CAIT),
        ("eva02_tiny_patch14_224", (56, 42), EVA),
        ("twins_pcpvt_small", (96, 64), TWINS),
        ("twins_svt_small", (96, 64), [*TWINS, WINDOWED]),
        ("xcit_nano_12_p16_224", (64, 48), [*XCIT, (r"(class_block\d+)\.ln2\.", r"\1.first.")]),
        ("xcit_tiny_12_p16_224", (64, 48), [*XCIT, (r"(class_block\d+)\.ln2\.", r"\1.ln1.")]),
    ],
)
def test_values_are_those_of_timm(name: str, size: tuple[int, int], rules: Rules) -> None:
    model, network = made(name, img_size=size), graph(name, f"3x{size[0]}x{size[1]}")
    # XCiT works out its positions in float32 whatever the rest is in.
    near = 1e-5 if name.startswith("xcit") else 1e-9
    held(model, network, renamed(model, network, rules), (3, *size), near=near)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["pvt_v2_b0", "pvt_v2_b2_li"])
def test_pvt_has_the_values_of_timm(name: str) -> None:
    model, network = made(name, gain=1.7), graph(name, "3x96x64")
    held(model, network, renamed(model, network, PVT), (3, 96, 64))


@pytest.mark.torch
def test_sequencer_has_the_values_of_timm() -> None:
    model, network = made("sequencer2d_s"), graph("sequencer2d_s", "3x56x42")
    held(model, network, by_kind(model, network), (3, 56, 42))


@pytest.mark.torch
def test_coat_has_the_values_of_timm() -> None:
    model, network = made("coat_tiny", img_size=(64, 96)), graph("coat_tiny", "3x64x96")
    held(model, network, renamed(model, network, COAT, TWICE), (3, 64, 96))


@pytest.mark.torch
def test_hiera_has_the_values_of_timm() -> None:
    """Blocks are counted through there, and positions are tokens."""
    model, network = made("hiera_small_224"), graph("hiera_small_224")
    places = [(stage, block) for stage, depth in enumerate((1, 2, 11, 2), 1) for block in range(1, depth + 1)]
    rules: Rules = [
        (r"^blocks\.(\d+)\.", lambda found: "stage{}.block{}.".format(*places[int(found[1])])),
        (r"^patch_embed\.proj\.", "patches."),
        (r"^pos_embed$", "pos.value"),
        (r"^head\.norm\.", "ln1."),
        (r"^head\.fc\.", "head."),
        (r"(block\d+)\.proj\.", r"\1.expand."),
        (r"\.norm1\.", ".normed."),
        (r"\.norm2\.", ".ln1."),
        LINEAR,
        *TOKENS,
    ]
    weights = renamed(model, network, rules)
    weights["pos.value"] = model.pos_embed.detach().numpy()[0].T.reshape(96, 56, 56)
    held(model, network, weights, (3, 224, 224))


@pytest.mark.torch
@pytest.mark.parametrize("name", ["mvitv2_tiny", "mvitv2_small_cls"])
def test_mvit_has_the_values_of_timm(name: str) -> None:
    """Which learned vector is that of a distance, its code works out whenever it runs."""
    model, network = made(name), graph(name)
    rules = MVIT
    indices = {}
    for key, array in convcalc.init_weights(network, 0, "float32").items():
        if key.endswith(".index"):
            q, k = array.shape
            apart = np.arange(q)[:, None] * max(k / q, 1) - np.arange(k) * max(q / k, 1)
            indices[key] = (apart + (k - 1) * max(q / k, 1)).astype(np.int64)
    weights = renamed(model, network, rules, extra=indices)
    held(model, network, weights, (3, 224, 224))


# Blocks, from the equations


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def block(call: str, x: np.ndarray, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What a block makes of a sample, and its arrays by their names in it."""
    network = convcalc.load(f"{call} id=b", input=x.shape)
    rng = np.random.default_rng(seed)
    weights = {n: rng.standard_normal(a.shape) for n, a in convcalc.init_weights(network).items()}
    return convcalc.execute(network, x[None], weights)[0], {n[2:]: a for n, a in weights.items()}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_rotated_features_are_those_of_complex_numbers(
    seed: int, heads: int, tokens: int, pairs: int
) -> None:
    """Su et al. 2021, equation 12: each pair is a complex number, times one of length 1."""
    rng = np.random.default_rng(seed)
    shape = (heads, tokens, 2 * pairs)
    angles = rng.standard_normal((tokens, pairs))
    sizes = {"x": list(shape), "sines": list(shape[1:]), "cosines": list(shape[1:])}
    text = f"inputs: {sizes}\nlayers: [\"rotated('sines', 'cosines') from=x\"]\n"
    x = rng.standard_normal(shape)
    arrays = {"x": x, "sines": np.sin(angles).repeat(2, 1), "cosines": np.cos(angles).repeat(2, 1)}
    found = convcalc.execute(convcalc.load(text), {name: array[None] for name, array in arrays.items()})[0]
    turned = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    np.testing.assert_allclose(found[..., ::2], turned.real, atol=1e-12)
    np.testing.assert_allclose(found[..., 1::2], turned.imag, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 5), st.integers(1, 3))
def test_talking_heads_attention(seed: int, heads: int, tokens: int, d: int) -> None:
    """Shazeer et al. 2020, section 4: logits and weights of all heads are mixed."""
    x = np.random.default_rng(seed).standard_normal((tokens, heads * d))
    found, w = block(f"talking_heads_attention({heads})", x, seed)
    mixed = x @ w["qkv.weight"].T + w["qkv.bias"]
    q, k, v = (mixed[:, i * heads * d : (i + 1) * heads * d].reshape(tokens, heads, d) for i in range(3))
    logits = np.einsum("nhd,mhd->hnm", q, k) / np.sqrt(d)
    logits = np.einsum("gh,hnm->gnm", w["before.weight"], logits) + w["before.bias"][:, None, None]
    shares = np.einsum("gh,hnm->gnm", w["behind.weight"], softmax(logits)) + w["behind.bias"][:, None, None]
    out = np.einsum("hnm,mhd->nhd", shares, v).reshape(tokens, -1) @ w["proj.weight"].T + w["proj.bias"]
    np.testing.assert_allclose(found, out, rtol=1e-8, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 2), st.integers(1, 3), st.sampled_from((1, 2)))
def test_reduced_attention(seed: int, heads: int, d: int, reduce: int) -> None:
    """Wang et al. 2021, PVT, equations 1 to 3, position by position of the smaller map."""
    rng = np.random.default_rng(seed)
    c, (down, across) = heads * d, (int(n) for n in rng.integers(1, 4, 2))
    x = rng.standard_normal((c, reduce * down, reduce * across))
    found, w = block(f"reduced_attention({heads}, reduce={reduce})", x, seed)
    rows = []
    for i, j in np.ndindex(down, across):
        part = x[:, reduce * i : reduce * (i + 1), reduce * j : reduce * (j + 1)]
        row = part[:, 0, 0]
        if reduce > 1:
            row = np.einsum("ocij,cij->o", w["conv1.weight"], part) + w["conv1.bias"]
            row = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * w["ln1.weight"] + w["ln1.bias"]
        rows.append(w["kv.weight"] @ row + w["kv.bias"])
    keys, values = np.stack(rows)[:, :c], np.stack(rows)[:, c:]
    for i, j in np.ndindex(*x.shape[1:]):
        q = w["q.weight"] @ x[:, i, j] + w["q.bias"]
        told = []
        for head in range(heads):
            own = slice(head * d, (head + 1) * d)
            told.append(softmax(keys[:, own] @ q[own] / np.sqrt(d)) @ values[:, own])
        out = w["proj.weight"] @ np.concatenate(told) + w["proj.bias"]
        np.testing.assert_allclose(found[:, i, j], out, rtol=1e-8, atol=1e-9)


def test_the_bias_of_keys_is_stored() -> None:
    """Bao et al. 2022: a bias of all three, of which a third is no parameter."""
    x = np.random.default_rng(0).standard_normal((3, 4))
    found, w = block("query_value_projection(2)", x, 0)
    bias = np.concatenate([w["q_bias.value"], w["k_bias.buffer"], w["v_bias.value"]])
    np.testing.assert_allclose(found, x @ w["weights.weight"].T + bias, atol=1e-12)
    totals = convcalc.analyze(convcalc.load("query_value_projection(2)", input="3x4")).totals
    assert (totals.params, totals.buffers, totals.macs) == (6 * 4 + 4, 2, 3 * 6 * 4)


@pytest.mark.parametrize("call", ["encoder_block(2, 6, scaled=true)", "class_block(2, 6, scaled=true)"])
def test_scaled_blocks_have_a_factor_for_each_feature_of_both_parts(call: str) -> None:
    plain = convcalc.load(call.replace(", scaled=true", ""), input="3x4")
    network = convcalc.load(call, input="3x4")
    weights = convcalc.init_weights(network, 0, "float64")
    scales = [name for name in weights if name.startswith(call.partition("(")[0] + "1.scale")]
    assert [weights.pop(name).shape for name in scales] == [(4,), (4,)]
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    ones, zeros = (weights | {name: np.full(4, value) for name in scales} for value in (1.0, 0.0))
    np.testing.assert_allclose(convcalc.execute(network, x, ones), convcalc.execute(plain, x, weights))
    np.testing.assert_allclose(convcalc.execute(network, x, zeros), x)

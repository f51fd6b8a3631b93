"""Small networks of convolutions and attention: to the last integer, and value for value with timm's weights.

The figures were read off timm 1.0.31 on PyTorch 2.13, batch 1, fused attention switched off so that every
product is counted: parameters, floating-point buffers, multiply-accumulates of convolutions and of products.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from tests.zoo.counts import counts, graph, row
from tests.zoo.originals import by_kind, drawn, held, timm_or_skip

# name: (input, params, buffers, conv_macs, matmul_macs): linear layers and products of two tensors together
TIMM = {
    "mobilevit_s": ("3x256x256", 5_578_632, 12_256, 1_092_354_048, 908_477_440),
    "mobilevit_xxs": ("3x256x256", 1_272_024, 4_112, 195_166_208, 212_197_888),
    "edgenext_xx_small": ("3x256x256", 1_327_216, 0, 30_513_536, 227_391_552),
    "edgenext_small": ("3x256x256", 5_586_832, 0, 93_037_824, 1_160_196_992),
    "fastvit_t8": ("3x256x256", 4_026_232, 27_264, 689_381_376, 768_000),
    "fastvit_sa12": ("3x256x256", 11_580_968, 35_328, 1_800_306_688, 143_630_336),
}

# Those of the families that have no row of their own are built by timm itself.
MORE = ("mobilevit_xs", "edgenext_x_small", "fastvit_t12", "fastvit_s12")


@pytest.mark.parametrize("name", TIMM)
def test_counts(name: str) -> None:
    assert row(name) == TIMM[name]
    assert counts(name).output == (1000,)


@pytest.mark.torch
@pytest.mark.parametrize("name", MORE)
def test_parameters_are_those_of_timm(name: str) -> None:
    timm = timm_or_skip()
    import torch

    with torch.device("meta"):
        model = timm.create_model(name)
    assert counts(name).params == sum(p.numel() for p in model.parameters())


# Patterns in timm's names and in ours, and what kind of array they tell.
EDGENEXT = [
    (r"\.gamma_xca$", ".attention_gamma"),
    (r"encoder\d\.scale1\.weight$", ".attention_gamma"),
    (r"\.scale1\.weight$", ".gamma"),
    (r"\.temperature\.value$", ".temperature"),
]
FASTVIT = [
    (r"\.token_mixer\.norm\.identity\.(\w+)$", r".norm_\1"),
    (r"rep_mixer\d\.norm\.(\w+)$", r".norm_\1"),
    (r"\.(?:identity|shortcut\.bn\d)\.(\w+)$", r".identity_\1"),
    (r"\.se\.fc(\d)\.(\w+)$", r".squeeze\1_\2"),
    (r"\.squeeze_excite\d\.conv(\d)\.(\w+)$", r".squeeze\1_\2"),
    (r"\.scale\d\.weight$", ".gamma"),
]


@pytest.mark.torch
@pytest.mark.parametrize("size", [(3, 96, 64), (3, 80, 96)])  # the second has maps that patches do not fill
def test_mobilevit_has_the_values_of_timm(size: tuple[int, int, int]) -> None:
    model = drawn(timm_or_skip().create_model("mobilevit_s"), gain=1.7)
    network = graph("mobilevit_s", "x".join(map(str, size)))
    held(model, network, by_kind(model, network), size)


@pytest.mark.torch
def test_edgenext_has_the_values_of_timm() -> None:
    model = drawn(timm_or_skip().create_model("edgenext_xx_small"))
    network = graph("edgenext_xx_small", "3x96x64")
    # It works out its positions in float32 whatever the rest is in.
    held(model, network, by_kind(model, network, EDGENEXT), (3, 96, 64), near=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["fastvit_t8", "fastvit_sa12"])
def test_fastvit_has_the_values_of_timm(name: str) -> None:
    model, network = drawn(timm_or_skip().create_model(name)), graph(name, "3x96x64")
    held(model, network, by_kind(model, network, FASTVIT), (3, 96, 64))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from((1, 2, 3)), st.integers(1, 4))
def test_cross_covariance_attention(seed: int, heads: int, d: int) -> None:
    """El-Nouby et al. 2021, equation 4, head by head; vectors are columns."""
    rng = np.random.default_rng(seed)
    c, (height, width) = heads * d, (int(n) for n in rng.integers(1, 5, 2))
    x = rng.standard_normal((2, c, height, width))
    network = convcalc.load(f"cross_covariance_attention({heads}) id=b", input=x.shape[1:])
    weights = {n: rng.standard_normal(a.shape) for n, a in convcalc.init_weights(network).items()}
    lines = x.reshape(2, c, -1)
    mixed = weights["b.qkv.weight"] @ lines + weights["b.qkv.bias"][:, None]
    q, k, v = (mixed[:, i * c : (i + 1) * c] for i in range(3))
    for one in (q, k):
        one /= np.maximum(np.sqrt((one**2).sum(-1, keepdims=True)), 1e-12)
    heads_out = []
    for head in range(heads):
        rows = slice(head * d, (head + 1) * d)
        shares = softmax(q[:, rows] @ k[:, rows].swapaxes(1, 2) * weights["b.temperature.value"][head])
        heads_out.append(shares @ v[:, rows])
    out = weights["b.proj.weight"] @ np.concatenate(heads_out, 1) + weights["b.proj.bias"][:, None]
    np.testing.assert_allclose(
        convcalc.execute(network, x, weights), out.reshape(x.shape), rtol=1e-8, atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.sampled_from((100, 10000)))
def test_positions_as_sines(height: int, width: int, pairs: int, temperature: int) -> None:
    """Entry by entry: a sine and a cosine of each wave, down and then across."""
    call = f"sine_positions(hidden={2 * pairs}, temperature={temperature})"
    network = convcalc.load(f"{call} id=b", input=(4 * pairs, height, width))
    weights = {
        "b.proj.weight": np.eye(4 * pairs).reshape(4 * pairs, 4 * pairs, 1, 1),
        "b.proj.bias": np.zeros(4 * pairs),
    }
    found = convcalc.execute(network, np.zeros((1, 4 * pairs, height, width)), weights)[0]
    for i in range(height):
        for j in range(width):
            for channel in range(4 * pairs):
                place = (i + 1) / (height + 1e-6) if channel < 2 * pairs else (j + 1) / (width + 1e-6)
                wave = channel % (2 * pairs)
                angle = 2 * math.pi * place / temperature ** (2 * (wave // 2) / (2 * pairs))
                expected = math.sin(angle) if wave % 2 == 0 else math.cos(angle)
                assert found[channel, i, j] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.booleans(), st.sampled_from((1, 3, 5)), st.sampled_from((1, 2)))
def test_mobileone_is_one_convolution(seed: int, grouped: bool, k: int, stride: int) -> None:
    """Vasu et al. 2023, MobileOne, section 3.2: its branches fold into one kernel and one bias."""
    rng = np.random.default_rng(seed)
    g = 4 if grouped else 1
    network = convcalc.load(f"mobileone_block(4, k={k}, s={stride}, g={g}, act='none') id=b", input=(4, 6, 7))
    weights = {
        n: np.abs(rng.standard_normal(a.shape)) + 0.1
        if n.endswith("running_var")
        else rng.standard_normal(a.shape)
        for n, a in convcalc.init_weights(network).items()
    }
    kernel, bias = np.zeros((4, 4 // g, k, k)), np.zeros(4)
    for name in {n.rpartition(".")[0] for n in weights if n.endswith("running_var")}:
        factor = weights[f"{name}.weight"] / np.sqrt(weights[f"{name}.running_var"] + 1e-5)
        bias += weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * factor
        filters = weights.get(f"{name.rpartition('.')[0]}.conv1.weight")
        if filters is None:  # the identity
            filters = np.array([[[[float(i % (4 // g) == j)]] for j in range(4 // g)] for i in range(4)])
        edge = (k - filters.shape[-1]) // 2
        kernel += factor[:, None, None, None] * np.pad(filters, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    x = rng.standard_normal((2, 4, 6, 7))
    one = convcalc.load(f"conv 4 k={k} s={stride} p={k // 2} g={g} id=c", input=(4, 6, 7))
    expected = convcalc.execute(one, x, {"c.weight": kernel, "c.bias": bias})
    np.testing.assert_allclose(convcalc.execute(network, x, weights), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        "sine_positions(hidden=8)",
        "cross_covariance_attention(3)",
        "mobileone_block(6)",
        "mobileone_block(12, s=2, g=6, squeeze=2)",
    ],
)
def test_formula_and_execution_agree(call: str) -> None:
    assert convcalc.verify(convcalc.load(call, input="6x5x7")).ok

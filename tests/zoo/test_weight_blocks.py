"""Convolutions whose weight is made when the network runs: by NumPy from their papers, and by PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, init_weights

Arrays = dict[str, np.ndarray]


def loaded(call: str, shape: str = "6x7x5") -> convcalc.Graph:
    return convcalc.load(call, input=shape)


def modulated(options: str = "") -> convcalc.Graph:
    call = f"modulated_conv(4, style='latent'{options}, from=x, id=m)"
    return convcalc.load(f"inputs: {{x: 6x7x5, latent: 9}}\nlayers:\n  - {call}\n")


def plain(x: np.ndarray, weights: np.ndarray, line: str, bias: np.ndarray | None = None) -> np.ndarray:
    """Each sample by a convolution that owns its weight."""
    graph = convcalc.load(f"{line} bias={str(bias is not None).lower()} id=c", input=x.shape[1:])
    more = {} if bias is None else {"c.bias": bias}
    lines = [execute(graph, x[i : i + 1], {"c.weight": w, **more}) for i, w in enumerate(weights)]
    return np.concatenate(lines)


def standardised(weight: np.ndarray, eps: float) -> np.ndarray:
    """Qiao et al. 2019, equations 2 to 4."""
    flat = weight.reshape(len(weight), -1)
    centred = flat - flat.mean(1, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(1, keepdims=True) + eps)).reshape(weight.shape)


def drawn(graph: convcalc.Graph, batch: int, seed: int) -> tuple[Arrays, Arrays]:
    rng = np.random.default_rng(seed)
    inputs = {
        graph.nodes[i].name: rng.standard_normal((batch, *graph.nodes[i].outputs[0])) for i in graph.inputs
    }
    return inputs, init_weights(graph, seed, "float64")


@settings(max_examples=10, deadline=None)
@given(st.sampled_from((1, 2)), st.integers(1, 3), st.integers(0, 2**31))
def test_standardised_weights(groups: int, batch: int, seed: int) -> None:
    graph = loaded(f"std_conv(4, k=3, s=2, p=1, g={groups}, id=b)")
    inputs, weights = drawn(graph, batch, seed)
    weight = standardised(weights["b.filters.value"], 1e-6)
    expected = plain(inputs["input"], np.stack([weight] * batch), f"conv 4 k3 s2 p1 g{groups}")
    np.testing.assert_allclose(execute(graph, inputs, weights), expected, rtol=1e-9, atol=1e-9)
    assert convcalc.analyze(graph).totals.params == 4 * (6 // groups) * 9


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(0, 2**31))
def test_scaled_standardised_weights(batch: int, seed: int) -> None:
    """Brock et al. 2021: the gain over the root of the fan-in, times gamma."""
    graph = loaded("scaled_std_conv(4, p=1, gamma=1.7, id=b)")
    inputs, weights = drawn(graph, batch, seed)
    weight = standardised(weights["b.filters.value"], 1e-6)
    weight = weight * weights["b.gain.value"] * 1.7 / np.sqrt(6 * 9)
    bias = weights["b.conv1.bias"]
    expected = plain(inputs["input"], np.stack([weight] * batch), "conv 4 k3 p1", bias)
    np.testing.assert_allclose(execute(graph, inputs, weights), expected, rtol=1e-9, atol=1e-9)
    assert convcalc.analyze(graph).totals.params == 4 * 6 * 9 + 4 + 4


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**31))
def test_conditional_weights(batch: int, experts: int, seed: int) -> None:
    """Yang et al. 2019, equations 1 and 2; 8 experts of EfficientNet cost little more than one."""
    graph = loaded(f"cond_conv(4, k=3, p=1, experts={experts}, id=b)")
    inputs, weights = drawn(graph, batch, seed)
    means = inputs["input"].mean((2, 3))
    routing = 1 / (1 + np.exp(-(means @ weights["b.routing.weight"].T + weights["b.routing.bias"])))
    mixed = np.einsum("ne,ew->nw", routing, weights["b.bank.value"]).reshape(batch, 4, 6, 3, 3)
    expected = plain(inputs["input"], mixed, "conv 4 k3 p1")
    np.testing.assert_allclose(execute(graph, inputs, weights), expected, rtol=1e-9, atol=1e-9)
    totals = convcalc.analyze(graph).totals
    assert totals.params == experts * 4 * 6 * 9 + 6 * experts + experts
    assert totals.macs == 7 * 5 * 4 * 6 * 9 + experts * 4 * 6 * 9 + 6 * experts


@settings(max_examples=10, deadline=None)
@given(st.booleans(), st.integers(1, 3), st.integers(0, 2**31))
def test_modulated_weights(demodulate: bool, batch: int, seed: int) -> None:
    """Karras et al. 2020, equations 1 and 3."""
    graph = modulated("" if demodulate else ", demodulate=false")
    inputs, weights = drawn(graph, batch, seed)
    scales = inputs["latent"] @ weights["m.affine.weight"].T + weights["m.affine.bias"]
    made = weights["m.filters.value"][None] * scales[:, None, :, None, None]
    if demodulate:
        made = made / np.sqrt((made**2).sum((2, 3, 4), keepdims=True) + 1e-8)
    expected = plain(inputs["x"], made, "conv 4 k3 p1")
    np.testing.assert_allclose(execute(graph, inputs, weights), expected, rtol=1e-9, atol=1e-9)
    assert convcalc.analyze(graph).totals.params == 4 * 6 * 9 + 9 * 6 + 6


@pytest.mark.parametrize(
    "graph",
    [
        loaded("std_conv(4, g=2)"),
        loaded("scaled_std_conv(3, k=1)"),
        loaded("cond_conv(2, p=1)"),
        modulated(),
    ],
    ids=["std_conv", "scaled_std_conv", "cond_conv", "modulated_conv"],
)
def test_they_verify(graph: convcalc.Graph) -> None:
    found = convcalc.verify(graph)
    assert found.ok, str(found)


@pytest.mark.torch
@pytest.mark.parametrize("scaled", [False, True])
def test_standardisation_as_timm_does_it(scaled: bool) -> None:
    """A batch normalisation of the weight as one sample of ``out`` channels, with the gain as its factor."""
    torch: Any = pytest.importorskip("torch")
    f = torch.nn.functional
    graph = loaded("scaled_std_conv(4, p=1, gamma=1.7, id=b)" if scaled else "std_conv(4, p=1, id=b)")
    inputs, weights = drawn(graph, 2, 5)
    weight = torch.tensor(weights["b.filters.value"])
    gain = torch.tensor(weights["b.gain.value"]) * 1.7 * 54**-0.5 if scaled else None
    factor = None if gain is None else gain.view(-1)
    made = f.batch_norm(
        weight.reshape(1, 4, -1), None, None, weight=factor, training=True, momentum=0.0, eps=1e-6
    ).reshape_as(weight)
    bias = torch.tensor(weights["b.conv1.bias"]) if scaled else None
    expected = f.conv2d(torch.tensor(inputs["input"]), made, bias, padding=1)
    np.testing.assert_allclose(execute(graph, inputs, weights), expected.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.torch
def test_modulation_by_groups() -> None:
    """The samples of a batch as groups of one convolution, as StyleGAN2's own code folds them."""
    torch: Any = pytest.importorskip("torch")
    f = torch.nn.functional
    graph = modulated()
    inputs, weights = drawn(graph, 3, 7)
    x, latent = torch.tensor(inputs["x"]), torch.tensor(inputs["latent"])
    styles = f.linear(
        latent, torch.tensor(weights["m.affine.weight"]), torch.tensor(weights["m.affine.bias"])
    )
    w = torch.tensor(weights["m.filters.value"]).unsqueeze(0) * styles.reshape(3, 1, -1, 1, 1)
    w = w * (w.square().sum(dim=[2, 3, 4]) + 1e-8).rsqrt().reshape(3, -1, 1, 1, 1)
    folded = f.conv2d(x.reshape(1, -1, 7, 5), w.reshape(-1, 6, 3, 3), padding=1, groups=3)
    expected = folded.reshape(3, 4, 7, 5).numpy()
    np.testing.assert_allclose(execute(graph, inputs, weights), expected, rtol=1e-9, atol=1e-9)

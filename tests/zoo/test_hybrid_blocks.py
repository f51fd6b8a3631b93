"""Blocks over maps between convolution and attention, by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc

small = st.integers(1, 3)


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum()


def drawn(call: str, shape: tuple[int, ...], seed: int = 0) -> tuple[convcalc.Graph, Any, dict[str, Any]]:
    """A block, an input of one sample and its weights, named without the block."""
    graph = convcalc.load(call, input=shape)
    x = np.random.default_rng(seed).standard_normal((1, *shape))
    return graph, x, convcalc.init_weights(graph, seed)


def attended(q: Any, k: Any, v: Any, bias: Any) -> Any:
    """What each query makes of all values, position by position (Vaswani et al. 2017, equation 1)."""
    d, n = q.shape
    found = np.zeros_like(v[:, :1].repeat(n, axis=1))
    for i in range(n):
        shares = softmax(np.array([q[:, i] @ k[:, j] / d**0.5 + bias[i, j] for j in range(k.shape[1])]))
        for j, share in enumerate(shares):
            found[:, i] += share * v[:, j]
    return found


@given(small, small, small, small, small)
@settings(max_examples=15, deadline=None)
def test_attention_over_a_map_with_a_bias_by_distance(
    heads: int, d: int, e: int, rows: int, columns: int
) -> None:
    call, shape = f"map_attention({heads}, {d}, {e}, bias='offset')", (heads * (2 * d + e), rows, columns)
    graph, x, weights = drawn(call, shape)
    places = [(a, b) for a in range(rows) for b in range(columns)]
    index = np.array([[abs(a - c) * columns + abs(b - f) for c, f in places] for a, b in places])
    (table,), (stored,) = (
        [name for name in weights if name.endswith(end)] for end in (".table.value", ".index")
    )
    weights[stored] = index
    found = convcalc.execute(graph, x, weights)[0]
    for h in range(heads):
        own = x[0].reshape(heads, 2 * d + e, -1)[h]
        expected = attended(own[:d], own[d : 2 * d], own[2 * d :], weights[table][h][index])
        assert np.allclose(found[h * e : (h + 1) * e].reshape(e, -1), expected)


@given(small, small, small, small)
@settings(max_examples=15, deadline=None)
def test_attention_over_a_map_that_holds_all_queries_first(
    heads: int, d: int, rows: int, columns: int
) -> None:
    graph, x, weights = drawn(f"map_attention({heads}, {d})", (3 * heads * d, rows, columns))
    found = convcalc.execute(graph, x, weights)[0]
    parts = x[0].reshape(3, heads, d, -1)
    for h in range(heads):
        expected = attended(*parts[:, h], bias=np.zeros((rows * columns,) * 2))
        assert np.allclose(found[h * d : (h + 1) * d].reshape(d, -1), expected)


def test_relative_bias_of_a_map() -> None:
    """Where queries are 0, a bias that sees one difference alone picks the position there."""
    graph, x, weights = drawn("map_attention(1, 1, 2, bias='relative')", (4, 2, 3))
    x[0, 0] = 0
    places = [(a, b) for a in range(2) for b in range(3)]
    (table,), (stored,) = (
        [name for name in weights if name.endswith(end)] for end in (".table.value", ".index")
    )
    weights[stored] = np.array([[(a - c + 1) * 5 + b - f + 2 for c, f in places] for a, b in places])
    weights[table] = np.full((15, 1), -1e3)
    weights[table][0 * 5 + 1] = 1e3  # one row below, one column to the right
    found = convcalc.execute(graph, x, weights)[0]
    assert np.allclose(found[:, 0, :2], x[0, 2:, 1, 1:])


@given(small, small, small, small)
@settings(max_examples=15, deadline=None)
def test_attention_among_channels(heads: int, d: int, rows: int, columns: int) -> None:
    c = heads * d
    graph, x, weights = drawn(f"channel_attention({heads})", (c, rows, columns))
    found = convcalc.execute(graph, x, weights)[0].reshape(c, -1)
    qkv, proj = (
        {part: weights[f"channel_attention1.{layer}.{part}"] for part in ("weight", "bias")}
        for layer in ("qkv", "proj")
    )
    q, k, v = (qkv["weight"] @ x[0].reshape(c, -1) + qkv["bias"][:, None]).reshape(3, heads, d, -1)
    mixed = np.zeros((heads, d, rows * columns))
    for h in range(heads):
        for i in range(d):
            shares = softmax(np.array([k[h, i] @ v[h, j] / d**0.5 for j in range(d)]))
            mixed[h, i] = sum(share * q[h, j] for j, share in enumerate(shares))
    assert np.allclose(found, proj["weight"] @ mixed.reshape(c, -1) + proj["bias"][:, None])


@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 5]))
@settings(max_examples=15, deadline=None)
def test_the_mean_around_less_the_position(rows: int, columns: int, k: int) -> None:
    graph, x, weights = drawn(f"pool_mixer({k})", (2, rows, columns))
    found = convcalc.execute(graph, x, weights)[0]
    for a in range(rows):
        for b in range(columns):
            near = x[0, :, max(0, a - k // 2) : a + k // 2 + 1, max(0, b - k // 2) : b + k // 2 + 1]
            assert np.allclose(found[:, a, b], near.mean(axis=(1, 2)) - x[0, :, a, b])


@pytest.mark.parametrize(
    ("size", "out"), [((8, 12), (8, 12)), ((9, 12), (12, 12)), ((8, 11), (8, 12)), ((1, 2), (4, 4))]
)
def test_padded_to_whole_multiples(size: tuple[int, int], out: tuple[int, int]) -> None:
    graph, x, weights = drawn("padded_to(4) | identity", (2, *size))
    found = convcalc.execute(graph, x, weights)[0]
    assert found.shape == (2, *out)
    assert (found[:, : size[0], : size[1]] == x[0]).all()
    assert not found[:, size[0] :].any() and not found[:, :, size[1] :].any()

"""Blocks of attention on their own: by brute force, and by what one of them must give beside another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, init_weights

Arrays = dict[str, np.ndarray]
small = st.integers(1, 3)


PARTS = ("weight", "bias")


def loaded(call: str, shape: tuple[int, ...]) -> convcalc.Graph:
    return convcalc.load(call, input=shape)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(float(np.prod(shape))).reshape(1, *shape)


@given(small, small, small, small)
@settings(max_examples=20, deadline=None)
def test_windows_and_grids(rows: int, columns: int, down: int, right: int) -> None:
    """Windows hold neighbours, grids what lies at equal distances; and all of it comes back to its place."""
    height, width = rows * down, columns * right
    x = numbered(2, height, width)
    sizes = f"{rows}, {columns}"
    windows = execute(loaded(f"windows({sizes})", x.shape[1:]), x)[0]
    grids = execute(loaded(f"grid({sizes})", x.shape[1:]), x)[0]
    for i in range(rows):
        for j in range(columns):
            token = i * columns + j
            for a in range(down):
                for b in range(right):
                    near, far = x[0, :, a * rows + i, b * columns + j], x[0, :, i * down + a, j * right + b]
                    assert (windows[a * right + b, token] == near).all()
                    assert (grids[a * right + b, token] == far).all()
    for there, back in (("windows", "unwindows"), ("grid", "ungrid")):
        both = loaded(f"{there}({sizes}) | {back}({sizes}, {height}, {width})", x.shape[1:])
        assert (execute(both, x) == x).all()


@given(st.integers(2, 4), st.integers(1, 3), st.integers(1, 3), st.data())
@settings(max_examples=20, deadline=None)
def test_the_mask_of_a_shift_parts_what_were_no_neighbours(
    window: int, down_windows: int, right_windows: int, data: st.DataObject
) -> None:
    """Two positions of a shifted window are as far apart as they were before the shift, or are masked."""
    height, width = window * down_windows, window * right_windows
    down = data.draw(st.integers(0, window - 1)) if down_windows > 1 else 0
    right = data.draw(st.integers(0, window - 1)) if right_windows > 1 else 0
    graph = loaded(f"shift_mask({window}, {down}, {right}, {height}, {width})", (1,))
    mask = execute(graph, np.zeros((1, 1)))[0, :, 0]
    for number, found in enumerate(mask):
        y, x = (n.ravel() for n in np.mgrid[:window, :window])
        y, x = y + number // right_windows * window, x + number % right_windows * window
        before = (y + down) % height, (x + right) % width
        apart = [(a[:, None] - a[None] == b[:, None] - b[None]) for a, b in zip((y, x), before, strict=True)]
        assert (found == np.where(apart[0] & apart[1], 0, -100)).all()


@given(st.integers(1, 7), st.integers(1, 7))
@settings(max_examples=20, deadline=None)
def test_patches_are_merged_as_they_were_released(height: int, width: int) -> None:
    """The released code of Swin: x0 to x3, one column of each four after the other; sides are made even."""
    x = numbered(3, height, width)
    even = np.pad(x, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    expected = np.concatenate([even[:, :, i::2, j::2] for j in (0, 1) for i in (0, 1)], 1)
    assert (execute(loaded("merged_patches()", x.shape[1:]), x) == expected).all()


def weighed(call: str, shape: tuple[int, ...], seed: int) -> tuple[convcalc.Graph, Arrays, np.ndarray]:
    graph = loaded(call, shape)
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.standard_normal(array.shape) if array.dtype.kind == "f" else array
        for name, array in init_weights(graph, seed, "float64").items()
    }
    return graph, weights, rng.standard_normal((2, *shape))


def linear(x: np.ndarray, weights: Arrays, name: str) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


@given(st.sampled_from((1, 2, 4)), small, small, st.booleans(), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_biased_attention(heads: int, rows: int, columns: int, cosine: bool, seed: int) -> None:
    """Liu et al. 2021, equation 4, and 2022, equation 2, in sums over named indices."""
    n, d = rows * columns, 8 // heads
    call = f"biased_attention({heads}, {rows}, {columns}, cosine={str(cosine).lower()}, id=a)"
    graph, w, x = weighed(call, (3, n, 8), seed)
    qkv = linear(x, w, "a.qkv").reshape(2, 3, n, 3, heads, d)
    if cosine:
        qkv = qkv + w["a.query_value_bias1.bias.value"] * np.array([1, 0, 1])[:, None, None]
    q, k, v = np.moveaxis(qkv, 3, 0)
    if cosine:
        q, k = (t / np.sqrt((t**2).sum(-1, keepdims=True)) for t in (q, k))
    scores = np.einsum("bwihd,bwjhd->bwhij", q, k)
    if cosine:
        scores = scores * np.minimum(np.exp(w["a.logit_scale.value"]), 100)
        hidden = np.maximum(linear(w["a.bias.table.buffer"], w, "a.bias.linear1"), 0)
        table = 16 / (1 + np.exp(-linear(hidden, w, "a.bias.linear2")))
    else:
        scores = scores / np.sqrt(d)
        table = w["a.bias.table.value"]
    shares = softmax(scores + np.moveaxis(table[w["a.bias.gather1.index"]], -1, 0))
    mixed = np.einsum("bwhij,bwjhd->bwihd", shares, v).reshape(2, 3, n, 8)
    np.testing.assert_allclose(execute(graph, x, w), linear(mixed, w, "a.proj"), rtol=1e-9, atol=1e-9)


def test_class_attention_is_the_first_row_of_attention() -> None:
    graph, w, x = weighed("class_attention(2, id=a)", (5, 8), 3)
    full = loaded("attention(2, id=a) | slice 0 1 axis=0", (5, 8))
    both = {f"a.qkv.{part}": np.concatenate([w[f"a.q.{part}"], w[f"a.kv.{part}"]]) for part in PARTS}
    both |= {f"a.proj.{part}": w[f"a.proj.{part}"] for part in PARTS}
    np.testing.assert_allclose(execute(graph, x, w), execute(full, x, both), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gate", [-1000.0, 1000.0])
def test_gated_attention_at_both_ends_of_its_gate(gate: float) -> None:
    """Closed, it is plain attention; open, what the offsets say is the same whatever the tokens are."""
    graph, w, x = weighed("gated_attention(2, id=a)", (5, 8), 4)
    w["a.gate.value"] = np.full((2, 1, 1), gate)
    if gate < 0:
        both: dict[str, Any] = {f"a.proj.{part}": w[f"a.proj.{part}"] for part in PARTS}
        both |= {f"a.qkv.{part}": np.concatenate([w[f"a.qk.{part}"], w[f"a.v.{part}"]]) for part in PARTS}
        expected = execute(loaded("attention(2, id=a)", (5, 8)), x, both)
    else:
        shares = softmax(np.moveaxis(linear(w["a.offsets.buffer"], w, "a.pos_proj"), -1, 0))
        values = linear(x, w, "a.v").reshape(2, 5, 2, 4)
        mixed = np.einsum("hij,bjhd->bihd", shares, values).reshape(2, 5, 8)
        expected = linear(mixed, w, "a.proj")
    np.testing.assert_allclose(execute(graph, x, w), expected, rtol=1e-9, atol=1e-9)


@given(st.sampled_from((1, 3)), st.sampled_from((1, 2)), st.integers(2, 5), st.integers(2, 5))
@settings(max_examples=12, deadline=None)
def test_outlook_attention(k: int, stride: int, height: int, width: int) -> None:
    """Yuan et al. 2021, equations 3 to 5, position by position."""
    heads, d, p = 2, 3, k // 2
    graph, w, x = weighed(f"outlook_attention({heads}, k={k}, s={stride}, id=a)", (6, height, width), 5)
    last = np.moveaxis(x, 1, -1)
    padded = np.pad(linear(last, w, "a.v"), ((0, 0), (p, p), (p, p), (0, 0)))
    sums = np.zeros_like(padded)
    for i in range((height + 2 * p - k) // stride + 1):
        for j in range((width + 2 * p - k) // stride + 1):
            place = np.s_[:, i * stride : i * stride + k, j * stride : j * stride + k]
            # The padding of a window is at the end alone: what is averaged is what the map has there.
            seen = last[:, i * stride : (i + 1) * stride, j * stride : (j + 1) * stride].mean((1, 2))
            shares = softmax(linear(seen, w, "a.weights").reshape(2, heads, k * k, k * k) / np.sqrt(d))
            values = padded[place].reshape(2, k * k, heads, d)
            sums[place] += np.einsum("bhij,bjhd->bihd", shares, values).reshape(2, k, k, 6)
    inner = sums[:, p : p + height, p : p + width]
    expected = np.moveaxis(linear(inner, w, "a.proj"), -1, 1)
    np.testing.assert_allclose(execute(graph, x, w), expected, rtol=1e-9, atol=1e-9)

"""Products of two tensors, held against NumPy, PyTorch and ONNX's reference."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import count, execute, gradient, poison, taint
from tests.executor.stand_ins import layer, run

Shape = tuple[int, ...]


def spec(a: Shape, b: Shape, *options: str) -> str:
    shapes = ", ".join(f"{name}: {'x'.join(map(str, shape))}" for name, shape in (("a", a), ("b", b)))
    return f"inputs: {{{shapes}}}\nlayers:\n  - matmul {' '.join(options)} from=[a,b]\n"


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Shape, Shape, bool, bool]:
    """Two shapes that can be multiplied, one or both of them a vector now and then."""
    sizes = st.integers(1, 4)
    m, k, n = draw(sizes), draw(sizes), draw(sizes)
    batch = draw(st.lists(sizes, max_size=2))
    batches = [
        tuple(draw(st.sampled_from((size, 1))) for size in batch[draw(st.integers(0, len(batch))) :])
        for _ in range(2)
    ]
    a, b = (*batches[0], m, k), (*batches[1], k, n)
    swap_a, swap_b = draw(st.booleans()), draw(st.booleans())
    a, b = (*a[:-2], k, m) if swap_a else a, (*b[:-2], n, k) if swap_b else b
    if draw(st.integers(0, 4)) == 0:
        a, swap_a = (k,), False
    if draw(st.integers(0, 4)) == 0:
        b, swap_b = (k,), False
    return a, b, swap_a, swap_b


def by_numpy(x: np.ndarray, y: np.ndarray, swap_a: bool, swap_b: bool) -> np.ndarray:
    """Sample by sample, with NumPy's own rules."""
    lines = [
        np.atleast_1d(np.matmul(p.swapaxes(-1, -2) if swap_a else p, q.swapaxes(-1, -2) if swap_b else q))
        for p, q in zip(x, y, strict=True)
    ]
    return np.stack(lines)


@settings(max_examples=80, deadline=None)
@given(pairs(), st.integers(1, 3), st.integers(0, 2**31))
def test_values_shapes_costs_and_gradients(pair: Any, batch: int, seed: int) -> None:
    a, b, swap_a, swap_b = pair
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((batch, *a)), rng.standard_normal((batch, *b))
    expected = by_numpy(x, y, swap_a, swap_b)
    graph = convcalc.load(
        spec(a, b, f"transpose_a={str(swap_a).lower()}", f"transpose_b={str(swap_b).lower()}")
    )
    assert graph.nodes[-1].outputs == (expected.shape[1:],)
    given = {"a": x, "b": y}
    for form in ("fast", "naive"):
        np.testing.assert_allclose(execute(graph, given, form=form), expected, rtol=1e-12, atol=1e-12)
    inner = a[-2] if swap_a else a[-1]
    totals = convcalc.analyze(graph).totals
    assert totals.macs == totals.valid_macs == prod(expected.shape[1:]) * inner
    assert totals.flops == 2 * totals.macs
    assert (totals.params, totals.ops) == (0, (0,) * 5)
    # the sum of everything at the middle position, along a random direction
    place = (slice(None), slice(None), *(n // 2 for n in expected.shape[2:]))
    dx, dy = rng.standard_normal(x.shape), rng.standard_normal(y.shape)
    slope = (by_numpy(dx, y, swap_a, swap_b) + by_numpy(x, dy, swap_a, swap_b))[place].sum()
    found = gradient(graph, given)
    assert (found["a"] * dx).sum() + (found["b"] * dy).sum() == pytest.approx(slope, rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_what_is_read_and_counted(pair: Any) -> None:
    a, b, swap_a, swap_b = pair
    graph = convcalc.load(
        spec(a, b, f"transpose_a={str(swap_a).lower()}", f"transpose_b={str(swap_b).lower()}")
    )
    for name in "ab":
        np.testing.assert_array_equal(taint(graph, input=name), poison(graph, input=name))
    assert count(graph) == count(graph, scalar=True)
    found = convcalc.verify(graph)
    assert found.ok, str(found)


def test_float32_and_strided_operands() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 5, 3, 7)).astype(np.float32).transpose(0, 2, 3, 1)
    y = rng.standard_normal((2, 5, 4)).astype(np.float32)
    found = run(layer("matmul"), x, y)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.einsum("nhmk,nkc->nhmc", x, y), rtol=1e-5)


@pytest.mark.parametrize(
    ("a", "b", "options"),
    [
        ((400, 300), (300, 500), ()),
        ((8, 197, 64), (8, 197, 64), ("transpose_b=true",)),
        ((4, 300, 200), (300, 100), ("transpose_a=true",)),
    ],
)
def test_no_more_memory_than_is_said(a: Shape, b: Shape, options: tuple[str, ...]) -> None:
    from tests.executor.test_memory import SLACK, allocated

    real, said = allocated(convcalc.load(spec(a, b, *options)))
    assert real <= said + SLACK
    assert said <= 4 * real


def test_attention_of_vit_b_16() -> None:
    """12 heads of 64 over 197 tokens: 2 * 12 * 197**2 * 64."""
    line = "reshape 12x197x64 id=q | matmul transpose_b=true with=q | softmax axis=-1 | matmul with=q"
    totals = convcalc.analyze(convcalc.load(line, input="197x768")).totals
    assert totals.macs == 2 * 12 * 197**2 * 64
    assert totals.params == 0


def test_in_letters() -> None:
    graph = convcalc.load(spec((2, 3), (3, 4)).replace("2x3", "MxK").replace("3x4", "KxN"))
    m, k, n = map(convcalc.symbol, "MKN")
    totals = convcalc.analyze(graph).totals
    assert graph.nodes[-1].outputs == ((m, n),)
    assert totals.macs == m * k * n
    (section,) = convcalc.explain("matmul").sections
    assert {line.quantity: line.formula for line in section.lines}["MACs"] == m * k * n


def test_counted_as_other_layers_are() -> None:
    line = "input 7x9 | matmul transpose_b=true from=[input,input]"
    assert convcalc.check(line, max_macs=440).ok is False
    assert convcalc.check(line, max_macs=441).ok is True
    graph = convcalc.load(line)
    (row,) = convcalc.analyze(graph).layers
    assert (row.macs, row.activations) == (7 * 7 * 9, 49)
    both = convcalc.compare(line, "input 7x9 | matmul transpose_a=true from=[input,input]")
    assert "567" in str(both)


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(convcalc.SpecError) as caught:
        convcalc.load(text)
    (problem,) = caught.value.problems
    return problem.message, problem.expected or ""


@pytest.mark.parametrize(
    ("a", "b", "options", "message", "expected"),
    [
        ((7, 9), (7, 9), (), "matmul cannot multiply 7x9 by 7x9: 9 columns meet 7 rows", "transpose_b=true"),
        ((9, 7), (9, 5), (), "matmul cannot multiply 9x7 by 9x5: 7 columns meet 9 rows", "transpose_a=true"),
        ((2, 7), (3, 5), (), "matmul cannot multiply 2x7 by 3x5: 7 columns meet 3 rows", "as many columns"),
        (
            (4, 7, 9),
            (3, 7, 9),
            ("transpose_b=true",),
            "matmul cannot multiply 4x7x9 by 3x7x9 transposed: the axes before the last two differ",
            "equal sizes, or 1, on every axis before the last two",
        ),
        (
            (9,),
            (9, 5),
            ("transpose_a=true",),
            "transpose_a swaps the last two axes, and 9 has one",
            "two axes",
        ),
    ],
)
def test_refusals(a: Shape, b: Shape, options: tuple[str, ...], message: str, expected: str) -> None:
    found, hint = refused(spec(a, b, *options))
    assert message in found
    assert expected in hint


def test_a_hint_that_is_followed_works() -> None:
    for a, b in (((7, 9), (7, 9)), ((9, 7), (9, 5))):
        _, hint = refused(spec(a, b))
        convcalc.load(spec(a, b, hint.partition("\n")[0]))


@pytest.mark.torch
@settings(max_examples=60, deadline=None)
@given(pairs(), st.integers(0, 2**31))
def test_values_and_gradients_of_pytorch(pair: Any, seed: int) -> None:
    torch = pytest.importorskip("torch")
    a, b, swap_a, swap_b = pair
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((1, *a)), rng.standard_normal((1, *b))
    left, right = (torch.tensor(one[0], requires_grad=True) for one in (x, y))
    product = torch.matmul(left.mT if swap_a else left, right.mT if swap_b else right)
    graph = convcalc.load(
        spec(a, b, f"transpose_a={str(swap_a).lower()}", f"transpose_b={str(swap_b).lower()}")
    )
    found = execute(graph, {"a": x, "b": y})
    np.testing.assert_allclose(found[0], np.atleast_1d(product.detach().numpy()), rtol=1e-12, atol=1e-12)
    shape = found.shape[1:]
    middle = torch.atleast_1d(product)[(slice(None), *(n // 2 for n in shape[1:]))].sum()
    middle.backward()
    slopes = gradient(graph, {"a": x, "b": y})
    np.testing.assert_allclose(slopes["a"][0], left.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(slopes["b"][0], right.grad.numpy(), rtol=1e-10, atol=1e-12)

"""Functions of one element against Python's own, the division by a length, and both against PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, gradient, poison, taint
from convcalc.executor.call import Params
from convcalc.executor.kernels import OPERATIONS
from convcalc.executor.operation import Backprop
from tests.executor.stand_ins import chain, layer, run

PYTHON: dict[str, Callable[[float], float]] = {
    "neg": lambda x: -x,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "rsqrt": lambda x: 1 / math.sqrt(x),
    "abs": abs,
    "square": lambda x: x**2,
    "sin": math.sin,
    "cos": math.cos,
    "erf": math.erf,
    "reciprocal": lambda x: 1 / x,
    "sign": lambda x: math.copysign(1, x) if x else 0.0,
    "floor": math.floor,
    "round": round,
}
POSITIVE = ("log", "sqrt", "rsqrt")


@given(st.sampled_from(list(PYTHON)), st.lists(st.floats(-20, 20), min_size=1, max_size=9))
def test_values_are_those_of_python(op: str, numbers: list[float]) -> None:
    if op in POSITIVE:
        numbers = [abs(x) + 0.01 for x in numbers]
    numbers = [x if abs(x) > 1e-9 else 1.0 for x in numbers]
    numbers += [round(2 * x) / 2 for x in numbers] if op == "round" else []  # halves
    expected = [PYTHON[op](x) for x in numbers]
    found = run(layer(op), np.array([numbers]))
    np.testing.assert_allclose(found[0], expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("op", PYTHON)
def test_outside_the_domain_ieee_754_holds(op: str, recwarn: pytest.WarningsRecorder) -> None:
    x = np.array([[-1.0, 0.0, math.inf, -math.inf, math.nan]])
    nan, inf = math.nan, math.inf
    expected = {
        "log": [nan, -inf, inf, nan, nan],
        "sqrt": [nan, 0, inf, nan, nan],
        "rsqrt": [nan, inf, 0, nan, nan],
        "reciprocal": [-1, inf, 0, 0, nan],
        "sin": [math.sin(-1), 0, nan, nan, nan],
        "cos": [math.cos(-1), 1, nan, nan, nan],
        "exp": [math.exp(-1), 1, inf, 0, nan],
        "sign": [-1, 0, 1, -1, nan],
        "erf": [math.erf(-1), 0, 1, -1, nan],
        "neg": [1, 0, -inf, inf, nan],
        "abs": [1, 0, inf, inf, nan],
        "square": [1, 0, inf, inf, nan],
        "floor": [-1, 0, inf, -inf, nan],
        "round": [-1, 0, inf, -inf, nan],
    }[op]
    for dtype in (np.float32, np.float64):
        np.testing.assert_allclose(run(layer(op), x.astype(dtype))[0], expected, rtol=1e-6)
    assert not recwarn.list


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=9),
    st.none() | st.floats(-2, 0),
    st.none() | st.floats(0, 2),
)
def test_clip(numbers: list[float], low: float | None, high: float | None) -> None:
    assume(low is not None or high is not None)
    found = run(layer("clip", min=low, max=high), np.array([numbers]))[0]
    bounds = (-math.inf if low is None else low), (math.inf if high is None else high)
    assert found.tolist() == [min(max(x, bounds[0]), bounds[1]) for x in numbers]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data(), st.sampled_from([1e-12, 0.5, 3.0]))
def test_l2norm_divides_by_the_length(shape: list[int], data: st.DataObject, eps: float) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = np.random.default_rng(1).standard_normal((2, *shape))
    length = np.linalg.norm(x, axis=axis + 1, keepdims=True)
    expected = x / np.where(length < eps, eps, length)
    for form in ("fast", "naive"):
        found = run(layer("l2norm", axis=axis, eps=eps), x, form=form)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert found.flags.c_contiguous


def test_l2norm_reads_its_axis_alone() -> None:
    graph = convcalc.load("input 3x4x5 | l2norm axis=-1")
    np.testing.assert_array_equal(taint(graph), poison(graph))
    height, width = convcalc.receptive_field(graph).output.axes
    assert (height.size, width.everything) == (1, True)
    graph = convcalc.load("input 3x4x5 | l2norm")
    assert taint(graph).sum() == 20  # every position itself


@pytest.mark.parametrize(
    "spec",
    [
        "input 3x4x5 | log | conv 4 k3 | relu | maxpool k2",
        "input 3x4x5 | sqrt | rsqrt | reciprocal | floor | round | l2norm",
        "input 3x4x5 | exp | exp | exp | exp | log | sin | softmax | bn track=false",
        "input 4x5x6 | log | conv 24 k3x2 id=o | deformconv 6 k3x2 from=[input,o]",
        "input 4x6x6 | sqrt | maxpool k2 id=p | unpool k2 from=[p,p.indices]",
    ],
)
def test_networks_whose_values_are_no_numbers_verify(spec: str) -> None:
    found = convcalc.verify(spec)
    assert found.ok, str(found)


def test_in_place_as_activations() -> None:
    graph = convcalc.load("input 3x40x40 | conv 3 k1 | exp inplace=true | clip 0 2 inplace=true")
    assert convcalc.analyze(graph).totals.peak_memory_bytes == 2 * 3 * 40 * 40 * 4
    assert convcalc.verify(graph).ok


TORCH: dict[str, Callable[[Any, Any], Any]] = {
    **{op: (lambda t, x, op=op: getattr(t, op)(x)) for op in PYTHON},  # type: ignore[misc]
    "clip": lambda t, x: t.clip(x, -0.5, 0.5),
    "l2norm": lambda t, x: t.nn.functional.normalize(x, dim=1),
}


@pytest.mark.torch
@pytest.mark.parametrize("op", TORCH)
def test_values_and_gradients_equal_pytorch(op: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(11)
    x = rng.standard_normal((2, 3, 4, 5))
    x = np.abs(x) if op in POSITIVE else x
    t = torch.tensor(x, requires_grad=True)
    expected = TORCH[op](torch, t)
    own = run(layer(op), x)
    np.testing.assert_allclose(own, expected.detach().numpy(), rtol=1e-12, atol=1e-14)
    g = rng.standard_normal(x.shape)
    expected.backward(torch.tensor(g))
    backprop = OPERATIONS[op].gradient
    assert backprop is not None
    (found,) = backprop(Backprop(layer(op), [g], (x,), (own,), Params("layer")))
    np.testing.assert_allclose(found, t.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("eps", [1e-12, 2.0])
def test_l2norm_equals_pytorch(dim: int, eps: float) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(4).standard_normal((2, 3, 4, 5)).astype(np.float32)
    x[0, :, 0, 0] = 0.0  # a vector without a length
    t = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.normalize(t, dim=dim, eps=eps)
    graph = chain((3, 4, 5), layer("l2norm", axis=dim - 1, eps=eps))
    np.testing.assert_allclose(execute(graph, x), expected.detach().numpy(), rtol=2e-6, atol=1e-7)
    expected[:, :, 2, 3].sum().backward()
    found = gradient(graph, x, position=(2, 3))["input"]
    np.testing.assert_allclose(found, t.grad.numpy(), rtol=1e-4, atol=1e-6)

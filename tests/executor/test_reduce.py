"""Reductions over axes: against NumPy on any shape, against PyTorch with gradients, and by identities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.executor import count, execute, gradient
from convcalc.executor.kernels import OPERATIONS
from tests.executor.stand_ins import chain, layer, run

Draw = Callable[[Any], Any]

NUMPY: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "var": lambda x, axis, keepdims: np.var(x, axis=axis, keepdims=keepdims, ddof=1),
    "std": lambda x, axis, keepdims: np.std(x, axis=axis, keepdims=keepdims, ddof=1),
}


@st.composite
def reduced(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...] | None, bool]:
    """A shape without the batch, axes of it or none named, and whether they stay."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    axes = draw(
        st.none() | st.sets(st.integers(0, len(shape) - 1), min_size=1).map(lambda s: tuple(sorted(s)))
    )
    return shape, axes, draw(st.booleans())


def with_batch(axes: tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    return tuple(a + 1 for a in (range(rank) if axes is None else axes))


def a_tensor(array: np.ndarray) -> np.ndarray:
    """What NumPy leaves of one sample, as a tensor, which has an axis at least."""
    return array if array.ndim > 1 else array.reshape(-1, 1)


@given(reduced(), st.sampled_from([*NUMPY]), st.integers(0, 99))
def test_values_are_numpys(case: Any, op: str, seed: int) -> None:
    shape, axes, keep = case
    x = np.random.default_rng(seed).standard_normal((2, *shape))
    over = with_batch(axes, len(shape))
    if op in ("var", "std") and np.prod([x.shape[a] for a in over]) < 2:
        return
    expected = a_tensor(NUMPY[op](x, axis=over, keepdims=keep))
    for form in ("fast", "naive"):
        found = run(layer(op, axis=axes, keep=keep), x, form=form)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(reduced(), st.sampled_from([("1", 1), ("2", 2), ("inf", np.inf)]), st.integers(0, 99))
def test_norms_are_numpys_of_all_entries_in_a_row(case: Any, p: tuple[str, Any], seed: int) -> None:
    shape, axes, keep = case
    x = np.random.default_rng(seed).standard_normal((2, *shape))
    over = with_batch(axes, len(shape))
    kept = [a for a in range(x.ndim) if a not in over]
    rows = x.transpose(*kept, *over).reshape(*(x.shape[a] for a in kept), -1)
    expected = np.linalg.norm(rows, ord=p[1], axis=-1)
    for form in ("fast", "naive"):
        found = run(layer("norm", axis=axes, keep=keep, p=p[0]), x, form=form)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.booleans(), st.booleans(), st.data())
def test_places_are_numpys(sizes: list[int], largest: bool, keep: bool, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(sizes) - 1))
    x = np.random.default_rng(1).integers(-2, 3, (2, *sizes)).astype(np.float32)  # with many that are equal
    expected = a_tensor((np.argmax if largest else np.argmin)(x, axis=axis + 1, keepdims=keep))
    for form in ("fast", "naive"):
        found = run(layer("argmax" if largest else "argmin", axis=axis, keep=keep), x, form=form)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("op", ["max", "min", "argmax", "argmin"])
@pytest.mark.parametrize("form", ["fast", "naive"])
def test_what_is_no_number_wins(op: str, form: str) -> None:
    x = np.array([[[1.0, np.nan, 3.0], [0.0, 1.0, -np.inf]]])
    function = {"max": np.max, "min": np.min, "argmax": np.argmax, "argmin": np.argmin}[op]
    axis: Any = 1 if op.startswith("arg") else (1,)
    np.testing.assert_array_equal(run(layer(op, axis=axis), x, form=form), function(x, axis=2))


@given(reduced(), st.sampled_from(["mean", "sum", "prod", "max", "min", "var", "std"]))
def test_scalars_are_counted_as_arrays_are(case: Any, op: str) -> None:
    shape, axes, keep = case
    if op in ("var", "std") and np.prod([shape[a] for a in axes or range(len(shape))]) < 2:
        return
    graph = chain(shape, layer(op, axis=axes, keep=keep))
    assert count(graph) == count(graph, scalar=True)


def test_the_gradient_of_an_extreme_is_shared_by_those_that_are_equal() -> None:
    x = np.array([[[1.0, 3.0, 3.0, 2.0]]])
    (found,) = gradient(chain((1, 4), layer("max", axis=(1,), keep=True)), x).values()
    np.testing.assert_array_equal(found, [[[0.0, 0.5, 0.5, 0.0]]])


def test_the_gradient_of_a_product_divides_by_nothing() -> None:
    x = np.array([[[2.0, 0.0, 5.0]]])
    (found,) = gradient(chain((1, 3), layer("prod", axis=(1,), keep=True)), x).values()
    np.testing.assert_array_equal(found, [[[0.0, 10.0, 0.0]]])


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(60))
def test_values_and_gradients_equal_pytorch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 5, int(rng.integers(1, 5))))
    axes = tuple(sorted(int(a) for a in rng.choice(len(shape), int(rng.integers(1, len(shape) + 1)), False)))
    keep = bool(rng.integers(2)) or len(axes) == len(shape)
    x = rng.integers(-3, 4, (1, *shape)).astype(np.float64)  # with zeros and with equals
    t = torch.from_numpy(x).requires_grad_()
    dims = [a + 1 for a in axes]
    cases: dict[str, tuple[Any, Callable[[], Any]]] = {
        "mean": (layer("mean", axis=axes, keep=keep), lambda: t.mean(dims, keep)),
        "sum": (layer("sum", axis=axes, keep=keep), lambda: t.sum(dims, keep)),
        "max": (layer("max", axis=axes, keep=keep), lambda: t.amax(dims, keep)),
        "min": (layer("min", axis=axes, keep=keep), lambda: t.amin(dims, keep)),
        "var": (layer("var", axis=axes, keep=keep), lambda: t.var(dims, keepdim=keep)),
        "std": (
            layer("std", axis=axes, keep=keep, correction=0),
            lambda: t.std(dims, correction=0, keepdim=keep),
        ),
        "prod": (layer("prod", axis=axes[:1], keep=True), lambda: t.prod(dims[0], True)),
        **{
            f"norm {p}": (
                layer("norm", axis=axes, keep=keep, p=p),
                lambda p=p: torch.linalg.vector_norm(t, float(p), dims, keep),
            )
            for p in ("1", "2", "inf")
        },
    }
    for name, (stand_in, theirs) in cases.items():
        expected = theirs()
        graph = chain(shape, stand_in)
        np.testing.assert_allclose(execute(graph, x), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
        y = expected[(slice(None), slice(None), *(n // 2 for n in expected.shape[2:]))].sum()
        (slope,) = torch.autograd.grad(y, t)
        (found,) = gradient(graph, x).values()
        np.testing.assert_allclose(found, slope.numpy(), rtol=1e-10, atol=1e-12, err_msg=f"{name} {axes} {x}")


@pytest.mark.torch
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_places_equal_pytorchs(op: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(3).standard_normal((2, 3, 4, 5))
    for axis in range(3):
        for keep in (False, True):
            theirs = getattr(torch, op)(torch.from_numpy(x), axis + 1, keep)
            own = run(layer(op, axis=axis, keep=keep), x)
            assert str(theirs.dtype) == f"torch.{own.dtype}"
            np.testing.assert_array_equal(own, theirs.numpy())


# Through the language


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("mean axis=(1,2) keep=true", "globalavgpool"),
        ("max axis=(-1,-2) keep=true", "globalmaxpool"),
        ("mean axis=0 keep=true | mean", "mean"),
        ("norm axis=0 | norm", "norm"),
        ("norm p=1 axis=2 | norm p=1", "norm p=1"),
        ("norm p=inf axis=1 | norm p=inf", "norm p=inf"),
        ("std axis=1", "var axis=1 | norm p=1 axis=0 keep=true"),
    ],
)
def test_two_ways_to_say_it(line: str, same: str) -> None:
    x = np.random.default_rng(4).standard_normal((2, 4, 6, 5))
    one, two = (execute(convcalc.load(text, input=(4, 6, 5)), x) for text in (line, same))
    if line.startswith("std"):  # a standard deviation squared is the variance
        one = np.sum(one**2, axis=1, keepdims=True)
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_sum_of_several_inputs_is_add() -> None:
    graph = convcalc.load("conv 3 k1 id=a | sum from=[input,a]", input=(3, 4, 4))
    assert [node.layer.op for node in graph.nodes] == ["input", "conv", "add"]
    assert graph.nodes[-1].name == "add1"
    merged = convcalc.load("layers:\n  - {branches: [[relu], [tanh]], merge: sum}\n", input=(3, 4, 4))
    assert merged.nodes[-1].layer.op == "add"


@pytest.mark.parametrize(("word", "join"), [("max", "maximum"), ("min", "minimum")])
def test_extremes_of_several_inputs_are_joins(word: str, join: str) -> None:
    graph = convcalc.load(f"tanh id=a | {word} from=[input,a] | {word} 0.5 | {word}", input=(3, 4, 4))
    assert [node.layer.op for node in graph.nodes] == ["input", "tanh", join, join, word]
    x = np.random.default_rng(5).standard_normal((1, 3, 4, 4))
    pair, whole = (np.maximum, np.max) if word == "max" else (np.minimum, np.min)
    np.testing.assert_allclose(execute(graph, x)[0, 0], whole(pair(pair(x, np.tanh(x)), 0.5)), rtol=1e-12)


def test_indices_are_of_eight_bytes() -> None:
    report = convcalc.analyze(convcalc.load("argmax axis=0", input=(4, 6, 5)))
    assert report.totals.peak_memory_bytes == 4 * 4 * 6 * 5 + 8 * 6 * 5


def test_every_reduction_has_two_forms() -> None:
    for op in (*NUMPY, "norm", "argmax", "argmin"):
        assert OPERATIONS[op].naive is not None

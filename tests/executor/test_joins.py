"""Joins entry by entry, held against NumPy sample by sample, and against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcalc
from convcalc.dims import DimensionError
from convcalc.executor import count, execute, gradient, init_weights, paths, poison, taint
from convcalc.executor.call import Call, Params
from convcalc.executor.kernels import OPERATIONS, run_kernel
from convcalc.executor.operation import Backprop
from convcalc.graph import Graph
from convcalc.layers import lookup
from convcalc.layers.arithmetic.merge import broadcast
from tests.executor.stand_ins import Net, layer, run

NUMPY: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
ORDERED = ("sub", "div", "pow")


@st.composite
def shapes_that_join(draw: st.DrawFn, most: int = 3) -> list[tuple[int, ...]]:
    """Shapes that broadcast: ends of one shape, some of whose sizes are 1."""
    whole = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    found = []
    for _ in range(draw(st.integers(2, most))):
        end = whole[draw(st.integers(0, len(whole) - 1)) :]
        found.append(tuple(n if draw(st.booleans()) else 1 for n in end))
    return found


def by_sample(op: str, arrays: list[Any], reverse: bool = False) -> np.ndarray:
    """The join as NumPy has it, of each sample alone."""
    samples = []
    for row in zip(*arrays, strict=True):
        operands = row[::-1] if reverse else row
        total = operands[0]
        for other in operands[1:]:
            total = NUMPY[op](total, other)
        samples.append(total)
    return np.stack(samples)


def drawn(shapes: list[tuple[int, ...]], seed: int, batch: int = 2) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((batch, *shape)) for shape in shapes]


@given(st.data(), st.sampled_from(list(NUMPY)), st.integers(0, 1000), st.booleans())
def test_values_are_those_of_numpy(data: st.DataObject, op: str, seed: int, reverse: bool) -> None:
    ordered = op in ORDERED
    shapes = data.draw(shapes_that_join(2 if ordered else 3))
    xs = drawn(shapes, seed)
    fields = {"reverse": reverse} if ordered else {}
    with np.errstate(all="ignore"):
        expected = by_sample(op, list(xs), reverse and ordered)
    for form in ("fast", "naive"):
        np.testing.assert_allclose(run(layer(op, **fields), *xs, form=form), expected, rtol=1e-12)


@given(
    st.sampled_from(list(NUMPY)),
    st.lists(st.integers(1, 4), min_size=1, max_size=4),
    st.sampled_from([-1.5, -1.0, 0.5, 2.0, 3.0]),
    st.booleans(),
)
def test_a_constant_is_an_operand(op: str, shape: list[int], value: float, reverse: bool) -> None:
    (x,) = drawn([tuple(shape)], 5)
    reverse = reverse and op in ORDERED
    fields = {"reverse": reverse} if op in ORDERED else {}
    with np.errstate(all="ignore"):
        expected = by_sample(op, [x, np.full(len(x), value)], reverse)
    for form in ("fast", "naive"):
        np.testing.assert_allclose(run(layer(op, value=value, **fields), x, form=form), expected, rtol=1e-12)


@given(st.data(), st.sampled_from(list(NUMPY)))
def test_the_shape_is_that_of_numpy(data: st.DataObject, op: str) -> None:
    sizes = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple)
    shapes = tuple(data.draw(st.lists(sizes, min_size=2, max_size=3)))
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(DimensionError, match=f"{op} cannot join") as refused:
            broadcast(op, shapes)
        assert refused.value.hint is not None
        if len(shapes) == 2 and (made := re.match(r"'reshape \(([\d,]+)\)' of ", refused.value.hint)):
            short, long = sorted(shapes, key=len)
            again = tuple(map(int, made[1].split(",")))
            assert np.prod(again) == np.prod(short)
            assert len(np.broadcast_shapes(again, long)) == len(long)  # what it offers works
    else:
        assert broadcast(op, shapes) == expected


def test_the_hint_works_when_it_is_followed() -> None:
    spec = "globalavgpool | flatten | {}add with=input"
    with pytest.raises(convcalc.SpecError, match=re.escape("add cannot join 64 and 64x56x56")) as refused:
        convcalc.load(spec.format(""), input="64x56x56")
    assert "'reshape (64,1,1)' of 64" in str(refused.value)
    graph = convcalc.load(spec.format("reshape (64,1,1) | "), input="64x56x56")
    assert graph.nodes[-1].outputs == ((64, 56, 56),)


@pytest.mark.parametrize(
    ("spec", "add", "kind"),
    [
        ("input 3x4x5 | sub 1 reverse=true", 60, "add"),
        ("input 3x4x5 | div 8", 60, "div"),
        ("input 3x4x5 | pow 2", 60, "special"),
        ("input 3x4x5 | maximum 0", 60, "cmp"),
        ("input 3x4x5 | reshape (1,3,4,5) id=r | minimum from=[r,input,r]", 120, "cmp"),
        ("input 12x7x7 | slice 0 1 | reshape (7,7) id=bias | add from=[input,bias]", 12 * 49, "add"),
        ("input 4x3 | reshape (4,1,3) id=a | sub from=[input,a]", 4 * 4 * 3, "add"),
        ("input 4x3 | add 1 with=input", 24, "add"),
    ],
)
def test_operations_are_one_per_element_and_join(spec: str, add: int, kind: str) -> None:
    graph = convcalc.load(spec)
    kinds = dict.fromkeys(("add", "mul", "cmp", "div", "special"), 0)
    expected = {**kinds, kind: add}
    assert convcalc.analyze(graph).layers[-1].ops._asdict() == expected
    assert count(graph).nodes[-1].ops == count(graph, scalar=True).nodes[-1].ops == expected
    assert convcalc.verify(graph).ok


def joined(op: str, *shapes: tuple[int, ...], **fields: Any) -> Graph:
    """A join of inputs that are all made of one, by reshapes of its slices."""
    total = sum(int(np.prod(shape)) for shape in shapes)
    net = Net((total,))
    parts, start = [], 0
    for shape in shapes:
        stop = start + int(np.prod(shape))
        net.add(layer("slice", start=start, stop=stop), 0)
        parts.append(net.add(layer("reshape", shape=shape)))
        start = stop
    net.add(layer(op, **fields), *parts)
    return net.graph()


@given(st.data(), st.sampled_from(list(NUMPY)))
def test_gradients_are_those_of_finite_differences(data: st.DataObject, op: str) -> None:
    shapes = data.draw(shapes_that_join(2))
    graph = joined(op, *shapes)
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2.0, (2, *graph.nodes[0].outputs[0]))  # where all of them are smooth
    direction = rng.standard_normal(x.shape)
    weights = init_weights(graph, dtype="float64")
    out = graph.nodes[-1].outputs[0]
    position = tuple(n // 2 for n in out[1:])

    def value(at: np.ndarray) -> float:
        return float(execute(graph, at, weights)[(slice(None), slice(None), *position)].sum())

    h = 1e-6
    slope = (value(x + h * direction) - value(x - h * direction)) / (2 * h)
    found = gradient(graph, x, weights, position=position)["input"]
    assert found.shape == x.shape
    assert float((found * direction).sum()) == pytest.approx(slope, rel=1e-5, abs=1e-6)


CASES = [
    ("add", (3, 2, 2), (2, 2)),
    ("sub", (2,), (3, 2)),
    ("mul", (2, 3, 1, 2), (2, 1)),
    ("div", (1, 2), (2, 3, 2)),
    ("maximum", (3, 1, 2), (3, 2, 1)),
    ("minimum", (1,), (2, 3)),
]


@pytest.mark.parametrize(("op", "one", "other"), CASES)
def test_marks_go_where_poison_goes(op: str, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    net = Net(one, other)
    net.add(layer(op), 0, 1)
    graph = net.graph()
    for name in ("input1", "input2"):
        np.testing.assert_array_equal(taint(graph, input=name), poison(graph, input=name))


def test_paths_go_through_sums_and_constants_but_not_through_products() -> None:
    graph = convcalc.load("input 2x3 | mul 0.5 id=h | reshape (1,2,3) | sub with=input | pow 2")
    np.testing.assert_array_equal(paths(graph, (1, 2)), [0, 0, 2])
    with pytest.raises(convcalc.ExecutionError, match="div"):
        paths(convcalc.load("input 2x3 | exp id=h | div with=input"), (1,))


def test_what_is_read_again_is_not_overwritten() -> None:
    x = np.arange(1.0, 1 + 4 * 40_000).reshape(1, 4, 40_000)
    spare = x.copy()
    y = run_kernel(Call(layer("sub"), (spare, spare[:, ::-1]), spare=True))[0]
    np.testing.assert_array_equal(y, x - x[:, ::-1])  # the second is the first, backwards
    spare = x.copy()
    y = run_kernel(Call(layer("mul", value=2.0), (spare,), spare=True))[0]
    assert y is spare  # nothing else reads it
    np.testing.assert_array_equal(y, 2 * x)


def test_one_that_has_no_batch_of_its_own_is_shared() -> None:
    learned = np.arange(6.0).reshape(1, 2, 3)
    x = np.ones((4, 5, 2, 3))
    for form in ("fast", "naive"):
        np.testing.assert_array_equal(run(layer("add"), learned, x, form=form), x + learned[:, None])


def test_what_is_no_number_is_told_alike_by_formula_and_execution() -> None:
    found = convcalc.verify("input 3x4x5 | pow 0.5 | div with=input | log | maximum 0 | maxpool k2")
    assert found.ok, str(found)
    assert np.isnan(convcalc.run("input 3x4x5 | pow 0.5", seed=1).outputs["pow1"]).any()


def test_a_constant_is_a_formula_and_reads_back() -> None:
    from convcalc.exporters.text import format_graph

    graph = convcalc.load("input 64x7x7 | mul in**-0.5 | add -1 | div 1/8 | sub 1e-3 | pow max(in//32,1)")
    values = [node.layer.value for node in graph.nodes[1:]]
    assert values == [0.125, -1, 0.125, 0.001, 2]
    again = convcalc.load(format_graph(graph))
    assert [node.layer for node in again.nodes] == [node.layer for node in graph.nodes]


def test_a_root_of_a_symbol_is_a_constant() -> None:
    """Attention divides by the root of the width, whatever that is."""
    from convcalc.exporters.text import format_graph

    graph = convcalc.load("input CxN | mul in**-0.5 | div (in/2)**1.5")
    one, other = (node.layer.value for node in graph.nodes[1:])
    assert (one.subs(C=64), other.subs(C=32)) == (0.125, 64)
    assert one._sympy_() ** -2 == one._sympy_().free_symbols.pop()
    with pytest.raises(DimensionError, match="-4 has no power"):
        one.subs(C=-4)
    assert [n.layer for n in convcalc.load(format_graph(graph)).nodes] == [n.layer for n in graph.nodes]
    assert convcalc.load("input 64x3 | mul power(in,-1/2)").nodes[1].layer.value == 0.125


def test_closed_forms_and_arrays_of_constants() -> None:
    graph = convcalc.load("input CxHxW | mul 1/C | sub H reverse=true")
    totals = convcalc.analyze(graph).totals
    assert str(totals.flops) == "2*C*H*W"
    assert str(graph.nodes[1].layer.value) == "1/C"
    table = lookup("div").create(((np.array([2, 3]), 5),), {"value": 2})
    shape = (np.array([2, 3], object), 5)
    assert list(table.ops((shape,), (shape,)).div) == [10, 15]


# PyTorch

TORCH: dict[str, Callable[..., Any]] = {
    "add": lambda t, a, b: a + b,
    "sub": lambda t, a, b: a - b,
    "mul": lambda t, a, b: a * b,
    "div": lambda t, a, b: a / b,
    "pow": lambda t, a, b: a**b,
    "maximum": lambda t, a, b: t.maximum(a, b),
    "minimum": lambda t, a, b: t.minimum(a, b),
}


@pytest.mark.torch
@pytest.mark.parametrize("op", NUMPY)
def test_values_and_gradients_equal_pytorch(op: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    for one, other in [((3, 4), (3, 4)), ((12, 5, 5), (12, 1, 1)), ((4,), (3, 1, 4)), ((2, 1, 3), (2, 4, 1))]:
        a, b = rng.standard_normal((2, *one)).round(1), rng.standard_normal((2, *other)).round(1)
        rank = max(len(one), len(other))
        left, right = (
            torch.tensor(x.reshape(2, *(1,) * (rank + 1 - x.ndim), *x.shape[1:]), requires_grad=True)
            for x in (a, b)
        )
        y = TORCH[op](torch, left, right)
        own = run(layer(op), a, b)
        np.testing.assert_allclose(own, y.detach().numpy(), rtol=1e-12)
        g = rng.standard_normal(own.shape)
        y.backward(torch.tensor(g))
        backprop = OPERATIONS[op].gradient
        assert backprop is not None
        found = backprop(Backprop(layer(op), [g], (a, b), (own,), Params("join")))
        for mine, theirs in zip(found, (left, right), strict=True):
            np.testing.assert_allclose(mine, theirs.grad.numpy().reshape(mine.shape), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("op", NUMPY)
@pytest.mark.parametrize("value", [-1.0, 0.5, 2.0])
def test_constants_equal_pytorch(op: str, value: float) -> None:
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(2).standard_normal((2, 3, 4))
    constant = torch.tensor(value, dtype=torch.float64)
    np.testing.assert_allclose(
        run(layer(op, value=value), x), TORCH[op](torch, torch.tensor(x), constant).numpy(), rtol=1e-12
    )
    if op in ORDERED:
        expected = TORCH[op](torch, constant, torch.tensor(x)).numpy()
        np.testing.assert_allclose(run(layer(op, value=value, reverse=True), x), expected, rtol=1e-12)

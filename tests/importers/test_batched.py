"""Tensors with a batch as tensors without: whatever is done to them, the values are NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Stored, Unsayable
from convcalc.importers.tensors import Value

SAMPLES = 3


def stored(name: str, array: np.ndarray, learned: bool = True) -> Value:
    return Value(array.shape, stored=Stored(name, array.shape, "float32", lambda: array, learned=learned))


def factored(draw: Any, number: int) -> list[int]:
    """Sizes whose product is a number, sizes of 1 among them."""
    sizes = []
    while number > 1:
        divisors = [n for n in range(2, number + 1) if number % n == 0]
        sizes.append(draw(st.sampled_from(divisors)))
        number //= sizes[-1]
        if draw(st.integers(0, 4)) == 0:
            sizes.append(1)
    return sizes or [1]


def step(draw: Any, net: Batched, value: Value, array: np.ndarray, number: int) -> tuple[Value, np.ndarray]:
    """One operation on both; raises Unsayable where the network does."""
    path, rank = f"s{number}", array.ndim
    axis = draw(st.integers(-rank, rank - 1))
    what = draw(st.sampled_from((
        "permute", "reshape", "slice", "select", "squeeze", "unsqueeze", "concat", "stack", "mean", "softmax",
        "add", "flip", "roll", "split", "unstack", "pad", "tile", "matmul", "linear", "strided",
    )))  # fmt: skip
    size = array.shape[axis]
    if what == "permute":
        order = draw(st.permutations(range(rank)))
        return net.permute(value, order, path), array.transpose(order)
    if what == "reshape":
        dims = factored(draw, array.size)
        return net.reshape(value, dims, path), array.reshape(dims)
    if what in ("slice", "strided"):
        start = draw(st.integers(0, size - 1))
        stop = draw(st.integers(start + 1, size))
        by = 1 if what == "slice" else draw(st.integers(1, 3))
        cut = [slice(None)] * rank
        cut[axis] = slice(start, stop, by)
        return net.slice(value, axis, start, stop, by, path), array[tuple(cut)]
    if what == "select":
        index = draw(st.integers(-size, size - 1))
        return net.select(value, axis, index, path), np.take(array, index, axis)
    if what == "squeeze":
        return net.squeeze(value, None, path), array.squeeze()
    if what == "unsqueeze":
        return net.unsqueeze(value, axis, path), np.expand_dims(array, axis)
    if what == "concat":
        return net.concat([value, value], axis, path), np.concatenate([array, array], axis)
    if what == "stack":
        return net.stack([value, value], axis, path), np.stack([array, array], axis)
    if what == "mean":
        keep = draw(st.booleans())
        return net.reduce("mean", value, (axis,), keep, path), array.mean(axis, keepdims=keep)
    if what == "softmax":
        e = np.exp(array - array.max(axis, keepdims=True))
        return net.along("softmax", value, axis, path), e / e.sum(axis, keepdims=True)
    if what == "add":
        shape = [draw(st.sampled_from((1, n))) for n in array.shape][draw(st.integers(0, rank)) :]
        term = np.random.default_rng(number).standard_normal(shape).astype(np.float32)
        return net.join("add", value, stored(f"t{number}", term), path), array + term
    if what == "flip":
        return net.flip(value, (axis,), path), np.flip(array, axis)
    if what == "roll":
        by = draw(st.integers(-3, 3))
        return net.roll(value, (by,), (axis,), path), np.roll(array, by, axis)
    if what == "split":
        at = draw(st.integers(0, size))
        if at in (0, size):
            return value, array
        return net.split(value, (at, size - at), axis, path)[1], np.split(array, [at], axis)[1]
    if what == "unstack":
        return net.unstack(value, axis, path)[-1], np.take(array, -1, axis)
    if what == "pad":
        sides = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
        wide = [(0, 0)] * rank
        wide[axis] = sides
        return net.pad(value, {axis: sides}, path), np.pad(array, wide)
    if what == "tile":
        counts = [1] * rank
        counts[axis] = 2
        return net.tile(value, counts, path), np.tile(array, counts)
    if what == "matmul" and rank >= 2:
        other = net.transpose(value, -1, -2, f"{path}.t")
        return net.matmul(value, other, path), array @ array.swapaxes(-1, -2)
    weight = np.random.default_rng(number).standard_normal((2, array.shape[-1])).astype(np.float32)
    return net.linear(value, stored(f"w{number}", weight), None, path), array @ weight.T


def without(value: Value, array: np.ndarray) -> np.ndarray:
    """What the network writes where NumPy has this: the samples in front."""
    if value.batch is None or not value.dims:
        return array
    cut = array.reshape(*array.shape[: value.batch], SAMPLES, -1, *array.shape[value.batch + 1 :])
    front = np.moveaxis(cut, value.batch, 0)
    rest = front.shape[1:] if value.folded else np.delete(front.shape[1:], value.batch)
    return front.reshape(SAMPLES, *(rest if len(rest) else (1,)))


said: dict[str, int] = {"yes": 0, "no": 0}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_moves_are_those_of_numpy(data: Any) -> None:
    draw = data.draw
    dims = (SAMPLES, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    net = Batched("drawn", batch=SAMPLES)
    value = net.input("x", dims)
    first = np.random.default_rng(1).standard_normal(dims).astype(np.float32)
    array = first
    for number in range(draw(st.integers(1, 6))):
        try:
            value, array = step(draw, net, value, array, number)
        except (Unsayable, SeveralUses):
            said["no"] += 1
            continue
        said["yes"] += 1
        assert value.dims == array.shape
        if array.size > 3000:
            break
    if not any(node.inputs for node in net.nodes):
        return
    graph = net.finish([("y", net.edge(value))])
    weights = {} if graph.weights is None else dict(graph.weights)
    given_x = first.reshape(SAMPLES, *graph.nodes[graph.inputs[0]].outputs[0])
    found = convcalc.execute(graph, {"x": given_x}, weights)
    expected = without(value, array)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_most_was_said() -> None:
    """Half of what is drawn touches no batch; what mixes samples is refused."""
    if sum(said.values()) < 100:
        pytest.skip("the moves were drawn in another process")
    assert said["yes"] > said["no"] > 0


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (lambda net, x: net.reduce("mean", x, (0,), False, "p"), "axis of the batch"),
        (lambda net, x: net.along("softmax", x, 0, "p"), "axis of the batch"),
        (lambda net, x: net.reshape(x, (2, SAMPLES * 2), "p"), "not outermost"),
        (lambda net, x: net.concat([x, x], 0, "p"), "axis of the batch"),
        (lambda net, x: net.matmul(net.permute(x, (1, 0), "t"), x, "p"), "batch in them"),
        (lambda net, x: net.join("add", x, net.permute(x, (1, 0), "t"), "p"), "different axes"),
    ],
)
def test_what_mixes_samples_is_refused(what: Any, reason: str) -> None:
    net = Batched("mixing", batch=SAMPLES)
    x = net.input("x", (SAMPLES, 4))
    if "different" in reason:
        x = net.input("y", (SAMPLES, SAMPLES))
    with pytest.raises(Unsayable, match=reason):
        what(net, x)

"""Folding held against NumPy, numbers and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.dims import symbol
from convcalc.importers.onnx import arithmetic, folded
from convcalc.importers.onnx.folded import Folded, Unfolded, vector

SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@st.composite
def tensors(draw: Any) -> Any:
    shape = draw(SHAPES)
    size = int(np.prod(shape))
    entries = draw(st.lists(st.integers(-9, 9), min_size=size, max_size=size))
    return np.array(entries, np.int64).reshape(shape)


def of(array: Any) -> Folded:
    return Folded(array.shape, tuple(array.ravel().tolist()), str(array.dtype))


def same(found: Folded, due: Any) -> None:
    due = np.asarray(due)
    assert found.dims == due.shape
    assert list(found.items) == due.ravel().tolist()


@given(tensors(), st.data())
def test_moves(x: Any, data: Any) -> None:
    order = data.draw(st.permutations(range(x.ndim)))
    same(folded.transpose(of(x), order), x.transpose(order))
    same(folded.expand(of(x), (2, *x.shape)), np.broadcast_to(x, (2, *x.shape)))
    same(folded.tile(of(x), [2] * x.ndim), np.tile(x, [2] * x.ndim))
    same(arithmetic.nonzero(of(x)), np.array(np.nonzero(np.atleast_1d(x))))
    if x.ndim:
        axis = data.draw(st.integers(0, x.ndim - 1))
        start, stop = data.draw(st.integers(-6, 6)), data.draw(st.integers(-6, 6))
        step = data.draw(st.sampled_from([-2, -1, 1, 2]))
        cut = (slice(None),) * axis + (slice(start, stop, step),)
        same(folded.cut(of(x), axis, start, stop, step), x[cut])
        index = data.draw(st.lists(st.integers(0, x.shape[axis] - 1), min_size=1, max_size=4))
        same(folded.take(of(x), axis, vector(index)), np.take(x, index, axis))
        same(folded.concat([of(x), of(x)], axis), np.concatenate([x, x], axis))
        same(arithmetic.reduce("ReduceSum", of(x), [axis], True), x.sum(axis, keepdims=True))
        same(arithmetic.reduce("ReduceMax", of(x), [axis], False), x.max(axis))
        same(arithmetic.running(of(x), axis, False, True), np.flip(np.flip(x, axis).cumsum(axis), axis))


@given(tensors(), st.integers(-5, 5))
def test_arithmetic(x: Any, n: int) -> None:
    other = Folded((), (n,), "int64")
    for op, due in (("Add", x + n), ("Sub", x - n), ("Mul", x * n), ("Max", np.maximum(x, n)),
                    ("Less", x < n), ("Equal", x == n)):  # fmt: skip
        same(arithmetic.binary(op, of(x), other), due)
    if n:
        same(arithmetic.binary("Div", of(x), other), np.trunc(x / n).astype(int))
        same(arithmetic.binary("Mod", of(x), other), x % n)


def test_letters() -> None:
    h = symbol("H")
    sizes = vector((h, 4))
    assert arithmetic.binary("Mul", sizes, vector((2, 2))).items == (2 * h, 8)
    assert arithmetic.binary("Div", sizes, vector((2, 2))).items == (h // 2, 2)
    half = arithmetic.binary("Mul", arithmetic.cast(sizes, "float32"), vector((0.5, 0.5), "float32"))
    assert arithmetic.cast(arithmetic.unary("Floor", half), "int64").items == (h // 2, 2)
    assert folded.reshaped((3, h, 4), (3, -1)) == (3, 4 * h)
    assert arithmetic.binary("Equal", sizes, vector((-1, 4))).items == (False, True)
    with pytest.raises(Unfolded):
        arithmetic.binary("Equal", sizes, vector((7, 4)))

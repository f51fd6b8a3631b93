"""The naive form of every kernel against the fast one: any numbers, any shapes, any threads."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcalc.executor import parallel
from convcalc.executor.call import Call, Params
from convcalc.executor.kernels import OPERATIONS, run_kernel
from convcalc.executor.kernels.windows import conv
from convcalc.executor.windows import ExecutionError
from tests.executor.stand_ins import layer

seeds = st.integers(0, 1 << 40)


def windowed(rng: Random) -> tuple[Any, tuple[int, ...], dict[str, tuple[int, ...]]]:
    """A convolution, transposed convolution, linear layer or pool: the layer, its input, its arrays."""
    rank = rng.randint(1, 3)
    most = {1: 12, 2: 7, 3: 4}[rank]
    groups = rng.choice([1, 1, 2, 3])
    per_group, outs = rng.randint(1, 3), groups * rng.randint(1, 3)
    kernel = tuple(rng.randint(1, 3) for _ in range(rank))
    stride, dilation = (tuple(rng.randint(1, 3) for _ in range(rank)) for _ in range(2))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = tuple(rng.randint(1, most) for _ in range(rank))
    shape = (groups * per_group, *sizes)
    op = rng.choice(["conv", "conv", "convT", "linear", "maxpool", "avgpool", "lppool"])
    bias = rng.random() < 0.5
    arrays: dict[str, tuple[int, ...]] = {"bias": (outs,)} if bias else {}
    if op == "linear":
        arrays["weight"] = (outs, shape[0])
        return layer(op, bias=bias, axis="channels"), shape, arrays
    if op == "convT":
        pads = tuple((rng.randint(0, s // 2), rng.randint(0, s // 2)) for s in spans)
        extra = tuple(rng.randint(0, s - 1) for s in stride)
        arrays["weight"] = (shape[0], outs // groups, *kernel)
        more: dict[str, Any] = {"output_padding": extra}
    elif op == "conv":
        pads = tuple((rng.randint(0, s), rng.randint(0, s)) for s in spans)
        arrays["weight"] = (outs, per_group, *kernel)
        more = {"padding_mode": rng.choice(["zeros", "zeros", "replicate"])}
    else:
        pads = tuple((rng.randint(0, k // 2), rng.randint(0, k // 2)) for k in kernel)
        more = {"ceil": rng.random() < 0.5, "kernel": kernel}
        more |= {"maxpool": {}, "avgpool": {"count_include_pad": bias}, "lppool": {"norm": 1}}[op]
        fields = {"stride": stride, "padding": pads, **({"dilation": dilation} if op == "maxpool" else {})}
        return layer(op, rank, **fields, **more), shape, {}
    fields = {"stride": stride, "padding": pads, "dilation": dilation, "groups": groups, "bias": bias}
    return layer(op, rank, **fields, **more), shape, arrays


def both(stand_in: Any, x: np.ndarray, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the naive and the fast form give; the first axis stays a batch."""
    found = []
    for form in ("naive", "fast"):
        y = run_kernel(Call(stand_in, (x,), Params("layer", arrays)), form=form)[0]
        assert y is not None
        found.append(y)
    assert found[0].shape == found[1].shape
    return found[0], found[1]


def fractions(rng: Random, shape: tuple[int, ...]) -> np.ndarray:
    """Exact numbers with denominators."""
    array = np.empty(shape, object)
    flat = array.reshape(-1)
    for i in range(flat.size):
        flat[i] = Fraction(rng.randint(-9, 9), rng.randint(1, 7))
    return array


@settings(max_examples=100)
@given(seed=seeds)
def test_forms_agree_exactly_on_fractions(seed: int) -> None:
    rng = Random(seed)
    stand_in, shape, shapes = windowed(rng)
    x = fractions(rng, (2, *shape))
    arrays = {name: fractions(rng, s) for name, s in shapes.items()}
    try:
        naive, fast = both(stand_in, x, arrays)
    except ExecutionError as error:
        assert "does not fit" in str(error) or "crops all" in str(error)
        return
    if stand_in.op == "avgpool":  # the divisor is an array of machine numbers
        np.testing.assert_allclose(fast.astype(float), naive.astype(float), rtol=1e-12, atol=1e-12)
    else:
        assert (naive == fast).all()


@settings(max_examples=150)
@given(seed=seeds, dtype=st.sampled_from(["float32", "float64", "int64"]))
def test_forms_agree_on_machine_numbers(seed: int, dtype: str) -> None:
    rng = Random(seed)
    stand_in, shape, shapes = windowed(rng)
    numbers = np.random.default_rng(seed)
    if dtype == "int64" and stand_in.op in ("maxpool", "avgpool"):
        dtype = "float64"  # padding with minus infinity and dividing need floats

    def some(s: tuple[int, ...]) -> np.ndarray:
        return (numbers.standard_normal(s) * 8).astype(dtype)

    try:
        naive, fast = both(stand_in, some((2, *shape)), {name: some(s) for name, s in shapes.items()})
    except ExecutionError:
        return
    assert naive.dtype == fast.dtype == np.dtype(dtype)
    close = {"float32": 1e-4, "float64": 1e-12, "int64": 0.0}[dtype]
    scale = np.abs(naive).max(initial=0) if naive.size else 0
    np.testing.assert_allclose(fast, naive, rtol=close, atol=close * float(scale))


@settings(max_examples=60)
@given(seed=seeds)
def test_tiles_and_blocks_do_not_change_values(seed: int) -> None:
    """With a column buffer of a few positions, blocks of a few bytes and threads, nothing changes."""
    rng = Random(seed)
    stand_in, shape, shapes = windowed(rng)
    numbers = np.random.default_rng(seed)
    x = numbers.standard_normal((2, *shape))
    arrays = {name: numbers.standard_normal(s) for name, s in shapes.items()}
    call = lambda: Call(stand_in, (x,), Params("layer", arrays))  # noqa: E731
    try:
        whole = run_kernel(call())[0]
    except ExecutionError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conv, "COLUMN_BYTES", 300)
        patch.setattr(conv, "LEAST_ROWS", 1)
        patch.setattr("convcalc.executor.kernels.windows.transposed.COLUMN_BYTES", 300)
        patch.setattr("convcalc.executor.kernels.products.linear.COLUMN_BYTES", 300)
        patch.setattr(parallel, "BLOCK_BYTES", 100)
        patch.setattr("convcalc.executor.kernels.windows.depthwise.BLOCK_BYTES", 100)
        patch.setattr(parallel, "threads", lambda: 3)
        cut = run_kernel(call())[0]
    np.testing.assert_allclose(cut, whole, rtol=1e-12, atol=1e-13)


def test_every_windowed_layer_has_two_forms() -> None:
    both_forms = {op for op, operation in OPERATIONS.items() if operation.naive}
    products = {"conv", "dwconv", "convT", "linear", "matmul", "deformconv"}
    joins = {"add", "sub", "mul", "div", "pow", "maximum", "minimum"}
    reductions = {"mean", "sum", "prod", "max", "min", "norm", "var", "std", "argmax", "argmin"}
    others = {"maxpool", "avgpool", "lppool", "unfold", "fold", "l2norm", "rnn", "lstm", "gru"}
    others |= {"embedding", "gather"}
    assert both_forms == products | joins | reductions | others


def test_blocks_are_computed_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(parallel, "threads", lambda: 3)
    together = threading.Barrier(3, timeout=20)  # breaks unless three tasks run at once
    names: list[str] = []

    def task(number: int) -> None:
        together.wait()
        names.append(threading.current_thread().name)

    with parallel.single_blas_thread():
        parallel.each(task, range(3))
    assert len(set(names)) == 3
    names.clear()
    together.reset()

    def alone(number: int) -> None:
        names.append(threading.current_thread().name)

    with parallel.single_blas_thread():
        parallel.each(alone, range(5), shared=False)
    parallel.each(alone, range(5))  # outside: BLAS has its threads, so there are no others
    assert set(names) == {threading.current_thread().name}


def test_an_error_in_a_block_is_raised_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    done: list[int] = []

    def task(number: int) -> None:
        if number == 3:
            raise KeyError(number)
        done.append(number)

    for _ in range(20):
        done.clear()
        with parallel.single_blas_thread(), pytest.raises(KeyError):
            parallel.each(task, range(1000))
        assert len(done) < 1000
    with parallel.single_blas_thread():
        parallel.each(done.append, [7])  # and the threads go on
    assert done[-1] == 7


def test_numpy_settings_reach_the_other_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 2)
    import threading

    together = threading.Barrier(2, timeout=20)
    seen: list[str] = []

    def task(number: int) -> None:
        together.wait()
        seen.append(np.geterr()["over"])

    with parallel.single_blas_thread(), np.errstate(over="raise"):
        parallel.each(task, range(2))
    assert seen == ["raise", "raise"]


def test_blas_has_its_threads_back_after_a_kernel() -> None:
    blas = parallel._blas()
    if blas is None:
        pytest.skip("the BLAS of this NumPy cannot be told how many threads to use")
    before = blas.get()
    try:
        blas.set(2)
        inside: list[int] = []
        with parallel.single_blas_thread(), parallel.single_blas_thread():
            inside.append(blas.get())
        assert inside == [1]
        assert blas.get() == 2
        with pytest.raises(ExecutionError):
            run_kernel(Call(layer("globalavgpool"), (np.ones((1, 2)),)))
        assert blas.get() == 2
    finally:
        blas.set(before)

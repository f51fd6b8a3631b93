"""What goes into a run and is refused, and what may be asked of it."""

from __future__ import annotations

import numpy as np
import pytest

import convcalc
from convcalc.executor import ExecutionError


def test_precision_is_that_of_the_input_in_any_byte_order() -> None:
    graph = convcalc.load("identity", input="1x3")
    third = np.full((1, 1, 3), 1 / 3)
    for dtype in ("<f8", ">f8", "longdouble"):
        out = convcalc.execute(graph, third.astype(dtype))
        assert out.dtype == np.float64 and out.dtype.isnative
        assert np.array_equal(out, third)
    for dtype in ("<f4", ">f4", "float16", "int32", "bool"):
        assert convcalc.execute(graph, third.astype(dtype)).dtype == np.float32


def test_one_layer_is_kept_by_its_name() -> None:
    graph = convcalc.load("conv 2 k3 id=first | relu", input="1x5x5")
    x = np.ones((1, 1, 5, 5))
    kept = convcalc.execute(graph, x, keep="first")
    assert list(kept) == ["relu1", "first"]
    assert np.array_equal(np.maximum(kept["first"], 0), kept["relu1"])
    with pytest.raises(ExecutionError, match="no layer 'second'"):
        convcalc.execute(graph, x, keep="second")


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ExecutionError, match="'fast' or 'naive'"):
        convcalc.execute(convcalc.load("relu", input="1x5"), np.ones((1, 1, 5)), form="nave")


@pytest.mark.parametrize(
    "line", ["conv M->N k3", "linear M->N axis=channels", "conv 3->N kK", "convT 2 k2 s=S"]
)
def test_symbols_have_no_weights(line: str) -> None:
    with pytest.raises(ExecutionError, match="not numeric"):
        convcalc.init_weights(convcalc.load(line, input="MxHxW" if "M" in line else "3x8x8"))


def test_weights_are_of_a_type_that_kernels_compute_in() -> None:
    with pytest.raises(ExecutionError, match="float32 or float64, not float16"):
        convcalc.init_weights(convcalc.load("conv 2 k3", input="1x5x5"), dtype="float16")

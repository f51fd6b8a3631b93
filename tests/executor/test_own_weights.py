"""Weights that a graph was read with, and a graph that is read again at other sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import ExecutionError, WeightsError
from convcalc.graph import Graph, Weights
from convcalc.solve.sizes import choose, reload

SPEC = "input 2x{n}x{n} | conv 3 k3 id=a | bn id=b | const {m}x{m} stored=false id=k | add from=[b,k] id=y"


class Kept:
    """An array that tells when it is read."""

    def __init__(self, array: Any, dtype: str = "") -> None:
        self.array, self.shape, self.dtype, self.reads = array, array.shape, dtype or str(array.dtype), 0

    def read(self) -> Any:
        self.reads += 1
        return self.array


def exported(n: int = 8, dtype: str = "float32") -> tuple[Graph, dict[str, Kept]]:
    """A graph as a reader of files gives it: no text, its own weights."""
    graph = convcalc.load(SPEC.format(n=n, m=n - 2))
    arrays = {
        name: Kept((array * 4).astype(dtype)) for name, array in convcalc.init_weights(graph, 7).items()
    }
    return replace(graph, text="", weights=Weights(arrays)), arrays


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8"])
def test_they_are_used_where_no_others_are_given(dtype: str) -> None:
    graph, arrays = exported(dtype=dtype)
    given = {name: kept.array.astype("float32") for name, kept in arrays.items()}
    given["b.running_var"] = np.abs(given["b.running_var"]) + 1
    arrays["b.running_var"].array = given["b.running_var"]
    x = np.random.default_rng(0).standard_normal((2, 2, 8, 8)).astype("float32")
    expected = convcalc.execute(convcalc.load(SPEC.format(n=8, m=6)), x, given)
    np.testing.assert_array_equal(convcalc.execute(graph, x), expected)
    np.testing.assert_array_equal(convcalc.run(graph, x).outputs["y"], expected)
    loaded = convcalc.load_weights(graph)
    assert {name: array.dtype for name, array in loaded.items()} == dict.fromkeys(given, np.dtype("float32"))
    assert convcalc.load_weights(graph, dtype="float64")["a.weight"].dtype == np.float64


def test_given_ones_come_first_and_none_are_missed() -> None:
    graph, _ = exported()
    x = np.ones((1, 2, 8, 8), np.float32)
    mine = convcalc.init_weights(graph, 3)
    assert not np.array_equal(convcalc.execute(graph, x), convcalc.execute(graph, x, mine))
    with pytest.raises(ExecutionError, match="without weights"):
        convcalc.load_weights("conv 3->4 k3")


def test_counting_and_printing_read_none_and_checks_read_none_that_do_not_fit() -> None:
    graph, arrays = exported()
    convcalc.analyze(graph)
    convcalc.receptive_field(graph)
    repr(graph)
    assert {kept.reads for kept in arrays.values()} == {0}
    arrays["a.weight"].shape = (4, 2, 3, 3)
    with pytest.raises(WeightsError, match=r"a\.weight has the shape"):
        convcalc.execute(graph, np.ones((1, 2, 8, 8), np.float32))
    assert {kept.reads for kept in arrays.values()} == {0}


def test_a_part_has_those_it_needs() -> None:
    graph, _ = exported()
    part = graph.part(graph.find("a"))
    x = np.ones((1, 2, 8, 8), np.float32)
    whole = convcalc.execute(graph, x, keep="a")
    np.testing.assert_array_equal(convcalc.execute(part, x), whole["a"])


def test_verification_runs_them() -> None:
    graph, arrays = exported()
    assert convcalc.verify(graph).ok
    assert all(kept.reads for kept in arrays.values())


def test_it_is_read_again_at_other_sizes() -> None:
    asked = []

    def again(shapes: Any, variables: Any) -> Graph:
        asked.append(dict(shapes))
        ((_, size, _),) = shapes.values()
        return replace(exported(size)[0], again=again)

    graph = replace(exported(40)[0], again=again)
    small = reload(graph, [(2, 12, 12)])
    assert small is not None
    assert small.nodes[-1].outputs == ((3, 10, 10),)
    part = graph.part(graph.find("a"))
    assert part.again is not None
    assert part.again({"input": (2, 6, 6)}, {}).nodes[-1].name == "a"
    found = choose(graph, macs=10_000)
    assert found.note is not None
    assert found.graph.nodes[0].outputs[0][1] < 40
    assert convcalc.verify(graph, macs=10_000).ok
    assert asked


def test_sizes_that_are_fixed_are_said_to_be() -> None:
    graph, _ = exported(12)
    assert reload(graph, [(2, 6, 6)]) is None
    note = choose(graph, macs=10).note
    assert note is not None
    assert "fixed when it was exported" in note

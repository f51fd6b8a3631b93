"""Look-ups against NumPy, PyTorch and ONNX, and what is no index."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import ExecutionError, WeightsError, gradient, taint
from convcalc.executor.counting import random_inputs
from convcalc.executor.run import Runner
from convcalc.spec import SpecError


class Drawn:
    """A tensor, an index and an axis, with what NumPy takes."""

    def __init__(self, data: st.DataObject, batch: int = 2) -> None:
        self.shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
        self.axis = data.draw(st.integers(0, len(self.shape) - 1))
        self.index_shape = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)))
        n = self.shape[self.axis]
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        self.x = rng.standard_normal((batch, *self.shape))
        self.index = rng.integers(-n, n, self.index_shape)
        self.indices = rng.integers(-n, n, (batch, *self.index_shape))
        self.written = data.draw(st.sampled_from([self.axis, self.axis - len(self.shape)]))

    def text(self, shape: tuple[int, ...]) -> str:
        return "x".join(map(str, shape))


@settings(max_examples=80)
@given(st.data())
def test_stored_and_written_indices_are_those_of_take(data: st.DataObject) -> None:
    d = Drawn(data)
    expected = np.take(d.x, d.index, axis=d.axis + 1)
    stored = convcalc.load(f"gather {d.text(d.index_shape)} axis={d.written} id=g", input=d.shape)
    for form in ("fast", "naive"):
        np.testing.assert_array_equal(
            convcalc.execute(stored, d.x, {"g.index": d.index}, form=form), expected
        )
    assert stored.shape(stored.outputs[0]) == expected.shape[1:]
    line = ",".join(map(str, d.index.reshape(-1)))
    written = convcalc.load(f"gather index=({line},) axis={d.written}", input=d.shape)
    expected = np.take(d.x, d.index.reshape(-1), axis=d.axis + 1)
    for form in ("fast", "naive"):
        np.testing.assert_array_equal(convcalc.execute(written, d.x, form=form), expected)


@settings(max_examples=80)
@given(st.data())
def test_indices_that_arrive_choose_for_each_sample(data: st.DataObject) -> None:
    d = Drawn(data)
    spec = (
        f"inputs: {{x: {d.text(d.shape)}, i: {d.text(d.index_shape)}}}\n"
        f"layers: ['gather axis={d.written} from=[x,i]']\n"
    )
    graph = convcalc.load(spec)
    expected = np.stack([np.take(x, i, axis=d.axis) for x, i in zip(d.x, d.indices, strict=True)])
    for form in ("fast", "naive"):
        for kind in (np.int64, np.float64):
            given_ = {"x": d.x, "i": d.indices.astype(kind)}
            np.testing.assert_array_equal(convcalc.execute(graph, given_, form=form), expected)


def test_places_along_an_axis_are_looked_up_by() -> None:
    """The nearest of a codebook (van den Oord et al. 2017), written out in NumPy."""
    x = np.random.default_rng(0).standard_normal((2, 6, 5))
    graph = convcalc.load(
        "linear 4 axis=0 bias=false id=l | argmin axis=0 | embedding 4->3 id=e", input=(6, 5)
    )
    weights = convcalc.init_weights(graph, dtype="float64")
    nearest = np.einsum("oi,nip->nop", weights["l.weight"], x).argmin(axis=1)
    for form in ("fast", "naive"):
        found = convcalc.execute(graph, x, weights, form=form)
        np.testing.assert_array_equal(found, weights["e.weight"][nearest])


def test_what_was_computed_is_traced_whatever_it_is() -> None:
    # Of sums that were never made, memory holds anything; positions are traced by shapes alone.
    graph = convcalc.load("input 2x3 | add 1 | mul 0 | embedding 1->2")
    for _ in range(20):
        junk = np.full(6, 1.1e-21)
        del junk
        np.testing.assert_array_equal(taint(graph)[::2], np.eye(3, dtype=bool))


@settings(max_examples=60)
@given(st.data())
def test_gradients_count_how_often_an_entry_was_chosen(data: st.DataObject) -> None:
    """The gradient of a sum of outputs is how many of them an entry is: brute force over the outputs."""
    d = Drawn(data, batch=1)
    graph = convcalc.load(f"gather {d.text(d.index_shape)} axis={d.axis} id=g", input=d.shape)
    weights = {"g.index": d.index}
    numbers = np.arange(d.x.size, dtype=float).reshape(d.x.shape)
    chosen = convcalc.execute(graph, numbers, weights)
    out = chosen.shape[2:]
    place = tuple(n // 2 for n in out)
    found = gradient(graph, d.x, weights)["input"]
    expected = np.zeros(d.x.size)
    for number in chosen[(0, slice(None), *place)].reshape(-1):
        expected[int(number)] += 1
    np.testing.assert_array_equal(found.reshape(-1), expected)


@settings(max_examples=60)
@given(st.data())
def test_what_is_written_out_is_traced_exactly(data: st.DataObject) -> None:
    d = Drawn(data, batch=1)
    line = ",".join(map(str, d.index.reshape(-1)))
    graph = convcalc.load(f"gather index=({line},) axis={d.axis}", input=d.shape)
    numbers = np.arange(np.prod(d.shape)).reshape(1, *d.shape)
    moved = np.take(numbers, d.index.reshape(-1), axis=d.axis + 1)[0]
    for position in np.ndindex(*moved.shape[1:]):
        seen = np.isin(numbers[0], moved[(slice(None), *position)]).any(axis=0)
        np.testing.assert_array_equal(taint(graph, [position])[0], seen)
    found = convcalc.verify(graph)
    assert found.ok, str(found)


def test_an_embedding_is_rows_of_its_table() -> None:
    graph = convcalc.load("embedding 10->4 id=e", input="2x3")
    weights = convcalc.init_weights(graph)
    ids = np.random.default_rng(0).integers(0, 10, (5, 2, 3))
    expected = weights["e.weight"][ids]
    for form in ("fast", "naive"):
        for kind in (np.int32, np.int64, np.float32):
            np.testing.assert_array_equal(
                convcalc.execute(graph, ids.astype(kind), weights, form=form), expected
            )
    row = convcalc.analyze(graph).layers[0]
    assert (row.params, row.macs, row.flops, row.activations, row.output_shape) == (40, 0, 0, 0, (2, 3, 4))


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.float64, np.float32])
@pytest.mark.parametrize("entry", [10, -1, 250])
def test_a_number_outside_is_an_error_that_names_the_input(kind: Any, entry: int) -> None:
    graph = convcalc.load("input 4 id=ids | embedding 10->4 id=e")
    ids = np.array([[0, 9, 3, entry]]).astype(kind)
    with pytest.raises(
        ExecutionError, match=r"input 'ids' is looked up in e: an index is .* from 0 to 9 is due"
    ):
        convcalc.execute(graph, ids)


@pytest.mark.parametrize("entry", [0.5, np.inf, -np.inf])
def test_a_fraction_is_no_index(entry: float) -> None:
    graph = convcalc.load("input 2 | embedding 10->4")
    with pytest.raises(ExecutionError, match="an index is"):
        convcalc.execute(graph, np.array([[0.0, entry]]))


def test_no_number_comes_out_as_no_number() -> None:
    graph = convcalc.load("input 3 | embedding 10->2")
    found = convcalc.execute(graph, np.array([[1.0, np.nan, 2.0]]))
    np.testing.assert_array_equal(np.isnan(found), [[[False] * 2, [True] * 2, [False] * 2]])
    spec = "inputs: {x: 2x3, i: 2}\nlayers: ['gather axis=1 from=[x,i]']\n"
    found = convcalc.execute(convcalc.load(spec), {"x": np.ones((1, 2, 3)), "i": np.array([[np.nan, 2.0]])})
    np.testing.assert_array_equal(np.isnan(found[0]), [[True, False]] * 2)


def test_values_that_are_computed_must_be_whole_too() -> None:
    graph = convcalc.load("input 2 | sigmoid | embedding 10->4 id=e")
    with pytest.raises(
        ExecutionError, match=r"^e: an index is 0\.\d+, where a whole number from 0 to 9 is due"
    ):
        convcalc.execute(graph, np.ones((1, 2)))


def test_large_indices_keep_their_value() -> None:
    """2^24 + 1 is no float32; such an input is read as float64."""
    many = (1 << 24) + 2
    graph = convcalc.load(f"input 2 | embedding {many}->1 id=e")
    table = np.zeros((many, 1))
    table[-1], table[-2], table[5] = 7, 8, 9
    ids = np.array([[many - 1, 5]])
    found = convcalc.execute(graph, ids, {"e.weight": table})
    np.testing.assert_array_equal(found, [[[7], [9]]])
    with pytest.raises(
        ExecutionError, match="above 16,777,216, which float32 cannot tell apart; float64 can"
    ):
        convcalc.run(graph, ids, {"e.weight": table})
    assert random_inputs(graph)["input"].max() < 1 << 24


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [
        ("input 6 | embedding 5->2", {"input": 5}),
        (
            "input 2x3 | reshape 6 | permute (0,) | embedding 5->2 id=e | embedding 3->2 from=input",
            {"input": 3},
        ),
        ("input 2x3 | split (1,1) id=s | embedding 5->2 from=s.1", {"input": 5}),
        ("input 2x3 | slice 0 1 | concat with=input | embedding 4->2", {"input": 4}),
        ("inputs: {x: 7x2, i: 4}\nlayers: ['gather from=[x,i]']\n", {"i": 7}),
        ("inputs: {a: 3, b: 3}\nlayers: ['concat from=[a,b]', 'embedding 9->1']\n", {"a": 9, "b": 9}),
        ("input 6 | relu", {}),
    ],
)
def test_random_inputs_are_whole_numbers_where_they_are_looked_up(spec: str, bounds: dict[str, int]) -> None:
    graph = convcalc.load(spec)
    for name, array in random_inputs(graph, batch=50).items():
        whole = np.array_equal(array, np.floor(array))
        assert whole == (name in bounds)
        if whole:
            assert set(np.unique(array)) == set(range(bounds[name]))
    assert convcalc.verify(graph).ok


SPEC = "input 49x3 | param 169x3 id=table | gather 49x49 id=bias axis=0 | permute (2,0,1)"


def test_a_stored_index_is_neither_parameter_nor_buffer(cli: Callable[..., Any]) -> None:
    report = convcalc.analyze(SPEC)
    totals = report.totals
    assert (totals.params, totals.buffers, totals.indices) == (169 * 3, 0, 49 * 49)
    assert (totals.param_bytes, totals.buffer_bytes, totals.index_bytes) == (169 * 3 * 4, 0, 49 * 49 * 8)
    row = next(row for row in report.layers if row.name == "bias")
    assert row.indices == 49 * 49
    data = json.loads(cli("params", SPEC, "--json").out)
    assert data["totals"]["indices"] == 2401
    assert "indices" in cli("params", SPEC).out
    assert "indices" not in cli("params", "input 3x8x8 | conv 4 k3").out
    assert "index, whole numbers (49 x 49): 2,401" in cli("explain", SPEC, "--layer", "bias").out
    graph = convcalc.load("input 6x2 | gather index=(1,0,5)")
    assert convcalc.analyze(graph).totals.indices == 0
    assert convcalc.init_weights(graph) == {}


def test_stored_indices_are_made_loaded_and_checked(tmp_path: Path) -> None:
    graph = convcalc.load(SPEC)
    weights = convcalc.init_weights(graph, seed=3, dtype="float64")
    index = weights["bias.index"]
    assert index.dtype == np.int64
    assert 0 <= index.min() < index.max() < 169
    path = tmp_path / "w.npz"
    np.savez(path, **weights)
    x = np.zeros((1, 49, 3))
    expected = weights["table.value"][index].transpose(2, 0, 1)[None]
    np.testing.assert_array_equal(convcalc.execute(graph, x, str(path)), expected)
    loaded = convcalc.load_weights(graph, {**weights, "bias.index": index.astype(np.int32)}, "float32")
    assert (loaded["bias.index"].dtype, loaded["table.value"].dtype) == (np.int64, np.float32)
    for wrong, said in (
        (index + 169, "an index is"),
        (index + 0.5, "an index is"),
        (index[:5], "has the shape"),
    ):
        with pytest.raises(WeightsError, match=rf"bias\.index[: ].*{said}"):
            convcalc.load_weights(graph, {**weights, "bias.index": wrong})
    with pytest.raises(WeightsError, match=r"bias\.index is missing"):
        convcalc.load_weights(graph, {"table.value": weights["table.value"]})


def test_a_file_of_integers_runs(cli: Callable[..., Any], tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.array([[3, 1, 4, 1]]))
    done = cli("run", "embedding 5->2", "--input", "4", "--input-file", str(tmp_path / "ids.npy"), "--json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert data["outputs"] == [{"name": "embedding1", "shape": [1, 4, 2]}]
    done = cli("run", "embedding 4->2", "--input", "4", "--input-file", str(tmp_path / "ids.npy"))
    assert done.code == 2
    assert (
        "input 'input' is looked up in embedding1: an index is 4, where a whole number from 0 to 3"
        in done.err
    )


def test_an_index_that_decides_leaves_the_field_unknown_along_its_axis() -> None:
    field = convcalc.receptive_field("input 3x8x8 | conv 4 k3 id=a | gather 5 axis=1 id=g | conv 4 k3 id=b")
    assert field.decided == {"g": "the entries of its index"}
    (row,) = field.of("b")
    assert [axis.known for axis in row.axes] == [False, True]
    assert row.axes[1].size == 5
    # along the channels nothing spatial is chosen, and of a tensor of its own no pixel is
    assert convcalc.receptive_field("input 3x8x8 | conv 4 k3 | gather 5 id=g").of("g")[0].size == (3, 3)
    assert convcalc.receptive_field(f"{SPEC} id=p | add with=p").decided == {}
    written = convcalc.receptive_field("input 3x8 | gather index=(7,0,7) axis=1 id=g")
    assert written.decided == {}
    (seen,) = written.at((1,))
    assert seen.axes[0].read == (0, 0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("input 3x4 | gather", "gather has no index"),
        ("input 3x4 | gather axis=1", "gather has no index"),
        ("input 3x4 | gather 2 index=(0,1)", "gather has more than one index"),
        ("input 3x4 | gather 2 from=[input,input]", "gather has more than one index"),
        ("input 3x4 | gather index=(0,3)", "no entry 3 along an axis of 3 (of 3x4)"),
        ("input 3x4 | gather index=(0,-5) axis=-1", "no entry -5 along an axis of 4"),
        ("input 3x4 | gather index=(0,0.5)", "an index of 1/2"),
        ("input 3x4 | gather 2 axis=2", "no axis 2 in 3x4"),
        ("input 3x4 | gather 0", "shape must be at least 1"),
        ("input 3xN | gather index=(0,-1) axis=1", "no entry -1 along an axis of N"),
        ("input 3 | embedding 10", "embedding needs entries"),
        ("input 3 | embedding 0->4", "entries must be at least 1"),
        ("input 3 | embedding 10->4 from=[input,input]", "embedding reads 1 tensor, got 2"),
    ],
)
def test_refusals(spec: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        convcalc.load(spec)
    assert message in caught.value.problems[0].message


def test_a_symbolic_axis_must_hold_what_is_written_out() -> None:
    graph = convcalc.load("input 3xN | gather index=(0,4) axis=1")
    assert [str(one) for one in graph.constraints] == ["N >= 5"]


def test_indices_take_no_activation_memory_of_their_own() -> None:
    graph = convcalc.load(SPEC)
    weights = convcalc.init_weights(graph)
    runner = Runner(graph, weights, reuse=False)
    live = {step.node.name: step.live for step in runner.steps([np.zeros((1, 49, 3), np.float32)])}
    assert live["bias"] == 49 * 49 * 3 * 4


@pytest.mark.torch
def test_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(150):
        n, d = (int(v) for v in rng.integers(1, 8, 2))
        shape = tuple(int(v) for v in rng.integers(1, 5, rng.integers(1, 4)))
        table, ids = rng.standard_normal((n, d)), rng.integers(0, n, (2, *shape))
        graph = convcalc.load(f"embedding {n}->{d} id=e", input=shape)
        own = torch.nn.Embedding(n, d, dtype=torch.float64)
        own.load_state_dict({"weight": torch.from_numpy(table)})
        assert sum(p.numel() for p in own.parameters()) == convcalc.analyze(graph).totals.params
        expected = own(torch.from_numpy(ids)).detach().numpy()
        np.testing.assert_array_equal(
            convcalc.execute(graph, ids.astype(float), {"e.weight": table}), expected
        )

        x = rng.standard_normal((2, *shape))
        axis = int(rng.integers(len(shape)))
        index = rng.integers(0, shape[axis], int(rng.integers(1, 5)))
        graph = convcalc.load(f"gather {len(index)} axis={axis} id=g", input=shape)
        expected = torch.index_select(torch.from_numpy(x), axis + 1, torch.from_numpy(index)).numpy()
        np.testing.assert_array_equal(convcalc.execute(graph, x, {"g.index": index}), expected)

        # relative position bias: a table, indexed by a square of places
        places = rng.integers(0, n, (3, 3))
        graph = convcalc.load(f"input 1 | param {n}x{d} id=t | gather 3x3 id=g")
        expected = torch.from_numpy(table)[torch.from_numpy(places)].numpy()[None]
        weights = {"t.value": table, "g.index": places}
        np.testing.assert_array_equal(convcalc.execute(graph, np.zeros((1, 1)), weights), expected)

        # torch.gather along the last axis, sample by sample, is a gather of each row
        chosen = rng.integers(0, shape[-1], (2, 4))
        flat = x.reshape(2, -1)[:, : shape[-1]]
        spec = f"inputs: {{x: {shape[-1]}, i: 4}}\nlayers: ['gather from=[x,i]']\n"
        expected = torch.gather(torch.from_numpy(flat), 1, torch.from_numpy(chosen)).numpy()
        np.testing.assert_array_equal(
            convcalc.execute(convcalc.load(spec), {"x": flat, "i": chosen}), expected
        )


def test_onnx_reference() -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    rng = np.random.default_rng(0)
    for _ in range(60):
        shape = tuple(int(v) for v in rng.integers(1, 5, rng.integers(1, 4)))
        axis = int(rng.integers(len(shape)))
        index_shape = tuple(int(v) for v in rng.integers(1, 4, rng.integers(1, 3)))
        x, index = rng.standard_normal((2, *shape)), rng.integers(-shape[axis], shape[axis], index_shape)
        node = helper.make_node("Gather", ["x", "i"], ["y"], axis=axis + 1)
        model = helper.make_model(
            helper.make_graph(
                [node],
                "g",
                [
                    helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape),
                    helper.make_tensor_value_info("i", TensorProto.INT64, index.shape),
                ],
                [helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None] * (x.ndim + index.ndim - 1))],
            )
        )
        onnx.checker.check_model(model)
        (expected,) = ReferenceEvaluator(model).run(None, {"x": x, "i": index})
        graph = convcalc.load(f"gather {'x'.join(map(str, index_shape))} axis={axis} id=g", input=shape)
        np.testing.assert_array_equal(convcalc.execute(graph, x, {"g.index": index}), expected)


def test_the_spread_of_a_gradient_beside_a_look_up() -> None:
    """Inputs behind it are drawn as whole numbers too; through the look-up itself there is no slope."""
    spec = (
        "inputs: {ids: 3x5, x: 4x3x5}\nlayers: ['embedding 6->4 from=ids | permute (2,0,1) | mul with=x']\n"
    )
    found = convcalc.coverage(spec, (1, 2), input="x", samples=2)
    assert found.effective is not None
    assert found.effective.center == (1.0, 2.0)

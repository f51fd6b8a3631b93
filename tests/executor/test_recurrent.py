"""Recurrent layers against ONNX Runtime, PyTorch, and each other."""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute, gradient, init_weights
from convcalc.executor.backward.tainting import shapes

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
ONNX_ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""ONNX has the gates of an LSTM as i o f c, those of a GRU as z r h."""


def loaded(op: str, shape: tuple[int, int], options: dict[str, Any]) -> convcalc.Graph:
    words = " ".join(f"{key}={str(value).lower()}" for key, value in options.items())
    states = ", c: a.c" if op == "lstm" else ""
    size = "x".join(map(str, shape))
    return convcalc.load(f"input: {size}\nlayers:\n- {op} {words} id=a\noutputs: {{y: a, h: a.h{states}}}\n")


def onnx_weights(op: str, weights: dict[str, np.ndarray], ways: int) -> list[np.ndarray]:
    """W, R and B of one layer."""

    def ordered(array: np.ndarray) -> np.ndarray:
        parts = np.split(array, GATES[op])
        return np.concatenate([parts[i] for i in ONNX_ORDER[op]])

    found = []
    for kind in ("weight_ih", "weight_hh"):
        arrays = [weights[f"a.{kind}_l0{end}"] for end in ("", "_reverse")[:ways]]
        found.append(np.stack([ordered(array) for array in arrays]))
    biases = []
    for end in ("", "_reverse")[:ways]:
        own = weights[f"a.bias_ih_l0{end}"]
        state = weights.get(f"a.bias_hh_l0{end}", np.zeros_like(own))
        biases.append(np.concatenate([ordered(own), ordered(state)]))
    return [*found, np.stack(biases)]


def onnx_runs(op: str, arrays: list[np.ndarray], options: dict[str, Any]) -> list[np.ndarray]:
    """Y (steps, directions, batch, hidden), Y_h and Y_c, by ONNX Runtime."""
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    names = ["X", "W", "R", "B"]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if op == "lstm" else 2]
    fields: dict[str, Any] = {"hidden_size": options["hidden"]}
    if options.get("bidirectional"):
        fields["direction"] = "bidirectional"
    if op == "gru":
        fields["linear_before_reset"] = int(options.get("reset", "after") == "after")
    if options.get("nonlinearity") == "relu":
        fields["activations"] = ["Relu"] * (2 if options.get("bidirectional") else 1)
    make = onnx.helper
    node = make.make_node(op.upper(), names, outputs, **fields)
    kind = onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [node],
        "one",
        [make.make_tensor_value_info(n, kind, a.shape) for n, a in zip(names, arrays, strict=True)],
        [make.make_tensor_value_info(n, kind, None) for n in outputs],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 14)])
    model.ir_version = 8
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: list[np.ndarray] = session.run(None, dict(zip(names, arrays, strict=True)))
    return result


CASES = [
    ("rnn", {}),
    ("rnn", {"nonlinearity": "relu"}),
    ("lstm", {}),
    ("gru", {}),
    ("gru", {"reset": "before"}),
    ("gru", {"reset": "before", "recurrent_bias": False}),
    ("lstm", {"recurrent_bias": False}),
]


@pytest.mark.parametrize("form", ["fast", "naive"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("op", "fields"), CASES)
def test_one_layer_is_that_of_onnx(op: str, fields: dict[str, Any], bidirectional: bool, form: str) -> None:
    options = {"hidden": 5, "bidirectional": bidirectional, **fields}
    graph = loaded(op, (6, 4), options)
    weights = init_weights(graph, 3)
    x = np.random.default_rng(1).standard_normal((3, 6, 4)).astype(np.float32)
    ways = 1 + bidirectional
    arrays = [x.transpose(1, 0, 2).copy(), *onnx_weights(op, weights, ways)]
    y, *states = onnx_runs(op, arrays, options)
    found = execute(graph, x, weights, form=form)
    np.testing.assert_allclose(found["y"], y.transpose(2, 0, 1, 3).reshape(3, 6, -1), rtol=1e-4, atol=1e-6)
    for name, state in zip(("h", "c"), states, strict=False):
        np.testing.assert_allclose(found[name], state.transpose(1, 0, 2), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("op", "projection"), [*((op, None) for op in GATES), ("lstm", 2)])
def test_layers_and_directions_are_runs_of_one_layer(op: str, projection: int | None) -> None:
    """Two layers from both ends: four runs of one, of the sequence or of the sequence turned round."""
    options: dict[str, Any] = {"hidden": 3} | ({} if projection is None else {"projection": projection})
    size = projection or 3
    whole = loaded(op, (5, 4), {**options, "layers": 2, "bidirectional": True})
    weights = init_weights(whole, 0, "float64")
    x = np.random.default_rng(0).standard_normal((2, 5, 4))
    found = execute(whole, x, weights)
    arriving, states, cells = x, [], []
    for number in range(2):
        sides = []
        for end in ("", "_reverse"):
            one = loaded(op, arriving.shape[1:], options)
            mine = {
                name.replace(f"l{number}{end}", "l0"): array
                for name, array in weights.items()
                if name.endswith(f"_l{number}{end}")
            }
            turned = arriving[:, ::-1] if end else arriving
            part = execute(one, turned, mine)
            sides.append(part["y"][:, ::-1] if end else part["y"])
            states.append(part["h"][:, 0])
            cells.append(part.get("c", part["h"])[:, 0])
        arriving = np.concatenate(sides, axis=2)
    assert arriving.shape == (2, 5, 2 * size)
    np.testing.assert_allclose(found["y"], arriving, atol=1e-12)
    np.testing.assert_allclose(found["h"], np.stack(states, 1), atol=1e-12)
    if op == "lstm":
        np.testing.assert_allclose(found["c"], np.stack(cells, 1), atol=1e-12)


@pytest.mark.parametrize("op", GATES)
def test_the_other_axis_is_the_transpose(op: str) -> None:
    options = {"hidden": 3, "layers": 2, "bidirectional": True}
    rows, columns = loaded(op, (5, 4), options), loaded(op, (4, 5), {**options, "axis": -1})
    weights = init_weights(rows, 0, "float64")
    x = np.random.default_rng(0).standard_normal((2, 5, 4))
    one, other = execute(rows, x, weights), execute(columns, x.transpose(0, 2, 1), weights)
    np.testing.assert_array_equal(one["y"].transpose(0, 2, 1), other["y"])
    np.testing.assert_array_equal(one["h"], other["h"])


@st.composite
def among_others(draw: Any) -> tuple[str, list[int], int, int, dict[str, Any]]:
    """A layer, the shape of three axes or four, where the steps and where the features are, its options."""
    op = draw(st.sampled_from(sorted(GATES)))
    rank = draw(st.sampled_from([3, 4]))
    steps, features = draw(st.permutations(range(rank)))[:2]
    options: dict[str, Any] = {"hidden": draw(st.integers(2, 3)), "layers": draw(st.integers(1, 2))}
    options["bidirectional"] = draw(st.booleans())
    if op == "lstm" and draw(st.booleans()):
        options["projection"] = 1
    shape = draw(st.lists(st.integers(1, 4), min_size=rank, max_size=rank))
    return op, shape, steps, features, options


@settings(max_examples=60, deadline=None)
@given(among_others(), st.sampled_from(["fast", "naive"]), st.booleans())
def test_sequences_along_further_axes_are_sequences_of_their_own(
    case: tuple[str, list[int], int, int, dict[str, Any]], form: str, negative: bool
) -> None:
    """Each as a layer of the same weights has it that reads this sequence alone."""
    op, shape, steps, features, options = case
    rank = len(shape)
    places = {"axis": steps - rank * negative, "features": features - rank * negative}
    graph = loaded(op, tuple(shape), {**options, **places})
    one = loaded(op, (shape[steps], shape[features]), options)
    weights = init_weights(one, 0, "float64")
    shapes = {name: array.shape for name, array in init_weights(graph).items()}
    assert shapes == {name: array.shape for name, array in weights.items()}
    x = np.random.default_rng(0).standard_normal((2, *shape))
    found = execute(graph, x, weights, form=form)
    apart = [a for a in range(rank) if a not in (steps, features)]
    turned = x.transpose(0, *(a + 1 for a in apart), steps + 1, features + 1)
    sequences = np.moveaxis(found["y"], (steps + 1, features + 1), (-2, -1))
    for place in np.ndindex(*turned.shape[:-2]):
        alone = execute(one, turned[place][None], weights, form=form)
        np.testing.assert_allclose(sequences[place], alone["y"][0], atol=1e-12)
        for name in ("h", "c")[: 1 + (op == "lstm")]:
            np.testing.assert_allclose(np.moveaxis(found[name], 1, -2)[place], alone[name][0], atol=1e-12)
    # all is counted as often as there are sequences, and stored once
    many = int(np.prod([shape[a] for a in apart]))
    whole, single = (convcalc.analyze(g).totals for g in (graph, one))
    assert (whole.params, whole.macs, whole.flops) == (single.params, many * single.macs, many * single.flops)


@pytest.mark.parametrize("op", GATES)
def test_gradients_along_further_axes_are_differences(op: str) -> None:
    graph = loaded(op, (3, 4, 2), {"hidden": 2, "layers": 2, "bidirectional": True, "axis": 1})
    weights = init_weights(graph, 1, "float64")
    x = np.random.default_rng(2).standard_normal((1, 3, 4, 2))
    h = 1e-6
    for output, name, position in (("a", "y", (1, 0)), ("a.h", "h", (1, 0)), ("a.h", "h", (2, 1))):
        found = gradient(graph, x, weights, position=position, output=output)["input"]
        for place in np.ndindex(*x.shape):
            step = np.zeros_like(x)
            step[place] = h
            up, down = (
                execute(graph, x + s, weights)[name][(0, slice(None), *position)].sum() for s in (step, -step)
            )
            assert found[place] == pytest.approx((up - down) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("op", "fields"), [*CASES, ("lstm", {"projection": 2})])
def test_gradients_are_differences(op: str, fields: dict[str, Any], axis: int) -> None:
    """Of the sequence and of the last states, by central differences."""
    options = {"hidden": 3, "layers": 2, "bidirectional": True, "axis": axis, **fields}
    graph = loaded(op, (4, 3) if axis == 0 else (3, 4), options)
    weights = init_weights(graph, 1, "float64")
    x = np.random.default_rng(2).standard_normal((1, *graph.nodes[0].outputs[0]))
    h = 1e-6
    for output, name in (("a", "y"), ("a.h", "h"), *((("a.c", "c"),) if op == "lstm" else ())):
        found = gradient(graph, x, weights, position=(1,), output=output)["input"]
        for place in np.ndindex(*x.shape):
            step = np.zeros_like(x)
            step[place] = h
            up, down = (execute(graph, x + s, weights)[name][..., 1].sum() for s in (step, -step))
            assert found[place] == pytest.approx((up - down) / (2 * h), abs=1e-6)


@st.composite
def modules(draw: Any) -> tuple[str, dict[str, Any], int]:
    op = draw(st.sampled_from(sorted(GATES)))
    hidden = draw(st.integers(1, 6))
    given_: dict[str, Any] = {
        "input_size": draw(st.integers(1, 5)),
        "hidden_size": hidden,
        "num_layers": draw(st.integers(1, 3)),
        "bias": draw(st.booleans()),
        "bidirectional": draw(st.booleans()),
    }
    if op == "rnn":
        given_["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if op == "lstm" and hidden > 1 and draw(st.booleans()):
        given_["proj_size"] = draw(st.integers(1, hidden - 1))
    return op, given_, draw(st.integers(1, 7))


NAMES = {
    "input_size": "in_features",
    "hidden_size": "hidden",
    "num_layers": "layers",
    "proj_size": "projection",
}


@pytest.mark.torch
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(modules(), st.sampled_from([0, 1]), st.integers(0, 100))
def test_values_weights_and_gradients_are_those_of_pytorch(
    case: tuple[str, dict[str, Any], int], axis: int, seed: int
) -> None:
    import torch

    op, given_, steps = case
    torch.manual_seed(seed)
    module = getattr(torch.nn, op.upper())(**given_, batch_first=True).double()
    features = given_["input_size"]
    options = {NAMES.get(key, key): value for key, value in given_.items()} | {"axis": axis}
    graph = loaded(op, (steps, features) if axis == 0 else (features, steps), options)
    weights = {f"a.{name}": p.detach().numpy() for name, p in module.named_parameters()}
    shapes = graph.nodes[1].layer.parameters(graph.input_shapes(graph.nodes[1]))
    assert {f"a.{name}": shape for name, shape in shapes.items()} == {n: w.shape for n, w in weights.items()}
    assert list(shapes) == [name for name, _ in module.named_parameters()]
    x = torch.randn(2, steps, features, dtype=torch.float64, requires_grad=True)
    y, states = module(x)
    wanted = {"y": y}
    pairs = zip(("h", "c"), states if op == "lstm" else (states,), strict=False)
    wanted |= {name: state.transpose(0, 1) for name, state in pairs}

    def ours(array: Any) -> Any:
        return array if axis == 0 else array.transpose(0, 2, 1)

    plain = x.detach().numpy()
    for form in ("fast", "naive"):
        found = execute(graph, ours(plain), weights, form=form)
        for name, tensor in wanted.items():
            got = ours(found[name]) if name == "y" else found[name]
            np.testing.assert_allclose(got, tensor.detach().numpy(), rtol=1e-9, atol=1e-12)
    for name, tensor in wanted.items():
        last = tensor[:, -1] if name == "y" and axis == 1 else tensor[..., -1]
        (expected,) = torch.autograd.grad(last.sum(), x, retain_graph=True)
        size = tensor.shape[1] if name == "y" and axis == 1 else tensor.shape[2]
        output = "a" if name == "y" else f"a.{name}"
        got = gradient(graph, ours(plain), weights, position=(size - 1,), output=output)["input"]
        np.testing.assert_allclose(ours(got), expected.numpy(), rtol=1e-8, atol=1e-12)


def test_weights_of_float32_are_those_of_float64() -> None:
    """And lie where a step neither dies out nor saturates."""
    graph = convcalc.load("lstm 64", input="5x32")
    small, large = init_weights(graph, 0), init_weights(graph, 0, "float64")
    for name, array in small.items():
        np.testing.assert_array_equal(array, large[name].astype(np.float32))
    assert 0.1 < float(np.std(small["lstm1.weight_hh_l0"])) < 0.2


def test_what_does_not_fit_is_refused() -> None:
    graph = convcalc.load("gru 3", input="4x2")
    weights = init_weights(graph)
    del weights["gru1.bias_hh_l0"]
    with pytest.raises(ValueError, match=r"bias_hh_l0 is missing; its shape should be \(9,\)"):
        execute(graph, np.zeros((1, 4, 2)), weights)


def test_paths_are_not_counted() -> None:
    from convcalc.executor import paths

    for op, nonlinearity in product(GATES, ("tanh", "relu")):
        more = f" nonlinearity={nonlinearity}" if op == "rnn" else ""
        graph = convcalc.load(f"{op} 3{more} axis=1", input="2x4")
        with pytest.raises(ValueError, match="paths are counted through linear layers"):
            paths(graph, (1,))


@pytest.mark.parametrize("axis", [0, 1])
def test_shapes_alone_take_no_step_after_another(axis: int) -> None:
    # A million steps, of which one is made: the whole run takes minutes.
    text = "x".join(("1000000", "2")[:: 1 - 2 * axis])
    graph = convcalc.load(f"input {text} | lstm 3 layers=2 bidirectional=true projection=2 axis={axis} id=l")
    start = time.process_time()
    found = shapes(graph)
    assert time.process_time() - start < 2
    assert found == [node.outputs for node in graph.nodes]


def test_what_is_no_number_stays_none_where_scalars_count() -> None:
    """Of an infinity and its opposite no sum is a number, and no larger one of it and 0: as in NumPy."""
    graph = convcalc.load("input 1x3 | rnn 1 nonlinearity=relu id=l | maximum 0 | minimum 1 id=m")
    weights = {name: np.abs(array) for name, array in init_weights(graph, dtype="float64").items()}
    x = np.array([[[np.inf, -np.inf, 1.0]]])
    seen: dict[str, Any] = {}

    def note(node: Any, outputs: Any) -> None:
        seen[node.name] = float(outputs[0].reshape(-1)[0])

    with np.errstate(invalid="ignore"):
        assert np.isnan(execute(graph, x, weights)).all()
        convcalc.executor.count(graph, x, weights, scalar=True, dtype="float64", progress=note)
    assert np.isnan(seen["l"]) and np.isnan(seen["m"])

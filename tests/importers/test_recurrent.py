"""Recurrent layers pasted from PyTorch and Keras, against the same calls run there.

What they give is a tuple in PyTorch, and takes a batch first or second: so they have a test of their own.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import convcalc
from convcalc.executor import execute
from convcalc.importers.keras import table as keras_table
from convcalc.importers.pytorch import table as torch_table
from convcalc.spec.errors import SpecError

TORCH = ("RNN", "LSTM", "GRU")
KERAS = ("SimpleRNN", "LSTM", "GRU")
EXAMPLES = {
    "max_examples": 150,
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "phases": (Phase.generate, Phase.shrink),
}


USUAL = ("None", "False", "True", "0", "0.0", "1", "tanh")
"""Values of arguments that may be their defaults; so ``bias`` must be drawn as False, others as True."""


def written(call: str, positional: list[Any], given_: dict[str, Any]) -> str:
    words = [repr(v) for v in positional] + [f"{k}={v!r}" for k, v in given_.items()]
    return f"{call}({', '.join(words)})"


def maybe(draw: Any, given_: dict[str, Any], key: str, values: st.SearchStrategy[Any]) -> None:
    if draw(st.booleans()):
        given_[key] = draw(values)


@st.composite
def torch_calls(draw: Any, name: str) -> tuple[list[Any], dict[str, Any], tuple[int, int]]:
    """Positional arguments, those by name, and the sequence that arrives."""
    features, hidden = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    given_: dict[str, Any] = {"input_size": features, "hidden_size": hidden}
    maybe(draw, given_, "num_layers", st.integers(1, 3))
    if name == "RNN":
        maybe(draw, given_, "nonlinearity", st.sampled_from(["tanh", "relu"]))
    maybe(draw, given_, "bias", st.booleans())
    maybe(draw, given_, "batch_first", st.booleans())
    maybe(draw, given_, "dropout", st.sampled_from([0.0, 0.5]))
    maybe(draw, given_, "bidirectional", st.booleans())
    if name == "LSTM":
        maybe(draw, given_, "proj_size", st.integers(0, 5))
    maybe(draw, given_, "device", st.sampled_from([None, "cpu"]))
    maybe(draw, given_, "dtype", st.none())
    order = [argument.name for argument in torch_table.ROWS[name].arguments]
    same = 0
    while same < len(given_) and list(given_)[same] == order[same]:
        same += 1
    many = draw(st.integers(0, same))
    arriving = features + (draw(st.integers(0, 19)) == 0)
    return (
        list(given_.values())[:many],
        dict(list(given_.items())[many:]),
        (draw(st.integers(1, 6)), arriving),
    )


@pytest.mark.torch
@pytest.mark.parametrize("name", TORCH)
def test_a_call_means_what_pytorch_means(name: str) -> None:
    import torch

    seen: Counter[str] = Counter()

    @settings(**EXAMPLES)
    @given(torch_calls(name), st.integers(0, 1000))
    def hold(call: tuple[list[Any], dict[str, Any], tuple[int, int]], seed: int) -> None:
        positional, given_, shape = call
        order = [argument.name for argument in torch_table.ROWS[name].arguments]
        stated = dict(zip(order, positional, strict=False)) | given_
        text = written(f"nn.{name}", positional, given_)
        torch.manual_seed(seed)
        x = np.random.default_rng(seed).standard_normal((2, *shape))
        try:
            module = getattr(torch.nn, name)(*positional, **given_).double().eval()
            first = stated.get("batch_first", False)
            y, states = module(torch.from_numpy(x if first else x.swapaxes(0, 1).copy()))
        except (RuntimeError, ValueError) as error:
            with pytest.raises(SpecError):
                convcalc.load(text, input=shape)
            seen["refused"] += 1
            assert "proj_size" in str(error) or shape[1] != stated["input_size"]
            return
        graph = convcalc.load(text, input=shape)
        node = graph.nodes[1]
        arrays = {f"{node.name}.{n}": p.detach().numpy() for n, p in module.named_parameters()}
        names = ["h", "c"][: 2 if name == "LSTM" else 1]
        found = execute(graph, x, arrays, keep=[node.name, *(f"{node.name}.{n}" for n in names)])
        expected = y.detach().numpy()
        expected = expected if first else expected.swapaxes(0, 1)
        np.testing.assert_allclose(found[node.name], expected, rtol=1e-9, atol=1e-12, err_msg=text)
        for n, state in zip(names, states if name == "LSTM" else (states,), strict=True):
            wanted = state.detach().numpy().swapaxes(0, 1)
            np.testing.assert_allclose(found[f"{node.name}.{n}"], wanted, rtol=1e-9, atol=1e-12)
        assert convcalc.analyze(graph).totals.params == sum(p.numel() for p in module.parameters())
        seen["run"] += 1
        seen.update(key for key in stated if stated[key] is (key != "bias") or str(stated[key]) not in USUAL)

    hold()
    assert seen["run"] > 80, seen
    meant = {argument.name for argument in torch_table.ROWS[name].arguments}
    assert {key for key in meant if not seen[key]} <= {"dtype", "device"}, seen


@pytest.mark.torch
@pytest.mark.parametrize("name", TORCH)
def test_arguments_stand_in_the_order_of_pytorch(name: str) -> None:
    """Their signatures are open (``*args``): the order is that of ``RNNBase``, and RNN's as it reads them."""
    import inspect

    import torch

    base = [p for p in inspect.signature(torch.nn.RNNBase).parameters.values() if p.name != "mode"]
    names = [p.name for p in base if p.name != "proj_size" or name == "LSTM"]
    if name == "RNN":
        names.insert(3, "nonlinearity")
    row = torch_table.ROWS[name].arguments
    assert [argument.name for argument in row] == names
    assert {argument.name for argument in row if argument.required} == {"input_size", "hidden_size"}
    if name == "RNN":
        assert torch.nn.RNN(2, 3, 1, "relu").nonlinearity == "relu"


FUNCTIONS = ("tanh", "sigmoid", "relu", None)


@st.composite
def keras_calls(draw: Any, name: str) -> tuple[dict[str, Any], tuple[int, int]]:
    """Arguments, and the steps and features that arrive."""
    given_: dict[str, Any] = {"units": draw(st.integers(1, 5))}
    initial = st.sampled_from(["zeros", "glorot_uniform"])
    choices: dict[str, st.SearchStrategy[Any]] = {
        "activation": st.sampled_from(["tanh"] * 4 + [*FUNCTIONS]),
        "recurrent_activation": st.sampled_from(["sigmoid"] * 4 + [*FUNCTIONS]),
        **dict.fromkeys(("kernel_initializer", "recurrent_initializer", "bias_initializer"), initial),
        **dict.fromkeys(("kernel_constraint", "recurrent_constraint", "bias_constraint"), st.none()),
        **dict.fromkeys(("dropout", "recurrent_dropout"), st.sampled_from([0.0, 0.3])),
        **dict.fromkeys(
            ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer"),
            st.sampled_from([None, "l2"]),
        ),
        "seed": st.sampled_from([None, 3]),
        "use_cudnn": st.just("auto"),
        "dtype": st.sampled_from([None, "float32"]),
        "name": st.just("abc"),
    }
    for argument in keras_table.CLASSES[name].arguments:
        if argument.fate != "!" and argument.name not in ("units", "input_dim", "batch_input_shape"):
            if argument.name == "input_shape":
                continue
            if draw(st.integers(0, 2)) == 0:
                given_[argument.name] = draw(choices.get(argument.name, st.booleans()))
    return given_, (draw(st.integers(1, 6)), draw(st.integers(1, 5)))


def turned(name: str, variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of Keras in PyTorch's layouts and orders: a GRU has its gates as z r h there."""
    order = {"GRU": (1, 0, 2), "LSTM": (0, 1, 2, 3), "SimpleRNN": (0,)}[name]

    def gates(array: np.ndarray) -> np.ndarray:
        parts = np.split(array, len(order), axis=-1)
        return np.concatenate([parts[i] for i in order], axis=-1)

    found = {
        "weight_ih_l0": gates(variables["kernel"]).T,
        "weight_hh_l0": gates(variables["recurrent_kernel"]).T,
    }
    if "bias" in variables:
        bias = gates(variables["bias"])
        found |= {"bias_ih_l0": bias[0], "bias_hh_l0": bias[1]} if bias.ndim == 2 else {"bias_ih_l0": bias}
    return found


@pytest.mark.keras
@pytest.mark.parametrize("name", KERAS)
def test_a_call_means_what_keras_means(name: str) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    seen: Counter[str] = Counter()

    @settings(**EXAMPLES)
    @given(keras_calls(name))
    def hold(call: tuple[dict[str, Any], tuple[int, int]]) -> None:
        given_, (steps, features) = call
        text = f"input {features}x{steps} | {written(f'layers.{name}', [], given_)}"
        odd = given_.get("activation", "tanh") != "tanh", given_.get("recurrent_activation", "sigmoid")
        try:
            graph = convcalc.load(text)
        except SpecError as error:
            assert odd[0] or odd[1] != "sigmoid", error
            assert re.search(r"with \w*activation=.* is not in the language", str(error))
            seen["refused"] += 1
            return
        layer = getattr(keras.layers, name)(**given_)
        layer.build((None, steps, features))
        rng = np.random.default_rng(steps)
        for variable in layer.weights:
            variable.assign(rng.uniform(-0.8, 0.8, variable.shape).astype("float32"))
        x = rng.standard_normal((2, steps, features)).astype("float32")
        y = keras.ops.convert_to_numpy(layer(x, training=False))
        variables = {v.name: keras.ops.convert_to_numpy(v) for v in layer.weights}
        own = graph.nodes[1].name
        weights = {f"{own}.{n}": array for n, array in turned(name, variables).items()}
        found = execute(graph, x.transpose(0, 2, 1), weights)
        expected = y.transpose(0, 2, 1) if y.ndim == 3 else y
        assert found.shape == expected.shape, text
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=text)
        totals = convcalc.analyze(graph).totals
        learned = sum(array.size for array in variables.values())
        assert totals.params == learned == layer.count_params(), text
        assert totals.frozen == (0 if given_.get("trainable", True) else learned), text
        seen["run"] += 1
        seen.update(list(given_))

    hold()
    assert seen["run"] > 60, seen
    wanted = {a.name for a in keras_table.CLASSES[name].arguments if a.fate != "!"}
    assert {key for key in wanted if not seen[key]} <= {"input_shape", "input_dim", "batch_input_shape"}


def shapes(text: str, **options: Any) -> list[tuple[Any, ...]]:
    return [node.outputs[0] for node in convcalc.load(text, **options).nodes]


def test_pasted_programs() -> None:
    """The numbers of Keras' summary: 98,816, 15,552 and 33."""
    program = """
model = Sequential([
    Input(shape=(10, 64)),
    LSTM(128, return_sequences=True),
    Dropout(0.2),
    GRU(32),
    Dense(1, activation='sigmoid'),
])
"""
    graph = convcalc.load(program)
    report = convcalc.analyze(graph)
    assert [row.params for row in report.layers if row.params] == [98_816, 15_552, 33]
    assert graph.nodes[-1].outputs == ((1,),)
    assert shapes("LSTM(32, input_shape=(None, 8))")[-1] == (32,)
    from convcalc.dims import UNKNOWN

    assert shapes("nn.GRU(64, 128)") == [(UNKNOWN, 64), (UNKNOWN, 128)]


@pytest.mark.parametrize(
    ("text", "op"),
    [
        ("LSTM(4)", "slice"),  # PyTorch's needs two sizes
        ("LSTM(4, return_sequences=True)", "lstm"),
        ("GRU(3, 4)", "gru"),
        ("nn.GRU(3, 4)", "gru"),
        ("layers.LSTM(4, 'tanh')", "slice"),
    ],
)
def test_whose_class_is_meant(text: str, op: str) -> None:
    graph = convcalc.load(text, input="7x3" if "3, 4" in text else "3x7")
    assert op in [node.op for node in graph.nodes]

"""The cells of the library: against the layers over a sequence, PyTorch's cells, and ConvLSTM by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import execute, init_weights

LSTM = """
inputs: {x: 5, h: 4, c: 4}
layers:
- lstm_cell(4) from=x id=a
outputs: {h: a, c: a.cell}
"""
GRU = LSTM.replace("lstm_cell", "gru_cell").replace(", c: 4", "").replace(", c: a.cell", "")


def cell_weights(graph: convcalc.Graph, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of PyTorch's names for the two linear layers of a cell."""
    names = [node.name for node in graph.nodes if node.op == "linear"]
    return {
        f"{name}.{kind}": arrays[f"{kind}_{part}"]
        for name, part in zip(names, ("ih", "hh"), strict=True)
        for kind in ("weight", "bias")
    }


@pytest.mark.parametrize("op", ["lstm", "gru"])
def test_a_cell_is_one_step_of_its_layer(op: str) -> None:
    """Step by step, each with the state of the one before; so are its counts."""
    layer = convcalc.load(f"{op} 4 id=r", input="6x5")
    weights = init_weights(layer, 0, "float64")
    cell = convcalc.load(LSTM if op == "lstm" else GRU)
    own = cell_weights(cell, {name.split(".")[1].replace("_l0", ""): a for name, a in weights.items()})
    x = np.random.default_rng(1).standard_normal((2, 6, 5))
    expected = execute(layer, x, weights)
    state = {name: np.zeros((2, 4)) for name in ("h", "c")[: 2 if op == "lstm" else 1]}
    for step in range(6):
        state = execute(cell, {"x": x[:, step], **state}, own)
        state = state if isinstance(state, dict) else {"h": state}
        np.testing.assert_allclose(state["h"], expected[:, step], atol=1e-12)
    one, all_ = convcalc.analyze(cell).totals, convcalc.analyze(layer).totals
    assert (6 * one.macs, 6 * one.flops, one.params) == (all_.macs, all_.flops, all_.params)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def correlated(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A convolution of 3x3 that keeps the size, pixel by pixel."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((len(x), len(w), *x.shape[2:]))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            y[:, :, i, j] = np.tensordot(padded[:, :, i : i + 3, j : j + 3], w, ((1, 2, 3), (1, 2, 3))) + b
    return y


def test_conv_lstm_by_hand() -> None:
    """Shi et al. 2015, equation 3, without the peepholes: two steps, the second from the first."""
    graph = convcalc.load(
        """
inputs: {x: 2x5x4, next: 2x5x4, h: 3x5x4, c: 3x5x4}
layers:
- conv_lstm_cell(3) from=x id=a
- conv_lstm_cell(3, state='a', cell='a.cell') from=next id=b
outputs: {h: b, c: b.cell}
"""
    )
    assert convcalc.analyze(graph).totals.params == 2 * (12 * (2 + 3) * 9 + 12)
    weights = init_weights(graph, 0, "float64")
    rng = np.random.default_rng(0)
    inputs = {
        name: rng.standard_normal((2, c, 5, 4)) for name, c in (("x", 2), ("next", 2), ("h", 3), ("c", 3))
    }
    h, c = inputs["h"], inputs["c"]
    for step, arriving in (("a", "x"), ("b", "next")):
        w, b = weights[f"{step}.conv1.weight"], weights[f"{step}.conv1.bias"]
        i, f, g, o = np.split(correlated(np.concatenate([inputs[arriving], h], 1), w, b), 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    found = execute(graph, inputs, weights)
    np.testing.assert_allclose(found["h"], h, atol=1e-12)
    np.testing.assert_allclose(found["c"], c, atol=1e-12)


def test_cells_are_verified() -> None:
    for text in (
        LSTM,
        GRU,
        LSTM.replace("lstm_cell", "conv_lstm_cell").replace(": 5", ": 5x6").replace(": 4", ": 4x6"),
    ):
        found = convcalc.verify(convcalc.load(text))
        assert found.ok, str(found)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["LSTMCell", "GRUCell"])
def test_cells_are_those_of_pytorch(name: str) -> None:
    import torch

    torch.manual_seed(0)
    module = getattr(torch.nn, name)(5, 4).double()
    graph = convcalc.load(LSTM if name == "LSTMCell" else GRU)
    weights = cell_weights(graph, {n: p.detach().numpy() for n, p in module.named_parameters()})
    x, h, c = torch.randn(3, 5).double(), torch.randn(3, 4).double(), torch.randn(3, 4).double()
    inputs = {"x": x.numpy(), "h": h.numpy()}
    with torch.no_grad():
        if name == "LSTMCell":
            state = dict(zip(("h", "c"), module(x, (h, c)), strict=True))
            found = execute(graph, {**inputs, "c": c.numpy()}, weights)
        else:
            state = {"h": module(x, h)}
            found = {"h": execute(graph, inputs, weights)}
    for key, value in state.items():
        np.testing.assert_allclose(found[key], value.numpy(), atol=1e-12)
    assert convcalc.analyze(graph).totals.params == sum(p.numel() for p in module.parameters())

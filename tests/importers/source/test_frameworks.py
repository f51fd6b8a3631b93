"""Every text is run by the framework it is written for: counts, names, shapes and values are those."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from convcalc import analyze, load
from convcalc.executor.run import execute
from tests.importers.source import keras_texts
from tests.importers.source.texts import TEXTS


def _built(text: str, given: dict[str, Any]) -> Any:
    import torch

    torch.manual_seed(0)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(text, names)  # a text of this repository
    objects = [value for value in names.values() if isinstance(value, torch.nn.Module)]
    if objects:
        return objects[-1].eval()
    classes = [v for v in names.values() if isinstance(v, type) and v.__module__ == "__main__"]
    return [cls for cls in classes if issubclass(cls, torch.nn.Module)][-1](**given).eval()


@pytest.mark.torch
@pytest.mark.parametrize("name", TEXTS)
def test_a_class_computes_what_pytorch_does_with_the_same_weights(name: str) -> None:
    torch = pytest.importorskip("torch")
    source = TEXTS[name]
    model = _built(source.text, source.given)
    assert sum(p.numel() for p in model.parameters()) == source.parameters
    shapes = source.inputs.values() if isinstance(source.inputs, dict) else [source.inputs]
    draw = (
        (lambda s: torch.randint(0, source.integers, (3, *s)))
        if source.integers
        else (lambda s: torch.randn(3, *s))
    )
    arrays = [draw(shape) for shape in shapes]
    with torch.no_grad():
        found = model(*arrays)
    outputs = (
        list(found.values())
        if isinstance(found, dict)
        else list(found)
        if isinstance(found, tuple)
        else [found]
    )
    graph = load(source.text, input=source.inputs, set=source.given)
    weights = {key: value.numpy() for key, value in model.state_dict().items()}
    given = {graph.nodes[i].name: array.numpy() for i, array in zip(graph.inputs, arrays, strict=True)}
    ours = execute(graph, given, weights=weights or None)
    listed = list(ours.values()) if isinstance(ours, dict) else [ours]
    assert len(listed) == len(outputs) == len(source.outputs)
    for mine, theirs, shape in zip(listed, outputs, source.outputs, strict=True):
        assert tuple(theirs.shape[1:]) == shape
        np.testing.assert_allclose(mine, theirs.numpy(), rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))
    batches = "num_batches_tracked"
    stored = (
        sum(v.numel() for k, v in model.state_dict().items() if not k.endswith(batches)) - source.parameters
    )
    shared = len({p.data_ptr() for p in model.parameters()}) < len(list(model.parameters()))
    assert shared or analyze(graph).totals.buffers == stored


@pytest.mark.keras
@pytest.mark.parametrize("name", keras_texts.TEXTS)
def test_a_program_counts_what_keras_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    tensorflow = ModuleType("tensorflow")
    tensorflow.__dict__.update(keras=keras, nn=SimpleNamespace(relu=keras.ops.relu))
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setitem(sys.modules, "tensorflow.keras", keras)
    monkeypatch.setitem(sys.modules, "tensorflow.keras.layers", keras.layers)
    keras.backend.clear_session()
    source = keras_texts.TEXTS[name]
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source.text.replace("model.summary()", ""), names)  # a text of this repository
    model = names["model"]
    if not model.outputs if hasattr(model, "outputs") else True:
        result = model(np.zeros((1, 28, 28, 1), "float32"))
        assert [tuple(result.shape[1:])] == [*source.outputs]
    else:
        assert tuple(tuple(out.shape[1:]) for out in model.outputs) == source.outputs
    assert model.count_params() == source.counted

"""Files of Keras against what Keras says of them.

``data/`` holds archives that ``python -m tests.importers.keras.models`` wrote, and ``recorded.json`` what the
same run of Keras said of each: parameters, shapes of layers, and outputs with the weights of the archive.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import execute
from convcalc.graph import Graph
from convcalc.importers.keras.files import read
from tests.importers.keras.models import DATA, MODELS, ours

RECORDED = json.loads((DATA / "recorded.json").read_text())
FIRST = ("first",)


def values(graph: Graph, given: list[np.ndarray]) -> list[np.ndarray]:
    """Outputs of a graph with its own weights."""
    names = [graph.nodes[number].name for number in graph.inputs]
    found = execute(graph, dict(zip(names, given, strict=True)) if len(given) > 1 else given[0],
                    {name: np.asarray(graph.weights[name]) for name in graph.weights or {}})  # fmt: skip
    return (
        list(found.values())
        if isinstance(found, dict)
        else list(found)
        if isinstance(found, (list, tuple))
        else [found]
    )


def holds(graph: Graph, fact: dict[str, Any], first: bool) -> None:
    """Parameters, buffers and shapes are those that Keras states."""
    totals = convcalc.analyze(graph).totals
    assert totals.params + totals.buffers == fact["count"]
    assert totals.trainable == fact["trainable"]
    for name, shape in fact["shapes"].items():
        turned = shape if first or len(shape) < 2 else [shape[-1], *shape[:-1]]
        found = graph.shape(graph.find(name))
        assert len(found) == len(turned), name
        assert all(size in (None, own) for size, own in zip(turned, found, strict=True)), (
            name,
            found,
            turned,
        )


@pytest.mark.parametrize("name", MODELS)
def test_an_archive_has_the_parameters_and_shapes_that_keras_states(name: str) -> None:
    holds(read(DATA / f"{name}.keras"), RECORDED[name], name in FIRST)


@pytest.mark.parametrize("name", MODELS)
def test_an_archive_gives_the_outputs_of_keras(name: str) -> None:
    pytest.importorskip("h5py")
    fact = RECORDED[name]
    given = [ours(np.asarray(one, dtype="float32"), name in FIRST) for one in fact["inputs"]]
    found = values(read(DATA / f"{name}.keras"), given)
    expected = [ours(np.asarray(one), name in FIRST) for one in fact["outputs"]]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_the_shape_that_is_asked_for_is_one_that_is_taken(tmp_path: Path) -> None:
    """A sequence of any length has one size; what the refusal names works when it is given."""
    layer = {"class_name": "Embedding", "config": {"name": "e", "input_dim": 10, "output_dim": 3}}
    enters = {"class_name": "InputLayer", "config": {"name": "words", "batch_shape": [None, None]}}
    path = tmp_path / "words.json"
    config = {"name": "m", "layers": [enters, layer]}
    path.write_text(json.dumps({"class_name": "Sequential", "config": config}))
    with pytest.raises(convcalc.SpecError, match="size of \\? is unknown") as error:
        convcalc.load(path)
    found = re.search(r"--input (\S+)", str(error.value))
    assert found is not None
    graph = convcalc.load(path, input=found[1])
    assert graph.shape(graph.outputs[0]) == (3, 20)  # channels first

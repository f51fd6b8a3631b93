"""The node tests of the onnx package: recorded inputs and outputs of every operator, run through the reader.

Each is run as it is; where an operator takes its axes, sizes or weights as inputs of the model, as most
of them do, they are given as arrays of the model, which is how models have them.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from convcalc.graph import Graph
from convcalc.importers.onnx.model import open_model
from convcalc.importers.onnx.sizes import batch_axis
from convcalc.spec.errors import SpecError
from tests.importers.onnx.models import close, graph_of, opaque, ours

BEYOND = {
    # a softmax over nothing but minus infinity is no number, and stays none through what a model does to it
    "test_attention_23_boolmask_fullymasked_row_nan_robustness_expanded",
    "test_attention_4d_causal_nonpad_negative_offset_structural_empty_expanded",
    "test_attention_23_fullymasked_qk_matmul_output_mode3_zero_expanded",
    "test_attention_causal_boolmask_nan_robustness",
    # one array for one sample, another for three
    "test_pow_bcast_scalar",
}
LEAST = 620
"""Tests that come out exactly, of about 1,480 whose inputs are tensors; the others are refused by name."""


def _cases() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [case for case in collect_testcases(None) if case.model is not None and case.data_sets]


def _given(model: onnx.ModelProto, inputs: list[Any]) -> tuple[onnx.ModelProto, list[Any]]:
    """The model with all but its first input as arrays."""
    names = [info.name for info in model.graph.input]
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.input[1:]
    for name, array in list(zip(names, inputs, strict=True))[1:]:
        made.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return made, inputs[:1]


def _read(case: Any, folder: Path) -> tuple[Graph | None, list[Any]]:
    inputs = list(case.data_sets[0][0])
    for way in (case.model, None):
        model, arrays = (way, inputs) if way is not None else _given(case.model, inputs)
        try:
            graph = graph_of(model, folder)
        except SpecError:
            graph = None
        if graph is not None and not opaque(graph):
            return graph, arrays
        if len(inputs) < 2:
            break
    return graph, arrays


def _outcome(case: Any, folder: Path) -> str:
    """What becomes of a test: exact, refused (by name), or what is wrong."""
    inputs, outputs = case.data_sets[0]
    everything = (*inputs, *outputs)
    if not all(isinstance(one, np.ndarray) and one.dtype.kind in "fiub" for one in everything):
        return "no numbers"
    if any(0 in one.shape for one in inputs) or not inputs:
        return "empty"
    graph, arrays = _read(case, folder)
    if graph is None:
        return "refused"
    if opaque(graph):
        assert graph.notes, case.name
        return "refused"
    infos = open_model(folder / "model.onnx").graph
    ready = []
    held = {name for name in infos.initializers}
    entering = [info for info in infos.inputs if info.name not in held]
    for number, info, array in zip(graph.inputs, entering, arrays, strict=True):
        own = graph.nodes[number].outputs[0]
        turned = np.moveaxis(array, batch_axis(info, infos), 0) if array.ndim else array
        turned = turned.reshape((-1, *own))
        ready.append(turned.astype(np.float32) if turned.dtype.kind in "fb" else turned)
    half = any(np.asarray(one).dtype.itemsize == 2 for one in everything)
    named = [info.name for info in infos.outputs]
    for name, found in ours(graph, ready).items():
        due = np.asarray(outputs[named.index(name)])
        found = found[:1] if found.size != due.size else found
        ways = [np.moveaxis(found, 0, axis) for axis in range(found.ndim)]
        if not any(way.size == due.size and close(way, due, 4e-3 if half else 3e-4) for way in ways):
            return "different"
    return "exact"


def _run(cases: list[Any], folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    wrong = []
    for case in cases:
        if case.name in BEYOND:
            continue
        outcome = _outcome(case, folder)
        found[outcome] += 1
        if outcome == "different":
            wrong.append(case.name)
    assert not wrong
    return found


def test_some_node_tests_are_exact_or_refused_by_name(tmp_path: Path) -> None:
    found = _run(_cases()[::40], tmp_path)
    assert found["exact"] > LEAST // 60


@pytest.mark.slow
def test_all_node_tests_are_exact_or_refused_by_name(tmp_path: Path) -> None:
    found = _run(_cases(), tmp_path)
    assert found["exact"] >= LEAST, found

"""Models of ONNX in the tests: written, read back as graphs, and run beside ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from convcalc.executor import execute
from convcalc.graph import Graph
from convcalc.importers.onnx import read


def model_of(
    nodes: list[Any],
    inputs: dict[str, tuple[Any, ...]],
    arrays: dict[str, Any],
    outputs: list[str],
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of float32 inputs."""
    graph = helper.make_graph(
        nodes,
        "test",
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def graph_of(model: onnx.ModelProto, folder: Path, **options: Any) -> Graph:
    """The graph that is read of a model."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return read(path, **options)


def opaque(graph: Graph) -> list[str]:
    """Names of what no layer says."""
    return [node.name for node in graph.nodes if node.op == "opaque"]


def ours(graph: Graph, inputs: list[Any]) -> dict[str, Any]:
    """What the executor makes of arrays with their batch in front."""
    names = [graph.nodes[i].name for i in graph.inputs]
    weights = {} if graph.weights is None else dict(graph.weights)
    found = execute(graph, dict(zip(names, inputs, strict=True)), weights=weights)
    return {graph.output_names[0]: found} if isinstance(found, np.ndarray) else dict(found)


def theirs(model: onnx.ModelProto, inputs: dict[str, Any]) -> list[Any]:
    """What ONNX Runtime makes of them."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, inputs))


def close(one: Any, other: Any, relative: float = 1e-4) -> bool:
    """Whether two arrays have the same entries, up to a part of the largest."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    scale = np.abs(other[np.isfinite(other)]).max(initial=1e-3)
    return one.size == other.size and bool(
        np.allclose(one.ravel(), other.ravel(), rtol=relative, atol=relative * scale, equal_nan=True)
    )

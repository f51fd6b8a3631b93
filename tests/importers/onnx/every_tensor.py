"""Every tensor of an ONNX model that is read as a tensor of the graph, beside ONNX Runtime's of that name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

import convcalc.executor
from convcalc.graph import Graph
from convcalc.importers.onnx.model import open_model
from convcalc.importers.onnx.translate import Translation
from tests.importers.onnx.models import close


class Kept(Translation):
    """A translation that remembers what it made of each name."""

    env: dict[str, Any]

    def _nodes(self, nodes: Any, env: Any, opset: int, block: str, depth: int) -> None:
        if depth == 0:
            self.env = env
        super()._nodes(nodes, env, opset, block, depth)


def everything(path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All tensors of floating-point numbers that ONNX Runtime computes, without its rewriting."""
    import onnxruntime

    model = onnx.load(path)
    del model.graph.value_info[:]
    there = {info.name for info in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name not in there)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [info.name for info in session.get_outputs() if "float" in info.type]
    return dict(zip(names, session.run(names, feeds), strict=True))


def compared(path: Path, x: np.ndarray, primitive: bool = False) -> tuple[int, list[str]]:
    """How many tensors were held against ONNX Runtime's, and the names of those that differ.

    Args:
        path: a model of one input.
        x: what it is given, one sample.
        primitive: whether it is read operator by operator.
    """
    work = Kept(open_model(path), x.shape[1:], "", set(), primitive)
    graph: Graph = work.run()
    (given,) = graph.inputs
    whole = {node.name: index for index, node in enumerate(graph.nodes)}
    assert len(whole) == len(graph.nodes)
    found = convcalc.executor.execute(graph, x, keep=[node.name for node in graph.nodes])
    entering = next(name for name, term in work.env.items() if term.value and term.value.edge.node == given)
    theirs = everything(path, {entering: x})
    count, wrong = 0, []
    for name, expected in theirs.items():
        term = work.env.get(name)
        edge = term.value.edge if term is not None and term.value is not None else None
        if edge is None or edge.output or not expected.size:
            continue
        count += 1
        node = work.net.nodes[edge.node].name
        if tuple(term.value.dims) != expected.shape or not close(found[node], expected):
            wrong.append(name)
    return count, wrong

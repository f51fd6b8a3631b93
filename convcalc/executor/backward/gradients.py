"""Gradients of an output with respect to the inputs, for the effective receptive field.

Reverse mode through the very kernels: every operation's record says how its gradient goes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.call import Params, at
from convcalc.executor.kernels import operation
from convcalc.executor.marks import combine
from convcalc.executor.operation import Backprop
from convcalc.executor.run import Runner, find_edge, input_arrays, prepare_weights
from convcalc.executor.windows import ExecutionError
from convcalc.graph import Edge, Graph


def gradient(
    graph: Graph,
    inputs: Array | Mapping[str, Array],
    weights: Any = None,
    *,
    position: Sequence[int] | None = None,
    channel: int | None = None,
    output: str | None = None,
    seed: int = 0,
) -> dict[str, Array]:
    """Gradient of one output position with respect to every input.

    The effective receptive field of a position (Luo et al. 2016) is the magnitude of this over
    input pixels, averaged over random inputs and weights.

    Args:
        graph: the graph.
        inputs: arrays as for :func:`~convcalc.executor.execute`.
        weights: arrays by name or an ``.npz`` file; created from ``seed`` when not given.
        position: spatial position in the output; the centre (the later one of two) when not given.
        channel: channel of the output; the sum over channels when not given.
        output: the layer asked about; the first output of the graph when not given.
        seed: for the weights.

    Returns:
        Arrays of the shapes of the inputs, by input name.

    Raises:
        ExecutionError: inputs do not fit, or there is no such layer or position.
    """
    arrays = input_arrays(graph, inputs)
    prepared = prepare_weights(graph, weights, seed, str(arrays[0].dtype))
    part = graph.part(find_edge(graph, output))
    edges = {edge for node in part.nodes for edge in node.inputs}
    runner = Runner(part, prepared, keep=edges, reuse=False)
    written = [len(step.outputs) for step in runner.steps(arrays)]
    top = runner.tensors[part.outputs[0]]
    seeded = np.zeros(top.shape, top.dtype)
    place = tuple(n // 2 for n in top.shape[2:]) if position is None else tuple(position)
    try:
        seeded[at(slice(None), slice(None) if channel is None else channel, *place)] = 1.0
    except IndexError:
        raise ExecutionError(f"there is no position {place} in an output of {top.shape[2:]}") from None
    gradients: dict[Edge, list[Array]] = {part.outputs[0]: [seeded]}
    for index in range(len(part.nodes) - 1, -1, -1):
        node = part.nodes[index]
        if not node.inputs:  # gradients of inputs stay
            continue
        here = [gradients.pop(Edge(index, i), None) for i in range(written[index])]
        if all(found is None for found in here):
            continue
        b = Backprop(
            node.layer,
            [None if found is None else combine(found) for found in here],
            tuple(runner.tensors[edge] for edge in node.inputs),
            tuple(runner.tensors.get(Edge(index, i), np.zeros(0)) for i in range(len(here))),
            Params(node.name, runner.by_node.get(node.name)),
        )
        how = operation(node.layer)
        passed = how.gradient(b) if how.gradient else how.backward(b.reach())
        for edge, g in zip(node.inputs, passed, strict=True):
            gradients.setdefault(edge, []).append(g)
    result = {}
    for index, array in zip(part.inputs, arrays, strict=True):
        found = gradients.get(Edge(index))
        result[part.nodes[index].name] = np.zeros_like(array) if found is None else np.array(combine(found))
    return result

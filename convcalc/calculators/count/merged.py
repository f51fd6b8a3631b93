"""A network as frameworks run it at inference: factors and terms in the weights, activations in place.

Batch normalisation by stored statistics is a factor and a term for each channel; behind a convolution or a
linear layer that nothing else reads, both go into its weight and its bias (Jacob et al. 2018, section 3.2;
``torch.nn.utils.fusion``, TensorFlow Lite and ONNX Runtime do so), and an activation runs on what it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convcalc.graph import Edge, Graph, Node, Spec, as_graph


def merged(graph: Spec, *, input: Any = None, set: Mapping[str, Any] | None = None) -> Graph:
    """The network with normalisations merged into the layers before them, and activations in place.

    A layer whose arrays are shared stays as it is, and so does what follows it.

    Args:
        graph: a graph, or a spec to load with ``input`` and ``set``.
        input: for a spec; see :func:`convcalc.load`.
        set: for a spec; see :func:`convcalc.load`.

    Raises:
        SpecError: the spec cannot be read.
    """
    graph = as_graph(graph, input=input, set=set)
    readers: dict[Edge, int] = {}
    for node in graph.nodes:
        for edge in node.inputs:
            readers[edge] = readers.get(edge, 0) + 1
    for edge in graph.outputs:
        readers[edge] = readers.get(edge, 0) + 1
    lenders = {key.rpartition(".")[0] for node in graph.nodes for key in node.shares}
    nodes: list[Node] = []
    moved: dict[int, int] = {}
    for number, node in enumerate(graph.nodes):
        inputs = tuple(Edge(moved[n], o) for n, o in node.inputs)
        layer: Any = node.layer
        if len(inputs) == 1 and layer.folds and readers.get(node.inputs[0]) == 1:
            before = nodes[inputs[0].node]
            product: Any = before.layer
            free = not ({before.name, node.name} & lenders or before.shares or node.shares)
            if free and product.takes_factors(layer.folds):
                nodes[inputs[0].node] = Node(
                    before.name, replace(product, bias=True), before.inputs, before.outputs, before.frozen
                )
                moved[number] = inputs[0].node
                continue
        if getattr(layer, "inplace", True) is False:
            layer = replace(layer, inplace=True)
        moved[number] = len(nodes)
        nodes.append(Node(node.name, layer, inputs, node.outputs, node.frozen, node.shares))
    return Graph(
        graph.name,
        nodes,
        tuple(moved[i] for i in graph.inputs),
        tuple(Edge(moved[n], o) for n, o in graph.outputs),
        graph.output_names,
        constraints=graph.constraints,
        notes=graph.notes,
    )

"""Functions that convcalc itself wrote into a model: each is one of its layers, and says which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from convcalc.dims import DimensionError
from convcalc.graph import Edge
from convcalc.importers.batched import Batched, Value
from convcalc.importers.network import Stored, Unsayable
from convcalc.importers.onnx.model import Node
from convcalc.importers.onnx.use import INDICES, Term
from convcalc.importers.tensors import is_one
from convcalc.spec.errors import SpecError
from convcalc.spec.language.lines import Lines
from convcalc.spec.source import Source, Text

DOMAIN: Final = "convcalc"
"""Where :mod:`convcalc.exporters.onnx` puts layers that several operators say."""


def said(net: Batched, node: Node, terms: Sequence[Term | None], path: str) -> list[Value] | None:
    """The layer that a function is, by the line of the language beside it.

    Every tensor of such a model has the samples in front; arrays have the names that they have in the layer.
    None where that is not so: the function is then read as what stands in it.
    """
    line = node.get("layer")
    if node.domain != DOMAIN or not isinstance(line, str):
        return None
    path = node.name.strip("/").rpartition("/")[0].replace("/", ".") or path
    edges: list[Edge] = []
    weights: dict[str, Stored] = {}
    batched = False
    try:
        for term in terms:
            stored = None if term is None else term.stored()
            if term is None:
                return None
            if stored is not None and term.value is None and term.name.rpartition(".")[0]:
                weights[term.name.rpartition(".")[2]] = stored
                continue
            value = term.tensor_of()
            if value.batch not in (None, 0) or value.folded:
                return None
            batched = batched or value.batch == 0
            edges.append(net.edge(value if value.batch == 0 else net.squeeze(value, (0,), path), path))
        (stage,) = Lines().stages(Text.whole(Source(node.name, line)))
        found = net.stage(stage, edges, path, weights)
    except (SpecError, DimensionError, Unsayable, ValueError):
        return None
    whole = "int64" if stage.name.startswith("arg") else "float32"
    made = []
    for edge in found:
        shape = net.shape(edge)
        dims = (net.batch, *shape)
        if batched or is_one(
            net.batch
        ):  # one sample: it is as good as one that differs from sample to sample
            place = edge.output in net.nodes[edge.node].layer.index_outputs
            dtype = INDICES if place and len(found) > 1 else whole
            made.append(Value(dims, 0, False, edge, dtype=dtype))
        else:
            made.append(net.unsqueeze(Value(shape, edge=edge), 0, path))
    return made

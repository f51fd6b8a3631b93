"""Weights alone as a graph of tensors: every one is counted, and nothing is said of what they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcalc.importers.network import Network, Stored

if TYPE_CHECKING:
    from convcalc.graph import Graph, Weights


def listing(name: str, weights: Weights) -> Graph:
    """The tensors of a file, each a tensor of the network by its name; blocks are those of the names."""
    network = Network(name)
    edges = []
    for key, header in weights.headers.items():
        if getattr(header, "same_as", ""):
            continue
        learned = not getattr(header, "is_buffer", False)
        stored = Stored(key, tuple(header.shape), str(header.dtype), header.read, learned=learned)
        edges.append(network.source(stored, path=key))
    return network.finish([(network.nodes[edge.node].name, edge) for edge in edges[-1:]])

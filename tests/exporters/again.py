"""PyTorch source written and read back: what of the graph is another one then."""

from __future__ import annotations

from math import prod
from pathlib import Path

import convcalc
from convcalc.executor.weights import copies, weight_shapes
from convcalc.exporters.pytorch.source import to_pytorch
from convcalc.graph import Graph


def read_back(graph: Graph, folder: Path) -> Graph:
    """The graph that the reader of source sees in what is written."""
    path = folder / "network.py"
    path.write_text(to_pytorch(graph), encoding="utf-8")
    shapes = [(graph.nodes[n].name, "x".join(map(str, graph.nodes[n].outputs[0]))) for n in graph.inputs]
    if len(shapes) == 1:
        return convcalc.load(path, input=shapes[0][1])
    return convcalc.load(path, input=dict(shapes))


def differences(graph: Graph, folder: Path) -> list[str]:
    """Parameters, buffers, MACs, shapes of outputs, names and shapes of arrays that differ, said in lines."""
    again = read_back(graph, folder)
    one, other = convcalc.analyze(graph).totals, convcalc.analyze(again).totals
    live = graph.part(graph.outputs[0]) if len(graph.outputs) == 1 else graph  # the source calls no more
    faults = [
        f"{name}: {getattr(other, name)} for {getattr(one, name)}"
        for name in ("params", "trainable", "buffers")
        if getattr(one, name) != getattr(other, name)
    ]
    if (macs := convcalc.analyze(live).totals.macs) != other.macs:
        faults.append(f"macs: {other.macs} for {macs}")
    if list(graph.named_outputs().values()) != list(again.named_outputs().values()):
        faults.append(f"outputs: {again.named_outputs()} for {graph.named_outputs()}")
    if arrays(graph) != arrays(again):
        faults.append(f"arrays: {sorted(arrays(graph).items() ^ arrays(again).items())[:6]}")
    return faults


def arrays(graph: Graph) -> dict[str, int]:
    """The entries of every array by its name in the ``state_dict``.

    An array that is a tensor of the graph has the word ``value`` behind it, and what is multiplied by it may
    have been written as one layer. Constants that were worked out are stored nowhere.
    """
    held = {} if graph.stored is None else graph.stored.headers
    passed = {*copies(graph), *(name for name, stored in held.items() if not stored.counted)}
    return {
        name.removesuffix(".value"): prod(shape)
        for name, shape in weight_shapes(graph).items()
        if name not in passed
    }

"""Exported source, executed by PyTorch and held against the graph and the executor."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch

import convcalc
from convcalc.calculators.count.report import analyze
from convcalc.executor.weights import copies, weight_shapes
from convcalc.exporters.pytorch.source import to_pytorch
from convcalc.graph import Graph

TOLERANCE = 1e-4
"""Of the largest value, in double precision: in deep networks random weights blow up any rounding."""


def module(source: str) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The network of a source: its last class."""
    place = ModuleType("exported")
    place.__dict__["__file__"] = "exported.py"
    exec(compile(source, "exported.py", "exec"), place.__dict__)
    classes = [
        value
        for value in place.__dict__.values()
        if isinstance(value, type) and value.__module__ == "exported"
    ]
    return classes[-1]().eval(), place.__dict__


def inputs(graph: Graph, batch: int, seed: int) -> dict[str, np.ndarray]:
    """What goes in: small whole numbers where they choose entries, else normal numbers."""
    chosen = _choosing(graph)
    rng = np.random.default_rng(seed)
    found = {}
    for number in graph.inputs:
        node = graph.nodes[number]
        shape = (batch, *node.outputs[0])
        if number in chosen:
            found[node.name] = rng.integers(0, chosen[number], shape).astype(np.float64)
        else:
            found[node.name] = rng.standard_normal(shape)
    return found


def _choosing(graph: Graph) -> dict[int, int]:
    """Inputs whose entries choose rows of a table, with the number of rows."""
    found: dict[int, int] = {}
    for node in graph.nodes:
        for place in node.layer.looks_up:
            if place >= len(node.inputs):
                continue
            size = node.layer.entries if node.op == "embedding" else node.layer.size
            for number in graph.ancestors(node.inputs[place]):
                if number in graph.inputs:
                    found[number] = min(size, found.get(number, size))
    return found


def compare(graph: Graph, batch: int = 2, seed: int = 0) -> list[str]:
    """What differs between a graph and the network that its export makes, said in lines."""
    source = to_pytorch(graph)
    network, _ = module(source)
    faults = []
    state = network.state_dict()
    other = copies(graph)
    expected = weight_shapes(graph)
    names = {n for n in state if not n.endswith("num_batches_tracked")} - set(other)
    if names != set(expected):
        faults.append(f"state: {sorted(names ^ set(expected))[:6]}")
    for name in names & set(expected):
        if tuple(state[name].shape) != tuple(expected[name]):
            faults.append(f"{name}: {tuple(state[name].shape)} for {expected[name]}")
    report = analyze(graph).totals
    if sum(p.numel() for p in network.parameters()) != report.params:
        faults.append(f"parameters: {sum(p.numel() for p in network.parameters())} for {report.params}")
    learned = sum(p.numel() for p in network.parameters() if p.requires_grad)
    if learned != report.trainable:
        faults.append(f"trainable: {learned} for {report.trainable}")
    if faults:
        return faults
    weights = convcalc.init_weights(graph, seed, "float64")
    network = network.double()
    state = network.state_dict()
    state.update({name: torch.from_numpy(np.array(array)) for name, array in weights.items()})
    network.load_state_dict(state)
    given = inputs(graph, batch, seed)
    want = convcalc.execute(graph, given, weights)
    with torch.inference_mode():
        y = network(*(torch.from_numpy(given[graph.nodes[i].name]) for i in graph.inputs))
    arrays = (
        list(want.values())
        if isinstance(want, dict)
        else list(want)
        if isinstance(want, (list, tuple))
        else [want]
    )
    got = list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple) else [y]
    if len(got) != len(graph.outputs):
        return [f"{len(got)} outputs for {len(graph.outputs)}"]
    for (name, shape), one, array in zip(graph.named_outputs().items(), got, arrays, strict=True):
        if tuple(one.shape) != (batch, *shape):
            faults.append(f"{name}: {tuple(one.shape)} for {(batch, *shape)}")
            continue
        own = one.numpy()
        scale = max(float(np.abs(array[np.isfinite(array)]).max(initial=0.0)), 1e-3)
        same = np.isclose(own, array, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)
        same |= np.isnan(array)  # PyTorch's sign of no number is 0
        if not same.all():
            worst = np.nanmax(np.abs(own.astype(np.float64) - array)) / scale
            faults.append(
                f"{name}: {int((~same).sum())} of {same.size} differ, by {worst:.2g} of the largest"
            )
    return faults

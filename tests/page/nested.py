"""Random graphs in blocks: specs of every kind of layer, whose layers are put into blocks within blocks."""

from __future__ import annotations

from random import Random

from convcalc.graph import Graph, Node
from convcalc.verification.random.specs import random_spec


def nested(seed: int, longest: int = 7) -> Graph:
    """A random graph with names of several parts; blocks may take turns and share a name with a layer."""
    rng = Random(seed)
    graph = random_spec(seed, rng.randrange(1000), longest).load()
    again: dict[str, str] = {}
    path: list[str] = []
    taken: set[str] = set()
    for node in graph.nodes:
        if rng.random() < 0.5:
            path = path[: rng.randint(0, len(path))]
            path += [rng.choice("abc") for _ in range(rng.randint(0, 2))]
        label = rng.choice([*"abc", node.name])
        while (name := ".".join([*path, label])) in taken:
            label += "x"
        taken.add(name)
        again[node.name] = name
    nodes = [
        Node(
            again[node.name],
            node.layer,
            node.inputs,
            node.outputs,
            node.frozen,
            tuple(f"{again[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}" for name in node.shares),
        )
        for node in graph.nodes
    ]
    return Graph(graph.name, nodes, graph.inputs, graph.outputs, graph.output_names, text=graph.text)

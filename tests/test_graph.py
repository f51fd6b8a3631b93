"""A tensor by its name, what it depends on, and the part of a graph that leads to it."""

from __future__ import annotations

import numpy as np
import pytest

import convcalc
from convcalc.graph import Edge

TEXT = """
input: 4x6
layers:
  - conv 4 k3 p1 id=first
  - split (1,3) id=parts
  - conv 2 k1 from=parts.1 id=left
  - conv 2 k1 from=first id=right
outputs: [left, right]
"""


def test_a_tensor_by_its_name() -> None:
    graph = convcalc.load(TEXT)
    names = [node.name for node in graph.nodes]
    assert graph.find("right") == Edge(names.index("right"))
    assert graph.find("parts.1") == Edge(names.index("parts"), 1)
    for name in ("parts.2", "nothing", ""):
        with pytest.raises(LookupError, match=f"no layer '{name}'"):
            graph.find(name)


def test_what_a_tensor_depends_on() -> None:
    graph = convcalc.load(TEXT)
    of_left = [graph.nodes[number].name for number in graph.ancestors("left")]
    assert of_left == ["input", "first", "parts", "left"]
    assert graph.ancestors(graph.outputs[1]) == graph.ancestors("right")


def test_the_part_that_leads_to_a_tensor_computes_it() -> None:
    graph = convcalc.load(TEXT)
    part = graph.part(graph.find("right"))
    assert [node.name for node in part.nodes] == ["input", "first", "right"]
    x = np.random.default_rng(0).standard_normal((1, 4, 6))
    np.testing.assert_array_equal(convcalc.execute(part, x), convcalc.execute(graph, x)["right"])

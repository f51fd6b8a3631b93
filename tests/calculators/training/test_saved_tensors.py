"""What is kept for the backward pass, to the byte, beside what PyTorch's saved-tensor hooks report."""

from __future__ import annotations

import pytest

import convcalc
from convcalc.graph import Graph

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from tests.calculators.training.hooks import Kept, exported  # noqa: E402


def sizes(kept: list[Kept]) -> list[int]:
    return sorted(one.bytes for one in kept if one.bytes)


def saved(graph: Graph, batch: int, in_place: bool = False) -> list[int]:
    from convcalc.calculators.training.kept import forward

    found = forward(graph, batch, 4, in_place)
    return sorted(one.bytes for one in found.storages if one.keepers and one.bytes)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1"])
def test_networks_keep_what_autograd_keeps(name: str) -> None:
    graph = convcalc.load(name, input="3x96x96")
    assert saved(graph, 2) == sizes(exported(graph, 2))
    assert convcalc.training_memory(graph, batch=2).saved_bytes == sum(saved(graph, 2))

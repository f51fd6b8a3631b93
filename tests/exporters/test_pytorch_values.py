"""Exported source run by PyTorch: parameters, names, shapes and values are those of the graph."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import convcalc
from convcalc.spec.errors import SpecError
from convcalc.verification.random.specs import random_spec
from tests.exporters.zoo import networks, small
from tests.verification.corpus import CORPUS

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("name", networks("lenet5", "resnet18", "swin_t", "crnn", every=40))
def test_networks(name: str) -> None:
    from tests.exporters.executed import compare

    assert compare(small(name)) == []


@pytest.mark.parametrize("spec", CORPUS)
def test_layers(spec: str) -> None:
    from tests.exporters.executed import compare

    assert compare(convcalc.load(spec)) == []


@pytest.mark.parametrize(
    "block", [range(0, 150), pytest.param(range(150, 600), marks=pytest.mark.slow)], ids=str
)
def test_random_networks(block: range) -> None:
    """Every layer with options drawn at random. Maps unpooled where windows overlap are left to chance."""
    from tests.exporters.executed import compare

    faults = {}
    for index in block:
        try:
            graph = random_spec(7, index).load()
        except SpecError:
            continue
        found = compare(graph)
        if found and not _overlapping(graph):
            faults[index] = found
    assert faults == {}


def _overlapping(graph: convcalc.Graph) -> bool:
    return any(
        node.op == "unpool" and any(s < k for s, k in zip(node.layer.stride, node.layer.kernel, strict=True))
        for node in graph.nodes
    )


def test_a_file_loads_the_weights_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    weights = convcalc.init_weights("lenet5", 3)
    files = convcalc.export("lenet5", "pytorch", weights).write(tmp_path / "net_of_export.py")
    assert [file.name for file in files] == ["net_of_export.py", "net_of_export.npz"]
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("net_of_export")
    network = sys.modules.pop("net_of_export").load()
    x = np.random.default_rng(0).standard_normal((2, 1, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        y = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(y, convcalc.execute("lenet5", x, weights), rtol=1e-4, atol=1e-5)

"""Files of a module's state, given to its graph: under the module's own names, in its own shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor.weights import WeightsError

pytestmark = pytest.mark.torch


def module(seed: int) -> Any:
    """A module whose arrays are used in every way: as they are, turned, tied, folded, and not at all."""
    import torch
    from torch import nn

    class Ways(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
            self.scale, self.spare = nn.Parameter(torch.rand(4, 1, 1)), nn.Parameter(torch.rand(3))
            self.emb, self.turned = nn.Parameter(torch.rand(1, 36, 4)), nn.Parameter(torch.rand(4, 4))
            self.tied, self.last = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.last.weight = self.tied.weight
            self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
            self.register_buffer("folded", torch.arange(4) + 10)
            self.register_buffer("hidden", torch.rand(1), persistent=False)
            self.positions = torch.arange(36.0).view(36, 1) / 36

        def forward(self, x: Any) -> Any:
            y = torch.relu(self.norm(self.conv(x))) * self.scale + self.hidden
            y = y[:, (self.folded - 10).flip(0)]
            tokens = (y.flatten(2).transpose(1, 2) + self.emb + self.positions) @ self.turned
            tokens = tokens + self.attention(tokens, tokens, tokens)[0]
            return self.last(torch.tanh(self.tied(tokens)))

    torch.manual_seed(seed)
    made = Ways().eval()
    with torch.no_grad():
        made.norm.running_var.uniform_(0.5, 1.5)
        made.hidden.fill_(0.25)
    return made


def held_to(graph: Any, weights: Any, one: Any, tmp_path: Path) -> None:
    """The graph with those weights computes what the module computes."""
    import torch

    image = torch.randn(1, 3, 6, 6)
    due = one(image).detach().numpy()[0]
    found = next(iter(convcalc.run(graph, image.numpy()[0], weights=weights).outputs.values()))
    assert np.abs(found - due).max() < 1e-5 * np.abs(due).max()


@pytest.mark.parametrize("batch", [1, 2])
def test_a_state_is_read_under_the_modules_names(tmp_path: Path, batch: int) -> None:
    import torch

    first, other = module(0), module(1)
    torch.save(other.state_dict(), tmp_path / "state.pth")
    torch.export.save(torch.export.export(first, (torch.zeros(batch, 3, 6, 6),)), tmp_path / "ways.pt2")
    arrays = {name: tensor.numpy() for name, tensor in other.state_dict().items()}
    np.savez(tmp_path / "state.npz", **arrays)
    for graph in (convcalc.from_torch(first, "3x6x6"), convcalc.load(str(tmp_path / "ways.pt2"))):
        for weights in (tmp_path / "state.pth", tmp_path / "state.npz", arrays):
            held_to(graph, weights, other, tmp_path)
        held_to(graph, convcalc.load_weights(graph, arrays), other, tmp_path)  # under the graph's names too


def test_a_safetensors_file_has_a_tied_weight_once(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    other = module(1)
    safetensors.save_model(other, str(tmp_path / "state.safetensors"))
    held_to(convcalc.from_torch(module(0), "3x6x6"), tmp_path / "state.safetensors", other, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("turned"), r"turned is missing; its shape should be \(4, 4\)"),
        (
            lambda s: s.update(emb=np.zeros((36, 4))),
            r"emb has the shape \(36, 4\); it should be \(1, 36, 4\)",
        ),
        (lambda s: s.update({"last.weight": np.ones((4, 4))}), r"last\.weight differs from tied\.weight"),
        (lambda s: s.update(folded=np.arange(4)), "folded is not what the network was read with"),
        (lambda s: s.update(more=np.zeros(2)), "more belongs to no layer of the graph"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_by_the_modules_names(change: Any, said: str) -> None:
    state = {name: tensor.numpy() for name, tensor in module(1).state_dict().items()}
    change(state)
    with pytest.raises(WeightsError, match=said):
        convcalc.load_weights(convcalc.from_torch(module(0), "3x6x6"), state)


def test_a_frozen_bias_is_frozen_alone() -> None:
    import torch

    made = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 2)
    )
    made[0].bias.requires_grad_(False)
    made[3].weight.requires_grad_(False)
    graph = convcalc.from_torch(made, "3x6x6")
    totals = convcalc.analyze(graph).totals
    assert (totals.params, totals.frozen) == (112 + 130, 4 + 128)
    assert totals.macs == 4 * 3 * 9 * 16 + 128
    image = torch.randn(1, 3, 6, 6)
    found = next(iter(convcalc.run(graph, image.numpy()[0]).outputs.values()))
    np.testing.assert_allclose(np.ravel(found), made(image).detach().numpy()[0], rtol=1e-4, atol=1e-6)

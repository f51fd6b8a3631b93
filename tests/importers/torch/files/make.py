"""Writes the files beside it with PyTorch: ``python -m tests.importers.torch.files.make``.

One small network in every form, its inputs, and what PyTorch computes of them.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def network() -> Any:
    """A network with shared, frozen and unused tensors, indices, a constant and several outputs."""
    import torch
    from torch import nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
            self.bn = nn.BatchNorm2d(8)
            self.words = nn.Embedding(10, 8)
            self.head = nn.Linear(8, 10)
            self.head.weight = self.words.weight
            self.conv.requires_grad_(False)
            self.register_buffer("scale", torch.linspace(0.5, 1.5, 8))
            self.register_buffer("spare", torch.ones(3), persistent=False)
            self.unused = nn.Parameter(torch.ones(2, 2))
            self.block = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.ReLU(inplace=True))
            self.memory = nn.LSTM(8, 4, batch_first=True)
            self.drop = nn.Dropout(0.5)

        def forward(self, image: Any, words: Any) -> dict[str, Any]:
            map = self.block(self.bn(self.conv(image))) * self.scale.view(1, 8, 1, 1)
            found = self.words(words) + torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8])
            states, _ = self.memory(found)
            return {"scores": self.head(self.drop(map.mean((2, 3)))), "states": [states, found[:, -1]]}

    torch.manual_seed(0)
    made = Small()
    made.bn.running_mean.normal_(0, 0.1)
    made.bn.running_var.uniform_(0.5, 1.5)
    return made


def main() -> None:
    """Write them."""
    import numpy as np
    import torch

    warnings.filterwarnings("ignore")
    module = network().eval()
    image, words = torch.randn(1, 3, 9, 9), torch.tensor([[1, 3, 3, 9, 0]])
    with torch.no_grad():
        due = module(image, words)
    np.savez(
        HERE / "values.npz",
        image=image[0], words=words[0],
        scores=due["scores"][0], states0=due["states"][0][0], states1=due["states"][1][0],
    )  # fmt: skip
    pair = (torch.zeros(2, 3, 9, 9), torch.zeros(2, 5, dtype=torch.long))
    torch.export.save(torch.export.export(module, pair), HERE / "small.pt2")
    state = module.state_dict()
    torch.save(state, HERE / "small.pth")
    torch.save(state, HERE / "small_old.pth", _use_new_zipfile_serialization=False)
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).eval()
    torch.save(plain, HERE / "module.pt")
    torch.jit.trace(plain, torch.zeros(1, 3, 8, 8)).save(HERE / "script.pt")
    optimizer = torch.optim.Adam(plain.parameters())
    halves = {name: t.bfloat16() if t.is_floating_point() else t for name, t in plain.state_dict().items()}
    torch.save({"epoch": 3, "model": halves, "optimizer": optimizer.state_dict()}, HERE / "checkpoint.pth")


if __name__ == "__main__":
    main()

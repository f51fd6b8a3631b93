"""Modules that PyTorch exports, read and run beside the module itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convcalc.calculators.count.report import analyze
from convcalc.importers.onnx import read
from tests.importers.onnx.models import close, opaque, ours

pytestmark = pytest.mark.torch


def _modules() -> dict[str, Any]:
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
            self.act = nn.ReLU()
            self.conv2 = nn.Conv2d(4, 4, 3, padding=1, groups=4)

        def forward(self, x: Any) -> Any:
            return self.act(x + self.conv2(self.act(self.conv1(x))))

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(6, 5, bidirectional=True, batch_first=True)
            self.fc = nn.Linear(10, 3)

        def forward(self, x: Any) -> Any:
            return self.fc(self.rnn(x)[0]).softmax(-1)

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(8)
            self.qkv = nn.Linear(8, 24)
            self.out = nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            n, t, c = x.shape
            q, k, v = self.qkv(self.norm(x)).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
            mixed = (q @ k.transpose(-2, -1) / 2).softmax(-1) @ v
            return x + self.out(mixed.transpose(1, 2).reshape(n, t, c))

    up = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.SiLU(), nn.Upsample(scale_factor=2),
        nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1), nn.GroupNorm(2, 4), nn.PixelShuffle(2), nn.GELU(),
    )  # fmt: skip
    return {
        "residual": (nn.Sequential(Residual(), Residual()), (4, 7, 6)),
        "tagger": (Tagger(), (9, 6)),
        "attention": (nn.Sequential(Attention(), Attention()), (5, 8)),
        "up": (up, (4, 8, 10)),
    }


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("name", ["residual", "tagger", "attention", "up"])
def test_the_older_exporter(name: str, dynamic: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module, shape = _modules()[name]
    module.eval()
    for parameter in module.parameters():  # the exporter stores equal ones once
        torch.nn.init.normal_(parameter, 0.5, 0.3)
    x = torch.randn(1, *shape)
    path = tmp_path / "model.onnx"
    axes = {"dynamic_axes": {"x": {0: "batch"}}} if dynamic else {}
    torch.onnx.export(module, (x,), str(path), dynamo=False, input_names=["x"], **axes)
    graph = read(path)
    assert not opaque(graph), graph.notes
    with torch.no_grad():
        expected = module(torch.cat([x, -x]) if dynamic else x).numpy()
    given = torch.cat([x, -x]).numpy() if dynamic else x.numpy()
    (found,) = ours(graph, [given]).values()
    assert close(found, expected)
    if name in ("residual", "attention", "tagger"):
        assert analyze(graph).totals.params == sum(p.numel() for p in module.parameters())
    if name == "residual":
        assert [node.name for node in graph.nodes if node.op in ("conv", "dwconv")] == [
            "0.conv1", "0.conv2", "1.conv1", "1.conv2",
        ]  # fmt: skip

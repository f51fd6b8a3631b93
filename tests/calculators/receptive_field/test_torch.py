"""Receptive fields against PyTorch's autograd: pixels whose gradient is not zero."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from convcalc import load, receptive_field

pytestmark = pytest.mark.torch

Module = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _double() -> Any:
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def positive(module: Any) -> Any:
    """The module with weights above zero, so that nothing cancels and every rectifier is open."""
    for parameter in module.parameters():
        parameter.data.uniform_(0.5, 1.5)
    return module


def gradient_extents(module: Module, shape: tuple[int, ...], position: tuple[int, ...]) -> list[Any]:
    """First and last index along each axis at which autograd finds a gradient, and how many."""
    import torch

    x = torch.rand(1, *shape, requires_grad=True)
    y = module(x)
    y[(slice(None), slice(None), *position)].sum().backward()
    assert x.grad is not None
    size = x.grad[0].abs().sum(0)
    mark = size > 1e-9 * size.max()
    found = []
    for axis in range(mark.ndim):
        other = [i for i in range(mark.ndim) if i != axis]
        line = mark.amax(other) if other else mark
        seen = line.nonzero().flatten().tolist()
        found.append(((seen[0], seen[-1]), len(seen)) if seen else (None, 0))
    return found


def compare(spec: str, module: Module, shape: tuple[int, ...], positions: int = 12) -> None:
    """A spec and a module, at random positions of the output."""
    import torch

    text = "x".join(map(str, shape))
    graph = load(spec, input=text)
    fields = receptive_field(graph)
    out = graph.shape(graph.outputs[0])
    assert tuple(module(torch.rand(1, *shape)).shape[1:]) == out
    rng = Random(spec)
    for _ in range(positions):
        position = tuple(rng.randrange(n) for n in out[1:])
        (found,) = fields.at(position)
        stated = [(axis.read, axis.count) for axis in found.axes]
        assert stated == gradient_extents(module, shape, position), (spec, position)


def draw(rng: Random, rank: int) -> tuple[str, Any]:
    """A stage of a spec, and the same from torch.nn."""
    from torch import nn

    conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[rank]
    turned = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[rank]
    pool = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}[rank]
    adaptive = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[rank]
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
    k, s, d = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 2)
    p = rng.randint(0, k // 2)
    kind = rng.choice(
        ["conv", "conv", "turned", "turned", "pool", "adaptive", "resize", "resize", "circular"]
    )
    if kind == "conv":
        return f"conv 2 k{k} s{s} d{d} p{p}", positive(conv(2, 2, k, s, p, d))
    if kind == "circular":
        stage = f"conv 2 k3 p1 padding_mode={rng.choice(['circular', 'replicate'])}"
        return stage, positive(conv(2, 2, 3, padding=1, padding_mode=stage.rpartition("=")[2]))
    if kind == "turned":
        extra = rng.randint(0, max(s, d) - 1)
        stage = f"convT 2 k{k} s{s} p{p} op={extra} d{d}"
        return stage, positive(turned(2, 2, k, s, p, extra, dilation=d))
    if kind == "pool":
        return f"avgpool k{k} s{s} p{p}", pool(k, s, p)
    if kind == "adaptive":
        size = rng.randint(2, 7)
        return f"adaptiveavgpool size={size}", adaptive(size)
    mode = rng.choice(["nearest", "nearest-exact", linear, *(["bicubic"] if rank == 2 else [])])
    corners = None if mode.startswith("nearest") else rng.random() < 0.5
    name = {"nearest-exact": "nearest_exact", linear: "linear", "bicubic": "cubic"}.get(mode, mode)
    text = f"upsample mode={name}" + (" align_corners=true" if corners else "")
    if rng.random() < 0.5:
        size = rng.randint(3, 17)
        return f"{text} size={size}", nn.Upsample(size=(size,) * rank, mode=mode, align_corners=corners)
    scale = rng.choice([2, 3])
    return f"{text} scale={scale}", nn.Upsample(scale_factor=scale, mode=mode, align_corners=corners)


@pytest.mark.parametrize("seed", range(150))
def test_random_chains(seed: int) -> None:
    from torch import nn

    rng = Random(seed)
    rank = rng.choice([1, 2, 2, 3])
    shape: tuple[int, ...] = (2, *(rng.randint(8, {1: 40, 2: 16, 3: 9}[rank]) for _ in range(rank)))
    stages: list[str] = []
    modules: list[Any] = []
    for _ in range(rng.randint(2, 5)):
        stage, module = draw(rng, rank)
        try:
            graph = load(" | ".join([*stages, stage]), input="x".join(map(str, shape)))
        except ValueError:
            continue
        out = graph.shape(graph.outputs[0])
        if max(out[1:]) > 90:
            continue
        stages.append(stage)
        modules.append(module)
    if stages:
        compare(" | ".join(stages), nn.Sequential(*modules), shape, positions=6)


def test_published_fields_by_autograd() -> None:
    """VGG-16 sees 212 pixels: its features, written with torch.nn, and a gradient in the middle."""
    from torch import nn

    layers: list[Any] = []
    channels = 3
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            layers += [positive(nn.Conv2d(channels, 1, 3, padding=1)), nn.ReLU()]
            channels = 1
        layers.append(nn.AvgPool2d(2))  # a maximum would let one path through, not all
    assert gradient_extents(nn.Sequential(*layers), (3, 512, 512), (8, 8)) == [((166, 377), 212)] * 2


def test_a_network_that_goes_down_and_up_again() -> None:
    """Skips, transposed convolutions and shuffles: written in torch.nn, and as a document."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = positive(nn.Conv2d(2, 4, 3, padding=1))
            self.down = positive(nn.Conv2d(4, 4, 3, stride=2, padding=1))
            self.low = positive(nn.Conv2d(4, 4, 3, padding=2, dilation=2))
            self.up = positive(nn.ConvTranspose2d(4, 4, 4, stride=2, padding=1))
            self.end = positive(nn.Conv2d(8, 8, (1, 3), padding=(0, 1)))
            self.shuffle = nn.PixelShuffle(2)

        def forward(self, x: Any) -> Any:
            a = torch.relu(self.a(x))
            up = self.up(torch.relu(self.low(self.down(a))))
            return self.shuffle(self.end(torch.cat([a, up], 1)))

    spec = (
        "layers:\n  - conv 4 k3 p1 | relu\n"
        "  - branches:\n      skip: [identity]\n"
        "      deep: [conv 4 k3 s2 p1, conv 4 k3 d2 p2, relu, convT 4 k4 s2 p1]\n    merge: concat\n"
        "  - conv 8 k1x3 p0x1 | pixelshuffle 2\n"
    )
    compare(spec, Net(), (2, 18, 22))


def _mean(layer: Any, x: Any) -> Any:
    """The mean of each window in place of its maximum, through which a gradient takes one way only."""
    import torch

    before = tuple(p for p, _ in layer.padding)
    assert all(d == 1 for d in layer.dilation)
    return torch.nn.functional.avg_pool2d(x, layer.kernel, layer.stride, before, layer.ceil)


@pytest.mark.parametrize("name", ["resnet18", "unet", "dcgan_generator", "shufflenet_v2_x0_5"])
def test_networks_of_the_zoo(name: str) -> None:
    """Gradients of the network run by PyTorch, with open rectifiers and means instead of maxima."""
    import numpy as np
    import torch

    from convcalc.executor import init_weights
    from convcalc.graph import Edge
    from tests.executor.torch_graph import TorchGraph

    size = {"unet": 188, "shufflenet_v2_x0_5": 224}.get(name)
    graph = load(name) if size is None else load(name, input=f"{1 if name == 'unet' else 3}x{size}x{size}")
    weights = {key: np.abs(array).astype(np.float64) for key, array in init_weights(graph).items()}
    net = TorchGraph(graph, weights)
    maps = [i for i, node in enumerate(graph.nodes) if node.op in ("conv", "convT")]
    fields = receptive_field(graph)
    for number in {maps[len(maps) // 3], maps[2 * len(maps) // 3]}:
        node = graph.nodes[number]
        position = tuple(n // 2 for n in node.outputs[0][1:])
        x = torch.rand(1, *graph.nodes[graph.inputs[0]].outputs[0], requires_grad=True)
        live: dict[Edge, Any] = {Edge(graph.inputs[0]): x}
        for index, one in enumerate(graph.nodes[: number + 1]):
            if one.op == "input":
                continue
            xs = [live[edge] for edge in one.inputs]
            out = _mean(one.layer, xs[0]) if one.op == "maxpool" else net._layer(one, xs, False)
            for i, y in enumerate(out if isinstance(out, (tuple, list)) else (out,)):
                live[Edge(index, i)] = y
        live[Edge(number)][(slice(None), slice(None), *position)].sum().backward()
        assert x.grad is not None
        mark = x.grad[0].abs().sum(0) > 0
        (found,) = fields.at(position, node.name)
        for axis, extent in enumerate(found.axes):
            seen = mark.amax(1 - axis).nonzero().flatten().tolist()
            assert (extent.read, extent.count) == ((seen[0], seen[-1]), len(seen)), (name, node.name)

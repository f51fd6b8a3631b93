"""What is kept for the backward pass, to the byte, beside what PyTorch's saved-tensor hooks report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import pytest

import convcalc
from convcalc.calculators.training.kept import forward
from convcalc.exporters.pytorch.forms import FORMS
from convcalc.exporters.pytorch.source import to_pytorch
from convcalc.graph import Graph
from convcalc.verification.random.specs import random_spec
from tests.verification.corpus import CORPUS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

from tests.calculators.training.hooks import Kept, kept  # noqa: E402
from tests.exporters.executed import inputs, module  # noqa: E402

SOLE = (
    "input 3x6x6 | conv 4 k1 | dropout | relu | dropout p=0",
    "input 3x6x6 | conv 4 k1 frozen=true | conv 4 k3 id=a | bn frozen=true | linear 3 axis=0 frozen=true",
    "input 3x6x6 | conv 4 k1 | linear 5 axis=channels frozen=true | conv 2 k1",
    "input 3x6x6 | conv 4 k1 id=c | conv 4 k1 | pow with=c | div with=c | mul from=[pow1,div1,c]",
    "input 3x6x6 | conv 4 k1 id=c | relu id=r | conv 4 k1 from=c | add with=r",
)


@pytest.fixture(autouse=True)
def no_fused_kernels() -> Iterator[None]:
    """oneDNN's recurrent kernels keep a workspace of their own."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(before)


def sizes(found: list[Kept]) -> list[int]:
    return sorted(one.bytes for one in found if one.bytes)


def saved(graph: Graph, batch: int, **how: bool) -> list[int]:
    found = forward(graph, batch, 4, **how)
    return sorted(one.bytes for one in found.storages if one.keepers and one.bytes)


def exported(graph: Graph, batch: int, wanted: bool = False, autocast: bool = False) -> list[int]:
    """What the network of a graph's own export keeps, in single precision."""
    network, _ = module(to_pytorch(graph))
    xs = [torch.from_numpy(x).float().requires_grad_(wanted) for x in inputs(graph, batch, 0).values()]
    return sizes(kept(network.float(), *xs, autocast=autocast))


def in_parts(graph: Graph) -> bool:
    """Whether a layer runs step by step, or sample by sample with weights of their own."""
    return any(hasattr(node.layer, "hidden") or getattr(node.layer, "arriving", None) for node in graph.nodes)


# torchvision has an operator of its own for the one that is left out, and the export composes another.
HELD = [spec for spec in (*CORPUS, *SOLE) if "deformconv" not in spec]


def test_every_kind_that_is_exported_stands_in_a_spec() -> None:
    seen = {node.op for spec in HELD for node in convcalc.load(spec).nodes}
    assert set(FORMS) - seen == {"deformconv"}


@pytest.mark.parametrize("spec", HELD)
def test_layers_keep_what_autograd_keeps(spec: str) -> None:
    graph = convcalc.load(spec)
    network, _ = module(to_pytorch(graph))
    network.float()
    for batch in (1, 2, 3):
        for wanted in (False, True):  # gradients of the inputs as well: of every layer, however early
            xs = [
                torch.from_numpy(x).float().requires_grad_(wanted) for x in inputs(graph, batch, 0).values()
            ]
            found, expected = saved(graph, batch, wanted=wanted), sizes(kept(network, *xs))
            if in_parts(graph):
                found, expected = [sum(found)], [sum(expected)]
            assert found == expected, (batch, wanted)


APART = ("inplace=true", "deformconv", "reset=before", "recurrent_bias=false", "unfold", "arriving", "gather")
"""What the export composes, or may show where it is."""


@pytest.mark.parametrize("index", range(2000, 2100))
def test_random_networks_keep_what_autograd_keeps(index: int) -> None:
    text = random_spec(7, index).text
    if any(word in text for word in APART):
        pytest.skip("PyTorch has no such layer")
    graph = convcalc.load(text)
    for wanted in (False, True):
        try:
            expected = exported(graph, 2, wanted)
        except ValueError as error:  # one value per channel, which PyTorch does not normalise
            assert "more than 1 value per channel" in str(error)
            continue
        assert sum(saved(graph, 2, wanted=wanted)) == sum(expected)


NETWORKS = (
    "lenet5", "alexnet", "vgg11", "resnet18", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small",
    "shufflenet_v2_x1_0",
)  # fmt: skip
LARGE = ("resnet50", "googlenet", "densenet121", "efficientnet_b0", "convnext_tiny", "swin_t", "vit_b_16")


@pytest.mark.parametrize("name", [*NETWORKS, *(pytest.param(n, marks=pytest.mark.slow) for n in LARGE)])
def test_networks_keep_what_autograd_keeps(name: str) -> None:
    graph = convcalc.load(name)
    assert saved(graph, 2) == exported(graph, 2)
    assert convcalc.training_memory(graph, batch=2).saved_bytes == sum(saved(graph, 2))


@pytest.mark.parametrize(
    "name", ["alexnet", "resnet18", "squeezenet1_1", "mobilenet_v3_small", "densenet121"]
)
def test_networks_in_mixed_precision(name: str) -> None:
    """Convolutional ones: for what they hold autocast of processors and of graphics cards agrees."""
    graph = convcalc.load(name)
    assert saved(graph, 2, mixed=True) == exported(graph, 2, autocast=True)


MODULES = (
    "alexnet", "vgg11", "resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small",
    "shufflenet_v2_x1_0", "googlenet", "densenet121", "efficientnet_b0", "convnext_tiny", "swin_t",
)  # fmt: skip


KEPT: list[Any] = []
"""What must live as long as torchvision."""


def torchvision_models() -> Any:
    """torchvision's models, also where its compiled extension does not load: none of it runs here."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not there")
    if "torchvision" not in sys.modules:
        sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
        KEPT.append(torch.library.Library("torchvision", "FRAGMENT"))
        KEPT[0].define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision.models as models

    return models


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_networks_of_torchvision(name: str) -> None:
    """Their modules run activations in place; stochastic depth, which drops whole branches, is off."""
    models = torchvision_models()
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    network = getattr(models, name)(weights=None, **options)
    for part in network.modules():
        if type(part).__name__ == "StochasticDepth":
            part.p = 0.0
    graph = convcalc.load(name)
    x = torch.randn(2, *graph.nodes[graph.inputs[0]].outputs[0])
    assert saved(graph, 2, in_place=True) == sizes(kept(network, x))


nn = torch.nn
IN_PLACE = {
    "relu": nn.ReLU(True), "relu6": nn.ReLU6(True), "leakyrelu": nn.LeakyReLU(0.01, True),
    "elu": nn.ELU(1.0, True), "celu": nn.CELU(1.0, True), "selu": nn.SELU(True), "silu": nn.SiLU(True),
    "mish": nn.Mish(True), "hardswish": nn.Hardswish(True), "hardsigmoid": nn.Hardsigmoid(True),
    "hardtanh": nn.Hardtanh(inplace=True), "threshold 0 1": nn.Threshold(0.0, 1.0, True),
}  # fmt: skip


@pytest.mark.parametrize("word", IN_PLACE)
def test_in_place(word: str) -> None:
    graph = convcalc.load(f"input 3x6x6 | conv 4 k1 | bn | {word} inplace=true | conv 4 k1")
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), IN_PLACE[word], nn.Conv2d(4, 4, 1))
    assert saved(graph, 2) == sizes(kept(network, torch.randn(2, 3, 6, 6)))


@pytest.mark.parametrize(
    ("optimizer", "made"),
    [
        ("sgd", lambda ps: torch.optim.SGD(ps, lr=0.1)),
        ("momentum", lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9)),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("adafactor", torch.optim.Adafactor),
    ],
)
def test_the_state_of_an_optimizer(optimizer: str, made) -> None:
    graph = convcalc.load("input 3x8x8 | conv 4 k3x2 | bn | relu | flatten | linear 5")
    network, _ = module(to_pytorch(graph))
    network.float().train()
    stepping = made(network.parameters())
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    stepping.step()
    states = [
        value
        for state in stepping.state.values()
        for key, value in state.items()
        if key != "step" and isinstance(value, torch.Tensor)
    ]
    found = convcalc.training_memory(graph, optimizer=optimizer)
    assert found.state_bytes == sum(value.nbytes for value in states)
    assert found.gradient_bytes == sum(p.grad.nbytes for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    ("name", "batch"), [("resnet18", 8), ("squeezenet1_1", 4), ("mobilenet_v3_small", 16)]
)
def test_the_peak_is_that_of_the_allocator(name: str, batch: int) -> None:
    """Within a twentieth of what PyTorch's profiler sees: kernels work in some space of their own."""
    import gc

    from torch.profiler import ProfilerActivity, profile

    torch._C._set_mkldnn_enabled(True)  # its convolutions take little of it
    graph = convcalc.load(name)
    network, _ = module(to_pytorch(graph))
    network.float().train()
    x = torch.randn(batch, *graph.nodes[graph.inputs[0]].outputs[0])
    gc.collect()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        y = network(x)
        y.backward(torch.ones_like(y))
    events = [
        (event.start_ns(), event.nbytes())
        for event in seen.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    live = sum(t.nbytes for t in [x, *network.parameters(), *network.buffers()])
    peak = live
    for _, change in sorted(events):
        live += change
        peak = max(peak, live)
    assert convcalc.training_memory(graph, batch=batch).peak_bytes == pytest.approx(peak, rel=0.05)

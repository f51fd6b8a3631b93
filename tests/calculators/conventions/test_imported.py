"""Modules read through PyTorch are counted as the real counters count them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.calculators.conventions.counters import TOOLS, counted, missing

pytestmark = [pytest.mark.torch]
torch = pytest.importorskip("torch")
if missing():
    pytest.skip(f"the counters {', '.join(missing())} are not installed", allow_module_level=True)

import convcalc  # noqa: E402
from convcalc.calculators.conventions.counting import activations  # noqa: E402
from tests.calculators.conventions.modules import MODULES  # noqa: E402
from tests.importers.torch.shim import declare  # noqa: E402

# Not among them, for what a program does not show: test_vit (a resize that is not run at its own size),
# pvt_v2_b0 (biases by memory layout), efficientvit_b0 (the operator @ in a helper, taken for x.matmul).
TIMM = (
    "test_resnet", "test_convnext", "test_efficientnet", "vit_tiny_patch16_224", "convnext_atto",
    "tf_efficientnet_b0", "mobilenetv3_small_050", "swin_tiny_patch4_window7_224", "mixer_s32_224",
    "regnety_002", "resnetv2_50", "ghostnet_050", "repvgg_a0", "levit_128s", "poolformer_s12", "nf_regnet_b0",
    "xcit_nano_12_p8_224", "mvitv2_tiny", "edgenext_xx_small", "mobilevit_xxs",
    "res2net50_26w_4s", "beit_base_patch16_224",
)  # fmt: skip
TORCHVISION = (
    "resnet18",
    "googlenet",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "vit_b_32",
    "swin_t",
    "r3d_18",
)


def held(make: Callable[[], Any], shape: tuple[int, ...], batch: int = 1) -> None:
    """Hold all totals of a module to those of the counters."""
    declare()
    torch.manual_seed(0)
    graph = convcalc.from_torch(make().eval(), torch.zeros(1, *shape))
    found = {one.tool: one for one in convcalc.conventions(graph, batch=batch)}
    printed = {tool: counted(tool, make, shape, batch) for tool in TOOLS}
    assert {tool: one.total for tool, one in found.items()} == printed
    assert not any(one.notes or one.span for one in found.values())
    report = convcalc.analyze(graph, batch=batch)
    assert activations(report, "fvcore") == counted("fvcore activations", make, shape, batch)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_counters_disagree_on(name: str, batch: int) -> None:
    held(*MODULES[name], batch)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_a_model_of_timm(name: str) -> None:
    declare()
    timm = pytest.importorskip("timm")
    held(lambda: timm.create_model(name), timm.create_model(name).pretrained_cfg["input_size"])


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_a_network_of_torchvision_as_of_the_zoo(name: str) -> None:
    declare()
    models = pytest.importorskip("torchvision").models
    graph = convcalc.load(name)
    shape = tuple(map(int, graph.nodes[graph.inputs[0]].outputs[0]))
    more = {"init_weights": False} if name == "googlenet" else {}
    held(lambda: models.get_model(name, weights=None, **more), shape)


def test_how_calls_are_written_survives_a_part_and_a_file(tmp_path: Any) -> None:
    make, shape = MODULES["relu"]
    module = make().eval()
    graph = convcalc.from_torch(module, torch.zeros(1, *shape))
    assert [node.written for node in graph.nodes[1:]] == ["module", "module"]
    part = graph.part(graph.find("1"))
    assert [node.written for node in part.nodes] == [node.written for node in graph.nodes]
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(module, (torch.zeros(1, *shape),)), path)
    assert [node.written for node in convcalc.load(str(path)).nodes[1:]] == ["module", "module"]

"""Modules of PyTorch as its two exporters write them: each is one layer, with ONNX Runtime's values."""

from __future__ import annotations

import importlib.util
import io
import warnings
from typing import Any

import numpy as np
import onnx
import pytest

import convcalc
from tests.importers.onnx.test_patterns import SHAPE, by_onnxruntime, layers, read

pytestmark = pytest.mark.torch


def modules() -> dict[str, tuple[Any, str]]:
    """Modules by a name, with the layer that each is."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Channels(nn.Module):
        """The normalisation over channels of ConvNeXt."""

        def __init__(self) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))

        def forward(self, x: Any) -> Any:
            mean = x.mean(1, keepdim=True)
            variance = (x - mean).pow(2).mean(1, keepdim=True)
            x = (x - mean) / torch.sqrt(variance + 1e-6)
            return self.weight[:, None, None] * x + self.bias[:, None, None]

    class RootMeanSquare(nn.Module):
        """The normalisation of LLaMA."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(8))

        def forward(self, x: Any) -> Any:
            return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))

    class Unit(nn.Module):
        def forward(self, x: Any) -> Any:
            return functional.normalize(x, dim=1)

    return {
        "SiLU": (nn.SiLU(), "silu"),
        "Hardswish": (nn.Hardswish(), "hardswish"),
        "Hardsigmoid": (nn.Hardsigmoid(), "hardsigmoid"),
        "GELU": (nn.GELU(), "gelu"),
        "GELU tanh": (nn.GELU("tanh"), "gelu"),
        "Mish": (nn.Mish(), "mish"),
        "Softplus": (nn.Softplus(), "softplus"),
        "Softsign": (nn.Softsign(), "softsign"),
        "Tanhshrink": (nn.Tanhshrink(), "tanhshrink"),
        "LeakyReLU": (nn.LeakyReLU(0.1), "leakyrelu"),
        "PReLU": (nn.PReLU(4), "prelu"),
        "LayerNorm": (nn.LayerNorm(8), "ln"),
        "LayerNorm of two axes": (nn.LayerNorm([6, 8]), "ln"),
        "LayerNorm without weights": (nn.LayerNorm(8, elementwise_affine=False), "ln"),
        "LayerNorm of channels": (Channels(), "ln"),
        "RMSNorm written out": (RootMeanSquare(), "rmsnorm"),
        "GroupNorm": (nn.GroupNorm(2, 4), "gn"),
        "GroupNorm without weights": (nn.GroupNorm(2, 4, affine=False), "gn"),
        "InstanceNorm": (nn.InstanceNorm2d(4, affine=True), "instancenorm"),
        "normalize": (Unit(), "l2norm"),
    }


def exported(module: Any, opset: int | None) -> onnx.ModelProto:
    """By the older exporter at an opset, or by the newer one."""
    import torch

    x = torch.zeros(SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if opset is None:
            return torch.onnx.export(module, (x,), input_names=["x"], dynamo=True, verbose=False).model_proto
        file = io.BytesIO()
        torch.onnx.export(module, (x,), file, input_names=["x"], dynamo=False, opset_version=opset)
    return onnx.load_from_string(file.getvalue())


@pytest.mark.parametrize("opset", [13, 17, None])
def test_a_module_is_one_layer(opset: int | None) -> None:
    import torch

    if opset is None and not importlib.util.find_spec("onnxscript"):
        pytest.skip("PyTorch's newer exporter needs onnxscript")
    torch.manual_seed(0)
    x = 3 * np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    for name, (module, op) in modules().items():
        for array in module.parameters():
            torch.nn.init.normal_(array)
        model = exported(module.eval(), opset)
        graph = read(model)
        assert layers(graph) == [op], (name, [node.op_type for node in model.graph.node])
        wanted = by_onnxruntime(model, x)
        np.testing.assert_allclose(convcalc.execute(graph, x), wanted, rtol=1e-4, atol=1e-5, err_msg=name)
        with torch.no_grad():
            torch_says = module(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(wanted, torch_says, rtol=1e-3, atol=1e-5, err_msg=name)
        if "without" not in name:  # an exporter may write ones and zeros
            params = sum(array.numel() for array in module.parameters())
            assert convcalc.analyze(graph).totals.params == params, name

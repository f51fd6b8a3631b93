"""Every row of the table of operators against PyTorch: shapes, parameters and values."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tests.importers.torch.aten.cases import CASES, Case

pytestmark = pytest.mark.torch

REFUSED = {
    "nan_to_num.default", "where.Scalar", "gather.default", "take_along_dim.default", "topk.default",
    "sort.default", "argsort.default", "sort.stable", "nonzero.default", "one_hot.default",
    "grid_sampler.default", "grid_sampler_2d.default", "cumsum.default", "cumprod.default", "scatter.src",
    "scatter.value",
    "scatter_add.default", "masked_select.default", "searchsorted.Tensor",
    "bucketize.Tensor",
    "tril.default",
    "triu.default", "logical_not.default", "bitwise_not.default", "eq.Scalar", "ne.Scalar",
    "gt.Scalar", "lt.Scalar", "ge.Scalar", "le.Scalar", "eq.Tensor", "ne.Tensor", "gt.Tensor", "lt.Tensor",
    "ge.Tensor", "le.Tensor", "isnan.default", "isinf.default", "logical_and.default", "logical_or.default",
    "bitwise_and.Tensor", "bitwise_or.Tensor",
}  # fmt: skip
"""Rows that say by name that there is no layer, where what they read is no constant."""

UNMET = {
    "cudnn_batch_norm.default", "to.device", "to.dtype_layout", "to.prim_Device", "flatten.default",
    "lift_fresh.default", "lift_fresh_copy.default", "float.default", "double.default", "half.default",
    "max_unpool3d.default", "linalg_norm.default",
}  # fmt: skip
"""Rows that a program on the CPU does not hold: other devices, and names of what is exported otherwise."""


def module_of(case: Case) -> Any:
    """A module that makes one call, of its inputs and its parameters."""
    import torch

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            for number, shape in enumerate(case.weights):
                self.register_parameter(f"w{number}", torch.nn.Parameter(torch.randn(shape)))

        def forward(self, *inputs: Any) -> Any:
            return case.call(torch.ops.aten, *inputs, *self.parameters())

    return Module().eval()


@functools.cache
def exported(number: int) -> tuple[Any, Any, tuple[Any, ...]]:
    """The module of a case, its program and its inputs."""
    import torch

    from convcalc.importers.torch.exporting import export

    case = CASES[number]
    module = module_of(case)
    torch.manual_seed(1)
    inputs: list[Any] = [torch.randn(shape) for shape in case.inputs]
    if case.positive:
        inputs = [one.abs() + 0.5 for one in inputs]
    if case.whole:
        inputs = [torch.randint(case.whole, shape) for shape in case.inputs]
    return module, export(module, inputs), tuple(inputs)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{n}-{c.target}" for n, c in enumerate(CASES)])
def test_a_row_gives_the_values_of_pytorch(number: int) -> None:
    import torch

    from convcalc.executor import execute
    from convcalc.importers.torch.translate import translate

    module, program, inputs = exported(number)
    graph = translate(program)
    assert "opaque" not in {node.op for node in graph.nodes}, graph.notes
    with torch.no_grad():
        want = module(*inputs).numpy()
    names = [graph.nodes[at].name for at in graph.inputs]
    found = execute(graph, dict(zip(names, (one.numpy() for one in inputs), strict=True)))
    np.testing.assert_allclose(found.reshape(want.shape), want, rtol=2e-4, atol=2e-5)
    stored = sum(int(np.prod(shape)) for shape in CASES[number].weights)
    owned = {
        node.key(name): int(np.prod(shape))
        for node in graph.nodes
        for name, shape in node.layer.parameters(graph.input_shapes(node)).items()
    }
    assert sum(owned.values()) == stored


def test_every_row_is_met() -> None:
    from convcalc.importers.torch.aten import ROWS
    from convcalc.importers.torch.aten.rows import found

    met = {call.target for number in range(len(CASES)) for call in exported(number)[1].calls}
    rows = {name.removeprefix("aten.") for name in ROWS}
    said = {name.removeprefix("aten.") for name in met}
    assert all(found(name) is not None or name in met for name in met)
    missing = sorted(rows - said - REFUSED - UNMET - {"torchvision.deform_conv2d.default"})
    assert not missing


def test_samples_that_stand_side_by_side_are_never_read_in_the_wrong_order() -> None:
    import torch

    from convcalc.importers.torch.exporting import export
    from convcalc.importers.torch.translate import translate
    from convcalc.spec.errors import SpecError

    case = Case("view.default", lambda o, x: o.transpose(x, 0, 1).reshape(10, 8), ((2, 5, 8),))
    with pytest.raises(SpecError):
        translate(export(module_of(case), [torch.empty(2, 5, 8)]))


@pytest.mark.parametrize(
    "call",
    [
        lambda o, x: o.mean(x, [0]),
        lambda o, x: o.softmax(x, 0),
        lambda o, x: o.flip(x, [0]),
        lambda o, x: o.roll(x, [1], [0]),
        lambda o, x: o.matmul(o.transpose(x.flatten(1), 0, 1), x.flatten(1)),
        lambda o, x: o.einsum("bij,bkj->ik", [x, x]),
        lambda o, x: o.cat([x, x], 0),
        lambda o, x: o.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False),
        lambda o, x: x + o.unsqueeze(o.unsqueeze(o.arange(2), 1), 2),
        lambda o, x: o.softmax(o.transpose(x, 0, 1).reshape(10, 8), 0).view(5, 2, 8).transpose(0, 1),
    ],
)
def test_samples_are_never_mixed(call: Any) -> None:
    import torch

    from convcalc.importers.torch.exporting import export
    from convcalc.importers.torch.translate import translate
    from convcalc.spec.errors import SpecError

    program = export(module_of(Case("", call, ((2, 5, 8),))), [torch.empty(2, 5, 8)])
    try:
        graph = translate(program)
    except SpecError:
        return
    assert "opaque" in {node.op for node in graph.nodes}


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_nfnet", "test_maxvit"])
def test_networks_of_timm_give_the_values_of_pytorch(name: str) -> None:
    from tests.importers.torch.shim import declare

    declare()
    timm = pytest.importorskip("timm")
    import torch

    from convcalc.executor import execute
    from convcalc.importers.torch.exporting import export
    from convcalc.importers.torch.translate import translate

    torch.manual_seed(0)
    module = timm.create_model(name).eval()
    for tensor in module.parameters():
        if not tensor.any():
            torch.nn.init.normal_(tensor, std=0.05)
    image = torch.randn(2, *module.default_cfg["input_size"])
    with torch.no_grad():
        want = module(image).numpy()
    found = execute(translate(export(module, [image])), image.numpy())
    assert np.abs(found - want).max() < 1e-4 * np.abs(want).max()


def test_multihead_attention_of_torch_gives_its_values() -> None:
    import torch

    from convcalc.executor import execute
    from convcalc.importers.torch.exporting import export
    from convcalc.importers.torch.translate import translate

    torch.manual_seed(0)
    for first in (True, False):
        layer = torch.nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=first).eval()
        tokens = torch.randn(2, 7, 16)
        want = layer(tokens).detach().numpy()
        found = execute(translate(export(layer, [tokens])), tokens.numpy())
        np.testing.assert_allclose(found, want, rtol=2e-4, atol=2e-5)

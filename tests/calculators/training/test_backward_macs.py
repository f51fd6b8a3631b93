"""MACs of the backward pass: what the executor's own gradients multiply, counted as they run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.executor import init_weights
from convcalc.executor.call import Params
from convcalc.executor.kernels import operation
from convcalc.executor.operation import Backprop
from convcalc.executor.parallel import single_blas_thread
from convcalc.layers.saved import Need

COUNTED = [0]


class Counted(np.ndarray):
    """An array whose products with other arrays are counted."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **rest: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in inputs]
        if out is not None:
            rest["out"] = tuple(x.view(np.ndarray) if isinstance(x, Counted) else x for x in out)
        result = getattr(ufunc, method)(*plain, **rest)
        if ufunc is np.matmul:
            COUNTED[0] += result.size * plain[0].shape[-1]
        elif ufunc is np.multiply and method == "__call__" and all(np.ndim(x) > 1 for x in plain):
            COUNTED[0] += result.size
        return result.view(Counted) if isinstance(result, np.ndarray) else result


def counted(spec: str, batch: int) -> int:
    """Products of the gradient of the last layer, with respect to all that it reads."""
    graph = convcalc.load(spec)
    node = graph.nodes[-1]
    rng = np.random.default_rng(0)

    def drawn(shape: tuple[int, ...]) -> np.ndarray:
        return rng.standard_normal((batch, *shape)).view(Counted)

    weights = init_weights(graph, dtype="float64")
    own = {key.rpartition(".")[2]: np.asarray(w).view(Counted) for key, w in weights.items()}
    xs = tuple(drawn(shape) for shape in graph.input_shapes(node))
    b = Backprop(node.layer, [drawn(node.outputs[0])], xs, (drawn(node.outputs[0]),), Params(node.name, own))
    COUNTED[0] = 0
    gradient = operation(node.layer).gradient
    assert gradient is not None
    with single_blas_thread():
        gradient(b)
    return COUNTED[0]


@pytest.mark.parametrize(
    "window",
    ["6 k3 p1", "6 k3x2 s2x1 p1:2x0:1 d1x2 g2", "4 k3 s2", "8 k1", "4 k5 p2 s3 bias=false"],
)
def test_of_a_convolution(window: str) -> None:
    spec = f"input 4x9x8 | conv {window}"
    layer = convcalc.load(spec).nodes[-1].layer
    weight = "x".join(map(str, layer.parameters(((4, 9, 8),))["weight"]))
    of_input = counted(spec, 3)
    # with a weight that arrives, the gradient of the weight is counted as well
    words = " ".join(word for word in window.split()[1:] if word[0] != "k")
    both = counted(f"inputs: {{x: 4x9x8, w: {weight}}}\nlayers:\n  - conv {words} from=[x,w]\n", 3)
    row = convcalc.training_memory(f"input 4x9x8 | conv 4 k1 | conv {window}", batch=3).layers[-1]
    assert (row.input_macs, row.weight_macs) == (of_input, both - of_input)
    assert row.macs == of_input


@pytest.mark.parametrize("spec", ["input 7 | linear 5", "input 3x7 | linear 5 axis=-1 bias=false"])
def test_of_a_linear_layer(spec: str) -> None:
    shapes, axis = spec.split(" | ")[0][6:], " axis=-1" if "axis" in spec else ""
    of_input = counted(spec, 2)
    both = counted(f"inputs: {{x: {shapes}, w: 5x7}}\nlayers:\n  - linear{axis} from=[x,w]\n", 2)
    graph = convcalc.load(spec)
    node = graph.nodes[-1]
    macs = node.layer.backward_macs(graph.input_shapes(node), node.outputs, Need((True,), True))
    assert tuple(2 * n for n in macs) == (of_input, both - of_input)


@pytest.mark.parametrize("spec", [
    "inputs: {a: 2x3x4, b: 2x4x5}\nlayers:\n  - matmul from=[a,b]\n",
    "inputs: {a: 2x3x4, b: 2x5x4}\nlayers:\n  - matmul from=[a,b] transpose_b=true\n",
])  # fmt: skip
def test_of_a_product_of_two_tensors(spec: str) -> None:
    graph = convcalc.load(spec)
    node = graph.nodes[-1]
    macs = node.layer.backward_macs(graph.input_shapes(node), node.outputs, Need((True, True), False))
    assert 2 * sum(macs) == counted(spec, 2)


def test_of_a_transposed_convolution() -> None:
    """It multiplies what is cropped, too; its gradient reads no more than what is left, and padding."""
    spec = "input 4x4x5 | convT 6 k3x2 s2x3"
    graph = convcalc.load(spec)
    node = graph.nodes[-1]
    macs = node.layer.backward_macs(graph.input_shapes(node), node.outputs, Need((True,), True))
    assert 2 * macs[0] == counted(spec, 2)


def test_the_first_layer_needs_no_gradient_of_its_input() -> None:
    first, _, second = convcalc.training_memory("input 3x8x8 | conv 4 k3 | relu | conv 5 k3").layers
    assert (first.input_macs, first.weight_macs) == (0, first.macs)
    assert (second.input_macs, second.weight_macs) == (second.macs, second.macs)


def test_a_frozen_layer_needs_none_of_its_weights() -> None:
    spec = "input 3x8x8 | conv 4 k3{} | conv 5 k3{} | conv 6 k3{}"
    frozen = " frozen=true"
    last = convcalc.training_memory(spec.format(frozen, frozen, "")).layers
    assert [(row.input_macs, row.weight_macs) for row in last] == [(0, 0), (0, 0), (0, last[2].macs)]
    middle = convcalc.training_memory(spec.format("", frozen, "")).layers
    assert (middle[1].input_macs, middle[1].weight_macs) == (middle[1].macs, 0)


def test_of_published_networks() -> None:
    """Backward costs twice forward, but for the first layer: 2 * 1.8141 G - 0.118 G of ResNet-18."""
    found = convcalc.training_memory("resnet18")
    assert found.input_macs + found.weight_macs == 2 * found.macs - found.layers[0].macs
    assert found.layers[0].macs == 112 * 112 * 64 * 3 * 7 * 7
    assert found.training_flops == 2 * (found.macs + found.input_macs + found.weight_macs)

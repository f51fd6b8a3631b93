"""Networks as frameworks run them at inference: the same values, from fewer tensors."""

from __future__ import annotations

import numpy as np
import pytest

import convcalc

NET = (
    "input 3x9x8 | conv 4 k3 bias=false id=a | bn id=b | relu | convT 5 k2 s2 id=c | bn id=d | silu |"
    " globalavgpool | flatten | linear 6 id=e | bn affine=false id=f"
)
PAIRS = (("a", "b", 0), ("c", "d", 1), ("e", "f", 0))
"""A layer, the normalisation behind it, and the axis of its weight that holds what leaves."""


def test_the_values_stay() -> None:
    graph, merged = convcalc.load(NET), convcalc.merged(NET)
    rng = np.random.default_rng(0)
    weights = {
        name: rng.uniform(0.5, 1.5, array.shape)
        for name, array in convcalc.init_weights(graph, dtype="float64").items()
    }
    folded = {}
    for layer, norm, axis in PAIRS:
        weight = weights[f"{layer}.weight"]
        factor = 1 / np.sqrt(weights[f"{norm}.running_var"] + 1e-5) * weights.get(f"{norm}.weight", 1.0)
        shape = tuple(-1 if a == axis else 1 for a in range(weight.ndim))
        folded[f"{layer}.weight"] = weight * factor.reshape(shape)
        bias = weights.get(f"{layer}.bias", 0.0) - weights[f"{norm}.running_mean"]
        folded[f"{layer}.bias"] = bias * factor + weights.get(f"{norm}.bias", 0.0)
    x = rng.standard_normal((2, 3, 9, 8))
    (before,) = convcalc.execute(graph, x, weights, keep=()).values()
    (after,) = convcalc.execute(merged, x, folded, keep=()).values()
    np.testing.assert_allclose(after, before, rtol=1e-10)


def test_what_is_left() -> None:
    merged = convcalc.analyze(convcalc.merged("resnet18"))
    whole = convcalc.analyze("resnet18")
    assert not any(row.op == "bn" for row in merged.layers)
    assert merged.totals.buffers == 0
    channels = 64 * 5 + 128 * 5 + 256 * 5 + 512 * 5  # factor and term of 20 normalisations become 20 biases
    assert whole.totals.params - merged.totals.params == channels
    assert merged.totals.macs == whole.totals.macs
    # the map of the first convolution, and what the pool makes of it
    assert merged.totals.peak_memory_bytes == 4 * (64 * 112 * 112 + 64 * 56 * 56)


@pytest.mark.parametrize(
    "spec",
    [
        "input 3x8x8 | conv 4 k3 id=a | bn | add with=a",  # read beside it
        "input 3x8x8 | conv 4 k3 | bn track=false",  # statistics of what arrives
        "input 3x8x8 | conv 4 k3 | relu | bn",  # behind something else
        "input 3x8x8 | conv 4 k3 | bn axis=1",  # along another axis
        "input 4x8x8 | conv 4 k3 id=a | bn | conv 4 k3 share=a",  # its weight serves elsewhere
        "inputs: {x: 4x6x5, w: 6x4x3x2}\nlayers:\n  - conv from=[x,w]\n  - bn\n",  # its weight arrives
    ],
)
def test_what_cannot_be_merged(spec: str) -> None:
    assert "bn" in {node.op for node in convcalc.merged(spec).nodes}

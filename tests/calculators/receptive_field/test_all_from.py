"""From which layer on every position sees all of the input, against what changes when one pixel does."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pytest

import convcalc

TOKENS: dict[str, Any] = {"width": 8, "depth": 2, "heads": 2, "hidden": 8, "classes": 3}

# A spec, its input, its variables, and the layer.
CASES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "class token": ("vit", "3x8x8", TOKENS | {"patch": 4}, "encoder_block1.attention1.softmax1"),
    "a token that joins later": (
        "convit_tiny",
        "3x8x8",
        {"width": 8, "patch": 4, "depth": 2, "local": 1, "heads": 2, "classes": 3},
        "local_block1.gated_attention1.matmul2",
    ),
    "mixed tokens": (
        "mixer_b16",
        "3x32x32",
        {"width": 4, "tokens": 4, "token_hidden": 3, "channel_hidden": 4, "depth": 1, "classes": 3},
        "mixer1.mlp1.linear1",
    ),
    "tokens along the last axis": (
        "resmlp_12_224",
        "3x32x32",
        {"width": 4, "depth": 1, "classes": 3},
        "resmlp_block1.linear1",
    ),
    "windows": (
        "swin",
        "3x16x16",
        {"width": 4, "depths": [1, 1], "heads": [1, 2], "window": 2, "classes": 3},
        "stage2.swin_block1.attention.among.softmax1",
    ),
    "a gate": (
        "conv 4 k3 p1 | squeeze_excite(2, act='gelu') | conv 4 k1 | globalavgpool | flatten | linear 3",
        "3x5x6",
        {},
        "squeeze_excite1.mul1",
    ),
    "normalised maps": ("conv 4 k3 p1 | instancenorm | conv 3 k1", "3x5x6", {}, "instancenorm1"),
    "large kernels": ("conv 4 k3 p1 | conv 4 k9 p4 | conv 4 k1", "3x5x5", {}, "conv2"),
}


def dependence(network: convcalc.Graph) -> dict[str, np.ndarray]:
    """Whether each element of each layer, in columns, changes with each pixel, in rows."""
    _, *sizes = network.nodes[network.inputs[0]].outputs[0]
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal((1, *network.nodes[network.inputs[0]].outputs[0])), 1 + prod(sizes), 0)
    for number, place in enumerate(np.ndindex(*sizes)):
        x[(number + 1, slice(None), *place)] += rng.standard_normal(x.shape[1])
    weights = {
        name: 0.3 * rng.standard_normal(array.shape)
        if array.dtype.kind == "f"
        else array  # nothing saturates
        for name, array in convcalc.init_weights(network, 0, "float64").items()
    }
    names = [node.name for node in network.nodes if len(node.outputs) == 1]
    kept = convcalc.execute(network, x, weights, keep=names)
    return {
        name: (kept[name][1:] != kept[name][:1]).reshape(len(x) - 1, -1)
        for name in names
        if len(kept[name]) == len(x)
    }


@pytest.mark.parametrize("case", CASES)
def test_every_pixel_changes_every_position(case: str) -> None:
    spec, input, variables, layer = CASES[case]
    network = convcalc.load(spec, input=input, set=variables or None)
    assert convcalc.receptive_field(network).all_from == {"input": layer}
    found = dependence(network)
    names = list(found)
    for name in names[names.index(layer) :]:
        seen = found[name]
        assert (seen.all(0) | ~seen.any(0)).all(), name
    # Not from any layer before, whose output has positions.
    before = [n for n in names[1 : names.index(layer)] if prod(network.shape(network.find(n))[1:]) > 1]
    assert before
    seen = found[before[-1]]
    assert (seen.any(0) & ~seen.all(0)).any()


@pytest.mark.parametrize(
    ("spec", "input"),
    [
        ("conv 4 k3 p1 | conv 4 k3 p1", "3x9x9"),
        ("conv 4 k3 p1 | globalavgpool | flatten | linear 3", "3x9x9"),
        ("conv 4 k3 p8 d8 | conv 4 k1", "3x8x8"),  # from one end to the other, and nothing between them
        ("conv 4 k1 s2 | conv 4 k9 p4", "3x9x9"),  # every other pixel
        ("linear 4 axis=-1", "10x4"),  # every token sees its own features alone
        ("lstm 4", "10x4"),
    ],
)
def test_where_there_is_no_such_layer(spec: str, input: str) -> None:
    found = convcalc.receptive_field(spec, input=input)
    assert found.all_from == {}
    assert "all_from" not in found.to_dict()
    assert "every position" not in str(found.table())


def test_it_is_told_in_a_line_and_in_json() -> None:
    network = convcalc.load("swin_t")
    found = convcalc.receptive_field(network)
    layer = "stage3.swin_block1.attention.among.softmax1"
    line = f"From {layer} on, every position that comes from the input sees all of it."
    assert line in found.table().notes
    assert found.to_dict()["all_from"] == {"input": layer}
    assert line not in found.table(found.of(layer)).notes


def test_what_a_shift_brings_around_has_no_centre_to_be_misaligned() -> None:
    """The last windows of a shifted map hold both of its ends; beside their shortcut they are as meant."""
    assert convcalc.receptive_field("swin_t").misaligned == []


def test_the_token_that_classifies_sees_all() -> None:
    """One of many is left, whose own path starts at a learned tensor; its axis of size 1 is taken away."""
    found = convcalc.receptive_field("vit_b_16")
    for name in ("flatten1", "head"):
        assert found.of(name)[0].size == ("all", "all")
        assert found.of(name)[0].local == (None, None)

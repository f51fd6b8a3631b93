"""Causal branches are meant to be aligned at their end; what lies beside the input sees nothing of it."""

from __future__ import annotations

import pytest

import convcalc

SHORTCUT = """
input: 4x64
layers:
  - conv 4 k3 p1 id=start
  - {layer} from=start id=left
  - {other} from=start id=right
  - add from=[left,right] id=both
"""


def misaligned(layer: str, other: str, shape: str = "4x64") -> list[tuple[int, object]]:
    text = SHORTCUT.replace("4x64", shape).format(layer=layer, other=other)
    return [(item.axis, item.by) for item in convcalc.receptive_field(text).misaligned]


@pytest.mark.parametrize(
    ("layer", "other"),
    [
        ("conv 4 k3 p=causal", "identity"),
        ("conv 4 k3 d4 p=causal", "identity"),
        ("conv 4 k2 d8 p=causal", "conv 4 k2 d2 p=causal"),
        ("conv 4 k3 p2:0", "conv 4 k1"),
        ("conv 4 k3 s2 p2:0", "conv 4 k1 s2"),
        ("conv 4 k2", "slice 1 64 axis=1"),  # no padding: the shortcut loses its beginning instead
    ],
)
def test_a_causal_layer_beside_its_shortcut_is_meant_so(layer: str, other: str) -> None:
    assert misaligned(layer, other) == []
    assert misaligned(other, layer) == []


@pytest.mark.parametrize(
    ("layer", "other", "by"),
    [
        ("conv 4 k3 p=causal", "conv 4 k3 p1", 1),  # [j-2, j] beside [j-1, j+1]
        ("conv 4 k5 p3:1", "conv 4 k3 p1", 1),  # [j-3, j+1] ends where [j-1, j+1] does: uneven, not one-sided
        ("conv 4 k3 p0:2", "identity", 1),  # reads what comes after alone
        ("conv 4 k5 p4:0", "conv 4 k3 p1", 2),
        ("conv 4 k3 s2 p0:1", "conv 4 k1 s2", 1),  # TensorFlow's same padding beside a projection
    ],
)
def test_other_branches_are_misaligned(layer: str, other: str, by: int) -> None:
    assert misaligned(layer, other) == [(0, by)]


def test_each_axis_is_judged_by_itself() -> None:
    """A PixelCNN reads rows above alone, and columns on both sides."""
    assert misaligned("conv 4 k3x3 p=(causal, 1)", "identity", "4x16x16") == []
    assert misaligned("conv 4 k3x3 p=(causal, same)", "conv 4 k3 p1", "4x16x16") == [(0, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "pad p4:0 | conv 4 k3 d2",  # padded by a layer of its own
        "conv 4 k3 d2 p=causal | relu | conv 4 k3 d2 p=causal",
    ],
)
def test_padding_by_a_layer_of_its_own_is_causal_too(text: str) -> None:
    layers = "\n".join(f"        - {one}" for one in text.split(" | "))
    document = f"input: 4x64\nlayers:\n  - residual: identity\n    body:\n{layers}\n"
    assert convcalc.receptive_field(document).misaligned == []


def test_wavenet_raises_no_alarm() -> None:
    fields = convcalc.receptive_field("wavenet")
    assert fields.misaligned == []
    assert fields.output.size == (3 * 1023 + 2,)  # three cycles of 1 + 2 + ... + 512, and the first layer
    assert convcalc.check_padding("wavenet").findings == []


def test_padding_cut_off_again_is_causal() -> None:
    """Bai et al. 2018 pad both sides and cut the end off; a cut elsewhere, or a second reader, is none."""
    kinds = {
        "conv 4 k3 d2 p4 | slice 0 64 axis=1": [],
        "conv 4 k3 d2 p4 | slice 0 63 axis=1": ["dilation"],
        "conv 4 k3 d2 p4 | slice 4 68 axis=1": ["dilation"],
        "conv 4 k3 d2 p4": ["dilation"],
        "conv 4 k4 s2 p2:0": [],  # EnCodec's: the steps of a sequence, each read to its end
        "conv 4 k4 s2 p1:1 | conv 4 k3 p0:2": ["asymmetric"],
    }
    for spec, found in kinds.items():
        report = convcalc.check_padding(spec, input="4x64")
        assert [one.kind for one in report.findings if one.kind in ("dilation", "asymmetric")] == found, spec


@pytest.mark.parametrize(
    ("text", "blind"),
    [
        ("pad p1:0 value=1 | slice 0 1 axis=1", ["slice1"]),
        ("pad p3:3 | slice 0 2 axis=1", ["slice1"]),
        ("pad p3:3 | slice 11 13 axis=1", ["slice1"]),
        ("pad p3:3 | slice 0 4 axis=1", []),
        ("pad p3:3 | slice 0 2 axis=1 | conv 4 k2 | relu", ["slice1"]),
        ("pad p1:0 mode=reflect | slice 0 1 axis=1", []),  # a copy of a pixel
        ("conv 4 k3 p2 | slice 0 1 axis=1", []),
    ],
)
def test_what_lies_in_padding_sees_no_input(text: str, blind: list[str]) -> None:
    graph = convcalc.load(text, input="4x8")
    fields = convcalc.receptive_field(graph)
    assert fields.unseeing == fields.to_dict()["sees_nothing"] == blind
    assert (fields.output is None) == bool(blind)
    if not blind:
        return
    # The witness: nothing that goes in changes what comes out.
    import numpy as np

    rng = np.random.default_rng(0)
    first, second = (convcalc.execute(graph, rng.normal(size=(1, 4, 8))) for _ in range(2))
    assert np.array_equal(first, second)

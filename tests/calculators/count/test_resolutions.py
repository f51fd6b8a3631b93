"""The largest tensor at each resolution: Table 3 of the MobileNetV2 paper, and rules of what is held."""

from __future__ import annotations

from typing import Any

import pytest

import convcalc
from convcalc.calculators.count.resolutions import resolutions
from tests.zoo.counts import graph


def rows(spec: Any, **options: Any) -> dict[tuple[int, ...], tuple[int, int]]:
    network = spec if isinstance(spec, convcalc.Graph) else graph(spec)
    return {r.size: (r.channels, r.bytes) for r in resolutions(network, dtype="float16", **options)}


def kilo(value: int) -> int:
    """Thousands of bytes, cut to two digits as the paper prints most of its figures."""
    digits = 10 ** max(0, len(str(value)) - 2)
    return value // digits * digits // 1000


# Sandler et al. 2018, Table 3: channels and kilobytes of 16-bit floats. The paper's V1 has 199 at 7x7, which
# is 1024 channels of 32 bits (all others are of 16).
V1 = {112: (64, 1600), 56: (128, 800), 28: (256, 400), 14: (512, 200)}
# The 32 channels at 112x112 are not among the widths of ShuffleNet 2x, whose first layer has 48.
SHUFFLENET = {56: (48, 300), 14: (800, 310), 7: (1600, 150)}


def test_mobilenet_v1_of_table_3() -> None:
    found = rows("mobilenet_v1", depth=1)
    for size, (channels, printed) in V1.items():
        assert found[size, size][0] == channels
        assert kilo(found[size, size][1]) == printed
    assert found[7, 7] == (1024, 49 * 1024 * 2)
    assert max(size for _, size in found.values()) == 1_605_632  # "1600K"


def test_mobilenet_v2_of_table_3() -> None:
    # The first and the last layer by the trick of section 5.1.
    found = rows("mobilenet_v2", depth=1, fused=("stem", "last"))
    assert found[112, 112] == (16, 401_408)
    assert kilo(found[112, 112][1]) == 400
    assert found[7, 7][0] == 320
    assert found[7, 7][1] // 1000 == 31  # printed 32
    # The paper's channels at the resolutions between are those of the next one.
    assert [found[n, n][0] for n in (56, 28, 14)] == [24, 32, 96]
    printed = {56: (32, 200), 28: (64, 100), 14: (160, 62)}
    for n, (channels, kilobytes) in printed.items():
        assert n * n * channels * 2 // 1000 == kilobytes
        assert found[n, n][1] < n * n * channels * 2
    assert max(size for _, size in found.values()) == 401_408  # "400K"
    # What is inside the blocks is six times as wide.
    assert rows("mobilenet_v2")[112, 112] == (96, 112 * 112 * 96 * 2)


def test_shufflenet_of_table_3() -> None:
    network = graph("shufflenet_v1", None, groups=2, scale=2)
    found = rows(network, depth=2)
    for size, (channels, printed) in SHUFFLENET.items():
        assert found[size, size][0] == channels
        assert kilo(found[size, size][1]) == printed
    assert found[28, 28] == (400, 627_200)  # "400/600"
    assert 49 * 1600 * 2 // 1000 == 156  # as printed
    # Its first layer aside, 28x28 is where most is held: "600K".
    first = rows(network, depth=2, fused=("conv1",))
    assert max(size for _, size in first.values()) == 627_200


def test_only_what_a_block_hands_on_is_held() -> None:
    text = """
input: 2x8x8
blocks:
  wide(n):
    - conv n k1 id=inner
    - conv 2 k1 s2
layers:
  - wide(50, id=a)
  - wide(20, id=b)
"""
    network = convcalc.load(text)
    assert rows(network, depth=1) == {(8, 8): (2, 256), (4, 4): (2, 64), (2, 2): (2, 16)}
    assert rows(network) == {(8, 8): (50, 6400), (4, 4): (20, 640), (2, 2): (2, 16)}
    assert rows(network, depth=0) == {(8, 8): (2, 256), (2, 2): (2, 16)}
    assert rows(network, depth=1, fused=["a"]) == {(8, 8): (2, 256), (2, 2): (2, 16)}
    assert rows(network, batch=3)[2, 2] == (2, 48)


def test_a_view_is_no_tensor() -> None:
    network = convcalc.load("conv 4 k1 | dropout | conv 2 k1", input="1x3x3")
    found = resolutions(network)
    assert [(r.channels, r.tensors, r.layer) for r in found] == [(4, 3, "conv1")]


def test_unknown_sizes_and_names() -> None:
    with pytest.raises(convcalc.Unreachable, match="not numbers"):
        resolutions(convcalc.load("conv 3->4 k3"))
    with pytest.raises(convcalc.Unreachable, match="no layer or block 'x'"):
        resolutions(graph("resnet18"), fused=["x"])


def test_command(cli: Any) -> None:
    outcome = cli(
        "memory",
        "mobilenet_v2",
        "--by-resolution",
        "--depth",
        "1",
        "--dtype",
        "float16",
        "--fused",
        "stem",
        "--json",
    )
    assert outcome.code == 0
    found = {tuple(row["size"]): row["channels"] for row in outcome.json()}
    assert found[112, 112] == 16
    assert cli("memory", "resnet18", "--fused", "stem").code == 2
    assert cli("memory", "resnet18", "--by-resolution", "--fused", "stemm").code == 2

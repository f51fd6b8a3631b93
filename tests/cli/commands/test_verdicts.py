"""The first line of an answer is its verdict."""

from __future__ import annotations

from typing import Any

import pytest

from convcalc.render import text
from convcalc.render.table import Column, Table

VERDICTS = {
    ("dilation", "2", "2", "2"): "holes: 29.0% of the 13x13 pixels are seen (49 of 169)",
    ("dilation", "1", "2", "5"): "no holes: all 17x17 pixels are seen",
    # Each layer's shortcut is a 1x1 of stride 2 (He et al. 2016), which reads every second row.
    ("padding", "resnet18"): "ResNet-18: 3 findings (3 dropped)",
    ("padding", "conv 8 k3 p1", "--input", "3x8x8"): "conv 8 k3 p1: nothing found",
    # Radford et al. 2016: kernels of 4 by strides of 2, which Odena et al. 2016 call even.
    (
        "transposed",
        "dcgan_generator",
    ): "DCGAN generator, 64x64: no checkerboard from 5 transposed convolutions",
    ("transposed", "convT 4 k3 s2", "--input", "3x9x9"): (
        "convT 4 k3 s2: checkerboards from 1 of 1 transposed convolution: convT1"
    ),
    # Ronneberger et al. 2015 pad nothing: two 3x3 and a halving four times leave 188 as the smallest.
    ("sizes", "unet", "--near", "100"): "U-Net: 1x100x100 does not work; the nearest that do: 1x188x188",
    ("sizes", "unet"): "U-Net: 1x572x572 works",
    # Howard et al. 2017, Table 7: 1.0 MobileNet-160 has 290 M MACs, -192 has 418 M.
    ("fit", "mobilenet_v1", "--resolution", "96..224:32", "--max-macs", "300M"): (
        "MobileNet: resolution 160 is the largest with at most 300M MACs"
    ),
    ("fit", "mobilenet_v1", "--resolution", "96..224:32", "--max-macs", "1M"): (
        "MobileNet: nothing in the range has at most 1M MACs"
    ),
    ("check", "resnet18", "--max-params", "12M"): "ResNet-18 holds its limit",
    ("check", "resnet18", "--max-params", "10M"): "ResNet-18 fails 1 of 1: parameters 16.9% over",
}


@pytest.mark.parametrize("arguments", VERDICTS, ids=lambda arguments: " ".join(arguments)[:40])
def test_the_verdict_stands_first(cli: Any, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).out.splitlines()[0] == VERDICTS[arguments]


def test_verify_says_first_whether_it_agrees(cli: Any) -> None:
    first = cli("verify", "conv 3->4 k3", "--input", "3x8x8").out.splitlines()[0]
    assert first.startswith("✓ conv 3->4 k3: formula and execution agree in ")
    first = cli("verify", "--random", "5").out.splitlines()[0]
    assert first == "✓ formula and execution agree on 5 random specs"


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_long_fact_goes_on_under_its_beginning(width: int) -> None:
    words = "one two three four five six seven eight nine ten " * 3
    lines = text.render(Table((), (), facts=[("why", words), ("try", "this")]), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("why  one") and lines[-1] == "try  this"
    assert all(line.startswith("     ") for line in lines[1:-1])
    assert " ".join(" ".join(lines[:-1]).split()) == "why " + words.strip()


def test_another_table_stands_in_where_the_columns_do_not_fit() -> None:
    wide = Table(
        [Column("a", "a" * 30), Column("b", "b" * 30), Column("c", "c" * 30, priority=1)],
        [(1, 2, 3)],
        narrow=lambda whole: Table(whole.columns[:1], [row[:1] for row in whole.rows], notes=["narrow"]),
    )
    assert "narrow" not in text.render(wide) and "narrow" not in text.render(wide, width=62)
    assert "narrow" in text.render(wide, width=61)

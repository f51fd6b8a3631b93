"""Devices: figures of their data sheets, and files of one's own with faults at their place."""

from __future__ import annotations

from pathlib import Path

import pytest

import convcalc
from convcalc.calculators.hardware.devices import names
from convcalc.spec.errors import SpecError


@pytest.mark.parametrize("name", names())
def test_every_figure_has_a_source(name: str) -> None:
    found = convcalc.device(name)
    assert found.title and found.kind and found.source
    assert all(peak.source for peak in found.peaks.values())
    assert all(lane.source for lane in found.bandwidths.values())


def test_peaks_are_those_of_the_data_sheets() -> None:
    a100, h100 = convcalc.device("A100"), convcalc.device("h100")
    assert a100.peak("bfloat16").rate == 312_000_000_000_000
    assert a100.peak("float32").rate == 19_500_000_000_000
    assert a100.peak("tf32").rate == 8 * a100.peak("float32").rate
    assert a100.bandwidth().rate == 1_555_000_000_000
    assert h100.peak("float16").rate == 989_400_000_000_000
    assert convcalc.device("stm32f746").memory == {"ram": 320 * 1024, "flash": 1024 * 1024}


def test_bits_are_held_to_the_fastest_type_that_has_as_many() -> None:
    assert convcalc.cost("lenet5", "a100", bits="w4a4").peak == convcalc.device("a100").peaks["int4"]
    assert convcalc.cost("lenet5", "a100", bits="w4a8").peak == convcalc.device("a100").peaks["int8"]
    assert convcalc.cost("lenet5", "v100", bits="w8a8").peak == convcalc.device("v100").peaks["float16"]
    assert (
        convcalc.cost("lenet5", "stm32f746", bits="w8a8").peak == convcalc.device("stm32f746").peaks["int16"]
    )


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "board.yaml"
    path.write_text("peaks: {float32: 100G}\nbandwidths: {memory: 25GB}\n")
    found = convcalc.cost("conv 8 k1", str(path), input="8x8x8")
    assert found.device is not None
    assert found.device.name == "board"
    assert found.ridge == 4


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("peaks: {float32: 100G}\n", 1, 1, "without bandwidths"),
        ("peaks: {float32: 100X}\nbandwidths: {memory: 25GB}\n", 1, 18, "'100X' is no amount"),
        ("peaks: {fast: 100G}\nbandwidths: {memory: 25GB}\n", 1, 15, "named after no number type"),
        ("peaks: {fast: {rate: 1G, type: flat32}}\nbandwidths: {m: 1GB}\n", 1, 32, "unknown number type"),
        ("peaks: {float32: 0}\nbandwidths: {m: 1GB}\n", 1, 18, "no whole number above 0"),
        ("peaks: {}\nbandwidths: {m: 1GB}\n", 1, 8, "holds nothing"),
        ("peaks: {float32: 1G}\nbandwidth: {m: 1GB}\n", 2, 1, "unknown key 'bandwidth'"),
        ("peaks: {float32: 1G}\nbandwidths: [1GB]\n", 2, 13, "a list stands here"),
        ("peaks: {float32: {source: me}}\nbandwidths: {m: 1GB}\n", 1, 18, "no rate"),
    ],
)
def test_faults_are_told_at_their_place(
    tmp_path: Path, text: str, line: int, column: int, message: str
) -> None:
    path = tmp_path / "board.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as refused:
        convcalc.device(path)
    problem = refused.value.problems[0]
    assert message in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert problem.expected

"""Totals of other counters, to the integer: tables that the counters themselves wrote."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

import convcalc
from convcalc.calculators.conventions.declaration import names
from tests.calculators.conventions.counters import TOOLS
from tests.calculators.conventions.measure import COLUMNS

HERE = Path(__file__).parent
QUICK = {
    "alexnet",
    "resnet18",
    "mobilenet_v2",
    "convnext_tiny",
    "mc3_18",
    "vit_b_32",
    "squeezenet1_0",
    "swin_v2_t",
}


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def networks() -> list[Any]:
    """Every row of the two tables of networks; all but a few are slow."""
    found = []
    for table in ("reference.csv", "networks.csv"):
        for row in rows(table):
            marks = () if row["model"] in QUICK else (pytest.mark.slow,)
            found.append(pytest.param(row, id=f"{table}-{row['model']}", marks=marks))
    return found


def test_the_tables_are_whole() -> None:
    assert len(rows("reference.csv")) == 23
    assert len(rows("networks.csv")) == 81
    assert {row["model"] for row in rows("reference.csv")} <= {row["model"] for row in rows("networks.csv")}
    assert set(TOOLS) == set(names())


@pytest.mark.parametrize("row", networks())
def test_a_network_is_counted_as_each_tool_prints_it(row: dict[str, str]) -> None:
    found = {one.tool: one for one in convcalc.conventions(row["model"])}
    printed = {tool: int(float(row[column])) for tool, column in zip(TOOLS, COLUMNS, strict=True)}
    assert {tool: one.total for tool, one in found.items()} == printed
    assert found["fvcore"].activations == int(row["fvcore_acts"])
    assert found["torch"].macs >= found["torch"].total
    for one in found.values():
        assert one.macs + sum(step.amount for step in one.steps) == one.total
        assert sum(layer.total for layer in one.layers) == one.total
        assert not one.notes, "how a published network is written is known"


@pytest.mark.parametrize(
    "row", [pytest.param(row, id=f"{row['line']}, batch {row['batch']}") for row in rows("lines.csv")]
)
def test_a_line_is_counted_as_each_tool_prints_its_modules(row: dict[str, str]) -> None:
    batch = int(row["batch"])
    found = convcalc.conventions(row["line"], input=row["input"], batch=batch)
    assert {one.tool: one.total for one in found} == {tool: int(row[tool]) for tool in TOOLS}


def test_a_part_of_a_network_is_counted_as_in_the_whole() -> None:
    graph = convcalc.load("resnet18")
    whole = {one.tool: one for one in convcalc.conventions(graph)}
    part = graph.part(graph.find("layer2"))
    for one in convcalc.conventions(part):
        inside = {layer.name: layer.total for layer in whole[one.tool].layers}
        assert {layer.name: layer.total for layer in one.layers}.items() <= inside.items()

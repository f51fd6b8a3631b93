"""Closed forms of every layer against the same layer at numbers, and over arrays."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import convcalc
from convcalc.calculators.count.counts import METRICS
from convcalc.dims import UNKNOWN
from convcalc.layers import OPS
from convcalc.spec.errors import SpecError
from tests.symbols.lines import CHANNELS, SMALL, cases, names, value_of

TRIES = 25


def drawn(rng: random.Random, shape: str, line: str) -> dict[str, int]:
    """Values of the symbols, such that most layers accept them."""
    values = {}
    for name in names(shape, line):
        if name in CHANNELS:
            values[name] = rng.choice((1, 2, 4, 6, 8, 12, 24))
        elif name in SMALL and name not in shape:
            values[name] = rng.randint(1, 4)
        else:
            values[name] = rng.choice((rng.randint(1, 6), rng.randint(1, 40), rng.randint(1, 40)))
    return values


def numeric(shape: str, line: str, values: dict[str, Any]) -> Any:
    """The graph at numbers or arrays."""
    sizes = tuple(values[name] for name in shape.split("x"))
    return convcalc.load(line, input=sizes, set={name: values[name] for name in names("", line)})


def counts(report: Any) -> list[tuple[str, Any]]:
    """Every number of a report."""
    found = []
    for row in [*report.layers, report.totals]:
        name = getattr(row, "name", "total")
        found += [(f"{name}.{metric}", getattr(row, metric)) for metric in METRICS]
        found += [(f"{name}.ops.{kind}", n) for kind, n in row.ops._asdict().items()]
        found += [(f"{name}.output[{i}]", d) for i, d in enumerate(getattr(row, "output_shape", ()))]
    return [*found, ("peak", report.totals.peak_memory_bytes), ("bytes", report.totals.param_bytes)]


@pytest.mark.parametrize(("shape", "line"), cases())
def test_a_closed_form_takes_the_value_of_its_numbers(shape: str, line: str) -> None:
    """Where the constraints hold the numbers are those of the numeric path; where not, it refuses."""
    symbolic = convcalc.load(line, input=shape)
    report = convcalc.analyze(symbolic)
    assert all(value is not UNKNOWN for _, value in counts(report))
    rng = random.Random(line)
    accepted = 0
    for _ in range(TRIES):
        values = drawn(rng, shape, line)
        if not all(condition.holds(values) for condition in symbolic.constraints):
            with pytest.raises(SpecError):
                numeric(shape, line, values)
            continue
        accepted += 1
        expected = convcalc.analyze(numeric(shape, line, values))
        assert [(name, value_of(value, values)) for name, value in counts(report)] == counts(expected), values
    assert accepted >= 2, symbolic.constraints


@pytest.mark.parametrize(("shape", "line"), cases())
def test_arrays_give_the_table_of_scalars(shape: str, line: str) -> None:
    rng = random.Random(line)
    chosen: list[dict[str, int]] = []
    for _ in range(400):
        values = drawn(rng, shape, line)
        try:
            numeric(shape, line, values)
        except SpecError:
            continue
        chosen.append(values)
        if len(chosen) == 6:
            break
    assert len(chosen) == 6
    expected = [dict(counts(convcalc.analyze(numeric(shape, line, values)))) for values in chosen]
    stacked = {name: np.array([values[name] for values in chosen]) for name in chosen[0]}
    found = dict(counts(convcalc.analyze(numeric(shape, line, stacked))))
    for name, value in found.items():
        table = np.broadcast_to(np.asarray(value, dtype=object), (6,)).tolist()
        assert table == [row[name] for row in expected], name


def test_every_layer_has_a_line() -> None:
    met = {node.op for shape, line in cases() for node in convcalc.load(line, input=shape).nodes}
    assert met == set(OPS) - {"opaque"}


def test_a_grid_is_one_call() -> None:
    """Heights down, widths across: every count broadcasts."""
    heights, widths = np.arange(32, 36).reshape(4, 1), np.arange(40, 43)
    report = convcalc.analyze(convcalc.load("mobilenet_v2", input=(3, heights, widths)))
    assert report.totals.macs.shape == (4, 3)
    for i in range(4):
        for j in range(3):
            one = convcalc.analyze(
                convcalc.load("mobilenet_v2", input=(3, int(heights[i, 0]), int(widths[j])))
            )
            assert report.totals.macs[i, j] == one.totals.macs
            assert report.totals.peak_memory_bytes[i, j] == one.totals.peak_memory_bytes


def test_no_count_of_an_array_overflows() -> None:
    sizes = np.array([2**20, 2**21], dtype=np.int32)
    report = convcalc.analyze(convcalc.load("conv 65536 k31 p15", input=(65536, sizes, sizes)))
    exact = [65536 * 65536 * 31 * 31 * n * n for n in (2**20, 2**21)]
    assert exact[0] > 2**63
    assert report.totals.macs.tolist() == exact


@pytest.mark.parametrize("sizes", [np.array([32.0, 33.0]), np.array([0, 32]), np.array(["a"])])
def test_arrays_of_what_is_no_size_are_refused(sizes: Any) -> None:
    with pytest.raises(SpecError):
        convcalc.load("conv 8 k3", input=(3, sizes, 32))


def test_expressions_of_sympy_are_taken_and_given() -> None:
    import sympy

    m, h = sympy.symbols("M H", positive=True, integer=True)
    report = convcalc.analyze(convcalc.load("conv 8 k3 s2 p1 bias=false", input=(m, h, h)))
    assert sympy.expand(sympy.sympify(report.totals.params) - 72 * m) == 0
    assert report.layers[0].output_shape[1].subs({h: 7}) == 4

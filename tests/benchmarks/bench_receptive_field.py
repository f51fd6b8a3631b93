"""Receptive fields: linear time in the layers, and well under a second for a large network.

``python -m tests.benchmarks.bench_receptive_field``, or ``pytest -m benchmark tests/benchmarks``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

import convcalc

FEW, MANY = 5_000, 50_000
LIMIT = 13.0
SECOND = 0.5

BODIES = {
    "chain": "conv 2 k3 p1, relu",
    "phases": "convT 2 k4 s2 p1, conv 2 k2 s2",
    "residual": "{residual: identity, body: [conv 2 k3 p1]}, relu",
}


def least(work: Callable[[], object], times: int = 3) -> float:
    """Least processor time of a few."""
    best = float("inf")
    for _ in range(times):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def measure(body: str) -> float:
    """How many times as long ten times the layers take."""
    spent = []
    for layers in (FEW, MANY):
        repeats = layers // (3 if body == "residual" else 2)
        text = f"input: 2x64x64\nlayers:\n  - {{repeat: {repeats}, body: [{BODIES[body]}]}}\n"
        graph = convcalc.load(text)
        spent.append(least(lambda graph=graph: convcalc.receptive_field(graph).at((1, 2))))
    few, many = spent
    print(f"{body:<9} {FEW:>7,} layers {few:7.3f} s {MANY:>7,} layers {many:7.3f} s  {many / few:5.2f} x")
    return many / few


def network(name: str) -> float:
    """Seconds for the fields of a network, without reading it."""
    graph = convcalc.load(name)
    spent = least(lambda: convcalc.receptive_field(graph))
    print(f"{name:<18} {1000 * spent:7.1f} ms")
    return spent


@pytest.mark.benchmark
@pytest.mark.parametrize("body", BODIES)
def test_ten_times_the_layers_cost_about_ten_times_the_time(body: str) -> None:
    assert measure(body) <= LIMIT


@pytest.mark.benchmark
@pytest.mark.parametrize("name", ["resnet152", "densenet201", "inception_resnet_v2"])
def test_large_networks_take_a_fraction_of_a_second(name: str) -> None:
    assert network(name) < SECOND


def main() -> int:
    """Print the times; fail where a limit is passed."""
    ratios = [measure(body) for body in BODIES]
    spent = [network(name) for name in ("resnet152", "densenet201", "inception_resnet_v2")]
    return 0 if max(ratios) <= LIMIT and max(spent) < SECOND else 1


if __name__ == "__main__":
    sys.exit(main())

"""Time grows linearly with layers: 5,000 against 50,000, unrolled and as a repeat.

``python -m tests.benchmarks.bench_growth``, or ``pytest -m benchmark tests/benchmarks``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import pytest

import convcalc

FEW, MANY = 5_000, 50_000
LIMIT = 12.0

STAGES = ("conv 16 k3 p1 bias=false", "bn", "relu", "conv 16 k1", "relu6")


def unrolled(layers: int) -> str:
    """A document with every layer written out."""
    lines = [f"  - {STAGES[i % len(STAGES)]}" for i in range(layers)]
    return "\n".join(["name: unrolled", "input: 16x32x32", "layers:", *lines]) + "\n"


def repeated(layers: int) -> str:
    """A document with one repeat, and a residual in it every time."""
    body = ", ".join(STAGES[:3])
    times = layers // 5
    return (
        "name: repeated\ninput: 16x32x32\nlayers:\n"
        f"  - {{repeat: {times}, body: [{{residual: identity, body: [{body}]}}, relu]}}\n"
    )


FORMS: dict[str, Callable[[int], str]] = {"unrolled": unrolled, "repeated": repeated}


def seconds(text: str) -> tuple[float, int]:
    """Least processor time of three to load and analyse a text, and its number of layers."""
    best, layers = float("inf"), 0
    for _ in range(3):
        start = time.process_time()
        report = convcalc.analyze(convcalc.load(text))
        best = min(best, time.process_time() - start)
        layers = len(report.layers)
    return best, layers


def measure(form: str) -> float:
    """How many times as long ten times the layers take."""
    seconds(FORMS[form](500))
    few, _ = seconds(FORMS[form](FEW))
    many, layers = seconds(FORMS[form](MANY))
    assert layers >= MANY
    print(f"{form:<9} {FEW:>7,} layers {few:7.3f} s {MANY:>7,} layers {many:7.3f} s  {many / few:5.2f} x")
    return many / few


@pytest.mark.benchmark
@pytest.mark.parametrize("form", FORMS)
def test_ten_times_the_layers_cost_at_most_twelve_times_the_time(form: str) -> None:
    assert measure(form) <= LIMIT


def main() -> int:
    """Print the times; fail where the limit is passed."""
    ratios = [measure(form) for form in FORMS]
    print(f"\nten times the layers cost at most {max(ratios):.2f} times the time (limit {LIMIT:g})")
    return 0 if max(ratios) <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

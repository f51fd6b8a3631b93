"""How long closed forms take as a process, beside the same command at numbers.

``python -m tests.benchmarks.bench_symbols``, or ``pytest -m benchmark tests/benchmarks``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.benchmarks.timing import lines, side_by_side

ROOT = Path(__file__).resolve().parents[2]
RESNET = "summary resnet50"
LARGE = "summary of 500 layers"
SYMBOLS = " --input 3xHxW"
LIMITS = {RESNET: 3.0, LARGE: 15.0}
"""Seconds that the command may take with symbols."""
RATIO = 16.0
"""How many times as long as at numbers it may take: each term is added and written by itself."""

# Widths, kernels and paddings that differ from layer to layer, so that no count is met twice.
DOCUMENT = """
input: 3x512x512
layers:
  - repeat: 4
    each: stage
    body:
      - conv 64*(stage+1) k3 s2 p1
      - maxpool k3 s2 p1 ceil=true
      - let: {width: 64*(stage+1)}
      - repeat: 40
        each: i
        body:
          - residual: identity
            body: ['conv 32*(stage+1)+i k3 p1 bias=false', bn, 'conv width k3 p=same']
"""


def measure(runs: int = 5) -> dict[str, float]:
    """Median seconds of each command, with numbers and with symbols."""
    python = sys.executable
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(DOCUMENT, encoding="utf-8")
        commands = {}
        for name, spec in ((RESNET, "resnet50"), (LARGE, str(path))):
            commands[name] = [python, "-m", "convcalc", "summary", spec]
            commands[name + SYMBOLS] = [*commands[name], "--input", "3xHxW"]
        return side_by_side(commands, runs, env)


def faults(times: dict[str, float]) -> list[str]:
    """What takes too long."""
    found = []
    for name, limit in LIMITS.items():
        seconds = times[name + SYMBOLS]
        if seconds > limit:
            found.append(f"{name + SYMBOLS} takes {seconds:.2f} s, more than {limit} s")
        if seconds > RATIO * times[name]:
            found.append(f"{name + SYMBOLS} takes {seconds / times[name]:.1f} times as long as at numbers")
    return found


def test_the_large_network_is_large() -> None:
    import convcalc

    graph = convcalc.load(DOCUMENT)
    assert len(graph) >= 500
    assert len({node.layer for node in graph.nodes}) > 300


@pytest.mark.benchmark
def test_closed_forms_are_quick() -> None:
    times = measure()
    print("\n".join(lines(times, RESNET)))
    assert faults(times) == []


def main() -> int:
    """Print the times; fail where a limit is passed."""
    times = measure()
    print("\n".join(lines(times, RESNET)))
    found = faults(times)
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

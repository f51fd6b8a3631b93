"""Networks of the zoo that tests of exports take, and a run over all of it by hand.

``python -m tests.exporters.zoo`` reads the PyTorch source of every network back; with ``--run`` PyTorch runs
it, which takes an hour. Names restrict either to some.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import convcalc
from convcalc.solve.sizes import reduced
from convcalc.spec.library import zoo_names
from tests.exporters.again import differences

NAMES = sorted(zoo_names())
QUICK = (
    "lenet5", "resnet18", "unet", "gpt2", "densenet121", "googlenet", "shufflenet_v2_x0_5", "swin_t",
    "siamese", "coat_tiny", "convlstm", "mobilenet_v3_small",
)  # fmt: skip
"""One of each kind: residual, dense, with branches, two inputs, attention, shared arrays, recurrence."""
MACS = 300_000_000
"""What a network may take that is run; a larger one is run at a reduced input."""


def networks(*quick: str, every: int = 1) -> list[Any]:
    """Names for a test: the quick ones, and every so many of the others as slow ones."""
    others = [name for name in NAMES if name not in quick][::every]
    return [*quick, *(pytest.param(name, marks=pytest.mark.slow) for name in others)]


def small(name: str) -> convcalc.Graph:
    """A network at an input at which it can be run."""
    graph = convcalc.load(name)
    return reduced(graph, MACS) or graph


def _run(name: str) -> list[str]:
    from tests.exporters.executed import compare

    return compare(small(name))


def _again(name: str) -> list[str]:
    with TemporaryDirectory() as folder:
        return differences(convcalc.load(name), Path(folder))


def main(words: list[str]) -> None:
    """Say of every network what differs."""
    check = _run if "--run" in words else _again
    names = [word for word in words if not word.startswith("-")] or NAMES
    same = 0
    for name in names:
        begun = time.perf_counter()
        try:
            found = check(name)
        except Exception as fault:
            found = [f"{type(fault).__name__}: {fault}"]
        same += not found
        print(f"{name} {time.perf_counter() - begun:.1f} s: {'; '.join(found) or 'same'}", flush=True)
    print(f"{same} of {len(names)} are the same")


if __name__ == "__main__":
    main(sys.argv[1:])

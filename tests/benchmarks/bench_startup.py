"""How long `convcalc params resnet50` takes as a process, beside its imports and other tools.

``python -m tests.benchmarks.bench_startup``, or ``pytest -m benchmark tests/benchmarks``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.benchmarks.timing import lines, side_by_side

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = "import typer, rich.console, rich.table, yaml"
LIMIT = 1.4

TORCHINFO = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from torch_resnet50 import resnet50
import torchinfo
print(torchinfo.summary(resnet50(), (1, 3, 224, 224), verbose=0))
"""
ONNX_TOOL = "import sys, onnx_tool; onnx_tool.model_profile(sys.argv[1])"


def measure(runs: int = 15) -> dict[str, float]:
    """Median seconds of the imports, of convcalc and of the tools that are installed."""
    python = sys.executable
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    # An installed package has its bytecode; so has this one after the run that is not counted.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    ours = {
        IMPORTS: [python, "-c", IMPORTS],
        "convcalc params resnet50": [python, "-m", "convcalc", "params", "resnet50"],
    }
    times = side_by_side(ours, runs, env)
    with tempfile.TemporaryDirectory() as folder:
        others: dict[str, list[str]] = {}
        if _installed("torch", "torchinfo"):
            others["torchinfo"] = [python, "-c", TORCHINFO]
        if _installed("onnx", "onnx_tool"):
            from tests.benchmarks.onnx_export import save_onnx

            path = Path(folder) / "resnet50.onnx"
            save_onnx("resnet50", path)
            others["onnx-tool"] = [python, "-c", ONNX_TOOL, str(path)]
        if others:
            times |= side_by_side(others, 3, env)
    return times


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


@pytest.mark.benchmark
def test_params_resnet50_costs_little_more_than_its_imports() -> None:
    times = measure()
    print("\n".join(lines(times, IMPORTS)))
    assert times["convcalc params resnet50"] <= LIMIT * times[IMPORTS]


def main() -> int:
    """Print the times; fail where the limit is passed."""
    times = measure()
    print("\n".join(lines(times, IMPORTS)))
    ratio = times["convcalc params resnet50"] / times[IMPORTS]
    print(f"\nconvcalc takes {ratio:.2f} times as long as its imports (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())

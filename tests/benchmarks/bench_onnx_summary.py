"""How long `convcalc summary` takes for an ONNX file of ResNet-50, beside the zoo's and onnx-tool's.

``python -m tests.benchmarks.bench_onnx_summary``, or ``pytest -m benchmark tests/benchmarks``. For onnx-tool,
which need not be installed beside convcalc, ``ONNX_TOOL_PYTHON`` names a Python that has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.benchmarks.timing import lines, side_by_side
from tests.importers.onnx.test_reader import field, varint

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1.3
"""Times as long as for the network of the zoo."""
FASTER = 3
"""Times as fast as onnx-tool."""
MEGABYTES = 60
"""Memory that a process of ours may take at most."""
ONNX_TOOL = """
import sys, numpy, onnx_tool
onnx_tool.model_profile(sys.argv[1], {"input": numpy.zeros((1, 3, 224, 224), numpy.float32)})
"""
ONNX_RUNTIME = "import sys, onnxruntime; onnxruntime.InferenceSession(sys.argv[1])"
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def summary(spec: str | Path) -> list[str]:
    """The command that is measured."""
    return [sys.executable, "-m", "convcalc", "summary", str(spec)]


def environment() -> dict[str, str]:
    """That of an installed package, whose bytecode is there."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def export(path: Path) -> None:
    """ResNet-50 as an ONNX file of 102 MB, written in a process of its own."""
    command = [sys.executable, "-m", "convcalc", "export", "resnet50", "-o", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())


def three_gigabytes(path: Path) -> None:
    """A linear layer whose weight takes no room on the disk."""
    from onnx import TensorProto, helper

    inner, outer = 1 << 14, 3 << 14
    info, kind = helper.make_tensor_value_info, TensorProto.FLOAT
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    ends = [info("x", kind, [1, inner])], [info("y", kind, [1, outer])]
    weight = TensorProto(name="w", dims=[inner, outer], data_type=kind).SerializeToString()
    size = inner * outer * 4
    weight += varint(9 << 3 | 2) + varint(size)
    graph = helper.make_graph([node], "large", *ends).SerializeToString()
    graph += varint(5 << 3 | 2) + varint(len(weight) + size) + weight
    with path.open("wb") as file:
        file.write(varint(8) + varint(8) + field(8, b"\x10\x11"))
        file.write(varint(7 << 3 | 2) + varint(len(graph) + size) + graph)
        file.truncate(file.tell() + size)


def peak(command: list[str]) -> float:
    """Megabytes that a process held at most."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command], check=True, capture_output=True, text=True, env=environment()
    )
    return int(done.stdout) / (1 << (20 if sys.platform == "darwin" else 10))


def commands(folder: Path) -> dict[str, list[str]]:
    """What is measured, by name."""
    path, large = folder / "r50.onnx", folder / "3GB.onnx"
    export(path)
    three_gigabytes(large)
    found = {"the zoo's": summary("resnet50"), "102 MB": summary(path), "3 GB": summary(large)}
    found["onnxruntime, no run"] = [sys.executable, "-c", ONNX_RUNTIME, str(path)]
    if tool := os.environ.get("ONNX_TOOL_PYTHON"):
        found["onnx-tool"] = [tool, "-c", ONNX_TOOL, str(path)]
    return found


@pytest.mark.benchmark
def test_an_onnx_file_is_summed_up_like_a_network_of_the_zoo(tmp_path: Path) -> None:
    found = commands(tmp_path)
    times = side_by_side(found, 7, environment())
    print("\n".join(lines(times, "the zoo's")))
    assert times["102 MB"] <= LIMIT * times["the zoo's"]
    assert times["3 GB"] <= LIMIT * times["the zoo's"]
    if "onnx-tool" in times:
        assert times["onnx-tool"] >= FASTER * times["102 MB"]


@pytest.mark.slow
def test_an_onnx_file_is_summed_up_in_little_memory(tmp_path: Path) -> None:
    found = commands(tmp_path)
    for name in ("102 MB", "3 GB"):
        assert peak(found[name]) < MEGABYTES, name


def main() -> int:
    """Print the times and the memory."""
    with tempfile.TemporaryDirectory() as folder:
        found = commands(Path(folder))
        print("\n".join(lines(side_by_side(found, 7, environment()), "the zoo's")))
        for name, command in found.items():
            print(f"{name}: {peak(command):.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

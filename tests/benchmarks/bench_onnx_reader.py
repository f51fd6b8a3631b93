"""How long the reader takes for a file of 100 MB and one of 3 GB, beside the ``onnx`` package.

``python -m tests.benchmarks.bench_onnx_reader``, or ``pytest -m benchmark tests/benchmarks``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.benchmarks.timing import lines, side_by_side
from tests.importers.onnx.test_reader import sparse_model

ROOT = Path(__file__).resolve().parents[2]
OURS = """
import sys
from convcalc.importers.onnx.model import open_model
model = open_model(sys.argv[1])
for node in model.graph.nodes:
    [attribute.value for attribute in node.attributes.values()]
print(len(model.graph.nodes), sum(tensor.size for tensor in model.graph.initializers.values()))
"""
THEIRS = """
import sys, math, onnx
model = onnx.load(sys.argv[1])
print(len(model.graph.node), sum(math.prod(tensor.dims) for tensor in model.graph.initializer))
"""
IMPORTS = "from convcalc.importers.onnx.model import open_model"
LIMIT = 0.2


def hundred_megabytes(path: Path, convolutions: int = 53) -> None:
    """A chain of convolutions, as many as ResNet-50 has, with as many weights."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper, save

    side = 232
    nodes, arrays = [], []
    for number in range(convolutions):
        weight = np.zeros((side, side, 3, 3), np.float32)
        arrays.append(numpy_helper.from_array(weight, f"w{number}"))
        inside = [f"x{number}", f"w{number}"]
        nodes.append(helper.make_node("Conv", inside, [f"c{number}"], kernel_shape=[3, 3], pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"x{number + 1}"]))
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, side, 8, 8])
        for name in ("x0", f"x{convolutions}")
    ]
    save(helper.make_model(helper.make_graph(nodes, "chain", values[:1], values[1:], arrays)), path)


def measure(runs: int = 5) -> dict[str, float]:
    """Median seconds of a process that reads, by what it reads and with what."""
    python = sys.executable
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        middle, large = Path(folder, "100MB.onnx"), Path(folder, "3GB.onnx")
        hundred_megabytes(middle)
        sparse_model(large, 3 << 30)
        return side_by_side(
            {
                IMPORTS: [python, "-c", IMPORTS],
                "import onnx": [python, "-c", "import onnx"],
                "convcalc, 100 MB": [python, "-c", OURS, str(middle)],
                "onnx, 100 MB": [python, "-c", THEIRS, str(middle)],
                "convcalc, 3 GB": [python, "-c", OURS, str(large)],
            },
            runs,
            env,
        )


@pytest.mark.benchmark
def test_reading_takes_a_part_of_the_package() -> None:
    times = measure()
    print("\n".join(lines(times, IMPORTS)))
    ours = times["convcalc, 100 MB"] - times[IMPORTS]
    theirs = times["onnx, 100 MB"] - times["import onnx"]
    assert ours <= LIMIT * theirs
    assert times["convcalc, 3 GB"] <= times["convcalc, 100 MB"] + 0.02


if __name__ == "__main__":
    print("\n".join(lines(measure(), IMPORTS)))

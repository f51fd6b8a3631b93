"""One forward pass of whole networks: convcalc beside PyTorch and ONNX's reference evaluator.

``python -m tests.benchmarks.bench_executor [NETWORK...]``, or ``pytest -m benchmark tests/benchmarks``.

Every contender is a process of its own with two threads that waits for its turn; the turns
alternate, so that whatever else the machine does meets all of them alike. Float32, batch 1,
224x224, the same weights and the same input; their outputs must agree.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from math import exp, isnan, log
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

NETWORKS = ("resnet50", "vgg16", "squeezenet1_0", "mobilenet_v2", "deeplabv3_resnet50")
LIMITS = {"resnet50": 1.5, "vgg16": 1.5, "mobilenet_v2": 4.0}
"""At most so many times as long as PyTorch takes."""

FASTER = 10.0
"""At least so many times as fast as the reference evaluator, as a geometric mean over the networks."""

THREADS = 2
TURNS = 9
ROOT = Path(__file__).resolve().parents[2]


def contender(name: str, network: str) -> Callable[[], Any]:
    """What runs a network once."""
    import convcalc

    graph = convcalc.load(network, input="3x224x224")
    weights = convcalc.init_weights(graph, 0, "float32")
    x = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    if name == "convcalc":
        return lambda: convcalc.execute(graph, x, weights)
    if name == "onnx":
        from onnx.reference import ReferenceEvaluator

        from tests.benchmarks.onnx_export import onnx_model

        evaluator = ReferenceEvaluator(onnx_model(graph, weights))
        return lambda: evaluator.run(None, {graph.nodes[graph.inputs[0]].name: x})[0]
    import torch

    from tests.executor.torch_graph import TorchGraph

    torch.set_num_threads(THREADS)
    eager = TorchGraph(graph, weights)
    return lambda: eager(x)[0]


def worker(name: str, network: str, result: str) -> None:
    """Run a network whenever a line arrives, and answer with the seconds it took."""
    run = contender(name, network)
    first = True
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        try:
            y = run()
        except MemoryError as error:
            print(f"{name} cannot run {network}: {error}", file=sys.stderr)
            print("nan", flush=True)
            continue
        print(time.perf_counter() - start, flush=True)
        if first:
            np.save(result, y)
            first = False


class Process:
    """A contender that waits for its turn."""

    def __init__(self, name: str, network: str, folder: Path) -> None:
        self.result = folder / f"{name}.npy"
        threads = {k: str(THREADS) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.bench_executor", "--worker", name, network, self.result],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **threads},
        )
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n", f"{name} cannot run {network}"

    def turn(self) -> float:
        """Seconds of one pass; NaN if there was too little memory for it."""
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write("go\n")
        self.child.stdin.flush()
        return float(self.child.stdout.readline())

    def close(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait()


def measure(network: str, turns: int = TURNS, onnx: bool = True) -> dict[str, list[float]]:
    """Seconds of every pass of each contender; the reference evaluator has two passes.

    It enlarges dilated kernels with zeros, and so needs 29 GB for one layer of DeepLab; where it
    cannot have them, its time is NaN.
    """
    names = ["convcalc", "torch", *(["onnx"] if onnx else [])]
    with tempfile.TemporaryDirectory() as folder:
        running = {name: Process(name, network, Path(folder)) for name in names}
        try:
            for name in ("convcalc", "torch"):
                running[name].turn()  # warm
            times: dict[str, list[float]] = {name: [] for name in names}
            for turn in range(turns):
                for name in names:
                    if name != "onnx" or (turn in (0, turns - 1) and not isnan(sum(times[name]))):
                        times[name].append(running[name].turn())
        finally:
            for process in running.values():
                process.close()
        done = [name for name in names if not isnan(sum(times[name]))]
        outputs = {name: np.load(running[name].result) for name in done}
    for name in done[1:]:
        difference = np.abs(outputs[name] - outputs["convcalc"]).max() / np.abs(outputs[name]).max()
        assert difference < 1e-4, f"{network}: {name} gives other values (by {difference:.1e})"
    return times


def line(network: str, times: dict[str, list[float]]) -> str:
    """Medians in milliseconds, and their ratios."""
    ours = median(times["convcalc"])
    text = f"{network:<20}{ours * 1e3:>10.0f}{median(times['torch']) * 1e3:>10.0f}"
    text += f"{ours / median(times['torch']):>9.2f}{min(times['convcalc']) / min(times['torch']):>9.2f}"
    if "onnx" in times:
        theirs = median(times["onnx"])
        text += f"{'no memory':>10}" if isnan(theirs) else f"{theirs * 1e3:>10.0f}{theirs / ours:>9.1f}"
    return text


HEAD = f"{'ms, median':<20}{'convcalc':>10}{'PyTorch':>10}{'ratio':>9}{'minima':>9}{'ONNX':>10}{'faster':>9}"


def compare(networks: tuple[str, ...] = NETWORKS, onnx: bool = True) -> list[str]:
    """Print the table; what misses its goal."""
    print(HEAD, flush=True)
    missed, gains = [], []
    for network in networks:
        times = measure(network, onnx=onnx)
        print(line(network, times), flush=True)
        ratio = median(times["convcalc"]) / median(times["torch"])
        if ratio > LIMITS.get(network, float("inf")):
            limit = LIMITS[network]
            missed.append(f"{network} takes {ratio:.2f} times as long as PyTorch (at most {limit:g})")
        if onnx and not isnan(sum(times["onnx"])):
            gains.append(median(times["onnx"]) / median(times["convcalc"]))
    if gains:
        mean = exp(sum(map(log, gains)) / len(gains))
        print(f"geometric mean over ONNX's evaluator: {mean:.1f} times as fast (at least {FASTER:g})")
        if mean < FASTER:
            missed.append(f"{mean:.1f} times as fast as the reference evaluator (at least {FASTER:g})")
    return missed


@pytest.mark.benchmark
def test_networks_run_about_as_fast_as_in_pytorch() -> None:
    pytest.importorskip("torch")
    assert compare() == []


def main(arguments: list[str]) -> int:
    """Print the times; fail where a goal is missed."""
    if arguments[:1] == ["--worker"]:
        worker(*arguments[1:])
        return 0
    onnx = "--no-onnx" not in arguments
    missed = compare(tuple(a for a in arguments if not a.startswith("-")) or NETWORKS, onnx)
    print(*missed, sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Times commands side by side: with hyperfine where it is installed, else in turns."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

Command = Sequence[str]


def side_by_side(commands: Mapping[str, Command], runs: int, env: Mapping[str, str]) -> dict[str, float]:
    """Median seconds of each command; every one must succeed.

    Args:
        commands: what to run, by name.
        runs: times that each is run, after one that is not counted.
        env: environment of the commands.
    """
    if shutil.which("hyperfine"):
        return _hyperfine(commands, runs, env)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def _hyperfine(commands: Mapping[str, Command], runs: int, env: Mapping[str, str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "times.json"
        subprocess.run(
            ["hyperfine", "--shell=none", "--warmup=1", f"--runs={runs}", f"--export-json={result}"]
            + [shlex.join(command) for command in commands.values()],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=env,
        )
        found = json.loads(result.read_text(encoding="utf-8"))["results"]
    return {name: one["median"] for name, one in zip(commands, found, strict=True)}


def lines(times: Mapping[str, float], base: str) -> list[str]:
    """One line a command: milliseconds, and how many times as long as the base it takes."""
    longest = max(map(len, times))
    return [
        f"{name:<{longest}}  {seconds * 1000:9.1f} ms  {seconds / times[base]:6.2f} x"
        for name, seconds in times.items()
    ]

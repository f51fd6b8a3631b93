"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A deadline measures the machine, not the code. A change is judged by the same examples every time;
# HYPOTHESIS_PROFILE=explore draws new ones.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


class Outcome(NamedTuple):
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Call the command line in this process, into a pipe."""

    def call(*arguments: str, stdin: str | bytes = b"") -> Outcome:
        import io

        from convcalc.cli import main

        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        captured = capsys.readouterr()
        code = stop.value.code
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """Call the command line, or other Python code, as a process of its own."""

    def call(
        *arguments: str, code: str | None = None, stdin: str = "", env: dict[str, str] | None = None
    ) -> Outcome:
        command = [sys.executable, "-m", "convcalc"] if code is None else [sys.executable, "-c", code]
        done = subprocess.run(
            [*command, *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **(env or {})},
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call

# ruff: noqa: E501 - cases read best in one line each
"""Runs a case in this process and says what is wrong with what came of it."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.fuzz.cases import Case
from tests.fuzz.grammar import ZOO

SECONDS = 1.0
"""CPU time that no answer and no refusal may take."""
MEGABYTES = 200
"""Memory that none may take beside what the process has."""
GIVEN_UP = 6.0
"""CPU time after which a case is broken off."""

# What a terminal would obey, or would show in another order than it was written.
STYLES = re.compile(r"\x1b\[[\d;]*m")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Find(NamedTuple):
    """What is wrong with a case: the kind (exception, slow, memory, control, exit) and its particulars."""

    kind: str
    detail: str


class TooSlowError(BaseException):
    """A case took too long; no ``except Exception`` holds it up."""


class Stream(io.TextIOWrapper):
    """A captured stream, as a pipe is."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="strict", newline="")

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")

    def text(self) -> str:
        self.flush()
        found = self.buffer.getvalue()  # type: ignore[attr-defined]
        return str(found.decode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, GIVEN_UP, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


class Outcome(NamedTuple):
    """What a call gave, and what it took."""

    code: Any
    out: str
    err: str
    fault: str
    seconds: float
    megabytes: float


def call(case: Case) -> Outcome:
    """Run one case in the current folder, which holds nothing else."""
    from convcalc.cli import main

    for name, content in case.files.items():
        Path(name).write_bytes(content)
    out, err = Stream(), Stream()
    stdin = io.TextIOWrapper(io.BytesIO(case.stdin), encoding="utf-8")
    before = sys.stdout, sys.stderr, sys.stdin
    code: Any = None
    fault = ""
    _reset_peak()
    at_first = _peak()
    start = time.process_time()
    try:
        with _bounded():
            sys.stdout, sys.stderr, sys.stdin = out, err, stdin
            main(list(case.arguments))
    except SystemExit as stop:
        code = stop.code
    except TooSlowError:
        fault = "slow " + _place()
    except BaseException:
        fault = traceback.format_exc()
    finally:
        sys.stdout, sys.stderr, sys.stdin = before
    seconds = time.process_time() - start
    peak = _peak() - at_first
    for left in os.listdir("."):
        with contextlib.suppress(OSError):
            os.unlink(left)
    return Outcome(code, out.text(), err.text(), fault, seconds, peak)


def _place() -> str:
    """Where a case that was broken off had come to."""
    lines = traceback.format_exc().splitlines()
    places = [line.strip() for line in lines if "/convcalc/" in line]
    return " < ".join(re.sub(r'File ".*?/convcalc/', "", p) for p in places[-6:][::-1])


EXECUTE = ("run", "verify", "fit")
"""Commands whose work is what was asked for: they may take longer, and as much memory as is allowed."""


def finds(case: Case, outcome: Outcome) -> list[Find]:
    """What is wrong with an outcome; nothing as a rule."""
    found = []
    executed = {"--coverage", "-o", "--map", "--effective", "--samples"} & set(case.arguments)
    works = case.arguments[0] in EXECUTE or bool(executed)
    if works and set(case.arguments) & set(ZOO):
        outcome = outcome._replace(seconds=0.0, fault=outcome.fault.removeprefix("slow"))
    slow = outcome.seconds > (GIVEN_UP if works else SECONDS)
    if outcome.fault.startswith("Traceback") and not outcome.fault.startswith("slow"):
        found.append(Find("exception", outcome.fault[-1500:]))
    elif slow or outcome.fault.startswith("slow"):
        found.append(Find("slow", f"{outcome.seconds:.2f} s {outcome.fault}"))
    elif outcome.code not in (None, 0, 1, 2):
        found.append(Find("exit", f"code {outcome.code!r}: {outcome.err[-300:]}"))
    if outcome.megabytes > MEGABYTES and not works:
        found.append(Find("memory", f"{outcome.megabytes:.0f} MB"))
    if outcome.code == 2 and not outcome.err.strip():
        found.append(Find("exit", "code 2 without a word"))
    for where, text in (("stdout", outcome.out), ("stderr", outcome.err)):
        if ("--color", "always") in zip(case.arguments, case.arguments[1:], strict=False):
            text = STYLES.sub("", text)  # which were asked for
        if (control := CONTROL.search(text)) is not None:
            at = control.start()
            found.append(Find("control", f"{where}: {text[max(0, at - 60) : at + 20]!r}"))
        if "Traceback (most recent call last)" in text:
            found.append(Find("exception", text[-1500:]))
    return found


def _reset_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def _peak() -> float:
    """The most memory held so far, in MB."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def warm_up() -> None:
    """Load what commands load, so that no case pays for it."""
    line = "input 3x9x9 | conv 8 k3 s2 | convT 4 k2 s2"
    calls = [
        ("summary", "input 3xHxW | conv 8 k3", "--json"), ("explain", line), ("dilation", "1", "2", "--map"),
        ("transposed", "--from", "8", "--to", "16", "--kernel", "4", "--map"), ("draw", "input 5x5x5 | conv 1 k3"),
        ("compare", line, line), ("variants", "input 8x8x8 | conv 8 k3"), ("verify", line), ("run", line),
        ("fit", line, "--resolution", "8..16", "--max-params", "9"), ("check", line), ("rf", line, "--map"),
        ("padding", line), ("padding", "-k", "3"), ("list",), ("params", "resnet18"), ("rf", line, "-o", "x.png"),
        ("rf", "input 1xHxW | conv 1 k=K"), ("params", "nn.Conv2d(3, 4, 3)"), ("params", "layers: [relu]"),
        ("run", line, "--output", "x.npz"), ("params", "cnov"),
    ]  # fmt: skip
    for arguments in calls:
        call(Case(arguments))
    gc.collect()
    gc.freeze()

"""Progress of long work in a terminal, and what Ctrl-C leaves of it, in processes of their own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcalc.cli import progress
from convcalc.spec.source import cells


class Child:
    """The command line with standard error in a terminal of its own, standard output in a pipe."""

    def __init__(self, columns: int, *arguments: str) -> None:
        self.leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        env = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "convcalc", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower, env=env,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        os.close(follower)
        self.seen = ""

    def read(self, until: Callable[[str], bool], seconds: float = 60) -> None:
        """Read what the terminal shows until it is as wanted, or until the process closes it."""
        end = time.monotonic() + seconds
        while not until(self.seen) and time.monotonic() < end:
            if select.select([self.leader], [], [], 0.2)[0]:
                try:
                    data = os.read(self.leader, 65536)
                except OSError:
                    return
                if not data:
                    return
                self.seen += data.decode()

    def finish(self) -> tuple[int, str]:
        """The exit code and what came out."""
        out, _ = self.process.communicate(timeout=60)
        self.read(lambda _: False, 2)
        os.close(self.leader)
        return self.process.returncode, out.decode()

    def lines(self) -> list[str]:
        """Every line that was drawn."""
        return [text for text in re.split(r"\r|\x1b\[K", self.seen) if text.strip()]


LONG = {
    "random": ("verify", "--random", "100000"),
    "zoo": ("verify", "--zoo"),
    "verify": ("verify", "resnet152", "--full"),
    "run": ("run", "resnet152", "--batch", "4"),
    "laws": ("verify", "--laws"),
    "fit": ("fit", "mobilenet_v2", "--var", "alpha=0.25..2.0", "--resolution", "96..320:1",
            "--max-macs", "300M"),
}  # fmt: skip
"""Work that takes longer than anybody waits for."""


def some(number: int) -> Callable[[str], bool]:
    """So many steps are done."""

    def seen(text: str) -> bool:
        done = [int(found) for found in re.findall(r"(\d+)/\d+ ", text)]
        return bool(done) and max(done) >= number

    return seen


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("zoo", "laws")]


@pytest.mark.parametrize("name", [*(name for name in LONG if name not in ("zoo", "laws")), *SLOW])
@pytest.mark.parametrize("columns", [40])
def test_an_interrupt_keeps_what_was_found(name: str, columns: int) -> None:
    child = Child(columns, *LONG[name], "--json")
    child.read(some(2))
    child.process.send_signal(signal.SIGINT)
    code, out = child.finish()
    assert code == 130, child.seen
    data = json.loads(out)
    counts = {
        "random": lambda: data["number"],
        "zoo": lambda: len(data["networks"]),
        "verify": lambda: len(data["layers"]),
        "run": lambda: len(data["layers"]),
        "laws": lambda: len(data),
        "fit": lambda: data["counted"],
    }
    assert counts[name]() >= 1
    if name not in ("laws", "fit"):
        assert data["complete"] is False
    lines = child.lines()
    assert lines and all(cells(line) < columns for line in lines)
    assert any("left" in line for line in lines)
    assert child.seen.endswith("\r\x1b[K")  # gone at the end
    assert "\n" not in child.seen  # one line, drawn again and again


def test_an_interrupted_run_of_random_specs_into_a_pipe() -> None:
    """Nobody sees progress, and what was found is printed all the same."""
    out, err, code = "", "", 130
    for seconds in (3, 10, 30):  # a machine under load may find nothing in the first seconds
        process = subprocess.Popen(
            [sys.executable, "-m", "convcalc", "verify", "--random", "100000"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        code = process.returncode
        if out or code != 130:
            break
    assert (code, err) == (130, "")
    assert re.match(r"✓ formula and execution agree on [\d,]+ random specs; interrupted, 100,000 were", out)


@pytest.mark.slow
def test_checks_and_comparisons_keep_what_was_counted() -> None:
    from convcalc.spec.library import zoo_names

    for command in (("check", "--max-params", "1T"), ("compare",)):
        child = Child(60, command[0], *zoo_names(), *command[1:], "--json")
        child.read(some(9))
        child.process.send_signal(signal.SIGINT)
        code, out = child.finish()
        data = json.loads(out)
        assert code == 130 and data["complete"] is False
        assert 2 <= len(data["networks"]) < len(zoo_names())
        assert all(cells(line) < 60 for line in child.lines())


def test_quick_work_shows_nothing() -> None:
    child = Child(80, "verify", "conv 3->4 k3", "--input", "3x8x8", "--brief")
    code, out = child.finish()
    assert code == 0 and "agree" in out
    shown = [line for line in child.lines() if "left" in line]
    assert len(shown) <= 3  # a machine under load may take longer than half a second


def test_a_pipe_sees_no_progress() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convcalc", "verify", "--random", "30"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.text(max_size=80), st.floats(0, 1e6),
    st.none() | st.floats(0, 1e6), st.integers(20, 200),
)  # fmt: skip
def test_a_line_fits_any_width(
    done: int, total: int, name: str, elapsed: float, left: float | None, columns: int
) -> None:
    done = min(done, total)
    shown = progress.line(done, total, name, elapsed, left, columns)
    assert cells(shown) < columns
    assert shown.isprintable() or not name.isprintable()
    assert "\n" not in shown and "\x1b" not in shown
    if columns >= 40 and total > 1:
        assert f"{done}/{total} " in shown and f"{100 * done // total}%" in shown
        assert left is None or f"{progress.clock(left)} left" in shown


def test_clocks() -> None:
    assert [progress.clock(s) for s in (0, 7, 61, 750, 3723)] == ["0:00", "0:07", "1:01", "12:30", "1:02:03"]

"""How far long work is: one line on standard error that is drawn again and again, and gone at the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

PATIENCE: Final = 0.5
"""Seconds of work before it is shown."""
EVERY: Final = 0.15
"""Seconds between two lines."""
BAR: Final = 12
"""Characters of the bar, where there is room for one."""

Advance = Callable[[int, int, str], None]
"""Told what is done, how much there is in all (0 where that is not known), and what is at work."""


@contextmanager
def progress(what: str = "") -> Iterator[Advance | None]:
    """Progress on standard error, where that is a terminal and the work takes its time.

    Args:
        what: what is at work, until it says so itself.

    Yields:
        what the work tells its progress to; None where nobody sees it.
    """
    if not sys.stderr.isatty():
        yield None
        return
    line = _Line(what)
    line.start()
    try:
        yield line.advance
    finally:
        line.stop()


class _Line:
    """The line, which a thread of its own draws: a step may take long, and the time goes on."""

    def __init__(self, what: str) -> None:
        self.began = time.monotonic()
        self.now = (0, 0, what)
        self.first: tuple[float, int] | None = None
        self.shown = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._draw, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def advance(self, done: int, total: int, name: str) -> None:
        """Take note of how far the work is; drawing is the thread's."""
        if self.first is None or done < self.now[0]:  # it begins, or begins with something else
            self.first = (time.monotonic(), done)
        self.now = (done, total, name)

    def stop(self) -> None:
        """Take the line away."""
        self.over.set()
        self.thread.join()
        if self.shown:
            _write("\r\x1b[K")

    def _draw(self) -> None:
        wait = PATIENCE
        while not self.over.wait(wait):
            wait = EVERY
            now = time.monotonic()
            done, total, name = self.now
            left = None
            if self.first is not None and self.first[1] < done < total:
                left = (now - self.first[0]) / (done - self.first[1]) * (total - done)
            text = line(done, total, name, now - self.began, left, width())
            self.shown = True
            _write(f"\r{text}\x1b[K")


def line(done: int, total: int, name: str, elapsed: float, left: float | None, columns: int) -> str:
    """The line of one moment.

    Args:
        done: steps done.
        total: steps in all; 0 or 1 where their number says nothing.
        name: what is at work; it is cut to the room that is left.
        elapsed: seconds since the work began.
        left: seconds it will still take; None where nobody knows.
        columns: of the terminal, of which the last stays free.
    """
    from convcalc.printable import one_line
    from convcalc.spec.source import cells

    room = columns - 1
    time_ = f"{clock(left)} left" if left is not None else clock(elapsed)
    counted = f"{done}/{total}  {100 * done // total:>3}%  " if total > 1 else ""
    text = f"{counted}{time_}"
    if total > 1 and len(text) + 2 + BAR + 16 <= room:
        full = BAR * done // total
        text = f"[{'#' * full}{'.' * (BAR - full)}]  {text}"
    name = one_line(name)
    if name and len(text) + 4 <= room:
        rest = room - len(text) - 2
        if cells(name) > rest:
            mark = "…" if _shows("…") else ""
            while name and cells(name) > rest - len(mark):
                name = name[: min(len(name) - 1, rest)]
            name += mark
        text = f"{text}  {name}"
    return text[: max(room, 0)]


def clock(seconds: float) -> str:
    """A time as clocks show it: ``0:07``, ``12:30``, ``1:02:03``."""
    whole = int(seconds + 0.5)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def width() -> int:
    """Columns of the terminal that standard error is."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


def _shows(char: str) -> bool:
    try:
        char.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(text: str) -> None:
    with suppress(OSError, ValueError, UnicodeError):
        sys.stderr.write(text)
        sys.stderr.flush()

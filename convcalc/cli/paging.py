"""A pager for what is longer than the screen, as git has one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress


def pager() -> list[str] | None:
    """The command of the pager; None where there is none, or none is wanted.

    ``CONVCALC_PAGER`` and then ``PAGER`` name it, and ``less`` is the default. Empty, or ``cat``, is none; a
    terminal that obeys nothing (``TERM=dumb``) and a build (``CI``) have none.
    """
    if os.environ.get("TERM", "") in ("", "dumb") or os.environ.get("CI"):
        return None
    asked = os.environ.get("CONVCALC_PAGER", os.environ.get("PAGER", "less"))
    try:
        words = shlex.split(asked)
    except ValueError:
        return None
    if not words or words == ["cat"] or shutil.which(words[0]) is None:
        return None
    return words


def paged(text: str, command: list[str]) -> bool:
    """Show a text in a pager and wait until it is left; False where it cannot be started."""
    import signal

    environment = {"LESS": "FRX", "LV": "-c", **os.environ}
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    # Ctrl-C is for the pager, which stays.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # left early
            process.stdin.write(text.encode(encoding, "backslashreplace"))
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return True

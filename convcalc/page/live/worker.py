"""The process that answers questions of the live page: JSON by the line, in and out.

The server starts it and ends it where a question takes too long. It dies with the server: standard input
ends then, and an alarm ends what would go on without looking there.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from contextlib import suppress
from typing import Any, Final

from convcalc.page.live.engine import answer, errors_of

MEMORY: Final = 3 << 30
"""Bytes of memory that the process may take, where the system can hold it to that."""
MAX_ANSWER: Final = 32_000_000
"""Longest answer, in bytes of JSON."""
_GIVEN: Final = os.environ.get("CONVCALC_SERVE_SECONDS", "")
SECONDS: Final = int(_GIVEN) if re.fullmatch("[1-9][0-9]{0,5}", _GIVEN) else 20
"""Seconds that an answer may take; the environment may say another number."""


def respond(request: Any) -> bytes:
    """The answer to a question as a line of JSON; a defect of convcalc is told as one, too."""
    try:
        data = json.dumps(answer(request), separators=(",", ":"), allow_nan=False).encode()
    except MemoryError as error:
        data = json.dumps({"errors": errors_of(error)}).encode()
    except Exception as error:
        traceback.print_exc()
        fault = ValueError(
            f"a defect of convcalc, which belongs in a report: {type(error).__name__}: {error}"
        )
        data = json.dumps({"errors": errors_of(fault)}).encode()
    if len(data) > MAX_ANSWER:
        large = ValueError(f"this answer has {len(data) / 1e6:.0f} MB, which is more than a page can show")
        data = json.dumps({"errors": errors_of(large)}).encode()
    return data + b"\n"


def limit_memory() -> None:
    """Hold the process to :data:`MEMORY`, where the system can."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def run() -> None:
    """Say that it is ready, and answer every line of standard input on standard output, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    limit_memory()
    answer({"question": "page", "specs": ["conv 1 k1"], "input": "1x1x1"})  # which loads what answers take
    _write(b"ready\n")
    alarm = getattr(signal, "setitimer", None)
    for line in sys.stdin.buffer:
        if alarm is not None:
            alarm(signal.ITIMER_REAL, SECONDS + 2)
        data = respond(json.loads(line))
        if alarm is not None:
            alarm(signal.ITIMER_REAL, 0)
        _write(data)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

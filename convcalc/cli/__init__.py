"""The command line: each command is one call of the public API and one renderer."""

from __future__ import annotations

import gc
from typing import Final, NoReturn

_NEW: Final = 50_000
"""Objects that are made before the collector of cycles looks for some: imports make many, which all stay."""


def main(arguments: list[str] | None = None, program: str = "convcalc") -> NoReturn:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: what stands after the program's name; ``sys.argv`` by default.
        program: the name that usage lines show.
    """
    if gc.isenabled():
        gc.set_threshold(max(_NEW, gc.get_threshold()[0]))
    from convcalc.cli.app import run

    run(arguments, program)

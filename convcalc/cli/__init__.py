"""The command line: each command is one call of the public API and one renderer."""

from __future__ import annotations

from typing import NoReturn


def main(arguments: list[str] | None = None, program: str = "convcalc") -> NoReturn:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: what stands after the program's name; ``sys.argv`` by default.
        program: the name that usage lines show.
    """
    from convcalc.cli.app import run

    run(arguments, program)

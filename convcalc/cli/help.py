"""Help by example: what a command answers, three lines to try, then its options by what they are for."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from inspect import signature
from typing import Any, Final

from convcalc.cli import options
from convcalc.cli.coerce import literals
from convcalc.cli.examples import EXAMPLES, FIRST
from convcalc.cli.registry import COMMANDS

GOES_IN: Final = "What goes in"
ASKED: Final = "What is asked"
SHOWN: Final = "How it is shown"
GROUPS: Final = (GOES_IN, ASKED, SHOWN)

ABOUT: Final = "A convolution calculator whose every number can be executed."
FIVE: Final = "Five things to try"

WIDEST: Final = 100
"""Columns of help, however wide the terminal is: longer lines are hard to read."""
NAMES: Final = 26
"""Columns for the names of options; a longer one has its words in the next line."""

_OF: Final = {
    **dict.fromkeys((one.name for one in options.TAKES), GOES_IN),
    **dict.fromkeys((one.name for one in options.SHOWS), SHOWN),
}


def width() -> int:
    """Columns that help is fitted to: of the terminal, or of ``COLUMNS``."""
    return max(40, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def of_command(name: str, command: Any, program: str) -> str:
    """The help of one command.

    Args:
        name: the command's.
        command: Typer's, with its parameters.
        program: how convcalc was called, for the usage.
    """
    columns = width()
    takes = [one for one in command.params if one.param_type_name == "argument"]
    lines = [*_paragraphs(command.help or "", columns), ""]
    lines += [*_examples(name, columns), ""]
    usage = " ".join([program, name, *map(_placed, takes), "[options]"])
    lines += textwrap.wrap(f"Usage  {usage}", columns, subsequent_indent=" " * 7)
    for group in GROUPS:
        rows = [_row(one, command.callback) for one in command.params if _group(one) == group]
        if group == SHOWN:
            rows.append(("-h, --help", "This help."))
        if rows:
            lines += ["", _strong(group), *_listed(rows, columns)]
    return "\n".join(lines) + "\n"


def of_program(params: Iterable[Any], program: str) -> str:
    """The help of convcalc: five lines to try, and its commands by what they are for."""
    columns = width()
    lines = [ABOUT, "", _strong(FIVE), *_tried(FIRST, columns), ""]
    panels: dict[str, list[tuple[str, str]]] = {}
    for name, row in COMMANDS.items():
        panels.setdefault(row.panel, []).append((name, row.help))
    for panel, rows in panels.items():
        lines += [_strong(panel), *_listed(rows, columns, 12), ""]
    rows = [_row(one) for one in params]
    lines += [_strong("Options"), *_listed([*rows, ("-h, --help", "This help.")], columns), ""]
    told = (
        "SPEC is a line such as 'conv 64 k3 | bn | relu', a pasted call of PyTorch or Keras, a file (a "
        "document, a model of ONNX, PyTorch or Keras, its source, its printed form), - for standard input, "
        f"or the name of a network from `{program} list`."
    )
    lines += textwrap.wrap(told, columns)
    return "\n".join(lines) + "\n"


def of_nothing(program: str) -> str:
    """What is told where nothing was asked: five lines to try; standard error holds text without bold."""
    told = f"{program} -h lists every command, {program} COMMAND -h what it takes."
    lines = [ABOUT, "", FIVE, *_tried(FIRST, width())]
    return "\n".join([*lines, "", *textwrap.wrap(told, width())]) + "\n"


def _strong(text: str) -> str:
    """A heading: bold in a terminal that shows it."""
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text


def _paragraphs(text: str, columns: int) -> Iterator[str]:
    for number, part in enumerate(text.strip().split("\n\n")):
        if number:
            yield ""
        yield from textwrap.wrap(" ".join(part.split()), columns)


def _examples(name: str, columns: int) -> list[str]:
    return _tried(((f"{name} {arguments}".strip(), words) for arguments, words in EXAMPLES[name]), columns)


def _tried(examples: Iterable[tuple[str, str]], columns: int) -> list[str]:
    """Lines to try with what they answer, aligned where they fit beside each other."""
    lines = [(f"  convcalc {line}", words) for line, words in examples]
    beside = [line for line, words in lines if len(line) + len(words) + 3 <= columns]
    widest = max(map(len, beside), default=0)
    beside = [line for line, words in lines if line in beside and widest + len(words) + 3 <= columns]
    found = []
    for line, words in lines:
        if line in beside:
            found.append(f"{line:<{widest}}   {words}")
        else:
            found += [line, *textwrap.wrap(words, columns, initial_indent=" " * 6, subsequent_indent=" " * 6)]
    return found


def _placed(argument: Any) -> str:
    metavar = argument.metavar or argument.name.upper()
    return metavar if argument.required or metavar.startswith("[") else f"[{metavar}]"


def _group(param: Any) -> str:
    return GOES_IN if param.param_type_name == "argument" else _OF.get(param.name, ASKED)


def _row(param: Any, callback: Any = None) -> tuple[str, str]:
    """The names of a parameter with what it takes, and its words."""
    words = param.help or ""
    choices = literals(signature(callback).parameters[param.name].annotation) if callback else ()
    if param.param_type_name == "argument":
        return param.metavar or param.name.upper(), words
    names = sorted(param.opts, key=lambda one: one.startswith("--"))  # short ones first
    metavar = param.metavar or (str(param.name).upper() if choices else "VALUE")
    takes = "" if param.is_flag else f" {metavar}"
    if choices:
        words = f"{words} One of {', '.join(choices)}."
    default = param.default
    if not param.is_flag and default not in (None, ()) and "efault" not in words:
        words = f"{words} Default: {default}."
    return ", ".join(names) + takes, words


def _listed(rows: Iterable[tuple[str, str]], columns: int, names: int = NAMES) -> Iterator[str]:
    blank = " " * (names + 2)
    for name, words in rows:
        lines = textwrap.wrap(words, columns, initial_indent=blank, subsequent_indent=blank) or [""]
        if len(name) + 2 < names + 2:
            lines[0] = f"  {name:<{names}}" + lines[0][names + 2 :]
        else:
            lines.insert(0, f"  {name}")
        yield from (line.rstrip() for line in lines)

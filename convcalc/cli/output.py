"""Where answers and errors go: a terminal, or a pipe or file; this is the only place that writes there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from convcalc.cli.problem import UsageProblem as UsageProblem
from convcalc.cli.problem import visible as visible

if TYPE_CHECKING:
    from convcalc.render.answer import Answer, Form, Saved

WRONG_USE = 2
"""Exit code where the spec or an option is wrong."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as a shell reports it."""

BROKEN_PIPE = 141
"""Exit code where the reader of a pipe left, as a shell reports it."""


def write(text: str) -> None:
    """Write to standard output; a reader who left ends the command quietly.

    Where it cannot be written (a full disk), one line says so, and the exit code is 2.
    """
    _send(visible(text))


def _send(text: str) -> None:
    """The same of a text that holds nothing from outside as it came."""
    stream = sys.stdout
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            from convcalc.render.text import ASCII

            encoding = stream.encoding or "ascii"
            stream.write(text.translate(ASCII).encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        hang_up()
    except OSError as error:
        tell(f"error: standard output: {(error.strerror or 'cannot be written').lower()}\n")
        hang_up(WRONG_USE)


def tell(text: str) -> None:
    """Write to standard error; where that cannot be written either, there is nobody to tell."""
    with suppress(OSError, ValueError):
        sys.stderr.write(visible(text))
        sys.stderr.flush()


def hang_up(code: int = BROKEN_PIPE) -> NoReturn:
    """Leave after standard output was lost, without a message at exit."""
    with suppress(OSError, ValueError):  # a stream of Python's own has no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(code) from None


def note(text: str) -> None:
    """Tell on standard error how something was read that may have been meant otherwise."""
    from convcalc.cli import typed

    tell(f"note: {typed.spoken(text)}\n")


def show(answer: Answer, form: Form, *, color: str = "auto", pager: bool = True) -> None:
    """Show an answer: fitted to a terminal, in full anywhere else.

    Args:
        answer: what to show.
        form: the form it has; only ``table`` is fitted.
        color: ``auto``, ``always`` or ``never``.
        pager: whether what is longer than a terminal goes through a pager.
    """
    terminal = sys.stdout.isatty()
    if form == "table" and (terminal or color == "always"):
        _show_lines(answer, terminal, color, pager)
    else:
        from convcalc.render.answer import written

        write(written(answer, form))


def _show_lines(answer: Answer, terminal: bool, color: str, pager: bool) -> None:
    import shutil

    from convcalc.cli import paging
    from convcalc.render import terminal as shown
    from convcalc.render import text
    from convcalc.render.table import Screen

    # A number that is wider than the terminal goes on in the next line instead of being cut.
    width, height = shutil.get_terminal_size()
    lines = text.lines(answer.parts, Screen(width, height) if terminal else None, toned=True)
    colour, ascii = shown.wants_colour(color, sys.stdout), shown.is_ascii(sys.stdout)
    painted = list(shown.painted(lines, colour=colour, ascii=ascii))
    whole = "".join(f"{line}\n" for line in painted)
    command = paging.pager() if pager and terminal and len(painted) >= height else None
    if command is None or not paging.paged(whole, command):
        _send(whole)


def written_to(path: str, answer: Answer) -> tuple[Answer, Saved]:
    """Write an answer into a file before anything of it is shown; where that fails, nothing is."""
    from convcalc.render.answer import save

    answer = answer._replace(parts=list(answer.parts))
    return answer, save(answer, path)


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Tell a wrong spec or option at its place and leave with exit code 2; never a traceback.

    Errors that are not a fault of the spec, of an option or of a file pass through: such a one is
    a defect of convcalc, and its traceback belongs in a report.
    """
    try:
        yield
    except BrokenPipeError:
        hang_up()
    except (ValueError, OSError) as error:
        raise typer.Exit(fail([_as_typed(problem) for problem in problems_of(error)], as_json)) from None
    except RecursionError:
        problem = UsageProblem("this is nested too deep to work out", expected="a simpler spec")
        raise typer.Exit(fail([_as_typed(problem)], as_json)) from None
    except MemoryError as error:
        # Nothing was written: every form of an answer is whole before it is shown.
        problem = UsageProblem(f"out of memory: {error or 'it is used up'}", expected="a smaller --input")
        raise typer.Exit(fail([_as_typed(problem)], as_json)) from None


def _as_typed(problem: Any) -> Any:
    from convcalc.cli import typed

    return typed.problem_as_typed(problem)


def problems_of(error: Exception) -> Sequence[Any]:
    """The problems an exception carries; each prints itself and has ``to_dict``."""
    problems = error.told() if hasattr(error, "told") else getattr(error, "problems", None)
    if problems:
        return list(problems)
    if isinstance(error, UsageProblem):
        return [error]
    if isinstance(error, OSError) and error.filename is not None:
        return [UsageProblem(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")]
    return [UsageProblem(str(error) or type(error).__name__, expected=getattr(error, "hint", None))]


def fail(problems: Sequence[Any], as_json: bool) -> int:
    """Print problems to standard error, as JSON to standard output too, and return their exit code."""
    if as_json:
        from convcalc.render.data import to_json

        write(to_json({"errors": [problem.to_dict() for problem in problems]}))
    tell("".join(f"error: {problem}\n" for problem in problems))
    return WRONG_USE

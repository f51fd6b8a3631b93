"""The application: a Typer group that imports a command's module when it is called."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from convcalc.cli import typed
from convcalc.cli.coerce import LightCommand
from convcalc.cli.output import INTERRUPTED, WRONG_USE, UsageProblem, fail, hang_up, tell, write
from convcalc.cli.registry import COMMANDS


class Closed(io.TextIOBase):
    """Standard output that was closed by who called: an answer that is lost is no answer."""

    def write(self, text: str) -> int:
        """Refuse the text."""
        raise OSError(errno.EBADF, "it is closed")


class Command(LightCommand):
    """One command with help by example."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Lines to try first, then the options by what they are for."""
        from convcalc.cli.help import of_command

        parent = ctx.parent.command_path if ctx.parent else "convcalc"
        formatter.write(of_command(self.name or "", self, parent))


class LazyGroup(TyperGroup):
    """Knows every command by its line of help, and builds only the one that is asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, row in COMMANDS.items():
            stub = TyperCommand(name, help=row.help, rich_help_panel=row.panel)
            self.commands[name] = stub
        self._listing = False

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or its stub while commands are only listed."""
        row = COMMANDS.get(cmd_name)
        if row is None or self._listing:
            return self.commands.get(cmd_name)
        from importlib import import_module

        module, _, function = row.home.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode=self.rich_markup_mode)
        single.command(cmd_name, cls=Command, rich_help_panel=row.panel)(
            getattr(import_module(module), function)
        )
        return typer.main.get_command(single)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what stands before the command; where there is nothing at all, show the help."""
        if not args and not ctx.resilient_parsing:
            from convcalc.cli.help import of_nothing

            tell(of_nothing(ctx.command_path))
            raise typer.Exit(WRONG_USE)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called; where there is none of that name, the one that may be meant."""
        if args[0] not in self.commands and not ctx.resilient_parsing and not args[0].startswith("-"):
            raise UsageProblem(
                f"No such command {args[0]!r}",
                expected=f"one of those that {ctx.command_path} -h lists",
                nearest=_nearest_command(args, ctx.command_path),
            )
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Five lines to try, and the commands, without importing them."""
        from convcalc.cli.help import of_program

        formatter.write(of_program(self.params, ctx.command_path))

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete the commands without importing them."""
        self._listing = True
        return super().shell_complete(ctx, incomplete)


def _nearest_command(args: list[str], program: str) -> str | None:
    """The command of the nearest name; else the one whose line of help has these words the earliest."""
    from convcalc.spec.errors import nearest_name

    name = args[0].lower()
    if name == "help":
        return f"{program} {args[1]} -h" if args[1:] and args[1] in COMMANDS else f"{program} -h"
    if found := nearest_name(name, COMMANDS):
        return found
    words = name.replace("-", " ").replace("_", " ")
    told = {key: f" {re.sub('[^a-z]+', ' ', row.help.lower())} " for key, row in COMMANDS.items()}
    return min(
        (key for key in told if f" {words} " in told[key]),
        key=lambda key: told[key].find(words),
        default=None,
    )


def _usage_problem(error: Any) -> UsageProblem:
    """What Typer's parser says, in the form of every other problem."""
    possible = list(getattr(error, "possibilities", None) or ())  # the closest first
    message = error.message if possible else error.format_message()
    usage = _usage(error.ctx.get_usage()) if error.ctx else None
    option = getattr(error, "option_name", None) or ""
    now = typed.TYPED.get()
    if option[1:2].isdigit():  # -2 is read as an option
        message = "a number below 0 is accepted only as the value of an option"
    elif now is not None and option in now.values:
        message, usage = f"{option} needs a value", f"{option} {now.values[option]}"
    elif message.startswith("Missing argument") and error.ctx and error.ctx.info_name in COMMANDS:
        from convcalc.cli.examples import EXAMPLES

        usage = f"a SPEC, such as {error.ctx.command_path} {EXAMPLES[error.ctx.info_name][0][0]}"
    elif now is not None and option:
        found = typed.nearest(option, now.options)
        possible = [found] if found else []
    return UsageProblem(message.rstrip("."), expected=usage, nearest=possible[0] if possible else None)


def _usage(text: str) -> str:
    """How a command is used, as its help writes it: ``{SPEC...}...`` of Typer is ``SPEC...``."""
    return re.sub(r"\{([^{}]*?)(?:\.\.\.)?\}(\.\.\.)?", r"\1\2", text.partition(": ")[2].strip())


def _version(value: bool) -> None:
    if value:
        from convcalc import __version__

        write(f"convcalc {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """A convolution calculator whose every number can be executed.

    SPEC is a line such as "conv 64 k3 | bn | relu", a file, - for standard
    input, or the name of a network from `convcalc list`.
    """


def run(arguments: list[str] | None = None, program: str = "convcalc") -> NoReturn:
    """Run the command line and leave the process with its exit code."""
    if sys.stderr is None:  # closed by who called: there is nobody to tell
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = Closed()
    given = sys.argv[1:] if arguments is None else arguments
    # Typer reads the options before a command with a heavy library. Where the command stands first, there
    # are none to read.
    options = not given or given[0] not in COMMANDS
    app = typer.Typer(
        name="convcalc",
        cls=LazyGroup,
        add_completion=options,
        add_help_option=options,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    try:
        try:
            code = typer.main.get_command(app).main(given, prog_name=program, standalone_mode=False)
        except typer.TyperException as error:
            code = fail([_usage_problem(error)], "--json" in given)
        except UsageProblem as error:  # a value that is not of the kind its option takes
            code = fail([typed.problem_as_typed(error)], "--json" in given)
        except OSError as error:  # of help, which Typer writes
            tell(f"error: standard output: {(error.strerror or 'cannot be written').lower()}\n")
            hang_up(WRONG_USE)
    except typer.Exit as leave:
        code = leave.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)

"""Help by example: three lines a command that work, and every option by what it is for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from convcalc.cli.app import LazyGroup
from convcalc.cli.examples import EXAMPLES, FIRST
from convcalc.cli.help import GROUPS
from convcalc.cli.registry import COMMANDS

SERVES = {"serve"}
"""Runs until it is stopped; its lines are run by the tests of the server."""
WIDTHS = (60, 80, 100, 140)


def params(name: str) -> list[Any]:
    """What Typer knows of a command's parameters."""
    group = LazyGroup(name="convcalc")
    return list(group.get_command(typer.Context(group), name).params)


def lines() -> Iterator[tuple[str, str]]:
    for arguments, _ in FIRST:
        yield arguments.partition(" ")[0], arguments
    for name, examples in EXAMPLES.items():
        for arguments, _ in examples:
            yield name, f"{name} {arguments}".strip()


def test_every_command_has_three_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert {name: len(examples) for name, examples in EXAMPLES.items()} == dict.fromkeys(COMMANDS, 3)
    assert len(FIRST) == 5


@pytest.mark.parametrize("line", [line for name, line in lines() if name not in SERVES])
def test_an_example_works(cli, line: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(line)
    done = cli(*arguments)
    assert done.code == 0, done.err
    assert done.out
    assert "error" not in done.err
    written = [arguments[index + 1] for index, text in enumerate(arguments) if text == "-o"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_every_option_once_and_fits(cli, name: str, width: int, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = cli(name, "-h")
    assert (done.code, done.err) == (0, "")
    shown = done.out.splitlines()
    examples = [line for line in shown if line.startswith("  convcalc ")]
    assert len(examples) == 3
    assert all(len(line) <= width for line in shown if line not in examples)
    for param in params(name):
        if param.param_type_name == "option":
            long = next(text for text in param.opts if text.startswith("--"))
            rows = [line for line in shown if long in line.replace(",", " ").split()[:4] and line[:2] == "  "]
            assert len([row for row in rows if row not in examples and row[2] == "-"]) == 1, long
        assert param.help, param.name
    assert "<bool>" not in done.out and "<str>" not in done.out
    headings = [line for line in shown if line in GROUPS]
    assert headings == [group for group in GROUPS if group in headings] and headings


def test_help_of_convcalc_starts_with_things_to_try(cli) -> None:
    done = cli("-h")
    assert done.code == 0
    for arguments, words in FIRST:
        assert f"convcalc {arguments}" in done.out and words in done.out
    assert done.out.index(FIRST[0][0]) < done.out.index("Count\n")


def test_convcalc_alone_shows_five_things_to_try(cli) -> None:
    done = cli()
    assert (done.code, done.out) == (2, "")
    for arguments, _ in FIRST:
        assert f"convcalc {arguments}" in done.err
    assert len(done.err.splitlines()) < 20


def test_what_convcalc_alone_shows_in_a_terminal_has_no_escapes_written_out(cli, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    done = cli()
    assert "Five things to try\n" in done.err and "x1b" not in done.err

"""One vocabulary: an option is called, means and refuses the same in every command."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from convcalc.cli import typed
from convcalc.cli.registry import COMMANDS
from tests.cli.calls import APART, CALLS, long, parameters
from tests.cli.calls import test_every_command_has_a_call as test_every_command_has_a_call
from tests.conftest import ROOT

EVERY = [(command, parameter) for command in COMMANDS for parameter in parameters(command)]
OPTIONS = {long(parameter) for _, parameter in EVERY}
MANY = [pytest.param(command, parameter, id=f"{command} {long(parameter)}") for command, parameter in EVERY]
ANSWERS = [row for row in MANY if row.values[0] not in APART]


def value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.display_type(None))


def test_the_same_short_name_is_the_same_option() -> None:
    shorts = defaultdict(set)
    for _, parameter in EVERY:
        for name in set(parameter.opts) - {long(parameter)}:
            shorts[name].add(long(parameter))
    assert {name: found for name, found in shorts.items() if len(found) > 1} == {}
    assert shorts["-d"] == {"--dilation"}
    assert shorts["-o"] == {"--output"}


def test_the_same_option_has_the_same_short_name_and_value() -> None:
    found: dict[str, set[Any]] = defaultdict(set)
    for _, parameter in EVERY:
        kind = "choice" if value(parameter).startswith("<") and not parameter.is_flag else value(parameter)
        found[long(parameter)].add((tuple(sorted(parameter.opts)), kind, parameter.is_flag))
    assert {name: kinds for name, kinds in found.items() if len(kinds) > 1} == {}


def test_the_same_option_is_explained_alike() -> None:
    """Its help begins with the same word in every command, and is the same wherever it can be."""
    found = defaultdict(set)
    for _, parameter in EVERY:
        found[long(parameter)].add(re.split(r"\W", parameter.help)[0].lower())
    assert {name: words for name, words in found.items() if len(words) > 1} == {}


@pytest.mark.parametrize(
    "gone",
    [
        *("--plot", "--latex", "--in", "--out", "--max-rate", "-op", "--reduce"),
    ],
)
def test_words_that_meant_another_option_are_gone(gone: str) -> None:
    assert not [command for command, parameter in EVERY if gone in parameter.opts]


def test_one_pair_of_sizes_and_one_word_for_each_limit() -> None:
    having: dict[str, set[str]] = defaultdict(set)
    for command, parameter in EVERY:
        having[long(parameter)].add(command)
    assert having["--from"] == having["--to"] == {"padding", "transposed"}
    assert having["--max-memory"] == {"check", "fit"}  # a limit of the question
    assert having["--guard"] == {"run"}  # what executing it may take
    assert having["--output"] >= set(CALLS)


@pytest.mark.parametrize(("command", "parameter"), [row for row in ANSWERS if row.values[1].opts])
def test_what_cannot_be_read_is_refused_with_what_can(cli: Any, command: str, parameter: Any) -> None:
    """Every choice lists its words, every number its range; in the spelling that was typed."""
    annotation = parameter.type_descriptor.annotation
    for name in parameter.opts:
        if get_origin(annotation) is Literal:
            done = cli(command, *CALLS[command], name, "nonsense")
            assert f"{name} 'nonsense' is not one of its choices" in done.err
            assert all(choice in done.err for choice in get_args(annotation))
        elif annotation is int and parameter.min is not None:
            done = cli(command, *CALLS[command], name, str(parameter.min - 1))
            assert done.err.startswith(f"error: {name} is {parameter.min - 1}\n")
            span = f"from {parameter.min} to {parameter.max}" if parameter.max else f"{parameter.min} or more"
            assert span in done.err
        elif annotation is int:
            done = cli(command, *CALLS[command], name, "3.5")
            assert f"{name} '3.5' is not a whole number" in done.err
        elif not parameter.is_flag:
            done = cli(command, *CALLS[command], name)
            assert (
                f"error: {name} needs a value\n  expected {name} {value(parameter).strip('<>')}" in done.err
            )
        else:
            continue
        assert (done.code, done.out) == (2, "")


def misspelt(name: str) -> list[str]:
    """Names with two letters swapped, one left out, one too many."""
    middle = len(name) // 2 + 1
    return [
        name[:middle] + name[middle + 1 : middle + 2] + name[middle] + name[middle + 2 :],
        name[:middle] + name[middle + 1 :],
        name[:middle] + "x" + name[middle:],
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_suggestions_are_options_of_the_command(cli: Any, command: str) -> None:
    own = {name for parameter in parameters(command) for name in (*parameter.opts, *parameter.secondary_opts)}
    own |= {"--help", "-h"}
    wrong = {*typed.MOVED, *OPTIONS, "--inptu", "--plot"}
    wrong |= {bad for parameter in parameters(command) for bad in misspelt(long(parameter))[:1]}
    for name in sorted(wrong - own):
        done = cli(command, *CALLS.get(command, ()), name, "3")
        assert (done.code, done.out) == (2, "")
        for near in re.findall(r"did you mean (\S+)", done.err):
            assert near.rstrip("?") in own, (name, done.err)


@pytest.mark.parametrize(("command", "parameter"), MANY)
def test_a_misspelt_option_is_found(command: str, parameter: Any) -> None:
    own = [name for one in parameters(command) for name in one.opts]
    name = long(parameter)
    for wrong in misspelt(name):
        near = typed.nearest(wrong, own)
        assert near == name or wrong in own or len(name) < 8 or (near or "").startswith(name[:4]), wrong


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("params", "lenet5", "--inptu", "3x3"), "--input"),
        (("params", "lenet5", "--plot", "x.png"), "-o FILE"),
        (("rf", "lenet5", "--plot", "x.png"), "-o FILE"),
        (("padding", "-k", "3", "--in", "32"), "--from"),
        (("transposed", "--from", "3", "--out", "32"), "--to"),
        (("rf", "lenet5", "--from", "c1"), "--start"),
        (("export", "lenet5", "--to", "onnx"), "-o FILE"),
        (("explain", "conv", "--latex"), "--notation latex"),
        (("run", "lenet5", "--max-memory", "1GB"), "--guard"),
        (("dilation", "--reach", "9", "--max-rate", "3"), "--max-dilation"),
        (("dilation", "--reach", "9", "--layers", "3"), "--count"),
        (("variants", "conv 3->4 k3", "--expand", "4"), "--expansion"),
    ],
)
def test_an_option_that_was_renamed_is_told(cli: Any, arguments: tuple[str, ...], near: str) -> None:
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"did you mean {near}?\n")


@pytest.mark.parametrize(
    ("arguments", "message", "near"),
    [
        (("padding", "-k", "0"), "-k 0: kernel is at least 1", "-k 1"),
        (("padding", "--kernel", "0"), "--kernel 0: kernel is at least 1", "--kernel 1"),
        (("padding", "-k", "3x"), "-k '3x' is no whole number", ""),
        (("padding", "-k", "3", "--mode", "same", "--to", "5"), "--mode and --to cannot go together", ""),
        (("padding", "-k", "3", "--from", "0"), "--from 0: input is at least 1", "--from 1"),
        (("padding", "-k", "3", "--input", "3x0x0"), "--input 0: input is at least 1", "--input 1"),
        (("padding", "-k", "3", "--from", "9", "--to", "40x40x40x40"), "4 axes", ""),
        (("padding", "lenet5", "-k", "3"), "SPEC and -k cannot go together", ""),
        (("transposed", "--from", "4", "-k", "4", "-p", "-1"), "negative one adds", "-p 0"),
        (("dilation", "--reach", "67", "--count", "3"), "at most 27", "--count 4, or --reach 27"),
        (("params", "lenet5", "-b", "0"), "-b is 0", ""),
        (("params", "lenet5", "--json", "--md"), "--json and --md cannot go together", ""),
        (("params", "lenet5", "-i", "3x3"), "-i:1:1", ""),
        (("rf", "lenet5", "-i", "2x1x32x32"), "-i:1:1", "-i 1x32x32"),
        (("run", "lenet5", "--guard", "10"), "10 are allowed", ""),
        (("run", "lenet5", "--guard", "ten"), "--guard 'ten' is no size", ""),
        (("sizes", "lenet5", "--near", "a"), "--near 'a'", ""),
    ],
)
def test_errors_speak_of_what_was_typed(
    cli: Any, arguments: tuple[str, ...], message: str, near: str
) -> None:
    done = cli(*arguments)
    assert done.code == 2
    assert message in done.err.splitlines()[0]
    nearest = re.search(r"(?:nearest: |did you mean )([^?\n]+)", done.err)
    assert (nearest[1] if nearest else "") == near or not near
    told = cli(*arguments, "--json") if "--md" not in arguments else None
    if told is not None:
        (problem,) = told.json()["errors"]
        assert not near or problem["nearest"] == near


def test_the_guard_is_named_only_where_it_is(cli: Any) -> None:
    assert "(--guard)" in cli("run", "lenet5", "--guard", "10").err
    from convcalc.cli.output import UsageProblem

    for command, found in (("verify", "x"), ("run", "x (--guard)")):
        typed.TYPED.set(
            typed.read(parameters(command), {"max_memory": ("--guard",)} if "g" in found else {}, [])
        )
        assert typed.problem_as_typed(UsageProblem("x (max_memory)")).message == found


def test_a_hint_at_an_option_that_the_command_lacks_is_left_out(cli: Any) -> None:
    assert "(--batch 2)" in cli("summary", "lenet5", "--input", "2x1x32x32").err
    assert "--batch" not in cli("rf", "lenet5", "--input", "2x1x32x32").err


def strings(path: Path) -> str:
    """The texts of a module that a reader may see: all but its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped
    )


def test_every_option_that_a_text_names_exists() -> None:
    """Messages, notes, networks and pages: none tells of an option that no command has."""
    texts = {path: strings(path) for path in (ROOT / "convcalc").rglob("*.py")}
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "convcalc").rglob("*.yaml")}
    pages = [ROOT / "README.md", *(ROOT / "examples").glob("*.md")]
    texts |= {
        path: "\n".join(
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if "convcalc " in line and "pip" not in line
        )
        for path in pages
    }
    known = OPTIONS | {
        name for _, parameter in EVERY for name in (*parameter.opts, *parameter.secondary_opts)
    }
    known |= {"--help", "--version", "--install-completion", "--show-completion", *typed.MOVED}
    known |= {"--line"}  # a colour of style sheets
    wrong = {
        (path.name, name)
        for path, text in texts.items()
        for name in re.findall(r"(?<![\w-])--[a-z][a-z-]+\b(?![:(-])", text)
        if name not in known
    }
    assert {row for row in wrong if not row[0].startswith(("report", "live"))} == set()

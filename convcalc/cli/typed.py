"""What was typed: which spelling of an option, and messages that speak of the options so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from copy import copy
from typing import Any, Final, NamedTuple

MOVED: Final[Mapping[str, tuple[str, ...]]] = {
    "--plot": ("-o FILE",),
    "--in": ("--from",),
    "--out": ("--to",),
    "--to": ("-o FILE", "--form"),
    "--from": ("--start", "--input"),
    "--latex": ("--notation latex",),
    "--max-memory": ("--guard",),
    "--max-rate": ("--max-dilation",),
    "--expand": ("--expansion",),
    "--reduce": ("--reduction",),
    "--layers": ("--count",),
    "--size": ("--from", "--input"),
    "--format": ("--form", "-o FILE"),
    "--out-file": ("-o FILE",),
    "--save": ("-o FILE",),
}
"""What an option is called that a command does not have under this name; the first that it has."""


NUMBERS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "padding": (("--kernel",), "--kernel 3"),
    "transposed": (("--from", "--to"), "--from 8 --to 16"),
}
"""Options that say what numbers mean which stand in the place of a SPEC, and what such a call looks like."""
_SIZE: Final = re.compile(r"\d+(x\d+)*")
_SHAPE: Final = re.compile(r"\w+(x\w+)+")


class Typed(NamedTuple):
    """The options of a command and how they were typed.

    Attributes:
        options: every spelling, with the one that was typed, or the long one.
        words: names of the questions' arguments, with the option that states each.
        values: every spelling of an option that takes a value, with what its help calls the value.
    """

    options: Mapping[str, str]
    words: Mapping[str, str]
    values: Mapping[str, str]


TYPED: Final[ContextVar[Typed | None]] = ContextVar("typed", default=None)
_OPTION: Final = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_LIMIT: Final = re.compile(r"(?:\A|(?<=a limit such as ))((?:max|min)_[a-z_]+)(?:=|: )(?=\S)")
_ASIDE: Final = re.compile(r" \((--?[a-z][a-z_-]*|[a-z]+_[a-z_]+)[^()]*\)")


def read(params: Iterable[Any], words: Mapping[str, tuple[str, ...]], args: Iterable[str]) -> Typed:
    """How the options of a command were typed.

    Args:
        params: the parameters of the command.
        words: arguments of its question that go by another name, with the options that state them.
        args: the arguments of the call.
    """
    given = [arg.partition("=")[0] for arg in args if arg[:1] == "-" and arg != "-"]
    given += [arg[:2] for arg in given if arg[1:2] != "-"]
    options: dict[str, str] = {}
    named: dict[str, str] = {}
    values: dict[str, str] = {}
    for param in params:
        spellings = [*param.opts, *param.secondary_opts]
        if not spellings[0].startswith("-"):
            continue
        long = max(param.opts, key=len)
        shown = next((text for text in given if text in spellings), None)
        options |= {text: shown or text for text in spellings}
        named[param.name] = named[long.lstrip("-").replace("-", "_")] = shown or long
        if not param.is_flag:
            values |= dict.fromkeys(spellings, param.metavar or param.display_type(None).strip("<>"))
    for word, known in words.items():
        typed = (options[option] for option in known if any(text == options[option] for text in given))
        named[word] = next(typed, known[0])
    return Typed(options, named, values)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The option of a command that a name which it does not have may stand for."""
    known = list(known)
    moved = (new for new in MOVED.get(name, ()) if new.partition(" ")[0] in known)
    found = next(moved, None)
    if found is None:
        from convcalc.spec.errors import nearest_name

        # The dashes are no letters that two names have in common.
        close = nearest_name(name.lstrip("-"), [option[2:] for option in known if option.startswith("--")])
        found = f"--{close}" if close else None
    return found


def one_spec(name: str, spec: Any, rest: list[str]) -> None:
    """Refuse arguments that are no SPEC, or more than one, with what they are meant for.

    Args:
        name: the command.
        spec: its argument SPEC, if it has one.
        rest: arguments that it does not take.

    Raises:
        UsageProblem: a number stands where a spec does, or a spec stands in several arguments.
    """
    from convcalc.cli.problem import UsageProblem

    words = [spec, *rest] if isinstance(spec, str) else rest
    if name in NUMBERS and words and all(map(_SIZE.fullmatch, words)):
        options, example = NUMBERS[name]
        told = " ".join(f"{option} {word}" for option, word in zip(options, words, strict=False))
        raise UsageProblem(
            f"{' '.join(words)} is no SPEC",
            expected=f"numbers by their options, such as {example}",
            nearest=told if len(words) >= len(options) else None,
        )
    if not rest or not isinstance(spec, str):
        return
    message = f"Got unexpected extra argument(s) ({' '.join(rest)})"
    typed = TYPED.get()
    if len(rest) == 1 and _SHAPE.fullmatch(rest[0]) and typed is not None and "--input" in typed.options:
        raise UsageProblem(message, expected="one SPEC", nearest=f"--input {rest[0]}")
    from convcalc.layers import ALIASES, OPS

    if spec in OPS or spec in ALIASES:
        # Without quotes, the > of 3->64 told the shell to write into a file.
        cut = any(word.endswith("-") for word in words)
        raise UsageProblem(
            message,
            expected="a SPEC in quotes" + (", such as 'conv 3->64 k3'" if cut else ""),
            nearest=None if cut else f"'{' '.join(words)}'",
        )
    raise UsageProblem(message, expected="one SPEC; a spec of several words stands in quotes")


def spoken(text: str) -> str:
    """A message with the options as they were typed, without hints at some that the command lacks."""
    typed = TYPED.get()
    if typed is None:
        return text

    def aside(match: re.Match[str]) -> str:
        name = match[1]
        if name in typed.words:
            return match[0].replace(name, typed.words[name])
        return match[0] if name in typed.options else ""

    def limit(match: re.Match[str]) -> str:
        option = typed.words.get(match[1])
        if option is None and "limit" in typed.words:
            option = f"{typed.words['limit']} {match[1]}"
        return f"{option} " if option else match[0]

    text = _LIMIT.sub(limit, _ASIDE.sub(aside, text))
    return _OPTION.sub(lambda match: typed.options.get(match[0], match[0]), text)


def problem_as_typed(problem: Any) -> Any:
    """A problem of an option that speaks of the options as they were typed; others as they are."""
    typed = TYPED.get()
    if typed is None:
        return problem
    if hasattr(problem, "hint") and hasattr(problem, "field"):  # of a question that has no answer
        told = copy(problem)
        told.message = spoken(_worded(problem.message, problem.field, typed.words))
        told.hint = problem.hint and spoken(problem.hint)
        told.nearest = problem.nearest and spoken(_stated(problem.nearest, typed.words))
        return told
    if hasattr(problem, "file"):  # of a spec, or of the text of an option
        told = copy(problem)
        told.file = typed.options.get(problem.file, problem.file)
        told.expected = problem.expected and spoken(problem.expected)
        told.nearest = problem.nearest and spoken(problem.nearest)
        return told
    if hasattr(problem, "expected"):
        told = copy(problem)
        told.message = spoken(problem.message)
        told.expected = problem.expected and spoken(problem.expected)
        told.nearest = problem.nearest and spoken(problem.nearest)
        return told
    return problem


def _worded(message: str, field: str | None, words: Mapping[str, str]) -> str:
    """A message of a question, whose argument is named as the option."""
    head, together, rest = message.partition(" cannot go together")
    if together:
        return " and ".join(words.get(name, name) for name in head.split(" and ")) + together + rest
    if (
        field is not None
        and field in words
        and message.startswith((f"{field.replace('_', ' ')} ", f"{field} "))
    ):
        message = words[field] + message[len(field) :]
        for name, option in words.items():  # the other that it disagrees with
            message = message.replace(f", {name.replace('_', ' ')} has ", f", {option} has ")
    return message


def _stated(nearest: str, words: Mapping[str, str]) -> str:
    """``kernel 4``, the nearest question that has an answer, as the option that asks it."""
    for word, option in words.items():
        phrase = re.escape(word.replace("_", " "))
        nearest = re.sub(rf"(?<![\w-])(?<!with )(?<!output ){phrase}(?= -?\d)", option, nearest)
    return nearest

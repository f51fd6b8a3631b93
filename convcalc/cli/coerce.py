"""Parameters of plain types without a validation library.

Typer turns the text of every parameter into its type with Pydantic, whose import takes longer than
reading and counting a network. Texts, numbers, choices and flags need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from types import NoneType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, get_args, get_origin

from typer.core import TyperCommand

from convcalc.cli import typed
from convcalc.cli.output import UsageProblem

M = TypeVar("M")

MOST_DIGITS: Final = 18


class Spelled(NamedTuple):
    """Beside a choice: other spellings are read by a function first."""

    read: Callable[[str], str]


class Among(NamedTuple):
    """Beside a text: it is one of the names that are looked up when they are needed."""

    names: Callable[[], tuple[str, ...]]


class LightCommand(TyperCommand):
    """A command whose parameters are texts, whole numbers, choices, flags and lists of them."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Every parameter; that a flag is a truth value needs no saying."""
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if getattr(param, "is_flag", False):
                param.display_type_rich = _nothing
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the values of the parameters; help, and what is missing or too much, is left to Typer."""
        bare = getattr(self.callback, "bare", ())
        args = [
            arg
            for arg, after in zip(args, [*args[1:], "-"], strict=True)
            if not (arg in bare and after.startswith("-"))
        ] if bare else args  # fmt: skip
        typed.TYPED.set(typed.read(self.params, getattr(self.callback, "words", {}), args))
        given, rest, order = self.make_parser(ctx).parse_args(args=list(args))
        if "help" in given or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        param: Any
        for param in dict.fromkeys([*order, *self.params]):
            value = given.get(param.name)
            if value is None or value == () or value == []:
                if param.required:
                    return super().parse_args(ctx, args)
                ctx.params[param.name] = param.get_default(ctx)
            else:
                ctx.params[param.name] = self._read(value, param)
        typed.one_spec(self.name or "", ctx.params.get("spec"), rest)
        return super().parse_args(ctx, args) if rest else rest

    def _read(self, value: Any, param: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._read(one, param) for one in value]
        assert self.callback is not None
        annotation = signature(self.callback).parameters[param.name].annotation
        kind = _kind(annotation)
        name = max(param.opts, key=len) if param.opts[0].startswith("-") else param.metavar or param.name
        if get_origin(kind) is Literal:
            return _chosen(value, name, get_args(kind), annotation)
        if (among := _marked(annotation, Among)) is not None:
            return _chosen(value, name, among.names(), annotation)
        return _whole(value, name, param.min, param.max) if kind is int else kind(value)


def _nothing(ctx: Any) -> None:
    """What stands for the type of a flag in its help."""


def _whole(text: str, name: str, least: int | None, most: int | None) -> int:
    span = f" from {least} to {most}" if None not in (least, most) else f", {least} or more" if least else ""
    if least == 0 and most is None:
        span = ", 0 or more"
    expected = f"a whole number{span}"
    digits = text.lstrip("+-")
    if not (digits.isascii() and digits.isdecimal()) or len(text) - len(digits) > 1:
        raise UsageProblem(f"{name} {text!r} is not a whole number", expected=expected)
    if len(digits) > MOST_DIGITS:
        raise UsageProblem(
            f"{name} has {len(digits)} digits", expected=f"{expected}, of {MOST_DIGITS} at most"
        )
    value = int(text)
    if (least is not None and value < least) or (most is not None and value > most):
        raise UsageProblem(f"{name} is {text}", expected=expected)
    return value


def _chosen(text: str, name: str, choices: tuple[str, ...], annotation: Any) -> str:
    """One of several words, in small or large letters."""
    spelled = _marked(annotation, Spelled)
    found = text.lower() if spelled is None else spelled.read(text.lower())
    if found in choices:
        return found
    from convcalc.spec.errors import nearest_name

    *most, last = choices
    raise UsageProblem(
        f"{name} {text!r} is not one of its choices",
        expected=f"{', '.join(most)} or {last}",
        nearest=nearest_name(text, choices),
    )


def literals(annotation: Any) -> tuple[str, ...]:
    """The choices of an annotation; none where it is no choice."""
    kind = _kind(annotation)
    among = _marked(annotation, Among)
    return among.names() if among is not None else get_args(kind) if get_origin(kind) is Literal else ()


def _marked(annotation: Any, kind: type[M]) -> M | None:
    """What stands beside the type of a parameter, of one kind."""
    return next((extra for extra in getattr(annotation, "__metadata__", ()) if isinstance(extra, kind)), None)


def _kind(annotation: Any) -> Any:
    """``int`` for ``Annotated[list[int] | None, ...]``; a choice as it is."""
    while get_origin(annotation) not in (None, Literal):
        inner = get_args(annotation)
        first = inner[0] if get_origin(annotation) is Annotated else None
        annotation = first or next(part for part in inner if part is not NoneType)
    return annotation

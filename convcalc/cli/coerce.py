"""Parameters of plain types without a validation library.

Typer turns the text of every parameter into its type with Pydantic, whose import takes longer than
reading and counting a network. Texts, numbers and flags need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from types import NoneType
from typing import Any, Final, get_args, get_origin

import typer
from typer.core import TyperCommand


def _whole(text: str) -> int:
    if not text.lstrip("+-").isdecimal():
        raise ValueError("not a whole number")
    return int(text)


KINDS: Final[dict[Any, Callable[[Any], Any]]] = {str: str, int: _whole, bool: bool}


class LightCommand(TyperCommand):
    """A command whose parameters are texts, whole numbers, flags and lists of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the values of the parameters; help, and what is missing or too much, is left to Typer."""
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
                ctx.params[param.name] = self._read(value, ctx, param)
        return super().parse_args(ctx, args) if rest else rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Lines to try first, then the options by what they are for."""
        from convcalc.cli.help import of_command

        parent = ctx.parent.command_path if ctx.parent else "convcalc"
        formatter.write(of_command(self.name or "", self, parent))

    def _read(self, value: Any, ctx: Any, param: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._read(one, ctx, param) for one in value]
        assert self.callback is not None
        try:
            return KINDS[_kind(signature(self.callback).parameters[param.name].annotation)](value)
        except ValueError as error:
            raise typer.BadParameter(f"{value!r} is {error}", ctx=ctx, param=param) from None


def _kind(annotation: Any) -> Any:
    """``int`` for ``Annotated[list[int] | None, ...]``."""
    while get_origin(annotation) is not None:
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    return annotation

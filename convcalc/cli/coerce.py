"""Plain parameters without a validation library.

Typer turns the text of every parameter into its type with Pydantic, whose import takes longer than
reading and counting a network. Texts and whole numbers need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args, get_origin

import typer


def _whole(text: str) -> int:
    if not text.lstrip("+-").isdecimal():
        raise ValueError("not a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("not a number") from None


def _flag(text: str) -> bool:
    found = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
    if found is None:
        raise ValueError("neither true nor false")
    return found


KINDS: Final[dict[Any, Callable[[str], Any]]] = {str: str, bool: _flag, int: _whole, float: _number}


class Plain:
    """Takes the place of Typer's coercion for one parameter."""

    def __init__(self, kind: Callable[[str], Any], many: bool) -> None:
        self.kind = kind
        self.many = many

    def itself(self) -> Plain:
        """What a parameter asks for its coercion."""
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter from what stood on the command line, or from its default."""
        if value is None:
            return () if self.many else None
        if self.many:
            return tuple(self._one(text, param, ctx) for text in value)
        return self._one(value, param, ctx)

    def _one(self, text: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(text, str):
            return text
        try:
            return self.kind(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is {error}", ctx=ctx, param=param) from None


def coerced(params: list[Any]) -> list[Any]:
    """Give parameters of texts or numbers the light coercion, where this Typer has the heavy one."""
    for param in params:
        if not hasattr(param, "get_runtime_param"):
            continue
        annotation = param.type_descriptor.annotation
        many = get_origin(annotation) is list
        kind = KINDS.get(get_args(annotation)[0] if many else annotation)
        if kind is not None:
            param.get_runtime_param = Plain(kind, many).itself
    return params

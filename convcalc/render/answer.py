"""The answer to a question, and its one way to a reader: the form is chosen once, and given here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from convcalc.render import text
from convcalc.render.table import Table, Text

Form = Literal["table", "json", "csv", "markdown"]


class Answer(NamedTuple):
    """What a question gets.

    Attributes:
        parts: tables and texts that a reader sees below each other; CSV holds the first table with columns.
        data: gives what JSON holds; the rows of the first table when there is none.
        code: exit code of the command.
    """

    parts: Iterable[Table | Text]
    data: Callable[[], Any] | None = None
    code: int = 0


def written(answer: Answer, form: Form = "table") -> str:
    """The whole answer as text in one form, for a pipe or a file."""
    if form == "table":
        return text.render(*answer.parts)
    from convcalc.render import data

    if form == "json" and answer.data is not None:
        return data.to_json(answer.data())
    write = {"json": _json, "csv": data.to_csv, "markdown": data.to_markdown}[form]
    parts = answer.parts if form == "markdown" else _first(answer.parts)
    return "\n".join(write(part) if isinstance(part, Table) else _plain(part, form) for part in parts)


def _first(parts: Iterable[Table | Text]) -> list[Table | Text]:
    """The first table with columns, which is what a program reads; where there is none, the first part."""
    seen: list[Table | Text] = []
    for part in parts:
        if isinstance(part, Table) and part.columns:
            return [part]
        seen.append(part)
    return seen[:1]


def _json(table: Table) -> str:
    from convcalc.render.data import to_json

    return to_json(table.records())


def _plain(part: Text, form: Form) -> str:
    fence = "```\n" if part.drawn and form == "markdown" else ""
    return f"{fence}{text.render(part)}{fence}"

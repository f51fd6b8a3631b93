"""The answer to a question, and its ways to a reader: shown in one form, or written into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from convcalc.render import text
from convcalc.render.table import Table, Text

if TYPE_CHECKING:
    from convcalc.render.pictures.drawing import Drawing

Form = Literal["table", "json", "csv", "markdown", "latex", "html"]

FORMS: Final[Mapping[str, Form]] = MappingProxyType(
    {
        ".txt": "table",
        ".json": "json",
        ".csv": "csv",
        ".md": "markdown",
        ".tex": "latex",
        ".html": "html",
    }
)
"""The form of a file's ending."""
PICTURES: Final = (".svg", ".png")
"""Endings of a file that holds the picture of an answer."""


class File(NamedTuple):
    """A file that one command alone writes: arrays, a model, the report of a test.

    Attributes:
        write: writes the file at a path, whole or not at all, and returns what a reader is told of it.
        beside: it holds something beside the answer, which is shown all the same.
    """

    write: Callable[[str], str]
    beside: bool = False


class Saved(NamedTuple):
    """What a reader is told of a file, and whether the answer is to be shown beside it."""

    words: str
    beside: bool = False


class Answer(NamedTuple):
    """What a question gets.

    Attributes:
        parts: tables and texts that a reader sees below each other; CSV holds the first table with columns.
        data: gives what JSON holds; the rows of the first table when there is none.
        code: exit code of the command.
        picture: gives the picture; None where there is none.
        files: what else can be written, by ending.
        forms: texts of the answer in forms that are not made of its parts.
    """

    parts: Iterable[Table | Text]
    data: Callable[[], Any] | None = None
    code: int = 0
    picture: Callable[[], Drawing] | None = None
    files: Mapping[str, File] = MappingProxyType({})
    forms: Mapping[Form, Callable[[], str]] = MappingProxyType({})


def written(answer: Answer, form: Form = "table") -> str:
    """The whole answer as text in one form, for a pipe or a file."""
    if form in answer.forms:
        return answer.forms[form]()
    if form == "table":
        return text.render(*answer.parts)
    from convcalc.render import data

    if form == "json" and answer.data is not None:
        return data.to_json(answer.data())
    if form == "latex":
        from convcalc.render.latex import to_latex

        return to_latex(*answer.parts)
    if form == "html":
        from convcalc.render.html import page

        return page(*answer.parts, picture=_svg(answer))
    write = {"json": _json, "csv": data.to_csv, "markdown": data.to_markdown}[form]
    parts = answer.parts if form == "markdown" else _first(answer.parts)
    return "\n".join(write(part) if isinstance(part, Table) else _plain(part, form) for part in parts)


def endings(answer: Answer) -> list[str]:
    """Endings of the files that an answer can be written to; its parts must be a list."""
    texts = [
        ending
        for ending, form in FORMS.items()
        if form in answer.forms or form != "csv" or any(map(_has_columns, answer.parts))
    ]
    pictures = PICTURES if answer.picture is not None else ()
    return list(dict.fromkeys([*answer.files, *texts, *pictures]))


def save(answer: Answer, path: str) -> Saved:
    """Write an answer into a file, whole or not at all; the ending says in which form.

    Args:
        answer: its parts must be a list.
        path: the file; it is replaced if it exists.

    Raises:
        Unreachable: this answer is not written so.
        OSError: the file cannot be written.
    """
    ending = PurePath(path).suffix.lower()
    known = endings(answer)
    if ending not in known:
        raise refusal(path, known)
    if ending in answer.files:
        file = answer.files[ending]
        return Saved(file.write(path), file.beside)
    from convcalc.files import write_whole

    if ending in PICTURES:
        assert answer.picture is not None
        drawing = answer.picture()
        if ending == ".svg":
            from convcalc.render.pictures.svg import svg

            content = svg(drawing).encode()
        else:
            from convcalc.render.pictures.png import png

            content = png(drawing)
        write_whole(path, content)
        return Saved(drawing.caption)
    form = FORMS[ending]
    write_whole(path, written(answer, form).encode())
    told = _told(answer, form)
    if answer.code:  # the verdict is not for the file alone
        first = next((part for part in answer.parts), None)
        words = (first.title if isinstance(first, Table) else first.text if first else "").splitlines()
        told += f"; {words[0]}" if words else ""
    return Saved(told)


def refusal(path: str, known: Iterable[str]) -> Exception:
    """Why an answer is not written to a path, with the endings it can be written with."""
    from convcalc.calculators.answers import Unreachable

    ending = PurePath(path).suffix.lower()
    if not ending:
        why = "no ending, which says what is written"
    elif ending in PICTURES:
        why = "there is no picture of this answer"
    elif ending in FORMS:
        why = f"this answer is not written as {ending}"
    else:
        why = f"{ending} is no ending that this answer has"
    *most, last = known
    return Unreachable(f"{path}: {why}", expected=f"{', '.join(most)} or {last}" if most else last)


def _told(answer: Answer, form: Form) -> str:
    """What the file holds, for the one line that a terminal shows."""
    names = {"table": "text", "json": "JSON", "csv": "CSV", "markdown": "Markdown", "latex": "LaTeX"}
    if form == "html":
        return "a page with the picture" if answer.picture else "a page"
    if form == "csv":
        rows = len(next(part for part in answer.parts if isinstance(part, Table) and part.columns).rows)
        return f"CSV, {rows} row{'s' * (rows != 1)}"
    return names[form]


def _svg(answer: Answer) -> str | None:
    """The picture inside a page; None where there is none, or none of this very answer."""
    from convcalc.calculators.answers import Unreachable
    from convcalc.render.pictures.svg import svg

    try:
        return None if answer.picture is None else svg(answer.picture())
    except Unreachable:
        return None


def _has_columns(part: Table | Text) -> bool:
    return isinstance(part, Table) and bool(part.columns)


def _first(parts: Iterable[Table | Text]) -> list[Table | Text]:
    """The first table with columns, which is what a program reads; where there is none, the first part."""
    seen: list[Table | Text] = []
    for part in parts:
        if _has_columns(part):
            return [part]
        seen.append(part)
    return seen[:1]


def _json(table: Table) -> str:
    from convcalc.render.data import to_json

    return to_json(table.records())


def _plain(part: Text, form: Form) -> str:
    fence = "```\n" if part.drawn and form == "markdown" else ""
    return f"{fence}{text.render(part)}{fence}"

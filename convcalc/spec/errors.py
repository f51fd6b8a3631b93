"""Errors of the spec language: the place, what was expected, the nearest valid name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from convcalc.printable import one_line, visible
from convcalc.spec.source import Source, Text, cells

MAX_PROBLEMS: Final = 20
_SHOWN: Final = 110


class Problem:
    """One fault of a spec at its place."""

    __slots__ = ("column", "expected", "file", "length", "line", "message", "nearest", "sizes", "text")

    def __init__(
        self,
        message: str,
        *,
        file: str = "<spec>",
        line: int = 1,
        column: int = 1,
        length: int = 1,
        text: str = "",
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.length = length
        self.text = text
        self.expected = expected
        self.nearest = nearest
        self.sizes: Any = None

    @classmethod
    def at(
        cls,
        text: Text,
        start: int,
        end: int,
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> Problem:
        """The fault in characters ``start`` to ``end`` of a text."""
        index = text.locate(start)
        length = max(1, min(end, len(text.value)) - start)
        return cls.in_source(text.source, index, length, message, expected=expected, nearest=nearest)

    @classmethod
    def in_source(
        cls,
        source: Source,
        index: int,
        length: int,
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> Problem:
        """The fault at a character of a source."""
        line, column = source.position(min(index, len(source.text)))
        shown = source.line(line)
        length = max(1, min(length, len(shown) - column + 1))
        return cls(
            message,
            file=source.name,
            line=line,
            column=column,
            length=length,
            text=shown,
            expected=expected,
            nearest=nearest,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fault as JSON holds it."""
        return {name: _printable(getattr(self, name)) for name in self.__slots__}

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""  # a file of bytes has no lines
        lines = [f"{one_line(self.file)}{place}: {visible(self.message)}"]
        if self.text.strip():
            text, column, length = self.text.replace("\t", " "), self.column, self.length
            if len(text) > _SHOWN:
                cut = max(0, min(column - _SHOWN // 3, len(text) - _SHOWN))
                text = ("..." if cut else "") + text[cut : cut + _SHOWN]
                column -= cut - (3 if cut else 0)
                length = min(length, max(1, len(text) - column + 1))
            shown = "".join(c if c.isprintable() else "?" for c in _printable(text))
            before, token = shown[: column - 1], shown[column - 1 : column - 1 + length]
            gap = cells(before) + max(0, column - 1 - len(before))
            lines += [f"    {shown}", "    " + " " * gap + "^" * max(length - len(token) + cells(token), 1)]
        if self.expected:
            lines.append(f"  expected {visible(self.expected)}")
        if self.nearest:
            lines.append(f"  did you mean {one_line(self.nearest)}?")
        if self.sizes:
            lines.append(f"  sizes that work: {visible(self.sizes['text'])}")
        return "\n".join(lines)


def _printable(value: Any) -> Any:
    """Replace what no file can hold (lone surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value


class SpecError(ValueError):
    """A spec that cannot be read, with every fault found in it.

    Attributes:
        problems: the faults, in the order of the text.
        search: what finds the sizes that would work, where there may be such. It is called when the
            faults are told (:meth:`told`), since who only tries a spec does not ask for them.
        unknown: the name in an expression that is not known, where that is the fault.
    """

    search: Callable[[], Any] | None = None
    unknown: str | None = None

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__()

    def __reduce__(self) -> Any:
        return type(self), (self.told(),)

    def __str__(self) -> str:
        return "\n".join(map(str, self.told()))

    def told(self) -> list[Problem]:
        """The faults, the first with the sizes of the input that would work, where there are such."""
        if self.search is not None:
            search, self.search = self.search, None
            self.problems[0].sizes = search()
        return self.problems

    def to_dict(self) -> dict[str, Any]:
        """All faults as JSON holds them."""
        return {"errors": [p.to_dict() for p in self.told()]}


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to a misspelt one, or None where none is close."""
    candidates = sorted({k for k in known if k})
    lowered: dict[str, str] = {}
    for candidate in candidates:
        lowered.setdefault(candidate.lower(), candidate)
    if name.lower() in lowered:
        return lowered[name.lower()]
    if len(name) > 60:
        return None
    from difflib import get_close_matches

    found = get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.6)
    near = [candidate for candidate in found if _near(name.lower(), candidate)]
    return lowered[near[0]] if near else None


def _near(name: str, known: str) -> bool:
    """Whether a name may be a misspelling of another: few letters differ, for its length."""
    if name.startswith(known) or known.startswith(name):
        return True
    return _edits(name, known) <= max(1, len(name) // 3)


def _edits(a: str, b: str) -> int:
    """Letters to insert, leave out, replace or swap with the next, to make one word of the other."""
    rows = [list(range(len(b) + 1))]
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def fault(
    text: Text, start: int, end: int, message: str, expected: str | None = None, nearest: str | None = None
) -> SpecError:
    """A spec error at characters ``start`` to ``end`` of a text."""
    return SpecError(Problem.at(text, start, end, message, expected=expected, nearest=nearest))

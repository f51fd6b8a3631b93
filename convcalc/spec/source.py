"""Where a piece of text stands: sources, and text that remembers its place in one."""

from __future__ import annotations


def cells(text: str) -> int:
    """Columns a text takes in a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


class Source:
    """A spec text with its name (a file, ``<spec>``, ``zoo:resnet50``).

    Attributes:
        is_text: whether it is one; what is none is read by :mod:`convcalc.importers.formats`.
    """

    is_text = True

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character."""
        if self._starts is None:
            self._starts = [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]
        from bisect import bisect_right

        line = bisect_right(self._starts, max(index, 0))
        return line, index - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of a line, without its end."""
        self.position(0)  # the starts of all lines
        starts = self._starts or [0]
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r")


class Text:
    """A string cut out of a source, by the source range it came from.

    In a quoted or folded YAML scalar the string is not a literal slice of the file; its
    characters are matched against the range one by one, and only when an error asks for it.
    """

    __slots__ = ("end", "source", "start", "value")

    def __init__(self, value: str, source: Source, start: int, end: int) -> None:
        self.value = value
        self.source = source
        self.start = start
        self.end = end

    @classmethod
    def whole(cls, source: Source) -> Text:
        """All of a source."""
        return cls(source.text, source, 0, len(source.text))

    def locate(self, offset: int) -> int:
        """Index in the source of the character at ``offset`` of the string."""
        raw = self.source.text[self.start : self.end]
        at = raw.find(self.value)
        if at >= 0:
            return self.start + at + offset
        i = 1 if raw[:1] in "'\"|>" and raw[:1] else 0
        for char in self.value[:offset]:
            if char.isspace():
                continue
            found = raw.find(char, i)
            if found < 0:
                break
            i = found + 1
        while i < len(raw) - 1 and raw[i].isspace():
            i += 1
        return min(self.start + i, self.end)

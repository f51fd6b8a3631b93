"""Names that must be cut: the middle goes first, and two that differ never look the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from convcalc.spec.source import cells

DOTS: Final = "…"


def shortened(texts: Sequence[str], width: int) -> list[str]:
    """Each text in at most ``width`` columns of a terminal.

    What fits stays as it is. Of the others the middle goes; where two would look the same, what tells them
    apart is kept instead: their ends, or the piece in which they differ, or, where nothing else is left, a
    number.

    Args:
        texts: the texts; equal ones stay equal, all others differ in what is returned.
        width: columns of a terminal, at least 1. Texts that no so short texts tell apart get longer.
    """
    shown = {text: text for text in texts if cells(text) <= width}
    taken = set(shown)
    for group in _alike(list(dict.fromkeys(text for text in texts if text not in shown)), width):
        for attempt in _attempts(group, width):
            found = [attempt(text) for text in group]
            if len(set(found)) == len(found) and taken.isdisjoint(found):
                break
        else:
            found = list(_numbered(group, width, taken))
        shown.update(zip(group, found, strict=True))
        taken.update(found)
    return [shown[text] for text in texts]


def _alike(texts: list[str], width: int) -> list[list[str]]:
    """The texts in groups of those that look the same once their middle is gone."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(_middle(text, width, 1, 2), []).append(text)
    return list(groups.values())


def _attempts(group: list[str], width: int) -> Iterator[Callable[[str], str]]:
    """Ways to cut a group of texts, the most readable first."""
    for part, whole in ((1, 2), (1, 4), (0, 1), (3, 4), (1, 1)):
        yield lambda text, part=part, whole=whole: _middle(text, width, part, whole)  # type: ignore[misc]
    if len(group) > 1:
        first, behind = _common(group)
        yield lambda text: _piece(text, first, len(text) - behind, width)


def _middle(text: str, width: int, part: int, whole: int) -> str:
    """A text without its middle; ``part/whole`` of what stays is its beginning."""
    room = max(width - 1, 0)
    head = _head(text, room * part // whole)
    return head + DOTS + _tail(text, room - cells(head))


def _piece(text: str, first: int, end: int, width: int) -> str:
    """The beginning of a text, and the piece from one character to another in its middle."""
    piece = text[first:end]
    room = width - 2 - cells(piece)
    if first <= 1 or room < 0:
        return _middle(text, width, 1, 1)
    head = _head(text[:first], room // 2)
    return head + DOTS + piece + _tail_of(text[end:], room - cells(head))


def _tail_of(rest: str, room: int) -> str:
    return rest if cells(rest) <= room + 1 else DOTS + _tail(rest, room)


def _common(group: list[str]) -> tuple[int, int]:
    """How many characters at the beginning, and at the end, all texts of a group share."""
    low, high = min(group), max(group)
    first = 0
    while first < min(len(low), len(high)) and low[first] == high[first]:
        first += 1
    least = min(map(len, group)) - first
    turned = [text[::-1] for text in group]
    low, high = min(turned), max(turned)
    behind = 0
    while behind < least and low[behind] == high[behind]:
        behind += 1
    return first, behind


def _numbered(group: list[str], width: int, taken: set[str]) -> Iterator[str]:
    number = 0
    for text in group:
        while True:
            number += 1
            mark = f"{DOTS}#{number}"
            found = _head(text, max(width - cells(mark), 0)) + mark
            if found not in taken:
                break
        yield found


def _head(text: str, room: int) -> str:
    """The longest beginning of a text that fits."""
    if text.isascii():
        return text[:room]
    end = 0
    while end < len(text) and cells(text[: end + 1]) <= room:
        end += 1
    return text[:end]


def _tail(text: str, room: int) -> str:
    """The longest end of a text that fits."""
    if text.isascii():
        return text[-room:] if room else ""
    first = len(text)
    while first and cells(text[first - 1 :]) <= room:
        first -= 1
    return text[first:]

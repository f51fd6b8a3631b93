"""Texts that YAML cuts short or takes for something else, and the quotes that keep them whole."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 200
"""Longest text that is shown in the quotes that it needs."""
_GOES_ON: Final = re.compile(r"[\[+*/%<>=!-]")
_CLOSES: Final = {"(": ")", "[": "]", "{": "}"}
_QUOTED: Final = re.compile(r"'(?:[^'\n]|'')*'|\"(?:[^\"\\\n]|\\.)*\"")


def whole_text(text: str, start: int, flow: bool) -> str | None:
    """The text that begins at a character, brackets and quotes in it closed; None where they are not.

    It ends at the comma or bracket that closes what is around it, and outside ``[...]`` and ``{...}`` at
    the end of the line or at a comment.
    """
    waiting: list[str] = []
    at = start
    while at < len(text) and text[at] != "\n":
        char = text[at]
        quoted = _QUOTED.match(text, at) if char in "'\"" else None
        if quoted is not None:
            at = quoted.end()
            continue
        if char in _CLOSES:
            waiting.append(_CLOSES[char])
        elif char in ")]}":
            if not waiting:
                break
            if waiting.pop() != char:
                return None
        elif (char == "," and flow and not waiting) or (
            char == "#" and text[at - 1 : at].isspace() and not waiting
        ):
            break
        at += 1
    found = text[start:at].strip()
    return found if found and not waiting else None


def start_of_text(text: str, at: int, flow: bool) -> int | None:
    """Where the text began that YAML gave up on at a character; None where it may be no text."""
    before = text[:at].rstrip(" ")
    if before[-1:] in ("]", "}"):  # a list that goes on: [1, 2][0]
        return _opening(before) if _GOES_ON.match(text, at) else None
    begin = text.rfind("\n", 0, at) + 1
    start = i = begin
    waiting = 0
    while i < at:
        char = text[i]
        quoted = _QUOTED.match(text, i) if char in "'\"" and not text[start:i].strip() else None
        if quoted is not None and quoted.end() <= at:
            i = quoted.end()
            continue
        waiting += (char == "(") - (char == ")")
        opens = flow and char in "[{," and waiting <= 0
        if opens or (char in ":-?" and text[i + 1 : i + 2] in (" ", "") and _key_before(text[start:i], char)):
            start = i + 1
            waiting = 0
        i += 1
    return start + len(text[start:at]) - len(text[start:at].lstrip())


def _opening(text: str) -> int | None:
    """Where the bracket opens that the last character closes."""
    waiting = 0
    for i in range(len(text) - 1, max(-1, len(text) - LONGEST), -1):
        waiting += (text[i] in ")]}") - (text[i] in "([{")
        if not waiting:
            return i
    return None


def _key_before(text: str, sign: str) -> bool:
    """Whether what stands before a sign lets it end a key (``body:``) or begin an item (``-``)."""
    return re.fullmatch(r"\s*(?:[\w.-]+|'[^']*'|\"[^\"]*\")\s*" if sign == ":" else r"\s*", text) is not None


def quoted(text: str) -> str:
    """A text as YAML reads it whole."""
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def quotes_for(text: str, start: int, flow: bool) -> str | None:
    """What to write for a text that was not read as one; None where no quotes would help."""
    found = whole_text(text, start, flow)
    if found is None or len(found) > LONGEST or (found[0] in "'\"" and _QUOTED.fullmatch(found)):
        return None
    if flow and ": " in found:  # more likely a key of what is around it, whose comma is missing
        return None
    return f"quotes around all of it: {quoted(found)}"


def quotes_moved(text: str, at: int) -> str | None:
    """What to write where quotes stand around a part of a text; None where they do not.

    YAML reads ``a != "size[-1]"`` inside ``{...}`` up to the bracket, and the second quote opens a text.
    """
    begin = text.rfind("\n", 0, at) + 1
    for found in re.finditer('"', text[begin:at]):
        first = begin + found.start()
        if text[begin:first].rstrip()[-1:] not in ("", *":,[{-?"):
            start = start_of_text(text, first, True)
            if start is None:
                return None
            end = text.find("\n", at)
            line = text[start : end if end >= 0 else len(text)].replace('"', "")
            whole = whole_text(line, 0, True)
            return None if whole is None else f"quotes around all of it: {quoted(whole)}"
    return None

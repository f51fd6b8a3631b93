"""Text from outside as it may be shown: what a terminal would obey is written out instead of sent."""

from __future__ import annotations

import re
from typing import Final

_MARKS: Final = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
# Controls of ASCII and of Latin-1 but tab and line feed, separators of lines and paragraphs, marks that turn
# the direction of writing, and halves of characters.
_OBEYED: Final = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_MARKS}]")
_IN_A_LINE: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_MARKS}]")


def visible(text: str) -> str:
    r"""Text of several lines with its control characters written out, as ``\x1b`` or ``\u202e``."""
    return text if text.isprintable() else _OBEYED.sub(_written, text)


def one_line(text: str) -> str:
    r"""The same for what stands in one line: a line feed is ``\n`` there, and a tab ``\t``."""
    return text if text.isprintable() else _IN_A_LINE.sub(_written, text)


def in_json(text: str) -> str:
    """JSON text in which strings hold the same characters, written out."""
    plain = text.isascii() and "\x7f" not in text  # other controls of ASCII are written out already
    return text if plain else _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _written(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    return short or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")

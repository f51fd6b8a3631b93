"""Whether a text is a program that builds a network, or a printed one: before anything is parsed."""

from __future__ import annotations

import re
from typing import Final

_CLASS: Final = re.compile(
    r"^[ \t]*class[ \t]+\w+[ \t]*\([^)\n]*(?:Module|Model|Layer|Sequential|nn\.)", re.MULTILINE
)
_DEF: Final = re.compile(r"^def[ \t]+\w+[ \t]*\(", re.MULTILINE)
_BODY: Final = re.compile(r"[^\n]*\n(?:[ \t]+[^\n]*\n?|[ \t]*\n)*")
_APPLIED: Final = re.compile(
    r"^[ \t]*\w+[ \t]*=[ \t]*(?:[\w.]+\(.*\)[ \t]*\([ \t]*\[?[ \t]*[A-Za-z_]|[\w.]*[a-z]\w*\([ \t]*\[)",
    re.MULTILINE,
)
_INPUT: Final = re.compile(r"\bInput\(")
_LAYERS: Final = re.compile(r"\b(?:nn|layers|F)\.[A-Za-z]\w+|\b(?:Conv[123]|Dense|Linear)\w*\(")


def is_program(text: str) -> bool:
    """Whether a text is Python with a class of a network, functions that make layers, or layers on inputs."""
    if _CLASS.search(text) or (_INPUT.search(text) and _APPLIED.search(text)):
        return True
    for found in _DEF.finditer(text):
        body = _BODY.match(text, found.end())
        if body is not None and _LAYERS.search(body.group()):
            return True
    return False


_KERAS: Final = re.compile(r"\b(?:keras|tensorflow|tf)\b|\b(?:Dense|Conv[123]D)\(")
_TORCH: Final = re.compile(r"\btorch\b|\bnn\.Module\b")


def is_keras(text: str) -> bool:
    """Whether a program is on Keras rather than on PyTorch."""
    return bool(_KERAS.search(text)) and not _TORCH.search(text)


_ASKED: Final = re.compile(
    r"\A\s*(?:(?:>>>|\.\.\.|In[ \t]*\[\d*\]:)[^\n]*\n\s*|print\([\w.]*\)[ \t]*\n\s*)*"
    r"(?:Out[ \t]*\[\d*\]:[ \t]*\n?)?"
)
"""The lines of a session that asked for what is printed below them."""
_PRINTED: Final = re.compile(r"\s*[A-Za-z_]\w*\([^\n]*\n(?:[ \t]+[^\n(]*\n)?[ \t]+\([\w.\-]+\): ")


def is_printed(text: str) -> bool:
    """Whether a text is a printed module with parts."""
    return _PRINTED.match(text, asked(text)) is not None


def asked(text: str) -> int:
    """Where a printed module begins: behind the prompt that asked for it, where one was pasted along."""
    found = _ASKED.match(text)
    return found.end() if found is not None else 0

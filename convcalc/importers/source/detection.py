"""Whether a text is a program that builds a network in its own words: by its words, before anything is parsed."""

from __future__ import annotations

import re
from typing import Final

_CLASS: Final = re.compile(r"^[ \t]*class[ \t]+\w+[ \t]*\([^)\n]*(?:Module|Model|Layer|Sequential|nn\.)", re.MULTILINE)
_DEF: Final = re.compile(r"^[ \t]*def[ \t]+\w+[ \t]*\(", re.MULTILINE)
_LAYERS: Final = re.compile(r"\b(?:nn|layers|F)\.[A-Za-z]\w+|\b(?:Conv[123]|Dense|Linear)\w*\(")


def is_program(text: str) -> bool:
    """Whether a text is Python with a class of a network, or with functions that make layers."""
    return bool(_CLASS.search(text)) or bool(_DEF.search(text) and _LAYERS.search(text))

"""The keys of a document: of its top, of its blocks, of its structures."""

from __future__ import annotations

import re
from typing import Final

from convcalc import layers

TOP_KEYS: Final = (
    "name", "source", "notes", "extends", "vars", "input", "inputs", "ranks", "blocks", "layers",
    "outputs", "budget", "bits", "frozen",
)  # fmt: skip
BITS: Final = re.compile(r"w(\d{1,2})a(\d{1,2})(?:b(\d{1,2}))?\Z", re.IGNORECASE)
"""Bits of weights, of activations and of all else that is stored: ``w4a8``, ``w8a8b32``."""
BITS_EXPECTED: Final = "w and a with 1 to 64 bits each, such as w4a8; w4a8b32 where biases have others"
BLOCK_KEYS: Final = ("doc", "source", "let", "residual", "shortcut", "merge", "body")
ITEMS: Final[dict[str, tuple[str, ...]]] = {
    "repeat": ("repeat", "each", "index", "merge", "body", "id", "from", "frozen", "share"),
    "each": ("each", "of", "index", "merge", "body", "id", "from", "frozen", "share"),
    "when": ("when", "do", "else", "id", "from", "frozen", "share"),
    "branches": ("branches", "merge", "id", "from", "frozen", "share"),
    "residual": ("residual", "shortcut", "merge", "body", "id", "from", "frozen", "share"),
    "group": ("group", "body", "from", "frozen", "share"),
    "let": ("let", "body", "id", "from", "frozen", "share"),
}
"""Structures by the key that names them, and the keys each may have."""
REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "repeat": ("body",), "each": ("of", "body"), "when": ("do",), "branches": (), "residual": ("body",),
    "group": ("body",), "let": (),
}  # fmt: skip
RESIDUALS: Final = ("auto", "identity", "project", "none")
"""When a residual adds its shortcut; a body in place of the word is always the shortcut."""
RESERVED: Final = frozenset(
    {"in", "if", "else", "and", "or", "not", "true", "false", "none", "True", "False", "None"}
)
"""Words of the language, which name no variable, parameter or block."""


def merges() -> tuple[str, ...]:
    """Layers that read several tensors, and their other names: those that ``merge`` may name."""
    return tuple(sorted(name for name in (*layers.OPS, *layers.ALIASES) if is_merge(name)))


def is_merge(name: str) -> bool:
    """Whether a name is that of a layer that reads several tensors."""
    name = layers.ALIASES.get(name, name)
    return name in layers.OPS and layers.lookup(name).merges

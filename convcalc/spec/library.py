"""Documents that come with convcalc: the zoo and the library of blocks.

Files are read when they are asked for; the index of blocks is made from the signatures, without
parsing YAML.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache

from convcalc.spec.errors import Problem, SpecError, nearest_name

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_SIGNATURE = re.compile(r"^  ([A-Za-z_]\w*)(?:\(.*\))?:", re.MULTILINE)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


@lru_cache(maxsize=1)
def zoo_names() -> tuple[str, ...]:
    """Names of the networks that come with convcalc."""
    return tuple(sorted(f[:-5] for f in os.listdir(os.path.join(_ROOT, "zoo")) if f.endswith(".yaml")))


def zoo_text(name: str) -> str:
    """Text of a network's document.

    Raises:
        KeyError: there is no such network.
    """
    if name not in zoo_names():
        raise KeyError(name)
    return _read(os.path.join(_ROOT, "zoo", f"{name}.yaml"))


@lru_cache(maxsize=1)
def _block_files() -> dict[str, str]:
    """File of every library block."""
    index = {}
    folder = os.path.join(_ROOT, "blocks")
    for file in sorted(os.listdir(folder)):
        if file.endswith(".yaml"):
            for name in _SIGNATURE.findall(_read(os.path.join(folder, file))):
                index[name] = file
    return index


def block_names() -> tuple[str, ...]:
    """Names of the blocks every spec can call."""
    return tuple(sorted(_block_files()))


def has_block(name: str) -> bool:
    """Whether the library has a block of this name."""
    return name in _block_files()


def block_text(name: str) -> str:
    """Text of the definition of one library block."""
    text = _read(os.path.join(_ROOT, "blocks", _block_files()[name]))
    match = re.search(rf"^  {name}(?:\(.*\))?:", text, re.MULTILINE)
    assert match is not None
    stop = re.compile(r"^(?:  \S|\S)", re.MULTILINE).search(text, match.end())
    return text[match.start() : stop.start() if stop else len(text)].rstrip() + "\n"


def block_about(name: str) -> str:
    """What a block does: the first sentence of its description, read without parsing YAML."""
    found = re.search(r"^    doc: *(?:>-\n((?: {6}.*\n)+)|(.+))", block_text(name), re.MULTILINE)
    text = " ".join((found[1] or found[2]).split()) if found else ""
    return re.split(r"(?<!\bal\.)(?<!\.\.\.)(?<=\.) ", text, maxsplit=1)[0]


def block_file(file: str) -> str:
    """Text of one file of the library of blocks."""
    return _read(os.path.join(_ROOT, "blocks", file))


def file_of_block(name: str) -> str:
    """The file of the library that defines a block.

    Raises:
        SpecError: there is none.
    """
    file = _block_files().get(name)
    if file is None:
        raise SpecError(Problem(f"unknown block {name!r}", nearest=nearest_name(name, block_names())))
    return file

"""Documents that come with convcalc: the zoo and the library of blocks.

Files are read when they are asked for; the index of blocks is made from the signatures, without
parsing YAML.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, Final

from convcalc.spec.errors import Problem, SpecError, nearest_name

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INDEX: Final = os.path.join(_ROOT, "zoo", "index.json")
"""What is known of every network without reading it; see :func:`zoo_index`."""
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
def zoo_index() -> dict[str, dict[str, Any]]:
    """Of every network its title, what it is about, year, input, parameters and MACs.

    Counted when the index was made, as a test holds it to. Counts are the text of a closed form where the
    input has symbols, None where they are not known.
    """
    import json

    found: dict[str, dict[str, Any]] = json.loads(_read(INDEX))
    return found


def spelt(name: str) -> str:
    """A name without what people write differently: ``ResNet-50``, ``resnet_50`` are ``resnet50``."""
    return re.sub(r"[\W_]+", "", name).lower()


def zoo_called(name: str) -> tuple[str, ...]:
    """The networks that a name stands for, however it is spelt; their titles count where no name does."""
    for own, row in zoo_index().items():
        if row["title"].casefold() == name.casefold():  # DeepLabv3+ is not DeepLabv3
            return (own,)
    wanted = spelt(name)
    found = tuple(own for own in zoo_names() if spelt(own) == wanted)
    return found or tuple(own for own, row in zoo_index().items() if spelt(row["title"]) == wanted)


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

"""What convcalc knows by name: networks, layers and blocks, and which of them a pattern means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from convcalc.spec.library import (
    block_about,
    block_names,
    block_text,
    spelt,
    zoo_index,
    zoo_names,
)

KINDS: Final = ("networks", "layers", "blocks", "topics")


class Entry(NamedTuple):
    """One thing that has a name.

    Attributes:
        kind: ``network``, ``layer``, ``block`` or ``topic``.
        name: what a spec calls it.
        about: what it is, in a line; of a network where it was published; of a topic what people ask.
        arguments: what it takes; of a network nothing; of a topic the letters that ``--set`` gives numbers.
        year: of a network, when it was published; else None.
        input: of a network, its shape such as ``3x224x224``.
        params: of a network, its parameters; the text of a closed form where its input has symbols.
        macs: of a network, its multiply-accumulates.
        words: what a pattern may mean besides: the title of a network, other names and the paper of a layer.
    """

    kind: str
    name: str
    about: str
    arguments: str = ""
    year: int | None = None
    input: str = ""
    params: Any = None
    macs: Any = None
    words: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON holds it."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "name": self.name,
            "about": self.about,
            "arguments": self.arguments,
        }
        if self.kind == "network":
            found |= {"year": self.year, "input": self.input, "params": self.params, "macs": self.macs}
        return found

    def matches(self, pattern: str) -> bool:
        """Whether a pattern means it.

        A pattern with ``*``, ``?`` or ``[`` is held to the whole name, in any case; another one may stand
        anywhere in the name, however that is spelt, or begin a word of what is said about it.
        """
        if any(char in pattern for char in "*?["):
            return fnmatchcase(self.name.lower(), pattern.lower())
        wanted = spelt(pattern)
        if wanted and wanted in spelt(self.name):
            return True
        return bool(re.search(rf"(?<!\w){re.escape(pattern)}", f"{self.words} {self.about}", re.IGNORECASE))


def catalog(patterns: Sequence[str] = (), kind: str | None = None) -> list[Entry]:
    """What is known, in the order of its names, numbers in them by their size.

    Args:
        patterns: what each entry must match, all of them; see :meth:`Entry.matches`.
        kind: only ``networks``, ``layers``, ``blocks`` or ``topics``.
    """
    rooms = {"networks": _networks, "layers": _layers, "blocks": _blocks, "topics": _topics}
    found: list[Entry] = []
    for room in (kind,) if kind else KINDS:
        entries = (entry for entry in rooms[room]() if all(map(entry.matches, patterns)))
        found += sorted(entries, key=lambda entry: natural(entry.name.lower()))
    return found


def natural(name: str) -> list[Any]:
    """The place of a name in an order in which ``resnet18`` stands before ``resnet101``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _networks() -> Iterator[Entry]:
    index = zoo_index()
    for name in zoo_names():
        row = index.get(name, {})
        counted: dict[str, Any] = {key: row.get(key) for key in ("year", "input", "params", "macs")}
        yield Entry("network", name, row.get("about", ""), words=row.get("title", ""), **counted)


def _layers() -> Iterator[Entry]:
    from convcalc.layers import ALIASES, lookup, names

    for name in names():
        other = [alias for alias, op in ALIASES.items() if op == name]
        layer = lookup(name)
        also = f" Also {', '.join(other)}." if other else ""
        yield Entry("layer", name, layer.about() + also, options(layer), words=layer.source)


def options(layer: Any) -> str:
    """What a layer takes, as a spec writes it, with its defaults."""
    from convcalc.layers.base import INFER, REQUIRED

    words = [place for place in layer.positional]
    done = {field for place in layer.positional for field in place.split("->")}
    for option in layer.options:
        if option.field in done:
            continue
        name = option.short or option.field
        if option.default is REQUIRED:
            words.append(name)
        elif option.default in (INFER, None):
            words.append(f"[{name}]")
        else:
            words.append(f"{name}={_plain(option.default)}")
    return " ".join(words)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _blocks() -> Iterator[Entry]:
    for name in block_names():
        signature = re.match(r"\s*\w+(\(.*\))?\s*:", block_text(name))
        yield Entry("block", name, block_about(name), (signature and signature[1]) or "()")


def _topics() -> Iterator[Entry]:
    from convcalc.spec.topics import declaration, topics

    for name in topics():
        said = declaration(name)
        words = " ".join([said["title"], *said["also"], said["source"]])
        yield Entry("topic", name, said["question"], " ".join(said["given"]), words=words)

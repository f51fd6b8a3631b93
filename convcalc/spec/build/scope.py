"""Names of a document while it is built, and what they stand for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.spec.document.items import Block
from convcalc.spec.errors import SpecError


class Poison:
    """The tensor of a layer that was refused; what reads it is not refused again."""


POISON: Final = Poison()


class Choice:
    """The outputs of a layer none of which flows on by itself."""

    def __init__(self, node: int, names: tuple[str, ...], name: str) -> None:
        self.node = node
        self.names = names
        self.name = name


Flow = Edge | Poison | Choice | None
Env = dict[str, Any]
Step = Generator[Any, Flow, Flow]


class LimitError(SpecError):
    """A bound was reached: nothing after it is worth reading."""


class Scope:
    """Names of one level: a group, a block call, a branch, or the whole document."""

    __slots__ = ("blocks", "calls", "children", "counters", "ids", "makers", "parent", "prefix", "via")

    def __init__(self, parent: Scope | None, prefix: str) -> None:
        self.parent = parent
        self.prefix = prefix
        self.ids: dict[str, Flow] = {}
        self.makers: dict[str, object] = {}
        self.children: dict[str, Scope] = {}
        self.counters: dict[str, int] = {}
        self.calls: int = parent.calls if parent else 0
        self.blocks: Mapping[str, Block] = parent.blocks if parent else {}
        self.via: str = parent.via if parent else ""

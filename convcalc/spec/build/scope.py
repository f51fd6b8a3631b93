"""Names of a document while it is built, and what they stand for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

from convcalc.graph import Edge
from convcalc.spec.document.items import Body, Document
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


class Several:
    """The tensors that the branches of a structure read, one each."""

    def __init__(self, flows: tuple[Edge | Poison, ...]) -> None:
        self.flows = flows


Flow = Edge | Poison | Choice | Several | None
Env = dict[str, Any]
Step = Generator[Any, Flow, Flow]


class LimitError(SpecError):
    """A bound was reached: nothing after it is worth reading."""


class Scope:
    """The names of one level: a group, a block call, a branch, or the whole document.

    Args:
        parent: the level around it, None for the whole document.
        label: its name there.
        document: where the blocks that it may call are defined.
        bodies: what runs in it.

    Attributes:
        frozen: whether the parameters of what runs in it are held fixed in training, unless a layer or
            a level inside says otherwise; None where nothing says so, and they are not.
        outside: the variables where the block is called whose body runs in it.
        first: how many nodes there were before it.
        past: how many there were when it was finished; None until then.
    """

    __slots__ = (
        *("bodies", "calls", "children", "counters", "document", "first", "frozen", "ids"),
        *("label", "makers", "outside", "parent", "past", "prefix", "via"),
    )

    def __init__(
        self, parent: Scope | None, label: str, document: Document, bodies: tuple[Body, ...], first: int = 0
    ) -> None:
        self.parent = parent
        self.label = label
        self.prefix: str = f"{parent.prefix}{label}." if parent else ""
        self.document = document
        self.bodies = bodies
        self.ids: dict[str, Flow] = {}
        self.makers: dict[str, object] = {}
        self.children: dict[str, Scope] = {}
        self.counters: dict[str, int] = {}
        self.frozen: bool | None = parent.frozen if parent else None
        self.first = first
        self.past: int | None = None
        self.outside: Env | None = None
        self.calls: int = parent.calls if parent else 0
        self.via: str = parent.via if parent else ""

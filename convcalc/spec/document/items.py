"""What a document is made of, read but not evaluated."""

from __future__ import annotations

from typing import Any

from convcalc.spec.document.yamlnodes import Node, Scalar
from convcalc.spec.errors import SpecError, fault
from convcalc.spec.language.expression import Expr
from convcalc.spec.language.stage import Stage, Template
from convcalc.spec.source import Text


class Formula:
    """An expression with its text; ``word`` if it may be a bare word."""

    __slots__ = ("expr", "text", "word")

    def __init__(self, expr: Expr, text: Text, word: str | None = None) -> None:
        self.expr = expr
        self.text = text
        self.word = word

    def fault(self, message: str, expected: str | None = None) -> SpecError:
        """A spec error at the expression."""
        return fault(self.text, 0, len(self.text.value), message, expected)


class Item:
    """A structure of the document: what it is, its parts, where it stands."""

    __slots__ = (
        *("body", "condition", "frozen", "id", "index", "kind", "label", "lets", "merge"),
        *("mode", "node", "number", "other", "parts", "refs", "share", "shortcut", "text", "value"),
    )

    def __init__(self, kind: str, node: Node) -> None:
        self.kind = kind
        self.node = node
        self.id: Template | None = None
        self.refs: list[tuple[Template, Text]] | None = None
        self.text: Text | None = None
        self.body: Body = []
        self.other: Body = []
        self.shortcut: Body = []
        self.condition: Formula | None = None
        self.frozen: Formula | None = None
        self.share: tuple[Template, Text] | None = None
        self.value: Value | None = None
        self.index: tuple[str, ...] = ()
        self.number: str | None = None
        self.label: Template | None = None
        self.lets: list[tuple[str, Value]] = []
        self.merge: Stage | None = None
        self.mode = ""
        self.parts: list[tuple[str, Body]] = []

    @property
    def parallel(self) -> bool:
        """Whether it is a loop whose turns all start from what arrives and are merged."""
        return self.merge is not None and self.kind in ("repeat", "each")


Body = list["Stage | Item"]
Value = Any
"""A :class:`Formula` or a tuple of values."""


class Block:
    """A block definition: parameters with their defaults, and what it runs."""

    __slots__ = ("body", "doc", "document", "name", "node", "parameters")

    def __init__(
        self, name: str, parameters: list[tuple[str, Formula | None]], node: Node, document: Document
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.node = node
        self.document = document
        self.body: Body = []
        self.doc = ""

    def signature(self) -> str:
        """How it is called: ``unit(out, stride=1)``."""
        parameters = []
        for name, default in self.parameters:
            if default is not None:
                name += f"={default.text.value[default.expr.start : default.expr.end]}"
            parameters.append(name)
        return f"{self.name}({', '.join(parameters)})"


class Document:
    """A compiled document."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.file = "<spec>"
        self.name = ""
        self.source = ""
        self.extends: Scalar | None = None
        self.vars: list[tuple[str, Value, Node | None]] = []
        self.inputs: list[tuple[str, Value, Node]] = []
        self.blocks: dict[str, Block] = {}
        self.layers: Body = []
        self.outputs: list[tuple[str | None, Template, Text]] = []
        self.budget: dict[str, str] = {}
        self.bits: dict[str, str] = {}
        self.frozen: Formula | None = None
        self.ranks: tuple[int, ...] = ()
        self.notes: list[str] = []

    @property
    def input_names(self) -> list[str]:
        """The inputs it states, by its own key or as layers; none where only its first layer says one."""
        if self.inputs:
            return [name for name, _, _ in self.inputs]
        return [*dict.fromkeys(name for name, _ in self.input_stages())]

    def input_stages(self) -> list[tuple[str, Stage]]:
        """The inputs that it states as layers, with their names where those are no expressions."""
        stated = [item for item in self.layers if isinstance(item, Stage) and item.name == "input"]
        names = ["input" if stage.id is None else stage.id.literal for stage in stated]
        return [(name, stage) for name, stage in zip(names, stated, strict=True) if name is not None]

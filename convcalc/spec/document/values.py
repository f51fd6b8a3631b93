"""Texts, names, expressions and shapes of a document's nodes."""

from __future__ import annotations

import re
from typing import Final

from convcalc import layers
from convcalc.dims import UNKNOWN
from convcalc.importers.calls import Pasted
from convcalc.spec import library
from convcalc.spec.document.items import Formula, Value
from convcalc.spec.document.keys import RESERVED
from convcalc.spec.document.quotes import quoted
from convcalc.spec.document.yamlnodes import Mapping, Node, Scalar, Sequence
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.language.expression import (
    FUNCTIONS,
    ExpressionError,
    constant,
    is_symbol_name,
    parse,
)
from convcalc.spec.language.stage import expression_fault
from convcalc.spec.language.tokens import parse_value

MAX_VALUES: Final = 10_000
"""Most values in one list of a document, nested ones and aliases counted."""
NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
"""A name of a variable or parameter."""

_STAGE: Final = re.compile(r"\s*(\$?[A-Za-z_]\w*)(?=[\s(|;]|\Z)")
_PROSE: Final = re.compile(r"[A-Za-z][\w ,.'-]*\Z")


def stages_in(text: str, known: frozenset[str] = frozenset()) -> bool:
    """Whether a text that is no expression begins as stages do: with a layer, a block or ``$name``."""
    head = _STAGE.match(text)
    if head is None:
        return False
    name = head.group(1)
    if name in FUNCTIONS and text[head.end() : head.end() + 1] == "(":
        return False
    return (
        name[0] == "$" or name in known or name in layers.OPS or name in layers.ALIASES
        or library.has_block(name)
    )  # fmt: skip


class Values:
    """Reads single nodes, and collects the faults that need not stop the reading.

    ``known`` are the names of the document's blocks.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.known: frozenset[str] = frozenset()

    def _keys(self, node: Mapping, allowed: tuple[str, ...], what: str) -> dict[str, Node]:
        found = {}
        for key, (scalar, value) in node.entries.items():
            if key not in allowed:
                self.problems.append(
                    scalar.problem(
                        f"unknown key {key!r} in {what}",
                        "one of " + ", ".join(allowed),
                        nearest_name(key, allowed),
                    )
                )
                continue
            found[key] = value
        return found

    def _string(self, node: Node, what: str) -> Scalar:
        if not isinstance(node, Scalar):
            raise node.fault(f"{what} cannot be {node.kind}", "a text")
        return node

    def _mapping(self, node: Node, what: str) -> Mapping:
        if not isinstance(node, Mapping):
            raise node.fault(f"{what} cannot be {node.kind}", "a mapping such as {name: value}")
        return node

    def _check_name(self, node: Scalar, what: str) -> str:
        name = node.text.value
        if not NAME.match(name) or name in RESERVED:
            raise node.fault(
                f"{name[:60]!r} is no name for a {what}", "letters, digits and '_', no reserved word"
            )
        return name

    def formula(self, node: Node, words: bool = False) -> Formula:
        """An expression from a scalar; where words are taken, a text of stages stands for itself."""
        scalar = self._string(node, "an expression")
        text = scalar.text
        try:
            expr = parse(text.value)
        except ExpressionError as error:
            if words and stages_in(text.value, self.known):
                Pasted(self.known).stages(text)  # refused here where it cannot be read, not at its use
                return Formula(constant(text.value.strip(), 0, len(text.value)), text)
            found = expression_fault(text, error)
            value = text.value.strip()
            if words and _PROSE.match(value):
                inner = f"'{value}'" if "'" not in value else f'"{value}"'
                found.problems[0].expected = f"an expression, or a text in quotes of its own: {quoted(inner)}"
            raise found from None
        word = expr.value if words and expr.kind == "name" and not is_symbol_name(expr.value) else None
        return Formula(expr, text, word)

    def value(self, node: Node, words: bool = False) -> Value:
        """A formula, or a list of values; the copies that aliases make are counted."""
        count = 0

        def convert(node: Node, depth: int) -> Value:
            nonlocal count
            count += 1
            if count > MAX_VALUES:
                raise node.fault(f"more than {MAX_VALUES:,} values in one list")
            if depth > 16:
                raise node.fault("a list nested deeper than 16 levels")
            if isinstance(node, Sequence):
                return tuple(convert(item, depth + 1) for item in node.items)
            if isinstance(node, Scalar) and node.empty:
                raise node.fault("no value", "a number, an expression, a text, a list, or none")
            return self.formula(node, words)

        return convert(node, 0)

    def _shape(self, node: Node) -> Value:
        if isinstance(node, Sequence):
            return self.value(node)
        text = self._string(node, "a shape").text
        try:
            stripped = text.value.strip()
            at = text.value.index(stripped)
            if stripped == "?":  # of what is printed, nobody says what goes in
                return Formula(constant(UNKNOWN, at, at + 1), text)
            return Formula(parse_value(text, at, at + len(stripped)), text)
        except ExpressionError as error:
            problem = expression_fault(text, error).problems[0]
            problem.expected = "channels and sizes, such as 3x224x224"
            raise SpecError(problem) from None

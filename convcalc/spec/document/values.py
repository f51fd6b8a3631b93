"""Texts, names, expressions and shapes of a document's nodes."""

from __future__ import annotations

import re
from typing import Final

from convcalc import layers
from convcalc.spec.document.items import Formula, Value
from convcalc.spec.document.keys import RESERVED
from convcalc.spec.document.yamlnodes import Mapping, Node, Scalar, Sequence
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.language.expression import ExpressionError, is_symbol_name, parse
from convcalc.spec.language.stage import expression_fault
from convcalc.spec.language.tokens import parse_value

MAX_VALUES: Final = 10_000
"""Most values in one list of a document, nested ones and aliases counted."""
NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
"""A name of a variable or parameter."""

_STAGE: Final = re.compile(r"\s*([A-Za-z_]\w*)(?:\s|\()")


def _quotes(scalar: Scalar, words: bool) -> str | None:
    """What to do with a text that is no expression: YAML ended it at a comma, or it holds stages."""
    value = scalar.text.value
    if (
        scalar.flow
        and scalar.plain
        and value.count("(") + value.count("[") > value.count(")") + value.count("]")
    ):
        return "quotes around a text with ',' inside [...] or {...}"
    head = _STAGE.match(value)
    if words and head is not None and (head.group(1) in layers.OPS or head.group(1) in layers.ALIASES):
        return f"quotes in quotes around a text of stages: \"'{value.strip()}'\""
    return None


class Values:
    """Reads single nodes, and collects the faults that need not stop the reading."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

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
        """An expression from a scalar."""
        scalar = self._string(node, "an expression")
        text = scalar.text
        try:
            expr = parse(text.value)
        except ExpressionError as error:
            found = expression_fault(text, error)
            hint = _quotes(scalar, words)
            if hint is not None:
                found.problems[0].expected = hint
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
            return Formula(parse_value(text, at, at + len(stripped)), text)
        except ExpressionError as error:
            problem = expression_fault(text, error).problems[0]
            problem.expected = "channels and sizes, such as 3x224x224"
            raise SpecError(problem) from None

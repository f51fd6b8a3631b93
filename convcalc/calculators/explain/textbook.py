"""Formulas as people know them: in the order of a textbook, not in the normal form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from convcalc.dims import is_symbolic
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import Expr, parse

_LEVELS: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
_SUPERSCRIPTS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ROUNDED: Final[dict[str, dict[str, Any]]] = {
    "unicode": {"floor": "⌊⌋", "ceil": "⌈⌉"},
    "latex": {"floor": (r"\left\lfloor ", r" \right\rfloor"), "ceil": (r"\left\lceil ", r" \right\rceil")},
}
_BRACKETS: Final = {"plain": "()", "unicode": "()", "latex": (r"\left(", r"\right)")}


class Textbook(NamedTuple):
    """A formula in the expression language, and what its letters stand for.

    Attributes:
        text: the formula, such as ``floor((I + 2*P - K)/S) + 1``.
        names: by letter of the text the number, letter or closed form that stands there; others stay.
    """

    text: str
    names: Mapping[str, Any] = {}

    @property
    def value(self) -> Any:
        """The number or closed form that it is."""
        return evaluate(parse(self.text), dict(self.names))

    def write(self, notation: str = "plain", numbers: Mapping[str, int] | None = None) -> str:
        """The formula as it stands, in a notation.

        Args:
            notation: ``plain``, ``unicode`` or ``latex``.
            numbers: by letter the number that is put in its place.
        """
        return _written(parse(self.text), self.names, notation, numbers or {})[0]

    def to_dict(self) -> dict[str, str]:
        """The formula as JSON holds it."""
        return {"formula": self.write(), "latex": self.write("latex")}


def _written(
    expr: Expr, names: Mapping[str, Any], notation: str, numbers: Mapping[str, int]
) -> tuple[str, int]:
    """The text, and how loosely it binds: 1 a sum, 2 a product, 4 a power, 5 what stands alone."""
    if expr.kind == "const":
        return str(expr.value), 5 if type(expr.value) is int else 2
    if expr.kind in ("name", "variable"):
        return _letter(expr.value, names, notation, numbers)
    parts = [_written(arg, names, notation, numbers) for arg in expr.args]
    if expr.kind == "call":
        inside = ", ".join(text for text, _ in parts)
        marks = _ROUNDED.get(notation, {}).get(expr.value)
        if marks is not None:
            return f"{marks[0]}{inside}{marks[1]}", 5
        left, right = _BRACKETS[notation]
        word = rf"\operatorname{{{expr.value}}}" if notation == "latex" else expr.value
        return f"{word}{left}{inside}{right}", 5
    if expr.kind == "unary":
        return f"{expr.value}{_inside(parts[0], 2, notation)}", 1
    if expr.kind != "binary" or expr.value not in _LEVELS:
        raise ValueError(f"a textbook formula has no {expr.kind} {expr.value!r}")
    if numbers and expr.value == "**" and all(text.isdigit() for text, _ in parts):
        return str(int(parts[0][0]) ** int(parts[1][0])), 5
    return _binary(expr.value, parts, notation)


def _binary(sign: str, parts: list[tuple[str, int]], notation: str) -> tuple[str, int]:
    level = _LEVELS[sign]
    if notation == "latex" and sign == "/":
        return rf"\frac{{{parts[0][0]}}}{{{parts[1][0]}}}", 3
    left = _inside(parts[0], level + (sign == "**"), notation)
    if sign == "**":
        power = parts[1][0]
        if notation == "latex":
            return f"{left}^{{{power}}}", level
        if notation == "unicode" and power.isdigit():
            return left + power.translate(_SUPERSCRIPTS), level
        return f"{left}**{_inside(parts[1], level, notation)}", level
    right = _inside(parts[1], level + 1, notation)  # it stood in brackets: signs bind from the left
    if sign in "+-":
        return f"{left} {sign} {right}", level
    if sign == "/":
        return f"{left}/{right}", level
    times = {"plain": "*", "unicode": "·"}.get(notation)
    if times is None:
        times = r" \cdot " if right[:1].isdigit() else " "
    return f"{left}{times}{right}", level


def _inside(part: tuple[str, int], level: int, notation: str) -> str:
    text, own = part
    left, right = _BRACKETS[notation]
    return text if own >= level else f"{left}{text}{right}"


def _letter(
    name: str, names: Mapping[str, Any], notation: str, numbers: Mapping[str, int]
) -> tuple[str, int]:
    from convcalc.symbols.notation import write

    value = names.get(name)
    if value is None:
        from convcalc.dims import symbol

        value = symbol(name)
    if is_symbolic(value) and value.names <= numbers.keys():
        value = value.subs({letter: numbers[letter] for letter in value.names})
    text = write(value, notation)
    if re.fullmatch(r"\w+(_\{\w+\})?", text):
        return text, 5
    return text, 1 if " " in text or text.startswith("-") else 2

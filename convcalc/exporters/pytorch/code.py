"""Python expressions with holes for numbers, and their layout in lines as Ruff and Black lay them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final, TypeAlias

WIDTH: Final = 88
"""Characters of a line, as Black has it unless told otherwise."""


class _None:
    def __repr__(self) -> str:
        return "NONE"


NONE: Final = _None()
"""Where an argument has no default."""


@dataclass(frozen=True)
class Hole:
    """A number, or another value, that may differ between blocks that are alike otherwise.

    Attributes:
        value: the value here.
        hint: what an argument that fills it would be called.
        default: what the argument is where it is left out.
    """

    value: Any
    hint: str
    default: Any = NONE


@dataclass(frozen=True)
class Item:
    """One argument of a call, or one item of a list."""

    value: Expr
    key: str = ""


@dataclass(frozen=True)
class Bracket:
    """What stands in brackets.

    Attributes:
        open: with which it opens.
        items: what it holds.
        close: with which it closes.
        call: arguments of a call, which may share a line of their own; items of a list may not.
        comma: items are separated by commas; the parts of a comprehension are not.
    """

    open: str
    items: tuple[Item, ...]
    close: str
    call: bool = True
    comma: bool = True


Part: TypeAlias = str | Hole | Bracket


@dataclass(frozen=True)
class Expr:
    """An expression.

    Attributes:
        parts: texts, holes and brackets in turn.
        level: how tight it binds: 3 a name or a call, 2 a sign, 1 a product, 0 a sum.
        depth: how many calls stand in one another.
        moved: where it is a tensor with an axis moved: that tensor, from where the axis was, and to where.
    """

    parts: tuple[Part, ...]
    level: int = 3
    depth: int = 0
    moved: tuple[Expr, Any, Any] | None = field(default=None, compare=False, repr=False)

    def holes(self) -> Iterator[Hole]:
        """The holes in the order of the text."""
        for part in self.parts:
            if isinstance(part, Hole):
                yield part
            elif isinstance(part, Bracket):
                for item in part.items:
                    yield from item.value.holes()

    def pattern(self) -> str:
        """The text with its holes left open: that of blocks that are alike."""
        found = []
        for part in self.parts:
            if isinstance(part, str):
                found.append(part)
            elif isinstance(part, Hole):
                found.append(f"\0{part.hint}\0")
            else:
                inner = (f"{item.key}={item.value.pattern()}" for item in part.items)
                found.append(part.open + ",".join(inner) + part.close)
        return "".join(found)

    def filled(self, fill: Callable[[Hole], str | None]) -> Expr:
        """With texts in place of the holes, in the order of the text; None leaves the argument out."""
        parts: list[Part] = []
        for part in self.parts:
            if isinstance(part, str):
                parts.append(part)
            elif isinstance(part, Hole):
                parts.append(fill(part) or "")
            else:
                items = []
                for item in part.items:
                    value = item.value.filled(fill)
                    if value.parts != ("",):
                        items.append(Item(value, item.key))
                parts.append(Bracket(part.open, tuple(items), part.close, part.call, part.comma))
        for at, part in enumerate(self.parts):
            if part == ":":  # of a slice: there is room on the sides of bounds that are no plain numbers
                bounds = [str(parts[i]) for i in (at - 1, at + 1) if isinstance(self.parts[i], Hole)]
                if any(not bound.isalnum() for bound in bounds):
                    before, after = (" " * isinstance(self.parts[i], Hole) for i in (at - 1, at + 1))
                    parts[at] = f"{before}:{after}"
        return Expr(tuple(parts), self.level, self.depth)

    def text(self) -> str:
        """In one line; a hole shows its value."""
        return "".join(_text(part) for part in self.parts)

    def __str__(self) -> str:
        return self.text()


def _text(part: Part) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Hole):
        return literal(part.value)
    return part.open + _body(part) + part.close


def _body(part: Bracket) -> str:
    texts = [_item(item) for item in part.items]
    if not part.comma:
        return " ".join(texts)
    single = part.open == "(" and not part.call and len(texts) == 1
    return ", ".join(texts) + "," * single


def _item(item: Item) -> str:
    return (f"{item.key}=" if item.key else "") + item.value.text()


def literal(value: Any) -> str:
    """A value as Python writes it."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(literal, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, Fraction):
        value = int(value) if value.denominator == 1 else float(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        if len(repr(value)) > 10 and 1e-4 < value < 1 and (square := round(value**-2)) ** -0.5 == value:
            return f"{square}**-0.5"
    return repr(value)


def expr(*parts: Any, level: int = 3) -> Expr:
    """An expression of texts, holes, brackets and other expressions in turn."""
    found: list[Part] = []
    depth = 0
    for part in parts:
        if isinstance(part, Expr):
            found += part.parts
            depth = max(depth, part.depth)
        elif isinstance(part, Bracket):
            found.append(part)
            depth = max([depth, *(item.value.depth + 1 for item in part.items)])
        else:
            found.append(part)
    return Expr(tuple(found), level, depth)


def value(given: Any, hint: str, default: Any = NONE) -> Expr:
    """A value that may be an argument of a class."""
    return Expr((Hole(given, hint, default),))


def plain(given: Any) -> Expr:
    """A value that stands as it is."""
    return Expr((literal(given),), 2 if isinstance(given, int | float) and given < 0 else 3)


def key(name: str, given: Any, default: Any = NONE, hint: str = "") -> Item:
    """An argument by name, left out where it is the default."""
    return Item(given if isinstance(given, Expr) else value(given, hint or name, default), name)


def call(function: Any, *arguments: Any) -> Expr:
    """A call; texts among the arguments stand as they are."""
    return expr(function, Bracket("(", tuple(map(_argument, arguments)), ")"))


def method(x: Expr, name: str, *arguments: Any) -> Expr:
    """The call of a method."""
    found = call(expr(tight(x), f".{name}"), *arguments)
    return Expr(found.parts, found.level, found.depth)


def listed(items: Any, brackets: str = "[]") -> Expr:
    """A list or tuple."""
    return expr(Bracket(brackets[0], tuple(map(_argument, items)), brackets[1], call=False))


def _argument(given: Any) -> Item:
    if isinstance(given, Item):
        return given
    if isinstance(given, Expr):
        return Item(given)
    if isinstance(given, str):
        return Item(Expr((given,)))
    return Item(plain(given))


def tight(x: Expr, level: int = 3) -> Expr:
    """In parentheses, unless it binds as tight as that."""
    return x if x.level >= level else expr(Bracket("(", (Item(x),), ")"))


def operation(sign: str, x: Expr, y: Expr) -> Expr:
    """Two operands with ``+ - * /`` or ``@`` between them."""
    level = 0 if sign in "+-" else 1
    return expr(tight(x, level), f" {sign} ", tight(y, level + (sign in "-/@" or level == 1)), level=level)


def _operands(given: Expr) -> list[Expr]:
    """The operands of a sum or product, each but the first behind its sign."""
    signs = (" + ", " - ") if given.level == 0 else (" * ", " / ", " @ ")
    found: list[list[Part]] = [[]]
    for part in given.parts:
        if part in signs:
            found.append([str(part).lstrip()])
        else:
            found[-1].append(part)
    return [Expr(tuple(parts)) for parts in found] if len(found) > 1 else []


def structured(text: str) -> Expr:
    """A text with its brackets found, so that it can be laid out."""
    found, rest = _structured(text, 0, "")
    assert rest == len(text)
    return found[0] if len(found) == 1 else Expr((text,))


def _structured(text: str, at: int, close: str) -> tuple[list[Expr], int]:
    """Expressions between commas up to a closing bracket, and where that stands."""
    items: list[Expr] = []
    parts: list[Part] = []
    start = at
    while at < len(text) and text[at] != close:
        letter = text[at]
        if letter in "\"'":
            at = text.index(letter, at + 1) + 1
        elif letter in "([{":
            end = {"(": ")", "[": "]", "{": "}"}[letter]
            head = text[start:at]
            inner, at = _structured(text, at + 1, end)
            called = letter == "(" and (head[-1:].isalnum() or head[-1:] == "_")
            bracket = Bracket(letter, tuple(map(Item, inner)), end, called, " for " not in text[start:at])
            parts += [head, bracket]
            at += 1
            start = at
        elif letter == "," and close:
            items.append(Expr((*parts, text[start:at])))
            parts = []
            at += 2 if text[at + 1 : at + 2] == " " else 1
            start = at
        else:
            at += 1
    if parts or text[start:at]:
        items.append(Expr((*parts, text[start:at])))
    return items, at


def laid_out(given: Expr, indent: int, before: str = "", after: str = "") -> list[str]:
    """An expression without holes in lines, with texts before and after it.

    Where it is too long for one, its last brackets are opened: arguments of a call get a line of their own
    where they fit in one, else each does, with a comma behind the last.
    """
    margin = " " * indent
    line = f"{margin}{before}{given.text()}{after}"
    if len(line) > WIDTH and given.level < 2 and (operands := _operands(given)):
        if indent + 4 + len(given.text()) <= WIDTH:
            return [f"{margin}{before}(", f"{margin}    {given.text()}", f"{margin}){after}"]
        return [
            f"{margin}{before}(",
            *(part for operand in operands for part in laid_out(operand, indent + 4)),
            f"{margin}){after}",
        ]
    found = [i for i, part in enumerate(given.parts) if isinstance(part, Bracket) and part.items]
    if len(line) <= WIDTH or not found:
        return [line]
    at = found[-1]
    bracket = given.parts[at]
    assert isinstance(bracket, Bracket)
    head = before + "".join(map(_text, given.parts[:at])) + bracket.open
    tail = bracket.close + "".join(map(_text, given.parts[at + 1 :])) + after
    lines = [margin + head]
    body = " " * (indent + 4) + _body(bracket)
    if len(body) <= WIDTH and (bracket.call or not bracket.comma):
        lines.append(body)
    else:
        for item in bracket.items:
            start = f"{item.key}=" if item.key else ""
            lines += laid_out(item.value, indent + 4, start, "," if bracket.comma else "")
    return [*lines, margin + tail]

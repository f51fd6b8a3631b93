"""Blocks as classes: those that are alike but for numbers share one, which takes these as arguments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from convcalc.exporters.pytorch.code import NONE, Expr, Hole, Item, call, literal
from convcalc.exporters.pytorch.flow import Line

CHANNELS: Final = frozenset(
    ["in_channels", "out_channels", "channels", "in_features", "out_features", "features"]
)
COUNTS: Final = CHANNELS | frozenset(
    ["hidden_channels", "hidden_size", "groups", "size", "windows", "entries"]
)
"""What may be a multiple of another argument."""


@dataclass
class Body:
    """What stands in a class, with holes for numbers.

    Attributes:
        stems: names of blocks that have this body.
        arguments: those of ``forward``.
        init: lines of the constructor.
        forward: lines of ``forward``; none where the class is a sequence.
        sequence: what makes the sequence of modules, where it is one.
    """

    arguments: list[str]
    init: list[Line]
    forward: list[Line]
    sequence: Expr | None = None

    def lines(self) -> list[Line]:
        """All lines with holes, in order."""
        own = [] if self.sequence is None else [Line("", self.sequence)]
        return [*own, *self.init, *self.forward]

    def holes(self) -> list[Hole]:
        """All holes in order."""
        return [hole for line in self.lines() for hole in line.value.holes()]

    def pattern(self) -> tuple[Any, ...]:
        """What is alike in blocks that can share a class."""
        lines = tuple((line.before, line.value.pattern(), line.after) for line in self.lines())
        return (tuple(self.arguments), self.sequence is None, lines)


@dataclass
class Argument:
    """An argument of a constructor, with what blocks give for it."""

    name: str
    values: tuple[Any, ...]
    default: Any = NONE


@dataclass
class Class:
    """A class and its blocks.

    Attributes:
        name: its name.
        body: that of its first block.
        arguments: of the constructor.
        fills: what stands in each hole: a text, or None where an argument is left out.
    """

    name: str
    body: Body
    arguments: list[Argument] = field(default_factory=list)
    fills: list[str | None] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def made(self, number: int) -> Expr:
        """The call that makes the block of that number."""
        items: list[Item] = []
        for at, argument in enumerate(self.arguments):
            hole = Expr((Hole(argument.values[number], argument.name, argument.default),))
            by_place = argument.default is NONE and (
                argument.name.endswith(tuple(CHANNELS)) or (at == 0 and len(self.arguments) == 1)
            )
            by_place = by_place and all(not item.key for item in items)
            items.append(Item(hole, "" if by_place else argument.name))
        return call(self.name, *items)


def _key(value: Any) -> Any:
    return (type(value).__name__, value)


def share(body: Body, blocks: Sequence[Body], name: str, taken: Iterable[str]) -> Class:
    """One class for blocks whose bodies are alike.

    Args:
        body: that of the first.
        blocks: all of them.
        name: of the class.
        taken: names of attributes that are not free.
    """
    found = Class(name, body)
    holes = body.holes()
    inits = sum(
        len(list(line.value.holes())) for line in body.lines()[: len(body.lines()) - len(body.forward)]
    )
    columns = list(zip(*(tuple(hole.value for hole in block.holes()) for block in blocks), strict=True))
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, column in enumerate(columns):
        if len(set(map(_key, column))) > 1:
            groups.setdefault(tuple(map(_key, column)), []).append(number)
    names: dict[tuple[Any, ...], str] = {}
    reserved = set(taken)
    texts: dict[tuple[Any, ...], str] = {}
    for group, numbers in groups.items():
        values = tuple(columns[numbers[0]])
        hints = [holes[n].hint for n in numbers]
        multiple = _multiple(values, hints, found.arguments) or _half(values, hints, found.arguments)
        if multiple is not None:
            texts[group] = multiple
            continue
        argument = Argument(_argument(hints, reserved | set(names.values())), values)
        defaults = [holes[n].default for n in numbers]
        if all(d is not NONE for d in defaults) and len(set(map(_key, defaults))) == 1:
            argument.default = defaults[0]
        names[group] = argument.name
        texts[group] = argument.name
        found.arguments.append(argument)
    found.arguments.sort(key=lambda argument: argument.default is not NONE)
    for number, column in enumerate(columns):
        key = tuple(map(_key, column))
        if key in texts:
            text = texts[key]
            if number >= inits:
                attribute = text if text.isidentifier() else ""
                if not attribute:  # a multiple of an argument
                    text = re.sub(r"([a-z]\w*)", r"self.\1", text)
                    attribute = re.sub(r".*self\.(\w+).*", r"\1", text)
                else:
                    text = f"self.{attribute}"
                if attribute not in found.kept:
                    found.kept.append(attribute)
            found.fills.append(text)
        else:
            value, default = column[0], holes[number].default
            same = default is not NONE and _key(value) == _key(default)
            found.fills.append(None if same else literal(value))
    return found


def _multiple(values: tuple[Any, ...], hints: Sequence[str], before: Sequence[Argument]) -> str | None:
    """A product of an argument before, or a square, where that is true of all blocks."""
    if not all(type(v) is int and v > 0 for v in values) or not any(h in COUNTS for h in hints):
        return None
    for other in before:
        if other.name == "windows" and values == tuple(v**2 for v in other.values):
            return f"{other.name}**2"
    for other in before:
        theirs = other.values
        if not all(type(v) is int and v > 0 for v in theirs) or len(set(theirs)) < 2:
            continue
        if all(v % t == 0 and v // t == values[0] // theirs[0] for v, t in zip(values, theirs, strict=True)):
            return f"{values[0] // theirs[0]} * {other.name}"
    return None


def _half(values: tuple[Any, ...], hints: Sequence[str], before: Sequence[Argument]) -> str | None:
    """Padding that is half of a kernel, where that is true of all blocks."""
    if set(hints) != {"padding"} or not all(type(v) is int for v in values):
        return None
    for other in before:
        theirs = other.values
        if other.name.startswith("kernel_size") and all(
            type(t) is int and v == t // 2 for v, t in zip(values, theirs, strict=True)
        ):
            return f"{other.name} // 2"
    return None


def _argument(hints: Sequence[str], taken: set[str]) -> str:
    """A name for what fills these holes."""
    both = {"in_channels", "out_channels"} <= set(hints) or {"in_features", "out_features"} <= set(hints)
    vague = ("start", "stop", "channels")
    own = [h for h in hints if h not in vague] or sorted(hints, key=lambda h: h != "channels")
    wanted = ("channels" if "out_channels" in hints else "features") if both else own[0]
    if wanted in taken and both:
        wanted = "hidden_channels" if "out_channels" in hints else "hidden_features"
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}{number}"
    return name


def class_name(stems: Sequence[str], taken: Iterable[str], more: str = "") -> str:
    """A name for the class of blocks with these names."""
    stem = Counter(stems).most_common(1)[0][0]
    words = [word for word in re.split(r"[\W_]+", stem) if word]
    name = "".join(word[0].upper() + word[1:] for word in words) or "Block"
    if name[0].isdigit():
        name = f"Block{name}"
    used = set(taken)
    if name in used and more:
        name += more
    found, number = name, 1
    while found in used:
        number += 1
        found = f"{name}{number}"
    return found


def stem_of(path: str) -> str:
    """The name of a block without its number; for a block that has a number alone, that of its holder."""
    *holders, name = path.split(".")
    if name.isdigit():
        holder = next((part for part in reversed(holders) if not part.isdigit()), "")
        holder = re.sub(r"[\d_]+$", "", holder)
        if holder.endswith("s") and not holder.endswith("ss"):
            return holder[:-1]
        return f"{holder}_block" if holder else "block"
    return re.sub(r"[\d_]+$", "", name) or name


Fill = Callable[[Hole], "str | None"]


def filled(lines: Sequence[Line], fills: Iterable[str | None]) -> list[Line]:
    """Lines with texts in place of their holes, in order."""
    texts = iter(fills)

    def fill(hole: Hole) -> str | None:
        return next(texts)

    return [Line(line.before, line.value.filled(fill), line.after) for line in lines]

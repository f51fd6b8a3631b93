"""One stage of a spec: ``conv 64 k3 p1``, ``bottleneck(64, stride=2)``, ``Conv2d(3, 64, 3)``.

The line form is read here; the call form of frameworks is translated in :mod:`convcalc.importers.calls`.
A stage knows the options of a layer by the layer's registered name and nothing about how the
layer counts.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from convcalc import layers
from convcalc.spec import library
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.language.expression import Expr, ExpressionError, constant, parse
from convcalc.spec.source import Text

MAX_STAGE: Final = 20_000
"""Longest stage, in characters."""

_HEAD: Final = re.compile(r"\$?[A-Za-z_][\w.]*")
_KEY: Final = re.compile(r"([A-Za-z_]\w*)=(?!=)")
_SIZE: Final = r"(?:\d+(?:\.\d+)?|[A-Z]\d*(?:_[A-Za-z0-9]+)?)"
_SIZES: Final = re.compile(rf"{_SIZE}(?::{_SIZE})?(?:x{_SIZE}(?::{_SIZE})?)*\Z")
_REFERENCE: Final = re.compile(r"(?:[\w.\-]|\{[^{}]*\})+\Z")
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}
NODE_KEYS: Final = ("id", "from", "with", "like")
"""Keys every stage takes beside the options of its layer."""


class Template:
    """A name with ``{expression}`` parts, as in ``id=conv{i}``."""

    __slots__ = ("end", "parts", "start")

    def __init__(self, parts: tuple[str | Expr, ...], start: int, end: int) -> None:
        self.parts = parts
        self.start = start
        self.end = end

    def exprs(self) -> list[Expr]:
        """The expressions in it."""
        return [p for p in self.parts if isinstance(p, Expr)]


class Arg:
    """One argument: ``key`` is None for a positional one; ``pair`` for ``in->out``."""

    __slots__ = ("end", "expr", "key", "pair", "start")

    def __init__(self, key: str | None, expr: Expr, start: int, end: int, pair: Expr | None = None) -> None:
        self.key = key
        self.expr = expr
        self.pair = pair
        self.start = start
        self.end = end


class Stage:
    """A layer, a block call or a ``$name`` substitution, parsed but not evaluated.

    Attributes:
        kind: ``layer``, ``block`` or ``text``.
        name: registered name of the layer, name of the block, or the variable of ``$name``.
        rank: spatial rank a framework's name demands (``Conv2d``), else None.
    """

    __slots__ = (
        *("args", "cost", "end", "id", "kind", "like", "name", "names"),
        *("origin", "rank", "refs", "start", "text", "withs"),
    )

    def __init__(self, kind: str, name: str, text: Text, start: int, end: int) -> None:
        self.kind = kind
        self.name = name
        self.text = text
        self.start = start
        self.end = end
        self.origin = name
        self.args: list[Arg] = []
        self.id: Template | None = None
        self.refs: list[Template] | None = None
        self.withs: list[Template] = []
        self.like: Template | None = None
        self.rank: int | None = None
        self.names: tuple[str, ...] = ()
        self.cost = 10

    def finish(self) -> Stage:
        """Collect the variables the arguments read, and what it costs to evaluate them."""
        found: set[str] = set()
        nodes = 0
        for arg in self.args:
            for expr in (arg.expr, arg.pair):
                if expr is not None:
                    found |= expr.names()
                    nodes += expr.size()
        self.cost = 10 + nodes // 2
        self.names = tuple(sorted(found))
        return self


def fault(
    text: Text,
    start: int,
    end: int,
    message: str,
    expected: str | None = None,
    nearest: str | None = None,
) -> SpecError:
    """A spec error at characters ``start`` to ``end`` of a text."""
    return SpecError(Problem.at(text, start, end, message, expected=expected, nearest=nearest))


def expression_fault(text: Text, error: ExpressionError) -> SpecError:
    """The spec error of an expression error."""
    return fault(text, error.start, error.end, error.message, error.expected, error.nearest)


def parse_template(text: Text, start: int, end: int) -> Template:
    """A name with ``{expression}`` parts from ``text[start:end]``."""
    value = text.value[start:end]
    if not _REFERENCE.match(value):
        raise fault(
            text, start, end, f"{value!r} is no name", "letters, digits, '_', '.', '-' or {expression}"
        )
    parts: list[str | Expr] = []
    at = start
    for match in re.finditer(r"\{([^{}]*)\}", value):
        if start + match.start() > at:
            parts.append(text.value[at : start + match.start()])
        try:
            parts.append(parse(text.value, start + match.start(1), start + match.end(1)))
        except ExpressionError as error:
            raise expression_fault(text, error) from None
        at = start + match.end()
    if at < end:
        parts.append(text.value[at:end])
    return Template(tuple(parts), start, end)


def parse_references(text: Text, start: int, end: int) -> list[Template]:
    """``a`` or ``[a, b]``."""
    value = text.value
    if value[start : start + 1] in ("[", "(") and end > start and value[end - 1] in ")]":
        found = []
        at = start + 1
        for piece in value[start + 1 : end - 1].split(","):
            left = at + len(piece) - len(piece.lstrip())
            right = at + len(piece.rstrip())
            if right <= left:
                raise fault(text, at, at + 1, "a name is missing in the list", "names separated by ','")
            found.append(parse_template(text, left, right))
            at += len(piece) + 1
        return found
    return [parse_template(text, start, end)]


def split_stages(text: Text, start: int, end: int, separators: str = "|;\n") -> list[tuple[int, int]]:
    """Ranges of the stages in ``text[start:end]``; comments are passed over.

    Separators inside brackets or quotes do not split.
    """
    value = text.value
    ranges: list[tuple[int, int]] = []
    stack: list[tuple[str, int]] = []
    begin = i = start
    comment = False
    while i < end:
        char = value[i]
        if char == "#" and (i == start or value[i - 1] in " \t\n|;"):
            stop = value.find("\n", i, end)
            stop = end if stop < 0 else stop
            if not stack:
                ranges.append((begin, i))
                begin = stop + 1
                comment = True
            i = stop if stack else stop + 1
            continue
        if char in "'\"":
            close = value.find(char, i + 1, end)
            line = value.find("\n", i + 1, end)
            if close < 0 or (0 <= line < close and not stack):
                raise fault(text, i, i + 1, "unclosed quote", f"a closing {char}")
            i = close
        elif char in _OPEN:
            stack.append((_OPEN[char], i))
        elif char in ")]}":
            if not stack or stack[-1][0] != char:
                expected = repr(stack[-1][0]) if stack else None
                raise fault(text, i, i + 1, f"unexpected {char!r}", expected)
            stack.pop()
        elif char in separators and not stack:
            ranges.append((begin, i))
            begin = i + 1
        i += 1
    if stack:
        expected, at = stack[-1]
        raise fault(text, at, at + 1, f"{value[at]!r} is never closed", repr(expected))
    if begin < end or not comment:
        ranges.append((begin, min(end, len(value))))
    trimmed = []
    for left, right in ranges:
        piece = value[left:right]
        stripped = piece.strip()
        if stripped:
            at = left + piece.index(stripped)
            trimmed.append((at, at + len(stripped)))
    return trimmed


def parse_stages(
    text: Text, start: int = 0, end: int | None = None, known: frozenset[str] = frozenset()
) -> list[Stage]:
    """All stages of a text in line or call form.

    ``known`` are the names of blocks that the document and the library define.

    Raises:
        SpecError: with every stage that cannot be read.
    """
    from convcalc.importers import calls

    end = len(text.value) if end is None else end
    stages: list[Stage] = []
    problems: list[Problem] = []
    for left, right in split_stages(text, start, end):
        if right - left > MAX_STAGE:
            problems.append(Problem.at(text, left, left + 20, f"stage longer than {MAX_STAGE} characters"))
            continue
        try:
            if "(" in text.value[left:right]:
                left, right = calls.unwrapped(text, left, right, not stages and not problems)
            head = _HEAD.match(text.value, left, right)
            if head is None:
                if text.value[left] == "(" and (labelled := calls.labelled(text, left, right)):
                    stages.extend(calls.parse_call(text, *labelled, known))
                    continue
                raise fault(
                    text,
                    left,
                    left + 1,
                    f"unexpected {text.value[left]!r}",
                    "a layer or block, such as 'conv 64 k3'",
                )
            name = head.group()
            if name.startswith("$"):
                if head.end() != right:
                    raise fault(text, head.end(), right, f"nothing may follow {name}")
                stage = Stage("text", name[1:], text, left, right)
                stage.names = (name[1:],)
                stages.append(stage)
            elif head.end() < right and text.value[head.end()] == "(":
                stages.extend(calls.parse_call(text, left, right, known))
            elif head.end() == right and calls.is_class(name):
                raise fault(text, left, right, f"{name} is a call", f"{name}(...)")
            else:
                stages.append(_parse_line(text, left, head.end(), right, known))
        except SpecError as error:
            problems.extend(error.problems)
        except ExpressionError as error:
            problems.extend(expression_fault(text, error).problems)
    if problems:
        raise SpecError(problems)
    return stages


def new_stage(name: str, text: Text, start: int, end: int, name_end: int, known: frozenset[str]) -> Stage:
    """A stage by its layer's or block's name.

    Raises:
        SpecError: there is neither. The document's blocks win over layers, layers over the library's.
    """
    if name in known:
        return Stage("block", name, text, start, end)
    op = layers.ALIASES.get(name, name)
    if op in layers.OPS:
        stage = Stage("layer", op, text, start, end)
        stage.origin = name
        return stage
    if library.has_block(name):
        return Stage("block", name, text, start, end)
    from convcalc.importers.frameworks import CLASSES

    nearest = nearest_name(name, [*layers.OPS, *layers.ALIASES, *known, *library.block_names(), *CLASSES])
    raise fault(
        text,
        start,
        name_end,
        f"unknown layer or block {name!r}",
        "a layer or block (see 'convcalc list')",
        nearest,
    )


def _parse_line(text: Text, start: int, name_end: int, end: int, known: frozenset[str]) -> Stage:
    name = text.value[start:name_end]
    stage = new_stage(name, text, start, end, name_end, known)
    if name_end < end and not text.value[name_end].isspace():
        raise fault(
            text,
            name_end,
            name_end + 1,
            f"unexpected {text.value[name_end]!r} after {name}",
            "a space or '('",
        )
    for left, right in split_stages(text, name_end, end, " \t\r\n\f\v"):
        _add_token(stage, text, left, right)
    return stage.finish()


@lru_cache(maxsize=256)
def option_names(op: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Field of every key of a layer, and its short letters, longest first."""
    keys: dict[str, str] = {}
    shorts = []
    for option in layers.lookup(op).options:
        for key in (option.field, option.short, *option.aliases):
            if key:
                keys[key] = option.field
        if option.short and option.kind in ("dim", "axes", "padding"):
            shorts.append(option.short)
    return keys, tuple(sorted(shorts, key=len, reverse=True))


@lru_cache(maxsize=256)
def option_kinds(op: str) -> dict[str, Any]:
    """The options of a layer by field."""
    return {option.field: option for option in layers.lookup(op).options}


def set_node_key(stage: Stage, key: str, text: Text, start: int, end: int) -> None:
    """Set ``id``, ``from``, ``with`` or ``like`` of a stage."""
    if start >= end:
        raise fault(text, start - 1, start, f"{key}= needs a name")
    if key == "id":
        stage.id = parse_template(text, start, end)
    elif key == "like":
        stage.like = parse_template(text, start, end)
    elif key == "from":
        stage.refs = parse_references(text, start, end)
    else:
        stage.withs = parse_references(text, start, end)


def add_keyed(stage: Stage, key: str, expr: Expr, start: int, end: int) -> None:
    """Add a ``key=value`` argument after checking the key against the layer's options."""
    if stage.kind == "layer":
        keys, _ = option_names(stage.name)
        if key not in keys:
            choices = sorted({*keys.values()})
            raise fault(
                stage.text,
                start,
                start + len(key),
                f"{stage.origin} has no option {key!r}",
                "one of " + ", ".join([*choices, *NODE_KEYS]),
                nearest_name(key, [*keys, *NODE_KEYS]),
            )
        key = keys[key]
    if any(arg.key == key for arg in stage.args):
        raise fault(stage.text, start, end, f"{key} is given twice")
    stage.args.append(Arg(key, expr, start, end))


def _add_token(stage: Stage, text: Text, start: int, end: int) -> None:
    value = text.value
    match = _KEY.match(value, start, end)
    if match is not None:
        key, at = match.group(1), match.end()
        if key in NODE_KEYS:
            set_node_key(stage, key, text, at, end)
            return
        if at >= end:
            raise fault(text, start, end, f"{key}= needs a value", "a value without spaces around '='")
        add_keyed(stage, key, parse_value(text, at, end), start, end)
        return
    if value[start] == "=":
        raise fault(text, start, start + 1, "unexpected '='", "key=value without spaces")
    if (reading := _short_literal(stage, value[start:end])) is not None:
        key, _ = reading
        add_keyed(stage, key, parse_sizes(value, start + len(key), end), start, end)
        return
    arrow = _find_arrow(value, start, end)
    if arrow >= 0:
        if arrow == start or arrow + 2 >= end:
            raise fault(text, start, end, "'->' needs a value on both sides", "in->out, such as 64->128")
        left, right = parse(value, start, arrow), parse(value, arrow + 2, end)
        stage.args.append(Arg(None, left, start, end, right))
        return
    stage.args.append(Arg(None, parse_value(text, start, end), start, end))


def _short_literal(stage: Stage, token: str) -> tuple[str, str] | None:
    """Short letter and literal of a token such as ``k3x5``, where the layer has the letter."""
    if stage.kind != "layer":
        return None
    for short in option_names(stage.name)[1]:
        if token.startswith(short) and _SIZES.match(token, len(short)):
            return short, token[len(short) :]
    return None


def _find_arrow(value: str, start: int, end: int) -> int:
    depth = 0
    for i in range(start, end - 1):
        char = value[i]
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "-" and value[i + 1] == ">" and depth == 0:
            return i
    return -1


def parse_value(text: Text, start: int, end: int) -> Expr:
    """A value: sizes such as ``7x7`` or ``0:1x2:3``, or an expression."""
    if _SIZES.match(text.value[start:end]) and re.search("[x:]", text.value[start:end]):
        return parse_sizes(text.value, start, end)
    return parse(text.value, start, end)


def parse_sizes(value: str, start: int, end: int) -> Expr:
    """``3``, ``3x5``, ``0:1``, ``0:1x2:3`` or the same with symbols, as an expression.

    One ``before:after`` pair stands for all axes and becomes ``((before, after),)``.
    """
    axes = []
    at = start
    for piece in value[start:end].split("x"):
        sides = []
        position = at
        for side in piece.split(":"):
            stop = position + len(side)
            if len(side) > 400:
                raise ExpressionError("number with more than 400 digits", position, stop)
            sides.append(
                constant(Fraction(side) if "." in side else int(side), position, stop)
                if side[0].isdigit()
                else Expr("name", side, (), position, stop)
            )
            position = stop + 1
        axes.append(sides[0] if len(sides) == 1 else Expr("tuple", None, tuple(sides), at, at + len(piece)))
        at += len(piece) + 1
    if len(axes) == 1 and axes[0].kind != "tuple":
        return axes[0]
    return Expr("tuple", None, tuple(axes), start, end)

"""One stage of a spec, parsed but not evaluated: a layer or a block, its arguments, its names.

A stage knows the options of a layer by the layer's registered name and nothing about how the
layer counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from convcalc import layers
from convcalc.dims import Shape
from convcalc.spec.errors import SpecError, fault, nearest_name
from convcalc.spec.language.expression import ARRIVING, Expr, ExpressionError, parse
from convcalc.spec.source import Text

_REFERENCE: Final = re.compile(r"(?:[\w.\-]|\{[^{}]*\})+\Z")
_RANGE: Final = re.compile(r"(?:'[^']*'|\"[^\"]*\"|[^'\".]|\.(?!\.))*\.\.")
_COMMA: Final = re.compile(r",(?![^{}]*\})")
NODE_KEYS: Final = ("id", "from", "with", "like", "frozen", "share")
"""Keys every stage takes beside the options of its layer."""


class Range:
    """``first..last`` in a name: the whole numbers from one to the other, both included."""

    __slots__ = ("end", "first", "last", "start")

    def __init__(self, first: Expr, last: Expr) -> None:
        self.first = first
        self.last = last
        self.start = first.start
        self.end = last.end


class Template:
    """A name with ``{expression}`` parts, as in ``id=conv{i}``; several names where one is a range."""

    __slots__ = ("end", "parts", "start")

    def __init__(self, parts: tuple[str | Expr | Range, ...], start: int, end: int) -> None:
        self.parts = parts
        self.start = start
        self.end = end

    @property
    def literal(self) -> str | None:
        """The name where it has no expression."""
        first = self.parts[0] if len(self.parts) == 1 else None
        return first if isinstance(first, str) else None

    @property
    def many(self) -> bool:
        """Whether it may stand for several names."""
        return any(isinstance(part, Range) for part in self.parts)

    def exprs(self) -> list[Expr]:
        """The expressions in it."""
        found: list[Expr] = []
        for part in self.parts:
            if isinstance(part, Range):
                found += (part.first, part.last)
            elif isinstance(part, Expr):
                found.append(part)
        return found

    def arrives(self) -> bool:
        """Whether an expression in it reads what arrives."""
        return any(expr.names() & ARRIVING for expr in self.exprs())


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
        flat_too: whether a vector is taken as well, whatever the rank (``BatchNorm1d``).
        frozen: whether its parameters are held fixed in training; None where it does not say.
        share: the layers or arrays (of a block: the block) whose weights it uses; None where it has its own.
        refuses: why a framework does not take the layer on the shapes that arrive, None where it does.
        adapt: completes the options by the shapes that arrive, where a framework's arguments mean
            something else for every number of axes; None where they stand for themselves.
        owns: whether it has weights of its own only, as the classes of frameworks do.
        channels_last: whether it was written for tensors whose channels are the last axis.
        arrives: whether an expression in it reads what arrives (``in``, ``size``).
    """

    __slots__ = (
        *("adapt", "args", "arrives", "channels_last", "cost", "end", "flat_too", "frozen", "id"),
        *("kind", "like"),
        *("name", "names", "origin", "owns", "rank", "refs", "refuses", "share", "start", "text", "withs"),
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
        self.flat_too = False
        self.owns = False
        self.frozen: Expr | None = None
        self.share: list[Template] | None = None
        self.refuses: Callable[[Any, tuple[Shape, ...]], str | None] | None = None
        self.adapt: Callable[[tuple[Shape, ...], dict[str, Any]], dict[str, Any]] | None = None
        self.channels_last = False
        self.arrives = False
        self.names: tuple[str, ...] = ()
        self.cost = 10

    def fault(
        self,
        message: str,
        expected: str | None = None,
        nearest: str | None = None,
        at: Arg | Template | None = None,
    ) -> SpecError:
        """A spec error at the stage, or at an argument or a name in it."""
        place = at or self
        return fault(self.text, place.start, place.end, message, expected, nearest)

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
        self.arrives = self.arrives or not ARRIVING.isdisjoint(found)
        self.names = tuple(sorted(found))
        return self


def expression_fault(text: Text, error: ExpressionError) -> SpecError:
    """The spec error of an expression error."""
    found = fault(text, error.start, error.end, error.message, error.expected, error.nearest)
    found.unknown = error.unknown
    return found


def parse_template(text: Text, start: int, end: int, *, many: bool = False) -> Template:
    """A name with ``{expression}`` parts from ``text[start:end]``; ``many`` may be ranges."""
    value = text.value[start:end]
    if not _REFERENCE.match(value):
        raise fault(
            text, start, end, f"{value!r} is no name", "letters, digits, '_', '.', '-' or {expression}"
        )
    parts: list[str | Expr | Range] = []
    at = start
    for match in re.finditer(r"\{([^{}]*)\}", value):
        if start + match.start() > at:
            parts.append(text.value[at : start + match.start()])
        left, right = start + match.start(1), start + match.end(1)
        dots = _RANGE.match(text.value, left, right)
        try:
            if dots is None:
                parts.append(parse(text.value, left, right))
            elif many:
                first = parse(text.value, left, dots.end() - 2)
                parts.append(Range(first, parse(text.value, dots.end(), right)))
            else:
                raise fault(
                    text, left, right, "a range stands for several names, and one is wanted here",
                    "one name; from=, with= and outputs take ranges",
                )  # fmt: skip
        except ExpressionError as error:
            raise expression_fault(text, error) from None
        at = start + match.end()
    if at < end:
        parts.append(text.value[at:end])
    return Template(tuple(parts), start, end)


def parse_references(text: Text, start: int, end: int, *, many: bool = True) -> list[Template]:
    """``a`` or ``[a, b]``; each may hold ranges where ``many`` may stand, as in ``y{0..n-1}``."""
    value = text.value
    if value[start : start + 1] in ("[", "(") and end > start and value[end - 1] in ")]":
        found = []
        at = start + 1
        for piece in _COMMA.split(value[start + 1 : end - 1]):
            left = at + len(piece) - len(piece.lstrip())
            right = at + len(piece.rstrip())
            if right <= left:
                if many and not value[start + 1 : end - 1].strip():
                    return []  # it reads nothing
                raise fault(text, at, at + 1, "a name is missing in the list", "names separated by ','")
            found.append(parse_template(text, left, right, many=many))
            at += len(piece) + 1
        return found
    return [parse_template(text, start, end, many=many)]


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
    """Set one of :data:`NODE_KEYS` of a stage."""
    if start >= end:
        raise fault(
            text, start - 1, start, f"{key}= needs {'true or false' if key == 'frozen' else 'a name'}"
        )
    if key == "id":
        stage.id = parse_template(text, start, end)
        stage.arrives = stage.arrives or stage.id.arrives()
    elif key == "like":
        stage.like = parse_template(text, start, end)
        stage.arrives = stage.arrives or stage.like.arrives()
    elif key == "frozen":
        try:
            stage.frozen = parse(text.value, start, end)
            stage.arrives = stage.arrives or not ARRIVING.isdisjoint(stage.frozen.names())
        except ExpressionError as error:
            raise expression_fault(text, error) from None
    elif key == "share":
        stage.share = parse_references(text, start, end, many=False)
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

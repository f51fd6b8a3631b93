"""Stages of a text, in line form (``conv 64 k3 p1``) and in call form (``unit(64, stride=2)``)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from convcalc import layers
from convcalc.dims import UNKNOWN
from convcalc.spec import library
from convcalc.spec.errors import MAX_PROBLEMS, Problem, SpecError, fault, nearest_name
from convcalc.spec.language.calls import fill
from convcalc.spec.language.expression import Expr, ExpressionError, constant, parse
from convcalc.spec.language.stage import (
    NODE_KEYS,
    Arg,
    Stage,
    add_keyed,
    expression_fault,
    option_kinds,
    option_names,
    set_node_key,
)
from convcalc.spec.language.tokens import SIZES, parse_shapes, parse_sizes, parse_value, split_stages
from convcalc.spec.source import Text

MAX_STAGE: Final = 20_000
"""Longest stage, in characters."""

_HEAD: Final = re.compile(r"\$?[A-Za-z_][\w.]*")
_KEY: Final = re.compile(r"([A-Za-z_]\w*)=(?!=)")


class Lines:
    """Reads the layers and blocks of the language itself.

    A reader of other notations is a subclass: it says which classes it knows, takes off what surrounds
    a call (:meth:`unwrapped`) and reads calls of these classes (:meth:`call`).

    Args:
        known: names of the blocks that the document defines. They win over layers, and layers over
            the blocks of the library.
    """

    def __init__(self, known: frozenset[str] = frozenset()) -> None:
        self.known = known

    @property
    def classes(self) -> Collection[str]:
        """Names of other notations that are calls and that this reader knows."""
        return ()

    def stages(self, text: Text, start: int = 0, end: int | None = None) -> list[Stage]:
        """All stages in characters ``start`` to ``end`` of a text.

        Raises:
            SpecError: with every stage that cannot be read.
        """
        end = len(text.value) if end is None else end
        stages: list[Stage] = []
        problems: list[Problem] = []
        for left, right in split_stages(text, start, end):
            if len(problems) >= MAX_PROBLEMS:
                break
            try:
                stages.extend(self._piece(text, left, right, not stages and not problems))
            except SpecError as error:
                problems.extend(error.problems)
            except ExpressionError as error:
                problems.extend(expression_fault(text, error).problems)
        if problems:
            raise SpecError(problems)
        return stages

    def _piece(self, text: Text, start: int, end: int, first: bool) -> list[Stage]:
        """The stages of one piece between separators: several where a class stands for several layers."""
        if end - start > MAX_STAGE:
            raise fault(text, start, start + 20, f"stage longer than {MAX_STAGE} characters")
        value = text.value
        if "(" in value[start:end]:
            start, end = self.unwrapped(text, start, end, first)
        head = _HEAD.match(value, start, end)
        if head is None:
            raise fault(
                text, start, start + 1, f"unexpected {value[start]!r}",
                "a layer or block, such as 'conv 64 k3'",
            )  # fmt: skip
        name, stop = head.group(), head.end()
        if name.startswith("$"):
            if stop != end:
                raise fault(text, stop, end, f"nothing may follow {name}")
            stage = Stage("text", name[1:], text, start, end)
            stage.names = (name[1:],)
            return [stage]
        if stop < end and value[stop] == "(":
            return self.call(text, start, end)
        # Classes of other notations have capital names: their tables are not loaded for any other.
        if stop == end and name[0].isupper() and name in self.classes:
            raise fault(text, start, end, f"{name} is a call", f"{name}(...)")
        return [self._line(text, start, stop, end)]

    def unwrapped(self, text: Text, start: int, end: int, first: bool) -> tuple[int, int]:
        """The range of a call without what surrounds it in another notation; ``first`` of the text or not."""
        return start, end

    def call(self, text: Text, start: int, end: int) -> list[Stage]:
        """The stages of a call ``name(arguments)``; of a dotted name, the last part counts.

        Raises:
            SpecError: the name or an argument is not known.
        """
        stop = text.value.index("(", start)
        name = text.value[start:stop].rpartition(".")[2]
        stage = self._named(name, text, start, stop, end)
        fill(stage, text, stop, end)
        return [stage.finish()]

    def _named(self, name: str, text: Text, start: int, name_end: int, end: int) -> Stage:
        """A stage by its layer's or block's name, still without arguments."""
        if name in self.known:
            return Stage("block", name, text, start, end)
        op = layers.ALIASES.get(name, name)
        if op in layers.OPS:
            stage = Stage("layer", op, text, start, end)
            stage.origin = name
            return stage
        if library.has_block(name):
            return Stage("block", name, text, start, end)
        classes = self.classes if text.value[name_end : name_end + 1] == "(" else ()  # which are calls
        names = (*layers.OPS, *layers.ALIASES, *self.known, *library.block_names(), *classes)
        raise fault(
            text, start, name_end, f"unknown layer or block {name!r}",
            "a layer or block (see 'convcalc list')", nearest_name(name, names),
        )  # fmt: skip

    def _line(self, text: Text, start: int, name_end: int, end: int) -> Stage:
        name = text.value[start:name_end]
        stage = self._named(name, text, start, name_end, end)
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
        add_keyed(stage, key, _value(stage, key, text, at, end), start, end)
        return
    if value[start] == "=":
        raise fault(text, start, start + 1, "unexpected '='", "key=value without spaces")
    if (reading := _short_literal(stage, value[start:end])) is not None:
        key, _ = reading
        add_keyed(stage, key, parse_sizes(value, start + len(key), end), start, end)
        return
    if _kind(stage, None) == "word":
        stage.args.append(Arg(None, _value(stage, None, text, start, end), start, end))
        return
    arrow = _find_arrow(value, start, end)
    if arrow >= 0:
        if arrow == start or arrow + 2 >= end:
            raise fault(text, start, end, "'->' needs a value on both sides", "in->out, such as 64->128")
        left, right = parse(value, start, arrow), parse(value, arrow + 2, end)
        stage.args.append(Arg(None, left, start, end, right))
        return
    stage.args.append(Arg(None, parse_value(text, start, end), start, end))


def _kind(stage: Stage, key: str | None) -> str:
    """The kind of the option that a key sets, or that the next argument without one sets."""
    if stage.kind != "layer":
        return ""
    if key is None:
        at = sum(arg.key is None for arg in stage.args)
        positional = layers.lookup(stage.name).positional
        key = positional[at] if at < len(positional) else ""
    option = option_kinds(stage.name).get(option_names(stage.name)[0].get(key, ""))
    return "" if option is None else option.kind


def _value(stage: Stage, key: str | None, text: Text, start: int, end: int) -> Expr:
    """The value of an option; a word stands for itself."""
    kind = _kind(stage, key)
    if kind == "word":
        quoted = end - start > 1 and text.value[start] in "'\"" and text.value[end - 1] == text.value[start]
        return constant(text.value[start + quoted : end - quoted], start, end)
    if kind == "shapes":
        try:
            return parse_shapes(text, start, end)
        except ExpressionError as error:
            raise expression_fault(text, error) from None
    if kind == "dim" and text.value[start:end] == "?" and layers.lookup(stage.name).opaque:
        return constant(UNKNOWN, start, end)
    return parse_value(text, start, end)


def _short_literal(stage: Stage, token: str) -> tuple[str, str] | None:
    """Short letter and literal of a token such as ``k3x5``, where the layer has the letter."""
    if stage.kind != "layer":
        return None
    for short in option_names(stage.name)[1]:
        if token.startswith(short) and SIZES.match(token, len(short)):
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

"""A call of a class of Keras: its arguments as text, each evaluated only where it means something."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from convcalc.dims import Shape
from convcalc.importers.call import closing
from convcalc.importers.keras.table import CLASSES, OLDER, Argument, Class, reason
from convcalc.importers.programs import bound as bound_values
from convcalc.spec.errors import SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import Expr, ExpressionError, constant
from convcalc.spec.language.stage import (
    NODE_KEYS,
    Arg,
    Stage,
    expression_fault,
)
from convcalc.spec.language.tokens import parse_value, split_stages
from convcalc.spec.source import Text

Adapt: TypeAlias = Callable[[tuple[Shape, ...], dict[str, Any]], dict[str, Any]]
Read: TypeAlias = Callable[[str, Text, int, int, int], list[Stage]]

_KEYED: Final = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
_WORD: Final = re.compile(r"[A-Za-z_][\w.]*\Z")
_FIRST: Final = re.compile(r"['\"]channels_first['\"]")
_PRESET: Final = re.compile(r"set_image_data_format\(\s*['\"]channels_first['\"]")


@lru_cache(maxsize=8)
def layout(source: str) -> tuple[bool, bool]:
    """Whether a program has its channels first: somewhere, and where a layer does not say."""
    return bool(_FIRST.search(source)), bool(_PRESET.search(source))


class Keras:
    """One call of a class of Keras.

    Attributes:
        name: the class as it was written.
        entry: what the table says of it.
        first: whether the program has its channels first.
        preset: whether that is so for layers that do not say.
        given: where the value of each argument stands that was given.
        read: reads a call inside this one.
        values: what names of the program around the call stand for.
        used: the names that the call reads.
    """

    def __init__(
        self,
        name: str,
        text: Text,
        start: int,
        end: int,
        read: Read,
        values: Mapping[str, Any] | None = None,
        used: set[str] | None = None,
    ) -> None:
        self.name = name
        self.entry: Class = CLASSES[name]
        self.text = text
        self.start = start
        self.end = end
        self.read = read
        self.values = values or {}
        self.used: set[str] = set() if used is None else used
        self.first, self.preset = layout(text.source.text)
        self.given: dict[str, tuple[int, int]] = {}

    def fault(self, key: str, message: str, expected: str | None = None) -> SpecError:
        """A spec error at an argument, or at the call where it was not given."""
        return fault(self.text, *self.given.get(key, (self.start, self.end)), message, expected)

    def words(self, key: str) -> str | None:
        """The text of an argument as it was written."""
        place = self.given.get(key)
        return None if place is None else self.text.value[slice(*place)]

    def expr(self, start: int, end: int) -> Expr:
        """What is written there, as an expression."""
        try:
            expr = parse_value(self.text, start, end)
        except ExpressionError as error:
            raise expression_fault(self.text, error) from None
        found = bound_values(expr, self.values, self.used)
        assert isinstance(found, Expr)
        found = found.of_variables()
        return found

    def value(self, key: str, otherwise: Any = None) -> Any:
        """The value of an argument, which must be written out; of a dotted name, its last word."""
        place = self.given.get(key)
        if place is None:
            return otherwise
        words = self.text.value[slice(*place)]
        if "." in words and _WORD.match(words):
            return words.rpartition(".")[2]
        try:
            return evaluate(self.expr(*place), {})
        except ExpressionError as error:
            raise fault(
                self.text, *place, f"{key}: {error.message}", "a value that is written out", error.nearest
            ) from None
        except ValueError as error:
            raise fault(self.text, *place, f"{key}: {error}", "a value that is written out") from None

    def flag(self, key: str, otherwise: bool) -> bool:
        """An argument that is True or False."""
        value = self.value(key, otherwise)
        if not isinstance(value, bool):
            raise self.fault(key, f"{key} is a switch", "True or False")
        return value

    def fields(self) -> dict[str, Any]:
        """The arguments that are fields of the layer: expressions, or constants of the table."""
        found: dict[str, Any] = {}
        for argument in self.entry.arguments:
            if argument.fate != ">":
                continue
            place = self.given.get(argument.name)
            if place is not None:
                if self.words(argument.name) == "None" != argument.default:
                    raise self.fault(argument.name, f"{argument.name} of {self.name} is not None")
                found[argument.field] = Arg(argument.field, self.expr(*place), *place)
            elif argument.default is not None:
                found[argument.field] = evaluate(parse_default(argument.default), {})
        return found

    def stage(self, op: str, fields: dict[str, Any], adapt: Adapt | None = None) -> Stage:
        """A stage of this call: fields are arguments or constants; those that are None are left out."""
        stage = Stage("layer", op, self.text, self.start, self.end)
        stage.origin = self.name
        stage.owns = True
        stage.rank = self.entry.rank
        stage.adapt = adapt
        stage.channels_last = not self.first
        for field, value in fields.items():
            if not isinstance(value, Arg):
                value = Arg(field, constant(value, self.start, self.end), self.start, self.end)
            if not (value.expr.kind == "const" and value.expr.value is None):
                stage.args.append(Arg(field, value.expr, value.start, value.end))
        return stage.finish()


@lru_cache(maxsize=64)
def parse_default(text: str) -> Expr:
    """The default of an argument as an expression."""
    from convcalc.spec.language.expression import parse

    return parse(text)


def axis(given: int, rank: int, first: bool) -> int | None:
    """The axis of the language (0 is the channels) that one of Keras is, in a tensor of so many axes.

    Keras counts the batch as axis 0, and from the end with negative numbers. None where there is no
    such axis, or it is the batch.
    """
    place = given - 1 if given > 0 else given + rank
    if given == 0 or not 0 <= place < rank:
        return None
    return place if first else (place + 1) % rank


def bound(call: Keras, start: int, end: int) -> tuple[dict[str, tuple[int, int]], int]:
    """Give a call its arguments from the bracket at ``start``; node keys, and where the call closes."""
    text, name, entry = call.text, call.name, call.entry
    close = closing(text, start, end)
    order = [argument.name for argument in entry.arguments]
    by_name = {argument.name: argument for argument in entry.arguments}
    nodes: dict[str, tuple[int, int]] = {}
    keyed = False
    for index, (left, right) in enumerate(split_stages(text, start + 1, close - 1, ",")):
        if text.value.startswith("*", left):
            raise fault(text, left, right, "arguments behind * are not written here", "each of them")
        match = _KEYED.match(text.value, left, right)
        if match is None:
            if keyed:
                raise fault(text, left, right, "a positional argument after one with a key")
            if index >= entry.keyed:
                takes = ", ".join(order[: entry.keyed]) or "none"
                raise fault(text, left, right, f"{name} takes at most {entry.keyed} arguments", takes)
            key, place = order[index], (left, right)
        else:
            keyed = True
            key, place = match.group(1), (match.end(), right)
            key = OLDER.get(name, {}).get(key, key)
        if place[0] >= place[1]:
            raise fault(text, left, right, f"{key}= needs a value")
        if key in NODE_KEYS:
            nodes[key] = place
            continue
        if key not in by_name:
            raise fault(
                text, left, left + len(key), f"{name} has no argument {key!r}",
                "one of " + ", ".join(order), nearest_name(key, order),
            )  # fmt: skip
        if key in call.given:
            raise fault(text, left, right, f"{key} is given twice")
        call.given[key] = place
        _check_fate(call, by_name[key])
    for argument in entry.arguments[: entry.keyed]:
        if argument.default is None and argument.name not in call.given:
            raise call.fault("", f"{name} needs {argument.name}", f"{name}({argument.name}=...)")
    return nodes, close


def _check_fate(call: Keras, argument: Argument) -> None:
    """Refuse what can only have its default."""
    if argument.fate == "!" and call.words(argument.name) not in (argument.default, "None", "False"):
        raise call.fault(
            argument.name,
            f"{argument.name}: {reason(argument.name, '!')}",
            f"{argument.name}={argument.default}",
        )

"""A call of a framework's class: what its table says of it, and its arguments by the layer's fields."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from convcalc.spec.errors import SpecError, fault
from convcalc.spec.language.evaluation import evaluate
from convcalc.spec.language.expression import ExpressionError, constant
from convcalc.spec.language.stage import Arg, Stage
from convcalc.spec.source import Text

_BARE: Final = (
    "same",
    "valid",
    "causal",
    "full",
    "zeros",
    "reflect",
    "replicate",
    "circular",
    "relu",
    "linear",
)


_ARGUMENT: Final = re.compile(r"(\w+)(!?)(?:>(\w+)|([-*=]))?\Z")


class Argument(NamedTuple):
    """One argument of a framework's class, as a row states it.

    Attributes:
        name: what the framework calls it.
        field: the option of the layer that it sets; ``-`` for none, because it changes nothing here;
            ``=`` for one of which only some values are taken; ``*name`` for one to be translated.
        required: whether the framework has no default of it.
        keyword: whether it is given by its name alone.
    """

    name: str
    field: str
    required: bool = False
    keyword: bool = False


class Row(NamedTuple):
    """What a framework's class is: layer, spatial rank, arguments, constants, Keras or not."""

    op: str
    rank: int | None
    arguments: tuple[Argument, ...]
    defaults: dict[str, Any]
    keras: bool

    def by_name(self) -> dict[str, Argument]:
        """The arguments by what the framework calls them."""
        return {argument.name: argument for argument in self.arguments}


class Call:
    """Arguments of a framework's class by the layer's field; ``*name`` for those to be translated."""

    def __init__(self, name: str, row: Row, text: Text, start: int, end: int) -> None:
        self.name = name
        self.row = row
        self.text = text
        self.start = start
        self.end = end
        self.values: dict[str, Arg] = {}

    @property
    def prefix(self) -> str:
        """What the text says before the name: ``nn.``, ``layers.``."""
        return self.text.value[self.start : self.end].partition("(")[0].rpartition(".")[0]

    def set(self, field: str, value: Any) -> None:
        """Set a field to a constant."""
        self.values[field] = Arg(field, constant(value, self.start, self.end), self.start, self.end)

    def default(self, field: str, value: Any) -> None:
        """Set a field unless it was given."""
        if field not in self.values:
            self.set(field, value)

    def take(self, key: str, otherwise: Any = None) -> Any:
        """Remove an argument and give its value, which must be a literal."""
        arg = self.values.pop(key, None)
        return otherwise if arg is None else self.literal(arg)

    def literal(self, arg: Arg) -> Any:
        """Value of an argument that cannot be a formula here."""
        try:
            return evaluate(arg.expr, {}, _BARE)
        except ExpressionError as error:
            raise fault(self.text, arg.start, arg.end, error.message, "a literal", error.nearest) from None

    def fault(self, key: str, message: str, expected: str | None = None) -> SpecError:
        """A spec error at an argument."""
        arg = self.values.get(key)
        return fault(self.text, *((arg.start, arg.end) if arg else (self.start, self.end)), message, expected)

    def stage(self, op: str, values: dict[str, Arg] | None = None) -> Stage:
        """A stage of this call's place."""
        stage = Stage("layer", op, self.text, self.start, self.end)
        stage.origin = self.name
        stage.owns = True
        stage.rank = self.row.rank
        for field, arg in (self.values if values is None else values).items():
            if arg.expr.kind == "const" and arg.expr.value is None:
                continue
            stage.args.append(Arg(field, arg.expr, arg.start, arg.end))
        return stage.finish()


def table(text: str, keras: bool) -> dict[str, Row]:
    """Rows by class from a table: ``class|layer|arguments|constants``, ``#`` for the ranks 1 to 3.

    An argument is ``name``, ``name>option``, ``name*`` (translated), ``name-`` (changes nothing) or
    ``name=`` (some values are taken); ``name!`` must be given; those after ``**`` are given by name.
    """
    rows: dict[str, Row] = {}
    for line in text.strip().splitlines():
        name, op, arguments, *rest = line.split("|")
        defaults: dict[str, Any] = {}
        for item in rest[0].split() if rest else ():
            key, _, value = item.partition("=")
            defaults[key] = value
        own = re.search(r"(\d)[dD]\Z", name)
        for rank in (1, 2, 3) if "#" in name else (int(own.group(1)) if own else None,):
            full = name.replace("#", str(rank))
            rows[full] = Row(op, rank, _arguments(arguments), defaults, keras)
    return rows


def _arguments(text: str) -> tuple[Argument, ...]:
    found: list[Argument] = []
    keyword = False
    for item in text.split():
        if item == "**":
            keyword = True
            continue
        match = _ARGUMENT.match(item)
        assert match is not None, item
        name, required, renamed, mark = match.groups()
        field = f"*{name}" if mark == "*" else mark or renamed or name
        found.append(Argument(name, field, bool(required), keyword))
    return tuple(found)


_BRACKETS: Final = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*|[()\[\]{}]")


def closing(text: Text, start: int, end: int) -> int:
    """Where the bracket at ``start`` closes, quotes and comments aside."""
    depth = 0
    for match in _BRACKETS.finditer(text.value, start, end):
        token = match.group()
        if token in "([{":
            depth += 1
        elif token in ")]}":
            depth -= 1
            if depth == 0:
                return match.end()
    raise fault(text, start, start + 1, "'(' is never closed", "')'")

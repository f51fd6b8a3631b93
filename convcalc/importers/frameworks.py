"""A call of a class of PyTorch or Keras to stages of the language."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from convcalc.importers.call import Call, closing
from convcalc.importers.keras import table as keras
from convcalc.importers.pytorch import table as pytorch
from convcalc.importers.pytorch.refusals import check_value, refusal
from convcalc.importers.pytorch.translation import SPECIAL
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.calls import arguments_of, read_tail
from convcalc.spec.language.expression import Expr, constant, parse
from convcalc.spec.language.stage import NODE_KEYS, Arg, Stage, set_node_key
from convcalc.spec.language.tokens import split_stages
from convcalc.spec.source import Text

FUNCTIONS: Final = frozenset(pytorch.FUNCTIONS)
"""Functions of ``torch.nn.functional`` that are read."""
_KERAS: Final = frozenset((*keras.CLASSES, *keras.UNMODELLED))
CLASSES: Final = frozenset((*pytorch.ROWS, *keras.CLASSES))
"""The classes that have a translation."""
KNOWN: Final = frozenset(pytorch.ROWS) | frozenset(pytorch.NOT_MODELLED) | _KERAS
"""The classes that have an answer: a translation, or the reason why there is none."""
_CALLED: Final = re.compile(r"(?<![A-Za-z0-9_])[A-Z]\w*(?=\s*\()")
_TORCH_PREFIX: Final = frozenset({"nn", "torch"})
_KERAS_PREFIX: Final = frozenset({"keras", "layers", "tf", "tensorflow"})


@lru_cache(maxsize=8)
def _of_one(source: str) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Where a program calls classes that one framework alone has, and whether that is Keras."""
    found = [
        (match.start(), match.group() in _KERAS)
        for match in _CALLED.finditer(source)
        if (match.group() in _KERAS) != (match.group() in pytorch.ROWS)
    ]
    return tuple(at for at, _ in found), tuple(keras for _, keras in found)


def is_keras(name: str, text: Text, start: int, head_end: int, end: int) -> bool:
    """Whether a class is that of Keras, where PyTorch has one of its name too.

    What stands before the name says it (``nn.ReLU``, ``layers.ReLU``); else a keyword that one of the
    two alone takes, or fewer arguments than PyTorch's needs; else the nearest class before it, or after
    it, that one of the two alone has; else it is PyTorch's.

    Raises:
        SpecError: nothing says it, and the two mean different things.
    """
    prefix = set(text.value[start:head_end].split(".")[:-1])
    if name in pytorch.NOT_MODELLED and prefix & _TORCH_PREFIX:
        return False
    if name not in pytorch.ROWS or name not in _KERAS:
        return name in _KERAS
    if prefix & (_TORCH_PREFIX | _KERAS_PREFIX):
        return bool(prefix & _KERAS_PREFIX)
    called = _keywords(text, head_end, end)
    if name in keras.CLASSES:
        of_keras = {a.name for a in keras.CLASSES[name].arguments} | {*keras.OLDER.get(name, ())}
        of_torch = {argument.name for argument in pytorch.ROWS[name].arguments}
        if (called & of_keras) - of_torch or (called & of_torch) - of_keras:
            return bool((called & of_keras) - of_torch)
        least = sum(argument.required for argument in pytorch.ROWS[name].arguments)
        if least > 1 and len(split_stages(text, head_end + 1, closing(text, head_end, end) - 1, ",")) < least:
            return True  # LSTM(32): PyTorch's needs the size that arrives as well
    places, found = _of_one(text.source.text)
    if places:
        return found[max(bisect_left(places, text.start + start) - 1, 0)]
    plain = not text.value[head_end:end].strip("() \t\r\n")
    if name in _LAYOUT or (name in _DIFFERENT and plain):
        means = _LAYOUT.get(name) or _DIFFERENT[name]
        raise fault(text, start, end, f"{name}() means {means}", f"nn.{name}() or layers.{name}()")
    return False


_DIFFERENT: Final = {
    "LeakyReLU": "a slope of 0.01 in PyTorch and of 0.3 in Keras",
    "PReLU": "one slope in PyTorch and one per position in Keras",
}
"""What a class means in each framework where nothing is between its brackets."""
_LAYOUT: Final = {"Embedding": "features on the last axis in PyTorch and channels in Keras"}
"""The same of classes that differ whatever they are given."""


def _keywords(text: Text, start: int, end: int) -> set[str]:
    return set(re.findall(r"[(,]\s*([A-Za-z_]\w*)\s*=(?!=)", text.value[start:end]))


def stages_of(
    name: str, text: Text, start: int, head_end: int, end: int, values: Mapping[str, Any], read: set[str]
) -> list[Stage]:
    """The stages of a call of a framework's class, whose bracket opens at ``head_end``.

    Variables of the program around it, ``values``, are put in; ``read`` collects which.

    Raises:
        SpecError: an argument is not known, given twice, missing or not supported; or the class is not
            modelled, with the reason.
    """
    if is_keras(name, text, start, head_end, end):
        from convcalc.importers.keras.calls import stages_of as keras_stages_of

        return keras_stages_of(name, text, start, head_end, end, values, read)
    if name in pytorch.NOT_MODELLED:
        reason, instead = pytorch.NOT_MODELLED[name]
        raise fault(text, start, head_end, f"{name}: {reason}", instead)
    row = pytorch.FUNCTIONS[name] if name in pytorch.FUNCTIONS else pytorch.ROWS[name]
    call = Call(name, row, text, start, end)
    arguments, close = arguments_of(text, head_end, end)
    arguments = [
        (key, value.of_variables() if isinstance(value, Expr) else value, left, right)
        for key, value, left, right in arguments
    ]
    if values:
        from convcalc.importers.programs import bound

        arguments = [(key, bound(value, values, read), *place) for key, value, *place in arguments]
    given = [argument for argument in arguments if argument[0] not in NODE_KEYS]
    _take(call, given)
    for field, literal in row.defaults.items():
        if field not in call.values:
            at = constant(None, start, head_end)
            call.values[field] = Arg(field, _default(literal, at), start, head_end)
    special = SPECIAL.get(name) or SPECIAL.get(_pattern(name))
    try:
        stages = special(call) if special else [call.stage(row.op)]
    except (TypeError, ArithmeticError, LookupError, AttributeError):
        raise fault(text, start, end, f"{name} does not take arguments of these kinds") from None
    if stages and stages[0].refuses is None:
        stages[0].refuses = refusal(name)
    for key, value, _, _ in arguments:
        if key in NODE_KEYS:
            set_node_key(stages[-1 if key == "id" else 0], key, text, *value)
    if stages:
        read_tail(stages[-1], text, close, end)
    return stages


def _pattern(name: str) -> str:
    """The name of a class with ``#`` for its rank."""
    return re.sub(r"\d(?=[dD])", "#", name)


def _take(call: Call, arguments: list[tuple[str | None, Any, int, int]]) -> None:
    """Put the arguments that were given under the names of the layer's fields.

    Raises:
        SpecError: one that the class does not have, has already or must have.
    """
    name, text = call.name, call.text
    fields = {argument.name: argument.field for argument in call.row.arguments}
    order = [argument.name for argument in call.row.arguments if not argument.keyword]
    named = [argument.name for argument in call.row.arguments]
    anything = name == "Identity"  # PyTorch's takes any arguments and reads none
    keyed = False
    seen: set[str] = set()
    for index, (key, value, left, right) in enumerate(arguments):
        if key is None:
            if keyed:
                raise fault(text, left, right, "a positional argument after one with a key")
            if anything:
                continue
            if index >= len(order):
                raise fault(text, left, right, _at_most(name, len(order)), ", ".join(order) or f"{name}()")
            outer = order[index]
        else:
            keyed, outer = True, key
        if outer not in fields:
            if anything:
                continue
            raise fault(
                text, left, left + len(outer), f"{name} has no argument {outer!r}",
                "one of " + ", ".join(named) if named else "no arguments", nearest_name(outer, named),
            )  # fmt: skip
        if outer in seen:
            raise fault(text, left, right, f"{outer} is given twice")
        seen.add(outer)
        field, arg = fields[outer], Arg(outer, value, left, right)
        if field == "-":
            continue
        if field == "=":
            check_value(call, arg)
            continue
        if field in call.values:
            raise fault(text, left, right, f"{outer} is given twice")
        call.values[field] = Arg(field, value, left, right)
    required = [a.name for a in call.row.arguments if a.required]
    if not seen.issuperset(required):
        raise call.fault("", f"{name} needs {_listed(required)}", ", ".join(named))


def _at_most(name: str, count: int) -> str:
    if count == 0:
        return f"{name} takes no positional arguments"
    return f"{name} takes at most {count} positional argument{'s' * (count != 1)}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _default(literal: str, at: Expr) -> Expr:
    expr = parse(literal.removeprefix("-"))
    value: Any = expr.value  # a word, a number or a flag
    return constant(-value if literal.startswith("-") else value, at.start, at.end)

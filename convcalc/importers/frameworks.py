"""A call of a class of PyTorch or Keras to stages of the language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from convcalc.importers import keras, pytorch
from convcalc.importers.call import Call, Row
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.calls import arguments_of, read_tail
from convcalc.spec.language.expression import Expr, constant, parse
from convcalc.spec.language.stage import NODE_KEYS, Arg, Stage, set_node_key
from convcalc.spec.source import Text

CLASSES: Final[dict[str, Row]] = {**pytorch.ROWS, **keras.ROWS}
FUNCTIONS: Final = frozenset(pytorch.FUNCTIONS)
"""Functions of ``torch.nn.functional`` that are read."""
KNOWN: Final = frozenset(CLASSES) | frozenset(pytorch.NOT_MODELLED)
"""The classes that have an answer: a translation, or the reason why there is none."""
_IGNORED: Final = re.compile(
    r"(?:name|dtype|trainable|device|batch_size|batch_input_shape|inplace|momentum|seed|sparse"
    r"|\w+_(?:initializer|regularizer|constraint))\Z"
)
"""Arguments of Keras that change no number here."""


def stages_of(name: str, text: Text, start: int, head_end: int, end: int) -> list[Stage]:
    """The stages of a call of a framework's class, whose bracket opens at ``head_end``.

    Raises:
        SpecError: an argument is not known, given twice, missing or not supported; or the class is not
            modelled, with the reason.
    """
    if name in pytorch.NOT_MODELLED:
        reason, instead = pytorch.NOT_MODELLED[name]
        raise fault(text, start, head_end, f"{name}: {reason}", instead)
    row = pytorch.FUNCTIONS[name] if name in pytorch.FUNCTIONS else CLASSES[name]
    call = Call(name, row, text, start, end)
    arguments, close = arguments_of(text, head_end, end)
    given = [argument for argument in arguments if argument[0] not in NODE_KEYS]
    keras_too = _keras_too(call, given)
    _take(call, given, keras_too)
    for field, literal in row.defaults.items():
        if field not in call.values:
            at = constant(None, start, head_end)
            call.values[field] = Arg(field, _default(literal, at), start, head_end)
    shape = call.values.pop("*input_shape", None)
    special = _special(call, keras_too)
    stages = special(call) if special else [call.stage(row.op)]
    if "*activation" in call.values:
        raise call.fault("*activation", "the activation is not supported here")
    if not keras_too and stages and stages[0].refuses is None:
        stages[0].refuses = pytorch.refusal(name)
    if shape is not None:
        call.values = {"*shape": shape}
        stages = [*keras.input_stage(call), *stages]
    for key, value, _, _ in arguments:
        if key in NODE_KEYS:
            set_node_key(stages[-1 if key == "id" else 0], key, text, *value)
    if stages:
        read_tail(stages[-1], text, close, end)
    return stages


def _pattern(name: str) -> str:
    """The name of a class with ``#`` for its rank."""
    return re.sub(r"\d(?=[dD])", "#", name)


def _keras_too(call: Call, given: list[tuple[str | None, Any, int, int]]) -> bool:
    """Whether a call is one of Keras: by its class, by what stands before it, or by its arguments.

    Some classes have one name in both frameworks.
    """
    if call.row.keras:
        return True
    modules = call.prefix.split(".")
    if any(word in modules for word in ("layers", "keras", "tf")) or "nn" in modules:
        return "nn" not in modules
    own = call.row.by_name()
    return any(
        key is not None
        and key not in own
        and (key in keras.SHARED.get(call.name, {}) or _IGNORED.match(key) or key == "input_shape")
        for key, _, _, _ in given
    )


def _special(call: Call, keras_too: bool) -> Callable[[Call], list[Stage]] | None:
    """What translates a call, where its row does not say all."""
    for special in (keras.SPECIAL, pytorch.SPECIAL) if keras_too else (pytorch.SPECIAL,):
        for name in (call.name, _pattern(call.name)):
            if name in special:
                return special[name]
    return None


def _take(call: Call, arguments: list[tuple[str | None, Any, int, int]], keras_too: bool) -> None:
    """Put the arguments that were given under the names of the layer's fields.

    Raises:
        SpecError: one that the class does not have, has already or must have.
    """
    name, text = call.name, call.text
    fields = _fields(call, keras_too)
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
            if anything or (keras_too and _IGNORED.match(outer)):
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
            pytorch.check_value(call, arg)
            continue
        if field in call.values:
            raise fault(text, left, right, f"{outer} is given twice")
        call.values[field] = Arg(field, value, left, right)
    if not keras_too:
        missing = [a.name for a in call.row.arguments if a.required and a.name not in seen]
        if missing:
            required = [a.name for a in call.row.arguments if a.required]
            raise call.fault("", f"{name} needs {_listed(required)}", ", ".join(named))


def _at_most(name: str, count: int) -> str:
    if count == 0:
        return f"{name} takes no positional arguments"
    return f"{name} takes at most {count} positional argument{'s' * (count != 1)}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _fields(call: Call, keras_too: bool) -> dict[str, str]:
    """The field that each argument of a class sets; ``-`` for none, ``*name`` for one to be translated."""
    fields = {"input_shape": "*input_shape"} if keras_too else {}
    fields.update((argument.name, argument.field) for argument in call.row.arguments)
    if keras_too:
        for outer, field in keras.SHARED.get(call.name, {}).items():
            fields.setdefault(outer, f"*{outer}" if field == "*" else field)
    return fields


def _default(literal: str, at: Expr) -> Expr:
    expr = parse(literal)
    value = expr.value  # a word, a number or a flag
    return constant(value, at.start, at.end)

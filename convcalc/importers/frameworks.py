"""A call of a class of PyTorch or Keras to stages of the language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from convcalc.importers import keras, pytorch
from convcalc.importers.call import Call, Row
from convcalc.spec.errors import fault, nearest_name
from convcalc.spec.language.calls import arguments_of, read_tail
from convcalc.spec.language.expression import Expr, constant, parse
from convcalc.spec.language.stage import NODE_KEYS, Arg, Stage, set_node_key
from convcalc.spec.source import Text

CLASSES: Final[dict[str, Row]] = {**pytorch.ROWS, **keras.ROWS}
_SPECIAL: Final = {**pytorch.SPECIAL, **keras.SPECIAL}
_IGNORED: Final = re.compile(
    r"(?:name|dtype|trainable|device|batch_size|batch_input_shape|inplace|momentum|seed|sparse"
    r"|\w+_(?:initializer|regularizer|constraint))\Z"
)


def stages_of(
    name: str, text: Text, start: int, head_end: int, end: int, values: Mapping[str, Any], read: set[str]
) -> list[Stage]:
    """The stages of a call of a framework's class, whose bracket opens at ``head_end``.

    Variables of the program around it, ``values``, are put in; ``read`` collects which.

    Raises:
        SpecError: an argument is not known, given twice or not supported.
    """
    row = CLASSES[name]
    call = Call(name, row, text, start, end)
    arguments, close = arguments_of(text, head_end, end)
    if values:
        from convcalc.importers.programs import bound

        arguments = [(key, bound(value, values, read), *place) for key, value, *place in arguments]
    _take(call, [argument for argument in arguments if argument[0] not in NODE_KEYS])
    for field, literal in row.defaults.items():
        if field not in call.values:
            at = constant(None, start, head_end)
            call.values[field] = Arg(field, _default(literal, at), start, head_end)
    shape = call.values.pop("*input_shape", None)
    special = _SPECIAL.get(name) or _SPECIAL.get(re.sub(r"\d(?=[dD])", "#", name))
    stages = special(call) if special else [call.stage(row.op)]
    if "*activation" in call.values:
        raise call.fault("*activation", "the activation is not supported here")
    if shape is not None:
        call.values = {"*shape": shape}
        stages = [*keras.input_stage(call), *stages]
    for key, value, _, _ in arguments:
        if key in NODE_KEYS:
            set_node_key(stages[-1 if key == "id" else 0], key, text, *value)
    if stages:
        read_tail(stages[-1], text, close, end)
    return stages


def _take(call: Call, arguments: list[tuple[str | None, Any, int, int]]) -> None:
    """Put the arguments that were given under the names of the layer's fields."""
    name, text = call.name, call.text
    fields = _fields(call)
    order = [argument.rstrip("-*").partition(">")[0] for argument in call.row.arguments]
    keyed = False
    for index, (key, value, left, right) in enumerate(arguments):
        if key is None:
            if keyed:
                raise fault(text, left, right, "a positional argument after one with a key")
            if index >= len(order):
                if name == "Identity":
                    continue
                raise fault(
                    text, left, right, f"{name} takes at most {len(order)} arguments", ", ".join(order)
                )
            outer = order[index]
        else:
            keyed, outer = True, key
        if outer not in fields:
            if name == "Identity" or _IGNORED.match(outer):
                continue
            raise fault(
                text, left, left + len(outer), f"{name} has no argument {outer!r}",
                "one of " + ", ".join(order), nearest_name(outer, order),
            )  # fmt: skip
        field = fields[outer]
        if field == "-":
            continue
        if field in call.values:
            raise fault(text, left, right, f"{outer} is given twice")
        call.values[field] = Arg(field, value, left, right)


def _fields(call: Call) -> dict[str, str]:
    """The field that each argument of a class sets; ``-`` for none, ``*name`` for one to be translated."""
    fields = {"input_shape": "*input_shape"}
    for argument in call.row.arguments:
        outer, _, field = argument.rstrip("-*").partition(">")
        fields[outer] = (
            "-" if argument.endswith("-") else f"*{outer}" if argument.endswith("*") else field or outer
        )
    for outer, field in keras.SHARED.get(call.name, {}).items():
        fields.setdefault(outer, f"*{outer}" if field == "*" else field)
    return fields


def _default(literal: str, at: Expr) -> Expr:
    expr = parse(literal)
    value = expr.value  # a word, a number or a flag
    return constant(value, at.start, at.end)

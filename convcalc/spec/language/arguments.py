"""The arguments of a stage: which option each sets, what it evaluates to, what may be wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from convcalc import layers
from convcalc.dims import UNKNOWN, DimensionError, Shape, is_array, is_condition, is_symbolic
from convcalc.layers.values import CONVENTION_WORDS, MOST_AXES
from convcalc.spec.errors import SpecError, fault, nearest_name
from convcalc.spec.language.evaluation import UndecidedError, describe, evaluate
from convcalc.spec.language.expression import Expr, ExpressionError
from convcalc.spec.language.stage import Arg, Stage, Template, expression_fault, option_kinds, option_names

MOST_NUMBER: Final = 10**300
"""Largest value of an option that is a number of its own, such as eps."""


def dimension_fault(stage: Stage, error: DimensionError) -> SpecError:
    """What a layer refused, at the argument that sets the option at fault."""
    for arg, field in zip(stage.args, fields_of(stage), strict=True):
        if error.field is not None and error.field in field:
            return stage.fault(error.message, error.hint, at=arg)
    if error.field is not None and error.field.startswith("input "):
        flowing: list[Template | None] = [None] if stage.refs is None else [*stage.refs]
        place = [*flowing, *stage.withs][int(error.field.removeprefix("input "))]
        return stage.fault(error.message, error.hint, at=place)
    end = min(stage.end, max(stage.start + 1, stage.start + len(stage.origin)))
    return fault(stage.text, stage.start, end, error.message, error.hint)


def fields_of(stage: Stage) -> list[tuple[str, ...]]:
    """The field, or for ``in->out`` the two fields, that each argument sets."""
    positional = layers.lookup(stage.name).positional
    fields: list[tuple[str, ...]] = []
    position = 0
    for arg in stage.args:
        if arg.key is not None:
            fields.append((arg.key,))
            continue
        if position >= len(positional):
            token = stage.text.value[arg.start : arg.end]
            if (letter := token.rstrip("0123456789")) != token and letter.isalpha() and letter.islower():
                shorts = " ".join(option_names(stage.name)[1])
                raise stage.fault(
                    f"{stage.origin} has no option {letter!r}",
                    f"one of {shorts}, or key=value" if shorts else "key=value",
                    at=arg,
                )
            names = ", ".join(positional) or "none"
            many = "s" * (len(positional) != 1)
            keys = ", ".join(f"{o}=" for o in [*option_kinds(stage.name)][:4])
            raise stage.fault(
                f"{stage.origin} takes {len(positional)} positional argument{many} ({names})",
                f"key=value, such as {keys}" if keys else "no arguments",
                meant(stage, token),
                at=arg,
            )
        parts = tuple(positional[position].split("->"))
        position += 1
        if arg.pair is not None and len(parts) != 2:
            raise stage.fault(f"{stage.origin} takes no in->out here", parts[0], at=arg)
        fields.append(parts if arg.pair is not None else parts[-1:])
    return fields


def values_of(stage: Stage, env: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluated options by field."""
    options = option_kinds(stage.name)
    values: dict[str, Any] = {}
    for arg, fields in zip(stage.args, fields_of(stage), strict=True):
        for field, expr in zip(
            fields, (arg.expr, arg.pair) if arg.pair is not None else (arg.expr,), strict=True
        ):
            if field in values:
                raise stage.fault(f"{field} is given twice", at=arg)
            values[field] = value_of(stage, options[field], arg, expr, env)
    return values


def value_of(stage: Stage, option: Any, arg: Arg, expr: Expr, env: Mapping[str, Any]) -> Any:
    """The value of one option."""
    words = CONVENTION_WORDS if option.kind == "padding" else option.choices
    try:
        value = evaluate(expr, env, words)
    except ExpressionError as error:
        if option.kind == "flag" and expr.kind == "name":
            error.expected = "true or false"
            error.nearest = nearest_name(str(expr.value), ("true", "false"))
        elif option.kind == "choice" and expr.kind == "name":
            error.expected = "one of " + ", ".join(option.choices)
        elif arg.key is None and expr.kind == "name" and error.nearest is None and expr.start == error.start:
            shorts = " ".join(option_names(stage.name)[1])
            error.expected = f"{error.expected}, or one of the options {shorts}" if shorts else error.expected
        raise expression_fault(stage.text, error) from None
    except UndecidedError as error:
        raise stage.fault(str(error), "numbers that decide it", at=arg) from None
    except RecursionError:
        raise stage.fault("the value is too involved to compute", at=arg) from None
    if value is None and "none" in words:
        value = "none"
    if option.kind == "choice" and type(value) is int and str(value) in words:
        value = str(value)
    problem = check_kind(option, value, words)
    if problem is not None:
        message, expected = problem
        nearest = nearest_name(value, words) if isinstance(value, str) else None
        raise stage.fault(f"{option.field}: {message}", expected, nearest, at=arg)
    if option.kind in ("number", "value") and isinstance(value, Fraction):
        return float(value)
    return value


def meant(stage: Stage, token: str) -> str | None:
    """The literal that a token such as ``K3``, ``s-1`` or, of a kernel, ``3x3`` was meant to be."""
    for short in option_names(stage.name)[1]:
        rest = token[len(short) :].lstrip("-")
        if token[: len(short)].lower() == short and rest.isdigit():
            return f"{short}{rest}"
    if "k" in option_names(stage.name)[1] and re.fullmatch(r"\d+(x\d+)*", token):
        first, *others = (arg for arg in stage.args if arg.key is None)
        if len(others) < 2 and not any(arg.key == "kernel" for arg in stage.args):
            return f"k{token}"
        numbers = stage.text.value[first.start : first.end]
        if numbers.isdigit() and "->" in " ".join(layers.lookup(stage.name).positional):
            return f"{numbers}->{token}"
    return None


def _dimension(value: Any) -> bool:
    if type(value) in (int, Fraction) or value is UNKNOWN or is_array(value):
        return True
    return is_symbolic(value) and not is_condition(value)


def check_kind(option: Any, value: Any, words: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with a value for an option of its kind, and what was expected."""
    kind = option.kind
    if value is None and option.default is None:
        return None
    if kind == "flag":
        return None if isinstance(value, bool) else (f"{describe(value)} is no switch", "true or false")
    if kind == "choice":
        return None if value in words else (f"unknown value {describe(value)}", "one of " + ", ".join(words))
    if kind == "number" and (is_symbolic(value) or is_array(value)):
        return f"{describe(value)} stands for many numbers", "one number"
    if (
        kind in ("number", "value")
        and type(value) in (int, Fraction)
        and not -MOST_NUMBER <= value <= MOST_NUMBER
    ):
        return f"{describe(value)} is too large", "a number that a float can be"
    if kind in ("dim", "number", "value"):
        return None if _dimension(value) else (f"{describe(value)} is no number", "a number")
    items = _items(value)
    if kind == "word":
        return None if isinstance(value, str) else (f"{describe(value)} is no name", "a name")
    if kind in ("axis", "axislist"):
        if isinstance(value, str) and value in words:
            return None
        if items and all(type(item) is int for item in items) and (kind == "axislist" or items == (value,)):
            return None
        expected = (
            "0, or -1 for the last axis" if kind == "axis" else "an axis or several, such as -1 or (1,2)"
        )
        expected = ", or ".join((expected, *words))
        return f"{describe(value)} is no number of an axis", expected
    if kind == "padding":
        wrong = [item for item in items if not _is_padding(item, words)]
        expected = "a number, before:after, one per axis, or one of " + ", ".join(words)
        return (f"{describe(wrong[0])} is no padding", expected) if wrong else None
    if kind == "shapes" and items and all(type(item) is tuple for item in items):
        wrong = [size for item in items for size in item if not _dimension(size)]
        return (f"{describe(wrong[0])} is no size", "shapes such as 10x4 or 10x4,?") if wrong else None
    nested: Any = items if kind == "axes" else [side for item in items for side in _items(item)]
    if not nested or not all(_dimension(s) or (s is None and option.default is None) for s in nested):
        return f"{describe(value)} is no list of numbers", "numbers, such as 3, 3x5 or (3,5)"
    return None


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _is_padding(item: Any, words: tuple[str, ...]) -> bool:
    """Whether a value pads one axis: a number or a word, or two of them, before and after."""
    sides = _items(item)
    return len(sides) <= 2 and all(_dimension(side) or side in words for side in sides)


def check_shape(value: Any, most: int = MOST_AXES) -> Shape:
    """A shape from what was given.

    Raises:
        ValueError: it is none.
    """
    sizes = value if isinstance(value, tuple) else (value,)
    if not 1 <= len(sizes) <= most:
        raise ValueError(f"a shape of {len(sizes)} sizes")
    for size in sizes:
        if isinstance(size, bool) or not _dimension(size) or type(size) is Fraction:
            raise ValueError(f"{describe(size)} is no size")
        if type(size) is int and size < 1:
            raise ValueError(f"a size of {size}")
    return sizes

"""Where one stage ends and the next begins, and sizes such as ``7x7`` or ``0:1x2:3``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from convcalc.dims import UNKNOWN
from convcalc.spec.errors import fault
from convcalc.spec.language.expression import Expr, ExpressionError, constant, parse
from convcalc.spec.source import Text

_SIZE: Final = r"(?:\d+(?:\.\d+)?|[A-Z]\d*(?:_[A-Za-z0-9]+)?)"
SIZES: Final = re.compile(rf"{_SIZE}(?::{_SIZE})?(?:x{_SIZE}(?::{_SIZE})?)*\Z")
"""Sizes of several axes, each with a side before and after where ``:`` stands between."""
_OPEN: Final = {"(": ")", "[": "]", "{": "}"}


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


def parse_value(text: Text, start: int, end: int) -> Expr:
    """A value: sizes such as ``7x7`` or ``0:1x2:3``, or an expression."""
    if SIZES.match(text.value[start:end]) and re.search("[x:]", text.value[start:end]):
        return parse_sizes(text.value, start, end)
    return parse(text.value, start, end)


_ONE: Final = re.compile(r"\?|\d+(?:\.\d+)?|[A-Z]\d*(?:_(?:(?!x[0-9A-Z?(])[A-Za-z0-9])+)?|(?=\()")


def parse_shapes(text: Text, start: int, end: int) -> Expr:
    """Shapes of several tensors, ``10x4,?,()``: a tuple of tuples; a size may be ``?`` or ``(2*H)``.

    A single expression in brackets is that expression.
    """
    value = text.value
    shapes: list[Expr] = []
    sizes: list[Expr] = []
    at = first = start
    while at < end:
        match = _ONE.match(value, at, end)
        if match is None:
            raise ExpressionError(
                f"{value[at:end]!r} is no size", at, at + 1, expected="shapes such as 10x4 or 10x4,?"
            )
        stop = match.end()
        if value[at] == "(":
            stop = _closing(value, at, end)
            if at == start and stop == end and stop > at + 2:
                return parse(value, start, end)
            if value[at + 1 : stop - 1].strip():
                sizes.append(parse(value, at, stop))
        else:
            sizes.append(constant(UNKNOWN, at, stop) if match[0] == "?" else parse_sizes(value, at, stop))
        at = stop + 1
        if stop == end or value[stop] == ",":
            shapes.append(Expr("tuple", None, tuple(sizes), first, stop))
            sizes, first = [], at
        elif value[stop] != "x":
            raise ExpressionError(
                f"unexpected {value[stop]!r}",
                stop,
                stop + 1,
                expected="'x' between sizes, ',' between shapes",
            )
        if at >= end and stop < end:
            raise ExpressionError("a size is missing", stop, end, expected="a shape such as 10x4")
    return Expr("tuple", None, tuple(shapes), start, end)


def _closing(value: str, start: int, end: int) -> int:
    """Where the bracket that opens at ``start`` has been closed."""
    depth = 0
    for at in range(start, end):
        depth += {"(": 1, ")": -1}.get(value[at], 0)
        if not depth:
            return at + 1
    return end


def parse_sizes(value: str, start: int, end: int) -> Expr:
    """``3``, ``3x5``, ``0:1``, ``0:1x2:3`` or the same with symbols, as an expression.

    One ``before:after`` pair stands for all axes and becomes ``((before, after),)``.
    """
    axes = []
    at = start
    for piece in re.split("x(?=[0-9A-Z])", value[start:end]):  # a symbol such as C_max may hold an x
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

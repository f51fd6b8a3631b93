"""Ranges and compound rules of ``fit``: how they are written, and the numbers in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.calculators.answers import did_you_mean, tidy
from convcalc.calculators.check.limits import LimitError

MOST: Final = 5000
"""Most values of a range with steps; each is a network that is built and counted."""
RESOLUTION: Final = "resolution"
"""The variable that stands for the spatial sizes of the input, where the document has no such one."""
WIDTHS: Final = ("alpha", "width", "width_mult", "multiplier")
"""Variables that are looked for where none is named."""
_NUMBER: Final = r"\s*([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*"
_RANGE: Final = re.compile(rf"{_NUMBER}\.\.{_NUMBER}(?::{_NUMBER})?\Z")
_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")
_ACCEPTED: Final = "low..high or low..high:step, such as 0.25..1.4 or 96..224:32"


class Range(NamedTuple):
    """What a variable may be.

    Attributes:
        low: the smallest value.
        high: the largest.
        step: from one value to the next; None where every number between the ends may be taken.
    """

    low: Fraction
    high: Fraction
    step: Fraction | None

    def values(self) -> list[Fraction]:
        """The values of a range with steps, in order.

        Raises:
            LimitError: there are more than :data:`MOST`.
        """
        assert self.step is not None
        count = (self.high - self.low) // self.step + 1
        if count > MOST:
            raise LimitError(
                f"{count:,} values from {show(self.low)} to {show(self.high)} by {show(self.step)}",
                f"at most {MOST:,} values: a larger step, or numbers with a decimal point for any value",
            )
        return [self.low + n * self.step for n in range(count)]


def read_range(text: Any, step: Any = None) -> Range:
    """A range from its text: ``0.25..1.4``, ``96..224:32``; of whole numbers, the step is 1.

    Args:
        text: the range, or a :class:`Range`, or a pair or triple of numbers.
        step: the step where the text has none.

    Raises:
        LimitError: no range, an empty one, or a step that is not positive.
    """
    if isinstance(text, Range):
        return text
    if isinstance(text, (tuple, list)):
        if not 2 <= len(text) <= 3:
            raise LimitError(f"{text!r} is no range", _ACCEPTED)
        text = "..".join(map(str, text[:2])) + (f":{text[2]}" if len(text) == 3 else "")
    match = _RANGE.match(str(text))
    if match is None:
        raise LimitError(f"{str(text)!r} is no range", _ACCEPTED)
    low, high = Fraction(match[1]), Fraction(match[2])
    given = match[3] if match[3] is not None else step
    by = None if given is None else Fraction(str(given))
    if by is None and "." not in match[1] + match[2]:
        by = Fraction(1)
    if low > high:
        raise LimitError(f"{text!r} is an empty range", _ACCEPTED)
    if by is not None and by <= 0:
        raise LimitError(f"a step of {show(by)}", "a positive step")
    return Range(low, high, by)


def show(value: Any) -> str:
    """A number as people write it, with at most six digits after the point."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator)
        text = f"{float(value):.6f}".rstrip("0")
        return text if Fraction(text) == value else f"{float(value):.6g}"
    return str(value)


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator from ``low`` to ``high`` (Stern & Brocot)."""
    whole = -(-low.numerator // low.denominator)
    if whole <= high:
        return Fraction(whole)
    base = whole - 1
    return base + 1 / simplest(1 / (high - base), 1 / (low - base))


def decimal(low: Fraction, high: Fraction, low_in: bool, high_in: bool) -> Fraction:
    """The largest of the decimals with the fewest digits between two bounds.

    Args:
        low: lower bound.
        high: upper bound.
        low_in: whether it may be taken itself.
        high_in: the same of the upper one.
    """
    if low == high:
        return low
    for digits in range(13):
        scale = 10**digits
        top = high * scale // 1
        if not high_in and top == high * scale:
            top -= 1
        value = Fraction(top, scale)
        if value > low or (low_in and value == low):
            return value
    return (low + high) / 2


class Rules:
    """A compound rule: several settings as functions of one or more parameters.

    Args:
        text: ``alpha=1.2**p, resolution=224*1.15**p``, or a mapping of names to expressions.

    Raises:
        LimitError: it cannot be read.
    """

    def __init__(self, text: str | Mapping[str, str]) -> None:
        from convcalc.spec.language.expression import ExpressionError, parse

        self.rules: dict[str, Any] = {}
        pieces = list(text.items()) if isinstance(text, Mapping) else [_assignment(p) for p in _split(text)]
        for name, expression in pieces:
            if not _NAME.match(name) or name in self.rules:
                raise LimitError(
                    f"{name!r} is no name, or given twice", "alpha=1.2**p,resolution=224*1.15**p"
                )
            try:
                self.rules[name] = parse(expression)
            except ExpressionError as error:
                raise LimitError(f"{name}={expression}: {error}", getattr(error, "expected", None)) from None
        self.text = ", ".join(f"{name}={expression.strip()}" for name, expression in pieces)

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The settings at some values of the parameters.

        Raises:
            LimitError: a rule has no value there.
        """
        from convcalc.spec.language.evaluation import evaluate
        from convcalc.spec.language.expression import ExpressionError

        found = {}
        for name, rule in self.rules.items():
            try:
                found[name] = evaluate(rule, parameters)
            except (ExpressionError, ValueError) as error:
                raise LimitError(f"{name}: {error}", getattr(error, "expected", None)) from None
            if not isinstance(found[name], (int, Fraction)):
                raise LimitError(f"{name}: {found[name]} is no number", "an expression over the parameters")
        return found


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


def _assignment(text: str) -> tuple[str, str]:
    name, equals, expression = text.partition("=")
    if not equals or not expression.strip():
        raise LimitError(f"{text.strip()!r} is no rule", "name=expression, such as alpha=1.2**p")
    return name.strip(), expression.strip()


def ranges_of(
    variables: Mapping[str, Any], vary: Mapping[str, Any] | None, rules: Rules | None
) -> dict[str, Range]:
    """The ranges by what is varied; that of the width multiplier where nothing is named.

    Raises:
        LimitError: no range, no such variable, or nothing to vary.
    """
    if not vary:
        if rules is not None:
            raise LimitError("a compound rule needs the range of its parameter", "a range such as p=0..7")
        name = next((n for n in WIDTHS if isinstance(variables.get(n), (int, Fraction))), None)
        if name is None:
            numeric = [n for n, v in variables.items() if type(v) is int or isinstance(v, Fraction)]
            raise LimitError(
                "nothing to vary is named",
                f"a range of {', or of '.join([*numeric, RESOLUTION])}, such as --var resolution=96..224:32",
            )
        value = Fraction(variables[name])
        return {name: Range(value / 16, value * 4, None)}
    found = {}
    for name, text in vary.items():
        try:
            found[name] = read_range(text)
        except LimitError as error:
            raise LimitError(f"{name}: {error}", error.hint) from None
        if rules is None:
            _known(name, variables)
    if rules is not None:
        for name in rules.rules:
            _known(name, variables)
        rules.settings({name: tidy(range_.high) for name, range_ in found.items()})
    return found


def _known(name: str, variables: Mapping[str, Any]) -> None:
    if name in variables or name == RESOLUTION:
        return
    raise LimitError(
        f"no variable {name!r}{did_you_mean(name, [*variables, RESOLUTION])}",
        "one of " + ", ".join([*variables, RESOLUTION]),
    )

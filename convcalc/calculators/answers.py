"""What the calculators share: their arguments checked, worked steps, and refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.dims import DimensionError
from convcalc.records import Record


class Unreachable(Record, DimensionError):
    """A question without an answer: the reason, what would be accepted, and the nearest answer.

    Attributes:
        message: the reason.
        hint: what is accepted.
        nearest: the nearest question that has an answer.
    """

    KEYS = "message expected=hint nearest"

    def __init__(
        self,
        message: str,
        *,
        expected: str | None = None,
        nearest: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message, field=field, hint=expected)
        self.nearest = nearest

    @property
    def problems(self) -> list[Unreachable]:
        """The refusal alone, in a list: errors of specs hold several under this name."""
        return [self]

    def __str__(self) -> str:
        lines = [self.message]
        if self.hint:
            lines.append(f"  expected {self.hint}")
        if self.nearest:
            lines.append(f"  nearest: {self.nearest}")
        return "\n".join(lines)


class Step(NamedTuple):
    """One line of a calculation: ``k_eff = d*(k - 1) + 1 = 16*(3 - 1) + 1 = 33``.

    ``value`` is a number, or a text where it depends on an input that was not stated.
    """

    name: str
    formula: str
    substitution: str
    value: Any

    def __str__(self) -> str:
        parts = [self.formula, self.substitution, str(self.value)]
        return " = ".join(dict.fromkeys(part for part in parts if part))


MOST: Final = 1_000_000
"""Largest number that is answered; larger ones are mistakes more often than questions."""


def whole(value: Any, name: str, least: int, why: str = "") -> int:
    """A whole number from ``least`` to :data:`MOST`.

    Raises:
        Unreachable: it is not.
    """
    if type(value) is not int:
        raise Unreachable(f"{name} must be a whole number, got {value!r}", field=name)
    if value < least:
        raise Unreachable(
            f"{name} {value}: {why or f'{name} is at least {least}'}",
            expected=f"{least} or more",
            nearest=f"{name} {least}",
            field=name,
        )
    if value > MOST:
        raise Unreachable(f"{name} {value} is more than is answered", expected=f"at most {MOST}", field=name)
    return value


def rate(value: Any, name: str = "dilation") -> int:
    """A distance from tap to tap.

    Raises:
        Unreachable: it is not a whole number from 1 on.
    """
    why = "a rate is the distance from tap to tap; rate 0 would put all taps on one pixel"
    return whole(value, name, 1, f"{why}, rate 1 is an ordinary convolution")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean conv1?`` where one of the known names is near or ends in this one; else nothing."""
    from convcalc.spec.errors import nearest_name

    known = list(known)
    near = nearest_name(name, known) or next((one for one in known if one.endswith(f".{name}")), None)
    return f"; did you mean {near}?" if near else ""


def tidy(value: Any) -> Any:
    """A fraction that is whole, as an integer; anything else as it is."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def per_axis(values: Mapping[str, Any], rank: int | None = None) -> tuple[int, dict[str, tuple[Any, ...]]]:
    """One value per axis for every name: a tuple has one each, anything else is for all axes.

    ``None`` stays ``None`` on every axis.

    Raises:
        Unreachable: the numbers of axes disagree.
    """
    first = None if rank is None else "rank"
    for name, value in values.items():
        if isinstance(value, (tuple, list)) and len(value) != 1:
            if rank is not None and len(value) != rank:
                raise Unreachable(
                    f"{name} has {len(value)} axes, {first} has {rank}",
                    expected=f"one number for all axes, or {rank} joined by 'x'",
                    field=name,
                )
            first, rank = first or name, len(value)
    count = rank or 1
    if not 1 <= count <= 3:
        raise Unreachable(f"{count} axes", expected="1, 2 or 3")
    found = {}
    for name, value in values.items():
        items = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        found[name] = items * count if len(items) == 1 else items
    return count, found

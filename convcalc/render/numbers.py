"""How numbers are written: exact with separators, in human units, as bytes, shares and shapes.

Every formatter takes any carrier: an ``int`` is written as a number, an unknown size as ``?``,
and anything else (a closed form, a fraction) as its own text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Any, Final, NamedTuple

from convcalc.dims import UNKNOWN, total

UNIT_NAMES: Final = ("", "K", "M", "G", "T", "P", "E", "Z", "Y")
BYTE_UNIT_NAMES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")
NOTATIONS: Final = ("plain", "unicode", "latex")

Format = Callable[[Any], str]

_NOTATION: Final = ContextVar("notation", default="plain")


def notation() -> str:
    """How closed forms are written here: ``plain``, ``unicode`` or ``latex``."""
    return _NOTATION.get()


@contextmanager
def written_in(notation: str) -> Iterator[None]:
    """Writes closed forms in ``plain``, ``unicode`` or ``latex`` notation.

    Raises:
        ValueError: there is no such notation.
    """
    if notation not in NOTATIONS:
        raise ValueError(f"unknown notation {notation!r}: expected one of {', '.join(NOTATIONS)}")
    token = _NOTATION.set(notation)
    try:
        yield
    finally:
        _NOTATION.reset(token)


def exact(value: Any) -> str:
    """All digits, in groups of three: ``25,557,032``."""
    return f"{value:,}" if type(value) is int else other(value)


def human(value: Any) -> str:
    """Two decimals and a unit from 10,000 on: ``25.56 M``; every digit below: ``9,408``."""
    if type(value) is not int:
        return other(value)
    if abs(value) < 10_000:
        return f"{value:,}"
    return _scaled(value, 1000, 2, UNIT_NAMES)


def human_bytes(value: Any) -> str:
    """Powers of 1024 with one decimal: ``97.5 MiB``; whole bytes below 1024: ``432 B``."""
    if type(value) is not int:
        return other(value)
    if abs(value) < 1024:
        return f"{value} B"
    return _scaled(value, 1024, 1, BYTE_UNIT_NAMES)


def label(text: Any) -> str:
    """A name or spec text in one printable line."""
    whole = str(text)
    if whole.isprintable():
        return whole
    joined = "; ".join(line.strip() for line in whole.splitlines() if line.strip())
    return "".join(char if char.isprintable() else "?" for char in joined)


class Share(NamedTuple):
    """A part of a whole, shown as a percentage."""

    part: Any
    whole: Any


LARGE: Final = 10
"""A part that is at least one in so many of the whole stands out."""


def is_large(value: Share) -> bool:
    """Whether a part stands out in its whole."""
    part, whole = value
    return type(part) is int and type(whole) is int and 0 < whole <= part * LARGE


def weight(value: Any) -> str:
    """The tone of a count or a share: what is nothing is faint, a large share strong."""
    if isinstance(value, Share):
        return "faint" if type(value.part) is int and not value.part else "strong" * is_large(value)
    return "faint" if type(value) is int and not value else ""


BLOCKS: Final = "▏▎▍▌▋▊▉█"


def bar(value: Share, width: int) -> str:
    """A share as a bar of at most so many characters; what is more than nothing is seen."""
    part, whole = value
    if type(part) is not int or type(whole) is not int or whole <= 0 or part <= 0:
        return ""
    eighths = max((2 * 8 * width * min(part, whole) + whole) // (2 * whole), 1)
    return BLOCKS[-1] * (eighths // 8) + (BLOCKS[eighths % 8 - 1] if eighths % 8 else "")


def one_unit(values: Iterable[Any]) -> tuple[str, Format]:
    """One unit for all numbers of a column, and how they are written in it.

    Every digit where that is short; else with two decimals in the smallest unit in which the largest has at
    most six digits before the point. What is less than the last decimal is ``<0.01``, never nothing.
    """
    return _one_unit(values, 1000, 2, UNIT_NAMES, 10**9)


def one_byte_unit(values: Iterable[Any]) -> tuple[str, Format]:
    """The same for bytes, with one decimal: ``KiB`` or more."""
    return _one_unit(values, 1024, 1, BYTE_UNIT_NAMES, 1024)


def _one_unit(
    values: Iterable[Any], step: int, decimals: int, units: tuple[str, ...], short: int
) -> tuple[str, Format]:
    largest = max((abs(value) for value in values if type(value) is int), default=0)
    if largest < short:
        return units[0], exact
    power = 10**decimals
    unit, size = 1, step
    while unit + 1 < len(units) and largest >= 1_000_000 * size:
        unit, size = unit + 1, size * step

    def written(value: Any) -> str:
        if type(value) is not int:
            return other(value)
        if not value:
            return "0"
        parts = _rounded(abs(value), size, power)
        sign = "-" * (value < 0)
        if not parts:
            return f"{sign}<0.{1:0{decimals}d}"
        whole, fraction = divmod(parts, power)
        return f"{sign}{whole:,}.{fraction:0{decimals}d}"

    return units[unit], written


def last(values: Sequence[Any]) -> Any:
    """What leaves a block: the value of its last layer."""
    return values[-1]


def layers(values: Sequence[Any]) -> Any:
    """What a block consists of."""
    return f"{len(values)} layer{'s' * (len(values) != 1)}"


def summed(values: Sequence[Any]) -> Any:
    """Shares of one whole, or numbers, together."""
    if values and isinstance(values[0], Share):
        return Share(total(value.part for value in values), values[0].whole)
    return total(values)


class Text(str):
    """A text in place of a number, written as it is."""

    __slots__ = ()


TONES: Final = ("good", "bad", "warn", "strong", "faint", "bar")
"""What a text may mean to who reads it: better or held, worse or failed, worth a look, the answer or
the largest, nothing or beside the point. A terminal and a page show it by colour and weight, and the words
say it too."""


class Toned(Text):
    """A text with what it means; anywhere but on a screen it is the text alone.

    Attributes:
        tone: one of ``TONES``, or empty.
    """

    __slots__ = ("tone",)

    tone: str


def toned(text: str, tone: str) -> Toned:
    """A text that means something: ``toned("no", "bad")``.

    Raises:
        ValueError: there is no such tone.
    """
    if tone and tone not in TONES:
        raise ValueError(f"unknown tone {tone!r}: expected one of {', '.join(TONES)}")
    made = Toned(text)
    made.tone = tone
    return made


def tone_of(value: Any) -> str:
    """What a text means; empty for all else."""
    return value.tone if isinstance(value, Toned) else ""


def share(value: Share) -> str:
    """Percentage with one decimal; ``-`` of nothing, ``?`` of what is not a known number."""
    part, whole = value
    if type(part) is not int or type(whole) is not int:
        return "100.0%" if hasattr(part, "write") and part == whole else "?"
    if whole == 0:
        return "-"
    tenths = (2000 * part + whole) // (2 * whole)
    if tenths == 0 and part:
        return "<0.1%"
    return f"{tenths // 10}.{tenths % 10}%"


def shape(dims: Any) -> str:
    """``64x112x112``; with spaces where a size is an expression: ``64 x ceil(H/2) x ceil(W/2)``."""
    if dims is None:
        return "-"
    texts = [_size(dim) if hasattr(dim, "write") else other(dim) for dim in dims]
    if not texts:
        return "scalar"
    if notation() == "latex" and any(hasattr(dim, "write") for dim in dims):
        return "$" + r" \times ".join(texts) + "$"
    plain = all(text == "?" or text.isalnum() for text in texts)
    sign = "×" if notation() == "unicode" and not plain else "x"
    return (sign if plain else f" {sign} ").join(texts)


def _size(dim: Any) -> str:
    text = closed(dim)
    if not dim.is_sum:
        return text
    return rf"\left({text}\right)" if notation() == "latex" else f"({text})"


def shapes(many: Any) -> str:
    """Several shapes, separated by commas; ``-`` where there are none."""
    return ", ".join(map(shape, many)) or "-"


def other(value: Any) -> str:
    """What is not an integer: ``?`` for an unknown size, ``-`` for nothing, else its own text."""
    if value is UNKNOWN:
        return "?"
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if hasattr(value, "write"):
        return f"${closed(value)}$" if notation() == "latex" else closed(value)
    if hasattr(value, "dtype"):
        return f"{value.min():,} .. {value.max():,}" if value.size else "-"
    return str(value)


def closed(value: Any) -> str:
    """A closed form or a condition in the notation of this place, without dollar signs."""
    return str(value) if notation() == "plain" else str(value.write(notation()))


def part(value: Share) -> float | None:
    """The part of the whole from 0 to 1, to six decimals; None of nothing and of what is not known."""
    known = type(value.part) is int and type(value.whole) is int and value.whole
    return round(value.part / value.whole, 6) if known else None


def plain(value: Any) -> str:
    """What CSV holds: every digit, no separators, shapes as ``64x112x112``, nothing for unknown.

    A fraction is a decimal, which spreadsheets take for a number (``1/2`` they take for a date).
    """
    if value is None or value is UNKNOWN:
        return ""
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else repr(float(value))
    if isinstance(value, Share):
        found = part(value)
        return "" if found is None else f"{found:.6f}"
    if isinstance(value, (list, tuple)):
        nested = bool(value) and isinstance(value[0], (list, tuple))
        return shapes(value) if nested else shape(value)
    return str(value)


def _scaled(value: int, step: int, decimals: int, units: tuple[str, ...]) -> str:
    """The value in the largest unit that leaves at least 1, rounded half up in whole numbers."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    power = 10**decimals
    unit, size = 0, 1
    while unit + 1 < len(units) and _rounded(value, size, power) >= step * power:
        unit, size = unit + 1, size * step
    whole, fraction = divmod(_rounded(value, size, power), power)
    return f"{sign}{whole:,}.{fraction:0{decimals}d} {units[unit]}"


def _rounded(value: int, size: int, power: int) -> int:
    return (2 * value * power + size) // (2 * size)

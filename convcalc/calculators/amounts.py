"""Amounts as people write them: ``5M``, ``8MiB``, ``5ms``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from convcalc.calculators.answers import tidy
from convcalc.dims import Dim


class LimitError(ValueError):
    """A limit that cannot be used.

    Attributes:
        hint: what would be accepted.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


_AMOUNT: Final = re.compile(
    r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[eE]\+?([0-9]{1,2}))?\s*([A-Za-z\u00b5]*)\s*\Z"
)
_TIMES: Final = {"ns": 0, "us": 1, "\u00b5s": 1, "ms": 2, "s": 3}
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def amount(text: Any, unit: str = "count") -> Dim:
    """A number from its text: ``5M`` is 5,000,000; ``8MB`` 8,000,000 bytes; ``8MiB`` 8,388,608.

    Args:
        text: the amount; an integer stands for itself.
        unit: ``count``, ``bytes``, ``pixels``, or ``seconds``, which are counted in nanoseconds.

    Returns:
        an ``int``, or a Fraction where the text says one.

    Raises:
        LimitError: the text is no amount of that unit.
    """
    if isinstance(text, bool) or text is None:
        raise LimitError(f"{text!r} is no amount", _accepted(unit))
    if isinstance(text, (int, Fraction)) and unit != "seconds":
        if text < 0:
            raise LimitError(f"{text} is negative", _accepted(unit))
        return text
    match = _AMOUNT.match(str(text))
    power = None
    if match is not None:
        suffix = match[3].lower()
        if unit == "seconds":
            power, factor = _TIMES.get(suffix), 1000
        elif unit == "bytes" and suffix.endswith("ib"):
            power = _POWERS.get(suffix[:-2]) if suffix != "ib" else None
            factor = 1024
        else:
            if unit == "bytes" and suffix.endswith("b"):
                suffix = suffix[:-1]
            power = _POWERS.get(suffix) if unit != "pixels" or not suffix else None
            factor = 1000
    if match is None or power is None:
        raise LimitError(f"{str(text)!r} is no amount", _accepted(unit))
    value = Fraction(match[1].replace("_", "").replace(",", "")) * 10 ** int(match[2] or 0) * factor**power
    return tidy(value)


def _accepted(unit: str) -> str:
    return {
        "bytes": "a number of bytes with or without KB, MB, GB (1000) or KiB, MiB, GiB (1024), such as 8MB",
        "pixels": "a whole number of pixels",
        "seconds": "a time in s, ms, us or ns, such as 5ms",
    }.get(unit, "a number with or without K, M, G or T, such as 300M")

"""What stands below dimension arithmetic: the error of a broken rule, and the mark of closed forms."""

from __future__ import annotations

import sys
from typing import Any


class DimensionError(ValueError):
    """A hyper-parameter or shape breaks a rule of its layer.

    ``field`` names the hyper-parameter at fault (the spec parser puts its caret there),
    ``hint`` says what would be accepted.
    """

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


def decimal(value: Any) -> str:
    """A fraction as a short decimal, and as a power of ten where no float is as large."""
    try:
        return f"{float(value):g}"
    except OverflowError:
        bits = value.numerator.bit_length() - value.denominator.bit_length()
        return f"{'-' * (value < 0)}10**{int(bits * 0.30103)}"


class Symbolic:
    """Marks closed forms and conditions on them, so that numbers are told from them without any import."""

    __slots__ = ()

    is_condition = False

    @property
    def size(self) -> int:
        """How much there is to read."""
        return 0


def is_sympy(value: Any) -> bool:
    """Whether a value is an expression of SymPy (without importing it)."""
    basic = getattr(sys.modules.get("sympy"), "Basic", None)  # none yet while another thread imports it
    return basic is not None and isinstance(value, basic)

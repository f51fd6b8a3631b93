"""A wrong use of the command line, with what would be right."""

from __future__ import annotations

from typing import Any


class UsageProblem(ValueError):
    """An option whose value cannot be used, with what would be.

    Attributes:
        message: what is wrong.
        expected: what is accepted.
        nearest: the valid value that is closest.
    """

    def __init__(self, message: str, *, expected: str | None = None, nearest: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.nearest = nearest

    def to_dict(self) -> dict[str, Any]:
        """The problem as JSON holds it; the same keys as a problem of a spec, without its place."""
        return {"message": self.message, "expected": self.expected, "nearest": self.nearest}

    def __str__(self) -> str:
        lines = [visible(self.message)]
        if self.expected:
            lines.append(f"  expected {visible(self.expected)}")
        if self.nearest:
            lines.append(f"  did you mean {visible(self.nearest)}?")
        return "\n".join(lines)


def visible(text: str) -> str:
    """Text with its control characters written out; see :mod:`convcalc.printable`."""
    from convcalc import printable

    return printable.visible(text)

"""What cannot be exported."""

from __future__ import annotations


class ExportError(ValueError):
    """A network that another notation cannot say.

    Attributes:
        message: what cannot be said, with the node.
        expected: what would work.
    """

    def __init__(self, message: str, expected: str = "") -> None:
        super().__init__(f"{message}\n  expected {expected}" if expected else message)
        self.message = message
        self.expected = expected

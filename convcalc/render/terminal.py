"""Tables and texts in a terminal: fitted to its width, what they mean in its own colours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from convcalc.render import text
from convcalc.render.table import Screen, Table, Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

STYLES: Final = {
    text.TITLE: "bold",
    text.HEAD: "bold",
    text.RULE: "dim",
    text.TOTAL: "bold",
    text.MORE: "dim",
    "good": "green",
    "bad": "bold red",
    "warn": "magenta",
    "strong": "bold",
    "faint": "dim",
    "bar": "cyan",
}
"""How a kind of line and a tone look: weight, and colours of the sixteen that every terminal sets for its own
background. Yellow and white are no colours for text on white, nor are blue and black on black."""

_CODES: Final = {"bold": 1, "dim": 2, "red": 31, "green": 32, "magenta": 35, "cyan": 36}


def painted(lines: Iterable[text.Line], *, colour: bool = True, ascii: bool = False) -> Iterator[str]:
    """Lines as a terminal takes them, without a line feed.

    Args:
        lines: what to show.
        colour: write tones as colours and weight.
        ascii: write lines and bars in ASCII.
    """
    for line in lines:
        shown = "".join(_painted(*piece) for piece in _pieces(line)) if colour else line.text
        yield shown.translate(text.ASCII) if ascii else shown


def _painted(piece: str, styles: tuple[str, ...]) -> str:
    codes = sorted({_CODES[word] for style in styles for word in STYLES[style].split()})
    if not codes or not piece:
        return piece
    return f"\x1b[{';'.join(map(str, codes))}m{piece}\x1b[0m"


def _pieces(line: text.Line) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parts of a line, each with the kind and the tone that say how it looks."""
    kind, at = ((line.kind,) if line.kind in STYLES else ()), 0
    for span in line.spans:
        yield line.text[at : span.first], kind
        yield line.text[span.first : span.end], (*kind, span.tone)
        at = span.end
    yield line.text[at:], kind


def wants_colour(choice: str, stream: Any) -> bool:
    """Whether ``--color`` (``auto``, ``always`` or ``never``) asks for colour on a stream."""
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_ascii(stream: Any) -> bool:
    """Whether a stream cannot write lines and bars."""
    try:
        "├└│─…▏█".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


class Fitted:
    """A Rich renderable that chooses the columns of its tables when it learns the width.

    It lays its lines out itself: Rich's own tables take seconds for thousands of rows, and cut
    numbers where they do not fit.
    """

    def __init__(self, *parts: Table | Text) -> None:
        self.parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment
        from rich.style import Style

        for line in text.lines(self.parts, Screen(options.max_width, console.size.height)):
            for piece, styles in _pieces(line):
                style = Style.combine([Style.parse(STYLES[name]) for name in styles]) if styles else None
                yield Segment(piece.translate(text.ASCII) if options.ascii_only else piece, style)
            yield Segment.line()

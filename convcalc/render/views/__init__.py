"""What each command shows, one module a command in folders as theirs; and how a result shows itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from convcalc.render.table import Table, Text

if TYPE_CHECKING:
    from convcalc.render.terminal import Fitted

OF: Final = {
    "Comparison": "design.compare:tables",
    "ReceptiveField": "solve.receptive_field:fields_table",
    "Report": "count.report:table",
    "Sizes": "solve.sizes:table",
    "TrainingMemory": "count.training:table",
    "Variants": "design.variants:table",
}
"""The view of a result (module and function) by the name of its class."""


def headline(result: Any) -> str | None:
    """What a result is, in one line; None where it has no such line."""
    from convcalc.render.views.headlines import HEADLINES

    say = HEADLINES.get(type(result).__name__)
    return None if say is None else say(result)


def parts(result: Any, *arguments: Any, **options: Any) -> tuple[Table | Text, ...]:
    """The tables and texts that a result is shown as."""
    module, _, function = OF[type(result).__name__].partition(":")
    found = getattr(import_module(f"{__name__}.{module}"), function)(result, *arguments, **options)
    return (found,) if isinstance(found, (Table, Text)) else tuple(found)


def as_text(result: Any) -> str:
    """A result as it is printed into a file."""
    from convcalc.render import text

    return text.render(*parts(result))


def in_terminal(result: Any) -> Fitted:
    """A result as Rich shows it, fitted to the width of the terminal."""
    from convcalc.render.terminal import Fitted

    return Fitted(*parts(result))


def as_html(result: Any) -> str:
    """A result as a notebook shows it."""
    from convcalc.render import html

    return html.render(*parts(result))

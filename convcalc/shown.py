"""Results that show themselves: as text, in a terminal, in a notebook."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

VIEWS: Final = "convcalc.render.views"
"""Where the view of a result is looked up by the name of its class, when the result is first shown: what
computes results knows nothing of rendering."""


class Shown:
    """A result that shows itself as the command line does, when printed, by Rich and in a notebook."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(import_module(VIEWS).as_text(self))

    def __rich__(self) -> Any:
        return import_module(VIEWS).in_terminal(self)

    def _repr_html_(self) -> str:
        return str(import_module(VIEWS).as_html(self))


def table(result: Shown, *arguments: Any, **options: Any) -> Any:
    """The :class:`convcalc.render.table.Table` of a result; its view says which options there are."""
    return import_module(VIEWS).parts(result, *arguments, **options)[0]

"""Results that show themselves: as text, in a terminal, in a notebook, and in one line."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

VIEWS: Final = "convcalc.render.views"
"""Where the view of a result is looked up by the name of its class, when the result is first shown: what
computes results knows nothing of rendering."""


def told(result: Any) -> str:
    """What a session shows of a result: ``<Report ResNet-18: 11,689,512 parameters, 1.81 G MACs>``."""
    return f"<{type(result).__name__} {import_module(VIEWS).headline(result)}>"


class Told:
    """A result that says in one line what it is; a dataclass that shall do so is made with ``repr=False``."""

    __slots__ = ()

    def __repr__(self) -> str:
        known = import_module(VIEWS).headline(self) is not None
        return told(self) if known else super().__repr__()


class Shown(Told):
    """A result that shows itself as the command line does, when printed, by Rich and in a notebook."""

    __slots__ = ()

    def __str__(self) -> str:
        return str(import_module(VIEWS).as_text(self))

    def __rich__(self) -> Any:
        return import_module(VIEWS).in_terminal(self)

    def _repr_html_(self) -> str:
        return str(import_module(VIEWS).as_html(self))

    def to_dataframe(self, *arguments: Any, **options: Any) -> Any:
        """The table of the result as a pandas data frame: one row each, columns by their keys, raw values.

        Args:
            arguments: as for ``table`` of the result.
            options: as for ``table`` of the result.

        Raises:
            ImportError: pandas is not installed.
        """
        return table(self, *arguments, **options).to_dataframe()


def table(result: Shown, *arguments: Any, **options: Any) -> Any:
    """The :class:`convcalc.render.table.Table` of a result; its view says which options there are."""
    return import_module(VIEWS).parts(result, *arguments, **options)[0]

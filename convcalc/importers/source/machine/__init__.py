"""Works through the statements of a program over known values; nothing of the text is run by Python.

Statements and expressions are nodes of ``ast``. What a library would do (``nn.Conv2d``, ``x.view``) is asked
of a :class:`Library`. Every step is taken from the budget of the question, calls nest to a depth, and what is
not worked out is refused at its line.
"""

from __future__ import annotations

from convcalc.importers.source.machine.calls import Calls
from convcalc.importers.source.machine.expressions import Expressions
from convcalc.importers.source.machine.library import Library as Library
from convcalc.importers.source.machine.natives import Natives
from convcalc.importers.source.machine.statements import Statements


class Machine(Statements, Expressions, Calls, Natives):
    """Runs over the syntax of one program; see :class:`~convcalc.importers.source.machine.core.Core`."""

    natives = frozenset(
        name.removeprefix("_native_") for name in vars(Natives) if name.startswith("_native_")
    )

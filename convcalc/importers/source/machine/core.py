"""The ground of a machine: the program, the place that is worked on, and how it is refused."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from convcalc.budget import OverBudgetError
from convcalc.dims import DimensionError
from convcalc.importers.network import Unsayable
from convcalc.importers.source import known
from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.machine.library import Library
from convcalc.importers.source.values import (
    Class,
    Function,
    Instance,
    Scope,
)
from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.source import Source

STEPS: Final = 5
"""Steps of the budget that one node of the syntax takes."""

_WRONG_KINDS: Final = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError, NotImplementedError,
)  # fmt: skip
"""What the layers and tables raise for arguments that no framework takes either."""


class Stopped(Exception):
    """``return`` with a value, ``break`` or ``continue``."""


class Core:
    """What every part of a machine has: the program, where it is in it, and how it refuses.

    Args:
        source: the program.
        library: what is known of others' functions and classes.
        given: values from outside, by name, that replace those of plain assignments.

    Attributes:
        names: the scope of the program.
        passed: statements at the top that were passed over, with why.
        read: names of ``given`` that were put in.
    """

    def __init__(self, source: Source, library: Library, given: dict[str, Any] | None = None) -> None:
        self.source = source
        self.library = library
        self.given = given or {}
        self.names = Scope(None, source)
        self.passed: list[tuple[ast.stmt, SpecError]] = []
        self.read: set[str] = set()
        self.place: ast.AST | None = None
        self.depth = 0
        self.loose = False
        self.modules: list[Instance] = []

    # Errors

    def fault(
        self, message: str, expected: str | None = None, node: Any = None, near: Any = None
    ) -> SpecError:
        """An error at a node, by default at that which is worked out now."""
        node = node if hasattr(node, "lineno") else self.place
        if node is None:
            return SpecError(Problem(message, file=self.source.name, expected=expected))
        line = self.source.line(node.lineno)
        column = _characters(line, node.col_offset) + 1
        end = getattr(node, "end_col_offset", None) if node.end_lineno == node.lineno else None
        length = (_characters(line, end) + 1 - column) if end else len(line) - column + 1
        return SpecError(
            Problem(
                message, file=self.source.name, line=node.lineno, column=column, length=max(1, length),
                text=line, expected=expected, nearest=near,
            )
        )  # fmt: skip

    @contextmanager
    def at(self, node: ast.AST, scope: Scope, kinds: str = "values") -> Iterator[None]:
        """Say where an error stands that comes out of what is inside, which works on values or arguments."""
        before = self.place
        if scope.source is self.source and hasattr(node, "lineno"):
            self.place = node
        try:
            yield
            self.place = before
        except NotKnown as error:
            raise self.fault(error.message, error.expected) from None
        except DimensionError as error:
            raise self.fault(error.message, getattr(error, "hint", None)) from None
        except Unsayable as error:
            raise self.fault(self.library.told(f"what is done here {error.reason}")) from None
        except (SpecError, OverBudgetError):
            raise
        except _WRONG_KINDS:
            raise self.fault(f"this is not worked out for {kinds} of these kinds") from None

    # What several parts need

    @staticmethod
    def in_class(cls: Class, name: str) -> tuple[Any] | None:
        """An attribute of a class, alone in a tuple; None where it has none."""
        try:
            return (cls.find(name),)
        except KeyError:
            return None

    def listed(self, nodes: list[ast.expr], scope: Scope) -> list[Any]:
        """The values of a list, those behind a star one by one."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += self.items(self.evaluate(node.value, scope))
                if len(found) > known.MAX_ITEMS:
                    raise NotKnown(f"more than {known.MAX_ITEMS:,} items")
            else:
                found.append(self.evaluate(node, scope))
        return found

    # What the other parts do

    natives: ClassVar[frozenset[str]] = frozenset()
    """Functions of Python that the machine has a method for."""

    def execute(self, node: ast.stmt, scope: Scope) -> None:
        """One statement."""
        raise NotImplementedError

    def block(self, body: list[ast.stmt], scope: Scope) -> None:
        """Statements one after the other."""
        raise NotImplementedError

    def function(self, *args: Any, **kwargs: Any) -> Function:
        """A function of the program."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Give a name, an attribute or an item a value."""
        raise NotImplementedError

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """Give an object an attribute."""
        raise NotImplementedError

    def evaluate(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        raise NotImplementedError

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a value."""
        raise NotImplementedError

    def items(self, value: Any) -> list[Any]:
        """What a loop over a value goes through."""
        raise NotImplementedError

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """An operator on two values."""
        raise NotImplementedError

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A call of a value."""
        raise NotImplementedError


def _characters(line: str, offset: int) -> int:
    """A place in a line in characters, from one in bytes of UTF-8."""
    return len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))

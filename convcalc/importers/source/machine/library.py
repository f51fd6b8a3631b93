"""What a machine asks of the libraries that a program uses."""

from __future__ import annotations

import ast
from typing import Any

from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.values import (
    Instance,
)


class Library:
    """What the machine asks of the libraries that a program uses; the base knows none."""

    def attribute(self, value: Any, name: str) -> Any:
        """An attribute of a tensor or of an object of a library; :class:`KeyError` where there is none."""
        raise KeyError(name)

    def resolve(self, name: str) -> Any:
        """What a name means that the program does not define; :class:`KeyError` where it is not known."""
        raise KeyError(name)

    def call(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A call of a function or class of a library, by its dotted name."""
        raise NotKnown(f"{name} is not known here")

    def forward(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a module of a library makes of tensors."""
        raise NotKnown(f"{module.name} is not run")

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """An operator on tensors."""
        raise NotKnown("tensors are not known here")

    def compare(self, op: ast.cmpop, a: Any, b: Any) -> Any:
        """A comparison of tensors, element by element."""
        raise NotKnown("the comparison depends on the data")

    def unary(self, op: ast.unaryop, value: Any) -> Any:
        """A sign before a tensor."""
        raise NotKnown("tensors are not known here")

    def subscript(self, value: Any, index: Any) -> Any:
        """A part of a tensor."""
        raise NotKnown("tensors are not known here")

    def items(self, value: Any) -> list[Any]:
        """The parts of a tensor along its first axis."""
        raise NotKnown("a loop over a tensor is not read", "torch.unbind, torch.chunk or slices")

    def owns(self, value: Any) -> bool:
        """Whether a value is one of the library's: a tensor."""
        return False

    def is_instance(self, value: Any, name: str) -> bool:
        """Whether an object of a library is of a class of that name."""
        return isinstance(value, Instance) and value.kind == name.rpartition(".")[2]

    def initialize(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> None:
        """What the constructor of a library's class does for an object that extends it."""

    def write(self, owner: Any, index: Any, value: Any) -> bool:
        """Write items of a tensor, where they may be written; whether they were."""
        return False

    def told(self, message: str) -> str:
        """A message as people should read it."""
        return message

    def enters(self, module: Instance, args: list[Any]) -> None:
        """Say that a module is called with these, by no other module."""

    def set(self, module: Any, name: str, value: Any) -> bool:
        """Take an attribute of a module into its parts, where it is one; whether it was taken."""
        return False

"""Calls of what a program defines, and of its classes."""

from __future__ import annotations

import ast
from typing import Any, Final

from convcalc.budget import OverBudgetError
from convcalc.dims import DimensionError
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.machine.core import Core, Stopped
from convcalc.importers.source.values import (
    Bound,
    Class,
    Function,
    Instance,
    Name,
    Native,
    Scope,
    Super,
)
from convcalc.spec.errors import SpecError, nearest_name

MAX_DEPTH: Final = 40
"""Deepest nesting of calls of the program's functions."""


class Calls(Core):
    """Functions, classes and modules of the program, called."""

    # Calls

    def _of_Call(self, node: ast.Call, scope: Scope) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node, scope)
        function = self.evaluate(node.func, scope)
        args = self.listed(node.args, scope)
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value, scope)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
                continue
            if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
                raise NotKnown(f"** of {described(value)}", "a dict of names")
            kwargs.update(value)
        return self.call(function, args, kwargs)

    def _super(self, node: ast.Call, scope: Scope) -> Super:
        if node.args:
            values = [self.evaluate(arg, scope) for arg in node.args]
            if len(values) != 2 or not isinstance(values[0], Class):
                raise NotKnown("super() takes a class and an object")
            return Super(values[0], values[1])
        if scope.owner is None or scope.this is None:
            raise NotKnown("super() outside of a class")
        return Super(scope.owner, scope.this)

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The value of a call.

        Raises:
            NotKnown: it is not worked out.
        """
        if isinstance(function, Bound):
            return self.call(function.function, [function.this, *args], kwargs)
        if isinstance(function, Function):
            return self.invoke(function, args, kwargs)
        if isinstance(function, Class):
            return self.build(function, args, kwargs)
        if isinstance(function, Instance):
            return self.run_module(function, args, kwargs)
        if isinstance(function, Native):
            return self._native(function, args, kwargs)
        if isinstance(function, Name):
            return self.library.call(function.path, args, kwargs)
        raise NotKnown(f"{described(function)} is no function")

    @staticmethod
    def _native(function: Native, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return function.run(*args, **kwargs)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            if isinstance(error, (SpecError, DimensionError, OverBudgetError)):
                raise
            given = ", ".join(map(described, args))
            raise NotKnown(f"{function.name}({given}) is not worked out") from None

    def invoke(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """The value that a function of the program returns."""
        if self.depth >= MAX_DEPTH:
            raise NotKnown(f"calls nested deeper than {MAX_DEPTH}")
        scope = Scope(function.scope, function.scope.source)
        scope.owner = function.owner or function.scope.owner
        self._bind(function, args, kwargs, scope)
        first = function.parameters()
        if function.owner is not None and first and function.kind != "staticmethod":
            scope.this = scope.names.get(first[0])
        if isinstance(function.node, ast.Lambda):
            self.depth += 1
            try:
                return self.evaluate(function.node.body, scope)
            finally:
                self.depth -= 1
        self.depth += 1
        try:
            self.block(function.node.body, scope)
        except Stopped as stop:
            return stop.args[1]
        finally:
            self.depth -= 1
        return None

    def _bind(self, function: Function, args: list[Any], kwargs: dict[str, Any], scope: Scope) -> None:
        spec = function.node.args
        order = [arg.arg for arg in (*spec.posonlyargs, *spec.args)]
        names = scope.names
        names.update(zip(order, args, strict=False))
        if spec.vararg is not None:
            names[spec.vararg.arg] = tuple(args[len(order) :])
        elif len(args) > len(order):
            raise NotKnown(f"{function.name} takes {len(order)} arguments, got {len(args)}", ", ".join(order))
        known_names = {*order, *(arg.arg for arg in spec.kwonlyargs)}
        extra: dict[str, Any] = {}
        for key, value in kwargs.items():
            if key in known_names:
                if key in names:
                    raise NotKnown(f"{function.name}: {key} is given twice")
                names[key] = value
            elif spec.kwarg is not None:
                extra[key] = value
            else:
                raise self.fault(
                    f"{function.name} has no argument {key!r}", ", ".join(sorted(known_names - {"self"})),
                    near=nearest_name(key, known_names),
                )  # fmt: skip
        if spec.kwarg is not None:
            names[spec.kwarg.arg] = extra
        for key, default in zip(order[len(order) - len(function.defaults) :], function.defaults, strict=True):
            names.setdefault(key, default)
        for arg, node, default in zip(
            spec.kwonlyargs, spec.kw_defaults, function.keyword_defaults, strict=True
        ):
            if node is not None:
                names.setdefault(arg.arg, default)
        missing = [key for key in (*order, *(arg.arg for arg in spec.kwonlyargs)) if key not in names]
        if missing:
            raise NotKnown(f"{function.name} needs {', '.join(missing)}")

    def build(self, cls: Class, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """An object of a class of the program."""
        if cls.fields is not None:
            return self._data(cls, args, kwargs)
        made = Instance(cls, cls.library, cls.node)
        found = self.in_class(cls, "__init__")
        if found is None:
            self.library.initialize(made, args, kwargs)
            return made
        made.given = {"args": list(args), "kwargs": dict(kwargs)}
        self.call(Bound(found[0], made), args, kwargs)
        return made

    def _data(self, cls: Class, args: list[Any], kwargs: dict[str, Any]) -> Instance:
        made = Instance(cls, cls.library, cls.node)
        fields = cls.fields or {}
        if len(args) > len(fields) or kwargs.keys() - fields.keys():
            raise NotKnown(f"{cls.name} takes {', '.join(fields)}")
        made.fields = {**fields, **dict(zip(fields, args, strict=False)), **kwargs}
        missing = [name for name, value in made.fields.items() if value is self]
        if missing:
            raise NotKnown(f"{cls.name} needs {', '.join(missing)}")
        found = self.in_class(cls, "__post_init__")
        if found:
            self.call(Bound(found[0], made), [], {})
        return made

    def run_module(self, module: Instance, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """What a module makes of its inputs: its ``forward``, its ``call``, or what the library does."""
        if not self.modules:
            self.library.enters(module, args)
        self.modules.append(module)
        module.used = True
        try:
            if module.cls is not None:
                for name in ("__call__", "forward", "call"):
                    found = self.in_class(module.cls, name)
                    if found:
                        return self.call(Bound(found[0], module), args, kwargs)
            return self.library.forward(module, args, kwargs)
        finally:
            self.modules.pop()

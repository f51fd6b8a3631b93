"""Functions of Python that need to know the machine."""

from __future__ import annotations

import ast
from typing import Any

from convcalc.importers.source import known
from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.machine.core import Core
from convcalc.importers.source.values import (
    Bound,
    Class,
    Function,
    Instance,
    Name,
    Native,
)
from convcalc.spec.errors import SpecError


class Natives(Core):
    """``isinstance``, ``getattr``, ``map`` and the like."""

    # Functions that need the machine

    def _native_isinstance(self, value: Any, classes: Any) -> bool:
        for cls in classes if isinstance(classes, tuple) else (classes,):
            if isinstance(cls, Class):
                if isinstance(value, Instance) and value.cls is not None and cls in value.cls.order:
                    return True
            elif isinstance(cls, Native):
                kinds = {"int": int, "float": float, "str": str, "list": list, "tuple": tuple, "dict": dict,
                         "bool": bool, "range": range, "set": set}  # fmt: skip
                if cls.name in kinds and isinstance(value, kinds[cls.name]):
                    return True
            elif isinstance(cls, Name) and self.library.is_instance(value, cls.path):
                return True
        return False

    def _native_getattr(self, value: Any, name: Any, *otherwise: Any) -> Any:
        if not isinstance(name, str):
            raise NotKnown("getattr takes a name that is known")
        if otherwise:
            try:
                return self.attribute(value, name)
            except (SpecError, NotKnown):
                return otherwise[0]
        return self.attribute(value, name)

    def _native_setattr(self, value: Any, name: Any, new: Any) -> None:
        if not isinstance(name, str):
            raise NotKnown("setattr takes a name that is known")
        self.set_attribute(value, name, new)

    def _native_hasattr(self, value: Any, name: Any) -> bool:
        try:
            self.attribute(value, name)
        except (SpecError, NotKnown):
            return False
        return True

    def _native_callable(self, value: Any) -> bool:
        return isinstance(value, (Bound, Function, Class, Instance, Native, Name))

    def _native_map(self, function: Any, *lists: Any) -> list[Any]:
        return [self.call(function, list(items), {}) for items in zip(*map(self.items, lists), strict=False)]

    def _native_filter(self, function: Any, items: Any) -> list[Any]:
        return [item for item in self.items(items) if known.truth(self.call(function, [item], {}))]

    def _native_next(self, items: Any) -> Any:
        found = self.items(items)
        if not found:
            raise NotKnown("next of nothing")
        return found[0]

    def _native_type(self, value: Any) -> Any:
        if isinstance(value, Instance):
            return value.cls or Name(value.library)
        kind = type(value).__name__
        return Native(kind, known.BUILTINS.get(kind, lambda *given: None))

    def _native_len(self, value: Any) -> Any:
        if self.library.owns(value):
            return known.subscript(self.library.attribute(value, "shape"), 0)
        return known.BUILTINS["len"](value)

    def _native_sum(self, items: Any, start: Any = 0) -> Any:
        total = start
        for item in self.items(items):
            first = total is start and type(start) is int and start == 0
            total = item if first else self.binary(ast.Add(), total, item)
        return total

    def _native_abs(self, value: Any) -> Any:
        if self.library.owns(value):
            return self.call(self.library.attribute(value, "abs"), [], {})
        return self.binary(ast.Mult(), value, 1 if known.compare(ast.GtE(), value, 0) else -1)

    def _native_print(self, *values: Any, **options: Any) -> None:
        return None

    def _native_issubclass(self, cls: Any, other: Any) -> bool:
        if isinstance(cls, Class) and isinstance(other, Class):
            return other in cls.order
        raise NotKnown("issubclass of what is no class of the text")

    def _native_locals(self) -> Any:
        raise NotKnown("locals() is not read", "names that are written out")

    def _native_id(self, value: Any) -> int:
        return id(value)

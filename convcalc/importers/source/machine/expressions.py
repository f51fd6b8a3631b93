"""Expressions of a program, over known values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, Final

from convcalc.budget import spend
from convcalc.importers.source import known
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.machine.core import STEPS, Core
from convcalc.importers.source.values import (
    Bound,
    Class,
    Function,
    Instance,
    Name,
    Native,
    Scope,
    Super,
    Unknown,
)
from convcalc.spec.errors import nearest_name

_WORDS: Final = {
    "Await": "'await'", "Yield": "'yield'", "YieldFrom": "'yield from'", "Starred": "'*' here",
}  # fmt: skip


class Expressions(Core):
    """The value of an expression."""

    # Expressions

    def evaluate(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        spend(STEPS)
        kind = type(node)
        if kind is ast.Constant:
            value = node.value  # type: ignore[attr-defined]
            if isinstance(value, int) and value.bit_length() > known.MAX_BITS:
                raise NotKnown(f"a number of more than {known.MAX_BITS} bits")
            return value
        run = getattr(self, f"_of_{kind.__name__}", None)
        with self.at(node, scope, "arguments"):
            if run is None:
                raise NotKnown(
                    f"{_WORDS.get(kind.__name__, kind.__name__)} is not read", "calls and known values"
                )
            return run(node, scope)

    def _of_Name(self, node: ast.Name, scope: Scope) -> Any:
        try:
            value = scope.find(node.id)
        except KeyError:
            value = self._resolved(node.id, scope)
        if isinstance(value, Unknown):
            raise value.why
        return value

    def _resolved(self, name: str, scope: Scope) -> Any:
        if name in self.given:
            self.read.add(name)
            return self.given[name]
        if name in self.natives:
            return Native(name, getattr(self, f"_native_{name}"))
        if name in known.BUILTINS:
            return Native(name, known.BUILTINS[name])
        if name == "__name__":
            return "__main__"
        try:
            return self.library.resolve(name)
        except KeyError:
            pass
        names = [n for n in (*scope.names, *self.names.names) if not n.startswith("_")]
        raise self.fault(
            f"unknown name {name!r}", f"a value for it: --set {name}=N" if name[:1].islower() else
            "a class or function of the text, of PyTorch or of Keras",
            near=nearest_name(name, names),
        )  # fmt: skip

    def _of_Attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        return self.attribute(self.evaluate(node.value, scope), node.attr)

    def attribute(self, value: Any, name: str) -> Any:
        """``value.name``.

        Raises:
            NotKnown: there is none.
        """
        if isinstance(value, Name):
            numbers = known.MATHEMATICS if value.path in ("math", "numpy") else ("pi", "inf", "e")
            if value.path in ("math", "numpy", "torch") and name in numbers:
                return known.mathematics(name)
            return Name(f"{value.path}.{name}")
        if isinstance(value, Instance):
            for held in (value.fields, value.children, value.parameters):
                if name in held:
                    return held[name]
            if value.cls is not None:
                found = self.in_class(value.cls, name)
                if found is not None:
                    return self._bound(found[0], value)
        elif isinstance(value, Class):
            found = self.in_class(value, name)
            if found is not None:
                one = found[0]
                return Bound(one, value) if isinstance(one, Function) and one.kind == "classmethod" else one
            if name == "__name__":
                return value.name
        elif isinstance(value, Super):
            cls = value.this if isinstance(value.this, Class) else value.this.cls
            try:
                return self._bound(cls.find(name, value.owner), value.this)
            except (KeyError, ValueError):
                return Native(f"super().{name}", self._of_base(value.this, name))
        if isinstance(value, known.PLAIN):
            method = known.method(value, name)
            if method is not None:
                return Native(name, method)
        try:
            return self.library.attribute(value, name)
        except KeyError:
            pass
        if name == "__class__" and isinstance(value, Instance) and value.cls:
            return value.cls
        names = [*value.fields, *value.children, *value.parameters] if isinstance(value, Instance) else []
        if isinstance(value, Instance) and value.cls:
            names += [key for cls in value.cls.order for key in cls.attributes]
        raise self.fault(f"{described(value)} has no attribute {name!r} here", near=nearest_name(name, names))

    def _bound(self, found: Any, this: Any) -> Any:
        if not isinstance(found, Function) or found.kind == "staticmethod":
            return found
        if found.kind == "property":
            return self.call(found, [this], {})
        if found.kind == "classmethod" and isinstance(this, Instance):
            return Bound(found, this.cls)
        return Bound(found, this)

    def _of_base(self, this: Any, name: str) -> Callable[..., Any]:
        """A method of the library's class that an object extends."""

        def run(*args: Any, **kwargs: Any) -> Any:
            if name == "__init__":
                self.library.initialize(this, list(args), kwargs)
                return None
            if name in ("forward", "__call__", "call"):
                return self.library.forward(this, list(args), kwargs)
            if name in ("__setattr__",):
                return self.set_attribute(this, *args)
            if name in ("build", "__init_subclass__", "train", "eval"):
                return this
            try:
                return self.call(self.library.attribute(this, name), list(args), kwargs)
            except KeyError:
                raise NotKnown(f"super().{name} is not known here") from None

        return run

    def _of_Subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        value = self.evaluate(node.value, scope)
        index = self.evaluate(node.slice, scope)
        if self.library.owns(value):
            return self.library.subscript(value, index)
        if isinstance(value, (Name, Class)):  # Optional[int]
            return value
        if isinstance(value, Instance) and value.cls is not None and value.kind not in known.CONTAINED:
            found = self.in_class(value.cls, "__getitem__")
            if found:
                return self.call(Bound(found[0], value), [index], {})
        return known.subscript(value, index)

    def _of_Slice(self, node: ast.Slice, scope: Scope) -> slice:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.evaluate(part, scope) for part in parts))

    def _of_Tuple(self, node: ast.Tuple, scope: Scope) -> tuple[Any, ...]:
        return tuple(self.listed(node.elts, scope))

    def _of_List(self, node: ast.List, scope: Scope) -> list[Any]:
        return self.listed(node.elts, scope)

    def _of_Set(self, node: ast.Set, scope: Scope) -> set[Any]:
        return {known.key_of(item) for item in self.listed(node.elts, scope)}

    def _of_Dict(self, node: ast.Dict, scope: Scope) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                more = self.evaluate(value, scope)
                if not isinstance(more, dict):
                    raise NotKnown(f"{described(more)} is no dict")
                found.update(more)
            else:
                found[known.key_of(self.evaluate(key, scope))] = self.evaluate(value, scope)
        return found

    def _of_BinOp(self, node: ast.BinOp, scope: Scope) -> Any:
        left = self.evaluate(node.left, scope)
        return self.binary(node.op, left, self.evaluate(node.right, scope))

    def binary(self, op: ast.operator, a: Any, b: Any) -> Any:
        """``a op b`` of known values or tensors."""
        if self.library.owns(a) or self.library.owns(b):
            return self.library.binary(op, a, b)
        if not isinstance(a, known.PLAIN) or not isinstance(b, known.PLAIN):
            raise NotKnown(f"{described(a)} {known.sign(op)} {described(b)} is not worked out")
        return known.binary(op, a, b)

    def _of_UnaryOp(self, node: ast.UnaryOp, scope: Scope) -> Any:
        value = self.evaluate(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return not known.truth(value)
        return self.library.unary(node.op, value) if self.library.owns(value) else known.unary(node.op, value)

    def _of_BoolOp(self, node: ast.BoolOp, scope: Scope) -> Any:
        value: Any = None
        for part in node.values:
            value = self.evaluate(part, scope)
            if part is not node.values[-1] and known.truth(value) == isinstance(node.op, ast.Or):
                return value
        return value

    def _of_Compare(self, node: ast.Compare, scope: Scope) -> Any:
        left = self.evaluate(node.left, scope)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(part, scope)
            tensors = self.library.owns(left) or self.library.owns(right)
            if tensors and not isinstance(op, (ast.Is, ast.IsNot, ast.In, ast.NotIn)):
                return self.library.compare(op, left, right)
            if not known.compare(op, left, right):
                return False
            left = right
        return True

    def _of_IfExp(self, node: ast.IfExp, scope: Scope) -> Any:
        chosen = node.body if known.truth(self.evaluate(node.test, scope)) else node.orelse
        return self.evaluate(chosen, scope)

    def _of_Lambda(self, node: ast.Lambda, scope: Scope) -> Function:
        return self.function(node, scope)

    def _of_JoinedStr(self, node: ast.JoinedStr, scope: Scope) -> str:
        return "".join(str(self.evaluate(part, scope)) for part in node.values)[: known.MAX_ITEMS]

    def _of_FormattedValue(self, node: ast.FormattedValue, scope: Scope) -> str:
        spec = "" if node.format_spec is None else self.evaluate(node.format_spec, scope)
        return known.formatted(self.evaluate(node.value, scope), spec, node.conversion)

    def _of_NamedExpr(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.evaluate(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def _of_ListComp(self, node: ast.ListComp | ast.GeneratorExp, scope: Scope) -> list[Any]:
        found: list[Any] = []
        for inner in self._generated(node.generators, Scope(scope, scope.source)):
            found.append(self.evaluate(node.elt, inner))
            if len(found) > known.MAX_ITEMS:
                raise NotKnown(f"more than {known.MAX_ITEMS:,} items")
        return found

    _of_GeneratorExp = _of_ListComp

    def _of_SetComp(self, node: ast.SetComp, scope: Scope) -> set[Any]:
        inner = self._generated(node.generators, Scope(scope, scope.source))
        return {known.key_of(self.evaluate(node.elt, one)) for one in inner}

    def _of_DictComp(self, node: ast.DictComp, scope: Scope) -> dict[Any, Any]:
        inner = self._generated(node.generators, Scope(scope, scope.source))
        return {known.key_of(self.evaluate(node.key, s)): self.evaluate(node.value, s) for s in inner}

    def _generated(self, generators: list[ast.comprehension], scope: Scope) -> Iterator[Scope]:
        first, *rest = generators
        for item in self.items(self.evaluate(first.iter, scope)):
            spend(STEPS)
            self.assign(first.target, item, scope)
            if all(known.truth(self.evaluate(test, scope)) for test in first.ifs):
                if rest:
                    yield from self._generated(rest, scope)
                else:
                    yield scope

    def items(self, value: Any) -> list[Any]:
        """What a loop over a value goes through."""
        if self.library.owns(value):
            return self.library.items(value)
        if isinstance(value, Instance) and value.cls is not None and value.kind not in known.CONTAINED:
            found = self.in_class(value.cls, "__iter__")
            if found:
                return self.items(self.call(Bound(found[0], value), [], {}))
        return known.items_of(value)

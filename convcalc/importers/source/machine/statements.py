"""Statements of a program, and assignments."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from convcalc.budget import OverBudgetError, spend
from convcalc.importers.source import known
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.machine.core import STEPS, Core, Stopped
from convcalc.importers.source.values import (
    Array,
    Class,
    Function,
    Instance,
    Name,
    Native,
    Parameter,
    Scope,
    Unknown,
)
from convcalc.spec.errors import SpecError

_IDLE_DECORATORS: Final = ("torch.", "tensorflow.", "keras.", "functools.", "typing.", "abc.")

Target = ast.expr


class Statements(Core):
    """One statement after the other."""

    # Statements

    def run(self, body: list[ast.stmt], loose: bool = True) -> None:
        """The statements of the whole program; those at the top that make nothing known are passed over.

        Raises:
            SpecError: one inside a class, or a class itself, cannot be read.
        """
        for statement in body:
            self.loose = loose
            try:
                self.execute(statement, self.names)
            except SpecError as error:
                if not loose or isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
                    raise
                self.passed.append((statement, error))
                self.place = None
                self.depth = 0
                for name in _assigned(statement):
                    self.names.names[name] = Unknown(error)
            except Stopped:
                raise self.fault("'return' outside of a function", node=statement) from None

    def block(self, body: list[ast.stmt], scope: Scope) -> None:
        """Statements one after the other."""
        for statement in body:
            self.execute(statement, scope)

    def execute(self, node: ast.stmt, scope: Scope) -> None:
        """One statement."""
        spend(STEPS)
        run = getattr(self, f"_do_{type(node).__name__}", None)
        with self.at(node, scope):
            if run is None:
                words = {"AsyncFunctionDef": "async def", "Nonlocal": "nonlocal", "Global": "global"}
                word = words.get(type(node).__name__, type(node).__name__.lower())
                raise NotKnown(f"{word!r} is not read", "assignments, calls, if, for, return")
            run(node, scope)

    def _do_Expr(self, node: ast.Expr, scope: Scope) -> None:
        if not isinstance(node.value, ast.Constant):
            self.evaluate(node.value, scope)

    def _do_Pass(self, node: ast.Pass, scope: Scope) -> None:
        return

    def _do_Import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            if alias.asname:
                scope.names[alias.asname] = Name(alias.name)
            else:
                first = alias.name.partition(".")[0]
                scope.names[first] = Name(first)

    def _do_ImportFrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            if alias.name != "*":
                scope.names[alias.asname or alias.name] = Name(f"{node.module or ''}.{alias.name}")

    def _do_Assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.evaluate(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def _do_AnnAssign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value, scope), scope)

    def _do_AugAssign(self, node: ast.AugAssign, scope: Scope) -> None:
        target = node.target
        load: ast.expr
        if isinstance(target, ast.Name):
            load = ast.Name(target.id, ast.Load())
        elif isinstance(target, ast.Attribute):
            load = ast.Attribute(target.value, target.attr, ast.Load())
        else:
            load = ast.Subscript(target.value, target.slice, ast.Load())
        before = self.evaluate(ast.copy_location(load, target), scope)
        value = self.evaluate(node.value, scope)
        if isinstance(before, list) and isinstance(node.op, ast.Add):
            items = known.items_of(value)
            if len(before) + len(items) > known.MAX_ITEMS:
                raise NotKnown(f"more than {known.MAX_ITEMS:,} items")
            before.extend(items)
            return
        self.assign(target, self.binary(node.op, before, value), scope)

    def _do_If(self, node: ast.If, scope: Scope) -> None:
        test = self.evaluate(node.test, scope)
        with self.at(node.test, scope):
            found = known.truth(test)
        self.block(node.body if found else node.orelse, scope)

    def _do_For(self, node: ast.For, scope: Scope) -> None:
        self._within(node, self._for, scope)

    def _do_While(self, node: ast.While, scope: Scope) -> None:
        self._within(node, self._while, scope)

    def _within(self, node: Any, run: Callable[[Any, Scope], None], scope: Scope) -> None:
        """Run a loop, which is the place to name where the steps are used up in it."""
        try:
            run(node, scope)
        except OverBudgetError as error:
            if scope.source is self.source:
                raise self.fault(error.message, error.hint, node) from None
            raise

    def _for(self, node: ast.For, scope: Scope) -> None:
        items = self.items(self.evaluate(node.iter, scope))
        for item in items:
            spend(STEPS)
            self.assign(node.target, item, scope)
            try:
                self.block(node.body, scope)
            except Stopped as stop:
                if stop.args[0] == "continue":
                    continue
                if stop.args[0] == "break":
                    return
                raise
        self.block(node.orelse, scope)

    def _while(self, node: ast.While, scope: Scope) -> None:
        while known.truth(self.evaluate(node.test, scope)):
            spend(STEPS)
            try:
                self.block(node.body, scope)
            except Stopped as stop:
                if stop.args[0] == "continue":
                    continue
                if stop.args[0] == "break":
                    return
                raise
        self.block(node.orelse, scope)

    def _do_Break(self, node: ast.Break, scope: Scope) -> None:
        raise Stopped("break")

    def _do_Continue(self, node: ast.Continue, scope: Scope) -> None:
        raise Stopped("continue")

    def _do_Return(self, node: ast.Return, scope: Scope) -> None:
        raise Stopped("return", None if node.value is None else self.evaluate(node.value, scope))

    def _do_Assert(self, node: ast.Assert, scope: Scope) -> None:
        try:
            holds = known.truth(self.evaluate(node.test, scope))
        except (SpecError, NotKnown):
            return  # what is asserted of the data changes nothing
        if not holds:
            raise NotKnown("this assertion does not hold", "arguments and an input for which it does")

    def _do_Raise(self, node: ast.Raise, scope: Scope) -> None:
        text = ast.get_source_segment(scope.source.text, node.exc) if node.exc else None
        said = ""
        if isinstance(node.exc, ast.Call) and node.exc.args:
            try:
                value = self.evaluate(node.exc.args[0], scope)
                said = f": {value[:200]}" if isinstance(value, str) else ""
            except (SpecError, NotKnown):
                said = ""
        word = (text or "an error").partition("(")[0][:60]
        raise NotKnown(f"the program raises {word} here{said}", "arguments and an input that it takes")

    def _do_Delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.names.pop(target.id, None)
            elif isinstance(target, ast.Attribute):
                owner = self.evaluate(target.value, scope)
                if not isinstance(owner, Instance):
                    raise NotKnown("this is not deleted here")
                for held in (owner.children, owner.fields, owner.parameters):
                    held.pop(target.attr, None)
            else:
                raise NotKnown("parts are not deleted here", "a list of what is to stay")

    def _do_With(self, node: ast.With, scope: Scope) -> None:
        for item in node.items:
            if item.optional_vars is not None and isinstance(item.optional_vars, ast.Name):
                scope.names[item.optional_vars.id] = Unknown(self.fault("what 'with' gives is not known"))
        self.block(node.body, scope)

    def _do_Try(self, node: ast.Try, scope: Scope) -> None:
        self.block(node.body, scope)
        self.block(node.orelse, scope)
        self.block(node.finalbody, scope)

    def _do_FunctionDef(self, node: ast.FunctionDef, scope: Scope) -> None:
        scope.names[node.name] = self.function(node, scope)

    def function(self, node: ast.FunctionDef | ast.Lambda, scope: Scope) -> Function:
        """A function of the program, its defaults worked out."""
        defaults = [self.evaluate(default, scope) for default in node.args.defaults]
        keyed = [None if d is None else self.evaluate(d, scope) for d in node.args.kw_defaults]
        made = Function(node, scope, defaults, keyed)
        for decorator in getattr(node, "decorator_list", ()):
            word = decorator.func if isinstance(decorator, ast.Call) else decorator
            text = ast.unparse(word)
            if text in ("staticmethod", "classmethod", "property"):
                made.kind = text
                continue
            named = self.evaluate(word, scope)
            if not (isinstance(named, Name) and f"{named.path}.".startswith(_IDLE_DECORATORS)):
                with self.at(decorator, scope):
                    raise NotKnown(f"the decorator {text[:40]} is not read", "the function without it")
        return made

    def _do_ClassDef(self, node: ast.ClassDef, scope: Scope) -> None:
        bases: list[Class] = []
        library = ""
        for base in node.bases:
            value = self.evaluate(base, scope)
            if isinstance(value, Class):
                bases.append(value)
                library = library or value.library
            elif isinstance(value, Name) and value.path not in ("object", "builtins.object"):
                library = library or value.path
        made = Class(node.name, node, bases, library)
        for decorator in node.decorator_list:
            word = decorator.func if isinstance(decorator, ast.Call) else decorator
            named = self.evaluate(word, scope)
            if isinstance(named, Name) and named.last == "dataclass":
                made.fields = {}
                for one in reversed(made.order[1:]):
                    made.fields.update(one.fields or {})
        body = Scope(scope, scope.source)
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and made.fields is not None:
                assert isinstance(statement.target, ast.Name)
                default = ast.Name("...") if statement.value is None else statement.value
                made.fields[statement.target.id] = (
                    self if statement.value is None else self.evaluate(default, body)
                )
            self.execute(statement, body)
        made.attributes = body.names
        for value in body.names.values():
            if isinstance(value, Function):
                value.owner = made
                value.scope = scope if value.scope is body else value.scope
        scope.names[node.name] = made

    # Assignments

    def assign(self, target: Target, value: Any, scope: Scope) -> None:
        """Give a name, an attribute, an item or several of them a value."""
        if isinstance(target, ast.Name):
            if scope is self.names and target.id in self.given and _settable(value):
                value = self.given[target.id]
                self.read.add(target.id)
            scope.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            owner = self.evaluate(target.value, scope)
            with self.at(target, scope):
                self.set_attribute(owner, target.attr, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            with self.at(target, scope):
                items = self.items(value)
                self._unpack(target.elts, items, scope)
        elif isinstance(target, ast.Subscript):
            owner = self.evaluate(target.value, scope)
            index = self.evaluate(target.slice, scope)
            with self.at(target, scope):
                self._set_item(owner, index, value)
        else:
            with self.at(target, scope):
                raise NotKnown("this is not assigned to here", "a name, an attribute or a list of names")

    def _unpack(self, targets: list[ast.expr], items: list[Any], scope: Scope) -> None:
        stars = [i for i, part in enumerate(targets) if isinstance(part, ast.Starred)]
        if len(stars) == 1 and len(items) >= len(targets) - 1:
            at = stars[0]
            behind = len(targets) - at - 1
            middle = items[at : len(items) - behind]
            star = targets[at]
            assert isinstance(star, ast.Starred)
            self.assign(star.value, middle, scope)
            items = [*items[:at], *items[len(items) - behind :]]
            targets = [*targets[:at], *targets[at + 1 :]]
        if len(items) != len(targets):
            raise NotKnown(f"{len(items)} values for {len(targets)} names", f"{len(items)} names")
        for part, item in zip(targets, items, strict=True):
            self.assign(part, item, scope)

    def set_attribute(self, owner: Any, name: str, value: Any) -> None:
        """``owner.name = value``."""
        if isinstance(owner, Instance):
            if owner.cls is not None:
                found = self.in_class(owner.cls, name)
                if found and isinstance(found[0], Function) and found[0].kind == "property":
                    raise NotKnown("properties that are set are not read")
            for held in (owner.children, owner.parameters):
                if name in held and not (isinstance(value, Instance) and held is owner.children):
                    del held[name]
            if not self.library.set(owner, name, value):
                owner.fields[name] = value
        elif isinstance(owner, Class):
            owner.attributes[name] = value
        elif isinstance(owner, (Array, Parameter, Native)) or self.library.owns(owner):
            self.library.set(owner, name, value)
        else:
            raise NotKnown(f"{described(owner)} takes no attribute {name!r}")

    def _set_item(self, owner: Any, index: Any, value: Any) -> None:
        if isinstance(owner, dict):
            owner[known.key_of(index)] = value
        elif isinstance(owner, list) and type(index) is int:
            known.subscript(owner, index)
            owner[index] = value
        elif isinstance(owner, Instance) and owner.kind in known.CONTAINED:
            names = list(owner.children)
            if type(index) is int and -len(names) <= index < len(names):
                index = names[index]
            if not isinstance(index, str):
                raise NotKnown(f"{described(index)} is no place of it")
            self.set_attribute(owner, index, value)
        elif not self.library.write(owner, index, value):
            raise NotKnown("items of this are not written", "torch.cat, or a mask that is multiplied by")


def _settable(value: Any) -> bool:
    """Whether a value of a plain assignment may be replaced from outside."""
    return isinstance(value, (int, float, str, bool, tuple, list, type(None)))


def _assigned(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value, however deep."""
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]

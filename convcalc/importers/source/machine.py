"""Works through the statements of a program over known values; nothing of the text is run by Python.

Statements and expressions are nodes of ``ast``. What a library would do (``nn.Conv2d``, ``x.view``) is asked
of a :class:`Library`. Every step is taken from the budget of the question, calls nest to a depth, and what is
not worked out is refused at its line.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from convcalc.budget import OverBudgetError, spend
from convcalc.dims import DimensionError
from convcalc.importers.network import Unsayable
from convcalc.importers.source import known
from convcalc.importers.source.known import NotKnown, described
from convcalc.importers.source.values import (
    Array,
    Bound,
    Class,
    Function,
    Instance,
    Name,
    Native,
    Parameter,
    Scope,
    Super,
    Unknown,
)
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

MAX_DEPTH: Final = 40
"""Deepest nesting of calls of the program's functions."""
_STEPS: Final = 5
"""Steps of the budget that one node of the syntax takes."""
_IDLE_DECORATORS: Final = ("torch.", "tensorflow.", "keras.", "functools.", "typing.", "abc.")

Target = ast.expr
_WRONG_KINDS: Final = (
    TypeError, ValueError, ArithmeticError, LookupError, AttributeError, AssertionError, NotImplementedError,
)  # fmt: skip
"""What the layers and tables raise for arguments that no framework takes either."""


class Stopped(Exception):
    """``return`` with a value, ``break`` or ``continue``."""


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


class Machine:
    """Runs over the syntax of one program.

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
        spend(_STEPS)
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
            spend(_STEPS)
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
            spend(_STEPS)
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
                found = self._in_class(owner.cls, name)
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

    # Expressions

    def evaluate(self, node: ast.expr, scope: Scope) -> Any:
        """The value of an expression."""
        spend(_STEPS)
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
        if name in _NATIVE:
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
                found = self._in_class(value.cls, name)
                if found is not None:
                    return self._bound(found[0], value)
        elif isinstance(value, Class):
            found = self._in_class(value, name)
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

    @staticmethod
    def _in_class(cls: Class, name: str) -> tuple[Any] | None:
        try:
            return (cls.find(name),)
        except KeyError:
            return None

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
            found = self._in_class(value.cls, "__getitem__")
            if found:
                return self.call(Bound(found[0], value), [index], {})
        return known.subscript(value, index)

    def _of_Slice(self, node: ast.Slice, scope: Scope) -> slice:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.evaluate(part, scope) for part in parts))

    def _of_Tuple(self, node: ast.Tuple, scope: Scope) -> tuple[Any, ...]:
        return tuple(self._listed(node.elts, scope))

    def _of_List(self, node: ast.List, scope: Scope) -> list[Any]:
        return self._listed(node.elts, scope)

    def _of_Set(self, node: ast.Set, scope: Scope) -> set[Any]:
        return {known.key_of(item) for item in self._listed(node.elts, scope)}

    def _listed(self, nodes: list[ast.expr], scope: Scope) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += self.items(self.evaluate(node.value, scope))
                if len(found) > known.MAX_ITEMS:
                    raise NotKnown(f"more than {known.MAX_ITEMS:,} items")
            else:
                found.append(self.evaluate(node, scope))
        return found

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
            spend(_STEPS)
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
            found = self._in_class(value.cls, "__iter__")
            if found:
                return self.items(self.call(Bound(found[0], value), [], {}))
        return known.items_of(value)

    # Calls

    def _of_Call(self, node: ast.Call, scope: Scope) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node, scope)
        function = self.evaluate(node.func, scope)
        args = self._listed(node.args, scope)
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
        found = self._in_class(cls, "__init__")
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
        found = self._in_class(cls, "__post_init__")
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
                    found = self._in_class(module.cls, name)
                    if found:
                        return self.call(Bound(found[0], module), args, kwargs)
            return self.library.forward(module, args, kwargs)
        finally:
            self.modules.pop()

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


_NATIVE: Final = frozenset(
    name.removeprefix("_native_") for name in vars(Machine) if name.startswith("_native_")
)
_WORDS: Final = {
    "Await": "'await'", "Yield": "'yield'", "YieldFrom": "'yield from'", "Starred": "'*' here",
}  # fmt: skip


def _settable(value: Any) -> bool:
    """Whether a value of a plain assignment may be replaced from outside."""
    return isinstance(value, (int, float, str, bool, tuple, list, type(None)))


def _characters(line: str, offset: int) -> int:
    """A place in a line in characters, from one in bytes of UTF-8."""
    return len(line.encode("utf-8", "surrogatepass")[:offset].decode("utf-8", "ignore"))


def _assigned(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value, however deep."""
    return [
        node.id
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]

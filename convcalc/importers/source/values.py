"""What stands for the things of a program while it is read: functions, classes, objects, names, sizes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, Final

from convcalc.spec.source import Source

CONTAINERS: Final = frozenset({"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"})
"""Modules of PyTorch that hold others under names or numbers."""


class BatchSize(int):
    """A multiple of the number of samples, which is no number that a program may reckon with.

    Attributes:
        times: how many times the batch it is.
    """

    times: int

    def __new__(cls, batch: int, times: int = 1) -> BatchSize:
        """So many batches of so many samples."""
        made = super().__new__(cls, batch * times)
        made.times = times
        return made

    def __repr__(self) -> str:
        return "the batch size" if self.times == 1 else f"{self.times} times the batch size"

    __str__ = __repr__


class Unknown:
    """What a name stands for whose value was not worked out.

    Attributes:
        why: the error that says so.
    """

    __slots__ = ("why",)

    def __init__(self, why: Exception) -> None:
        self.why = why


class Name:
    """A dotted name of a library, such as ``torch.nn.Conv2d``."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def last(self) -> str:
        """The word behind its last dot."""
        return self.path.rpartition(".")[2]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return self.path


class Scope:
    """Names of a function, a comprehension or the whole program, and where others are looked up."""

    __slots__ = ("names", "owner", "parent", "source", "this")

    def __init__(self, parent: Scope | None, source: Source) -> None:
        self.names: dict[str, Any] = {}
        self.parent = parent
        self.source = source
        self.owner: Class | None = parent.owner if parent else None
        self.this: Any = parent.this if parent else None

    def find(self, name: str) -> Any:
        """The value of a name.

        Raises:
            KeyError: it has none.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        raise KeyError(name)


class Function:
    """A function of the program, with the defaults of its parameters.

    Attributes:
        kind: ``staticmethod``, ``classmethod``, ``property`` or nothing.
    """

    __slots__ = ("defaults", "keyword_defaults", "kind", "name", "node", "owner", "scope")

    def __init__(
        self,
        node: ast.FunctionDef | ast.Lambda,
        scope: Scope,
        defaults: list[Any],
        keyword_defaults: list[Any],
    ) -> None:
        self.node = node
        self.name = getattr(node, "name", "lambda")
        self.scope = scope
        self.defaults = defaults
        self.keyword_defaults = keyword_defaults
        self.owner: Class | None = None
        self.kind = ""

    def parameters(self) -> list[str]:
        """Names of its parameters, without ``*args`` and ``**kwargs``."""
        spec = self.node.args
        return [arg.arg for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


class Bound:
    """A method with its object."""

    __slots__ = ("function", "this")

    def __init__(self, function: Any, this: Any) -> None:
        self.function = function
        self.this = this


class Native:
    """A function of Python or of a library that is worked out here."""

    __slots__ = ("name", "run")

    def __init__(self, name: str, run: Callable[..., Any]) -> None:
        self.name = name
        self.run = run


class Super:
    """What ``super()`` gives: the methods of the bases of a class, for an object."""

    __slots__ = ("owner", "this")

    def __init__(self, owner: Class, this: Any) -> None:
        self.owner = owner
        self.this = this


class Class:
    """A class of the program.

    Attributes:
        order: the class and its bases of the program, in the order in which attributes are looked up.
        library: the name of its base in a library: ``torch.nn.Module``; empty for none.
        fields: names and defaults of a data class, where it is one.
    """

    __slots__ = ("attributes", "fields", "library", "name", "node", "order")

    def __init__(self, name: str, node: ast.ClassDef, bases: list[Class], library: str) -> None:
        self.name = name
        self.node = node
        self.attributes: dict[str, Any] = {}
        self.library = library
        self.fields: dict[str, Any] | None = None
        found: list[Class] = [self]
        for base in bases:
            found += base.order
        self.order: list[Class] = [c for i, c in enumerate(found) if c not in found[i + 1 :]]

    def find(self, name: str, behind: Class | None = None) -> Any:
        """An attribute of the class or its bases; of the bases ``behind`` one of them.

        Raises:
            KeyError: there is none.
        """
        order = self.order if behind is None else self.order[self.order.index(behind) + 1 :]
        for owner in order:
            if name in owner.attributes:
                return owner.attributes[name]
        raise KeyError(name)

    def __repr__(self) -> str:
        return self.name


class Parameter:
    """A tensor that a module holds: learned, or a buffer.

    Attributes:
        shape: its sizes.
        learned: whether training changes it.
        stored: whether it stands among the weights of the model.
        known: its numbers, nested, where they are known.
        make: works its numbers out as a NumPy array, when it is called; None where the program does not say.
        of: the stored tensor that it is a part of, None for no part; read as values it is that part, and only
            what is compared is worked out.
        part: gives that part.
    """

    __slots__ = (
        "dtype",
        "frozen",
        "known",
        "learned",
        "make",
        "of",
        "part",
        "path",
        "shape",
        "stored",
        "value",
    )

    def __init__(
        self, shape: tuple[int, ...], learned: bool = True, known: Any = None, dtype: str = "float32"
    ) -> None:
        self.shape = shape
        self.learned = learned
        self.known = known
        self.dtype = dtype
        self.stored = learned
        self.frozen = False
        self.path = ""
        self.value: Any = None
        self.make: Callable[[], Any] | None = None
        self.of: Parameter | None = None
        self.part: Callable[[], Any] | None = None


class Array:
    """One of the arrays of a layer of a library, such as ``conv.weight``."""

    __slots__ = ("name", "of", "shape")

    def __init__(self, of: Instance, name: str, shape: tuple[int, ...]) -> None:
        self.of = of
        self.name = name
        self.shape = shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and (self.of, self.name) == (other.of, other.name)

    def __hash__(self) -> int:
        return hash((id(self.of), self.name))


class Instance:
    """An object: of a class of the program, or a module of a library.

    Attributes:
        cls: its class in the program; None for one of a library.
        library: dotted name of the library's class that it is, or extends.
        fields: attributes that are no modules.
        children: the modules it holds, by name, in order.
        parameters: tensors of its own by name.
        call: of a layer of a library, what it was built with.
        path: the name of the module in the network, once it is known.
        given: the arguments it was built with, by name.
        lent: arrays of a layer that are another's, by name.
    """

    __slots__ = (
        "call", "children", "cls", "fields", "frozen", "given", "layer", "lent", "library", "node",
        "parameters", "path", "used",
    )  # fmt: skip

    def __init__(self, cls: Class | None, library: str, node: ast.AST) -> None:
        self.cls = cls
        self.library = library
        self.node = node
        self.fields: dict[str, Any] = {}
        self.children: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.call: tuple[list[Any], dict[str, Any]] | None = None
        self.layer: Any = None
        self.path: str | None = None
        self.given: dict[str, Any] = {}
        self.frozen: set[str] = set()
        self.lent: dict[str, Array | Parameter] = {}
        self.used = False

    @property
    def kind(self) -> str:
        """Last word of the library's name: ``Conv2d``, ``Sequential``, ``Module``."""
        return self.library.rpartition(".")[2]

    @property
    def name(self) -> str:
        """What its class is called."""
        return self.cls.name if self.cls else self.kind

    @property
    def module(self) -> bool:
        """Whether it is a module of PyTorch, or a layer or model of Keras."""
        return bool(self.library)

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Instance]]:
        """Itself and every module in it, each once, with its path, as PyTorch names them."""
        seen: set[int] = set()
        todo: list[tuple[str, Instance]] = [(prefix, self)]
        while todo:
            path, module = todo.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            below = [
                (f"{path}.{name}" if path else name, child)
                for name, child in module.children.items()
                if isinstance(child, Instance)
            ]
            todo += reversed(below)

    def __repr__(self) -> str:
        return f"{self.name}(...)"

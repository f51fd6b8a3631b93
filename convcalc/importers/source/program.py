"""A program to a graph: which of its networks is meant, what goes into it, what comes out."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from convcalc.budget import OverBudgetError, allow
from convcalc.graph import Graph
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Stored, Unsayable
from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.machine import Machine
from convcalc.importers.source.prelude import prelude
from convcalc.importers.source.pytorch import PyTorch
from convcalc.importers.source.tensors import BATCH, Tensors, nothing
from convcalc.importers.source.values import Class, Function, Instance, Parameter, Unknown
from convcalc.importers.tensors import Value
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

Shapes = Callable[[list[str]], Mapping[str, tuple[Any, ...]]]

_MOST: Final = 20
"""Layers that are named in a note or an error, at most."""
MAX_TEXT: Final = 2_000_000
STEPS_OF_A_PROGRAM: Final = 3_000_000
"""Steps for working through a program, besides those of its length."""


def parsed(source: Source) -> ast.Module:
    """The syntax of a program.

    Raises:
        SpecError: it is no Python, at its place.
    """
    text = source.text.replace("\0", " ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        line = min(max(1, error.lineno or 1), text.count("\n") + 1)
        shown = source.line(line)
        column = min(max(1, error.offset or 1), len(shown) + 1)
        raise SpecError(
            Problem(
                f"this is no Python: {error.msg}", file=source.name, line=line, column=column, text=shown,
                expected="the text of a class with __init__ and forward",
            )
        ) from None  # fmt: skip
    except (RecursionError, MemoryError, ValueError):
        raise SpecError(
            Problem("this is no Python that can be read: it is nested too deeply, or has a number too long",
                    file=source.name, text=source.line(1))
        ) from None  # fmt: skip


def read(source: Source, shapes: Shapes, given: Mapping[str, Any] | None = None) -> Graph:
    """The graph of a program.

    Args:
        source: its text.
        shapes: gives the shapes from outside by name, for the names of the inputs.
        given: values by name that replace those of assignments and of constructor arguments; ``class`` names
            the class to build.

    Raises:
        SpecError: what is not straight in it, at its line.
    """
    if len(source.text) > MAX_TEXT:
        raise SpecError(Problem(f"the program is longer than {MAX_TEXT:,} characters", file=source.name))
    allow(STEPS_OF_A_PROGRAM)
    tree = parsed(source)
    several: set[str] = set()
    while True:
        reading = _Reading(source, shapes, dict(given or {}), several)
        try:
            return reading.graph(tree)
        except SeveralUses as more:
            if more.name in several or len(several) > 1000:
                raise reading.machine.fault(f"{more.name} is the weight of a layer and read otherwise") from None
            several.add(more.name)
        except OverBudgetError as error:
            raise reading.machine.fault(error.message, error.hint) from None
        except RecursionError:
            raise reading.machine.fault("this is nested too deeply to be read") from None
        except NotKnown as error:
            raise reading.machine.fault(error.message, error.expected) from None
        except Unsayable as error:
            raise reading.machine.fault(f"what is done here {error.reason}") from None


class _Reading:
    """One reading of a program."""

    def __init__(self, source: Source, shapes: Shapes, given: dict[str, Any], several: set[str]) -> None:
        self.source = source
        self.shapes = shapes
        self.wanted = given.pop("class", None)
        self.given = {name: literal(value) for name, value in given.items()}
        self.network = Batched("network", batch=BATCH)
        self.network.tensors |= several
        self.tensors = Tensors(self.network)
        self.library = PyTorch(self.tensors, self._prelude)
        self.machine = Machine(source, self.library, self.given)
        self.library.machine = self.machine
        self._made: dict[str, Class] | None = None

    def _prelude(self, name: str) -> Class | None:
        return prelude(self.machine, name)

    def graph(self, tree: ast.Module) -> Graph:
        """The graph."""
        self.machine.run(tree.body)
        root = self._root()
        self.network.name = root.name
        self._settings(root)
        self._paths(root)
        args, kwargs = self._inputs(root)
        self.tensors.running = True
        self.machine.place = None
        found = self.machine.run_module(root, args, kwargs)
        outputs = self._outputs(found)
        self._unused(root)
        graph = self.network.finish(outputs, text=self.source.text)
        graph.weights = None
        graph.variables.update({k: v for k, v in self.given.items() if isinstance(v, int)})
        return graph

    # Which network

    def _root(self) -> Instance:
        names = self.machine.names.names
        classes = {n: v for n, v in names.items() if isinstance(v, Class) and v.library and v.node.name == n}
        networks = {n: c for n, c in classes.items() if c.library.startswith(("torch", "nn", "Module")) or c.library}
        if self.wanted is not None:
            wanted = str(self.wanted)
            if wanted not in networks:
                raise SpecError(
                    Problem(f"no class {wanted!r} in the text", file="--set", text=f"class={wanted}",
                            length=len(wanted), expected="one of " + ", ".join(networks) if networks else None,
                            nearest=nearest_name(wanted, networks))
                )  # fmt: skip
            return self._built(networks[wanted])
        objects = [v for v in names.values() if isinstance(v, Instance) and v.module and not _loss(v)]
        inside = {id(m) for o in objects for _, m in o.walk() if m is not o}
        objects = [o for o in objects if id(o) not in inside]
        own = [o for o in objects if o.cls is not None] or objects
        if own and not any(isinstance(v, Unknown) for v in names.values() if v is own[-1]):
            return self._again(own[-1])
        if not networks:
            for _, error in self.machine.passed:
                raise error
            raise SpecError(
                Problem("no class of a network stands here", file=self.source.name, text=self.source.line(1),
                        expected="class Net(nn.Module) with __init__ and forward")
            )  # fmt: skip
        used = {
            node.id for name, cls in classes.items() for node in ast.walk(cls.node)
            if isinstance(node, ast.Name) and node.id != name
        }  # fmt: skip
        for value in names.values():
            if isinstance(value, Function):
                inner = {node.id for node in ast.walk(value.node) if isinstance(node, ast.Name)}
                used |= inner if inner & set(networks) and len(networks) > 1 else set()
        free = [cls for name, cls in networks.items() if name not in used] or list(networks.values())
        return self._built(free[-1])

    def _again(self, made: Instance) -> Instance:
        """A network that the text builds itself, with other arguments where such are given."""
        found = made.cls.find("__init__") if made.cls is not None and _has(made.cls, "__init__") else None
        if not isinstance(found, Function):
            return made
        names = found.parameters()[1:]
        mine = {name: value for name, value in self.given.items() if name in names}
        if not mine:
            return made
        assert made.cls is not None
        args, kwargs = made.given.get("args", []), made.given.get("kwargs", {})
        named = {**dict(zip(names, args, strict=False)), **kwargs, **mine}
        self.machine.read |= set(mine)
        return self._of(self.machine.build(made.cls, [*args[len(names) :]], named))

    def _built(self, cls: Class) -> Instance:
        """A network of a class, its arguments from outside or at their defaults."""
        found = cls.find("__init__") if _has(cls, "__init__") else None
        kwargs = {}
        if isinstance(found, Function):
            names = found.parameters()[1:]
            kwargs = {name: value for name, value in self.given.items() if name in names}
            self.machine.read |= set(kwargs)
            spec = found.node.args
            ordered = [arg.arg for arg in (*spec.posonlyargs, *spec.args)][1:]
            required = ordered[: len(ordered) - len(found.defaults)] if found.defaults else ordered
            missing = [name for name in required if name not in kwargs]
            if missing:
                self.machine.place = found.node
                raise self.machine.fault(
                    f"{cls.name} needs {', '.join(missing)}",
                    " ".join(f"--set {name}=N" for name in missing),
                )
        self.machine.place = cls.node
        return self._of(self.machine.build(cls, [], kwargs))

    def _of(self, value: Any) -> Instance:
        if not isinstance(value, Instance):
            raise self.machine.fault("this builds no network")
        return value

    def _settings(self, root: Instance) -> None:
        for name, value in self.given.items():
            if name not in self.machine.read:
                known: list[str] = []
                if root.cls is not None and _has(root.cls, "__init__"):
                    found = root.cls.find("__init__")
                    known = found.parameters()[1:] if isinstance(found, Function) else []
                known += [n for n, v in self.machine.names.names.items() if isinstance(v, (int, float, str))]
                raise SpecError(
                    Problem(f"no variable {name!r} to set", file="--set", text=f"{name}={value}", length=len(name),
                            expected="one of " + ", ".join([*dict.fromkeys(known), "class"]),
                            nearest=nearest_name(name, known))
                )  # fmt: skip

    @staticmethod
    def _paths(root: Instance) -> None:
        for path, module in root.walk():
            module.path = path
            for name, held in module.parameters.items():
                if isinstance(held, Parameter) and not held.path:
                    held.path = f"{path}.{name}" if path else name

    # What goes in

    def _inputs(self, root: Instance) -> tuple[list[Any], dict[str, Any]]:
        names, optional = ["input"], []
        forward = next((root.cls.find(n) for n in ("forward", "call", "__call__") if _has(root.cls, n)), None) \
            if root.cls is not None else None  # fmt: skip
        if isinstance(forward, Function):
            spec = forward.node.args
            order = [arg.arg for arg in (*spec.posonlyargs, *spec.args)][1:]
            many = len(order) - len(forward.defaults)
            names, optional = order[:many], order[many:]
            names += [] if names or not order else order[:1]
        shapes = dict(self.shapes(names))
        if len(names) == 1 and "input" in shapes:
            shapes[names[0]] = shapes.pop("input")
        for name in shapes:
            if name not in names and name not in optional:
                raise SpecError(
                    Problem(f"no input {name!r}", file="--input", text=name, length=len(name),
                            expected="one of " + ", ".join(names), nearest=nearest_name(name, names))
                )  # fmt: skip
        seen = self.library.seen.get(id(root)) or self.library.seen.get(None) or []
        for name, shape in zip(names, seen, strict=False):
            if not set(shapes) & set(names) or name in shapes or len(names) > 1:
                shapes.setdefault(name, shape)
        missing = [name for name in names if name not in shapes]
        if missing:
            self.machine.place = None
            raise SpecError(
                Problem(
                    f"the text does not say what goes into {root.name}: {', '.join(missing)}",
                    file="--input", text="", expected=self._example(root, missing, len(names)),
                )
            )  # fmt: skip
        given = {name: self._input(name, shapes[name]) for name in (*names, *optional) if name in shapes}
        return [given[name] for name in names], {name: given[name] for name in optional if name in given}

    def _input(self, name: str, shape: tuple[Any, ...]) -> Value:
        return self.network.input(name, (BATCH, *shape))

    def _example(self, root: Instance, missing: list[str], many: int) -> str:
        for _, module in root.walk():
            for stage in module.layer or ():
                values = {arg.key: arg.expr.value for arg in stage.args}
                for field in ("in_channels", "in_features"):
                    if values.get(field) is not None:
                        sizes = {1: "x100", 2: "x224x224", 3: "x16x64x64"}.get(stage.rank or 0, "")
                        shape = f"{values[field]}{sizes}"
                        return " ".join(f"--input {f'{name}=' if many > 1 else ''}{shape}" for name in missing)
                if stage.name == "embedding":
                    return " ".join(f"--input {f'{name}=' if many > 1 else ''}20" for name in missing)
        return " ".join(f"--input {f'{name}=' if many > 1 else ''}3x224x224" for name in missing)

    # What comes out

    def _outputs(self, found: Any) -> list[tuple[str, Any]]:
        outputs: list[tuple[str, Any]] = []

        def take(name: str, value: Any) -> None:
            if isinstance(value, Parameter):
                value = self.tensors.parameter(value)
            if isinstance(value, Value):
                outputs.append((name or "output", self.network.edge(value)))
            elif isinstance(value, (list, tuple)):
                for i, one in enumerate(value):
                    take(f"{name}.{i}" if name else str(i), one)
            elif isinstance(value, dict):
                for key, one in value.items():
                    take(f"{name}.{key}" if name else str(key), one)
            elif isinstance(value, Instance) and not value.module:
                for key, one in value.fields.items():
                    take(f"{name}.{key}" if name else str(key), one)

        take("", found)
        if not outputs:
            raise self.machine.fault("forward returns no tensor", "return x")
        if len(outputs) == 1:
            edge = outputs[0][1]
            return [(self.network.nodes[edge.node].name, edge)]
        return outputs

    def _unused(self, root: Instance) -> None:
        """Parameters that the network has and no layer read."""
        seen: set[int] = set()
        for path, module in root.walk():
            for name, (shape, learned) in (self.library.arrays(module) or {}).items():
                if all(type(size) is int for size in shape):
                    stored = Stored(f"{path}.{name}", tuple(shape), "float32", nothing, learned=learned,
                                    frozen=name in module.frozen)  # fmt: skip
                    self._one_unused(stored)
            for held in module.parameters.values():
                if isinstance(held, Parameter) and id(held) not in seen and held.path and (held.stored or held.learned):
                    seen.add(id(held))
                    self._one_unused(Stored(held.path, held.shape, held.dtype, nothing, learned=held.learned,
                                            frozen=held.frozen))  # fmt: skip

    def _one_unused(self, stored: Stored) -> None:
        if stored.shape == () and not stored.learned:
            return
        self.network.unused(stored)


def _has(cls: Class, name: str) -> bool:
    try:
        cls.find(name)
    except KeyError:
        return False
    return True


def _loss(value: Instance) -> bool:
    return value.kind.endswith("Loss")


def literal(value: Any) -> Any:
    """A value from outside: a number, a list or a truth value where it reads like one, else a text."""
    if not isinstance(value, str):
        return value
    words = {"true": True, "false": False, "none": None}
    if value.strip().lower() in words:
        return words[value.strip().lower()]
    try:
        return ast.literal_eval(value.strip()) if len(value) < 10_000 else value
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return value.strip()

"""Which network of a program is meant, and with which arguments it is built."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

from convcalc.graph import Graph
from convcalc.importers.source.machine import Machine
from convcalc.importers.source.values import Class, Function, Instance, Unknown
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

Shapes = Callable[[list[str]], Mapping[str, tuple[Any, ...]]]

_SHOWN: Final = 8


class Choosing:
    """One reading of a program.

    Args:
        source: the program.
        shapes: gives the shapes from outside by name, for the names of the inputs.
        given: values from outside by name; ``class`` names the class to build.
        several: names of arrays that are weights of a layer and read otherwise as well.
    """

    machine: Machine
    read: Callable[..., Graph]

    def __init__(self, source: Source, shapes: Shapes, given: dict[str, Any], several: set[str]) -> None:
        self.source = source
        self.shapes = shapes
        self.several = several
        self.all_given = dict(given)
        self.wanted = given.pop("class", None)
        self.given = {name: literal(value) for name, value in given.items()}
        self.notes: list[str] = []
        self.held: dict[str, Any] = {}
        self.made_by: Function | None = None
        self.prepare()

    def prepare(self) -> None:
        """Make the library and the machine."""
        raise NotImplementedError

    def again_at(self, inputs: Mapping[str, Any], variables: Mapping[str, Any]) -> Graph:
        """The same program at other sizes."""
        changed = {name: value for name, value in variables.items() if self.held.get(name) != value}
        return self.read(self.source, lambda names: inputs, {**self.all_given, **changed})

    def graph(self, tree: ast.Module) -> Graph:
        """The graph of the program's syntax."""
        raise NotImplementedError

    def passed_over(self) -> list[str]:
        """One note that names the statements that were passed over, where there were any."""
        shown = []
        for statement, _ in self.machine.passed:
            line = " ".join(self.source.line(statement.lineno).split())
            shown.append(line if len(line) <= 60 else f"{line[:57]}...")
        names = list(dict.fromkeys(shown))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return [f"passed over, since it makes no layer: {'; '.join(names[:_SHOWN])}{more}"] if names else []

    # Which network

    def root(self) -> Instance:
        """The network that is meant: the class asked for, what the text builds itself, or its last class.

        Raises:
            SpecError: there is none.
        """
        names = self.machine.names.names
        classes = {n: v for n, v in names.items() if isinstance(v, Class) and v.library and v.node.name == n}
        networks = {
            n: c for n, c in classes.items() if c.library.startswith(("torch", "nn", "Module")) or c.library
        }
        makers = self._makers(networks)
        if self.wanted is not None:
            wanted = str(self.wanted)
            if wanted in makers:
                return self._from(makers[wanted])
            if wanted not in networks:
                known = [*networks, *makers]
                raise SpecError(
                    Problem(f"no class {wanted!r} in the text", file="--set", text=f"class={wanted}",
                            length=len(wanted), expected="one of " + ", ".join(known),
                            nearest=nearest_name(wanted, known))
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
            functions = [
                v for v in names.values() if isinstance(v, Function) and v.scope is self.machine.names
            ]
            if functions:
                return self._from(functions[-1])
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
        if makers and self._missing(free[-1]):
            return self._from(self._only(makers, free[-1]))
        return self._built(free[-1])

    def _makers(self, networks: Mapping[str, Class]) -> dict[str, Function]:
        """Functions of the text that give back a network of a class of it, and need no more than is given."""
        found: dict[str, Function] = {}
        for name, value in self.machine.names.names.items():
            if not isinstance(value, Function) or value.scope is not self.machine.names:
                continue
            made = {
                node.value.func.id for node in ast.walk(value.node)
                if isinstance(node, ast.Return) and isinstance(node.value, ast.Call)
                and isinstance(node.value.func, ast.Name)
            }  # fmt: skip
            built = {
                node.targets[0].id for node in ast.walk(value.node)
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                and isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") in networks
            }  # fmt: skip
            returned = {
                node.value.id for node in ast.walk(value.node)
                if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)
            }  # fmt: skip
            names = value.parameters()
            required = names[: len(names) - len(value.defaults)]
            makes = made & (networks.keys() | found.keys()) or built & returned
            if makes and all(one in self.given for one in required):
                found[name] = value
        return found

    def _only(self, makers: Mapping[str, Function], cls: Class) -> Function:
        """The one function that makes the network.

        Raises:
            SpecError: there are several.
        """
        if len(makers) > 1:
            self.machine.place = cls.node
            raise self.machine.fault(
                f"several functions make a {cls.name}: {', '.join([*makers][:_SHOWN])}",
                f"--set class={next(iter(makers))}",
            )
        ((name, function),) = makers.items()
        self.notes.append(f"the network is what {name}() makes")
        return function

    def _again(self, made: Instance) -> Instance:
        """A network that the text builds itself, with other arguments where such are given."""
        found = made.cls.find("__init__") if made.cls is not None and has(made.cls, "__init__") else None
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

    def _from(self, function: Function) -> Instance:
        """The network that a function makes."""
        names = function.parameters()
        kwargs = {name: value for name, value in self.given.items() if name in names}
        self.machine.read |= set(kwargs)
        required = names[: len(names) - len(function.defaults)]
        self.machine.place = function.node
        self.made_by = function
        if missing := [name for name in required if name not in kwargs]:
            raise self.machine.fault(
                f"a function is not run without its arguments: {function.name} needs {', '.join(missing)}",
                " ".join(f"--set {name}=N" for name in missing),
            )
        return self._of(self.machine.call(function, [], kwargs))

    def _built(self, cls: Class) -> Instance:
        """A network of a class, its arguments from outside or at their defaults."""
        found = cls.find("__init__") if has(cls, "__init__") else None
        kwargs = {}
        if isinstance(found, Function):
            names = found.parameters()[1:]
            kwargs = {name: value for name, value in self.given.items() if name in names}
            self.machine.read |= set(kwargs)
            missing = self._missing(cls)
            if missing:
                self.machine.place = found.node
                raise self.machine.fault(
                    f"{cls.name} needs {', '.join(missing)}",
                    " ".join(f"--set {name}=N" for name in missing),
                )
        self.machine.place = cls.node
        return self._of(self.machine.build(cls, [], kwargs))

    def _missing(self, cls: Class) -> list[str]:
        """Arguments that a class needs and that nothing gives."""
        found = cls.find("__init__") if has(cls, "__init__") else None
        if not isinstance(found, Function):
            return []
        spec = found.node.args
        ordered = [arg.arg for arg in (*spec.posonlyargs, *spec.args)][1:]
        required = ordered[: len(ordered) - len(found.defaults)] if found.defaults else ordered
        return [name for name in required if name not in self.given]

    def _of(self, value: Any) -> Instance:
        if not isinstance(value, Instance):
            raise self.machine.fault("this builds no network")
        return value

    def variables(self, root: Instance) -> dict[str, Any]:
        """The numbers that may be set, with the values they have: what the network was built with."""
        held: dict[str, Any] = {}
        maker = self.made_by
        if maker is None and root.cls is not None and has(root.cls, "__init__"):
            found = root.cls.find("__init__")
            maker = found if isinstance(found, Function) else None
        if maker is not None:
            own = maker is not self.made_by
            names = maker.parameters()[1 if own else 0 :]
            named = len(names) - len(maker.keyword_defaults)
            held.update(zip(names[named - len(maker.defaults) : named], maker.defaults, strict=False))
            held.update(zip(names[named:], maker.keyword_defaults, strict=True))
            if own:
                held.update(zip(names, root.given.get("args", ()), strict=False))
                held.update({k: v for k, v in root.given.get("kwargs", {}).items() if k in names})
        held.update(self.given)
        self.held = {name: value for name, value in held.items() if isinstance(value, int | float)}
        return self.held

    def settings(self, root: Instance) -> None:
        """Refuse values from outside that nothing read."""
        for name, value in self.given.items():
            if name not in self.machine.read:
                known: list[str] = []
                if root.cls is not None and has(root.cls, "__init__"):
                    found = root.cls.find("__init__")
                    known = found.parameters()[1:] if isinstance(found, Function) else []
                known += [n for n, v in self.machine.names.names.items() if isinstance(v, (int, float, str))]
                raise SpecError(
                    Problem(f"no variable {name!r} to set", file="--set", text=f"{name}={value}",
                            length=len(name),
                            expected="one of " + ", ".join([*dict.fromkeys(known), "class"]),
                            nearest=nearest_name(name, known))
                )  # fmt: skip


def has(cls: Class, name: str) -> bool:
    """Whether a class has an attribute, itself or from its bases in the text."""
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

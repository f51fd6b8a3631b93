"""A program to a graph: which of its networks is meant, what goes into it, what comes out."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice, product
from typing import Any, Final

from convcalc.budget import OverBudgetError, allow
from convcalc.graph import Graph, Weights
from convcalc.importers.batched import Batched
from convcalc.importers.network import SeveralUses, Stored, Unsayable
from convcalc.importers.source.choosing import Choosing, Shapes, has
from convcalc.importers.source.detection import is_keras
from convcalc.importers.source.known import NotKnown
from convcalc.importers.source.machine import Machine
from convcalc.importers.source.prelude import prelude
from convcalc.importers.source.pytorch import PyTorch
from convcalc.importers.source.tensors import BATCH, Tensors, nothing
from convcalc.importers.source.values import Class, Function, Instance, Parameter
from convcalc.importers.tensors import Value
from convcalc.layers.values import show
from convcalc.spec.errors import Problem, SpecError, nearest_name
from convcalc.spec.source import Source

_MOST: Final = 20
"""Layers that are named in a note or an error, at most."""
MAX_TEXT: Final = 2_000_000
STEPS_OF_A_PROGRAM: Final = 1_000_000
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
    kind: type[Choosing] = TorchReading
    if is_keras(source.text):
        from convcalc.importers.source.keras_program import KerasReading

        kind = KerasReading
    while True:
        reading = kind(source, shapes, dict(given or {}), several)
        reading.read = read
        try:
            return reading.graph(tree)
        except SeveralUses as more:
            if more.name in several or len(several) > 1000:
                raise reading.machine.fault(
                    f"{more.name} is the weight of a layer and read otherwise"
                ) from None
            several.add(more.name)
        except OverBudgetError as error:
            raise reading.machine.fault(error.message, error.hint) from None
        except RecursionError:
            raise reading.machine.fault("this is nested too deeply to be read") from None
        except NotKnown as error:
            raise reading.machine.fault(error.message, error.expected) from None
        except Unsayable as error:
            raise reading.machine.fault(f"what is done here {error.reason}") from None


SIZES: Final = {
    0: (0,),
    1: (100, 20, 8, 128, 1024, 16000),
    2: (224, 32, 28, 64, 128, 227, 256, 299, 96, 512),
    3: (64, 32, 16),
}
"""Sizes of inputs that are suggested, by the number of axes."""


_TRIED: Final = 5
"""Shapes that are tried for each of several inputs."""


class TorchReading(Choosing):
    """One reading of a program on PyTorch; see :class:`~convcalc.importers.source.choosing.Choosing`."""

    def prepare(self) -> None:
        """The library and the machine."""
        self.network = Batched("network", batch=BATCH)
        self.network.tensors |= self.several
        self.tensors = Tensors(self.network)
        self.library = PyTorch(self.tensors, self._prelude)
        self.machine = Machine(self.source, self.library, self.given)
        self.library.machine = self.machine

    def _prelude(self, name: str) -> Class | None:
        return prelude(self.machine, name)

    def graph(self, tree: ast.Module) -> Graph:
        """The graph."""
        self.machine.run(tree.body)
        root = self.root()
        self.network.name = root.name
        self.settings(root)
        self._paths(root)
        args, kwargs = self._inputs(root)
        self.tensors.running = True
        self.machine.place = None
        found = self.machine.run_module(root, args, kwargs)
        outputs = self._outputs(found)
        self._unused(root)
        self.network.notes += [*self.notes, *self.passed_over()]
        graph = self.network.finish(outputs, text=self.source.text)
        graph.weights = None
        graph.stored = Weights(dict(self.network.arrays))
        graph.stored.beside = {
            path: Stored(path, held.shape, held.dtype, held.make, learned=False)
            for path, held in self.tensors.formulas.items() if held.make is not None
        }  # fmt: skip
        graph.again = self.again_at
        graph.variables.update(self.variables(root))
        return graph

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
        forward = None
        if root.cls is not None:
            named = [name for name in ("forward", "__call__") if has(root.cls, name)]
            forward = root.cls.find(named[0]) if named else None
        if forward is None and root.kind in ("Module", "Model") and root.cls is not None:
            self.machine.place = root.cls.node
            raise self.machine.fault(f"the class {root.name} has no forward", "def forward(self, x)")
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
        """What to say instead: a shape that the network takes, of those that people use."""
        if many > 1:
            firsts = list(dict.fromkeys(shapes[0] for shapes in self._likely(root)))[:_TRIED]
            for tried in islice(product(firsts, repeat=len(missing)), _TRIED**2):
                given = {**self.shapes([*missing]), **dict(zip(missing, tried, strict=True))}
                with suppress(SpecError):
                    self.read(self.source, lambda names, given=given: given, self.all_given)
                    return " ".join(f"--input {name}={show(shape)}" for name, shape in given.items())
            return "a shape for each: " + " ".join(f"--input {name}=CxHxW" for name in missing)
        shapes = next(self._likely(root), [(3, 224, 224), (1, 28, 28), (3, 32, 32)])
        for shape in shapes:
            try:
                self.read(self.source, lambda names, shape=shape: {missing[0]: shape}, self.all_given)
            except SpecError:
                continue
            return f"--input {show(shape)}"
        return "--input with the shape that forward takes, without the samples: CxHxW, say"

    @staticmethod
    def _likely(root: Instance) -> Iterator[list[tuple[Any, ...]]]:
        """Shapes that the first layer with channels, features or entries speaks for."""
        for _, module in root.walk():
            for stage in module.layer or ():
                values = {arg.key: arg.expr.value for arg in stage.args}
                channels = values.get("in_channels", values.get("in_features"))
                rank = stage.rank or 0
                if channels is not None:
                    shapes: list[tuple[Any, ...]] = [(channels, *(size,) * rank) for size in SIZES[rank]]
                    # or a sequence of so many features
                    yield shapes + [(size, channels) for size in SIZES[1] if rank < 2]
                elif stage.name == "embedding":
                    yield [(20,), (8,), (64,), (128,), (512,)]

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
                if name not in module.lent and all(type(size) is int for size in shape):
                    stored = Stored(f"{path}.{name}", tuple(shape), "float32", nothing, learned=learned,
                                    frozen=name in module.frozen)  # fmt: skip
                    self._one_unused(stored)
            for held in module.parameters.values():
                if (
                    isinstance(held, Parameter)
                    and id(held) not in seen
                    and held.path
                    and (held.stored or held.learned)
                ):
                    seen.add(id(held))
                    self._one_unused(Stored(held.path, held.shape, held.dtype, nothing, learned=held.learned,
                                            frozen=held.frozen))  # fmt: skip

    def _one_unused(self, stored: Stored) -> None:
        if stored.shape == () and not stored.learned:
            return
        self.network.unused(stored)

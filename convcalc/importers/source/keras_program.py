"""A program on Keras to a graph: which model is meant, what goes into it, what comes out."""

from __future__ import annotations

import ast
import re
from typing import Any

from convcalc.graph import Graph
from convcalc.importers.network import Network
from convcalc.importers.source.choosing import Choosing
from convcalc.importers.source.keras import MODELS, Keras, Tensor, flat
from convcalc.importers.source.machine import Machine
from convcalc.importers.source.values import Function, Instance
from convcalc.spec.errors import Problem, SpecError
from convcalc.spec.language.arguments import values_of

_HINTS = re.compile(r"['\"]channels_first['\"]|set_image_data_format\(\s*['\"]channels_first['\"]")


class KerasReading(Choosing):
    """One reading of a program on Keras; see :class:`~convcalc.importers.source.choosing.Choosing`."""

    def prepare(self) -> None:
        """The library and the machine."""
        found = _HINTS.findall(self.source.text)
        self.library = Keras("model", " ".join(f"# {word}" for word in found[:3]))
        self.given_shapes: dict[str, Any] = dict(self.shapes([]))
        self.library.outside = self.given_shapes
        self.machine = Machine(self.source, self.library, self.given)
        self.library.machine = self.machine

    def graph(self, tree: ast.Module) -> Graph:
        """The graph."""
        self.machine.run(tree.body)
        library = self.library
        root = self._joined() or self.root()
        self.settings(root)
        inputs = self._entries(root)
        library.network = Network(root.name if root.cls is not None else library.name_of(root))
        library.round += 1
        if root.cls is not None:  # a class names its layers itself
            for path, module in root.walk():
                if path:
                    module.fields["_name"] = path
        library.running = True
        values = [library.enter(name, shape) for name, shape in inputs]
        self.machine.place = None
        given: Any = values if len(values) > 1 and not self._separate(root) else values[0]
        args = values if len(values) > 1 and self._separate(root) else [given]
        if root.fields.get("outputs") is not None and root.cls is None:
            found = library._again(root, values)
        else:
            if root.kind == "Sequential" and root.cls is None:
                root.fields["_name"] = ""
            found = self.machine.run_module(root, args, {})
        outputs = self._outputs(found)
        library.network.notes += [*self.notes, *self.passed_over()]
        graph = library.network.finish(outputs, text=self.source.text)
        graph.weights = None
        graph.again = self.again_at
        return graph

    def _joined(self) -> Instance | None:
        """The model of all inputs and the tensor made last, where the program makes no model of them."""
        names = self.machine.names.names
        models = any(isinstance(v, Instance) and v.kind in MODELS for v in names.values())
        tensors = [value for value in names.values() if isinstance(value, Tensor)]
        if models or not tensors or self.wanted is not None:
            return None
        model = Instance(None, "keras.Model", ast.Pass())
        model.fields["_name"] = "model"
        self.library.initialize(model, [], {"inputs": list(self.library.inputs), "outputs": tensors[-1]})
        return model

    def _separate(self, root: Instance) -> bool:
        return len(self._forward_names(root)) > 1

    @staticmethod
    def _forward_names(root: Instance) -> list[str]:
        if root.cls is None:
            return []
        for name in ("call", "__call__"):
            try:
                found = root.cls.find(name)
            except KeyError:
                continue
            if isinstance(found, Function):
                names = found.parameters()[1:]
                many = len(names) - len(found.defaults)
                return names[:many] or names[:1]
        return []

    def _entries(self, root: Instance) -> list[tuple[str, Any]]:
        library = self.library
        if root.fields.get("inputs"):
            names = [library.inputs[tensor] for tensor in root.fields["inputs"]]
            shapes = [library.network.shape(tensor.edge) for tensor in root.fields["inputs"]]
            if len(names) == 1 and "input" in self.given_shapes:
                return [(names[0], self.given_shapes["input"])]
            return [
                (name, self.given_shapes.get(name, shape)) for name, shape in zip(names, shapes, strict=True)
            ]
        names = self._forward_names(root) or ["input"]
        given = dict(self.shapes(names)) if self.given_shapes else {}
        if len(names) == 1 and "input" in given:
            given[names[0]] = given.pop("input")
        if not given and (seen := library.seen.get(id(root))):
            given = dict(zip(names, seen, strict=False))
        if not given and root.kind == "Sequential" and root.children:
            first = next(iter(root.children.values()))
            for stage in first.layer or ():
                if stage.name == "input":
                    shape = (
                        values_of(stage, {})["shape"]
                        if stage.adapt is None
                        else stage.adapt((), values_of(stage, {}))["shape"]
                    )
                    given = {names[0]: tuple(shape)}
        missing = [name for name in names if name not in given]
        if missing:
            raise SpecError(
                Problem(
                    f"the text does not say what goes into {root.name}: {', '.join(missing)}",
                    file="--input", text="",
                    expected=" ".join(
                        f"--input {f'{n}=' if len(names) > 1 else ''}3x224x224" for n in missing
                    ),
                )
            )  # fmt: skip
        return [(name, given[name]) for name in names]

    def _outputs(self, found: Any) -> list[tuple[str, Any]]:
        tensors: list[Tensor] = flat(found)
        nodes = self.library.network.nodes
        if not tensors:
            raise self.machine.fault("the model returns no tensor", "return x")
        names = (
            [str(key) for key in found]
            if isinstance(found, dict)
            else [nodes[t.edge.node].name for t in tensors]
        )
        return [(name, tensor.edge) for name, tensor in zip(names, tensors, strict=True)]

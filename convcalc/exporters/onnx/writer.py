"""What the forms of layers write their operators with, and the model that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from convcalc.dims import Shape
from convcalc.exporters.errors import ExportError
from convcalc.exporters.onnx.outside import Outside
from convcalc.exporters.text import format_layer
from convcalc.graph import Edge, Graph, Node

OPSET: Final = 21
DOMAIN: Final = "convcalc"
"""Where the layers stand that several operators say: each is a function of the model."""
SAMPLES: Final = "N"
"""Name of the batch among the sizes."""


class Place:
    """One layer in its place, as a form sees it, and what it writes.

    Names of tensors are texts. Every tensor has the samples in front: axis ``a`` of the graph is axis
    ``a + 1`` here. A tensor of the network's own has one sample there, which broadcasts.

    Attributes:
        layer: the layer.
        shapes: shapes that arrive, without the batch.
        inputs: names of the tensors that arrive.
        outputs: shapes that leave.
        wanted: numbers of the outputs that somebody reads.
        function: whether it is a function though one operator says it, which reads back as another layer.
    """

    def __init__(self, writer: Writer, node: Node, inputs: list[str], wanted: set[int]) -> None:
        self.writer = writer
        self.node = node
        self.layer: Any = node.layer
        self.shapes = writer.graph.input_shapes(node)
        self.inputs = inputs
        self.outputs = node.outputs
        self.wanted = wanted
        self.written: list[tuple[str, list[str], list[str], dict[str, Any]]] = []
        self.weights: list[str] = []
        self.function = False
        self._count = 0

    @property
    def x(self) -> str:
        """The first input."""
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        """The shape of the first input."""
        return self.shapes[0]

    @property
    def rank(self) -> int:
        """Axes of the first input but its channels."""
        return len(self.shape) - 1

    def op(self, name: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Write an operator; the name of its (first) output."""
        return self.ops(name, *inputs, outputs=outputs, **attributes)[0]

    def ops(self, name: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Write an operator; the names of its outputs."""
        found = []
        for _ in range(outputs):
            found.append(f"{self.node.name}:{self._count}")
            self._count += 1
        given = {key: value for key, value in attributes.items() if value is not None}
        self.written.append((name, list(inputs), found, given))
        return found

    def constant(self, values: Any, dtype: str) -> str:
        """A constant tensor."""
        import numpy as np

        return self.op("Constant", value=np.asarray(values, dtype))

    def ints(self, values: Sequence[int]) -> str:
        """A constant vector of whole numbers."""
        return self.constant(list(values), "int64")

    def number(self, value: float) -> str:
        """A constant number."""
        return self.constant(value, "float32")

    def weight(self, array: str) -> str:
        """An array of the layer."""
        return self.writer.weight(self, self.node.key(array))

    def array(self, array: str) -> Any:
        """The values of an array of the layer."""
        return self.writer.values[self.node.key(array)]

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """A tensor in another shape, whatever the batch."""
        return self.op("Reshape", x, self.ints((0, *shape)))

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """The axes, counted without the batch, in another order."""
        if tuple(order) == tuple(range(len(order))):
            return x
        return self.op("Transpose", x, perm=[0, *(axis + 1 for axis in order)])

    def slice(self, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """Entries along an axis."""
        parts = [self.ints([n]) for n in (start, stop, axis + 1, step)]
        return self.op("Slice", x, *parts)

    def ranked(self, x: str, shape: Shape, rank: int) -> str:
        """A tensor with axes of size 1 put behind the batch until it has so many."""
        more = rank - len(shape)
        return x if more <= 0 else self.reshape(x, (1,) * more + tuple(shape))

    def batched(self) -> list[str]:
        """The inputs with as many samples each, those of the network's own repeated."""
        own = [number for number, edge in enumerate(self.node.inputs) if not self.writer.varies(edge)]
        if not own or len(own) == len(self.inputs):
            return self.inputs
        with_batch = next(n for n in range(len(self.inputs)) if n not in own)
        samples = self.op("Shape", self.inputs[with_batch], start=0, end=1)
        found = list(self.inputs)
        for number in own:
            shape = self.op("Concat", samples, self.ints(self.shapes[number]), axis=0)
            found[number] = self.op("Expand", self.inputs[number], shape)
        return found

    def alone(self, number: int) -> str:
        """An input that is the same for every sample, without the axis of the batch.

        Raises:
            ExportError: it differs from sample to sample.
        """
        if self.writer.varies(self.node.inputs[number]):
            raise self.fault(f"reads a {('weight', 'bias')[number - 1]} that differs from sample to sample")
        return self.op("Squeeze", self.inputs[number], self.ints([0]))

    def fault(self, message: str, expected: str = "") -> ExportError:
        """What is raised where ONNX does not say the layer."""
        return ExportError(f"{self.node.name} ({self.node.op}) {message}", expected)


Form = Callable[[Place], "str | list[str]"]


class Writer:
    """Writes one graph.

    Args:
        graph: the graph; its sizes are numbers.
        values: the arrays by name.
        forms: by name of the layer, what writes it.

    Attributes:
        outside: arrays that lie beside the model, where they are too many for it.
    """

    def __init__(self, graph: Graph, values: Mapping[str, Any], forms: Mapping[str, Form]) -> None:
        self.graph = graph
        self.values = values
        self.forms = forms
        self.names: dict[Edge, str] = {}
        self.initializers: dict[str, Any] = {}
        self.outside = Outside()
        self.nodes: list[Any] = []
        self.functions: dict[bytes, Any] = {}
        self._function_names: dict[str, int] = {}
        self._varying: list[bool] = []
        self.indices = {
            edge for node in graph.nodes for number, edge in enumerate(node.inputs)
            if number in node.layer.looks_up
        }  # fmt: skip
        for number, node in reversed(list(enumerate(graph.nodes))):
            if node.layer.view and Edge(number) in self.indices:
                self.indices.update(node.inputs)
        self.read = {edge for node in graph.nodes for edge in node.inputs} | set(graph.outputs)

    def varies(self, edge: Edge) -> bool:
        """Whether a tensor depends on an input, and so may differ from sample to sample."""
        return self._varying[edge.node]

    def weight(self, place: Place, key: str) -> str:
        """The initializer that is an array, put into the model when it is first used."""
        if key not in self.initializers:
            self.initializers[key] = self.values[key]
        if key not in place.weights:
            place.weights.append(key)
        return key

    def write(self) -> Any:
        """The model.

        Raises:
            ExportError: a layer cannot be said in ONNX, or a size is no number.
        """
        for number, node in enumerate(self.graph.nodes):
            inputs = set(self.graph.inputs)
            self._varying.append(number in inputs or any(self._varying[e.node] for e in node.inputs))
            if number in inputs:
                self.names[Edge(number)] = node.name
                continue
            self._layer(number, node)
        return self._model()

    def _layer(self, number: int, node: Node) -> None:
        if node.op not in self.forms:
            raise ExportError(f"{node.name} ({node.op}) has no form in ONNX")
        wanted = {output for output in range(len(node.outputs)) if Edge(number, output) in self.read}
        place = Place(self, node, [self.names[edge] for edge in node.inputs], wanted)
        made = self.forms[node.op](place)
        if not self._varying[number]:  # the one sample that it has is told from an axis by its layer
            place.function = True
        outputs = [made] if isinstance(made, str) else list(made)
        self._take(place, outputs)
        for output, name in enumerate(outputs):
            self.names[Edge(number, output)] = name

    def _take(self, place: Place, outputs: list[str]) -> None:
        """Put what a form wrote into the model: an operator as it is, several as a call of a function."""
        from onnx import helper

        node = place.node
        names = [node.name if len(outputs) == 1 else f"{node.name}.{k}" for k in range(len(outputs))]
        made = {name for _, _, found, _ in place.written for name in found}
        renamed = {old: new for old, new in zip(outputs, names, strict=True) if old in made}
        for number, old in enumerate(outputs):
            if old in renamed:
                outputs[number] = renamed[old]
        plain = [item for item in place.written if item[0] != "Constant"]
        if not plain and place.written and not place.function:  # a constant that is the whole layer
            plain = [("Identity", [place.written[-1][2][0]], [names[0]], {})]
            outputs[0] = names[0]
        path = "/" + node.name.replace(".", "/")
        tables = any(
            item[0] == "Constant" and item[3]["value"].dtype.kind == "f" and item[3]["value"].size > 1
            for item in place.written
        )
        alone = len(plain) == 1 and not place.function
        alone = alone and (not tables or plain[0][0] == "Identity")  # a filled array is no weight
        for item in place.written if alone else ():
            if item[0] == "Constant":
                name = f"{node.name}.constant{len(self.initializers)}"
                self.initializers[name] = item[3]["value"]
                renamed[item[2][0]] = name
        if alone:
            op, inputs, found, attributes = plain[0]
            self.nodes.append(
                helper.make_node(
                    op,
                    [renamed.get(name, name) for name in inputs],
                    [renamed.get(name, name) for name in found],
                    f"{path}/{op}",
                    **attributes,
                )
            )
        elif place.written:
            self._call(place, outputs, names, renamed, path)

    def _call(
        self, place: Place, outputs: list[str], names: list[str], renamed: dict[str, str], path: str
    ) -> None:
        from onnx import helper, numpy_helper

        made = {name for _, _, found, _ in place.written for name in found}
        # what arrives in the layer's order, then its arrays
        read = dict.fromkeys(name for _, inputs, _, _ in place.written for name in inputs if name)
        more = [name for name in read if name not in made and name not in place.inputs]
        outer = [*place.inputs, *more]
        local = {name: f"x{number}" for number, name in reversed(list(enumerate(outer)))}
        for number, name in enumerate(name for _, _, found, _ in place.written for name in found):
            local[name] = f"t{number}"
        body = []
        for op, inputs, found, attributes in place.written:
            if op == "Constant":
                attributes = {"value": numpy_helper.from_array(attributes["value"])}
            given, written = [local.get(n, n) for n in inputs], [local[n] for n in found]
            body.append(helper.make_node(op, given, written, **attributes))
        back = {new: old for old, new in renamed.items()}
        results = [local[back[name]] for name in outputs if name in back]
        imports = [helper.make_opsetid("", OPSET)]
        kind = place.node.op
        function = helper.make_function(
            DOMAIN, "_", [f"x{n}" for n in range(len(outer))], results, body, imports, attributes=["layer"]
        )
        key = kind.encode() + function.SerializeToString(deterministic=True)
        if key not in self.functions:
            self._function_names[kind] = count = self._function_names.get(kind, 0) + 1
            function.name = kind if count == 1 else f"{kind}_{count}"
            self.functions[key] = function
        name = self.functions[key].name
        self.nodes.append(
            helper.make_node(
                name,
                outer,
                [n for n in outputs if n in back],
                f"{path}/{kind}",
                domain=DOMAIN,
                layer=format_layer(place.layer),
            )
        )

    def _model(self) -> Any:
        from onnx import TensorProto, helper

        graph = self.graph

        def info(name: str, edge: Edge) -> Any:
            whole = edge in self.indices or edge.output in graph.nodes[edge.node].layer.index_outputs
            kind = TensorProto.INT64 if whole else TensorProto.FLOAT
            samples: Any = SAMPLES if self.varies(edge) else 1
            return helper.make_tensor_value_info(name, kind, [samples, *graph.shape(edge)])

        inputs = [info(graph.nodes[number].name, Edge(number)) for number in graph.inputs]
        outputs = []
        names = graph.output_names or tuple(graph.named_outputs())
        taken = {node.name for node in graph.nodes}
        for name, edge in zip(names, graph.outputs, strict=True):
            made = self.names[edge]
            if name != made or edge.node in graph.inputs:
                name = f"{name}.output" if name in taken else name
                self.nodes.append(helper.make_node("Identity", [made], [name], f"/{name}/Identity"))
            outputs.append(info(name, edge))
        initializers = self.outside.tensors(self.initializers)
        title = graph.name or "network"
        made = helper.make_graph(self.nodes, title, inputs, outputs, initializers)
        imports = [helper.make_opsetid("", OPSET)]
        if self.functions:
            imports.append(helper.make_opsetid(DOMAIN, 1))
        return helper.make_model(
            made, opset_imports=imports, functions=list(self.functions.values()),
            producer_name="convcalc", ir_version=10,
        )  # fmt: skip

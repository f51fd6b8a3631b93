"""What an ONNX file says, as records: the model, its graphs, nodes, attributes and types.

Nothing is read before it is asked for, and what has been read is kept. Attributes are read with their node's
first; subgraphs and tensors in them when they are looked at. `open_model` maps a file; whatever breaks the
format is a `SpecError` with the byte of the file, there or when it is first looked at.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Self, TypeAlias

from convcalc.importers.onnx import schema
from convcalc.importers.onnx.tensors import DTYPES, SparseTensor, Tensor, read_all, read_entries
from convcalc.importers.onnx.wire import Kind, Spans, Wire, pairs
from convcalc.spec.errors import SpecError

Dim: TypeAlias = int | str | None
"""A length: a number, a name that stands for one, or nothing said."""

ATTRIBUTE_TYPES: Final = {
    1: ("FLOAT", "f"),
    2: ("INT", "i"),
    3: ("STRING", "s"),
    4: ("TENSOR", "t"),
    5: ("GRAPH", "g"),
    11: ("SPARSE_TENSOR", "sparse_tensor"),
    13: ("TYPE_PROTO", "tp"),
    6: ("FLOATS", "floats"),
    7: ("INTS", "ints"),
    8: ("STRINGS", "strings"),
    9: ("TENSORS", "tensors"),
    10: ("GRAPHS", "graphs"),
    12: ("SPARSE_TENSORS", "sparse_tensors"),
    14: ("TYPE_PROTOS", "type_protos"),
}
"""Types of attributes by their number: the name, and the field that holds the value."""
_MOST_VALUES: Final = 1 << 24


class Type(NamedTuple):
    """What a value is.

    Attributes:
        kind: ``tensor``, ``sparse_tensor``, ``sequence``, ``optional``, ``map``, ``opaque``; ``""`` if it is
            not
            said.
        dtype: type of a tensor's elements, or of a map's keys; of an opaque one domain and name.
        dims: a tensor's shape; None where nothing is said of it.
        of: what a sequence, an optional or a map holds.
        denotation: what it is used for.
        denotations: what a tensor's axes are used for, where that is said.
    """

    kind: str
    dtype: str = "undefined"
    dims: tuple[Dim, ...] | None = None
    of: Type | None = None
    denotation: str = ""
    denotations: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind in ("tensor", "sparse_tensor"):
            shape = "?" if self.dims is None else ", ".join("?" if d is None else str(d) for d in self.dims)
            return f"{self.kind} of {self.dtype} [{shape}]"
        if self.kind == "map":
            return f"map of {self.dtype} to {self.of}"
        return (
            f"{self.kind} of {self.of}"
            if self.of
            else f"{self.kind} {self.dtype}"
            if self.kind
            else "unknown"
        )


class ValueInfo:
    """A named value: an input, an output, or one between.

    Attributes:
        name: its name.
        type: what it is; read when it is first asked for.
    """

    __slots__ = ("_fields", "_type", "_wire", "name", "start")

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        self._wire, self._fields = wire, wire.decode(spans, schema.VALUE, depth)
        self.start = spans[0]
        self.name: str = self._fields.get("name", "")
        self._type: Type | None = None

    @property
    def type(self) -> Type:
        """What it is."""
        if self._type is None:
            spans = self._fields.get("type")
            self._type = _type(self._wire, spans, 2) if spans else Type("")
        return self._type

    @property
    def dims(self) -> tuple[Dim, ...] | None:
        """A tensor's shape; None where nothing is said of it."""
        return self.type.dims

    @property
    def dtype(self) -> str:
        """Type of a tensor's elements."""
        return self.type.dtype

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self._wire.loose(self._fields.get("doc_string"))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name."""
        return read_entries(self._wire, self._fields.get("metadata_props"), 1)

    def __repr__(self) -> str:
        return f"ValueInfo({self.name!r}, {self.type})"


class Attribute:
    """An argument of a node by its name.

    Attributes:
        name: its name.
        type: ``INT``, ``FLOATS``, ``GRAPH``, ...; ``UNDEFINED`` where the file says neither type nor value.
        reference: of a node in a function: the attribute of the function that stands here; else ``""``.
        value: an int, a float (that of the file, of 32 bits), text (bytes that are no UTF-8 as lone
            surrogates),
            a `Tensor`, `SparseTensor`, `Graph` or `Type`, or a tuple of these; None if `UNDEFINED`.
    """

    __slots__ = ("_depth", "_field", "_fields", "_value", "_wire", "name", "reference", "start", "type")

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, schema.ATTRIBUTE, depth)
        self._wire, self._fields, self._depth = wire, fields, depth
        self.start = spans[0]
        self.name: str = fields.get("name", "")
        self.reference: str = fields.get("ref_attr_name", "")
        held = [(name, field) for name, field in ATTRIBUTE_TYPES.values() if field in fields]
        stated = ATTRIBUTE_TYPES.get(fields.get("type", 0))
        if stated is None and len(held) > 1:
            raise wire.error(self.start, f"attribute {self.name[:200]!r} has no type, and {len(held)} values")
        if stated is not None and any(entry != stated for entry in held):
            other = next(field for entry, field in held if (entry, field) != stated)
            raise wire.error(
                self.start,
                f"attribute {self.name[:200]!r} of type {stated[0]} has a value in {other}",
                stated[1],
            )
        self.type, self._field = stated or (held[0] if held else ("UNDEFINED", ""))
        self._value: Any = self  # not read

    @property
    def value(self) -> Any:
        """The value; read when it is first asked for."""
        if self._value is self:
            self._value = self._read()
        return self._value

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self._wire.loose(self._fields.get("doc_string"))

    def __repr__(self) -> str:
        return f"Attribute({self.name!r}, {self.type})"

    def _read(self) -> Any:
        wire, field, depth = self._wire, self._field, self._depth + 1
        found = self._fields.get(field)
        if field in ("f", "i"):
            return (0.0 if field == "f" else 0) if found is None else found
        if field in ("ints", "floats"):
            if found is None:
                return ()
            kind = Kind.INT64 if field == "ints" else Kind.FLOAT
            if wire.how_many(found, kind) > _MOST_VALUES:
                raise wire.error(
                    self.start, f"attribute {self.name[:200]!r} has more than {_MOST_VALUES:,} values"
                )
            return tuple(wire.numbers(found, kind))
        if field == "s":
            return wire.blob(found).decode(errors="surrogateescape")
        if field == "strings":
            return tuple(wire.data[a:b].decode(errors="surrogateescape") for a, b in pairs(found or _none()))
        if not field:
            return None
        make = _MAKERS[field.rstrip("s")]
        if field in ("t", "g", "tp", "sparse_tensor"):
            return make(wire, found or _none(), depth)
        return tuple(read_all(wire, found, make, depth))


class Node:
    """One application of an operator or of a function.

    Attributes:
        op: the operator.
        domain: whose operator it is; ``""`` for ONNX's own (also where the file says ``ai.onnx``).
        name: the node's name, which may be empty.
        inputs: names of the values that it reads; ``""`` for one left out.
        outputs: names of the values that it makes; ``""`` for one that is not wanted.
        overload: which of the functions with this name.
        attributes: by name; read when they are first asked for.
        start: the byte of the file that it starts at.
    """

    __slots__ = (
        "_attributes",
        "_depth",
        "_fields",
        "_wire",
        "domain",
        "inputs",
        "name",
        "op",
        "outputs",
        "overload",
        "start",
    )

    def __init__(self, wire: Wire | None, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, schema.NODE, depth) if wire is not None else {}
        self._wire, self._fields, self._depth = wire, fields, depth
        self.start = spans[0] if spans else 0
        get = fields.pop
        self.op: str = get("op_type", "")
        self.domain = _domain(get("domain", ""))
        self.name: str = get("name", "")
        self.inputs: tuple[str, ...] = tuple(get("input", ()))
        self.outputs: tuple[str, ...] = tuple(get("output", ()))
        self.overload: str = get("overload", "")
        self._attributes: dict[str, Attribute] | None = None

    @classmethod
    def made(
        cls,
        op: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        options: dict[str, Any],
        like: Node,
        domain: str = "convcalc",
    ) -> Self:
        """A node that is in no file, in the place of one that is.

        Args:
            op: what it does.
            inputs: names of values.
            outputs: names of values.
            options: its attributes, as values.
            like: the node whose name, metadata and place it takes.
            domain: whose operator it is.
        """
        node = cls(None, like._spans())
        node.op, node.domain, node.inputs, node.outputs = op, domain, inputs, outputs
        node.name, node._wire, node._depth = like.name, like._wire, like._depth
        node._fields = {k: v for k, v in like._fields.items() if k in ("metadata_props", "doc_string")}
        node._attributes = {key: _made_attribute(key, value, like) for key, value in options.items()}
        return node

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Its arguments by name."""
        if self._attributes is None:
            self._attributes = (
                _attributes(self._wire, self._fields.get("attribute"), self._depth + 1) if self._wire else {}
            )
        return self._attributes

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, or what stands for one that is not there."""
        attribute = self.attributes.get(name)
        return default if attribute is None else attribute.value

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self._wire.loose(self._fields.get("doc_string")) if self._wire else ""

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name; PyTorch's newer exporter keeps module paths here."""
        return read_entries(self._wire, self._fields.get("metadata_props"), 1) if self._wire else {}

    @property
    def sharded(self) -> bool:
        """Whether the file says how it is spread over devices, which changes no value."""
        return "device_configurations" in self._fields

    def error(self, message: str, expected: str | None = None) -> SpecError:
        """The refusal of this node, with its name and place."""
        said = f"node {self.name[:200]!r} ({self.op[:80]})" if self.name else f"a node of {self.op[:80]}"
        assert self._wire is not None
        return self._wire.error(self.start, f"{said}: {message}", expected)

    def _spans(self) -> Spans[int]:
        return array("Q", (self.start, self.start))

    def __repr__(self) -> str:
        return f"Node({self.op!r}, {self.name!r}, {self.inputs} -> {self.outputs})"


class Graph:
    """Nodes in the order in which they run, and the values that they read.

    Attributes:
        name: its name.
        nodes: what is computed.
        initializers: arrays by name.
        sparse_initializers: arrays of which only some elements are stored, by name.
        inputs: values that are given; of old files (IR version 3) initializers too.
        outputs: values that are asked for.
        values: what is said of values between, by name.
        annotations: names of scales and zero points, by tensor.
    """

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, schema.GRAPH, depth)
        self.wire, self._fields = wire, fields
        self.start = spans[0] if spans else 0
        self.name: str = fields.get("name", "")
        self.nodes: list[Node] = self._all("node", Node, depth)
        self.initializers: dict[str, Tensor] = _named(
            wire, self._all("initializer", Tensor, depth), "initializers"
        )
        self.sparse_initializers: dict[str, SparseTensor] = _named(
            wire, self._all("sparse_initializer", SparseTensor, depth), "sparse initializers"
        )
        self.inputs: list[ValueInfo] = self._all("input", ValueInfo, depth)
        self.outputs: list[ValueInfo] = self._all("output", ValueInfo, depth)
        self._values: dict[str, ValueInfo] | None = None
        self._depth = depth

    @property
    def values(self) -> dict[str, ValueInfo]:
        """What is said of values between, by name."""
        if self._values is None:
            self._values = {value.name: value for value in self._all("value_info", ValueInfo, self._depth)}
        return self._values

    @property
    def annotations(self) -> dict[str, dict[str, str]]:
        """Names of the ``SCALE_TENSOR`` and ``ZERO_POINT_TENSOR`` of a tensor, by its name."""
        found = {}
        for span in pairs(self._fields.get("quantization_annotation") or _none()):
            entry = self.wire.decode(array("Q", span), schema.ANNOTATION, self._depth + 1)
            names = read_entries(self.wire, entry.get("quant_parameter_tensor_names"), self._depth + 2)
            found[entry.get("tensor_name", "")] = names
        return found

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self.wire.loose(self._fields.get("doc_string"))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name."""
        return read_entries(self.wire, self._fields.get("metadata_props"), self._depth + 1)

    def __repr__(self) -> str:
        return f"Graph({self.name!r}, {len(self.nodes)} nodes, {len(self.initializers)} initializers)"

    def _all(self, name: str, make: Any, depth: int) -> list[Any]:
        return read_all(self.wire, self._fields.pop(name, None), make, depth + 1)


class Function:
    """An operator that the file itself defines.

    Attributes:
        name: its name.
        domain: its domain.
        overload: which of the functions with this name.
        inputs: names of the values that it is given.
        outputs: names of the values that it gives.
        attributes: names of the attributes that it must be given.
        defaults: attributes that it may be given.
        nodes: what it computes.
        opsets: versions of the operator sets by domain.
        values: what is said of values between, by name.
    """

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, schema.FUNCTION, depth)
        self._wire, self._fields, self._depth = wire, fields, depth
        self.start = spans[0]
        self.name: str = fields.get("name", "")
        self.domain = _domain(fields.get("domain", ""))
        self.overload: str = fields.get("overload", "")
        self.inputs: tuple[str, ...] = tuple(fields.get("input", ()))
        self.outputs: tuple[str, ...] = tuple(fields.get("output", ()))
        self.attributes: tuple[str, ...] = tuple(fields.get("attribute", ()))
        self.defaults = _attributes(wire, fields.get("attribute_proto"), depth + 1)
        self.nodes: list[Node] = read_all(wire, fields.get("node"), Node, depth + 1)
        self.opsets = _opsets(wire, fields.get("opset_import"), depth + 1)

    @property
    def values(self) -> dict[str, ValueInfo]:
        """What is said of values between, by name."""
        found = read_all(self._wire, self._fields.get("value_info"), ValueInfo, self._depth + 1)
        return {value.name: value for value in found}

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self._wire.loose(self._fields.get("doc_string"))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name."""
        return read_entries(self._wire, self._fields.get("metadata_props"), self._depth + 1)

    def __repr__(self) -> str:
        return f"Function({self.domain!r}, {self.name!r}, {self.inputs} -> {self.outputs})"


class Training(NamedTuple):
    """How a model is trained, which changes nothing of what it answers.

    Attributes:
        initialization: a graph that makes first values.
        algorithm: a graph that makes the next values.
        initialization_binding: which values the first makes, by name.
        update_binding: which values the second makes, by name.
    """

    initialization: Graph
    algorithm: Graph
    initialization_binding: dict[str, str]
    update_binding: dict[str, str]


class Model:
    """A whole file.

    Attributes:
        ir_version: version of the format; 0 where it is not said.
        opsets: versions of the operator sets by domain, ``""`` for ONNX's own.
        producer: what wrote it, with its version.
        domain: name of who made the model.
        version: version of the model.
        graph: what it computes.
        functions: operators that it defines, by domain, name and overload.
        metadata: what the file adds, by name.
    """

    def __init__(self, wire: Wire) -> None:
        if not wire.size:
            raise wire.error(0, "the file is empty", "an ONNX model")
        fields = wire.decode(array("Q", (0, wire.size)), schema.MODEL)
        self.wire, self._fields = wire, fields
        self.ir_version: int = fields.get("ir_version", 0)
        self.opsets = _opsets(wire, fields.get("opset_import"), 1)
        self.producer = fields.get("producer_name", "")
        self.producer_version = fields.get("producer_version", "")
        self.domain: str = fields.get("domain", "")
        self.version: int = fields.get("model_version", 0)
        if "graph" not in fields:
            raise wire.error(0, "the file has no graph", "an ONNX model")
        self.graph = Graph(wire, fields["graph"], 1)
        self.functions: dict[tuple[str, str, str], Function] = {}
        for function in read_all(wire, fields.get("functions"), Function, 1):
            key = function.domain, function.name, function.overload
            if key in self.functions:
                raise wire.error(function.start, f"two functions {function.name!r} of {function.domain!r}")
            self.functions[key] = function

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self.wire.loose(self._fields.get("doc_string"))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name."""
        return read_entries(self.wire, self._fields.get("metadata_props"), 1)

    @property
    def training(self) -> list[Training]:
        """How the file says it is trained."""
        return read_all(self.wire, self._fields.get("training_info"), _training, 1)

    def graphs(self) -> Iterator[Graph]:
        """The graph and all inside it, the outer ones first."""
        waiting = [self.graph]
        while waiting:
            graph = waiting.pop()
            yield graph
            waiting += _inside(graph.nodes)
        for function in self.functions.values():
            waiting = _inside(function.nodes)
            while waiting:
                graph = waiting.pop()
                yield graph
                waiting += _inside(graph.nodes)

    def __repr__(self) -> str:
        return f"Model({self.wire.name!r}, {self.graph!r})"


def open_model(path: str | os.PathLike[str]) -> Model:
    """Read a file; its weights stay where they are.

    Raises:
        OSError: it is no regular file, or cannot be read.
        SpecError: it breaks the format, with the byte where it does.
    """
    return Model(Wire.of_file(path))


def captured(node: Node) -> list[str]:
    """Names that the graphs inside a node read from outside."""
    found: list[str] = []
    for attribute in node.attributes.values():
        if attribute.type in ("GRAPH", "GRAPHS"):
            for graph in attribute.value if attribute.type == "GRAPHS" else (attribute.value,):
                for inner in graph.nodes:
                    found += (*inner.inputs, *captured(inner))
                found += [info.name for info in graph.outputs]
    return found


def looks_like_onnx(head: bytes) -> bool:
    """Whether the first bytes of a file (some hundreds are enough) may be those of an ONNX model.

    A model starts with one of its fields, as a rule with the version of the format; the fields that follow
    must be such as a model has, each with its wire type. Text is none: its letters would be fields that no
    model has.
    """
    at, seen = 0, set[int]()
    while at < len(head):
        key, at = _number(head, at)
        number, kind = key >> 3, key & 7
        entry = schema.MODEL.fields.get(number)
        if entry is None or at > len(head):
            return at > len(head) and bool(seen)
        if kind != (0 if entry[1] is Kind.INT64 else 2):
            return False
        seen.add(number)
        value, at = _number(head, at)
        if number == 1 and not 0 < value < 1000:
            return False
        if kind == 2:
            if entry[1] is Kind.TEXT and at + value <= len(head) and not _is_text(head[at : at + value]):
                return False
            at += value
    return bool(seen & {1, 7, 8})


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends: beyond the data where it is cut."""
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return value, len(data) + 1


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _none() -> Spans[int]:
    return array("Q")


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _opsets(wire: Wire, spans: Spans[int] | None, depth: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for start, end in pairs(spans or _none()):
        entry = wire.decode(array("Q", (start, end)), schema.OPSET, depth)
        name, version = _domain(entry.get("domain", "")), entry.get("version", 0)
        if found.setdefault(name, version) != version:
            raise wire.error(
                start, f"two versions of the operators of {name or 'ai.onnx'!r}", str(found[name])
            )
    return found


def _attributes(wire: Wire, spans: Spans[int] | None, depth: int) -> dict[str, Attribute]:
    return _named(wire, read_all(wire, spans, Attribute, depth), "attributes")


def _named(wire: Wire, records: list[Any], what: str) -> dict[str, Any]:
    """Records by their names, which are there and differ."""
    found: dict[str, Any] = {}
    for record in records:
        if not record.name:
            raise wire.error(record.start, f"one of the {what} has no name")
        if found.setdefault(record.name, record) is not record:
            raise wire.error(record.start, f"two {what} with the name {record.name[:200]!r}")
    return found


def _made_attribute(name: str, value: Any, like: Node) -> Attribute:
    attribute = Attribute.__new__(Attribute)
    attribute._wire, attribute._fields, attribute._depth = like._wire, {}, 0  # type: ignore[assignment]
    attribute.start, attribute.name, attribute.reference, attribute._field = like.start, name, "", ""
    attribute.type, attribute._value = "MADE", value
    return attribute


def _inside(nodes: list[Node]) -> list[Graph]:
    """The graphs in the attributes of nodes."""
    found: list[Graph] = []
    for node in nodes:
        for attribute in node.attributes.values():
            if attribute.type == "GRAPH":
                found.append(attribute.value)
            elif attribute.type == "GRAPHS":
                found += attribute.value
    return found


def _training(wire: Wire, spans: Spans[int], depth: int) -> Training:
    fields = wire.decode(spans, schema.TRAINING, depth)
    graphs = [Graph(wire, fields.get(name, _none()), depth + 1) for name in ("initialization", "algorithm")]
    bound = [
        read_entries(wire, fields.get(name), depth + 1)
        for name in ("initialization_binding", "update_binding")
    ]
    return Training(graphs[0], graphs[1], bound[0], bound[1])


def _type(wire: Wire, spans: Spans[int], depth: int) -> Type:
    fields = wire.decode(spans, schema.TYPE, depth)
    use = fields.get("denotation", "")
    for kind in ("tensor", "sparse_tensor"):
        if (inner := fields.get(f"{kind}_type")) is not None:
            entry = wire.decode(inner, schema.TENSOR_TYPE, depth + 1)
            dims, uses = _shape(wire, entry.get("shape"), depth + 2)
            return Type(kind, _dtype(entry.get("elem_type", 0)), dims, None, use, uses)
    for kind in ("sequence", "optional"):
        if (inner := fields.get(f"{kind}_type")) is not None:
            entry = wire.decode(inner, schema.INNER_TYPE, depth + 1)
            of = _type(wire, entry.get("elem_type", _none()), depth + 2)
            return Type(kind, of=of, denotation=use)
    if (inner := fields.get("map_type")) is not None:
        entry = wire.decode(inner, schema.MAP_TYPE, depth + 1)
        of = _type(wire, entry.get("value_type", _none()), depth + 2)
        return Type("map", _dtype(entry.get("key_type", 0)), of=of, denotation=use)
    if (inner := fields.get("opaque_type")) is not None:
        entry = wire.decode(inner, schema.OPAQUE_TYPE, depth + 1)
        return Type("opaque", f"{entry.get('domain', '')}:{entry.get('name', '')}", denotation=use)
    return Type("", denotation=use)


def _shape(
    wire: Wire, spans: Spans[int] | None, depth: int
) -> tuple[tuple[Dim, ...] | None, tuple[str, ...]]:
    if spans is None:
        return None, ()
    dims: list[Dim] = []
    uses = []
    for span in pairs(wire.decode(spans, schema.SHAPE, depth).get("dim", _none())):
        entry = wire.decode(array("Q", span), schema.DIMENSION, depth + 1)
        name = entry.get("dim_param") or None  # an empty name says nothing
        dims.append(entry.get("dim_value", name))
        uses.append(entry.get("denotation", ""))
    return tuple(dims), tuple(uses) if any(uses) else ()


def _dtype(number: int) -> str:
    return DTYPES.get(number, f"type {number}" if number else "undefined")


_MAKERS: Final[dict[str, Any]] = {
    "t": Tensor,
    "tensor": Tensor,
    "g": Graph,
    "graph": Graph,
    "sparse_tensor": SparseTensor,
    "tp": _type,
    "type_proto": _type,
}

"""Holds what the reader says of a model against what the ``onnx`` package parses, field by field."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from convcalc.importers.onnx import schema
from convcalc.importers.onnx.model import ATTRIBUTE_TYPES, Attribute, Graph, Model, Node, Type, ValueInfo
from convcalc.importers.onnx.tensors import DTYPES, SparseTensor, Tensor

SCHEMAS = {
    onnx.ModelProto: schema.MODEL,
    onnx.OperatorSetIdProto: schema.OPSET,
    onnx.GraphProto: schema.GRAPH,
    onnx.NodeProto: schema.NODE,
    onnx.AttributeProto: schema.ATTRIBUTE,
    onnx.TensorProto: schema.TENSOR,
    onnx.SparseTensorProto: schema.SPARSE,
    onnx.ValueInfoProto: schema.VALUE,
    onnx.TypeProto: schema.TYPE,
    onnx.TypeProto.Tensor: schema.TENSOR_TYPE,
    onnx.TypeProto.SparseTensor: schema.TENSOR_TYPE,
    onnx.TypeProto.Sequence: schema.INNER_TYPE,
    onnx.TypeProto.Optional: schema.INNER_TYPE,
    onnx.TypeProto.Map: schema.MAP_TYPE,
    onnx.TypeProto.Opaque: schema.OPAQUE_TYPE,
    onnx.TensorShapeProto: schema.SHAPE,
    onnx.TensorShapeProto.Dimension: schema.DIMENSION,
    onnx.FunctionProto: schema.FUNCTION,
    onnx.TensorAnnotation: schema.ANNOTATION,
    onnx.TrainingInfoProto: schema.TRAINING,
    onnx.StringStringEntryProto: schema.ENTRY,
}


def same_model(ours: Model, theirs: onnx.ModelProto, folder: str = "") -> None:
    """Every field of the model; AssertionError where one differs."""
    assert ours.ir_version == theirs.ir_version
    assert ours.opsets == {_domain(o.domain): o.version for o in theirs.opset_import}
    assert (ours.producer, ours.producer_version) == (theirs.producer_name, theirs.producer_version)
    assert (ours.domain, ours.version) == (theirs.domain, theirs.model_version)
    same_text(ours.doc, theirs.doc_string)
    same_entries(ours.metadata, theirs.metadata_props)
    same_graph(ours.graph, theirs.graph, folder)
    assert len(ours.functions) == len(theirs.functions)
    for function, other in zip(ours.functions.values(), theirs.functions, strict=True):
        assert (function.name, function.domain) == (other.name, _domain(other.domain))
        assert function.overload == other.overload
        same_text(function.doc, other.doc_string)
        assert function.inputs == tuple(other.input)
        assert function.outputs == tuple(other.output)
        assert function.attributes == tuple(other.attribute)
        assert function.opsets == {_domain(o.domain): o.version for o in other.opset_import}
        same_entries(function.metadata, other.metadata_props)
        same_attributes(function.defaults, other.attribute_proto, folder)
        same_nodes(function.nodes, other.node, folder)
        same_values(function.values, other.value_info)
    assert len(ours.training) == len(theirs.training_info)
    for training, info in zip(ours.training, theirs.training_info, strict=True):
        same_graph(training.initialization, info.initialization, folder)
        same_graph(training.algorithm, info.algorithm, folder)
        assert training.initialization_binding == entries(info.initialization_binding)
        assert training.update_binding == entries(info.update_binding)


def same_graph(ours: Graph, theirs: onnx.GraphProto, folder: str) -> None:
    assert ours.name == theirs.name
    same_text(ours.doc, theirs.doc_string)
    same_entries(ours.metadata, theirs.metadata_props)
    same_nodes(ours.nodes, theirs.node, folder)
    assert list(ours.initializers) == [t.name for t in theirs.initializer]
    for tensor, other in zip(ours.initializers.values(), theirs.initializer, strict=True):
        same_tensor(tensor, other, folder)
    assert list(ours.sparse_initializers) == [t.values.name for t in theirs.sparse_initializer]
    for sparse, one in zip(ours.sparse_initializers.values(), theirs.sparse_initializer, strict=True):
        same_sparse(sparse, one, folder)
    for values, others in ((ours.inputs, theirs.input), (ours.outputs, theirs.output)):
        assert len(values) == len(others)
        for value, info in zip(values, others, strict=True):
            same_value(value, info)
    same_values(ours.values, theirs.value_info)
    assert ours.annotations == {
        a.tensor_name: entries(a.quant_parameter_tensor_names) for a in theirs.quantization_annotation
    }


def same_nodes(ours: list[Node], theirs: Any, folder: str) -> None:
    assert len(ours) == len(theirs)
    for node, other in zip(ours, theirs, strict=True):
        assert (node.op, node.domain, node.name) == (other.op_type, _domain(other.domain), other.name)
        assert node.overload == other.overload
        same_text(node.doc, other.doc_string)
        assert node.inputs == tuple(other.input)
        assert node.outputs == tuple(other.output)
        same_entries(node.metadata, other.metadata_props)
        assert node.sharded == bool(other.device_configurations)
        same_attributes(node.attributes, other.attribute, folder)


def same_attributes(ours: dict[str, Attribute], theirs: Any, folder: str) -> None:
    assert list(ours) == [a.name for a in theirs]
    for attribute, other in zip(ours.values(), theirs, strict=True):
        assert attribute.reference == other.ref_attr_name
        same_text(attribute.doc, other.doc_string)
        fields = [d.name for d, _ in other.ListFields()]
        held = [(name, field) for name, field in ATTRIBUTE_TYPES.values() if field in fields]
        if other.type:
            assert (attribute.type, True) == (onnx.AttributeProto.AttributeType.Name(other.type), True)
            assert all(name == attribute.type for name, _ in held)
        elif held:
            assert [attribute.type] == [name for name, _ in held]
        else:
            assert attribute.type == "UNDEFINED"
            assert attribute.value is None
            continue
        field = dict(ATTRIBUTE_TYPES.values())[attribute.type]
        same_content(attribute.value, getattr(other, field), folder)


def same_content(ours: Any, theirs: Any, folder: str) -> None:
    if isinstance(theirs, onnx.TensorProto):
        same_tensor(ours, theirs, folder)
    elif isinstance(theirs, onnx.SparseTensorProto):
        same_sparse(ours, theirs, folder)
    elif isinstance(theirs, onnx.GraphProto):
        same_graph(ours, theirs, folder)
    elif isinstance(theirs, onnx.TypeProto):
        assert ours == kind_of(theirs)
    elif isinstance(theirs, bytes):
        assert ours.encode(errors="surrogateescape") == theirs
    elif isinstance(theirs, (int, float)):
        assert type(ours) is type(theirs)
        assert ours == theirs or (ours != ours and theirs != theirs)
    else:
        assert isinstance(ours, tuple)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            same_content(one, other, folder)


def same_values(ours: dict[str, ValueInfo], theirs: Any) -> None:
    last = {info.name: info for info in theirs}
    assert set(ours) == set(last)
    for name, info in last.items():
        same_value(ours[name], info)


def same_value(ours: ValueInfo, theirs: onnx.ValueInfoProto) -> None:
    assert ours.name == theirs.name
    same_text(ours.doc, theirs.doc_string)
    same_entries(ours.metadata, theirs.metadata_props)
    assert ours.type == kind_of(theirs.type)


def kind_of(theirs: onnx.TypeProto) -> Type:
    """A type of the package as the reader's record."""
    which, use = theirs.WhichOneof("value"), theirs.denotation
    if which is None:
        return Type("", denotation=use)
    inner, kind = getattr(theirs, which), which.removesuffix("_type")
    if kind in ("tensor", "sparse_tensor"):
        if not inner.HasField("shape"):
            return Type(kind, dtype(inner.elem_type), None, None, use)
        dims = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in inner.shape.dim)
        uses = tuple(d.denotation for d in inner.shape.dim)
        return Type(kind, dtype(inner.elem_type), dims, None, use, uses if any(uses) else ())
    if kind == "map":
        return Type("map", dtype(inner.key_type), None, kind_of(inner.value_type), use)
    if kind == "opaque":
        return Type("opaque", f"{inner.domain}:{inner.name}", denotation=use)
    return Type(kind, of=kind_of(inner.elem_type), denotation=use)


def same_tensor(ours: Tensor, theirs: onnx.TensorProto, folder: str = "") -> None:
    """Name, shape, type and every value, to the last bit."""
    assert ours.name == theirs.name
    same_text(ours.doc, theirs.doc_string)
    assert ours.dims == tuple(theirs.dims)
    assert ours.dtype == dtype(theirs.data_type)
    same_entries(ours.metadata, theirs.metadata_props)
    outside = entries(theirs.external_data) if theirs.data_location == 1 else None
    assert ours.external == outside
    if not ours.stored or ours.dtype == "undefined" or ours.dtype.startswith("type "):
        return
    wanted = numpy_helper.to_array(theirs, folder)
    found = ours.array()
    assert found.shape == wanted.shape
    if ours.dtype.startswith(("float4e", "float6e", "float8", "bfloat")):
        assert found.dtype == np.float32
        wanted = wanted.astype(np.float32)
    elif ours.dtype in ("int2", "int4", "uint2", "uint4"):
        wanted = wanted.astype(ours.dtype[:-1] + "8")
    assert found.dtype == wanted.dtype
    assert np.array_equal(found, wanted, equal_nan=found.dtype.kind in "fc")
    few = ours.values(most=4096)
    assert (few is None) == (found.size > 4096)
    if few is not None:
        flat = [v.decode(errors="surrogateescape") for v in few] if ours.dtype == "string" else list(few)
        assert len(flat) == found.size
        assert all(
            a == b or (a != a and b != b) for a, b in zip(flat, found.reshape(-1).tolist(), strict=True)
        )


def same_sparse(ours: SparseTensor, theirs: onnx.SparseTensorProto, folder: str) -> None:
    assert ours.dims == tuple(theirs.dims)
    same_tensor(ours.stored_values, theirs.values, folder)
    same_tensor(ours.indices, theirs.indices, folder)


def same_entries(ours: dict[str, str], theirs: Any) -> None:
    wanted = entries(theirs)
    assert list(ours) == list(wanted)
    for name, text in ours.items():
        same_text(text, wanted[name])


def same_text(ours: str, theirs: str) -> None:
    """What stands in words: where it is no UTF-8, ours is written out."""
    assert ours == theirs or "\\x" in ours


def dtype(number: int) -> str:
    return DTYPES.get(number, f"type {number}" if number else "undefined")


def entries(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value for pair in pairs}


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name

"""The reader of ONNX files against the ``onnx`` package: its test data, random models, broken files."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from convcalc.importers.onnx import schema
from convcalc.importers.onnx.model import Model, looks_like_onnx, open_model
from convcalc.importers.onnx.tensors import DTYPES, Tensor
from convcalc.importers.onnx.wire import Kind, Wire
from convcalc.spec.errors import SpecError
from tests.importers.onnx.broken import look_at_all, mutated, problem
from tests.importers.onnx.witness import SCHEMAS, dtype, same_model, same_tensor

FOLDER = Path(onnx.__file__).parent
MODELS = sorted(FOLDER.rglob("*.onnx"))
TENSORS = sorted(FOLDER.rglob("*put_*.pb"))


def model(data: bytes | Any) -> Model:
    return Model(Wire(data if isinstance(data, bytes) else data.SerializeToString(), "it.onnx"))


# What the package ships


def test_every_model_in_the_package_is_read_as_it_reads_it() -> None:
    assert len(MODELS) > 100
    for path in MODELS:
        same_model(open_model(path), onnx.load(path), str(path.parent))


def test_every_tensor_in_its_test_data_is_read_as_it_reads_it() -> None:
    assert len(TENSORS) > 200
    for path in TENSORS:
        data = path.read_bytes()
        tensor = Tensor(Wire(data, path.name), array("Q", (0, len(data))))
        same_tensor(tensor, onnx.TensorProto.FromString(data))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the values that the package computes
def test_its_models_of_single_operators_too() -> None:
    from onnx.backend.test.case.node import collect_testcases  # about 1,800, made when they are asked for

    cases = collect_testcases(None)
    assert len(cases) > 1000
    for case in cases:
        if case.model is not None:
            same_model(model(case.model), case.model)


@pytest.mark.parametrize("kind", SCHEMAS, ids=lambda k: k.DESCRIPTOR.full_name)
def test_the_fields_are_those_of_the_format(kind: Any) -> None:
    for field in kind.DESCRIPTOR.fields:
        assert field.number in SCHEMAS[kind].fields, field.name
        name, ours, many = SCHEMAS[kind].fields[field.number]
        assert (name, many) == (field.name, field.is_repeated)
        wanted = {
            field.TYPE_STRING: {Kind.TEXT, Kind.BYTES},
            field.TYPE_BYTES: {Kind.BYTES},
            field.TYPE_MESSAGE: {Kind.MESSAGE},
            field.TYPE_INT64: {Kind.INT64},
            field.TYPE_INT32: {Kind.INT32},
            field.TYPE_ENUM: {Kind.INT32},
            field.TYPE_UINT64: {Kind.UINT64},
            field.TYPE_FLOAT: {Kind.FLOAT},
            field.TYPE_DOUBLE: {Kind.DOUBLE},
        }[field.type]
        assert ours in wanted
        if field.containing_oneof is not None:
            assert field.name in SCHEMAS[kind].one_of
    assert len(SCHEMAS[kind].fields) == len(kind.DESCRIPTOR.fields)


def test_all_types_of_elements_have_a_name() -> None:
    assert set(DTYPES) == {n for n in TensorProto.DataType.values() if n}
    for number, name in DTYPES.items():
        wanted = helper.tensor_dtype_to_np_dtype(number)
        plain = wanted.name.replace("_", "")
        for e in ("e8m0fnu", "e2m1fn", "e2m3fn", "e3m2fn"):  # ml_dtypes adds what ONNX leaves unsaid
            plain = plain.replace(e, e[:4])
        assert name in (plain, "string")


# Random models

names = st.text("abcxyz/.:_é漢", min_size=1, max_size=6)
bits32 = st.floats(width=32)
integers = st.integers(-(1 << 63), (1 << 63) - 1)
props = st.dictionaries(names, names, max_size=2).map(
    lambda d: [onnx.StringStringEntryProto(key=k, value=v) for k, v in d.items()]
)
shapes = st.lists(st.integers(0, 3), max_size=3)


@st.composite
def tensors(draw: Any, name: str = "") -> onnx.TensorProto:
    """A tensor of any type, as raw bytes or as numbers; of random bits, so that every code comes up."""
    kind = draw(st.sampled_from(sorted(DTYPES)))
    dims = draw(shapes)
    size = int(np.prod(dims, dtype=int))
    tensor = TensorProto(name=name, data_type=kind, dims=dims)
    if kind == TensorProto.STRING:
        tensor.string_data.extend(draw(st.lists(names.map(str.encode), min_size=size, max_size=size)))
        return tensor
    if kind in (21, 22, 23):
        width = 4
    elif kind in (25, 26):
        width = 2
    elif kind in (27, 28):
        width = 6
    else:
        width = 8 * helper.tensor_dtype_to_np_dtype(kind).itemsize
    count = -(-size * width // 8)
    raw = draw(st.binary(min_size=count, max_size=count))
    if DTYPES[kind] == "bool":
        raw = bytes(b & 1 for b in raw)
    if draw(st.booleans()):
        tensor.raw_data = raw
        return tensor
    field = helper.tensor_dtype_to_field(kind)
    if field == "int32_data":
        if width < 8:
            values = list(raw) if width != 6 else [b & 63 for b in (raw * 2)[:size]]
        else:
            letter = {8: "B", 16: "H", 32: "i"}[width]
            if DTYPES[kind] in ("int8", "int16"):
                letter = letter.lower()
            values = list(struct.unpack(f"<{size}{letter}", raw))
        tensor.int32_data.extend(values)
    else:
        code = {"float_data": "<f4", "double_data": "<f8", "int64_data": "<i8", "uint64_data": "<u8"}[field]
        array = np.frombuffer(raw, "<u4" if DTYPES[kind] == "uint32" else code)
        getattr(tensor, field).extend(array.tolist())
    return tensor


@st.composite
def types(draw: Any, depth: int = 0) -> onnx.TypeProto:
    kind = onnx.TypeProto(denotation=draw(st.sampled_from(["", "IMAGE"])))
    inner_kinds = ["sequence", "map", "optional"] if depth < 2 else []
    choice = draw(st.sampled_from(["none", "tensor", "sparse", "opaque", *inner_kinds]))
    if choice in ("tensor", "sparse"):
        inner = kind.tensor_type if choice == "tensor" else kind.sparse_tensor_type
        inner.elem_type = draw(st.integers(0, 28))
        if draw(st.booleans()):
            inner.shape.SetInParent()
            for dim in draw(st.lists(st.one_of(st.none(), names, integers), max_size=3)):
                one = inner.shape.dim.add()
                if isinstance(dim, str):
                    one.dim_param = dim
                elif dim is not None:
                    one.dim_value = dim
                if draw(st.integers(0, 5)) == 5:
                    one.denotation = "DATA_BATCH"
    elif choice == "opaque":
        kind.opaque_type.domain, kind.opaque_type.name = draw(names), draw(names)
    elif choice == "map":
        kind.map_type.key_type = draw(st.integers(0, 28))
        kind.map_type.value_type.CopyFrom(draw(types(depth + 1)))
    elif choice != "none":
        inner = getattr(kind, f"{choice}_type")
        inner.elem_type.CopyFrom(draw(types(depth + 1)))
    return kind


@st.composite
def value_infos(draw: Any) -> onnx.ValueInfoProto:
    return onnx.ValueInfoProto(
        name=draw(names),
        type=draw(types()),
        doc_string=draw(st.sampled_from(["", "é"])),
        metadata_props=draw(props),
    )


@st.composite
def attributes(draw: Any, name: str, depth: int) -> onnx.AttributeProto:
    kinds = ["f", "i", "s", "t", "tp", "sparse_tensor", "floats", "ints", "strings"]
    kinds += ["tensors", "type_protos", "none"]
    field = draw(st.sampled_from(kinds + ["g", "graphs"] * (depth < 2)))
    one = {
        "f": bits32,
        "i": integers,
        "s": st.binary(max_size=4),
        "t": tensors(),
        "tp": types(),
        "g": graphs(depth + 1) if depth < 2 else st.nothing(),
        "sparse_tensor": sparse_tensors(),
    }
    attribute = onnx.AttributeProto(name=name)
    if field == "none":
        attribute.ref_attr_name = draw(st.sampled_from(["", "alpha"]))
        return attribute
    if field in ("f", "i", "s"):
        setattr(attribute, field, draw(one[field]))
    elif field in one:
        getattr(attribute, field).CopyFrom(draw(one[field]))
    else:
        single = {"type_protos": "tp"}.get(field, field[0])
        getattr(attribute, field).extend(draw(st.lists(one[single], max_size=3)))
    if draw(st.booleans()):
        number = {"f": 1, "i": 2, "s": 3, "t": 4, "g": 5, "sparse_tensor": 11, "tp": 13, "floats": 6}
        number |= {"ints": 7, "strings": 8, "tensors": 9, "graphs": 10, "type_protos": 14}
        attribute.type = number[field]  # type: ignore[assignment]
    return attribute


@st.composite
def sparse_tensors(draw: Any, name: str = "") -> onnx.SparseTensorProto:
    count = draw(st.integers(0, 3))
    return onnx.SparseTensorProto(
        values=helper.make_tensor(name, TensorProto.FLOAT, [count], [1.5] * count),
        indices=helper.make_tensor("", TensorProto.INT64, [count], range(count)),
        dims=[2, 3],
    )


@st.composite
def nodes(draw: Any, depth: int) -> onnx.NodeProto:
    node = onnx.NodeProto(
        op_type=draw(names),
        name=draw(st.one_of(st.just(""), names)),
        domain=draw(st.sampled_from(["", "ai.onnx", "com.microsoft"])),
        overload=draw(st.sampled_from(["", "v2"])),
        input=draw(st.lists(st.one_of(st.just(""), names), max_size=3)),
        output=draw(st.lists(names, max_size=2)),
        metadata_props=draw(props),
    )
    for name in draw(st.sets(names, max_size=2)):
        node.attribute.append(draw(attributes(name, depth)))
    if draw(st.integers(0, 9)) == 9:
        node.device_configurations.add(configuration_id="two")
    return node


@st.composite
def graphs(draw: Any, depth: int = 0) -> onnx.GraphProto:
    graph = onnx.GraphProto(name=draw(names), metadata_props=draw(props))
    graph.node.extend(draw(st.lists(nodes(depth), max_size=3 - depth)))
    for name in draw(st.sets(names, max_size=2)):
        graph.initializer.append(draw(tensors(name)))
    for name in draw(st.sets(names, max_size=1)):
        graph.sparse_initializer.append(draw(sparse_tensors(name)))
    graph.input.extend(draw(st.lists(value_infos(), max_size=2)))
    graph.output.extend(draw(st.lists(value_infos(), max_size=2)))
    graph.value_info.extend(draw(st.lists(value_infos(), max_size=2)))
    for name in draw(st.sets(names, max_size=1)):
        graph.quantization_annotation.add(tensor_name=name, quant_parameter_tensor_names=draw(props))
    return graph


@st.composite
def models(draw: Any) -> onnx.ModelProto:
    found = onnx.ModelProto(
        ir_version=draw(st.integers(0, 14)),
        producer_name=draw(names),
        producer_version="1",
        domain=draw(names),
        model_version=draw(integers),
        doc_string=draw(names),
        graph=draw(graphs()),
        metadata_props=draw(props),
    )
    found.opset_import.add(domain="", version=draw(st.integers(1, 30)))
    found.opset_import.add(domain="x.y", version=3)
    if draw(st.booleans()):
        overload = draw(st.sampled_from(["", "v2"]))
        function = found.functions.add(name=draw(names), domain="x.y", overload=overload)
        function.input.extend(draw(st.lists(names, max_size=2)))
        function.output.extend(draw(st.lists(names, max_size=2)))
        function.attribute.extend(draw(st.lists(names, max_size=2)))
        for name in draw(st.sets(names, max_size=1)):
            function.attribute_proto.append(draw(attributes(name, 1)))
        function.node.extend(draw(st.lists(nodes(1), max_size=2)))
        function.value_info.extend(draw(st.lists(value_infos(), max_size=1)))
        function.opset_import.add(domain="", version=18)
        function.metadata_props.extend(draw(props))
    if draw(st.booleans()):
        training = found.training_info.add(initialization_binding=draw(props), update_binding=draw(props))
        training.algorithm.CopyFrom(draw(graphs(1)))
    return found


@settings(max_examples=25, deadline=None)
@given(models())
def test_a_random_model_is_read_as_the_package_reads_it(proto: onnx.ModelProto) -> None:
    data = proto.SerializeToString()
    same_model(model(data), onnx.ModelProto.FromString(data))
    assert looks_like_onnx(data[:200]) or not proto.ir_version


@settings(max_examples=200, deadline=None)
@given(tensors("t"))
def test_a_tensor_of_any_type(proto: onnx.TensorProto) -> None:
    graph = onnx.GraphProto(name="g", initializer=[proto])
    (ours,) = model(onnx.ModelProto(graph=graph)).graph.initializers.values()
    same_tensor(ours, proto)


@settings(max_examples=25, deadline=None)
@given(models(), models())
def test_one_file_behind_another_is_both_merged(one: onnx.ModelProto, two: onnx.ModelProto) -> None:
    """A message in parts is all of them; of a field that is no list, the last."""
    for part in (one, two):
        del part.training_info[:], part.functions[:], part.graph.initializer[:]
        del part.graph.sparse_initializer[:]
        part.opset_import[0].version = 17
    data = one.SerializeToString() + two.SerializeToString()
    same_model(model(data), onnx.ModelProto.FromString(data))


# What no writer of models writes, but the format allows


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def in_model(graph: bytes) -> bytes:
    return varint(8) + varint(8) + field(7, graph)


def test_numbers_packed_or_one_by_one() -> None:
    dims_in_one, dims_apart = field(1, b"\x02\x03"), b"\x08\x02\x08\x03"
    values = struct.pack("<6f", *range(6))
    in_one, apart = field(4, values), b"".join(b"\x25" + values[i : i + 4] for i in range(0, 24, 4))
    mixed = b"\x25" + values[:4] + field(4, values[4:16]) + b"\x25" + values[16:20] + field(4, values[20:])
    for dims in (dims_in_one, dims_apart):
        for data in (in_one, apart, mixed):
            tensor = dims + b"\x10\x01" + data + field(8, b"t")
            ours = model(in_model(field(5, tensor))).graph.initializers["t"]
            assert ours.values() == tuple(map(float, range(6)))
            same_tensor(ours, onnx.TensorProto.FromString(tensor))


def test_fields_that_are_not_known_are_stepped_over() -> None:
    unknown = (
        varint(200 << 3) + varint(-1)
        + varint(201 << 3 | 1) + bytes(8)
        + varint(202 << 3 | 5) + bytes(4)
        + field(203, b"\xff" * 9)
        + varint(204 << 3 | 3) + field(1, b"x") + varint(9 << 3 | 3) + varint(9 << 3 | 4) + varint(204 << 3 |
        4)
    )  # fmt: skip
    node = unknown + field(4, b"Relu") + unknown + field(1, b"x") + unknown
    data = unknown + in_model(unknown + field(1, node) + unknown) + unknown
    (found,) = model(data).graph.nodes
    assert (found.op, found.inputs) == ("Relu", ("x",))
    same_model(model(data), onnx.ModelProto.FromString(data))


def test_an_attribute_in_parts_is_one() -> None:
    part = [field(5, b"\x08\x02"), field(5, b"\x10\x07"), field(5, field(7, b"\x05\x06"))]
    attribute = field(1, b"value") + b"".join(part)
    data = in_model(field(1, field(4, b"Constant") + field(5, attribute)))
    value = model(data).graph.nodes[0].get("value")
    assert (value.dims, value.dtype, value.values()) == ((2,), "int64", (5, 6))
    same_model(model(data), onnx.ModelProto.FromString(data))


def test_of_alternatives_the_last_counts() -> None:
    for dim, wanted in ((b"\x08\x05" + field(2, b"n"), "n"), (field(2, b"n") + b"\x08\x05", 5)):
        kind = field(4, b"") + field(1, b"\x08\x01" + field(2, field(1, dim)))
        data = in_model(field(11, field(1, b"x") + field(2, kind)))
        assert model(data).graph.inputs[0].dims == (wanted,)
        same_model(model(data), onnx.ModelProto.FromString(data))


# Hostile and broken files


def deep_graphs(levels: int) -> bytes:
    graph = field(1, field(4, b"Relu"))
    for _ in range(levels):
        graph = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, graph)))
    return in_model(graph)


def deep_types(levels: int) -> bytes:
    kind = field(1, b"\x08\x01")
    for _ in range(levels):
        kind = field(4, field(1, kind))
    return in_model(field(11, field(1, b"x") + field(2, kind)))


def tensor(content: bytes) -> bytes:
    return in_model(field(5, field(8, b"w") + content))


FLOAT = b"\x10\x01"
BROKEN = {
    "nothing": (b"", "the file is empty"),
    "no graph": (varint(8) + varint(8), "no graph"),
    "cut": (in_model(field(1, field(4, b"Relu")))[:-2], "cut"),
    "a length beyond the end": (varint(7 << 3 | 2) + varint(1 << 40) + b"x", "776 bytes, and 1 are"),
    "a length beyond its message": (in_model(varint(10) + varint(9) + b"x"), "9 bytes, and 1 are left"),
    "a varint of eleven bytes": (b"\x08" + b"\xff" * 11, "more than ten bytes"),
    "a varint that is cut": (b"\x08\xff", "ends inside a number"),
    "wire type 6": (in_model(b"") + b"\xfe\x0f", "wire type 6"),
    "wire type 7": (in_model(b"\x0f"), "wire type 7"),
    "field 0": (in_model(b"\x02\x01\x00"), "the number 0"),
    "a name as a number": (in_model(field(1, b"\x20\x01")), "NodeProto.op_type is written as a varint"),
    "a number as text": (field(1, b"8") + in_model(b""), "ModelProto.ir_version is written as a length"),
    "a name that is no text": (in_model(field(1, field(4, b"Re\xff"))), "no UTF-8"),
    "a group that ends": (in_model(varint(300 << 3 | 4)), "has not begun"),
    "a group that does not": (in_model(varint(300 << 3 | 3)), "inside a group"),
    "groups in groups": (in_model(varint(300 << 3 | 3) * 500), "groups inside one another"),
    "graphs in graphs": (deep_graphs(200), "messages inside one another"),
    "types in types": (deep_types(200), "messages inside one another"),
    "a shape without end": (tensor(field(1, varint(1 << 62) * 4) + FLOAT), "more elements than can be"),
    "a shape of nothing without end": (tensor(field(1, b"\x00" + varint(1 << 62)) + FLOAT), "more elements"),
    "a million axes": (tensor(field(1, b"\x02" * 1_000_000) + FLOAT), "a tensor of 1,000,000 axes"),
    "a negative length": (tensor(field(1, varint(-3)) + FLOAT), "the shape -3"),
    "too few values": (tensor(field(1, varint(1 << 40)) + FLOAT + field(9, bytes(4))), "4 bytes of values"),
    "too many values": (tensor(b"\x08\x01" + FLOAT + field(9, bytes(8))), "8 bytes of values"),
    "values of another type": (tensor(b"\x08\x01" + FLOAT + field(7, b"\x01")), "1 values in int64_data"),
    "values twice": (tensor(b"\x08\x01" + FLOAT + field(9, bytes(4)) + field(4, bytes(4))), "in raw_data"),
    "half a number": (tensor(b"\x08\x01" + FLOAT + field(4, bytes(3))), "no row of numbers"),
    "a segment": (tensor(b"\x08\x01" + FLOAT + field(9, bytes(4)) + field(3, b"\x08\x01")), "segment"),
    "two of a name": (in_model(2 * field(5, field(8, b"w") + FLOAT)), "two initializers"),
    "no name": (in_model(field(5, FLOAT + field(9, bytes(4)))), "no name"),
    "an attribute of two kinds": (
        in_model(field(1, field(4, b"X") + field(5, field(1, b"a") + b"\x18\x01" + field(7, bytes(4))))),
        "has no type, and 2 values",
    ),
    "an attribute of another kind": (
        in_model(field(1, field(4, b"X") + field(5, field(1, b"a") + b"\x18\x01" + b"\xa0\x01\x01"))),
        "of type FLOAT has a value in i",
    ),
    "two versions": (field(8, b"\x10\x08") + field(8, b"\x10\x09") + in_model(b""), "two versions"),
    "too many nodes": (in_model(field(1, b"") * ((1 << 20) + 1)), "entries in one list"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_message(name: str) -> None:
    data, message = BROKEN[name]
    start = time.process_time()
    found = problem(data)
    assert found is not None
    assert found.startswith("it.onnx: byte ")
    assert message in found
    assert time.process_time() - start < 3  # less than one on an idle core


def test_many_nodes_are_read() -> None:
    data = in_model(field(1, field(1, b"x") + field(2, b"x") + field(4, b"Relu")) * 200_000)
    start = time.process_time()
    assert len(model(data).graph.nodes) == 200_000
    assert time.process_time() - start < 10  # about one on an idle core, and linear


def test_a_type_that_is_not_known_is_refused_when_its_values_are_asked_for() -> None:
    ours = model(tensor(b"\x08\x01\x10\x63" + field(9, bytes(4)))).graph.initializers["w"]
    assert ours.dtype == "type 99"
    with pytest.raises(SpecError, match="type 99"):
        ours.array()
    with pytest.raises(SpecError, match="type 99"):
        ours.values()


def test_a_tensor_without_values_has_a_shape_alone() -> None:
    ours = model(tensor(b"\x08\x03" + FLOAT)).graph.initializers["w"]
    assert (ours.dims, ours.stored) == ((3,), False)
    with pytest.raises(SpecError, match="not in the file"):
        ours.array()


def test_mutated_files() -> None:
    """A short run of ``python -m tests.importers.onnx.broken``; what is read is what the package reads."""
    assert mutated(count=400, seed=1) == []


# Values in other files


def outside(folder: Path, **entries: str) -> Tensor:
    proto = TensorProto(name="w", data_type=1, dims=[2, 3], data_location=1)  # type: ignore[arg-type]
    proto.external_data.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in entries.items())
    path = folder / "it.onnx"
    graph = onnx.GraphProto(name="g", initializer=[proto])
    path.write_bytes(onnx.ModelProto(graph=graph).SerializeToString())
    return open_model(path).graph.initializers["w"]


def test_values_in_another_file_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    ours = outside(tmp_path, location="sub/w.bin", offset="4100", length="24", checksum="0")
    assert (ours.dims, ours.stored) == ((2, 3), True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/w.bin").write_bytes(bytes(4100) + np.arange(6, dtype="<f4").tobytes())
    assert ours.array().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert ours.values() == (0, 1, 2, 3, 4, 5)
    proto = onnx.load(tmp_path / "it.onnx", load_external_data=False).graph.initializer[0]
    same_tensor(ours, proto, str(tmp_path))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"location": "/etc/passwd"}, "in the folder of the model"),
        ({"location": "../w.bin"}, "in the folder of the model"),
        ({"location": "sub/../../w.bin"}, "in the folder of the model"),
        ({"location": "link.bin"}, "in the folder of the model"),
        ({"location": "away/w.bin"}, "in the folder of the model"),
        ({"location": ""}, "in the folder of the model"),
        ({"location": "w\0.bin"}, "cannot be read"),
        ({"location": "no.bin"}, "No such file"),
        ({"location": "pipe"}, "Not a regular file"),
        ({"location": "."}, "Is a directory"),
        ({"location": "w.bin", "offset": "8"}, "24 bytes from byte 8 on"),
        ({"location": "w.bin", "offset": "9" * 19}, "bytes from byte"),
        ({"location": "w.bin", "offset": "-8"}, "a number of bytes"),
        ({"location": "w.bin", "offset": "9" * 4000}, "a number of bytes"),
        ({"location": "w.bin", "length": "20"}, "20 bytes of 'w.bin'"),
        ({"location": "w.bin", "length": "x"}, "a number of bytes"),
    ],
)
def test_other_files_stay_in_the_folder(tmp_path: Path, entries: dict[str, str], message: str) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    for path in (tmp_path / "w.bin", folder / "w.bin"):
        path.write_bytes(bytes(24))
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(SpecError, match="tensor 'w': ") as raised:
        outside(folder, **entries).array()
    assert message in str(raised.value)


# Speed and size


def test_reading_loads_no_numpy() -> None:
    path = next(path for path in MODELS if path.name == "light_resnet50.onnx")
    program = (
        "import sys; from convcalc.importers.onnx.model import open_model\n"
        f"model = open_model({str(path)!r})\n"
        "[a.value for n in model.graph.nodes for a in n.attributes.values()]\n"
        "[t.values() for t in model.graph.initializers.values()]\n"
        "print([m for m in ('numpy', 'onnx', 'google.protobuf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def sparse_model(path: Path, size: int) -> None:
    """A file with one weight of so many bytes, which take no room on the disk."""
    head = field(8, b"w") + field(1, varint(size // 4)) + FLOAT
    tensor = head + varint(9 << 3 | 2) + varint(size)
    graph = varint(5 << 3 | 2) + varint(len(tensor) + size) + tensor
    node = field(1, field(1, b"w") + field(2, b"y") + field(4, b"Relu"))
    with path.open("wb") as file:
        file.write(varint(8) + varint(8) + field(8, b"\x10\x11"))
        file.write(varint(7 << 3 | 2) + varint(len(graph) + size + len(node)) + graph)
        file.seek(size, 1)
        file.write(node)


def test_weights_are_stepped_over(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    sparse_model(path, 3 << 30)
    program = (
        "import resource; from convcalc.importers.onnx.model import open_model\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"model = open_model({str(path)!r})\n"
        "assert model.graph.initializers['w'].dims == (805306368,)\n"
        "assert model.graph.nodes[0].op == 'Relu'\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2048  # KiB


# Telling an ONNX file by its first bytes


def test_onnx_files_are_known_by_their_first_bytes() -> None:
    for path in MODELS:
        data = path.read_bytes()
        for size in (16, 64, 256, 4096):
            assert looks_like_onnx(data[:size]), (path, size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"input 3x224x224 | conv 64 k7 s2 p3",
        b"name: net\ninput: 3x32x32\n",
        b"PK\x03\x04" + bytes(40),
        b"\x89HDF\r\n\x1a\n" + bytes(40),
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        b"\x93NUMPY\x01\x00v\x00{'descr'",
        b"\x80\x02}q\x00." + bytes(20),
        b"(3): Conv2d(3, 64)",
        b'{"class_name": "Functional"}',
        b"\n\tSequential(\n",
        b"\x08\x00\x00\x00\x00\x00\x00\x00{}",
        bytes(64),
        b"\xff" * 64,
        b"\x1f\x8b\x08\x00" + bytes(20),
        b"MZ\x90\x00" + bytes(60),
        b"\x7fELF\x02\x01\x01" + bytes(60),
    ],
)
def test_other_files_are_not_taken_for_onnx(data: bytes) -> None:
    assert not looks_like_onnx(data)


def test_names() -> None:
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.float32(2.5)))],
            "g",
            [],
            [helper.make_tensor_value_info("c", 1, ["batch", 3, None])],
        )
    )
    ours = model(proto)
    assert dtype(1) == ours.graph.outputs[0].dtype == "float32"
    assert ours.graph.outputs[0].dims == ("batch", 3, None)
    assert str(ours.graph.outputs[0].type) == "tensor of float32 [batch, 3, ?]"
    value = ours.graph.nodes[0].get("value")
    assert (value.dims, value.values(), value.array().shape) == ((), (2.5,), ())
    assert look_at_all(ours) > 0
    assert schema.MODEL.name == "ModelProto"

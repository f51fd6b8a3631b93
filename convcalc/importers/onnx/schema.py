"""The messages of an ONNX file: their fields by number, as ``onnx.proto`` numbers them (IR version 14)."""

from __future__ import annotations

from typing import Final

from convcalc.importers.onnx.wire import Kind, Schema

_T, _B, _M, _I64, _I32 = Kind.TEXT, Kind.BYTES, Kind.MESSAGE, Kind.INT64, Kind.INT32

ENTRY: Final = Schema("StringStringEntryProto", {1: ("key", _T), 2: ("value", _B)})
MODEL: Final = Schema(
    "ModelProto",
    {
        1: ("ir_version", _I64),
        8: ("opset_import*", _M),
        2: ("producer_name", _T),
        3: ("producer_version", _T),
        4: ("domain", _T),
        5: ("model_version", _I64),
        6: ("doc_string", _B),
        7: ("graph", _M),
        14: ("metadata_props*", _M),
        20: ("training_info*", _M),
        25: ("functions*", _M),
        26: ("configuration*", _M),
    },
)
OPSET: Final = Schema("OperatorSetIdProto", {1: ("domain", _T), 2: ("version", _I64)})
GRAPH: Final = Schema(
    "GraphProto",
    {
        1: ("node*", _M),
        2: ("name", _T),
        5: ("initializer*", _M),
        15: ("sparse_initializer*", _M),
        10: ("doc_string", _B),
        11: ("input*", _M),
        12: ("output*", _M),
        13: ("value_info*", _M),
        14: ("quantization_annotation*", _M),
        16: ("metadata_props*", _M),
    },
)
NODE: Final = Schema(
    "NodeProto",
    {
        1: ("input*", _T),
        2: ("output*", _T),
        3: ("name", _T),
        4: ("op_type", _T),
        7: ("domain", _T),
        8: ("overload", _T),
        5: ("attribute*", _M),
        6: ("doc_string", _B),
        9: ("metadata_props*", _M),
        10: ("device_configurations*", _M),
    },
)
ATTRIBUTE: Final = Schema(
    "AttributeProto",
    {
        1: ("name", _T),
        21: ("ref_attr_name", _T),
        13: ("doc_string", _B),
        20: ("type", _I32),
        2: ("f", Kind.FLOAT),
        3: ("i", _I64),
        4: ("s", _B),
        5: ("t", _M),
        6: ("g", _M),
        22: ("sparse_tensor", _M),
        14: ("tp", _M),
        7: ("floats*", Kind.FLOAT),
        8: ("ints*", _I64),
        9: ("strings*", _B),
        10: ("tensors*", _M),
        11: ("graphs*", _M),
        23: ("sparse_tensors*", _M),
        15: ("type_protos*", _M),
    },
)
TENSOR: Final = Schema(
    "TensorProto",
    {
        1: ("dims*", _I64),
        2: ("data_type", _I32),
        3: ("segment", _M),
        4: ("float_data*", Kind.FLOAT),
        5: ("int32_data*", _I32),
        6: ("string_data*", _B),
        7: ("int64_data*", _I64),
        8: ("name", _T),
        12: ("doc_string", _B),
        9: ("raw_data", _B),
        13: ("external_data*", _M),
        14: ("data_location", _I32),
        10: ("double_data*", Kind.DOUBLE),
        11: ("uint64_data*", Kind.UINT64),
        16: ("metadata_props*", _M),
    },
)
SPARSE: Final = Schema("SparseTensorProto", {1: ("values", _M), 2: ("indices", _M), 3: ("dims*", _I64)})
VALUE: Final = Schema(
    "ValueInfoProto", {1: ("name", _T), 2: ("type", _M), 3: ("doc_string", _B), 4: ("metadata_props*", _M)}
)
TYPE: Final = Schema(
    "TypeProto",
    {
        1: ("tensor_type", _M),
        4: ("sequence_type", _M),
        5: ("map_type", _M),
        9: ("optional_type", _M),
        8: ("sparse_tensor_type", _M),
        7: ("opaque_type", _M),
        6: ("denotation", _T),
    },
    one_of="tensor_type sequence_type map_type optional_type sparse_tensor_type opaque_type",
)
TENSOR_TYPE: Final = Schema("TypeProto.Tensor", {1: ("elem_type", _I32), 2: ("shape", _M)})
INNER_TYPE: Final = Schema("TypeProto.Sequence", {1: ("elem_type", _M)})
MAP_TYPE: Final = Schema("TypeProto.Map", {1: ("key_type", _I32), 2: ("value_type", _M)})
OPAQUE_TYPE: Final = Schema("TypeProto.Opaque", {1: ("domain", _T), 2: ("name", _T)})
SHAPE: Final = Schema("TensorShapeProto", {1: ("dim*", _M)})
DIMENSION: Final = Schema(
    "TensorShapeProto.Dimension",
    {1: ("dim_value", _I64), 2: ("dim_param", _T), 3: ("denotation", _T)},
    one_of="dim_value dim_param",
)
FUNCTION: Final = Schema(
    "FunctionProto",
    {
        1: ("name", _T),
        4: ("input*", _T),
        5: ("output*", _T),
        6: ("attribute*", _T),
        11: ("attribute_proto*", _M),
        7: ("node*", _M),
        8: ("doc_string", _B),
        9: ("opset_import*", _M),
        10: ("domain", _T),
        13: ("overload", _T),
        12: ("value_info*", _M),
        14: ("metadata_props*", _M),
    },
)
ANNOTATION: Final = Schema(
    "TensorAnnotation", {1: ("tensor_name", _T), 2: ("quant_parameter_tensor_names*", _M)}
)
TRAINING: Final = Schema(
    "TrainingInfoProto",
    {
        1: ("initialization", _M),
        2: ("algorithm", _M),
        3: ("initialization_binding*", _M),
        4: ("update_binding*", _M),
    },
)

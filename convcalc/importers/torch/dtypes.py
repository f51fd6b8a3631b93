"""Types of elements: by PyTorch's numbers, by the names of safetensors, and as arrays from raw bytes."""

from __future__ import annotations

from typing import Any, Final

BY_NUMBER: Final = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
"""``torch._export.serde.schema.ScalarType``."""

SAFETENSORS: Final = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "I32": "int32",
    "U32": "uint32", "I64": "int64", "U64": "uint64", "F16": "float16", "BF16": "bfloat16",
    "F32": "float32", "F64": "float64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu", "C64": "complex64",
}  # fmt: skip

STORAGES: Final = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16",
    "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
}  # fmt: skip
"""Classes of storages in files of ``torch.save``."""

_BYTES: Final = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4,
    "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8, "complex32": 4, "complex64": 8,
    "complex128": 16,
}  # fmt: skip


def width(dtype: str) -> int:
    """Bytes of one element."""
    return _BYTES.get(dtype, 1)


def is_floating(dtype: str) -> bool:
    """Whether elements are real numbers, which alone can be learned."""
    return "float" in dtype or dtype.startswith("complex")


def array(data: bytes, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...], order: str = "<") -> Any:
    """The NumPy array of raw bytes; ``bfloat16`` comes as float32, which holds it exactly.

    Args:
        data: from the first element on.
        dtype: type of the elements.
        shape: its sizes.
        strides: steps along the axes, in elements.
        order: of the bytes of an element: ``"<"`` or ``">"``.

    Raises:
        ValueError: NumPy has no such type, or there are too few bytes.
    """
    import numpy as np

    if dtype.startswith("float8") or dtype == "complex32":
        raise ValueError(f"NumPy has no numbers of type {dtype}")
    count = span(shape, strides)
    if len(data) < count * width(dtype):
        raise ValueError(f"{len(data):,} bytes are too few for {count:,} elements of {dtype}")
    if dtype == "bfloat16":
        flat = (np.frombuffer(data, f"{order}u2", count).astype(np.uint32) << 16).view(np.float32)
    else:
        flat = np.frombuffer(data, np.dtype(dtype).newbyteorder(">" if order == ">" else "<"), count)
    item = flat.itemsize
    found = np.lib.stride_tricks.as_strided(flat, shape, tuple(s * item for s in strides))
    native = np.dtype("float32" if dtype == "bfloat16" else dtype)
    return np.array(found, dtype=native)


def span(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """Elements from the first to the last of a tensor, the gaps included."""
    if any(size == 0 for size in shape):
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor without gaps, the last axis fastest."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))

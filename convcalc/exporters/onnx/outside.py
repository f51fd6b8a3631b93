"""Arrays of a model above what Protocol Buffers hold: they go into a file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, Final

MOST: Final = (1 << 31) - (1 << 24)
"""Bytes of arrays that a file itself holds: a message of Protocol Buffers ends at 2 GiB."""
SMALL: Final = 1 << 10
"""Bytes of an array that stays in the model: shapes and steps, which readers look at."""
PAGE: Final = 4096
"""Arrays start at multiples of this, so that they can be mapped."""


class Outside:
    """The arrays that lie beside a model, one after the other.

    Attributes:
        arrays: by where they start.
    """

    def __init__(self) -> None:
        self.arrays: dict[int, Any] = {}
        self._end = 0

    def tensors(self, arrays: Mapping[str, Any], most: int = MOST) -> list[Any]:
        """The initializers of a model: arrays in it, or where these are too many what says where they lie."""
        from onnx import numpy_helper

        within = sum(array.nbytes for array in arrays.values()) <= most
        return [
            numpy_helper.from_array(array, name)
            if within or array.nbytes < SMALL
            else self._reference(name, array)
            for name, array in arrays.items()
        ]

    def _reference(self, name: str, array: Any) -> Any:
        from onnx import TensorProto, helper

        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        found = TensorProto(name=name, dims=array.shape, data_type=kind)
        found.data_location = TensorProto.EXTERNAL
        start = -(-self._end // PAGE) * PAGE
        for key, value in (("location", ""), ("offset", start), ("length", array.nbytes)):
            found.external_data.add(key=key, value=str(value))
        self.arrays[start], self._end = array, start + array.nbytes
        return found

    def write(self, file: IO[bytes]) -> None:
        """Write them into an open file."""
        import numpy as np

        at = 0
        for start, array in self.arrays.items():
            file.write(bytes(start - at))
            file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
            at = start + array.nbytes


def located(content: bytes, location: str) -> bytes:
    """A model whose arrays lie in a file of that name."""
    from onnx import ModelProto

    model = ModelProto.FromString(content)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    found: bytes = model.SerializeToString()
    return found

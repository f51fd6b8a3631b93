"""Tensors of an ONNX file: name, shape and type at once, the values when they are asked for."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Any, Final

from convcalc.files import open_regular
from convcalc.importers.onnx.schema import ENTRY, SPARSE, TENSOR
from convcalc.importers.onnx.wire import MAX_MESSAGES, Kind, Schema, Spans, Wire, pairs
from convcalc.spec.errors import SpecError

DTYPES: Final = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "string",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8e4m3fn",
    18: "float8e4m3fnuz",
    19: "float8e5m2",
    20: "float8e5m2fnuz",
    21: "uint4",
    22: "int4",
    23: "float4e2m1",
    24: "float8e8m0",
    25: "uint2",
    26: "int2",
    27: "float6e2m3",
    28: "float6e3m2",
}
"""Types of elements by their number in a file, as NumPy and ml_dtypes call them."""

_BITS: Final = {
    **{name: 8 for name in ("uint8", "int8", "bool")},
    **{name: 16 for name in ("uint16", "int16", "float16", "bfloat16")},
    **{name: 32 for name in ("float32", "int32", "uint32")},
    **{name: 64 for name in ("float64", "int64", "uint64", "complex64")},
    **{name: 8 for name in DTYPES.values() if name.startswith("float8")},
    **{name: 4 for name in ("uint4", "int4", "float4e2m1")},
    **{name: 2 for name in ("uint2", "int2")},
    **{name: 6 for name in ("float6e2m3", "float6e3m2")},
    "complex128": 128,
}
_FIELDS: Final = {
    "float32": "float_data",
    "complex64": "float_data",
    "float64": "double_data",
    "complex128": "double_data",
    "int64": "int64_data",
    "uint32": "uint64_data",
    "uint64": "uint64_data",
    "string": "string_data",
}  # int32_data for all others
_KINDS: Final = {
    "float_data": Kind.FLOAT,
    "double_data": Kind.DOUBLE,
    "int32_data": Kind.INT32,
    "int64_data": Kind.INT64,
    "uint64_data": Kind.UINT64,
}
_LETTERS: Final = {
    "float32": "f",
    "float64": "d",
    "float16": "e",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "complex64": "f",
    "complex128": "d",
}
_WIDENED: Final = {"bool": "bool", "int4": "int8", "int2": "int8", "uint4": "uint8", "uint2": "uint8"}
# Bits of exponent and of mantissa, the bias, and what the numbers without a finite value are.
_SMALL_FLOATS: Final = {
    "float8e4m3fn": (4, 3, 7, "nan at the top"),
    "float8e4m3fnuz": (4, 3, 8, "nan for minus zero"),
    "float8e5m2": (5, 2, 15, "as IEEE 754"),
    "float8e5m2fnuz": (5, 2, 16, "nan for minus zero"),
    "float6e2m3": (2, 3, 1, "finite"),
    "float6e3m2": (3, 2, 3, "finite"),
    "float4e2m1": (2, 1, 1, "finite"),
}
MAX_RANK: Final = 64
"""Axes of a tensor, as many as NumPy takes."""
_MOST: Final = 1 << 59  # of sixteen bytes each: as many bytes as an address can count
# Parts of the whole of a tensor that was cut for a file; nothing writes them.
_SEGMENT: Final = Schema("TensorProto.Segment", {1: ("begin", Kind.INT64), 2: ("end", Kind.INT64)})


class Tensor:
    """An array in a file.

    Attributes:
        name: its name, which may be empty in an attribute.
        dims: its shape; ``()`` of a single number.
        dtype: its type as NumPy calls it (``float32``, ``int64``, ``bool``, ``string``) or as ml_dtypes does
            (``bfloat16``, ``float8e4m3fn``, ``int4``, ...).
        start: the byte of the file that it starts at.
        external: of values in another file: location, offset, length, checksum as written there; else None.
        stored: whether the file says where the values are.

    Raises:
        SpecError: it breaks the format, or its values are more or fewer than its shape has.
    """

    __slots__ = ("_fields", "_wire", "dims", "dtype", "external", "name", "size", "start", "stored")

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, TENSOR, depth)
        self._wire, self._fields = wire, fields
        self.start = spans[0] if spans else 0
        self.name: str = fields.get("name", "")
        self.dims = read_dims(wire, fields.get("dims"))
        kind = fields.get("data_type", 0)
        self.dtype = DTYPES.get(kind, f"type {kind}" if kind else "undefined")
        self.size = self._count()
        outside = read_entries(wire, fields.get("external_data"), depth + 1)
        self.external = outside if fields.get("data_location") == 1 else None
        self.stored = bool(self.external) or self.size == 0
        if not self.external:
            self._check()
        elif (length := self._stated("length")) is not None and self.dtype in _BITS and length != self.nbytes:
            raise self._error(f"{length:,} bytes of {self.external.get('location', '')!r}", self._wanted())

    @property
    def nbytes(self) -> int:
        """Bytes of the values, as a file holds them."""
        return -(-self.size * _BITS.get(self.dtype, 0) // 8)

    @property
    def doc(self) -> str:
        """What the file says about it in words."""
        return self._wire.loose(self._fields.get("doc_string"))

    @property
    def metadata(self) -> dict[str, str]:
        """What the file adds to it, by name."""
        return read_entries(self._wire, self._fields.get("metadata_props"), 1)

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype}, {self.dims})"

    def values(self, most: int = 1 << 16) -> tuple[Any, ...] | None:
        """The values in a row, as Python's numbers, without NumPy: for what shapes are made of.

        Args:
            most: values that it may have at most.

        Returns:
            The numbers (of a string tensor bytes, of a complex one complex numbers); None where there are
                more.

        Raises:
            SpecError: they are not there, or not of this type.
        """
        if self.size > most:
            return None
        if self.dtype == "string":
            spans = self._fields.get("string_data")
            self._there()
            return tuple(self._wire.data[a:b] for a, b in pairs(spans)) if spans else ()
        raw = self._raw()
        if raw is None:
            kind = self._typed()
            numbers: list[Any] = list(self._wire.numbers(self._fields[kind], _KINDS[kind])) if kind else []
            if kind != "int32_data":
                return self._paired(numbers)
            if self.dtype in ("int32",):
                return tuple(numbers)
            bits = _BITS[self.dtype]
            if bits < 8 and not self.dtype.startswith("float6"):
                raw = memoryview(bytes(n & 255 for n in numbers))
            elif bits == 6:
                table = small_floats(self.dtype)
                return tuple(table[n & 63] for n in numbers)
            else:
                raw = memoryview(
                    b"".join((n & (1 << bits) - 1).to_bytes(bits // 8, "little") for n in numbers)
                )
        return self._from_raw(bytes(raw))

    def array(self) -> Any:
        """The values as a NumPy array of this shape.

        Types that NumPy has not are widened without loss: floats of fewer than 32 bits to ``float32``
        (``float16`` stays), integers of 4 and 2 bits to ``int8`` or ``uint8``; strings are Python's, in an
        array of objects. Where that can be, the array is a view of the mapped file that cannot be written to.

        Raises:
            SpecError: they are not there, or not of this type; a file they are in is missing, too short, or
                outside of the model's folder.
        """
        import numpy as np

        if self.dtype == "string":
            self._there()
            found = np.empty(self.size, dtype=object)
            for index, (start, end) in enumerate(pairs(self._fields.get("string_data", ()))):
                found[index] = self._wire.data[start:end].decode(errors="surrogateescape")
            return found.reshape(self.dims)
        raw = self._raw()
        name = self.dtype
        bits = _BITS[name]
        if not self.size:
            return np.zeros(self.dims, name if name in _LETTERS else _WIDENED.get(name, np.float32))
        if raw is None:
            kind = self._typed()
            assert kind is not None
            numbers = self._numbers(kind)
            if kind in ("float_data", "double_data", "int64_data"):
                return numbers.view(name).reshape(self.dims)
            if kind != "int32_data" or name == "int32":
                return numbers.astype(name).reshape(self.dims)
            if bits == 6:
                return np.array(small_floats(name), np.float32)[numbers & 63].reshape(self.dims)
            raw = memoryview(numbers.astype(np.uint16 if bits == 16 else np.uint8).tobytes())
        if bits == 8 and name.startswith("float"):
            return np.array(small_floats(name), np.float32)[np.frombuffer(raw, np.uint8)].reshape(self.dims)
        if bits < 8:
            codes = _unpacked(np.frombuffer(raw, np.uint8), bits, self.size)
            if name.startswith("float"):
                return np.array(small_floats(name), np.float32)[codes].reshape(self.dims)
            if name.startswith("int"):
                codes = codes.astype(np.int8)
                codes -= (codes >> (bits - 1)) << bits
            return codes.reshape(self.dims)
        if name == "bool":
            return (np.frombuffer(raw, np.uint8) != 0).reshape(self.dims)
        if name == "bfloat16":
            return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(self.dims)
        found = np.frombuffer(raw, np.dtype(name).newbyteorder("<")).reshape(self.dims)
        return found if found.flags.aligned else found.copy()

    # Where the values are

    def _raw(self) -> memoryview | None:
        """The bytes of the values, where they stand as such; they are as many as the shape has."""
        if self.dtype not in _BITS:
            raise self._error(f"its elements have {self.dtype}", "a type that ONNX states")
        self._there()
        if self.external is not None:
            return memoryview(self._outside())[: self.nbytes]
        spans = self._fields.get("raw_data")
        if spans is None or self._typed():
            return None
        return memoryview(self._wire.data)[spans[-2] : spans[-1]]

    def _outside(self) -> Any:
        """The bytes of another file, mapped."""
        import mmap

        assert self.external is not None
        location, folder = self.external.get("location", ""), self._wire.folder
        if folder is None:
            raise self._error(f"its values are in {location!r}, and the model is in no folder")
        inside = os.path.realpath(folder)
        try:
            path = os.path.realpath(os.path.join(inside, location))
            if not location or os.path.isabs(location) or os.path.commonpath([inside, path]) != inside:
                raise self._error(
                    f"its values are in {location!r}", "a file in the folder of the model, or below"
                )
            offset = self._stated("offset") or 0
            with open_regular(path, most=1 << 50) as file:
                size = os.fstat(file.fileno()).st_size
                if offset + self.nbytes > size:
                    raise self._error(
                        f"{location!r} has {size:,} bytes", f"{self.nbytes:,} bytes from byte {offset:,} on"
                    )
                if not self.nbytes:
                    return b""
                begin = offset - offset % mmap.ALLOCATIONGRANULARITY
                data = mmap.mmap(
                    file.fileno(), offset + self.nbytes - begin, access=mmap.ACCESS_READ, offset=begin
                )
                return memoryview(data)[offset - begin :]
        except SpecError:
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._error(f"its values are in {location!r}, which cannot be read: {reason}") from None

    def _stated(self, name: str) -> int | None:
        """A number of the description of another file."""
        text = (self.external or {}).get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise self._error(f"the {name} of its values is {text[:40]!r}", "a number of bytes")
        return int(text)

    def _typed(self) -> str | None:
        """The field of numbers or of strings that holds the values, if one does."""
        return next(
            (name for name in (*_KINDS, "string_data") if name in self._fields and self._has(name)), None
        )

    def _has(self, name: str) -> bool:
        spans = self._fields[name]
        return name == "string_data" or any(start < end for start, end in pairs(spans))

    def _there(self) -> None:
        if not self.stored:
            raise self._error("its values are not in the file")

    def _count(self) -> int:
        """The number of elements; the product stops where nothing could hold it."""
        size = 1
        for length in self.dims:
            size *= length or 1  # beside a length of 0 the others are bounded as well, as NumPy wants it
            if size > _MOST:
                raise self._error("its shape has more elements than can be", "at most 2**59")
        return 0 if 0 in self.dims else size

    def _check(self) -> None:
        """Hold what is in the file against the shape."""
        fields = self._fields
        if "segment" in fields and self._wire.decode(fields["segment"], _SEGMENT, 1):
            raise self._error("it is a segment of a tensor", "the whole tensor")
        held = [name for name in (*_KINDS, "string_data") if name in fields and self._has(name)]
        raw = fields.get("raw_data")
        if raw is not None and (raw[-2] < raw[-1] or not held):
            held.append("raw_data")
        if not held:
            return
        self.stored = True
        if len(held) > 1:
            raise self._error(f"it has values in {held[0]} and in {held[1]}", "one of the two")
        if self.dtype not in _BITS and self.dtype != "string":
            return  # no reader of values says more
        (name,) = held
        if name == "raw_data":
            right = self.dtype != "string" and raw[-1] - raw[-2] == self.nbytes  # type: ignore[index]
            said = f"{raw[-1] - raw[-2]:,} bytes of values"  # type: ignore[index]
        else:
            spans = fields[name]
            count = len(spans) // 2 if name == "string_data" else self._wire.how_many(spans, _KINDS[name])
            bits, wanted = _BITS.get(self.dtype, 8), self.size
            if bits < 8 and bits != 6:
                wanted = self.nbytes
            elif self.dtype.startswith("complex"):
                wanted *= 2
            right = count == wanted and name == _FIELDS.get(self.dtype, "int32_data")
            said = f"{count:,} values in {name}"
        if not right:
            raise self._error(said, self._wanted())

    def _wanted(self) -> str:
        shape = "x".join(map(str, self.dims)) or "a single number"
        return f"{self.size:,} of {self.dtype}, for the shape {shape}" + (
            f": {self.nbytes:,} bytes" if self.dtype in _BITS else ""
        )

    def _error(self, message: str, expected: str | None = None) -> SpecError:
        return self._wire.error(self.start, f"tensor {self.name[:200]!r}: {message}", expected)

    # How they are written

    def _numbers(self, name: str) -> Any:
        """A field of numbers as a flat NumPy array of its own kind."""
        import numpy as np

        kind = _KINDS[name]
        raw = b"".join(self._wire.data[start:end] for start, end in pairs(self._fields[name]))
        if kind in (Kind.FLOAT, Kind.DOUBLE):
            return np.frombuffer(raw, "<f4" if kind is Kind.FLOAT else "<f8").astype(
                "f4" if kind is Kind.FLOAT else "f8"
            )
        codes = np.frombuffer(raw, np.uint8)
        ends = np.flatnonzero(codes < 128)
        starts = np.concatenate((np.zeros(1, ends.dtype), ends[:-1] + 1))[: len(ends)]
        lengths = ends - starts + 1
        if len(lengths) and lengths.max() > 10:
            raise self._error(f"a number of more than ten bytes in {name}")
        found = np.zeros(len(ends), np.uint64)
        for place in range(int(lengths.max()) if len(lengths) else 0):
            longer = lengths > place
            found[longer] |= (codes[starts[longer] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
        if kind is Kind.INT32:
            return found.astype(np.uint32).view(np.int32)
        return found.view(np.int64) if kind is Kind.INT64 else found

    def _paired(self, numbers: list[Any]) -> tuple[Any, ...]:
        if self.dtype.startswith("complex"):
            return tuple(map(complex, numbers[::2], numbers[1::2]))
        if self.dtype == "uint32":
            return tuple(n & 0xFFFFFFFF for n in numbers)
        return tuple(numbers)

    def _from_raw(self, raw: bytes) -> tuple[Any, ...]:
        name, bits = self.dtype, _BITS[self.dtype]
        if name in _LETTERS:
            letter = _LETTERS[name]
            return self._paired(list(struct.unpack(f"<{len(raw) // struct.calcsize(letter)}{letter}", raw)))
        if name == "bool":
            return tuple(byte != 0 for byte in raw)
        if name == "bfloat16":
            widened = b"".join(b"\0\0" + raw[at : at + 2] for at in range(0, len(raw), 2))
            return struct.unpack(f"<{len(raw) // 2}f", widened)
        whole = int.from_bytes(raw, "little")
        codes = (
            [whole >> bits * index & (1 << bits) - 1 for index in range(self.size)] if bits < 8 else list(raw)
        )
        if name.startswith("float"):
            table = small_floats(name)
            return tuple(table[code] for code in codes)
        if name.startswith("int"):
            return tuple(code - (code >> (bits - 1) << bits) for code in codes)
        return tuple(codes)


class SparseTensor:
    """An array of which only some elements are stored, the others are zero.

    Attributes:
        name: its name, which is that of its values.
        dims: its shape.
        dtype: as in `Tensor`.
        stored_values: the elements, in one axis.
        indices: where they are: flat places in one axis, or a row of an index per axis each.
    """

    __slots__ = ("_wire", "dims", "dtype", "indices", "name", "start", "stored_values")

    def __init__(self, wire: Wire, spans: Spans[int], depth: int = 0) -> None:
        fields = wire.decode(spans, SPARSE, depth)
        self._wire = wire
        self.start = spans[0] if spans else 0
        self.dims = read_dims(wire, fields.get("dims"))
        none = type(spans)("Q")
        self.stored_values = Tensor(wire, fields.get("values", none), depth + 1)
        self.indices = Tensor(wire, fields.get("indices", none), depth + 1)
        self.name = self.stored_values.name
        self.dtype = self.stored_values.dtype

    def array(self) -> Any:
        """The whole array, zeros included.

        Raises:
            SpecError: the values are not there, or a place is outside of the shape.
        """
        import numpy as np

        values, indices = self.stored_values.array().reshape(-1), self.indices.array()
        size = 1
        for length in self.dims:
            size *= length
        if size > max(1 << 28, 64 * max(1, values.size)):
            raise self._error(f"{values.size:,} values of a sparse tensor of {size:,}", "fewer than 2**28")
        if indices.dtype != np.int64 or indices.shape not in ((values.size,), (values.size, len(self.dims))):
            raise self._error(
                f"indices of {indices.dtype} and shape {indices.shape}", "int64, one for each value"
            )
        whole = np.zeros(size, values.dtype)
        limits = np.array(self.dims if indices.ndim == 2 else (size,), np.int64)
        rows = indices.reshape(values.size, -1)
        if ((rows < 0) | (rows >= limits)).any():
            raise self._error("an index of a sparse tensor is outside of its shape")
        places = np.ravel_multi_index(tuple(rows.T), self.dims) if indices.ndim == 2 else indices
        whole[places] = values
        return whole.reshape(self.dims)

    def _error(self, message: str, expected: str | None = None) -> SpecError:
        return self._wire.error(self.start, f"tensor {self.name[:200]!r}: {message}", expected)


def read_dims(wire: Wire, spans: Spans[int] | None) -> tuple[int, ...]:
    """The lengths of a tensor's axes.

    Raises:
        SpecError: one is negative, or there are too many.
    """
    if not spans:
        return ()
    count = wire.how_many(spans, Kind.INT64)
    if count > MAX_RANK:
        raise wire.error(spans[0], f"a tensor of {count:,} axes", f"at most {MAX_RANK}")
    dims = tuple(map(int, wire.numbers(spans, Kind.INT64)))
    if any(length < 0 for length in dims):
        raise wire.error(spans[0], f"a tensor of the shape {'x'.join(map(str, dims))}", "no negative length")
    return dims


def read_entries(wire: Wire, spans: Spans[int] | None, depth: int) -> dict[str, str]:
    """Pairs of texts, by the first; of two with the same the last counts."""
    found: dict[str, str] = {}
    for fields in read_all(wire, spans, lambda wire, span, depth: wire.decode(span, ENTRY, depth), depth):
        found[fields.get("key", "")] = wire.loose(fields.get("value"))
    return found


def read_all(
    wire: Wire, spans: Spans[int] | None, make: Callable[[Wire, Spans[int], int], Any], depth: int
) -> list[Any]:
    """The messages of a repeated field, one for each place.

    Raises:
        SpecError: they are more than anything has use for.
    """
    if not spans:
        return []
    if len(spans) // 2 > MAX_MESSAGES:
        raise wire.error(spans[0], f"{len(spans) // 2:,} entries in one list", f"at most {MAX_MESSAGES:,}")
    return [make(wire, spans[at : at + 2], depth) for at in range(0, len(spans), 2)]


def small_floats(name: str) -> tuple[float, ...]:
    """The values of all codes of a float of eight bits or fewer.

    Source: OCP Microscaling Formats 1.0; OCP 8-bit Floating Point Specification 1.0; Noune et al. 2022 for
    the types without a minus zero (``fnuz``).
    """
    nan, infinity = float("nan"), float("inf")
    if name == "float8e8m0":  # a power of two, its exponent with the bias 127
        return (*(2.0 ** (code - 127) for code in range(255)), nan)
    exponents, digits, bias, odd = _SMALL_FLOATS[name]
    found = []
    for code in range(1 << (1 + exponents + digits)):
        sign = -1.0 if code >> (exponents + digits) else 1.0
        exponent, digit = code >> digits & (1 << exponents) - 1, code & (1 << digits) - 1
        top = exponent == (1 << exponents) - 1
        if odd == "nan for minus zero" and code == 1 << (exponents + digits):
            found.append(nan)
        elif odd == "as IEEE 754" and top:
            found.append(nan if digit else sign * infinity)
        elif odd == "nan at the top" and top and digit == (1 << digits) - 1:
            found.append(nan)
        elif exponent:
            found.append(sign * (1 + digit / (1 << digits)) * 2.0 ** (exponent - bias))
        else:
            found.append(sign * digit / (1 << digits) * 2.0 ** (1 - bias))
    return tuple(found)


def _unpacked(codes: Any, bits: int, count: int) -> Any:
    """Codes of 2, 4 or 6 bits from their bytes, the lowest bits first."""
    import numpy as np

    if bits != 6:
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        return ((codes[:, None] >> shifts) & np.uint8((1 << bits) - 1)).reshape(-1)[:count]
    found = np.unpackbits(codes, bitorder="little")[: 6 * count].reshape(count, 6)
    return np.packbits(found, axis=1, bitorder="little").reshape(-1)

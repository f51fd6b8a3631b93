"""The wire format of Protocol Buffers, read where it lies: a mapped file, and what stands where in it.

Source: https://protobuf.dev/programming-guides/encoding/. A message is a row of fields; each has a number and
a wire type (a varint, eight bytes, a length and so many bytes, four bytes, a group). Nothing is read before
it is asked for: of a message inside, of bytes and of rows of numbers only the place is kept, so that the
weights of a model are stepped over. No length that a file states is believed before it is held against the
end of what it is in.
"""

from __future__ import annotations

import mmap
import os
import struct
from array import array
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Final, NoReturn

from convcalc.files import open_regular
from convcalc.spec.errors import Problem, SpecError

MAX_DEPTH: Final = 100
"""Messages inside one another that are followed, as many as Protocol Buffers allow."""
MAX_TEXT: Final = 1 << 20
"""Bytes of a name."""
MAX_MESSAGES: Final = 1 << 20
"""Messages in one list, such as the nodes of a graph."""
_LARGE: Final = 1 << 14
_HELD: Final = 1 << 22

Spans = array  # of unsigned 64-bit numbers: start, end, start, end, ...
"""Places of a file in their order: a start and an end after the last byte each."""


class Kind(IntEnum):
    """What a field holds."""

    TEXT = 0  # a name, UTF-8
    BYTES = 1  # kept as a place; of one that is repeated without need the last counts
    MESSAGE = 2  # kept as places; of one that is repeated without need all are read as one
    INT64 = 3
    INT32 = 4
    UINT64 = 5
    FLOAT = 6
    DOUBLE = 7


_WIRE: Final = {Kind.TEXT: 2, Kind.BYTES: 2, Kind.MESSAGE: 2, Kind.FLOAT: 5, Kind.DOUBLE: 1}
_TYPES: Final = ("a varint", "eight bytes", "a length", "a group", "the end of a group", "four bytes")
_FIXED: Final = {Kind.FLOAT: ("f", 4), Kind.DOUBLE: ("d", 8)}
_SIZES: Final = {1: 8, 5: 4}
_MASK: Final = (1 << 64) - 1

# How a field is taken, by its whole tag.
_TEXT, _TEXTS, _SPAN, _SPANS, _NUMBER, _NUMBERS, _FIXED_NUMBER, _FIXED_NUMBERS = range(8)


class Schema:
    """The fields of a message: number, name, kind, and whether it is repeated.

    Args:
        name: what the message is called in a refusal.
        fields: by number; a ``*`` at the end of a name marks a repeated field.
        one_of: names of fields of which the last one counts alone.
    """

    __slots__ = ("fields", "name", "one_of", "tags")

    def __init__(self, name: str, fields: Mapping[int, tuple[str, Kind]], one_of: str = "") -> None:
        self.name = name
        self.one_of = frozenset(one_of.split())
        self.fields = {
            number: (title.rstrip("*"), kind, title[-1] == "*") for number, (title, kind) in fields.items()
        }
        self.tags: dict[int, tuple[str, int, Kind]] = {}
        for number, (title, kind, many) in self.fields.items():
            wire = _WIRE.get(kind, 0)
            if kind is Kind.TEXT:
                take = _TEXTS if many else _TEXT
            elif wire == 2:
                take = _SPANS if many or kind is Kind.MESSAGE else _SPAN
            elif wire == 0:
                take = _NUMBERS if many else _NUMBER
            else:
                take = _FIXED_NUMBERS if many else _FIXED_NUMBER
            self.tags[number << 3 | wire] = title, take, kind
            if many and wire != 2:  # packed: one after the other behind a length
                self.tags[number << 3 | 2] = title, _SPANS, kind


class Wire:
    """A file, or bytes, in the wire format.

    Args:
        data: the mapped file, or bytes.
        name: what it is called in a refusal.
        folder: where it lies, for files that it names; None where it is no file.

    Attributes:
        size: its bytes.
    """

    __slots__ = ("_passed", "data", "folder", "name", "size")

    def __init__(self, data: bytes | mmap.mmap, name: str, folder: str | None = None) -> None:
        self.data = data
        self._passed = 0
        self.name = name
        self.folder = folder
        self.size = len(data)

    @classmethod
    def of_file(cls, path: str | os.PathLike[str]) -> Wire:
        """Map a file; none of it is read.

        Raises:
            OSError: it is no regular file, or cannot be read.
        """
        name = os.fspath(path)
        with open_regular(name, most=1 << 50) as file:
            size = os.fstat(file.fileno()).st_size
            data = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) if size else b""
        return cls(data, name, os.path.dirname(os.path.abspath(name)))

    def error(self, at: int, message: str, expected: str | None = None) -> SpecError:
        """The refusal of what stands at a byte of the file."""
        return SpecError(Problem(f"byte {at:,}: {message}", file=self.name, line=0, expected=expected))

    def refused(self, message: str, expected: str | None = None) -> SpecError:
        """The refusal of the whole file."""
        return SpecError(Problem(message, file=self.name, expected=expected))

    def varint(self, at: int, end: int) -> tuple[int, int]:
        """The number at a place, of seven bits per byte, and where it ends."""
        data, start, value, shift = self.data, at, 0, 0
        while at < end:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & _MASK, at
            shift += 7
            if shift == 70:
                raise self.error(start, "a number of more than ten bytes")
        raise self.error(start, "the file, or the message, ends inside a number")

    def decode(self, spans: Spans[int], schema: Schema, depth: int = 0) -> dict[str, Any]:
        """The fields of a message, by name; those that are not there are left out.

        Args:
            spans: where it stands; of several places the parts are read as one message.
            schema: its fields.
            depth: how many messages it is inside of.

        Returns:
            Text as str, repeated text as a list; numbers as int or float; for all else (messages, bytes,
            repeated numbers) the places, as one row of starts and ends.

        Raises:
            SpecError: it breaks the format.
        """
        if depth > MAX_DEPTH:
            raise self.error(spans[0], f"messages inside one another, more than {MAX_DEPTH} deep")
        data, tags, one_of, found = self.data, schema.tags, schema.one_of, dict[str, Any]()
        for index in range(0, len(spans), 2):
            at, end = spans[index], spans[index + 1]
            while at < end:
                place = at
                key = data[at]
                at += 1
                if key > 127:
                    key, at = self.varint(place, end)
                entry = tags.get(key)
                if entry is None:
                    at = self._skip(place, key, at, end, schema)
                    continue
                name, take, kind = entry
                if one_of and name in one_of:
                    for other in one_of - {name}:
                        found.pop(other, None)
                if take <= _SPANS:
                    size = data[at] if at < end else 128
                    at += 1
                    if size > 127:
                        size, at = self.varint(at - 1, end)
                    stop = at + size
                    if stop > end:
                        self._beyond(place, name, size, end - at, schema)
                    if size > _LARGE:
                        self._pass(size)
                    if take <= _TEXTS:
                        if size > MAX_TEXT:
                            raise self.error(
                                place, f"{schema.name}.{name} has {size:,} bytes", f"at most {MAX_TEXT:,}"
                            )
                        try:
                            text = data[at:stop].decode()
                        except UnicodeDecodeError as error:
                            raise self.error(
                                at + error.start, f"{schema.name}.{name} is no UTF-8 text"
                            ) from None
                        if take == _TEXT:
                            found[name] = text
                        elif name in found:
                            found[name].append(text)
                        else:
                            found[name] = [text]
                    elif take == _SPAN or name not in found:
                        found[name] = array("Q", (at, stop))
                    else:
                        found[name].append(at)
                        found[name].append(stop)
                    at = stop
                elif take <= _NUMBERS:
                    start = at
                    number, at = self.varint(at, end)
                    if take == _NUMBER:
                        found[name] = _signed(number, kind)
                    else:
                        _extend(found, name, start, at)
                else:
                    letter, size = _FIXED[kind]
                    stop = at + size
                    if stop > end:
                        self._beyond(place, name, size, end - at, schema)
                    if take == _FIXED_NUMBER:
                        (found[name],) = struct.unpack("<" + letter, data[at:stop])
                    else:
                        _extend(found, name, at, stop)
                    at = stop
        return found

    def numbers(self, spans: Spans[int], kind: Kind) -> list[int] | list[float]:
        """The values of a repeated field of numbers."""
        if kind in _FIXED:
            letter, size = _FIXED[kind]
            values: list[Any] = []
            for start, end in pairs(spans):
                if (end - start) % size:
                    raise self.error(start, f"{end - start:,} bytes are no row of numbers of {size} bytes")
                values += struct.unpack(f"<{(end - start) // size}{letter}", self.data[start:end])
            return values
        found: list[int] = []
        for start, end in pairs(spans):
            part = self.data[start:end]
            if part.isascii():  # a byte each
                found += part
                continue
            at = start
            while at < end:
                number, at = self.varint(at, end)
                found.append(_signed(number, kind))
        return found

    def how_many(self, spans: Spans[int], kind: Kind) -> int:
        """The number of values of a repeated field of numbers."""
        if kind in _FIXED:
            size, count = _FIXED[kind][1], 0
            for start, end in pairs(spans):
                if (end - start) % size:
                    raise self.error(start, f"{end - start:,} bytes are no row of numbers of {size} bytes")
                count += (end - start) // size
            return count
        count = 0
        for start, end in pairs(spans):
            for part in range(start, end, 1 << 20):
                count += len(self.data[part : min(end, part + (1 << 20))].translate(None, _CONTINUED))
            if end > start and self.data[end - 1] > 127:
                raise self.error(end - 1, "the row of numbers ends inside a number")
        return count

    def blob(self, spans: Spans[int] | None) -> bytes:
        """The bytes at the last of some places; none for None."""
        return self.data[spans[-2] : spans[-1]] if spans else b""

    def loose(self, spans: Spans[int] | None) -> str:
        r"""The text at a place that changes no answer; what is not UTF-8 is written as ``\xff``."""
        return self.blob(spans).decode(errors="backslashreplace")

    def _pass(self, size: int) -> None:
        """Let go of the pages around what was stepped over: a touched byte may bring megabytes along."""
        self._passed += size
        if self._passed > _HELD and isinstance(self.data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            self._passed = 0
            self.data.madvise(mmap.MADV_DONTNEED)  # they are read from the file again if they are needed

    def _beyond(self, place: int, name: str, size: int, left: int, schema: Schema) -> NoReturn:
        raise self.error(
            place,
            f"{schema.name}.{name} is said to have {size:,} bytes, and {max(0, left):,} are left"
            + (" of the file: it was cut, or is no such file" if place + left >= self.size - 16 else ""),
        )

    def _skip(self, place: int, key: int, at: int, end: int, schema: Schema) -> int:
        """Step over a field that is not known; groups are walked through without going into one another."""
        number = key >> 3
        known = schema.fields.get(number)
        if known is not None:
            kind = key & 7
            found = _TYPES[kind] if kind < len(_TYPES) else f"wire type {kind}"
            raise self.error(
                place, f"{schema.name}.{known[0]} is written as {found}", f"{_TYPES[_WIRE.get(known[1], 0)]}"
            )
        groups: list[int] = []
        while True:
            number, wire = key >> 3, key & 7
            if not 0 < number < 1 << 29:
                raise self.error(place, f"a field with the number {number:,} in a {schema.name}")
            if wire == 0:
                at = self.varint(at, end)[1]
            elif wire == 3:
                groups.append(number)
                if len(groups) > MAX_DEPTH:
                    raise self.error(place, f"groups inside one another, more than {MAX_DEPTH} deep")
            elif wire == 4:
                if not groups or groups.pop() != number:
                    raise self.error(place, "the end of a group that has not begun")
            elif wire == 2:
                size, at = self.varint(at, end)
                if at + size > end:
                    self._beyond(place, f"field {number}", size, end - at, schema)
                at += size
            elif wire in _SIZES:
                at += _SIZES[wire]
                if at > end:
                    self._beyond(place, f"field {number}", _SIZES[wire], end - at + _SIZES[wire], schema)
            else:
                raise self.error(place, f"wire type {wire}, which does not exist", "0 to 5")
            if not groups:
                return at
            if at >= end:
                raise self.error(place, "the message ends inside a group")
            place = at
            key, at = self.varint(at, end)


_CONTINUED: Final = bytes(range(128, 256))


def pairs(spans: Spans[int]) -> list[tuple[int, int]]:
    """The places one by one."""
    return list(zip(spans[::2], spans[1::2], strict=True))


def _extend(found: dict[str, Any], name: str, start: int, stop: int) -> None:
    if name not in found:
        found[name] = array("Q")
    found[name].append(start)
    found[name].append(stop)


def _signed(number: int, kind: Kind) -> int:
    """A varint as the signed number that it stands for."""
    if kind is Kind.INT64:
        return number - (1 << 64) if number >> 63 else number
    if kind is Kind.INT32:
        number &= 0xFFFFFFFF
        return number - (1 << 32) if number >> 31 else number
    return number

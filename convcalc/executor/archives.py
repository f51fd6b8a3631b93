"""``.npy`` and ``.npz`` files from outside: their headers are read before anything is unpacked."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import IO, Any, Final, NamedTuple

import numpy as np
from numpy.lib import format as npy

from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.windows import ExecutionError
from convcalc.files import open_regular
from convcalc.printable import one_line

MAX_HEADER: Final = 10_000
"""Longest header of an array, in bytes."""
MAX_MEMBERS: Final = 100_000
"""Most arrays in one archive."""


class Header(NamedTuple):
    """What the beginning of a ``.npy`` says.

    Attributes:
        shape: of the array.
        dtype: of its numbers.
    """

    shape: tuple[int, ...]
    dtype: Any

    @property
    def nbytes(self) -> int:
        """Bytes that the array takes."""
        return int(prod(self.shape) * self.dtype.itemsize)


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Every damage in one message that names the file and the member."""
    try:
        yield
    except ExecutionError:
        raise
    except Exception as error:  # the readers of NumPy and of zip raise whatever damage leads them to
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise ExecutionError(f"{place} {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = one_line(" ".join(str(error).split()))[:200]
    if "pickle" in text or "Object arrays" in text:
        return "holds Python objects, which are not read"
    if isinstance(error, NotImplementedError):
        return f"is packed in a way that is not read: {text}"
    if "encrypted" in text or "password" in text:
        return "is encrypted"
    return f"cannot be read: {text or type(error).__name__}"


def _header(file: IO[bytes]) -> Header:
    start = file.read(12)
    length = int.from_bytes(start[8:12] if start[6:7] > b"\1" else start[8:10], "little")
    if start[:6] == npy.MAGIC_PREFIX and length > MAX_HEADER:  # NumPy would read so much first
        raise ValueError(f"a header of {length:,} bytes")
    file.seek(0)
    version = npy.read_magic(file)
    read: Callable[..., Any] = {(1, 0): npy.read_array_header_1_0}.get(version, npy.read_array_header_2_0)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"a format of version {version[0]}.{version[1]}")
    shape, _, dtype = read(file, max_header_size=MAX_HEADER)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be read")
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > 32:
        raise ValueError(f"a shape of {str(shape)[:60]}")
    return Header(tuple(shape), dtype)


def _array(file: IO[bytes], header: Header, there: int, place: str, most: int | None) -> Array:
    """The array that follows in a file that has so many bytes after its header."""
    if header.nbytes > there:
        raise ExecutionError(
            f"{place} cannot be read: the shape {header.shape} of {header.dtype} takes "
            f"{header.nbytes:,} bytes, and {there:,} are there"
        )
    check_room(header.nbytes, most, place)
    file.seek(0)
    array = npy.read_array(file, allow_pickle=False)
    return np.asarray(array)


def check_room(nbytes: int, most: int | None, place: str) -> None:
    """Refuse what takes more memory than there may be.

    Raises:
        ExecutionError: it does.
    """
    if most is not None and nbytes > most:
        raise ExecutionError(f"{place} takes {nbytes:,} bytes of memory; {most:,} may be used (max_memory)")


def read_array(path: str | os.PathLike[str], most: int | None = None) -> Array:
    """The array of a ``.npy`` file.

    Args:
        path: the file.
        most: bytes that it may take.

    Raises:
        ExecutionError: the file is damaged, holds something else, or more than that.
        OSError: it cannot be opened.
    """
    place = one_line(os.fspath(path))
    with open_regular(path) as file, _told(place):
        if file.read(2) == b"PK":
            raise ExecutionError(f"{place} cannot be read: it is an .npz archive, not one .npy array")
        file.seek(0)
        header = _header(file)
        return _array(file, header, os.fstat(file.fileno()).st_size - file.tell(), place, most)


class Archive:
    """An ``.npz`` file of which only the headers have been read.

    Attributes:
        headers: shape and type of each array, by name.

    Raises:
        ExecutionError: it is damaged, or no archive of arrays.
        OSError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.place = one_line(os.fspath(path))
        self.headers: dict[str, Header] = {}
        self._file = open_regular(path)
        try:
            with _told(f"{self.place} is not an .npz archive, or"):
                self._zip = zipfile.ZipFile(self._file)
                if len(self._zip.filelist) > MAX_MEMBERS:
                    raise ExecutionError(f"{self.place} holds more than {MAX_MEMBERS:,} members")
            for info in self._zip.filelist:
                name = info.filename.removesuffix(".npy")
                place = self._member(name)
                if name in self.headers:
                    raise ExecutionError(f"{place} is there twice")
                with _told(place), self._zip.open(info) as member:
                    self.headers[name] = _header(member)
        except BaseException:
            self._file.close()
            raise
        self._infos = {info.filename.removesuffix(".npy"): info for info in self._zip.filelist}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _member(self, name: str) -> str:
        return f"{self.place}: {one_line(name)[:100]}"

    def read(self, name: str) -> Array:
        """Unpack one array, no more of it than its header says."""
        info, header, place = self._infos[name], self.headers[name], self._member(name)
        with _told(place), self._zip.open(info) as member:
            return _array(member, header, info.file_size, place, None)

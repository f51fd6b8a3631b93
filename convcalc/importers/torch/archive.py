"""Zip archives as PyTorch writes them, read within bounds: nothing is unpacked that is not asked for."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import IO, Any, Final

from convcalc.files import open_regular

MAX_DIRECTORY: Final = 1 << 25
"""Bytes that the list of an archive's members may have."""
MAX_TEXT: Final = 1 << 28
"""Bytes that a text in an archive may have."""

_END: Final = b"PK\x05\x06"
_END_64: Final = b"PK\x06\x06"
_FAULTS: Final = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError, struct.error, ValueError,
    OverflowError, OSError, KeyError, LookupError,
)  # fmt: skip


class BrokenFile(ValueError):
    """A file that is not what it claims to be; the message reads on after its name."""


class Archive:
    """The members of a zip file; all stand in one folder, whose name is left out.

    Args:
        path: the file.
        inside: a member of an archive that is an archive itself, already open.

    Raises:
        BrokenFile: it is no archive, or its list of members is damaged.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], inside: IO[bytes] | None = None) -> None:
        self.path = os.fspath(path)
        self._file = inside if inside is not None else open_regular(path)
        try:
            _bounded(self._file)
            self._zip = zipfile.ZipFile(self._file)
        except _FAULTS as error:
            self._file.close()
            raise BrokenFile(f"is no zip archive, or a damaged one ({_said(error)})") from None
        self.members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            self.members[info.filename.partition("/")[2] or info.filename] = info
        self._names = self.members.keys()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def size(self, name: str) -> int:
        """Bytes of a member, as the list of members has it."""
        return self.members[name].file_size

    def read(self, name: str, most: int = MAX_TEXT, at: int = 0, length: int | None = None) -> bytes:
        """A member, or a part of it.

        Raises:
            BrokenFile: there is none, it is larger than ``most``, or damaged.
        """
        info = self.members.get(name)
        if info is None:
            raise BrokenFile(f"lacks {name[:100]}")
        due = info.file_size - at if length is None else length
        if due > most or due < 0:
            raise BrokenFile(
                f"has {name[:100]} of {info.file_size:,} bytes, more than the {most:,} that are read"
            )
        stored = info.compress_type == zipfile.ZIP_STORED
        if stored and info.file_size > os.stat(self.path).st_size:
            raise BrokenFile(f"is cut short: {name[:100]} should have {info.file_size:,} bytes")
        if not stored and info.file_size > 1000 * max(info.compress_size, 1 << 10):
            raise BrokenFile(f"has {name[:100]} that unpacks to {info.file_size:,} bytes")
        try:
            with self._zip.open(info) as member:
                if at:
                    member.seek(at)
                data = member.read(due)
        except _FAULTS as error:
            raise BrokenFile(f"is damaged at {name[:100]} ({_said(error)})") from None
        if len(data) != due:
            raise BrokenFile(f"is cut short at {name[:100]}")
        return data

    def json(self, name: str) -> Any:
        """A member that is JSON.

        Raises:
            BrokenFile: it is none.
        """
        import json

        data = self.read(name)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BrokenFile(f"has {name[:100]} that is no JSON ({_said(error)})") from None


def _said(error: BaseException) -> str:
    text = next(iter(str(error).splitlines()), "") or type(error).__name__
    return text[:120]


def _bounded(file: IO[bytes]) -> None:
    """Refuse an archive whose list of members is larger than any that is meant.

    Raises:
        BrokenFile: as said.
    """
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - (1 << 16) - 22)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < 22:
        raise BrokenFile("no end record")
    (size,) = struct.unpack_from("<I", tail, at + 12)
    wide = tail.rfind(_END_64, 0, at)
    if size == 0xFFFFFFFF and wide >= 0 and len(tail) - wide >= 56:
        (size,) = struct.unpack_from("<Q", tail, wide + 40)
    if size > MAX_DIRECTORY:
        raise BrokenFile(f"a list of members of {size:,} bytes")
    file.seek(0)

"""What people have of a Keras model: an archive, an old ``.h5``, or the text of its configuration."""

from __future__ import annotations

import io
import os
import zipfile
from typing import IO, Any, BinaryIO, Final, NamedTuple

from convcalc.files import open_regular
from convcalc.importers.keras.files.records import MAX_TEXT
from convcalc.spec.errors import Problem, SpecError

HDF5: Final = b"\x89HDF\r\n\x1a\n"
_ZIP: Final = b"PK\x03\x04"
_CONFIG: Final = "config.json"
_METADATA: Final = "metadata.json"
_WEIGHTS: Final = "model.weights.h5"
MAX_MEMBERS: Final = 10_000
"""Most files in an archive."""
MAX_PACKED: Final = 2_000_000_000
"""Most bytes of weights that are packed in the archive, and so are unpacked before they are read."""
_RATIO: Final = 1032
"""How many times its bytes deflate can stand for."""


class Opened(NamedTuple):
    """What was found.

    Attributes:
        text: the configuration.
        file: its place, for messages.
        weights: the file of the weights, None where there is none.
        version: the version of Keras that wrote it, where it says so.
        legacy: whether the weights are laid out as in an old ``.h5``.
    """

    text: str
    file: str
    weights: str | None = None
    version: str = ""
    legacy: bool = False


def looks_like(head: bytes, name: str = "") -> bool:
    """Whether a file that begins so may be a Keras model, by its content.

    An archive is one where it names ``config.json`` among its first members, a text of JSON where it has
    what a configuration of Keras has, an HDF5 file where its name does not say otherwise: others are told
    so when they are read.

    Args:
        head: the first bytes, some thousands of them.
        name: of the file; it decides nothing but what an HDF5 file is taken for.
    """
    if head[:4] == _ZIP:
        first = [part.encode() for part in (_CONFIG, _METADATA, _WEIGHTS)]
        return any(head[30 : 30 + len(part)] == part for part in first)
    if head[:8] == HDF5:
        return True
    text = head[:100_000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] != b"{":
        return False
    return b'"class_name"' in text or (b'"layers"' in text and b'"name"' in text)


def opened(given: str | os.PathLike[str]) -> Opened:
    """The configuration of a file, or of a text that is one.

    Raises:
        SpecError: the file holds none that can be read.
        OSError: it cannot be opened.
    """
    if isinstance(given, str) and given.lstrip("\ufeff \t\r\n").startswith("{"):
        return Opened(given, "<config>")
    path = os.fspath(given)
    with open_regular(path) as file:
        head = file.read(8)
        file.seek(0)
        if head[:4] == _ZIP:
            return _archive(file, path)
        if head == HDF5:
            return _old(path)
        data = file.read(MAX_TEXT + 1)
    return Opened(_decoded(data, path), path)


def _decoded(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _fault(place, "no UTF-8 text, no archive of Keras and no HDF5 file") from None


def _fault(file: str, message: str, expected: str | None = None) -> SpecError:
    return SpecError(Problem(message, file=file, expected=expected))


def _archive(file: BinaryIO, path: str) -> Opened:
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except Exception:  # zipfile raises whatever damage leads it to
        raise _fault(path, "the archive is damaged") from None
    with archive:
        if len(members) > MAX_MEMBERS:
            raise _fault(path, f"an archive of more than {MAX_MEMBERS:,} files")
        by_name = {member.filename: member for member in members}
        if _CONFIG not in by_name:
            raise _fault(path, f"the archive has no {_CONFIG}", "what model.save('NAME.keras') writes")
        text = _decoded(_member(archive, by_name[_CONFIG], MAX_TEXT, path), f"{path}:{_CONFIG}")
        version = ""
        if _METADATA in by_name:
            import json

            try:
                found = json.loads(_member(archive, by_name[_METADATA], 100_000, path))
                version = str(found["keras_version"])[:40] if isinstance(found, dict) else ""
            except (SpecError, ValueError, KeyError, RecursionError):
                version = ""
        return Opened(text, f"{path}:{_CONFIG}", path if _WEIGHTS in by_name else None, version)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int, path: str) -> bytes:
    place = f"{path}:{member.filename}"
    check_packed(member, most, place)
    try:
        with archive.open(member) as file:
            data = file.read(most + 1)
    except Exception:  # a wrong checksum, a broken stream, an encrypted member, an unknown packing
        raise _fault(
            place, "the archive is damaged, encrypted, or packed in a way that is not read"
        ) from None
    if len(data) > most:
        raise _fault(place, f"more than {most:,} bytes")
    return data


def check_packed(member: zipfile.ZipInfo, most: int, place: str) -> None:
    """Refuse by its header a member that is too large, or that says it holds more than its bytes can."""
    if member.file_size > most:
        raise _fault(place, f"{member.file_size:,} bytes, and at most {most:,} are read")
    if member.file_size > _RATIO * (member.compress_size + 1):
        raise _fault(place, f"{member.compress_size:,} bytes that say they hold {member.file_size:,}")


def _old(path: str) -> Opened:
    """A whole model in HDF5, as Keras wrote it before there were archives."""
    h5py = hdf5(path)
    try:
        with h5py.File(path, "r") as file:
            config, version = file.attrs.get("model_config"), file.attrs.get("keras_version")
    except Exception as error:  # h5py raises whatever damage leads it to
        raise _fault(path, f"the HDF5 file cannot be read: {str(error)[:100]}") from None
    if isinstance(config, bytes):
        config = config.decode("utf-8", "replace")
    if not isinstance(config, str):
        raise _fault(
            path, "the HDF5 file holds no model_config: it has weights alone",
            "a whole model (model.save), or the text of model.to_json()",
        )  # fmt: skip
    version = version.decode("utf-8", "replace") if isinstance(version, bytes) else version
    return Opened(config, f"{path}:model_config", path, str(version or "")[:40], legacy=True)


def hdf5(path: str) -> Any:
    """The package that reads HDF5.

    Raises:
        SpecError: it is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise _fault(
            path, "weights of Keras are HDF5, which the package h5py reads, and it is not installed",
            "pip install 'convcalc[keras-files]'",
        ) from None  # fmt: skip
    return h5py


class Window(io.RawIOBase):
    """A range of an open file as a file of its own, so that what is stored in an archive is not copied."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It is read."""
        return True

    def seekable(self) -> bool:
        """It has places."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on."""
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._size - self._at))
        self._file.seek(self._start + self._at)
        data = self._file.read(wanted)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def weights_file(path: str) -> IO[bytes] | io.RawIOBase:
    """The HDF5 of an archive as an open file.

    Raises:
        SpecError: the archive is damaged.
    """
    file = open_regular(path)
    place = f"{path}:{_WEIGHTS}"
    try:
        archive = zipfile.ZipFile(file)
        member = archive.getinfo(_WEIGHTS)
        if member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1:
            archive.open(member).close()  # checks the header before the data
            file.seek(member.header_offset)
            head = file.read(30)
            start = member.header_offset + 30 + int.from_bytes(head[26:28], "little")
            start += int.from_bytes(head[28:30], "little")
            return Window(file, start, member.compress_size)
        data = _member(archive, member, MAX_PACKED, path)
    except SpecError:
        file.close()
        raise
    except Exception:
        file.close()
        raise _fault(place, "the archive is damaged") from None
    file.close()
    return io.BytesIO(data)

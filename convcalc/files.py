"""Files that appear whole or not at all, and files that are read only where they are files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import IO, Any, BinaryIO, Final

MAX_FILE: Final = 1 << 36
"""Largest file that is opened for reading, in bytes."""


def open_regular(path: str | os.PathLike[str], most: int = MAX_FILE) -> BinaryIO:
    """Open a regular file for reading, through symbolic links; a pipe or a device would never end.

    Args:
        path: the file.
        most: bytes that it may have.

    Raises:
        OSError: it is no regular file, is larger than that, or cannot be read; it names the path.
    """
    name = os.fspath(path)
    try:
        # Not to wait for who writes into a pipe.
        file = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:  # a zero byte in the name
        raise OSError(errno.EINVAL, str(error), name) from None
    try:
        found = os.fstat(file)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", name)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", name)
        if found.st_size > most:
            raise OSError(errno.EFBIG, f"Larger than {most:,} bytes", name)
        return os.fdopen(file, "rb")
    except BaseException:
        os.close(file)
        raise


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise, before anything is worked out, where a file cannot be written.

    Raises:
        OSError: it is a folder, or its folder does not exist or cannot be written to.
    """
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(errno.EISDIR, "Is a directory", name)
    folder = os.path.dirname(name) or os.curdir
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "There is no such folder", folder)
    if not os.path.exists(name) and not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied", folder)


def write_whole(path: str | os.PathLike[str], data: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside its place and put it there when it is complete; the old one stays until then.

    A symbolic link stays, and what it leads to is replaced.
    What is no file (a pipe, ``/dev/stdout``) is written to as it is.

    Args:
        path: the file; it is replaced if it exists.
        data: its content, or a function that writes the content into an open file.

    Raises:
        OSError: the file cannot be written; it names the path that was given.
    """
    write = data if callable(data) else lambda file: file.write(data)
    try:
        target = os.path.realpath(path)
    except ValueError as error:  # a zero byte in the name
        raise OSError(errno.EINVAL, str(error), os.fspath(path)) from None
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as file:
            write(file)
        return
    try:
        import tempfile  # not for those who only read

        handle, beside = tempfile.mkstemp(dir=os.path.dirname(target), suffix=".part")
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)
        os.replace(beside, target)
    except BaseException as error:
        os.unlink(beside)
        if isinstance(error, OSError) and error.filename in (None, beside):
            raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from None
        raise

"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import IO, Any


def write_whole(path: str | os.PathLike[str], data: bytes | Callable[[IO[bytes]], Any]) -> None:
    """Write a file beside its place and put it there when it is complete; the old one stays until then.

    What is no file (a pipe, ``/dev/stdout``) is written to as it is.

    Args:
        path: the file; it is replaced if it exists.
        data: its content, or a function that writes the content into an open file.

    Raises:
        OSError: the file cannot be written; it names the path that was given.
    """
    write = data if callable(data) else lambda file: file.write(data)
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as file:
            write(file)
        return
    try:
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
    except BaseException:
        os.unlink(beside)
        raise

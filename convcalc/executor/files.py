"""Arrays from files and into files: ``.npy``, ``.npz`` and images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from convcalc.executor.archives import read_array
from convcalc.executor.arithmetic.arith import Array
from convcalc.executor.windows import ExecutionError
from convcalc.files import open_regular, write_whole

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_IMAGE: Final = 1 << 30
"""Largest file of an image, in bytes."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class FileError(ExecutionError):
    """A file does not hold what it should, or cannot be written as asked."""


def read_input(
    path: str | os.PathLike[str], channels: int | None = None, *, max_memory: int | None = None
) -> Array:
    """An array from a ``.npy`` file, or an image as (C, H, W) with values from 0 to 1.

    Args:
        path: the file; its ending says what it is.
        channels: channels an image is converted to: 1 (grey), 3 (RGB) or 4 (RGB and opacity);
            those of the image when not given.
        max_memory: bytes that the array may take.

    Raises:
        ExecutionError: the file is damaged, holds something else or more than that, or an image is
            given and Pillow is not installed.
        OSError: the file cannot be read.
    """
    ending = Path(path).suffix.lower()
    if ending in IMAGES:
        return read_image(path, channels)
    if ending != ".npy":
        raise FileError(f"{os.fspath(path)}: expected a .npy file or an image such as .png")
    array = read_array(path, max_memory)
    if array.dtype.kind not in "fiub":
        raise FileError(f"{os.fspath(path)} holds {array.dtype}, not numbers")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_image(path: str | os.PathLike[str], channels: int | None = None) -> Array:
    """An image as float32 (C, H, W), 0 for none and 1 for full intensity.

    Raises:
        FileError: Pillow is not installed, or it cannot read the file.
        OSError: the file cannot be opened.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise FileError(
            f"{os.fspath(path)}: images are read by Pillow, which is not installed"
            " (pip install 'convcalc[image]', or give the pixels as .npy)"
        ) from None
    if channels is not None and channels not in _MODES:
        raise FileError(f"an image has 1, 3 or 4 channels; the input has {channels}")
    try:
        with open_regular(path, MAX_IMAGE) as file, Image.open(file) as image:
            image.load()
            if image.mode.startswith("I;16") or image.mode == "I":  # 16 bits of grey
                grey = np.asarray(image).astype(np.float32)[None] / np.float32(65535)
                return np.repeat(grey, channels or 1, axis=0)
            mode = _MODES[channels] if channels else _natural_mode(image)
            pixels = np.asarray(image.convert(mode), np.float32)
    except UnidentifiedImageError:
        raise FileError(f"{os.fspath(path)} is not an image that Pillow can read") from None
    except Exception as error:  # the readers of image formats raise whatever damage leads them to
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise FileError(f"{os.fspath(path)} cannot be read: {error}") from None
    pixels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
    return np.ascontiguousarray(pixels / np.float32(255))


def _natural_mode(image: Any) -> str:
    if image.mode in ("1", "L"):
        return "L"
    return "RGBA" if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info else "RGB"


def check_output(path: str | os.PathLike[str], many: int) -> None:
    """Raise, before anything is computed, where so many outputs cannot be written to the file.

    Raises:
        FileError: its ending is neither ``.npy`` nor ``.npz``, or ``.npy`` is asked for several
            outputs.
        OSError: its folder does not exist or cannot be written to.
    """
    target = Path(path)
    if target.suffix.lower() not in (".npy", ".npz"):
        raise FileError(f"{target}: an output is written as .npy or .npz")
    if many > 1 and target.suffix.lower() == ".npy":
        raise FileError(f"{target}: the graph has {many} outputs; .npz holds several, .npy holds one")
    if target.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(target))
    folder = target.parent
    if not folder.is_dir():
        raise FileNotFoundError(2, "No such file or directory", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(13, "Permission denied", str(folder))


def write_outputs(path: str | os.PathLike[str], outputs: Mapping[str, Array]) -> None:
    """Write arrays to ``.npy`` (one) or ``.npz`` (any number, by name), whole or not at all.

    Raises:
        FileError, OSError: as :func:`check_output`.
    """
    check_output(path, len(outputs))
    if Path(path).suffix.lower() == ".npy":
        (array,) = outputs.values()
        write_whole(path, lambda file: np.save(file, array, allow_pickle=False))
    else:
        arrays: dict[str, Any] = dict(outputs)
        write_whole(path, lambda file: np.savez(file, **arrays))

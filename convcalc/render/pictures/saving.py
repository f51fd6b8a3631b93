"""Drawings as files: the ending decides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcalc.calculators.answers import Unreachable
from convcalc.files import write_whole

if TYPE_CHECKING:
    import os

    from convcalc.render.pictures.drawing import Drawing

ENDINGS: Final = (".svg", ".png")


def ending(path: str | os.PathLike[str]) -> str:
    """The ending of a path, as a picture can have it.

    Raises:
        Unreachable: it is no ending of a picture, or PNG is asked for and Matplotlib is not installed.
    """
    found = Path(path).suffix.lower()
    if found not in ENDINGS:
        raise Unreachable(
            f"{path}: no picture of the kind {found or 'without an ending'!r}",
            expected="a file that ends in .svg or .png",
            nearest=str(Path(path).with_suffix(".svg")) if Path(path).name else None,
        )
    if found == ".png":
        from convcalc.render.pictures.png import available

        available()
    return found


def encoded(drawing: Drawing, ending: str) -> bytes:
    """A drawing as the bytes of a file with an ending: ``.svg`` or ``.png``.

    Raises:
        Unreachable: PNG is asked for and Matplotlib is not installed.
    """
    if ending == ".png":
        from convcalc.render.pictures.png import png

        return png(drawing)
    from convcalc.render.pictures.svg import svg

    return svg(drawing).encode()


def save(drawing: Drawing, path: str | os.PathLike[str]) -> None:
    """Write a drawing into a file, whole or not at all; it is replaced if it exists.

    Raises:
        Unreachable: as :func:`ending`.
        OSError: the file cannot be written.
    """
    write_whole(path, encoded(drawing, ending(path)))

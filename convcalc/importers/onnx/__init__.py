"""ONNX files: what stands in them, and what it means in layers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convcalc.graph import Graph


def read(path: str | os.PathLike[str], input: Any = None, primitive: bool = False) -> Graph:
    """The graph of an ONNX file; its weights stay in the file until they are needed.

    Args:
        path: the file.
        input: shapes of its inputs in place of those it states, without the batch: of the first input, or
            by name.
        primitive: whether operators are shown as they stand, where several of them are one layer.

    Raises:
        OSError: the file cannot be read.
        SpecError: it breaks the format, or the shapes are none of its inputs'.
    """
    from convcalc.importers.onnx.model import open_model
    from convcalc.importers.onnx.translate import translate

    given = dict(input) if isinstance(input, Mapping) else input
    return translate(open_model(path), given, primitive=primitive)

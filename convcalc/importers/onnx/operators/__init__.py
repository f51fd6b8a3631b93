"""Operators of ONNX by name: what makes layers of each."""

from __future__ import annotations

from typing import Final

from convcalc.importers.onnx.operators import (
    attention,
    entries,
    moves,
    norms,
    products,
    quantized,
    recurrent,
    resizing,
    windows,
)
from convcalc.importers.onnx.use import Operator

OPERATORS: Final[dict[str, Operator]] = {
    **windows.ROWS,
    **entries.ROWS,
    **norms.ROWS,
    **moves.ROWS,
    **products.ROWS,
    **quantized.ROWS,
    **resizing.ROWS,
    **recurrent.ROWS,
    **attention.ROWS,
}
"""By operator of ONNX's own domain; a row that differs between sets asks for :attr:`Use.opset`."""

"""Operators of ONNX by name: what makes layers of each."""

from __future__ import annotations

from typing import Final

from convcalc.importers.onnx.operators import (
    attention,
    entries,
    microsoft,
    moves,
    norms,
    products,
    quantized,
    recurrent,
    resizing,
    truth,
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
    **truth.ROWS,
    **resizing.ROWS,
    **recurrent.ROWS,
    **attention.ROWS,
}
"""By operator of ONNX's own domain; a row that differs between sets asks for :attr:`Use.opset`."""

DOMAINS: Final[dict[str, dict[str, Operator]]] = {"": OPERATORS, "com.microsoft": microsoft.ROWS}
"""Operators by domain."""

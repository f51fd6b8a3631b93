"""Operators of ONNX Runtime's own domain, ``com.microsoft``, which its tools put into models."""

from __future__ import annotations

from typing import Any, Final

from convcalc.importers.network import Unsayable
from convcalc.importers.onnx.operators.quantized import stored_real
from convcalc.importers.onnx.operators.recurrent import recurrent
from convcalc.importers.onnx.use import Operator, Term, Use
from convcalc.importers.tensors import Value


def quantized_lstm(use: Use) -> list[Any]:
    """DynamicQuantizeLSTM: an LSTM whose matrices are whole numbers, (ways, inputs, gates * hidden).

    ONNX Runtime also rounds what arrives, and the state after every step, to 8 bits; here they stay real
    numbers, so that values are those of the LSTM that was quantized, within that rounding.
    """
    terms = list(use.terms[:8]) + [None] * (8 - len(use.terms))
    for place, scale in ((1, 8), (2, 10)):
        real = stored_real(use, place, scale, scale + 1, 0)
        if real is None or real.stored is None or not use.given(scale):
            raise Unsayable("has weights that are no arrays")
        turned = real.stored.permuted((0, 2, 1))
        terms[place] = Term(use.node.inputs[place], value=Value(turned.shape, stored=turned))
    inner = Use(use.node, terms, 14, use.net, use.path)
    found = recurrent(inner, "LSTM")
    use.harmless(*(set(use.node.attributes) - set(inner.unread())))
    use.net.notes.append(f"{use.path}: what arrives is not rounded to 8 bits, as ONNX Runtime does")
    return found


ROWS: Final[dict[str, Operator]] = {"DynamicQuantizeLSTM": quantized_lstm}

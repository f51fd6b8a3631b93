"""What ONNX calls each layer: one form per layer, found by its name, in the file of its family."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from convcalc.exporters.onnx.forms import arithmetic, norms, products, recurrent, resizing, tensors, windows

if TYPE_CHECKING:
    from convcalc.exporters.onnx.writer import Form

FORMS: Final[dict[str, Form]] = {
    **windows.FORMS,
    **resizing.FORMS,
    **arithmetic.FORMS,
    **norms.FORMS,
    **products.FORMS,
    **recurrent.FORMS,
    **tensors.FORMS,
}
"""By name of the layer, what writes it."""
